// SPDX-License-Identifier: MIT
/* See value.h. Sizes and times are the same thing, a number and one of a few units. */
#include "conf/value.h"

#include "base/clock.h"

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit size_units[] = {
	{"", 1},
	{"b", 1},
	{"k", UINT64_C(1) << 10},
	{"kb", UINT64_C(1) << 10},
	{"kib", UINT64_C(1) << 10},
	{"m", UINT64_C(1) << 20},
	{"mb", UINT64_C(1) << 20},
	{"mib", UINT64_C(1) << 20},
	{"g", UINT64_C(1) << 30},
	{"gb", UINT64_C(1) << 30},
	{"gib", UINT64_C(1) << 30},
	{"t", UINT64_C(1) << 40},
	{"tb", UINT64_C(1) << 40},
	{"tib", UINT64_C(1) << 40},
};

static const struct unit time_units[] = {
	{"", NS_PER_S}, // a number alone
	{"ms", NS_PER_MS}, {"s", NS_PER_S}, {"m", 60 * NS_PER_S}, {"h", 3600 * NS_PER_S},
};

static bool parse_scaled(struct slice s, const struct unit *units, size_t n, uint64_t max,
			 uint64_t *ret)
{
	size_t digits = 0;
	uint64_t v;

	while (digits < s.n && s.p[digits] >= '0' && s.p[digits] <= '9')
		digits++;
	for (size_t i = 0; i < n; i++)
		if (slice_eq_nocase(slice_from(s, digits), slice_of(units[i].name))) {
			if (!parse_u64(slice_head(s, digits), max / units[i].factor, &v))
				return false;
			*ret = v * units[i].factor;
			return true;
		}
	return false;
}

bool value_parse_size(struct slice s, uint64_t *ret)
{
	return parse_scaled(s, size_units, ARRAY_LEN(size_units), UINT64_MAX, ret);
}

bool value_parse_time(struct slice s, uint64_t *ret_ns)
{
	return parse_scaled(s, time_units, ARRAY_LEN(time_units), INT64_MAX, ret_ns);
}

bool value_parse_choice(struct slice s, const char *choices, unsigned *ret)
{
	struct slice rest = slice_of(choices), choice;

	for (unsigned i = 0; slice_next(&rest, '|', &choice); i++)
		if (slice_eq_nocase(s, choice)) {
			*ret = i;
			return true;
		}
	return false;
}

bool value_parse_bool(struct slice s, bool *ret)
{
	unsigned at;

	if (!value_parse_choice(s, "off|on|false|true|no|yes|0|1", &at))
		return false;
	*ret = at % 2;
	return true;
}

/* The host without its brackets; false when they are not where they belong. */
static bool strip_brackets(struct slice *host)
{
	bool v6 = slice_starts(*host, SLICE("["));

	if (v6) {
		if (host->n < 4 || !slice_ends(*host, SLICE("]")))
			return false;
		*host = (struct slice){host->p + 1, host->n - 2};
	}
	for (size_t i = 0; i < host->n; i++)
		if (strchr("[]/@ ", host->p[i]) || (!v6 && host->p[i] == ':'))
			return false;
	return true;
}

bool value_parse_address(struct slice s, struct slice *ret_host, uint16_t *ret_port)
{
	size_t colon = slice_rfind(s, ':');
	struct slice host = slice_head(s, colon);
	uint64_t port;

	if (!parse_u64(slice_from(s, colon + 1), UINT16_MAX, &port) || !strip_brackets(&host))
		return false;
	*ret_host = host;
	*ret_port = (uint16_t)port;
	return true;
}

bool value_parse_port(struct slice s, int32_t *ret)
{
	uint64_t port;

	if (slice_eq_nocase(s, SLICE("off"))) {
		*ret = -1;
		return true;
	}
	if (!parse_u64(s, UINT16_MAX, &port))
		return false;
	*ret = (int32_t)port;
	return true;
}

bool value_is_line(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
			return false;
	return true;
}

bool value_is_url(struct slice s)
{
	struct slice rest = slice_from(s, slice_starts_nocase(s, SLICE("https://")) ? 8 : 7);

	if (!slice_starts_nocase(s, SLICE("http://")) && !slice_starts_nocase(s, SLICE("https://")))
		return false;
	if (rest.n == 0 || rest.p[0] == '/' || !value_is_line(s))
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (strchr(" \"<>\\^`{|}", s.p[i]))
			return false;
	return true;
}
