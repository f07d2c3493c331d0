/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chunks of a Data.db of which nothing is known, found as they pass. A chunk
 * [s, e) ends in the CRC32 of what is before, so a guess of e costs one look;
 * guesses come cheaply from what chunks look like (data_scan.c). In order of
 * place, for one chunk:
 *
 *	where the first bytes of the first chunk stand again, but not before
 *	most of the length of the shortest chunks of late has passed,
 *	where the chunk would end if it were stored raw, or by Noop,
 *	when neither was right within the longest a chunk can be: every place,
 *	the end of the file.
 *
 * The running CRC goes over the bytes once; only the third look goes over
 * them again. Stages, with what ends them:
 *
 *	FIRST	first bytes of a compressor;	CHUNKS, PROBE
 *	PROBE	of none: may be plain, or the first chunk stored as it is, then
 *		it has a power of two of bytes;	CHUNKS, PLAIN
 *	CHUNKS	one follows the other;		LOST
 *	PLAIN	blocks are summed, from the first byte
 *	LOST	a damaged chunk, or a format that nobody knows
 *
 * What a border between pieces cuts is kept in a window, which holds at most
 * one chunk that was not found yet and a step of what follows it.
 *
 * The last chunks are small, so nothing that follows shows their ends:
 * facts() looks at the window as the end of the file, without changing it.
 *
 * Bytes may be made to be expensive: many tiny chunks that only the third
 * look finds. 'spent' counts, and too much of it is LOST.
 */
#include <string.h>

#include "crc.h"
#include "sstable/bytes.h"
#include "sstable/data.h"

/* Shortest chunk before another: a byte and its CRC. */
#define SHORTEST 5
#define PROBE_FROM 1024
#define STEP 1024
#define PROBE_STEP 65536
/* Looked at so many times more often than read, beyond a first allowance. */
#define SPENT_FACTOR 24
#define SPENT_FREE ((uint64_t)16 << 20)

static void window_free(struct sl_data_find *f)
{
	free(f->window);
	f->window = NULL;
	f->len = f->cap = 0;
}

void sl_data_find_end(struct sl_data_find *f)
{
	window_free(f);
}

static void lose(struct sl_data_find *f)
{
	f->stage = SL_FIND_LOST;
}

static void look_anew(struct sl_data_find *f)
{
	f->summed = 0;
	f->crc = 0;
	f->stored = f->hint.plain;
	f->skipped = f->hint.marker_len ? f->shortest / 4 * 3 : 0;
	f->searched = f->skipped > SHORTEST ? f->skipped : SHORTEST;
}

static void set_bound(struct sl_data_find *f)
{
	uint64_t plain = f->hint.plain ? f->hint.plain : SL_DATA_CHUNK_MAX;

	f->bound = (size_t)sl_data_longest(plain);
}

static void probe(struct sl_data_find *f)
{
	f->stage = SL_FIND_PROBE;
	f->hint = (struct sl_data_hint){ .plain = 0 };
	set_bound(f);
	look_anew(f);
	f->stored = PROBE_FROM;
}

static void hint_first(struct sl_data_find *f, const unsigned char *s)
{
	f->blocks.block = SL_DATA_BLOCK;
	if (sl_data_guess(s, &f->hint)) {
		set_bound(f);
		look_anew(f);
	} else {
		probe(f);
	}
	f->hinted = true;
}

/* The first chunk was stored raw: this one may show its compressor. */
static void hint_later(struct sl_data_find *f, const unsigned char *s)
{
	struct sl_data_hint h;

	f->hinted = true;
	if (f->hint.marker_len || !sl_data_guess(s, &h))
		return;
	if (h.plain && h.plain != f->hint.plain)
		return;
	h.plain = f->hint.plain;
	f->hint = h;
}

/*
 * The next place where the chunk may end, within n bytes; 0: none yet. Always
 * in ascending order, however the bytes come in pieces.
 */
static size_t candidate(struct sl_data_find *f, const unsigned char *s,
			size_t n)
{
	size_t mark = f->hint.marker_len, stored = (size_t)f->stored + 4;
	size_t to = n, at;
	/* Markers that begin before it must be whole to come before it. */
	bool reach = f->stored && stored + mark <= n;

	if (reach)
		to = stored - 1 + mark;
	at = sl_data_marker(s, f->searched, to, &f->hint);
	if (at < to) {
		f->searched = at + 1;
		return at;
	}
	if (to > f->searched + mark)
		f->searched = to - mark;
	if (!reach)
		return 0;
	f->stored = 0;
	if (f->stage == SL_FIND_PROBE && stored < SL_DATA_CHUNK_MAX)
		f->stored = (uint32_t)(stored - 4) * 2;
	return stored;
}

static void sum_to(struct sl_data_find *f, const unsigned char *s, size_t to)
{
	if (to <= f->summed)
		return;
	f->crc = sl_crc32(f->crc, s + f->summed, to - f->summed);
	f->summed = to;
}

static bool fits(struct sl_data_find *f, const unsigned char *s, size_t end)
{
	sum_to(f, s, end - 4);
	return f->crc == (uint32_t)sl_be(s + end - 4, 4);
}

/*
 * Chunks of a file are of much the same length, so their first part is not
 * searched. When a guess beyond was wrong it is, once: this one is shorter.
 */
static size_t look_back(struct sl_data_find *f, const unsigned char *s)
{
	size_t to = f->skipped - 1 + f->hint.marker_len;
	size_t at = SHORTEST, from = 0;
	uint32_t crc = 0;

	f->spent += to + f->summed;
	f->skipped = 0;
	while ((at = sl_data_marker(s, at, to, &f->hint)) < to) {
		crc = sl_crc32(crc, s + from, at - 4 - from);
		from = at - 4;
		if (crc == (uint32_t)sl_be(s + from, 4))
			return at;
		at++;
	}
	return 0;
}

/* No guess was right, and the chunk cannot be longer. */
static size_t last_resort(struct sl_data_find *f, const unsigned char *s)
{
	size_t end = 0;

	f->spent += 2 * f->bound;
	if (f->stage == SL_FIND_PROBE) {
		f->stage = SL_FIND_PLAIN;
		return 0;
	}
	if (f->spent / SPENT_FACTOR <= f->sum.next + SPENT_FREE)
		end = sl_data_every(s, f->bound);
	if (!end && f->stage == SL_FIND_FIRST)
		probe(f);
	else if (!end)
		lose(f);
	return end;
}

/*
 * No end comes before what was searched: so far the chunk's own sum may go,
 * while the bytes are at hand. Their sum as a whole is made of it.
 */
static void sum_searched(struct sl_data_find *f, const unsigned char *s,
			 size_t n)
{
	size_t to = f->searched;

	if (f->stored && to > (size_t)f->stored + 4)
		to = (size_t)f->stored + 4;
	to = to > 4 ? to - 4 : 0;
	sum_to(f, s, to < n ? to : n);
}

/* The end of the chunk at s; 0: more bytes are needed, or the stage changed. */
static size_t look(struct sl_data_find *f, const unsigned char *s, size_t n)
{
	size_t limit = n < f->bound ? n : f->bound, end;

	/* No end comes before; bytes are best touched in their order. */
	if (f->skipped > SHORTEST && f->skipped <= limit)
		sum_to(f, s, f->skipped - 4);
	while ((end = candidate(f, s, limit))) {
		if (fits(f, s, end))
			return end;
		end = f->skipped > SHORTEST ? look_back(f, s) : 0;
		if (end)
			return end;
	}
	if (n < f->bound) {
		sum_searched(f, s, n);
		return 0;
	}
	end = f->skipped > SHORTEST ? look_back(f, s) : 0;
	return end ? end : last_resort(f, s);
}

static bool ready(struct sl_data_find *f, const unsigned char *s, size_t n)
{
	if (f->hinted)
		return true;
	if (n < SL_DATA_HEAD)
		return false;
	if (f->stage == SL_FIND_FIRST)
		hint_first(f, s);
	else
		hint_later(f, s);
	return true;
}

/* A chunk that does not begin as the others was stored raw. */
static bool is_raw(const struct sl_data_find *f, const unsigned char *s,
		   size_t end)
{
	uint64_t n = end - 4;

	return f->stage == SL_FIND_PROBE ||
	       (f->stage == SL_FIND_CHUNKS && !f->hint.plain &&
		n >= PROBE_FROM && n <= SL_DATA_CHUNK_MAX && !(n & (n - 1)) &&
		memcmp(s, f->hint.marker, f->hint.marker_len) != 0);
}

/* However it was found, its last four bytes are the CRC of those before. */
static void add_whole(struct sl_data_find *f, const unsigned char *s,
		      size_t end)
{
	uint32_t crc = (uint32_t)sl_be(s + end - 4, 4);

	f->whole = sl_crc32(sl_crc32_combine(f->whole, crc, end - 4),
			    s + end - 4, 4);
}

static void found(struct sl_data_find *f, const unsigned char *s, size_t end)
{
	if (is_raw(f, s, end))
		f->hint.plain = (uint32_t)(end - 4);
	set_bound(f);
	f->stage = SL_FIND_CHUNKS;
	sl_data_sum_add(&f->sum, s, end);
	add_whole(f, s, end);
	if (!f->shortest || end < f->shortest)
		f->shortest = end;
	f->shortest += (end - f->shortest) / 128;
	look_anew(f);
	f->hinted = f->hint.marker_len != 0;
}

/* Takes the chunks that are whole in s; how many bytes they have. */
static size_t take(struct sl_data_find *f, const unsigned char *s, size_t n)
{
	size_t done = 0;

	while (f->stage < SL_FIND_PLAIN && ready(f, s + done, n - done)) {
		enum sl_data_stage was = f->stage;
		size_t end = look(f, s + done, n - done);

		if (!end && f->stage == was)
			break;
		if (end)
			found(f, s + done, end);
		done += end;
	}
	return done;
}

static bool keep(struct sl_data_find *f, const unsigned char *p, size_t n)
{
	size_t cap = f->cap ? f->cap : STEP;
	unsigned char *w;

	while (cap < f->len + n)
		cap *= 2;
	if (cap > f->cap) {
		w = realloc(f->window, cap);
		if (!w) {
			f->err = -ENOMEM;
			lose(f);
			return false;
		}
		f->window = w;
		f->cap = cap;
	}
	memcpy(f->window + f->len, p, n);
	f->len += n;
	return true;
}

/* The chunk in the window goes on at p; how many of these bytes are used. */
static size_t go_on(struct sl_data_find *f, const unsigned char *p, size_t n)
{
	size_t before = f->len, done, step = STEP + f->len / 4;

	if (f->stage == SL_FIND_PROBE)
		step = PROBE_STEP;
	if (step > n)
		step = n;
	if (!keep(f, p, step))
		return n;
	done = take(f, f->window, f->len);
	if (f->stage == SL_FIND_PLAIN) {
		sl_data_blocks_feed(&f->blocks, f->window, before);
		return 0;
	}
	if (done >= before) {
		f->len = 0;
		return done - before;
	}
	f->len -= done;
	if (done)
		memmove(f->window, f->window + done, f->len);
	return step;
}

static size_t begin(struct sl_data_find *f, const unsigned char *p, size_t n)
{
	size_t done = take(f, p, n);

	if (f->stage >= SL_FIND_PLAIN || done == n)
		return done;
	keep(f, p + done, n - done);
	return n;
}

void sl_data_find_feed(struct sl_data_find *f, const unsigned char *p,
		       size_t n)
{
	while (n && f->stage < SL_FIND_PLAIN) {
		size_t used = f->len ? go_on(f, p, n) : begin(f, p, n);

		p += used;
		n -= used;
	}
	if (f->stage >= SL_FIND_PLAIN)
		window_free(f);
	if (f->stage == SL_FIND_PLAIN && n)
		sl_data_blocks_feed(&f->blocks, p, n);
}

/*
 * Deflate and Noop make no byte of nothing: their empty chunk is a CRC alone,
 * four zeros. So begins the empty chunk of LZ4, which must not be cut there.
 * Where all chunks before it are raw this cannot be told; the digest can.
 */
static bool bare_end(const struct sl_data_hint *h, size_t n)
{
	return n != 4 || h->marker_len < 2 || h->marker[0] == 0x78;
}

/* What is left of the file is some chunks, whole. */
static bool take_end(struct sl_data_sum *sum, const struct sl_data_hint *h,
		     const unsigned char *s, size_t n)
{
	size_t end;

	for (bool all = true; n; s += end, n -= end, all = false) {
		end = n;
		/* The whole at first, as it is quick, and four bytes. */
		if (!(all || n == 4) || !bare_end(h, n) || !sl_data_whole(s, n))
			end = sl_data_every(s, n);
		if (!end)
			return false;
		sl_data_sum_add(sum, s, end);
	}
	return true;
}

/*
 * One chunk stored as it is, alone in the file, or before the empty chunk of
 * a compaction. There are few of those, so not every place is looked at.
 */
static bool take_stored(struct sl_data_sum *sum, const unsigned char *s,
			size_t n)
{
	/* Lengths of Noop's or Deflate's, Snappy's, LZ4's, and more. */
	static const unsigned char empty[] = { 4, 5, 9, 12, 13, 17 };

	if (n > 4 && sl_data_whole(s, n)) {
		sl_data_sum_add(sum, s, n);
		return true;
	}
	for (size_t i = 0; i < SL_ARRAY_LEN(empty); i++) {
		size_t last = empty[i];

		if (n < last + SHORTEST || !sl_data_whole(s + n - last, last) ||
		    !sl_data_whole(s, n - last))
			continue;
		sl_data_sum_add(sum, s, n - last);
		sl_data_sum_add(sum, s + n - last, last);
		return true;
	}
	return false;
}

static bool take_rest(const struct sl_data_find *f, struct sl_data_sum *sum)
{
	if (f->stage == SL_FIND_CHUNKS ||
	    (f->stage == SL_FIND_FIRST && f->hinted))
		return take_end(sum, &f->hint, f->window, f->len);
	return take_stored(sum, f->window, f->len);
}

static void plain(const struct sl_data_find *f, struct sl_facts *ret)
{
	struct sl_data_blocks b = f->blocks;

	b.block = SL_DATA_BLOCK;
	if (f->len)
		sl_data_blocks_feed(&b, f->window, f->len);
	sl_data_blocks_facts(&b, ret);
}

/* The window has what is left of the bytes, from the chunk's first on. */
bool sl_data_find_sum(const struct sl_data_find *f, uint32_t *ret)
{
	if (f->stage == SL_FIND_LOST)
		return false;
	if (f->stage == SL_FIND_PLAIN) {
		*ret = sl_data_blocks_sum(&f->blocks);
		return true;
	}
	*ret = sl_crc32_combine(f->whole, f->crc, f->summed);
	if (f->len > f->summed)
		*ret = sl_crc32(*ret, f->window + f->summed,
				f->len - f->summed);
	return true;
}

int sl_data_find_facts(const struct sl_data_find *f, struct sl_facts *ret)
{
	struct sl_data_sum sum = f->sum;

	if (f->err)
		return f->err;
	if (f->stage == SL_FIND_LOST)
		return 0; /* unsettled */
	if (f->stage == SL_FIND_PLAIN) {
		plain(f, ret);
	} else if (take_rest(f, &sum)) {
		ret->u.data.mode = SL_DATA_CHUNKED;
		sl_data_sum_facts(&sum, &ret->u.data);
	} else if (f->stage != SL_FIND_CHUNKS) {
		plain(f, ret);
	}
	return 0;
}
