/* SPDX-License-Identifier: Apache-2.0 */
/* Reading MigrationStatus: the documented answers, and hostile ones. */
#undef NDEBUG
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "buf.h"
#include "migration/devops.h"

#define ID "272eac1d-df8e-4d1b-a7c6-71d5af232182"
#define DB "b7e7761f-6f7f-4116-81a5-e8eefcf0cc1d"
#define HEAD "{\"migrationID\":\"" ID "\",\"dbID\":\"" DB "\","
#define RECV HEAD "\"status\":\"ReceivingFiles\",\"progressInfo\":\"\","
#define AWS_DIR "\"uploadBucketDir\":\"s3://ds-mig-" DB "/" ID "/sstables/\","

static const char initializing[] =
	HEAD "\"status\":\"Initializing\",\"progressInfo\":\"\","
	"\"uploadBucketDir\":\"\",\"uploadCredentials\":{\"name\":\"\","
	"\"keys\":null,\"credentialExpiration\":null},"
	"\"expectedCleanupTime\":\"2025-03-04T15:14:38Z\"}";
static const char aws[] =
	RECV AWS_DIR "\"uploadCredentials\":{\"name\":\"sessionToken\","
	"\"keys\":{\"accessKeyID\":\"ASXXXXXXXXXXXXXXXXXX\","
	"\"secretAccessKey\":\"2XXwqcdV519Zub/byfu+xbZg1Rw\","
	"\"sessionToken\":\"SESSIONXXXX==\"},"
	"\"credentialExpiration\":\"2024-01-18T19:45:09Z\","
	"\"hint\":\"\\nexport AWS_SESSION_TOKEN=SESSIONXXXX==\\n\"},"
	"\"expectedCleanupTime\":\"2024-01-25T15:14:38Z\"}\n";
static const char gcs[] =
	RECV "\"uploadBucketDir\":\"gs://ds-mig-x/y/sstables/\","
	"\"uploadCredentials\":{\"name\":\"TYPE_GOOGLE_CREDENTIALS_FILE\","
	"\"keys\":{\"file\":\"eyJ0eXBlIjoic2VydmljZV9hY2NvdW50In0=\"},"
	"\"credentialExpiration\":\"2024-08-07T18:51:39Z\"},"
	"\"expectedCleanupTime\":\"2024-08-14T15:14:38Z\"}";
static const char azure[] =
	RECV "\"uploadBucketDir\":\"https://acc.blob.core.windows.net/"
	"mig-upload-x/sstables/\",\"uploadCredentials\":{\"name\":"
	"\"URL signature\",\"keys\":{\"url\":\"https://DIR/?si=SASSASSAS\","
	"\"urlSignature\":\"?si=SASSASSAS\"},\"credentialExpiration\":"
	"\"2025-04-02T15:14:31Z\"},"
	"\"expectedCleanupTime\":\"2025-03-04T15:14:38Z\"}";

static int parse(const char *s, struct sl_migration_status **ret,
		 struct sl_error *e)
{
	return sl_migration_status_parse(s, strlen(s), ret, e);
}

static void test_good(void **state)
{
	static const struct {
		const char *body, *status, *dir, *id, *secret, *token;
		enum sl_cred_kind kind;
		int64_t expires;
	} rows[] = {
		{ initializing, "Initializing", "", NULL, NULL, NULL,
		  SL_CRED_NONE, 0 },
		{ aws, "ReceivingFiles",
		  "s3://ds-mig-" DB "/" ID "/sstables/",
		  "ASXXXXXXXXXXXXXXXXXX", "2XXwqcdV519Zub/byfu+xbZg1Rw",
		  "SESSIONXXXX==", SL_CRED_S3, 1705607109000 },
		{ gcs, "ReceivingFiles", "gs://ds-mig-x/y/sstables/", NULL,
		  "{\"type\":\"service_account\"}", NULL, SL_CRED_GCS,
		  1723056699000 },
		{ azure, "ReceivingFiles",
		  "https://acc.blob.core.windows.net/mig-upload-x/sstables/",
		  "https://DIR/?si=SASSASSAS", "si=SASSASSAS", NULL,
		  SL_CRED_AZURE, 1743606871000 },
	};

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
		struct sl_migration_status *s = NULL;
		struct sl_error e = { 0 };

		assert_int_equal(parse(rows[i].body, &s, &e), 0);
		assert_string_equal(s->id, ID);
		assert_string_equal(s->db_id, DB);
		assert_string_equal(s->status, rows[i].status);
		assert_string_equal(s->bucket_dir, rows[i].dir);
		assert_int_equal(s->expires_ms, rows[i].expires);
		assert_true(s->cleanup_ms > 0);
		assert_int_equal(s->cred != NULL, rows[i].kind != 0);
		if (s->cred) {
			assert_int_equal(s->cred->kind, rows[i].kind);
			assert_int_equal(s->cred->expires_ms,
					 rows[i].expires);
			assert_string_equal(s->cred->secret, rows[i].secret);
			assert_null(strstr(s->redacted_json,
					   rows[i].secret));
			assert_non_null(strstr(s->redacted_json,
					       "credentialExpiration"));
		}
		if (rows[i].id)
			assert_string_equal(s->cred->id, rows[i].id);
		if (rows[i].token) {
			assert_string_equal(s->cred->token, rows[i].token);
			assert_null(strstr(s->redacted_json, rows[i].token));
		}
		sl_migration_status_free(s);
	}
}

static void test_bad(void **state)
{
	static const struct {
		const char *body, *text;
	} rows[] = {
		{ "", "no JSON" },
		{ "404 page not found\n", "404 page not found" },
		{ "<a href=\"/v2/databases/migrations/\">Moved Permanently"
		  "</a>.\n", "Moved" },
		{ "null", "no JSON" },
		{ "[]", "no JSON" },
		{ "\"x\"", "no JSON" },
		{ "{}", "migrationID" },
		{ "{\"migrationID\":7}", "migrationID" },
		{ "{\"migrationID\":\"../../x\"}", "migrationID" },
		{ HEAD "\"status\":7}", "no status" },
		{ HEAD "\"status\":\"\"}", "no status" },
		{ "{\"migrationID\":\"" ID "\",\"dbID\":\"x\",\"status\":"
		  "\"Closed\"}", "dbID" },
		{ RECV "\"uploadBucketDir\":\"s3://b/../x/\"}", "Bucket" },
		{ RECV "\"uploadBucketDir\":\"s3://b//x/\"}", "Bucket" },
		{ RECV "\"uploadBucketDir\":\"/etc/\"}", "Bucket" },
		{ RECV "\"uploadBucketDir\":\"s3://b/x\\r\\nA: b/\"}",
		  "Bucket" },
		{ RECV "\"uploadCredentials\":{\"keys\":{}}}",
		  "unknown form" },
		{ RECV "\"uploadCredentials\":{\"keys\":{\"file\":\"!!\"}}}",
		  "unknown form" },
		{ RECV "\"uploadCredentials\":{\"keys\":{\"accessKeyID\":"
		  "\"a\\r\\nX: y\",\"secretAccessKey\":\"b\"}}}",
		  "unknown form" },
		{ HEAD "\"status\":\"Closed\"} trailing", "no JSON" },
	};

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
		struct sl_migration_status *s = NULL;
		struct sl_error e = { 0 };

		assert_int_equal(parse(rows[i].body, &s, &e), -EPROTO);
		assert_null(s);
		assert_int_equal(e.errnum, EPROTO);
		assert_non_null(strstr(e.text, rows[i].text));
	}
}

/* Every prefix of a good answer is refused, and none shows a key. */
static void test_truncated(void **state)
{
	const size_t end = strlen(aws) - 1;

	(void)state;
	for (size_t n = 0; n < end; n++) {
		struct sl_migration_status *s = NULL;
		struct sl_error e = { 0 };
		char *copy = malloc(n + 1); /* exact: the sanitizer watches */

		assert_non_null(copy);
		memcpy(copy, aws, n);
		assert_int_equal(sl_migration_status_parse(copy, n, &s, &e),
				 -EPROTO);
		assert_null(strstr(e.text, "ASXX"));
		assert_null(strstr(e.text, "2XXw"));
		assert_null(strstr(e.text, "SESSION"));
		free(copy);
	}
}

static void test_quote_is_short_and_clean(void **state)
{
	struct sl_migration_status *s = NULL;
	struct sl_error e = { 0 };
	char body[4096];
	const char *open;

	(void)state;
	memset(body, 'x', sizeof(body));
	body[0] = '\033';
	body[1] = (char)0xff;
	assert_int_equal(sl_migration_status_parse(body, sizeof(body), &s,
						   &e), -EPROTO);
	open = strchr(e.text, '\'');
	assert_non_null(open);
	assert_true(strspn(open + 1, "x?") <= 200);
	assert_null(strchr(e.text, '\033'));
}

static void test_too_large(void **state)
{
	size_t n = 1024 * 1024 + 1;
	char *body = malloc(n);
	struct sl_migration_status *s = NULL;
	struct sl_error e = { 0 };

	(void)state;
	assert_non_null(body);
	memset(body, ' ', n);
	assert_int_equal(sl_migration_status_parse(body, n, &s, &e), -E2BIG);
	assert_int_equal(sl_migration_status_parse(body, n - 1, &s, &e),
			 -EPROTO);
	free(body);
}

static void test_deep(void **state)
{
	char *body = malloc(200000);
	struct sl_migration_status *s = NULL;

	(void)state;
	assert_non_null(body);
	memset(body, '[', 200000);
	assert_int_equal(sl_migration_status_parse(body, 200000, &s, NULL),
			 -EPROTO);
	free(body);
}

/* Unknown words are shown; %s, escapes and secrets in texts do no harm. */
static void test_odd_but_good(void **state)
{
	struct sl_migration_status *s = NULL;
	struct sl_error e = { 0 };
	static const char body[] =
		HEAD "\"status\":\"Really%sOdd\",\"progressInfo\":"
		"\"at %n \\u001b[31m\\nkey 2XXwqcdV519Zub\","
		"\"uploadBucketDir\":\"s3://b/x\",\"extra\":{\"keys\":"
		"{\"a\":\"hidden-one\"}},\"credentials\":null,"
		"\"uploadCredentials\":{\"name\":\"n\",\"keys\":{"
		"\"accessKeyID\":\"ASID\",\"secretAccessKey\":"
		"\"2XXwqcdV519Zub\"},\"credentialExpiration\":"
		"\"0001-01-01T00:00:00Z\",\"novel\":\"hidden-two\"},"
		"\"uploadCredentials\":{\"keys\":{\"x\":\"hidden-three\"}},"
		"\"expectedCleanupTime\":\"soon\"}";

	(void)state;
	assert_int_equal(parse(body, &s, &e), 0);
	assert_string_equal(s->status, "Really%sOdd");
	assert_string_equal(s->bucket_dir, "s3://b/x/");
	assert_int_equal(s->expires_ms, 0);
	assert_int_equal(s->cleanup_ms, 0);
	assert_null(strstr(s->redacted_json, "hidden"));
	assert_null(strstr(s->redacted_json, "2XXwqcdV519Zub"));
	assert_null(strstr(s->progress_info, "2XXwqcdV519Zub"));
	assert_null(strchr(s->progress_info, '\033'));
	assert_non_null(strstr(s->redacted_json, "Really%sOdd"));
	sl_migration_status_free(s);
}

static void test_uuid(void **state)
{
	static const struct {
		const char *s;
		bool good;
	} rows[] = {
		{ ID, true },
		{ "272EAC1D-DF8E-4D1B-A7C6-71D5AF232182", true },
		{ "", false },
		{ NULL, false },
		{ ID " ", false },
		{ ID "\n", false },
		{ "272eac1d-df8e-4d1b-a7c6-71d5af23218", false },
		{ "272eac1ddf8e4d1ba7c671d5af232182", false },
		{ "272eac1d-df8e-4d1b-a7c6-71d5af23218g", false },
		{ "../../../../../../../../../../../../", false },
	};

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++)
		assert_int_equal(sl_uuid_valid(rows[i].s), rows[i].good);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_quote_is_short_and_clean),
		cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_deep),
		cmocka_unit_test(test_odd_but_good),
		cmocka_unit_test(test_uuid),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
