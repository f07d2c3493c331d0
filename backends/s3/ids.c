/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The upload ids that this backend works with. After a Create whose answer
 * was lost, the listing shows an upload of our key; only one that is not in
 * this set can be the lost one.
 */
#include <errno.h>
#include <string.h>

#include "backends/s3/internal.h"

static struct sl_s3_id **find_locked(struct sl_s3 *s, const char *id)
	SL_REQUIRES(s->lock)
{
	struct sl_s3_id **p = &s->ids;

	while (*p && strcmp((*p)->id, id) != 0)
		p = &(*p)->next;
	return p;
}

int sl_s3_id_add(struct sl_s3 *s, const char *id)
{
	size_t n = strlen(id) + 1;
	struct sl_s3_id *e;

	SL_LOCK_SCOPE(&s->lock);
	if (*find_locked(s, id))
		return 0;
	e = malloc(sizeof(*e) + n);
	if (!e)
		return -ENOMEM;
	memcpy(e->id, id, n);
	e->next = s->ids;
	s->ids = e;
	return 0;
}

void sl_s3_id_drop(struct sl_s3 *s, const char *id)
{
	struct sl_s3_id **p, *e;

	SL_LOCK_SCOPE(&s->lock);
	p = find_locked(s, id);
	e = *p;
	if (!e)
		return;
	*p = e->next;
	free(e);
}

bool sl_s3_id_known(struct sl_s3 *s, const char *id)
{
	SL_LOCK_SCOPE(&s->lock);
	return *find_locked(s, id) != NULL;
}
