/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as Statistics.db of any version. The second byte chooses the
 * version and whether the checksums are made right first: a mutation would
 * else rarely get beyond them.
 */
#include "cleanup.h"
#include "parser.h"
#include "tests/unit/statistics_rig.h"

#define MEND 0x80u

static const char *const names[] = {
	"ma-1-big-Statistics.db", "mb-1-big-Statistics.db",
	"mc-1-big-Statistics.db", "me-1-big-Statistics.db",
	"na-1-big-Statistics.db", "nc-1-big-Statistics.db",
	"nb-1-big-Statistics.db", "oa-1-big-Statistics.db",
	"aa-1-bti-Statistics.db", "ab-1-bti-Statistics.db",
	"ad-1-bti-Statistics.db", "ba-1-bti-Statistics.db",
	"bb-1-bti-Statistics.db", "ca-1-bti-Statistics.db",
	"cc-1-bti-Statistics.db", "da-1-bti-Statistics.db",
	"zz-1-bti-Statistics.db",
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	SL_CLEANUP(free) uint8_t *copy = NULL;
	unsigned choice;

	if (size < 2)
		return 0;
	choice = data[1];
	copy = malloc(size - 1);
	if (!copy)
		abort();
	copy[0] = data[0];
	memcpy(copy + 1, data + 2, size - 2);
	if (choice & MEND)
		rig_mend(copy + 1, size - 2);
	return sl_fuzz_parser(names[(choice & ~MEND) % SL_ARRAY_LEN(names)],
			      copy, size - 1);
}
