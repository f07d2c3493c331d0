/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What errors of Azure mean: every row of its table, what it leaves to the
 * common one, and how an error is read out of headers and documents.
 */
#include "azure_rig.h"

#define ANY (SL_AGE_UNKNOWN | SL_AGE_FRESH | SL_AGE_OLD)
#define NOT_FRESH (SL_AGE_UNKNOWN | SL_AGE_OLD)

static const struct {
	int status;
	const char *code;
	unsigned ages;
	enum sl_verdict verdict;
	int errnum;
} rows[] = {
	{ 403, "AuthenticationFailed", ANY, SL_V_REFRESH, EACCES },
	{ 403, "AuthorizationFailure", ANY, SL_V_REFRESH, EACCES },
	{ 403, "", ANY, SL_V_REFRESH, EACCES },
	{ 403, "AuthorizationPermissionMismatch", NOT_FRESH, SL_V_REFRESH,
	  EACCES },
	{ 403, "AuthorizationPermissionMismatch", SL_AGE_FRESH, SL_V_FATAL,
	  EACCES },
	{ 403, "AuthorizationSourceIPMismatch", ANY, SL_V_FATAL, EACCES },
	{ 403, "AccountIsDisabled", ANY, SL_V_FATAL, EACCES },
	{ 400, "InvalidAuthenticationInfo", ANY, SL_V_REFRESH, EKEYEXPIRED },
	{ 401, "InvalidAuthenticationInfo", ANY, SL_V_REFRESH, EKEYEXPIRED },
	{ 401, "NoAuthenticationInformation", ANY, SL_V_REFRESH, EKEYEXPIRED },
	{ 404, "ContainerNotFound", ANY, SL_V_FATAL, EIO },
	{ 404, "BlobNotFound", ANY, SL_V_FATAL, ENOENT },
	{ 404, "ResourceNotFound", ANY, SL_V_FATAL, ENOENT },
	{ 404, "", ANY, SL_V_FATAL, ENOENT },
	{ 409, "ContainerBeingDeleted", ANY, SL_V_FATAL, EIO },
	{ 403, "ContainerDisabled", ANY, SL_V_FATAL, EIO },
	{ 409, "ContainerDisabled", ANY, SL_V_FATAL, EIO },
	{ 400, "Md5Mismatch", ANY, SL_V_FATAL, EBADMSG },
	{ 400, "Crc64Mismatch", ANY, SL_V_FATAL, EBADMSG },
	{ 400, "InvalidMd5", ANY, SL_V_FATAL, EBADMSG },
	{ 400, "InvalidCrc64", ANY, SL_V_FATAL, EBADMSG },
	{ 400, "InvalidBlockList", ANY, SL_V_RESTART_FILE, ESTALE },
	{ 400, "InvalidResourceName", ANY, SL_V_FATAL, EOPNOTSUPP },
	{ 400, "InvalidUri", ANY, SL_V_FATAL, EOPNOTSUPP },
	{ 400, "InvalidHeaderValue", ANY, SL_V_FATAL, EIO },
	{ 413, "RequestBodyTooLarge", ANY, SL_V_FATAL, EFBIG },
	{ 409, "BlockCountExceedsLimit", ANY, SL_V_FATAL, EFBIG },
	{ 400, "BlockListTooLong", ANY, SL_V_FATAL, EFBIG },
	{ 409, "BlobAlreadyExists", ANY, SL_V_EXISTS, EEXIST },
	{ 409, "BlobImmutableDueToPolicy", ANY, SL_V_FATAL, EACCES },
	{ 409, "InvalidBlobType", ANY, SL_V_FATAL, EIO },
	{ 409, "SnapshotsPresent", ANY, SL_V_FATAL, EIO },
	{ 409, "PendingCopyOperation", ANY, SL_V_RETRY, ETIMEDOUT },
	{ 412, "ConditionNotMet", ANY, SL_V_EXISTS, EEXIST },
	{ 412, "LeaseIdMissing", ANY, SL_V_FATAL, EACCES },
	{ 408, "", ANY, SL_V_RETRY, ETIMEDOUT },
	{ 429, "TooManyRequests", ANY, SL_V_THROTTLE, ETIMEDOUT },
	{ 500, "InternalError", ANY, SL_V_RETRY, ETIMEDOUT },
	{ 500, "OperationTimedOut", ANY, SL_V_RETRY, ETIMEDOUT },
	{ 503, "OperationTimedOut", ANY, SL_V_RETRY, ETIMEDOUT },
	{ 503, "ServerBusy", ANY, SL_V_THROTTLE, ETIMEDOUT },
	{ 500, "ServerBusy", ANY, SL_V_THROTTLE, ETIMEDOUT },
	{ 502, "", ANY, SL_V_RETRY, ETIMEDOUT },
	{ 504, "", ANY, SL_V_RETRY, ETIMEDOUT },
	{ 501, "NotImplemented", ANY, SL_V_FATAL, EIO },
	{ 301, "", ANY, SL_V_FATAL, EPROTO },
};

static void check_row(size_t i, enum sl_cred_age age)
{
	struct sl_http_response r = { .status = rows[i].status };
	struct sl_cloud_error d = { .skewed = false };
	struct sl_classify_in in = { .status = r.status, .code = d.code,
				     .age = age };
	struct sl_azure_task at = { .refusals = 0 };
	struct sl_classified c;

	snprintf(d.code, sizeof(d.code), "%s", rows[i].code);
	c = sl_classify(&in);
	sl_azure_reclassify(&at.t, &r, &d, age, &c);
	if (c.verdict != rows[i].verdict || c.errnum != rows[i].errnum)
		fail_msg("%d '%s' at age %d: %d, %s", r.status, d.code,
			 (int)age, (int)c.verdict, sl_errno_name(c.errnum));
	assert_true(c.text && *c.text);
}

static void verdicts(void **state)
{
	static const enum sl_cred_age ages[] = { SL_AGE_UNKNOWN, SL_AGE_FRESH,
						 SL_AGE_OLD };

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++)
		for (size_t k = 0; k < SL_ARRAY_LEN(ages); k++)
			if (rows[i].ages & (unsigned)ages[k])
				check_row(i, ages[k]);
}

static void error_documents(void **state)
{
	static const struct {
		int status;
		const char *headers, *body;
		const char *code, *message, *id;
	} docs[] = {
		{ 403, "x-ms-request-id: r-1\nx-ms-error-code: "
		       "AuthenticationFailed\n",
		  "\xef\xbb\xbf<?xml version=\"1.0\" encoding=\"utf-8\"?>"
		  "<Error><Code>AuthenticationFailed</Code><Message>"
		  "Server failed to authenticate.\nRequestId:r-1\nTime:2026"
		  "</Message>"
		  "<AuthenticationErrorDetail>sig</AuthenticationErrorDetail>"
		  "</Error>",
		  "AuthenticationFailed", "Server failed to authenticate.",
		  "r-1" },
		/* HEAD tells by a header alone. */
		{ 404, "x-ms-error-code: BlobNotFound\n", NULL,
		  "BlobNotFound", "", "" },
		{ 409, NULL, "<Error><Code>X</Code></Error>", "X", "", "" },
		/* Another's page. */
		{ 502, "x-ms-request-id: r-2\n", "<html><h1>502", "", "",
		  "r-2" },
		{ 403, NULL, "<Error><Message>url?sv=1&amp;sig=abc%3D refused"
		  "</Message></Error>", "", "url?sv=1&sig=", "" },
		{ 400, NULL, "<Error><Code>a\x01\x02", "", "", "" },
		{ 201, "x-ms-request-id: r-3\n",
		  "<Error><Code>X</Code></Error>", "", "", "r-3" },
	};

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(docs); i++) {
		struct sl_http_response r = {
			.status = docs[i].status,
			.headers = SL_BUF_INIT(4096),
			.body = SL_BUF_INIT(4096),
		};
		struct sl_cloud_error d = { .skewed = false };

		if (docs[i].headers)
			sl_buf_puts(&r.headers, docs[i].headers);
		if (docs[i].body)
			sl_buf_puts(&r.body, docs[i].body);
		sl_azure_read_error(&r, &d);
		assert_string_equal(d.code, docs[i].code);
		assert_int_equal(strncmp(d.message, docs[i].message,
					 strlen(docs[i].message)), 0);
		assert_int_equal(!d.message[0], !docs[i].message[0]);
		assert_null(strstr(d.message, "abc"));
		assert_string_equal(d.request_id, docs[i].id);
		sl_buf_release(&r.headers);
		sl_buf_release(&r.body);
	}
}

/* What reaches .errors: the code and the request's id, never the SAS. */
static void an_error_tells(void **state)
{
	static const struct rig_answer script[] = {
		{ 409, "x-ms-request-id: r-9\n",
		  "<Error><Code>InvalidBlobType</Code><Message>The blob type "
		  "is invalid.\nRequestId:r-9</Message></Error>" },
	};
	struct sl_op op = { .key = "k" };

	(void)state;
	assert_int_equal(RIG_RUN(&op, sl_backend_head, script), -EIO);
	assert_int_equal(op.error.http_status, 409);
	assert_string_equal(op.error.code, "InvalidBlobType");
	assert_string_equal(op.error.request_id, "r-9");
	assert_string_equal(op.error.text, "'k': it is there as another type "
			    "of blob (409 InvalidBlobType: The blob type is "
			    "invalid.)");
}

/*
 * A refusal asks for newer credentials, the next five wait; other credentials
 * begin anew.
 */
static void a_policy_on_its_way(void **state)
{
	static const struct rig_answer script[] = {
		{ 403, "x-ms-error-code: AuthorizationFailure\n", NULL },
		{ 403, "x-ms-error-code: AuthenticationFailed\n", NULL },
		{ 200, "etag: \"1\"\ncontent-length: 3\n", NULL },
	};
	struct sl_op op = { .key = "k" };
	struct sl_http_response r = { .status = 403 };
	struct sl_cloud_error d = { .code = "AuthorizationFailure" };
	struct sl_azure_task at = { .refusals = 0 };

	(void)state;
	assert_int_equal(RIG_RUN(&op, sl_backend_head, script), 0);
	assert_int_equal(op.obj.size, 3);
	assert_int_equal(rig.asked, 1);
	for (int i = 0; i < 13; i++) {
		struct sl_classified c = { .verdict = SL_V_FATAL };

		sl_azure_reclassify(&at.t, &r, &d, SL_AGE_FRESH, &c);
		assert_int_equal(c.verdict,
				 i % 6 ? SL_V_RETRY : SL_V_REFRESH);
		assert_int_equal(c.errnum, EACCES);
	}
	rig.renews = true;
	assert_int_equal(RIG_RUN(&op, sl_backend_head, script), 0);
	assert_int_equal(rig.asked, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verdicts),
		cmocka_unit_test(error_documents),
		RIGGED(an_error_tells),
		RIGGED(a_policy_on_its_way),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
