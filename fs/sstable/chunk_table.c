/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packed lists of chunk lengths and CRC words. A table of 100 MB as stored
 * (8 bytes a chunk) is some 30 MB here: lengths are written 7 bits to a byte,
 * the low ones first, the top bit saying that more follow. CRC words do not
 * compress and stay 4 bytes. All lists share one bound, counted in the only
 * variable of this folder that changes: who finds no room does without a
 * list and compares hashes at the end.
 */
#include "sstable/chunk_table.h"

#include <stdlib.h>
#include <string.h>

#include "sstable/stream.h"

#define FIRST_ROOM 256

struct sl_chunk_table {
	int refs; /* atomic */
	uint64_t count;
	size_t len, cap;
	unsigned char bytes[];
};

struct sl_crc_words {
	int refs; /* atomic */
	uint64_t count;
	size_t cap; /* bytes */
	uint32_t words[];
};

static size_t all_tables; /* atomic */

size_t sl_tables_bytes(void)
{
	return __atomic_load_n(&all_tables, __ATOMIC_RELAXED);
}

static bool take_room(size_t n)
{
	size_t was = sl_tables_bytes();

	do {
		if (n > SL_STREAM_TABLES - was)
			return false;
	} while (!__atomic_compare_exchange_n(&all_tables, &was, was + n,
					      false, __ATOMIC_RELAXED,
					      __ATOMIC_RELAXED));
	return true;
}

static void give_room(size_t n)
{
	__atomic_sub_fetch(&all_tables, n, __ATOMIC_RELAXED);
}

/* Half as much again, so that little room is held for nothing. */
static size_t grown(size_t cap)
{
	return cap ? cap + cap / 2 : FIRST_ROOM;
}

/* 'p' with room for 'to' bytes behind its head; NULL: unchanged. */
static void *grow(void *p, size_t head, size_t from, size_t to, int *ret_err)
{
	size_t more = to - from + (p ? 0 : head);
	void *q;

	*ret_err = -ENOSPC;
	if (!take_room(more))
		return NULL;
	q = realloc(p, head + to);
	if (!q) {
		give_room(more);
		*ret_err = -ENOMEM;
	}
	return q;
}

static int table_room(struct sl_chunk_table **t)
{
	struct sl_chunk_table *was = *t;
	size_t cap = grown(was ? was->cap : 0);
	int err;
	struct sl_chunk_table *now = grow(was, sizeof(*now),
					  was ? was->cap : 0, cap, &err);

	if (!now)
		return err;
	if (!was) {
		now->refs = 1;
		now->count = 0;
		now->len = 0;
	}
	now->cap = cap;
	*t = now;
	return 0;
}

int sl_chunk_table_add(struct sl_chunk_table **tp, uint64_t len)
{
	struct sl_chunk_table *t = *tp;
	int r;

	if (!t || t->cap - t->len < 10) {
		r = table_room(tp);
		if (r)
			return r;
		t = *tp;
	}
	for (; len >= 0x80; len >>= 7)
		t->bytes[t->len++] = (unsigned char)(len | 0x80);
	t->bytes[t->len++] = (unsigned char)len;
	t->count++;
	return 0;
}

static int words_room(struct sl_crc_words **w)
{
	struct sl_crc_words *was = *w;
	/* A multiple of 4. */
	size_t cap = grown(was ? was->cap : 0) & ~(size_t)3;
	int err;
	struct sl_crc_words *now = grow(was, sizeof(*now),
					was ? was->cap : 0, cap, &err);

	if (!now)
		return err;
	if (!was) {
		now->refs = 1;
		now->count = 0;
	}
	now->cap = cap;
	*w = now;
	return 0;
}

/* A list that is shared must not change: the one who adds gets his own. */
static int words_own(struct sl_crc_words **w)
{
	struct sl_crc_words *was = *w, *now;
	int err;

	if (__atomic_load_n(&was->refs, __ATOMIC_ACQUIRE) == 1)
		return 0;
	now = grow(NULL, sizeof(*now), 0, was->cap, &err);
	if (!now)
		return err;
	memcpy(now, was, sizeof(*was) + was->count * 4);
	now->refs = 1;
	*w = now;
	sl_crc_words_unref(was);
	return 0;
}

int sl_crc_words_add(struct sl_crc_words **wp, uint32_t word)
{
	struct sl_crc_words *w = *wp;
	int r = w ? words_own(wp) : 0;

	if (!r && (!w || w->cap / 4 == w->count))
		r = words_room(wp);
	if (r)
		return r;
	w = *wp;
	w->words[w->count++] = word;
	return 0;
}

struct sl_chunk_table *sl_chunk_table_ref(struct sl_chunk_table *t)
{
	if (t)
		__atomic_add_fetch(&t->refs, 1, __ATOMIC_RELAXED);
	return t;
}

void sl_chunk_table_unref(struct sl_chunk_table *t)
{
	if (!t || __atomic_sub_fetch(&t->refs, 1, __ATOMIC_ACQ_REL))
		return;
	give_room(sizeof(*t) + t->cap);
	free(t);
}

struct sl_crc_words *sl_crc_words_ref(struct sl_crc_words *w)
{
	if (w)
		__atomic_add_fetch(&w->refs, 1, __ATOMIC_RELAXED);
	return w;
}

void sl_crc_words_unref(struct sl_crc_words *w)
{
	if (!w || __atomic_sub_fetch(&w->refs, 1, __ATOMIC_ACQ_REL))
		return;
	give_room(sizeof(*w) + w->cap);
	free(w);
}

uint64_t sl_chunk_table_count(const struct sl_chunk_table *t)
{
	return t ? t->count : 0;
}

uint64_t sl_crc_words_count(const struct sl_crc_words *w)
{
	return w ? w->count : 0;
}

uint32_t sl_crc_words_at(const struct sl_crc_words *w, uint64_t index)
{
	return w->words[index];
}

void sl_chunk_walk_begin(struct sl_chunk_walk *w,
			 const struct sl_chunk_table *t)
{
	*w = (struct sl_chunk_walk){ .table = t };
}

bool sl_chunk_walk_next(struct sl_chunk_walk *w, uint64_t *ret_len)
{
	const unsigned char *p;
	uint64_t len = 0;
	unsigned shift = 0;

	if (w->index >= sl_chunk_table_count(w->table))
		return false;
	p = w->table->bytes + w->at;
	for (; *p & 0x80; p++, shift += 7)
		len |= (uint64_t)(*p & 0x7f) << shift;
	len |= (uint64_t)*p++ << shift;
	w->at = (size_t)(p - w->table->bytes);
	w->index++;
	w->offset += len;
	*ret_len = len;
	return true;
}

int sl_chunk_table_part(const struct sl_chunk_table *t, uint64_t first,
			uint64_t last, struct sl_chunk_part *ret)
{
	uint64_t hash = SL_LIST_HASH, base = 0, len = 0;
	struct sl_chunk_walk w;

	if (first > last || last > sl_chunk_table_count(t))
		return -ERANGE;
	sl_chunk_walk_begin(&w, t);
	while (w.index < last && sl_chunk_walk_next(&w, &len)) {
		if (w.index <= first)
			base = w.offset;
		else
			hash = sl_list_hash(hash, len);
	}
	*ret = (struct sl_chunk_part){ .count = last - first + 1,
				       .hash = hash,
				       .last_offset = w.offset - base };
	if (sl_chunk_walk_next(&w, &len))
		ret->length = w.offset - base;
	return 0;
}

/* Zero words wait: only another word shows that they are not the end. */
void sl_word_hash_add(struct sl_word_hash *h, uint32_t word)
{
	h->count++;
	if (!word)
		return;
	h->hash = sl_word_hash_value(h);
	for (; h->hashed + 1 < h->count; h->hashed++)
		h->hash = sl_list_hash(h->hash, 0);
	h->hash = sl_list_hash(h->hash, word);
	h->hashed++;
}

uint64_t sl_word_hash_value(const struct sl_word_hash *h)
{
	return h->hashed ? h->hash : SL_LIST_HASH;
}

int sl_crc_words_part(const struct sl_crc_words *w, uint64_t first,
		      uint64_t last, struct sl_word_hash *ret)
{
	if (first > last || last >= sl_crc_words_count(w))
		return -ERANGE;
	*ret = (struct sl_word_hash){ .count = 0 };
	for (uint64_t i = first; i <= last; i++)
		sl_word_hash_add(ret, w->words[i]);
	ret->hash = sl_word_hash_value(ret);
	return 0;
}
