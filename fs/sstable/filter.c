/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Filter.db: i32 hashes, i32 words, words x 8 bytes of a Bloom filter. A
 * filter that lost bits denies keys that are there, and those rows can no
 * longer be read; no importer sees it. So the bits that are set are counted:
 * from the number of keys it is known how many there must be.
 * (BloomFilterSerializer.java; BloomCalculations.java for the hashes)
 */
#include "sstable/gather.h"
#include "sstable/stream.h"

#define HEAD 8
#define HASHES_MAX 30

struct filter {
	struct sl_gather head;
	bool has_head;
	uint32_t hashes, words;
	uint64_t ones;
};

static uint64_t count_ones(const unsigned char *p, size_t n)
{
	uint64_t ones = 0, v;

	for (; n >= sizeof(v); n -= sizeof(v), p += sizeof(v)) {
		memcpy(&v, p, sizeof(v));
		ones += (unsigned)__builtin_popcountll(v);
	}
	while (n--)
		ones += (unsigned)__builtin_popcount(*p++);
	return ones;
}

static void filter_feed(void *state, const unsigned char *p, size_t n)
{
	struct sl_cursor c = { p, p + n };
	struct filter *f = state;

	if (!f->has_head) {
		if (!sl_gather(&f->head, &c, HEAD))
			return;
		f->has_head = true;
		f->hashes = (uint32_t)sl_be(f->head.b, 4);
		f->words = (uint32_t)sl_be(f->head.b + 4, 4);
	}
	f->ones += count_ones(c.p, sl_cursor_left(&c));
}

static void check(const struct filter *f, struct sl_facts *ret)
{
	unsigned long long need = HEAD + 8ull * f->words;

	if (!f->hashes || f->hashes > HASHES_MAX)
		sl_facts_found(ret, SL_RULE_FILTER, "%u hashes", f->hashes);
	else if (!f->words || f->words > INT32_MAX)
		sl_facts_found(ret, SL_RULE_FILTER, "%u words", f->words);
	else if (ret->size != need)
		sl_facts_found(ret, SL_RULE_FILTER,
			       "%llu bytes, %llu are needed for %u words",
			       (unsigned long long)ret->size, need, f->words);
	else if (!f->ones)
		sl_facts_found(ret, SL_RULE_FILTER, "no bit of %u words is set",
			       f->words);
}

static int filter_facts(const void *state, struct sl_facts *ret)
{
	const struct filter *f = state;

	ret->u.filter = (struct sl_filter_facts){
		.hashes = f->hashes,
		.words = f->words,
		.ones = f->ones,
	};
	if (f->has_head)
		check(f, ret);
	else
		sl_facts_found(ret, SL_RULE_FILTER, "%llu bytes",
			       (unsigned long long)ret->size);
	return 0;
}

const struct sl_parser sl_filter_parser = {
	.state = sizeof(struct filter),
	.feed = filter_feed,
	.facts = filter_facts,
};
