/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of the copy as a whole, as text: .verify, .schema.cql, the
 * attributes of one file, and the loud word when nothing came of it. It asks
 * nobody: all was learned as the files passed.
 */
#include <inttypes.h>
#include <string.h>

#include "clock.h"
#include "mount/store.h"
#include "mount/tree.h"
#include "mount/verdict.h"

/* So long nothing may have changed before a copy is said to have ended. */
#define QUIET_MS 30000

static void put_path(struct sl_buf *out, const char *path)
{
	char clean[SL_PATH_MAX];

	sl_text_clean(clean, sizeof(clean), path, strlen(path));
	sl_buf_puts(out, *clean ? clean : "-");
}

static void put_counts(struct sl_mount *m, struct sl_buf *out)
{
	struct sl_counts c;

	sl_mount_counts(m, &c);
	sl_buf_puts(out, "files:");
	for (int i = 0; i < SL_VERDICTS; i++)
		sl_buf_printf(out, "%s %s %" PRIu64, i ? "," : "",
			      sl_verdict_name((enum sl_judgement)i),
			      c.verdict[i]);
	sl_buf_puts(out, "\n");
}

/* Their facts are gone, the reason is in the row. */
static void put_refused(struct sl_mount *m, struct sl_buf *out)
{
	struct sl_tree *t = m->tree;
	char path[SL_PATH_MAX];

	SL_LOCK_SCOPE(&t->mu);
	for (struct sl_node *n = t->root; n;
	     n = sl_tree_next_locked(t->root, n)) {
		if (n->kind != SL_NODE_FILE || n->verdict != SL_REJECT ||
		    n->u.f.state != SL_FILE_FAILED ||
		    sl_tree_path_locked(t, n, path))
			continue;
		sl_buf_puts(out, "reject ");
		put_path(out, path);
		sl_buf_printf(out, ": %s\n", n->u.f.note ? n->u.f.note : "");
	}
}

struct listing {
	struct sl_buf *out;
	uint64_t n[SL_VERDICTS];
};

static void on_found(void *arg, const struct sl_finding *f)
{
	struct listing *l = arg;
	char text[SL_VERDICT_TEXT];

	l->n[f->verdict]++;
	if (sl_buf_error(l->out))
		return; /* full */
	sl_verdict_say(f, text, sizeof(text));
	sl_buf_printf(l->out, "%s ", sl_verdict_name(f->verdict));
	put_path(l->out, f->path);
	sl_buf_printf(l->out, ": %s\n", text);
}

static int put_findings(struct sl_store *s, struct sl_buf *out)
{
	struct listing l = { .out = out };
	int r = sl_verdicts_report(s->verdicts, on_found, &l);

	if (r)
		return r;
	if (!l.n[SL_REJECT] && !l.n[SL_WARN])
		sl_buf_puts(out, "no finding about what was copied so far\n");
	return 0;
}

static void put_known(struct sl_store *s, struct sl_buf *out)
{
	struct sl_judge_counts c;

	sl_mutex_lock(&s->verdicts->mu);
	sl_judge_count(s->verdicts->judge, NULL, &c);
	sl_mutex_unlock(&s->verdicts->mu);
	sl_buf_printf(out, "judged: %" PRIu64 " tables, %" PRIu64
		      " SSTables, %" PRIu64 " files\n", c.tables, c.sstables,
		      c.components);
}

int sl_render_verify(struct sl_mount *m, struct sl_buf *out)
{
	SL_CLEANUP(store) struct sl_store *s = NULL;
	struct sl_error e = { 0 };
	char text[SL_VERDICT_TEXT];

	if (sl_mount_nothing(m, text, sizeof(text)))
		sl_buf_printf(out, "%s\n\n", text);
	put_counts(m, out);
	s = sl_mount_store(m, &e);
	if (!s)
		return sl_buf_printf(out, "nothing is judged: %s\n", e.text);
	put_known(s, out);
	sl_buf_puts(out, "\n");
	put_refused(m, out);
	return put_findings(s, out);
}

static void note_difference(void *arg, const struct sl_finding *f)
{
	char text[SL_VERDICT_TEXT];

	sl_verdict_say(f, text, sizeof(text));
	sl_buf_printf(arg, "-- %s: ", sl_verdict_name(f->verdict));
	put_path(arg, f->path);
	sl_buf_printf(arg, ": %s\n", text);
}

int sl_render_schema(struct sl_mount *m, struct sl_buf *out)
{
	SL_CLEANUP(buf) struct sl_buf notes = SL_BUF_INIT(1 << 20);
	SL_CLEANUP(store) struct sl_store *s = NULL;
	struct sl_error e = { 0 };
	int r;

	s = sl_mount_store(m, &e);
	if (!s)
		return sl_buf_printf(out, "-- no schema is known: %s\n",
				     e.text);
	sl_mutex_lock(&s->verdicts->mu);
	r = sl_judge_ddl(s->verdicts->judge, out, note_difference, &notes);
	sl_mutex_unlock(&s->verdicts->mu);
	if (!out->len)
		sl_buf_puts(out, "-- no schema.cql and no SSTable was copied "
			    "yet\n");
	sl_buf_append(out, sl_buf_str(&notes), notes.len);
	return r ? r : sl_buf_error(out);
}

bool sl_mount_nothing(struct sl_mount *m, char *text, size_t size)
{
	const struct sl_rule_info *rule = sl_rule_info(SL_RULE_NOTHING);
	int names = __atomic_load_n(&m->refused, __ATOMIC_RELAXED);
	struct sl_counts c;
	uint64_t refused;

	sl_mount_counts(m, &c);
	refused = c.verdict[SL_REJECT] + (uint64_t)names;
	for (int i = 0; i < SL_FILE__COUNT; i++) {
		if (i != SL_FILE_SKIPPED && i != SL_FILE_FAILED &&
		    i != SL_FILE_DIR && c.n[i])
			return false;
	}
	if (!c.n[SL_FILE_SKIPPED] && !refused)
		return false;
	if (text)
		snprintf(text, size, "%s: %s (%" PRIu64 " files skipped, "
			 "%" PRIu64 " refused)%s%s", rule->name,
			 rule->sentence, c.n[SL_FILE_SKIPPED], refused,
			 *rule->cure ? "; " : "", rule->cure);
	return true;
}

void sl_mount_tell_nothing(struct sl_mount *m, bool at_end)
{
	int64_t now = sl_mono_ms(&sl_clock_system);
	char text[SL_VERDICT_TEXT];
	struct sl_counts c;
	bool quiet;

	sl_mount_counts(m, &c);
	quiet = !memcmp(&c, &m->quiet.counts, sizeof(c)) &&
		!__atomic_load_n(&m->open_files, __ATOMIC_RELAXED);
	if (!quiet) {
		m->quiet.counts = c;
		m->quiet.since_ms = now;
	}
	if (!sl_mount_nothing(m, text, sizeof(text))) {
		m->quiet.told = false;
		return;
	}
	if (m->quiet.told || (!at_end && now - m->quiet.since_ms < QUIET_MS))
		return;
	m->quiet.told = true;
	sl_mount_event(m, ENODATA, NULL, text, NULL);
}

struct worst {
	enum sl_judgement verdict;
	struct sl_buf *rules; /* NULL: not asked for */
	uint64_t seen[(SL_RULE__COUNT + 63) / 64];
};

static void add_rule(struct worst *w, enum sl_rule r)
{
	uint64_t bit = (uint64_t)1 << (r % 64);

	if (!r || (w->seen[r / 64] & bit))
		return;
	w->seen[r / 64] |= bit;
	if (w->rules)
		sl_buf_printf(w->rules, "%s%s", w->rules->len ? " " : "",
			      sl_rule_info(r)->name);
}

static void on_of(void *arg, const struct sl_finding *f)
{
	struct worst *w = arg;

	/* What is missing so far may still come. */
	if (sl_rule_info(f->rule)->when == SL_WHEN_GATE)
		return;
	if (f->verdict > w->verdict)
		w->verdict = f->verdict;
	add_rule(w, f->rule);
}

/* What the node says by itself; its path for the judge. */
static int ask_node(struct sl_mount *m, struct sl_node *n, struct worst *w,
		    char *path)
{
	bool skip;

	SL_LOCK_SCOPE(&m->tree->mu);
	skip = n->u.f.cls == SL_PATH_SKIP;
	w->verdict = skip ? SL_SKIP : n->u.f.state == SL_FILE_FAILED ||
		n->u.f.state == SL_FILE_COMMITTED ?
		(enum sl_judgement)n->verdict : SL_ACCEPT;
	if (!skip && n->u.f.why && w->verdict < SL_WARN)
		w->verdict = SL_WARN;
	add_rule(w, n->u.f.why);
	if (w->verdict >= SL_WARN)
		add_rule(w, sl_verdict_rule(n->u.f.note));
	return sl_tree_path_locked(m->tree, n, path);
}

int sl_verdict_xattr(struct sl_mount *m, struct sl_node *n, bool rules,
		     struct sl_buf *out)
{
	SL_CLEANUP(store) struct sl_store *s = sl_mount_store(m, NULL);
	struct worst w = { .rules = rules ? out : NULL };
	char path[SL_PATH_MAX];
	int r = ask_node(m, n, &w, path);

	if (!r && s && w.verdict != SL_SKIP)
		r = sl_verdicts_of(s->verdicts, path, on_of, &w);
	if (r && r != -EINVAL)
		return r;
	if (rules)
		return out->len ? sl_buf_error(out) : -ENODATA;
	return sl_buf_puts(out, sl_verdict_name(w.verdict));
}
