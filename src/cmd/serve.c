// SPDX-License-Identifier: MIT
/*
 * `pepto-symbol serve`: settings, stores, server, and the wait for the end. The main thread does
 * nothing but wait for signals, have the server tidy up every few seconds, and see once a minute
 * whether the certificate has changed.
 *
 * The first SIGTERM or SIGINT drains: no new connections, running answers go on for at most
 * DRAIN_TIMEOUT, then they are cut. The second exits at once. SIGHUP reads the certificate again.
 */
#include "base/file.h"
#include "base/log.h"
#include "base/notify.h"
#include "cmd/check.h"
#include "cmd/cmd.h"
#include "cmd/help.h"
#include "conf/dotenv.h"
#include "http/tls.h"
#include "metric/metric.h"
#include "serve/server.h"

#include <signal.h>
#include <stdio.h>

/* Wait so long for the stores' first answers before clients are let in. */
#define FIRST_PROBES_NS (1 * NS_PER_S)
#define CHECK_PROBES_NS (12 * NS_PER_S)
#define TIDY_NS         (5 * NS_PER_S)
#define CERTIFICATE_NS  (60 * NS_PER_S)
#define TOKENS_FILE_MAX ((size_t)1 << 20)

static int complain(const struct error *e)
{
	fprintf(stderr, "pepto-symbol: %s\n", e->msg);
	return e->code == ERR_USAGE ? EXIT_USAGE : EXIT_FAILURE;
}

/* ---- who may read ---- */

static enum err add_tokens_file(struct auth *a, const char *path, struct error *e)
{
	struct buf text CLEANUP(buf_fini) = BUF_MAX(TOKENS_FILE_MAX);

	if (file_read_small(path, TOKENS_FILE_MAX, &text, e) != OK) {
		e->code = ERR_USAGE;
		return err_wrap(e, "AUTH_TOKENS_FILE");
	}
	if (auth_add_file(a, buf_slice(&text), e) != OK)
		return err_wrap(e, "AUTH_TOKENS_FILE '%s'", path);
	return OK;
}

/* *ret stays NULL when no token is needed to read. */
static enum err load_auth(const struct conf *conf, struct auth **ret, struct error *e)
{
	if (!conf->auth_tokens[0] && !conf->auth_tokens_file[0])
		return OK;
	*ret = auth_new();
	if (conf->auth_tokens[0] && auth_add_list(*ret, slice_of(conf->auth_tokens), e) != OK)
		return err_wrap(e, "AUTH_TOKENS");
	if (conf->auth_tokens_file[0])
		return add_tokens_file(*ret, conf->auth_tokens_file, e);
	return OK;
}

static enum err parse_upload_tokens(const struct conf *conf, struct upload_tokens **ret,
				    struct error *e)
{
	const char *path = conf->upload_tokens_file;
	struct buf text CLEANUP(buf_fini) = BUF_MAX(TOKENS_FILE_MAX);

	if (conf->upload_tokens[0] && path[0])
		return err_set(e, ERR_USAGE, "set UPLOAD_TOKENS or UPLOAD_TOKENS_FILE, not both");
	if (conf->upload_tokens[0]) {
		if (upload_tokens_parse(slice_of(conf->upload_tokens), true, ret, e) != OK)
			return err_wrap(e, "UPLOAD_TOKENS");
		return OK;
	}
	if (file_read_small(path, TOKENS_FILE_MAX, &text, e) != OK) {
		e->code = ERR_USAGE;
		return err_wrap(e, "UPLOAD_TOKENS_FILE");
	}
	if (upload_tokens_parse(buf_slice(&text), false, ret, e) != OK)
		return err_wrap(e, "UPLOAD_TOKENS_FILE '%s'", path);
	return OK;
}

/* *ret stays NULL when nobody may upload. Who may read is not to be told by who may upload, nor the reverse. */
static enum err load_upload_tokens(const struct conf *conf, const struct auth *auth,
				   struct upload_tokens **ret, struct error *e)
{
	struct slice secret;

	if (!conf->upload_tokens[0] && !conf->upload_tokens_file[0])
		return OK;
	if (parse_upload_tokens(conf, ret, e) != OK)
		return e->code;
	for (size_t i = 0; auth && (secret = upload_tokens_secret(*ret, i)).n; i++)
		if (auth_has(auth, secret))
			return err_set(e, ERR_USAGE,
				       "UPLOAD_TOKENS: the token of line %zu is one of AUTH_TOKENS",
				       i + 1);
	return OK;
}

static void warn_if_open(const struct service *s, const struct auth *auth,
			 const struct server *server)
{
	if (auth || s->conf->tls_client_ca[0] || !server_is_open(server))
		return;
	for (size_t i = 0; i < s->stores.n; i++) {
		if (!store_is_private(s->stores.store[i]))
			continue;
		log_event(LOG_WARN,
			  "a private store is served to everybody who reaches this port: "
			  "set AUTH_TOKENS, or LISTEN_ADDRESS",
			  "store", s->stores.store[i]->traits.name, NULL);
		return;
	}
}

/* Said once, at the start: the 401 that comes of it says nothing. */
static void warn_if_no_path_token(const struct auth *auth)
{
	size_t n = auth ? auth_header_only(auth) : 0;
	struct log_line l;

	if (!n)
		return;
	log_begin(&l, LOG_WARN,
		  "tokens that are not of lower-case hex digits work as a password or Bearer only, "
		  "not in a path (/t/TOKEN), which some debuggers lower-case");
	log_add_i64(&l, "tokens", (int64_t)n);
	log_end(&l);
}

static void warn_if_guessable(const struct conf *conf)
{
	if (conf->admin_token[0] && strlen(conf->admin_token) < AUTH_SECRET_MIN)
		log_event(LOG_WARN,
			  "ADMIN_TOKEN is short enough to be guessed: 16 characters or more", NULL);
	if (conf->notify_token[0] && strlen(conf->notify_token) < AUTH_SECRET_MIN)
		log_event(LOG_WARN,
			  "NOTIFY_TOKEN is short enough to be guessed: 16 characters or more",
			  NULL);
}

/* ---- TLS ---- */

/* *ret stays NULL when there is no TLS. */
static enum err load_tls(const struct conf *conf, struct tls **ret, struct error *e)
{
	const struct tls_files files = {
		.cert = conf->tls_cert,
		.key = conf->tls_key,
		.client_ca = conf->tls_client_ca[0] ? conf->tls_client_ca : NULL,
		.client = !conf->tls_client_ca[0]              ? TLS_CLIENT_NONE
			  : conf->tls_client == TLS_CLIENT_MAY ? TLS_CLIENT_OPTIONAL
							       : TLS_CLIENT_REQUIRE,
	};

	if (!conf->tls_cert[0] && !conf->tls_key[0] && conf->tls_port == PORT_OFF)
		return conf->tls_client_ca[0]
			       ? err_set(e, ERR_USAGE, "TLS_CLIENT_CA needs TLS_CERT and TLS_KEY")
			       : OK;
	if (!conf->tls_cert[0] || !conf->tls_key[0])
		return err_set(e, ERR_USAGE, "TLS needs both TLS_CERT and TLS_KEY");
	return tls_new(&files, ret, e);
}

/* The end of the certificate's validity is a metric, so that an alert can be set on it. */
static void measure_certificate(struct tls *tls)
{
	char names[TLS_NAMES_MAX];
	int64_t until;

	tls_describe(tls, names, &until);
	metric_add(tls_expires, until - metric_get(tls_expires));
}

static void look_at_certificate(struct tls *tls, bool anyway)
{
	struct error e;

	switch (tls_read_again(tls, anyway, &e)) {
	case TLS_UNCHANGED: return;
	case TLS_READ: log_event(LOG_INFO, "certificate read again", NULL); break;
	case TLS_BAD:
		log_event(LOG_ERROR, "the certificate cannot be used, the one of before stays",
			  "error", e.msg, NULL);
		break;
	}
	measure_certificate(tls);
}

/* ---- the wait ---- */

static void block_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, set, NULL);
}

/* One signal, or 0 after the time. */
static int wait_signal(const sigset_t *set, int64_t ns)
{
	struct timespec t = {.tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S};
	int sig = sigtimedwait(set, NULL, &t);

	return sig > 0 ? sig : 0;
}

/* Until one that ends the process. */
static void serve_until_signal(struct server *server, struct tls *tls, const sigset_t *set)
{
	int64_t looked_ns = clock_mono_ns();

	for (;;) {
		int sig = wait_signal(set, TIDY_NS);

		if (sig && sig != SIGHUP)
			return;
		server_tidy(server);
		if (!tls || (!sig && clock_mono_ns() - looked_ns < CERTIFICATE_NS))
			continue;
		look_at_certificate(tls, sig == SIGHUP);
		looked_ns = clock_mono_ns();
	}
}

static void drain(struct server *server, const sigset_t *set, int64_t timeout_ns)
{
	int64_t until = clock_mono_ns() + timeout_ns;
	int sig;

	log_event(LOG_INFO, "draining", NULL);
	notify_systemd("STOPPING=1");
	server_drain(server);
	while (!server_idle(server) && clock_mono_ns() < until) {
		sig = wait_signal(set, 20 * NS_PER_MS);
		if (sig && sig != SIGHUP)
			_exit(128 + sig);
	}
	pthread_sigmask(SIG_UNBLOCK, set, NULL);
	if (!server_idle(server))
		log_event(LOG_WARN, "DRAIN_TIMEOUT is over, cutting what still runs", NULL);
}

/* Who may do what. */
struct keys {
	struct auth *auth;            /* NULL: everybody may read */
	struct upload_tokens *upload; /* NULL: nobody may */
};

static int serve(struct service *s, const struct keys *keys, struct tls *tls, const sigset_t *set,
		 struct error *e)
{
	struct proxies proxies;
	const struct server_parts parts = {.conf = s->conf,
					   .stores = &s->stores,
					   .flights = s->flights,
					   .loop = s->loop,
					   .quiet = s->quiet,
					   .health = s->health,
					   .auth = keys->auth,
					   .upload_tokens = keys->upload,
					   .tls = tls,
					   .proxies = &proxies,
					   .via = s->via};
	struct server *server;
	struct log_line l;

	if (proxies_parse(slice_of(s->conf->trusted_proxies), &proxies, e) != OK) {
		err_wrap(e, "TRUSTED_PROXIES");
		return EXIT_FAILURE;
	}
	if (tls)
		measure_certificate(tls);
	if (server_start(&parts, &server, e) != OK)
		return EXIT_FAILURE;
	warn_if_open(s, keys->auth, server);
	warn_if_no_path_token(keys->auth);
	warn_if_guessable(s->conf);
	log_begin(&l, LOG_INFO, "listening");
	log_add(&l, "address",
		s->conf->listen_address[0] ? slice_of(s->conf->listen_address) : SLICE("*"));
	if (server_port(server))
		log_add_i64(&l, "port", server_port(server));
	if (server_tls_port(server))
		log_add_i64(&l, "tls_port", server_tls_port(server));
	log_add(&l, "version", SLICE(PEPTO_VERSION));
	log_end(&l);
	notify_systemd("READY=1");
	serve_until_signal(server, tls, set);
	drain(server, set, s->conf->drain_timeout_ns);
	server_stop(server);
	log_event(LOG_INFO, "stopped", NULL);
	return EXIT_SUCCESS;
}

/* Each check is printed, also after one has failed. */
static int check(struct service *s, struct tls *tls)
{
	int certificate = tls ? check_certificate(tls, s->conf->tls_cert) : EXIT_SUCCESS;
	int stores = check_stores(s);

	return MAX(certificate, stores);
}

static int run(const struct conf *conf)
{
	struct service service = {0};
	struct keys keys = {.auth = NULL};
	struct tls *tls = NULL;
	struct error e = {OK, 0, ""};
	sigset_t set;
	int code = EXIT_FAILURE;

	/* --check prints its findings itself: a warning in the log would say the same once more. */
	log_setup(conf->check ? LOG_ERROR : (enum log_level)conf->log_level,
		  (enum log_format)conf->log_format, STDERR_FILENO);
	if (!conf->check)
		block_signals(&set);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);  /* is waited for all the same, being blocked */
	signal(SIGXFSZ, SIG_IGN); /* a file size limit is an error of write(), no more */
	if (service_default_store(conf, &e) == OK && load_auth(conf, &keys.auth, &e) == OK &&
	    load_upload_tokens(conf, keys.auth, &keys.upload, &e) == OK &&
	    load_tls(conf, &tls, &e) == OK && service_init(&service, conf, &e) == OK &&
	    service_start(&service, conf->check ? CHECK_PROBES_NS : FIRST_PROBES_NS, &e) == OK)
		code = conf->check_path ? check_path(&service, conf->check_path)
		       : conf->check    ? check(&service, tls)
					: serve(&service, &keys, tls, &set, &e);
	if (e.code)
		code = complain(&e);
	if (!service_fini(&service))
		_exit(code);
	tls_free(tls);
	auth_free(keys.auth);
	upload_tokens_free(keys.upload);
	return code;
}

int serve_command(int argc, char *const argv[])
{
	struct conf conf;
	struct error e;
	int code = EXIT_SUCCESS;

	if (dotenv_load_file(".env", tell_stray, &e) != OK ||
	    conf_load(&conf, argc, argv, &e) != OK) {
		complain(&e);
		return EXIT_USAGE;
	}
	if (conf.help)
		help_print_settings(stdout);
	else if (conf.version)
		printf("pepto-symbol %s\n", PEPTO_VERSION);
	else
		code = run(&conf);
	conf_fini(&conf);
	return code;
}
