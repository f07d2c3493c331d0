/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an S3 answer means, before the op looks at it: error documents (also
 * inside a 200), the server's clock, the bucket's region, the age of the
 * credentials; then the common table (backends/http/classify.c) decides, and
 * the step may overrule.
 *
 * Region: 301 and 307 name it in x-amz-bucket-region; a 400 does too, unless
 * its code says that credentials were refused (newer regions answer 400);
 * AuthorizationHeaderMalformed carries it in the document.
 */
#include <errno.h>
#include <string.h>

#include "backends/s3/internal.h"

#define SKEW_MIN_MS (5 * 60 * 1000)
#define FRESH_MS 60000
#define REFRESH_TRIES 3

struct error_doc {
	char code[64];
	char message[256];
	char request_id[96];
	char region[64];
};

static int on_error_element(void *arg, const char *path, const char *text)
{
	struct error_doc *d = arg;
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

static void parse_error(const struct sl_http_response *r, struct error_doc *d)
{
	static const struct sl_xml_handlers h = { on_error_element };

	*d = (struct error_doc){ 0 };
	if (r->body.len && sl_xml_parse(r->body.data, r->body.len, &h, d) &&
	    r->status < 300)
		d->code[0] = '\0'; /* the step will see for itself */
	if (!d->request_id[0])
		sl_http_header(r, "x-amz-request-id", d->request_id,
			       sizeof(d->request_id));
}

int64_t sl_s3_server_now(struct sl_s3 *s)
{
	int64_t now = sl_wall_ms(s->clock);

	SL_LOCK_SCOPE(&s->lock);
	if (s->skew_apply || s->skew_ms > SKEW_MIN_MS ||
	    s->skew_ms < -SKEW_MIN_MS)
		now += s->skew_ms;
	return now;
}

static void note_clock(struct sl_s3 *s, const struct sl_http_response *r,
		       bool apply)
{
	int64_t now = sl_wall_ms(s->clock);

	if (!r->date_ms)
		return;
	SL_LOCK_SCOPE(&s->lock);
	s->skew_ms = r->date_ms - now;
	s->skew_seen = true;
	if (apply)
		s->skew_apply = true;
}

bool sl_s3_region_valid(const char *region)
{
	size_t n = strspn(region, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return n && n < 64 && !region[n];
}

/* An answer to HEAD gives no reason; expired credentials are a bare 400. */
static bool may_be_expired(const struct sl_s3_task *t,
			   const struct sl_http_response *r)
{
	return r->status == 400 && strcmp(t->step->method, "HEAD") == 0;
}

static enum sl_cred_age age_of(struct sl_s3_task *t,
			       const struct sl_http_response *r,
			       const struct sl_cred *cred)
{
	struct sl_s3 *s = t->s3;
	int64_t now = sl_s3_server_now(s);
	bool writes = t->step->method[0] == 'P';

	if (!cred || t->call.refreshes >= REFRESH_TRIES)
		return SL_AGE_FRESH;
	if (cred->expires_ms && cred->expires_ms - now < FRESH_MS)
		return SL_AGE_OLD;
	if (t->call.refreshes > 0)
		return SL_AGE_FRESH;
	if (may_be_expired(t, r))
		return SL_AGE_UNKNOWN;
	SL_LOCK_SCOPE(&s->lock);
	/* A refused write may mean a closed migration: ask the service. */
	if (!writes && s->accepted_generation == cred->generation &&
	    now - s->accepted_ms < FRESH_MS)
		return SL_AGE_FRESH;
	return SL_AGE_UNKNOWN;
}

static void note_accepted(struct sl_s3_task *t, const struct sl_cred *cred)
{
	int64_t now = sl_s3_server_now(t->s3);

	if (!cred)
		return;
	SL_LOCK_SCOPE(&t->s3->lock);
	t->s3->accepted_generation = cred->generation;
	t->s3->accepted_ms = now;
}

/* The region that an answer points to; "" none. */
static void region_from(const struct sl_http_response *r,
			const struct error_doc *d, char *dst, size_t size)
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
	SL_LOCK_SCOPE(&s->lock);
	if (strcmp(s->region, region) == 0)
		return false;
	snprintf(s->region, sizeof(s->region), "%s", region);
	s->region_known = true;
	return true;
}

static void fill_error(struct sl_s3_task *t, const struct sl_http_response *r,
		       const struct error_doc *d, const struct sl_classified *c)
{
	struct sl_error *e = &t->call.error;
	const char *what = t->step->bucket ? t->s3->bucket : t->op->key;

	e->http_status = r->status;
	snprintf(e->code, sizeof(e->code), "%s", d->code);
	snprintf(e->request_id, sizeof(e->request_id), "%s", d->request_id);
	if (r->status)
		sl_error_set(e, c->errnum, "'%s': %s (%d%s%s%s%s)", what,
			     c->text, r->status, d->code[0] ? " " : "", d->code,
			     d->message[0] ? ": " : "", d->message);
	else
		sl_error_set(e, c->errnum, "'%s': %s (%s)", what, c->text,
			     r->curl_text);
}

/* Ceph says no more than AccessDenied; what we know of the end tells why. */
static void name_the_end(struct sl_s3_task *t, const struct sl_cred *cred,
			 struct sl_classified *c)
{
	if (c->errnum != EACCES || !cred || !cred->expires_ms ||
	    sl_s3_server_now(t->s3) < cred->expires_ms)
		return;
	c->errnum = EKEYEXPIRED;
	c->text = "the credentials have expired";
}

static enum sl_verdict judge_bad(struct sl_s3_task *t,
				 const struct sl_http_response *r,
				 const struct error_doc *d,
				 const struct sl_classified *c)
{
	char region[64];

	fill_error(t, r, d, c);
	snprintf(t->code, sizeof(t->code), "%s", d->code);
	region_from(r, d, region, sizeof(region));
	if (adopt_region(t->s3, region))
		return SL_V_WRONG_REGION;
	/* A refusal that came early may have been lost with the connection. */
	if (r->curl_code && !r->sent_all && t->call.attempts > 0)
		t->expect = true;
	return t->step->bad ? t->step->bad(t, r, *c) : c->verdict;
}

enum sl_verdict sl_s3_judge(struct sl_http_call *call,
			    const struct sl_http_response *r,
			    const struct sl_cred *cred)
{
	struct sl_s3_task *t = sl_container_of(call, struct sl_s3_task, call);
	struct error_doc d;
	struct sl_classified c;
	struct sl_classify_in in = {
		.curl_code = r->curl_code,
		.status = r->status,
		.code = d.code,
		.age = age_of(t, r, cred),
		.truncated = r->truncated,
	};

	parse_error(r, &d);
	note_clock(t->s3, r, strcmp(d.code, "RequestTimeTooSkewed") == 0);
	if (t->step->discover && !r->curl_code)
		return t->step->good(t, r);
	c = sl_classify(&in);
	if (c.verdict != SL_V_OK) {
		name_the_end(t, cred, &c);
		return judge_bad(t, r, &d, &c);
	}
	note_accepted(t, cred);
	return t->step->good ? t->step->good(t, r) : SL_V_OK;
}

static enum sl_verdict discovered(struct sl_s3_task *t,
				  const struct sl_http_response *r)
{
	struct sl_s3 *s = t->s3;
	char region[64];

	sl_http_header(r, "x-amz-bucket-region", region, sizeof(region));
	if (r->status == 404 && !region[0])
		return sl_s3_fatal(t, EIO, "the bucket does not exist");
	if (r->status >= 500)
		return sl_error_set(&t->call.error, ETIMEDOUT,
				    "the bucket's region is not known: the "
				    "server failed") ?
			       SL_V_RETRY : SL_V_OK;
	/* Without an answer the first guess stays; a refusal corrects it. */
	if (!adopt_region(s, region)) {
		SL_LOCK_SCOPE(&s->lock);
		s->region_known = true;
	}
	return SL_V_OK;
}

static const struct sl_s3_step *after_discovery(struct sl_s3_task *t)
{
	return t->first;
}

const struct sl_s3_step sl_s3_discover = {
	.method = "HEAD",
	.bucket = true,
	.discover = true,
	.good = discovered,
	.next = after_discovery,
};
