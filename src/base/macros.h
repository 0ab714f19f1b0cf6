// SPDX-License-Identifier: MIT
/* The few macros this code base allows itself. Anything cleverer belongs in a function. */
#pragma once
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#define MUST_CHECK   __attribute__((warn_unused_result))
#define PRINTF(a, b) __attribute__((format(printf, a, b)))
#define NORETURN     __attribute__((noreturn))
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
/* The struct whose embedded member p points to. */
#define CONTAINER_OF(p, type, member) ((type *)((char *)(p)-offsetof(type, member)))
#define MIN(a, b)                     ((a) < (b) ? (a) : (b))
#define MAX(a, b)                     ((a) > (b) ? (a) : (b))

/*
 * CLEANUP(fn) calls fn(&variable) when the variable leaves its scope; the only way to let the
 * value live on is to hand it over with TAKE() (pointers) or TAKE_FD() (descriptors).
 */
#define CLEANUP(fn) __attribute__((cleanup(fn), unused))
#define TAKE(p)                                                                                    \
	__extension__({                                                                            \
		__typeof__(p) take_ = (p);                                                         \
		(p) = NULL;                                                                        \
		take_;                                                                             \
	})
#define TAKE_FD(fd)                                                                                \
	__extension__({                                                                            \
		int take_ = (fd);                                                                  \
		(fd) = -1;                                                                         \
		take_;                                                                             \
	})

static inline void free_p(void *p)
{
	free(*(void **)p);
}

static inline void close_p(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void unlock_p(pthread_mutex_t **mu)
{
	pthread_mutex_unlock(*mu);
}

static inline pthread_mutex_t *lock_scope(pthread_mutex_t *mu)
{
	pthread_mutex_lock(mu);
	return mu;
}

/* Hold a mutex until the end of the enclosing block; at most one per block. */
#define LOCK_SCOPE(mu) pthread_mutex_t *scope_lock_ CLEANUP(unlock_p) = lock_scope(mu)

/* Asserts what the code relies on; on in release builds too. Never for input, network or disk. */
void assert_failed(const char *expr, const char *file, int line) NORETURN;
#define ASSERT(x) ((x) ? (void)0 : assert_failed(#x, __FILE__, __LINE__))

/* A zeroed object of fixed size; aborts when memory is out (rule: only sized-by-input may fail). */
void *xzalloc(size_t n) __attribute__((returns_nonnull, malloc));
/* Of n things; the product does not overflow. */
void *xcalloc(size_t n, size_t size) __attribute__((returns_nonnull, malloc));
#define xnew(type) ((type *)xzalloc(sizeof(type)))
char *xstrdup(const char *s) __attribute__((returns_nonnull, malloc));
char *xstrndup(const char *s, size_t n) __attribute__((returns_nonnull, malloc));
