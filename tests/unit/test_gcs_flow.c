/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What goes over the wire for each op on an object, and how many requests:
 * whole scripts of requests and answers, lost ones too.
 */
#include "gcs_flow.h"

#include "backends/gcs/internal.h"

static void put_is_one_request(void **state)
{
	char want[1024], boundary[64] = "";
	const char *p;

	(void)state;
	assert_int_equal(RUN(put, TOKEN,
			     { .want = UPLOAD FIELDS "&uploadType=multipart",
			       .status = 200, .body = RESOURCE }), 0);
	assert_object();
	assert_int_equal(op.obj.mtime_ms, 1767323045678);
	assert_non_null(strstr(pump_state.headers,
			       "Authorization: Bearer tok\n"));
	p = strstr(pump_state.headers, "multipart/related; boundary=");
	assert_non_null(p);
	assert_int_equal(sscanf(p + 28, "%63[0-9a-f]", boundary), 1);
	assert_int_equal(strlen(boundary), 32);
	snprintf(want, sizeof(want), "--%s\r\nContent-Type: application/json;"
		 " charset=UTF-8\r\n\r\n{\"name\":\"dir/a b/k\",\"contentType\""
		 ":\"application/octet-stream\",\"crc32c\":\"" SUM64 "\"}\r\n"
		 "--%s\r\nContent-Type: application/octet-stream\r\n\r\n" BODY
		 "\r\n--%s--\r\n", boundary, boundary, boundary);
	assert_string_equal(pump_state.body, want);
}

static void put_of_odd_names(void **state)
{
	(void)state;
	op.key = "q\"\\\x01\xc3\xa9";
	assert_int_equal(RUN(put, TOKEN, { .status = 200, .body = RESOURCE }),
			 0);
	assert_non_null(strstr(pump_state.body,
			       "\"name\":\"dir/q\\\"\\\\\\u0001\xc3\xa9\""));
}

static void names_that_are_refused(void **state)
{
	static const char *const names[] = {
		"a\nb", "a\rb", "\xff", "\xc3", "\xed\xa0\x80", "\xc0\xaf",
	};

	(void)state;
	assert_int_equal(RUN(head, TOKEN, { .status = 200, .body = RESOURCE }),
			 0);
	for (size_t i = 0; i < SL_ARRAY_LEN(names); i++) {
		op.key = names[i];
		assert_int_equal(run(backend->ops->put, NULL, 0), -EOPNOTSUPP);
		assert_non_null(strstr(op.error.text, "takes no"));
		assert_int_equal(run(backend->ops->upload_begin, NULL, 0),
				 -EOPNOTSUPP);
		/* And so there is none. */
		assert_int_equal(run(backend->ops->head, NULL, 0), -ENOENT);
		assert_int_equal(run(backend->ops->get, NULL, 0), -ENOENT);
		assert_int_equal(run(backend->ops->remove, NULL, 0), 0);
	}
}

static void put_answers(void **state)
{
	static const struct {
		const char *body;
		int err;
	} rows[] = {
		{ OTHER, -EBADMSG },
		{ "{\"size\":\"8\",\"crc32c\":\"" SUM64 "\","
		  "\"generation\":\"1\"}", -EBADMSG },
		{ "{\"size\":\"9\",\"generation\":\"1\"}", -EPROTO },
		{ "{\"size\":9,\"crc32c\":\"" SUM64 "\","
		  "\"generation\":\"1\"}", -EPROTO },
		{ "ok", -EPROTO },
		{ "", -EPROTO },
	};

	(void)state;
	assert_int_equal(RUN(head, TOKEN, { .status = 200, .body = RESOURCE }),
			 0);
	for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++)
		assert_int_equal(RUN(put, { .status = 200,
					    .body = rows[i].body }),
				 rows[i].err);
}

/* A caller that gives no sum has it made of the bytes. */
static void put_without_a_sum(void **state)
{
	(void)state;
	op.sum = 0;
	assert_int_equal(RUN(put, TOKEN, { .status = 200, .body = RESOURCE }),
			 0);
	assert_non_null(strstr(pump_state.body, "\"crc32c\":\"" SUM64 "\""));
	op.sum = 0;
	op.crc32 ^= 1;
	assert_int_equal(run(backend->ops->put, NULL, 0), -EBADMSG);
}

#define LOST { .want = UPLOAD, .curl_code = 56 }

static void put_lost_and_found(void **state)
{
	(void)state;
	assert_int_equal(RUN(put, TOKEN, LOST,
			     { .want = "GET " OBJ FIELDS, .status = 200,
			       .headers = IS_JSON, .body = RESOURCE }), 0);
	assert_object();
}

static void put_lost_and_sent_again(void **state)
{
	(void)state;
	assert_int_equal(RUN(put, TOKEN, LOST,
			     { .want = "GET " OBJ, .status = 200,
			       .headers = IS_JSON, .body = OTHER },
			     LOST, { .want = "GET " OBJ, .status = 404,
				     .body = NO_OBJECT },
			     { .want = UPLOAD, .status = 200,
			       .body = RESOURCE }), 0);
}

#define BAD_SUM { .want = UPLOAD, .status = 400, \
	.body = "{\"error\":{\"message\":\"CRC32C differs\"," \
		"\"errors\":[{\"reason\":\"invalid\"}]}}" }

/* Damaged on the way it is sent again; damaged here it is told. */
static void put_damaged(void **state)
{
	(void)state;
	assert_int_equal(RUN(put, TOKEN, BAD_SUM,
			     { .want = UPLOAD, .status = 200,
			       .body = RESOURCE }), 0);
	op.sum ^= 1;
	assert_int_equal(RUN(put, BAD_SUM), -EBADMSG);
}

static void worn_token(void **state)
{
	(void)state;
	assert_int_equal(RUN(head, TOKEN, { .status = 401 }, TOKEN,
			     { .want = "GET " OBJ FIELDS, .status = 200,
			       .body = RESOURCE }), 0);
	assert_object();
	assert_int_equal(asked, 0);
}

/* For a right that is not granted the migration is asked once. */
static void forbidden(void **state)
{
	static const char no[] = "{\"error\":{\"errors\":[{\"reason\":"
		"\"forbidden\"}]}}";

	(void)state;
	assert_int_equal(RUN(head, TOKEN, { .status = 404 }), -ENOENT);
	assert_int_equal(RUN(put, { .want = UPLOAD, .status = 403, .body = no },
			     { .want = UPLOAD, .status = 403, .body = no }),
			 -EACCES);
	assert_int_equal(asked, 1);
	assert_string_equal(op.error.code, "forbidden");
}

static void endless_refusal_says_why(void **state)
{
	(void)state;
	sl_cred_unref(keys);
	keys = sl_cred_new(SL_CRED_GCS, 2, NULL,
			   "{\"type\":\"gdch_service_account\"}", NULL);
	assert_int_equal(run(backend->ops->head, NULL, 0), -EKEYEXPIRED);
	assert_non_null(strstr(op.error.text, "gdch_service_account"));
}

static void get(void **state)
{
	(void)state;
	op.if_match = "17";
	assert_int_equal(RUN(get, TOKEN,
			     { .want = "GET " OBJ "alt=media&"
				"ifGenerationMatch=17", .status = 206,
			       .headers = "content-range: bytes 0-8/9\n"
				"x-goog-generation: 17\n" HASHES
				"last-modified: Fri, 02 Jan 2026 03:04:05 "
				"GMT\n", .body = BODY }), 0);
	assert_object();
	assert_string_equal(got, BODY);
	assert_non_null(strstr(pump_state.headers, "Range: bytes=0-8\n"));
	assert_null(strstr(pump_state.headers, "If-Match"));
	assert_int_equal(RUN(get, { .status = 412 }), -ESTALE);
	assert_int_equal(RUN(get, { .status = 404, .body = NO_OBJECT }),
			 -ENOENT);
}

/* Broken in the middle it goes on, and only with the same version. */
static void get_goes_on(void **state)
{
	(void)state;
	assert_int_equal(RUN(get, TOKEN,
			     { .want = "GET " OBJ "alt=media", .status = 206,
			       .headers = "etag: \"x\"\n"
				"x-goog-generation: 17\n"
				"content-range: bytes 0-8/9\n",
			       .body = "1234" },
			     { .want = "alt=media", .status = 206,
			       .headers = "x-goog-generation: 17\n"
				"content-range: bytes 4-8/9\n",
			       .body = "56789" }), 0);
	assert_string_equal(got, BODY);
}

static void get_past_the_end(void **state)
{
	(void)state;
	op.offset = 100;
	assert_int_equal(RUN(get, TOKEN, { .status = 416, .headers =
			     "content-range: bytes */9\n", .body = "{}" }), 0);
	assert_int_equal(op.obj.size, 9);
	assert_string_equal(got, "");
}

static void remove_object(void **state)
{
	(void)state;
	assert_int_equal(RUN(remove, TOKEN, { .want = "DELETE " AT
			     "/storage/v1/b/buck-et/o/dir%2Fa%20b%2Fk",
			     .status = 204 }), 0);
	assert_int_equal(RUN(remove, { .status = 404, .body = NO_OBJECT }), 0);
}

#define LIST "GET " AT "/storage/v1/b/buck-et/o?delimiter=%2F&fields=" \
	"nextPageToken%2Cprefixes%2Citems%28name%2Csize%2Cupdated%2Ccrc32c" \
	"%2Cgeneration%29&maxResults=1000&"

static void list(void **state)
{
	(void)state;
	assert_int_equal(RUN(list, TOKEN,
			     { .want = LIST "prefix=dir%2F", .status = 200,
			       .body = "{\"nextPageToken\":\"T/1\","
				"\"prefixes\":[\"dir/b/\"],\"items\":["
				"{\"name\":\"dir/a\",\"size\":\"1\","
				"\"generation\":\"5\"},{\"name\":\"dir/c\","
				"\"size\":\"2\",\"generation\":\"6\"}]}" },
			     { .want = LIST "pageToken=T%2F1&prefix=dir%2F",
			       .status = 200, .body = "{\"items\":[{\"name\":"
				"\"dir/d\",\"size\":\"0\",\"generation\":"
				"\"7\"}]}" }), 0);
	assert_string_equal(listed, "a=5;b/=/;c=6;d=7;");
	assert_int_equal(RUN(list, { .status = 200, .body = "{}" }), 0);
}

static void pages_that_make_no_sense(void **state)
{
	static const char *const pages[] = {
		"", "[]", "<html>", "{\"items\":[7]}",
		"{\"items\":[{\"name\":\"dir/a\",\"size\":\"-1\","
		"\"generation\":\"1\"}]}",
		"{\"items\":[{\"name\":\"dir/a\",\"size\":1,"
		"\"generation\":\"1\"}]}",
		"{\"items\":[{\"size\":\"1\",\"generation\":\"1\"}]}",
		"{\"items\":[{\"name\":\"else/a\",\"size\":\"1\","
		"\"generation\":\"1\"}]}",
		"{\"prefixes\":[null]}", "{\"prefixes\":[\"dir/a\\u0000b/\"]}",
	};

	(void)state;
	assert_int_equal(RUN(head, TOKEN, LOOK), 0);
	for (size_t i = 0; i < SL_ARRAY_LEN(pages); i++)
		assert_int_equal(RUN(list, { .status = 200,
					     .body = pages[i] }), -EPROTO);
}

static void opening(void **state)
{
	static const struct {
		const char *url, *endpoint, *keys;
		int err;
		const char *says;
	} rows[] = {
		{ "gs://bucket/", NULL, KEYS, 0, "" },
		{ "gs://bucket/d/", "https://h:1/base", KEYS, 0, "" },
		{ "gs://bucket", NULL, KEYS, -EINVAL, "gs://BUCKET" },
		{ "gs://bucket/d", NULL, KEYS, -EINVAL, "bad directory" },
		{ "gs://Buck/", NULL, KEYS, -EINVAL, "gs://BUCKET" },
		{ "gs://bucket//d/", NULL, KEYS, -EINVAL, "bad directory" },
		{ "gs://bucket/", "http://10.1.2.3", KEYS, -EINVAL, "clear" },
		{ "gs://bucket/", "ftp://h", KEYS, -EINVAL, "malformed" },
		{ "gs://bucket/", NULL, "{\"type\":\"external_account\"}",
		  -EOPNOTSUPP, "external_account" },
	};

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
		struct sl_backend_config cfg = {
			.url = rows[i].url,
			.endpoint = rows[i].endpoint,
			.creds = &base,
			.http = (struct sl_http *)(void *)&base,
		};
		struct sl_backend *b = NULL;
		struct sl_error e = { 0 };

		sl_cred_unref(keys);
		keys = sl_cred_new(SL_CRED_GCS, 1, NULL, rows[i].keys, NULL);
		assert_int_equal(sl_gcs_backend_open(&cfg, &b, &e),
				 rows[i].err);
		assert_non_null(strstr(e.text, rows[i].says));
		if (b)
			b->ops->close(b);
	}
}

/* Values without end are not made a tree of; names may hold anything. */
static void a_page_of_nothing_but_values(void **state)
{
	SL_CLEANUP(buf) struct sl_buf b = SL_BUF_INIT(1 << 20);
	struct sl_cloud_page p = { .seen = false };

	(void)state;
	sl_buf_puts(&b, "{\"prefixes\":[\"\\\\\\\"");
	for (int i = 0; i < 300000; i++)
		sl_buf_puts(&b, ",");
	sl_buf_puts(&b, "/\"],\"x\":[0");
	assert_int_equal(sl_gcs_page_json(b.data, b.len, &p), -EPROTO);
	sl_buf_puts(&b, "]}");
	assert_int_equal(sl_gcs_page_json(b.data, b.len, &p), 0);
	assert_int_equal(p.n, 1);
	sl_cloud_page_release(&p);
	p = (struct sl_cloud_page){ .seen = false };
	b.len -= 2;
	for (int i = 0; i < 300000; i++)
		sl_buf_puts(&b, ",0");
	sl_buf_puts(&b, "]}");
	assert_int_equal(sl_buf_error(&b), 0);
	assert_int_equal(sl_gcs_page_json(b.data, b.len, &p), -EPROTO);
	sl_cloud_page_release(&p);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(put_is_one_request),
		TEST(put_of_odd_names),
		TEST(names_that_are_refused),
		TEST(put_answers),
		TEST(put_lost_and_found),
		TEST(put_lost_and_sent_again),
		TEST(put_without_a_sum),
		TEST(put_damaged),
		TEST(worn_token),
		TEST(forbidden),
		TEST(endless_refusal_says_why),
		TEST(get),
		TEST(get_goes_on),
		TEST(get_past_the_end),
		TEST(remove_object),
		TEST(list),
		TEST(pages_that_make_no_sense),
		TEST(a_page_of_nothing_but_values),
		TEST(opening),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
