/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A version of a file on its way through the judge.
 *
 *   begin      the stream is made, with what is known of the SSTable so far,
 *              and taps the upload
 *   (bytes)    seen as they are taken, beside the checksum
 *   close      the facts are put into the judge, which says whether they go
 *              with those of the other files; the commit begins, or not
 *   committed  the facts go to the ledger
 *   lost       the facts that were there before come back, or none
 *
 * When it is judged. Where the version is to be committed: at the close of
 * cp, cat or rsync --inplace, but at the rename of a temporary name. rsync
 * ends its whole run when a close fails; when a rename fails it reports the
 * file, goes on with the others and ends with status 23.
 *
 * Who is to blame. A finding that blames this file, or the place where it is,
 * fails the version: it never gets into the bucket. One that blames another
 * file fails it too, for that one has to be sent again and the two must be
 * compared then; and the other is withdrawn (withdraw.c). If the other is
 * being committed at that moment it is doomed: its commit cannot be stopped
 * any more, so it fails and is withdrawn when the commit is through.
 *
 * A schema.cql that says 'view' stays known although it was refused: what
 * follows of the view must be refused as well.
 */
#include <string.h>

#include "log.h"
#include "mount/verdict.h"
#include "mount/version.h"

/* Another file that was found wrong, or worth a word. */
struct blame {
	struct blame *next;
	enum sl_judgement verdict;
	enum sl_rule rule;
	char *text; /* behind the path */
	char path[];
};

struct sl_trial {
	struct sl_tap tap;
	int refs; /* atomic: the file's and the upload's */
	struct sl_verdicts *vs;
	char *key;
	struct sl_name name; /* without the parts that point into the key */
	struct sl_mutex mu;
	struct sl_stream *stream SL_GUARDED_BY(mu);
	/* Below by file.mu. */
	bool judged; /* the facts that the judge has are ours */
	bool had;
	struct sl_facts before; /* if 'had': those that were there */
	struct sl_buf packed;	/* ours, for the ledger */
	enum sl_rule warned;
	char note[SL_VERDICT_TEXT]; /* of a warning */
	struct blame *blames;
	/* By sl_verdicts.mu. */
	struct sl_trial *next;
	bool pending;
	bool overtaken; /* the judge has facts of a later version */
	bool doomed;
	char doom[SL_VERDICT_TEXT]; /* why */
};

static void blames_free(struct blame *b)
{
	for (struct blame *next; b; b = next) {
		next = b->next;
		free(b);
	}
}

static void unref(struct sl_trial *v)
{
	if (!v || __atomic_sub_fetch(&v->refs, 1, __ATOMIC_ACQ_REL))
		return;
	sl_stream_free(v->stream);
	sl_facts_release(&v->before);
	sl_buf_release(&v->packed);
	blames_free(v->blames);
	sl_mutex_release(&v->mu);
	free(v->key);
	free(v);
}

static struct sl_trial *of_tap(struct sl_tap *t)
{
	return sl_container_of(t, struct sl_trial, tap);
}

static uint32_t on_bytes(struct sl_tap *t, const void *p, size_t n)
{
	struct sl_trial *v = of_tap(t);

	SL_LOCK_SCOPE(&v->mu);
	return sl_stream_feed_summed(v->stream, p, n);
}

static void on_restart(struct sl_tap *t)
{
	struct sl_trial *v = of_tap(t);

	SL_LOCK_SCOPE(&v->mu);
	sl_stream_restart(v->stream);
}

static void on_end(struct sl_tap *t)
{
	unref(of_tap(t));
}

static int make_stream(struct sl_trial *v)
{
	struct sl_prior prior = { 0 };
	int r;

	sl_mutex_lock(&v->vs->mu);
	/* A path of no snapshot: nothing is known, and nothing asked. */
	r = sl_judge_prior(v->vs->judge, v->key, &prior);
	sl_mutex_unlock(&v->vs->mu);
	r = sl_stream_new(&v->name, r ? NULL : &prior, &v->stream);
	sl_prior_release(&prior);
	return r;
}

int sl_verdict_begin_locked(struct sl_file *f)
{
	const char *name = sl_last_segment(f->key);
	struct sl_trial *v = calloc(1, sizeof(*v));

	if (!v)
		return -ENOMEM;
	*v = (struct sl_trial){
		.tap = { .bytes = on_bytes, .restart = on_restart,
			 .end = on_end },
		.refs = 1,
		.vs = f->store->verdicts,
		.key = strdup(f->key),
		.packed = SL_BUF_INIT(SL_STREAM_TEXT * 2),
	};
	sl_mutex_init(&v->mu);
	sl_name_parse(name, strlen(name), &v->name);
	v->name.id = v->name.text = (struct sl_path_part){ NULL, 0 };
	if (!v->key || make_stream(v)) {
		unref(v);
		return -ENOMEM;
	}
	f->verdict = v;
	/* Of a file without a parser only the size is asked. */
	if (v->name.component == SL_COMP_OTHER)
		return 0;
	v->refs++;
	sl_upload_set_tap(f->up, &v->tap);
	return 0;
}

/* Findings, as they are heard with the judge's lock held. */
struct heard {
	struct sl_trial *v;
	enum sl_rule own; /* the first that refuses this file */
	char text[SL_VERDICT_TEXT];
	bool others; /* another file is refused */
	int err;
};

/* Does it blame this file, its directory, or nobody in particular? */
static bool is_own(const char *key, const char *path)
{
	size_t n = strlen(path);

	return !n || (!strncmp(key, path, n) && (!key[n] || key[n] == '/'));
}

static void hear_other(struct heard *h, const struct sl_finding *f)
{
	size_t n = strlen(f->path) + 1;
	struct blame *b = calloc(1, sizeof(*b) + n + SL_VERDICT_TEXT);

	if (!b) {
		h->err = -ENOMEM;
		return;
	}
	b->verdict = f->verdict;
	b->rule = f->rule;
	memcpy(b->path, f->path, n);
	b->text = b->path + n;
	sl_verdict_say(f, b->text, SL_VERDICT_TEXT);
	b->next = h->v->blames;
	h->v->blames = b;
	h->others |= f->verdict == SL_REJECT;
}

static void on_found(void *arg, const struct sl_finding *f)
{
	struct heard *h = arg;
	bool reject = f->verdict == SL_REJECT;

	if (!is_own(h->v->key, f->path)) {
		hear_other(h, f);
	} else if (reject && !h->own) {
		h->own = f->rule;
		sl_verdict_say(f, h->text, sizeof(h->text));
	} else if (!reject && !h->v->warned) {
		h->v->warned = f->rule;
		sl_verdict_say(f, h->v->note, sizeof(h->v->note));
	}
}

static void unheard(void *arg, const struct sl_finding *f)
{
	(void)arg;
	(void)f;
}

static void take_off_locked(struct sl_trial *v)
{
	struct sl_trial **at = &v->vs->pending;

	if (!v->pending)
		return;
	while (*at != v)
		at = &(*at)->next;
	*at = v->next;
	v->pending = false;
}

/* What was known before holds again. */
static void restore_locked(struct sl_trial *v)
{
	struct sl_judge *j = v->vs->judge;

	sl_judge_drop(j, v->key);
	if (v->had && sl_judge_put(j, v->key, &v->before, unheard, NULL))
		sl_log_debug("'%s': no memory to judge", v->key);
}

/* The refused others are known no more; they are about to go. */
static void drop_blamed_locked(struct sl_trial *v)
{
	for (const struct blame *b = v->blames; b; b = b->next) {
		if (b->verdict == SL_REJECT)
			sl_judge_drop(v->vs->judge, b->path);
	}
}

static bool stays_known(const struct heard *h)
{
	return h->own == SL_RULE_VIEW &&
	       h->v->name.component == SL_COMP_SCHEMA;
}

static void put_on_locked(struct sl_trial *v)
{
	for (struct sl_trial *o = v->vs->pending; o; o = o->next)
		o->overtaken |= !strcmp(o->key, v->key);
	v->judged = v->pending = true;
	v->doomed = v->overtaken = false;
	v->next = v->vs->pending;
	v->vs->pending = v;
}

static int put_locked(struct heard *h, const struct sl_facts *facts)
{
	struct sl_trial *v = h->v;
	struct sl_judge *j = v->vs->judge;
	const struct sl_facts *old = sl_judge_facts(j, v->key);
	int r;

	sl_mutex_assume_held(&v->vs->mu);
	if (sl_withdraw_under_way_locked(v->vs, v->key))
		return -EBUSY;
	v->had = old != NULL;
	if (old) {
		sl_facts_ref(old);
		v->before = *old;
	}
	r = sl_judge_put(j, v->key, facts, on_found, h);
	if (!r)
		r = h->err;
	if (!r && !h->own && !h->others) {
		put_on_locked(v);
		return 0;
	}
	if (r || !stays_known(h)) {
		restore_locked(v);
		/* What a wrong file says of others means nothing. */
		if (r || h->own)
			blames_free(sl_steal(&v->blames));
	}
	drop_blamed_locked(v);
	return r;
}

static int facts_of(struct sl_trial *v, const struct sl_upload_state *st,
		    struct sl_facts *ret)
{
	int r;

	sl_mutex_lock(&v->mu);
	r = sl_stream_facts(v->stream, ret);
	sl_mutex_unlock(&v->mu);
	if (r)
		return r;
	ret->size = st->size;
	ret->has_crc32 = true;
	ret->crc32 = st->crc32;
	sl_buf_clear(&v->packed);
	/* Too much for the ledger: judged now, unread after a remount. */
	if (sl_facts_pack(ret, &v->packed))
		sl_buf_clear(&v->packed);
	return 0;
}

static void forget_last(struct sl_trial *v)
{
	blames_free(sl_steal(&v->blames));
	sl_facts_release(&v->before);
	v->before = (struct sl_facts){ 0 };
	v->had = false;
	v->warned = SL_RULE_NONE;
	v->note[0] = '\0';
}

static int fail_for_others(struct sl_file *f)
{
	const struct blame *b = f->verdict->blames;
	char text[SL_VERDICT_TEXT + SL_PATH_MAX + 80];
	const char *rest;

	while (b->verdict != SL_REJECT)
		b = b->next;
	rest = strchr(b->text, ':');
	snprintf(text, sizeof(text), "%s: this file shows that '%s' is wrong, "
		 "which is withdrawn; copy both again%s",
		 sl_rule_info(b->rule)->name, b->path, rest ? rest : "");
	return sl_version_fail_locked(f, EBADMSG, text);
}

static void save_facts(struct sl_file *f)
{
	struct sl_trial *v = f->verdict;
	struct sl_ledger *l = sl_store_ledger(f->store, f->key, NULL);

	if (l && v->packed.len &&
	    sl_ledger_facts_put(l, f->key, v->packed.data, v->packed.len))
		sl_log_debug("'%s': the ledger has no facts", f->key);
	sl_buf_release(&v->packed);
}

int sl_verdict_close_locked(struct sl_file *f,
			    const struct sl_upload_state *st)
{
	SL_CLEANUP(facts) struct sl_facts facts = { 0 };
	struct sl_trial *v = f->verdict;
	struct heard h = { .v = v };
	int r;

	if (!v)
		return 0;
	sl_verdict_lost_locked(f);
	forget_last(v);
	r = facts_of(v, st, &facts);
	if (!r) {
		SL_LOCK_SCOPE(&v->vs->mu);
		r = put_locked(&h, &facts);
	}
	if (r == -EINVAL)
		return 0; /* no file of a snapshot */
	if (r)
		return sl_version_fail_locked(f, -r, r == -EBUSY ?
			"an earlier version of this file is just being taken "
			"out of the bucket; copy it again" :
			"there was no memory to judge the file; copy it again");
	if (h.own) {
		r = sl_version_fail_locked(f, EBADMSG, h.text);
		if (stays_known(&h))
			save_facts(f);
		return r;
	}
	return h.others ? fail_for_others(f) : 0;
}

int sl_verdict_committed_locked(struct sl_file *f)
{
	struct sl_trial *v = f->verdict;
	bool doomed;

	if (!v || !v->judged)
		return 0;
	sl_mutex_lock(&v->vs->mu);
	take_off_locked(v);
	doomed = v->doomed;
	sl_mutex_unlock(&v->vs->mu);
	v->judged = false;
	sl_facts_release(&v->before);
	v->before = (struct sl_facts){ 0 };
	v->had = false;
	if (!doomed)
		save_facts(f);
	return doomed ? -EBADMSG : 0;
}

void sl_verdict_lost_locked(struct sl_file *f)
{
	struct sl_trial *v = f->verdict;

	if (!v || !v->judged)
		return;
	v->judged = false;
	SL_LOCK_SCOPE(&v->vs->mu);
	take_off_locked(v);
	v->doomed = false;
	if (!v->overtaken)
		restore_locked(v);
}

static struct blame *take_blames(struct sl_file *f)
{
	SL_LOCK_SCOPE(&f->mu);
	return f->verdict ? sl_steal(&f->verdict->blames) : NULL;
}

/* A warning about this file itself, once it is in the bucket. */
static bool take_note(struct sl_file *f, enum sl_rule *rule, char *text)
{
	struct sl_trial *v;

	SL_LOCK_SCOPE(&f->mu);
	v = f->verdict;
	if (!v || !v->warned || !f->adopted || f->err)
		return false;
	*rule = v->warned;
	memcpy(text, v->note, sizeof(v->note));
	v->warned = SL_RULE_NONE;
	return true;
}

static bool take_doom(struct sl_file *f, char *text)
{
	struct sl_trial *v = f->verdict;

	if (!v)
		return false;
	SL_LOCK_SCOPE(&v->vs->mu);
	if (!v->doomed || v->pending)
		return false;
	v->doomed = false;
	memcpy(text, v->doom, sizeof(v->doom));
	return true;
}

void sl_verdict_settle(struct sl_file *f)
{
	struct blame *all = take_blames(f);
	char note[SL_VERDICT_TEXT];
	enum sl_rule rule;

	for (const struct blame *b = all; b; b = b->next) {
		if (b->verdict == SL_REJECT)
			sl_withdraw(f->store, b->path, b->text);
		else
			sl_verdict_warn(f->store, b->path, b->rule, b->text);
	}
	blames_free(all);
	if (take_note(f, &rule, note))
		sl_verdict_warn(f->store, f->key, rule, note);
	if (take_doom(f, note))
		sl_withdraw(f->store, f->key, note);
}

void sl_verdict_release(struct sl_file *f)
{
	sl_verdict_lost_locked(f);
	unref(sl_steal(&f->verdict));
}

bool sl_verdict_doom_locked(struct sl_verdicts *vs, const char *path,
			    const char *text)
{
	for (struct sl_trial *v = vs->pending; v; v = v->next) {
		if (strcmp(v->key, path))
			continue;
		if (!v->doomed)
			snprintf(v->doom, sizeof(v->doom), "%s", text);
		v->doomed = true;
		return true;
	}
	return false;
}

void sl_verdicts_drop(struct sl_verdicts *vs, const char *path)
{
	SL_LOCK_SCOPE(&vs->mu);
	sl_judge_drop(vs->judge, path);
	/* A version that is lost now must not bring old facts back. */
	for (struct sl_trial *v = vs->pending; v; v = v->next)
		v->overtaken |= !strcmp(v->key, path);
}
