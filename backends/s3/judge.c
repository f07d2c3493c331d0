/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is S3's own in an answer: error documents (also inside a 200) and the
 * bucket's region.
 *
 * Region: 301 and 307 name it in x-amz-bucket-region; a 400 does too, unless
 * its code says that credentials were refused (newer regions answer 400);
 * AuthorizationHeaderMalformed carries it in the document.
 */
#include <errno.h>
#include <string.h>

#include "backends/cloud/xml.h"
#include "backends/s3/internal.h"

static int on_error_element(void *arg, const char *path, const char *text)
{
	struct sl_cloud_error *d = arg;
	const struct {
		const char *path;
		char *dst;
		size_t size;
	} fields[] = {
		{ "Error/Code", d->code, sizeof(d->code) },
		{ "Error/Message", d->message, sizeof(d->message) },
		{ "Error/RequestId", d->request_id, sizeof(d->request_id) },
		{ "Error/Region", d->region, sizeof(d->region) },
	};

	for (size_t i = 0; i < SL_ARRAY_LEN(fields); i++)
		if (strcmp(path, fields[i].path) == 0)
			sl_text_clean(fields[i].dst, fields[i].size, text,
				      strlen(text));
	return 0;
}

void sl_s3_read_error(const struct sl_http_response *r,
		      struct sl_cloud_error *d)
{
	static const struct sl_xml_handlers h = { .element = on_error_element };

	if (r->body.len && sl_xml_parse(r->body.data, r->body.len, &h, d) &&
	    r->status < 300)
		d->code[0] = '\0'; /* the step will see for itself */
	if (!d->request_id[0])
		sl_http_header(r, "x-amz-request-id", d->request_id,
			       sizeof(d->request_id));
	d->skewed = strcmp(d->code, "RequestTimeTooSkewed") == 0;
}

bool sl_s3_region_valid(const char *region)
{
	size_t n = strspn(region, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return n && n < 64 && !region[n];
}

/* The region that an answer points to; "" none. */
static void region_from(const struct sl_http_response *r,
			const struct sl_cloud_error *d, char *dst, size_t size)
{
	static const char expecting[] = "expecting '";
	bool malformed = strcmp(d->code, "AuthorizationHeaderMalformed") == 0;
	const char *p;

	*dst = '\0';
	if (malformed && d->region[0]) {
		snprintf(dst, size, "%s", d->region);
		return;
	}
	if (malformed && (p = strstr(d->message, expecting))) {
		p += sizeof(expecting) - 1;
		snprintf(dst, size, "%.*s", (int)strcspn(p, "'"), p);
		return;
	}
	if (r->status == 301 || r->status == 307 ||
	    (r->status == 400 && (malformed || !d->code[0])))
		sl_http_header(r, "x-amz-bucket-region", dst, size);
}

static bool adopt_region(struct sl_s3 *s, const char *region)
{
	if (!sl_s3_region_valid(region))
		return false;
	SL_LOCK_SCOPE(&s->cloud.lock);
	if (strcmp(s->region, region) == 0)
		return false;
	snprintf(s->region, sizeof(s->region), "%s", region);
	s->region_known = true;
	return true;
}

bool sl_s3_moved(struct sl_cloud_task *t, const struct sl_http_response *r,
		 const struct sl_cloud_error *d)
{
	char region[64];

	region_from(r, d, region, sizeof(region));
	return adopt_region(sl_s3_of(t->cloud), region);
}

static enum sl_verdict discovered(struct sl_cloud_task *t,
				  const struct sl_http_response *r)
{
	struct sl_s3 *s = sl_s3_of(t->cloud);
	char region[64];

	sl_http_header(r, "x-amz-bucket-region", region, sizeof(region));
	if (r->status == 404 && !region[0])
		return sl_cloud_fatal(t, EIO, "the bucket does not exist");
	if (r->status >= 500)
		return sl_error_set(&t->call.error, ETIMEDOUT,
				    "the bucket's region is not known: the "
				    "server failed") ?
			       SL_V_RETRY : SL_V_OK;
	/* Without an answer the first guess stays; a refusal corrects it. */
	if (!adopt_region(s, region)) {
		SL_LOCK_SCOPE(&s->cloud.lock);
		s->region_known = true;
	}
	return SL_V_OK;
}

static const struct sl_cloud_step *after_discovery(struct sl_cloud_task *t)
{
	return t->first;
}

/* Unsigned, to the global endpoint. */
const struct sl_cloud_step sl_s3_discover = {
	.method = "HEAD",
	.place = true,
	.any_answer = true,
	.no_creds = true,
	.good = discovered,
	.next = after_discovery,
};
