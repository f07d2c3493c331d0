/* SPDX-License-Identifier: Apache-2.0 */
/*
 * S3 requests: which bucket and key, which operation, is it allowed. The
 * table of operations is all there is; anything else is answered as S3
 * answers what it does not know.
 */
#include "s3.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "side.h"

static const struct sim_s3_op ops[] = {
	{ "PUT", "partNumber", true, SIM_S3_PART, 0, true, sim_s3_part_prepare,
	  sim_s3_part },
	{ "PUT", NULL, true, SIM_S3_PUT, 0, true, sim_s3_put_prepare,
	  sim_s3_put },
	{ "POST", "uploads", true, SIM_S3_CREATE, 0, false, NULL,
	  sim_s3_create },
	{ "POST", "uploadId", true, SIM_S3_COMPLETE, 0, false,
	  sim_s3_complete_prepare, sim_s3_complete },
	{ "DELETE", "uploadId", true, SIM_S3_ABORT, SIM_DENY_ABORT, false,
	  NULL, sim_s3_abort },
	{ "GET", "uploadId", true, SIM_S3_PARTS, SIM_DENY_PARTS, false, NULL,
	  sim_s3_parts },
	{ "GET", NULL, true, SIM_S3_GET, SIM_DENY_GET, false, NULL,
	  sim_s3_get },
	{ "HEAD", NULL, true, SIM_S3_HEAD, 0, false, NULL, sim_s3_get },
	{ "DELETE", NULL, true, SIM_S3_DELETE, SIM_DENY_DELETE, false, NULL,
	  sim_s3_delete },
	{ "GET", "uploads", false, SIM_S3_UPLOADS, SIM_DENY_UPLOADS, false,
	  NULL, sim_s3_uploads },
	{ "GET", NULL, false, SIM_S3_LIST, SIM_DENY_LIST, false, NULL,
	  sim_s3_list },
	{ "POST", "delete", false, SIM_S3_MULTIDELETE, SIM_DENY_DELETE, false,
	  NULL, sim_s3_multidelete },
	{ "HEAD", NULL, false, SIM_S3_BUCKET, 0, false, NULL,
	  sim_s3_head_bucket },
};

/* Parameters that select another operation than the bare method. */
static const char *const selectors[] = {
	"uploads", "uploadId", "partNumber", "delete", "acl", "tagging",
	"policy", "versioning", "versions", "location", "attributes", "cors",
	"lifecycle", "encryption", "retention", "legal-hold", "restore",
	"select", "torrent", "website", "logging", "notification",
};

static const struct {
	int status;
	const char *code;
	const char *text;
} presets[] = {
	{ 400, "BadRequest", "Bad request." },
	{ 403, "AccessDenied", "Access Denied" },
	{ 404, "NoSuchKey", "The specified key does not exist." },
	{ 409, "ConditionalRequestConflict",
	  "The conditional request cannot succeed due to a conflicting "
	  "operation against this resource." },
	{ 429, "TooManyRequests", "Please reduce your request rate." },
	{ 500, "InternalError",
	  "We encountered an internal error. Please try again." },
	{ 503, "SlowDown", "Please reduce your request rate." },
};

static void preset(int status, const char **code, const char **text)
{
	for (size_t i = 0; i < SIM_COUNT(presets); i++) {
		if (presets[i].status != status)
			continue;
		if (!*code)
			*code = presets[i].code;
		if (!*text)
			*text = presets[i].text;
	}
	if (!*code)
		*code = "InternalError";
	if (!*text)
		*text = *code;
}

static void error_xml(struct sim_req *r, struct sim_buf *b, const char *code,
		      const char *text)
{
	sim_buf_str(b, "<Error>");
	sim_xml_element(b, "Code", code);
	sim_xml_element(b, "Message", text);
	if (!strcmp(code, "AuthorizationHeaderMalformed"))
		sim_xml_element(b, "Region", r->sim->opt.region);
	if (r->s3) {
		sim_xml_element(b, "BucketName", r->s3->bucket);
		sim_xml_element(b, "Key", r->s3->key);
		sim_xml_element(b, "RequestId", r->s3->request_id);
	}
	sim_buf_str(b, "</Error>");
}

void sim_s3_fail(struct sim_req *r, int status, const char *code,
		 const char *text)
{
	if (r->reply.ready)
		return;
	preset(status, &code, &text);
	snprintf(r->reply.code, sizeof(r->reply.code), "%s", code);
	sim_reply_start(r, status);
	if (!strcmp(r->method, "HEAD"))
		return;
	sim_reply_header(r, "Content-Type", "application/xml");
	sim_buf_str(&r->reply.body,
		    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
	error_xml(r, &r->reply.body, code, text);
}

void sim_s3_errno(struct sim_req *r, int rc)
{
	if (rc == -ENOENT)
		sim_s3_fail(r, 404, NULL, NULL);
	else if (rc == -EEXIST)
		sim_s3_fail(r, 412, "PreconditionFailed",
			    "At least one of the pre-conditions you specified "
			    "did not hold");
	else
		sim_s3_fail(r, 500, NULL, strerror(-rc));
}

void sim_s3_xml(struct sim_req *r, struct sim_buf *b)
{
	if (r->reply.ready)
		return;
	sim_reply_start(r, 200);
	sim_reply_header(r, "Content-Type", "application/xml");
	sim_buf_str(&r->reply.body,
		    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
	sim_buf_add(&r->reply.body, b->p, b->n);
}

/* "BUCKET.host" is virtual-host style, when BUCKET is one of ours. */
static bool virtual_host(const struct sim_req *r)
{
	const char *host = sim_header(r, "host");
	size_t n = strlen(r->sim->bucket);

	return host && !strncmp(host, r->sim->bucket, n) && host[n] == '.';
}

static bool address(struct sim_req *r)
{
	const char *p = r->path + (*r->path == '/');
	size_t n;
	bool ok;

	if (virtual_host(r)) {
		r->s3->bucket = sim_strdup(r->sim->bucket);
		return sim_url_decode(p, strlen(p), false, &r->s3->key);
	}
	n = strcspn(p, "/");
	ok = sim_url_decode(p, n, false, &r->s3->bucket);
	p += n + (p[n] == '/');
	return ok && sim_url_decode(p, strlen(p), false, &r->s3->key);
}

static bool selected(const struct sim_req *r, const struct sim_s3_op *op)
{
	if (op->param)
		return sim_param(r, op->param) != NULL;
	for (size_t i = 0; i < SIM_COUNT(selectors); i++)
		if (sim_param(r, selectors[i]))
			return false;
	return true;
}

static const struct sim_s3_op *find_op(const struct sim_req *r)
{
	for (size_t i = 0; i < SIM_COUNT(ops); i++)
		if (ops[i].object == (*r->s3->key != '\0') &&
		    !strcmp(ops[i].method, r->method) && selected(r, &ops[i]))
			return &ops[i];
	return NULL;
}

static bool allowed(struct sim_req *r)
{
	const struct sim_s3_op *op = r->s3->op;

	if (op->kind == SIM_S3_BUCKET) {
		/* It answers for itself, also without a signature. */
		r->s3->sig.payload = SIM_PAY_UNSIGNED;
		return true;
	}
	if (!sim_s3_auth(r))
		return false;
	if (op->deny & r->sim->opt.deny) {
		sim_s3_fail(r, 403, NULL, NULL);
		return false;
	}
	if (!op->object)
		return true; /* the prefix decides, see there */
	if (strlen(r->s3->key) > 1024) {
		sim_s3_fail(r, 400, "KeyTooLongError",
			    "Your key is too long");
		return false;
	}
	return sim_s3_in_scope(r, r->s3->key);
}

/* A 200 that is not one: white space, then an error (or nothing). */
static void late_error(struct sim_req *r)
{
	struct sim_buf *b = &r->reply.body;

	sim_reply_start(r, 200);
	sim_reply_header(r, "Content-Type", "application/xml");
	sim_buf_str(b, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
	for (int i = 0; i < 512; i++)
		sim_buf_str(b, " \n");
	error_xml(r, b, r->trouble.code, "We encountered an internal error. "
					 "Please try again.");
}

/* Whatever a HEAD of the bucket is refused with, AWS names the region. */
static void name_region(struct sim_req *r)
{
	if (r->kind == SIM_S3_BUCKET && r->trouble.status < 500 &&
	    !strcmp(r->s3->bucket, r->sim->bucket))
		sim_reply_header(r, "x-amz-bucket-region", "%s",
				 r->sim->opt.region);
}

static void begin(struct sim_req *r)
{
	struct sim_s3 *x = sim_alloc(sizeof(*x));

	r->s3 = x;
	sim_random_text(x->request_id, 16, "0123456789ABCDEF");
	sim_reply_header(r, "x-amz-request-id", "%s", x->request_id);
	if (!address(r)) {
		sim_req_kind(r, SIM_S3_OTHER);
		sim_s3_fail(r, 400, "InvalidURI",
			    "Couldn't parse the specified URI.");
		return;
	}
	x->op = find_op(r);
	sim_req_kind(r, x->op ? x->op->kind : SIM_S3_OTHER);
	sim_side_expire(r, SIM_F_EXPIRE);
	if (r->trouble.flags & SIM_F_STATUS)
		name_region(r);
	if (sim_side_refused(r))
		return;
	if (!x->op) {
		sim_s3_fail(r, 501, "NotImplemented",
			    "A header or query you provided implies "
			    "functionality that is not here.");
		return;
	}
	if (!allowed(r))
		return;
	if (x->op->prepare)
		x->op->prepare(r);
	if (!r->reply.ready && !x->sink)
		sim_sink_begin(r, x->op->body, SIM_SUM_NONE);
}

static void data(struct sim_req *r, const void *p, size_t n)
{
	if (r->in == n) /* the first piece */
		sim_side_expire(r, SIM_F_EXPIRE_BODY);
	sim_sink_data(r, p, n);
}

static void expired(struct sim_req *r)
{
	sim_s3_fail(r, 400, "ExpiredToken", "The provided token has expired.");
}

static const struct sim_side_faults faults = { expired, late_error };

static void finish(struct sim_req *r)
{
	if (sim_sink_end(r))
		sim_side_finish(r, &faults, r->s3->op->finish);
}

static void release(struct sim_req *r)
{
	struct sim_s3 *x = r->s3;

	if (!x)
		return;
	sim_sink_free(x->sink);
	sim_meta_clear(&x->meta);
	free(x->bucket);
	free(x->key);
	free(x->upload);
	/* The signing key is as good as a secret. */
	explicit_bzero(&x->sig, sizeof(x->sig));
	free(x);
}

const struct sim_side sim_side_s3 = {
	.name = "s3", .begin = begin, .data = data, .finish = finish,
	.release = release, .fail = sim_s3_fail,
};
