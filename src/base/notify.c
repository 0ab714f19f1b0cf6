// SPDX-License-Identifier: MIT
/* See notify.h. One datagram to NOTIFY_SOCKET; a name that begins with @ is abstract. */
#include "base/notify.h"
#include "base/macros.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

void notify_systemd(const char *state)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	const char *path = getenv("NOTIFY_SOCKET");
	size_t n = path ? strlen(path) : 0;
	int fd CLEANUP(close_p) = -1;

	if (n < 2 || n >= sizeof(to.sun_path))
		return;
	memcpy(to.sun_path, path, n);
	if (path[0] == '@')
		to.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&to,
	       (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n));
}
