/* SPDX-License-Identifier: Apache-2.0 */
/* Ops as plain calls, and what is asked again and again after them. */
#include "conf.h"

#include <stdarg.h>

#include "crc.h"

const char *sl_conf_err(int err)
{
	return err ? sl_errno_name(err < 0 ? -err : err) : "success";
}

char *sl_conf_bytes(size_t n, uint32_t seed)
{
	char *p = malloc(n + 1);
	uint32_t x = seed * 2654435761u + 1;

	if (!p)
		abort();
	for (size_t i = 0; i < n; i++) {
		x = x * 1664525 + 1013904223;
		p[i] = (char)(x >> 24);
	}
	return p;
}

const char *sl_conf_key(const struct ctx *c, const char *fmt, ...)
{
	static __thread char ring[8][2048];
	static __thread unsigned at;
	char *dst = ring[at++ % SL_ARRAY_LEN(ring)];
	size_t n = strlen(c->dir);
	va_list ap;

	memcpy(dst, c->dir, n);
	va_start(ap, fmt);
	if (vsnprintf(dst + n, sizeof(ring[0]) - n, fmt, ap) < 0)
		abort();
	va_end(ap);
	return dst;
}

uint64_t sl_conf_sum(const struct ctx *c, const void *p, size_t n)
{
	return sl_sum(c->b->sum, 0, p, n);
}

void sl_conf_spoil(struct ctx *c, uint32_t *crc32, uint64_t *sum,
		   uint32_t bits)
{
	*crc32 ^= bits;
	if (c->b->sum != SL_SUM_NONE)
		*sum ^= bits;
}

/* Waits, and tells what the store said when a case may wonder. */
static int wait_op(struct ctx *c,
		   void (*start)(struct sl_backend *, struct sl_op *),
		   struct sl_op *op)
{
	int err = sl_backend_wait(c->b, start, op);

	if (err == -EIO || err == -EPROTO || err == -EACCES)
		printf("# %s: %s\n", sl_conf_err(err), op->error.text);
	return err;
}

int sl_conf_put_bytes(struct ctx *c, const char *key, const void *p, size_t n)
{
	struct flight_op o;

	sl_conf_put_op(c, &o, key, p, n);
	EXPECT_ERR(wait_op(c, sl_backend_put, &o.op), 0);
	EXPECT(o.op.obj.size == n);
	EXPECT(!o.op.obj.has_crc32 || o.op.obj.crc32 == o.op.crc32);
	return 0;
}

int sl_conf_do_head(struct ctx *c, const char *key, struct sl_object *obj)
{
	struct sl_op op = { .key = key, .retry_for_ms = -1 };
	int err = wait_op(c, sl_backend_head, &op);

	*obj = op.obj;
	return err;
}

/* sl_backend_wait() takes op->arg: the collector travels beside the op. */
struct collect_op {
	struct sl_op op; /* first */
	struct sl_buf *out;
};

static struct sl_buf *out_of(struct sl_op *op)
{
	return sl_container_of(op, struct collect_op, op)->out;
}

static int on_data(struct sl_op *op, const void *p, size_t n)
{
	return sl_buf_append(out_of(op), p, n);
}

int sl_conf_do_get(struct ctx *c, const char *key, uint64_t off, uint64_t len,
		   struct sl_buf *out)
{
	struct collect_op o = {
		.op = { .key = key, .offset = off, .length = len,
			.on_data = on_data, .retry_for_ms = -1 },
		.out = out,
	};

	return wait_op(c, sl_backend_get, &o.op);
}

int sl_conf_do_remove(struct ctx *c, const char *key)
{
	struct sl_op op = { .key = key, .retry_for_ms = -1 };

	return wait_op(c, sl_backend_remove, &op);
}

static int on_entry(struct sl_op *op, const struct sl_list_entry *e)
{
	return sl_buf_printf(out_of(op), "%s\n", e->key);
}

int sl_conf_do_list(struct ctx *c, const char *prefix, bool recursive,
		    struct sl_buf *out)
{
	struct collect_op o = {
		.op = { .prefix = prefix, .recursive = recursive,
			.on_entry = on_entry, .retry_for_ms = -1 },
		.out = out,
	};

	return wait_op(c, sl_backend_list, &o.op);
}

int sl_conf_begin(struct ctx *c, const char *key, char **ret_id)
{
	struct sl_op op = { .key = key, .retry_for_ms = -1 };
	int err = wait_op(c, sl_backend_upload_begin, &op);

	*ret_id = op.new_upload_id;
	return err;
}

int sl_conf_abort(struct ctx *c, const char *key, const char *id)
{
	struct sl_op op = { .key = key, .upload_id = id, .retry_for_ms = -1 };

	return wait_op(c, sl_backend_abort, &op);
}

int sl_conf_part(struct ctx *c, const char *key, const char *id,
		 uint32_t number, const struct iovec *body,
		 struct sl_part *ret)
{
	struct sl_op op = {
		.key = key, .upload_id = id, .part_number = number,
		.body = body, .body_count = 1, .size = body->iov_len,
		.crc32 = sl_crc32(0, body->iov_base, body->iov_len),
		.sum = sl_conf_sum(c, body->iov_base, body->iov_len),
		.retry_for_ms = -1,
	};
	int err = wait_op(c, sl_backend_part, &op);

	if (err)
		return err;
	EXPECT(op.part.number == number);
	EXPECT(op.part.size == body->iov_len);
	EXPECT(op.part.crc32 == op.crc32);
	EXPECT(op.part.sum == op.sum);
	*ret = op.part;
	return 0;
}

int sl_conf_complete(struct ctx *c, const char *key, const char *id,
		     const struct whole *w)
{
	struct sl_op op = { .key = key, .upload_id = id, .parts = w->parts,
			    .part_count = w->count, .size = w->size,
			    .crc32 = w->crc32, .sum = w->sum,
			    .retry_for_ms = -1 };
	int err = wait_op(c, sl_backend_complete, &op);

	if (!err)
		EXPECT(op.obj.size == w->size);
	return err;
}

static int on_upload(struct sl_op *op, const struct sl_upload_entry *e)
{
	return sl_buf_printf(out_of(op), "%s %s\n", e->key, e->upload_id);
}

int sl_conf_do_uploads(struct ctx *c, const char *prefix, struct sl_buf *out)
{
	struct collect_op o = {
		.op = { .prefix = prefix, .on_upload = on_upload,
			.retry_for_ms = -1 },
		.out = out,
	};

	return wait_op(c, sl_backend_uploads, &o.op);
}

int sl_conf_is(struct ctx *c, const char *key, const void *p, size_t n)
{
	SL_CLEANUP(buf) struct sl_buf got = SL_BUF_INIT(n + 1);
	struct sl_object obj;

	if (!(c->b->caps & SL_CAP_READ))
		return 0;
	EXPECT_ERR(sl_conf_do_head(c, key, &obj), 0);
	EXPECT(obj.size == n);
	EXPECT(!obj.has_crc32 || obj.crc32 == sl_crc32(0, p, n));
	EXPECT_ERR(sl_conf_do_get(c, key, 0, n + 1, &got), 0);
	EXPECT(got.len == n);
	EXPECT(n == 0 || memcmp(got.data, p, n) == 0);
	return 0;
}

int sl_conf_absent(struct ctx *c, const char *key)
{
	struct sl_object obj;

	if (c->b->caps & SL_CAP_READ)
		EXPECT_ERR(sl_conf_do_head(c, key, &obj), -ENOENT);
	return 0;
}

static int remove_below(struct ctx *c, const char *prefix)
{
	SL_CLEANUP(buf) struct sl_buf keys = SL_BUF_INIT(64 << 20);
	char *save = NULL, *k;

	EXPECT_ERR(sl_conf_do_list(c, prefix, true, &keys), 0);
	if (!keys.data)
		return 0;
	for (k = strtok_r(keys.data, "\n", &save); k;
	     k = strtok_r(NULL, "\n", &save))
		EXPECT_ERR(sl_conf_do_remove(c, k), 0);
	return 0;
}

static int abort_below(struct ctx *c, const char *prefix)
{
	SL_CLEANUP(buf) struct sl_buf ups = SL_BUF_INIT(1 << 20);
	char *save = NULL, *k;

	EXPECT_ERR(sl_conf_do_uploads(c, prefix, &ups), 0);
	if (!ups.data)
		return 0;
	for (k = strtok_r(ups.data, "\n", &save); k;
	     k = strtok_r(NULL, "\n", &save)) {
		char *id = strrchr(k, ' ');

		*id++ = '\0';
		EXPECT_ERR(sl_conf_abort(c, k, id), 0);
	}
	return 0;
}

int sl_conf_clean(struct ctx *c, const char *prefix)
{
	unsigned caps = c->b->caps;

	if ((caps & SL_CAP_LIST) && (caps & SL_CAP_REMOVE))
		TRY(remove_below(c, prefix));
	if (caps & SL_CAP_UPLOADS)
		TRY(abort_below(c, prefix));
	return 0;
}
