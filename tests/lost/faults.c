/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers that are wrong in other ways than being lost, one case each: a
 * store that ignores checksums or lies about them, answers that are cut,
 * swollen, halved or HTML, a Complete that says 200 and means no, the wrong
 * region, credentials that end in the middle. Each case has its own directory
 * and its own client, so that what one learns of the store helps no other.
 */
#include "rig.h"

#include <fnmatch.h>
#include <time.h>
#include <zlib.h>

#define PATIENT_MS 60000
#define HASTY_MS 1500

enum { S3 = 1, GCS = 2, AZURE = 4, XML_UPLOADS = S3 | GCS, EACH = 7 };

struct kase {
	const char *name;
	struct rig_how how;
	int (*run)(struct rig *r, const char *dir, const char *fault);
	const char *fault; /* the case's own; NULL: none */
	unsigned clouds;   /* those that do such things */
};

static void name_file(struct file *f, const char *dir, uint64_t size)
{
	*f = (struct file){ .size = size, .seed = size + 7 };
	snprintf(f->key, sizeof(f->key), "%sfile-%llu", dir,
		 (unsigned long long)size);
}

/* A small file and one of three parts. */
static void two_files(struct file f[2], const char *dir)
{
	name_file(&f[0], dir, 70001);
	name_file(&f[1], dir, 12 * MIB + 5);
}

/* Giving an upload up goes on in the background, where that can be done. */
static int no_uploads(struct rig *r)
{
	long n = -1;

	if (!(r->b->caps & SL_CAP_ABORT))
		return 0;
	for (int i = 0; i < 400; i++) {
		const struct timespec t = { .tv_nsec = 25 * 1000 * 1000 };

		n = rig_state(r, "uploads");
		if (n == 0)
			return 0;
		if (nanosleep(&t, NULL) && errno != EINTR)
			break;
	}
	CHECK(false, "%ld unfinished uploads", n);
}

/* The files go up in spite of the fault, and are there once. */
static int goes_up(struct rig *r, const char *dir, const char *fault)
{
	struct file f[2];
	struct deeds d;

	two_files(f, dir);
	if (rig_faults(r, fault) || rig_deeds(r, NULL))
		return -1;
	CHECK(!file_copy_all(r, f, 2), "not copied");
	if (rig_deeds(r, &d) || rig_faults(r, ""))
		return -1;
	CHECK(!d.twice, "%ld things were done twice", d.twice);
	if (no_uploads(r) || file_check_list(r, dir, f, 2))
		return -1;
	return file_check_disk(r, dir, f, 2);
}

/* A store of the old kind: every body goes with a Content-MD5 from then on. */
static int ignored(struct rig *r, const char *dir, const char *fault)
{
	struct file f[2];

	two_files(f, dir);
	CHECK(sl_backend_proof(r->b) != SL_PROOF_MD5, "begins otherwise");
	if (rig_faults(r, fault))
		return -1;
	CHECK(!file_copy_all(r, f, 2), "not copied");
	CHECK(sl_backend_proof(r->b) == SL_PROOF_MD5, "MD5 is not used");
	for (int i = 0; i < 2; i++)
		CHECK(f[i].obj.proof == SL_PROOF_MD5 &&
		      f[i].obj.has_crc32 == rig_is(r, "azure"),
		      "'%s' has proof %d", f[i].key, (int)f[i].obj.proof);
	return no_uploads(r) || file_check_disk(r, dir, f, 2);
}

/*
 * A store that says another checksum than ours is not believed: the copy
 * fails and nothing counts as committed (what it may hold is then replaced
 * by the next copy). Without the lie the same copy succeeds.
 */
static int lied_to(struct rig *r, const char *dir, const char *fault)
{
	struct file f[2];

	two_files(f, dir);
	if (rig_faults(r, fault))
		return -1;
	for (int i = 0; i < 2; i++) {
		int err = file_copy(r, &f[i]);
		bool hit = strstr(fault, "s3.put") ? i == 0 : i == 1;

		CHECK(err == (hit ? -EBADMSG : 0), "'%s' gave %s", f[i].key,
		      sl_errno_name(-err));
		CHECK(!hit || f[i].obj.proof == SL_PROOF_NONE,
		      "'%s' counts as proven", f[i].key);
	}
	return no_uploads(r) || goes_up(r, dir, "");
}

/* A part that is refused leaves nothing at all. */
static int lied_to_early(struct rig *r, const char *dir, const char *fault)
{
	struct file f[2];

	two_files(f, dir);
	if (rig_faults(r, fault))
		return -1;
	CHECK(file_copy(r, &f[1]) == -EBADMSG, "copied all the same");
	return no_uploads(r) || rig_faults(r, "") ||
	       file_check_list(r, dir, NULL, 0) ||
	       file_check_disk(r, dir, NULL, 0);
}

/* Trouble with what is asked, not with what is sent. */
static int reads_on(struct rig *r, const char *dir, const char *fault)
{
	struct file f[2];

	two_files(f, dir);
	CHECK(!file_copy_all(r, f, 2), "not copied");
	if (rig_faults(r, fault))
		return -1;
	return file_check_list(r, dir, f, 2);
}

struct counted {
	struct sl_op op; /* first */
	int entries;
};

static int count_entry(struct sl_op *op, const struct sl_list_entry *e)
{
	sl_container_of(op, struct counted, op)->entries += !!e->key;
	return 0;
}

/* Half a document of the right length is not half a listing. */
static int listing_refused(struct rig *r, const char *dir, const char *fault)
{
	struct counted c = { .op = { .prefix = dir, .recursive = true,
				     .on_entry = count_entry,
				     .retry_for_ms = -1 } };
	struct file f[2];
	int err;

	two_files(f, dir);
	CHECK(!file_copy_all(r, f, 2), "not copied");
	if (rig_faults(r, fault))
		return -1;
	err = sl_backend_wait(r->b, sl_backend_list, &c.op);
	CHECK(err == -EPROTO || err == -ETIMEDOUT, "gave %s",
	      sl_errno_name(-err));
	CHECK(c.entries == 0, "%d entries were told", c.entries);
	CHECK(c.op.error.text[0], "no word about it");
	return rig_faults(r, "") || file_check_list(r, dir, f, 2);
}

struct fetched {
	struct sl_op op; /* first */
	uint32_t crc;
	uint64_t n;
};

static int sum_data(struct sl_op *op, const void *p, size_t n)
{
	struct fetched *g = sl_container_of(op, struct fetched, op);

	g->crc = (uint32_t)crc32(g->crc, p, (uInt)n);
	g->n += n;
	return 0;
}

static int reads_all(struct rig *r, const char *dir, const char *fault)
{
	struct file f[2];

	two_files(f, dir);
	CHECK(!file_copy_all(r, f, 2), "not copied");
	if (rig_faults(r, fault))
		return -1;
	for (int i = 0; i < 2; i++) {
		struct fetched g = { .op = { .key = f[i].key,
					     .length = f[i].size,
					     .on_data = sum_data,
					     .retry_for_ms = -1 } };

		CHECK(!sl_backend_wait(r->b, sl_backend_get, &g.op), "%s",
		      g.op.error.text);
		CHECK(g.n == f[i].size && g.crc == f[i].crc,
		      "'%s' was read wrongly, %llu bytes", f[i].key,
		      (unsigned long long)g.n);
	}
	return 0;
}

/* It never succeeds: given up in time, nothing there, nothing left. */
static int never_completes(struct rig *r, const char *dir, const char *fault)
{
	struct file f[2];
	int err;

	two_files(f, dir);
	if (rig_faults(r, fault))
		return -1;
	err = file_copy(r, &f[1]);
	CHECK(err == -ETIMEDOUT, "gave %s", sl_errno_name(-err));
	return rig_faults(r, "") || no_uploads(r) ||
	       file_check_disk(r, dir, NULL, 0);
}

/* The store tells the right region; it is asked once. */
static int other_region(struct rig *r, const char *dir, const char *fault)
{
	struct deeds d;
	struct file f[2];

	two_files(f, dir);
	if (rig_deeds(r, NULL) || rig_faults(r, fault ? fault : ""))
		return -1;
	CHECK(!file_copy(r, &f[0]) && !file_copy(r, &f[1]), "not copied");
	if (rig_deeds(r, &d))
		return -1;
	CHECK(d.refused == 1, "%ld refusals", d.refused);
	return file_check_disk(r, dir, f, 2);
}

/* One refresh for all who were refused. */
static int renewed(struct rig *r, const char *dir, const char *fault)
{
	if (goes_up(r, dir, fault))
		return -1;
	CHECK(rig_cred_fetched(r->creds) == 1, "%d refreshes",
	      rig_cred_fetched(r->creds));
	return 0;
}

static int not_renewed(struct rig *r, const char *dir, const char *fault)
{
	struct file f[2];
	int err;

	two_files(f, dir);
	if (rig_faults(r, fault))
		return -1;
	err = file_copy(r, &f[0]);
	CHECK(err == -EKEYEXPIRED, "gave %s", sl_errno_name(-err));
	CHECK(f[0].error.text[0], "no word about it");
	return file_check_disk(r, dir, NULL, 0);
}

#define CALM { PATIENT_MS, SIM_REGION, false }
#define HASTY { HASTY_MS, SIM_REGION, false }
#define ALL "match=s3.list,s3.head "

static const struct kase cases[] = {
	{ "checksums-ignored", CALM, ignored,
	  "match=s3.* do=ignore-checksum", S3 | AZURE },
	{ "lie-put", CALM, lied_to, "match=s3.put do=lie-checksum", EACH },
	{ "lie-complete", CALM, lied_to,
	  "match=s3.complete do=lie-checksum", EACH },
	{ "lie-part", CALM, lied_to_early,
	  "match=s3.part do=lie-checksum", EACH },
	{ "cut-answers", CALM, reads_on, ALL "count=3 do=cut-body", EACH },
	{ "lost-answers", CALM, reads_on, ALL "every=2 do=cut-after", EACH },
	{ "swollen-answers", CALM, reads_on,
	  ALL "count=3 do=oversized", EACH },
	{ "server-errors", CALM, reads_on,
	  ALL "count=2 do=500\n" ALL "after=2 count=1 do=503:SlowDown", EACH },
	{ "gateway-pages", CALM, reads_on, ALL "count=2 do=html", EACH },
	{ "expired-list-head", CALM, reads_on,
	  ALL "after=1 count=1 do=expire", EACH },
	{ "half-listing", HASTY, listing_refused,
	  "match=s3.list do=truncate", EACH },
	{ "swollen-listing", HASTY, listing_refused,
	  "match=s3.list do=oversized", EACH },
	{ "page-for-listing", HASTY, listing_refused,
	  "match=s3.list do=html", EACH },
	{ "cut-reads", CALM, reads_all,
	  "match=s3.get count=3 do=cut-body", EACH },
	{ "complete-200-error", CALM, goes_up,
	  "match=s3.complete count=2 do=200-error", XML_UPLOADS },
	{ "complete-200-slow-down", CALM, goes_up,
	  "match=s3.complete count=1 do=200-error:SlowDown", XML_UPLOADS },
	{ "complete-200-empty", CALM, goes_up,
	  "match=s3.complete count=1 do=200-empty", EACH },
	{ "complete-swollen", CALM, goes_up,
	  "match=s3.complete count=1 do=oversized", EACH },
	{ "complete-half", CALM, goes_up,
	  "match=s3.complete count=1 do=truncate", EACH },
	{ "complete-200-always", HASTY, never_completes,
	  "match=s3.complete do=200-error", XML_UPLOADS },
	{ "create-half", CALM, goes_up,
	  "match=s3.create count=1 do=truncate", XML_UPLOADS },
	{ "cut-writes", CALM, goes_up,
	  "match=s3.put,s3.part count=3 do=cut-upload", EACH },
	{ "answers-cut-in-the-middle", CALM, goes_up,
	  "match=s3.create,s3.complete count=2 do=cut-body", EACH },
	{ "wrong-region", { PATIENT_MS, "us-east-1", false }, other_region,
	  NULL, S3 },
	{ "expired-put", CALM, renewed,
	  "match=s3.put count=1 do=expire", EACH },
	{ "expired-create", CALM, renewed,
	  "match=s3.create count=1 do=expire", XML_UPLOADS },
	{ "expired-part", CALM, renewed,
	  "match=s3.part after=1 count=1 do=expire", EACH },
	{ "expired-complete", CALM, renewed,
	  "match=s3.complete count=1 do=expire", EACH },
	{ "lost-and-expired-put", CALM, goes_up,
	  "match=s3.put count=1 do=cut-after\n"
	  "match=s3.head key=file-70001 count=1 do=expire", EACH },
	{ "lost-and-expired-complete", CALM, goes_up,
	  "match=s3.complete count=1 do=cut-after\n"
	  "match=s3.head key=file-1258 count=1 do=expire", EACH },
	{ "expired-for-good", { PATIENT_MS, SIM_REGION, true }, not_renewed,
	  "match=s3.put count=1 do=expire", EACH },
};

static bool run_case(struct rig *r, const struct kase *k)
{
	char dir[64];
	bool ok;

	snprintf(dir, sizeof(dir), "%s/", k->name);
	ok = !rig_up(r, &k->how) && !k->run(r, dir, k->fault);
	if (rig_faults(r, ""))
		ok = false;
	rig_down(r);
	return ok;
}

static unsigned cloud_of(const struct rig *r)
{
	return rig_is(r, "s3") ? S3 : rig_is(r, "gcs") ? GCS : AZURE;
}

void fault_cases(struct rig *r, struct tally *t, const char *only)
{
	for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++)
		if ((!only || !fnmatch(only, cases[i].name, 0)) &&
		    cases[i].clouds & cloud_of(r))
			tally_line(t, run_case(r, &cases[i]), cases[i].name);
}
