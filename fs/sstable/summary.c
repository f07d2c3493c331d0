/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Summary.db: every 128th entry of Index.db or so, for the first leap into
 * it. Cassandra 4.x refuses a damaged one and with it the SSTable.
 *
 *	i32 interval, i32 count, i64 size of the area, i32 sampling level,
 *	i32 count at full sampling;
 *	the area: count x u32 offset in it, LITTLE-endian, then count entries:
 *	    key, i64 offset in Index.db, LITTLE-endian;
 *	i32 length, first key; i32 length, last key
 *
 * An entry ends where the next begins, so the offsets are kept: up to
 * TABLE_MAX of them, which is a table of 134 million partitions. Beyond
 * that the entries pass unread but for the number at the very end.
 * (IndexSummary.java, SSTableReader.saveSummary)
 */
#include "sstable/gather.h"
#include "sstable/key.h"
#include "sstable/stream.h"

#define HEAD 24
#define LEVEL_MAX 128 /* Downsampling.BASE_SAMPLING_LEVEL */
#define TABLE_MAX ((uint32_t)1 << 20)
#define TABLE_FIRST 256u
/* With 2^31 bytes the writer samples no more, and does not say so. */
#define CRAMPED ((uint64_t)1 << 30)
#define POINTER 8
#define KEY_MAX 65535

enum stage {
	NUMBERS,
	OFFSETS,
	ENTRIES,
	UNREAD, /* entries, but for the last 8 bytes */
	LAST_POINTER,
	FIRST_LENGTH,
	FIRST_KEY,
	LAST_LENGTH,
	LAST_KEY,
	WHOLE,
	STAGES,
};

struct summary {
	enum stage stage;
	const char *bad; /* said before the number 'bad_at'; NULL: nothing */
	uint64_t bad_at;
	int err;	 /* 0 or -ENOMEM */
	struct sl_gather g;
	struct sl_key key;
	struct sl_key_order order;
	uint64_t at, area; /* bytes: gone by; of the area */
	uint32_t interval, count, level;
	uint32_t *table; /* owned: offsets; NULL if there are too many */
	uint32_t cap, seen;
	uint64_t offset, pointer; /* the last of each */
	uint64_t unread;
	uint64_t length; /* of the key to come */
	uint64_t first_key, last_key, samples;
};

static int summary_begin(void *state, const struct sl_name *name,
			 const struct sl_prior *prior)
{
	struct summary *s = state;

	(void)name;  /* all versions are alike */
	(void)prior; /* nothing of it concerns a summary */
	s->samples = SL_LIST_HASH;
	return 0;
}

static uint64_t le(const unsigned char *p, unsigned n)
{
	uint64_t v = 0;

	while (n--)
		v = v << 8 | p[n];
	return v;
}

static void broken(struct summary *s, const char *bad, uint64_t at)
{
	s->bad = bad;
	s->bad_at = at;
}

static void check_numbers(struct summary *s, uint64_t full)
{
	if (!s->interval || s->interval > INT32_MAX)
		broken(s, "not an interval:", s->interval);
	else if (!s->count || s->count > INT32_MAX)
		broken(s, "not a count of entries:", s->count);
	else if (!s->level || s->level > LEVEL_MAX)
		broken(s, "not a sampling level:", s->level);
	else if (full < s->count || full > INT32_MAX ||
		 (s->level == LEVEL_MAX && full != s->count &&
		  s->area < CRAMPED))
		broken(s, "not a count at full sampling:", full);
	else if (s->area > INT64_MAX ||
		 s->area < (uint64_t)s->count * (4 + 1 + POINTER))
		broken(s, "no size for the entries:", s->area);
}

static void take_numbers(struct summary *s, struct sl_cursor *c)
{
	const unsigned char *b = s->g.b;

	if (!sl_gather(&s->g, c, HEAD))
		return;
	s->interval = (uint32_t)sl_be(b, 4);
	s->count = (uint32_t)sl_be(b + 4, 4);
	s->area = sl_be(b + 8, 8);
	s->level = (uint32_t)sl_be(b + 16, 4);
	check_numbers(s, sl_be(b + 20, 4));
	s->stage = OFFSETS;
}

/* The bytes that were asked for come in as the table grows, not before. */
static int keep_offset(struct summary *s, uint32_t v)
{
	uint32_t cap = s->cap ? s->cap * 2 : TABLE_FIRST;
	uint32_t *t;

	if (s->count > TABLE_MAX)
		return 0;
	if (s->seen == s->cap) {
		t = realloc(s->table, cap * sizeof(*t));
		if (!t)
			return -ENOMEM;
		s->table = t;
		s->cap = cap;
	}
	s->table[s->seen] = v;
	return 0;
}

static bool is_entry(uint64_t from, uint64_t to)
{
	return to > from && to - from > POINTER &&
	       to - from <= POINTER + KEY_MAX;
}

static void offsets_done(struct summary *s)
{
	if (!is_entry(s->offset, s->area))
		broken(s, "nowhere an end of entry", s->seen - 1);
	s->seen = 0;
	s->unread = s->area - 4ull * s->count - POINTER;
	s->stage = s->count > TABLE_MAX ? UNREAD : ENTRIES;
}

static void take_offsets(struct summary *s, struct sl_cursor *c)
{
	uint64_t v;

	if (!sl_gather(&s->g, c, 4))
		return;
	v = le(s->g.b, 4);
	if (s->seen ? !is_entry(s->offset, v) : v != 4ull * s->count)
		broken(s, "wrong begin of entry", s->seen);
	s->err = keep_offset(s, (uint32_t)v);
	s->offset = v;
	if (++s->seen == s->count && !s->bad)
		offsets_done(s);
}

static void take_pointer(struct summary *s, const unsigned char *p)
{
	uint64_t v = le(p, POINTER);

	if (v > INT64_MAX || (s->seen ? v <= s->pointer : v != 0))
		broken(s, "wrong place in Index.db at entry", s->seen);
	s->pointer = v;
	s->samples = sl_list_hash(s->samples, s->order.last);
	s->samples = sl_list_hash(s->samples, v);
}

static void take_entry(struct summary *s, struct sl_cursor *c)
{
	uint32_t next = s->seen + 1;
	uint64_t end = next < s->count ? s->table[next] : s->area;
	size_t n = (size_t)(end - s->table[s->seen]);
	const unsigned char *p = sl_key_take(&s->key, c, n, &s->err);

	if (!p)
		return;
	sl_key_order_add(&s->order, p, n - POINTER);
	take_pointer(s, p + n - POINTER);
	s->seen = next;
	if (next == s->count)
		s->stage = FIRST_LENGTH;
}

static void take_unread(struct summary *s, struct sl_cursor *c)
{
	sl_cursor_skip(c, &s->unread);
	if (!s->unread)
		s->stage = LAST_POINTER;
}

static void take_last_pointer(struct summary *s, struct sl_cursor *c)
{
	if (!sl_gather(&s->g, c, POINTER))
		return;
	s->pointer = le(s->g.b, POINTER);
	s->stage = FIRST_LENGTH;
}

/* Of the first key, then of the last. */
static void take_length(struct summary *s, struct sl_cursor *c)
{
	if (!sl_gather_be(&s->g, c, 4, &s->length))
		return;
	if (!s->length || s->length > KEY_MAX)
		broken(s, "impossible length of a key:", s->length);
	s->stage = s->stage == FIRST_LENGTH ? FIRST_KEY : LAST_KEY;
}

static void take_first_key(struct summary *s, struct sl_cursor *c)
{
	size_t n = (size_t)s->length;
	const unsigned char *p = sl_key_take(&s->key, c, n, &s->err);

	if (!p)
		return;
	s->first_key = sl_key_hash(p, n);
	/* Downsampling never takes the first entry out. */
	if (s->order.count && s->first_key != s->order.first)
		broken(s, "first key is not that of entry", 0);
	s->stage = LAST_LENGTH;
}

static void take_last_key(struct summary *s, struct sl_cursor *c)
{
	size_t n = (size_t)s->length;
	const unsigned char *p = sl_key_take(&s->key, c, n, &s->err);

	if (!p)
		return;
	s->last_key = sl_key_hash(p, n);
	if (s->order.count && s->last_key != s->order.last)
		sl_key_order_add(&s->order, p, n);
	s->stage = WHOLE;
}

static void take_more(struct summary *s, struct sl_cursor *c)
{
	broken(s, "there are bytes after its end at", s->at);
	c->p = c->end;
}

static void (*const takes[STAGES])(struct summary *, struct sl_cursor *) = {
	[NUMBERS] = take_numbers,
	[OFFSETS] = take_offsets,
	[ENTRIES] = take_entry,
	[UNREAD] = take_unread,
	[LAST_POINTER] = take_last_pointer,
	[FIRST_LENGTH] = take_length,
	[FIRST_KEY] = take_first_key,
	[LAST_LENGTH] = take_length,
	[LAST_KEY] = take_last_key,
	[WHOLE] = take_more,
};

static void summary_feed(void *state, const unsigned char *p, size_t n)
{
	struct sl_cursor c = { p, p + n };
	struct summary *s = state;

	while (c.p < c.end && !s->bad && !s->err) {
		const unsigned char *from = c.p;

		takes[s->stage](s, &c);
		s->at += (uint64_t)(c.p - from);
	}
}

static void note_found(const struct summary *s, struct sl_facts *ret)
{
	if (s->bad)
		sl_facts_found(ret, SL_RULE_SUMMARY, "%s %llu", s->bad,
			       (unsigned long long)s->bad_at);
	else if (s->stage != WHOLE)
		sl_facts_found(ret, SL_RULE_SUMMARY,
			       "ends early, after %llu bytes, with %u entries",
			       (unsigned long long)ret->size, s->count);
}

static int summary_facts(const void *state, struct sl_facts *ret)
{
	const struct summary *s = state;

	if (s->err)
		return s->err;
	ret->u.summary = (struct sl_summary_facts){
		.count = s->count,
		.first_key = s->first_key,
		.last_key = s->last_key,
		.last_index_position = s->pointer,
		.sampling_level = s->level,
		.min_interval = s->interval,
		.sampled = s->count && s->count <= TABLE_MAX &&
			   s->area < CRAMPED,
		.samples = s->samples,
		.out_of_order = s->order.out_of_order,
		.out_of_order_at = s->order.out_of_order_at,
	};
	note_found(s, ret);
	return 0;
}

static void summary_end(void *state)
{
	struct summary *s = state;

	sl_key_release(&s->key);
	free(s->table);
}

const struct sl_parser sl_summary_parser = {
	.state = sizeof(struct summary),
	.begin = summary_begin,
	.feed = summary_feed,
	.facts = summary_facts,
	.end = summary_end,
};
