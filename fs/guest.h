/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest on a database host: how this process stands back. To be called
 * before threads are made, which inherit it.
 */
#ifndef SL_GUEST_H
#define SL_GUEST_H

/* Nice value, idle-most I/O priority, first to go when memory runs out. */
void sl_guest_behave(int niceness);

/* I/O threads for the CPUs that affinity and quotas leave. */
int sl_guest_threads(void);

#endif
