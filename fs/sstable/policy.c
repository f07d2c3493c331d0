/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A policy: the verdicts of the table as one user wants them. The text is
 * strict, because a misspelt rule that is passed over would let in what its
 * writer meant to keep out.
 *
 *   # comment
 *   RULE VERDICT     # accept, skip, warn or reject
 *
 * Not every verdict is possible. What a path alone tells can be skipped; a
 * file whose bytes are already under way cannot. What lies at a place that no
 * snapshot has can be left out or refused, but there is nowhere to put it.
 */
#include <stdio.h>
#include <string.h>

#include "sstable/rule.h"

enum {
	CAN_ACCEPT = 1 << SL_ACCEPT,
	CAN_SKIP = 1 << SL_SKIP,
	CAN_WARN = 1 << SL_WARN,
	CAN_REJECT = 1 << SL_REJECT,
	CAN_ALL = CAN_ACCEPT | CAN_SKIP | CAN_WARN | CAN_REJECT,
};

static const struct {
	enum sl_rule rule;
	unsigned can;
} placeless[] = {
	{ SL_RULE_LIVE_FILE, CAN_SKIP | CAN_REJECT },
	{ SL_RULE_BACKUPS, CAN_SKIP | CAN_REJECT },
	{ SL_RULE_INDEX_DIRECTORY, CAN_SKIP | CAN_REJECT },
	{ SL_RULE_NO_TABLE_ID, CAN_SKIP | CAN_REJECT },
	{ SL_RULE_NOT_A_SNAPSHOT, CAN_SKIP | CAN_REJECT },
	{ SL_RULE_PRE21_DIRECTORY, CAN_SKIP | CAN_REJECT },
	{ SL_RULE_BAD_NODE, CAN_REJECT },
	{ SL_RULE_BAD_NAME, CAN_REJECT },
};

struct parse {
	struct sl_policy *p;
	const char *name;
	unsigned line;
	unsigned given[SL_RULE__COUNT]; /* in which line; 0: in none */
	struct sl_error *e;
};

struct word {
	const char *s;
	size_t n;
};

void sl_policy_init(struct sl_policy *p)
{
	for (unsigned i = 0; i < SL_RULE__COUNT; i++)
		p->verdict[i] = (uint8_t)sl_rule_info(i)->verdict;
}

enum sl_judgement sl_policy_verdict(const struct sl_policy *p, enum sl_rule r)
{
	if (!p || (unsigned)r >= SL_RULE__COUNT)
		return sl_rule_info(r)->verdict;
	return p->verdict[r];
}

static unsigned possible(enum sl_rule r)
{
	for (size_t i = 0; i < SL_ARRAY_LEN(placeless); i++)
		if (placeless[i].rule == r)
			return placeless[i].can;
	return sl_rule_info(r)->when == SL_WHEN_NAME ? CAN_ALL :
						       CAN_ALL & ~CAN_SKIP;
}

/* What is wrong with a word of the file, fit for a terminal. */
static int refuse(struct parse *c, struct word w, const char *what)
{
	char clean[64];

	sl_text_clean(clean, sizeof(clean), w.s, w.n);
	return sl_error_set(c->e, EINVAL, "%s, line %u: '%s' %s", c->name,
			    c->line, clean, what);
}

static bool find_verdict(struct word w, enum sl_judgement *ret)
{
	for (int v = SL_ACCEPT; v <= SL_REJECT; v++) {
		const char *s = sl_verdict_name(v);

		if (strlen(s) == w.n && !memcmp(s, w.s, w.n)) {
			*ret = v;
			return true;
		}
	}
	return false;
}

static int refuse_verdict(struct parse *c, struct word rule, enum sl_rule r)
{
	char what[160];
	size_t n = 0;

	what[0] = '\0';
	for (int v = SL_ACCEPT; v <= SL_REJECT; v++)
		if (possible(r) & 1u << v)
			n += (size_t)snprintf(what + n, sizeof(what) - n,
					      "%s%s", n ? ", " :
					      "can only have: ",
					      sl_verdict_name(v));
	return refuse(c, rule, what);
}

static int take_line(struct parse *c, struct word rule, struct word verdict)
{
	enum sl_rule r = sl_rule_find(rule.s, rule.n);
	enum sl_judgement v;

	if (r == SL_RULE_NONE)
		return refuse(c, rule, "is no rule; 'sideloadfs --rules' lists "
			      "them");
	if (!verdict.n)
		return refuse(c, rule, "has no verdict: say accept, skip, warn "
			      "or reject");
	if (!find_verdict(verdict, &v))
		return refuse(c, verdict, "is no verdict: say accept, skip, "
			      "warn or reject");
	if (c->given[r])
		return refuse(c, rule, "was given a verdict above");
	if (!(possible(r) & 1u << v))
		return refuse_verdict(c, rule, r);
	c->given[r] = c->line;
	c->p->verdict[r] = (uint8_t)v;
	return 0;
}

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* The next word of what is left of a line; n 0: there is none. */
static struct word next_word(struct word *line)
{
	struct word w;

	while (line->n && blank(*line->s)) {
		line->s++;
		line->n--;
	}
	w.s = line->s;
	w.n = 0;
	while (w.n < line->n && !blank(w.s[w.n]) && w.s[w.n] != '#')
		w.n++;
	line->s += w.n;
	line->n -= w.n;
	return w;
}

static int parse_line(struct parse *c, struct word line)
{
	struct word rule = next_word(&line), verdict, more;

	if (!rule.n)
		return 0;
	verdict = next_word(&line);
	more = next_word(&line);
	if (more.n)
		return refuse(c, more, "is one word too many: a line is RULE "
			      "VERDICT");
	return take_line(c, rule, verdict);
}

int sl_policy_parse(struct sl_policy *p, const char *name, const char *text,
		    size_t n, struct sl_error *e)
{
	struct sl_policy changed = *p;
	struct parse c = { .p = &changed, .name = name, .e = e };
	int r = 0;

	while (n && !r) {
		const char *end = memchr(text, '\n', n);
		size_t len = end ? (size_t)(end - text) : n;

		c.line++;
		r = parse_line(&c, (struct word){ text, len });
		text += len + (end != NULL);
		n -= len + (end != NULL);
	}
	if (!r)
		*p = changed;
	return r;
}
