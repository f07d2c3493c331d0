/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files behind the control table share: the request that wraps a
 * writer's wait, the outcome kept for readers, and the worker.
 *
 * A write becomes a struct sl_control_request. What it asked for is waited
 * for with the request's own wait, so that a writer who is interrupted gets
 * its answer at once while the outcome is still recorded when it comes.
 *
 * Worker. One thread does what must neither stand in a FUSE worker nor run
 * inside a callback: answers of interrupted writers (libfuse forbids a reply
 * inside its interrupt function), the steps of the launch gate, the rate
 * sample every two seconds. It never waits for the network.
 *
 * sl_controls.mu is a leaf but for one call: sl_migration_interrupt() is made
 * under it, because the lock keeps the request alive.
 */
#ifndef SL_CONTROL_INTERNAL_H
#define SL_CONTROL_INTERNAL_H

#include "lock.h"
#include "migration/gate.h"
#include "mount/control.h"

#define SL_CONTROLS_MAX 24
#define SL_RATE_SAMPLES 6

struct sl_launch;
struct sl_readback;

enum sl_outcome_kind {
	SL_OUTCOME_NONE,
	SL_OUTCOME_UNDER_WAY,
	SL_OUTCOME_DONE,
	SL_OUTCOME_FAILED,
};

struct sl_outcome {
	enum sl_outcome_kind kind;
	int errnum;
	int64_t wall_ms;
	char line[96];
	char text[1200];
};

/* Something for the worker; the memory is its owner's until run(). */
struct sl_control_work {
	void (*run)(struct sl_control_work *w);
	struct sl_control_work *next;
};

struct sl_control_request {
	struct sl_wait w;	    /* given to act */
	struct sl_wait *outer;	    /* mu; NULL: was answered */
	struct sl_control_request *next; /* mu */
	struct sl_mount *m;
	const struct sl_control *control;
	size_t index;
	bool has_command;	    /* its outcome is the migration's */
	enum sl_command command;
	bool cancel_on_interrupt;   /* nothing goes on without the writer */
	bool holds_launch;
	/* The writer was interrupted; controls' mu is held. NULL: goes on. */
	void (*interrupt_locked)(struct sl_control_request *r);
	char note[512];		    /* goes with a good outcome; or "" */
	struct sl_error error;	    /* what went wrong, when act knows */
};

struct sl_rate {
	struct {
		int64_t mono_ms;
		uint64_t bytes;
	} sample[SL_RATE_SAMPLES];
	int count; /* the oldest first */
};

#define SL_GATE_COUNTS (SL_GATE_NOTE + 2 * SL_RULE__COUNT)

struct sl_gate_summary {
	bool any;
	bool open;
	int errnum;
	int64_t wall_ms;
	uint64_t count[SL_GATE_COUNTS]; /* by sl_gate_counted() */
	char text[512];
};

struct sl_controls {
	struct sl_mount *m;
	struct sl_mutex mu;
	struct sl_cond cond;
	pthread_t worker;
	bool worker_runs;
	bool stopping SL_GUARDED_BY(mu);
	struct sl_control_work *head, *tail SL_GUARDED_BY(mu);
	struct sl_control_request *requests SL_GUARDED_BY(mu);
	struct sl_outcome outcome[SL_CONTROLS_MAX] SL_GUARDED_BY(mu);
	struct sl_rate rate SL_GUARDED_BY(mu);
	/* launch.c */
	bool launching SL_GUARDED_BY(mu);  /* a write to .launch runs */
	int gating SL_GUARDED_BY(mu);	   /* gates at work */
	struct sl_launch *listing SL_GUARDED_BY(mu);
	/* readback.c: at work; and the paths of other nodes it judged */
	struct sl_readback *readback SL_GUARDED_BY(mu);
	char **verified SL_GUARDED_BY(mu);
	size_t verified_count SL_GUARDED_BY(mu);
	char *report SL_GUARDED_BY(mu);	   /* of the last gate; or NULL */
	struct sl_gate_summary gate SL_GUARDED_BY(mu);
};

/* control.c */
size_t sl_control_index(const struct sl_control *c);

/* request.c */
struct sl_control_request *sl_control_request_of(struct sl_wait *w);
/* The same as request->w.done(err), with 'e' as its text. */
void sl_control_request_end(struct sl_control_request *r, int err,
			    const struct sl_error *e);
void sl_control_push(struct sl_controls *cs, struct sl_control_work *w);
/* From then on the migration ends its waits, and is asked nothing. */
bool sl_controls_stopping(struct sl_controls *cs);
void sl_outcome_render(const struct sl_outcome *o, struct sl_buf *out);

/* rate.c: bytes a second over the last ten; -1: not known. */
void sl_rate_add(struct sl_rate *r, int64_t mono_ms, uint64_t bytes);
double sl_rate_get(const struct sl_rate *r);

/* act.c: one per control file that is written. */
int sl_act_init(struct sl_mount *m, const char *line, struct sl_wait *w,
		struct sl_error *e);
int sl_act_pause(struct sl_mount *m, const char *line, struct sl_wait *w,
		 struct sl_error *e);
int sl_act_resume(struct sl_mount *m, const char *line, struct sl_wait *w,
		  struct sl_error *e);
int sl_act_abort(struct sl_mount *m, const char *line, struct sl_wait *w,
		 struct sl_error *e);
int sl_act_cleanup(struct sl_mount *m, const char *line, struct sl_wait *w,
		   struct sl_error *e);
int sl_act_wait(struct sl_mount *m, const char *line, struct sl_wait *w,
		struct sl_error *e);
int sl_act_rate(struct sl_mount *m, const char *line, struct sl_wait *w,
		struct sl_error *e);
/* Sends a command for this request. */
int sl_act_command(struct sl_mount *m, enum sl_command cmd, const char *arg,
		   struct sl_wait *w, struct sl_error *e);

/* launch.c, gate_report.c */
int sl_act_launch(struct sl_mount *m, const char *line, struct sl_wait *w,
		  struct sl_error *e);
void sl_launch_cancel_locked(struct sl_controls *cs);
int sl_render_launch(struct sl_mount *m, struct sl_buf *out);
/* seal_report.c */
int sl_render_seal(struct sl_mount *m, struct sl_buf *out);
void sl_gate_keep(struct sl_controls *cs, const struct sl_gate *g, int err,
		  const struct sl_error *e);

/* throttle.c: the upload limit in bytes a second; 0: none. */
uint64_t sl_mount_rate(struct sl_mount *m);
int sl_render_rate(struct sl_mount *m, struct sl_buf *out);

/* status.c, report.c */
int sl_render_status(struct sl_mount *m, struct sl_buf *out);
int sl_render_state(struct sl_mount *m, struct sl_buf *out);
int sl_render_cleanup(struct sl_mount *m, struct sl_buf *out);
int sl_render_progress(struct sl_mount *m, struct sl_buf *out);
/* metrics.c */
int sl_render_metrics(struct sl_mount *m, struct sl_buf *out);
int sl_render_help(struct sl_mount *m, struct sl_buf *out);

#endif
