// SPDX-License-Identifier: MIT
/* See pace.h. */
#include "http/pace.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

enum { STATE_FIN_WAIT2 = 5 }; /* TCP_FIN_WAIT2 of netinet/tcp.h, which linux/tcp.h excludes */

static bool ask_kernel(int fd, struct tcp_info *ret)
{
	socklen_t n = sizeof(*ret);

	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, ret, &n) == 0;
}

int64_t http_pace_taken(int fd, uint64_t before)
{
	struct tcp_info info;

	if (!ask_kernel(fd, &info))
		return 0;
	/* Our FIN, once it has been acknowledged, counts as a byte. */
	before += info.tcpi_state == STATE_FIN_WAIT2;
	return info.tcpi_bytes_acked > before ? (int64_t)(info.tcpi_bytes_acked - before) : 0;
}

void http_pace_begin(struct http_pace *p)
{
	p->window.ns = 0;
	p->rate = HTTP_PACE_UNKNOWN;
}

static void restart(struct http_pace *p, struct http_mark here)
{
	p->window = p->minute[1] = here;
	p->minute[0].ns = 0;
	p->rate = HTTP_PACE_UNKNOWN;
}

static uint64_t rate_since(struct http_mark then, struct http_mark now)
{
	return (now.acked - then.acked) / (uint64_t)((now.ns - then.ns) / NS_PER_S);
}

/* How fast has it been for a minute at least, and for two at most? */
static void measure_minute(struct http_pace *p, struct http_mark here)
{
	if (here.ns - p->minute[1].ns >= HTTP_PACE_MINUTE_NS) {
		p->minute[0] = p->minute[1];
		p->minute[1] = here;
	}
	if (p->minute[0].ns)
		p->rate = rate_since(p->minute[0], here);
}

bool http_pace_look(struct http_pace *p, int fd, uint64_t min_rate)
{
	struct http_mark here = {.ns = clock_mono_ns()};
	struct tcp_info info;

	if (!ask_kernel(fd, &info) || (info.tcpi_unacked == 0 && info.tcpi_notsent_bytes == 0)) {
		http_pace_begin(p);
		return false;
	}
	here.acked = info.tcpi_bytes_acked;
	if (!p->window.ns) {
		restart(p, here);
		return false;
	}
	measure_minute(p, here);
	if (here.ns - p->window.ns < HTTP_PACE_WINDOW_NS)
		return false;
	if (rate_since(p->window, here) < min_rate)
		return true;
	p->window = here;
	return false;
}

int64_t http_pace_deadline(int64_t deadline, uint32_t n, uint64_t min_rate)
{
	int64_t latest = clock_coarse_ns() + HTTP_PACE_LAG_NS;

	if (!min_rate)
		return HTTP_PACE_NEVER;
	if (deadline == HTTP_PACE_NEVER)
		return latest;
	return MIN(latest, deadline + (int64_t)(n * (uint64_t)NS_PER_S / min_rate));
}
