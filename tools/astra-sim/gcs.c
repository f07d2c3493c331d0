/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Google Cloud Storage requests: which route, bucket and key, which
 * operation, is it allowed. Errors come in the form of the route: JSON, XML,
 * OAuth's, and plain text to a download by the JSON API.
 */
#include "gcs.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "side.h"
#include "xml.h"

static const struct sim_gcs_op ops[] = {
	{ "POST", SIM_GCS_TOKEN, NULL, NULL, SIM_TOKEN, 0, false, NULL,
	  sim_gcs_token },
	{ "GET", SIM_GCS_LIST, NULL, NULL, SIM_S3_LIST, SIM_DENY_LIST, false,
	  NULL, sim_gcs_list },
	{ "GET", SIM_GCS_OBJECT, "alt", "media", SIM_S3_GET, SIM_DENY_GET,
	  false, NULL, sim_gcs_get },
	{ "GET", SIM_GCS_DOWNLOAD, NULL, NULL, SIM_S3_GET, SIM_DENY_GET, false,
	  NULL, sim_gcs_get },
	{ "GET", SIM_GCS_OBJECT, NULL, NULL, SIM_S3_HEAD, 0, false, NULL,
	  sim_gcs_get_resource },
	{ "DELETE", SIM_GCS_OBJECT, NULL, NULL, SIM_S3_DELETE, SIM_DENY_DELETE,
	  false, NULL, sim_gcs_delete },
	{ "GET", SIM_GCS_BUCKET, NULL, NULL, SIM_S3_BUCKET, 0, false, NULL,
	  sim_gcs_bucket },
	{ "PUT", SIM_GCS_UPLOAD, "upload_id", NULL, SIM_S3_PUT, 0, true,
	  sim_gcs_chunk_prepare, sim_gcs_chunk },
	{ "POST", SIM_GCS_UPLOAD, "upload_id", NULL, SIM_S3_PUT, 0, true,
	  sim_gcs_chunk_prepare, sim_gcs_chunk },
	{ "POST", SIM_GCS_UPLOAD, "uploadType", "multipart", SIM_S3_PUT, 0,
	  true, NULL, sim_gcs_upload_multipart },
	{ "POST", SIM_GCS_UPLOAD, "uploadType", "media", SIM_S3_PUT, 0, true,
	  NULL, sim_gcs_upload_media },
	{ "POST", SIM_GCS_UPLOAD, "uploadType", "resumable", SIM_S3_PUT, 0,
	  false, NULL, sim_gcs_resumable },
	{ "PUT", SIM_GCS_XML_OBJECT, "partNumber", NULL, SIM_S3_PART, 0, true,
	  sim_gcs_part_prepare, sim_gcs_part },
	{ "PUT", SIM_GCS_XML_OBJECT, NULL, NULL, SIM_S3_PUT, 0, true, NULL,
	  sim_gcs_xml_put },
	{ "POST", SIM_GCS_XML_OBJECT, "uploads", NULL, SIM_S3_CREATE, 0, false,
	  NULL, sim_gcs_create },
	{ "POST", SIM_GCS_XML_OBJECT, "uploadId", NULL, SIM_S3_COMPLETE, 0,
	  false, NULL, sim_gcs_complete },
	{ "DELETE", SIM_GCS_XML_OBJECT, "uploadId", NULL, SIM_S3_ABORT,
	  SIM_DENY_ABORT, false, NULL, sim_gcs_abort },
	{ "GET", SIM_GCS_XML_OBJECT, "uploadId", NULL, SIM_S3_PARTS,
	  SIM_DENY_PARTS, false, NULL, sim_gcs_parts },
	{ "GET", SIM_GCS_XML_OBJECT, NULL, NULL, SIM_S3_GET, SIM_DENY_GET,
	  false, NULL, sim_gcs_get },
	{ "HEAD", SIM_GCS_XML_OBJECT, NULL, NULL, SIM_S3_HEAD, 0, false, NULL,
	  sim_gcs_get },
	{ "DELETE", SIM_GCS_XML_OBJECT, NULL, NULL, SIM_S3_DELETE,
	  SIM_DENY_DELETE, false, NULL, sim_gcs_delete },
	{ "GET", SIM_GCS_XML_BUCKET, "uploads", NULL, SIM_S3_UPLOADS,
	  SIM_DENY_UPLOADS, false, NULL, sim_gcs_uploads },
};

/* Parameters that select another operation than the bare method. */
static const char *const selectors[] = {
	"uploads", "uploadId", "partNumber", "acl", "compose", "cors",
	"encryption", "lifecycle", "retention", "tagging", "upload_id",
};

static const struct {
	int status;
	const char *reason; /* JSON */
	const char *code;   /* XML */
	const char *text;
} presets[] = {
	{ 304, "notModified", "NotModified", "Not Modified" },
	{ 400, "invalid", "InvalidArgument", "Invalid argument." },
	{ 401, "authError", "AuthenticationRequired", "Invalid Credentials" },
	{ 403, "forbidden", "AccessDenied",
	  "The account does not have storage.objects access to the Google "
	  "Cloud Storage object. Permission denied on resource (or it may not "
	  "exist)." },
	{ 404, "notFound", "NoSuchKey", "No such object." },
	{ 405, "methodNotAllowed", "MethodNotAllowed", "Not Allowed" },
	{ 408, "requestTimeout", "RequestTimeout", "Request Timeout" },
	{ 410, "gone", "Gone", "The resumable session is gone." },
	{ 412, "conditionNotMet", "PreconditionFailed",
	  "At least one of the pre-conditions you specified did not hold." },
	{ 416, "requestedRangeNotSatisfiable", "InvalidRange",
	  "The requested range cannot be satisfied." },
	{ 429, "rateLimitExceeded", "SlowDown",
	  "The rate of requests is too high. Please reduce it." },
	{ 500, "internalError", "InternalError",
	  "We encountered an internal error. Please try again." },
	{ 503, "backendError", "ServiceUnavailable",
	  "Service unavailable. Please try again." },
};

bool sim_gcs_is_xml(const struct sim_req *r)
{
	return r->gcs->route >= SIM_GCS_XML_BUCKET ||
	       r->gcs->route == SIM_GCS_NONE;
}

void sim_gcs_json(struct sim_req *r, int status, cJSON *o)
{
	char *text = cJSON_Print(o);

	cJSON_Delete(o);
	sim_reply_text(r, status, "application/json; charset=UTF-8", text);
	free(text);
}

static void error_xml(struct sim_buf *b, const char *code, const char *text)
{
	sim_buf_str(b, "<Error>");
	sim_xml_element(b, "Code", code);
	sim_xml_element(b, "Message", text);
	sim_buf_str(b, "</Error>");
}

static void fail_json(struct sim_req *r, int status, const char *reason,
		      const char *text)
{
	cJSON *o = cJSON_CreateObject(), *e, *one;

	e = cJSON_AddObjectToObject(o, "error");
	cJSON_AddNumberToObject(e, "code", status);
	cJSON_AddStringToObject(e, "message", text);
	one = cJSON_CreateObject();
	cJSON_AddItemToArray(cJSON_AddArrayToObject(e, "errors"), one);
	cJSON_AddStringToObject(one, "message", text);
	cJSON_AddStringToObject(one, "domain", "global");
	cJSON_AddStringToObject(one, "reason", reason);
	if (status == 401) {
		cJSON_AddStringToObject(one, "locationType", "header");
		cJSON_AddStringToObject(one, "location", "Authorization");
	}
	sim_gcs_json(r, status, o);
}

static void fail_oauth(struct sim_req *r, int status, const char *error,
		       const char *text)
{
	cJSON *o = cJSON_CreateObject();

	cJSON_AddStringToObject(o, "error", error);
	cJSON_AddStringToObject(o, "error_description", text);
	sim_gcs_json(r, status, o);
}

static void fail_xml(struct sim_req *r, int status, const char *code,
		     const char *text)
{
	sim_reply_start(r, status);
	sim_reply_header(r, "Content-Type", "application/xml; charset=UTF-8");
	sim_buf_str(&r->reply.body, "<?xml version='1.0' encoding='UTF-8'?>");
	error_xml(&r->reply.body, code, text);
}

/* What is usual for the status, where the caller says nothing. */
static void preset(const struct sim_req *r, int status, const char **code,
		   const char **text)
{
	for (size_t i = 0; i < SIM_COUNT(presets); i++) {
		if (presets[i].status != status)
			continue;
		if (!*code)
			*code = sim_gcs_is_xml(r) ? presets[i].code
						  : presets[i].reason;
		if (!*text)
			*text = presets[i].text;
	}
	if (!*code)
		*code = "backendError";
	if (!*text)
		*text = *code;
}

void sim_gcs_fail(struct sim_req *r, int status, const char *code,
		  const char *text)
{
	const char *said = code;

	if (r->reply.ready)
		return;
	preset(r, status, &code, &text);
	snprintf(r->reply.code, sizeof(r->reply.code), "%s", code);
	if (!strcmp(r->method, "HEAD"))
		sim_reply_start(r, status);
	else if (r->gcs->route == SIM_GCS_TOKEN)
		fail_oauth(r, status, said ? said : "internal_failure", text);
	else if (sim_gcs_is_xml(r))
		fail_xml(r, status, code, text);
	else if (r->kind == SIM_S3_GET && !said)
		sim_reply_text(r, status, "text/html; charset=UTF-8", text);
	else
		fail_json(r, status, code, text);
}

void sim_gcs_errno(struct sim_req *r, int rc)
{
	if (rc == -ENOENT)
		sim_gcs_fail(r, 404, NULL, NULL);
	else if (rc == -EEXIST)
		sim_gcs_fail(r, 412, NULL, NULL);
	else if (rc == -EFBIG)
		sim_gcs_fail(r, 400, NULL, "The request is too large.");
	else
		sim_gcs_fail(r, 500, NULL, strerror(-rc));
}

void sim_gcs_xml(struct sim_req *r, struct sim_buf *b)
{
	if (r->reply.ready)
		return;
	sim_reply_start(r, 200);
	sim_reply_header(r, "Content-Type", "application/xml; charset=UTF-8");
	sim_buf_str(&r->reply.body, "<?xml version='1.0' encoding='UTF-8'?>");
	sim_buf_add(&r->reply.body, b->p, b->n);
}

static const struct {
	const char *path;
	enum sim_gcs_route bucket, list, object;
} bases[] = {
	{ "/storage/v1/b/", SIM_GCS_BUCKET, SIM_GCS_LIST, SIM_GCS_OBJECT },
	{ "/download/storage/v1/b/", SIM_GCS_NONE, SIM_GCS_NONE,
	  SIM_GCS_DOWNLOAD },
	{ "/upload/storage/v1/b/", SIM_GCS_NONE, SIM_GCS_UPLOAD,
	  SIM_GCS_NONE },
};

/* BUCKET[/o[/KEY]]; a slash of the key must be escaped. */
static bool address_json(struct sim_req *r, const char *p, size_t base)
{
	struct sim_gcs *x = r->gcs;
	size_t n = strcspn(p, "/");

	if (!sim_url_decode(p, n, false, &x->bucket))
		return false;
	p += n;
	x->route = !*p ? bases[base].bucket
		       : !strcmp(p, "/o") ? bases[base].list
					  : bases[base].object;
	p = sim_starts(p, "/o/") ? p + 3 : p;
	if (strchr(p, '/') && strcmp(p, "/o"))
		x->route = SIM_GCS_NONE;
	return sim_url_decode(p, strlen(p), false, &x->key);
}

/* "BUCKET.host" is virtual-host style, when BUCKET is ours. */
static bool virtual_host(const struct sim_req *r)
{
	const char *host = sim_header(r, "host");
	size_t n = strlen(r->sim->bucket);

	return host && !strncmp(host, r->sim->bucket, n) && host[n] == '.';
}

static bool address_xml(struct sim_req *r)
{
	const char *p = r->path + (*r->path == '/');
	struct sim_gcs *x = r->gcs;
	size_t n = virtual_host(r) ? 0 : strcspn(p, "/");
	bool ok = true;

	if (n)
		ok = sim_url_decode(p, n, false, &x->bucket);
	else
		x->bucket = sim_strdup(r->sim->bucket);
	p += n + (n && p[n] == '/');
	ok = ok && sim_url_decode(p, strlen(p), false, &x->key);
	x->route = ok && *x->key ? SIM_GCS_XML_OBJECT : SIM_GCS_XML_BUCKET;
	return ok;
}

static bool address(struct sim_req *r)
{
	if (!strcmp(r->path, "/token")) {
		r->gcs->route = SIM_GCS_TOKEN;
		return true;
	}
	for (size_t i = 0; i < SIM_COUNT(bases); i++)
		if (sim_starts(r->path, bases[i].path))
			return address_json(
				r, r->path + strlen(bases[i].path), i);
	return address_xml(r);
}

static bool selected(const struct sim_req *r, const struct sim_gcs_op *op)
{
	const char *v = op->param ? sim_param(r, op->param) : NULL;

	if (op->param)
		return v && (!op->value || !strcmp(op->value, v));
	for (size_t i = 0; i < SIM_COUNT(selectors); i++)
		if (sim_param(r, selectors[i]))
			return false;
	return true;
}

static const struct sim_gcs_op *find_op(const struct sim_req *r)
{
	for (size_t i = 0; i < SIM_COUNT(ops); i++)
		if (ops[i].route == r->gcs->route &&
		    !strcmp(ops[i].method, r->method) && selected(r, &ops[i]))
			return &ops[i];
	return NULL;
}

static bool allowed(struct sim_req *r)
{
	const struct sim_gcs_op *op = r->gcs->op;

	/* A session's URI stands for the credentials it was begun with. */
	if (op->route == SIM_GCS_TOKEN ||
	    op->finish == sim_gcs_chunk)
		return true;
	if (!sim_gcs_auth(r))
		return false;
	if (op->deny & r->sim->opt.deny) {
		sim_gcs_fail(r, 403, NULL, NULL);
		return false;
	}
	if (!r->gcs->key || !*r->gcs->key || op->route == SIM_GCS_UPLOAD)
		return true; /* the prefix or the name decides, see there */
	if (op->route == SIM_GCS_LIST || op->route == SIM_GCS_BUCKET)
		return true;
	return sim_gcs_key_valid(r, r->gcs->key) &&
	       sim_gcs_in_scope(r, r->gcs->key);
}

static void take_body(struct sim_req *r)
{
	struct sim_gcs *x = r->gcs;
	int rc = sim_intake_begin(r->sim, &x->in, x->op->file, SIM_SUM_CRC32C);

	x->taking = true;
	if (rc)
		sim_gcs_errno(r, rc);
}

static void begin(struct sim_req *r)
{
	struct sim_gcs *x = sim_alloc(sizeof(*x));
	bool ok;

	r->gcs = x;
	ok = address(r);
	x->op = ok ? find_op(r) : NULL;
	sim_req_kind(r, x->op ? x->op->kind : SIM_S3_OTHER);
	sim_side_expire(r, SIM_F_EXPIRE);
	if (sim_side_refused(r))
		return;
	if (!ok)
		sim_gcs_fail(r, 400, NULL, "The URI cannot be parsed.");
	else if (!x->op)
		sim_gcs_fail(r, 404, NULL, "Not Found");
	if (r->reply.ready || !allowed(r))
		return;
	if (x->op->prepare)
		x->op->prepare(r);
	if (!r->reply.ready)
		take_body(r);
}

static void data(struct sim_req *r, const void *p, size_t n)
{
	int rc;

	if (r->in == n) /* the first piece */
		sim_side_expire(r, SIM_F_EXPIRE_BODY);
	if (!r->gcs->taking)
		return;
	rc = sim_intake_add(&r->gcs->in, p, n);
	if (rc)
		sim_gcs_errno(r, rc);
}

/* A 200 that is not one: white space, then an error. */
static void late_error(struct sim_req *r)
{
	struct sim_buf *b = &r->reply.body;
	const char *text = "We encountered an internal error.";

	if (!sim_gcs_is_xml(r)) {
		fail_json(r, 200, r->trouble.code, text);
		return;
	}
	sim_reply_start(r, 200);
	sim_reply_header(r, "Content-Type", "application/xml; charset=UTF-8");
	for (int i = 0; i < 512; i++)
		sim_buf_str(b, " \n");
	error_xml(b, r->trouble.code, text);
}

static void expired(struct sim_req *r)
{
	sim_gcs_fail(r, 401, NULL, NULL);
}

static const struct sim_side_faults faults = { expired, late_error };

static void finish(struct sim_req *r)
{
	struct sim_gcs *x = r->gcs;

	if (r->reply.ready || !x->taking)
		return;
	sim_intake_end(&x->in);
	r->body = x->in.memory;
	memset(&x->in.memory, 0, sizeof(x->in.memory));
	sim_side_finish(r, &faults, x->op->finish);
}

static void release(struct sim_req *r)
{
	struct sim_gcs *x = r->gcs;

	if (!x)
		return;
	sim_intake_free(&x->in);
	sim_meta_clear(&x->meta);
	free(x->bucket);
	free(x->key);
	free(x->upload);
	free(x);
}

/* Before there is a route: as for a path that is none. */
static void fail(struct sim_req *r, int status, const char *code,
		 const char *text)
{
	if (!r->gcs)
		r->gcs = sim_alloc(sizeof(*r->gcs));
	sim_gcs_fail(r, status, code, text);
}

const struct sim_side sim_side_gcs = {
	.name = "gcs", .begin = begin, .data = data, .finish = finish,
	.release = release, .fail = fail,
};
