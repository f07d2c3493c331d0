/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ownership helpers: scope-bound release of what a function acquired, and the
 * attributes that make a caller look at results. Every release function here
 * accepts NULL (or -1 for a descriptor) and keeps errno.
 */
#ifndef SL_CLEANUP_H
#define SL_CLEANUP_H

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SL_MUST_CHECK __attribute__((warn_unused_result))
#define SL_PRINTF(f, a) __attribute__((format(printf, f, a)))

#define SL_CAT_(a, b) a##b
#define SL_CAT(a, b) SL_CAT_(a, b)
#define SL_UNIQ(x) SL_CAT(x, __COUNTER__)

#define sl_container_of(ptr, type, member) \
	((type *)(void *)((char *)(ptr) - offsetof(type, member)))

#define SL_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* SL_CLEANUP(free) char *s = NULL; */
#define SL_CLEANUP(what) __attribute__((cleanup(sl_cleanup_##what)))

/* Hands ownership out of a SL_CLEANUP variable: return sl_steal(&p); */
#define sl_steal(pp) \
	({ \
		__typeof__(*(pp)) sl_stolen_ = *(pp); \
		*(pp) = NULL; \
		sl_stolen_; \
	})

static inline void sl_cleanup_free(void *pp)
{
	int saved = errno;

	free(*(void **)pp);
	errno = saved;
}

static inline void sl_cleanup_fd(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	errno = saved;
}

static inline void sl_cleanup_file(FILE **f)
{
	int saved = errno;

	if (*f)
		fclose(*f);
	errno = saved;
}

#endif
