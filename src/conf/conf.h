// SPDX-License-Identifier: MIT
/*
 * The configuration of a process: a plain struct, filled once at start from flags and environment
 * and only read afterwards. options.def says what there is; the field of PORT is c.port,
 * that of REQUEST_BUDGET c.request_budget_ns.
 *
 * A flag wins over the environment, the environment over the default. A variable that is set but
 * empty counts as not set. What AWS_* variables say is not here: store/ reads those itself.
 */
#pragma once
#include "base/err.h"
#include "base/slice.h"

/* The C type behind each kind of option. */
#define CONF_STRING  char *  /* owned, never NULL */
#define CONF_URL     char *  /* as STRING; http or https, or "" */
#define CONF_ADDRESS char *  /* as STRING; host:port, or "" */
#define CONF_PORT    int32_t /* PORT_OFF: none */
#define CONF_LIST    char ** /* owned, both levels, NULL at the end */
#define CONF_BOOL    bool
#define CONF_COUNT   uint64_t
#define CONF_SIZE    uint64_t /* bytes */
#define CONF_TIME    int64_t  /* nanoseconds */
#define CONF_CHOICE  unsigned /* place in the list: an enum outage, tls_client_need, ... */

#define PORT_OFF     (-1)

enum tls_client_need { TLS_CLIENT_MAY, TLS_CLIENT_MUST };
enum outage { OUTAGE_503, OUTAGE_404 };

#define CONF_LIST_MAX 64 /* words in one LIST */

struct conf {
#define OPTION(name, field, kind, def, min, max, form, group, flags, help) CONF_##kind field;
/* and one bool for each switch */
#define SWITCH(field, help) bool field;
#include "conf/options.def"
	/* stores has at least one URL after conf_load(), whichever way it was given. */
	size_t n_stores;
	const char *stores_from; /* "STORES", "S3_BUCKET" or "default": for messages */
	const char *check_path;  /* the argument of --check, of argv; NULL: none */
};

/*
 * argv begins after the subcommand and ends in NULL, as that of main does. Takes --flag value and
 * --flag=value; a switch stands alone, and so may a BOOL, then meaning on. ERR_USAGE with one line
 * that names the flag or variable, the value unless it is a secret, and what is allowed; c is then
 * empty. After --help or --version only that switch is valid in c. Call it before there are
 * threads (environ).
 */
MUST_CHECK enum err conf_load(struct conf *c, int argc, char *const argv[], struct error *e);
void conf_fini(struct conf *c);

/*
 * Where CACHE_DIR says that the cache is, the caller's to free; NULL when it says off. When it says
 * nothing: $CACHE_DIRECTORY, which systemd sets (the first of several), or pepto-symbol in
 * $XDG_CACHE_HOME, or in .cache of $HOME or of the home that the user database knows. Of these
 * only absolute paths count, as the XDG specification wants it; NULL when there is none. As
 * conf_load(), before there are threads.
 */
char *conf_cache_dir(const struct conf *c);
