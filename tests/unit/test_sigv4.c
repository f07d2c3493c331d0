/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The signer against the examples that AWS publishes for S3 ("Signature
 * Calculations for the Authorization Header"), and the rules around them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "backends/cloud/text.h"
#include "backends/s3/sigv4.h"
#include "clock.h"

#define ID "AKIAIOSFODNN7EXAMPLE"
#define SECRET "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
#define HOST "examplebucket.s3.amazonaws.com"

static const struct {
	const char *method, *path, *query, *headers, *payload, *signature;
} vectors[] = {
	{ "GET", "/test.txt", "", "Range: bytes=0-9\n", SL_SIGV4_EMPTY,
	  "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41" },
	{ "PUT", "/test%24file.text", "",
	  "Date: Fri, 24 May 2013 00:00:00 GMT\n"
	  "x-amz-storage-class: REDUCED_REDUNDANCY\n",
	  "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
	  "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd" },
	{ "GET", "/", "lifecycle=", "", SL_SIGV4_EMPTY,
	  "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543" },
	{ "GET", "/", "max-keys=2&prefix=J", "", SL_SIGV4_EMPTY,
	  "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7" },
};

static struct sl_sigv4 request(void)
{
	struct sl_sigv4 s = {
		.id = ID, .secret = SECRET, .region = "us-east-1",
		.host = HOST, .method = "GET", .path = "/", .query = "",
		.payload = SL_SIGV4_EMPTY,
	};

	assert_int_equal(sl_time_parse("2013-05-24T00:00:00Z", &s.now_ms), 0);
	return s;
}

static void published_vectors(void **state)
{
	struct sl_sigv4_key cache = { .valid = false };

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(vectors); i++) {
		SL_CLEANUP(buf) struct sl_buf h = SL_BUF_INIT(8192);
		struct sl_sigv4 s = request();
		const char *got;

		s.method = vectors[i].method;
		s.path = vectors[i].path;
		s.query = vectors[i].query;
		s.payload = vectors[i].payload;
		sl_buf_puts(&h, vectors[i].headers);
		assert_int_equal(sl_sigv4_sign(&s, &cache, &h), 0);
		got = strstr(sl_buf_str(&h), "Signature=");
		assert_non_null(got);
		got += strlen("Signature=");
		assert_memory_equal(got, vectors[i].signature, 64);
		assert_true(cache.valid);
	}
}

static void sign_text(const struct sl_sigv4 *s, struct sl_sigv4_key *k,
		      struct sl_buf *h)
{
	sl_buf_clear(h);
	assert_int_equal(sl_sigv4_sign(s, k, h), 0);
}

static void token_is_sent_and_signed(void **state)
{
	SL_CLEANUP(buf) struct sl_buf h = SL_BUF_INIT(8192);
	struct sl_sigv4_key cache = { .valid = false };
	struct sl_sigv4 s = request();

	(void)state;
	s.token = "a/token+with=signs";
	sign_text(&s, &cache, &h);
	assert_non_null(strstr(sl_buf_str(&h),
			       "X-Amz-Security-Token: a/token+with=signs\n"));
	assert_non_null(strstr(sl_buf_str(&h),
			       "SignedHeaders=host;x-amz-content-sha256;"
			       "x-amz-date;x-amz-security-token,"));
	s.token = NULL;
	sign_text(&s, &cache, &h);
	assert_null(strstr(sl_buf_str(&h), "oken"));
}

static void cache_follows_day_region_secret(void **state)
{
	SL_CLEANUP(buf) struct sl_buf warm = SL_BUF_INIT(8192);
	SL_CLEANUP(buf) struct sl_buf cold = SL_BUF_INIT(8192);
	struct sl_sigv4_key cache = { .valid = false };

	(void)state;
	for (int i = 0; i < 5; i++) {
		struct sl_sigv4_key none = { .valid = false };
		struct sl_sigv4 s = request();

		if (i == 1)
			s.region = "eu-west-1";
		if (i == 2)
			s.secret = "another";
		if (i == 3)
			s.now_ms += 86400000;
		sign_text(&s, &cache, &warm);
		sign_text(&s, &none, &cold);
		assert_string_equal(sl_buf_str(&warm), sl_buf_str(&cold));
	}
}

static void header_order_is_by_name_alone(void **state)
{
	SL_CLEANUP(buf) struct sl_buf a = SL_BUF_INIT(8192);
	struct sl_sigv4_key cache = { .valid = false };
	struct sl_sigv4 s = request();

	(void)state;
	sl_buf_puts(&a, "x-amz-meta-a-b: 1\nx-amz-meta-a:  2   3 \n");
	assert_int_equal(sl_sigv4_sign(&s, &cache, &a), 0);
	assert_non_null(strstr(sl_buf_str(&a), ";x-amz-meta-a;x-amz-meta-a-b"));
}

static void refuses_what_it_cannot_sign(void **state)
{
	SL_CLEANUP(buf) struct sl_buf h = SL_BUF_INIT(8192);
	struct sl_sigv4_key cache = { .valid = false };
	struct sl_sigv4 s = request();

	(void)state;
	s.secret = NULL;
	assert_int_equal(sl_sigv4_sign(&s, &cache, &h), -EINVAL);
	s = request();
	sl_buf_puts(&h, "no colon\n");
	assert_int_equal(sl_sigv4_sign(&s, &cache, &h), -EINVAL);
}

static void escapes_once(void **state)
{
	SL_CLEANUP(buf) struct sl_buf b = SL_BUF_INIT(100);

	(void)state;
	assert_int_equal(sl_cloud_escape(&b, "a/b +~%\xc3\xa9=", true), 0);
	assert_string_equal(sl_buf_str(&b), "a/b%20%2B~%25%C3%A9%3D");
	sl_buf_clear(&b);
	assert_int_equal(sl_cloud_escape(&b, "a/b", false), 0);
	assert_string_equal(sl_buf_str(&b), "a%2Fb");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_vectors),
		cmocka_unit_test(token_is_sent_and_signed),
		cmocka_unit_test(cache_follows_day_region_secret),
		cmocka_unit_test(header_order_is_by_name_alone),
		cmocka_unit_test(refuses_what_it_cannot_sign),
		cmocka_unit_test(escapes_once),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
