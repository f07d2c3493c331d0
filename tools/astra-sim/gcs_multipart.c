/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Multipart uploads by the XML API, shaped like S3's: parts with their own
 * digests, no preconditions, and no checksum of the whole in the request, so
 * that the client has to compare the one in the answer.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "gcs.h"
#include "xml.h"

static void no_such_upload(struct sim_req *r)
{
	sim_gcs_fail(r, 404, "NoSuchUpload",
		     "The requested upload was not found.");
}

/* Documented as not supported; being ignored would be worse. */
static bool no_conditions(struct sim_req *r)
{
	if (!sim_header(r, "x-goog-if-generation-match") &&
	    !sim_header(r, "if-none-match"))
		return true;
	sim_gcs_fail(r, 400, NULL,
		     "Preconditions are not supported for multipart uploads.");
	return false;
}

void sim_gcs_create(struct sim_req *r)
{
	SIM_AUTOFREE char *headers = sim_gcs_kept_headers(r);
	SIM_AUTOBUF struct sim_buf b = { 0 };
	struct sim_upload u = { .key = r->gcs->key, .headers = headers,
				.algo = SIM_SUM_CRC32C };
	int rc;

	if (!no_conditions(r))
		return;
	rc = sim_upload_create(r->sim, &u);
	if (rc) {
		sim_gcs_errno(r, rc);
		return;
	}
	sim_buf_str(&b, "<InitiateMultipartUploadResult xmlns='http://s3."
			"amazonaws.com/doc/2006-03-01/'>");
	sim_xml_element(&b, "Bucket", r->gcs->bucket);
	sim_xml_element(&b, "Key", r->gcs->key);
	sim_xml_element(&b, "UploadId", u.id);
	sim_buf_str(&b, "</InitiateMultipartUploadResult>");
	sim_gcs_xml(r, &b);
}

bool sim_gcs_upload_load(struct sim_req *r, struct sim_upload *u)
{
	const char *id = sim_param(r, "uploadId");
	char *dir = id ? sim_upload_find(r->sim, id, r->gcs->key, u) : NULL;

	if (!dir) {
		no_such_upload(r);
		return false;
	}
	free(r->gcs->upload);
	r->gcs->upload = dir;
	return true;
}

void sim_gcs_part_prepare(struct sim_req *r)
{
	struct sim_upload u;

	if (!sim_number(sim_param(r, "partNumber"), 1, 10000, &r->gcs->part))
		sim_gcs_fail(r, 400, NULL,
			     "Part number must be an integer between 1 and "
			     "10000, inclusive");
	else if (sim_gcs_upload_load(r, &u))
		sim_upload_clear(&u);
}

void sim_gcs_part(struct sim_req *r)
{
	const struct sim_intake *k = &r->gcs->in;
	struct sim_meta *m = &r->gcs->meta;
	int rc;

	if (!sim_gcs_digests(r, k))
		return;
	rc = sim_part_save(r->sim, r->gcs->upload, (int)r->gcs->part, k);
	if (rc == -ENOENT) {
		no_such_upload(r);
	} else if (rc) {
		sim_gcs_errno(r, rc);
	} else {
		sim_intake_meta(k, m);
		sim_reply_start(r, 200);
		sim_reply_header(r, "ETag", "\"%s\"", k->md5);
		sim_gcs_hash_headers(r, m);
	}
}

void sim_gcs_abort(struct sim_req *r)
{
	struct sim_upload u;

	if (!sim_gcs_upload_load(r, &u))
		return;
	sim_upload_clear(&u);
	sim_remove_tree(r->gcs->upload);
	sim_reply_start(r, 204);
}

struct wanted {
	int64_t number;
	char etag[64];
	struct sim_part have;
};

struct completion {
	struct sim_req *r;
	struct sim_upload up;
	struct wanted *v;
	size_t n;
	struct wanted cur;
};

static void take_etag(struct wanted *w, const char *text)
{
	size_t n = strlen(text);
	bool quoted = n >= 2 && *text == '"' && text[n - 1] == '"';

	snprintf(w->etag, sizeof(w->etag), "%.*s",
		 (int)(quoted ? n - 2 : n), text + quoted);
}

static void on_element(void *arg, const char *path, const char *text)
{
	static const char base[] = "CompleteMultipartUpload/Part";
	struct completion *c = arg;
	const char *name = path + sizeof(base) - 1;

	if (!sim_starts(path, base))
		return;
	if (!*name) {
		c->v = sim_grow(c->v, (c->n + 1) * sizeof(*c->v));
		c->v[c->n++] = c->cur;
		memset(&c->cur, 0, sizeof(c->cur));
	} else if (!strcmp(name, "/PartNumber")) {
		if (!sim_number(text, 1, 10000, &c->cur.number))
			c->cur.number = 0;
	} else if (!strcmp(name, "/ETag")) {
		take_etag(&c->cur, text);
	}
}

static bool parse(struct completion *c)
{
	struct sim_xml_sink to = { on_element, c };
	struct sim_req *r = c->r;

	if (sim_xml_parse(r->body.p, r->body.n, &to) && c->n && c->n <= 10000)
		return true;
	sim_gcs_fail(r, 400, "MalformedCompleteMultipartUploadRequest",
		     "The body of the request is not a list of parts.");
	return false;
}

static bool check_part(struct completion *c, size_t i)
{
	struct sim_req *r = c->r;
	struct wanted *w = &c->v[i];

	if (i && w->number <= c->v[i - 1].number)
		sim_gcs_fail(r, 400, "InvalidPartOrder",
			     "The list of parts was not in ascending order.");
	else if (!w->number ||
		 !sim_part_read(r->gcs->upload, (int)w->number, &w->have) ||
		 strcasecmp(w->etag, w->have.etag))
		sim_gcs_fail(r, 400, "InvalidPart",
			     "One or more of the specified parts could not be "
			     "found, or its ETag is another.");
	else if (i + 1 < c->n && w->have.size < (uint64_t)r->sim->opt.min_part)
		sim_gcs_fail(r, 400, "EntityTooSmall",
			     "A part but the last is smaller than the minimum "
			     "allowed size.");
	return !r->reply.ready;
}

static bool check(struct completion *c)
{
	for (size_t i = 0; i < c->n; i++)
		if (!check_part(c, i))
			return false;
	return no_conditions(c->r) && sim_gcs_may_replace(c->r, c->up.key);
}

static void answer(struct completion *c)
{
	SIM_AUTOBUF struct sim_buf b = { 0 };
	struct sim_req *r = c->r;

	sim_buf_str(&b, "<CompleteMultipartUploadResult xmlns='http://s3."
			"amazonaws.com/doc/2006-03-01/'>");
	sim_xml_element(&b, "Location", r->path);
	sim_xml_element(&b, "Bucket", r->gcs->bucket);
	sim_xml_element(&b, "Key", r->gcs->key);
	sim_buf_printf(&b, "<ETag>\"%s\"</ETag>", r->gcs->meta.etag);
	sim_buf_str(&b, "</CompleteMultipartUploadResult>");
	sim_gcs_xml(r, &b);
	sim_gcs_hash_headers(r, &r->gcs->meta);
}

/* With the upload claimed: nobody else completes or adds parts. */
static int commit(struct completion *c, const char *dir)
{
	struct sim_meta *m = &c->r->gcs->meta;
	struct sim *s = c->r->sim;
	SIM_AUTOFREE char *tmp = NULL;
	struct sim_join j;
	int rc = sim_join_begin(s, &j, SIM_SUM_CRC32C);

	for (size_t i = 0; i < c->n && !rc; i++)
		rc = sim_join_add(&j, dir, &c->v[i].have);
	tmp = j.tmp;
	j.tmp = NULL;
	sim_join_end(&j, m);
	m->headers = sim_strdup(c->up.headers);
	if (!rc)
		rc = sim_store_commit(s, tmp, c->up.key, m, false);
	if (!rc)
		sim_log_made(c->r, c->up.key, m->size);
	if (tmp && unlink(tmp) < 0 && errno != ENOENT)
		perror("astra-sim: unlink");
	return rc;
}

static void claim_and_commit(struct completion *c)
{
	struct sim_req *r = c->r;
	SIM_AUTOFREE char *claimed = sim_format(
		"%s/tmp/complete.%s", r->sim->opt.dir, c->up.id);
	int rc;

	if (rename(r->gcs->upload, claimed) < 0) {
		no_such_upload(r);
		return;
	}
	rc = commit(c, claimed);
	if (!rc) {
		answer(c);
		sim_remove_tree(claimed);
		return;
	}
	sim_gcs_errno(r, rc);
	if (rename(claimed, r->gcs->upload) < 0)
		perror("astra-sim: rename");
}

void sim_gcs_complete(struct sim_req *r)
{
	struct completion c = { .r = r };

	if (sim_gcs_upload_load(r, &c.up) && parse(&c) && check(&c))
		claim_and_commit(&c);
	sim_upload_clear(&c.up);
	free(c.v);
}
