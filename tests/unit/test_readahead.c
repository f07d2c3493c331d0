/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading ahead, against a backend in memory that answers when the test says
 * so: which ranges are asked for, what they cost, and that every byte is the
 * object's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "../../fs/mount/readahead.c"
#include "../../fs/mount/readahead_chunk.c"
#include "../../fs/mount/readahead_file.c"

#define KIB ((uint64_t)1024)
#define STEP (128 * KIB)

static struct {
	struct sl_backend b;
	struct sl_op *queue[512];
	int head, tail, most;
	uint64_t size;
	char etag[96];
	int gets, conditional, cancelled;
	uint64_t bytes, largest;
	int err;	/* of the next answers */
	uint64_t cut;	/* this many bytes are missing */
} w;

static unsigned char byte_at(uint64_t i)
{
	return (unsigned char)(i * 31 + (i >> 12) * 7 + (i >> 20));
}

static void fake_get(struct sl_backend *b, struct sl_op *op)
{
	(void)b;
	w.queue[w.tail++ % 512] = op;
	if (w.tail - w.head > w.most)
		w.most = w.tail - w.head;
	w.gets++;
	w.conditional += op->if_match != NULL;
	w.bytes += op->length;
	if (op->length > w.largest)
		w.largest = op->length;
	op->impl = NULL;
}

static void fake_cancel(struct sl_backend *b, struct sl_op *op)
{
	(void)b;
	op->impl = &w;
	w.cancelled++;
}

static const struct sl_backend_ops fake_ops = {
	.name = "fake", .get = fake_get, .cancel = fake_cancel,
};

static int send_bytes(struct sl_op *op)
{
	unsigned char piece[50000];
	uint64_t at = op->offset, end = op->offset + op->length - w.cut;
	int r = 0;

	while (at < end && !r) {
		size_t n = 0;

		while (n < sizeof(piece) && at < end)
			piece[n++] = byte_at(at++);
		r = op->on_data(op, piece, n);
	}
	return r;
}

static void answer_one(void)
{
	struct sl_op *op = w.queue[w.head++ % 512];

	op->obj.size = w.size;
	memcpy(op->obj.etag, w.etag, sizeof(w.etag));
	op->err = op->impl ? -ECANCELED : w.err;
	if (!op->err && op->if_match && strcmp(op->if_match, w.etag))
		op->err = -ESTALE;
	if (!op->err)
		op->err = send_bytes(op);
	op->done(op);
}

static void answer_all(void)
{
	while (w.head < w.tail)
		answer_one();
}

struct want {
	struct sl_read_ask a;
	bool answered;
	int err;
};

static void on_answer(struct sl_read_ask *a, int err)
{
	struct want *x = sl_container_of(a, struct want, a);

	x->answered = true;
	x->err = err;
}

static struct sl_readers *world(uint64_t size, uint64_t limit)
{
	struct sl_readers_config c = {
		.limit = limit, .connections = 16,
	};
	struct sl_readers *rs = NULL;

	memset(&w, 0, sizeof(w));
	w.b.ops = &fake_ops;
	w.b.caps = SL_CAP_READ;
	w.b.limits.max_key = 1024;
	w.size = size;
	strcpy(w.etag, "\"one\"");
	assert_int_equal(sl_readers_new(&c, &rs), 0);
	return rs;
}

static void ask(struct sl_reader *r, struct want *x, uint64_t off,
		uint64_t size)
{
	struct sl_read_from f = {
		.backend = &w.b, .key = "k", .size = w.size,
	};
	int err;

	memset(x, 0, sizeof(*x));
	x->a.offset = off;
	x->a.size = (size_t)size;
	x->a.done = on_answer;
	err = sl_reader_read(r, &f, &x->a);
	if (err != SL_PARKED)
		on_answer(&x->a, err);
}

static void check_bytes(struct want *x)
{
	uint64_t at = x->a.offset;

	assert_true(x->answered);
	assert_int_equal(x->err, 0);
	for (int i = 0; i < x->a.iov_count; i++) {
		const unsigned char *p = x->a.iov[i].iov_base;

		for (size_t k = 0; k < x->a.iov[i].iov_len; k++)
			if (p[k] != byte_at(at++))
				fail_msg("byte %llu is wrong",
					 (unsigned long long)at - 1);
	}
	assert_int_equal(at, x->a.offset + x->a.size);
	sl_read_ask_release(&x->a);
}

static uint64_t used(struct sl_readers *rs)
{
	struct sl_readers_stats st;

	sl_readers_get_stats(rs, &st);
	assert_true(st.used <= st.limit);
	return st.used;
}

static void end(struct sl_readers *rs)
{
	answer_all();
	assert_int_equal(used(rs), 0);
	sl_readers_free(rs);
}

static void read_all(struct sl_reader *r, uint64_t step)
{
	struct want x;

	for (uint64_t at = 0; at < w.size; at += step) {
		ask(r, &x, at, least(step, w.size - at));
		while (!x.answered && w.head < w.tail)
			answer_one();
		check_bytes(&x);
		used(r->rs);
	}
}

static void test_sizes(void **state)
{
	static const struct {
		uint64_t size, step;
		int least_gets, most_gets;
	} row[] = {
		{ 1, STEP, 1, 1 },
		{ 300 * KIB, STEP, 1, 1 },
		{ 1024 * KIB, STEP, 1, 1 },
		{ 1024 * KIB + 1, STEP, 2, 2 },
		{ 5000 * KIB + 3, 7 * KIB, 2, 6 },
		{ 40 * MIB + 5, STEP, 10, 24 },
		{ 40 * MIB, MIB, 10, 24 },
	};

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(row); i++) {
		struct sl_readers *rs = world(row[i].size, 32 * MIB);
		struct sl_reader *r = sl_reader_open(rs, 16, 1);

		read_all(r, row[i].step);
		assert_in_range(w.gets, row[i].least_gets, row[i].most_gets);
		assert_int_equal(w.bytes, w.size); /* nothing twice */
		assert_true(w.largest <= SL_READ_CHUNK);
		sl_reader_close(r);
		end(rs);
	}
}

static void test_side_by_side(void **state)
{
	struct sl_readers *rs = world(64 * MIB, 32 * MIB);
	struct sl_reader *r = sl_reader_open(rs, 16, 1);

	(void)state;
	read_all(r, STEP);
	assert_true(w.most >= 3);
	assert_int_equal(w.conditional, w.gets - 1);
	sl_reader_close(r);
	end(rs);
}

static void test_random(void **state)
{
	struct sl_readers *rs = world(900 * MIB, 32 * MIB);
	struct sl_reader *r = sl_reader_open(rs, 16, 1);
	uint64_t total = 0;
	struct want x;

	(void)state;
	for (uint64_t i = 1; i < 60; i++) {
		ask(r, &x, (i * 7919 % 880) * MIB + 512, 16 * KIB);
		answer_all();
		check_bytes(&x);
		total += 16 * KIB;
	}
	assert_int_equal(w.bytes, total);
	assert_int_equal(w.gets, 59);
	sl_reader_close(r);
	end(rs);
}

/* Many at once, answered late and out of order: none may be forgotten. */
static void test_far_ahead(void **state)
{
	enum { N = 48 };
	struct sl_readers *rs = world(200 * MIB, 32 * MIB);
	struct sl_reader *r = sl_reader_open(rs, 16, 1);
	static struct want x[N];

	(void)state;
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < N; i++)
			ask(r, &x[i], (uint64_t)(round * 60 + (i ^ 1)) * MIB,
			    MIB);
		answer_all();
		for (int i = 0; i < N; i++)
			check_bytes(&x[i]);
	}
	sl_reader_close(r);
	end(rs);
}

static void test_memory(void **state)
{
	enum { N = 24 };
	struct sl_readers *rs = world(3 * MIB, 16 * MIB);
	struct sl_reader *r[N];
	static struct want x[N];

	(void)state;
	for (int i = 0; i < N; i++)
		r[i] = sl_reader_open(rs, 16 * (uint64_t)(i + 1), 1);
	for (uint64_t at = 0; at < w.size; at += 512 * KIB) {
		for (int i = 0; i < N; i++)
			ask(r[i], &x[i], at, 512 * KIB);
		used(rs);
		answer_all();
		for (int i = 0; i < N; i++)
			check_bytes(&x[i]);
	}
	for (int i = 0; i < N; i++)
		sl_reader_close(r[i]);
	end(rs);
}

static void test_replaced(void **state)
{
	struct sl_readers *rs = world(20 * MIB, 32 * MIB);
	struct sl_reader *a = sl_reader_open(rs, 16, 1), *b;
	struct want x;

	(void)state;
	ask(a, &x, 0, STEP);
	answer_all();
	check_bytes(&x);
	strcpy(w.etag, "\"two\"");
	ask(a, &x, 10 * MIB, STEP);
	answer_all();
	assert_int_equal(x.err, -ESTALE);
	assert_true(x.a.tell);
	ask(a, &x, 0, STEP); /* also what is still in memory */
	assert_int_equal(x.err, -ESTALE);
	assert_false(x.a.tell);
	b = sl_reader_open(rs, 16, 2);
	ask(b, &x, 0, STEP);
	answer_all();
	check_bytes(&x);
	sl_reader_close(a);
	sl_reader_close(b);
	end(rs);
}

/* A server that ignores If-Match, and one whose object has another size. */
static void test_version_is_looked_at(void **state)
{
	struct sl_readers *rs = world(20 * MIB, 32 * MIB);
	struct sl_reader *r = sl_reader_open(rs, 16, 1);
	struct want x, y;

	(void)state;
	ask(r, &x, 10 * MIB, STEP); /* both before the first answer */
	ask(r, &y, 15 * MIB, STEP);
	answer_one();
	check_bytes(&x);
	strcpy(w.etag, "\"two\"");
	answer_one();
	assert_int_equal(y.err, -ESTALE);
	sl_reader_close(r);
	r = sl_reader_open(rs, 32, 1);
	ask(r, &x, 0, STEP);
	w.size++;
	answer_all();
	assert_int_equal(x.err, -ESTALE);
	sl_reader_close(r);
	end(rs);
}

static void test_failures(void **state)
{
	struct sl_readers *rs = world(20 * MIB, 32 * MIB);
	struct sl_reader *r = sl_reader_open(rs, 16, 1);
	struct want x, y;

	(void)state;
	w.err = -ETIMEDOUT;
	ask(r, &x, 0, STEP);
	answer_all();
	assert_int_equal(x.err, -ETIMEDOUT);
	w.err = 0;
	ask(r, &x, 0, STEP); /* asked for again */
	answer_all();
	check_bytes(&x);
	w.cut = 1;
	ask(r, &y, 12 * MIB, STEP);
	answer_all();
	assert_int_equal(y.err, -EIO);
	assert_true(y.a.error.text[0]);
	sl_reader_close(r);
	end(rs);
}

static void test_interrupt_and_close(void **state)
{
	struct sl_readers *rs = world(20 * MIB, 32 * MIB);
	struct sl_reader *r = sl_reader_open(rs, 16, 1);
	struct want x[3];

	(void)state;
	ask(r, &x[0], 0, STEP);
	ask(r, &x[1], 8 * MIB, STEP);
	ask(r, &x[2], STEP, STEP);
	assert_true(sl_read_ask_interrupt(&x[1].a));
	assert_int_equal(w.cancelled, 1);
	assert_false(sl_read_ask_interrupt(&x[1].a));
	assert_false(x[0].answered || x[1].answered || x[2].answered);
	sl_reader_close(r);
	assert_int_equal(x[0].err, -ECANCELED);
	assert_int_equal(x[2].err, -ECANCELED);
	assert_false(x[1].answered);
	end(rs);
}

static void test_limit(void **state)
{
	(void)state;
	assert_int_equal(sl_readers_limit(32 * MIB), 16 * MIB);
	assert_int_equal(sl_readers_limit(256 * MIB), 32 * MIB);
	assert_int_equal(sl_readers_limit(4096 * MIB), 64 * MIB);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_side_by_side),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_far_ahead),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_replaced),
		cmocka_unit_test(test_version_is_looked_at),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_interrupt_and_close),
		cmocka_unit_test(test_limit),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
