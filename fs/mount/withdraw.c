/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that are in the bucket and turn out to be wrong: a Data.db that came
 * before its Digest.crc32, say. The node fails with the reason and its row is
 * written first, so that the gate is closed whatever happens next; then the
 * object is removed in the background.
 *
 * Where the credentials do not grant to delete, the object stays and the gate
 * stays closed; a right copy of the file may still take its place. After a
 * crash in between the row says 'failed' and the listing shows the object:
 * the next copy sends it again.
 *
 * While an object is on its way out no other version of its path is
 * committed: nobody could say which of the two requests comes last.
 */
#include <string.h>

#include "log.h"
#include "mount/file.h"
#include "mount/store.h"
#include "mount/tree.h"
#include "mount/verdict.h"

struct sl_withdrawal {
	struct sl_op op;
	struct sl_withdrawal *next; /* sl_verdicts.mu */
	struct sl_store *store;	    /* a reference */
	char text[SL_VERDICT_TEXT];
	char path[];
};

static struct sl_withdrawal **find_locked(struct sl_verdicts *vs,
					  const char *path)
{
	struct sl_withdrawal **at = &vs->leaving;

	while (*at && strcmp((*at)->path, path))
		at = &(*at)->next;
	return at;
}

bool sl_withdraw_under_way_locked(struct sl_verdicts *vs, const char *path)
{
	return *find_locked(vs, path) != NULL;
}

/*
 * False: it is leaving already, or its commit is under way and will be undone
 * when it is through. Asked in one step: a version is judged and put among
 * the pending under the same lock, so it sees this or is seen here.
 */
static bool put_on(struct sl_verdicts *vs, struct sl_withdrawal *w)
{
	SL_LOCK_SCOPE(&vs->mu);
	if (sl_verdict_doom_locked(vs, w->path, w->text) ||
	    *find_locked(vs, w->path))
		return false;
	w->next = vs->leaving;
	vs->leaving = w;
	return true;
}

static void take_off(struct sl_verdicts *vs, struct sl_withdrawal *w)
{
	SL_LOCK_SCOPE(&vs->mu);
	*find_locked(vs, w->path) = w->next;
}

static void withdrawal_free(struct sl_withdrawal *w)
{
	sl_store_unref(w->store);
	free(w);
}

enum stage {
	LEAVES, /* not shown: the next copy is to send it */
	GONE,
	STAYS,	/* shown */
};

static void mark_node_locked(struct sl_tree *t, struct sl_node *n,
			     enum stage stage)
{
	sl_mutex_assume_held(&t->mu);
	sl_tree_set_state_locked(t, n, SL_FILE_FAILED);
	sl_tree_set_verdict_locked(t, n, SL_REJECT);
	n->hidden = stage != STAYS;
	/* Where it is seen, rsync sees that it is not the source's. */
	n->mtime_ns = n->ctime_ns = sl_now_ns();
}

/*
 * The node says why; true if there is an object. A newer version that is
 * being written has its own fate. Its checksum means nothing any more: another
 * one may take its place.
 */
static bool mark(struct sl_withdrawal *w, enum stage stage, const char *text)
{
	struct sl_mount *m = w->store->mount;
	struct sl_tree *t = m->tree;
	struct sl_node *n;
	bool there;

	sl_mutex_lock(&t->mu);
	n = sl_tree_walk_locked(t, w->path);
	if (!n || n->kind != SL_NODE_FILE) {
		sl_mutex_unlock(&t->mu);
		return false;
	}
	there = n->in_bucket;
	n->in_bucket = there && stage != GONE;
	n->has_crc32 = false;
	/* One that was just committed and is still open is the wrong one. */
	if (n->u.f.state != SL_FILE_OPEN) {
		mark_node_locked(t, n, stage);
		if (sl_node_set_text(&n->u.f.note, text))
			sl_log_debug("no memory for a note");
	}
	sl_tree_pin_locked(n);
	sl_mutex_unlock(&t->mu);
	sl_row_save(m, n);
	sl_mount_attr_changed(m, n);
	sl_mutex_lock(&t->mu);
	sl_tree_unpin_locked(t, n);
	sl_mutex_unlock(&t->mu);
	return there;
}

/* It stays where it is: say what that means. */
static void tell_stays(struct sl_withdrawal *w, int err,
		       const struct sl_error *e)
{
	char text[SL_VERDICT_TEXT + 160];

	snprintf(text, sizeof(text), err == -EACCES ?
		 "%s; the bucket grants no delete, so it stays there and the "
		 "launch is blocked: send a right copy of it, or begin a new "
		 "migration" :
		 "%s; it could not be taken out of the bucket: send a right "
		 "copy of it, or remove it with rm", w->text);
	mark(w, STAYS, text);
	sl_mount_event(w->store->mount, -err, w->path, text, e);
}

static void on_removed(struct sl_op *op)
{
	struct sl_withdrawal *w = op->arg;

	if (op->err == -EACCES)
		__atomic_store_n(&w->store->delete_ok, 0, __ATOMIC_RELAXED);
	if (op->err)
		tell_stays(w, op->err, &op->error);
	else
		mark(w, GONE, w->text);
	take_off(w->store->verdicts, w);
	withdrawal_free(w);
}

static void start(struct sl_withdrawal *w)
{
	struct sl_backend *b = w->store->backend;

	if (!(b->caps & SL_CAP_REMOVE)) {
		tell_stays(w, -EACCES, NULL);
		take_off(w->store->verdicts, w);
		withdrawal_free(w);
		return;
	}
	w->op = (struct sl_op){
		.key = w->path,
		.done = on_removed,
		.arg = w,
		.retry_for_ms = -1,
	};
	sl_backend_remove(b, &w->op);
}

void sl_withdraw(struct sl_store *s, const char *path, const char *text)
{
	size_t n = strlen(path) + 1;
	struct sl_withdrawal *w;

	if (!sl_mount_owns(s->mount, path)) {
		sl_mount_event(s->mount, EBADMSG, path, text, NULL);
		return;
	}
	w = calloc(1, sizeof(*w) + n);
	if (!w) {
		sl_mount_event(s->mount, ENOMEM, path, text, NULL);
		return;
	}
	memcpy(w->path, path, n);
	snprintf(w->text, sizeof(w->text), "%s", text);
	w->store = sl_store_ref(s);
	if (!put_on(s->verdicts, w)) {
		withdrawal_free(w);
		return;
	}
	sl_verdicts_forget(s, path);
	sl_mount_event(s->mount, EBADMSG, path, text, NULL);
	if (mark(w, LEAVES, text)) {
		start(w);
		return;
	}
	take_off(s->verdicts, w);
	withdrawal_free(w);
}

/* Is delete granted? Asked with a key that cannot exist. */
struct probe {
	struct sl_op op;
	struct sl_store *store;
};

static void on_probed(struct sl_op *op)
{
	struct probe *p = op->arg;
	int ok = op->err == 0 ? 1 : op->err == -EACCES ? 0 : -1;

	__atomic_store_n(&p->store->delete_ok, ok, __ATOMIC_RELAXED);
	sl_store_unref(p->store);
	free(p);
}

void sl_withdraw_probe(struct sl_store *s)
{
	struct probe *p = calloc(1, sizeof(*p));

	if (!p)
		return; /* stays unknown */
	p->store = sl_store_ref(s);
	p->op = (struct sl_op){
		.key = "-no-such-node/-no-such-file",
		.done = on_probed,
		.arg = p,
		.retry_for_ms = 60000,
	};
	sl_backend_remove(s->backend, &p->op);
}
