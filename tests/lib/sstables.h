/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Real SSTables for tests: the archive in tests/data, and those in the folder
 * that $SL_FIXTURES names, unpacked into a directory that is gone afterwards.
 */
#ifndef SL_TEST_SSTABLES_H
#define SL_TEST_SSTABLES_H

#include "sstable/stream.h"

/* One file; all is borrowed for the call. */
struct sl_test_file {
	const char *path; /* below the archive's root, which it begins with */
	const char *disk; /* where it can be opened */
	struct sl_name name;
	const unsigned char *data; /* a block of its own: ASan sees its ends */
	size_t size;
	bool hidden;	  /* of a secondary index */
};
typedef void sl_test_file_fn(void *arg, const struct sl_test_file *f);

/*
 * Calls fn for each file of such a component, in byte order of paths; returns
 * how many there were. 'archive' is a path, or the name of one of $SL_FIXTURES
 * ("oddities-4.1"); aborts when it cannot be unpacked.
 */
size_t sl_test_sstables(const char *archive, enum sl_component c,
			sl_test_file_fn *fn, void *arg);
/* Of all archives of $SL_FIXTURES; 0: not set. */
size_t sl_test_all_sstables(enum sl_component c, sl_test_file_fn *fn,
			    void *arg);
/* The archive that is always there. */
#define SL_TEST_ARCHIVE "tests/data/cluster-4.1-smart_home.tar.xz"

/* The whole of a file, malloc'd to its size (at least 1); NULL: not there. */
unsigned char *sl_test_read(const char *disk, size_t *ret_size);
/* "disk" with another component; malloc'd. */
char *sl_test_sibling(const struct sl_test_file *f, const char *component);

/*
 * Facts of these bytes, fed in pieces of 'piece' bytes (0: of 1 to 64, by
 * chance, the same at each run). Aborts for want of memory.
 */
void sl_test_facts(const struct sl_name *name, const void *data, size_t size,
		   size_t piece, struct sl_facts *ret);
/* A name such as "nb-1-big-Index.db". */
struct sl_name sl_test_name(const char *text);
/* Are they the same, findings included? */
bool sl_test_facts_equal(const struct sl_facts *a, const struct sl_facts *b);

#endif
