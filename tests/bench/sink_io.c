/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes of a connection, plain or TLS. MSG_TRUNC lets the kernel drop what is
 * not wanted without copying it, which is what makes the sink cheap.
 */
#include <errno.h>
#include <openssl/err.h>
#include <sys/socket.h>

#include "tests/bench/sink.h"

static ssize_t of_ssl(struct sink_conn *c, int r)
{
	int why;

	c->want_write = false;
	if (r > 0)
		return r;
	why = SSL_get_error(c->ssl, r);
	ERR_clear_error();
	c->want_write = why == SSL_ERROR_WANT_WRITE;
	if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE)
		return -EAGAIN;
	return why == SSL_ERROR_ZERO_RETURN ? 0 : -EIO;
}

static int int_of(size_t n)
{
	return n > INT32_MAX ? INT32_MAX : (int)n;
}

ssize_t sink_io_read(struct sink_conn *c, void *p, size_t n)
{
	ssize_t r;

	if (c->ssl)
		return of_ssl(c, SSL_read(c->ssl, p, int_of(n)));
	r = recv(c->fd, p, n, 0);
	return r < 0 ? -errno : r;
}

ssize_t sink_io_discard(struct sink_conn *c, size_t n)
{
	static char scratch[65536];
	ssize_t r;

	if (c->ssl)
		return sink_io_read(c, scratch,
				    n < sizeof(scratch) ? n : sizeof(scratch));
	r = recv(c->fd, NULL, n, MSG_TRUNC);
	return r < 0 ? -errno : r;
}

ssize_t sink_io_write(struct sink_conn *c, const void *p, size_t n)
{
	ssize_t r;

	if (c->ssl)
		return of_ssl(c, SSL_write(c->ssl, p, int_of(n)));
	r = send(c->fd, p, n, MSG_NOSIGNAL);
	return r < 0 ? -errno : r;
}

/* 0 when it is done. */
int sink_io_handshake(struct sink_conn *c)
{
	ssize_t r = of_ssl(c, SSL_accept(c->ssl));

	if (r > 0)
		return 0;
	return r ? (int)r : -ECONNRESET;
}
