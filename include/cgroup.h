/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the control groups above this process, and the machine, leave it.
 * 'root' is put before the paths of /proc and /sys: "" but for tests.
 */
#ifndef SL_CGROUP_H
#define SL_CGROUP_H

#include <stdint.h>

/*
 * The least memory limit of version 1 or 2 from this process's group up to
 * the root of the hierarchy, in bytes. 0: none, or it cannot be told.
 */
uint64_t sl_cgroup_memory(const char *root);

/* CPUs that quotas leave, rounded up, at least 1. 0: no quota. */
int sl_cgroup_cpus(const char *root);

/* MemAvailable of /proc/meminfo, in bytes. 0: it cannot be told. */
uint64_t sl_memory_available(const char *root);

#endif
