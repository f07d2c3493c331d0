/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by the files of backends/azure: the dialect over backends/cloud.
 */
#ifndef SL_AZURE_INTERNAL_H
#define SL_AZURE_INTERNAL_H

#include "backends/azure/id.h"
#include "backends/azure/url.h"
#include "backends/cloud/cloud.h"
#include "backends/cloud/text.h"

/* Any of 2019-12-12 or later; newer ones are refused by older servers. */
#define SL_AZURE_VERSION "2021-12-02"

/* The step is about task->blob, not op->key. Goes with 'place'. */
#define SL_AZURE_OF_BLOB 1u

/* An upload whose blocks must have the length of others' ids. */
struct sl_azure_odd {
	char upload[SL_AZURE_UPLOAD_HEX + 1];
	size_t len;
};

struct sl_azure {
	struct sl_cloud c; /* first */
	struct sl_azure_url url;
	struct sl_azure_odd odd[16]; /* c.lock; a ring, "" empty */
	unsigned odd_at;	     /* c.lock */
};

struct sl_azure_task {
	struct sl_cloud_task t; /* first */
	const char *blob; /* SL_AZURE_OF_BLOB: relative; borrowed */
	int odd_tries;	  /* part: block ids were refused */
	uint64_t generation; /* of the credentials of this attempt */
	unsigned refusals;   /* of them, in a row */
	/* uploads: blobs of the page that may be uncommitted */
	char **found;	  /* owned, and what it points to */
	size_t found_n, found_at;
};

struct sl_azure *sl_azure_of(const struct sl_cloud_task *t);
struct sl_azure_task *sl_azure_task_of(struct sl_cloud_task *t);

extern const struct sl_cloud_dialect sl_azure_dialect;

/* judge.c */
void sl_azure_read_error(const struct sl_http_response *r,
			 struct sl_cloud_error *d);
void sl_azure_reclassify(struct sl_cloud_task *t,
			 const struct sl_http_response *r,
			 const struct sl_cloud_error *d, enum sl_cred_age age,
			 struct sl_classified *c);

/* check.c: adds the headers that make the server check op->body. */
int sl_azure_body_checks(struct sl_cloud_task *t, struct sl_cloud_request *q);
/* The same for t->text. */
int sl_azure_text_checks(struct sl_cloud_task *t, struct sl_cloud_request *q);
/* False: a success says that another document than t->text came. */
bool sl_azure_text_arrived(struct sl_cloud_task *t,
			   const struct sl_http_response *r);
/* What a success says of the body's checksum. */
enum sl_verdict sl_azure_check_echo(struct sl_cloud_task *t,
				    const struct sl_http_response *r);
/*
 * True: the error was about checksums, and *v is what to do (another kind of
 * checksum, the same again, or -EBADMSG).
 */
bool sl_azure_checks_failed(struct sl_cloud_task *t,
			    const struct sl_http_response *r,
			    const struct sl_classified *c, enum sl_verdict *v);
/* "Name: 8 hex digits": the CRC32 that this program writes beside a blob. */
int sl_azure_put_crc(struct sl_buf *headers, uint32_t crc);
bool sl_azure_get_crc(const char *text, uint32_t *ret);
/* Copies an ETag with quotes around it, as headers have it. */
void sl_azure_etag(char *dst, size_t size, const char *etag);
void sl_azure_object(const struct sl_http_response *r, struct sl_object *o);

/* blocks.c: a document of Get Block List. */
struct sl_azure_block {
	bool committed;
	const char *name; /* base64; borrowed */
	uint64_t size;
};
/* Calls 'each' for each block, in the document's order. */
int sl_azure_blocks_read(const struct sl_http_response *r,
			 int (*each)(void *arg,
				     const struct sl_azure_block *b),
			 void *arg) SL_MUST_CHECK;

struct sl_cloud_page;
/* list.c: a page of List Blobs; released in any case. As sl_xml_parse(). */
int sl_azure_page_read(const struct sl_http_response *r,
		       struct sl_cloud_page *ret) SL_MUST_CHECK;

/* The length of block ids that an upload must use. */
size_t sl_azure_odd_get(struct sl_azure *a, const char *upload);
void sl_azure_odd_set(struct sl_azure *a, const char *upload, size_t len);

/* the ops */
sl_backend_start_fn sl_azure_put, sl_azure_upload_begin, sl_azure_part,
	sl_azure_complete, sl_azure_abort, sl_azure_list_parts,
	sl_azure_uploads, sl_azure_list;

#endif
