/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resumable uploads: a session is begun with what the object is to be, then
 * its bytes come in order, in pieces of whole 256 KiB but for the last. A
 * session is kept as an upload whose pieces are parts; the first lines of its
 * headers say what only sessions have. The URI is the credential: the pieces
 * need no token.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gcs.h"

#define PIECE (256 << 10)

/* Content-Range of a piece: bytes FROM-TO/TOTAL, -1 for a star. */
struct range {
	int64_t from, to, total;
	bool query; /* it has a star for its bytes: how far are you? */
};

void sim_gcs_resumable(struct sim_req *r)
{
	const char *type = sim_header(r, "x-upload-content-type");
	const char *json = r->body.p ? r->body.p : "{}";
	struct sim_upload u = { .algo = SIM_SUM_CRC32C };
	SIM_AUTOFREE char *headers = NULL;
	const char *host = sim_header(r, "host");
	struct sim_gcs_said said = { 0 };
	int rc;

	if (sim_gcs_said(r, json, type, &said) &&
	    sim_gcs_key_valid(r, said.name) && sim_gcs_in_scope(r, said.name) &&
	    sim_gcs_conditions(r, said.name)) {
		headers = sim_format(SIM_GCS_RESUMABLE "%d %s %s\n%s",
				     sim_gcs_absent(r),
				     said.crc32c ? said.crc32c : "-",
				     said.md5 ? said.md5 : "-", said.headers);
		u.key = said.name;
		u.headers = headers;
		rc = sim_upload_create(r->sim, &u);
		if (rc)
			sim_gcs_errno(r, rc);
		else
			sim_reply_start(r, 200);
		sim_reply_header(r, "Location",
				 "http://%s%s?uploadType=resumable&upload_id="
				 "%s", host ? host : "", r->path, u.id);
		sim_reply_header(r, "X-GUploader-UploadID", "%s", u.id);
	}
	sim_gcs_said_clear(&said);
}

/* The session, whatever its key; false: answered. */
static bool load(struct sim_req *r, struct sim_upload *u)
{
	const char *id = sim_param(r, "upload_id");
	char *dir = NULL;

	if (strlen(id) == 32 &&
	    strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789") == 32)
		dir = sim_upload_dir(r->sim, id);
	free(r->gcs->upload);
	r->gcs->upload = dir;
	if (!dir || !sim_upload_read(dir, u)) {
		sim_gcs_fail(r, 404, NULL, "Not Found");
		return false;
	}
	if (sim_starts(u->headers, SIM_GCS_RESUMABLE))
		return true;
	sim_upload_clear(u);
	sim_gcs_fail(r, 404, NULL, "Not Found");
	return false;
}

void sim_gcs_chunk_prepare(struct sim_req *r)
{
	struct sim_upload u;

	if (load(r, &u))
		sim_upload_clear(&u);
}

static bool part_of_range(const char *text, int64_t *ret)
{
	*ret = -1;
	return !strcmp(text, "*") || sim_number(text, 0, INT64_MAX, ret);
}

static bool parse_range(const char *h, uint64_t size, struct range *g)
{
	SIM_AUTOFREE char *copy = NULL;
	char *slash, *dash;

	*g = (struct range){ 0, (int64_t)size - 1, (int64_t)size, false };
	if (!h)
		return true; /* all of it at once */
	if (!sim_starts(h, "bytes "))
		return false;
	copy = sim_strdup(h + 6);
	slash = strchr(copy, '/');
	if (!slash)
		return false;
	*slash++ = '\0';
	g->query = !strcmp(copy, "*");
	dash = strchr(copy, '-');
	if (!part_of_range(slash, &g->total) || (!g->query && !dash))
		return false;
	if (g->query)
		return true;
	*dash++ = '\0';
	return sim_number(copy, 0, INT64_MAX, &g->from) &&
	       sim_number(dash, 0, INT64_MAX, &g->to) &&
	       g->to - g->from + 1 == (int64_t)size;
}

static uint64_t stored(const char *dir, size_t *pieces)
{
	struct sim_part *p = NULL;
	uint64_t size = 0;

	*pieces = sim_upload_parts(dir, &p);
	for (size_t i = 0; i < *pieces; i++)
		size += p[i].size;
	free(p);
	return size;
}

/*
 * No Range header: there is nothing yet. Clients to whose HTTP library 308 is
 * a redirect ask for 200, and look at the other header.
 */
static void incomplete(struct sim_req *r)
{
	bool no_308 = sim_header(r, "x-guploader-no-308");
	size_t pieces;
	uint64_t have = stored(r->gcs->upload, &pieces);

	sim_reply_start(r, no_308 ? 200 : 308);
	if (have)
		sim_reply_header(r, "Range", "bytes=0-%" PRIu64, have - 1);
	sim_reply_header(r, "X-HTTP-Status-Code-Override", "308");
}

/* Everything is there: one file, checked, the object. */
static void finish(struct sim_req *r, const struct sim_upload *u)
{
	struct sim_meta *m = &r->gcs->meta;
	SIM_AUTOFREE char *tmp = NULL;
	char crc32c[80] = "", md5[80] = "";
	struct sim_part *p = NULL;
	size_t n = sim_upload_parts(r->gcs->upload, &p);
	struct sim_join j;
	int rc = sim_join_begin(r->sim, &j, SIM_SUM_CRC32C), absent = 0;

	for (size_t i = 0; i < n && !rc; i++)
		rc = sim_join_add(&j, r->gcs->upload, &p[i]);
	free(p);
	tmp = j.tmp;
	j.tmp = NULL;
	sim_join_end(&j, m);
	m->headers = sim_strdup(strchr(u->headers, '\n') + 1);
	sscanf(u->headers, SIM_GCS_RESUMABLE "%d %79s %79s", &absent, crc32c,
	       md5);
	if (rc)
		sim_gcs_errno(r, rc);
	else if (absent && sim_store_exists(r->sim, u->key))
		sim_gcs_errno(r, -EEXIST);
	else if (sim_gcs_sums(r, m, strcmp(crc32c, "-") ? crc32c : NULL, NULL))
		sim_gcs_store(r, tmp, u->key);
	if (r->reply.status < 400 || r->reply.status == 412)
		sim_remove_tree(r->gcs->upload);
	if (tmp && unlink(tmp) < 0 && errno != ENOENT)
		perror("astra-sim: unlink");
}

static void take(struct sim_req *r, const struct sim_upload *u,
		 const struct range *g)
{
	const struct sim_intake *k = &r->gcs->in;
	bool last = g->total >= 0 && (g->query ? 0 : g->to + 1) == g->total;
	size_t pieces;
	int64_t have = (int64_t)stored(r->gcs->upload, &pieces);
	int rc = 0;

	if (g->query && have != g->total) {
		incomplete(r);
		return;
	}
	if (!g->query && g->from != have) {
		/* Behind or before what is here: told where to go on. */
		if (g->from > have)
			sim_gcs_fail(r, 503, NULL, "Invalid request. There "
						   "are bytes missing.");
		else
			incomplete(r);
		return;
	}
	if (!last && !g->query && k->size % PIECE) {
		sim_gcs_fail(r, 400, NULL,
			     "The size of a chunk is not a multiple of 256 "
			     "KiB.");
		return;
	}
	if (k->size)
		rc = sim_part_save(r->sim, r->gcs->upload, (int)pieces + 1, k);
	if (rc)
		sim_gcs_errno(r, rc);
	else if (last || g->query)
		finish(r, u);
	else
		incomplete(r);
}

void sim_gcs_chunk(struct sim_req *r)
{
	const char *h = sim_header(r, "content-range");
	struct sim_upload u;
	struct range g;

	if (!load(r, &u))
		return;
	if (parse_range(h, r->gcs->in.size, &g))
		take(r, &u, &g);
	else
		sim_gcs_fail(r, 400, NULL, "Failed to parse Content-Range "
					   "header.");
	sim_upload_clear(&u);
}
