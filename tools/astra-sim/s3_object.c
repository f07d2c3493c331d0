/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole objects: PUT, GET and HEAD with ranges, DELETE, DeleteObjects.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "page.h"
#include "s3.h"
#include "side.h"

static const char *const kept[] = { "content-type", "content-encoding",
				    "cache-control", "content-disposition",
				    "content-language" };

/* Headers that belong to the object; "aws-chunked" is only the framing. */
char *sim_s3_kept_headers(const struct sim_req *r)
{
	struct sim_buf b = { 0 };

	sim_buf_str(&b, "");
	for (size_t i = 0; i < r->headers.n; i++) {
		const struct sim_pair *h = &r->headers.v[i];
		bool keep = sim_starts(h->name, "x-amz-meta-");

		for (size_t k = 0; k < SIM_COUNT(kept); k++)
			keep |= !strcmp(h->name, kept[k]);
		if (keep && strcmp(h->value, "aws-chunked"))
			sim_buf_printf(&b, "%s: %s\n", h->name, h->value);
	}
	return b.p;
}

static bool only_if_absent(const struct sim_req *r)
{
	const char *v = sim_header(r, "if-none-match");

	return v && !strcmp(v, "*");
}

void sim_s3_put_prepare(struct sim_req *r)
{
	if (sim_header(r, "x-amz-copy-source"))
		sim_s3_fail(r, 501, "NotImplemented",
			    "A header you provided implies functionality that "
			    "is not here.");
	else if (only_if_absent(r) && sim_store_exists(r->sim, r->s3->key))
		sim_s3_errno(r, -EEXIST);
	else
		/* S3 computes CRC64NVME where the client chose nothing. */
		sim_sink_begin(r, true,
			       r->trouble.flags & SIM_F_IGNORE_CHECKSUM
				       ? SIM_SUM_NONE
				       : SIM_SUM_CRC64NVME);
}

/* The checksum as it is to be shown: a liar changes its first character. */
const char *sim_s3_sum_shown(struct sim_req *r, const char *sum, char *tmp)
{
	if (!(r->trouble.flags & SIM_F_LIE_CHECKSUM))
		return sum;
	snprintf(tmp, 80, "%s", sum);
	*tmp = *tmp == 'A' ? 'B' : 'A';
	return tmp;
}

void sim_s3_sum_header(struct sim_req *r, const struct sim_meta *m)
{
	char name[40], tmp[80];

	if (!m->algo || r->trouble.flags & SIM_F_IGNORE_CHECKSUM)
		return;
	snprintf(name, sizeof(name), "x-amz-checksum-%s",
		 sim_algos[m->algo].lower);
	sim_reply_header(r, name, "%s", sim_s3_sum_shown(r, m->sum, tmp));
}

void sim_s3_sum_headers(struct sim_req *r, const struct sim_meta *m)
{
	if (!m->algo || r->trouble.flags & SIM_F_IGNORE_CHECKSUM)
		return;
	sim_s3_sum_header(r, m);
	sim_reply_header(r, "x-amz-checksum-type",
			 m->composite ? "COMPOSITE" : "FULL_OBJECT");
}

void sim_s3_put(struct sim_req *r)
{
	struct sim_intake *k = &r->s3->sink->in;
	struct sim_meta *m = &r->s3->meta;
	int rc;

	sim_intake_meta(k, m);
	m->headers = sim_s3_kept_headers(r);
	rc = sim_store_commit(r->sim, k->tmp, r->s3->key, m,
			      only_if_absent(r));
	if (rc) {
		sim_s3_errno(r, rc);
		return;
	}
	sim_log_made(r, r->s3->key, m->size);
	sim_reply_start(r, 200);
	sim_reply_header(r, "ETag", "\"%s\"", m->etag);
	sim_s3_sum_headers(r, m);
}

static void object_headers(struct sim_req *r, const struct sim_meta *m)
{
	const char *mode = sim_header(r, "x-amz-checksum-mode");

	sim_side_headers(r, m, "binary/octet-stream");
	if (mode && !strcasecmp(mode, "ENABLED") && r->reply.status == 200)
		sim_s3_sum_headers(r, m);
}

/* GET, and HEAD: the library leaves the body out. */
void sim_s3_get(struct sim_req *r)
{
	struct sim_meta *m = &r->s3->meta;
	uint64_t from = 0, len;
	int fd = sim_store_open(r->sim, r->s3->key, m);
	int ranged;

	if (fd < 0) {
		/* Who may not list is not told what is there. */
		if (fd == -ENOENT && r->sim->opt.deny & SIM_DENY_LIST)
			sim_s3_fail(r, 403, NULL, NULL);
		sim_s3_errno(r, fd);
		return;
	}
	r->reply.fd = fd;
	len = m->size;
	ranged = sim_range_parse(sim_header(r, "range"), m->size, &from,
				 &len);
	if (ranged < 0) {
		close(fd);
		r->reply.fd = -1;
		sim_s3_fail(r, 416, "InvalidRange",
			    "The requested range is not satisfiable");
		return;
	}
	sim_reply_start(r, ranged ? 206 : 200);
	r->reply.offset = from;
	r->reply.length = len;
	object_headers(r, m);
	if (ranged)
		sim_reply_header(r, "Content-Range", "bytes %llu-%llu/%llu",
				 (unsigned long long)from,
				 (unsigned long long)(from + len - 1),
				 (unsigned long long)m->size);
}

void sim_s3_delete(struct sim_req *r)
{
	int rc = sim_store_remove(r->sim, r->s3->key);

	if (rc && rc != -ENOENT)
		sim_s3_errno(r, rc);
	else
		sim_reply_start(r, 204);
}

struct multidelete {
	struct sim_req *r;
	struct sim_buf out;
	bool quiet;
	size_t count;
};

static void delete_one(struct multidelete *d, const char *key)
{
	struct sim_req *r = d->r;
	bool mine = sim_starts(key, r->s3->scope);
	int rc = mine ? sim_store_remove(r->sim, key) : 0;

	if (mine && (!rc || rc == -ENOENT)) {
		if (d->quiet)
			return;
		sim_buf_str(&d->out, "<Deleted>");
		sim_xml_element(&d->out, "Key", key);
		sim_buf_str(&d->out, "</Deleted>");
		return;
	}
	sim_buf_str(&d->out, "<Error>");
	sim_xml_element(&d->out, "Key", key);
	sim_xml_element(&d->out, "Code", mine ? "InternalError"
					      : "AccessDenied");
	sim_buf_str(&d->out, "</Error>");
}

static void on_element(void *arg, const char *path, const char *text)
{
	struct multidelete *d = arg;

	if (!strcmp(path, "Delete/Quiet"))
		d->quiet = !strcmp(text, "true");
	else if (!strcmp(path, "Delete/Object/Key") && ++d->count <= 1000)
		delete_one(d, text);
}

void sim_s3_multidelete(struct sim_req *r)
{
	struct multidelete d = { .r = r };
	struct sim_xml_sink to = { on_element, &d };

	sim_buf_str(&d.out, "<DeleteResult>");
	if (!sim_xml_parse(r->body.p, r->body.n, &to) || !d.count ||
	    d.count > 1000)
		sim_s3_fail(r, 400, "MalformedXML",
			    "The XML you provided was not well-formed or did "
			    "not validate against our published schema");
	sim_buf_str(&d.out, "</DeleteResult>");
	sim_s3_xml(r, &d.out);
	sim_buf_free(&d.out);
}
