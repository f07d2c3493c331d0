/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which migration this database and node list last took part in, so that the
 * same mount command goes on with it after a reboot. One line of text in
 * STATE/DATABASE/joined/NODES, replaced by rename: a reader sees the old
 * line or the new one, also after a power loss.
 *
 * NODES is the list as given ("node1", "a:b:c", "*"). A list that is no
 * usable file name, or too long for one, is replaced by its SHA-256.
 */
#include "migration/state.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/evp.h>

#include "buf.h"
#include "migration/ledger.h"

#define UUID_LEN 36
#define PATH_LIMIT 4096
#define NAME_LIMIT 200

static int sync_dir(const char *dir)
{
	SL_CLEANUP(fd) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	/* Some file systems know no sync of directories. */
	if (fsync(fd) && errno != EINVAL)
		return -errno;
	return 0;
}

/* 'path' without its last segment: "/" for "/x", "." for "x". */
static char *parent_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return strdup(".");
	return slash == path ? strdup("/") :
			       strndup(path, (size_t)(slash - path));
}

static int make_dir(const char *dir, struct sl_error *e)
{
	SL_CLEANUP(free) char *up = NULL;
	int r;

	if (mkdir(dir, 0700)) {
		struct stat st;

		r = errno;
		if (r == EEXIST && (stat(dir, &st) || !S_ISDIR(st.st_mode)))
			r = ENOTDIR;
		if (r == EEXIST)
			return 0;
		return sl_error_set(e, r,
				    "cannot make the directory '%s' (%s); "
				    "name another place with -o state=", dir,
				    sl_errno_name(r));
	}
	up = parent_of(dir);
	if (!up)
		return sl_error_set(e, ENOMEM, "out of memory");
	r = sync_dir(up);
	if (r)
		return sl_error_set(e, -r, "cannot sync '%s' (%s)", up,
				    sl_errno_name(-r));
	return 0;
}

int sl_state_mkdirs(const char *path, struct sl_error *e)
{
	SL_CLEANUP(free) char *dir = strdup(path);

	if (!dir)
		return sl_error_set(e, ENOMEM, "out of memory");
	for (char *s = dir + 1; dir[0] && (s = strchr(s, '/')); s++) {
		int r;

		*s = '\0';
		r = make_dir(dir, e);
		*s = '/';
		if (r)
			return r;
	}
	return 0;
}

static bool safe_char(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	       (c >= 'A' && c <= 'Z') || (c && strchr("._:*-", c));
}

static bool safe_name(const char *s)
{
	size_t n = strlen(s);

	if (!n || n > NAME_LIMIT || s[0] == '.')
		return false;
	while (*s)
		if (!safe_char(*s++))
			return false;
	return true;
}

static int append_name(struct sl_buf *b, const char *nodes)
{
	unsigned char md[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	if (safe_name(nodes))
		return sl_buf_puts(b, nodes);
	if (!EVP_Digest(nodes, strlen(nodes), md, &n, EVP_sha256(), NULL))
		return -ENOMEM;
	sl_buf_puts(b, "sha256-");
	for (unsigned i = 0; i < n; i++)
		sl_buf_printf(b, "%02x", md[i]);
	return sl_buf_error(b);
}

static bool is_uuid(const char *s)
{
	static const char shape[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
	size_t i;

	for (i = 0; i < UUID_LEN && s[i]; i++) {
		bool hex = strchr("0123456789abcdefABCDEF", s[i]) != NULL;

		if (shape[i] == '-' ? s[i] != '-' : !hex)
			return false;
	}
	return i == UUID_LEN && !s[i];
}

static int joined_path(const char *state_dir, const char *db_id,
		       const char *nodes, struct sl_buf *b)
{
	int r;

	if (!safe_name(db_id))
		return -EINVAL;
	sl_buf_printf(b, "%s/%s/joined/", state_dir, db_id);
	r = append_name(b, nodes);
	return r ? r : sl_buf_error(b);
}

char *sl_state_joined_get(const char *state_dir, const char *db_id,
			  const char *nodes)
{
	SL_CLEANUP(buf) struct sl_buf path = SL_BUF_INIT(PATH_LIMIT);
	SL_CLEANUP(fd) int fd = -1;
	char line[UUID_LEN + 2];
	ssize_t n;

	if (joined_path(state_dir, db_id, nodes, &path))
		return NULL;
	fd = open(sl_buf_str(&path), O_RDONLY | O_CLOEXEC | O_NOFOLLOW |
					     O_NONBLOCK);
	if (fd < 0)
		return NULL;
	n = read(fd, line, sizeof(line) - 1);
	if (n < UUID_LEN)
		return NULL;
	if (line[UUID_LEN] != '\n' && n > UUID_LEN)
		return NULL;
	line[UUID_LEN] = '\0';
	return is_uuid(line) ? strdup(line) : NULL;
}

static int write_line(const char *path, const char *id)
{
	SL_CLEANUP(fd) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC |
						   O_CLOEXEC | O_NOFOLLOW,
				     0600);
	char line[UUID_LEN + 1];
	ssize_t n;

	if (fd < 0)
		return -errno;
	memcpy(line, id, UUID_LEN);
	line[UUID_LEN] = '\n';
	n = write(fd, line, sizeof(line));
	if (n < 0)
		return -errno;
	if (n != sizeof(line))
		return -ENOSPC;
	return fsync(fd) ? -errno : 0;
}

static int replace_line(const char *path, const char *id)
{
	SL_CLEANUP(buf) struct sl_buf tmp = SL_BUF_INIT(PATH_LIMIT);
	SL_CLEANUP(free) char *up = parent_of(path);
	int r;

	if (!up)
		return -ENOMEM;
	/* Two mounts of one node list may do this at the same time. */
	r = sl_buf_printf(&tmp, "%s.%ld.new", path, (long)getpid());
	if (!r)
		r = write_line(sl_buf_str(&tmp), id);
	if (!r && rename(sl_buf_str(&tmp), path))
		r = -errno;
	if (r) {
		/* The first failure counts; a left-over is overwritten. */
		(void)unlink(sl_buf_str(&tmp));
		return r;
	}
	return sync_dir(up);
}

int sl_state_joined_set(const char *state_dir, const char *db_id,
			const char *nodes, const char *migration_id,
			struct sl_error *e)
{
	SL_CLEANUP(buf) struct sl_buf path = SL_BUF_INIT(PATH_LIMIT);
	int r;

	if (!is_uuid(migration_id))
		return sl_error_set(e, EINVAL, "not a migration id");
	r = joined_path(state_dir, db_id, nodes, &path);
	if (r)
		return sl_error_set(e, -r,
				    "cannot name the state of '%s' (%s)",
				    state_dir, sl_errno_name(-r));
	r = sl_state_mkdirs(sl_buf_str(&path), e);
	if (r)
		return r;
	r = replace_line(sl_buf_str(&path), migration_id);
	if (r)
		return sl_error_set(e, -r,
				    "cannot remember the migration in '%s' "
				    "(%s); name another place with -o state=",
				    sl_buf_str(&path), sl_errno_name(-r));
	return 0;
}
