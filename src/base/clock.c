// SPDX-License-Identifier: MIT
/* Clocks and the three date formats of HTTP and AWS; see clock.h. */
#include "base/clock.h"

#include <stdatomic.h>
#include <stdio.h>

#define YEAR_0        INT64_C(-62167219200)
#define YEAR_9999_END INT64_C(253402300799)

static atomic_int_least64_t frozen_mono_ns;
static atomic_int_least64_t frozen_wall_s;

static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
				   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

static int64_t mono_ns(clockid_t clock)
{
	int64_t frozen = atomic_load_explicit(&frozen_mono_ns, memory_order_relaxed);
	struct timespec ts;

	if (frozen)
		return frozen;
	clock_gettime(clock, &ts);
	return (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

int64_t clock_mono_ns(void)
{
	return mono_ns(CLOCK_MONOTONIC);
}

int64_t clock_coarse_ns(void)
{
	return mono_ns(CLOCK_MONOTONIC_COARSE);
}

int64_t clock_boot_ns(void)
{
	return mono_ns(CLOCK_BOOTTIME);
}

int64_t clock_wall_s(void)
{
	int64_t frozen = atomic_load_explicit(&frozen_wall_s, memory_order_relaxed);

	return frozen ? frozen : (int64_t)time(NULL);
}

void clock_freeze_mono_ns(int64_t now)
{
	atomic_store_explicit(&frozen_mono_ns, now, memory_order_relaxed);
}

void clock_freeze_wall_s(int64_t now)
{
	atomic_store_explicit(&frozen_wall_s, now, memory_order_relaxed);
}

/* Clamped to years of four digits, which is all that the formats can hold. */
static struct tm utc(int64_t t)
{
	struct tm tm = {0};
	time_t tt = (time_t)MIN(MAX(t, YEAR_0), YEAR_9999_END);

	gmtime_r(&tt, &tm);
	return tm;
}

void http_date_format(int64_t t, char ret[static HTTP_DATE_LEN])
{
	struct tm tm = utc(t);
	char text[64];

	snprintf(text, sizeof(text), "%s, %02d %s %04d %02d:%02d:%02d GMT", days[tm.tm_wday],
		 tm.tm_mday, months[tm.tm_mon], (tm.tm_year + 1900) % 10000, tm.tm_hour, tm.tm_min,
		 tm.tm_sec);
	memcpy(ret, text, HTTP_DATE_LEN - 1);
	ret[HTTP_DATE_LEN - 1] = '\0';
}

void amz_date_format(int64_t t, char ret[static AMZ_DATE_LEN])
{
	struct tm tm = utc(t);
	char text[64];

	snprintf(text, sizeof(text), "%04d%02d%02dT%02d%02d%02dZ", (tm.tm_year + 1900) % 10000,
		 tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
	memcpy(ret, text, AMZ_DATE_LEN - 1);
	ret[AMZ_DATE_LEN - 1] = '\0';
}

void iso_date_format(int64_t t, char ret[static ISO_DATE_LEN])
{
	struct tm tm = utc(t);
	char text[64];

	snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02dZ", (tm.tm_year + 1900) % 10000,
		 tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
	memcpy(ret, text, ISO_DATE_LEN - 1);
	ret[ISO_DATE_LEN - 1] = '\0';
}

/* A number of fixed width at s[at], between lo and hi. */
static bool fixed(struct slice s, size_t at, size_t width, int lo, int hi, int *ret)
{
	uint64_t v;

	if (at + width > s.n || !parse_u64((struct slice){s.p + at, width}, (uint64_t)hi, &v) ||
	    (int)v < lo)
		return false;
	*ret = (int)v;
	return true;
}

static bool month_at(struct slice s, size_t at, int *ret)
{
	for (int m = 0; m < 12; m++) {
		if (memcmp(s.p + at, months[m], 3) == 0) {
			*ret = m;
			return true;
		}
	}
	return false;
}

/* timegm() carries 30 February over into March; here it is no date. */
static bool epoch(struct tm tm, int64_t *ret)
{
	int day = tm.tm_mday;
	time_t t = timegm(&tm);

	if (tm.tm_mday != day)
		return false;
	*ret = (int64_t)t;
	return true;
}

/*
 * The weekday and the punctuation are checked by writing the date again: IMF-fixdate has one
 * spelling per second. A leap second (:60), which no server sends in practice, is no date.
 */
bool http_date_parse(struct slice s, int64_t *ret)
{
	struct tm tm = {0};
	char again[HTTP_DATE_LEN];
	int64_t t;

	if (s.n != HTTP_DATE_LEN - 1)
		return false;
	if (!fixed(s, 5, 2, 1, 31, &tm.tm_mday) || !month_at(s, 8, &tm.tm_mon) ||
	    !fixed(s, 12, 4, 1900, 9999, &tm.tm_year) || !fixed(s, 17, 2, 0, 23, &tm.tm_hour) ||
	    !fixed(s, 20, 2, 0, 59, &tm.tm_min) || !fixed(s, 23, 2, 0, 59, &tm.tm_sec))
		return false;
	tm.tm_year -= 1900;
	if (!epoch(tm, &t))
		return false;
	http_date_format(t, again);
	if (!slice_eq(s, slice_of(again)))
		return false;
	*ret = t;
	return true;
}

/* "" or a point and digits */
static bool is_fraction(struct slice s)
{
	if (s.n == 0)
		return true;
	for (size_t i = 1; i < s.n; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	return s.p[0] == '.' && s.n > 1;
}

bool iso_date_parse(struct slice s, int64_t *ret)
{
	struct tm tm = {0};

	if (s.n < 20 || s.p[4] != '-' || s.p[7] != '-' || s.p[10] != 'T' || s.p[13] != ':' ||
	    s.p[16] != ':' || s.p[s.n - 1] != 'Z' ||
	    !is_fraction((struct slice){s.p + 19, s.n - 20}))
		return false;
	if (!fixed(s, 0, 4, 1900, 9999, &tm.tm_year) || !fixed(s, 5, 2, 1, 12, &tm.tm_mon) ||
	    !fixed(s, 8, 2, 1, 31, &tm.tm_mday) || !fixed(s, 11, 2, 0, 23, &tm.tm_hour) ||
	    !fixed(s, 14, 2, 0, 59, &tm.tm_min) || !fixed(s, 17, 2, 0, 59, &tm.tm_sec))
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon--;
	return epoch(tm, ret);
}
