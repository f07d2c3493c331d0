/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads a MigrationStatus. The bytes come from the network and end in
 * requests, file names and terminals, so each field has a shape it must fit;
 * what the service leaves open (the status words) stays open. Which store the
 * credentials are for is told by the keys that are there, not by 'name',
 * whose words the documentation does not promise.
 */
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "devops.h"
#include "status_internal.h"

#define STATUS_WORD_MAX 256
#define BUCKET_DIR_MAX 1024

struct key_form {
	enum sl_cred_kind kind;
	const char *id, *secret, *token; /* member names; NULL: none */
	bool base64;			 /* of secret */
};

static const struct key_form key_forms[] = {
	{ SL_CRED_S3, "accessKeyID", "secretAccessKey", "sessionToken",
	  false },
	{ SL_CRED_AZURE, "url", "urlSignature", NULL, false },
	{ SL_CRED_GCS, NULL, "file", NULL, true },
};

bool sl_uuid_valid(const char *s)
{
	static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
	size_t i;

	if (!s)
		return false;
	for (i = 0; form[i]; i++) {
		char c = s[i];
		bool hex = (c >= '0' && c <= '9') ||
			   (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');

		if (form[i] == 'x' ? !hex : c != form[i])
			return false;
	}
	return s[i] == '\0';
}

void sl_migration_status_free(struct sl_migration_status *s)
{
	if (!s)
		return;
	free(s->id);
	free(s->db_id);
	free(s->status);
	free(s->progress_info);
	free(s->bucket_dir);
	free(s->redacted_json);
	sl_cred_unref(s->cred);
	free(s);
}

static void free_statusp(struct sl_migration_status **s)
{
	sl_migration_status_free(*s);
}

/* Keys go into header lines: nothing there may end one. */
static bool plain_ascii(const char *s)
{
	for (; *s; s++) {
		if (*s <= ' ' || *s > '~')
			return false;
	}
	return true;
}

/* A service account's JSON, wrapped lines allowed; wiped on free. */
static char *decode_file(const char *b64)
{
	EVP_ENCODE_CTX *ctx = EVP_ENCODE_CTX_new();
	size_t n = strlen(b64);
	char *out = calloc(1, n + 4);
	int len = 0, tail = 0;
	bool ok = ctx && out;

	if (ok) {
		unsigned char *o = (unsigned char *)out;

		EVP_DecodeInit(ctx);
		ok = EVP_DecodeUpdate(ctx, o, &len,
				      (const unsigned char *)b64,
				      (int)n) >= 0 &&
		     EVP_DecodeFinal(ctx, o + len, &tail) == 1;
	}
	EVP_ENCODE_CTX_free(ctx);
	if (ok && len + tail > 0 && out[0] == '{' &&
	    strlen(out) == (size_t)len + (size_t)tail)
		return out;
	if (out)
		explicit_bzero(out, n + 4);
	free(out);
	return NULL;
}

static const char *member(const cJSON *keys, const char *name)
{
	return name ? sl_json_string(keys, name) : NULL;
}

static struct sl_cred *make_cred(const struct key_form *f, const cJSON *keys)
{
	const char *id = member(keys, f->id);
	const char *secret = member(keys, f->secret);
	const char *token = member(keys, f->token);
	SL_CLEANUP(secret) char *decoded = NULL;

	if ((f->id && !id) || !secret || !*secret)
		return NULL;
	if ((id && !plain_ascii(id)) || (token && !plain_ascii(token)))
		return NULL;
	if (f->base64)
		secret = decoded = decode_file(secret);
	else if (!plain_ascii(secret))
		return NULL;
	if (f->kind == SL_CRED_AZURE && secret && secret[0] == '?')
		secret++;
	return secret ? sl_cred_new(f->kind, 0, id, secret, token) : NULL;
}

/* Years before 1970 are how some languages write "no time". */
static int64_t read_time(const cJSON *obj, const char *name)
{
	const char *s = sl_json_string(obj, name);
	int64_t ms = 0;

	if (!s || sl_time_parse(s, &ms) || ms < 0)
		return 0;
	return ms;
}

static int read_creds(const cJSON *doc, struct sl_migration_status *s,
		      struct sl_error *e)
{
	const cJSON *up = cJSON_GetObjectItemCaseSensitive(
		doc, "uploadCredentials");
	const cJSON *keys = cJSON_GetObjectItemCaseSensitive(up, "keys");

	s->expires_ms = read_time(up, "credentialExpiration");
	if (!cJSON_IsObject(keys))
		return 0;
	for (size_t i = 0; !s->cred && i < SL_ARRAY_LEN(key_forms); i++)
		s->cred = make_cred(&key_forms[i], keys);
	if (!s->cred)
		return sl_error_set(e, EPROTO, "cannot use the upload "
				    "credentials: keys of an unknown form");
	s->cred->expires_ms = s->expires_ms;
	return 0;
}

static bool bucket_dir_fits(const char *s)
{
	const char *rest = strstr(s, "://");

	return rest && rest != s && strlen(s) < BUCKET_DIR_MAX &&
	       plain_ascii(s) && !strpbrk(s, "?#\\\"'<>") &&
	       !strstr(rest + 3, "//") && !strstr(s, "/../") &&
	       !strstr(s, "/./");
}

/* The later code appends keys to it: it ends in a slash from here on. */
static int read_bucket_dir(const cJSON *doc, struct sl_migration_status *s,
			   struct sl_error *e)
{
	const char *dir = sl_json_string(doc, "uploadBucketDir");
	size_t n = dir ? strlen(dir) : 0;

	if (!n)
		dir = "";
	else if (!bucket_dir_fits(dir))
		return sl_error_set(e, EPROTO, "cannot use uploadBucketDir "
				    "'%s': not a directory URL",
				    sl_quote_body(dir, n).text);
	if (asprintf(&s->bucket_dir, "%s%s", dir,
		     n && dir[n - 1] != '/' ? "/" : "") < 0) {
		s->bucket_dir = NULL;
		return sl_error_set(e, ENOMEM, "out of memory");
	}
	return 0;
}

/* A cleaned copy of at most 'max' bytes; "" when absent. */
static char *copy_text(const cJSON *doc, const char *name, size_t max)
{
	const char *s = sl_json_string(doc, name);
	size_t n = s ? strlen(s) : 0;
	size_t size = (n < max ? n : max) + 1;
	char *copy = malloc(size);

	if (!copy)
		return NULL;
	sl_text_clean(copy, size, s ? s : "", n);
	sl_text_redact(copy);
	return copy;
}

static int read_words(const cJSON *doc, struct sl_migration_status *s,
		      struct sl_error *e)
{
	s->id = copy_text(doc, "migrationID", 64);
	s->db_id = copy_text(doc, "dbID", 64);
	s->status = copy_text(doc, "status", STATUS_WORD_MAX);
	if (!s->id || !s->db_id || !s->status)
		return sl_error_set(e, ENOMEM, "out of memory");
	if (!sl_uuid_valid(s->id))
		return sl_error_set(e, EPROTO,
				    "cannot use the answer: migrationID '%s' "
				    "is no UUID", s->id);
	if (*s->db_id && !sl_uuid_valid(s->db_id))
		return sl_error_set(e, EPROTO, "cannot use the answer: dbID "
				    "'%s' is no UUID", s->db_id);
	if (!*s->status)
		return sl_error_set(e, EPROTO,
				    "cannot use the answer: it has no status");
	return 0;
}

static int read_document(cJSON *doc, struct sl_migration_status *s,
			 struct sl_error *e)
{
	int r = read_words(doc, s, e);

	if (!r)
		r = read_bucket_dir(doc, s, e);
	if (!r)
		r = read_creds(doc, s, e);
	if (r)
		return r;
	s->cleanup_ms = read_time(doc, "expectedCleanupTime");
	/* From here on the tree may be shown: also progressInfo. */
	if (!sl_json_redact(doc, s->cred))
		return sl_error_set(e, ENOMEM, "out of memory");
	s->progress_info = copy_text(doc, "progressInfo", 65536);
	s->redacted_json = cJSON_Print(doc);
	if (!s->progress_info || !s->redacted_json)
		return sl_error_set(e, ENOMEM, "out of memory");
	return 0;
}

int sl_migration_status_parse(const char *body, size_t n,
			      struct sl_migration_status **ret,
			      struct sl_error *e)
{
	__attribute__((cleanup(free_statusp)))
	struct sl_migration_status *s = NULL;
	SL_CLEANUP(json) cJSON *doc = NULL;
	int r;

	if (n > SL_API_BODY_MAX)
		return sl_error_set(e, E2BIG, "cannot read the answer: over "
				    "%u bytes", SL_API_BODY_MAX);
	doc = sl_json_parse(body, n);
	if (!cJSON_IsObject(doc))
		return sl_error_set(e, EPROTO, "cannot read the answer: no "
				    "JSON object: '%s'",
				    sl_quote_body(body, n).text);
	s = calloc(1, sizeof(*s));
	if (!s)
		return sl_error_set(e, ENOMEM, "out of memory");
	r = read_document(doc, s, e);
	if (r)
		return r;
	*ret = sl_steal(&s);
	return 0;
}
