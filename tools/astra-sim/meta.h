/* SPDX-License-Identifier: Apache-2.0 */
/* Sidecars of objects: what the store remembers beside the bytes. */
#ifndef SIM_META_H
#define SIM_META_H

#include "store.h"

char *sim_meta_path(struct sim *s, const char *key);
/* Greater than all before it, of this run and of earlier ones. */
uint64_t sim_meta_generation(void);
void sim_meta_stat(struct sim_meta *m, const struct stat *st);
int sim_meta_save(struct sim *s, const char *key, const struct sim_meta *m);
/* The sidecar if it fits the open file, else computed from the bytes. */
int sim_meta_load(struct sim *s, const char *key, int fd,
		  const struct stat *st, struct sim_meta *m);

#endif
