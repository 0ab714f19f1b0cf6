// SPDX-License-Identifier: MIT
/* The page of counters: its grammar, as Prometheus reads it, and the histogram's sums. */
#include "metric/metric.h"

#include "base/clock.h"
#include "tap.h"

static bool has_line(const char *page, const char *line)
{
	const char *at = page;
	size_t n = strlen(line);

	while ((at = strstr(at, line))) {
		if ((at == page || at[-1] == '\n') && at[n] == '\n')
			return true;
		at += n;
	}
	return false;
}

static size_t count(const char *page, const char *text)
{
	size_t n = 0;

	for (const char *at = page; (at = strstr(at, text)); at += strlen(text))
		n++;
	return n;
}

static void test_counters(void)
{
	struct buf page CLEANUP(buf_fini) = BUF_MAX(65536);

	metric_inc(requests_found);
	metric_add(client_bytes, INT64_C(5000000000));
	metric_inc(connections);
	metric_inc(connections);
	metric_dec(connections);
	metric_print(&page);
	CHECK(has_line(buf_str(&page), "pepto_requests_total{outcome=\"found\"} 1"),
	      "with a label");
	CHECK(has_line(buf_str(&page), "pepto_client_bytes_total 5000000000"),
	      "without, and large");
	CHECK(has_line(buf_str(&page), "pepto_connections 1"), "a gauge goes down as well");
	CHECK(has_line(buf_str(&page), "# TYPE pepto_connections gauge"),
	      "and says that it is one");
	CHECK(has_line(buf_str(&page), "# TYPE pepto_requests_total counter"), "as counters do");
	CHECK_INT(count(buf_str(&page), "# TYPE pepto_requests_total "), 1, "once for all labels");
	CHECK(has_line(buf_str(&page), "pepto_build_info{version=\"" PEPTO_VERSION "\"} 1"),
	      "version");
}

/* Every line is a comment of the two kinds or a sample; every sample's metric has been declared. */
static void test_grammar(void)
{
	struct buf page CLEANUP(buf_fini) = BUF_MAX(65536);
	char type[200] = "", last_help[200] = "";
	struct slice rest, line;
	bool good = true;

	metric_print(&page);
	CHECK(!buf_failed(&page) && page.n && page.p[page.n - 1] == '\n', "a page of whole lines");
	rest = slice_head(buf_slice(&page), page.n - 1);
	while (slice_next(&rest, '\n', &line)) {
		if (slice_starts(line, SLICE("# HELP "))) {
			line = slice_from(line, 7);
			snprintf(last_help, sizeof(last_help), SLICE_FMT,
				 SLICE_ARG(slice_head(line, slice_find(line, ' '))));
			good = good && slice_find(line, ' ') + 1 < line.n;
		} else if (slice_starts(line, SLICE("# TYPE "))) {
			line = slice_from(line, 7);
			snprintf(type, sizeof(type), SLICE_FMT,
				 SLICE_ARG(slice_head(line, slice_find(line, ' '))));
			good = good && strcmp(type, last_help) == 0 &&
			       count(buf_str(&page), type) >= 3;
		} else {
			good = good && type[0] && slice_starts(line, slice_of(type)) &&
			       slice_find(line, ' ') + 1 < line.n;
		}
	}
	CHECK(good, "help and type before the samples of each metric, and not without a text");
}

static void test_histogram(void)
{
	struct buf page CLEANUP(buf_fini) = BUF_MAX(65536);

	metric_observe_request(0);
	metric_observe_request(NS_PER_MS);
	metric_observe_request(NS_PER_MS + 1);
	metric_observe_request(8 * NS_PER_S);
	metric_observe_request(3600 * NS_PER_S);
	metric_print(&page);
	CHECK(has_line(buf_str(&page), "pepto_request_seconds_bucket{le=\"0.001\"} 2"),
	      "a bound belongs to its bucket");
	CHECK(has_line(buf_str(&page), "pepto_request_seconds_bucket{le=\"0.002\"} 3"),
	      "cumulative");
	CHECK(has_line(buf_str(&page), "pepto_request_seconds_bucket{le=\"3.000\"} 3"),
	      "cumulative");
	CHECK(has_line(buf_str(&page), "pepto_request_seconds_bucket{le=\"8.000\"} 4"),
	      "cumulative");
	CHECK(has_line(buf_str(&page), "pepto_request_seconds_bucket{le=\"+Inf\"} 5"), "all");
	CHECK(has_line(buf_str(&page), "pepto_request_seconds_count 5"), "count");
	CHECK(has_line(buf_str(&page), "pepto_request_seconds_sum 3608.002000"), "sum");
}

int main(void)
{
	test_counters();
	test_grammar();
	test_histogram();
	return tap_done();
}
