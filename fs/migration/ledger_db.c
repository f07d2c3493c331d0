/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file behind the ledger: how it is opened, what is in it, and how
 * changes become durable. ledger.c's thread is the only writer.
 *
 * Format, version 3. PRAGMA application_id "SLFS", user_version 3; a higher
 * one is refused, since a newer program may have meant something else by a
 * row. Version 1 had no facts: it gets an empty table of them, and its files
 * count as never judged. Version 2 had no sums of parts: they are not known.
 * All texts are UTF-8 compared as bytes.
 *
 *   files    path -> state (its name), size, mtime in ns, mode, uid, gid,
 *            crc32 (NULL: none), etag, note. One row per path, never two.
 *   facts    path -> what was learned of the content (facts.h); goes with the
 *            row of files.
 *   uploads  upload_id -> key. A row from before the first part goes out
 *            until the upload was completed or aborted.
 *   parts    upload_id, number -> size, crc32, etag, sum (the checksum that
 *            the store wants besides; NULL: none); go with their upload.
 *   events   history, newest 10,000.
 *   meta     small facts. Ours: "unclean" = 1 while open; "syncs", counted
 *            up by every durable transaction (see below). The user's names
 *            are kept apart by the prefix "u:".
 *
 * Sizes and sums are unsigned 64 bit, kept as the signed number of the same
 * bits.
 *
 * Durability. WAL with synchronous=NORMAL: a commit is a write, the sync
 * comes at a checkpoint. A process may die at any time and loses only what
 * was still queued; a power loss may take commits since the last sync, in
 * order, never the middle. What must not be lost (an upload id before its
 * first part, "interrupted" rows, a barrier) is committed with
 * synchronous=FULL: one sync of the WAL, which covers all commits before it
 * since they lie in the same file. A transaction without any change writes
 * nothing and so syncs nothing: therefore "syncs" is counted up.
 *
 * The directory is 0700, the file 0600; SQLite gives -wal and -shm the same
 * mode. No secret gets in here: event texts and notes pass the redaction.
 */
#include "migration/ledger_db.h"

#include <fcntl.h>
#include <string.h>

#include <sqlite3.h>

#include "migration/state.h"

#define APPLICATION_ID 0x534c4653 /* "SLFS" */
#define VERSION 3
#define BUSY_MS 10000

#define STR_(x) #x
#define STR(x) STR_(x)

struct sl_ledger_db {
	sqlite3 *h;
	int lock_fd;
	char *path;
	sqlite3_stmt *stmt[SL_OP__COUNT];
};

#define FACTS_SCHEMA \
	"CREATE TABLE facts(path TEXT PRIMARY KEY NOT NULL," \
	" bytes BLOB NOT NULL) WITHOUT ROWID;" \
	"CREATE TRIGGER files_end AFTER DELETE ON files BEGIN" \
	" DELETE FROM facts WHERE path = old.path; END;"

static const char schema[] =
	"CREATE TABLE files(path TEXT PRIMARY KEY NOT NULL,"
	" state TEXT NOT NULL, note TEXT NOT NULL, etag TEXT NOT NULL,"
	" size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,"
	" mode INTEGER NOT NULL, uid INTEGER NOT NULL, gid INTEGER NOT NULL,"
	" crc32 INTEGER) WITHOUT ROWID;"
	"CREATE TABLE uploads(upload_id TEXT PRIMARY KEY NOT NULL,"
	" key TEXT NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE parts(upload_id TEXT NOT NULL, etag TEXT NOT NULL,"
	" number INTEGER NOT NULL, size INTEGER NOT NULL,"
	" crc32 INTEGER NOT NULL, sum INTEGER,"
	" PRIMARY KEY(upload_id, number)) WITHOUT ROWID;"
	"CREATE TABLE events(id INTEGER PRIMARY KEY, path TEXT NOT NULL,"
	" text TEXT NOT NULL, wall_ms INTEGER NOT NULL,"
	" errnum INTEGER NOT NULL);"
	"CREATE TABLE meta(name TEXT PRIMARY KEY NOT NULL,"
	" value TEXT NOT NULL) WITHOUT ROWID;"
	"CREATE TRIGGER uploads_end AFTER DELETE ON uploads BEGIN"
	" DELETE FROM parts WHERE upload_id = old.upload_id; END;"
	"CREATE TRIGGER events_cap AFTER INSERT ON events BEGIN"
	" DELETE FROM events WHERE id <= new.id - 10000; END;"
	"INSERT INTO meta VALUES('syncs', '0');"
	FACTS_SCHEMA
	"PRAGMA application_id=" STR(APPLICATION_ID) ";"
	"PRAGMA user_version=" STR(VERSION) ";";

/* What makes a version the next one; [0]: version 1. */
static const char *const upgrades[VERSION - 1] = {
	FACTS_SCHEMA,
	"ALTER TABLE parts ADD COLUMN sum INTEGER;",
};

/* Texts first, then numbers, then the blob: the order of binding. */
static const struct {
	const char *sql;
	int strs, nums;
} kinds[SL_OP__COUNT] = {
	[SL_OP_PUT] = { "REPLACE INTO files(path, state, note, etag, size,"
			" mtime_ns, mode, uid, gid, crc32)"
			" VALUES(?,?,?,?,?,?,?,?,?,?)", 4, 6 },
	[SL_OP_REMOVE] = { "DELETE FROM files WHERE path=?", 1, 0 },
	[SL_OP_FACTS] = { "REPLACE INTO facts(path, bytes) VALUES(?,?)",
			  1, 0 },
	[SL_OP_FACTS_DEL] = { "DELETE FROM facts WHERE path=?", 1, 0 },
	[SL_OP_BEGIN] = { "REPLACE INTO uploads(upload_id, key) VALUES(?,?)",
			  2, 0 },
	[SL_OP_PART] = { "REPLACE INTO parts(upload_id, etag, number, size,"
			 " crc32, sum) VALUES(?,?,?,?,?,?)", 2, 4 },
	[SL_OP_END] = { "DELETE FROM uploads WHERE upload_id=?", 1, 0 },
	[SL_OP_EVENT] = { "INSERT INTO events(path, text, wall_ms, errnum)"
			  " VALUES(?,?,?,?)", 2, 2 },
	[SL_OP_META_SET] = { "REPLACE INTO meta(name, value)"
			     " VALUES('u:' || ?, ?)", 2, 0 },
	[SL_OP_META_DEL] = { "DELETE FROM meta WHERE name='u:' || ?", 1, 0 },
	[SL_OP_BARRIER] = { "UPDATE meta SET value=value+1"
			    " WHERE name='syncs'", 0, 0 },
};

static const struct {
	int rc, errnum;
} errnos[] = {
	{ SQLITE_FULL, ENOSPC },    { SQLITE_CORRUPT, EUCLEAN },
	{ SQLITE_NOTADB, EUCLEAN }, { SQLITE_NOMEM, ENOMEM },
	{ SQLITE_BUSY, EAGAIN },    { SQLITE_LOCKED, EAGAIN },
	{ SQLITE_READONLY, EACCES }, { SQLITE_PERM, EACCES },
	{ SQLITE_CANTOPEN, EACCES },
};

static int rc_errno(int rc)
{
	for (size_t i = 0; i < SL_ARRAY_LEN(errnos); i++)
		if (errnos[i].rc == (rc & 0xff))
			return errnos[i].errnum;
	return EIO;
}

int sl_ledger_db_fail(struct sl_ledger_db *db, int rc, const char *what,
		      struct sl_error *e)
{
	int r = rc_errno(rc);

	if (r == EUCLEAN)
		return sl_error_set(e, r,
				    "the ledger '%s' is damaged (%s); move it "
				    "away with its -wal and -shm (mv '%s' "
				    "'%s.damaged'), mount again and repeat "
				    "the copy", db->path, sqlite3_errstr(rc),
				    db->path, db->path);
	return sl_error_set(e, r, "cannot %s the ledger '%s' (%s)%s", what,
			    db->path, sqlite3_errstr(rc),
			    r == ENOSPC ? "; make room on that disk" : "");
}

struct sqlite3 *sl_ledger_db_handle(struct sl_ledger_db *db)
{
	return db->h;
}

static int exec(struct sl_ledger_db *db, const char *sql, const char *what,
		struct sl_error *e)
{
	int rc = sqlite3_exec(db->h, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? 0 : sl_ledger_db_fail(db, rc, what, e);
}

/* The first column of the first row as a number; 'absent' without a row. */
static int query_int(struct sl_ledger_db *db, const char *sql, int absent,
		     int *ret, struct sl_error *e)
{
	sqlite3_stmt *s = NULL;
	int rc = sqlite3_prepare_v2(db->h, sql, -1, &s, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	*ret = rc == SQLITE_ROW ? sqlite3_column_int(s, 0) : absent;
	/* Repeats the result of step. */
	(void)sqlite3_finalize(s);
	if (rc == SQLITE_ROW || rc == SQLITE_DONE)
		return 0;
	return sl_ledger_db_fail(db, rc, "read", e);
}

static void rollback(struct sl_ledger_db *db)
{
	/* Some errors have rolled back already. */
	if (!sqlite3_get_autocommit(db->h))
		/* If this fails too, nothing else can be done. */
		(void)sqlite3_exec(db->h, "ROLLBACK", NULL, NULL, NULL);
}

static int exec_whole(struct sl_ledger_db *db, const char *sql,
		      struct sl_error *e)
{
	int r = exec(db, "BEGIN IMMEDIATE", "create", e);

	if (!r)
		r = exec(db, sql, "create", e);
	if (!r)
		r = exec(db, "COMMIT", "create", e);
	if (r)
		rollback(db);
	return r;
}

static int upgrade(struct sl_ledger_db *db, int from, struct sl_error *e)
{
	for (int v = from; v < VERSION; v++) {
		char sql[1024];
		int r;

		if ((size_t)snprintf(sql, sizeof(sql), "%sPRAGMA user_version"
				     "=%d", upgrades[v - 1], v + 1) >=
		    sizeof(sql))
			SL_BUG("an upgrade of the ledger is too long");
		r = exec_whole(db, sql, e);
		if (r)
			return r;
	}
	return 0;
}

static int check_version(struct sl_ledger_db *db, struct sl_error *e)
{
	int version = 0, app = 0, tables = 0, r;

	r = query_int(db, "PRAGMA user_version", 0, &version, e);
	if (!r)
		r = query_int(db, "PRAGMA application_id", 0, &app, e);
	if (!r)
		r = query_int(db, "SELECT count(*) FROM sqlite_master", 0,
			      &tables, e);
	if (r)
		return r;
	if (!version && !app && !tables)
		return exec_whole(db, schema, e);
	if (app != APPLICATION_ID || version < 1)
		return sl_error_set(e, EUCLEAN,
				    "'%s' is a database, but no ledger; move "
				    "it away and mount again", db->path);
	if (version > VERSION)
		return sl_error_set(e, EPROTO,
				    "the ledger '%s' has version %d, this "
				    "program knows %d; use the newer program",
				    db->path, version, VERSION);
	return upgrade(db, version, e);
}

static int check_content(struct sl_ledger_db *db, struct sl_error *e)
{
	int bad = 0;
	int r = query_int(db, "SELECT quick_check <> 'ok' FROM"
			  " pragma_quick_check(1)", 1, &bad, e);

	if (!r && bad)
		return sl_ledger_db_fail(db, SQLITE_CORRUPT, "read", e);
	return r;
}

static int prepare_all(struct sl_ledger_db *db, struct sl_error *e)
{
	for (int i = 0; i < SL_OP__COUNT; i++) {
		int rc = sqlite3_prepare_v3(db->h, kinds[i].sql, -1,
					    SQLITE_PREPARE_PERSISTENT,
					    &db->stmt[i], NULL);

		/* SQLITE_ERROR: a table or column that should be there. */
		if (rc == SQLITE_ERROR)
			rc = SQLITE_CORRUPT;
		if (rc != SQLITE_OK)
			return sl_ledger_db_fail(db, rc, "read", e);
	}
	return 0;
}

static int create_file(const char *path, struct sl_error *e)
{
	SL_CLEANUP(fd) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC |
						   O_NOFOLLOW, 0600);
	int r = errno;

	if (fd >= 0)
		return 0;
	return sl_error_set(e, r, "cannot open the ledger '%s' (%s); name "
			    "another place with -o state=", path,
			    sl_errno_name(r));
}

static int open_handle(struct sl_ledger_db *db, struct sl_error *e)
{
	int rc = sqlite3_open_v2(db->path, &db->h,
				 SQLITE_OPEN_READWRITE |
					 SQLITE_OPEN_FULLMUTEX, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_busy_timeout(db->h, BUSY_MS);
	if (rc != SQLITE_OK)
		return sl_ledger_db_fail(db, rc, "open", e);
	return exec(db,
		    "PRAGMA trusted_schema=OFF;PRAGMA cell_size_check=ON;"
		    "PRAGMA temp_store=MEMORY;PRAGMA synchronous=FULL",
		    "open", e);
}

static int setup(struct sl_ledger_db *db, bool *ret_unclean,
		 struct sl_error *e)
{
	int unclean = 0, r = open_handle(db, e);

	if (!r)
		r = check_version(db, e);
	/* Only now: a foreign database stays as it is. */
	if (!r)
		r = exec(db, "PRAGMA journal_mode=WAL;"
			 "PRAGMA journal_size_limit=4194304", "open", e);
	if (!r)
		r = query_int(db, "SELECT value FROM meta"
			      " WHERE name='unclean'", 0, &unclean, e);
	if (!r && unclean)
		r = check_content(db, e);
	if (!r)
		r = prepare_all(db, e);
	if (!r)
		r = exec(db, "REPLACE INTO meta VALUES('unclean', '1');"
			 "PRAGMA synchronous=NORMAL", "write", e);
	if (!r)
		*ret_unclean = unclean != 0;
	return r;
}

int sl_ledger_db_open(const char *path, struct sl_ledger_db **ret,
		      bool *ret_unclean, struct sl_error *e)
{
	struct sl_ledger_db *db;
	int r = sl_state_mkdirs(path, e);

	if (r)
		return r;
	db = calloc(1, sizeof(*db));
	if (!db)
		return sl_error_set(e, ENOMEM, "out of memory");
	db->lock_fd = -1;
	db->path = strdup(path);
	r = db->path ? 0 : sl_error_set(e, ENOMEM, "out of memory");
	if (!r)
		r = sl_ledger_lock(path, &db->lock_fd, e);
	if (!r)
		r = create_file(path, e);
	if (!r)
		r = setup(db, ret_unclean, e);
	if (r) {
		/* The first failure is the one to tell. */
		(void)sl_ledger_db_close(db, NULL);
		return r;
	}
	*ret = db;
	return 0;
}

static int run_op(struct sl_ledger_db *db, const struct sl_ledger_op *op)
{
	sqlite3_stmt *s = db->stmt[op->kind];
	int strs = kinds[op->kind].strs, nums = kinds[op->kind].nums, rc = 0;

	for (int i = 0; !rc && i < strs; i++)
		rc = sqlite3_bind_text(s, i + 1, op->str[i], -1,
				       SQLITE_STATIC);
	for (int i = 0; !rc && i < nums; i++)
		rc = op->last_null && i == nums - 1 ?
			     sqlite3_bind_null(s, strs + i + 1) :
			     sqlite3_bind_int64(s, strs + i + 1, op->num[i]);
	if (!rc && op->blob)
		rc = sqlite3_bind_blob64(s, strs + nums + 1, op->blob,
					 op->blob_size, SQLITE_STATIC);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	/* Repeats the result of step. */
	(void)sqlite3_reset(s);
	/* The bindings only point; this always answers SQLITE_OK. */
	(void)sqlite3_clear_bindings(s);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int run_all(struct sl_ledger_db *db, const struct sl_ledger_op *ops,
		   bool durable, struct sl_error *e)
{
	static const struct sl_ledger_op sync = { .kind = SL_OP_BARRIER };
	int rc = SQLITE_OK;

	for (; ops && rc == SQLITE_OK; ops = ops->next)
		if (ops->kind != SL_OP_BARRIER)
			rc = run_op(db, ops);
	if (rc == SQLITE_OK && durable)
		rc = run_op(db, &sync);
	return rc == SQLITE_OK ? 0 : sl_ledger_db_fail(db, rc, "write", e);
}

int sl_ledger_db_write(struct sl_ledger_db *db,
		       const struct sl_ledger_op *ops, bool durable,
		       struct sl_error *e)
{
	int r = exec(db, durable ? "PRAGMA synchronous=FULL" :
				   "PRAGMA synchronous=NORMAL", "write", e);

	if (!r)
		r = exec(db, "BEGIN IMMEDIATE", "write", e);
	if (!r)
		r = run_all(db, ops, durable, e);
	if (!r)
		r = exec(db, "COMMIT", "write", e);
	if (r)
		rollback(db);
	return r;
}

int sl_ledger_db_mark_clean(struct sl_ledger_db *db, struct sl_error *e)
{
	return exec(db, "PRAGMA synchronous=FULL;"
		    "REPLACE INTO meta VALUES('unclean', '0')", "write", e);
}

int sl_ledger_db_close(struct sl_ledger_db *db, struct sl_error *e)
{
	int rc, r = 0;

	for (int i = 0; i < SL_OP__COUNT; i++)
		/* Repeats the error of the last step, told then. */
		(void)sqlite3_finalize(db->stmt[i]);
	rc = sqlite3_close(db->h);
	if (rc != SQLITE_OK)
		r = sl_ledger_db_fail(db, rc, "close", e);
	if (db->lock_fd >= 0 && close(db->lock_fd) && !r)
		r = sl_error_set(e, errno, "cannot close the lock of '%s'",
				 db->path);
	free(db->path);
	free(db);
	return r;
}
