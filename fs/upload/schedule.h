/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How large the next part is. A store takes a limited number of parts, and a
 * file's size is mostly unknown when its first byte comes, so parts grow with
 * the file; how far is a question of memory. Pure.
 */
#ifndef SL_SCHEDULE_H
#define SL_SCHEDULE_H

#include <stdint.h>

#include "backend.h"
#include "error.h"

struct sl_schedule {
	uint64_t least;	     /* smallest part that may be sent early */
	uint64_t first;	     /* first part, size unknown */
	uint64_t cap;	     /* largest part, size unknown */
	uint64_t cap_known;  /* largest part, size known */
	uint64_t max_put;
	uint64_t max_object;
	uint64_t largest;    /* file of unknown size that surely fits */
	uint32_t max_parts;
};

/* first: 0 for the default. -EINVAL: the budget is too small. */
int sl_schedule_init(struct sl_schedule *s, const struct sl_backend_limits *l,
		     uint64_t budget, uint64_t first, struct sl_error *e);

/*
 * Size of the part that begins at 'offset' of a file of 'hint' bytes (0:
 * unknown).
 */
uint64_t sl_schedule_part(const struct sl_schedule *s, uint64_t hint,
			  uint64_t offset);

/* How many parts of a file may be cut before they are full. */
uint32_t sl_schedule_spare_parts(const struct sl_schedule *s, uint64_t hint);

/* -EFBIG with the memory that would do, or 0. */
int sl_schedule_check(const struct sl_schedule *s, uint64_t size,
		      struct sl_error *e);

#endif
