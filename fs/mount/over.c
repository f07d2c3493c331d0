/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a migration was launched or ended from elsewhere, nothing that is
 * being written here can be committed any more. Requests find out by
 * themselves (sl_cred_over in credentials.h), but a file whose writer is
 * slow has no request under way: its copy would go on for hours in vain. So
 * all open versions end here, with the reason. Those that are being committed
 * are left to their request, which alone knows whether it came in time.
 */
#include <stdlib.h>

#include "log.h"
#include "mount/file.h"
#include "mount/tree.h"
#include "mount/version.h"

struct crowd {
	struct sl_file **file;
	size_t n, room;
};

static void join(struct crowd *c, const struct sl_node *n)
{
	struct sl_file **grown;

	if (n->kind != SL_NODE_FILE || !n->u.f.open)
		return;
	if (c->n == c->room) {
		grown = reallocarray(c->file, c->room * 2 + 64,
				     sizeof(struct sl_file *));
		if (!grown) {
			/* It will learn from its next request. */
			sl_log_warn("out of memory ending uploads");
			return;
		}
		c->file = grown;
		c->room = c->room * 2 + 64;
	}
	c->file[c->n++] = sl_file_ref(n->u.f.open);
}

static void collect(struct sl_tree *t, struct crowd *c)
{
	SL_LOCK_SCOPE(&t->mu);
	for (struct sl_node *n = t->root; n;
	     n = sl_tree_next_locked(t->root, n))
		join(c, n);
	for (struct sl_node *n = t->orphans; n; n = n->next)
		join(c, n);
}

static void end(struct sl_file *f, const char *text)
{
	struct sl_upload_state st = { 0 };

	SL_LOCK_SCOPE(&f->mu);
	if (!f->begun || f->skip || f->adopted || f->err)
		return;
	if (f->up)
		sl_upload_get(f->up, &st);
	if (!st.committing && !st.committed)
		(void)sl_version_fail_locked(f, EROFS, text);
}

void sl_mount_end_writes(struct sl_mount *m, const char *status)
{
	struct crowd c = { 0 };
	char text[160];

	if (snprintf(text, sizeof(text), "the migration takes no files any "
		     "more: its status is '%.63s'", status) < 0)
		text[0] = '\0';
	collect(m->tree, &c);
	for (size_t i = 0; i < c.n; i++) {
		end(c.file[i], text);
		sl_file_unref(c.file[i]);
	}
	free(c.file);
}
