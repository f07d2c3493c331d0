/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the descriptors of one file share: the version they read. Whoever
 * compares two of them, or maps one, must see the same bytes. The first answer
 * settles which: its ETag and size. Later requests ask for that version only,
 * and an answer of another one is -ESTALE for all who have the file open. A
 * file that this mount itself has given a new version begins anew with the
 * next open.
 */
#include <string.h>

#include "log.h"
#include "mount/readahead_internal.h"

static struct sl_read_file **slot_locked(struct sl_readers *rs, uint64_t id)
{
	uint64_t h = (id >> 4) * 0x9e3779b97f4a7c15ull;
	struct sl_read_file **at = &rs->hash[(h >> 56) % SL_READ_HASH];

	while (*at && (*at)->id != id)
		at = &(*at)->hash_next;
	return at;
}

static void unhash_locked(struct sl_readers *rs, struct sl_read_file *f)
{
	struct sl_read_file **at = slot_locked(rs, f->id);

	if (*at == f)
		*at = f->hash_next;
}

struct sl_read_file *sl_read_file_open(struct sl_readers *rs, uint64_t id,
				       uint64_t version)
{
	struct sl_read_file *fresh = calloc(1, sizeof(*fresh)), **at;

	if (!fresh)
		return NULL;
	SL_LOCK_SCOPE(&rs->mu);
	at = slot_locked(rs, id);
	if (*at && (*at)->version == version && !(*at)->stale) {
		free(fresh);
		(*at)->opens++;
		return *at;
	}
	if (*at) {
		(*at)->stale = true;
		*at = (*at)->hash_next;
	}
	fresh->id = id;
	fresh->version = version;
	fresh->opens = fresh->refs = 1;
	at = slot_locked(rs, id);
	fresh->hash_next = *at;
	*at = fresh;
	return fresh;
}

void sl_read_file_unref_locked(struct sl_read_file *f)
{
	if (!--f->refs)
		free(f);
}

void sl_read_file_close_locked(struct sl_readers *rs, struct sl_read_file *f)
{
	if (--f->opens)
		return;
	unhash_locked(rs, f);
	sl_read_file_unref_locked(f);
}

int sl_read_file_match_locked(struct sl_read_file *f, uint64_t expected,
			      const struct sl_object *o)
{
	if (!f->pinned && !f->stale) {
		f->pinned = true;
		f->size = o->size;
		f->stale = o->size != expected;
		memcpy(f->etag, o->etag, sizeof(f->etag));
	}
	if (o->size != f->size || strcmp(o->etag, f->etag))
		f->stale = true;
	return f->stale ? -ESTALE : 0;
}
