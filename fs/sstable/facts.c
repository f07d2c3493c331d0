/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Facts hold references to parts that may be large and are shared: which of
 * them a component has, is known here and nowhere else.
 */
#include "sstable/facts.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "error.h"
#include "sstable/schema.h"

void sl_facts_ref(const struct sl_facts *f)
{
	enum sl_component c = f->name.component;

	if (c == SL_COMP_COMPRESSION_INFO && f->u.compression.table)
		sl_chunk_table_ref(f->u.compression.table);
	else if (c == SL_COMP_CRC && f->u.crc.words)
		sl_crc_words_ref(f->u.crc.words);
	else if (c == SL_COMP_STATISTICS && f->u.statistics.header)
		sl_header_ref(f->u.statistics.header);
	else if (c == SL_COMP_MANIFEST && f->u.manifest.files)
		sl_names_ref(f->u.manifest.files);
	else if (c == SL_COMP_SCHEMA && f->u.schema.schema)
		sl_schema_ref(f->u.schema.schema);
}

void sl_facts_release(struct sl_facts *f)
{
	enum sl_component c = f->name.component;

	if (c == SL_COMP_COMPRESSION_INFO && f->u.compression.table)
		sl_chunk_table_unref(sl_steal(&f->u.compression.table));
	else if (c == SL_COMP_CRC && f->u.crc.words)
		sl_crc_words_unref(sl_steal(&f->u.crc.words));
	else if (c == SL_COMP_STATISTICS && f->u.statistics.header)
		sl_header_unref(sl_steal(&f->u.statistics.header));
	else if (c == SL_COMP_MANIFEST && f->u.manifest.files)
		sl_names_unref(sl_steal(&f->u.manifest.files));
	else if (c == SL_COMP_SCHEMA && f->u.schema.schema)
		sl_schema_unref(sl_steal(&f->u.schema.schema));
}

void sl_facts_found(struct sl_facts *f, enum sl_rule rule, const char *fmt,
		    ...)
{
	char text[2 * SL_FACTS_DETAIL];
	struct sl_found *q;
	va_list ap;

	if (f->found_count >= SL_FACTS_FOUND)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	q = &f->found[f->found_count++];
	q->rule = rule;
	sl_text_clean(q->detail, sizeof(q->detail), text, strlen(text));
}
