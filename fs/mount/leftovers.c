/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Upload ids that were begun and not ended. A file that was interrupted
 * leaves its parts in the store under an id that the ledger knows. The next
 * copy of the path goes on with it; once the path is committed after all (or
 * given up), what is left is aborted so that nothing stays behind. Only ids
 * that this mount's ledgers recorded are ever touched.
 */
#include <string.h>

#include "lock.h"
#include "log.h"
#include "mount/store.h"

struct leftover {
	struct leftover *next;
	struct sl_upload *owner; /* NULL: nobody is at work on it */
	bool idle;		 /* nothing of it is on its way any more */
	char *id;
	char key[];
};

struct sl_leftovers {
	struct sl_mutex mu; /* leaf: nothing is called with it held */
	struct leftover *head SL_GUARDED_BY(mu);
};

static void leftover_free(struct leftover *o)
{
	free(o->id);
	free(o);
}

int sl_leftovers_new(struct sl_leftovers **ret)
{
	struct sl_leftovers *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	sl_mutex_init(&l->mu);
	*ret = l;
	return 0;
}

void sl_leftovers_free(struct sl_leftovers *l)
{
	if (!l)
		return;
	for (struct leftover *o = l->head, *next; o; o = next) {
		next = o->next;
		leftover_free(o);
	}
	sl_mutex_release(&l->mu);
	free(l);
}

int sl_leftovers_add(struct sl_leftovers *l, const char *key,
		     const char *id, struct sl_upload *owner)
{
	struct leftover *o = calloc(1, sizeof(*o) + strlen(key) + 1);

	if (!o)
		return -ENOMEM;
	memcpy(o->key, key, strlen(key) + 1);
	o->id = strdup(id);
	o->owner = owner;
	o->idle = !owner;
	if (!o->id) {
		free(o);
		return -ENOMEM;
	}
	SL_LOCK_SCOPE(&l->mu);
	o->next = l->head;
	l->head = o;
	return 0;
}

void sl_leftovers_remove(struct sl_leftovers *l, const char *id)
{
	SL_LOCK_SCOPE(&l->mu);
	for (struct leftover **p = &l->head; *p; p = &(*p)->next) {
		struct leftover *o = *p;

		if (strcmp(o->id, id))
			continue;
		*p = o->next;
		leftover_free(o);
		return;
	}
}

void sl_leftovers_kept(struct sl_leftovers *l, const char *id)
{
	SL_LOCK_SCOPE(&l->mu);
	for (struct leftover *o = l->head; o; o = o->next) {
		if (strcmp(o->id, id))
			continue;
		o->owner = NULL;
		o->idle = true;
	}
}

/* Now the owner's; malloc'd; NULL: none. */
static char *claim(struct sl_leftovers *l, const char *key,
		   struct sl_upload *owner)
{
	SL_LOCK_SCOPE(&l->mu);
	for (struct leftover *o = l->head; o; o = o->next) {
		char *id;

		if (o->owner || !o->idle || strcmp(o->key, key))
			continue;
		id = strdup(o->id);
		if (id) {
			o->owner = owner;
			o->idle = false;
		}
		return id;
	}
	return NULL;
}

/* Parts as the ledger has them. */
struct noted {
	struct sl_part *parts; /* owned */
	uint32_t count, cap;
};

static int note_part(void *arg, const struct sl_part *p)
{
	struct noted *n = arg;
	uint32_t cap = n->cap ? n->cap * 2 : 64;
	struct sl_part *parts;

	if (n->count == n->cap) {
		parts = reallocarray(n->parts, cap, sizeof(*parts));
		if (!parts)
			return -ENOMEM;
		n->parts = parts;
		n->cap = cap;
	}
	n->parts[n->count++] = *p;
	return 0;
}

/* What the ledger cannot tell is sent again. */
void sl_leftovers_resume(struct sl_store *s, const char *key,
			 struct sl_upload *up)
{
	struct sl_leftovers *l = sl_store_leftovers(s);
	SL_CLEANUP(free) char *id = claim(l, key, up);
	struct sl_ledger *ledger = id ? sl_store_ledger(s, key, NULL) : NULL;
	struct noted n = { NULL, 0, 0 };

	if (!id)
		return;
	if (ledger && sl_ledger_parts(ledger, id, note_part, &n, NULL))
		sl_log_debug("the ledger does not tell the parts of an upload");
	if (sl_upload_resume(up, id, n.parts, n.count))
		sl_leftovers_kept(l, id);
	free(n.parts);
}

bool sl_leftovers_has(struct sl_leftovers *l, const char *id)
{
	SL_LOCK_SCOPE(&l->mu);
	for (const struct leftover *o = l->head; o; o = o->next) {
		if (!strcmp(o->id, id))
			return true;
	}
	return false;
}

void sl_leftovers_orphan(struct sl_leftovers *l, struct sl_upload *owner)
{
	SL_LOCK_SCOPE(&l->mu);
	for (struct leftover *o = l->head; o; o = o->next) {
		if (o->owner == owner)
			o->owner = NULL;
	}
}

/* Takes one ownerless entry (of 'key') out of the list. */
static struct leftover *take(struct sl_leftovers *l, const char *key)
{
	SL_LOCK_SCOPE(&l->mu);
	for (struct leftover **p = &l->head; *p; p = &(*p)->next) {
		struct leftover *o = *p;

		if (o->owner || (key && strcmp(o->key, key)))
			continue;
		*p = o->next;
		return o;
	}
	return NULL;
}

struct abortion {
	struct sl_op op;
	struct sl_store *store;
	struct leftover *what;
};

static void on_aborted(struct sl_op *op)
{
	struct abortion *a = op->arg;
	struct sl_ledger *l = sl_store_ledger(a->store, a->what->key, NULL);

	/* A refusal is not worth more than a line: the store expires it. */
	if (op->err)
		sl_mount_event(a->store->mount, -op->err, a->what->key,
			       "an unfinished upload could not be aborted",
			       &op->error);
	else if (l && sl_ledger_upload_end(l, a->what->id))
		sl_mount_event(a->store->mount, ENOMEM, a->what->key,
			       "the ledger could not note an aborted upload",
			       NULL);
	leftover_free(a->what);
	sl_store_unref(a->store);
	free(a);
}

void sl_leftovers_abort(struct sl_store *s, const char *key)
{
	struct leftover *o;

	while ((o = take(sl_store_leftovers(s), key))) {
		struct abortion *a = calloc(1, sizeof(*a));

		if (!a) {
			leftover_free(o);
			return;
		}
		a->store = sl_store_ref(s);
		a->what = o;
		a->op = (struct sl_op){
			.key = o->key,
			.upload_id = o->id,
			.done = on_aborted,
			.arg = a,
			.priority = 2,
			.retry_for_ms = 600000,
		};
		sl_backend_abort(s->backend, &a->op);
	}
}
