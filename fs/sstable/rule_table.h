/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of the table of rules, each in a file of its own because one
 * would be too long to read; put together by rule.c, whose users see one
 * table. A part begins with the rule that its name says.
 */
#ifndef SL_RULE_TABLE_H
#define SL_RULE_TABLE_H

#include "sstable/rule.h"

#define SL_RULES_PLACE 0
#define SL_RULES_ALONE SL_RULE_EMPTY_COMPONENT
#define SL_RULES_SET SL_RULE_DIGEST_MISMATCH

extern const struct sl_rule_info
	sl_rules_place[SL_RULES_ALONE - SL_RULES_PLACE];
extern const struct sl_rule_info
	sl_rules_alone[SL_RULES_SET - SL_RULES_ALONE];
extern const struct sl_rule_info sl_rules_set[SL_RULE__COUNT - SL_RULES_SET];

#endif
