/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading numbers and texts out of bytes that nobody vouches for. A reader
 * knows its end; a read beyond it yields zero (or NULL) and sticks, so that a
 * parser reads a whole record and asks once. Integers are big-endian, as Java
 * writes them. Lengths are compared with what is left before they are used;
 * nothing here can overflow, whatever it is asked for.
 */
#ifndef SL_BYTES_H
#define SL_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct sl_bytes {
	const unsigned char *data; /* borrowed; never NULL */
	size_t size, at;	   /* at <= size */
	bool bad;		   /* something was read that is not there */
};

static inline void sl_bytes_init(struct sl_bytes *b, const void *p, size_t n)
{
	static const unsigned char nothing[1];

	b->data = p ? p : nothing;
	b->size = p ? n : 0;
	b->at = 0;
	b->bad = false;
}

static inline size_t sl_bytes_left(const struct sl_bytes *b)
{
	return b->size - b->at;
}

/* Everything was read, and nothing beyond it. */
static inline bool sl_bytes_done(const struct sl_bytes *b)
{
	return !b->bad && b->at == b->size;
}

/* The next n bytes, borrowed; NULL if there are fewer. */
static inline const unsigned char *sl_bytes_take(struct sl_bytes *b,
						 uint64_t n)
{
	const unsigned char *p = b->data + b->at;

	if (b->bad || n > sl_bytes_left(b)) {
		b->bad = true;
		return NULL;
	}
	b->at += (size_t)n;
	return p;
}

static inline void sl_bytes_skip(struct sl_bytes *b, uint64_t n)
{
	sl_bytes_take(b, n);
}

/* An array of 'count' elements of 'each' > 0 bytes. */
static inline const unsigned char *
sl_bytes_array(struct sl_bytes *b, uint64_t count, size_t each)
{
	if (count > sl_bytes_left(b) / each)
		b->bad = true;
	return sl_bytes_take(b, b->bad ? 0 : count * each);
}

/* Big-endian, of memory that is known to be there. */
static inline uint64_t sl_be(const unsigned char *p, unsigned n)
{
	uint64_t v = 0;

	while (n--)
		v = v << 8 | *p++;
	return v;
}

static inline uint64_t sl_bytes_be(struct sl_bytes *b, unsigned n)
{
	const unsigned char *p = sl_bytes_take(b, n);

	return p ? sl_be(p, n) : 0;
}

static inline uint8_t sl_bytes_u8(struct sl_bytes *b)
{
	return (uint8_t)sl_bytes_be(b, 1);
}

static inline uint16_t sl_bytes_u16(struct sl_bytes *b)
{
	return (uint16_t)sl_bytes_be(b, 2);
}

static inline uint32_t sl_bytes_u32(struct sl_bytes *b)
{
	return (uint32_t)sl_bytes_be(b, 4);
}

static inline int32_t sl_bytes_i32(struct sl_bytes *b)
{
	return (int32_t)sl_bytes_u32(b);
}

static inline uint64_t sl_bytes_u64(struct sl_bytes *b)
{
	return sl_bytes_be(b, 8);
}

static inline int64_t sl_bytes_i64(struct sl_bytes *b)
{
	return (int64_t)sl_bytes_u64(b);
}

static inline double sl_bytes_f64(struct sl_bytes *b)
{
	uint64_t v = sl_bytes_u64(b);
	double d;

	memcpy(&d, &v, sizeof(d));
	return d;
}

/*
 * VIntCoding.java, unsigned: the leading one bits of the first byte count
 * the bytes that follow, its other bits are the highest of the value.
 */
static inline uint64_t sl_bytes_vint(struct sl_bytes *b)
{
	unsigned first = sl_bytes_u8(b), n = 0;
	const unsigned char *p;

	while (n < 8 && (first & 0x80u >> n))
		n++;
	p = sl_bytes_take(b, n);
	if (!p)
		return 0;
	/* With eight bytes to follow none of the first remain: no shift. */
	return n == 8 ? sl_be(p, 8) :
			(uint64_t)(first & 0xffu >> n) << 8 * n | sl_be(p, n);
}

/* DataOutput.writeUTF: u16 length and bytes. NULL if they are not there. */
static inline const char *sl_bytes_utf(struct sl_bytes *b, size_t *ret_len)
{
	size_t n = sl_bytes_u16(b);
	const unsigned char *p = sl_bytes_take(b, n);

	*ret_len = p ? n : 0;
	return (const char *)p;
}

/* A vint length and bytes. NULL if they are not there. */
static inline const char *sl_bytes_text(struct sl_bytes *b, size_t *ret_len)
{
	uint64_t n = sl_bytes_vint(b);
	const unsigned char *p = sl_bytes_take(b, n);

	*ret_len = p ? (size_t)n : 0;
	return (const char *)p;
}

#endif
