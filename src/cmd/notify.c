// SPDX-License-Identifier: MIT
/* See notify.h. One request after the other, on the loop's thread, while the main thread waits. */
#include "cmd/notify.h"

#include "base/clock.h"
#include "base/text.h"
#include "publish/await.h"
#include "symfmt/key.h"

#define ANSWER_NS   (30 * NS_PER_S)
#define BODY_MAX    ((size_t)4 << 20)
#define HEADER_MAX  4096
#define ADDRESS_MAX 4096

struct telling {
	struct await await;
	struct service *service;
	struct store_body body;
	const char *url;
	const char *headers[3];
	int status;
};

/* "foo.pdb" of foo.pd_, foo.pdb.zst and foo.pdb.gz. */
static struct slice unpacked(struct slice name, struct slice last)
{
	struct slice behind = slice_from(last, MIN(name.n, last.n));

	if ((last.n == name.n && slice_ends(last, SLICE("_")) &&
	     slice_starts(last, name_twin_stem(name))) ||
	    (slice_starts(last, name) &&
	     (slice_eq(behind, SLICE(".zst")) || slice_eq(behind, SLICE(".gz")))))
		return name;
	return last;
}

void notify_add(struct notify *n, struct slice key)
{
	struct slice segment[4];
	size_t k = 0;

	while (k < 4 && slice_next(&key, '/', &segment[k]))
		k++;
	if (k < 3)
		return;
	buf_printf(&n->paths, SLICE_FMT "/" SLICE_FMT "/" SLICE_FMT "\n", SLICE_ARG(segment[k - 3]),
		   SLICE_ARG(segment[k - 2]), SLICE_ARG(unpacked(segment[k - 3], segment[k - 1])));
	n->n++;
}

/* ---- one request ---- */

static void on_head(void *ud, const struct transfer_head *head)
{
	((struct telling *)ud)->status = head->status;
}

static bool on_data(void *ud, struct slice bytes)
{
	return true;
}

static void on_done(void *ud, const struct error *e)
{
	await_over(&((struct telling *)ud)->await, e->code ? e : NULL);
}

static void begin(struct await *await)
{
	static const struct transfer_events events = {on_head, on_data, on_done};
	struct telling *t = CONTAINER_OF(await, struct telling, await);
	const struct transfer_request request = {
		.url = t->url,
		.method = "POST",
		.body = &t->body,
		.headers = t->headers,
		.head_deadline_ns = clock_mono_ns() + ANSWER_NS,
		.head_within_ns = ANSWER_NS,
	};
	struct transfer *transfer;
	struct error e;

	if (transfer_start(t->service->engine, &request, &events, t, &transfer, &e) != OK)
		await_over(await, &e);
}

static enum err tell(struct telling *t, struct slice body, struct error *e)
{
	enum err err;

	t->await = (struct await){.begin = begin};
	t->body = store_body_of(body);
	t->status = 0;
	err = await_run(&t->await, t->service->loop, e);
	if (err || t->status == 200)
		return err;
	switch (t->status) {
	case 401:
		return err_set(e, ERR_DENIED,
			       "it denies the token: PEPTO_NOTIFY_TOKEN here, NOTIFY_TOKEN there");
	case 404:
	case 405:
		return err_set(e, ERR_UPSTREAM,
			       "it takes no notifications: is NOTIFY_TOKEN set there?");
	default: return err_set(e, ERR_UPSTREAM, "it answered %d", t->status);
	}
}

/* ---- all of them ---- */

/* The next lines that go together. */
static struct slice take_lines(struct slice *rest)
{
	struct slice all = *rest, line;

	for (size_t i = 0; i < NOTIFY_PATHS_MAX && rest->n; i++) {
		struct slice next = *rest;

		(void)slice_next(&next, '\n', &line);
		if ((size_t)(next.p - all.p) > BODY_MAX)
			break;
		*rest = next;
	}
	return slice_head(all, (size_t)(rest->p - all.p));
}

static enum err tell_server(struct notify *n, struct service *s, const char *url, struct error *e)
{
	struct buf header CLEANUP(buf_fini) = BUF_MAX(HEADER_MAX),
			  address CLEANUP(buf_fini) = BUF_MAX(ADDRESS_MAX);
	struct telling t = {.service = s};
	struct slice base = slice_of(url), rest = buf_slice(&n->paths);
	enum err err = OK;

	while (slice_ends(base, SLICE("/")))
		base.n--;
	buf_printf(&address, SLICE_FMT "/-/notify", SLICE_ARG(base));
	buf_printf(&header, "Authorization: Bearer %s", n->token);
	if (buf_failed(&address) || buf_failed(&header))
		return err_set(e, ERR_USAGE, "the URL or the token is too long");
	t.url = buf_str(&address);
	t.headers[0] = "Content-Type: text/plain";
	t.headers[1] = n->token[0] ? buf_str(&header) : NULL;
	while (!err && rest.n)
		err = tell(&t, take_lines(&rest), e);
	return err;
}

void notify_send(struct notify *n, struct service *s,
		 void (*warn)(const char *url, const char *why))
{
	struct error e;

	for (size_t i = 0; n->n && i < n->n_urls; i++)
		if (buf_failed(&n->paths))
			warn(n->urls[i], "too many paths");
		else if (tell_server(n, s, n->urls[i], &e) != OK)
			warn(n->urls[i], e.msg);
}

void notify_fini(struct notify *n)
{
	buf_fini(&n->paths);
}
