/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is unfinished, by the XML API: the parts of an upload, the uploads of
 * a directory. Resumable sessions are not among them.
 */
#include "gcs.h"
#include "xml_uploads.h"

static void invalid(struct sim_req *r, const char *text)
{
	sim_gcs_fail(r, 400, NULL, text);
}

static bool session(const struct sim_upload *u)
{
	return sim_starts(u->headers, SIM_GCS_RESUMABLE);
}

static const struct sim_xml_uploads dialect = {
	.xmlns = " xmlns='http://s3.amazonaws.com/doc/2006-03-01/'",
	.quote = "\"", .hidden = session, .in_scope = sim_gcs_in_scope,
	.load = sim_gcs_upload_load, .invalid = invalid, .send = sim_gcs_xml,
};

void sim_gcs_parts(struct sim_req *r)
{
	sim_xml_parts(r, &dialect, r->gcs->bucket, &r->gcs->upload);
}

void sim_gcs_uploads(struct sim_req *r)
{
	sim_xml_uploads(r, &dialect, r->gcs->bucket);
}
