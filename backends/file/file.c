/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening and closing the file backend, and its table of ops: each op is a
 * job for the pool (pool.c).
 */
#include "file.h"

#include <fcntl.h>
#include <string.h>

#include "buf.h"
#include "internal.h"

#define DEFAULT_THREADS 4
#define MAX_THREADS 64
#define MAX_PARTS 10000
#define MAX_PART ((uint64_t)5 << 30)

#define START(op_name, verb, run) \
	static void start_##op_name(struct sl_backend *b, struct sl_op *op) \
	{ \
		sl_file_submit(sl_file_of(b), op, verb, run); \
	}

START(put, "put", sl_file_run_put)
START(begin, "begin the upload of", sl_file_run_begin)
START(part, "store a part of", sl_file_run_part)
START(complete, "complete", sl_file_run_complete)
START(abort, "abort the upload of", sl_file_run_abort)
START(list_parts, "list the parts of", sl_file_run_list_parts)
START(uploads, "list the uploads below", sl_file_run_uploads)
START(head, "look up", sl_file_run_head)
START(get, "read", sl_file_run_get)
START(list, "list", sl_file_run_list)
START(remove, "remove", sl_file_run_remove)

static void backend_close(struct sl_backend *b)
{
	struct sl_file *f = sl_file_of(b);

	sl_file_pool_stop(f);
	sl_file_staging_leave(f);
	sl_cleanup_fd(&f->root);
	free(f);
}

static const struct sl_backend_ops ops = {
	.name = "file",
	.put = start_put,
	.upload_begin = start_begin,
	.part = start_part,
	.complete = start_complete,
	.abort = start_abort,
	.list_parts = start_list_parts,
	.uploads = start_uploads,
	.head = start_head,
	.get = start_get,
	.list = start_list,
	.remove = start_remove,
	.cancel = sl_file_cancel,
	.close = backend_close,
};

static const struct sl_backend prototype = {
	.ops = &ops,
	.caps = SL_CAP_READ | SL_CAP_LIST | SL_CAP_UPLOADS | SL_CAP_REMOVE |
		SL_CAP_CHECKSUM | SL_CAP_PARALLEL | SL_CAP_DURABLE |
		SL_CAP_ABORT,
	.limits = {
		.min_part = 1,
		.max_part = MAX_PART,
		.max_parts = MAX_PARTS,
		.max_put = MAX_PART,
		.max_object = MAX_PART * MAX_PARTS,
		.max_key = SL_FILE_MAX_KEY,
	},
	.proof = SL_PROOF_CRC32,
};

static int hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *p = c ? strchr(digits, c >= 'A' && c <= 'F' ? c | 32 : c)
			  : NULL;

	return p ? (int)(p - digits) : -1;
}

/* The path of "file:///..." with %XX resolved. -EINVAL. */
static int parse_url(const char *url, struct sl_buf *path)
{
	static const char scheme[] = "file://";
	const char *p = url;

	if (strncmp(url, scheme, strlen(scheme)) != 0)
		return -EINVAL;
	p += strlen(scheme);
	if (*p != '/')
		return -EINVAL;
	while (*p) {
		char c = *p++;

		if (c == '%') {
			int hi = hex_digit(p[0]);
			int lo = hi < 0 ? -1 : hex_digit(p[1]);

			if (lo < 0 || hi + lo == 0)
				return -EINVAL;
			c = (char)(hi << 4 | lo);
			p += 2;
		}
		sl_buf_append(path, &c, 1); /* its error sticks */
	}
	return sl_buf_error(path) ? -EINVAL : 0;
}

static int open_root(const char *url, struct sl_error *e)
{
	SL_CLEANUP(buf) struct sl_buf path = SL_BUF_INIT(4095);
	int fd;

	if (parse_url(url, &path))
		return sl_error_set(e, EINVAL,
				    "malformed URL '%s': file:///DIRECTORY/ "
				    "is wanted",
				    url);
	fd = open(sl_buf_str(&path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return sl_error_set(e, errno, "cannot open directory '%s': %s",
				    sl_buf_str(&path), strerror(errno));
	return fd;
}

int sl_file_backend_open(const struct sl_backend_config *cfg,
			 struct sl_backend **ret, struct sl_error *e)
{
	struct sl_file *f = NULL;
	int threads = cfg->threads ? cfg->threads : DEFAULT_THREADS;
	SL_CLEANUP(fd) int root = -1;
	int err;

	if (threads < 1 || threads > MAX_THREADS)
		return sl_error_set(e, EINVAL, "%d threads: 1 to %d are "
					       "possible",
				    threads, MAX_THREADS);
	root = open_root(cfg->url, e);
	if (root < 0)
		return root;
	f = calloc(1, sizeof(*f));
	if (!f)
		return sl_error_set(e, ENOMEM, "out of memory");
	f->base = prototype;
	f->root = root;
	root = -1;
	sl_file_sweep(f);
	err = sl_file_pool_start(f, threads);
	if (err) {
		backend_close(&f->base);
		return sl_error_set(e, -err, "cannot start file workers: %s",
				    strerror(-err));
	}
	*ret = &f->base;
	return 0;
}
