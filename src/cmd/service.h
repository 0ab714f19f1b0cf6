// SPDX-License-Identifier: MIT
/*
 * The machinery behind every command that talks to stores: the loop, the worker threads, the
 * transfer engine, the stores themselves. Made and freed by the main thread.
 */
#pragma once
#include "conf/conf.h"
#include "serve/health.h"
#include "store/creds.h"

struct service {
	const struct conf *conf;
	struct loop *loop;
	struct quiet *quiet; /* whose readers are the loop and the network threads */
	struct pool *disk, *searches, *writes, *creds;
	struct transfer_engine *engine;
	struct creds_env creds_env;
	struct store_context context;
	struct store_list stores;
	char *cache_dir; /* NULL: none */
	struct cache *cache;
	struct flights *flights;
	struct health *health;
	char via[40];
};

/* A directory of STORES may come later (a mount); that of the default is a forgotten setting: ERR_USAGE. */
MUST_CHECK enum err service_default_store(const struct conf *conf, struct error *e);
/* Everything is made but nothing runs yet. ERR_USAGE: a store URL or an AWS setting is wrong. */
MUST_CHECK enum err service_init(struct service *s, const struct conf *conf, struct error *e);
/* Start the loop and the first probes, and wait for those at most so long. */
MUST_CHECK enum err service_start(struct service *s, int64_t wait_ns, struct error *e);
/*
 * Also half-made. False when a blocking call (a dead network file system, a silent credentials
 * service) would not end: then nothing was freed, and the process has to _exit().
 */
MUST_CHECK bool service_fini(struct service *s);
