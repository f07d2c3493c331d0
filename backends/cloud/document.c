/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The documents of CompleteMultipartUpload: what is sent and what comes back.
 */
#include <errno.h>
#include <string.h>

#include "backends/cloud/mpu_internal.h"
#include "backends/cloud/text.h"
#include "backends/cloud/xml.h"

static void put_etag(struct sl_buf *b, const char *etag)
{
	for (const char *e = etag; *e; e++) {
		if (*e == '"')
			sl_buf_puts(b, "&quot;");
		else if (!strchr("<>&", *e))
			sl_buf_append(b, e, 1);
	}
}

static void put_part(struct sl_buf *b, const struct sl_part *p, bool crc)
{
	char b64[16];

	sl_buf_puts(b, "<Part><ETag>");
	put_etag(b, p->etag);
	sl_buf_printf(b, "</ETag><PartNumber>%u</PartNumber>", p->number);
	if (crc) {
		sl_cloud_be32(b64, p->crc32);
		sl_buf_printf(b, "<ChecksumCRC32>%s</ChecksumCRC32>", b64);
	}
	sl_buf_puts(b, "</Part>");
}

int sl_cloud_mpu_document(struct sl_cloud_task *t)
{
	const struct sl_cloud_mpu *mpu = t->cloud->dialect->mpu;
	struct sl_buf *b = &t->text;
	bool crc = mpu->names_crc32 && mpu->names_crc32(t);

	if (b->len)
		return 0;
	sl_buf_puts(b, "<CompleteMultipartUpload xmlns="
		       "\"http://s3.amazonaws.com/doc/2006-03-01/\">");
	for (uint32_t i = 0; i < t->op->part_count; i++)
		put_part(b, &t->op->parts[i], crc);
	return sl_buf_puts(b, "</CompleteMultipartUpload>");
}

struct result {
	struct sl_cloud_made *made;
	bool seen;
};

static int on_result(void *arg, const char *path, const char *text)
{
	static const char root[] = "CompleteMultipartUploadResult";
	struct result *d = arg;
	struct sl_cloud_made *m = d->made;

	if (strncmp(path, root, sizeof(root) - 1) != 0)
		return 0;
	d->seen = true;
	path += sizeof(root) - 1;
	if (strcmp(path, "/ETag") == 0)
		sl_text_clean(m->etag, sizeof(m->etag), text, strlen(text));
	if (strcmp(path, "/ChecksumCRC32") == 0)
		sl_text_clean(m->crc32, sizeof(m->crc32), text, strlen(text));
	return 0;
}

int sl_cloud_mpu_made(const struct sl_http_response *r,
		      struct sl_cloud_made *ret)
{
	static const struct sl_xml_handlers h = { .element = on_result };
	struct result d = { .made = ret };

	*ret = (struct sl_cloud_made){ .etag = "" };
	if (sl_xml_parse(r->body.data, r->body.len, &h, &d) || !d.seen)
		return -EPROTO;
	return 0;
}
