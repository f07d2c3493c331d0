/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the upload engine share: its structures and the
 * functions between them. Everything here is guarded by engine->lock but for
 * what the essay at the head of engine.c says. Not for other folders.
 */
#ifndef SL_UPLOAD_INTERNAL_H
#define SL_UPLOAD_INTERNAL_H

#include <pthread.h>
#include <sys/queue.h>

#include "lock.h"
#include "upload/budget.h"
#include "upload/schedule.h"
#include "upload/upload.h"

/* Bytes of one part, filled, then sent. Immutable once sealed. */
struct sl_part_buf {
	TAILQ_ENTRY(sl_part_buf) link;
	uint32_t number; /* 0 until sealed */
	uint32_t crc;
	uint64_t sum; /* as the backend wants it */
	uint64_t size;
	uint64_t target; /* sealed when it is this large */
	struct sl_piece *head, *tail; /* all but the tail are full */
	unsigned pieces;
	bool early; /* smaller than the schedule, for fairness */
};
TAILQ_HEAD(sl_part_list, sl_part_buf);

enum sl_job {
	SL_JOB_NONE,
	SL_JOB_LIST,
	SL_JOB_PUT,
	SL_JOB_BEGIN,
	SL_JOB_COMPLETE,
	SL_JOB_ABORT,
	SL_JOB_PART,
	SL_JOB__COUNT,
};

/* What becomes of an attempt that its upload has let go. */
enum sl_fate {
	SL_FATE_LIVE, /* attached */
	SL_FATE_KEEP,
	SL_FATE_ABORT,
};

enum { SL_QUEUE_URGENT, SL_QUEUE_BULK, SL_QUEUE__COUNT };

/*
 * One try to make the object: a single put or a multipart upload. An upload
 * has at most one; when it restarts or is given up, the attempt goes on alone
 * until its last op is back, and is then kept or aborted in the store.
 */
struct sl_attempt {
	TAILQ_ENTRY(sl_attempt) link[SL_QUEUE__COUNT];
	bool queued[SL_QUEUE__COUNT];
	struct sl_upload *u;	   /* holds a reference */
	enum sl_fate fate;
	enum sl_job urgent;	   /* next job of the urgent queue */
	bool dead;		   /* starts no more parts */
	bool ready;		   /* upload id is journaled: parts may go */
	bool ended;		   /* nothing of it is left in the store */
	int flying;		   /* ops in flight, and the journal's answer */
	int parts_flying;
	char *upload_id;	   /* owned */
	struct sl_part_buf *body;  /* put: what is sent */
	struct sl_part_list sealed; /* parts not yet started */
	struct sl_part *parts;	   /* acknowledged ones by number - 1 */
	bool resumed;		   /* goes on with an id of an earlier copy */
	bool listing;		   /* its parts are being asked for */
	bool aligned;		   /* cut at the old borders so far */
	struct sl_part *old;	   /* stored, by number - 1; size 0: no */
	uint32_t old_cap, old_count;
	struct sl_part *known;	   /* what was noted of them; any order */
	uint32_t known_count;
	uint32_t parts_cap;
	uint32_t cut, acked;
};
TAILQ_HEAD(sl_attempt_queue, sl_attempt);

/* A backend op in flight. */
struct sl_xfer {
	TAILQ_ENTRY(sl_xfer) link;
	struct sl_op op;
	struct sl_attempt *a;
	struct sl_part_buf *part; /* PART: owned; PUT: the attempt's */
	struct iovec *iov;
	enum sl_job job;
};
TAILQ_HEAD(sl_xfer_list, sl_xfer);

/* Where the bytes of a write come from. */
struct sl_source {
	unsigned char *data;  /* the next byte; NULL: zeros */
	uint64_t left;
	struct sl_lent *lent; /* the memory behind it; NULL: not ours */
};

/* One step of a write: its memory is there, its bytes not yet. */
struct sl_step {
	struct sl_piece *first; /* where it begins, at its len */
	uint64_t n;
	uint32_t crc;		/* of the part, before and after */
	enum sl_sum kind;	/* what the store wants besides, */
	uint64_t sum;		/* of the part, too */
};

/* A parked write. */
struct sl_writer {
	struct sl_ask ask;
	struct sl_upload *u; /* holds a reference */
	struct sl_wait *w;
	struct sl_source src;
	struct sl_step step; /* while granted */
	unsigned char *copy; /* owned bytes, unless lent; NULL: zeros */
	bool taken;	     /* some bytes, by earlier steps */
	int stop;	     /* -errno: ends after the step under way */
};

struct sl_upload {
	TAILQ_ENTRY(sl_upload) link;
	struct sl_engine *e;
	char *key;
	void *arg;
	struct sl_tap *tap; /* NULL: nobody looks; fixed from the first byte */
	uint64_t hint;
	uint64_t serial;
	int refs;
	struct sl_share share;

	struct sl_part_buf *cur; /* being filled; after a put: still held */
	uint64_t sealed_size;	 /* of the parts cut so far */
	uint32_t sealed_crc;
	uint64_t sealed_sum;
	uint64_t sent;
	uint32_t early_left;
	struct sl_attempt *a;
	int finals;		 /* puts and completes not yet back */

	bool released;		 /* the caller's reference is gone */
	bool filling;		 /* bytes are being copied without the lock */
	bool closed;		 /* settled or to be committed */
	bool commit_want;
	bool final;		 /* put or complete is under way */
	bool reopen;		 /* when the commit is through */
	bool committed;
	bool bytes_gone;	 /* the beginning is no longer held */
	bool short_tail;	 /* the last part cut is under the minimum */
	int writers;		 /* parked writes */
	struct sl_wait *commits, *settles;

	int err;		 /* sticky -errno */
	struct sl_error error;
	struct sl_object obj;
};
TAILQ_HEAD(sl_upload_list, sl_upload);

struct sl_engine {
	struct sl_mutex lock; /* taken before any lock of a backend */
	struct sl_cond wake;  /* the engine thread has work */
	struct sl_cond idle;  /* sl_engine_free looks again */
	struct sl_backend *backend;
	const struct sl_journal_ops *journal;
	void *journal_arg;
	const struct sl_clock *clock;
	struct sl_schedule schedule;
	struct sl_budget budget;
	int connections;
	int64_t admit_ms;

	struct sl_upload_list uploads; /* oldest first */
	int upload_count;
	uint64_t serial;
	struct sl_attempt_queue queue[SL_QUEUE__COUNT];
	struct sl_xfer_list flying;
	int in_flight;
	int unsent;	/* sealed parts not yet started */
	int journaling; /* waiting for the journal's ready() */
	int parked;	/* waits held */
	int timed;	/* of these, with a deadline */
	int deliverers;	/* threads that are about to deliver answers */
	int callbacks;	/* threads inside that will take the lock again */
	uint64_t bytes_sent;
	struct sl_ask_list granted; /* writes to be copied by the thread */
	struct sl_writer *running;  /* whose bytes it copies */
	struct sl_wait *answers, **answers_end;
	int64_t stalled_since; /* 0: not stalled */
	int64_t trim_at;
	int sleeps;	/* how the thread sleeps; engine.c's own */
	bool stopping, quit;
	pthread_t thread;
};

/* engine.c */
/* A wait is held from now on; it is about to be answered. */
void sl_engine_hold_locked(struct sl_engine *e, const struct sl_wait *w);
void sl_engine_drop_locked(struct sl_engine *e, const struct sl_wait *w);
void sl_engine_turn_locked(struct sl_engine *e);
void sl_engine_park_locked(struct sl_engine *e, struct sl_upload *u,
			   struct sl_wait **list, struct sl_wait *w);
void sl_engine_answer_locked(struct sl_engine *e, struct sl_wait *w, int err);
/* Ends a whole list of waits. */
void sl_engine_answer_all_locked(struct sl_engine *e, struct sl_wait **list,
				 int err);
/* Delivers what is to be answered. Without the lock. */
void sl_engine_deliver(struct sl_engine *e);

/* step.c: while the upload is being filled. */
void sl_step_run(struct sl_step *st, struct sl_source *src,
		 struct sl_tap *tap);

/* file.c */
/* Gives back the bytes that are being gathered, unless a filler is inside. */
void sl_file_drop_locked(struct sl_upload *u);
/* The same, of what is committed: its size and checksum are still known. */
void sl_file_forget_locked(struct sl_upload *u);
void sl_file_free_part_locked(struct sl_upload *u, struct sl_part_buf *p);
/* Cuts what was gathered into a part and queues it. */
void sl_file_seal_locked(struct sl_upload *u);
/* Memory for the next step of a parked write; see sl_budget_serve(). */
enum sl_grant sl_file_grant_locked(struct sl_ask *a, bool general);
/* Copies a granted step. Called without the lock. */
void sl_file_run_writer(struct sl_writer *wr);
void sl_file_end_writer_locked(struct sl_writer *wr, int err);
static inline uint64_t sl_file_size_locked(const struct sl_upload *u)
{
	return u->sealed_size + (u->cur ? u->cur->size : 0);
}
static inline struct sl_writer *sl_writer_of(struct sl_ask *a)
{
	return sl_container_of(a, struct sl_writer, ask);
}

/* attempt.c */
struct sl_attempt *sl_attempt_new_locked(struct sl_upload *u);
void sl_attempt_queue_locked(struct sl_attempt *a, int queue);
void sl_attempt_unqueue_locked(struct sl_attempt *a);
/* Stops it: nothing more is started, what flies is cancelled. */
void sl_attempt_kill_locked(struct sl_attempt *a);
void sl_attempt_detach_locked(struct sl_upload *u, enum sl_fate fate);
void sl_attempt_reap_locked(struct sl_attempt *a);

/* resume.c */
/* Writers wait: it is not known yet what is stored. */
bool sl_resume_waits(const struct sl_upload *u);
int sl_resume_on_part(struct sl_op *op, const struct sl_part *p);
void sl_resume_back(struct sl_xfer *x);
/* The size of the stored part that the next one may equal; 0: none. */
uint64_t sl_resume_target(const struct sl_upload *u);
/* The store has this part already. */
bool sl_resume_has(struct sl_attempt *a, const struct sl_part_buf *p);
/* It stands for this one, which need not be sent. */
void sl_resume_adopt(struct sl_attempt *a, const struct sl_part_buf *p);

/* send.c */
void sl_send_pump_locked(struct sl_engine *e);

/* pressure.c */
void sl_pressure_relieve_locked(struct sl_engine *e);
/* Ends the newest write when only other writers could help it. */
void sl_pressure_tick_locked(struct sl_engine *e, int64_t now);

/* object.c (upload level) */
void sl_upload_advance_locked(struct sl_upload *u);
void sl_upload_fail_locked(struct sl_upload *u, int err,
			   const struct sl_error *error);
void sl_upload_committed_locked(struct sl_upload *u,
				const struct sl_object *obj);
void sl_upload_abandon_locked(struct sl_upload *u, bool keep);
void sl_upload_unref_locked(struct sl_upload *u);

#endif
