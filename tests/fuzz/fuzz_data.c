/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as Data.db, with nothing known before, or with a table of chunks
 * or of checksums before it, and as each of these tables. After the byte that
 * says how all is cut comes one that chooses, then a length and the table.
 * Checksums can be made right: each chunk then is as long as its first byte
 * says. A mutation would else rarely get beyond the first.
 */
#include "cleanup.h"
#include "crc.h"
#include "parser.h"

#define MEND 0x80u

enum what {
	DATA,
	SLICE,
	WITH_CHUNKS,
	WITH_WORDS,
	CHUNKS,
	OLD_CHUNKS,
	WORDS,
	DIGEST,
	WHATS,
};

static const char *const names[WHATS] = {
	[DATA] = "nb-1-big-Data.db",
	[SLICE] = "bb-1-bti-Data.db",
	[WITH_CHUNKS] = "nb-1-big-Data.db",
	[WITH_WORDS] = "nb-1-big-Data.db",
	[CHUNKS] = "nb-1-big-CompressionInfo.db",
	[OLD_CHUNKS] = "mc-1-big-CompressionInfo.db",
	[WORDS] = "nb-1-big-CRC.db",
	[DIGEST] = "nb-1-big-Digest.crc32",
};

static void mend(uint8_t *p, size_t n)
{
	while (n > 5) {
		size_t len = 5 + p[0] * (size_t)(1 + p[1] % 16);
		uint32_t crc;

		if (len > n)
			len = n;
		crc = sl_crc32(0, p, len - 4);
		for (unsigned i = 0; i < 4; i++)
			p[len - 4 + i] = (uint8_t)(crc >> (24 - 8 * i));
		p += len;
		n -= len;
	}
}

static void table(const char *text, const uint8_t *p, size_t n,
		  struct sl_facts *ret)
{
	SL_CLEANUP(stream) struct sl_stream *s = NULL;
	struct sl_name name;

	sl_name_parse(text, strlen(text), &name);
	if (sl_stream_new(&name, NULL, &s))
		abort();
	sl_stream_feed(s, p, n);
	if (sl_stream_facts(s, ret))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	SL_CLEANUP(facts) struct sl_facts f = { 0 };
	SL_CLEANUP(free) uint8_t *copy = NULL;
	struct sl_prior prior = { 0 };
	const struct sl_prior *with = NULL;
	enum what what;
	size_t n;

	if (size < 3)
		return 0;
	what = (data[1] & ~MEND) % WHATS;
	n = data[2] < size - 3 ? data[2] : size - 3;
	if (what == WITH_CHUNKS) {
		table(names[CHUNKS], data + 3, n, &f);
		prior.has_compression = true;
		prior.compression = f.u.compression;
		with = &prior;
	} else if (what == WITH_WORDS) {
		table(names[WORDS], data + 3, n, &f);
		prior.has_crc = true;
		prior.crc = f.u.crc;
		with = &prior;
	} else {
		n = 0;
	}
	size -= 2 + n;
	copy = malloc(size);
	if (!copy)
		abort();
	memcpy(copy, data + 2 + n, size);
	if (data[1] & MEND)
		mend(copy + 1, size - 1);
	return sl_fuzz_prior(names[what], with, copy, size);
}
