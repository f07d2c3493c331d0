/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Azure Blob requests: which container and blob, which operation, is it
 * allowed. The table of operations is all there is; anything else is
 * answered as the service answers what it does not know.
 */
#include "azure.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "side.h"
#include "xml.h"

static const struct sim_az_op ops[] = {
	{ "PUT", "block", false, SIM_S3_PART, 0, true, sim_az_block_prepare,
	  sim_az_block },
	{ "PUT", "blocklist", false, SIM_S3_COMPLETE, 0, false, NULL,
	  sim_az_blocklist_put },
	{ "PUT", NULL, false, SIM_S3_PUT, 0, true, sim_az_put_prepare,
	  sim_az_put },
	{ "GET", "blocklist", false, SIM_S3_PARTS, SIM_DENY_PARTS, false, NULL,
	  sim_az_blocklist_get },
	{ "GET", NULL, false, SIM_S3_GET, SIM_DENY_GET, false, NULL,
	  sim_az_get },
	{ "HEAD", NULL, false, SIM_S3_HEAD, 0, false, NULL, sim_az_get },
	{ "DELETE", NULL, false, SIM_S3_DELETE, SIM_DENY_DELETE, false, NULL,
	  sim_az_delete },
	{ "GET", "list", true, SIM_S3_LIST, SIM_DENY_LIST, false, NULL,
	  sim_az_list },
	{ "GET", NULL, true, SIM_S3_BUCKET, 0, false, NULL, sim_az_container },
	{ "HEAD", NULL, true, SIM_S3_BUCKET, 0, false, NULL,
	  sim_az_container },
};

static const struct {
	int status;
	const char *code;
	const char *text;
} presets[] = {
	{ 400, "InvalidInput", "One of the request inputs is not valid." },
	{ 401, "NoAuthenticationInformation",
	  "Server failed to authenticate the request. Please refer to the "
	  "information in the www-authenticate header." },
	{ 403, "AuthenticationFailed",
	  "Server failed to authenticate the request. Make sure the value of "
	  "Authorization header is formed correctly including the "
	  "signature." },
	{ 404, "BlobNotFound", "The specified blob does not exist." },
	{ 408, "RequestTimeout", "The request timed out." },
	{ 409, "BlobAlreadyExists", "The specified blob already exists." },
	{ 411, "MissingContentLengthHeader", "The Content-Length header was "
					     "not specified." },
	{ 412, "ConditionNotMet",
	  "The condition specified using HTTP conditional header(s) is not "
	  "met." },
	{ 413, "RequestBodyTooLarge",
	  "The request body is too large and exceeds the maximum permissible "
	  "limit." },
	{ 416, "InvalidRange", "The range specified is invalid for the "
			       "current size of the resource." },
	{ 429, "TooManyRequests", "Too many requests." },
	{ 500, "InternalError",
	  "The server encountered an internal error. Please retry the "
	  "request." },
	{ 503, "ServerBusy",
	  "The server is currently unable to receive requests. Please retry "
	  "your request." },
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

static void error_xml(struct sim_req *r, const char *code, const char *text)
{
	SIM_AUTOFREE char *message = NULL;
	struct sim_azure *x = r->azure;
	struct sim_buf *b = &r->reply.body;
	char time[32];

	sim_iso_ms(sim_wall_ms(), time);
	message = sim_format("%s\nRequestId:%s\nTime:%s", text,
			     x ? x->request_id : "", time);
	sim_buf_str(b, "<?xml version=\"1.0\" encoding=\"utf-8\"?><Error>");
	sim_xml_element(b, "Code", code);
	sim_xml_element(b, "Message", message);
	sim_buf_str(b, "</Error>");
}

void sim_az_fail(struct sim_req *r, int status, const char *code,
		 const char *text)
{
	if (r->reply.ready)
		return;
	preset(status, &code, &text);
	snprintf(r->reply.code, sizeof(r->reply.code), "%s", code);
	sim_reply_start(r, status);
	sim_reply_header(r, "x-ms-error-code", "%s", code);
	if (!strcmp(r->method, "HEAD"))
		return;
	sim_reply_header(r, "Content-Type", "application/xml");
	error_xml(r, code, text);
}

void sim_az_errno(struct sim_req *r, int rc)
{
	static const struct {
		int rc, status;
	} known[] = { { -ENOENT, 404 }, { -EEXIST, 409 } };

	for (size_t i = 0; i < SIM_COUNT(known); i++)
		if (known[i].rc == rc)
			sim_az_fail(r, known[i].status, NULL, NULL);
	sim_az_fail(r, 500, NULL, strerror(-rc));
}

void sim_az_xml(struct sim_req *r, const struct sim_buf *b)
{
	if (r->reply.ready)
		return;
	sim_reply_start(r, 200);
	sim_reply_header(r, "Content-Type", "application/xml");
	sim_buf_str(&r->reply.body,
		    "<?xml version=\"1.0\" encoding=\"utf-8\"?>");
	sim_buf_add(&r->reply.body, b->p, b->n);
}

/* ACCOUNT.blob.HOST has no account in the path, any other host has. */
static const char *after_account(const struct sim_req *r)
{
	static const char account[] = SIM_AZ_ACCOUNT;
	const char *host = sim_header(r, "host");
	const char *p = r->path + (*r->path == '/');
	size_t n = sizeof(account) - 1;

	if (host && sim_starts(host, SIM_AZ_ACCOUNT ".blob."))
		return p;
	if (!sim_starts(p, account) || (p[n] && p[n] != '/'))
		return NULL;
	return p + n + (p[n] == '/');
}

static bool address(struct sim_req *r)
{
	struct sim_azure *x = r->azure;
	const char *p = after_account(r), *name;
	size_t n = p ? strcspn(p, "/") : 0;

	if (!p || !n)
		return false;
	name = p + n + (p[n] == '/');
	return sim_url_decode(p, n, false, &x->container) &&
	       sim_url_decode(name, strlen(name), false, &x->name);
}

static bool same(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static const struct sim_az_op *find_op(const struct sim_req *r)
{
	const char *restype = sim_param(r, "restype");
	bool container = !*r->azure->name;

	/* The container is addressed by both its path and restype. */
	if (container != same(restype, "container"))
		return NULL;
	for (size_t i = 0; i < SIM_COUNT(ops); i++)
		if (ops[i].container == container &&
		    !strcmp(ops[i].method, r->method) &&
		    same(ops[i].comp, sim_param(r, "comp")))
			return &ops[i];
	return NULL;
}

/*
 * Versions are dates. One that this server does not know is refused, as the
 * emulators of others do; without one that of the signature counts.
 */
static bool check_version(struct sim_req *r)
{
	static const char newest[] = "2026-10-06", shape[] = "dddd-dd-dd";
	const char *v = sim_header(r, "x-ms-version");
	bool ok = true;

	if (!v)
		v = sim_param(r, "sv");
	if (!v)
		return true; /* there is no signature either */
	for (size_t i = 0; ok && shape[i]; i++)
		ok = shape[i] == 'd' ? v[i] >= '0' && v[i] <= '9'
				     : v[i] == shape[i];
	if (!ok || strlen(v) != sizeof(newest) - 1 || strcmp(v, newest) > 0) {
		sim_az_fail(r, 400, "InvalidHeaderValue",
			    "The value for one of the HTTP headers is not in "
			    "the correct format: x-ms-version.");
		return false;
	}
	sim_reply_header(r, "x-ms-version", "%s", v);
	return true;
}

static bool allowed(struct sim_req *r)
{
	struct sim_azure *x = r->azure;

	if (!sim_az_auth(r) || !sim_az_allowed(r, x->op->deny))
		return false;
	if (strlen(x->name) <= 1024)
		return true;
	sim_az_fail(r, 400, "InvalidResourceName",
		    "The specified resource name contains invalid "
		    "characters or is too long.");
	return false;
}

static void identify(struct sim_req *r)
{
	const char *id = sim_header(r, "x-ms-client-request-id");

	sim_uuid(r->azure->request_id);
	sim_reply_header(r, "x-ms-request-id", "%s",
			 r->azure->request_id);
	if (id && strlen(id) <= 1024)
		sim_reply_header(r, "x-ms-client-request-id", "%s", id);
}

/* Does the listing ask for what is unfinished? That is another kind. */
static enum sim_kind kind_of(const struct sim_req *r)
{
	const struct sim_az_op *op = r->azure->op;
	const char *include = sim_param(r, "include");

	if (!op)
		return SIM_S3_OTHER;
	if (op->kind == SIM_S3_LIST && include &&
	    strstr(include, "uncommittedblobs"))
		return SIM_S3_UPLOADS;
	return op->kind;
}

static bool understood(struct sim_req *r)
{
	if (!check_version(r))
		return false;
	if (r->azure->op)
		return true;
	if (sim_param(r, "comp") || sim_param(r, "restype"))
		sim_az_fail(r, 400, "InvalidQueryParameterValue",
			    "Value for one of the query parameters specified "
			    "in the request URI is invalid.");
	sim_az_fail(r, 405, "UnsupportedHttpVerb",
		    "The resource doesn't support specified Http Verb.");
	return false;
}

static void begin(struct sim_req *r)
{
	struct sim_azure *x = sim_alloc(sizeof(*x));

	r->azure = x;
	identify(r);
	if (!address(r)) {
		sim_req_kind(r, SIM_S3_OTHER);
		sim_az_fail(r, 400, "InvalidUri",
			    "The requested URI does not represent any resource "
			    "on the server.");
		return;
	}
	x->op = find_op(r);
	sim_req_kind(r, kind_of(r));
	sim_side_expire(r, SIM_F_EXPIRE);
	if (sim_side_refused(r))
		return;
	if (!understood(r) || !allowed(r))
		return;
	if (x->op->prepare)
		x->op->prepare(r);
	if (!r->reply.ready && !x->taking)
		sim_az_body_begin(r, x->op->body);
}

static void data(struct sim_req *r, const void *p, size_t n)
{
	if (r->in == n) /* the first piece */
		sim_side_expire(r, SIM_F_EXPIRE_BODY);
	sim_az_body_data(r, p, n);
}

static void expired(struct sim_req *r)
{
	sim_az_fail(r, 403, NULL, NULL);
}

static void late_error(struct sim_req *r)
{
	sim_reply_start(r, 200);
	sim_reply_header(r, "Content-Type", "application/xml");
	error_xml(r, r->trouble.code, "It has not been done.");
}

static const struct sim_side_faults faults = { expired, late_error };

static void finish(struct sim_req *r)
{
	if (sim_az_body_end(r))
		sim_side_finish(r, &faults, r->azure->op->finish);
}

static void release(struct sim_req *r)
{
	struct sim_azure *x = r->azure;

	if (!x)
		return;
	sim_intake_free(&x->in);
	sim_meta_clear(&x->meta);
	free(x->container);
	free(x->name);
	free(x->key);
	free(x->block);
	free(x);
}

const struct sim_side sim_side_azure = {
	.name = "azure", .begin = begin, .data = data, .finish = finish,
	.release = release, .fail = sim_az_fail,
};
