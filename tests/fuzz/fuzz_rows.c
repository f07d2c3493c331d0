/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as Rows.db: where it may be encrypted, and not. */
#include "parser.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = {
		"bb-1-bti-Rows.db",
		"ad-1-bti-Rows.db",
	};
	size_t n = SL_ARRAY_LEN(names);

	return sl_fuzz_parser(names[size ? data[0] % n : 0], data, size);
}
