// SPDX-License-Identifier: MIT
/*
 * See generation.h. Words of 32 bits, those in memory and those in the file alike:
 *
 *	0	changed by every purge
 *	1	changed by a purge of everything
 *	16...	one for each slot
 *
 * A generation is made of four words, two of ours and two of the file. Ours are counted up. Those
 * of the file get another random number, since a write is no atomic increment, and two processes
 * may purge at the same time: whichever writes last, the number is none of those read before.
 * A reader that sees half of a write sees another generation, which is right.
 *
 * When the directory is emptied the file is made anew by the process that sees it first, which
 * writes its purges to the old one, too, for those that have not seen it yet.
 *
 * A directory whose file cannot be mapped and written is used alone (generations_mark()), and no
 * purge of it is called done; it is tried again at each check.
 *
 * Another program may cut the file short, and then reading the mapping raises SIGBUS. The handler
 * puts zeros in the place of the file, as if there were none that can be shared: all that was begun
 * is out of date, and the next check makes the file as long again. (A private copy would not do: a
 * purge is done when it is told, so that every hit and miss looks at what others have written.)
 *
 * The file is mapped for reading, and locked into memory where that is allowed, so that nothing is
 * read from a disk that fails. It is as large as it ever gets before it is mapped.
 */
#include "cache/generation.h"
#include "base/file.h"
#include "base/random.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#define ANY   0
#define ALL   1
#define FIRST 16
#define WORDS (FIRST + GENERATION_SLOTS)
#define BYTES (WORDS * sizeof(uint32_t))

/* Sharing with other processes: there is no directory; it is not possible now; they share. */
enum sharing { ALONE, APART, TOGETHER };

struct generations {
	_Atomic uint32_t own[WORDS];
	/* Always mapped: zeros, then the file in their place. */
	const _Atomic uint32_t *shared;
	_Atomic uint64_t mark; /* another one each time that it comes to APART */
	int root, fd;          /* fd: read only once TOGETHER is seen, or while reopening */
	atomic_int old;        /* the file that was mapped before; -1: none */
	atomic_int sharing;
	atomic_uint cuts; /* how often the file was found cut short */
	atomic_bool reopening;
};

/* ---- a file that is cut short ---- */

#define GUARDED 8 /* a process has one; tests have some */

static _Atomic(struct generations *) guarded[GUARDED];
static struct sigaction others; /* the action of SIGBUS from before ours */

static bool lies_in(const void *at, const void *map)
{
	return (uintptr_t)at - (uintptr_t)map < BYTES;
}

/* In a handler of signals: on any thread, at any place that reads the mapping. */
static bool put_zeros(struct generations *g)
{
	void *place = (void *)(uintptr_t)g->shared;
	struct timespec now;

	if (mmap(place, BYTES, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != place)
		return false;
	g->cuts++;
	g->own[ANY]++;
	g->own[ALL]++;
	clock_gettime(CLOCK_REALTIME, &now);
	atomic_store(&g->mark, ((uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec) | 1);
	atomic_store_explicit(&g->sharing, APART, memory_order_release);
	return true;
}

static void on_bus_error(int sig, siginfo_t *info, void *context)
{
	for (size_t i = 0; i < GUARDED; i++) {
		struct generations *g = guarded[i];

		if (g && lies_in(info->si_addr, (const void *)(uintptr_t)g->shared) && put_zeros(g))
			return;
	}
	sigaction(SIGBUS, &others, NULL); /* it comes again, there */
}

static void guard(struct generations *g)
{
	struct sigaction ours = {.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO}, now;
	struct generations *none;

	sigemptyset(&ours.sa_mask);
	if (sigaction(SIGBUS, NULL, &now) == 0 && now.sa_sigaction != on_bus_error)
		(void)sigaction(SIGBUS, &ours, &others);
	for (size_t i = 0; i < GUARDED; i++) {
		none = NULL;
		if (guarded[i] == g || atomic_compare_exchange_strong(&guarded[i], &none, g))
			return;
	}
}

static void unguard(struct generations *g)
{
	struct generations *known;

	for (size_t i = 0; i < GUARDED; i++) {
		known = g;
		atomic_compare_exchange_strong(&guarded[i], &known, NULL);
	}
}

struct generations *generations_new(void)
{
	struct generations *g = xnew(struct generations);
	void *zeros = mmap(NULL, BYTES, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT(zeros != MAP_FAILED);
	g->shared = zeros;
	g->root = g->fd = -1;
	atomic_init(&g->old, -1);
	return g;
}

void generations_free(struct generations *g)
{
	if (!g)
		return;
	unguard(g);
	munmap((void *)(uintptr_t)g->shared, BYTES);
	close_p(&g->fd);
	if (g->old >= 0)
		close(g->old);
	free(g);
}

static bool is_together(const struct generations *g)
{
	return atomic_load_explicit(&g->sharing, memory_order_acquire) == TOGETHER;
}

/* ---- the file ---- */

static bool write_word(int fd, size_t word, uint32_t value)
{
	return file_write_at(fd, (struct slice){(const char *)&value, sizeof(value)},
			     (int64_t)(word * sizeof(value)));
}

/* Its space is reserved where that can be: then a purge needs none on a full disk. */
static bool has_room(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 &&
	       (st.st_size >= (off_t)BYTES || !S_ISREG(st.st_mode) ||
		fallocate(fd, 0, 0, (off_t)BYTES) == 0 || ftruncate(fd, (off_t)BYTES) == 0);
}

/* Or -1. What is no file cannot be mapped. */
static int open_file(int root)
{
	const int flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
	int fd CLEANUP(close_p) = openat(root, GENERATION_FILE, flags, 0600);

	return fd >= 0 && has_room(fd) ? TAKE_FD(fd) : -1;
}

/* Another number than is there now. */
static bool change_word(int fd, const _Atomic uint32_t *shared, size_t word)
{
	uint32_t now = shared[word], next = (uint32_t)random_u64();

	return write_word(fd, word, next == now ? next + 1 : next);
}

/*
 * Does a mapping show what is written? Not everywhere, on file systems of other machines; and a
 * disk that is full, or read only, takes nothing.
 */
static enum err try_file(int fd, struct error *e)
{
	void *map = mmap(NULL, BYTES, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
	const _Atomic uint32_t *shared = map;
	uint32_t before;
	enum err err = OK;

	if (map == MAP_FAILED)
		return err_sys(e, ERR_IO, GENERATION_FILE " in the cache directory");
	before = shared[FIRST - 1];
	if (!change_word(fd, shared, FIRST - 1))
		err = err_sys(e, ERR_IO, GENERATION_FILE " in the cache directory");
	else if (shared[FIRST - 1] == before)
		err = err_set(e, ERR_IO,
			      GENERATION_FILE " in the cache directory cannot be shared");
	munmap(map, BYTES);
	return err;
}

/*
 * A process that maps another file than before raises all words in it, also when another process
 * has made that file. The new file has zeros, as the old one may have had when an answer was
 * remembered or a flight begun that has been purged since.
 */
static bool outdate_all(int fd)
{
	return write_word(fd, ANY, (uint32_t)random_u64() | 1) &&
	       write_word(fd, ALL, (uint32_t)random_u64() | 1);
}

/* Other processes may map it until they look again: they hear of purges there. */
static void keep_old(struct generations *g)
{
	if (g->fd < 0)
		return;
	if (g->old < 0)
		atomic_store(&g->old, fcntl(g->fd, F_DUPFD_CLOEXEC, 0));
	else
		(void)dup3(g->fd, g->old, O_CLOEXEC);
}

/* Replace the mapped file, its descriptor and its mapping, while other threads read. */
static enum err take_place(struct generations *g, int fd, struct error *e)
{
	void *place = (void *)(uintptr_t)g->shared;

	if (mmap(place, BYTES, PROT_READ, MAP_SHARED | MAP_POPULATE | MAP_FIXED, fd, 0) != place)
		return err_sys(e, ERR_IO, GENERATION_FILE " in the cache directory");
	(void)mlock(place, BYTES);
	keep_old(g);
	if (g->fd < 0)
		g->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	else if (dup3(fd, g->fd, O_CLOEXEC) < 0)
		close_p(&g->fd);
	return g->fd >= 0 ? OK : err_sys(e, ERR_IO, GENERATION_FILE " in the cache directory");
}

/* By the thread that has set reopening. */
static enum err open_anew(struct generations *g, struct error *e)
{
	int fd CLEANUP(close_p) = open_file(g->root);
	unsigned cuts = g->cuts;
	enum err err;

	if (fd < 0)
		err = err_sys(e, ERR_IO, "no " GENERATION_FILE " in the cache directory");
	else
		err = try_file(fd, e);
	if (!err && g->fd >= 0 && !outdate_all(fd))
		err = err_sys(e, ERR_IO, GENERATION_FILE " in the cache directory");
	if (!err)
		err = take_place(g, fd, e);
	/* Objects that this process kept for itself were out of reach of the purges in between. */
	if (err && atomic_load(&g->sharing) != APART)
		atomic_store(&g->mark, random_u64() | 1);
	atomic_store_explicit(&g->sharing, err ? APART : TOGETHER, memory_order_release);
	if (g->cuts != cuts) /* meanwhile: zeros may lie in its place */
		atomic_store_explicit(&g->sharing, APART, memory_order_release);
	return err;
}

enum err generations_share(struct generations *g, int root, struct error *e)
{
	g->root = root;
	guard(g);
	return open_anew(g, e);
}

static bool has_lost_its_name(const struct generations *g)
{
	struct stat st;

	return fstat(g->fd, &st) != 0 || st.st_nlink == 0;
}

void generations_check(struct generations *g)
{
	struct error e;

	if (g->root < 0 || atomic_exchange(&g->reopening, true))
		return;
	if (!is_together(g) || has_lost_its_name(g))
		(void)!open_anew(g, &e);
	atomic_store(&g->reopening, false);
}

uint64_t generations_mark(const struct generations *g)
{
	return atomic_load_explicit(&g->sharing, memory_order_acquire) == APART
		       ? atomic_load_explicit(&g->mark, memory_order_relaxed)
		       : 0;
}

/* ---- reading ---- */

static uint32_t shared_word(const struct generations *g, size_t word)
{
	return g->shared[word];
}

static size_t word_of(uint64_t hash)
{
	return FIRST + hash % GENERATION_SLOTS;
}

static uint64_t pair(uint32_t shared, uint32_t own)
{
	return (uint64_t)shared << 32 | own;
}

bool generations_untouched(const struct generations *g)
{
	return !g->own[ANY] && !shared_word(g, ANY);
}

uint64_t generation_hash(const uint8_t store_id[static 32], struct slice key)
{
	struct buf longer CLEANUP(buf_fini) = {0};
	char space[1024];
	uint64_t seed;

	memcpy(&seed, store_id, sizeof(seed));
	key = fold_within(key, space, sizeof(space), &longer);
	return XXH3_64bits_withSeed(key.p, key.n, seed);
}

void generations_copy(const struct generations *g, uint64_t ret[static GENERATION_SLOTS])
{
	for (uint32_t i = 0; i < GENERATION_SLOTS; i++)
		ret[i] = generation_of(g, i);
}

bool generation_changed(const struct generations *g, const uint64_t then[static GENERATION_SLOTS],
			uint64_t hash)
{
	return generation_of(g, hash) != then[hash % GENERATION_SLOTS];
}

uint64_t generation_of_all(const struct generations *g)
{
	return pair(shared_word(g, ANY), g->own[ANY]);
}

uint64_t generation_of(const struct generations *g, uint64_t hash)
{
	size_t word = word_of(hash);

	return pair(shared_word(g, ALL) + shared_word(g, word), g->own[ALL] + g->own[word]);
}

uint64_t generation_on_disk(const struct generations *g, uint64_t hash)
{
	size_t word = word_of(hash);

	return is_together(g) ? pair(g->shared[ALL], g->shared[word]) : generation_of(g, hash);
}

/* ---- raising ---- */

static enum err raise_word(struct generations *g, size_t word, struct error *e)
{
	g->own[word]++;
	switch ((enum sharing)atomic_load_explicit(&g->sharing, memory_order_acquire)) {
	case ALONE: return OK;
	case APART: return err_set(e, ERR_IO, "no " GENERATION_FILE " that can be shared");
	case TOGETHER: break;
	}
	if (g->old >= 0)
		(void)!write_word(g->old, word, (uint32_t)random_u64());
	if (change_word(g->fd, g->shared, word))
		return OK;
	return err_sys(e, ERR_IO, "cannot tell other processes of a purge");
}

/* The common word first: a reader that sees it unchanged looks at no other. */
static enum err raise_both(struct generations *g, size_t word, struct error *e)
{
	enum err any, err;

	generations_check(g);
	any = raise_word(g, ANY, e);
	err = raise_word(g, word, e);
	return any ? any : err;
}

enum err generation_raise(struct generations *g, uint64_t hash, struct error *e)
{
	return raise_both(g, word_of(hash), e);
}

enum err generation_raise_all(struct generations *g, struct error *e)
{
	return raise_both(g, ALL, e);
}
