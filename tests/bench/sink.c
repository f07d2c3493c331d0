/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sink [OPTION...]: an S3 server that discards what it is sent. See sink.h
 * for how it works.
 *   --port N          TCP port of 127.0.0.1; 0, the default: a free one
 *   --ready-file F    the address goes to F once connections are taken
 *   --latency-ms N    each answer comes N ms later than it could
 *   --conn-mbps N     each connection is read at N MB/s (10^6 bytes) at most
 *   --tls CERT KEY    TLS with these PEM files
 * GET /stats: what was asked so far, as JSON. POST /stats/reset: from zero.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "tests/bench/sink.h"

#define EVENTS 64

static volatile sig_atomic_t stopped;

static void on_signal(int sig)
{
	(void)sig;
	stopped = 1;
}

static int usage(void)
{
	fputs("usage: sink [--port N] [--ready-file FILE] [--latency-ms N]\n"
	      "            [--conn-mbps N] [--tls CERT KEY]\n", stderr);
	return 2;
}

static bool number(const char *text, uint64_t max, uint64_t *ret)
{
	char *end;

	errno = 0;
	*ret = strtoull(text, &end, 10);
	return !errno && end != text && !*end && *ret <= max;
}

static bool parse_number(struct sink_options *o, const char *name,
			 const char *text)
{
	uint64_t v;

	if (!number(text, 1000000, &v))
		return false;
	if (strcmp(name, "--port") == 0 && v < 65536)
		o->port = (int)v;
	else if (strcmp(name, "--latency-ms") == 0)
		o->latency_ns = (int64_t)v * SINK_NS_PER_MS;
	else if (strcmp(name, "--conn-mbps") == 0)
		o->conn_bytes_per_s = v * 1000000;
	else
		return false;
	return true;
}

static bool parse(struct sink_options *o, int argc, char **argv)
{
	for (int i = 1; i < argc; i += 2) {
		if (i + 1 >= argc)
			return false;
		if (strcmp(argv[i], "--ready-file") == 0) {
			o->ready_file = argv[i + 1];
		} else if (strcmp(argv[i], "--tls") == 0) {
			if (i + 2 >= argc)
				return false;
			o->cert = argv[i + 1];
			o->key = argv[i + 2];
			i++;
		} else if (!parse_number(o, argv[i], argv[i + 1])) {
			return false;
		}
	}
	return true;
}

static int open_tls(struct sink *s)
{
	if (!s->opt.cert)
		return 0;
	s->tls = SSL_CTX_new(TLS_server_method());
	if (!s->tls ||
	    SSL_CTX_use_certificate_chain_file(s->tls, s->opt.cert) != 1 ||
	    SSL_CTX_use_PrivateKey_file(s->tls, s->opt.key,
					SSL_FILETYPE_PEM) != 1)
		return -EINVAL;
	SSL_CTX_set_mode(s->tls, SSL_MODE_ENABLE_PARTIAL_WRITE |
					 SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_read_ahead(s->tls, 1);
	SSL_CTX_set_default_read_buffer_len(s->tls, 131072);
	return 0;
}

static int open_listener(struct sink *s)
{
	struct epoll_event e = { .events = EPOLLIN };
	struct sockaddr_in a = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)s->opt.port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(a);
	int on = 1;

	s->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK |
					      SOCK_CLOEXEC, 0);
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (s->listener < 0 || s->epoll < 0)
		return -errno;
	if (setsockopt(s->listener, SOL_SOCKET, SO_REUSEADDR, &on,
		       sizeof(on)) ||
	    bind(s->listener, (struct sockaddr *)&a, sizeof(a)) ||
	    listen(s->listener, SOMAXCONN) ||
	    getsockname(s->listener, (struct sockaddr *)&a, &len) ||
	    epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->listener, &e))
		return -errno;
	s->opt.port = ntohs(a.sin_port);
	return 0;
}

static int tell_ready(const struct sink *s)
{
	SL_CLEANUP(free) char *part = NULL;
	FILE *f = stdout;
	int bad;

	if (s->opt.ready_file) {
		if (asprintf(&part, "%s.part", s->opt.ready_file) < 0)
			return -ENOMEM;
		f = fopen(part, "we");
		if (!f)
			return -errno;
	}
	bad = fprintf(f, "%s://127.0.0.1:%d\n", s->tls ? "https" : "http",
		      s->opt.port) < 0;
	bad |= fflush(f) != 0;
	if (part)
		bad |= fclose(f) != 0 || rename(part, s->opt.ready_file);
	return bad ? -EIO : 0;
}

static void accept_all(struct sink *s)
{
	struct epoll_event e = { .events = EPOLLIN };
	int fd, on = 1;

	while ((fd = accept4(s->listener, NULL, NULL,
			     SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct sink_conn *c = sink_conn_new(s, fd);

		if (!c) {
			close(fd);
			continue;
		}
		e.data.ptr = c;
		c->events = e.events;
		if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on,
			       sizeof(on)) ||
		    epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &e))
			sink_conn_free(s, c);
	}
}

/* Runs what is due; the time until the next is, -1 for never. */
static int run_timers(struct sink *s)
{
	int64_t now = sink_now_ns(), first = INT64_MAX, left;

	for (struct sink_conn *c = s->conns, *next; c; c = next) {
		next = c->next;
		if (c->wake_ns && c->wake_ns <= now)
			sink_conn_run(s, c);
		if (c->dead)
			sink_conn_free(s, c);
		else if (c->wake_ns && c->wake_ns < first)
			first = c->wake_ns;
	}
	if (first == INT64_MAX)
		return -1;
	left = first - sink_now_ns();
	return left <= 0 ? 0 :
			   (int)((left + SINK_NS_PER_MS - 1) / SINK_NS_PER_MS);
}

static int serve(struct sink *s)
{
	struct epoll_event events[EVENTS];
	int wait = -1;

	while (!stopped) {
		int n = epoll_wait(s->epoll, events, EVENTS, wait);

		if (n < 0 && errno != EINTR)
			return -errno;
		for (int i = 0; i < n; i++) {
			struct sink_conn *c = events[i].data.ptr;

			/* While it waits for its time only an end shows. */
			if (c && c->wake_ns && c->wake_ns > sink_now_ns())
				c->dead = true;
			else if (c)
				sink_conn_run(s, c);
			else
				accept_all(s);
		}
		wait = run_timers(s);
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct sink s = { .listener = -1, .epoll = -1 };
	struct sigaction stop = { .sa_handler = on_signal };
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	int err;

	if (!parse(&s.opt, argc, argv))
		return usage();
	if (sigaction(SIGTERM, &stop, NULL) || sigaction(SIGINT, &stop, NULL) ||
	    sigaction(SIGPIPE, &ignore, NULL))
		return 1;
	err = open_tls(&s);
	if (!err)
		err = open_listener(&s);
	if (!err)
		err = tell_ready(&s);
	if (!err)
		err = serve(&s);
	if (err)
		fprintf(stderr, "sink: %s\n", strerror(-err));
	while (s.conns)
		sink_conn_free(&s, s.conns);
	sink_store_release(&s);
	SSL_CTX_free(s.tls);
	if (s.epoll >= 0)
		close(s.epoll);
	if (s.listener >= 0)
		close(s.listener);
	return err != 0;
}
