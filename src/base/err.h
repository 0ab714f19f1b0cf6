// SPDX-License-Identifier: MIT
/*
 * The one error type. A function that can fail returns enum err and fills its last parameter,
 * struct error *e, once, where the failure happens; callers on the way up only prefix it
 * (err_wrap). The struct is of fixed size: no allocation, nothing to free, safe to copy.
 *
 * Conditions (hit or miss, found or absent) are not errors: they are enums of the function
 * that reports them.
 *
 * Every function here accepts e == NULL. Messages: lower case, no full stop, what failed first,
 * values quoted; never a secret.
 */
#pragma once
#include "base/macros.h"

#include <stdbool.h>

enum err {
	OK = 0,
	ERR_NOMEM,    /* out of memory */
	ERR_IO,       /* local file system */
	ERR_NET,      /* could not reach the other side, or it went away */
	ERR_UPSTREAM, /* the other side answered with a failure of its own */
	ERR_DENIED,   /* the other side says no to this request: credentials, policy, syntax */
	ERR_TIMEOUT,
	ERR_CORRUPT,  /* data is not as it has to be */
	ERR_OTHER,    /* it is whole, but another file than was asked for */
	ERR_LIMIT,    /* input beyond a limit of ours */
	ERR_BUSY,     /* a queue or pool of ours is full */
	ERR_CANCELED, /* broken off: it is not wanted any more, or the process ends */
	ERR_USAGE,    /* the user asked for something that cannot be */
};

#define ERROR_MSG_MAX 256

struct error {
	enum err code;
	int sys; /* errno when the operating system refused, else 0 */
	char msg[ERROR_MSG_MAX];
};

/* Fill e at the origin of a failure. Returns code, so that `return err_set(...)` reads well. */
enum err err_set(struct error *e, enum err code, const char *fmt, ...) PRINTF(3, 4);
/* The same for a failed system call: appends strerror(errno) and keeps errno in e->sys. */
enum err err_sys(struct error *e, enum err code, const char *fmt, ...) PRINTF(3, 4);
/* Put "fmt: " before the message of e. Returns e->code. */
enum err err_wrap(struct error *e, const char *fmt, ...) PRINTF(2, 3);
/*
 * Is this errno a want of our own, of descriptors or memory? It says nothing of a store or a disk.
 */
bool err_sys_is_ours(int sys);
/* "net", "timeout", ...: for logs and metric labels. */
const char *err_name(enum err code);
