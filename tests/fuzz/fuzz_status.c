/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Feeds any bytes to the reader of MigrationStatus, as a hostile or broken
 * service would. Build: clang -fsanitize=fuzzer,address.
 */
#include <stdint.h>
#include <stdlib.h>

#include "migration/devops.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sl_migration_status *s = NULL;
	struct sl_error e = { 0 };
	int r = sl_migration_status_parse((const char *)data, size, &s, &e);

	if ((r == 0) != (s != NULL) || (r && !e.errnum))
		abort();
	if (s && (!s->id || !s->db_id || !s->status || !s->progress_info ||
		  !s->bucket_dir || !s->redacted_json))
		abort();
	sl_migration_status_free(s);
	return 0;
}
