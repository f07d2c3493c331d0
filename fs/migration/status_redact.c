/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A MigrationStatus is shown to people as it is, apart from its secrets. This
 * file takes them out: by name wherever they stand in the tree (a document
 * may hold a member twice), and by value where another text repeats them.
 */
#include "status_internal.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "error.h"

/* Members whose value is never shown, whatever it is. */
static const char *const secret_names[] = {
	"keys", "hint", "file", "accessKeyID", "secretAccessKey",
	"sessionToken", "url", "urlSignature", "token", "access_token",
	"private_key", "password", "secret", "authorization",
};

/* What may stay of uploadCredentials; any other member is a new secret. */
static const char *const shown_names[] = { "name", "credentialExpiration" };

static bool named(const char *name, const char *const *list, size_t n)
{
	for (size_t i = 0; name && i < n; i++) {
		if (!strcasecmp(name, list[i]))
			return true;
	}
	return false;
}

static void wipe_strings(cJSON *j)
{
	for (; j; j = j->next) {
		if (j->valuestring)
			explicit_bzero(j->valuestring, strlen(j->valuestring));
		wipe_strings(j->child);
	}
}

void sl_json_wipe(cJSON *j)
{
	wipe_strings(j);
	cJSON_Delete(j);
}

/* The item keeps its name and place and becomes null. */
static void make_null(cJSON *j)
{
	sl_json_wipe(j->child);
	j->child = NULL;
	if (j->valuestring)
		explicit_bzero(j->valuestring, strlen(j->valuestring));
	cJSON_free(j->valuestring);
	j->valuestring = NULL;
	j->type = (j->type & ~0xff) | cJSON_NULL;
}

static bool repeats(const char *s, const char *secret)
{
	return secret && strlen(secret) >= 8 && strstr(s, secret);
}

static bool repeats_any(const char *s, const struct sl_cred *c)
{
	return c && (repeats(s, c->id) || repeats(s, c->secret) ||
		     repeats(s, c->token));
}

/* In place. Line ends and tabs stay: the printer escapes them. */
static void clean_lines(char *s, char *tmp)
{
	char *out = s;

	while (*s) {
		size_t n = strcspn(s, "\n\t");

		sl_text_clean(tmp, n + 1, s, n);
		s += n;
		n = strlen(tmp);
		memcpy(out, tmp, n);
		out += n;
		if (*s)
			*out++ = *s++;
	}
	*out = '\0';
}

static bool clean_string(char *s, const struct sl_cred *cred)
{
	SL_CLEANUP(free) char *tmp = NULL;

	if (!s)
		return true;
	if (repeats_any(s, cred)) {
		memset(s, '*', strlen(s));
		return true;
	}
	tmp = malloc(strlen(s) + 1);
	if (!tmp)
		return false;
	clean_lines(s, tmp);
	sl_text_redact(s);
	return true;
}

static bool redact_list(cJSON *j, const struct sl_cred *cred, bool in_creds)
{
	bool ok = true;

	for (; j && ok; j = j->next) {
		bool creds = j->string &&
			     !strcasecmp(j->string, "uploadCredentials");

		if (named(j->string, secret_names,
			  SL_ARRAY_LEN(secret_names)) ||
		    (in_creds && !named(j->string, shown_names,
					SL_ARRAY_LEN(shown_names))))
			make_null(j);
		ok = clean_string(j->string, cred) &&
		     clean_string(j->valuestring, cred) &&
		     redact_list(j->child, cred, creds);
	}
	return ok;
}

bool sl_json_redact(cJSON *j, const struct sl_cred *cred)
{
	return redact_list(j, cred, false);
}

static bool only_space(const char *p, const char *end)
{
	while (p < end && (isspace((unsigned char)*p) || !*p))
		p++;
	return p == end;
}

cJSON *sl_json_parse(const char *body, size_t n)
{
	const char *end = NULL;
	cJSON *j = n ? cJSON_ParseWithLengthOpts(body, n, &end, 0) : NULL;

	if (j && !only_space(end, body + n)) {
		sl_json_wipe(j);
		return NULL;
	}
	return j;
}

const char *sl_json_string(const cJSON *obj, const char *name)
{
	return cJSON_GetStringValue(
		cJSON_GetObjectItemCaseSensitive(obj, name));
}

struct sl_quote sl_quote_body(const char *body, size_t n)
{
	static const char *const stops[] = { "keys", "uploadCredentials",
					     "hint", "\"file" };
	struct sl_quote q;

	sl_text_clean(q.text, sizeof(q.text), n ? body : "", n);
	for (size_t i = 0; i < SL_ARRAY_LEN(stops); i++) {
		char *at = strcasestr(q.text, stops[i]);

		if (at)
			*at = '\0';
	}
	sl_text_redact(q.text);
	return q;
}
