/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listings: ListObjectsV2, and version 1 for older clients; HeadBucket. A
 * page is made by one walk from where the last one ended. The continuation
 * token is the hex of the last key or common prefix given: opaque to others,
 * and it stays right when objects come and go between pages.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "s3.h"

struct listing {
	struct sim_req *r;
	const char *prefix;
	const char *delimiter; /* "" if none */
	const char *after_prefix; /* common prefix given on the last page */
	bool v2;
	bool url;
	int64_t max;
	int64_t count;
	char *last;
	bool more;
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

static void remember(struct listing *l, const char *key)
{
	free(l->last);
	l->last = sim_strdup(key);
	l->count++;
}

/* A key below a delimiter stands for its common prefix, once. */
static bool common_prefix(struct listing *l, struct sim_walk *w,
			  const char *key)
{
	const char *rest = key + strlen(l->prefix), *d;
	SIM_AUTOFREE char *common = NULL;

	d = *l->delimiter ? strstr(rest, l->delimiter) : NULL;
	if (!d)
		return false;
	common = sim_strndup(key, (size_t)(d - key) + strlen(l->delimiter));
	free(w->skip);
	w->skip = sim_strdup(common);
	if (l->after_prefix && !strcmp(common, l->after_prefix))
		return true;
	if (l->count >= l->max) {
		l->more = true;
		return true;
	}
	sim_buf_str(&l->prefixes, "<CommonPrefixes>");
	add_key(l, &l->prefixes, "Prefix", common);
	sim_buf_str(&l->prefixes, "</CommonPrefixes>");
	remember(l, common);
	return true;
}

static void add_object(struct listing *l, const char *key,
		       const struct sim_meta *m)
{
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

static int visit(struct sim_walk *w, const char *key, const char *path,
		 const struct stat *st)
{
	struct listing *l = w->arg;
	struct sim_meta m = { 0 };
	int fd;

	(void)st;
	if (common_prefix(l, w, key))
		return l->more;
	if (l->count >= l->max) {
		l->more = true;
		return 1;
	}
	fd = sim_store_open_file(l->r->sim, path, key, &m);
	if (fd < 0)
		return 0; /* removed meanwhile */
	close(fd);
	add_object(l, key, &m);
	remember(l, key);
	sim_meta_clear(&m);
	return 0;
}

static void add_token(struct listing *l, struct sim_buf *b)
{
	SIM_AUTOFREE char *hex = NULL;

	sim_buf_printf(b, "<IsTruncated>%s</IsTruncated>",
		       l->more ? "true" : "false");
	if (!l->more || !l->last)
		return;
	hex = sim_alloc(2 * strlen(l->last) + 1);
	sim_hex(l->last, strlen(l->last), hex);
	if (l->v2)
		sim_xml_element(b, "NextContinuationToken", hex);
	else
		add_key(l, b, "NextMarker", l->last);
}

static void answer(struct listing *l)
{
	SIM_AUTOBUF struct sim_buf b = { 0 };
	const char *start = sim_param(l->r, "start-after");
	const char *token = sim_param(l->r, "continuation-token");

	sim_buf_str(&b, "<ListBucketResult xmlns=\"http://s3.amazonaws.com/"
			"doc/2006-03-01/\">");
	sim_xml_element(&b, "Name", l->r->s3->bucket);
	add_key(l, &b, "Prefix", l->prefix);
	if (*l->delimiter)
		add_key(l, &b, "Delimiter", l->delimiter);
	sim_buf_printf(&b, "<MaxKeys>%lld</MaxKeys>", (long long)l->max);
	if (l->v2)
		sim_buf_printf(&b, "<KeyCount>%lld</KeyCount>",
			       (long long)l->count);
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
	size_t n = token ? strlen(token) : 0;
	char *key;

	if (!token)
		return start ? sim_strdup(start) : NULL;
	key = sim_alloc(n / 2 + 1);
	if (n % 2 || !n || !sim_unhex(token, n / 2, (unsigned char *)key))
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
	struct sim_walk w = { .visit = visit, .arg = &l };
	SIM_AUTOFREE char *after = NULL;

	l.prefix = text_param(r, "prefix");
	l.delimiter = text_param(r, "delimiter");
	l.v2 = !strcmp(text_param(r, "list-type"), "2");
	l.url = !strcmp(text_param(r, "encoding-type"), "url");
	if (!sim_s3_in_scope(r, l.prefix) || !limit(r, &l.max))
		return;
	after = start_key(r, l.v2);
	if (r->reply.ready)
		return;
	w.prefix = l.prefix;
	w.after = after;
	l.after_prefix = after;
	/* max-keys=0 is a valid question with an empty answer. */
	if (l.max)
		sim_store_walk(r->sim, &w);
	answer(&l);
	sim_buf_free(&l.objects);
	sim_buf_free(&l.prefixes);
	free(l.last);
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
