// SPDX-License-Identifier: MIT
/*
 * See service.h. The end has an order: the workers finish first and post their results, the loop
 * runs them, the engine ends what is left of transfers, and only then do the stores go.
 */
#include "cmd/service.h"
#include "base/file.h"
#include "base/log.h"
#include "base/random.h"
#include "cmd/cmd.h"
#include "metric/metric.h"

#include <curl/curl.h>
#include <malloc.h>
#include <openssl/x509.h>
#include <stdio.h>

#define DISK_THREADS   4
#define DISK_QUEUE     4096
#define SEARCH_THREADS 1 /* one core at most for what may go on for half a second */
#define SEARCH_QUEUE   32
#define WRITE_THREADS  4
#define WRITE_QUEUE    1024
#define CREDS_THREADS  2
#define CREDS_QUEUE    256
#define BLOCKED_NS     (1 * NS_PER_S) /* to wait for a blocking call at the end */

static void warn(const char *store, const char *what)
{
	log_event(LOG_WARN, what, "store", store, NULL);
}

static enum err open_stores(struct service *s, struct error *e)
{
	const struct conf *conf = s->conf;

	s->stores.store = xzalloc(conf->n_stores * sizeof(struct store *));
	for (size_t i = 0; i < conf->n_stores; i++) {
		struct store **to = &s->stores.store[s->stores.n];

		if (store_open(&s->context, slice_of(conf->stores[i]), to, e) != OK) {
			e->code = ERR_USAGE; /* a setting, or a file that one names */
			return err_wrap(e, "%s, store %zu", conf->stores_from, i + 1);
		}
		s->stores.n++;
	}
	return OK;
}

static unsigned cores(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n > 0 ? (unsigned)n : 1;
}

static enum err open_cache(struct service *s, struct error *e)
{
	const struct conf *conf = s->conf;
	struct cache_settings settings = {
		.max_bytes = conf->cache_size ? (int64_t)conf->cache_size : -1,
		.min_free = (int64_t)conf->cache_min_free,
		.fresh_ns = conf->cache_fresh_ns,
		.miss_ttl_ns = conf->miss_ttl_ns,
		.miss_entries = conf->miss_entries,
		.index_names = conf->index_names_max,
	};

	s->cache_dir = conf_cache_dir(conf);
	settings.dir = s->cache_dir;
	if (conf->check) { /* nothing is kept, and nothing remembered */
		settings.dir = NULL;
		settings.miss_entries = 0;
	}
	if (cache_new(&settings, &s->cache, e) != OK)
		return e->code;
	for (size_t i = 0; i < s->stores.n && !conf->check; i++)
		cache_index_names(s->cache, s->stores.store[i], s->loop, s->quiet);
	return OK;
}

static enum err open_flights(struct service *s, struct error *e)
{
	const struct conf *conf = s->conf;
	const struct flights_settings settings = {
		.fetch_parallel = (unsigned)conf->fetch_parallel,
		.fetch_block = (int64_t)conf->fetch_block,
		.max_fills = conf->max_fills,
		.max_fill_waiters = conf->max_fill_waiters,
		.decode_max = conf->decode_max ? (unsigned)conf->decode_max : cores(),
		.max_object = (int64_t)conf->max_object_size,
		.verify = conf->verify_keys,
	};

	return flights_new(s->loop, s->cache, &settings, &s->flights, e);
}

/* libcurl would say of each request only that there is a problem with the certificates. */
static enum err find_bundle(const struct creds_env *env, const char **ret, struct error *e)
{
	const char *name, *bundle = creds_ca_bundle(env, &name);
	X509_STORE *trusted;
	bool ok;

	*ret = bundle;
	if (!bundle)
		return OK;
	trusted = X509_STORE_new();
	ok = trusted && X509_STORE_load_file(trusted, bundle);
	X509_STORE_free(trusted);
	return ok ? OK
		  : err_set(e, ERR_USAGE,
			    "%s: there are no certificates in '%s', or it cannot be read", name,
			    bundle);
}

void tell_stray(const char *name, const char *meant)
{
	fprintf(stderr, "pepto-symbol: .env: %s is no setting: did you mean %s?\n", name, meant);
}

enum err service_default_store(const struct conf *conf, struct error *e)
{
	if (strcmp(conf->stores_from, "default") != 0 || access("symbols", F_OK) == 0)
		return OK;
	return err_set(
		e, ERR_USAGE,
		"no store is set, and there is no directory ./symbols: set S3_BUCKET, or STORES "
		"(pepto-symbol serve --help)");
}

/*
 * Buffers come and go with every request, and every file that is published: keep their memory in the heap instead of
 * giving it back to the kernel and faulting it in again (a sixth of the CPU time of a 78 KB object, either way).
 */
static void tune_malloc(void)
{
	mallopt(M_MMAP_THRESHOLD, 1 << 20);  // NOLINT(concurrency-mt-unsafe): no threads yet
	mallopt(M_TRIM_THRESHOLD, 16 << 20); // NOLINT(concurrency-mt-unsafe)
	mallopt(M_ARENA_MAX, 2);             // NOLINT(concurrency-mt-unsafe)
}

enum err service_init(struct service *s, const struct conf *conf, struct error *e)
{
	struct transfer_limits limits = {
		.connect_timeout_ns = conf->connect_timeout_ns,
		.stall_timeout_ns = conf->stall_timeout_ns,
		.max_transfers = conf->max_transfers,
		.max_waiting = TRANSFERS_WAITING_MAX,
	};

	*s = (struct service){.conf = conf};
	tune_malloc();
	curl_global_init(CURL_GLOBAL_DEFAULT);
	file_temporary_floor((int64_t)conf->cache_min_free);
	snprintf(s->via, sizeof(s->via), "1.1 pepto-%016llx", (unsigned long long)random_u64());
	s->creds_env = creds_env_process();
	if (find_bundle(&s->creds_env, &limits.ca_bundle, e) != OK || loop_new(&s->loop, e) != OK)
		return e->code;
	s->quiet = quiet_new(s->loop);
	if (pool_new(DISK_THREADS, DISK_QUEUE, "pepto-disk", &s->disk, e) != OK ||
	    pool_new(SEARCH_THREADS, SEARCH_QUEUE, "pepto-search", &s->searches, e) != OK ||
	    pool_new(WRITE_THREADS, WRITE_QUEUE, "pepto-write", &s->writes, e) != OK ||
	    pool_new(CREDS_THREADS, CREDS_QUEUE, "pepto-creds", &s->creds, e) != OK ||
	    transfer_engine_new(s->loop, &limits, &s->engine, e) != OK)
		return e->code;
	s->context = (struct store_context){
		.loop = s->loop,
		.engine = s->engine,
		.disk = s->disk,
		.searches = s->searches,
		.writes = s->writes,
		.creds = s->creds,
		.creds_env = &s->creds_env,
		.try_timeout_ns = conf->try_timeout_ns,
		.holds_to_keys = conf->verify_keys,
		.via = s->via,
		.warn = warn,
	};
	if (open_stores(s, e) != OK || open_cache(s, e) != OK || open_flights(s, e) != OK)
		return e->code;
	s->health = health_new(s->loop, &s->stores);
	return OK;
}

enum err service_start(struct service *s, int64_t wait_ns, struct error *e)
{
	if (loop_start(s->loop, "pepto-loop", e) != OK)
		return e->code;
	health_start(s->health);
	health_wait_first(s->health, wait_ns);
	return OK;
}

bool service_fini(struct service *s)
{
	if (!pool_stop(s->disk, BLOCKED_NS) || !pool_stop(s->searches, BLOCKED_NS) ||
	    !pool_stop(s->writes, BLOCKED_NS) || !pool_stop(s->creds, BLOCKED_NS) ||
	    !flights_stop(s->flights, BLOCKED_NS) || !cache_stop(s->cache, BLOCKED_NS))
		return false;
	loop_stop(s->loop);
	flights_free(s->flights);
	cache_free(s->cache);
	quiet_free(s->quiet);
	free(s->cache_dir);
	transfer_engine_free(s->engine);
	for (size_t i = 0; i < s->stores.n; i++)
		store_free(s->stores.store[i]);
	free(s->stores.store);
	health_free(s->health);
	pool_free(s->disk);
	pool_free(s->searches);
	pool_free(s->writes);
	pool_free(s->creds);
	loop_free(s->loop);
	curl_global_cleanup();
	return true;
}
