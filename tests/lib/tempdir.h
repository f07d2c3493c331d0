/* SPDX-License-Identifier: Apache-2.0 */
/* A directory of a test's own, and its end. */
#ifndef SL_TEST_TEMPDIR_H
#define SL_TEST_TEMPDIR_H

/* Below $TMPDIR or /tmp; malloc'd path without final '/'. Aborts on failure. */
char *sl_test_tempdir(void);
/* Deletes it with all that is in it, and frees the path. NULL is fine. */
void sl_test_tempdir_remove(char *path);

#endif
