/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sideloadctl: the control files of a mount for people and scripts. It knows
 * nothing that the mount's own files do not say, so that it works on any
 * mount that the user may read, and needs no token; only `doctor` looks for
 * itself, since it is asked before there is a mount. Single thread.
 */
#ifndef SL_CTL_H
#define SL_CTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <cjson/cJSON.h>

#include "buf.h"
#include "error.h"

/* Exit codes, documented in sideloadctl(1): they may only be added to. */
enum sl_ctl_exit {
	SL_EXIT_OK = 0,
	SL_EXIT_REFUSED = 1,  /* refused, failed, or not all committed */
	SL_EXIT_USAGE = 2,    /* usage, or no sideloadfs mount there */
	SL_EXIT_TIMEOUT = 3,  /* --timeout has passed */
	SL_EXIT_MISSED = 4,   /* the status waited for can not come any more */
};

struct sl_ctl {
	/* what the command line says */
	bool json, wait, anyway, relaunch, force;
	int64_t timeout_s; /* 0: none given */
	char *options;	   /* -o, as sideloadfs takes them; borrowed */
	char **args;	   /* after the mount point; borrowed from argv */
	int arg_count;
	/* the mount */
	char *path;	   /* canonical mount point; owned */
	bool dead;	   /* mounted, but its daemon is gone */
};

/* mount.c */

/*
 * Finds the sideloadfs mount at 'path' and fills c->path and c->dead.
 * -ENODEV: nothing of ours is mounted there; 'e' says what is.
 */
int sl_ctl_find(struct sl_ctl *c, const char *path,
		struct sl_error *e) SL_MUST_CHECK;
/* The whole of a control file, at most 16 MiB. */
int sl_ctl_read(const struct sl_ctl *c, const char *name, struct sl_buf *out,
		struct sl_error *e) SL_MUST_CHECK;
/*
 * Writes one line (with its newline) in one write. 0 or what the mount
 * answered; -ETIMEDOUT when 'timeout_s' (0: no limit) passed before it did;
 * 'e' holds the mount's own sentence on a refusal.
 */
int sl_ctl_write(const struct sl_ctl *c, const char *name, const char *line,
		 int64_t timeout_s, struct sl_error *e) SL_MUST_CHECK;
/* .status, parsed; the caller deletes it. */
int sl_ctl_status(const struct sl_ctl *c, cJSON **ret,
		  struct sl_error *e) SL_MUST_CHECK;
/* Seconds of CLOCK_MONOTONIC, for time limits. */
int64_t sl_ctl_now_s(void);

static inline void sl_cleanup_cjson(cJSON **j)
{
	cJSON_Delete(*j);
}

/* print.c */

/* Prints a text line by line, each cleaned; at most 'lines', 0: all. */
void sl_ctl_print_text(FILE *f, const char *indent, const char *text,
		       size_t lines);
/* "error: TEXT" to stderr, or with --json the outcome object on stdout. */
void sl_ctl_complain(const struct sl_ctl *c, const char *what,
		     const struct sl_error *e);
/* A sentence on stdout, or with --json the outcome object. */
void sl_ctl_success(const struct sl_ctl *c, const char *what,
		    const char *text);
/* The readable form of a .status document. */
void sl_ctl_print_status(const cJSON *status);

/* The commands; each returns an exit code. */
int sl_ctl_cmd_status(struct sl_ctl *c); /* status.c */
int sl_ctl_cmd_wait(struct sl_ctl *c);	 /* status.c */
int sl_ctl_cmd_launch(struct sl_ctl *c); /* launch.c */
int sl_ctl_cmd_umount(struct sl_ctl *c); /* umount.c */
int sl_ctl_cmd_seal(struct sl_ctl *c);	 /* seal.c */
int sl_ctl_cmd_rate(struct sl_ctl *c);	 /* rate.c */
int sl_ctl_cmd_doctor(struct sl_ctl *c); /* doctor.c; without a mount */

/* Waits for 'status' as `wait` does; an exit code. */
int sl_ctl_await(struct sl_ctl *c, const char *status);

#endif
