/* SPDX-License-Identifier: Apache-2.0 */
/* Every row of the table that turns an outcome into a verdict. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <curl/curl.h>
#include <errno.h>

#include "backends/http/classify.h"

#define UNK SL_AGE_UNKNOWN
#define FRESH SL_AGE_FRESH
#define OLD SL_AGE_OLD

static const struct {
	int curl, status;
	const char *code;
	enum sl_cred_age age;
	bool cut;
	enum sl_verdict verdict;
	int errnum;
} cases[] = {
	{ 0, 200, "", UNK, 0, SL_V_OK, 0 },
	{ 0, 204, "", UNK, 0, SL_V_OK, 0 },
	{ 0, 206, "", UNK, 0, SL_V_OK, 0 },
	{ 0, 200, "", UNK, 1, SL_V_RETRY, ETIMEDOUT },
	{ 0, 400, "RequestTimeout", FRESH, 0, SL_V_RETRY, ETIMEDOUT },
	{ 0, 403, "RequestTimeTooSkewed", FRESH, 0, SL_V_RETRY, EIO },
	{ 0, 200, "InternalError", UNK, 0, SL_V_RETRY, ETIMEDOUT },
	{ 0, 500, "InternalErrors", UNK, 0, SL_V_RETRY, ETIMEDOUT },
	{ 0, 200, "SlowDown", UNK, 0, SL_V_THROTTLE, ETIMEDOUT },
	{ 0, 503, "SlowDown", UNK, 0, SL_V_THROTTLE, ETIMEDOUT },
	{ 0, 400, "ThrottlingException", UNK, 0, SL_V_THROTTLE, ETIMEDOUT },
	{ 0, 503, "ServiceUnavailable", UNK, 0, SL_V_THROTTLE, ETIMEDOUT },
	{ 0, 400, "IncompleteBody", UNK, 0, SL_V_RETRY, ETIMEDOUT },
	{ 0, 409, "OperationAborted", UNK, 0, SL_V_RETRY, ETIMEDOUT },
	{ 0, 409, "ConditionalRequestConflict", UNK, 0, SL_V_RETRY, ETIMEDOUT },
	{ 0, 400, "ExpiredToken", FRESH, 0, SL_V_REFRESH, EKEYEXPIRED },
	{ 0, 403, "ExpiredTokenException", UNK, 0, SL_V_REFRESH, EKEYEXPIRED },
	{ 0, 400, "TokenRefreshRequired", UNK, 0, SL_V_REFRESH, EKEYEXPIRED },
	{ 0, 403, "InvalidTokenId", UNK, 0, SL_V_REFRESH, EKEYEXPIRED },
	{ 0, 403, "InvalidAccessKeyId", OLD, 0, SL_V_REFRESH, EKEYEXPIRED },
	{ 0, 401, "", UNK, 0, SL_V_REFRESH, EKEYEXPIRED },
	{ 0, 403, "SignatureDoesNotMatch", UNK, 0, SL_V_REFRESH, EACCES },
	{ 0, 403, "SignatureDoesNotMatch", FRESH, 0, SL_V_FATAL, EACCES },
	{ 0, 400, "BadDigest", UNK, 0, SL_V_FATAL, EBADMSG },
	{ 0, 400, "InvalidDigest", UNK, 0, SL_V_FATAL, EBADMSG },
	{ 0, 400, "XAmzContentChecksumMismatch", UNK, 0, SL_V_FATAL, EBADMSG },
	{ 0, 400, "EntityTooLarge", UNK, 0, SL_V_FATAL, EFBIG },
	{ 0, 403, "QuotaExceeded", UNK, 0, SL_V_FATAL, ENOSPC },
	{ 0, 507, "", UNK, 0, SL_V_FATAL, ENOSPC },
	{ 0, 404, "NoSuchUpload", UNK, 0, SL_V_RESTART_FILE, ESTALE },
	{ 0, 404, "NoSuchBucket", UNK, 0, SL_V_FATAL, EIO },
	{ 0, 404, "NoSuchKey", UNK, 0, SL_V_FATAL, ENOENT },
	{ 0, 404, "", UNK, 0, SL_V_FATAL, ENOENT },
	{ 0, 412, "PreconditionFailed", UNK, 0, SL_V_EXISTS, EEXIST },
	{ 0, 400, "InvalidArgument", UNK, 0, SL_V_REFRESH, EIO },
	{ 0, 400, "InvalidArgument", OLD, 0, SL_V_REFRESH, EIO },
	{ 0, 400, "InvalidArgument", FRESH, 0, SL_V_FATAL, EIO },
	{ 0, 400, "", UNK, 0, SL_V_REFRESH, EACCES },
	{ 0, 400, "", FRESH, 0, SL_V_FATAL, EIO },
	{ 0, 403, "", OLD, 0, SL_V_REFRESH, EACCES },
	{ 0, 403, "", FRESH, 0, SL_V_FATAL, EACCES },
	{ 0, 403, "AccessDenied", UNK, 0, SL_V_REFRESH, EACCES },
	{ 0, 403, "AccessDenied", OLD, 0, SL_V_REFRESH, EACCES },
	{ 0, 403, "AccessDenied", FRESH, 0, SL_V_FATAL, EACCES },
	{ 0, 403, "AllAccessDisabled", UNK, 0, SL_V_FATAL, EACCES },
	{ 0, 408, "", UNK, 0, SL_V_RETRY, ETIMEDOUT },
	{ 0, 429, "", UNK, 0, SL_V_THROTTLE, ETIMEDOUT },
	{ 0, 501, "NotImplemented", UNK, 0, SL_V_FATAL, EIO },
	{ 0, 503, "", UNK, 0, SL_V_THROTTLE, ETIMEDOUT },
	{ 0, 500, "", UNK, 0, SL_V_RETRY, ETIMEDOUT },
	{ 0, 502, "", UNK, 0, SL_V_RETRY, ETIMEDOUT },
	{ 0, 301, "PermanentRedirect", UNK, 0, SL_V_FATAL, EPROTO },
	{ 0, 405, "MethodNotAllowed", UNK, 0, SL_V_FATAL, EIO },
	{ 0, 200, "SomethingNew", UNK, 0, SL_V_FATAL, EPROTO },
	{ 0, 700, "", UNK, 0, SL_V_FATAL, EPROTO },
	{ CURLE_COULDNT_RESOLVE_HOST, 0, "", UNK, 0, SL_V_RETRY, ETIMEDOUT },
	{ CURLE_COULDNT_RESOLVE_PROXY, 0, "", UNK, 0, SL_V_RETRY, ETIMEDOUT },
	{ CURLE_COULDNT_CONNECT, 0, "", UNK, 0, SL_V_RETRY, ETIMEDOUT },
	{ CURLE_OPERATION_TIMEDOUT, 0, "", UNK, 0, SL_V_RETRY, ETIMEDOUT },
	{ CURLE_GOT_NOTHING, 0, "", UNK, 0, SL_V_RETRY, ETIMEDOUT },
	{ CURLE_SEND_ERROR, 0, "", UNK, 0, SL_V_RETRY, ETIMEDOUT },
	{ CURLE_PARTIAL_FILE, 200, "", UNK, 1, SL_V_RETRY, ETIMEDOUT },
	{ CURLE_SEND_ERROR, 400, "ExpiredToken", UNK, 0, SL_V_REFRESH,
	  EKEYEXPIRED },
	{ CURLE_OUT_OF_MEMORY, 0, "", UNK, 0, SL_V_FATAL, ENOMEM },
	{ CURLE_URL_MALFORMAT, 0, "", UNK, 0, SL_V_FATAL, EIO },
	{ CURLE_UNSUPPORTED_PROTOCOL, 0, "", UNK, 0, SL_V_FATAL, EIO },
	{ CURLE_PEER_FAILED_VERIFICATION, 0, "", UNK, 0, SL_V_FATAL, EIO },
	{ CURLE_SSL_CACERT_BADFILE, 0, "", UNK, 0, SL_V_FATAL, EIO },
};

static void every_row(void **state)
{
	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
		const struct sl_classify_in in = {
			.curl_code = cases[i].curl,
			.status = cases[i].status,
			.code = cases[i].code,
			.age = cases[i].age,
			.truncated = cases[i].cut,
		};
		struct sl_classified c = sl_classify(&in);

		if (c.verdict != cases[i].verdict ||
		    c.errnum != cases[i].errnum)
			fail_msg("case %zu (%d '%s'): verdict %d errno %d", i,
				 in.status, in.code, (int)c.verdict, c.errnum);
		assert_non_null(c.text);
	}
}

static void ambiguity(void **state)
{
	static const struct {
		int curl, status;
		bool sent_all, cut, want;
	} rows[] = {
		{ 0, 200, true, false, false },
		{ 0, 200, true, true, true },
		{ 0, 500, true, false, true },
		{ 0, 502, true, false, true },
		{ 0, 503, true, false, false },
		{ 0, 504, true, false, true },
		{ CURLE_COULDNT_CONNECT, 0, false, false, false },
		{ CURLE_GOT_NOTHING, 0, true, false, true },
		{ CURLE_RECV_ERROR, 0, true, false, true },
		{ CURLE_SEND_ERROR, 0, false, false, false },
	};

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
		const struct sl_http_response r = {
			.curl_code = rows[i].curl,
			.status = rows[i].status,
			.sent_all = rows[i].sent_all,
			.truncated = rows[i].cut,
		};

		assert_int_equal(sl_classify_ambiguous(&r), rows[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row),
		cmocka_unit_test(ambiguity),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
