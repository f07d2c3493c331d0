/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the application token comes from. It never comes from argv, its
 * buffers are wiped, and the environment variable is overwritten once it was
 * read, because /proc/PID/environ shows it to whoever may look.
 */
#include "options_internal.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "log.h"

#define TOKEN_MAX 65536
#define ENV_NAME "ASTRA_DB_APPLICATION_TOKEN"

static void sl_cleanup_wiped(struct sl_buf *b)
{
	sl_buf_wipe(b);
}

static int read_all(int fd, struct sl_buf *b)
{
	char piece[4096];
	ssize_t n;

	do {
		n = read(fd, piece, sizeof(piece));
		if (n > 0 && sl_buf_append(b, piece, (size_t)n))
			break;
	} while (n > 0 || (n < 0 && errno == EINTR));
	explicit_bzero(piece, sizeof(piece));
	return n < 0 ? -errno : sl_buf_error(b);
}

static int check_private(const char *path, const struct stat *st,
			 struct sl_error *e)
{
	if (st->st_uid != geteuid() && st->st_uid != 0)
		return sl_error_set(e, EACCES, "token file '%s' belongs to "
				    "another user", path);
	if (st->st_mode & 077)
		return sl_error_set(e, EACCES, "token file '%s' can be read "
				    "by others (mode %04o): chmod 600 it",
				    path, (unsigned)st->st_mode & 07777);
	return 0;
}

/* Reads a file with a secret; 'strict': refused unless private. */
static int read_file(const char *path, bool strict, struct sl_buf *out,
		     struct sl_error *e)
{
	SL_CLEANUP(fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK |
				     O_NOCTTY);
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st))
		return sl_error_set(e, errno, "cannot read token file '%s': "
				    "%s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return sl_error_set(e, EINVAL, "token file '%s' is not a "
				    "regular file", path);
	r = strict ? check_private(path, &st, e) : 0;
	if (r)
		return r;
	r = read_all(fd, out);
	if (r == -E2BIG)
		return sl_error_set(e, EINVAL, "token file '%s' is larger "
				    "than 64 KiB", path);
	return r ? sl_error_set(e, -r, "cannot read token file '%s': %s",
				path, strerror(-r)) : 0;
}

/* Takes blanks and one pair of quotes off, in place. */
static void trim(const char **s, size_t *n)
{
	static const char blanks[] = " \t\r\n";

	for (; *n && strchr(blanks, **s); (*s)++)
		(*n)--;
	while (*n && strchr(blanks, (*s)[*n - 1]))
		(*n)--;
	if (*n >= 2 && (**s == '"' || **s == '\'') &&
	    (*s)[*n - 1] == **s) {
		(*s)++;
		*n -= 2;
	}
}

static int take_token(struct sl_options *o, const char *s, size_t n,
		      const char *where, struct sl_error *e)
{
	trim(&s, &n);
	if (!n)
		return sl_error_set(e, ENOKEY, "the token in %s is empty",
				    where);
	for (size_t i = 0; i < n; i++)
		if (s[i] <= ' ' || s[i] > '~')
			return sl_error_set(e, EINVAL, "what %s has is not "
					    "one token: there is a blank, a "
					    "line end or a control character "
					    "in it", where);
	sl_secret_free(o->token);
	o->token = strndup(s, n);
	return o->token ? 0 : sl_error_set(e, ENOMEM, "out of memory");
}

static int token_from_file(struct sl_options *o, const char *path, bool strict,
			   struct sl_error *e)
{
	SL_CLEANUP(wiped) struct sl_buf b = SL_BUF_INIT(TOKEN_MAX);
	int r = read_file(path, strict, &b, e);

	return r ? r : take_token(o, sl_buf_str(&b), b.len, path, e);
}

static int from_option(struct sl_options *o, struct sl_error *e)
{
	if (!o->token_file)
		return -ENOENT;
	return token_from_file(o, o->token_file, true, e);
}

static int from_environment(struct sl_options *o, struct sl_error *e)
{
	char *v = getenv(ENV_NAME);

	if (!v || !*v)
		return -ENOENT;
	return take_token(o, v, strlen(v), "$" ENV_NAME, e);
}

static void wipe_environment(void)
{
	char *v = getenv(ENV_NAME);

	if (!v)
		return;
	explicit_bzero(v, strlen(v));
	if (unsetenv(ENV_NAME))
		sl_log_debug("cannot unset $" ENV_NAME);
}

static int from_systemd(struct sl_options *o, struct sl_error *e)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	SL_CLEANUP(free) char *path = NULL;

	if (!dir || !*dir)
		return -ENOENT;
	if (asprintf(&path, "%s/astra-token", dir) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	if (access(path, F_OK))
		return -ENOENT;
	/* systemd guards it, with modes and ACLs of its own. */
	return token_from_file(o, path, false, e);
}

/* The value in section [default] of an .astrarc; NULL: none. */
static const char *astrarc_value(const char *text, size_t *ret_len)
{
	bool in_section = false;

	while (*text) {
		size_t n = strcspn(text, "\n");
		const char *line = text, *eq = memchr(text, '=', n);
		size_t key = eq ? (size_t)(eq - line) : n;

		text += n + (text[n] == '\n');
		trim(&line, &key);
		if (!eq && key && line[0] == '[')
			in_section = key == 9 && !memcmp(line, "[default]", 9);
		if (!eq || !in_section || key != strlen(ENV_NAME) ||
		    memcmp(line, ENV_NAME, key))
			continue;
		*ret_len = (size_t)(text - eq) - 1;
		return eq + 1;
	}
	return NULL;
}

static int from_astrarc(struct sl_options *o, struct sl_error *e)
{
	SL_CLEANUP(wiped) struct sl_buf b = SL_BUF_INIT(TOKEN_MAX);
	SL_CLEANUP(free) char *home = sl_home_directory();
	SL_CLEANUP(free) char *path = NULL;
	const char *v;
	size_t n = 0;
	int r;

	if (!home || asprintf(&path, "%s/.astrarc", home) < 0) {
		path = NULL;
		return -ENOENT;
	}
	if (access(path, F_OK))
		return -ENOENT;
	r = read_file(path, true, &b, e);
	if (r)
		return r;
	v = astrarc_value(sl_buf_str(&b), &n);
	return v ? take_token(o, v, n, path, e) : -ENOENT;
}

static int find_token(struct sl_options *o, struct sl_error *e)
{
	static int (*const sources[])(struct sl_options *,
				      struct sl_error *) = {
		from_option, from_environment, from_systemd, from_astrarc,
	};

	for (size_t i = 0; i < SL_ARRAY_LEN(sources); i++) {
		int r;

		sl_error_clear(e);
		r = sources[i](o, e);
		/* With a text it is a place that is there and no good. */
		if (r != -ENOENT || (e && e->errnum))
			return r;
	}
	return sl_error_set(e, ENOKEY, "no application token: give "
			    "token_file=FILE (mode 0600), "
			    "$" ENV_NAME ", the systemd credential "
			    "astra-token, or ~/.astrarc with a [default] "
			    "section");
}

int sl_options_token(struct sl_options *o, struct sl_error *e)
{
	int r = find_token(o, e);

	wipe_environment();
	return r;
}
