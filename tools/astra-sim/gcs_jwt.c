/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signed assertions (RFC 7523 as Google wants it): RS256 by the key that kid
 * names, which must belong to iss; for us (aud), for at most an hour, and for
 * now by the simulator's clock. The texts are those that Google answers.
 */
#include <cjson/cJSON.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "gcs.h"

#define SKEW_S 300
#define LIFE_S 3600

/* What clients say that go by the type of the file, not by its token_uri. */
static const char google_aud[] = "https://oauth2.googleapis.com/token";

/* Without padding, with - and _; a new NUL-terminated string, or NULL. */
static unsigned char *unb64url(const char *s, size_t n, size_t *size)
{
	SIM_AUTOFREE char *text = sim_alloc(n + 4);
	unsigned char *out;
	int got;

	for (size_t i = 0; i < n; i++) {
		if (s[i] == '+' || s[i] == '/' || s[i] == '=')
			return NULL;
		text[i] = s[i];
		if (s[i] == '-')
			text[i] = '+';
		if (s[i] == '_')
			text[i] = '/';
	}
	for (; n % 4; n++)
		text[n] = '=';
	out = sim_alloc(n + 1);
	got = sim_unb64(text, out, n);
	if (got >= 0) {
		*size = (size_t)got;
		out[got] = '\0';
		return out;
	}
	free(out);
	return NULL;
}

static cJSON *segment(const char *s, size_t n)
{
	size_t size = 0;
	SIM_AUTOFREE unsigned char *text = unb64url(s, n, &size);

	return text && strlen((char *)text) == size
		       ? cJSON_Parse((const char *)text) : NULL;
}

static const char *text_of(const cJSON *o, const char *name)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, name);

	return cJSON_IsString(v) ? v->valuestring : "";
}

static double number_of(const cJSON *o, const char *name)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, name);

	return cJSON_IsNumber(v) ? v->valuedouble : -1;
}

static bool signature_good(EVP_PKEY *key, const char *jwt, size_t n,
			   const char *sig)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	size_t size = 0;
	SIM_AUTOFREE unsigned char *raw = unb64url(sig, strlen(sig), &size);
	bool ok = md && raw &&
		  EVP_DigestVerifyInit(md, NULL, EVP_sha256(), NULL, key) ==
			  1 &&
		  EVP_DigestVerify(md, raw, size, (const unsigned char *)jwt,
				   n) == 1;

	EVP_MD_CTX_free(md);
	return ok;
}

static const char *check_times(const cJSON *claims)
{
	double now = (double)sim_wall_ms() / 1000;
	double iat = number_of(claims, "iat"), exp = number_of(claims, "exp");

	if (iat < 0 || exp < 0 || exp > iat + LIFE_S || exp <= iat)
		return "Invalid JWT: Token must be a short-lived token (60 "
		       "minutes) and in a reasonable timeframe. Check your "
		       "iat and exp values in the JWT claim.";
	if (iat > now + SKEW_S || exp < now - SKEW_S)
		return "Invalid JWT: Token must be a short-lived token (60 "
		       "minutes) and in a reasonable timeframe. Check your "
		       "iat and exp values and use a clock with skew to "
		       "account for clock differences between systems.";
	return NULL;
}

/* Of several words one must give the right to change objects. */
static bool may_write(const char *scope)
{
	static const char *const all[] = { "devstorage.read_write",
		"devstorage.full_control", "cloud-platform" };
	static const char base[] = "https://www.googleapis.com/auth/";
	SIM_AUTOFREE char *copy = sim_strdup(scope);
	char *save = NULL;
	bool may = false;

	for (char *w = strtok_r(copy, " ", &save); w;
	     w = strtok_r(NULL, " ", &save))
		for (size_t i = 0; i < SIM_COUNT(all); i++)
			may |= sim_starts(w, base) &&
			       !strcmp(w + sizeof(base) - 1, all[i]);
	return may;
}

static const char *check_claims(const struct sim *s, const cJSON *claims,
				const struct sim_gcs_own *o)
{
	SIM_AUTOFREE char *aud = sim_format("http://%s:%d/token",
					    s->opt.listen, s->store_port);

	if (strcmp(text_of(claims, "iss"), o->email))
		return "Invalid JWT Signature.";
	if (strcmp(text_of(claims, "aud"), aud) &&
	    strcmp(text_of(claims, "aud"), google_aud))
		return "Invalid JWT: Failed audience check.";
	if (!may_write(text_of(claims, "scope")))
		return "Invalid OAuth scope or ID token audience provided.";
	return check_times(claims);
}

static const char *check(const struct sim *s, const struct sim_cred *c,
			 const char *jwt, const char *sig, const cJSON *claims)
{
	const struct sim_gcs_own *o = c->own;

	if (!o->key || !signature_good(o->key, jwt, (size_t)(sig - jwt) - 1,
				       sig))
		return "Invalid JWT Signature.";
	return check_claims(s, claims, o);
}

struct sim_cred *sim_gcs_jwt(struct sim *s, const char *jwt,
			     struct sim_migration **m, const char **why)
{
	const char *dot = strchr(jwt, '.');
	const char *sig = dot ? strchr(dot + 1, '.') : NULL;
	struct sim_cred *c = NULL;
	cJSON *head, *claims;

	*why = "Bad Request";
	if (!sig)
		return NULL;
	sig++;
	head = segment(jwt, (size_t)(dot - jwt));
	claims = segment(dot + 1, (size_t)(sig - dot) - 2);
	if (head && claims && !strcmp(text_of(head, "alg"), "RS256")) {
		*why = "Invalid JWT Signature.";
		c = sim_cred_find(s, text_of(head, "kid"), m);
	}
	if (c)
		*why = check(s, c, jwt, sig, claims);
	cJSON_Delete(head);
	cJSON_Delete(claims);
	return *why ? NULL : c;
}
