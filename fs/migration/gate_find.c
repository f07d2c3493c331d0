/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gate's findings: one table of rules with the errno that each closes
 * the gate with and the sentence for the user, and a list that is bounded
 * however bad the comparison turns out.
 */
#include "migration/gate_internal.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "buf.h"
#include "cleanup.h"

#define FINDINGS_MAX 1000
#define WARNINGS_MAX 300

static const struct {
	const char *name;
	int errnum;
	const char *text; /* follows the quoted path, if there is one */
} rules[SL_GATE__COUNT] = {
	[SL_GATE_OPEN] = { "open-file", EBUSY,
		"is still being written; wait for the copy to end" },
	[SL_GATE_QUEUED] = { "queued", EBUSY,
		"is queued for upload; wait for it" },
	[SL_GATE_INTERRUPTED] = { "interrupted", EBADMSG,
		"was not copied to its end; run the same copy again, or "
		"forget it with sideloadctl forget" },
	[SL_GATE_UNPROVEN] = { "unproven", EBADMSG,
		"may have been cut off by the program that wrote it; copy it "
		"again with cp or rsync" },
	[SL_GATE_FAILED] = { "failed", EBADMSG,
		"could not be uploaded; see .errors and copy it again" },
	[SL_GATE_MISSING] = { "missing", EBADMSG,
		"was copied, but is not in the bucket any more; copy it "
		"again" },
	[SL_GATE_FOREIGN] = { "foreign", EBADMSG,
		"is in the bucket but was not copied by this mount; remove "
		"it or launch anyway" },
	[SL_GATE_DIFFERS] = { "differs", EBADMSG,
		"is not in the bucket as it was copied; copy it again" },
	[SL_GATE_NODE_UNNAMED] = { "node-unnamed", EINVAL,
		"no node is named; write 'launch NODE...' with every node of "
		"the cluster, or mount with -o expect=" },
	[SL_GATE_NODE_MISSING] = { "node-missing", EBADMSG,
		"is named as a node, but nothing of it is in the bucket; "
		"copy its snapshot or correct the name" },
	[SL_GATE_NODE_EXTRA] = { "node-extra", EBADMSG,
		"is in the bucket, but no such node is named; name it, or "
		"remove what is not meant to be imported" },
	[SL_GATE_NOTHING] = { "nothing", EBADMSG,
		"there is nothing to import; copy NODE/KEYSPACE/TABLE-ID/"
		"snapshots/TAG/ first and look into .skipped" },
	[SL_GATE_NO_LISTING] = { "no-listing", EACCES,
		"the bucket cannot be listed, so nothing can be compared; "
		"launch anyway if you know that all is there" },
	[SL_GATE_UNCLEAN] = { "unclean", EBADMSG,
		"this mount ended without an unmount before; run the same "
		"copy once more, it sends only what is missing" },
	[SL_GATE_SEAL] = { "seal-mismatch", EBADMSG,
		"is not what its seal says; run the copy on that node again "
		"and seal it anew" },
	[SL_GATE_UPLOADS] = { "unfinished-upload", EBUSY,
		"has uploads that are not finished; let the copy there end, "
		"or abort them if that copy was given up" },
	[SL_GATE_ORDER] = { "listing-order", EBADMSG,
		"the store does not list in byte order, so SSTables, tables "
		"and seals could not be compared; launch anyway if you know "
		"that all is there" },
	[SL_GATE_NOTE] = { "note", 0, "" },
	[SL_GATE_JUDGED] = { "judged", EBADMSG, "" },
	[SL_GATE_WARNED] = { "warned", 0, "" },
};

const char *sl_gate_rule_name(enum sl_gate_rule r)
{
	return (unsigned)r < SL_GATE__COUNT ? rules[r].name : "unknown";
}

void *sl_gate_grow(void *p, size_t count, size_t *cap, size_t size)
{
	size_t want = *cap ? *cap * 2 : 16;
	void *q;

	if (count < *cap)
		return p;
	q = reallocarray(p, want, size);
	if (q)
		*cap = want;
	return q;
}


/* How often this was found: each rule of snapshots by itself. */
static uint64_t *counter(struct sl_gate *g, enum sl_gate_rule rule,
			 enum sl_rule judged)
{
	if (rule == SL_GATE_JUDGED)
		return &g->judged[judged];
	return rule == SL_GATE_WARNED ? &g->warned[judged] : &g->count[rule];
}

/*
 * The first of each rule is kept even when the list is full, and warnings
 * leave room for what closes the gate.
 */
static bool keep_finding(const struct sl_gate *g, enum sl_gate_rule rule,
			 uint64_t before)
{
	size_t max = rules[rule].errnum ? FINDINGS_MAX - SL_GATE__COUNT :
					  WARNINGS_MAX;

	return g->findings < max || !before;
}

static bool is_kept(const struct sl_gate *g, enum sl_gate_rule rule,
		    enum sl_rule judged, const char *path)
{
	for (size_t i = 0; i < g->findings; i++) {
		const struct sl_gate_note *n = &g->finding[i];

		if (n->rule == rule && n->judged == judged &&
		    !strcmp(n->path, path))
			return true;
	}
	return false;
}

static char *make_text(enum sl_gate_rule rule, const char *path)
{
	char clean[1100], *text = NULL;

	sl_text_clean(clean, sizeof(clean), path, strlen(path));
	if (asprintf(&text, "%s%s%s%s", path[0] ? "'" : "", clean,
		     path[0] ? "' " : "", rules[rule].text) < 0)
		return NULL;
	return text;
}

/* Takes the text. */
static int add(struct sl_gate *g, enum sl_gate_rule rule, enum sl_rule judged,
	       const char *path, char *text)
{
	SL_CLEANUP(free) char *p = strdup(path), *t = text;
	struct sl_gate_note *q = sl_gate_grow(g->finding, g->findings,
					      &g->findings_cap, sizeof(*q));

	if (q)
		g->finding = q;
	if (!p || !t || !q)
		return -ENOMEM;
	g->finding[g->findings++] = (struct sl_gate_note){
		.rule = rule,
		.judged = judged,
		.path = sl_steal(&p),
		.text = sl_steal(&t),
	};
	return 0;
}

int sl_gate_add(struct sl_gate *g, enum sl_gate_rule rule, const char *path,
		const char *text)
{
	bool keep = keep_finding(g, rule, g->count[rule]);

	g->count[rule]++;
	if (!path)
		path = "";
	if (!keep)
		return 0;
	return add(g, rule, SL_RULE_NONE, path, text && text[0] ?
		   strdup(text) : make_text(rule, path));
}

int sl_gate_say(struct sl_gate *g, enum sl_gate_rule rule, const char *path,
		const char *fmt, ...)
{
	SL_CLEANUP(free) char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0) {
		text = NULL;
		return -ENOMEM;
	}
	return sl_gate_add(g, rule, path, text);
}

/* "'PATH': SENTENCE (DETAIL); CURE" */
static char *judged_text(const struct sl_finding *f)
{
	SL_CLEANUP(buf) struct sl_buf b = SL_BUF_INIT(8192);
	char clean[1300];

	sl_text_clean(clean, sizeof(clean), f->path, strlen(f->path));
	if (clean[0])
		sl_buf_printf(&b, "'%s': ", clean);
	if (sl_finding_text(f, &b))
		return NULL;
	return sl_buf_steal(&b);
}

int sl_gate_found(struct sl_gate *g, const struct sl_finding *f)
{
	bool rejects = f->verdict == SL_REJECT;
	enum sl_gate_rule rule = rejects ? SL_GATE_JUDGED : SL_GATE_WARNED;
	uint64_t *count = counter(g, rule, f->rule);
	const char *path = f->path ? f->path : "";
	bool keep = keep_finding(g, rule, *count);

	if (f->verdict != SL_REJECT && f->verdict != SL_WARN)
		return 0;
	if (keep && is_kept(g, rule, f->rule, path))
		return 0;
	++*count;
	g->count[rule]++;
	return keep ? add(g, rule, f->rule, path, judged_text(f)) : 0;
}

int sl_gate_differs(struct sl_gate *g, const char *key, const char *fmt, ...)
{
	SL_CLEANUP(free) char *detail = NULL;
	SL_CLEANUP(free) char *text = NULL;
	char clean[1100];
	va_list ap;
	int n;

	if (!keep_finding(g, SL_GATE_DIFFERS, g->count[SL_GATE_DIFFERS]))
		return sl_gate_add(g, SL_GATE_DIFFERS, key, NULL);
	va_start(ap, fmt);
	n = vasprintf(&detail, fmt, ap);
	va_end(ap);
	if (n < 0) {
		detail = NULL;
		return -ENOMEM;
	}
	sl_text_clean(clean, sizeof(clean), key, strlen(key));
	if (asprintf(&text, "'%s' %s (%s)", clean,
		     rules[SL_GATE_DIFFERS].text, detail) < 0) {
		text = NULL;
		return -ENOMEM;
	}
	return sl_gate_add(g, SL_GATE_DIFFERS, key, text);
}

static const struct sl_gate_note *first_of(const struct sl_gate *g, int errnum)
{
	for (size_t i = 0; i < g->findings; i++)
		if (rules[g->finding[i].rule].errnum == errnum)
			return &g->finding[i];
	return NULL;
}

#define GATES ((size_t)SL_GATE_NOTE) /* what follows is counted by rule */
#define CLOSING (GATES + SL_RULE__COUNT)

const char *sl_gate_count_name(size_t i, bool *ret_closes)
{
	*ret_closes = i < CLOSING;
	return i < GATES ? rules[i].name :
		sl_rule_info((enum sl_rule)((i - GATES) %
					    SL_RULE__COUNT))->name;
}

bool sl_gate_counted(const struct sl_gate *g, size_t i, const char **ret_name,
		     bool *ret_closes, uint64_t *ret_count)
{
	if (i >= CLOSING + SL_RULE__COUNT)
		return false;
	*ret_name = sl_gate_count_name(i, ret_closes);
	*ret_count = i < GATES ? g->count[i] : i < CLOSING ?
		g->judged[i - GATES] : g->warned[i - CLOSING];
	return true;
}

/* "3 foreign, 1 failed", in the order of the rules. */
static void summarise(const struct sl_gate *g, struct sl_buf *b)
{
	const char *name;
	uint64_t n;
	bool closes;

	for (size_t i = 0; sl_gate_counted(g, i, &name, &closes, &n); i++)
		if (n && closes)
			sl_buf_printf(b, "%s%" PRIu64 " %s", b->len ? ", " :
				      "", n, name);
}

uint64_t sl_gate_against(const struct sl_gate *g, const char *node)
{
	size_t len = strlen(node);
	uint64_t n = 0;

	for (size_t i = 0; i < g->findings; i++) {
		const char *p = g->finding[i].path;

		if (rules[g->finding[i].rule].errnum &&
		    (!*p || (!strncmp(p, node, len) &&
			     (!p[len] || p[len] == '/'))))
			n++;
	}
	return n;
}

int sl_gate_verdict(const struct sl_gate *g, struct sl_error *e)
{
	static const int order[] = { EINVAL, EBUSY, EACCES, EBADMSG };
	SL_CLEANUP(buf) struct sl_buf b = SL_BUF_INIT(1024);

	summarise(g, &b);
	for (size_t i = 0; i < SL_ARRAY_LEN(order); i++) {
		const struct sl_gate_note *f = first_of(g, order[i]);

		if (f)
			return sl_error_set(e, order[i],
					    "the gate is closed (%s): %s",
					    sl_buf_str(&b), f->text);
	}
	return 0;
}

bool sl_gate_finding(const struct sl_gate *g, size_t i,
		     struct sl_gate_finding *ret)
{
	if (i >= g->findings)
		return false;
	*ret = (struct sl_gate_finding){
		.rule = g->finding[i].rule,
		.name = g->finding[i].judged ?
			sl_rule_info(g->finding[i].judged)->name :
			rules[g->finding[i].rule].name,
		.closes = rules[g->finding[i].rule].errnum != 0,
		.path = g->finding[i].path,
		.text = g->finding[i].text,
	};
	return true;
}

uint64_t sl_gate_count(const struct sl_gate *g, enum sl_gate_rule rule)
{
	return (unsigned)rule < SL_GATE__COUNT ? g->count[rule] : 0;
}
