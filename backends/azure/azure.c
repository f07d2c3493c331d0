/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening and closing the Azure backend, and from a step to a request: the
 * blob's URL, the query, and at its end the SAS, byte for byte as it was
 * given, because its signature is over its decoded values and no two encoders
 * agree.
 */
#include "backends/azure/azure.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "backends/azure/internal.h"

#define MIB ((uint64_t)1024 * 1024)
/* Characters, and so at most as many of the bytes that we count. */
#define MAX_KEY 1024

struct sl_azure *sl_azure_of(const struct sl_cloud_task *t)
{
	return sl_container_of(t->cloud, struct sl_azure, c);
}

struct sl_azure_task *sl_azure_task_of(struct sl_cloud_task *t)
{
	return sl_container_of(t, struct sl_azure_task, t);
}

static int put_url(struct sl_cloud_task *t, struct sl_buf *url)
{
	const struct sl_azure *a = sl_azure_of(t);
	const char *key = t->op->key;

	if (t->step->own & SL_AZURE_OF_BLOB)
		key = sl_azure_task_of(t)->blob;
	else if (t->step->place)
		return sl_buf_puts(url, a->url.container);
	sl_buf_puts(url, a->url.base);
	return sl_cloud_escape(url, key, true);
}

static void note_generation(struct sl_cloud_task *t, uint64_t generation)
{
	struct sl_azure_task *at = sl_azure_task_of(t);

	if (at->generation != generation)
		at->refusals = 0;
	at->generation = generation;
}

static int put_sas(struct sl_cloud_task *t, const struct sl_cred *cred,
		   bool has_query, struct sl_buf *url)
{
	const char *sas = cred ? cred->secret : NULL;

	if (!cred || cred->kind != SL_CRED_AZURE)
		return sl_error_set(&t->call.error, EACCES,
				    "the credentials are not for Azure");
	if (sas && *sas == '?')
		sas++;
	if (!sas || !sl_azure_url_safe(sas))
		return sl_error_set(&t->call.error, EACCES,
				    "the signature for Azure is malformed");
	note_generation(t, cred->generation);
	sl_buf_puts(url, has_query ? "&" : "?");
	return sl_buf_puts(url, sas);
}

static int build(struct sl_cloud_task *t, const struct sl_cloud_request *q,
		 struct sl_http_request *req, const struct sl_cred *cred)
{
	int err = put_url(t, &req->url);

	if (err)
		return err;
	if (q->query.len) {
		sl_buf_puts(&req->url, "?");
		sl_buf_puts(&req->url, sl_buf_str(&q->query));
	}
	err = put_sas(t, cred, q->query.len != 0, &req->url);
	if (err)
		return err;
	/* Azure writes it down beside its own id: for the vendor's support. */
	return sl_buf_printf(&req->headers,
			     "X-Ms-Version: " SL_AZURE_VERSION "\n"
			     "X-Ms-Client-Request-Id: sideloadfs-%016" PRIx64
			     "\n%s",
			     sl_random_below(UINT64_MAX),
			     sl_buf_str(&q->headers));
}

static bool is_our_body(struct sl_cloud_task *t, struct sl_object *o)
{
	/* It went with the body in one request, whose checksum was checked. */
	if (!o->has_crc32 || o->crc32 != t->op->crc32)
		return false;
	o->proof = t->md5 ? SL_PROOF_MD5 : SL_PROOF_CRC64;
	return true;
}

static void free_task(struct sl_cloud_task *t)
{
	struct sl_azure_task *at = sl_azure_task_of(t);

	for (size_t i = 0; i < at->found_n; i++)
		free(at->found[i]);
	free(at->found);
}

static const struct sl_cloud_step head_step = {
	.method = "HEAD",
	.good = sl_cloud_head_good,
};

const struct sl_cloud_dialect sl_azure_dialect = {
	.task_size = sizeof(struct sl_azure_task),
	.build = build,
	.read_error = sl_azure_read_error,
	.reclassify = sl_azure_reclassify,
	.object = sl_azure_object,
	.name_refused = sl_azure_name_refused,
	.is_our_body = is_our_body,
	.head = &head_step,
	.free_task = free_task,
};

static void close_azure(struct sl_backend *b)
{
	struct sl_azure *a = sl_container_of(b, struct sl_azure, c.b);

	sl_cloud_drain(&a->c);
	sl_cloud_release(&a->c);
	sl_azure_url_release(&a->url);
	free(a);
}

static const struct sl_backend_ops azure_ops = {
	.name = "azure",
	.put = sl_azure_put,
	.upload_begin = sl_azure_upload_begin,
	.part = sl_azure_part,
	.complete = sl_azure_complete,
	.abort = sl_azure_abort,
	.list_parts = sl_azure_list_parts,
	.uploads = sl_azure_uploads,
	.head = sl_cloud_head,
	.get = sl_cloud_get,
	.list = sl_azure_list,
	.remove = sl_cloud_remove,
	.cancel = sl_cloud_cancel,
	.close = close_azure,
};

/*
 * A block may have a single byte, but above 256 KiB Azure takes them faster;
 * and what a file claims of the memory is this.
 */
static const struct sl_backend azure_backend = {
	.ops = &azure_ops,
	.caps = SL_CAP_READ | SL_CAP_LIST | SL_CAP_UPLOADS | SL_CAP_REMOVE |
		SL_CAP_CHECKSUM | SL_CAP_PARALLEL | SL_CAP_DURABLE,
	.limits = {
		.min_part = MIB,
		.max_part = 4000 * MIB,
		.max_parts = 50000,
		.max_put = 5000 * MIB,
		.max_object = 50000 * 4000 * MIB,
	},
	.sum = SL_SUM_CRC64,
	.proof = SL_PROOF_CRC64,
};

static int set_place(struct sl_azure *a, const struct sl_backend_config *cfg,
		     struct sl_error *e)
{
	int err = sl_azure_url_split(cfg->url, &a->url, e);

	if (err)
		return err;
	a->c.place = strdup(a->url.name);
	if (!a->c.place)
		return sl_error_set(e, ENOMEM, "out of memory");
	return sl_cloud_set_prefix(&a->c, a->url.prefix, MAX_KEY, e);
}

int sl_azure_backend_open(const struct sl_backend_config *cfg,
			  struct sl_backend **ret, struct sl_error *e)
{
	struct sl_azure *a = calloc(1, sizeof(*a));
	int err;

	if (!a)
		return sl_error_set(e, ENOMEM, "out of memory");
	a->c.b = azure_backend;
	err = sl_cloud_init(&a->c, &sl_azure_dialect, cfg, e);
	if (!err)
		err = set_place(a, cfg, e);
	if (err) {
		sl_cloud_release(&a->c);
		sl_azure_url_release(&a->url);
		free(a);
		return err;
	}
	*ret = &a->c.b;
	return 0;
}
