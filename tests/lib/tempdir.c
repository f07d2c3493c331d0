/* SPDX-License-Identifier: Apache-2.0 */
/* Temporary directories for tests. */
#include "tempdir.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

char *sl_test_tempdir(void)
{
	const char *base = getenv("TMPDIR");
	char *path;

	if (asprintf(&path, "%s/sl-test-XXXXXX", base ? base : "/tmp") < 0 ||
	    !mkdtemp(path))
		abort();
	return path;
}

static int remove_one(const char *path, const struct stat *st, int flag,
		      struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	if (remove(path))
		perror(path);
	return 0;
}

void sl_test_tempdir_remove(char *path)
{
	if (path && nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS))
		perror(path);
	free(path);
}
