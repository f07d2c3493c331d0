/* SPDX-License-Identifier: Apache-2.0 */
/*
 * .seal: what each of our nodes has sent, in one word (see seal.h), from what
 * the ledger knows. While anything of a node is not committed there is no
 * seal of it: a seal of half a copy would let half a copy through.
 */
#include <inttypes.h>
#include <string.h>

#include "migration/seal.h"
#include "mount/control_internal.h"
#include "mount/store.h"

struct entry {
	char *path; /* owned; the ETag follows its NUL */
	uint64_t size;
};

struct sealing {
	struct entry *e;
	size_t n, cap;
	uint64_t bad[SL_FILE__COUNT];
};

static void release(struct sealing *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->e[i].path);
	free(s->e);
}

static int grow(struct sealing *s)
{
	size_t cap = s->cap ? s->cap * 2 : 256;
	struct entry *p;

	if (s->n < s->cap)
		return 0;
	p = reallocarray(s->e, cap, sizeof(*p));
	if (!p)
		return -ENOMEM;
	s->e = p;
	s->cap = cap;
	return 0;
}

static int gather_row(void *arg, const struct sl_ledger_row *r)
{
	struct sealing *s = arg;
	size_t n = strlen(r->path) + 1, m = strlen(r->etag) + 1;
	char *path;

	if (r->state == SL_FILE_SKIPPED || r->state == SL_FILE_DIR)
		return 0;
	if (r->state != SL_FILE_COMMITTED) {
		s->bad[r->state]++;
		return 0;
	}
	if (grow(s))
		return -ENOMEM;
	path = malloc(n + m);
	if (!path)
		return -ENOMEM;
	memcpy(path, r->path, n);
	memcpy(path + n, r->etag, m);
	s->e[s->n++] = (struct entry){ .path = path, .size = r->size };
	return 0;
}

static int by_path(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return strcmp(x->path, y->path);
}

/* Why there is no seal; false: there may be one. */
static bool put_reason(struct sl_mount *m, const struct sealing *s,
		       struct sl_buf *out)
{
	const char *gap = "";
	bool any = false;

	if (sl_mount_unclean(m)) {
		sl_buf_puts(out, "# no seal: the last mount of this node did "
			    "not end cleanly; run the copy once more\n");
		return true;
	}
	for (int i = 0; i < SL_FILE__COUNT; i++) {
		if (!s->bad[i])
			continue;
		sl_buf_printf(out, "%s%" PRIu64 " %s", any ? gap :
			      "# no seal: not all files are committed: ",
			      s->bad[i], sl_file_state_name(i));
		any = true;
		gap = ", ";
	}
	if (any)
		sl_buf_puts(out, "; let the copy end, or repeat it\n");
	else if (__atomic_load_n(&m->open_files, __ATOMIC_RELAXED))
		sl_buf_puts(out, "# no seal: files are open for writing; let "
			    "the copy end\n");
	else
		return false;
	return true;
}

/* The seal of the node at 'from'; *ret is where the next begins. */
static int put_seal(const struct sealing *s, size_t from, size_t *ret,
		    struct sl_buf *out)
{
	SL_CLEANUP(seal) struct sl_seal *seal = NULL;
	size_t n = strcspn(s->e[from].path, "/"), i = from;
	char text[SL_SEAL_SIZE];
	int r = sl_seal_new(&seal);

	for (; !r && i < s->n && !strncmp(s->e[i].path, s->e[from].path,
					  n + 1); i++)
		r = sl_seal_add(seal, s->e[i].path + n + 1, s->e[i].size,
				s->e[i].path + strlen(s->e[i].path) + 1);
	if (!r)
		r = sl_seal_end(seal, text);
	if (r)
		return r;
	*ret = i;
	return sl_buf_printf(out, "%.*s=%s\n", (int)n, s->e[from].path, text);
}

static int put_seals(const struct sealing *s, struct sl_buf *out)
{
	int r = 0;

	for (size_t i = 0; i < s->n && !r;)
		r = put_seal(s, i, &i, out);
	if (!s->n)
		sl_buf_puts(out, "# no seal: nothing was copied here yet\n");
	return r;
}

int sl_render_seal(struct sl_mount *m, struct sl_buf *out)
{
	struct sealing s = { 0 };
	int r = sl_mount_rows(m, gather_row, &s);

	if (!r && !put_reason(m, &s, out)) {
		if (s.n)
			qsort(s.e, s.n, sizeof(*s.e), by_path);
		r = put_seals(&s, out);
	}
	release(&s);
	return r ? r : sl_buf_error(out);
}
