/* SPDX-License-Identifier: Apache-2.0 */
/*
 * People copy whole data directories. What of them is a snapshot, and what
 * is not, is decided here and nowhere else, from the name alone.
 *
 *   depth 1     2        3              4         5    6
 *         NODE/KEYSPACE/TABLE-<32 hex>/snapshots/TAG/file
 *
 * A path is judged segment by segment against one table: the first rule of
 * its depth and kind that matches, and that by the policy skips or refuses,
 * decides. A directory that is skipped or refused decides for all that lies
 * below it, so nothing below needs a rule of its own; what is warned of goes
 * on, and of several warnings the last is told, which is about the file.
 *
 * Before that, names that only a copy tool uses are resolved, because their
 * bytes belong to the file that they become: rsync's ".NAME.XXXXXX" is NAME,
 * and files in its ".~tmp~" and ".rsync-partial" directories stand for those
 * of the directory above. Both may be combined, at any depth.
 */
#include "sstable/path.h"

#include <fnmatch.h>
#include <string.h>

#include "cleanup.h"
#include "sstable/path_names.h"

#define KEY_MAX 1024
#define DEPTH_FILE 6
#define KEYSPACE_MAX 222 /* 48 before Cassandra 5.0 */
#define RSYNC_SUFFIX 7 /* ".XXXXXX" */

enum kind {
	KIND_DIR = 1,
	KIND_FILE = 2,
	KIND_ANY = 3,
};

/* The segments of a path with the copy tool's own resolved. */
struct split {
	struct sl_path_part seg[DEPTH_FILE];
	size_t n; /* may exceed DEPTH_FILE */
	bool temporary;
	char key[KEY_MAX + 1];
	size_t key_len;
};

struct rule {
	unsigned depth;
	enum kind kind;
	/* NULL: any name. */
	bool (*match)(const struct sl_path_rules *r, struct sl_path_part s);
	enum sl_rule rule;
	enum sl_path_class cls; /* of SL_RULE_NONE */
};

static bool match_node(const struct sl_path_rules *r, struct sl_path_part s)
{
	(void)r;
	return sl_node_name_valid(s.p, s.n);
}

static bool match_system(const struct sl_path_rules *r, struct sl_path_part s)
{
	(void)r;
	return sl_keyspace_is_system(s.p, s.n);
}

static bool match_keyspace(const struct sl_path_rules *r,
			   struct sl_path_part s)
{
	(void)r;
	return s.n <= KEYSPACE_MAX && sl_name_all(sl_char_word, s.p, s.n);
}

static bool match_table(const struct sl_path_rules *r, struct sl_path_part s)
{
	size_t name;

	(void)r;
	if (s.n < SL_TABLE_ID_LEN + 2)
		return false;
	name = s.n - SL_TABLE_ID_LEN - 1;
	return name <= KEYSPACE_MAX && sl_name_all(sl_char_word, s.p, name) &&
	       s.p[name] == '-' &&
	       sl_name_all(sl_char_lower_hex, s.p + name + 1, SL_TABLE_ID_LEN);
}

static bool match_snapshots(const struct sl_path_rules *r,
			    struct sl_path_part s)
{
	(void)r;
	return sl_name_equals(s.p, s.n, "snapshots");
}

static bool match_backups(const struct sl_path_rules *r,
			  struct sl_path_part s)
{
	(void)r;
	return sl_name_equals(s.p, s.n, "backups");
}

static bool match_index(const struct sl_path_rules *r, struct sl_path_part s)
{
	(void)r;
	return s.n >= 2 && s.p[0] == '.' &&
	       sl_name_all(sl_char_index, s.p + 1, s.n - 1);
}

static bool match_other_tag(const struct sl_path_rules *r,
			    struct sl_path_part s)
{
	char tag[KEY_MAX + 1];

	if (!r || !r->tag_glob)
		return false;
	memcpy(tag, s.p, s.n);
	tag[s.n] = '\0';
	return fnmatch(r->tag_glob, tag, 0) != 0;
}

/* Whoever names a machine's tag with tag= means it. */
static bool match_machine_tag(const struct sl_path_rules *r,
			      struct sl_path_part s)
{
	return (!r || !r->tag_glob) && sl_tag_is_machine_made(s.p, s.n);
}

static bool match_odd_tag(const struct sl_path_rules *r,
			  struct sl_path_part s)
{
	(void)r;
	return !sl_name_all(sl_char_index, s.p, s.n);
}

static bool match_temporary(const struct sl_path_rules *r,
			    struct sl_path_part s)
{
	(void)r;
	return sl_file_is_temporary(s);
}

static bool match_index_file(const struct sl_path_rules *r,
			     struct sl_path_part s)
{
	(void)r;
	return sl_file_is_index(s);
}

static bool match_transaction(const struct sl_path_rules *r,
			      struct sl_path_part s)
{
	(void)r;
	return sl_file_is_transaction_log(s);
}

static bool match_ephemeral(const struct sl_path_rules *r,
			    struct sl_path_part s)
{
	(void)r;
	return sl_name_equals(s.p, s.n, "ephemeral.snapshot");
}

static bool match_scylla(const struct sl_path_rules *r,
			 struct sl_path_part s)
{
	(void)r;
	return sl_file_is_scylla(s);
}

static bool match_old(const struct sl_path_rules *r, struct sl_path_part s)
{
	(void)r;
	return sl_file_is_pre22(s) ||
	       sl_file_version(s) == SL_RULE_OLD_VERSION;
}

static bool match_new(const struct sl_path_rules *r, struct sl_path_part s)
{
	(void)r;
	return sl_file_version(s) == SL_RULE_NEW_VERSION;
}

static bool match_prerelease(const struct sl_path_rules *r,
			     struct sl_path_part s)
{
	(void)r;
	return sl_file_version(s) == SL_RULE_PRERELEASE;
}

static bool match_unknown_component(const struct sl_path_rules *r,
				    struct sl_path_part s)
{
	(void)r;
	return sl_file_unknown(s) == SL_RULE_UNKNOWN_COMPONENT;
}

static bool match_unknown_file(const struct sl_path_rules *r,
			       struct sl_path_part s)
{
	(void)r;
	return sl_file_unknown(s) == SL_RULE_UNKNOWN_FILE;
}

#define WAY SL_RULE_NONE, SL_PATH_STRUCTURE
#define UP SL_RULE_NONE, SL_PATH_UPLOAD
#define BY(rule) SL_RULE_##rule, SL_PATH_INVALID

static const struct rule rules[] = {
	{ 1, KIND_DIR, match_node, WAY },
	{ 1, KIND_ANY, NULL, BY(BAD_NODE) },

	{ 2, KIND_DIR, match_system, BY(SYSTEM_KEYSPACE) },
	{ 2, KIND_DIR, match_keyspace, WAY },
	{ 2, KIND_ANY, NULL, BY(NOT_A_SNAPSHOT) },

	{ 3, KIND_DIR, match_table, WAY },
	{ 3, KIND_DIR, NULL, BY(NO_TABLE_ID) },
	{ 3, KIND_FILE, NULL, BY(NOT_A_SNAPSHOT) },

	{ 4, KIND_DIR, match_snapshots, WAY },
	{ 4, KIND_DIR, match_backups, BY(BACKUPS) },
	{ 4, KIND_DIR, match_index, BY(INDEX_DIRECTORY) },
	{ 4, KIND_DIR, NULL, BY(NOT_A_SNAPSHOT) },
	{ 4, KIND_FILE, NULL, BY(LIVE_FILE) },

	{ 5, KIND_DIR, match_other_tag, BY(OTHER_TAG) },
	{ 5, KIND_DIR, match_machine_tag, BY(MACHINE_TAG) },
	{ 5, KIND_DIR, match_odd_tag, BY(ODD_TAG) },
	{ 5, KIND_DIR, NULL, UP },
	{ 5, KIND_FILE, NULL, BY(NOT_A_SNAPSHOT) },

	{ 6, KIND_FILE, match_temporary, BY(TEMPORARY) },
	{ 6, KIND_FILE, match_index_file, BY(INDEX_COMPONENT) },
	{ 6, KIND_FILE, match_transaction, BY(TRANSACTION_LOG) },
	{ 6, KIND_FILE, match_ephemeral, BY(EPHEMERAL_MARKER) },
	{ 6, KIND_FILE, match_scylla, BY(SCYLLA) },
	{ 6, KIND_FILE, match_old, BY(OLD_VERSION) },
	{ 6, KIND_FILE, match_new, BY(NEW_VERSION) },
	{ 6, KIND_FILE, match_prerelease, BY(PRERELEASE) },
	{ 6, KIND_FILE, match_unknown_component, BY(UNKNOWN_COMPONENT) },
	{ 6, KIND_FILE, match_unknown_file, BY(UNKNOWN_FILE) },
	{ 6, KIND_FILE, NULL, UP },
	{ 6, KIND_DIR, match_index, BY(INDEX_DIRECTORY) },
	{ 6, KIND_DIR, NULL, BY(NOT_A_SNAPSHOT) },
};

static enum sl_judgement verdict_of(const struct sl_path_rules *r,
				  enum sl_rule rule)
{
	return sl_policy_verdict(r ? r->policy : NULL, rule);
}

/*
 * The rule that decides about one segment. One that only warns is noted in
 * *warned, and those after it still decide.
 */
static const struct rule *find_rule(const struct sl_path_rules *r,
				    unsigned depth, enum kind kind,
				    struct sl_path_part s,
				    enum sl_rule *warned)
{
	for (size_t i = 0; i < SL_ARRAY_LEN(rules); i++) {
		const struct rule *q = &rules[i];
		enum sl_judgement v;

		if (q->depth != depth || !(q->kind & kind) ||
		    (q->match && !q->match(r, s)))
			continue;
		v = verdict_of(r, q->rule);
		if (q->rule == SL_RULE_NONE || v == SL_SKIP || v == SL_REJECT)
			return q;
		if (v == SL_WARN)
			*warned = q->rule;
	}
	return NULL;
}

static bool dot_segment(const char *s, size_t n)
{
	return sl_name_equals(s, n, ".") || sl_name_equals(s, n, "..");
}

static bool segments_valid(const char *path)
{
	const char *s = path;

	for (;;) {
		size_t n = strcspn(s, "/");

		if (!n || dot_segment(s, n))
			return false;
		if (!s[n])
			return true;
		s += n + 1;
	}
}

static bool is_rsync_dir(struct sl_path_part s)
{
	static const char *const names[] = {
		".~tmp~", ".rsync-partial", ".rsync-tmp",
	};

	return sl_name_in_list(names, SL_ARRAY_LEN(names), s.p, s.n);
}

/* Strips ".NAME.XXXXXX" to NAME; false if it is no such name. */
static bool strip_rsync(struct sl_path_part *s)
{
	size_t n;

	if (s->n < RSYNC_SUFFIX + 2 || s->p[0] != '.')
		return false;
	n = s->n - RSYNC_SUFFIX - 1;
	if (s->p[n + 1] != '.' || dot_segment(s->p + 1, n) ||
	    !sl_name_all(sl_char_alnum, s->p + n + 2, RSYNC_SUFFIX - 1))
		return false;
	s->p++;
	s->n = n;
	return true;
}

/* False: the key would be too long. */
static bool split_add(struct split *sp, struct sl_path_part s)
{
	size_t slash = sp->key_len ? 1 : 0;

	if (s.n + slash > KEY_MAX - sp->key_len)
		return false;
	if (slash)
		sp->key[sp->key_len++] = '/';
	memcpy(sp->key + sp->key_len, s.p, s.n);
	sp->key_len += s.n;
	sp->key[sp->key_len] = '\0';
	if (sp->n < DEPTH_FILE)
		sp->seg[sp->n] = s;
	sp->n++;
	return true;
}

static bool split_path(const char *path, bool is_dir, struct split *sp)
{
	bool more = true;

	for (const char *s = path; more;) {
		struct sl_path_part part = { s, strcspn(s, "/") };
		bool file;

		more = s[part.n] != '\0';
		s += part.n + more;
		file = !more && !is_dir;
		if (!file && is_rsync_dir(part)) {
			sp->temporary = true;
			continue;
		}
		if (file && strip_rsync(&part))
			sp->temporary = true;
		if (!split_add(sp, part))
			return false;
	}
	return true;
}

static void set_class(struct sl_path *ret, enum sl_path_class cls,
		      enum sl_rule why)
{
	ret->cls = cls;
	ret->why = why;
}

/* Decided by a rule that leaves out or refuses. */
static void set_rule(const struct sl_path_rules *r, enum sl_rule rule,
		     struct sl_path *ret)
{
	bool skip = verdict_of(r, rule) == SL_SKIP;

	set_class(ret, skip ? SL_PATH_SKIP : SL_PATH_REFUSE, rule);
}

/*
 * KEYSPACE/TABLE/snapshots/TAG without an id: a user's snapshot that the
 * import would not find, unlike the live files beside it, which nobody
 * misses.
 */
static bool is_pre21(const struct sl_path_rules *r, const struct split *sp,
		     bool is_dir)
{
	size_t dirs = is_dir ? sp->n : sp->n - 1;

	return dirs > 4 && match_keyspace(r, sp->seg[2]) &&
	       match_snapshots(r, sp->seg[3]) &&
	       !match_other_tag(r, sp->seg[4]) &&
	       !match_machine_tag(r, sp->seg[4]);
}

static void apply_rules(const struct sl_path_rules *r, const struct split *sp,
			bool is_dir, struct sl_path *ret)
{
	enum sl_rule warned = SL_RULE_NONE;

	/* Only rsync's own directory in the root comes to nothing. */
	set_class(ret, SL_PATH_STRUCTURE, SL_RULE_NONE);
	for (size_t i = 0; i < sp->n; i++) {
		bool file = i + 1 == sp->n && !is_dir;
		const struct rule *q =
			i < DEPTH_FILE ?
				find_rule(r, (unsigned)i + 1,
					  file ? KIND_FILE : KIND_DIR,
					  sp->seg[i], &warned) :
				NULL;
		enum sl_rule rule = q ? q->rule : SL_RULE_NOT_A_SNAPSHOT;

		if (rule == SL_RULE_NO_TABLE_ID && is_pre21(r, sp, is_dir))
			rule = SL_RULE_PRE21_DIRECTORY;
		if (rule != SL_RULE_NONE) {
			set_rule(r, rule, ret);
			return;
		}
		set_class(ret, q->cls, warned);
	}
}

/* The parts are told for skipped paths too: reports group by them. */
static void set_parts(const struct split *sp, const char *path, bool is_dir,
		      struct sl_path *ret)
{
	static const size_t place[] = {
		offsetof(struct sl_path, node),
		offsetof(struct sl_path, keyspace),
		offsetof(struct sl_path, table),
	};
	size_t dirs = is_dir ? sp->n : sp->n - (sp->n > 0);

	for (size_t i = 0; i < SL_ARRAY_LEN(place) && i < dirs; i++)
		memcpy((char *)ret + place[i], &sp->seg[i],
		       sizeof(sp->seg[i]));
	if (dirs > 2 && match_table(NULL, sp->seg[2])) {
		struct sl_path_part t = sp->seg[2];
		size_t name = t.n - SL_TABLE_ID_LEN - 1;

		ret->table_name = (struct sl_path_part){ t.p, name };
		ret->table_id = (struct sl_path_part){ t.p + name + 1,
						       SL_TABLE_ID_LEN };
	}
	if (dirs > 4 && match_snapshots(NULL, sp->seg[3])) {
		ret->tag = sp->seg[4];
		if (dirs > 5 && match_index(NULL, sp->seg[5]))
			ret->index = sp->seg[5];
	}
	if (is_dir || !sp->n)
		return;
	if (sp->n <= DEPTH_FILE) {
		ret->file = sp->seg[sp->n - 1];
	} else {
		const char *last = strrchr(path, '/') + 1;

		ret->file = (struct sl_path_part){ last, strlen(last) };
		strip_rsync(&ret->file);
	}
}

void sl_path_judge(const struct sl_path_rules *r, const char *path,
		   bool is_dir, struct sl_path *ret)
{
	struct split sp;

	memset(ret, 0, sizeof(*ret));
	if (!path[0]) {
		ret->cls = SL_PATH_ROOT;
		return;
	}
	if (!segments_valid(path)) {
		set_class(ret, SL_PATH_INVALID, SL_RULE_BAD_NAME);
		return;
	}
	memset(&sp, 0, sizeof(sp));
	if (!sl_name_text_valid(path, strlen(path)) ||
	    !split_path(path, is_dir, &sp)) {
		set_class(ret, SL_PATH_REFUSE, SL_RULE_BAD_NAME);
		return;
	}
	ret->temporary = sp.temporary;
	if (sp.temporary)
		memcpy(ret->final_key, sp.key, sp.key_len + 1);
	set_parts(&sp, path, is_dir, ret);
	apply_rules(r, &sp, is_dir, ret);
}
