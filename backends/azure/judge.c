/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Azure's error codes mean, where they say more than the common table
 * knows (backends/http/classify.c). Read from the top; the first row that
 * fits decides. Every row is tested.
 *
 * Refusals. An expired SAS, one whose policy was revoked, and one whose policy
 * was changed less than 30 seconds ago are all 403, under one of two codes
 * (or none to HEAD, from emulators); a request that the policy does not allow
 * has a code of its own. Of the first kind every sixth asks the service for
 * newer credentials, beginning with the first, and the others wait and try
 * again, with what is there by then: asking prolongs a policy, so whoever only
 * asked would meet each change within its half minute. The client ends that
 * when one set was refused for more than a minute (retry.c). The second kind
 * is final once the credentials are known to be good, or each look at what is
 * not granted would take that minute.
 */
#include <errno.h>
#include <string.h>

#include "backends/azure/internal.h"
#include "backends/cloud/xml.h"

#define ANY_AGE (SL_AGE_UNKNOWN | SL_AGE_FRESH | SL_AGE_OLD)
#define NOT_FRESH (SL_AGE_UNKNOWN | SL_AGE_OLD)

#define ASK_EVERY 6

#define V(verdict_, err_, text_) { verdict_, err_, text_ }

static const struct {
	int status;	  /* 0: any */
	const char *code; /* "": none */
	unsigned ages;
	struct sl_classified out;
} rows[] = {
	{ 403, "AuthenticationFailed", ANY_AGE,
	  V(SL_V_REFRESH, EACCES, "the credentials were refused") },
	{ 403, "AuthorizationFailure", ANY_AGE,
	  V(SL_V_REFRESH, EACCES, "the credentials were refused") },
	{ 403, "", ANY_AGE, V(SL_V_REFRESH, EACCES, "forbidden") },
	{ 403, "AuthorizationPermissionMismatch", NOT_FRESH,
	  V(SL_V_REFRESH, EACCES, "the credentials do not allow it") },
	{ 403, "AuthorizationPermissionMismatch", SL_AGE_FRESH,
	  V(SL_V_FATAL, EACCES, "the credentials do not allow it") },
	{ 403, "AuthorizationSourceIPMismatch", ANY_AGE,
	  V(SL_V_FATAL, EACCES, "not allowed from this address") },
	{ 0, "InvalidAuthenticationInfo", ANY_AGE,
	  V(SL_V_REFRESH, EKEYEXPIRED, "the credentials were refused") },
	{ 404, "ContainerNotFound", ANY_AGE,
	  V(SL_V_FATAL, EIO, "the container does not exist") },
	{ 409, "ContainerBeingDeleted", ANY_AGE,
	  V(SL_V_FATAL, EIO, "the container is being deleted") },
	{ 0, "ContainerDisabled", ANY_AGE,
	  V(SL_V_FATAL, EIO, "the container is disabled") },
	{ 400, "Md5Mismatch", ANY_AGE,
	  V(SL_V_FATAL, EBADMSG, "the store computed another checksum") },
	{ 400, "Crc64Mismatch", ANY_AGE,
	  V(SL_V_FATAL, EBADMSG, "the store computed another checksum") },
	{ 400, "InvalidMd5", ANY_AGE,
	  V(SL_V_FATAL, EBADMSG, "the store refused the checksum") },
	{ 400, "InvalidCrc64", ANY_AGE,
	  V(SL_V_FATAL, EBADMSG, "the store refused the checksum") },
	{ 400, "InvalidBlockList", ANY_AGE,
	  V(SL_V_RESTART_FILE, ESTALE, "the parts are not there any more") },
	{ 400, "InvalidResourceName", ANY_AGE,
	  V(SL_V_FATAL, EOPNOTSUPP, "the store does not take the name") },
	{ 400, "InvalidUri", ANY_AGE,
	  V(SL_V_FATAL, EOPNOTSUPP, "the store does not take the name") },
	{ 0, "RequestBodyTooLarge", ANY_AGE,
	  V(SL_V_FATAL, EFBIG, "too large for the store") },
	{ 0, "BlockCountExceedsLimit", ANY_AGE,
	  V(SL_V_FATAL, EFBIG, "more blocks than the store takes") },
	{ 0, "BlockListTooLong", ANY_AGE,
	  V(SL_V_FATAL, EFBIG, "more blocks than the store takes") },
	{ 409, "BlobAlreadyExists", ANY_AGE,
	  V(SL_V_EXISTS, EEXIST, "it exists already") },
	{ 409, "BlobImmutableDueToPolicy", ANY_AGE,
	  V(SL_V_FATAL, EACCES, "a policy keeps it as it is") },
	{ 409, "InvalidBlobType", ANY_AGE,
	  V(SL_V_FATAL, EIO, "it is there as another type of blob") },
	{ 409, "PendingCopyOperation", ANY_AGE,
	  V(SL_V_RETRY, ETIMEDOUT, "a copy onto it is under way") },
	{ 412, "LeaseIdMissing", ANY_AGE,
	  V(SL_V_FATAL, EACCES, "somebody holds a lease on it") },
	{ 0, "OperationTimedOut", ANY_AGE,
	  V(SL_V_RETRY, ETIMEDOUT, "the server took too long") },
	{ 0, "ServerBusy", ANY_AGE,
	  V(SL_V_THROTTLE, ETIMEDOUT, "the server asks to slow down") },
};

/* May the policy be on its way? */
static bool may_pass(const struct sl_http_response *r,
		     const struct sl_classified *c)
{
	return r->status == 403 && c->verdict == SL_V_REFRESH;
}

void sl_azure_reclassify(struct sl_cloud_task *t,
			 const struct sl_http_response *r,
			 const struct sl_cloud_error *d, enum sl_cred_age age,
			 struct sl_classified *c)
{
	for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
		if ((rows[i].status && rows[i].status != r->status) ||
		    !(rows[i].ages & (unsigned)age) ||
		    strcmp(rows[i].code, d->code) != 0)
			continue;
		*c = rows[i].out;
		break;
	}
	if (may_pass(r, c) && sl_azure_task_of(t)->refusals++ % ASK_EVERY)
		c->verdict = SL_V_RETRY;
}

/* The first line: ids and the time, which it goes on with, we have. */
static void set_message(struct sl_cloud_error *d, const char *text)
{
	sl_text_clean(d->message, sizeof(d->message), text,
		      strcspn(text, "\r\n"));
	sl_text_redact(d->message);
}

static int on_element(void *arg, const char *path, const char *text)
{
	struct sl_cloud_error *d = arg;

	if (strcmp(path, "Error/Code") == 0)
		sl_text_clean(d->code, sizeof(d->code), text, strlen(text));
	if (strcmp(path, "Error/Message") == 0)
		set_message(d, text);
	return 0;
}

void sl_azure_read_error(const struct sl_http_response *r,
			 struct sl_cloud_error *d)
{
	static const struct sl_xml_handlers h = { .element = on_element };
	char code[64];

	sl_http_header(r, "x-ms-request-id", d->request_id,
		       sizeof(d->request_id));
	if (r->status < 300)
		return;
	/* What cannot be read adds nothing; the status is known. */
	if (r->body.len && sl_xml_parse(r->body.data, r->body.len, &h, d))
		d->message[0] = '\0';
	if (sl_http_header(r, "x-ms-error-code", code, sizeof(code)))
		snprintf(d->code, sizeof(d->code), "%s", code);
}
