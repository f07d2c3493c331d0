/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a step to a request: which of the two APIs, under which path.
 *
 *   multipart uploads (a query with uploads or uploadId)  XML, /BUCKET/KEY
 *   HEAD of the shared steps                              JSON resource
 *   GET, DELETE                                           JSON, the bytes
 *   SL_GCS_LIST, SL_GCS_UPLOAD                            JSON
 *
 * The JSON API has no HEAD, and its resource says more, errors included, so
 * a HEAD becomes a GET of that. A read that wants one version says so by its
 * generation, as a query and not by If-Match.
 */
#include <errno.h>
#include <string.h>

#include "backends/cloud/text.h"
#include "backends/gcs/internal.h"

const char *sl_gcs_name_refused(const char *name)
{
	static const char acme[] = ".well-known/acme-challenge/";

	if (strpbrk(name, "\r\n"))
		return "Google Cloud Storage takes no line ends in names";
	if (strncmp(name, acme, sizeof(acme) - 1) == 0)
		return "Google Cloud Storage keeps such names for itself";
	return sl_cloud_utf8(name) ? NULL :
	       "Google Cloud Storage takes no names that are not UTF-8";
}

static bool is_multipart(const struct sl_cloud_request *q)
{
	const char *s = sl_buf_str(&q->query);

	return strncmp(s, "uploadId=", 9) == 0 || strstr(s, "&uploadId=") ||
	       strncmp(s, "uploads=", 8) == 0 || strstr(s, "&uploads=");
}

static int put_path(struct sl_cloud_task *t, bool multipart, struct sl_buf *b)
{
	const struct sl_gcs *g = sl_gcs_of(t);

	sl_buf_puts(b, g->base_url);
	if (multipart && t->step->own == SL_GCS_BY_STEP) {
		sl_buf_printf(b, "/%s", g->c.place);
		if (t->step->place)
			return sl_buf_error(b);
		sl_buf_puts(b, "/");
		return sl_cloud_key_path(&g->c, t->op->key, true, b);
	}
	sl_buf_printf(b, "%s/storage/v1/b/%s/o",
		      t->step->own == SL_GCS_UPLOAD ? "/upload" : "",
		      g->c.place);
	if (t->step->own != SL_GCS_BY_STEP)
		return sl_buf_error(b);
	sl_buf_puts(b, "/");
	return sl_cloud_key_path(&g->c, t->op->key, false, b);
}

/* What a request for an object asks besides, by the method it came with. */
static int put_object_query(const char *method, struct sl_buf *b)
{
	if (strcmp(method, "GET") == 0)
		return sl_buf_puts(b, "alt=media");
	if (strcmp(method, "HEAD") != 0)
		return 0;
	sl_buf_puts(b, "fields=");
	return sl_cloud_escape(b, SL_GCS_OBJECT_FIELDS, false);
}

static void put_pair(struct sl_buf *query, const char *text, size_t n)
{
	if (query->len)
		sl_buf_puts(query, "&");
	sl_buf_append(query, text, n);
}

/* All lines but If-Match, whose generation goes into the query. */
static int take_headers(const struct sl_cloud_request *q, struct sl_buf *query,
			struct sl_buf *headers)
{
	static const char match[] = "If-Match: ", name[] = "ifGenerationMatch=";

	for (const char *s = sl_buf_str(&q->headers); *s;) {
		size_t n = strcspn(s, "\n");

		if (strncmp(s, match, sizeof(match) - 1) == 0) {
			put_pair(query, name, sizeof(name) - 1);
			sl_buf_append(query, s + sizeof(match) - 1,
				      n - (sizeof(match) - 1));
		} else {
			sl_buf_append(headers, s, n);
			sl_buf_puts(headers, "\n");
		}
		s += n + (s[n] == '\n');
	}
	return sl_buf_error(query) ? sl_buf_error(query) :
				     sl_buf_error(headers);
}

static int put_token(struct sl_cloud_task *t, const struct sl_cred *cred,
		     struct sl_buf *headers)
{
	if (!cred || cred->kind != SL_CRED_GCS || !cred->token)
		return sl_error_set(&t->call.error, EACCES, "the credentials "
				    "are not for Google Cloud Storage");
	sl_gcs_task_of(t)->generation = cred->generation;
	return sl_buf_printf(headers, "Authorization: Bearer %s\n",
			     cred->token);
}

int sl_gcs_build(struct sl_cloud_task *t, const struct sl_cloud_request *q,
		 struct sl_http_request *req, const struct sl_cred *cred)
{
	SL_CLEANUP(buf) struct sl_buf query = SL_BUF_INIT(32768);
	bool multipart = is_multipart(q);
	int err = 0;

	if (!multipart && t->step->own == SL_GCS_BY_STEP) {
		err = put_object_query(req->method, &query);
		if (strcmp(req->method, "HEAD") == 0)
			req->method = "GET";
	}
	if (q->query.len)
		put_pair(&query, q->query.data, q->query.len);
	if (!err)
		err = take_headers(q, &query, &req->headers);
	if (!err)
		err = put_path(t, multipart, &req->url);
	if (!err && query.len)
		err = sl_buf_printf(&req->url, "?%s", sl_buf_str(&query));
	return err ? err : put_token(t, cred, &req->headers);
}
