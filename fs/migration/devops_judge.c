/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an answer of the DevOps API means: one table from HTTP status to
 * verdict, and the texts for people. Kept apart from the calls so that it is
 * tested row by row. Redirects are errors here: the service answers 301 to a
 * path with an empty ID, and following it would carry the token elsewhere.
 */
#include <ctype.h>
#include <string.h>

#include "devops_internal.h"

static const struct sl_api_row rows[] = {
	{ 200, 299, SL_V_OK, 0, "" },
	{ 300, 399, SL_V_FATAL, EPROTO, "a redirect, which is not followed" },
	{ 400, 400, SL_V_FATAL, EINVAL, "refused as a bad request" },
	{ 401, 401, SL_V_FATAL, EACCES,
	  "the token is not accepted (is it complete, not revoked?)" },
	{ 403, 403, SL_V_FATAL, EACCES,
	  "the token's role may not (it needs Database Administrator, or "
	  "create-db and view-db)" },
	{ 404, 404, SL_V_FATAL, ENOENT,
	  "no such database or migration for this token" },
	{ 408, 408, SL_V_RETRY, ETIMEDOUT, "the server waited too long" },
	{ 409, 409, SL_V_FATAL, EBUSY, "the service refuses it in this state" },
	{ 410, 410, SL_V_FATAL, ENOENT, "the migration is gone" },
	{ 412, 412, SL_V_FATAL, EBUSY, "the service refuses it in this state" },
	{ 422, 422, SL_V_FATAL, EBUSY, "the service refuses it in this state" },
	{ 425, 425, SL_V_RETRY, ETIMEDOUT, "the service is not ready" },
	{ 429, 429, SL_V_THROTTLE, EAGAIN, "the service asks to slow down" },
	{ 400, 499, SL_V_FATAL, EIO, "the service refuses it" },
	{ 500, 599, SL_V_RETRY, ETIMEDOUT, "the service is in trouble" },
	{ 0, 999, SL_V_FATAL, EPROTO, "the answer makes no sense" },
};

const struct sl_api_row *sl_api_row(int status)
{
	size_t i = 0;

	while (i + 1 < SL_ARRAY_LEN(rows) &&
	       (status < rows[i].lo || status > rows[i].hi))
		i++;
	return &rows[i];
}

/* A proxy's page, not the service's word: says nothing about the token. */
bool sl_api_is_html(const char *body, size_t n)
{
	while (n && isspace((unsigned char)*body)) {
		body++;
		n--;
	}
	return n && *body == '<';
}

static void take_code(const cJSON *id, struct sl_error *e)
{
	const char *s = cJSON_GetStringValue(id);

	if (s)
		sl_text_clean(e->code, sizeof(e->code), s, strlen(s));
	else if (cJSON_IsNumber(id) && id->valuedouble >= 0 &&
		 id->valuedouble < 1e15 &&
		 snprintf(e->code, sizeof(e->code), "%.0f",
			  id->valuedouble) < 0)
		e->code[0] = '\0';
}

static const char *first_string(const cJSON *obj, const char *a,
				const char *b)
{
	const char *s = sl_json_string(obj, a);

	return s ? s : sl_json_string(obj, b);
}

struct sl_quote sl_api_words(const char *body, size_t n, const char *token,
			     struct sl_error *e)
{
	SL_CLEANUP(json) cJSON *doc = NULL;
	const char *msg = NULL;
	const cJSON *err, *id;
	struct sl_quote q = { "" };

	if (n > SL_API_BODY_MAX || (n && memmem(body, n, token,
						strlen(token))))
		return q;
	doc = sl_json_parse(body, n);
	err = cJSON_GetArrayItem(
		cJSON_GetObjectItemCaseSensitive(doc, "errors"), 0);
	id = cJSON_GetObjectItemCaseSensitive(err, "ID");
	take_code(id ? id : cJSON_GetObjectItemCaseSensitive(err, "id"), e);
	msg = first_string(err, "message", "description");
	if (!msg)
		msg = first_string(doc, "message", "error");
	if (msg && strstr(msg, token))
		return q;
	return msg ? sl_quote_body(msg, strlen(msg)) : sl_quote_body(body, n);
}
