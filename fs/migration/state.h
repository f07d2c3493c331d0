/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Directories below STATE, shared by the ledger and the remembered
 * migration. Only for files of this folder.
 */
#ifndef SL_STATE_H
#define SL_STATE_H

#include "error.h"

/*
 * Makes the directories of 'path' up to its last '/', 0700 each, and syncs
 * every directory that got an entry: what is written below must not vanish
 * with a directory that a power loss took back.
 */
int sl_state_mkdirs(const char *path, struct sl_error *e) SL_MUST_CHECK;

#endif
