/* SPDX-License-Identifier: Apache-2.0 */
/* See strangers.h. */
#include "mount/strangers.h"

#include <inttypes.h>
#include <string.h>

#include "mount/store.h"

/* As many as the gate takes. */
#define NODES_MAX 10000

struct stranger {
	char *node; /* owned */
	char *key;  /* owned: the first */
	uint64_t uploads;
	bool own;
};

struct sl_strangers {
	struct sl_store *store; /* borrowed: the launch has a reference */
	struct stranger *node;
	size_t nodes, own;
};

static int add_node(struct sl_strangers *st, const char *s, size_t n,
		    const char *key)
{
	struct stranger *more = reallocarray(st->node, st->nodes + 1,
					     sizeof(*more));

	if (!more)
		return -ENOMEM;
	st->node = more;
	more[st->nodes] = (struct stranger){
		.node = strndup(s, n),
		.key = strdup(key),
		.own = !*key,
	};
	/* Counted in any case, so that what is there is freed. */
	st->nodes++;
	return more[st->nodes - 1].node && more[st->nodes - 1].key ?
		       0 : -ENOMEM;
}

int sl_strangers_new(struct sl_store *s, char *const *own, int own_count,
		     struct sl_strangers **ret)
{
	struct sl_strangers *st = calloc(1, sizeof(*st));
	int r = 0;

	if (!st)
		return -ENOMEM;
	st->store = s;
	for (int i = 0; !r && i < own_count; i++)
		r = add_node(st, own[i], strlen(own[i]), "");
	if (r) {
		sl_strangers_free(st);
		return r;
	}
	*ret = st;
	return 0;
}

void sl_strangers_free(struct sl_strangers *st)
{
	if (!st)
		return;
	for (size_t i = 0; i < st->nodes; i++) {
		free(st->node[i].node);
		free(st->node[i].key);
	}
	free(st->node);
	free(st);
}

int sl_strangers_seen(struct sl_strangers *st,
		      const struct sl_upload_entry *u)
{
	size_t n = strcspn(u->key, "/");
	int r;

	if (sl_leftovers_has(sl_store_leftovers(st->store), u->upload_id))
		return 0;
	/* The newest last: uploads are listed by key. */
	for (size_t i = st->nodes; i-- > 0;) {
		if (strlen(st->node[i].node) == n &&
		    !memcmp(st->node[i].node, u->key, n)) {
			st->node[i].uploads++;
			return 0;
		}
	}
	if (st->nodes >= NODES_MAX)
		return 0; /* said of enough of them */
	r = add_node(st, u->key, n, u->key);
	if (!r)
		st->node[st->nodes - 1].uploads++;
	return r;
}

static int tell(const struct stranger *n, struct sl_gate *g)
{
	char text[2600], name[300], key[1200];

	sl_text_clean(name, sizeof(name), n->node, strlen(n->node));
	sl_text_clean(key, sizeof(key), n->key, strlen(n->key));
	if (n->own)
		snprintf(text, sizeof(text), "'%s' has %" PRIu64 " unfinished "
			 "uploads that this mount knows nothing of, as is so "
			 "when its state directory was lost; they are not "
			 "imported, and the store removes them in time", name,
			 n->uploads);
	else
		snprintf(text, sizeof(text), "'%s' has %" PRIu64 " unfinished "
			 "uploads, the first of '%s'; let the copy there end, "
			 "or, if it was given up, copy the file again or abort "
			 "its upload", name, n->uploads, key);
	return sl_gate_add(g, n->own ? SL_GATE_NOTE : SL_GATE_UPLOADS, n->node,
			   text);
}

int sl_strangers_tell(struct sl_strangers *st, struct sl_gate *g)
{
	int r = 0;

	for (size_t i = 0; !r && i < st->nodes; i++)
		if (st->node[i].uploads)
			r = tell(&st->node[i], g);
	return r;
}
