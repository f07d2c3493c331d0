/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listings: ListObjectsV2, and version 1 for older clients; HeadBucket.
 */
#include <stdlib.h>
#include <string.h>

#include "page.h"
#include "s3.h"

struct listing {
	struct sim_req *r;
	struct sim_page page;
	bool v2;
	bool url;
	struct sim_buf objects;
	struct sim_buf prefixes;
};

static void add_key(const struct listing *l, struct sim_buf *b,
		    const char *name, const char *key)
{
	SIM_AUTOBUF struct sim_buf enc = { 0 };

	if (l->url) {
		sim_url_encode(&enc, key, strlen(key), true);
		key = enc.p;
	}
	sim_xml_element(b, name, key);
}

static void add_common(struct sim_page *p, const char *prefix)
{
	struct listing *l = p->arg;

	sim_buf_str(&l->prefixes, "<CommonPrefixes>");
	add_key(l, &l->prefixes, "Prefix", prefix);
	sim_buf_str(&l->prefixes, "</CommonPrefixes>");
}

static void add_object(struct sim_page *p, const char *key,
		       const struct sim_meta *m)
{
	struct listing *l = p->arg;
	struct sim_buf *b = &l->objects;
	char time[32];

	sim_iso_ms(m->mtime_ms, time);
	sim_buf_str(b, "<Contents>");
	add_key(l, b, "Key", key);
	sim_xml_element(b, "LastModified", time);
	sim_buf_printf(b, "<ETag>&quot;%s&quot;</ETag><Size>%llu</Size>",
		       m->etag, (unsigned long long)m->size);
	if (m->algo) {
		sim_xml_element(b, "ChecksumAlgorithm",
				sim_algos[m->algo].name);
		sim_xml_element(b, "ChecksumType",
				m->composite ? "COMPOSITE" : "FULL_OBJECT");
	}
	sim_buf_str(b, "<StorageClass>STANDARD</StorageClass></Contents>");
}

static void add_token(struct listing *l, struct sim_buf *b)
{
	SIM_AUTOFREE char *hex = NULL;

	sim_buf_printf(b, "<IsTruncated>%s</IsTruncated>",
		       l->page.more ? "true" : "false");
	if (!l->page.more || !l->page.last)
		return;
	hex = sim_page_token(l->page.last);
	if (l->v2)
		sim_xml_element(b, "NextContinuationToken", hex);
	else
		add_key(l, b, "NextMarker", l->page.last);
}

static void answer(struct listing *l)
{
	SIM_AUTOBUF struct sim_buf b = { 0 };
	const char *start = sim_param(l->r, "start-after");
	const char *token = sim_param(l->r, "continuation-token");

	sim_buf_str(&b, "<ListBucketResult xmlns=\"http://s3.amazonaws.com/"
			"doc/2006-03-01/\">");
	sim_xml_element(&b, "Name", l->r->s3->bucket);
	add_key(l, &b, "Prefix", l->page.prefix);
	if (*l->page.delimiter)
		add_key(l, &b, "Delimiter", l->page.delimiter);
	sim_buf_printf(&b, "<MaxKeys>%lld</MaxKeys>", (long long)l->page.max);
	if (l->v2)
		sim_buf_printf(&b, "<KeyCount>%lld</KeyCount>",
			       (long long)l->page.count);
	if (l->url)
		sim_xml_element(&b, "EncodingType", "url");
	if (l->v2 && start)
		add_key(l, &b, "StartAfter", start);
	if (l->v2 && token)
		sim_xml_element(&b, "ContinuationToken", token);
	add_token(l, &b);
	sim_buf_add(&b, l->objects.p, l->objects.n);
	sim_buf_add(&b, l->prefixes.p, l->prefixes.n);
	sim_buf_str(&b, "</ListBucketResult>");
	sim_s3_xml(l->r, &b);
}

/* Where to go on: a new string, NULL for the start; bad: answered. */
static char *start_key(struct sim_req *r, bool v2)
{
	const char *token = v2 ? sim_param(r, "continuation-token") : NULL;
	const char *start = sim_param(r, v2 ? "start-after" : "marker");
	char *key;

	if (!token)
		return start ? sim_strdup(start) : NULL;
	key = sim_page_start(token);
	if (!key)
		sim_s3_fail(r, 400, "InvalidArgument",
			    "The continuation token provided is incorrect");
	return key;
}

static bool limit(struct sim_req *r, int64_t *max)
{
	const char *v = sim_param(r, "max-keys");

	*max = 1000;
	if (v && !sim_number(v, 0, INT32_MAX, max)) {
		sim_s3_fail(r, 400, "InvalidArgument",
			    "Provided max-keys not an integer or within "
			    "integer range");
		return false;
	}
	if (*max > 1000)
		*max = 1000;
	return true;
}

static const char *text_param(const struct sim_req *r, const char *name)
{
	const char *v = sim_param(r, name);

	return v ? v : "";
}

void sim_s3_list(struct sim_req *r)
{
	struct listing l = { .r = r };
	struct sim_page *p = &l.page;
	SIM_AUTOFREE char *after = NULL;

	*p = (struct sim_page){ .object = add_object, .common = add_common,
				.arg = &l };
	p->prefix = text_param(r, "prefix");
	p->delimiter = text_param(r, "delimiter");
	l.v2 = !strcmp(text_param(r, "list-type"), "2");
	l.url = !strcmp(text_param(r, "encoding-type"), "url");
	if (!sim_s3_in_scope(r, p->prefix) || !limit(r, &p->max))
		return;
	after = start_key(r, l.v2);
	if (r->reply.ready)
		return;
	p->after = after;
	sim_page_make(r->sim, p);
	answer(&l);
	sim_buf_free(&l.objects);
	sim_buf_free(&l.prefixes);
	sim_page_clear(p);
}

/*
 * Never allowed (the credentials are for a directory), but it names the
 * region, as S3 does with or without a signature.
 */
void sim_s3_head_bucket(struct sim_req *r)
{
	if (strcmp(r->s3->bucket, r->sim->bucket)) {
		sim_s3_fail(r, 404, "NoSuchBucket", NULL);
		return;
	}
	sim_reply_header(r, "x-amz-bucket-region", "%s", r->sim->opt.region);
	sim_s3_fail(r, 403, NULL, NULL);
}
