// SPDX-License-Identifier: MIT
/*
 * See server.h. Two HTTP servers (http/): one for clients, and one of its own thread for ADMIN_ADDRESS.
 *
 * The end has an order, for a connection cannot be freed while the loop owes it a wake: server_drain()
 * stops listening; server_stop() has the loop fail whatever still waits, closes all connections, and
 * waits until the loop has let go of every exchange.
 */
#include "serve/server.h"
#include "base/file.h"
#include "base/log.h"
#include "conf/value.h"
#include "metric/metric.h"
#include "serve/api.h"
#include "serve/builds.h"
#include "serve/door.h"
#include "serve/exchange.h"
#include "serve/known.h"
#include "serve/listen.h"
#include "serve/listeners.h"
#include "serve/missing_file.h"
#include "serve/server_priv.h"
#include "serve/stored_by.h"

#include <stdio.h>
#include <sys/resource.h>

#define OWN_FILES         64 /* listening, epoll, the log, the cache's directory */
#define FILES_PER_CLIENT  2
#define CONNECTIONS_SLACK 64 /* above the limit: to be answered 503 */
#define ADMIN_CONNECTIONS 64
#define ADMIN_TIMEOUT_NS  (30 * NS_PER_S)
#define MISSING_SAVE_NS   (60 * NS_PER_S)

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
	size_t room = server_room_for(file_descriptors_max(),
				      (size_t)(conf->max_transfers + conf->max_fills));

	return MIN(room, (size_t)conf->max_connections);
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
	struct http_settings set = {
		.name = "pepto-http",
		.handler = &exchange_handler,
		.ud = s,
		.workers = thread_count(conf),
		.max_head = (size_t)conf->max_header_size,
		.max_connections = s->max_connections,
		.slack = CONNECTIONS_SLACK,
		.header_timeout_ns = conf->header_timeout_ns,
		.idle_timeout_ns = conf->idle_timeout_ns,
		.min_send_rate = conf->min_send_rate,
		.counted = true,
		.reads_ahead = true,
		.quiet = s->parts.quiet,
	};
	struct listeners l;

	if (listeners_open(conf, s->parts.tls, &l, e) != OK)
		return e->code;
	if (l.open && conf->tls_client_ca[0] && !s->parts.auth) {
		listeners_close(&l);
		return err_set(
			e, ERR_USAGE,
			"TLS_CLIENT_CA: the plain port would let everybody in; set AUTH_TOKENS, "
			"or PORT=off");
	}
	memcpy(set.listener, l.at, sizeof(l.at));
	set.listeners = l.n;
	s->port = l.port;
	s->tls_port = l.tls_port;
	s->open = l.open;
	return http_start(&set, &s->http, e);
}

static enum err start_admin(struct server *s, struct error *e)
{
	const char *address = s->parts.conf->admin_address;
	struct http_settings set = {
		.name = "pepto-admin",
		.handler = &admin_handler,
		.ud = s,
		.workers = 1,
		.max_head = (size_t)s->parts.conf->max_header_size,
		.max_connections = ADMIN_CONNECTIONS,
		.header_timeout_ns = ADMIN_TIMEOUT_NS,
		.idle_timeout_ns = ADMIN_TIMEOUT_NS,
	};
	struct slice host;
	char text[256];
	uint16_t port;

	if (!address[0])
		return OK;
	if (!value_parse_address(slice_of(address), &host, &port) || host.n >= sizeof(text))
		return err_set(e, ERR_USAGE, "ADMIN_ADDRESS '%s' is not host:port", address);
	memcpy(text, host.p ? host.p : "", host.n);
	text[host.n] = '\0';
	set.listeners = 1;
	if (listen_on(text, port, &set.listener[0].fd, e) != OK)
		return err_wrap(e, "ADMIN_ADDRESS");
	return http_start(&set, &s->admin, e);
}

static void sweep_lookups(struct loop_task *task)
{
	struct server *s = CONTAINER_OF(task, struct server, sweep);

	api_sweep(&s->api);
	lookup_sweep(&s->lookups);
}

/* ---- what was missing, over a restart ---- */

/* -1: there is no directory. */
static int cache_root(const struct server *s)
{
	const struct disk *disk = cache_disk(flights_cache(s->parts.flights));

	return disk ? disk_root(disk) : -1;
}

static void load_missing(struct server *s)
{
	int dir = cache_root(s);
	struct error e;

	if (dir >= 0 && missing_load(s->missing, dir, &e) != OK)
		log_event(LOG_WARN, "what was missing before is not known", "error", e.msg, NULL);
	s->missing_saved_ns = clock_mono_ns();
}

/* A failure is no news: the cache on the same disk tells of it. */
static void save_missing(struct server *s)
{
	int dir = cache_root(s);
	struct error e;

	if (dir >= 0 && missing_save(s->missing, dir, &e) != OK)
		log_event(LOG_DEBUG, "what is missing is not saved", "error", e.msg, NULL);
	s->missing_saved_ns = clock_mono_ns();
}

enum err server_start(const struct server_parts *parts, struct server **ret, struct error *e)
{
	struct server *s = xnew(struct server);

	s->sweep.run = sweep_lookups;
	s->parts = *parts;
	s->started_ns = clock_mono_ns();
	s->max_connections = connections_allowed(parts->conf);
	s->hot = hot_new();
	s->missing = missing_new();
	s->builds = builds_new(parts->stores->n);
	s->stored_by = stored_by_new();
	load_missing(s);
	if ((parts->upload_tokens && door_new(s, &s->door, e) != OK) || respond_init(s, e) != OK ||
	    start_admin(s, e) != OK || start_main(s, e) != OK) {
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

bool server_is_open(const struct server *s)
{
	return s->open;
}

uint16_t server_tls_port(const struct server *s)
{
	return s->tls_port;
}

void server_tidy(struct server *s)
{
	hot_tidy(s->hot, known_version(s->parts.flights, s->parts.stores));
	if (clock_mono_ns() - s->missing_saved_ns >= MISSING_SAVE_NS)
		save_missing(s);
}

void server_drain(struct server *s)
{
	atomic_store(&s->draining, true);
	http_drain(s->http);
}

bool server_idle(struct server *s)
{
	/* The shards are not read at one moment: once may be a coincidence. */
	return metric_get(active_requests) == 0 && metric_get(active_requests) == 0;
}

static void abort_lookups(struct loop_task *task)
{
	struct server *s = CONTAINER_OF(task, struct server, abort);

	api_stop_all(&s->api);
	lookup_abort_all(&s->lookups);
	flights_abort(s->parts.flights);
	if (s->door)
		door_stop(s->door);
	atomic_store(&s->aborted, true);
}

/* Who waits is woken by the loop; who is sent something is cut. */
static void cut_exchanges(struct server *s)
{
	s->abort.run = abort_lookups;
	loop_post(s->parts.loop, &s->abort);
	while (!atomic_load(&s->aborted))
		usleep(1000);
	http_stop(TAKE(s->http));
	while (atomic_load(&s->looking))
		usleep(1000);
}

void server_stop(struct server *s)
{
	if (!s)
		return;
	if (s->http) {
		cut_exchanges(s);
		save_missing(s);
	}
	http_stop(s->admin);
	door_free(s->door);
	respond_fini(s);
	hot_free(s->hot);
	missing_free(s->missing);
	builds_free(s->builds);
	stored_by_free(s->stored_by);
	free(s);
}
