// SPDX-License-Identifier: MIT
/*
 * Time. Intervals are int64_t nanoseconds of the monotonic clock; dates are seconds since the
 * epoch. Tests freeze either one with clock_freeze_*(); a frozen clock stands still until it is
 * set again. Thread safe.
 */
#pragma once
#include "base/slice.h"
#include <time.h>

#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S  INT64_C(1000000000)

int64_t clock_mono_ns(void);
/* The same to a few milliseconds, and in a fifth of the time. Never ahead of it. */
int64_t clock_coarse_ns(void);
int64_t clock_boot_ns(void); /* as the first, but it goes on while the machine sleeps */
int64_t clock_wall_s(void);
void clock_freeze_mono_ns(int64_t now); /* 0 thaws */
void clock_freeze_wall_s(int64_t now);  /* 0 thaws */

#define HTTP_DATE_LEN 30 /* "Sun, 06 Nov 1994 08:49:37 GMT" and its NUL */
#define AMZ_DATE_LEN  17 /* "20130524T000000Z" and its NUL */
#define ISO_DATE_LEN  21 /* "2026-11-22T15:00:00Z" and its NUL */

/* RFC 9110 IMF-fixdate, independent of locale and time zone. */
void http_date_format(int64_t t, char ret[static HTTP_DATE_LEN]);
/* IMF-fixdate only (what S3, nginx and every cache send). */
bool http_date_parse(struct slice s, int64_t *ret);
/* ISO 8601 as AWS writes expiry dates: "2026-11-22T15:00:00Z", fraction ignored. */
bool iso_date_parse(struct slice s, int64_t *ret);
void iso_date_format(int64_t t, char ret[static ISO_DATE_LEN]);
/* The basic form that SigV4 wants: "20130524T000000Z". */
void amz_date_format(int64_t t, char ret[static AMZ_DATE_LEN]);
