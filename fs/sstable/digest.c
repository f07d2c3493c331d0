/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Digest.crc32: the CRC32 of the whole Data.db in decimal digits, up to the
 * end of the first line or of the file. Cassandra writes no line end; what
 * follows a line end is not read by it and is not written by anybody.
 */
#include "sstable/stream.h"

#define MAX_DIGITS 10

enum stage {
	DIGITS,
	CR, /* after "\r": only "\n" may follow */
	END,
	WRONG,
};

struct digest {
	enum stage stage;
	unsigned digits;
	uint64_t value;
};

static enum stage digit(struct digest *d, unsigned char b)
{
	d->value = d->value * 10 + (b - '0');
	d->digits++;
	return d->digits > MAX_DIGITS || d->value > UINT32_MAX ? WRONG : DIGITS;
}

static enum stage step(struct digest *d, unsigned char b)
{
	if (d->stage == DIGITS && b >= '0' && b <= '9')
		return digit(d, b);
	if (d->stage == DIGITS && b == '\r')
		return CR;
	return d->stage < END && b == '\n' ? END : WRONG;
}

static void digest_feed(void *state, const unsigned char *p, size_t n)
{
	struct digest *d = state;

	for (; n && d->stage != WRONG; n--)
		d->stage = step(d, *p++);
}

static int digest_facts(const void *state, struct sl_facts *f)
{
	const struct digest *d = state;

	if (d->stage == WRONG || !d->digits) {
		sl_facts_found(f, SL_RULE_DIGEST,
			       "not a number below 2^32 in %llu bytes",
			       (unsigned long long)f->size);
		return 0;
	}
	f->u.digest = (uint32_t)d->value;
	return 0;
}

const struct sl_parser sl_digest_parser = {
	.state = sizeof(struct digest),
	.feed = digest_feed,
	.facts = digest_facts,
};
