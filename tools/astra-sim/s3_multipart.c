/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Multipart uploads up to the point of completion; on disk they are as
 * uploads.c says. An upload that is gone, completed or another key's is
 * NoSuchUpload.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "s3.h"

static void no_such_upload(struct sim_req *r)
{
	sim_s3_fail(r, 404, "NoSuchUpload",
		    "The specified upload does not exist. The upload ID may "
		    "be invalid, or the upload may have been aborted or "
		    "completed.");
}

/* The type of checksum that the upload will have, or the answer is made. */
static bool checksum_type(struct sim_req *r, enum sim_algo algo,
			  bool *composite)
{
	const char *type = sim_header(r, "x-amz-checksum-type");
	const struct sim_algo_info *i = &sim_algos[algo];
	bool full;

	if (type && strcasecmp(type, "FULL_OBJECT") &&
	    strcasecmp(type, "COMPOSITE")) {
		sim_s3_fail(r, 400, "InvalidRequest",
			    "Value for x-amz-checksum-type header is invalid.");
		return false;
	}
	/* CRC64NVME is always of the full object, the others only if asked. */
	full = type ? !strcasecmp(type, "FULL_OBJECT") : !i->composite;
	*composite = !full;
	if (full ? i->full_object : i->composite)
		return true;
	sim_s3_fail(r, 400, "InvalidRequest",
		    "The checksum type cannot be used with this algorithm.");
	return false;
}

static bool checksum_choice(struct sim_req *r, struct sim_upload *u)
{
	const char *name = sim_header(r, "x-amz-checksum-algorithm");

	if (r->trouble.flags & SIM_F_IGNORE_CHECKSUM)
		return true;
	if (!name) {
		u->algo = SIM_SUM_CRC64NVME; /* S3 adds it by itself */
		return true;
	}
	u->algo = sim_algo_find(name);
	if (u->algo)
		return checksum_type(r, u->algo, &u->composite);
	sim_s3_fail(r, 400, "InvalidRequest",
		    "Checksum algorithm provided is unsupported.");
	return false;
}

void sim_s3_create(struct sim_req *r)
{
	struct sim_upload u = { 0 };
	SIM_AUTOFREE char *headers = sim_s3_kept_headers(r);
	SIM_AUTOBUF struct sim_buf b = { 0 };
	int rc;

	if (!checksum_choice(r, &u))
		return;
	u.key = r->s3->key;
	u.headers = headers;
	rc = sim_upload_create(r->sim, &u);
	if (rc) {
		sim_s3_errno(r, rc);
		return;
	}
	sim_buf_str(&b, "<InitiateMultipartUploadResult>");
	sim_xml_element(&b, "Bucket", r->s3->bucket);
	sim_xml_element(&b, "Key", r->s3->key);
	sim_xml_element(&b, "UploadId", u.id);
	sim_buf_str(&b, "</InitiateMultipartUploadResult>");
	sim_s3_xml(r, &b);
	if (!u.algo || !sim_header(r, "x-amz-checksum-algorithm"))
		return;
	sim_reply_header(r, "x-amz-checksum-algorithm", "%s",
			 sim_algos[u.algo].name);
	sim_reply_header(r, "x-amz-checksum-type",
			 u.composite ? "COMPOSITE" : "FULL_OBJECT");
}

bool sim_upload_load(struct sim_req *r, struct sim_upload *u)
{
	char *dir = sim_upload_find(r->sim, sim_param(r, "uploadId"),
				    r->s3->key, u);

	if (!dir) {
		no_such_upload(r);
		return false;
	}
	free(r->s3->upload);
	r->s3->upload = dir;
	return true;
}

/* A part's checksum must be of the algorithm chosen at Create. */
static bool part_algo(struct sim_req *r, const struct sim_upload *u)
{
	SIM_AUTOFREE char *value = NULL, *text = NULL;
	bool chosen = u->algo != SIM_SUM_CRC64NVME;
	enum sim_algo said;

	if (!sim_sum_announced(r, &said, &value))
		return false;
	if (!said || said == u->algo || !chosen)
		return true;
	text = sim_format("Checksum Type mismatch occurred, expected checksum "
			  "Type: %s, actual checksum Type: %s",
			  u->algo ? sim_algos[u->algo].lower : "null",
			  sim_algos[said].lower);
	sim_s3_fail(r, 400, "InvalidRequest", text);
	return false;
}

void sim_s3_part_prepare(struct sim_req *r)
{
	const char *number = sim_param(r, "partNumber");
	struct sim_upload u;

	if (!sim_param(r, "uploadId") ||
	    !sim_number(number, 1, 10000, &r->s3->part)) {
		sim_s3_fail(r, 400, "InvalidArgument",
			    "Part number must be an integer between 1 and "
			    "10000, inclusive");
		return;
	}
	if (!sim_upload_load(r, &u))
		return;
	if (part_algo(r, &u))
		sim_sink_begin(r, true, u.algo);
	sim_upload_clear(&u);
}

void sim_s3_part(struct sim_req *r)
{
	struct sim_intake *k = &r->s3->sink->in;
	struct sim_meta *m = &r->s3->meta;
	int rc = sim_part_save(r->sim, r->s3->upload, (int)r->s3->part, k);

	if (rc == -ENOENT) {
		no_such_upload(r);
		return;
	}
	if (rc) {
		sim_s3_errno(r, rc);
		return;
	}
	sim_intake_meta(k, m);
	sim_reply_start(r, 200);
	sim_reply_header(r, "ETag", "\"%s\"", k->md5);
	sim_s3_sum_header(r, m);
}

void sim_s3_abort(struct sim_req *r)
{
	struct sim_upload u;

	if (!sim_upload_load(r, &u))
		return;
	sim_upload_clear(&u);
	sim_remove_tree(r->s3->upload);
	sim_reply_start(r, 204);
}
