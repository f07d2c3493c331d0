/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The upload ids that this backend works with. After a Create whose answer
 * was lost, the listing shows an upload of our key; only one that is not in
 * this set can be the lost one.
 */
#include <errno.h>
#include <string.h>

#include "backends/cloud/cloud.h"

static struct sl_cloud_id **find_locked(struct sl_cloud *c, const char *id)
	SL_REQUIRES(c->lock)
{
	struct sl_cloud_id **p = &c->ids;

	while (*p && strcmp((*p)->id, id) != 0)
		p = &(*p)->next;
	return p;
}

int sl_cloud_id_add(struct sl_cloud *c, const char *id)
{
	size_t n = strlen(id) + 1;
	struct sl_cloud_id *e;

	SL_LOCK_SCOPE(&c->lock);
	if (*find_locked(c, id))
		return 0;
	e = malloc(sizeof(*e) + n);
	if (!e)
		return -ENOMEM;
	memcpy(e->id, id, n);
	e->next = c->ids;
	c->ids = e;
	return 0;
}

void sl_cloud_id_drop(struct sl_cloud *c, const char *id)
{
	struct sl_cloud_id **p, *e;

	SL_LOCK_SCOPE(&c->lock);
	p = find_locked(c, id);
	e = *p;
	if (!e)
		return;
	*p = e->next;
	free(e);
}

bool sl_cloud_id_known(struct sl_cloud *c, const char *id)
{
	SL_LOCK_SCOPE(&c->lock);
	return *find_locked(c, id) != NULL;
}
