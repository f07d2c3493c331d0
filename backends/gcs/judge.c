/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Google's errors. The JSON API gives reasons, the XML API codes; where the
 * common table (backends/http/classify.c) does not know them, this one comes
 * after it. The first row that fits decides, and every row is tested.
 *
 * A 403 may be a rate limit, a right that is not granted, or the migration
 * that was closed meanwhile: for the last, the migration is asked once, and
 * not for another token, which would be refused as well.
 */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "backends/cloud/xml.h"
#include "backends/gcs/internal.h"
#include "backends/gcs/internal_json.h"

#define ANY_AGE (SL_AGE_UNKNOWN | SL_AGE_FRESH | SL_AGE_OLD)
#define NOT_FRESH (SL_AGE_UNKNOWN | SL_AGE_OLD)

struct row {
	int status;
	const char *code;    /* NULL: any */
	const char *message; /* NULL: any; else a part of it, in any case */
	unsigned ages;
	struct sl_classified out;
};

#define V(verdict_, err_, text_) { verdict_, err_, text_ }
#define SLOW V(SL_V_THROTTLE, ETIMEDOUT, "the server asks to slow down")
#define DIGEST V(SL_V_FATAL, EBADMSG, "the store computed another checksum")

static const struct row rows[] = {
	{ 403, "rateLimitExceeded", NULL, ANY_AGE, SLOW },
	{ 403, "userRateLimitExceeded", NULL, ANY_AGE, SLOW },
	{ 403, "quotaExceeded", NULL, ANY_AGE, SLOW },
	{ 403, NULL, NULL, NOT_FRESH, V(SL_V_REFRESH, EACCES, "forbidden") },
	{ 403, NULL, NULL, ANY_AGE, V(SL_V_FATAL, EACCES, "access denied") },
	{ 400, "BadDigest", NULL, ANY_AGE, DIGEST },
	{ 400, NULL, "crc32c", ANY_AGE, DIGEST },
	{ 400, "InvalidArgument", NULL, ANY_AGE,
	  V(SL_V_FATAL, EIO, "the server refused the request") },
	{ 400, "", NULL, ANY_AGE,
	  V(SL_V_FATAL, EIO, "the server refused the request") },
	{ 404, NULL, "bucket does not exist", ANY_AGE,
	  V(SL_V_FATAL, EIO, "the bucket does not exist") },
	{ 409, NULL, NULL, ANY_AGE,
	  V(SL_V_RETRY, ETIMEDOUT, "a concurrent operation is under way") },
	{ 413, NULL, NULL, ANY_AGE,
	  V(SL_V_FATAL, EFBIG, "too large for the store") },
};

static bool code_fits(const struct row *w, const char *code)
{
	return !w->code || strcmp(w->code, code) == 0;
}

static bool fits(const struct row *w, int status,
		 const struct sl_cloud_error *d, enum sl_cred_age age)
{
	return w->status == status && (w->ages & age) &&
	       code_fits(w, d->code) &&
	       (!w->message || strcasestr(d->message, w->message));
}

void sl_gcs_reclassify(struct sl_cloud_task *t,
		       const struct sl_http_response *r,
		       const struct sl_cloud_error *d, enum sl_cred_age age,
		       struct sl_classified *c)
{
	if (t->step->place && r->status == 404)
		*c = (struct sl_classified)V(SL_V_FATAL, EIO,
					     "the bucket does not exist");
	for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
		if (!fits(&rows[i], r->status, d, age))
			continue;
		*c = rows[i].out;
		break;
	}
	if (r->status == 403 && c->verdict == SL_V_REFRESH)
		sl_gcs_tokens_forbidden(sl_gcs_of(t)->tokens,
					sl_gcs_task_of(t)->generation);
}

static void take(char *dst, size_t size, const char *text)
{
	if (text)
		sl_text_clean(dst, size, text, strlen(text));
}

/* {"error":{"code":403,"message":"...","errors":[{"reason":"..."}]}} */
static void read_json(const cJSON *doc, struct sl_cloud_error *d)
{
	const cJSON *error = sl_gcs_json_item(doc, "error");
	const cJSON *errors = sl_gcs_json_item(error, "errors");
	const cJSON *first = cJSON_GetArrayItem(errors, 0);

	if (cJSON_IsString(error)) { /* as the token endpoint has it */
		take(d->code, sizeof(d->code), error->valuestring);
		return;
	}
	take(d->message, sizeof(d->message),
	     sl_gcs_json_string(error, "message"));
	take(d->code, sizeof(d->code), sl_gcs_json_string(error, "status"));
	take(d->code, sizeof(d->code), sl_gcs_json_string(first, "reason"));
}

static int on_element(void *arg, const char *path, const char *text)
{
	struct sl_cloud_error *d = arg;

	if (strcmp(path, "Error/Code") == 0)
		take(d->code, sizeof(d->code), text);
	if (strcmp(path, "Error/Message") == 0)
		take(d->message, sizeof(d->message), text);
	/* The XML API says in it which checksums differ. */
	if (strcmp(path, "Error/Details") == 0 && !d->message[0])
		take(d->message, sizeof(d->message), text);
	return 0;
}

static void read_xml(const struct sl_http_response *r,
		     struct sl_cloud_error *d)
{
	static const struct sl_xml_handlers h = { .element = on_element };

	/* What was read before it broke still helps with an error. */
	if (sl_xml_parse(r->body.data, r->body.len, &h, d) && r->status < 300)
		*d = (struct sl_cloud_error){ .skewed = false };
}

void sl_gcs_read_error(const struct sl_http_response *r,
		       struct sl_cloud_error *d)
{
	const char *s = sl_buf_str(&r->body);

	s += strspn(s, " \t\r\n");
	if (*s == '{' && r->status >= 300) {
		SL_CLEANUP(gcs_json) cJSON *doc =
			sl_gcs_json_parse(r->body.data, r->body.len);

		read_json(doc, d);
	} else if (*s == '<') {
		read_xml(r, d);
	}
	sl_http_header(r, "x-guploader-uploadid", d->request_id,
		       sizeof(d->request_id));
}
