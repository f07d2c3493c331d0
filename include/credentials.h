/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Upload credentials as a backend sees them: a reference-counted, immutable
 * set of keys with a generation number, and a source that gives the present
 * set and can be told that a generation was refused. fs/migration implements
 * the source over the DevOps API; tests and file:// use a fixed one.
 */
#ifndef SL_CREDENTIALS_H
#define SL_CREDENTIALS_H

#include <stdint.h>

#include "cleanup.h"

enum sl_cred_kind {
	SL_CRED_NONE,  /* the store needs none (file://) */
	SL_CRED_S3,    /* id, secret, token (session token; may be NULL) */
	SL_CRED_GCS,   /* secret = the decoded credentials JSON */
	SL_CRED_AZURE, /* id = url, secret = SAS without leading '?' */
};

struct sl_cred {
	int refs;	       /* atomic; use ref/unref */
	enum sl_cred_kind kind;
	uint64_t generation;   /* 1, 2, ...: later sets have larger numbers */
	int64_t expires_ms;    /* wall time by the server's clock; 0: unknown */
	char *id;	       /* owned, wiped on free; may be NULL */
	char *secret;
	char *token;
};

/* A new set with one reference; strings are copied. NULL: out of memory. */
struct sl_cred *sl_cred_new(enum sl_cred_kind kind, uint64_t generation,
			    const char *id, const char *secret,
			    const char *token);
struct sl_cred *sl_cred_ref(struct sl_cred *c);
/* Wipes and frees with the last reference. NULL is fine. */
void sl_cred_unref(struct sl_cred *c);
static inline void sl_cleanup_cred(struct sl_cred **c)
{
	sl_cred_unref(*c);
}

/*
 * Somebody waiting for newer credentials. Memory belongs to the waiter and
 * must live until ready() ran or sl_cred_cancel() returned.
 */
struct sl_cred_wait {
	/*
	 * Called once, never inside sl_cred_refused(), on any thread. err 0:
	 * get() now gives something worth another attempt. -EKEYEXPIRED: they
	 * cannot be renewed. -EROFS: the migration takes no files any more.
	 * -ECANCELED: the source is shutting down.
	 */
	void (*ready)(struct sl_cred_wait *w, int err);
	struct sl_cred_wait *next; /* the source's */
	uint64_t generation;	   /* the source's */
};

struct sl_cred_source;

struct sl_cred_source_ops {
	struct sl_cred *(*get)(struct sl_cred_source *s);
	void (*refused)(struct sl_cred_source *s, uint64_t generation,
			struct sl_cred_wait *w);
	void (*cancel)(struct sl_cred_source *s, struct sl_cred_wait *w);
	int64_t (*offset_ms)(struct sl_cred_source *s);
	/* Optional; see sl_cred_over(). */
	int (*over)(struct sl_cred_source *s);
	/* Optional; see sl_cred_worked(). */
	void (*worked)(struct sl_cred_source *s, uint64_t generation);
};

struct sl_cred_source {
	const struct sl_cred_source_ops *ops;
};

/* The present set with a reference for the caller; NULL: none yet. */
static inline struct sl_cred *sl_cred_get(struct sl_cred_source *s)
{
	return s->ops->get(s);
}

/*
 * Tells that 'generation' (0: there was no set) was refused and waits for
 * something newer. Many callers for one generation cause one refresh. If a
 * newer set is there already, ready(0) follows at once (from another thread
 * or a later turn, not inside this call).
 */
static inline void sl_cred_refused(struct sl_cred_source *s,
				   uint64_t generation, struct sl_cred_wait *w)
{
	s->ops->refused(s, generation, w);
}

/* Stops waiting; when it returns, ready() will not be called any more. */
static inline void sl_cred_cancel(struct sl_cred_source *s,
				  struct sl_cred_wait *w)
{
	s->ops->cancel(s, w);
}

/*
 * -EROFS when it is known that nothing that needs these credentials will
 * succeed any more (the migration is launched or closed), so that no request
 * goes on being retried; else 0. Cheap, takes no lock, any thread.
 */
static inline int sl_cred_over(struct sl_cred_source *s)
{
	return s->ops->over ? s->ops->over(s) : 0;
}

/* Tells that a store took 'generation'. Cheap, takes no lock, any thread. */
static inline void sl_cred_worked(struct sl_cred_source *s,
				  uint64_t generation)
{
	if (s->ops->worked)
		s->ops->worked(s, generation);
}

#endif
