/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the import check; see import.c. */
#ifndef SIM_IMPORT_H
#define SIM_IMPORT_H

#include "store.h"

/* One object of the migration directory, its path taken apart. */
struct sim_file {
	char *key;  /* whole */
	char *path; /* relative to the migration directory */
	char *dir;  /* NODE/KS/TABLE-ID/snapshots/TAG */
	char *name; /* the file */
	char *table; /* NODE/KS/TABLE */
	char *id;   /* 32 hex digits */
	char *tag;
	uint64_t size;
};

struct sim_import {
	struct sim *s;
	const char *prefix;
	struct sim_file *v; /* sorted by dir, name */
	size_t n;
	size_t sstables;
	char *why; /* the first reason to fail */
};

void sim_import_fail(struct sim_import *i, const char *fmt, ...)
	SIM_PRINTF(2, 3);
/* The bytes of a small file, or NULL. */
char *sim_import_read(struct sim_import *i, const struct sim_file *f,
		      size_t max, size_t *n);

/* import_sstable.c: the files [from, to) of one snapshot directory. */
void sim_import_directory(struct sim_import *i, size_t from, size_t to);

#endif
