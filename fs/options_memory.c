/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much memory a guest may use. What the control groups and the machine
 * have is a limit that no option may pass: beyond it the kernel would end the
 * mount, or its host. The default also looks at what is free at the moment.
 */
#include "options_internal.h"

#include "cgroup.h"
#include "log.h"

#define MIB (UINT64_C(1) << 20)
#define DEFAULT_MEMORY (256 * MIB)
#define LEAST_MEMORY (32 * MIB)

uint64_t sl_memory_limit(const char *root)
{
	long pages = sysconf(_SC_PHYS_PAGES);
	long page = sysconf(_SC_PAGESIZE);
	uint64_t all = pages > 0 && page > 0 ?
		(uint64_t)pages * (uint64_t)page : 0;
	uint64_t group = sl_cgroup_memory(root);

	return group && (!all || group < all) ? group : all;
}

static uint64_t quarter(uint64_t n)
{
	return n / 4 / MIB * MIB;
}

/* Within a quarter of each; a limit of 0 is not known. */
static uint64_t default_size(uint64_t limit, uint64_t available)
{
	uint64_t n = DEFAULT_MEMORY;

	if (limit && quarter(limit) < n)
		n = quarter(limit);
	if (available && quarter(available) < n)
		n = quarter(available);
	return n < LEAST_MEMORY ? LEAST_MEMORY : n;
}

int sl_memory_decide(uint64_t *memory, uint64_t limit, uint64_t available,
		     struct sl_error *e)
{
	if (!*memory) {
		*memory = default_size(limit, available);
		return 0;
	}
	if (limit && *memory > limit)
		return sl_error_set(e, EINVAL, "memory=%llu is more than the "
				    "%llu MiB that this process may use",
				    (unsigned long long)(*memory / MIB),
				    (unsigned long long)(limit / MIB));
	if (limit && *memory > limit / 2)
		sl_log_warn("memory=%llu is more than half of the %llu MiB "
			    "that there are",
			    (unsigned long long)(*memory / MIB),
			    (unsigned long long)(limit / MIB));
	return 0;
}
