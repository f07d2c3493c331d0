/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unfinished multipart uploads on disk, for every dialect that has them.
 */
#ifndef SIM_UPLOADS_H
#define SIM_UPLOADS_H

#include "intake.h"
#include "store.h"

struct sim_upload {
	char *key;
	char id[33];
	enum sim_algo algo;
	bool composite;
	int64_t started_ms;
	char *headers;
};
struct sim_part {
	int number;
	uint64_t size;
	int64_t mtime_ms;
	char etag[33];
	char sum[72];
	char name[13];
};

char *sim_upload_dir(struct sim *s, const char *id);
/* Makes it, id included; key, algo, composite and headers are given. */
int sim_upload_create(struct sim *s, struct sim_upload *u);
bool sim_upload_read(const char *dir, struct sim_upload *u);
/* The upload of that key, and its directory (a new string), or NULL. */
char *sim_upload_find(struct sim *s, const char *id, const char *key,
		      struct sim_upload *u);
void sim_upload_clear(struct sim_upload *u);

/* Takes the body's file over; -ENOENT when the upload is gone. */
int sim_part_save(struct sim *s, const char *dir, int number,
		  const struct sim_intake *k);
bool sim_part_read(const char *dir, int number, struct sim_part *p);
char *sim_part_path(const char *dir, const struct sim_part *p);
/* Sorted by number; the count. */
size_t sim_upload_parts(const char *dir, struct sim_part **ret);

/* Those whose key begins so, sorted by key and ID; the count. */
size_t sim_uploads_all(struct sim *s, const char *prefix,
		       struct sim_upload **ret);
void sim_uploads_free(struct sim_upload *u, size_t n);
size_t sim_uploads_count(struct sim *s);
void sim_uploads_purge(struct sim *s, const char *prefix);

/* Parts put together into one file: begin, add each in order, end. */
struct sim_join {
	int fd;
	char *tmp; /* of the whole; the caller renames or removes it */
	enum sim_algo algo;
	struct sim_sum sum;
	struct evp_md_ctx_st *etag;
	size_t n;
};
int sim_join_begin(struct sim *s, struct sim_join *j, enum sim_algo algo);
int sim_join_add(struct sim_join *j, const char *dir, const struct sim_part *p);
/* Fills etag ("MD5 of MD5s-N"), algo and sum; frees all but tmp's file. */
void sim_join_end(struct sim_join *j, struct sim_meta *m);
void sim_join_free(struct sim_join *j);

#endif
