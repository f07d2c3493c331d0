/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as Filter.db. */
#include "parser.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return sl_fuzz_parser("nb-1-big-Filter.db", data, size);
}
