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


/* The first of each rule is kept even when the list is full. */
static bool keep_finding(const struct sl_gate *g, enum sl_gate_rule rule)
{
	return g->findings < FINDINGS_MAX - SL_GATE__COUNT || !g->count[rule];
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

int sl_gate_add(struct sl_gate *g, enum sl_gate_rule rule, const char *path,
		const char *text)
{
	SL_CLEANUP(free) char *p = NULL, *t = NULL;
	struct sl_gate_note *q;

	if (!path)
		path = "";
	if (!keep_finding(g, rule)) {
		g->count[rule]++;
		return 0;
	}
	p = strdup(path);
	t = text && text[0] ? strdup(text) : make_text(rule, path);
	q = sl_gate_grow(g->finding, g->findings, &g->findings_cap,
			 sizeof(*q));
	if (q)
		g->finding = q;
	if (!p || !t || !q)
		return -ENOMEM;
	g->finding[g->findings++] = (struct sl_gate_note){
		.rule = rule, .path = sl_steal(&p), .text = sl_steal(&t),
	};
	g->count[rule]++;
	return 0;
}

int sl_gate_differs(struct sl_gate *g, const char *key, const char *fmt, ...)
{
	SL_CLEANUP(free) char *detail = NULL;
	SL_CLEANUP(free) char *text = NULL;
	char clean[1100];
	va_list ap;
	int n;

	if (!keep_finding(g, SL_GATE_DIFFERS))
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

/* "3 foreign, 1 failed", in the order of the rules. */
static void summarise(const struct sl_gate *g, struct sl_buf *b)
{
	for (int i = 0; i < SL_GATE__COUNT; i++)
		if (g->count[i])
			sl_buf_printf(b, "%s%" PRIu64 " %s", b->len ? ", " :
				      "", g->count[i], rules[i].name);
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
		.path = g->finding[i].path,
		.text = g->finding[i].text,
	};
	return true;
}

uint64_t sl_gate_count(const struct sl_gate *g, enum sl_gate_rule rule)
{
	return (unsigned)rule < SL_GATE__COUNT ? g->count[rule] : 0;
}
