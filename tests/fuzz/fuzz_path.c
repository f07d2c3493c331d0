/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a path: the verdict must be one of the known ones, its parts
 * must lie within the path, and a temporary name must stand for a path that
 * is judged alike and is not temporary itself.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sstable/path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_part(const char *path, size_t n, struct sl_path_part p)
{
	if (p.p && (p.p < path || !p.n || p.p + p.n > path + n))
		abort();
}

static void check(const struct sl_path_rules *r, const char *path,
		  bool is_dir)
{
	size_t n = strlen(path);
	struct sl_path a, b;

	sl_path_judge(r, path, is_dir, &a);
	if (a.cls > SL_PATH_REFUSE || a.why >= SL_RULE__COUNT ||
	    sl_rule_info(a.why)->when != SL_WHEN_NAME)
		abort();
	check_part(path, n, a.node);
	check_part(path, n, a.keyspace);
	check_part(path, n, a.table);
	check_part(path, n, a.table_name);
	check_part(path, n, a.table_id);
	check_part(path, n, a.tag);
	check_part(path, n, a.index);
	check_part(path, n, a.file);
	if (a.temporary != (a.final_key[0] != '\0') && a.file.p)
		abort();
	if (!a.temporary || !a.final_key[0])
		return;
	/* A name may wrap another temporary name; then it is judged anew. */
	sl_path_judge(r, a.final_key, is_dir, &b);
	if (!b.temporary && (a.cls != b.cls || a.why != b.why))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct sl_policy lax;
	static const struct sl_path_rules tagged = { "migrate*", &lax };
	static const struct sl_path_rules plain;
	char *path;

	/* All that a path can break is let in, as far as it may be. */
	memset(lax.verdict, SL_ACCEPT, sizeof(lax.verdict));
	if (size > 1 << 16)
		return 0;
	path = malloc(size + 1);
	if (!path)
		return 0;
	memcpy(path, data, size);
	path[size] = '\0';
	check(&plain, path, false);
	check(&tagged, path, true);
	check(NULL, path, true);
	free(path);
	return 0;
}
