/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a policy file: it is taken whole, with verdicts that each rule
 * may have, or refused with a line of text and nothing changed.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sstable/rule.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_refused(const struct sl_policy *p,
			  const struct sl_policy *was,
			  const struct sl_error *e)
{
	if (memcmp(p, was, sizeof(*p)) != 0 || strncmp(e->text, "F, line ", 8))
		abort();
	for (const char *s = e->text; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sl_policy p, was;
	struct sl_error e = { 0 };
	char *text = malloc(size + 1);
	int r;

	if (!text)
		return 0;
	if (size) /* memcpy() must not see a NULL */
		memcpy(text, data, size);
	sl_policy_init(&p);
	was = p;
	r = sl_policy_parse(&p, "F", text, size, &e);
	if (r)
		check_refused(&p, &was, &e);
	for (unsigned i = 0; !r && i < SL_RULE__COUNT; i++) {
		if (p.verdict[i] > SL_REJECT)
			abort();
		if (p.verdict[i] == SL_SKIP &&
		    sl_rule_info(i)->when != SL_WHEN_NAME)
			abort();
	}
	free(text);
	return 0;
}
