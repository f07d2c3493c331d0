/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of /proc/self/mountinfo, which both programs look mounts up in. */
#ifndef SL_MOUNTINFO_H
#define SL_MOUNTINFO_H

#include <stdbool.h>

/* Cuts mount point and type out of a line, in place; false: not such a line. */
bool sl_mountinfo_split(char *line, char **ret_point, char **ret_type);

#endif
