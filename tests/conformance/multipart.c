/* SPDX-License-Identifier: Apache-2.0 */
/* Multipart uploads: parts in every order, completion, abort, what shows. */
#include "conf.h"

#include "crc.h"

#define MAX_PARTS 8

/* An object of 'count' parts: full ones, and a last one of 'tail' bytes. */
struct multi {
	struct ctx *c;
	char *key;
	char *id;
	char *data;
	size_t part, size;
	uint32_t count;
	struct sl_part parts[MAX_PARTS];
};

static void sl_cleanup_multi(struct multi *m)
{
	free(m->key);
	free(m->id);
	free(m->data);
}

static int multi_begin(struct multi *m, struct ctx *c, uint32_t count,
		       size_t tail)
{
	uint64_t least = c->b->limits.min_part;

	*m = (struct multi){ .c = c, .count = count };
	m->key = strdup(sl_conf_key(c, "multi/part.db"));
	EXPECT(m->key);
	m->part = least < 70000 ? 70000 : (size_t)least;
	m->size = (count - 1) * m->part + tail;
	m->data = sl_conf_bytes(m->size, count + 7);
	EXPECT_ERR(sl_conf_begin(c, m->key, &m->id), 0);
	EXPECT(m->id && *m->id);
	return 0;
}

static struct iovec multi_body(const struct multi *m, uint32_t number)
{
	size_t off = (number - 1) * m->part;
	size_t n = number < m->count ? m->part : m->size - off;

	return (struct iovec){ m->data + off, n };
}

static int send(struct multi *m, uint32_t number)
{
	struct iovec v = multi_body(m, number);

	return sl_conf_part(m->c, m->key, m->id, number, &v,
			    &m->parts[number - 1]);
}

static struct whole multi_whole(const struct multi *m)
{
	return (struct whole){ m->parts, m->count, m->size,
			       sl_crc32(0, m->data, m->size),
			       sl_conf_sum(m->c, m->data, m->size) };
}

static int complete(struct multi *m)
{
	struct whole w = multi_whole(m);

	return sl_conf_complete(m->c, m->key, m->id, &w);
}

static int send_all(struct multi *m)
{
	for (uint32_t i = 1; i <= m->count; i++)
		EXPECT_ERR(send(m, i), 0);
	return 0;
}

static int finish(struct multi *m)
{
	TRY(sl_conf_absent(m->c, m->key));
	EXPECT_ERR(complete(m), 0);
	return sl_conf_is(m->c, m->key, m->data, m->size);
}

static const struct {
	uint32_t count;
	size_t tail;
} shapes[] = { { 1, 5 }, { 1, 0 }, { 1, 300000 }, { 2, 1 }, { 3, 7777 },
	       { 2, 0 } };

static int part_shape(struct ctx *c, size_t row)
{
	SL_CLEANUP(multi) struct multi m = { 0 };

	TRY(multi_begin(&m, c, shapes[row].count, shapes[row].tail));
	TRY(send_all(&m));
	EXPECT_ERR(complete(&m), 0);
	return sl_conf_is(c, m.key, m.data, m.size);
}

/* One part, an empty one, several, an empty last one. */
static int part_shapes(struct ctx *c)
{
	for (size_t i = 0; i < SL_ARRAY_LEN(shapes); i++)
		TRY(part_shape(c, i));
	return 0;
}

static int part_order(struct ctx *c)
{
	static const uint32_t order[] = { 4, 2, 5, 1, 3 };
	SL_CLEANUP(multi) struct multi m = { 0 };

	TRY(multi_begin(&m, c, 5, 999));
	for (size_t i = 0; i < SL_ARRAY_LEN(order); i++)
		EXPECT_ERR(send(&m, order[i]), 0);
	return finish(&m);
}

static int part_parallel(struct ctx *c)
{
	SL_CLEANUP(multi) struct multi m = { 0 };
	struct flight_op ops[MAX_PARTS];
	struct flight f;

	TRY(multi_begin(&m, c, MAX_PARTS, 12345));
	sl_conf_flight_init(&f);
	for (uint32_t i = 0; i < m.count; i++) {
		struct iovec v = multi_body(&m, i + 1);

		sl_conf_put_op(c, &ops[i], m.key, v.iov_base, v.iov_len);
		ops[i].op.upload_id = m.id;
		ops[i].op.part_number = i + 1;
		sl_conf_flight_start(c, &f, &ops[i], sl_backend_part);
	}
	sl_conf_flight_wait(&f, 0);
	EXPECT(f.repeated == 0);
	for (uint32_t i = 0; i < m.count; i++) {
		EXPECT_ERR(ops[i].op.err, 0);
		m.parts[i] = ops[i].op.part;
	}
	return finish(&m);
}

/* The last one of a number counts; repeating it alike changes nothing. */
static int part_repeat(struct ctx *c)
{
	SL_CLEANUP(multi) struct multi m = { 0 };
	SL_CLEANUP(free) char *other = NULL;
	struct sl_part ignored;
	struct iovec v;

	TRY(multi_begin(&m, c, 2, 500));
	other = sl_conf_bytes(m.part, 99);
	v = (struct iovec){ other, m.part };
	EXPECT_ERR(sl_conf_part(c, m.key, m.id, 1, &v, &ignored), 0);
	TRY(send_all(&m));
	TRY(send_all(&m));
	return finish(&m);
}

static int part_pieces(struct ctx *c)
{
	SL_CLEANUP(multi) struct multi m = { 0 };
	SL_CLEANUP(free) struct iovec *v = calloc(3000, sizeof(*v));
	struct sl_op op = { .part_number = 1, .body = v, .body_count = 3000,
			    .retry_for_ms = -1 };

	EXPECT(v);
	TRY(multi_begin(&m, c, 1, (size_t)3000 * 11));
	for (size_t i = 0; i < 3000; i++)
		v[i] = (struct iovec){ m.data + i * 11, 11 };
	op.key = m.key;
	op.upload_id = m.id;
	op.size = m.size;
	op.crc32 = sl_crc32(0, m.data, m.size);
	op.sum = sl_conf_sum(c, m.data, m.size);
	EXPECT_ERR(sl_backend_wait(c->b, sl_backend_part, &op), 0);
	m.parts[0] = op.part;
	return finish(&m);
}

static int part_wrong_crc(struct ctx *c)
{
	SL_CLEANUP(multi) struct multi m = { 0 };
	struct flight_op o;

	TRY(multi_begin(&m, c, 2, 500));
	sl_conf_put_op(c, &o, m.key, m.data, m.part);
	o.op.upload_id = m.id;
	o.op.part_number = 1;
	sl_conf_spoil(c, &o.op.crc32, &o.op.sum, 0x80000000u);
	EXPECT_ERR(sl_backend_wait(c->b, sl_backend_part, &o.op), -EBADMSG);
	/* The right bytes heal it. */
	TRY(send_all(&m));
	return finish(&m);
}

static const struct conf_case part_cases[] = {
	{ "part_shapes", 0, part_shapes },
	{ "part_order", 0, part_order },
	{ "part_parallel", SL_CAP_PARALLEL, part_parallel },
	{ "part_repeat", 0, part_repeat },
	{ "part_pieces", 0, part_pieces },
	{ "part_wrong_crc", 0, part_wrong_crc },
};
const struct conf_table sl_conf_parts = {
	part_cases, SL_ARRAY_LEN(part_cases), CONF_MULTIPART
};

static int complete_wrong_crc(struct ctx *c)
{
	SL_CLEANUP(multi) struct multi m = { 0 };
	struct whole w;

	TRY(multi_begin(&m, c, 3, 500));
	TRY(send_all(&m));
	w = multi_whole(&m);
	sl_conf_spoil(c, &w.crc32, &w.sum, 0x100);
	EXPECT_ERR(sl_conf_complete(c, m.key, m.id, &w), -EBADMSG);
	return sl_conf_absent(c, m.key);
}

/* The caller believes that the last part has a byte more. */
static int complete_wrong_size(struct ctx *c)
{
	SL_CLEANUP(multi) struct multi m = { 0 };
	struct whole w;

	TRY(multi_begin(&m, c, 2, 500));
	TRY(send_all(&m));
	m.parts[1].size++;
	w = multi_whole(&m);
	w.size++;
	EXPECT_ERR(sl_conf_complete(c, m.key, m.id, &w), -EBADMSG);
	return sl_conf_absent(c, m.key);
}

static int complete_twice(struct ctx *c)
{
	SL_CLEANUP(multi) struct multi m = { 0 };

	TRY(multi_begin(&m, c, 2, 500));
	TRY(send_all(&m));
	TRY(finish(&m));
	EXPECT_ERR(complete(&m), 0);
	return sl_conf_is(c, m.key, m.data, m.size);
}

static int complete_overwrites(struct ctx *c)
{
	SL_CLEANUP(multi) struct multi m = { 0 };

	TRY(multi_begin(&m, c, 2, 500));
	TRY(sl_conf_put_bytes(c, m.key, "old", 3));
	TRY(send_all(&m));
	TRY(sl_conf_is(c, m.key, "old", 3));
	EXPECT_ERR(complete(&m), 0);
	return sl_conf_is(c, m.key, m.data, m.size);
}

/*
 * A part that was replaced since is not what is to be completed: refused, or,
 * where a store keeps both, made of the parts that were named.
 */
static int complete_stale_part(struct ctx *c)
{
	SL_CLEANUP(multi) struct multi m = { 0 };
	SL_CLEANUP(free) char *other = NULL;
	struct sl_part ignored;
	struct iovec v;
	int err;

	TRY(multi_begin(&m, c, 2, 500));
	TRY(send_all(&m));
	other = sl_conf_bytes(m.part, 98);
	v = (struct iovec){ other, m.part };
	EXPECT_ERR(sl_conf_part(c, m.key, m.id, 1, &v, &ignored), 0);
	err = complete(&m);
	if (!err)
		return sl_conf_is(c, m.key, m.data, m.size);
	EXPECT(err == -EBADMSG || err == -ESTALE);
	return sl_conf_absent(c, m.key);
}

/* Whatever becomes of the parts: abort succeeds, and nothing shows. */
static int abort_hides(struct ctx *c)
{
	SL_CLEANUP(multi) struct multi m = { 0 };
	SL_CLEANUP(buf) struct sl_buf b = SL_BUF_INIT(1 << 16);

	TRY(multi_begin(&m, c, 2, 500));
	TRY(send_all(&m));
	for (int i = 0; i < 2; i++) {
		EXPECT_ERR(sl_conf_abort(c, m.key, m.id), 0);
		TRY(sl_conf_absent(c, m.key));
	}
	if (c->b->caps & SL_CAP_LIST)
		EXPECT_ERR(sl_conf_do_list(c, c->dir, true, &b), 0);
	EXPECT(b.len == 0);
	TRY(sl_conf_put_bytes(c, m.key, "other", 5));
	EXPECT_ERR(sl_conf_abort(c, m.key, m.id), 0);
	return sl_conf_is(c, m.key, "other", 5);
}

static int abort_then_all(struct ctx *c)
{
	SL_CLEANUP(multi) struct multi m = { 0 };
	SL_CLEANUP(buf) struct sl_buf b = SL_BUF_INIT(1 << 16);
	struct sl_op op = { .retry_for_ms = -1 };

	TRY(multi_begin(&m, c, 2, 500));
	TRY(send_all(&m));
	EXPECT_ERR(sl_conf_abort(c, m.key, m.id), 0);
	EXPECT_ERR(sl_conf_abort(c, m.key, m.id), 0);
	EXPECT_ERR(complete(&m), -ESTALE);
	EXPECT_ERR(send(&m, 1), -ESTALE);
	op.key = m.key;
	op.upload_id = m.id;
	EXPECT_ERR(sl_backend_wait(c->b, sl_backend_list_parts, &op), -ESTALE);
	EXPECT_ERR(sl_conf_do_uploads(c, c->dir, &b), 0);
	EXPECT(b.len == 0);
	/* Another object under the name is not this upload's. */
	TRY(sl_conf_put_bytes(c, m.key, "other", 5));
	EXPECT_ERR(complete(&m), -ESTALE);
	return sl_conf_is(c, m.key, "other", 5);
}

struct part_list {
	struct sl_op op; /* first */
	struct sl_part got[MAX_PARTS + 1];
	uint32_t count;
};

static int on_part(struct sl_op *op, const struct sl_part *p)
{
	struct part_list *l = sl_container_of(op, struct part_list, op);

	if (l->count > MAX_PARTS)
		return -E2BIG;
	l->got[l->count++] = *p;
	return 0;
}

static int list_parts(struct ctx *c)
{
	SL_CLEANUP(multi) struct multi m = { 0 };
	struct part_list l = { .op = { .on_part = on_part,
				       .retry_for_ms = -1 } };

	TRY(multi_begin(&m, c, 4, 500));
	l.op.key = m.key;
	l.op.upload_id = m.id;
	EXPECT_ERR(sl_backend_wait(c->b, sl_backend_list_parts, &l.op), 0);
	EXPECT(l.count == 0);
	EXPECT_ERR(send(&m, 4), 0);
	EXPECT_ERR(send(&m, 1), 0);
	EXPECT_ERR(send(&m, 3), 0);
	EXPECT_ERR(sl_backend_wait(c->b, sl_backend_list_parts, &l.op), 0);
	EXPECT(l.count == 3);
	for (uint32_t i = 0; i < 3; i++) {
		const struct sl_part *sent =
			&m.parts[i ? i + 1 : 0]; /* 1, 3, 4 */

		EXPECT(l.got[i].number == sent->number);
		EXPECT(l.got[i].size == sent->size);
		EXPECT(!strcmp(l.got[i].etag, sent->etag));
	}
	/* What was listed completes. */
	EXPECT_ERR(send(&m, 2), 0);
	return finish(&m);
}

static int unfinished(struct ctx *c)
{
	SL_CLEANUP(multi) struct multi m = { 0 };
	SL_CLEANUP(buf) struct sl_buf b = SL_BUF_INIT(1 << 16);
	SL_CLEANUP(buf) struct sl_buf want = SL_BUF_INIT(1 << 16);

	TRY(multi_begin(&m, c, 2, 500));
	TRY(send_all(&m));
	EXPECT_ERR(sl_conf_do_list(c, c->dir, true, &b), 0);
	EXPECT_ERR(sl_conf_do_list(c, c->dir, false, &b), 0);
	EXPECT(b.len == 0);
	sl_buf_printf(&want, "%s %s\n", m.key, m.id);
	EXPECT_ERR(sl_conf_do_uploads(c, c->dir, &b), 0);
	EXPECT(!strcmp(sl_buf_str(&b), sl_buf_str(&want)));
	sl_buf_clear(&b);
	EXPECT_ERR(sl_conf_do_uploads(c, sl_conf_key(c, "elsewhere/"), &b), 0);
	EXPECT(b.len == 0);
	TRY(finish(&m));
	EXPECT_ERR(sl_conf_do_uploads(c, c->dir, &b), 0);
	EXPECT(b.len == 0);
	return 0;
}

/*
 * One name has one set of blocks where abort cannot free them: the second
 * one is whole, or the store says that it is gone and keeps the first.
 */
static int two_uploads(struct ctx *c)
{
	SL_CLEANUP(multi) struct multi a = { 0 };
	SL_CLEANUP(multi) struct multi b = { 0 };
	int err;

	TRY(multi_begin(&a, c, 2, 100));
	TRY(multi_begin(&b, c, 3, 200));
	EXPECT(strcmp(a.id, b.id) != 0);
	TRY(send_all(&a));
	TRY(send_all(&b));
	TRY(finish(&a));
	err = complete(&b);
	if (err == -ESTALE && !(c->b->caps & SL_CAP_ABORT))
		return sl_conf_is(c, a.key, a.data, a.size);
	EXPECT_ERR(err, 0);
	return sl_conf_is(c, b.key, b.data, b.size);
}

static const struct conf_case upload_cases[] = {
	{ "complete_wrong_crc", SL_CAP_CHECKSUM, complete_wrong_crc },
	{ "complete_wrong_size", SL_CAP_CHECKSUM, complete_wrong_size },
	{ "complete_twice", 0, complete_twice },
	{ "complete_overwrites", 0, complete_overwrites },
	{ "complete_stale_part", SL_CAP_READ, complete_stale_part },
	{ "abort_hides", 0, abort_hides },
	{ "abort_then_all", SL_CAP_UPLOADS | SL_CAP_READ | SL_CAP_ABORT,
	  abort_then_all },
	{ "list_parts", SL_CAP_UPLOADS, list_parts },
	{ "unfinished", SL_CAP_UPLOADS | SL_CAP_LIST, unfinished },
	{ "two_uploads", SL_CAP_READ, two_uploads },
};
const struct conf_table sl_conf_uploads = {
	upload_cases, SL_ARRAY_LEN(upload_cases), CONF_MULTIPART
};
