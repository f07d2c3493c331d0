/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file:// - the contract of include/backend.h on a local directory: for
 * rehearsals, for copies that travel by disk, and as the reference that the
 * conformance suite is checked against.
 */
#ifndef SL_FILE_H
#define SL_FILE_H

#include "backend.h"

/*
 * "file:///dir/"; %XX stands for a byte. -EINVAL malformed, -ENOENT no such
 * directory, or what open(2) said of it. Leftovers of dead writers are swept.
 */
int sl_file_backend_open(const struct sl_backend_config *cfg,
			 struct sl_backend **ret,
			 struct sl_error *e) SL_MUST_CHECK;

#endif
