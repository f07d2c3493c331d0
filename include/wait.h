/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A parked request: how something that takes long answers without a thread
 * standing still. The memory is the waiter's and must live until done() ran.
 * done() comes exactly once, on a thread of whoever was asked, never inside
 * the call that was asked (which returned SL_PARKED); it must not block.
 */
#ifndef SL_WAIT_H
#define SL_WAIT_H

#include <stdint.h>

#define SL_PARKED 1

struct sl_wait {
	void (*done)(struct sl_wait *w, int err); /* 0 or -errno */
	/*
	 * In: monotonic ms after which done(-ETIMEDOUT) comes although what
	 * was asked for goes on; 0: no deadline.
	 */
	int64_t deadline_ms;
	/* The owner's, whoever holds the wait now. */
	struct sl_wait *next;
	void *owner;
	int err;
	/* Of a write: bytes that were not taken when it ended. */
	uint64_t left;
};

#endif
