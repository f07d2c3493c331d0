/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of the file backend share: the backend with its worker
 * pool, a running job, temporary files, and walking below the root.
 *
 * Rules of every part: paths are walked by openat(2) with O_NOFOLLOW from the
 * root's descriptor, so that nothing leads out of it; functions return -errno
 * as the system gave it, finish (pool.c) turns it into the contract's.
 */
#ifndef SL_FILE_INTERNAL_H
#define SL_FILE_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "backend.h"
#include "lock.h"

#define SL_FILE_STAGING ".sideloadfs-staging"
#define SL_FILE_MAX_KEY 1024
#define SL_FILE_CHUNK ((size_t)1 << 20)
#define SL_FILE_PRIORITIES 3

struct sl_file;

/* One op under way; owned by the pool, found by its op. */
struct sl_file_job {
	struct sl_file *f;
	struct sl_op *op;
	const char *verb;	/* "put", for error texts */
	int (*run)(struct sl_file_job *j);
	int cancelled;		/* atomic */
	bool verbatim;		/* the result came from a callback of the op */
	struct sl_file_job *next; /* queue or running list, under f->lock */
};

struct sl_file_queue {
	struct sl_file_job *head;
	struct sl_file_job **tail;
};

struct sl_file {
	struct sl_backend base; /* first */
	int root;
	struct sl_mutex lock;	/* a leaf: nothing is called with it held */
	struct sl_cond more;
	struct sl_file_queue queue[SL_FILE_PRIORITIES]; /* lock */
	struct sl_file_job *running;			/* lock */
	struct sl_op *starved; /* lock; ops without a job, linked by impl */
	bool closing;						/* lock */
	pthread_t *threads;
	int thread_count;
};

static inline struct sl_file *sl_file_of(struct sl_backend *b)
{
	return sl_container_of(b, struct sl_file, base);
}

static inline bool sl_file_cancelled(struct sl_file_job *j)
{
	return __atomic_load_n(&j->cancelled, __ATOMIC_RELAXED);
}

/* pool.c */
int sl_file_pool_start(struct sl_file *f, int threads);
void sl_file_pool_stop(struct sl_file *f);
void sl_file_submit(struct sl_file *f, struct sl_op *op, const char *verb,
		    int (*run)(struct sl_file_job *));
void sl_file_cancel(struct sl_backend *b, struct sl_op *op);

/* path.c */
/* Is it in the namespace of objects (and not our staging directory)? */
bool sl_file_key_ours(const char *key);
/* -EACCES for the staging directory, -ENAMETOOLONG by the file system. */
int sl_file_key_check(struct sl_file *f, const char *key);
/* The directory at the first 'len' bytes of 'path', made when 'create'. */
int sl_file_open_dir(int root, const char *path, size_t len, bool create);
/* Splits off the last segment; the length of what is before its '/'. */
size_t sl_file_parent(const char *key, const char **ret_name);
/* -ENOENT for all that is no regular file. A descriptor. */
int sl_file_open_object(struct sl_file *f, const char *key, struct stat *st);
int sl_file_open_at(int dir, const char *name, struct stat *st);
/* Removes directories above 'key' that are empty, never the root. */
void sl_file_prune(struct sl_file *f, const char *key);
int sl_file_sync_dir(int fd);
/* each() for every name but "." and ".."; nonzero ends with it. */
int sl_file_each_name(int dir, int (*each)(void *arg, const char *name),
		      void *arg);

/* stamp.c */
/* Remembers the CRC32 of an open file's present bytes, if it can be. */
void sl_file_stamp(int fd, uint32_t crc);
/* Fills obj; reads the bytes for a missing CRC32 only when 'compute'. */
int sl_file_describe(struct sl_file_job *j, int fd, bool compute,
		     struct sl_object *obj);
void sl_file_fill(struct sl_object *obj, const struct stat *st, uint32_t crc);

/* staging.c */
struct sl_file_temp {
	int dir; /* owned */
	int fd;	 /* owned; locked against sweepers */
	char name[40]; /* "" once renamed away */
};
#define SL_FILE_TEMP_INIT { .dir = -1, .fd = -1 }
/* In the staging directory, or in 'dir' (duplicated) unless that is -1. */
int sl_file_temp_new(struct sl_file *f, int dir, struct sl_file_temp *t);
void sl_file_temp_release(struct sl_file_temp *t);
static inline void sl_cleanup_file_temp(struct sl_file_temp *t)
{
	sl_file_temp_release(t);
}
/* Makes the temporary file, complete and stamped, the object 'key'. */
int sl_file_publish(struct sl_file_job *j, struct sl_file_temp *t,
		    uint32_t crc);
/* The staging directory; -ENOENT when absent and not 'create'. */
int sl_file_staging(struct sl_file *f, bool create);
/* Removes it if empty. */
void sl_file_staging_leave(struct sl_file *f);
/* Deletes a directory of files in the staging directory. */
int sl_file_drop_dir(int staging, const char *name);
void sl_file_sweep(struct sl_file *f);
void sl_file_random_name(char *dst, size_t size, const char *front);

/* object.c, assemble.c, upload.c, list.c: one job each */
int sl_file_run_put(struct sl_file_job *j);
int sl_file_run_head(struct sl_file_job *j);
int sl_file_run_get(struct sl_file_job *j);
int sl_file_run_remove(struct sl_file_job *j);
int sl_file_run_begin(struct sl_file_job *j);
int sl_file_run_part(struct sl_file_job *j);
int sl_file_run_complete(struct sl_file_job *j);
int sl_file_run_abort(struct sl_file_job *j);
int sl_file_run_list_parts(struct sl_file_job *j);
int sl_file_run_uploads(struct sl_file_job *j);
int sl_file_run_list(struct sl_file_job *j);

/* Writes the op's body and checks its size and CRC32 against the op's. */
int sl_file_write_body(struct sl_file_job *j, int fd);
/* The directory of the op's upload, if it is for the op's key. -ESTALE. */
int sl_file_upload_dir(struct sl_file_job *j);
/* "p00042" */
#define SL_FILE_PART_NAME 12
void sl_file_part_name(char dst[SL_FILE_PART_NAME], uint32_t number);
/* A descriptor, and what the part is; -ESTALE when it is not there. */
int sl_file_open_part(struct sl_file_job *j, int dir, uint32_t number,
		      struct sl_object *obj);
/* Takes the upload out of sight, then deletes it. */
int sl_file_upload_drop(struct sl_file *f, const char *id);

#endif
