/* SPDX-License-Identifier: Apache-2.0 */
/* The one table of rules, and how a finding is said. See rule.h. */
#include "sstable/rule.h"

#include <string.h>

#include "sstable/rule_table.h"

_Static_assert(SL_RULE__COUNT <= 255, "nodes keep a rule in a byte");

const struct sl_rule_info *sl_rule_info(enum sl_rule r)
{
	static const struct sl_rule_info unknown = {
		"unknown", SL_REJECT, SL_WHEN_GATE, "an unknown finding", "",
	};
	unsigned i = r;

	if (i >= SL_RULE__COUNT)
		return &unknown;
	if (i >= SL_RULES_SET)
		return &sl_rules_set[i - SL_RULES_SET];
	if (i >= SL_RULES_ALONE)
		return &sl_rules_alone[i - SL_RULES_ALONE];
	return &sl_rules_place[i];
}

enum sl_rule sl_rule_find(const char *name, size_t n)
{
	for (unsigned i = SL_RULE_NONE + 1; i < SL_RULE__COUNT; i++) {
		const char *s = sl_rule_info(i)->name;

		if (strlen(s) == n && !memcmp(s, name, n))
			return i;
	}
	return SL_RULE_NONE;
}

const char *sl_verdict_name(enum sl_judgement v)
{
	static const char *const names[] = {
		[SL_ACCEPT] = "accept",
		[SL_SKIP] = "skip",
		[SL_WARN] = "warn",
		[SL_REJECT] = "reject",
	};

	return (unsigned)v < SL_ARRAY_LEN(names) ? names[v] : "unknown";
}

int sl_finding_text(const struct sl_finding *f, struct sl_buf *out)
{
	const struct sl_rule_info *info = sl_rule_info(f->rule);

	sl_buf_puts(out, info->sentence);
	if (f->detail && *f->detail)
		sl_buf_printf(out, " (%s)", f->detail);
	if (*info->cure)
		sl_buf_printf(out, "; %s", info->cure);
	return sl_buf_error(out);
}
