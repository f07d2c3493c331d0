/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a mount reads back from its ledger when it starts. The file may be
 * damaged without SQLite noticing, so every row is checked before it is
 * believed.
 */
#include "migration/ledger_db.h"

#include <string.h>

#include <sqlite3.h>

enum column {
	COL_PATH,
	COL_STATE,
	COL_NOTE,
	COL_ETAG,
	COL_SIZE,
	COL_MTIME,
	COL_MODE,
	COL_UID,
	COL_GID,
	COL_CRC32,
};

static const char *const state_names[SL_FILE__COUNT] = {
	[SL_FILE_COMMITTED] = "committed",
	[SL_FILE_OPEN] = "open",
	[SL_FILE_QUEUED] = "queued",
	[SL_FILE_INTERRUPTED] = "interrupted",
	[SL_FILE_UNPROVEN] = "unproven",
	[SL_FILE_FAILED] = "failed",
	[SL_FILE_SKIPPED] = "skipped",
	[SL_FILE_DIR] = "directory",
};

const char *sl_file_state_name(enum sl_file_state s)
{
	return (unsigned)s < SL_FILE__COUNT ? state_names[s] : "unknown";
}

bool sl_file_state_parse(const char *s, enum sl_file_state *ret)
{
	for (int i = 0; i < SL_FILE__COUNT; i++) {
		if (!strcmp(s, state_names[i])) {
			*ret = (enum sl_file_state)i;
			return true;
		}
	}
	return false;
}

static const char *text(sqlite3_stmt *s, int col)
{
	const unsigned char *t = sqlite3_column_text(s, col);

	return t ? (const char *)t : "";
}

/*
 * Calls one() for each row until it, or the database, fails. of: what the
 * text's only parameter stands for; NULL: it has none.
 */
static int each_of(struct sl_ledger_db *db, const char *sql, const char *of,
		   int (*one)(sqlite3_stmt *s, void *arg), void *arg,
		   struct sl_error *e)
{
	sqlite3_stmt *s = NULL;
	int rc = sqlite3_prepare_v2(sl_ledger_db_handle(db), sql, -1, &s,
				    NULL), r = 0;

	if (rc == SQLITE_ERROR)
		rc = SQLITE_CORRUPT; /* no such table */
	if (rc == SQLITE_OK && of)
		rc = sqlite3_bind_text(s, 1, of, -1, SQLITE_STATIC);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	while (rc == SQLITE_ROW && !r) {
		r = one(s, arg);
		if (!r)
			rc = sqlite3_step(s);
	}
	/* Repeats the result of step. */
	(void)sqlite3_finalize(s);
	if (r == -EUCLEAN)
		return sl_ledger_db_fail(db, SQLITE_CORRUPT, "read", e);
	if (r)
		return r;
	return rc == SQLITE_DONE ? 0 :
				   sl_ledger_db_fail(db, rc, "read", e);
}

static int each(struct sl_ledger_db *db, const char *sql,
		int (*one)(sqlite3_stmt *s, void *arg), void *arg,
		struct sl_error *e)
{
	return each_of(db, sql, NULL, one, arg, e);
}

struct row_call {
	int (*row)(void *arg, const struct sl_ledger_row *r);
	void *arg;
};

static int one_row(sqlite3_stmt *s, void *arg)
{
	struct row_call *c = arg;
	int64_t crc = sqlite3_column_int64(s, COL_CRC32);
	struct sl_ledger_row r = {
		.path = text(s, COL_PATH),
		.size = (uint64_t)sqlite3_column_int64(s, COL_SIZE),
		.mtime_ns = sqlite3_column_int64(s, COL_MTIME),
		.mode = (uint32_t)sqlite3_column_int64(s, COL_MODE),
		.uid = (uint32_t)sqlite3_column_int64(s, COL_UID),
		.gid = (uint32_t)sqlite3_column_int64(s, COL_GID),
		.has_crc32 = sqlite3_column_type(s, COL_CRC32) != SQLITE_NULL,
		.crc32 = (uint32_t)crc,
		.etag = text(s, COL_ETAG),
		.note = text(s, COL_NOTE),
	};

	if (!r.path[0] || crc < 0 || crc > UINT32_MAX ||
	    !sl_file_state_parse(text(s, COL_STATE), &r.state))
		return -EUCLEAN;
	return c->row(c->arg, &r);
}

int sl_ledger_read_rows(struct sl_ledger_db *db,
			int (*row)(void *arg, const struct sl_ledger_row *r),
			void *arg, struct sl_error *e)
{
	struct row_call c = { row, arg };

	return each(db, "SELECT path, state, note, etag, size, mtime_ns,"
		    " mode, uid, gid, crc32 FROM files ORDER BY path",
		    one_row, &c, e);
}

struct upload_call {
	int (*up)(void *arg, const char *key, const char *upload_id);
	void *arg;
};

static int one_upload(sqlite3_stmt *s, void *arg)
{
	struct upload_call *c = arg;
	const char *key = text(s, 0), *id = text(s, 1);

	return key[0] && id[0] ? c->up(c->arg, key, id) : -EUCLEAN;
}

int sl_ledger_read_uploads(struct sl_ledger_db *db,
			   int (*up)(void *arg, const char *key,
				     const char *upload_id),
			   void *arg, struct sl_error *e)
{
	struct upload_call c = { up, arg };

	return each(db, "SELECT key, upload_id FROM uploads"
		    " ORDER BY key, upload_id", one_upload, &c, e);
}

struct parts_call {
	int (*one)(void *arg, const struct sl_part *p);
	void *arg;
};

static int one_part(sqlite3_stmt *s, void *arg)
{
	struct parts_call *c = arg;
	int64_t number = sqlite3_column_int64(s, 0);
	int64_t crc = sqlite3_column_int64(s, 2);
	struct sl_part p = {
		.number = (uint32_t)number,
		.size = (uint64_t)sqlite3_column_int64(s, 1),
		.crc32 = (uint32_t)crc,
		.sum = (uint64_t)sqlite3_column_int64(s, 3),
	};
	int n = snprintf(p.etag, sizeof(p.etag), "%s", text(s, 4));

	if (number < 1 || number > UINT32_MAX || crc < 0 ||
	    crc > UINT32_MAX || n < 0 || (size_t)n >= sizeof(p.etag))
		return -EUCLEAN;
	return c->one(c->arg, &p);
}

int sl_ledger_read_parts(struct sl_ledger_db *db, const char *upload_id,
			 int (*one)(void *arg, const struct sl_part *p),
			 void *arg, struct sl_error *e)
{
	struct parts_call c = { one, arg };

	return each_of(db, "SELECT number, size, crc32, sum, etag FROM parts"
		       " WHERE upload_id=? ORDER BY number", upload_id,
		       one_part, &c, e);
}

struct facts_call {
	int (*one)(void *arg, const char *path, const void *p, size_t n);
	void *arg;
};

static int one_facts(sqlite3_stmt *s, void *arg)
{
	struct facts_call *c = arg;
	const char *path = text(s, 0);
	const void *p = sqlite3_column_blob(s, 1);
	int n = sqlite3_column_bytes(s, 1);

	return path[0] && n >= 0 ? c->one(c->arg, path, p, (size_t)n) :
				   -EUCLEAN;
}

int sl_ledger_read_facts(struct sl_ledger_db *db,
			 int (*one)(void *arg, const char *path,
				    const void *p, size_t n),
			 void *arg, struct sl_error *e)
{
	struct facts_call c = { one, arg };

	return each(db, "SELECT path, bytes FROM facts ORDER BY path",
		    one_facts, &c, e);
}

char *sl_ledger_read_meta(struct sl_ledger_db *db, const char *name)
{
	sqlite3_stmt *s = NULL;
	char *ret = NULL;
	int rc = sqlite3_prepare_v2(sl_ledger_db_handle(db),
				    "SELECT value FROM meta"
				    " WHERE name='u:' || ?", -1, &s, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_bind_text(s, 1, name, -1, SQLITE_STATIC);
	if (rc == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW)
		ret = strdup(text(s, 0));
	/* Absent and unreadable are alike to the caller. */
	(void)sqlite3_finalize(s);
	return ret;
}
