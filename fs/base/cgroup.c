/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control groups, both versions. A limit may stand at any level above us, and
 * in a container the path that the kernel tells may not exist at all, so each
 * level up to the root of the hierarchy is asked and the least one counts. A
 * file that cannot be read is no limit.
 */
#include "cgroup.h"

#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

#define CGROUPS "/sys/fs/cgroup"

/* Of one level: 0 is none. */
typedef uint64_t (*level_fn)(const char *dir);

static FILE *open_in(const char *dir, const char *name)
{
	SL_CLEANUP(free) char *path = NULL;

	if (asprintf(&path, "%s/%s", dir, name) < 0) {
		path = NULL;
		return NULL;
	}
	return fopen(path, "re");
}

/* The number at the head of a file; 0: no such file, or "max". */
static uint64_t number_in(const char *dir, const char *name)
{
	SL_CLEANUP(file) FILE *f = open_in(dir, name);
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

/* Above memory.high a group is slowed down until it stands still. */
static uint64_t memory_v2(const char *dir)
{
	return least(number_in(dir, "memory.max"),
		     number_in(dir, "memory.high"));
}

static uint64_t memory_v1(const char *dir)
{
	return number_in(dir, "memory.limit_in_bytes");
}

static uint64_t whole_cpus(uint64_t quota, uint64_t period)
{
	return quota && period ? (quota + period - 1) / period : 0;
}

/* "max 100000" or "150000 100000" */
static uint64_t cpus_v2(const char *dir)
{
	SL_CLEANUP(file) FILE *f = open_in(dir, "cpu.max");
	uint64_t quota, period;

	if (!f || fscanf(f, "%" SCNu64 " %" SCNu64, &quota, &period) != 2)
		return 0;
	return whole_cpus(quota, period);
}

/* A quota of -1 is none. */
static uint64_t cpus_v1(const char *dir)
{
	SL_CLEANUP(file) FILE *f = open_in(dir, "cpu.cfs_quota_us");
	int64_t quota;

	if (!f || fscanf(f, "%" SCNd64, &quota) != 1 || quota <= 0)
		return 0;
	return whole_cpus((uint64_t)quota, number_in(dir,
						     "cpu.cfs_period_us"));
}

static const struct resource {
	const char *controller; /* version 1's name; its folder too */
	level_fn v1, v2;
} memory = { "memory", memory_v1, memory_v2 },
  cpu = { "cpu", cpus_v1, cpus_v2 };

/* From 'group' up to the root of the hierarchy at 'base'. */
static uint64_t up(const char *root, const char *base, char *group,
		   level_fn level)
{
	uint64_t limit = 0;

	for (;;) {
		SL_CLEANUP(free) char *dir = NULL;
		char *slash = strrchr(group, '/');

		if (asprintf(&dir, "%s" CGROUPS "%s%s", root, base,
			     group) < 0) {
			dir = NULL;
			return limit;
		}
		limit = least(limit, level(dir));
		if (!slash)
			return limit;
		*slash = '\0';
	}
}

/* Is 'word' in the comma separated list? */
static bool in_list(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = list; p; p = strchr(p, ',')) {
		p += *p == ',';
		if (!strncmp(p, word, n) && (!p[n] || p[n] == ','))
			return true;
	}
	return false;
}

/* "4:cpu,cpuacct:/path" of version 1, "0::/path" of version 2. */
static uint64_t line_limit(const char *root, const struct resource *r,
			   char *line)
{
	char *list = strchr(line, ':');
	char *group = list ? strchr(list + 1, ':') : NULL;
	char base[128];

	if (!group)
		return 0;
	list++;
	*group++ = '\0';
	group[strcspn(group, "\n")] = '\0';
	if (!*list)
		return up(root, "", group, r->v2);
	if (!in_list(list, r->controller))
		return 0;
	snprintf(base, sizeof(base), "/%.100s", r->controller);
	return up(root, base, group, r->v1);
}

static uint64_t limit_of(const char *root, const struct resource *r)
{
	SL_CLEANUP(free) char *path = NULL;
	SL_CLEANUP(file) FILE *f = NULL;
	char line[4096];
	uint64_t limit = 0;

	if (asprintf(&path, "%s/proc/self/cgroup", root) < 0) {
		path = NULL;
		return 0;
	}
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		limit = least(limit, line_limit(root, r, line));
	return limit;
}

uint64_t sl_cgroup_memory(const char *root)
{
	return limit_of(root, &memory);
}

int sl_cgroup_cpus(const char *root)
{
	uint64_t n = limit_of(root, &cpu);

	return n < INT_MAX ? (int)n : INT_MAX;
}

uint64_t sl_memory_available(const char *root)
{
	SL_CLEANUP(free) char *path = NULL;
	SL_CLEANUP(file) FILE *f = NULL;
	uint64_t kib = 0;
	char line[256];

	if (asprintf(&path, "%s/proc/meminfo", root) < 0) {
		path = NULL;
		return 0;
	}
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "MemAvailable: %" SCNu64, &kib) == 1)
			break;
	return kib * 1024;
}
