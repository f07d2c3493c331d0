/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One file on its way: bytes in, parts out, one object committed. fs/mount
 * feeds it; the engine cuts parts, keeps the byte budget, sends parts of one
 * file and of many files side by side, and commits.
 *
 * Thread model: every function may be called from any thread and never
 * blocks on budget or network. What cannot be answered at once is parked: the
 * function returns SL_PARKED and the struct sl_wait's done() comes exactly
 * once from an engine or backend thread, never inside the call. done() must
 * not block and may call back into this interface. Calls for one upload are
 * serialised by the caller for writes (the kernel does that per file).
 */
#ifndef SL_UPLOAD_H
#define SL_UPLOAD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "backend.h"
#include "clock.h"
#include "error.h"
#include "wait.h"

struct sl_engine;
struct sl_upload;

/*
 * What must outlive a crash, told as it happens. Implemented by the ledger's
 * glue. All are called on engine or backend threads, must not block, and are
 * given strings that are borrowed for the call.
 */
struct sl_journal_ops {
	/*
	 * An upload id exists; 'ready' must be called (from anywhere, also
	 * inside) once it is durable: no part goes out before.
	 */
	void (*begun)(void *arg, struct sl_upload *u, const char *upload_id,
		      void (*ready)(void *ready_arg, int err),
		      void *ready_arg);
	/* A part is acknowledged. */
	void (*part)(void *arg, struct sl_upload *u, const char *upload_id,
		     const struct sl_part *p);
	/* The upload id is gone: completed or aborted. */
	void (*ended)(void *arg, struct sl_upload *u, const char *upload_id);
	/*
	 * It stays behind with its parts, and nothing of it is on its way any
	 * more. Called with locks held: it must only take note.
	 */
	void (*kept)(void *arg, const char *upload_id);
};

struct sl_engine_config {
	struct sl_backend *backend; /* borrowed */
	const struct sl_journal_ops *journal; /* NULL: none */
	void *journal_arg;
	const struct sl_clock *clock; /* NULL: system */
	uint64_t memory;	/* byte budget, >= 32 MiB */
	int connections;	/* most backend ops in flight, 1..512 */
	uint64_t first_part;	/* 0: 16 MiB, held within limits and budget */
	/* Seconds a write may wait only for other open writers; 0: 20. */
	int admit_s;
};

int sl_engine_new(const struct sl_engine_config *cfg, struct sl_engine **ret,
		  struct sl_error *e) SL_MUST_CHECK;
/*
 * Gives up what is not committed (parts stay in the store for resume), waits
 * for what is in flight to be cancelled, answers everything parked with
 * -ECANCELED, stops the threads. All uploads must have been released.
 */
void sl_engine_free(struct sl_engine *e);

struct sl_engine_stats {
	uint64_t budget, used;	    /* bytes */
	uint64_t bytes_sent;	    /* acknowledged by the store */
	int in_flight;		    /* backend ops */
	int blocked_writes;	    /* parked writes */
	int uploads;		    /* alive */
	uint64_t largest_file;	    /* what the part schedule allows, bytes */
};
void sl_engine_get_stats(struct sl_engine *e, struct sl_engine_stats *ret);

/*
 * A new upload of object 'key' (copied); nothing is sent. size_hint: the
 * final size if known, else 0. 'arg' is the caller's, see sl_upload_arg().
 * -EFBIG: the hint passes what budget and part limit allow (the text names
 * the memory= that would do). -ENOMEM. The caller holds one reference.
 */
int sl_upload_new(struct sl_engine *e, const char *key, uint64_t size_hint,
		  void *arg, struct sl_upload **ret,
		  struct sl_error *err) SL_MUST_CHECK;
/*
 * Before the first byte: goes on with an upload id that an earlier copy of
 * the same key left behind ('kept'), without sending again what is stored.
 * known: what the journal was told of its parts (copied; may be none), for
 * stores that do not list checksums. -EOPNOTSUPP: the store does not tell;
 * -EBUSY: it has begun already. -ENOMEM.
 */
int sl_upload_resume(struct sl_upload *u, const char *upload_id,
		     const struct sl_part *known, uint32_t count)
	SL_MUST_CHECK;
/*
 * The final size has become known, before the first part is full. -EFBIG as
 * above: what was taken stays, and nothing is sent.
 */
int sl_upload_expect(struct sl_upload *u, uint64_t size,
		     struct sl_error *err) SL_MUST_CHECK;
void *sl_upload_arg(struct sl_upload *u);

/*
 * Somebody who sees the bytes that are taken: exactly these, in order, one
 * call at a time, on whatever thread takes them, without a lock of ours. The
 * pieces are small enough to be in the processor's cache still, where they
 * were copied and summed. Bytes of a version that fails or is given up may
 * have been seen, too.
 */
struct sl_tap {
	/*
	 * Answers the CRC32 of just these bytes: who looks at them has it as a
	 * rule, and then they need not be summed twice.
	 */
	uint32_t (*bytes)(struct sl_tap *t, const void *p, size_t n);
	/*
	 * From the first byte again; and: nothing more comes, the upload is
	 * gone. Both are called with locks held, must not block and not call
	 * back.
	 */
	void (*restart)(struct sl_tap *t);
	void (*end)(struct sl_tap *t);
};
/* Before the first byte. Borrowed until t->end(). */
void sl_upload_set_tap(struct sl_upload *u, struct sl_tap *t);
const char *sl_upload_key(struct sl_upload *u);
/* Drops the caller's reference; an upload in flight ends by itself. */
void sl_upload_unref(struct sl_upload *u);

/*
 * Memory of a caller that holds the bytes of a write and may be kept instead
 * of being copied. give_back() comes once, on any thread, with locks held: it
 * must neither block nor call back into this interface.
 */
struct sl_lent {
	void (*give_back)(struct sl_lent *l);
};

/* The most bytes of one write. */
#define SL_WRITE_MAX ((size_t)1 << 20)

/*
 * Appends n (1..SL_WRITE_MAX) bytes. 0: taken. SL_PARKED: w->done(0) when
 * taken. Errors: the upload's sticky one; -EFBIG; -ENOBUFS (waiting only for
 * other open writers, by done); -EPIPE after commit was asked for (see
 * sl_upload_reopen). An interrupted write ends with 0 and w->left > 0 when
 * some of its bytes had been taken: a short write.
 */
int sl_upload_write(struct sl_upload *u, const void *data, size_t n,
		    struct sl_wait *w) SL_MUST_CHECK;
/*
 * The same with data in lent memory (*lent; NULL: none is); *lent becomes
 * NULL when the memory is kept, whatever is returned.
 */
int sl_upload_write_lent(struct sl_upload *u, const void *data, size_t n,
			 struct sl_lent **lent,
			 struct sl_wait *w) SL_MUST_CHECK;
/* Appends n zero bytes (a hole); as write, n unbounded. */
int sl_upload_zeros(struct sl_upload *u, uint64_t n,
		    struct sl_wait *w) SL_MUST_CHECK;
/*
 * All bytes cut into full parts so far are acknowledged. What is less than a
 * part stays in the budget (a small file sends nothing). For the close of a
 * temporary name.
 */
int sl_upload_settle(struct sl_upload *u, struct sl_wait *w) SL_MUST_CHECK;
/*
 * The rest goes out and the object is committed under the key; w->done(0)
 * means: confirmed by the store, sl_upload_result() is filled. Asked again
 * while one is under way, waits for the same commit; after it, returns 0.
 * A failed commit is sticky.
 */
int sl_upload_commit(struct sl_upload *u, struct sl_wait *w) SL_MUST_CHECK;
/*
 * After a commit, takes more bytes for a new version that begins with what
 * was committed (shell redirections: flush, then write). Only while the
 * bytes are still held (single put); else -EIO.
 */
int sl_upload_reopen(struct sl_upload *u) SL_MUST_CHECK;
/*
 * Back to an empty upload of the same key: ftruncate(0) before data was
 * sent, or with the old parts aborted in the background.
 */
int sl_upload_restart(struct sl_upload *u) SL_MUST_CHECK;
/*
 * Gives it up: parked writes end with -ECANCELED, buffers go back. keep:
 * the parts stay in the store (interrupted), else they are aborted.
 */
void sl_upload_abandon(struct sl_upload *u, bool keep);
/*
 * A wait that nobody is interested in any more (INTERRUPT): done() comes with
 * -EINTR soon, unless it was about to come anyway; what was asked for goes on,
 * but no more of a write is taken. The same holds for its deadline. w->owner
 * must be NULL before w is given to anybody.
 */
void sl_wait_interrupt(struct sl_engine *e, struct sl_wait *w);

struct sl_upload_state {
	uint64_t size;	     /* bytes taken */
	uint64_t sent;	     /* bytes acknowledged */
	uint32_t crc32;	     /* of the bytes taken */
	uint32_t parts;	     /* acknowledged */
	bool multipart;	     /* an upload id exists or is being made */
	bool committed;	     /* the last commit succeeded and is current */
	bool committing;
	int err;	     /* sticky -errno, 0 */
	struct sl_error error;
	struct sl_object obj; /* valid if committed */
};
void sl_upload_get(struct sl_upload *u, struct sl_upload_state *ret);
/* The bytes still held from the beginning (for reads of a small new
 * version): copies up to n from offset; -ENODATA when they are gone. */
ssize_t sl_upload_peek(struct sl_upload *u, uint64_t offset, void *dst,
		       size_t n);

#endif
