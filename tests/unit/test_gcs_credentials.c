/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Google's credentials file: which are taken, which are refused with what
 * sentence, what is asked of the token endpoint and what its answer means.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdbool.h>

#include "backends/gcs/credentials.h"
#include "backends/gcs/token.h"
#include "gcs_key.h"

#define URI "https://oauth2.example.com/token"

static struct gcs_key key;

static int make_key(void **state)
{
	(void)state;
	key = gcs_key_new();
	return key.pem ? 0 : -1;
}

static int drop_key(void **state)
{
	(void)state;
	gcs_key_free(&key);
	return 0;
}

static void the_assertion_is_signed(void **state)
{
	SL_CLEANUP(free) char *file = gcs_key_file(&key, "kid1", URI);
	SL_CLEANUP(gcs_keys) struct sl_gcs_keys *k = NULL;
	SL_CLEANUP(buf) struct sl_buf form = SL_BUF_INIT(32768);
	static const char begin[] = "grant_type=urn%3Aietf%3Aparams%3Aoauth"
		"%3Agrant-type%3Ajwt-bearer&assertion=";
	char head[8192], claims[8192];
	struct sl_error e = { 0 };

	(void)state;
	assert_int_equal(sl_gcs_keys_parse(file, &k, &e), 0);
	assert_string_equal(sl_gcs_keys_uri(k), URI);
	assert_int_equal(sl_gcs_keys_form(k, 1700000000, &form, &e), 0);
	assert_memory_equal(form.data, begin, sizeof(begin) - 1);
	assert_true(gcs_key_verifies(&key, form.data + sizeof(begin) - 1, head,
				     claims));
	assert_string_equal(head, "{\"alg\":\"RS256\",\"typ\":\"JWT\","
			    "\"kid\":\"kid1\"}");
	assert_string_equal(claims, "{\"iss\":\"up@p.iam.gserviceaccount.com\""
			    ",\"scope\":\"https://www.googleapis.com/auth/"
			    "devstorage.read_write\",\"aud\":\"" URI "\","
			    "\"iat\":1700000000,\"exp\":1700003600}");
}

static void a_user_sends_the_refresh_token(void **state)
{
	static const char file[] = "{\"type\":\"authorized_user\","
		"\"client_id\":\"1.apps\",\"client_secret\":\"s+/\","
		"\"refresh_token\":\"1//r\"}";
	SL_CLEANUP(gcs_keys) struct sl_gcs_keys *k = NULL;
	SL_CLEANUP(buf) struct sl_buf form = SL_BUF_INIT(32768);
	struct sl_error e = { 0 };

	(void)state;
	assert_int_equal(sl_gcs_keys_parse(file, &k, &e), 0);
	assert_string_equal(sl_gcs_keys_uri(k), SL_GCS_TOKEN_URI);
	assert_int_equal(sl_gcs_keys_form(k, 1, &form, &e), 0);
	assert_string_equal(sl_buf_str(&form), "grant_type=refresh_token&"
			    "client_id=1.apps&client_secret=s%2B%2F&"
			    "refresh_token=1%2F%2Fr");
}

#define USER(more) "{\"type\":\"authorized_user\",\"client_id\":\"c\"," \
	"\"client_secret\":\"SECRET\",\"refresh_token\":\"SECRET\"" more "}"

static void files(void **state)
{
	static const struct {
		const char *json;
		int err;
		const char *says;
	} rows[] = {
		{ USER(""), 0, "" },
		{ USER(",\"token_uri\":\"http://127.0.0.1:1/t\""), 0, "" },
		{ USER(",\"token_uri\":\"http://127.9.9.9/t\""), 0, "" },
		{ USER(",\"token_uri\":\"http://localhost:1/t\""), 0, "" },
		{ USER(",\"token_uri\":\"http://[::1]:1/t\""), 0, "" },
		{ USER(",\"token_uri\":\"http://127.0.0.1.evil.org/t\""),
		  -EINVAL, "not https" },
		{ USER(",\"token_uri\":\"http://example.com/t\""), -EINVAL,
		  "not https" },
		{ USER(",\"token_uri\":\"https://a@b/t\""), -EINVAL,
		  "token_uri" },
		{ USER(",\"token_uri\":\"https:///t\""), -EINVAL,
		  "token_uri" },
		{ USER(",\"token_uri\":\"ftp://h/t\""), -EINVAL, "token_uri" },
		{ USER(",\"token_uri\":\"https://h/t\\nX: y\""), -EINVAL,
		  "token_uri" },
		{ "", -EINVAL, "no JSON object" },
		{ "[]", -EINVAL, "no JSON object" },
		{ "{\"type\":\"authorized_user\"", -EINVAL, "no JSON object" },
		{ "{}", -EINVAL, "'type'" },
		{ "{\"type\":7}", -EINVAL, "'type'" },
		{ "{\"type\":\"authorized_user\",\"client_id\":\"c\","
		  "\"client_secret\":\"SECRET\"}", -EINVAL,
		  "'refresh_token'" },
		{ "{\"type\":\"authorized_user\",\"client_id\":\"c\\\"\","
		  "\"client_secret\":\"SECRET\",\"refresh_token\":\"r\"}",
		  -EINVAL, "'client_id'" },
		{ "{\"type\":\"service_account\",\"client_email\":\"a@b\"}",
		  -EINVAL, "'private_key'" },
		{ "{\"type\":\"external_account\"}", -EOPNOTSUPP,
		  "workload identity" },
		{ "{\"type\":\"external_account_authorized_user\"}",
		  -EOPNOTSUPP, "workforce identity" },
		{ "{\"type\":\"impersonated_service_account\"}", -EOPNOTSUPP,
		  "impersonated" },
		{ "{\"type\":\"gdch_service_account\"}", -EOPNOTSUPP,
		  "Distributed Cloud" },
		{ "{\"type\":\"new\\u001bthing\"}", -EOPNOTSUPP,
		  "'new?thing'" },
	};

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
		SL_CLEANUP(gcs_keys) struct sl_gcs_keys *k = NULL;
		struct sl_error e = { 0 };

		assert_int_equal(sl_gcs_keys_parse(rows[i].json, &k, &e),
				 rows[i].err);
		assert_non_null(strstr(e.text, rows[i].says));
		assert_null(strstr(e.text, "SECRET"));
		assert_int_equal(k != NULL, !rows[i].err);
	}
}

/* Only an RSA key in PEM signs; an encrypted one must not ask anybody. */
static void keys_that_cannot_sign(void **state)
{
	static const char *const pems[] = {
		"none",
		"-----BEGIN PRIVATE KEY-----\\nAAAA\\n"
		"-----END PRIVATE KEY-----\\n",
		"-----BEGIN ENCRYPTED PRIVATE KEY-----\\nAAAA\\n"
		"-----END ENCRYPTED PRIVATE KEY-----\\n",
	};

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(pems); i++) {
		SL_CLEANUP(gcs_keys) struct sl_gcs_keys *k = NULL;
		SL_CLEANUP(buf) struct sl_buf form = SL_BUF_INIT(32768);
		SL_CLEANUP(free) char *json = NULL;
		struct sl_error e = { 0 };

		assert_true(asprintf(&json, "{\"type\":\"service_account\","
				     "\"client_email\":\"a@b\","
				     "\"private_key\":\"%s\"}", pems[i]) > 0);
		assert_int_equal(sl_gcs_keys_parse(json, &k, &e), 0);
		assert_int_equal(sl_gcs_keys_form(k, 1, &form, &e), -EINVAL);
		assert_non_null(strstr(e.text, "no RSA key"));
	}
}

static const struct {
	int status;
	const char *body, *token;
	int64_t life_s;
	enum sl_gcs_told told;
	const char *error;
} said[] = {
	{ 200, "{\"access_token\":\"t\",\"expires_in\":3599,"
	  "\"token_type\":\"Bearer\"}", "t", 3599, SL_GCS_TOLD_TOKEN,
	  "" },
	{ 200, "{\"access_token\":\"t\",\"expires_in\":\"20\"}", "t",
	  20, SL_GCS_TOLD_TOKEN, "" },
	{ 200, "{\"access_token\":\"t\"}", "t", 3600,
	  SL_GCS_TOLD_TOKEN, "" },
	{ 200, "{\"access_token\":\"t\",\"expires_in\":1e9}", "t",
	  86400, SL_GCS_TOLD_TOKEN, "" },
	{ 200, "{\"access_token\":\"t\",\"expires_in\":-1}", NULL, 0,
	  SL_GCS_TOLD_LATER, "" },
	{ 200, "{\"access_token\":\"t\\r\\nX: y\"}", NULL, 0,
	  SL_GCS_TOLD_LATER, "" },
	{ 200, "{\"access_token\":\"t\",\"token_type\":\"mac\"}", NULL,
	  0, SL_GCS_TOLD_LATER, "" },
	{ 200, "{\"access_token\":\"\"}", NULL, 0, SL_GCS_TOLD_LATER,
	  "" },
	{ 200, "{}", NULL, 0, SL_GCS_TOLD_LATER, "" },
	{ 200, "<html>log in</html>", NULL, 0, SL_GCS_TOLD_LATER, "" },
	{ 200, "", NULL, 0, SL_GCS_TOLD_LATER, "" },
	{ 400, "{\"error\":\"invalid_grant\",\"error_description\":"
	  "\"Invalid JWT Signature.\"}", NULL, 0, SL_GCS_TOLD_KEYS,
	  "invalid_grant" },
	{ 401, "{\"error\":\"invalid_client\"}", NULL, 0,
	  SL_GCS_TOLD_KEYS, "invalid_client" },
	{ 403, "{\"error\":\"access_denied\"}", NULL, 0,
	  SL_GCS_TOLD_KEYS, "access_denied" },
	{ 403, "<html>", NULL, 0, SL_GCS_TOLD_LATER, "" },
	{ 400, "{\"error\":\"internal_failure\"}", NULL, 0,
	  SL_GCS_TOLD_LATER, "internal_failure" },
	{ 400, "{\"error\":\"temporarily_unavailable\"}", NULL, 0,
	  SL_GCS_TOLD_LATER, "temporarily_unavailable" },
	{ 404, "{\"error\":\"nope\"}", NULL, 0, SL_GCS_TOLD_LATER,
	  "nope" },
	{ 408, "{}", NULL, 0, SL_GCS_TOLD_LATER, "" },
	{ 429, "{\"error\":\"x\"}", NULL, 0, SL_GCS_TOLD_LATER, "x" },
	{ 500, "{\"error\":\"x\"}", NULL, 0, SL_GCS_TOLD_LATER, "x" },
	{ 302, "{}", NULL, 0, SL_GCS_TOLD_LATER, "" },
};

static void answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(said); i++) {
		struct sl_gcs_answer a;
		enum sl_gcs_told told = sl_gcs_answer_read(
			said[i].status, said[i].body, strlen(said[i].body),
			&a);

		assert_int_equal(told, said[i].told);
		assert_string_equal(a.error, said[i].error);
		if (said[i].token) {
			assert_string_equal(a.token, said[i].token);
			assert_int_equal(a.life_s, said[i].life_s);
		} else {
			assert_null(a.token);
		}
		sl_gcs_answer_release(&a);
	}
}

/* A server that says the assertion back must not get it into a text. */
static void an_answer_with_the_assertion(void **state)
{
	static const char body[] = "{\"error\":\"invalid_grant\","
		"\"error_description\":\"bad eyJhbGciOi.eyJpc3M.c2ln\"}";
	struct sl_gcs_answer a;

	(void)state;
	assert_int_equal(sl_gcs_answer_read(400, body, strlen(body), &a),
			 SL_GCS_TOLD_KEYS);
	assert_string_equal(a.text, "");
	sl_gcs_answer_release(&a);
}

static void urls(void **state)
{
	static const struct {
		const char *url;
		int err;
	} rows[] = {
		{ "https://h", 0 },	    { "https://h:1/p", 0 },
		{ "http://127.0.0.1:1", 0 }, { "http://10.0.0.1:1", -EPERM },
		{ "http://localhost.org", -EPERM }, { "h:1", -EINVAL },
		{ "https://", -EINVAL },    { "https://h/?q", -EINVAL },
		{ "https://u@h/", -EINVAL }, { "file:///x", -EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++)
		assert_int_equal(sl_gcs_url_check(rows[i].url), rows[i].err);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_assertion_is_signed),
		cmocka_unit_test(a_user_sends_the_refresh_token),
		cmocka_unit_test(files),
		cmocka_unit_test(keys_that_cannot_sign),
		cmocka_unit_test(answers),
		cmocka_unit_test(an_answer_with_the_assertion),
		cmocka_unit_test(urls),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, make_key, drop_key);
}
