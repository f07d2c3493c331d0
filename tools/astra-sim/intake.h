/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The body of a request on its way in, whatever the dialect: to a file in
 * DIR/tmp or to memory, hashed as it passes, never held whole in memory
 * when it is an object's.
 */
#ifndef SIM_INTAKE_H
#define SIM_INTAKE_H

#include "store.h"

struct sim_intake {
	int fd;	   /* -1: to memory */
	char *tmp; /* the file's path, until it was renamed away */
	uint64_t size;
	struct sim_buf memory;
	char md5[33];		   /* from sim_intake_end on */
	unsigned char md5_raw[16]; /* the same */
	char *sum_b64;		   /* the same; NULL if there is no algorithm */
	enum sim_algo algo;
	struct sim_sum sum;
	struct evp_md_ctx_st *md5_ctx;
};
/* 0 or -errno; to be freed in any case. */
int sim_intake_begin(struct sim *s, struct sim_intake *k, bool file,
		     enum sim_algo algo);
/* 0, -errno, or -EFBIG when memory would hold more than 8 MiB. */
int sim_intake_add(struct sim_intake *k, const void *p, size_t n);
void sim_intake_end(struct sim_intake *k);
void sim_intake_free(struct sim_intake *k);
/* What the meta of an object with these bytes is: etag, algo, sum. */
void sim_intake_meta(const struct sim_intake *k, struct sim_meta *m);

#endif
