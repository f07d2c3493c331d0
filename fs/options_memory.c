/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much memory there is for a guest: the least of the machine's and of
 * every cgroup above this process. A limit that cannot be read is none.
 */
#include "options_internal.h"

#include <inttypes.h>
#include <string.h>

#define CGROUPS "/sys/fs/cgroup"

/* Of a file with one number; 0: no such file, or "max". */
static uint64_t read_number(const char *path)
{
	SL_CLEANUP(file) FILE *f = fopen(path, "re");
	uint64_t n = 0;

	if (!f || fscanf(f, "%" SCNu64, &n) != 1)
		return 0;
	return n;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	if (!a || !b)
		return a ? a : b;
	return a < b ? a : b;
}

/* The least limit from 'group' up to the root of the hierarchy. */
static uint64_t group_limit(const char *root, char *group, const char *file)
{
	uint64_t limit = 0;

	for (;;) {
		SL_CLEANUP(free) char *path = NULL;
		char *slash = strrchr(group, '/');

		if (asprintf(&path, "%s%s/%s", root, group, file) < 0) {
			path = NULL;
			return limit;
		}
		limit = least(limit, read_number(path));
		if (!slash || !*group)
			return limit;
		*slash = '\0';
	}
}

/* "4:memory:/path" of version 1, "0::/path" of version 2. */
static uint64_t line_limit(char *line)
{
	char *kind = strchr(line, ':');
	char *group = kind ? strchr(kind + 1, ':') : NULL;

	if (!group)
		return 0;
	*group++ = '\0';
	group[strcspn(group, "\n")] = '\0';
	if (!strcmp(kind, ":"))
		return group_limit(CGROUPS, group, "memory.max");
	if (!strcmp(kind, ":memory"))
		return group_limit(CGROUPS "/memory", group,
				   "memory.limit_in_bytes");
	return 0;
}

uint64_t sl_memory_limit(void)
{
	SL_CLEANUP(file) FILE *f = fopen("/proc/self/cgroup", "re");
	long pages = sysconf(_SC_PHYS_PAGES);
	long page = sysconf(_SC_PAGESIZE);
	uint64_t limit = pages > 0 && page > 0 ?
		(uint64_t)pages * (uint64_t)page : 0;
	char line[4096];

	while (f && fgets(line, sizeof(line), f))
		limit = least(limit, line_limit(line));
	return limit;
}
