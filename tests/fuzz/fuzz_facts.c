/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Feeds any bytes to the reader of packed facts. What it takes must pack to
 * bytes that it takes again, and those to the same bytes.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sstable/facts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void pack(const struct sl_facts *f, struct sl_buf *out)
{
	if (sl_facts_pack(f, out))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	SL_CLEANUP(buf) struct sl_buf one = SL_BUF_INIT((size_t)64 << 20);
	SL_CLEANUP(buf) struct sl_buf two = SL_BUF_INIT((size_t)64 << 20);
	SL_CLEANUP(facts) struct sl_facts f, g = { .size = 0 };

	if (sl_facts_unpack(data, size, &f))
		return 0;
	pack(&f, &one);
	if (sl_facts_unpack(one.data, one.len, &g))
		abort();
	pack(&g, &two);
	if (one.len != two.len || memcmp(one.data, two.data, one.len) != 0)
		abort();
	return 0;
}
