/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table is read from the top and the first row that fits decides, so
 * particular codes stand before the statuses that carry them. Every row is
 * tested. Why the odd ones are as they are:
 * - RequestTimeout is a 400 and RequestTimeTooSkewed a 403 on S3, and both
 *   are passing trouble; some codes come inside a 200 (Complete).
 * - Expired credentials are a 400 on S3, InvalidAccessKeyId or a plain
 *   AccessDenied elsewhere, and a bodiless 400/403 to HEAD; a token that
 *   Ceph cannot read is an InvalidArgument to it. So a refusal
 *   without a clear reason is worth a refresh unless the same credentials
 *   worked a moment ago.
 */
#include "backends/http/classify.h"

#include <curl/curl.h>
#include <errno.h>
#include <string.h>

#define ANY_AGE (SL_AGE_UNKNOWN | SL_AGE_FRESH | SL_AGE_OLD)
#define NOT_FRESH (SL_AGE_UNKNOWN | SL_AGE_OLD)

struct row {
	int lo, hi;	  /* HTTP status range */
	const char *code; /* NULL: any; a trailing '*' is a prefix */
	unsigned ages;
	struct sl_classified out;
};

#define V(verdict_, err_, text_) { verdict_, err_, text_ }

static const struct row rows[] = {
	/* passing trouble, whatever the status says */
	{ 0, 599, "RequestTimeout", ANY_AGE,
	  V(SL_V_RETRY, ETIMEDOUT, "the server waited too long") },
	{ 0, 599, "RequestTimeTooSkewed", ANY_AGE,
	  V(SL_V_RETRY, EIO, "the clocks differ too much") },
	{ 0, 599, "InternalError*", ANY_AGE,
	  V(SL_V_RETRY, ETIMEDOUT, "the server failed") },
	{ 0, 599, "SlowDown*", ANY_AGE,
	  V(SL_V_THROTTLE, ETIMEDOUT, "the server asks to slow down") },
	{ 0, 599, "Throttling*", ANY_AGE,
	  V(SL_V_THROTTLE, ETIMEDOUT, "the server asks to slow down") },
	{ 0, 599, "ServiceUnavailable", ANY_AGE,
	  V(SL_V_THROTTLE, ETIMEDOUT, "the server is overloaded") },
	{ 0, 599, "IncompleteBody", ANY_AGE,
	  V(SL_V_RETRY, ETIMEDOUT, "the body arrived cut") },
	{ 0, 599, "OperationAborted", ANY_AGE,
	  V(SL_V_RETRY, ETIMEDOUT, "a concurrent operation is under way") },
	{ 409, 409, "ConditionalRequestConflict", ANY_AGE,
	  V(SL_V_RETRY, ETIMEDOUT, "a concurrent write is under way") },
	/* credentials */
	{ 400, 403, "ExpiredToken*", ANY_AGE,
	  V(SL_V_REFRESH, EKEYEXPIRED, "the credentials have expired") },
	{ 400, 403, "TokenRefreshRequired", ANY_AGE,
	  V(SL_V_REFRESH, EKEYEXPIRED, "the credentials must be renewed") },
	{ 400, 403, "InvalidToken*", ANY_AGE,
	  V(SL_V_REFRESH, EKEYEXPIRED, "the session token is not valid") },
	{ 400, 403, "InvalidAccessKeyId", ANY_AGE,
	  V(SL_V_REFRESH, EKEYEXPIRED, "the access key is not known") },
	{ 401, 401, NULL, ANY_AGE,
	  V(SL_V_REFRESH, EKEYEXPIRED, "the credentials were refused") },
	{ 400, 403, "SignatureDoesNotMatch", NOT_FRESH,
	  V(SL_V_REFRESH, EACCES, "the signature was refused") },
	{ 400, 403, "SignatureDoesNotMatch", SL_AGE_FRESH,
	  V(SL_V_FATAL, EACCES, "the signature was refused") },
	{ 400, 400, "InvalidArgument", NOT_FRESH,
	  V(SL_V_REFRESH, EIO, "refused, perhaps for the token") },
	/* content */
	{ 400, 400, "BadDigest", ANY_AGE,
	  V(SL_V_FATAL, EBADMSG, "the store computed another checksum") },
	{ 400, 400, "InvalidDigest", ANY_AGE,
	  V(SL_V_FATAL, EBADMSG, "the store refused the checksum") },
	{ 400, 400, "XAmzContent*", ANY_AGE,
	  V(SL_V_FATAL, EBADMSG, "the store computed another checksum") },
	{ 400, 413, "EntityTooLarge", ANY_AGE,
	  V(SL_V_FATAL, EFBIG, "too large for the store") },
	{ 400, 507, "QuotaExceeded*", ANY_AGE,
	  V(SL_V_FATAL, ENOSPC, "the store is full") },
	{ 507, 507, NULL, ANY_AGE,
	  V(SL_V_FATAL, ENOSPC, "the store is full") },
	/* absence */
	{ 0, 599, "NoSuchUpload", ANY_AGE,
	  V(SL_V_RESTART_FILE, ESTALE, "the upload does not exist") },
	{ 404, 404, "NoSuchBucket", ANY_AGE,
	  V(SL_V_FATAL, EIO, "the bucket does not exist") },
	{ 404, 404, NULL, ANY_AGE,
	  V(SL_V_FATAL, ENOENT, "it does not exist") },
	/* conditions */
	{ 412, 412, NULL, ANY_AGE,
	  V(SL_V_EXISTS, EEXIST, "the precondition failed") },
	/* refusals that may be about the credentials */
	{ 400, 400, "", NOT_FRESH,
	  V(SL_V_REFRESH, EACCES, "refused without a reason") },
	{ 403, 403, "", NOT_FRESH,
	  V(SL_V_REFRESH, EACCES, "forbidden") },
	{ 403, 403, "AccessDenied", NOT_FRESH,
	  V(SL_V_REFRESH, EACCES, "access denied") },
	{ 403, 403, NULL, ANY_AGE,
	  V(SL_V_FATAL, EACCES, "access denied") },
	/* plain statuses */
	{ 408, 408, NULL, ANY_AGE,
	  V(SL_V_RETRY, ETIMEDOUT, "the server waited too long") },
	{ 429, 429, NULL, ANY_AGE,
	  V(SL_V_THROTTLE, ETIMEDOUT, "the server asks to slow down") },
	{ 501, 501, NULL, ANY_AGE,
	  V(SL_V_FATAL, EIO, "the server cannot do that") },
	{ 503, 503, NULL, ANY_AGE,
	  V(SL_V_THROTTLE, ETIMEDOUT, "the server is overloaded") },
	{ 500, 599, NULL, ANY_AGE,
	  V(SL_V_RETRY, ETIMEDOUT, "the server failed") },
	{ 200, 299, "", ANY_AGE, V(SL_V_OK, 0, "ok") },
	{ 300, 399, NULL, ANY_AGE,
	  V(SL_V_FATAL, EPROTO, "a redirect, which is never followed") },
	{ 400, 499, NULL, ANY_AGE,
	  V(SL_V_FATAL, EIO, "the server refused the request") },
};

static const struct {
	CURLcode code;
	struct sl_classified out;
} transport[] = {
	{ CURLE_UNSUPPORTED_PROTOCOL,
	  V(SL_V_FATAL, EIO, "the URL's protocol is not supported") },
	{ CURLE_URL_MALFORMAT, V(SL_V_FATAL, EIO, "the URL is malformed") },
	/* libcurl calls one line of headers over its limit so, too */
	{ CURLE_OUT_OF_MEMORY,
	  V(SL_V_FATAL, ENOMEM, "out of memory, or a header of the answer has "
		"over 100 KB") },
	{ CURLE_PEER_FAILED_VERIFICATION,
	  V(SL_V_FATAL, EIO, "the server's certificate is not trusted "
		"(SSL_CERT_FILE names a CA bundle)") },
	{ CURLE_SSL_CACERT_BADFILE,
	  V(SL_V_FATAL, EIO, "the CA bundle cannot be used") },
	{ CURLE_COULDNT_RESOLVE_HOST,
	  V(SL_V_RETRY, ETIMEDOUT, "the host name does not resolve") },
	{ CURLE_COULDNT_RESOLVE_PROXY,
	  V(SL_V_RETRY, ETIMEDOUT, "the proxy's name does not resolve") },
	{ CURLE_COULDNT_CONNECT,
	  V(SL_V_RETRY, ETIMEDOUT, "the connection was not made") },
	{ CURLE_OPERATION_TIMEDOUT,
	  V(SL_V_RETRY, ETIMEDOUT, "the network is silent") },
};

static bool code_fits(const char *pattern, const char *code)
{
	size_t n;

	if (!pattern)
		return true;
	n = strlen(pattern);
	if (n && pattern[n - 1] == '*')
		return strncmp(pattern, code, n - 1) == 0;
	return strcmp(pattern, code) == 0;
}

static struct sl_classified classify_transport(int curl_code)
{
	static const struct sl_classified other =
		V(SL_V_RETRY, ETIMEDOUT, "the connection broke");

	for (size_t i = 0; i < SL_ARRAY_LEN(transport); i++)
		if ((int)transport[i].code == curl_code)
			return transport[i].out;
	return other;
}

bool sl_http_hopeless(const struct sl_http_response *r)
{
	return r->curl_code &&
	       classify_transport(r->curl_code).verdict == SL_V_FATAL;
}

struct sl_classified sl_classify(const struct sl_classify_in *in)
{
	static const struct sl_classified nonsense =
		V(SL_V_FATAL, EPROTO, "the answer makes no sense");
	static const struct sl_classified cut =
		V(SL_V_RETRY, ETIMEDOUT, "the answer was cut");
	const char *code = in->code ? in->code : "";

	if (in->curl_code && (in->status < 300 || !*code))
		return classify_transport(in->curl_code);
	if (in->status >= 200 && in->status < 300 && in->truncated)
		return cut;
	for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
		const struct row *r = &rows[i];

		if (in->status >= r->lo && in->status <= r->hi &&
		    (r->ages & in->age) && code_fits(r->code, code))
			return r->out;
	}
	return nonsense;
}

bool sl_classify_ambiguous(const struct sl_http_response *r)
{
	switch (r->curl_code) {
	case CURLE_OK:
		/* A gateway may have lost the answer of a server that acted. */
		return r->status == 500 || r->status == 502 ||
		       r->status == 504 || (r->truncated && r->status < 300);
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_URL_MALFORMAT:
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_COULDNT_CONNECT:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
		return false;
	default:
		return r->sent_all;
	}
}
