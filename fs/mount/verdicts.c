/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The judge of a migration in the mount: it knows the facts of every file of
 * ours that is in the bucket, or is just being committed; the ledger keeps
 * them, so that after a remount it goes on where it was. A file whose facts
 * are not known (it came by another tool, or before this) is there as one
 * that was never read.
 */
#include <string.h>

#include "log.h"
#include "mount/file.h"
#include "mount/store.h"
#include "mount/tree.h"
#include "mount/verdict.h"

/* More kinds of warnings in more directories are told each time. */
#define TOLD_MAX 8192

int sl_verdicts_new(const struct sl_policy *policy, struct sl_verdicts **ret)
{
	struct sl_verdicts *vs = calloc(1, sizeof(*vs));

	if (!vs || sl_judge_new(policy, &vs->judge)) {
		free(vs);
		return -ENOMEM;
	}
	sl_mutex_init(&vs->mu);
	*ret = vs;
	return 0;
}

void sl_verdicts_free(struct sl_verdicts *vs)
{
	if (!vs)
		return;
	sl_judge_free(vs->judge);
	sl_mutex_release(&vs->mu);
	free(vs->told);
	free(vs);
}

static void unheard(void *arg, const struct sl_finding *f)
{
	(void)arg;
	(void)f;
}

/* Takes the place of whatever is known, also of another Data.db. */
static int replace_locked(struct sl_verdicts *vs, const char *path,
			  const struct sl_facts *f)
{
	sl_judge_drop(vs->judge, path);
	return sl_judge_put(vs->judge, path, f, unheard, NULL);
}

static int put_unread_locked(struct sl_verdicts *vs, const char *path,
			     const struct sl_object *o)
{
	const char *name = sl_last_segment(path);
	struct sl_facts f = {
		.size = o->size,
		.has_crc32 = o->has_crc32,
		.crc32 = o->crc32,
		.unread = true,
	};

	sl_name_parse(name, strlen(name), &f.name);
	return replace_locked(vs, path, &f);
}

void sl_verdicts_unread(struct sl_verdicts *vs, const char *path,
			const struct sl_object *o)
{
	SL_LOCK_SCOPE(&vs->mu);
	/* Without memory it counts as missing, which is as good a word. */
	if (!sl_judge_facts(vs->judge, path) &&
	    put_unread_locked(vs, path, o) == -ENOMEM)
		sl_log_debug("'%s': no memory to judge", path);
}

void sl_verdicts_row(struct sl_verdicts *vs, const struct sl_path *p,
		     const struct sl_ledger_row *r)
{
	struct sl_object o = {
		.size = r->size,
		.has_crc32 = r->has_crc32,
		.crc32 = r->crc32,
	};

	if (p->cls == SL_PATH_UPLOAD && r->state == SL_FILE_COMMITTED) {
		sl_verdicts_unread(vs, r->path, &o);
	} else if (p->cls == SL_PATH_SKIP) {
		SL_LOCK_SCOPE(&vs->mu);
		/* Index directories: missing only makes a rule stricter. */
		if (sl_judge_create(vs->judge, r->path, unheard, NULL))
			sl_log_debug("'%s': no memory to judge", r->path);
	}
}

struct loading {
	struct sl_verdicts *vs;
	uint64_t bad;
};

/*
 * Only of files that are in the bucket, by their rows: a kill between the two
 * may have left facts of one that was withdrawn. A schema.cql that was
 * refused is known on purpose.
 */
static int load_known(struct sl_verdicts *vs, const char *path,
		      const struct sl_facts *f)
{
	SL_LOCK_SCOPE(&vs->mu);
	if (f->name.component != SL_COMP_SCHEMA &&
	    !sl_judge_facts(vs->judge, path))
		return 0;
	return replace_locked(vs, path, f);
}

static int load_facts(void *arg, const char *path, const void *p, size_t n)
{
	struct loading *ld = arg;
	SL_CLEANUP(facts) struct sl_facts f = { 0 };
	int r = sl_facts_unpack(p, n, &f);

	if (!r)
		r = load_known(ld->vs, path, &f);
	if (r == -ENOMEM)
		return r;
	ld->bad += r != 0;
	return 0;
}

int sl_verdicts_load(struct sl_store *s, struct sl_ledger *l,
		     struct sl_error *e)
{
	struct loading ld = { .vs = s->verdicts };
	int r = sl_ledger_facts(l, load_facts, &ld, e);
	char text[160];

	if (r || !ld.bad)
		return r;
	snprintf(text, sizeof(text), "what the ledger knows of the content of "
		 "%llu files makes no sense; they count as not judged",
		 (unsigned long long)ld.bad);
	sl_mount_event(s->mount, 0, NULL, text, NULL);
	return 0;
}

struct refusal {
	enum sl_rule rule; /* the first that refuses */
	char text[SL_VERDICT_TEXT];
};

static void on_create(void *arg, const struct sl_finding *f)
{
	struct refusal *q = arg;

	if (q->rule || f->verdict != SL_REJECT)
		return;
	q->rule = f->rule;
	sl_verdict_say(f, q->text, sizeof(q->text));
}

/* The judge thinks in files: any in that directory will do. */
static int create_path(const struct sl_path *p, const char *path, bool is_dir,
		       char *dst, size_t size)
{
	const char *file = p->temporary ? p->final_key : path;
	int n = snprintf(dst, size, is_dir ? "%s/manifest.json" : "%s", file);

	return n > 0 && (size_t)n < size ? 0 : -ENAMETOOLONG;
}

int sl_verdicts_create(struct sl_mount *m, const struct sl_path *p,
		       const char *path, bool is_dir, struct sl_error *e)
{
	SL_CLEANUP(store) struct sl_store *s = sl_mount_store(m, NULL);
	char file[SL_PATH_MAX + 16];
	struct refusal q = { 0 };
	int r;

	if (!s || (is_dir && (!p->tag.p || p->index.p)) ||
	    create_path(p, path, is_dir, file, sizeof(file)))
		return 0;
	sl_mutex_lock(&s->verdicts->mu);
	r = sl_judge_create(s->verdicts->judge, file, on_create, &q);
	sl_mutex_unlock(&s->verdicts->mu);
	if (r || !q.rule || p->cls == SL_PATH_SKIP)
		return r;
	__atomic_add_fetch(&m->refused, 1, __ATOMIC_RELAXED);
	sl_mount_event(m, EOPNOTSUPP, path, q.text, NULL);
	return sl_error_set(e, EOPNOTSUPP, "%s", q.text);
}

void sl_verdicts_forget(struct sl_store *s, const char *path)
{
	struct sl_ledger *l = sl_store_ledger(s, path, NULL);

	sl_verdicts_drop(s->verdicts, path);
	if (l && sl_ledger_facts_put(l, path, NULL, 0))
		sl_log_debug("'%s': the ledger keeps old facts", path);
}

int sl_verdicts_put(struct sl_verdicts *vs, const char *path,
		    const struct sl_facts *f, sl_found_fn *found, void *arg)
{
	SL_LOCK_SCOPE(&vs->mu);
	return sl_judge_put(vs->judge, path, f, found, arg);
}

int sl_verdicts_facts(struct sl_verdicts *vs, const char *path,
		      struct sl_facts *ret)
{
	const struct sl_facts *f;

	SL_LOCK_SCOPE(&vs->mu);
	f = sl_judge_facts(vs->judge, path);
	if (!f)
		return -ENOENT;
	sl_facts_ref(f);
	*ret = *f;
	return 0;
}

int sl_verdicts_all(struct sl_verdicts *vs, const char *node,
		    sl_found_fn *found, void *arg)
{
	SL_LOCK_SCOPE(&vs->mu);
	return sl_judge_all(vs->judge, node, found, arg);
}

/* Called back with the lock held, which clang cannot see. */
static void give(void *arg) SL_TSA(no_thread_safety_analysis);
static void give(void *arg)
{
	struct sl_verdicts *vs = arg;

	sl_mutex_unlock(&vs->mu);
}

static void take(void *arg) SL_TSA(no_thread_safety_analysis);
static void take(void *arg)
{
	struct sl_verdicts *vs = arg;

	sl_mutex_lock(&vs->mu);
}

int sl_verdicts_report(struct sl_verdicts *vs, sl_found_fn *found, void *arg)
{
	struct sl_judge_turns turns = { give, take, vs };

	SL_LOCK_SCOPE(&vs->mu);
	return sl_judge_all_in_turns(vs->judge, &turns, found, arg);
}

int sl_verdicts_of(struct sl_verdicts *vs, const char *path,
		   sl_found_fn *found, void *arg)
{
	SL_LOCK_SCOPE(&vs->mu);
	return sl_judge_of(vs->judge, path, found, arg);
}

static uint64_t hash_place(enum sl_rule rule, const char *path)
{
	size_t n = (size_t)(sl_last_segment(path) - path);
	uint64_t h = 0xcbf29ce484222325u ^ (uint64_t)rule;

	for (size_t i = 0; i < n; i++)
		h = (h ^ (unsigned char)path[i]) * 0x100000001b3u;
	return h;
}

bool sl_verdicts_first(struct sl_verdicts *vs, enum sl_rule rule,
		       const char *path)
{
	uint64_t h = hash_place(rule, path), *more;

	SL_LOCK_SCOPE(&vs->mu);
	for (size_t i = 0; i < vs->told_count; i++) {
		if (vs->told[i] == h)
			return false;
	}
	if (vs->told_count == TOLD_MAX)
		return true;
	more = reallocarray(vs->told, vs->told_count + 1, sizeof(*more));
	if (!more)
		return true;
	vs->told = more;
	vs->told[vs->told_count++] = h;
	return true;
}

void sl_verdict_say(const struct sl_finding *f, char *dst, size_t size)
{
	SL_CLEANUP(buf) struct sl_buf b = SL_BUF_INIT(4096);
	const char *s;

	sl_buf_printf(&b, "%s: ", sl_rule_info(f->rule)->name);
	/* A text too long is cut, as the one below is. */
	(void)sl_finding_text(f, &b);
	s = sl_buf_str(&b);
	sl_text_clean(dst, size, s, strlen(s));
}

enum sl_rule sl_verdict_rule(const char *note)
{
	size_t n = note ? strcspn(note, ":") : 0;

	return n && note[n] ? sl_rule_find(note, n) : SL_RULE_NONE;
}

enum sl_judgement sl_verdict_of_row(enum sl_file_state s, const char *note)
{
	if (!sl_verdict_rule(note))
		return SL_ACCEPT;
	if (s == SL_FILE_FAILED)
		return SL_REJECT;
	return s == SL_FILE_COMMITTED ? SL_WARN : SL_ACCEPT;
}

void sl_verdict_warn(struct sl_store *s, const char *path, enum sl_rule rule,
		     const char *text)
{
	struct sl_mount *m = s->mount;
	struct sl_tree *t = m->tree;
	struct sl_node *n;
	int r = 0;

	sl_mutex_lock(&t->mu);
	n = sl_tree_walk_locked(t, path);
	if (n && n->kind == SL_NODE_FILE && n->own &&
	    n->u.f.state == SL_FILE_COMMITTED) {
		sl_tree_set_verdict_locked(t, n, SL_WARN);
		r = sl_node_set_text(&n->u.f.note, text);
		sl_tree_pin_locked(n);
	} else {
		n = NULL;
	}
	sl_mutex_unlock(&t->mu);
	if (r)
		sl_log_debug("no memory for a note");
	if (sl_verdicts_first(s->verdicts, rule, path))
		sl_mount_event(m, 0, path, text, NULL);
	if (!n)
		return;
	sl_row_save(m, n);
	SL_LOCK_SCOPE(&t->mu);
	sl_tree_unpin_locked(t, n);
}
