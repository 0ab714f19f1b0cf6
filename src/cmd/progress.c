// SPDX-License-Identifier: MIT
/* See progress.h. */
#include "cmd/progress.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#define BAR_WIDTH 20
#define BAR_NS    (100 * NS_PER_MS)
#define LINE_NS   (10 * NS_PER_S)
#define MIB       (1024.0 * 1024.0)

void progress_begin(struct progress *p, const char *what, size_t files, int64_t bytes, bool quiet)
{
	int64_t now = clock_mono_ns();

	*p = (struct progress){.is_terminal = isatty(STDERR_FILENO) == 1,
			       .is_quiet = quiet,
			       .what = what,
			       .began_ns = now,
			       .told_ns = now,
			       .files = files,
			       .bytes = bytes};
}

static void put_rest(const struct progress *p, int64_t bytes, int64_t took_ns)
{
	double rate = took_ns > 0 ? (double)bytes * 1e9 / (double)took_ns : 0;
	int64_t left_s = rate > 0 ? (int64_t)((double)(p->bytes - bytes) / rate) : -1;

	fprintf(stderr, "  %.1f/%.1f MiB  %.1f MiB/s", (double)bytes / MIB, (double)p->bytes / MIB,
		rate / MIB);
	if (left_s >= 0)
		fprintf(stderr, "  ETA %" PRId64 ":%02d", left_s / 60, (int)(left_s % 60));
}

static void put_bar(struct progress *p, size_t files, int64_t bytes, int64_t now)
{
	int full = p->bytes > 0 ? (int)(bytes * BAR_WIDTH / p->bytes) : BAR_WIDTH;

	fprintf(stderr, "\r[%.*s%*s] %zu/%zu files", full, "####################", BAR_WIDTH - full,
		"", files, p->files);
	put_rest(p, bytes, now - p->began_ns);
	fputs("\x1b[K", stderr);
	p->is_shown = true;
}

void progress_tell(struct progress *p, size_t files, int64_t bytes)
{
	int64_t now = clock_mono_ns(), since = now - p->told_ns;

	if (p->is_quiet ||
	    (since < (p->is_terminal ? BAR_NS : LINE_NS) && (!p->is_terminal || files < p->files)))
		return;
	p->told_ns = now;
	if (p->is_terminal) {
		put_bar(p, files, bytes, now);
		return;
	}
	fprintf(stderr, "%s: %zu/%zu files", p->what, files, p->files);
	put_rest(p, bytes, now - p->began_ns);
	fputc('\n', stderr);
}

void progress_hide(struct progress *p)
{
	if (p->is_shown)
		fputs("\r\x1b[K", stderr);
	p->is_shown = false;
}
