/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the token endpoint's answer means (RFC 6749 5.1 and 5.2). A page that
 * is not JSON is a proxy's and says nothing of the credentials: that passes.
 */
#include <cjson/cJSON.h>
#include <string.h>
#include <strings.h>

#include "backends/gcs/internal_json.h"
#include "backends/gcs/token.h"
#include "buf.h"

#define TOKEN_MAX 8192
#define LIFE_DEFAULT_S 3600
#define LIFE_MAX_S 86400

static const struct {
	int lo, hi;
	const char *error; /* NULL: any, none too */
	enum sl_gcs_told told;
} rows[] = {
	{ 400, 599, "internal_failure", SL_GCS_TOLD_LATER },
	{ 400, 599, "server_error", SL_GCS_TOLD_LATER },
	{ 400, 599, "temporarily_unavailable", SL_GCS_TOLD_LATER },
	{ 400, 599, "rate_limit_exceeded", SL_GCS_TOLD_LATER },
	{ 400, 599, "slow_down", SL_GCS_TOLD_LATER },
	{ 408, 408, NULL, SL_GCS_TOLD_LATER },
	{ 429, 429, NULL, SL_GCS_TOLD_LATER },
	/* invalid_grant, invalid_client, unauthorized_client and the like */
	{ 400, 401, NULL, SL_GCS_TOLD_KEYS },
	{ 403, 403, NULL, SL_GCS_TOLD_KEYS },
	{ 0, 999, NULL, SL_GCS_TOLD_LATER },
};

void sl_gcs_answer_release(struct sl_gcs_answer *a)
{
	sl_secret_free(a->token);
	a->token = NULL;
}

static bool token_fits(const char *s)
{
	size_t n = strlen(s);

	if (!n || n > TOKEN_MAX)
		return false;
	for (; *s; s++)
		if (*s <= ' ' || *s > '~')
			return false;
	return true;
}

/* Some servers write numbers as strings. */
static int64_t read_life(const cJSON *doc)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(doc, "expires_in");
	double d = LIFE_DEFAULT_S;

	if (cJSON_IsNumber(v))
		d = v->valuedouble;
	else if (cJSON_IsString(v))
		d = strtod(v->valuestring, NULL);
	if (!(d >= 1))
		return 0;
	return d > LIFE_MAX_S ? LIFE_MAX_S : (int64_t)d;
}

static enum sl_gcs_told read_token(const cJSON *doc, struct sl_gcs_answer *a)
{
	const char *token = sl_gcs_json_string(doc, "access_token");
	const char *type = sl_gcs_json_string(doc, "token_type");

	a->life_s = read_life(doc);
	if (!token || !token_fits(token) || !a->life_s ||
	    (type && strcasecmp(type, "Bearer") != 0))
		return SL_GCS_TOLD_LATER;
	a->token = strdup(token);
	return a->token ? SL_GCS_TOLD_TOKEN : SL_GCS_TOLD_LATER;
}

/* An assertion that is said back begins like this. */
static void clean_text(char *dst, size_t size, const char *s)
{
	size_t n = strlen(s);

	if (n >= size || strstr(s, "eyJ"))
		return;
	sl_text_clean(dst, size, s, n);
	sl_text_redact(dst);
}

static void read_error(const cJSON *doc, struct sl_gcs_answer *a)
{
	const char *error = sl_gcs_json_string(doc, "error");
	const char *text = sl_gcs_json_string(doc, "error_description");

	if (error)
		clean_text(a->error, sizeof(a->error), error);
	if (text)
		clean_text(a->text, sizeof(a->text), text);
}

static enum sl_gcs_told look_up(int status, const char *error)
{
	size_t i = 0;

	while (i + 1 < SL_ARRAY_LEN(rows) &&
	       (status < rows[i].lo || status > rows[i].hi ||
		(rows[i].error && strcmp(rows[i].error, error) != 0)))
		i++;
	return rows[i].told;
}

enum sl_gcs_told sl_gcs_answer_read(int status, const char *body, size_t n,
				    struct sl_gcs_answer *ret)
{
	SL_CLEANUP(gcs_json) cJSON *doc = sl_gcs_json_parse(body, n);

	*ret = (struct sl_gcs_answer){ .token = NULL };
	if (!cJSON_IsObject(doc))
		return SL_GCS_TOLD_LATER;
	if (status >= 200 && status < 300)
		return read_token(doc, ret);
	read_error(doc, ret);
	return look_up(status, ret->error);
}
