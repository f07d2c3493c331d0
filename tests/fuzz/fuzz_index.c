/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as Index.db: with row indexes that are read, and skipped. */
#include "parser.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = {
		"nb-1-big-Index.db",
		"oa-1-big-Index.db",
	};
	size_t n = SL_ARRAY_LEN(names);

	return sl_fuzz_parser(names[size ? data[0] % n : 0], data, size);
}
