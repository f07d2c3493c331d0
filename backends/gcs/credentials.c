/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the credentials file. Two of its types can be had here; the others
 * need services or programs of their own and are refused with a sentence.
 *
 * The file says where the token request goes, and with it goes a signed
 * assertion or a refresh token: only https is believed, or a loopback host,
 * where a rehearsal runs. What goes into JSON or a form is plain printable
 * ASCII without quotes, so that nothing has to be escaped in an assertion.
 */
#include "backends/gcs/credentials.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "backends/cloud/text.h"
#include "backends/gcs/internal_json.h"
#include "backends/gcs/internal_keys.h"

#define FILE_MAX ((size_t)64 * 1024)

struct field {
	const char *name;
	size_t offset;
	size_t max;
	bool required;
	bool lines; /* may have line ends (PEM) */
};

#define FIELD(f) offsetof(struct sl_gcs_keys, f)

static const struct field service_fields[] = {
	{ "client_email", FIELD(client_email), 512, true, false },
	{ "private_key", FIELD(private_key), 16384, true, true },
	{ "private_key_id", FIELD(private_key_id), 256, false, false },
	{ "token_uri", FIELD(token_uri), 2048, false, false },
	{ NULL, 0, 0, false, false },
};

static const struct field user_fields[] = {
	{ "client_id", FIELD(client_id), 512, true, false },
	{ "client_secret", FIELD(client_secret), 512, true, false },
	{ "refresh_token", FIELD(refresh_token), 4096, true, false },
	{ "token_uri", FIELD(token_uri), 2048, false, false },
	{ NULL, 0, 0, false, false },
};

static const struct type {
	const char *name;
	const struct field *fields;
	const char *refusal;
} types[] = {
	{ "service_account", service_fields, NULL },
	{ "authorized_user", user_fields, NULL },
	{ "external_account", NULL,
	  "they want a workload identity provider to be asked" },
	{ "external_account_authorized_user", NULL,
	  "they want a workforce identity provider to be asked" },
	{ "impersonated_service_account", NULL,
	  "they want another account to be impersonated" },
	{ "gdch_service_account", NULL,
	  "they are for Google Distributed Cloud" },
};

void sl_gcs_keys_free(struct sl_gcs_keys *k)
{
	if (!k)
		return;
	sl_secret_free(k->token_uri);
	sl_secret_free(k->client_email);
	sl_secret_free(k->private_key);
	sl_secret_free(k->private_key_id);
	sl_secret_free(k->client_id);
	sl_secret_free(k->client_secret);
	sl_secret_free(k->refresh_token);
	free(k);
}

static bool fits(const struct field *f, const char *s)
{
	if (!*s || strlen(s) > f->max)
		return false;
	for (; *s; s++) {
		if (f->lines && (*s == '\n' || *s == '\r'))
			continue;
		if (*s < ' ' || *s > '~' || *s == '"' || *s == '\\')
			return false;
		if (*s == ' ' && !f->lines)
			return false;
	}
	return true;
}

static int take_field(struct sl_gcs_keys *k, const struct field *f,
		      const cJSON *doc, struct sl_error *e)
{
	const char *s = sl_gcs_json_string(doc, f->name);
	char *copy;

	if (!s && !f->required)
		return 0;
	if (!s || !fits(f, s))
		return sl_error_set(e, EINVAL, "the Google credentials have "
				    "no usable '%s'", f->name);
	copy = strdup(s);
	if (!copy)
		return sl_error_set(e, ENOMEM, "out of memory");
	memcpy((char *)k + f->offset, &copy, sizeof(copy));
	return 0;
}

static bool is_loopback(const char *host, size_t n)
{
	struct in_addr v4;
	char s[64];

	if (n >= sizeof(s))
		return false;
	memcpy(s, host, n);
	s[n] = '\0';
	if (strcasecmp(s, "localhost") == 0 || strcmp(s, "[::1]") == 0)
		return true;
	return inet_pton(AF_INET, s, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127;
}

/* The host's bytes at the beginning of 's', without the port. */
static size_t host_length(const char *s)
{
	if (*s == '[')
		return strcspn(s, "]/?#") + 1;
	return strcspn(s, ":/?#");
}

int sl_gcs_url_check(const char *url)
{
	const char *host = strstr(url, "://");
	bool https = strncmp(url, "https://", 8) == 0;
	size_t n;

	if (!host || (!https && strncmp(url, "http://", 7) != 0))
		return -EINVAL;
	host += 3;
	n = host_length(host);
	if (!n || strpbrk(url, "@#<>?% "))
		return -EINVAL;
	return https || is_loopback(host, n) ? 0 : -EPERM;
}

static int check_uri(const char *uri, struct sl_error *e)
{
	int err = sl_gcs_url_check(uri);

	if (!err)
		return 0;
	return sl_error_set(e, EINVAL, err == -EPERM ?
			    "the 'token_uri' of the Google credentials is not "
			    "https" :
			    "the Google credentials have no usable "
			    "'token_uri'");
}

static int take_fields(struct sl_gcs_keys *k, const struct type *t,
		       const cJSON *doc, struct sl_error *e)
{
	int err = 0;

	k->user = t->fields == user_fields;
	for (const struct field *f = t->fields; !err && f->name; f++)
		err = take_field(k, f, doc, e);
	if (err)
		return err;
	if (!k->token_uri)
		k->token_uri = strdup(SL_GCS_TOKEN_URI);
	if (!k->token_uri)
		return sl_error_set(e, ENOMEM, "out of memory");
	return check_uri(k->token_uri, e);
}

static int find_type(const cJSON *doc, const struct type **ret,
		     struct sl_error *e)
{
	const char *name = sl_gcs_json_string(doc, "type");
	char clean[64];

	if (!name)
		return sl_error_set(e, EINVAL, "the Google credentials do not "
				    "say their 'type'");
	for (size_t i = 0; i < SL_ARRAY_LEN(types); i++) {
		if (strcmp(types[i].name, name) != 0)
			continue;
		*ret = &types[i];
		if (types[i].fields)
			return 0;
		return sl_error_set(e, EOPNOTSUPP, "Google credentials of type "
				    "'%s' are not supported: %s; supported "
				    "are service_account and authorized_user",
				    types[i].name, types[i].refusal);
	}
	sl_text_clean(clean, sizeof(clean), name, strlen(name));
	return sl_error_set(e, EOPNOTSUPP, "Google credentials of type '%s' "
			    "are not supported; supported are service_account "
			    "and authorized_user", clean);
}

int sl_gcs_keys_parse(const char *json, struct sl_gcs_keys **ret,
		      struct sl_error *e)
{
	SL_CLEANUP(gcs_json) cJSON *doc = NULL;
	SL_CLEANUP(gcs_keys) struct sl_gcs_keys *k = NULL;
	const struct type *t = NULL;
	size_t n = json ? strlen(json) : 0;
	int err;

	if (n && n <= FILE_MAX)
		doc = sl_gcs_json_parse(json, n);
	if (!cJSON_IsObject(doc))
		return sl_error_set(e, EINVAL, "the Google credentials are no "
				    "JSON object");
	err = find_type(doc, &t, e);
	if (err)
		return err;
	k = calloc(1, sizeof(*k));
	if (!k)
		return sl_error_set(e, ENOMEM, "out of memory");
	err = take_fields(k, t, doc, e);
	if (err)
		return err;
	*ret = sl_steal(&k);
	return 0;
}

const char *sl_gcs_keys_uri(const struct sl_gcs_keys *k)
{
	return k->token_uri;
}

static int service_form(const struct sl_gcs_keys *k, int64_t now_s,
			struct sl_buf *form, struct sl_error *e)
{
	sl_buf_puts(form, "grant_type=urn%3Aietf%3Aparams%3Aoauth%3A"
			  "grant-type%3Ajwt-bearer&assertion=");
	return sl_gcs_jwt(k, now_s, form, e);
}

static int user_form(const struct sl_gcs_keys *k, struct sl_buf *form)
{
	sl_buf_puts(form, "grant_type=refresh_token&client_id=");
	sl_cloud_escape(form, k->client_id, false);
	sl_buf_puts(form, "&client_secret=");
	sl_cloud_escape(form, k->client_secret, false);
	sl_buf_puts(form, "&refresh_token=");
	return sl_cloud_escape(form, k->refresh_token, false);
}

int sl_gcs_keys_form(const struct sl_gcs_keys *k, int64_t now_s,
		     struct sl_buf *form, struct sl_error *e)
{
	int err = k->user ? user_form(k, form) :
			    service_form(k, now_s, form, e);

	if (err && e && !e->errnum)
		sl_error_set(e, -err, "the token request is too long");
	return err;
}
