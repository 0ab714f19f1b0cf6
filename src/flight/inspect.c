// SPDX-License-Identifier: MIT
/* See inspect.h. */
#include "flight/inspect.h"
#include "base/file.h"
#include "base/log.h"
#include "metric/metric.h"

void inspection_begin(struct inspection *ret, const char *path)
{
	*ret = (struct inspection){.path = xstrdup(path), .head = BUF_MAX(VERIFY_HEAD)};
	ret->looking = expected_of_path(slice_of(ret->path), &ret->expected);
}

static void stop_looking(struct inspection *in)
{
	in->looking = false;
	buf_fini(&in->head);
}

void inspection_feed(struct inspection *in, struct slice bytes, int64_t total)
{
	buf_add(&in->head, slice_head(bytes, MIN(bytes.n, VERIFY_HEAD - in->head.n)));
	if (buf_failed(&in->head)) {
		stop_looking(in);
		return;
	}
	switch (verify_head(&in->expected, buf_slice(&in->head), total)) {
	case VERDICT_MORE: return;
	case VERDICT_WHOLE: in->whole = true; break;
	case VERDICT_WRONG: in->wrong = true; break;
	case VERDICT_GOOD:
	case VERDICT_UNKNOWN: break;
	}
	stop_looking(in);
}

void inspection_finish(struct inspection *in, const struct source *file)
{
	enum verdict verdict;
	struct error e;

	in->whole = false;
	if (verify_file(&in->expected, file, &verdict, &e) == OK)
		in->wrong = verdict == VERDICT_WRONG;
}

void inspection_tell(const struct inspection *in, const char *store, const struct source *file)
{
	char is[160] = "";

	metric_inc(identity_wrong);
	if (file)
		verify_describe(file, is, sizeof(is));
	log_event(LOG_WARN, "another file than its key names", "store", store, "key", in->path,
		  "is", is, NULL);
}

void inspection_fini(struct inspection *in)
{
	buf_fini(&in->head);
	free(TAKE(in->path));
}

static enum err read_file(void *ud, int64_t offset, void *to, size_t n, struct error *e)
{
	const struct file_source *f = ud;

	ssize_t got = file_read_at(f->fd, to, n, f->base + offset);

	if (got < 0)
		return err_sys(e, ERR_IO, "cannot read back what came");
	if ((size_t)got != n)
		return err_set(e, ERR_IO, "cannot read back what came: it ends before its end");
	return OK;
}

struct source file_source_of(struct file_source *f, int64_t length)
{
	return (struct source){.read = read_file, .ud = f, .size = length};
}
