/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of the ledger for each other: ledger.c (queue and thread),
 * ledger_db.c (the file and its writes), ledger_read.c, ledger_lock.c.
 * Nothing else includes this.
 */
#ifndef SL_LEDGER_DB_H
#define SL_LEDGER_DB_H

#include "migration/ledger.h"

enum sl_ledger_kind {
	SL_OP_PUT,
	SL_OP_REMOVE,
	SL_OP_FACTS,
	SL_OP_FACTS_DEL,
	SL_OP_BEGIN,
	SL_OP_PART,
	SL_OP_END,
	SL_OP_EVENT,
	SL_OP_META_SET,
	SL_OP_META_DEL,
	SL_OP_BARRIER, /* no row of its own */
	SL_OP__COUNT,
};

#define SL_OP_STRS 4
#define SL_OP_NUMS 6

/* One queued change; the strings lie behind the struct. */
struct sl_ledger_op {
	struct sl_ledger_op *next;
	enum sl_ledger_kind kind;
	char *str[SL_OP_STRS];
	int64_t num[SL_OP_NUMS];
	bool last_null;	   /* the last number is NULL: no checksum or sum */
	void *blob;	   /* owned, bound last; NULL: none */
	size_t blob_size;
	size_t bytes;	   /* of all of it */
	struct sl_wait *w; /* NULL, or who waits for it to be on disk */
};

/* ledger_op.c: copies; at most SL_OP_STRS texts. NULL: out of memory. */
struct sl_ledger_op *sl_ledger_op_new(enum sl_ledger_kind kind,
				      const char *const strs[], size_t count);
/* Gives it bytes; takes 'op', also when it returns NULL. */
struct sl_ledger_op *sl_ledger_op_blob(struct sl_ledger_op *op, const void *p,
				       size_t n);
void sl_ledger_op_free(struct sl_ledger_op *op);

struct sl_ledger_db;

/* The lock, the file, its schema; marks it unclean, on disk. */
int sl_ledger_db_open(const char *path, struct sl_ledger_db **ret,
		      bool *ret_unclean, struct sl_error *e) SL_MUST_CHECK;
/*
 * One transaction. durable: with one sync, that also covers everything
 * written before. All or nothing.
 */
int sl_ledger_db_write(struct sl_ledger_db *db,
		       const struct sl_ledger_op *ops, bool durable,
		       struct sl_error *e) SL_MUST_CHECK;
int sl_ledger_db_mark_clean(struct sl_ledger_db *db, struct sl_error *e)
	SL_MUST_CHECK;
int sl_ledger_db_close(struct sl_ledger_db *db, struct sl_error *e);

/* Takes "PATH.lock"; *ret_fd holds it. -EBUSY names the holder's pid. */
int sl_ledger_lock(const char *path, int *ret_fd, struct sl_error *e)
	SL_MUST_CHECK;

int sl_ledger_read_rows(struct sl_ledger_db *db,
			int (*row)(void *arg, const struct sl_ledger_row *r),
			void *arg, struct sl_error *e) SL_MUST_CHECK;
int sl_ledger_read_uploads(struct sl_ledger_db *db,
			   int (*up)(void *arg, const char *key,
				     const char *upload_id),
			   void *arg, struct sl_error *e) SL_MUST_CHECK;
int sl_ledger_read_parts(struct sl_ledger_db *db, const char *upload_id,
			 int (*one)(void *arg, const struct sl_part *p),
			 void *arg, struct sl_error *e) SL_MUST_CHECK;
int sl_ledger_read_facts(struct sl_ledger_db *db,
			 int (*one)(void *arg, const char *path,
				    const void *p, size_t n),
			 void *arg, struct sl_error *e) SL_MUST_CHECK;
char *sl_ledger_read_meta(struct sl_ledger_db *db, const char *name);

/* For ledger_read.c: the connection and its path. */
struct sqlite3;
struct sqlite3 *sl_ledger_db_handle(struct sl_ledger_db *db);
/* Turns an SQLite result into -errno with a text that has the cure. */
int sl_ledger_db_fail(struct sl_ledger_db *db, int rc, const char *what,
		      struct sl_error *e);

/* The other way of sl_file_state_name(); false: no such name. */
bool sl_file_state_parse(const char *s, enum sl_file_state *ret);

#endif
