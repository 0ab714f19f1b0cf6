// SPDX-License-Identifier: MIT
/* See listeners.h. */
#include "serve/listeners.h"
#include "base/buf.h"
#include "serve/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define FIRST_HANDED_OVER 3 /* sd_listen_fds(3); LISTEN_PID keeps our children from taking them */
#define UNIX_PREFIX       "unix:"

static enum err add(struct listeners *l, int fd, struct tls *tls, struct error *e)
{
	if (l->n == HTTP_LISTENERS_MAX) {
		close(fd);
		return err_set(e, ERR_USAGE, "more than %d sockets to listen on",
			       HTTP_LISTENERS_MAX);
	}
	l->at[l->n++] = (struct http_listener){fd, tls};
	if (tls && !l->tls_port)
		l->tls_port = listen_port(fd);
	if (!tls && !l->port)
		l->port = listen_port(fd);
	l->open |= !tls && listen_is_open(fd);
	return OK;
}

void listeners_close(struct listeners *l)
{
	while (l->n)
		close(l->at[--l->n].fd);
}

/* ---- what systemd hands over ---- */

static uint64_t number_in(const char *variable)
{
	uint64_t n;

	return parse_u64(slice_of(getenv(variable)), INT32_MAX, &n) ? n : 0;
}

/* By its FileDescriptorName= a socket is the one for TLS. */
static enum err take_over(struct slice name, int fd, struct tls *tls, struct listeners *l,
			  struct error *e)
{
	bool secure = slice_eq(name, SLICE("https")) || slice_eq(name, SLICE("tls"));
	int listening = 0;
	socklen_t n = sizeof(listening);

	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &n) != 0 || !listening)
		return err_set(e, ERR_USAGE, "systemd has handed over what is no listening socket");
	if (secure && !tls)
		return err_set(e, ERR_USAGE,
			       "the socket '" SLICE_FMT "' needs TLS_CERT and TLS_KEY",
			       SLICE_ARG(name));
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	return add(l, fd, secure ? tls : NULL, e);
}

static enum err take_all_over(struct tls *tls, struct listeners *l, struct error *e)
{
	uint64_t n = number_in("LISTEN_FDS");
	struct slice names = slice_of(getenv("LISTEN_FDNAMES")), name = SLICE_NONE;
	enum err err = OK;

	if (number_in("LISTEN_PID") != (uint64_t)getpid())
		return OK;
	for (uint64_t i = 0; i < n && i < HTTP_LISTENERS_MAX && !err; i++) {
		if (!slice_next(&names, ':', &name))
			name = SLICE_NONE;
		err = take_over(name, FIRST_HANDED_OVER + (int)i, tls, l, e);
	}
	return err;
}

/* ---- what is said ---- */

static enum err open_port(const char *address, const char *setting, int32_t port, struct tls *tls,
			  struct listeners *l, struct error *e)
{
	int fd;

	if (port == PORT_OFF)
		return OK;
	if (listen_on(address, (uint16_t)port, &fd, e) != OK)
		return err_wrap(e, "LISTEN_ADDRESS, %s", setting);
	return add(l, fd, tls, e);
}

static enum err open_address(const struct conf *conf, const char *address, struct tls *tls,
			     struct listeners *l, struct error *e)
{
	int fd;

	if (strncmp(address, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0) {
		if (listen_unix(address + strlen(UNIX_PREFIX), &fd, e) != OK)
			return err_wrap(e, "LISTEN_ADDRESS");
		return add(l, fd, NULL, e);
	}
	if (open_port(address, "PORT", conf->port, NULL, l, e) != OK)
		return e->code;
	return open_port(address, "TLS_PORT", conf->tls_port, tls, l, e);
}

static enum err open_all(const struct conf *conf, struct tls *tls, struct listeners *l,
			 struct error *e)
{
	char *words CLEANUP(free_p) = xstrdup(conf->listen_address), *left = words;
	char *word = strtok_r(words, " ,\t", &left);

	if (!word)
		return open_address(conf, "", tls, l, e);
	for (; word; word = strtok_r(NULL, " ,\t", &left))
		if (open_address(conf, word, tls, l, e) != OK)
			return e->code;
	return OK;
}

enum err listeners_open(const struct conf *conf, struct tls *tls, struct listeners *ret,
			struct error *e)
{
	enum err err;

	*ret = (struct listeners){.n = 0};
	err = take_all_over(tls, ret, e);
	if (!err && !ret->n)
		err = open_all(conf, tls, ret, e);
	if (!err && !ret->n)
		err = err_set(e, ERR_USAGE, "PORT is off and so is TLS_PORT: nothing to listen on");
	if (err)
		listeners_close(ret);
	return err;
}
