/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists of what is unfinished, ListParts and ListMultipartUploads: S3's, and
 * in all but details those of Google's XML API.
 */
#ifndef SIM_XML_UPLOADS_H
#define SIM_XML_UPLOADS_H

#include "http.h"
#include "uploads.h"

struct sim_xml_uploads {
	const char *xmlns; /* attribute of the root, with its space, or "" */
	const char *quote; /* around an ETag */
	bool sums;	   /* tells checksums */
	/* Not one of those uploads; NULL: each is. */
	bool (*hidden)(const struct sim_upload *u);
	bool (*in_scope)(struct sim_req *r, const char *prefix);
	bool (*load)(struct sim_req *r, struct sim_upload *u);
	void (*invalid)(struct sim_req *r, const char *text); /* answers 400 */
	void (*send)(struct sim_req *r, struct sim_buf *b);
};

/* dir: where the loaded upload is, valid after load. */
void sim_xml_parts(struct sim_req *r, const struct sim_xml_uploads *x,
		   const char *bucket, char *const *dir);
void sim_xml_uploads(struct sim_req *r, const struct sim_xml_uploads *x,
		     const char *bucket);

#endif
