/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control files: one table of names, modes, grammar and help texts. ops.c
 * knows only this interface. Reading gives the outcome of the last write to
 * that file, then state and usage, never fails and never blocks; writing
 * acts on the line that a newline ends.
 */
#ifndef SL_CONTROL_H
#define SL_CONTROL_H

#include <stddef.h>
#include <sys/stat.h>

#include "buf.h"
#include "mount/mount.h"
#include "wait.h"

/* Most bytes gathered for one line. */
#define SL_CONTROL_LINE_MAX 65536

struct sl_control {
	const char *name;    /* ".init" */
	mode_t mode;	     /* permission bits: 0600, 0400, 0200 */
	const char *usage;   /* one line: "echo new > .init" */
	const char *help;    /* a sentence or two */
	/* The state part of a read; NULL: nothing but outcome and usage. */
	int (*render)(struct sl_mount *m, struct sl_buf *out);
	/* Whether render gives the whole document (.status, .metrics). */
	bool document;
	/*
	 * Acts on one line without its newline. 0 done; SL_PARKED: w->done()
	 * comes; -errno with 'e'. NULL: read-only.
	 */
	int (*act)(struct sl_mount *m, const char *line, struct sl_wait *w,
		   struct sl_error *e);
};

/* The table, in the order of ls; NULL past the end. */
const struct sl_control *sl_control_at(size_t i);
/* NULL: no such control file. */
const struct sl_control *sl_control_find(const char *name);

int sl_controls_new(struct sl_mount *m) SL_MUST_CHECK; /* sets m->controls */
/*
 * Gives up a launch whose gate is at work and ends the worker: before the
 * store and the migration go. Again is fine; _free does it too.
 */
void sl_controls_stop(struct sl_mount *m);
void sl_controls_free(struct sl_mount *m);
/* Name, usage and help of every control file, for .help and --help. */
int sl_controls_help(struct sl_buf *out);

/*
 * The content of a read at the time of open: whole, bounded (16 MiB, then
 * cut with a line that says so). Never fails for want of a migration.
 */
int sl_control_read(struct sl_mount *m, const struct sl_control *c,
		    struct sl_buf *out) SL_MUST_CHECK;
/*
 * Acts on a line and remembers the outcome for readers; as act. An empty
 * line is nothing (0). The w given is answered by done().
 */
int sl_control_write(struct sl_mount *m, const struct sl_control *c,
		     const char *line, struct sl_wait *w) SL_MUST_CHECK;
/* The writer was interrupted: done(-EINTR) soon; what was begun goes on. */
void sl_control_interrupt(struct sl_mount *m, struct sl_wait *w);

#endif
