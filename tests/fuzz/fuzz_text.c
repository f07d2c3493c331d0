/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Feeds any bytes to what makes foreign text fit for logs and terminals, and
 * to the readers of times. Build: clang -fsanitize=fuzzer,address.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "error.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char clean[256];
	char *copy = malloc(size + 1);
	int64_t ms = 0;

	if (!copy)
		return 0;
	if (size) /* memcpy() must not see a NULL */
		memcpy(copy, data, size);
	copy[size] = '\0';
	sl_text_clean(clean, sizeof(clean), data, size);
	for (const char *p = clean; *p; p++) {
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			abort();
	}
	sl_text_redact(copy);
	if (strlen(copy) > size)
		abort();
	if (!sl_time_parse(copy, &ms) && sl_time_parse_http(copy, &ms) == 0)
		abort(); /* no string is both */
	free(copy);
	return 0;
}
