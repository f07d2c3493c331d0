/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bucket as a local directory, laid out so that a test can find, flip,
 * delete or add an object with plain tools:
 *
 *   DIR/buckets/BUCKET/objects/KEY     the bytes
 *   DIR/buckets/BUCKET/meta/KEY%meta   what the store remembers of them
 *   DIR/buckets/BUCKET/uploads/ID/     an unfinished multipart upload
 *   DIR/tmp/                           bodies on their way
 *
 * KEY is the object's key with each segment percent-encoded (keypath.c).
 * The sidecar counts only while size, mtime and inode of the data file are
 * as it says; otherwise ETag and checksum are computed again from the bytes.
 */
#ifndef SIM_STORE_H
#define SIM_STORE_H

#include <sys/stat.h>

#include "checksum.h"
#include "sim.h"

struct sim_meta {
	uint64_t size;
	int64_t mtime_ms;
	int64_t mtime_ns; /* whole, of the data file */
	uint64_t ino;
	uint64_t generation; /* grows with every version of an object */
	char etag[80];	  /* without quotes */
	enum sim_algo algo;
	bool composite;
	char sum[80];
	char *headers;	  /* "name: value\n"..., or NULL */
};
/*
 * etag is the MD5 of the bytes in hex, unless they came in parts. sum is of
 * the algorithm that the dialect keeps for every object, if it names one.
 */
void sim_meta_clear(struct sim_meta *m);

/* keypath.c: encoded relative path of a key, and back (false: not one). */
char *sim_key_encode(const char *key);
bool sim_name_decode(const char *name, struct sim_buf *key, bool *more);

int sim_store_open_dirs(struct sim *s);
char *sim_store_path(const struct sim *s, const char *sub, const char *rel);
int sim_mkdirs(char *path); /* parents of path, not its last name */
/* A new file in DIR/tmp; its descriptor or -errno. */
int sim_store_tmp(struct sim *s, char **path);

/*
 * Makes the file the object. m gives etag, algo, sum, headers; size and
 * times are taken from the file. -EEXIST when absent is asked and it is not.
 */
int sim_store_commit(struct sim *s, const char *tmp, const char *key,
		     struct sim_meta *m, bool absent);
/* A descriptor or -errno; m is filled and must be cleared. */
int sim_store_open(struct sim *s, const char *key, struct sim_meta *m);
/* The same by the path of the data file. */
int sim_store_open_file(struct sim *s, const char *path, const char *key,
			struct sim_meta *m);
bool sim_store_exists(struct sim *s, const char *key);
int sim_store_remove(struct sim *s, const char *key);

/* walk.c: all keys with the prefix, in byte order, those after 'after'. */
struct sim_walk {
	const char *prefix;
	const char *after;
	/* Stops at non-zero. May set skip: keys starting so are left out. */
	int (*visit)(struct sim_walk *w, const char *key, const char *path,
		     const struct stat *st);
	void *arg;
	char *skip;
};
int sim_store_walk(struct sim *s, struct sim_walk *w);
/* Deletes every object with the prefix and every unfinished upload of it. */
void sim_store_purge(struct sim *s, const char *prefix);
void sim_remove_tree(const char *path);

#endif
