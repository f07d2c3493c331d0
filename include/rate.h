/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Upload rates as people write them: the option rate= and the control file
 * .rate take the same words.
 */
#ifndef SL_RATE_H
#define SL_RATE_H

#include <stddef.h>
#include <stdint.h>

#include "cleanup.h"

/* Below, connections would be silent for longer than stores wait. */
#define SL_RATE_MIN ((uint64_t)64 * 1024)
#define SL_RATE_MAX ((uint64_t)1 << 40)
/* What a refusal says would have been right. */
#define SL_RATE_RIGHT \
	"bytes a second from 64K to 1024G, such as 512K or 40M, or off"

/* "65536", "512K", "40M", "1G"; "0" and "off" give 0. -EINVAL. */
int sl_rate_parse(const char *s, uint64_t *ret) SL_MUST_CHECK;

/* As it can be parsed: "off", "40M", "65537". Returns dst; size >= 24. */
char *sl_rate_format(char *dst, size_t size, uint64_t rate);

#endif
