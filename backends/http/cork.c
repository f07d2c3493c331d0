/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Head and body of a small request leave as one. libcurl writes them one after
 * the other, so that the receiver wakes up twice, and a network carries a
 * packet more, for each small file. So the connection is corked (tcp(7),
 * TCP_CORK) before the head is written, after any handshake, and uncorked
 * when libcurl has taken the whole body. Should that be missed, the kernel
 * holds the rest of a segment back for 200 ms at most.
 *
 * libcurl does not tell which socket a request goes to, only its local port;
 * so each I/O thread makes and closes its sockets itself and looks the port
 * up. Nothing here fails a request: without the socket all is as without the
 * cork.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backends/http/internal.h"
#include "log.h"

/* Larger bodies fill segments by themselves. */
#define SMALL_BODY ((uint64_t)256 * 1024)

struct sl_sock {
	struct sl_sock *next;
	int fd;
	int port; /* local; 0: not known yet */
};

/* Not every socket that libcurl gives up comes back through on_close(). */
static void forget(struct sl_io *io, int fd)
{
	for (struct sl_sock **at = &io->socks; *at; at = &(*at)->next) {
		struct sl_sock *s = *at;

		if (s->fd != fd)
			continue;
		*at = s->next;
		free(s);
		return;
	}
}

void sl_cork_end(struct sl_io *io)
{
	while (io->socks)
		forget(io, io->socks->fd);
}

static curl_socket_t on_open(void *arg, curlsocktype purpose,
			     struct curl_sockaddr *a)
{
	struct sl_io *io = arg;
	int fd = socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
	struct sl_sock *s;

	if (fd < 0)
		return CURL_SOCKET_BAD;
	forget(io, fd);
	s = purpose == CURLSOCKTYPE_IPCXN ? calloc(1, sizeof(*s)) : NULL;
	if (s) {
		s->fd = fd;
		s->next = io->socks;
		io->socks = s;
	}
	return fd;
}

static int on_close(void *arg, curl_socket_t fd)
{
	forget(arg, fd);
	return close(fd);
}

static int port_of(int fd)
{
	struct sockaddr_storage ss = { 0 };
	socklen_t n = sizeof(ss);

	if (getsockname(fd, (struct sockaddr *)&ss, &n))
		return 0;
	if (ss.ss_family == AF_INET)
		return ntohs(((struct sockaddr_in *)&ss)->sin_port);
	if (ss.ss_family == AF_INET6)
		return ntohs(((struct sockaddr_in6 *)&ss)->sin6_port);
	return 0;
}

/* -1: none, or two that differ in their address. */
static int find(struct sl_io *io, int port)
{
	int fd = -1, found = 0;

	for (struct sl_sock *s = io->socks; s; s = s->next) {
		if (!s->port)
			s->port = port_of(s->fd);
		if (s->port == port) {
			fd = s->fd;
			found++;
		}
	}
	return found == 1 ? fd : -1;
}

static bool set_cork(int fd, int on)
{
	if (!setsockopt(fd, IPPROTO_TCP, TCP_CORK, &on, sizeof(on)))
		return true;
	sl_log_debug("a connection cannot be corked");
	return false;
}

static int on_request(void *arg, char *ip, char *local_ip, int port,
		      int local_port)
{
	struct sl_attempt *a = arg;

	(void)ip;
	(void)local_ip;
	(void)port;
	if (!a->req.body_len || a->req.body_len > SMALL_BODY)
		return CURL_PREREQFUNC_OK;
	a->port = local_port;
	a->corked = set_cork(find(a->owner->io, local_port), 1);
	return CURL_PREREQFUNC_OK;
}

bool sl_cork_setup(struct sl_attempt *a)
{
	struct sl_io *io = a->owner->io;

	return !curl_easy_setopt(a->easy, CURLOPT_OPENSOCKETFUNCTION,
				 on_open) &&
	       !curl_easy_setopt(a->easy, CURLOPT_OPENSOCKETDATA, io) &&
	       !curl_easy_setopt(a->easy, CURLOPT_CLOSESOCKETFUNCTION,
				 on_close) &&
	       !curl_easy_setopt(a->easy, CURLOPT_CLOSESOCKETDATA, io) &&
	       !curl_easy_setopt(a->easy, CURLOPT_PREREQFUNCTION,
				 on_request) &&
	       !curl_easy_setopt(a->easy, CURLOPT_PREREQDATA, a);
}

void sl_cork_pull(struct sl_io *io, struct sl_attempt *a)
{
	int fd = a->corked ? find(io, a->port) : -1;

	a->corked = false;
	if (fd >= 0)
		set_cork(fd, 0);
}

void sl_cork_turn(struct sl_io *io)
{
	for (struct sl_attempt *a = io->active; a; a = a->next) {
		if (a->corked && a->all_read)
			sl_cork_pull(io, a);
	}
}
