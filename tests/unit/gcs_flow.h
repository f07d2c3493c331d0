/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Google backend over a pumped client (pump_http.h): one op, what the
 * store is asked for and what it answers, in words that scripts are made of.
 */
#ifndef GCS_FLOW_H
#define GCS_FLOW_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>

#include "backends/gcs/gcs.h"
#include "crc.h"
#include "pump_http.h"

#define KEYS "{\"type\":\"authorized_user\",\"client_id\":\"c\"," \
	"\"client_secret\":\"s\",\"refresh_token\":\"r\"," \
	"\"token_uri\":\"http://127.0.0.1:1/token\"}"
#define TOKEN { .want = "POST http://127.0.0.1:1/token", .status = 200, \
	.body = "{\"access_token\":\"tok\",\"expires_in\":3599}" }
#define AT "http://127.0.0.1:9"
#define OBJ AT "/storage/v1/b/buck-et/o/dir%2Fa%20b%2Fk?"
#define XML_OBJ AT "/buck-et/dir/a%20b/k?"
#define UPLOAD "POST " AT "/upload/storage/v1/b/buck-et/o?"
#define FIELDS "fields=name%2Csize%2Cupdated%2Ccrc32c%2Cgeneration"

/* "123456789" has the CRC32C e3069283. */
#define BODY "123456789"
#define SUM 0xe3069283u
#define SUM64 "4waSgw=="
#define IS_JSON "content-type: application/json; charset=UTF-8\n"
#define HASHES "x-goog-hash: md5=AAAA\nx-goog-hash: crc32c=" SUM64 "\n"
#define RESOURCE "{\"name\":\"dir/a b/k\",\"size\":\"9\"," \
	"\"crc32c\":\"" SUM64 "\",\"generation\":\"17\"," \
	"\"updated\":\"2026-01-02T03:04:05.678Z\"}"
#define OTHER "{\"size\":\"9\",\"crc32c\":\"AAAAAA==\"," \
	"\"generation\":\"16\"}"
#define MADE "<CompleteMultipartUploadResult><ETag>&quot;e&quot;</ETag>" \
	"</CompleteMultipartUploadResult>"
#define NO_OBJECT "{\"error\":{\"errors\":[{\"reason\":\"notFound\"}]," \
	"\"message\":\"No such object\"}}"
#define NO_UPLOAD "<Error><Code>NoSuchUpload</Code></Error>"

static struct sl_cred *keys;
static int asked; /* how often the migration was */

static struct sl_cred *base_get(struct sl_cred_source *s)
{
	(void)s;
	return sl_cred_ref(keys);
}

/* The same again; from the test's own thread, which is another turn. */
static struct sl_cred_wait *base_wait;

static void base_refused(struct sl_cred_source *s, uint64_t generation,
			 struct sl_cred_wait *w)
{
	(void)s;
	(void)generation;
	base_wait = w;
	asked++;
}

static void base_cancel(struct sl_cred_source *s, struct sl_cred_wait *w)
{
	(void)s;
	(void)w; /* there is none */
}

static int64_t base_offset(struct sl_cred_source *s)
{
	(void)s;
	return 0;
}

static const struct sl_cred_source_ops base_ops = {
	.get = base_get,
	.refused = base_refused,
	.cancel = base_cancel,
	.offset_ms = base_offset,
};
static struct sl_cred_source base = { &base_ops };

static struct sl_backend *backend;
static struct iovec pieces[2];
static struct sl_op op;
static int ended;
static char got[64];
static char listed[256];

static void on_done(struct sl_op *o)
{
	(void)o;
	ended++;
}

static inline int on_data(struct sl_op *o, const void *p, size_t n)
{
	(void)o;
	strncat(got, p, n);
	return 0;
}

static int on_entry(struct sl_op *o, const struct sl_list_entry *e)
{
	size_t n = strlen(listed);

	(void)o;
	snprintf(listed + n, sizeof(listed) - n, "%s=%s;", e->key,
		 e->is_prefix ? "/" : e->obj.etag);
	return 0;
}

static int set_up(void **state)
{
	static char bytes[] = BODY;
	/* Never looked at: the client is pumped. */
	static const struct sl_backend_config cfg = {
		.url = "gs://buck-et/dir/",
		.endpoint = AT "/",
		.creds = &base,
		.http = (struct sl_http *)(void *)&base,
	};
	struct sl_error e;

	(void)state;
	keys = sl_cred_new(SL_CRED_GCS, 1, NULL, KEYS, NULL);
	asked = ended = 0;
	base_wait = NULL;
	got[0] = listed[0] = '\0';
	pieces[0] = (struct iovec){ bytes, 4 };
	pieces[1] = (struct iovec){ bytes + 4, 5 };
	op = (struct sl_op){ .key = "a b/k", .body = pieces, .body_count = 2,
			     .size = 9, .sum = SUM, .crc32 = 0xcbf43926u,
			     .retry_for_ms = -1, .done = on_done,
			     .prefix = "", .length = 9, .on_data = on_data,
			     .on_entry = on_entry, .upload_id = "U1",
			     .part_number = 2 };
	return sl_gcs_backend_open(&cfg, &backend, &e);
}

static int tear_down(void **state)
{
	(void)state;
	backend->ops->close(backend);
	sl_cred_unref(keys);
	return 0;
}

/* Runs the op; its error. All of the script must have been used. */
static int run(sl_backend_start_fn *start, const struct pump_answer *script,
	       int count)
{
	int before = ended;

	pump_script(script, count);
	start(backend, &op);
	pump();
	while (base_wait) {
		struct sl_cred_wait *w = base_wait;

		base_wait = NULL;
		w->ready(w, 0);
		pump();
	}
	assert_string_equal(pump_state.wrong, "");
	assert_int_equal(pump_state.at, count);
	assert_int_equal(ended, before + 1);
	return op.err;
}

#define RUN(what, ...) \
	run(backend->ops->what, \
	    (const struct pump_answer[]){ __VA_ARGS__ }, \
	    (int)(sizeof((const struct pump_answer[]){ __VA_ARGS__ }) / \
		  sizeof(struct pump_answer)))

static void assert_object(void)
{
	assert_int_equal(op.obj.size, 9);
	assert_string_equal(op.obj.etag, "17");
	assert_int_equal(op.obj.proof, SL_PROOF_CRC32C);
	assert_false(op.obj.has_crc32);
}

#define LOOK { .want = "GET " OBJ FIELDS, .status = 200, \
	.headers = IS_JSON, .body = RESOURCE }

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

#endif
