/* SPDX-License-Identifier: Apache-2.0 */
/* Whole objects: written, overwritten, refused; looked up, read, removed. */
#include "conf.h"

#include "crc.h"

static int put_small(struct ctx *c)
{
	const char *k = sl_conf_key(c, "a/b/c.db");

	TRY(sl_conf_absent(c, k));
	TRY(sl_conf_put_bytes(c, k, "hello", 5));
	return sl_conf_is(c, k, "hello", 5);
}

static int put_empty(struct ctx *c)
{
	const char *k = sl_conf_key(c, "empty");

	TRY(sl_conf_put_bytes(c, k, "", 0));
	return sl_conf_is(c, k, "", 0);
}

static int put_overwrite(struct ctx *c)
{
	static const char *const versions[] = { "first, a longer one",
						"second", "", "second", "x" };
	const char *k = sl_conf_key(c, "same");

	for (size_t i = 0; i < SL_ARRAY_LEN(versions); i++) {
		size_t n = strlen(versions[i]);

		TRY(sl_conf_put_bytes(c, k, versions[i], n));
		TRY(sl_conf_is(c, k, versions[i], n));
	}
	return 0;
}

static int put_again(struct ctx *c)
{
	const char *k = sl_conf_key(c, "again");

	for (int i = 0; i < 3; i++)
		TRY(sl_conf_put_bytes(c, k, "same bytes", 10));
	return sl_conf_is(c, k, "same bytes", 10);
}

static int put_large(struct ctx *c)
{
	size_t n = ((size_t)9 << 20) + 4321;
	SL_CLEANUP(free) char *p = sl_conf_bytes(n, 1);
	const char *k = sl_conf_key(c, "large");

	TRY(sl_conf_put_bytes(c, k, p, n));
	return sl_conf_is(c, k, p, n);
}

#define PIECES 3000

/* Pieces of 0, 1, 2 ... 96 bytes, more than one writev(2) takes. */
static int put_pieces(struct ctx *c)
{
	size_t n = 0;
	SL_CLEANUP(free) char *p = sl_conf_bytes((size_t)PIECES * 97, 2);
	SL_CLEANUP(free) struct iovec *v = calloc(PIECES, sizeof(*v));
	struct sl_op op = { .key = sl_conf_key(c, "pieces"), .body = v,
			    .body_count = PIECES, .retry_for_ms = -1 };

	EXPECT(v);
	for (size_t i = 0; i < PIECES; i++) {
		v[i] = (struct iovec){ p + n, i % 97 };
		n += i % 97;
	}
	op.size = n;
	op.crc32 = sl_crc32(0, p, n);
	op.sum = sl_conf_sum(c, p, n);
	EXPECT_ERR(sl_backend_wait(c->b, sl_backend_put, &op), 0);
	return sl_conf_is(c, op.key, p, n);
}

static int put_wrong_crc(struct ctx *c)
{
	struct flight_op o;
	const char *k = sl_conf_key(c, "bad");

	sl_conf_put_op(c, &o, k, "right bytes", 11);
	sl_conf_spoil(c, &o.op.crc32, &o.op.sum, 1);
	EXPECT_ERR(sl_backend_wait(c->b, sl_backend_put, &o.op), -EBADMSG);
	EXPECT(o.op.error.errnum == EBADMSG);
	EXPECT(o.op.error.text[0]);
	TRY(sl_conf_absent(c, k));
	TRY(sl_conf_put_bytes(c, k, "old", 3));
	EXPECT_ERR(sl_backend_wait(c->b, sl_backend_put, &o.op), -EBADMSG);
	return sl_conf_is(c, k, "old", 3);
}

static const struct conf_case put_cases[] = {
	{ "put_small", 0, put_small },
	{ "put_empty", 0, put_empty },
	{ "put_overwrite", 0, put_overwrite },
	{ "put_again", 0, put_again },
	{ "put_large", 0, put_large },
	{ "put_pieces", 0, put_pieces },
	{ "put_wrong_crc", 0, put_wrong_crc },
};
const struct conf_table sl_conf_put = {
	.cases = put_cases,
	.count = SL_ARRAY_LEN(put_cases),
};

static int head_absent(struct ctx *c)
{
	static const char *const names[] = { "none", "dir", "dir/none",
					     "dir/file/below", "dir/fil" };
	struct sl_object obj;

	TRY(sl_conf_put_bytes(c, sl_conf_key(c, "dir/file"), "x", 1));
	for (size_t i = 0; i < SL_ARRAY_LEN(names); i++)
		EXPECT_ERR(sl_conf_do_head(c, sl_conf_key(c, "%s", names[i]),
					   &obj),
			   -ENOENT);
	return 0;
}

static int head_fields(struct ctx *c)
{
	struct sl_object a, b;
	const char *k = sl_conf_key(c, "f");

	TRY(sl_conf_put_bytes(c, k, "123456789", 9));
	EXPECT_ERR(sl_conf_do_head(c, k, &a), 0);
	EXPECT(a.size == 9);
	/* A store with a checksum of its own need not keep this one. */
	EXPECT(c->b->sum != SL_SUM_NONE ||
	       a.has_crc32 == ((c->b->caps & SL_CAP_CHECKSUM) != 0 &&
			       sl_backend_proof(c->b) == SL_PROOF_CRC32));
	EXPECT(!a.has_crc32 || a.crc32 == 0xcbf43926);
	EXPECT(a.etag[0]);
	EXPECT(a.mtime_ms >= 0);
	TRY(sl_conf_put_bytes(c, k, "12345678A", 9));
	EXPECT_ERR(sl_conf_do_head(c, k, &b), 0);
	EXPECT(strcmp(a.etag, b.etag) != 0);
	return 0;
}

static const struct {
	uint64_t offset, length;
} ranges[] = {
	{ 0, 1 },    { 0, 9999 },  { 0, 10000 },	{ 0, 10001 },
	{ 1, 1 },    { 5000, 10 }, { 9999, 1 },		{ 9999, 100 },
	{ 10000, 1 }, { 20000, 5 }, { 1234, UINT64_C(1) << 40 },
	{ UINT64_C(1) << 40, 1 },
};

static int get_ranges(struct ctx *c)
{
	const size_t n = 10000;
	SL_CLEANUP(free) char *p = sl_conf_bytes(n, 3);
	const char *k = sl_conf_key(c, "r");

	TRY(sl_conf_put_bytes(c, k, p, n));
	for (size_t i = 0; i < SL_ARRAY_LEN(ranges); i++) {
		SL_CLEANUP(buf) struct sl_buf b = SL_BUF_INIT(n);
		uint64_t off = ranges[i].offset, len = ranges[i].length;
		uint64_t want = off >= n ? 0 : len < n - off ? len : n - off;

		EXPECT_ERR(sl_conf_do_get(c, k, off, len, &b), 0);
		EXPECT(b.len == want);
		EXPECT(!want || !memcmp(b.data, p + off, want));
	}
	return 0;
}

static int get_empty(struct ctx *c)
{
	SL_CLEANUP(buf) struct sl_buf b = SL_BUF_INIT(10);
	const char *k = sl_conf_key(c, "e");

	TRY(sl_conf_put_bytes(c, k, "", 0));
	EXPECT_ERR(sl_conf_do_get(c, k, 0, 10, &b), 0);
	EXPECT_ERR(sl_conf_do_get(c, k, 5, 10, &b), 0);
	EXPECT(b.len == 0);
	return 0;
}

static int get_absent(struct ctx *c)
{
	SL_CLEANUP(buf) struct sl_buf b = SL_BUF_INIT(4096);

	EXPECT_ERR(sl_conf_do_get(c, sl_conf_key(c, "no"), 0, 10, &b),
		   -ENOENT);
	EXPECT_ERR(sl_conf_do_get(c, sl_conf_key(c, "no"), 10, 10, &b),
		   -ENOENT);
	EXPECT(b.len == 0);
	return 0;
}

/* The reader's own error ends the op, unchanged. */
static int get_stopped(struct ctx *c)
{
	SL_CLEANUP(free) char *p = sl_conf_bytes(3 << 20, 4);
	SL_CLEANUP(buf) struct sl_buf b = SL_BUF_INIT(10);
	const char *k = sl_conf_key(c, "s");

	TRY(sl_conf_put_bytes(c, k, p, 3 << 20));
	EXPECT_ERR(sl_conf_do_get(c, k, 0, 3 << 20, &b), -E2BIG);
	return sl_conf_is(c, k, p, 3 << 20);
}

static int remove_twice(struct ctx *c)
{
	const char *k = sl_conf_key(c, "d/e/f");
	const char *stays = sl_conf_key(c, "d/g");

	TRY(sl_conf_put_bytes(c, k, "x", 1));
	TRY(sl_conf_put_bytes(c, stays, "y", 1));
	EXPECT_ERR(sl_conf_do_remove(c, sl_conf_key(c, "d")), 0);
	EXPECT_ERR(sl_conf_do_remove(c, sl_conf_key(c, "d/g/h")), 0);
	for (int i = 0; i < 2; i++) {
		EXPECT_ERR(sl_conf_do_remove(c, k), 0);
		TRY(sl_conf_absent(c, k));
	}
	TRY(sl_conf_is(c, stays, "y", 1));
	TRY(sl_conf_put_bytes(c, k, "back", 4));
	return sl_conf_is(c, k, "back", 4);
}

static const struct conf_case read_cases[] = {
	{ "head_absent", SL_CAP_READ, head_absent },
	{ "head_fields", SL_CAP_READ, head_fields },
	{ "get_ranges", SL_CAP_READ, get_ranges },
	{ "get_empty", SL_CAP_READ, get_empty },
	{ "get_absent", SL_CAP_READ, get_absent },
	{ "get_stopped", SL_CAP_READ, get_stopped },
	{ "remove_twice", SL_CAP_READ | SL_CAP_REMOVE, remove_twice },
};
const struct conf_table sl_conf_read = {
	.cases = read_cases,
	.count = SL_ARRAY_LEN(read_cases),
};
