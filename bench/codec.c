// SPDX-License-Identifier: MIT
/*
 * codec.c: what our codecs cost by themselves, without disk, network or threads.
 *
 *	codec cab|gzip|zstd|msfz FILE PASSES	expand
 *	codec LEVEL FILE PASSES			make a cabinet of it, at zlib's level 1 to 9
 *
 * The file is read into memory, then run through the codec PASSES times, and what comes out is
 * counted and forgotten. Prints how much that is and the least time of a pass.
 */
#include "base/clock.h"
#include "bench/args.h"
#include "codec/cab.h"
#include "symfmt/msfz.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

static struct slice file;
static int64_t level;     /* of the cabinet to be made */
static int64_t out_bytes; /* of this pass */

static struct slice load(const char *path)
{
	FILE *f = fopen(path, "re");
	struct slice s;
	struct stat st;
	char *p;

	if (!f || fstat(fileno(f), &st) != 0)
		die_sys(path);
	s.n = (size_t)st.st_size;
	s.p = p = xzalloc(s.n);
	if (fread(p, 1, s.n, f) != s.n)
		die_sys(path);
	fclose(f);
	return s;
}

static enum err give(void *ud, int64_t offset, void *to, size_t n, size_t *ret_n, struct error *e)
{
	size_t at = (size_t)MIN(offset, (int64_t)file.n);

	*ret_n = MIN(n, file.n - at);
	memcpy(to, file.p + at, *ret_n);
	return OK;
}

static enum err drop(void *ud, struct slice bytes, struct error *e)
{
	out_bytes += (int64_t)bytes.n;
	return OK;
}

static enum err drop_at(void *ud, int64_t offset, struct slice bytes, struct error *e)
{
	return drop(ud, bytes, e);
}

static enum err note_size(void *ud, int64_t size, struct error *e)
{
	return OK;
}

static enum err decode(enum codec c, struct error *e)
{
	struct codec_io io = {.read = give,
			      .size = note_size,
			      .write = drop,
			      .promised = CODEC_SIZE_UNKNOWN,
			      .max_output = INT64_MAX};

	return codec_decode(c, &io, e);
}

static enum err cab(struct error *e)
{
	return decode(CODEC_CAB, e);
}

static enum err gzip(struct error *e)
{
	return decode(CODEC_GZIP, e);
}

static enum err zstd(struct error *e)
{
	return decode(CODEC_ZSTD, e);
}

static enum err msfz(struct error *e)
{
	struct source s = source_of(&file);
	struct msfz_sink sink = {.size = note_size, .write = drop, .max_output = INT64_MAX};

	return msfz_expand(&s, &sink, e);
}

static enum err make_cabinet(struct error *e)
{
	struct cab_member m = {.name = SLICE("big.pdb"), .size = (int64_t)file.n};
	struct cab_output io = {.read = give, .write_at = drop_at};

	return cab_encode(&m, (int)level, &io, e);
}

static int64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}

static void measure(enum err (*pass)(struct error *e), int64_t passes)
{
	int64_t cpu = INT64_MAX, wall = INT64_MAX;
	struct error e;

	for (int64_t i = 0; i < passes; i++) {
		int64_t cpu_before = cpu_ns(), wall_before = clock_mono_ns();

		out_bytes = 0;
		if (pass(&e))
			die(e.msg);
		cpu = MIN(cpu, cpu_ns() - cpu_before);
		wall = MIN(wall, clock_mono_ns() - wall_before);
	}
	printf("bytes=%lld cpu_ms=%.3f wall_ms=%.3f\n", (long long)out_bytes,
	       (double)cpu / NS_PER_MS, (double)wall / NS_PER_MS);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		enum err (*pass)(struct error *e);
	} ways[] = {{"cab", cab}, {"gzip", gzip}, {"zstd", zstd}, {"msfz", msfz}};
	enum err (*pass)(struct error * e) = make_cabinet;

	if (argc != 4)
		die("usage: codec cab|gzip|zstd|msfz|LEVEL FILE PASSES");
	file = load(argv[2]);
	for (size_t i = 0; i < ARRAY_LEN(ways); i++)
		if (strcmp(argv[1], ways[i].name) == 0)
			pass = ways[i].pass;
	if (pass == make_cabinet)
		level = arg_number(argv[1], 9);
	measure(pass, arg_number(argv[3], 1000));
	return 0;
}
