/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small helpers of the rehearsal cloud: strings, encodings, hashes, time. It
 * is a test tool, so running out of memory ends it (abort); nothing here is
 * shared with the product, because a bug in shared code would hide in both.
 */
#ifndef SIM_UTIL_H
#define SIM_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIM_PRINTF(f, a) __attribute__((format(printf, f, a)))
#define SIM_COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define SIM_AUTOFREE __attribute__((cleanup(sim_autofree)))
#define SIM_AUTOBUF __attribute__((cleanup(sim_buf_free)))
#define SIM_AUTOCLOSE __attribute__((cleanup(sim_autoclose)))

void sim_autofree(void *pp);
void sim_autoclose(int *fd);

void *sim_alloc(size_t n); /* zeroed, never NULL */
void *sim_grow(void *p, size_t n); /* realloc, never NULL */
char *sim_strdup(const char *s);
char *sim_strndup(const char *s, size_t n);
char *sim_format(const char *fmt, ...) SIM_PRINTF(1, 2);

/* A growing string; p is NUL terminated once something was added. */
struct sim_buf {
	char *p;
	size_t n;
	size_t cap;
};
void sim_buf_add(struct sim_buf *b, const void *data, size_t n);
void sim_buf_str(struct sim_buf *b, const char *s);
void sim_buf_printf(struct sim_buf *b, const char *fmt, ...) SIM_PRINTF(2, 3);
void sim_buf_free(struct sim_buf *b);

#define SIM_SHA256 32
void sim_hex(const void *data, size_t n, char *dst); /* 2n + 1 bytes */
bool sim_unhex(const char *s, size_t n, unsigned char *dst);
char *sim_b64(const void *data, size_t n);
/* Decoded length, or -1; dst holds 3/4 of strlen(s), rounded up. */
int sim_unb64(const char *s, unsigned char *dst, size_t size);
void sim_sha256(const void *data, size_t n, unsigned char out[SIM_SHA256]);
void sim_hmac(const void *key, size_t klen, const char *data,
	      unsigned char out[SIM_SHA256]);
void sim_random(void *dst, size_t n);
/* n random characters of the given alphabet, and a NUL. */
void sim_random_text(char *dst, size_t n, const char *alphabet);
void sim_uuid(char dst[37]);
bool sim_uuid_valid(const char *s);

/* Percent-encoding as S3 defines it; slash: keep '/' as it is. */
void sim_url_encode(struct sim_buf *b, const char *s, size_t n, bool slash);
/* Decodes in a new string; false on a bad escape or an escaped NUL. */
bool sim_url_decode(const char *s, size_t n, bool plus, char **ret);

int64_t sim_monotonic_ms(void);
int64_t sim_wall_ms(void); /* with the --clock-offset added */
void sim_clock_offset(int64_t ms);
void sim_iso(int64_t ms, char dst[32]); /* 2026-01-02T03:04:05Z */
void sim_iso_ms(int64_t ms, char dst[32]); /* ...05.000Z */
void sim_http_date(int64_t ms, char dst[40]);
/* 2026-12-01T14:30Z, ...:00Z, fractions, +hh:mm; -1: not a time. */
int64_t sim_iso_parse(const char *s);
int64_t sim_amz_parse(const char *s); /* 20260102T030405Z */

bool sim_starts(const char *s, const char *prefix);
/* A whole number within bounds, nothing after it. */
bool sim_number(const char *s, int64_t min, int64_t max, int64_t *ret);
/* write() all of it; 0 or -errno. */
int sim_write_all(int fd, const void *data, size_t n);

#endif
