/* SPDX-License-Identifier: Apache-2.0 */
/* The nodes, and their seals, that a line of .launch names. */
#ifndef SL_LAUNCH_NAMES_H
#define SL_LAUNCH_NAMES_H

#include "error.h"
#include "options.h"

struct sl_launch_names {
	char **expect; /* into 'line', or borrowed from the options */
	int expect_count;
	char **seals; /* of expect, into 'line'; NULL: none was given */
	char *line;   /* owned, as the next */
	char **names;
};

/*
 * Cuts "NODE NODE=SEAL ...", or takes what -o expect= names when there is
 * none. -EINVAL. Release it in any case.
 */
int sl_launch_names_cut(struct sl_launch_names *l, const struct sl_options *o,
			const char *rest, struct sl_error *e) SL_MUST_CHECK;
void sl_launch_names_release(struct sl_launch_names *l);

#endif
