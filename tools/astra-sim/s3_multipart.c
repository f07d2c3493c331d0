/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Multipart uploads up to the point of completion. An upload is a directory
 * uploads/ID with a file "info" (what Create was told), and per part N the
 * files "N.RANDOM.part" (bytes) and "N.info" (size, ETag, checksum and which
 * bytes: the same part may arrive twice at once, and one must win whole). An
 * upload that is gone, completed or another key's is NoSuchUpload.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "s3.h"

char *sim_upload_dir(struct sim *s, const char *id)
{
	return sim_store_path(s, "uploads", id);
}

void sim_upload_clear(struct sim_upload *u)
{
	free(u->key);
	free(u->headers);
	memset(u, 0, sizeof(*u));
}

static void no_such_upload(struct sim_req *r)
{
	sim_s3_fail(r, 404, "NoSuchUpload",
		    "The specified upload does not exist. The upload ID may "
		    "be invalid, or the upload may have been aborted or "
		    "completed.");
}

static int write_file(struct sim_req *r, const char *path, const char *text)
{
	SIM_AUTOFREE char *tmp = NULL;
	SIM_AUTOCLOSE int fd = sim_store_tmp(r->sim, &tmp);
	int rc = fd < 0 ? fd : sim_write_all(fd, text, strlen(text));

	if (!rc && rename(tmp, path) < 0)
		rc = -errno;
	if (rc && tmp && unlink(tmp) < 0 && errno != ENOENT)
		perror("astra-sim: unlink");
	return rc;
}

static char *read_file(const char *path)
{
	SIM_AUTOCLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	char chunk[4096];
	struct sim_buf b = { 0 };
	ssize_t n;

	if (fd < 0)
		return NULL;
	sim_buf_str(&b, "");
	while ((n = read(fd, chunk, sizeof(chunk))) > 0)
		sim_buf_add(&b, chunk, (size_t)n);
	return b.p;
}

/* The type of checksum that the upload will have, or the answer is made. */
static bool checksum_type(struct sim_req *r, enum sim_algo algo,
			  bool *composite)
{
	const char *type = sim_header(r, "x-amz-checksum-type");
	const struct sim_algo_info *i = &sim_algos[algo];
	bool full;

	if (type && strcasecmp(type, "FULL_OBJECT") &&
	    strcasecmp(type, "COMPOSITE")) {
		sim_s3_fail(r, 400, "InvalidRequest",
			    "Value for x-amz-checksum-type header is invalid.");
		return false;
	}
	/* CRC64NVME is always of the full object, the others only if asked. */
	full = type ? !strcasecmp(type, "FULL_OBJECT") : !i->composite;
	*composite = !full;
	if (full ? i->full_object : i->composite)
		return true;
	sim_s3_fail(r, 400, "InvalidRequest",
		    "The checksum type cannot be used with this algorithm.");
	return false;
}

static bool checksum_choice(struct sim_req *r, struct sim_upload *u)
{
	const char *name = sim_header(r, "x-amz-checksum-algorithm");

	if (r->trouble.flags & SIM_F_IGNORE_CHECKSUM)
		return true;
	if (!name) {
		u->algo = SIM_SUM_CRC64NVME; /* S3 adds it by itself */
		return true;
	}
	u->algo = sim_algo_find(name);
	if (u->algo)
		return checksum_type(r, u->algo, &u->composite);
	sim_s3_fail(r, 400, "InvalidRequest",
		    "Checksum algorithm provided is unsupported.");
	return false;
}

void sim_s3_create(struct sim_req *r)
{
	struct sim_upload u = { 0 };
	SIM_AUTOFREE char *dir = NULL, *info = NULL, *text = NULL;
	SIM_AUTOFREE char *headers = sim_s3_kept_headers(r);
	SIM_AUTOBUF struct sim_buf b = { 0 }, key = { 0 };
	int rc;

	if (!checksum_choice(r, &u))
		return;
	sim_random_text(u.id, 32, "abcdefghijklmnopqrstuvwxyz0123456789");
	dir = sim_upload_dir(r->sim, u.id);
	info = sim_format("%s/info", dir);
	/* Encoded, because a key may hold a newline. */
	sim_url_encode(&key, r->s3->key, strlen(r->s3->key), true);
	text = sim_format("%s\n%s\n%d\n%lld\n%s", key.p,
			  sim_algos[u.algo].name, u.composite,
			  (long long)sim_wall_ms(), headers);
	rc = mkdir(dir, 0700) < 0 ? -errno : write_file(r, info, text);
	if (rc) {
		sim_s3_errno(r, rc);
		return;
	}
	sim_buf_str(&b, "<InitiateMultipartUploadResult>");
	sim_xml_element(&b, "Bucket", r->s3->bucket);
	sim_xml_element(&b, "Key", r->s3->key);
	sim_xml_element(&b, "UploadId", u.id);
	sim_buf_str(&b, "</InitiateMultipartUploadResult>");
	sim_s3_xml(r, &b);
	if (!u.algo || !sim_header(r, "x-amz-checksum-algorithm"))
		return;
	sim_reply_header(r, "x-amz-checksum-algorithm", "%s",
			 sim_algos[u.algo].name);
	sim_reply_header(r, "x-amz-checksum-type",
			 u.composite ? "COMPOSITE" : "FULL_OBJECT");
}

bool sim_upload_read(const char *dir, struct sim_upload *u)
{
	SIM_AUTOFREE char *path = sim_format("%s/info", dir);
	SIM_AUTOFREE char *text = read_file(path);
	const char *id = strrchr(dir, '/') + 1;
	char *p = text, *key, *algo, *composite, *started;

	if (!text)
		return false;
	memset(u, 0, sizeof(*u));
	snprintf(u->id, sizeof(u->id), "%.32s", id);
	key = strsep(&p, "\n");
	if (!sim_url_decode(key, strlen(key), false, &u->key))
		return false;
	algo = strsep(&p, "\n");
	composite = strsep(&p, "\n");
	started = strsep(&p, "\n");
	if (!algo || !composite || !started) {
		sim_upload_clear(u);
		return false;
	}
	u->algo = sim_algo_find(algo);
	u->composite = *composite == '1';
	u->started_ms = strtoll(started, NULL, 10);
	u->headers = sim_strdup(p ? p : "");
	return true;
}

bool sim_upload_load(struct sim_req *r, struct sim_upload *u)
{
	const char *id = sim_param(r, "uploadId");
	SIM_AUTOFREE char *dir = NULL;

	memset(u, 0, sizeof(*u));
	if (strlen(id) == 32 &&
	    strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789") == 32)
		dir = sim_upload_dir(r->sim, id);
	if (dir && sim_upload_read(dir, u) && !strcmp(u->key, r->s3->key)) {
		free(r->s3->upload);
		r->s3->upload = dir;
		dir = NULL;
		return true;
	}
	sim_upload_clear(u);
	no_such_upload(r);
	return false;
}

/* A part's checksum must be of the algorithm chosen at Create. */
static bool part_algo(struct sim_req *r, const struct sim_upload *u)
{
	SIM_AUTOFREE char *value = NULL, *text = NULL;
	bool chosen = u->algo != SIM_SUM_CRC64NVME;
	enum sim_algo said;

	if (!sim_sum_announced(r, &said, &value))
		return false;
	if (!said || said == u->algo || !chosen)
		return true;
	text = sim_format("Checksum Type mismatch occurred, expected checksum "
			  "Type: %s, actual checksum Type: %s",
			  u->algo ? sim_algos[u->algo].lower : "null",
			  sim_algos[said].lower);
	sim_s3_fail(r, 400, "InvalidRequest", text);
	return false;
}

void sim_s3_part_prepare(struct sim_req *r)
{
	const char *number = sim_param(r, "partNumber");
	struct sim_upload u;

	if (!sim_param(r, "uploadId") ||
	    !sim_number(number, 1, 10000, &r->s3->part)) {
		sim_s3_fail(r, 400, "InvalidArgument",
			    "Part number must be an integer between 1 and "
			    "10000, inclusive");
		return;
	}
	if (!sim_upload_load(r, &u))
		return;
	if (part_algo(r, &u))
		sim_sink_begin(r, true, u.algo);
	sim_upload_clear(&u);
}

char *sim_part_path(const char *dir, const struct sim_part *p)
{
	return sim_format("%s/%d.%s.part", dir, p->number, p->name);
}

static void drop_part(const char *dir, const struct sim_part *p)
{
	SIM_AUTOFREE char *path = sim_part_path(dir, p);

	if (unlink(path) < 0 && errno != ENOENT)
		perror("astra-sim: unlink");
}

void sim_s3_part(struct sim_req *r)
{
	struct sim_sink *k = r->s3->sink;
	const char *dir = r->s3->upload;
	int number = (int)r->s3->part;
	SIM_AUTOFREE char *info = sim_format("%s/%d.info", dir, number);
	SIM_AUTOFREE char *text = NULL, *data = NULL;
	struct sim_meta *m = &r->s3->meta;
	struct sim_part old;
	bool again = sim_part_read(dir, number, &old);
	char name[24];
	int rc;

	sim_random_text(name, 12, "abcdefghijklmnopqrstuvwxyz");
	data = sim_format("%s/%d.%s.part", dir, number, name);
	m->algo = k->sum.algo;
	snprintf(m->sum, sizeof(m->sum), "%s", k->sum_b64 ? k->sum_b64 : "");
	text = sim_format("%llu %s %s %lld %s\n", (unsigned long long)k->size,
			  k->md5, *m->sum ? m->sum : "-",
			  (long long)sim_wall_ms(), name);
	/* The info counts; bytes of a part without it are not listed. */
	rc = rename(k->tmp, data) < 0 ? -errno : write_file(r, info, text);
	if (rc == -ENOENT) {
		no_such_upload(r);
		return;
	}
	if (rc) {
		sim_s3_errno(r, rc);
		return;
	}
	if (again)
		drop_part(dir, &old);
	sim_reply_start(r, 200);
	sim_reply_header(r, "ETag", "\"%s\"", k->md5);
	sim_s3_sum_header(r, m);
}

bool sim_part_read(const char *dir, int number, struct sim_part *p)
{
	SIM_AUTOFREE char *path = sim_format("%s/%d.info", dir, number);
	SIM_AUTOFREE char *text = read_file(path);
	unsigned long long size;
	long long ms;

	memset(p, 0, sizeof(*p));
	p->number = number;
	if (!text || sscanf(text, "%llu %32s %71s %lld %12s", &size,
			    p->etag, p->sum, &ms, p->name) != 5)
		return false;
	p->size = size;
	p->mtime_ms = ms;
	if (!strcmp(p->sum, "-"))
		*p->sum = '\0';
	return true;
}

static int by_number(const void *a, const void *b)
{
	const struct sim_part *x = a, *y = b;

	return x->number - y->number;
}

size_t sim_upload_parts(const char *dir, struct sim_part **ret)
{
	DIR *d = opendir(dir);
	struct dirent *de;
	size_t n = 0;

	*ret = NULL;
	while (d && (de = readdir(d))) {
		char *end = NULL;
		long number = strtol(de->d_name, &end, 10);
		struct sim_part p;

		if (strcmp(end, ".info") || number < 1 || number > 10000 ||
		    !sim_part_read(dir, (int)number, &p))
			continue;
		*ret = sim_grow(*ret, (n + 1) * sizeof(p));
		(*ret)[n++] = p;
	}
	if (d)
		closedir(d);
	if (n)
		qsort(*ret, n, sizeof(**ret), by_number);
	return n;
}

void sim_s3_abort(struct sim_req *r)
{
	struct sim_upload u;

	if (!sim_upload_load(r, &u))
		return;
	sim_upload_clear(&u);
	sim_remove_tree(r->s3->upload);
	sim_reply_start(r, 204);
}
