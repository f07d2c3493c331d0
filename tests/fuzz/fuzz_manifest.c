/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as manifest.json. */
#include "parser.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return sl_fuzz_parser("manifest.json", data, size);
}
