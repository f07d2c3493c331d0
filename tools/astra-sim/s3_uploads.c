/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is unfinished: ListParts and ListMultipartUploads.
 */
#include "s3.h"
#include "xml_uploads.h"

static void invalid(struct sim_req *r, const char *text)
{
	sim_s3_fail(r, 400, "InvalidArgument", text);
}

static const struct sim_xml_uploads dialect = {
	.xmlns = "", .quote = "&quot;", .sums = true,
	.in_scope = sim_s3_in_scope, .load = sim_upload_load,
	.invalid = invalid, .send = sim_s3_xml,
};

void sim_s3_parts(struct sim_req *r)
{
	sim_xml_parts(r, &dialect, r->s3->bucket, &r->s3->upload);
}

void sim_s3_uploads(struct sim_req *r)
{
	sim_xml_uploads(r, &dialect, r->s3->bucket);
}
