/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was asked of the sink, and when its last byte came. Times are seconds
 * of CLOCK_MONOTONIC, which every process of the machine shares.
 */
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "tests/bench/sink.h"

static const char *const kind_names[SINK_KIND__COUNT] = {
	[SINK_PUT] = "put",
	[SINK_CREATE] = "create",
	[SINK_PART] = "part",
	[SINK_COMPLETE] = "complete",
	[SINK_ABORT] = "abort",
	[SINK_OBJECT_HEAD] = "head",
	[SINK_GET] = "get",
	[SINK_DELETE] = "delete",
	[SINK_LIST] = "list",
	[SINK_UPLOADS] = "uploads",
	[SINK_PARTS] = "parts",
	[SINK_BUCKET] = "bucket",
	[SINK_OTHER] = "other",
};

static int64_t ns_of(clockid_t id)
{
	struct timespec t = { 0 };

	if (clock_gettime(id, &t))
		abort(); /* a clock that every Linux has */
	return t.tv_sec * SINK_NS_PER_S + t.tv_nsec;
}

int64_t sink_now_ns(void)
{
	return ns_of(CLOCK_MONOTONIC);
}

int64_t sink_wall_ms(void)
{
	return ns_of(CLOCK_REALTIME) / SINK_NS_PER_MS;
}

static int64_t cpu_us(void)
{
	struct rusage u;

	if (getrusage(RUSAGE_SELF, &u))
		return 0;
	return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * INT64_C(1000000) +
	       u.ru_utime.tv_usec + u.ru_stime.tv_usec;
}

static void touch(struct sink_stats *t)
{
	t->last_ns = sink_now_ns();
	if (!t->first_ns)
		t->first_ns = t->last_ns;
}

void sink_stats_begin(struct sink *s, const struct sink_conn *c)
{
	struct sink_stats *t = &s->stats;

	if (c->req.kind == SINK_OWN)
		return;
	touch(t);
	t->kinds[c->req.kind]++;
	if (++t->in_flight > t->in_flight_max)
		t->in_flight_max = t->in_flight;
}

void sink_stats_end(struct sink *s, const struct sink_conn *c)
{
	if (c->req.kind == SINK_OWN)
		return;
	s->stats.in_flight--;
	s->stats.answer_ns = sink_now_ns();
}

void sink_stats_bytes(struct sink *s, const struct sink_conn *c, size_t n)
{
	if (c->req.kind == SINK_OWN)
		return;
	touch(&s->stats);
	if (c->req.kind == SINK_PUT || c->req.kind == SINK_PART)
		s->stats.body_bytes += n;
}

/* What is under way stays so; the names of objects stay too. */
void sink_stats_reset(struct sink *s)
{
	struct sink_stats t = {
		.in_flight = s->stats.in_flight,
		.in_flight_max = s->stats.in_flight,
		.conns = s->stats.conns,
		.conns_max = s->stats.conns,
		.cpu_base_us = cpu_us(),
	};

	s->stats = t;
}

static double seconds(int64_t ns)
{
	return (double)ns / (double)SINK_NS_PER_S;
}

void sink_stats_json(const struct sink *s, struct sl_buf *b)
{
	const struct sink_stats *t = &s->stats;
	uint64_t total = 0;

	sl_buf_puts(b, "{\"requests\":{");
	for (int i = 0; i < SINK_KIND__COUNT; i++) {
		total += t->kinds[i];
		sl_buf_printf(b, "%s\"%s\":%llu", i ? "," : "", kind_names[i],
			      (unsigned long long)t->kinds[i]);
	}
	sl_buf_printf(b, "},\"total\":%llu,\"bytes\":%llu,\"bytes_out\":%llu",
		      (unsigned long long)total,
		      (unsigned long long)t->body_bytes,
		      (unsigned long long)t->read_bytes);
	sl_buf_printf(b, ",\"in_flight\":%llu,\"max_in_flight\":%llu",
		      (unsigned long long)t->in_flight,
		      (unsigned long long)t->in_flight_max);
	sl_buf_printf(b, ",\"connections\":%llu,\"max_connections\":%llu"
			 ",\"opened\":%llu",
		      (unsigned long long)t->conns,
		      (unsigned long long)t->conns_max,
		      (unsigned long long)t->conns_opened);
	sl_buf_printf(b, ",\"first\":%.6f,\"last\":%.6f,\"last_answer\":%.6f",
		      seconds(t->first_ns), seconds(t->last_ns),
		      seconds(t->answer_ns));
	sl_buf_printf(b, ",\"now\":%.6f,\"cpu\":%.6f,\"objects\":%zu}\n",
		      seconds(sink_now_ns()),
		      (double)(cpu_us() - t->cpu_base_us) / 1e6,
		      s->object_count);
}
