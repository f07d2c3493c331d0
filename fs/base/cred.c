/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sets of upload credentials: immutable once made, shared by reference count
 * between requests under way and the source, wiped with the last reference.
 */
#include "credentials.h"

#include <stdbool.h>
#include <string.h>

#include "buf.h"
#include "error.h"

static bool copy(char **dst, const char *src)
{
	*dst = src ? strdup(src) : NULL;
	return *dst || !src;
}

struct sl_cred *sl_cred_new(enum sl_cred_kind kind, uint64_t generation,
			    const char *id, const char *secret,
			    const char *token)
{
	SL_CLEANUP(cred) struct sl_cred *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->refs = 1;
	c->kind = kind;
	c->generation = generation;
	if (!copy(&c->id, id) || !copy(&c->secret, secret) ||
	    !copy(&c->token, token))
		return NULL;
	return sl_steal(&c);
}

struct sl_cred *sl_cred_ref(struct sl_cred *c)
{
	if (c && __atomic_fetch_add(&c->refs, 1, __ATOMIC_RELAXED) <= 0)
		SL_BUG("credentials used after their last reference");
	return c;
}

void sl_cred_unref(struct sl_cred *c)
{
	int saved = errno;
	int left;

	if (!c)
		return;
	left = __atomic_sub_fetch(&c->refs, 1, __ATOMIC_ACQ_REL);
	if (left < 0)
		SL_BUG("credentials released twice");
	if (left == 0) {
		sl_secret_free(c->id);
		sl_secret_free(c->secret);
		sl_secret_free(c->token);
		free(c);
	}
	errno = saved;
}
