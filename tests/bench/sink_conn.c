/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection's way through its states. Each run does what can be done
 * without waiting, but at most RUN_BYTES, so that no connection starves the
 * others; what it waits for then is left in 'events' and 'wake_ns'.
 *
 * --conn-mbps: after n bytes nothing is read for n / rate seconds. Lost time
 * is made up for at most BURST_NS, so the rate holds over the whole body.
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "tests/bench/sink.h"

#define RUN_BYTES (4 * 1024 * 1024)
#define BURST_NS (20 * SINK_NS_PER_MS)
#define CHUNK (1024 * 1024)
#define SLOW_CHUNK (256 * 1024)
#define BODY_MAX (4 * 1024 * 1024)

struct sink_conn *sink_conn_new(struct sink *s, int fd)
{
	struct sink_conn *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->fd = fd;
	sl_buf_init(&c->out, SINK_ANSWER_MAX);
	sl_buf_init(&c->body, BODY_MAX);
	if (s->tls) {
		c->ssl = SSL_new(s->tls);
		if (!c->ssl || !SSL_set_fd(c->ssl, fd)) {
			SSL_free(c->ssl);
			free(c);
			return NULL;
		}
		c->shaking = true;
	}
	c->next = s->conns;
	if (c->next)
		c->next->prev = c;
	s->conns = c;
	s->stats.conns_opened++;
	if (++s->stats.conns > s->stats.conns_max)
		s->stats.conns_max = s->stats.conns;
	return c;
}

void sink_conn_free(struct sink *s, struct sink_conn *c)
{
	if (c->state != SINK_HEAD)
		sink_stats_end(s, c);
	if (c->prev)
		c->prev->next = c->next;
	else
		s->conns = c->next;
	if (c->next)
		c->next->prev = c->prev;
	s->stats.conns--;
	SSL_free(c->ssl);
	close(c->fd);
	free(c->req.key);
	free(c->req.target);
	sl_buf_release(&c->out);
	sl_buf_release(&c->body);
	free(c);
}

/* Few bodies are worth a look: the lists of parts of Complete. */
static bool keeps_body(const struct sink_conn *c)
{
	return c->req.kind == SINK_COMPLETE && c->req.length <= BODY_MAX;
}

static void answer(struct sink *s, struct sink_conn *c)
{
	sink_s3_answer(s, c);
	c->state = SINK_SEND;
	if (s->opt.latency_ns && c->req.kind != SINK_OWN) {
		c->state = SINK_DELAY;
		c->wake_ns = sink_now_ns() + s->opt.latency_ns;
	}
}

static int take_body(struct sink *s, struct sink_conn *c, const char *p,
		     size_t n)
{
	sink_stats_bytes(s, c, n);
	c->body_left -= n;
	return p && keeps_body(c) ? sl_buf_append(&c->body, p, n) : 0;
}

/* The head is complete: what follows it in 'in' is body or comes later. */
static int start_request(struct sink *s, struct sink_conn *c)
{
	static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
	char expect[32];
	size_t have;
	int err = sink_http_parse(c);

	if (err)
		return err;
	c->req.kind = sink_s3_kind(c);
	sink_stats_begin(s, c);
	c->state = SINK_BODY;
	c->body_left = c->req.length;
	sl_buf_clear(&c->body);
	have = c->in_len - c->head_len;
	if (have > c->body_left)
		have = c->body_left;
	if (have)
		err = take_body(s, c, c->in + c->head_len, have);
	c->used_len = c->head_len + have;
	/* A fresh socket takes these few bytes whole. */
	if (!err && c->body_left && !have &&
	    sink_http_header(c, "expect", expect, sizeof(expect)) &&
	    sink_io_write(c, go_on, sizeof(go_on) - 1) < 0)
		err = -EPIPE;
	return err;
}

static bool head_ends(struct sink_conn *c)
{
	char *end;

	c->in[c->in_len] = '\0';
	end = memmem(c->in, c->in_len, "\r\n\r\n", 4);
	if (!end)
		return false;
	c->head_len = (size_t)(end + 4 - c->in);
	return true;
}

static ssize_t run_head(struct sink *s, struct sink_conn *c)
{
	ssize_t n;

	if (c->in_len && head_ends(c))
		return start_request(s, c);
	if (c->in_len == SINK_HEAD_MAX)
		return -E2BIG;
	n = sink_io_read(c, c->in + c->in_len, SINK_HEAD_MAX - c->in_len);
	if (n > 0)
		c->in_len += (size_t)n;
	return n ? n : -ECONNRESET;
}

static void pay_for(struct sink *s, struct sink_conn *c, size_t n)
{
	int64_t now = sink_now_ns();

	if (c->read_free_ns < now - BURST_NS)
		c->read_free_ns = now - BURST_NS;
	c->read_free_ns += (int64_t)(n * (uint64_t)SINK_NS_PER_S /
				     s->opt.conn_bytes_per_s);
}

static ssize_t run_body(struct sink *s, struct sink_conn *c)
{
	char keep[16384];
	size_t most = s->opt.conn_bytes_per_s ? SLOW_CHUNK : CHUNK;
	bool keeping = keeps_body(c);
	ssize_t n;
	int err;

	if (!c->body_left) {
		answer(s, c);
		return 0;
	}
	if (s->opt.conn_bytes_per_s && c->read_free_ns > sink_now_ns()) {
		c->wake_ns = c->read_free_ns;
		return -EAGAIN;
	}
	if (most > c->body_left)
		most = c->body_left;
	if (keeping)
		n = sink_io_read(c, keep, most < sizeof(keep) ? most :
							       sizeof(keep));
	else
		n = sink_io_discard(c, most);
	if (n <= 0)
		return n ? n : -ECONNRESET;
	if (s->opt.conn_bytes_per_s)
		pay_for(s, c, (size_t)n);
	err = take_body(s, c, keeping ? keep : NULL, (size_t)n);
	return err ? err : n;
}

static int end_request(struct sink *s, struct sink_conn *c)
{
	bool last = c->req.close;

	sink_stats_end(s, c);
	c->state = SINK_HEAD;
	c->in_len -= c->used_len;
	memmove(c->in, c->in + c->used_len, c->in_len);
	free(c->req.key);
	free(c->req.target);
	c->req = (struct sink_request){ 0 };
	sl_buf_clear(&c->out);
	c->out_off = 0;
	return last ? -ECONNRESET : 0;
}

static ssize_t run_send(struct sink *s, struct sink_conn *c)
{
	static const char zeros[262144];
	size_t n = c->out.len - c->out_off;
	ssize_t r;

	if (n) {
		r = sink_io_write(c, c->out.data + c->out_off, n);
		if (r > 0)
			c->out_off += (size_t)r;
		return r;
	}
	if (!c->zeros)
		return end_request(s, c);
	n = c->zeros < sizeof(zeros) ? c->zeros : sizeof(zeros);
	r = sink_io_write(c, zeros, n);
	if (r > 0) {
		c->zeros -= (size_t)r;
		s->stats.read_bytes += (size_t)r;
	}
	return r;
}

static ssize_t run_delay(struct sink *s, struct sink_conn *c)
{
	(void)s;
	if (c->wake_ns > sink_now_ns())
		return -EAGAIN;
	c->wake_ns = 0;
	c->state = SINK_SEND;
	return 0;
}

static int shake(struct sink_conn *c)
{
	int err = c->shaking ? sink_io_handshake(c) : 0;

	if (!err)
		c->shaking = false;
	return err;
}

static void set_events(struct sink *s, struct sink_conn *c)
{
	bool timed = c->wake_ns != 0;
	bool sends = c->state == SINK_SEND || c->want_write;
	struct epoll_event e = { .data.ptr = c };

	if (!timed)
		e.events = sends ? EPOLLOUT : EPOLLIN;
	if (e.events == c->events)
		return;
	if (epoll_ctl(s->epoll, EPOLL_CTL_MOD, c->fd, &e))
		c->dead = true;
	c->events = e.events;
}

void sink_conn_run(struct sink *s, struct sink_conn *c)
{
	static ssize_t (*const runs[])(struct sink *, struct sink_conn *) = {
		[SINK_HEAD] = run_head,
		[SINK_BODY] = run_body,
		[SINK_DELAY] = run_delay,
		[SINK_SEND] = run_send,
	};
	size_t done = 0;
	ssize_t r = shake(c);

	while (r >= 0 && done < RUN_BYTES) {
		if (c->state != SINK_DELAY)
			c->wake_ns = 0;
		r = runs[c->state](s, c);
		done += r > 0 ? (size_t)r : 0;
	}
	if (r < 0 && r != -EAGAIN)
		c->dead = true;
	else if (r >= 0)
		c->wake_ns = sink_now_ns(); /* more at once */
	if (!c->dead)
		set_events(s, c);
}
