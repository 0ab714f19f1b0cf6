// SPDX-License-Identifier: MIT
/*
 * See server.h. libmicrohttpd runs one epoll thread per core, all accepting from one socket; a
 * second daemon with a thread of its own serves ADMIN_ADDRESS.
 *
 * The end has an order, for libmicrohttpd must not be stopped while connections are suspended:
 * server_drain() takes the listening socket away; server_stop() has the loop fail whatever still
 * waits (which resumes it), waits until no exchange is left, and only then stops the daemons.
 */
#include "base/log.h"
#include "conf/value.h"
#include "metric/metric.h"
#include "serve/exchange.h"
#include "serve/listen.h"
#include "serve/server_priv.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>

/* What libmicrohttpd's pool holds beside the headers: its own bookkeeping. */
#define POOL_SPARE        ((size_t)4 * 1024)
#define OWN_FILES         64 /* listening, epoll, the log, the cache's directory */
#define FILES_PER_CLIENT  2
#define CONNECTIONS_SLACK UINT64_C(64) /* above the limit: to be answered 503 */

static void connection_changed(void *cls, struct MHD_Connection *mhd, void **context,
			       enum MHD_ConnectionNotificationCode code)
{
	struct server *s = cls;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		const union MHD_ConnectionInfo *info =
			MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);

		*context = conn_open(s->conns, info->connect_fd);
	} else if (*context) {
		conn_close(s->conns, *context);
		*context = NULL;
	}
}

static enum MHD_Result accept_policy(void *cls, const struct sockaddr *addr, socklen_t n)
{
	struct server *s = cls;

	if (conns_count(s->conns) < s->max_connections + CONNECTIONS_SLACK)
		return MHD_YES;
	metric_inc(refused_connections);
	return MHD_NO;
}

/* Escapes are none of libmicrohttpd's business: request.h reads the raw target. */
static size_t keep_escapes(void *cls, struct MHD_Connection *mhd, char *s)
{
	return strlen(s);
}

static void quiet(void *cls, const char *fmt, va_list ap)
{
	/* libmicrohttpd complains about clients that go away: not an event for the log. */
}

static unsigned thread_count(const struct conf *conf)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	return conf->threads ? (unsigned)conf->threads : (unsigned)MAX(cores, 1);
}

/*
 * The most clients that there are descriptors for: each may need its socket and an open file. The hot
 * set takes a share of its own (hot.c); what stores and drafts may take counts as far as it leaves the
 * clients half. More would be let in and then find that nothing can be opened.
 */
size_t server_room_for(rlim_t files, size_t elsewhere)
{
	rlim_t left = files - files / HOT_FILES_SHARE;

	left -= MIN(left / 2, elsewhere);
	return left > OWN_FILES ? (size_t)MAX((left - OWN_FILES) / FILES_PER_CLIENT, 1) : 1;
}

static size_t connections_allowed(const struct conf *conf)
{
	struct rlimit limit;
	size_t wanted = (size_t)conf->max_connections, room;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return wanted;
	if (limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
			getrlimit(RLIMIT_NOFILE, &limit);
	}
	room = server_room_for(limit.rlim_cur, (size_t)(conf->max_transfers + conf->max_fills));
	return MIN(room, wanted);
}

/* Once, and after a start that went well: one that did not tells its own reason alone. */
static void tell_lowered(const struct server *s)
{
	struct rlimit limit = {0};
	char files[24], lowered[24];

	if (s->max_connections == (size_t)s->parts.conf->max_connections)
		return;
	getrlimit(RLIMIT_NOFILE, &limit);
	snprintf(files, sizeof(files), "%llu", (unsigned long long)limit.rlim_cur);
	snprintf(lowered, sizeof(lowered), "%zu", s->max_connections);
	log_event(LOG_INFO, "MAX_CONNECTIONS lowered: few descriptors (RLIMIT_NOFILE)", "files",
		  files, "connections", lowered, NULL);
}

static enum err start_main(struct server *s, struct error *e)
{
	const struct conf *conf = s->parts.conf;
	unsigned threads = thread_count(conf);
	int fd CLEANUP(close_p) = -1;
	enum err err = listen_on(conf->listen_address, (uint16_t)conf->port, &fd, e);

	if (err)
		return err_wrap(e, "LISTEN_ADDRESS, PORT");
	s->port = listen_port(fd);
	s->daemon = MHD_start_daemon(
		MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC |
			MHD_USE_ERROR_LOG,
		0, accept_policy, s, exchange_run, s, MHD_OPTION_EXTERNAL_LOGGER, quiet, NULL,
		MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_THREAD_POOL_SIZE,
		threads > 1 ? threads : 0, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned)(s->max_connections + 2 * CONNECTIONS_SLACK + threads),
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)conf->max_header_size + POOL_SPARE,
		MHD_OPTION_STRICT_FOR_CLIENT, -1, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL,
		MHD_OPTION_URI_LOG_CALLBACK, exchange_begin, s, MHD_OPTION_NOTIFY_COMPLETED,
		exchange_end, s, MHD_OPTION_NOTIFY_CONNECTION, connection_changed, s,
		MHD_OPTION_END);
	if (!s->daemon)
		return err_set(e, ERR_IO, "cannot start the HTTP server (threads or descriptors?)");
	s->listen_fd = TAKE_FD(fd);
	return OK;
}

static enum err start_admin(struct server *s, struct error *e)
{
	const char *address = s->parts.conf->admin_address;
	int fd CLEANUP(close_p) = -1;
	struct slice host;
	char text[256];
	uint16_t port;

	if (!address[0])
		return OK;
	if (!value_parse_address(slice_of(address), &host, &port) || host.n >= sizeof(text))
		return err_set(e, ERR_USAGE, "ADMIN_ADDRESS '%s' is not host:port", address);
	memcpy(text, host.p ? host.p : "", host.n);
	text[host.n] = '\0';
	if (listen_on(text, port, &fd, e) != OK)
		return err_wrap(e, "ADMIN_ADDRESS");
	s->admin = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_USE_ERROR_LOG,
				    0, NULL, NULL, admin_run, s, MHD_OPTION_EXTERNAL_LOGGER, quiet,
				    NULL, MHD_OPTION_LISTEN_SOCKET, fd,
				    MHD_OPTION_CONNECTION_TIMEOUT, 30U, MHD_OPTION_CONNECTION_LIMIT,
				    64U, MHD_OPTION_END);
	if (!s->admin)
		return err_set(e, ERR_IO, "cannot start the server on ADMIN_ADDRESS");
	fd = -1;
	return OK;
}

static void sweep_lookups(struct loop_task *task)
{
	lookup_sweep(&CONTAINER_OF(task, struct server, sweep)->lookups);
}

enum err server_start(const struct server_parts *parts, struct server **ret, struct error *e)
{
	struct server *s = xnew(struct server);
	const struct conn_limits limits = {
		.max_connections = connections_allowed(parts->conf),
		.header_timeout_ns = parts->conf->header_timeout_ns,
		.idle_timeout_ns = parts->conf->idle_timeout_ns,
		.min_send_rate = parts->conf->min_send_rate,
	};

	s->sweep.run = sweep_lookups;
	s->parts = *parts;
	s->max_connections = limits.max_connections;
	s->conns = conns_new(&limits);
	s->hot = hot_new();
	if (respond_init(s, e) != OK || start_admin(s, e) != OK || start_main(s, e) != OK) {
		server_stop(s);
		return e->code;
	}
	tell_lowered(s);
	*ret = s;
	return OK;
}

uint16_t server_port(const struct server *s)
{
	return s->port;
}

void server_sweep(struct server *s)
{
	if (conns_sweep(s->conns))
		loop_post(s->parts.loop, &s->sweep);
}

/*
 * Put a socket on which nothing ever arrives in the place of the listening one, which thereby
 * closes. MHD_quiesce_daemon() is for this, but in 0.9.75 it aborts the process when one of the
 * threads happens to look at the listening socket at that moment ("Failed to remove listen FD from
 * epoll set").
 */
void server_drain(struct server *s)
{
	int nothing CLEANUP(close_p) = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	atomic_store(&s->draining, true);
	if (nothing < 0 || dup3(nothing, s->listen_fd, O_CLOEXEC) < 0)
		log_event(LOG_WARN, "cannot stop listening before the end", NULL);
}

bool server_idle(struct server *s)
{
	/* The shards are not read at one moment: once may be a coincidence. */
	return metric_get(active_requests) == 0 && metric_get(active_requests) == 0;
}

static void abort_lookups(struct loop_task *task)
{
	struct server *s = CONTAINER_OF(task, struct server, abort);

	lookup_abort_all(&s->lookups);
	flights_abort(s->parts.flights);
	atomic_store(&s->aborted, true);
}

/* A connection that will not end by itself now (its client takes nothing) is shut down. */
static void cut_exchanges(struct server *s)
{
	s->abort.run = abort_lookups;
	loop_post(s->parts.loop, &s->abort);
	for (int i = 0; !atomic_load(&s->aborted) || atomic_load(&s->looking) || !server_idle(s);
	     i++) {
		if (i % 20 == 10)
			conns_shutdown_all(s->conns);
		usleep(5000);
	}
}

void server_stop(struct server *s)
{
	if (!s)
		return;
	if (s->daemon) {
		if (!atomic_load(&s->draining))
			server_drain(s);
		cut_exchanges(s);
		MHD_stop_daemon(s->daemon);
	}
	if (s->admin)
		MHD_stop_daemon(s->admin);
	respond_fini(s);
	hot_free(s->hot);
	conns_free(s->conns);
	free(s);
}
