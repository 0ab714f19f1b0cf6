// SPDX-License-Identifier: MIT
/*
 * The lists of <sys/queue.h>, of members that know whether they are in one: a member that is
 * zeroed, or has been taken out by LIST_LEAVE() or TAILQ_LEAVE(), is in none. (glibc's has no walk
 * that allows the present member to leave: take the first until there is none.)
 */
#pragma once
#include <stddef.h>
#include <sys/queue.h>

#define LIST_IS_IN(member, field) ((member)->field.le_prev != NULL)
#define LIST_LEAVE(member, field)                                                                  \
	do {                                                                                       \
		LIST_REMOVE(member, field);                                                        \
		(member)->field.le_prev = NULL;                                                    \
	} while (0)

#define TAILQ_IS_IN(member, field) ((member)->field.tqe_prev != NULL)
#define TAILQ_LEAVE(head, member, field)                                                           \
	do {                                                                                       \
		TAILQ_REMOVE(head, member, field);                                                 \
		(member)->field.tqe_prev = NULL;                                                   \
	} while (0)
/* A head that is zeroed is one of an empty list for all but TAILQ_INSERT_TAIL(). */
#define TAILQ_ADD(head, member, field)                                                             \
	do {                                                                                       \
		if (TAILQ_EMPTY(head))                                                             \
			TAILQ_INIT(head);                                                          \
		TAILQ_INSERT_TAIL(head, member, field);                                            \
	} while (0)
