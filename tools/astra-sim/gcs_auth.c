/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who asks, and what they may: the bearer token of every request, the
 * migration it is for, names that Google takes, the rights that go with
 * replacing an object.
 */
#include <openssl/crypto.h>
#include <string.h>

#include "gcs.h"

/* The credentials of a token that still counts; lock held. */
static const struct sim_cred *find(struct sim *s, const char *text,
				   struct sim_migration **ret)
{
	for (struct sim_migration *m = s->migrations; m; m = m->next)
		for (struct sim_cred *c = m->creds; c; c = c->next) {
			const struct sim_gcs_own *o = c->own;
			const struct sim_gcs_token *t = o->tokens;

			while (t && (strlen(t->text) != strlen(text) ||
				     CRYPTO_memcmp(t->text, text,
						   strlen(text))))
				t = t->next;
			if (!t)
				continue;
			*ret = m;
			return sim_cred_live(c) &&
				       sim_wall_ms() < t->expires_ms
				       ? c : NULL;
		}
	return NULL;
}

static void challenge(struct sim_req *r, const char *more)
{
	if (!r->reply.ready)
		sim_reply_header(r, "WWW-Authenticate",
				 "Bearer realm=\"https://accounts.google.com/"
				 "\"%s", more);
}

bool sim_gcs_auth(struct sim_req *r)
{
	const char *h = sim_header(r, "authorization");
	struct sim_migration *m = NULL;
	const struct sim_cred *c;
	bool open = false;

	if (!h || !sim_starts(h, "Bearer ")) {
		challenge(r, "");
		sim_gcs_fail(r, 401, "required",
			     "Anonymous caller does not have storage.objects "
			     "access to the Google Cloud Storage object.");
		return false;
	}
	sim_lock(r->sim);
	c = find(r->sim, h + 7, &m);
	if (c) {
		open = m->state == SIM_RECEIVING;
		r->generation = c->generation;
		snprintf(r->gcs->scope, sizeof(r->gcs->scope), "%s/sstables/",
			 m->id);
	}
	sim_unlock(r->sim);
	if (!c) {
		challenge(r, ", error=\"invalid_token\"");
		sim_gcs_fail(r, 401, NULL, NULL);
	} else if (!open) {
		sim_gcs_fail(r, 403, NULL, NULL);
	} else if (strcmp(r->gcs->bucket, r->sim->bucket)) {
		sim_gcs_fail(r, 404, sim_gcs_is_xml(r) ? "NoSuchBucket" : NULL,
			     "The specified bucket does not exist.");
	}
	return !r->reply.ready;
}

bool sim_gcs_in_scope(struct sim_req *r, const char *key)
{
	if (sim_starts(key, r->gcs->scope))
		return true;
	sim_gcs_fail(r, 403, NULL, NULL);
	return false;
}

bool sim_gcs_key_valid(struct sim_req *r, const char *key)
{
	bool bad = !*key || strlen(key) > 1024 || strpbrk(key, "\r\n") ||
		   !strcmp(key, ".") || !strcmp(key, "..") ||
		   sim_starts(key, ".well-known/acme-challenge/");

	if (bad)
		sim_gcs_fail(r, 400, sim_gcs_is_xml(r) ? "InvalidObjectName"
						       : NULL,
			     "Disallowed unicode characters present in object "
			     "name or its length is not between 1 and 1024 "
			     "bytes");
	return !bad;
}

/* To replace an object is to delete what was there. */
bool sim_gcs_may_replace(struct sim_req *r, const char *key)
{
	if (!(r->sim->opt.deny & SIM_DENY_DELETE) ||
	    !sim_store_exists(r->sim, key))
		return true;
	sim_gcs_fail(r, 403, NULL,
		     "The account does not have storage.objects.delete access "
		     "to the Google Cloud Storage object.");
	return false;
}
