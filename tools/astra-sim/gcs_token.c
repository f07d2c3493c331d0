/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The token endpoint: a signed assertion or a refresh token becomes an access
 * token, which lives no longer than the credentials do. A key that ended, and
 * one that is not known everywhere yet, is invalid_grant, as at Google.
 */
#include <cjson/cJSON.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "gcs.h"

#define LIFE_MAX_S 3599

static bool same(const char *a, const char *b)
{
	return strlen(a) == strlen(b) && !CRYPTO_memcmp(a, b, strlen(a));
}

/* A form's fields; false when it is none. */
static bool parse_form(const struct sim_req *r, struct sim_pairs *form)
{
	SIM_AUTOFREE char *copy = sim_strdup(r->body.p ? r->body.p : "");
	char *save = NULL;

	for (char *w = strtok_r(copy, "&", &save); w;
	     w = strtok_r(NULL, "&", &save)) {
		size_t n = strcspn(w, "=");
		const char *v = w[n] ? w + n + 1 : "";
		char *name = NULL, *value = NULL;

		if (!sim_url_decode(w, n, true, &name) ||
		    !sim_url_decode(v, strlen(v), true, &value)) {
			free(name);
			return false;
		}
		sim_pairs_add(form, name, value);
	}
	return true;
}

static const char *field(const struct sim_pairs *form, const char *name)
{
	const char *v = sim_pairs_get(form, name);

	return v ? v : "";
}

static struct sim_cred *by_assertion(struct sim *s,
				     const struct sim_pairs *form,
				     struct sim_migration **m,
				     const char **why)
{
	return sim_gcs_jwt(s, field(form, "assertion"), m, why);
}

static struct sim_cred *by_refresh_token(struct sim *s,
					 const struct sim_pairs *form,
					 struct sim_migration **m,
					 const char **why)
{
	const char *id = field(form, "client_id");
	SIM_AUTOFREE char *number = sim_strndup(id, strcspn(id, "."));
	struct sim_cred *c = sim_cred_find(s, number, m);
	const struct sim_gcs_own *o = c ? c->own : NULL;

	*why = "Bad Request";
	if (!o || o->key || strcmp(id, o->client_id) ||
	    !same(field(form, "client_secret"), c->secret) ||
	    !same(field(form, "refresh_token"), c->token))
		return NULL;
	*why = NULL;
	return c;
}

static const struct {
	const char *grant;
	struct sim_cred *(*find)(struct sim *s, const struct sim_pairs *form,
				 struct sim_migration **m, const char **why);
} grants[] = {
	{ "urn:ietf:params:oauth:grant-type:jwt-bearer", by_assertion },
	{ "refresh_token", by_refresh_token },
};

static void drop_old_tokens(struct sim_gcs_own *o)
{
	struct sim_gcs_token **p = &o->tokens;

	while (*p) {
		struct sim_gcs_token *t = *p;

		if (t->expires_ms > sim_wall_ms()) {
			p = &t->next;
			continue;
		}
		*p = t->next;
		free(t);
	}
}

static void give(struct sim_req *r, const struct sim_cred *c)
{
	static const char all[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				  "abcdefghijklmnopqrstuvwxyz0123456789-_";
	struct sim_gcs_token *t = sim_alloc(sizeof(*t));
	struct sim_gcs_own *o = c->own;
	int64_t life_s = (c->expires_ms - sim_wall_ms()) / 1000;
	cJSON *a = cJSON_CreateObject();

	drop_old_tokens(o);
	life_s = life_s < LIFE_MAX_S ? life_s : LIFE_MAX_S;
	memcpy(t->text, "ya29.c.", 7);
	sim_random_text(t->text + 7, 140, all);
	t->expires_ms = sim_wall_ms() + life_s * 1000;
	if (c->expires_ms < t->expires_ms + 1000)
		t->expires_ms = c->expires_ms;
	t->next = o->tokens;
	o->tokens = t;
	r->generation = c->generation;
	cJSON_AddStringToObject(a, "access_token", t->text);
	cJSON_AddNumberToObject(a, "expires_in", (double)life_s);
	cJSON_AddStringToObject(a, "token_type", "Bearer");
	sim_gcs_json(r, 200, a);
}

static const char *refusal(const struct sim_cred *c,
			   const struct sim_migration *m)
{
	if (m->state == SIM_CLOSED)
		return "Invalid grant: account not found";
	if (!sim_cred_live(c))
		return "Token has been expired or revoked.";
	if (sim_wall_ms() < c->works_ms)
		return "Invalid JWT Signature.";
	return NULL;
}

void sim_gcs_token(struct sim_req *r)
{
	struct sim_pairs form = { 0 };
	struct sim_migration *m = NULL;
	struct sim_cred *c = NULL;
	const char *why = NULL;
	bool known = false;

	if (!parse_form(r, &form))
		sim_gcs_fail(r, 400, "invalid_request", "not a form");
	sim_lock(r->sim);
	for (size_t i = 0; i < SIM_COUNT(grants); i++) {
		if (strcmp(field(&form, "grant_type"), grants[i].grant))
			continue;
		known = true;
		c = grants[i].find(r->sim, &form, &m, &why);
	}
	if (c)
		why = refusal(c, m);
	if (c && !why && !r->reply.ready)
		give(r, c);
	sim_unlock(r->sim);
	if (!known)
		sim_gcs_fail(r, 400, "unsupported_grant_type",
			     "Invalid grant_type");
	if (why)
		sim_gcs_fail(r, 400, "invalid_grant", why);
	sim_pairs_free(&form);
	explicit_bzero(r->body.p, r->body.n);
}
