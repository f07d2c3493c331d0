/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CompleteMultipartUpload: the list of parts is checked against what is
 * there, the upload is claimed (from then on it is NoSuchUpload to others),
 * the bytes are put together and hashed again, and only an object that is
 * what the client says it is becomes visible; else the upload stays.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "s3.h"

struct wanted {
	int64_t number;
	char etag[64];
	char sum[80]; /* of the upload's algorithm; "" if not given */
	bool other_sum;
	struct sim_part have;
};

struct completion {
	struct sim_req *r;
	struct sim_upload up;
	struct wanted *v;
	size_t n;
	struct wanted cur;
	uint64_t size;
	struct sim_meta meta;
};

void sim_s3_complete_prepare(struct sim_req *r)
{
	struct sim_upload u;

	if (!sim_upload_load(r, &u))
		return;
	sim_upload_clear(&u);
	/* x-amz-checksum-* of this request are the object's, not the body's. */
	sim_sink_begin(r, false, SIM_SUM_NONE);
}

static void strip_quotes(const char *s, char *dst, size_t size)
{
	size_t n = strlen(s);

	if (n >= 2 && *s == '"' && s[n - 1] == '"') {
		s++;
		n -= 2;
	}
	snprintf(dst, size, "%.*s", (int)(n < size ? n : size - 1), s);
}

/* 0, which no part has, when 'text' is no number of one. */
static int64_t part_number(const char *text)
{
	if (!*text || strlen(text) > 9 ||
	    strspn(text, "0123456789") != strlen(text))
		return 0;
	return strtol(text, NULL, 10);
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
		return;
	}
	name++;
	if (!strcmp(name, "PartNumber"))
		c->cur.number = part_number(text);
	else if (!strcmp(name, "ETag"))
		strip_quotes(text, c->cur.etag, sizeof(c->cur.etag));
	else if (!strcmp(name, sim_algos[c->up.algo].xml))
		snprintf(c->cur.sum, sizeof(c->cur.sum), "%s", text);
	else if (sim_starts(name, "Checksum"))
		c->cur.other_sum = true;
}

static bool parse(struct completion *c)
{
	struct sim_xml_sink to = { on_element, c };
	struct sim_req *r = c->r;

	if (sim_xml_parse(r->body.p, r->body.n, &to) && c->n && c->n <= 10000)
		return true;
	sim_s3_fail(r, 400, "MalformedXML",
		    "The XML you provided was not well-formed or did not "
		    "validate against our published schema");
	return false;
}

static bool invalid_part(struct sim_req *r)
{
	sim_s3_fail(r, 400, "InvalidPart",
		    "One or more of the specified parts could not be found. "
		    "The part may not have been uploaded, or the specified "
		    "entity tag may not match the part's entity tag.");
	return false;
}

static bool check_part(struct completion *c, size_t i)
{
	struct sim_req *r = c->r;
	struct wanted *w = &c->v[i];

	if (w->number < 1 || w->number > 10000 ||
	    !sim_part_read(r->s3->upload, (int)w->number, &w->have) ||
	    strcasecmp(w->etag, w->have.etag) || w->other_sum)
		return invalid_part(r);
	if (*w->sum && *w->have.sum && strcmp(w->sum, w->have.sum))
		return invalid_part(r);
	if (c->up.composite && c->up.algo && !*w->sum) {
		sim_s3_fail(r, 400, "InvalidRequest",
			    "The upload was created using a checksum. The "
			    "complete request must include the checksum for "
			    "each part.");
		return false;
	}
	if (i + 1 < c->n && w->have.size < (uint64_t)r->sim->opt.min_part) {
		sim_s3_fail(r, 400, "EntityTooSmall",
			    "Your proposed upload is smaller than the minimum "
			    "allowed size");
		return false;
	}
	c->size += w->have.size;
	return true;
}

/* With additional checksums parts are numbered 1, 2, 3... */
static bool check_numbers(struct completion *c)
{
	if (!c->up.algo || c->up.algo == SIM_SUM_CRC64NVME)
		return true;
	for (size_t i = 0; i < c->n; i++)
		if (c->v[i].number != (int64_t)i + 1) {
			sim_s3_fail(c->r, 500, NULL, NULL);
			return false;
		}
	return true;
}

static bool check_headers(struct completion *c)
{
	struct sim_req *r = c->r;
	const char *size = sim_header(r, "x-amz-mp-object-size");
	const char *type = sim_header(r, "x-amz-checksum-type");
	bool full = type && !strcasecmp(type, "FULL_OBJECT");
	int64_t n = -1;

	if (size && (!sim_number(size, 0, INT64_MAX, &n) ||
		     (uint64_t)n != c->size)) {
		sim_s3_fail(r, 400, "InvalidRequest",
			    "The provided 'x-amz-mp-object-size' header does "
			    "not match what was computed.");
		return false;
	}
	if (type && c->up.algo && full == c->up.composite) {
		sim_s3_fail(r, 400, "InvalidRequest",
			    "The complete request's checksum type does not "
			    "match the upload's.");
		return false;
	}
	if (sim_header(r, "if-none-match") &&
	    sim_store_exists(r->sim, r->s3->key)) {
		sim_s3_errno(r, -EEXIST);
		return false;
	}
	return true;
}

static bool check_order(struct completion *c)
{
	for (size_t i = 1; i < c->n; i++) {
		if (c->v[i].number > c->v[i - 1].number)
			continue;
		sim_s3_fail(c->r, 400, "InvalidPartOrder",
			    "The list of parts was not in ascending order. "
			    "Parts must be ordered by part number.");
		return false;
	}
	return true;
}

static bool check(struct completion *c)
{
	if (!check_order(c))
		return false;
	for (size_t i = 0; i < c->n; i++)
		if (!check_part(c, i))
			return false;
	return check_numbers(c) && check_headers(c);
}

/* base64(H(raw checksums of the parts)) "-N" */
static void composite_sum(struct completion *c)
{
	unsigned char raw[64];
	struct sim_sum sum;
	char *text;

	sim_sum_init(&sum, c->up.algo);
	for (size_t i = 0; i < c->n; i++) {
		int n = sim_unb64(c->v[i].have.sum, raw, sizeof(raw));

		if (n > 0)
			sim_sum_add(&sum, raw, (size_t)n);
	}
	text = sim_sum_end(&sum);
	snprintf(c->meta.sum, sizeof(c->meta.sum), "%s-%zu", text, c->n);
	free(text);
}

/* What the client says the whole object's checksum is. */
static bool check_object_sum(struct completion *c)
{
	SIM_AUTOFREE char *want = NULL, *text = NULL;
	enum sim_algo said;

	if (!sim_sum_announced(c->r, &said, &want))
		return false;
	if (!said || !want)
		return true;
	if (said == c->up.algo && (!strcmp(want, c->meta.sum) ||
				   c->up.composite))
		return true;
	text = sim_format("The %s you specified did not match the calculated "
			  "checksum.", sim_algos[said].name);
	sim_s3_fail(c->r, 400, "BadDigest", text);
	return false;
}

/* All parts into one file, whose path is returned in tmp. */
static int assemble(struct completion *c, const char *dir, char **tmp)
{
	struct sim_join j;
	int rc = sim_join_begin(c->r->sim, &j, c->up.composite ? SIM_SUM_NONE
							       : c->up.algo);

	for (size_t i = 0; i < c->n && !rc; i++)
		rc = sim_join_add(&j, dir, &c->v[i].have);
	*tmp = j.tmp;
	j.tmp = NULL;
	sim_join_end(&j, &c->meta);
	c->meta.algo = c->up.algo;
	c->meta.composite = c->up.composite;
	if (c->up.composite)
		composite_sum(c);
	return rc;
}

static void answer(struct completion *c)
{
	SIM_AUTOBUF struct sim_buf b = { 0 };
	const struct sim_meta *m = &c->meta;
	struct sim_req *r = c->r;
	char tmp[80];

	sim_buf_str(&b, "<CompleteMultipartUploadResult>");
	sim_xml_element(&b, "Location", r->path);
	sim_xml_element(&b, "Bucket", r->s3->bucket);
	sim_xml_element(&b, "Key", r->s3->key);
	sim_buf_printf(&b, "<ETag>&quot;%s&quot;</ETag>", m->etag);
	if (m->algo && !(r->trouble.flags & SIM_F_IGNORE_CHECKSUM)) {
		sim_xml_element(&b, sim_algos[m->algo].xml,
				sim_s3_sum_shown(r, m->sum, tmp));
		sim_xml_element(&b, "ChecksumType",
				m->composite ? "COMPOSITE" : "FULL_OBJECT");
	}
	sim_buf_str(&b, "</CompleteMultipartUploadResult>");
	sim_s3_xml(r, &b);
}

/* With the upload claimed: nobody else completes or adds parts. */
static bool commit(struct completion *c, const char *dir)
{
	struct sim_req *r = c->r;
	SIM_AUTOFREE char *tmp = NULL;
	int rc = assemble(c, dir, &tmp);

	if (!rc && check_object_sum(c)) {
		c->meta.headers = sim_strdup(c->up.headers);
		rc = sim_store_commit(r->sim, tmp, r->s3->key, &c->meta,
				      sim_header(r, "if-none-match") != NULL);
		if (!rc)
			sim_log_made(r, r->s3->key, c->meta.size);
	}
	if (rc)
		sim_s3_errno(r, rc);
	if (tmp && unlink(tmp) < 0 && errno != ENOENT)
		perror("astra-sim: unlink");
	return !r->reply.ready;
}

static void claim_and_commit(struct completion *c)
{
	struct sim_req *r = c->r;
	SIM_AUTOFREE char *claimed = sim_format(
		"%s/tmp/complete.%s", r->sim->opt.dir, c->up.id);

	if (rename(r->s3->upload, claimed) < 0) {
		sim_s3_fail(r, 404, "NoSuchUpload",
			    "The specified upload does not exist.");
		return;
	}
	if (commit(c, claimed)) {
		answer(c);
		sim_remove_tree(claimed);
	} else if (rename(claimed, r->s3->upload) < 0) {
		perror("astra-sim: rename");
	}
}

void sim_s3_complete(struct sim_req *r)
{
	struct completion c = { .r = r };

	if (sim_upload_load(r, &c.up) && parse(&c) && check(&c))
		claim_and_commit(&c);
	sim_upload_clear(&c.up);
	sim_meta_clear(&c.meta);
	free(c.v);
}
