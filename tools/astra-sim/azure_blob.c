/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole blobs: Put Blob, Delete Blob, and what every write has in common:
 * conditions, metadata, the ETag (the time, as the service makes it).
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "azure.h"

/* Header of the request, of the blob; Put Blob takes the plain ones too. */
static const struct {
	const char *own, *plain, *kept;
} kept[] = {
	{ "x-ms-blob-content-type", "content-type", "content-type" },
	{ "x-ms-blob-content-encoding", "content-encoding",
	  "content-encoding" },
	{ "x-ms-blob-content-language", "content-language",
	  "content-language" },
	{ "x-ms-blob-cache-control", "cache-control", "cache-control" },
	{ "x-ms-blob-content-disposition", NULL, "content-disposition" },
};

static bool identifier(const char *s)
{
	static const char first[] = "abcdefghijklmnopqrstuvwxyz_";
	static const char all[] = "abcdefghijklmnopqrstuvwxyz_0123456789";

	return *s && strchr(first, *s) && strspn(s, all) == strlen(s);
}

/* Metadata names are identifiers of a programming language: no '-'. */
static bool add_metadata(struct sim_req *r, struct sim_buf *b)
{
	size_t total = 0;

	for (size_t i = 0; i < r->headers.n; i++) {
		const struct sim_pair *h = &r->headers.v[i];

		if (!sim_starts(h->name, "x-ms-meta-"))
			continue;
		if (!identifier(h->name + 10)) {
			sim_az_fail(r, 400, "InvalidMetadata",
				    "The metadata specified is invalid. It has "
				    "characters that are not permitted.");
			return false;
		}
		total += strlen(h->name) - 10 + strlen(h->value);
		sim_buf_printf(b, "%s: %s\n", h->name, h->value);
	}
	if (total <= 8192)
		return true;
	sim_az_fail(r, 400, "MetadataTooLarge",
		    "The size of the metadata exceeds the maximum size "
		    "permitted.");
	return false;
}

char *sim_az_kept_headers(struct sim_req *r, const char *md5)
{
	bool whole = r->azure->op->kind == SIM_S3_PUT;
	const char *stored = sim_header(r, "x-ms-blob-content-md5");
	struct sim_buf b = { 0 };

	sim_buf_str(&b, "");
	for (size_t i = 0; i < SIM_COUNT(kept); i++) {
		const char *v = sim_header(r, kept[i].own);

		if (!v && whole && kept[i].plain)
			v = sim_header(r, kept[i].plain);
		if (v)
			sim_buf_printf(&b, "%s: %s\n", kept[i].kept, v);
	}
	if (stored || md5)
		sim_buf_printf(&b, "content-md5: %s\n", stored ? stored : md5);
	if (add_metadata(r, &b))
		return b.p;
	sim_buf_free(&b);
	return NULL;
}

bool sim_az_absent_only(const struct sim_req *r)
{
	const char *v = sim_header(r, "if-none-match");

	return v && !strcmp(v, "*");
}

bool sim_az_may_write(struct sim_req *r)
{
	const char *match = sim_header(r, "if-match");
	const char *none = sim_header(r, "if-none-match");
	struct sim_meta m = { 0 };
	int fd;

	if (!match && !none)
		return true;
	fd = sim_store_open(r->sim, r->azure->key, &m);
	if (fd >= 0 && sim_az_absent_only(r))
		sim_az_errno(r, -EEXIST);
	else if (match ? fd < 0 || !sim_az_matches(match, &m)
		       : fd >= 0 && sim_az_matches(none, &m))
		sim_az_fail(r, 412, NULL, NULL);
	if (fd >= 0)
		close(fd);
	sim_meta_clear(&m);
	return !r->reply.ready;
}

/* 100 ns since the year 1, in hex; never the same twice. */
static void new_etag(struct sim_meta *m)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static uint64_t last;
	struct timespec ts;
	uint64_t now;

	clock_gettime(CLOCK_REALTIME, &ts);
	now = (uint64_t)ts.tv_sec * 10000000 + (uint64_t)ts.tv_nsec / 100 +
	      UINT64_C(621355968000000000);
	pthread_mutex_lock(&lock);
	last = now > last ? now : last + 1;
	now = last;
	pthread_mutex_unlock(&lock);
	snprintf(m->etag, sizeof(m->etag), "0x%llX", (unsigned long long)now);
}

int sim_az_commit(struct sim_req *r, const char *tmp, const char *headers)
{
	struct sim_meta *m = &r->azure->meta;
	int rc;

	sim_meta_clear(m);
	new_etag(m);
	m->headers = sim_strdup(headers);
	rc = sim_store_commit(r->sim, tmp, r->azure->key, m,
			      sim_az_absent_only(r));
	if (!rc)
		sim_log_made(r, r->azure->key, m->size);
	return rc;
}

void sim_az_created(struct sim_req *r, bool stored_md5)
{
	bool said = sim_header(r, "content-md5") != NULL;
	SIM_AUTOFREE char *md5 = NULL;

	sim_reply_start(r, 201);
	sim_az_version_headers(r, &r->azure->meta);
	sim_az_sum_headers(r);
	sim_reply_header(r, "x-ms-request-server-encrypted", "true");
	if (!stored_md5 || said)
		return;
	md5 = sim_b64(r->azure->in.md5_raw, 16);
	sim_reply_header(r, "Content-MD5", "%s", md5);
}

void sim_az_put_prepare(struct sim_req *r)
{
	const char *type = sim_header(r, "x-ms-blob-type");
	SIM_AUTOFREE char *headers = NULL;

	if (sim_header(r, "x-ms-copy-source")) {
		sim_az_fail(r, 501, "NotImplemented",
			    "The requested operation is not here.");
		return;
	}
	if (!type || strcmp(type, "BlockBlob")) {
		sim_az_fail(r, 400, type ? "InvalidHeaderValue"
					 : "MissingRequiredHeader",
			    "An HTTP header that's mandatory for this request "
			    "is not specified or is not BlockBlob: "
			    "x-ms-blob-type.");
		return;
	}
	headers = sim_az_kept_headers(r, NULL);
	if (headers && sim_az_may_write(r))
		sim_az_body_begin(r, true);
}

void sim_az_put(struct sim_req *r)
{
	struct sim_azure *x = r->azure;
	SIM_AUTOFREE char *md5 = sim_b64(x->in.md5_raw, 16);
	SIM_AUTOFREE char *headers = sim_az_kept_headers(r, md5);
	int rc = headers ? sim_az_commit(r, x->in.tmp, headers) : 0;

	if (rc)
		sim_az_errno(r, rc);
	if (r->reply.ready)
		return;
	/* Whatever was uncommitted under this name is lost by it. */
	sim_az_blocks_drop(r->sim, x->key);
	sim_az_created(r, true);
}

void sim_az_delete(struct sim_req *r)
{
	int rc = 0;

	if (!sim_az_may_write(r))
		return;
	rc = sim_store_remove(r->sim, r->azure->key);
	if (rc) {
		sim_az_errno(r, rc);
		return;
	}
	sim_reply_start(r, 202);
	sim_reply_header(r, "x-ms-delete-type-permanent", "true");
}

/* A signature of a container does not reach the container's properties. */
void sim_az_container(struct sim_req *r)
{
	sim_az_fail(r, 403, "AuthorizationFailure",
		    "This request is not authorized to perform this "
		    "operation.");
}
