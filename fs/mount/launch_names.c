/* SPDX-License-Identifier: Apache-2.0 */
/* See launch_names.h. */
#include "mount/launch_names.h"

#include <string.h>

#include "migration/seal.h"
#include "sstable/path.h"

/* Names cut from a line of SL_CONTROL_LINE_MAX bytes are fewer than this. */
#define NAMES_MAX SL_NODES_MAX

void sl_launch_names_release(struct sl_launch_names *l)
{
	free(l->line);
	free(l->names);
	free(l->seals);
}

/* "NODE" or "NODE=SEAL", which is cut in two. */
static int cut_name(struct sl_launch_names *l, char *p, struct sl_error *e)
{
	char *seal = strchr(p, '=');
	struct sl_seal_parts parts;

	if (seal)
		*seal++ = '\0';
	if (!sl_node_name_valid(p, strlen(p)))
		return sl_error_set(e, EINVAL, "'%.64s' is not a node name",
				    p);
	if (seal && sl_seal_parse(seal, &parts))
		return sl_error_set(e, EINVAL, "'%.120s' is no seal; "
				    "'sideloadctl seal MOUNTPOINT' prints "
				    "NODE=SEAL on the node", seal);
	if (l->expect_count == NAMES_MAX)
		return sl_error_set(e, EINVAL, "more than %d nodes",
				    NAMES_MAX);
	for (int i = 0; i < l->expect_count; i++)
		if (!strcmp(l->names[i], p) && seal && l->seals[i] &&
		    strcmp(l->seals[i], seal))
			return sl_error_set(e, EINVAL, "'%.64s' has two "
					    "seals", p);
	l->seals[l->expect_count] = seal;
	l->names[l->expect_count++] = p;
	return 0;
}

int sl_launch_names_cut(struct sl_launch_names *l, const struct sl_options *o,
			const char *rest, struct sl_error *e)
{
	char *save = NULL;
	int r = 0;

	l->line = strdup(rest);
	l->names = calloc(NAMES_MAX, sizeof(*l->names));
	l->seals = calloc(NAMES_MAX, sizeof(*l->seals));
	if (!l->line || !l->names || !l->seals)
		return sl_error_set(e, ENOMEM, "out of memory");
	l->expect = l->names;
	for (char *p = strtok_r(l->line, " \t", &save); p && !r;
	     p = strtok_r(NULL, " \t", &save))
		r = cut_name(l, p, e);
	if (r)
		return r;
	if (!l->expect_count) {
		l->expect = o->expect;
		l->expect_count = o->expect_count;
		free(sl_steal(&l->seals));
	}
	return 0;
}
