/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes of an object in the bucket that become bytes of a version being
 * written: hard links, and what an appending program lets stand. The stores
 * of the contract have no copy of their own, so the bytes come down in
 * pieces and go up again; a few MiB are held meanwhile, whatever the size.
 */
#ifndef SL_FEED_H
#define SL_FEED_H

#include "mount/file.h"
#include "mount/store.h"

struct sl_feed_from {
	char key[SL_PATH_MAX];
	uint64_t offset, length;
	/* Of the whole object: checked when all of it is taken. */
	uint64_t size;
	bool has_crc32;
	uint32_t crc32;
	int64_t retry_for_ms;	/* as struct sl_op */
};

struct sl_feed {
	struct sl_mutex mu;
	struct sl_op op;
	struct sl_wait w;	/* the engine's, for a parked write */
	struct sl_wait *user;
	struct sl_file *to;	/* a reference */
	struct sl_store *store;	/* borrowed: the file's */
	struct sl_feed_from from;
	uint64_t at, end;
	char *data;
	size_t room, have, want, given, step;
	uint32_t crc;
	bool reading SL_GUARDED_BY(mu);	  /* op is the backend's */
	bool cancelled SL_GUARDED_BY(mu);
};

/*
 * Appends the bytes to f's upload, which the caller has made and accounted
 * for. SL_PARKED: user->done() comes, never inside the call. -ENOMEM,
 * -EOPNOTSUPP (a store that cannot be read). The feed is the caller's and
 * is released by it after done(), or after an error.
 */
int sl_feed_start(struct sl_feed *fd, struct sl_file *f,
		  const struct sl_feed_from *from,
		  struct sl_wait *user) SL_MUST_CHECK;
/* done(-EINTR) comes soon. Any time before the release, also repeatedly. */
void sl_feed_cancel(struct sl_feed *fd);
/* What was never started (all zero) is fine. */
void sl_feed_release(struct sl_feed *fd);

#endif
