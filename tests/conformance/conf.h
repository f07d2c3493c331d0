/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The conformance suite's frame: a table of cases over the interface of
 * include/backend.h, nothing else. A case returns 0 or, through EXPECT, -1.
 * What it makes lies below its own directory, ctx->dir.
 */
#ifndef SL_CONF_H
#define SL_CONF_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "backend.h"
#include "buf.h"
#include "lock.h"

/*
 * One more need, beside the capabilities: every backend does multipart, but
 * not every server that stands in for its store.
 */
#define CONF_MULTIPART (1u << 31)

struct ctx {
	struct sl_backend *b;
	const struct sl_backend_config *cfg; /* to open another one */
	char dir[128]; /* "RUN/CASE/" */
};

struct conf_case {
	const char *name;
	unsigned needs; /* enum sl_backend_caps */
	int (*run)(struct ctx *c);
};

struct conf_table {
	const struct conf_case *cases;
	size_t count;
	unsigned needs; /* of each case, beside its own */
};

extern const struct conf_table sl_conf_put, sl_conf_read, sl_conf_keys,
	sl_conf_list, sl_conf_parts, sl_conf_uploads, sl_conf_flight;

#define EXPECT(cond) \
	do { \
		if (!(cond)) { \
			printf("# %s:%d: %s\n", __FILE__, __LINE__, #cond); \
			return -1; \
		} \
	} while (0)
/* Compares an outcome (0 or -errno) and names both. */
#define EXPECT_ERR(call, want) \
	do { \
		int got_ = (call), want_ = (want); \
		if (got_ != want_) { \
			printf("# %s:%d: %s gave %s, not %s\n", __FILE__, \
			       __LINE__, #call, sl_conf_err(got_), \
			       sl_conf_err(want_)); \
			return -1; \
		} \
	} while (0)
/* For calls that are cases in themselves. */
#define TRY(call) \
	do { \
		if (call) { \
			printf("# %s:%d: %s\n", __FILE__, __LINE__, #call); \
			return -1; \
		} \
	} while (0)

const char *sl_conf_err(int err);

/* The store's own checksum of bytes; 0 where it has none. */
uint64_t sl_conf_sum(const struct ctx *c, const void *p, size_t n);
/* Bytes with a pattern that depends on 'seed'; malloc'd. */
char *sl_conf_bytes(size_t n, uint32_t seed);
/* "DIR/name" of the case; the buffers rotate. */
const char *sl_conf_key(const struct ctx *c, const char *fmt, ...)
	SL_PRINTF(2, 3);

/* One op each, waited for: 0 or -errno. */
int sl_conf_put_bytes(struct ctx *c, const char *key, const void *p, size_t n);
int sl_conf_do_head(struct ctx *c, const char *key, struct sl_object *obj);
int sl_conf_do_get(struct ctx *c, const char *key, uint64_t off, uint64_t len,
		   struct sl_buf *out);
int sl_conf_do_remove(struct ctx *c, const char *key);
/* Keys found, one per line; prefixes too. */
int sl_conf_do_list(struct ctx *c, const char *prefix, bool recursive,
		    struct sl_buf *out);
int sl_conf_begin(struct ctx *c, const char *key, char **ret_id);
int sl_conf_abort(struct ctx *c, const char *key, const char *id);
int sl_conf_part(struct ctx *c, const char *key, const char *id,
		 uint32_t number, const struct iovec *body,
		 struct sl_part *ret);
struct whole {
	const struct sl_part *parts;
	uint32_t count;
	uint64_t size;
	uint32_t crc32;
	uint64_t sum; /* by the store's own checksum */
};
int sl_conf_complete(struct ctx *c, const char *key, const char *id,
		     const struct whole *w);
/* Unfinished uploads below prefix, "KEY ID" per line. */
int sl_conf_do_uploads(struct ctx *c, const char *prefix, struct sl_buf *out);

/* As far as the store can be read: the object is these bytes; is absent. */
int sl_conf_is(struct ctx *c, const char *key, const void *p, size_t n);
int sl_conf_absent(struct ctx *c, const char *key);

/* Ops side by side. */
struct flight {
	struct sl_mutex lock;
	struct sl_cond landed;
	int out, repeated;
};
struct flight_op {
	struct sl_op op;
	struct iovec iov;
	struct flight *f;
	int done;
};
void sl_conf_flight_init(struct flight *f);
void sl_conf_flight_start(struct ctx *c, struct flight *f,
			  struct flight_op *o,
			  void (*start)(struct sl_backend *, struct sl_op *));
/* Until at most 'left' are under way. */
void sl_conf_flight_wait(struct flight *f, int left);
void sl_conf_put_op(struct ctx *c, struct flight_op *o, const char *key,
		    const void *p, size_t n);
/* Makes the checksums of an op, or of a whole, wrong by these bits. */
void sl_conf_spoil(struct ctx *c, uint32_t *crc32, uint64_t *sum,
		   uint32_t bits);

/* Removes objects and uploads below a prefix, as far as the store can. */
int sl_conf_clean(struct ctx *c, const char *prefix);

#endif
