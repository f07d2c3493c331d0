/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server for many calls at once: keeps connections alive, a thread for each,
 * and lets single requests meet a fate of their own.
 */
#ifndef HTTP_CROWD_H
#define HTTP_CROWD_H

#include "http_rig.h"

#include <stdio.h>
#include <time.h>

#define REFUSAL "HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\n\r\n"

enum fate {
	OK,
	STALL,	/* is never answered */
	LATE,	/* is answered after nearly a second */
	HALF,	/* the same, but for the last byte, which comes later still */
	TAIL,	/* at once, but for the last byte */
	CUT,	/* the connection ends */
	REFUSE, /* 503 */
};

/* One thread a connection, which is kept alive. */
static struct crowd {
	int fd, port;
	pthread_t thread;
	pthread_t peer[4096];
	int peers;
	int refuse;	/* atomic: answer 503 */
	const char *refusal; /* what is answered then; NULL: REFUSAL */
	int from;	/* from this request on fate[] counts; 0: never */
	enum fate fate[2];
	enum fate usual; /* what all others meet */
	int requests;	/* atomic */
	uint64_t bytes; /* atomic: of bodies */
	int stop;	/* atomic */
} crowd;

/* The head of a request; false at the end of the connection. */
static inline bool read_head(int fd, char *head, size_t size, size_t *ret_more)
{
	size_t n = 0;
	char *end = NULL;

	while (!end && n < size - 1) {
		ssize_t r = recv(fd, head + n, size - 1 - n, 0);

		if (r <= 0)
			return false;
		n += (size_t)r;
		head[n] = '\0';
		end = strstr(head, "\r\n\r\n");
	}
	if (!end)
		return false;
	*ret_more = n - (size_t)(end + 4 - head);
	return true;
}

static inline bool read_body(int fd, const char *head, size_t have)
{
	const char *len = strcasestr(head, "Content-Length: ");
	size_t want = len ? strtoul(len + 16, NULL, 10) : 0;
	char piece[65536];

	__atomic_add_fetch(&crowd.bytes, have, __ATOMIC_RELAXED);
	while (have < want) {
		ssize_t r = recv(fd, piece, sizeof(piece), 0);

		if (r <= 0)
			return false;
		have += (size_t)r;
		__atomic_add_fetch(&crowd.bytes, (size_t)r, __ATOMIC_RELAXED);
	}
	return true;
}

static inline void until_closed(int fd)
{
	char piece[4096];

	while (recv(fd, piece, sizeof(piece), 0) > 0)
		;
}

static inline void nap(int ms)
{
	const struct timespec ts = { ms / 1000, ms % 1000 * 1000000L };

	nanosleep(&ts, NULL);
}

static inline enum fate fate_of(int n)
{
	if (__atomic_load_n(&crowd.refuse, __ATOMIC_RELAXED))
		return REFUSE;
	if (!crowd.from || n < crowd.from || n > crowd.from + 1)
		return crowd.usual;
	return crowd.fate[n - crowd.from];
}

static inline bool answer(int fd, const char *a, enum fate fate)
{
	size_t n = strlen(a), first = n;

	if (fate == HALF || fate == TAIL)
		first--;
	if (send(fd, a, first, MSG_NOSIGNAL) < 0)
		return false;
	if (first == n)
		return true;
	nap(700);
	return send(fd, a + first, 1, MSG_NOSIGNAL) == 1;
}

static inline void *serve_peer(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char head[8192];
	size_t more;

	while (read_head(fd, head, sizeof(head), &more)) {
		int n = __atomic_add_fetch(&crowd.requests, 1,
					   __ATOMIC_RELAXED);
		enum fate fate = fate_of(n);
		const char *no = crowd.refusal ? crowd.refusal : REFUSAL;
		const char *a = fate == REFUSE ? no : OK_ANSWER;

		if (fate == STALL)
			until_closed(fd);
		if (fate == STALL || fate == CUT)
			break;
		if (fate == LATE || fate == HALF)
			nap(900);
		if (!read_body(fd, head, more) || !answer(fd, a, fate))
			break;
	}
	close(fd);
	return NULL;
}

static inline void *accept_peers(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&crowd.stop, __ATOMIC_RELAXED)) {
		int fd = accept(crowd.fd, NULL, NULL);

		if (fd < 0)
			break;
		if (crowd.peers == 4096 ||
		    pthread_create(&crowd.peer[crowd.peers], NULL, serve_peer,
				   (void *)(intptr_t)fd)) {
			close(fd);
			continue;
		}
		__atomic_add_fetch(&crowd.peers, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static inline void crowd_start(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof(a);

	memset(&crowd, 0, sizeof(crowd));
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	crowd.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(crowd.fd >= 0);
	assert_int_equal(bind(crowd.fd, (void *)&a, sizeof(a)), 0);
	assert_int_equal(listen(crowd.fd, 512), 0);
	assert_int_equal(getsockname(crowd.fd, (void *)&a, &len), 0);
	crowd.port = ntohs(a.sin_port);
	assert_int_equal(pthread_create(&crowd.thread, NULL, accept_peers,
					NULL), 0);
}

/* After the client has gone, and with it all connections. */
static inline void crowd_stop(void)
{
	__atomic_store_n(&crowd.stop, 1, __ATOMIC_RELAXED);
	shutdown(crowd.fd, SHUT_RDWR);
	assert_int_equal(pthread_join(crowd.thread, NULL), 0);
	for (int i = 0; i < crowd.peers; i++)
		assert_int_equal(pthread_join(crowd.peer[i], NULL), 0);
	close(crowd.fd);
}

static inline int seen(void)
{
	return __atomic_load_n(&crowd.requests, __ATOMIC_RELAXED);
}

#endif
