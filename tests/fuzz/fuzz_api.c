// SPDX-License-Identifier: MIT
/*
 * What is sent to /-/api/: the first byte chooses between a query, whose values are told again as JSON, and the body of
 * POST keys. Paths in both are held to the gates of requests.
 */
#include "conf/conf.h"
#include "serve/api.h"
#include "serve/api_keys.h"
#include "serve/api_path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TOKEN "the-operators-token"

static void check_path(enum api_path kind, const struct symbol_path *p)
{
	ASSERT(kind != API_PATH_NOMEM);
	if (kind != API_PATH_FILE)
		return;
	ASSERT(p->segments && p->segments <= SYMBOL_PATH_SEGMENTS_MAX);
	ASSERT(!symbol_path_is_own(p) && !api_is(p));
	for (size_t i = 0; i < p->segments; i++)
		ASSERT(!slice_eq_nocase(p->segment[i], SLICE(".pepto")) &&
		       !slice_eq(p->segment[i], SLICE("..")) &&
		       !slice_eq(p->segment[i], SLICE(TOKEN)));
}

static void check_text(struct slice s)
{
	struct buf told CLEANUP(buf_fini) = BUF_MAX(16 * s.n + 16);
	json_error_t why;
	json_t *again;

	api_string(s, &told);
	ASSERT(!buf_failed(&told));
	again = json_loadb(told.p, told.n, JSON_DECODE_ANY, &why);
	ASSERT(json_is_string(again));
	json_decref(again);
}

static void check_query(const struct server *s, struct slice query)
{
	static const char *const names[] = {"path", "n", "q", "format", ""};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct buf value CLEANUP(buf_fini) = BUF_MAX(REQUEST_TARGET_MAX);
		struct symbol_path p;

		if (!api_parameter(query, slice_of(names[i]), &value)) {
			ASSERT(!value.n);
			continue;
		}
		check_text(buf_slice(&value));
		check_path(api_path_of_target(s, buf_slice(&value), &p), &p);
		symbol_path_fini(&p);
	}
}

static void check_body(const struct server *s, struct slice body)
{
	json_t *paths;
	struct error e;

	if (api_keys_read(body, &paths, &e) != OK) {
		ASSERT(e.msg[0]);
		return;
	}
	ASSERT(json_array_size(paths) && json_array_size(paths) <= API_KEYS_MAX);
	for (size_t i = 0; i < json_array_size(paths); i++) {
		const json_t *text = json_array_get(paths, i);
		struct symbol_path p;

		check_path(api_path_of_text(s,
					    (struct slice){json_string_value(text),
							   json_string_length(text)},
					    &p),
			   &p);
		symbol_path_fini(&p);
	}
	json_decref(paths);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char base[] = "/sym", token[] = TOKEN, nothing[] = "";
	static struct conf conf = {
		.base_path = base, .admin_token = token, .notify_token = nothing};
	static struct server server = {.parts.conf = &conf};
	struct slice all = {(const char *)data, size};

	if (size && data[0] & 1)
		check_body(&server, slice_from(all, 1));
	else
		check_query(&server, slice_from(all, 1));
	return 0;
}
