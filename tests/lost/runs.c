/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lost answers: the store acts and the connection is cut before a word of its
 * answer is out. Many runs, each of 50 files through the engine, with PUT,
 * Create, UploadPart and Complete cut at random by seed. What must hold then:
 *
 *   - what the store lists is the source, by its own word (size, CRC32) and
 *     by a look at its disk (every byte);
 *   - no unfinished upload is left: a Create whose answer was lost has made
 *     one that nobody was told of;
 *   - nothing was done twice (reqlog.c says what that is), and nothing was
 *     aborted, which would be a way of doing it twice;
 *   - each of the four was really cut, so that the rest means something.
 */
#include "rig.h"

#define FILES 50
#define LARGE 4
#define SMALL_MAX 204800

struct outcome {
	bool copied, listed, stored, clean, once;
};

static uint64_t draw(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) +
		 UINT64_C(1442695040888963407);
	return *state >> 33;
}

/* Edges first: nothing, one byte, just one part, just two parts. */
static void make_files(struct file *f, const char *dir, uint64_t seed)
{
	static const uint64_t edges[] = { 5 * MIB + 1, 10 * MIB, 5 * MIB };
	uint64_t rng = seed * 2654435761u + 1;

	for (size_t i = 0; i < FILES; i++) {
		f[i] = (struct file){ .seed = draw(&rng) << 20 | i };
		snprintf(f[i].key, sizeof(f[i].key),
			 "%snode%zu/ks/t-%zu/snapshots/m=1/nb-%zu-big-Data.db",
			 dir, i % 3, i % 7, i);
		f[i].size = i < 2 ? i : draw(&rng) % (SMALL_MAX + 1);
	}
	for (size_t i = 0; i < LARGE; i++) {
		struct file *l = &f[2 + i * (FILES - 2) / LARGE];

		l->size = i < SL_ARRAY_LEN(edges) - (seed & 1) ?
			edges[i] : 5 * MIB + draw(&rng) % (8 * MIB);
	}
}

static int set_faults(struct rig *r, uint64_t seed)
{
	char text[512];
	unsigned long long s = (unsigned long long)seed * 4;

	snprintf(text, sizeof(text),
		 "match=s3.put prob=20 seed=%llu do=cut-after\n"
		 "match=s3.create prob=40 seed=%llu do=cut-after\n"
		 "match=s3.part prob=30 seed=%llu do=cut-after\n"
		 "match=s3.complete prob=40 seed=%llu do=cut-after\n",
		 s, s + 1, s + 2, s + 3);
	return rig_faults(r, text);
}

static int look_at_log(struct rig *r, struct deeds *sum)
{
	struct deeds d;
	long completed;

	if (rig_deeds(r, &d))
		return -1;
	for (int i = 0; i < DEED__COUNT; i++) {
		sum->done[i] += d.done[i];
		sum->lost[i] += d.lost[i];
	}
	sum->requests += d.requests;
	sum->twice += d.twice;
	CHECK(!d.twice, "%ld things were done twice", d.twice);
	CHECK(!d.done[DEED_ABORT], "%ld uploads were aborted",
	      d.done[DEED_ABORT]);
	completed = d.done[DEED_COMPLETE] - d.again[DEED_COMPLETE];
	CHECK((rig_is(r, "azure") || d.done[DEED_CREATE] == completed) &&
	      d.done[DEED_PUT] + completed == FILES,
	      "%ld PUT, %ld Create, %ld Complete", d.done[DEED_PUT],
	      d.done[DEED_CREATE], completed);
	return 0;
}

static struct outcome one_run(struct rig *r, uint64_t seed, struct deeds *sum)
{
	struct file *f = calloc(FILES, sizeof(*f));
	struct outcome o = { 0 };
	char dir[64];

	if (!f)
		abort();
	snprintf(dir, sizeof(dir), "run-%llu/", (unsigned long long)seed);
	make_files(f, dir, seed);
	o.copied = !set_faults(r, seed) && !file_copy_all(r, f, FILES);
	o.clean = rig_state(r, "uploads") == 0;
	o.once = !look_at_log(r, sum);
	if (!rig_faults(r, ""))
		o.listed = !file_check_list(r, dir, f, FILES);
	o.stored = !file_check_disk(r, dir, f, FILES);
	if (rig_deeds(r, NULL)) /* the listing's own lines */
		o.once = false;
	file_remove_all(r, dir);
	free(f);
	return o;
}

static bool every_kind_was_cut(const struct rig *r, const struct deeds *d)
{
	bool all = true;

	for (int i = DEED_PUT; i <= DEED_COMPLETE; i++) {
		printf("# %s: done %ld times, answer lost %ld times\n",
		       deed_names[i], d->done[i], d->lost[i]);
		if (i != DEED_CREATE || !rig_is(r, "azure"))
			all = all && d->lost[i] > 0 && d->lost[i] < d->done[i];
	}
	printf("# %ld requests\n", d->requests);
	return all;
}

static void add(struct outcome *all, struct outcome o, uint64_t seed)
{
	if (!o.copied || !o.listed || !o.stored || !o.clean || !o.once)
		printf("# seed %llu:%s%s%s%s%s\n", (unsigned long long)seed,
		       o.copied ? "" : " a copy failed",
		       o.listed ? "" : " the listing differs",
		       o.stored ? "" : " the store differs",
		       o.clean ? "" : " an upload is left",
		       o.once ? "" : " not done once");
	all->copied &= o.copied;
	all->listed &= o.listed;
	all->stored &= o.stored;
	all->clean &= o.clean;
	all->once &= o.once;
}

void lost_runs(struct rig *r, struct tally *t, int runs, uint64_t seed)
{
	const struct rig_how how = { .retry_for_ms = 120000,
				     .region = SIM_REGION };
	struct outcome all = { true, true, true, true, true };
	struct deeds sum = { 0 };
	bool up = !rig_up(r, &how);

	for (int i = 0; up && i < runs; i++)
		add(&all, one_run(r, seed + (uint64_t)i, &sum),
		    seed + (uint64_t)i);
	rig_down(r);
	printf("# lost answers: %d runs of %d files, seeds from %llu\n", runs,
	       FILES, (unsigned long long)seed);
	tally_line(t, up && all.copied, "lost answers: every copy succeeds");
	tally_line(t, up && all.listed,
		   "lost answers: the listing is the source");
	tally_line(t, up && all.stored,
		   "lost answers: the store's disk is the source");
	tally_line(t, up && all.clean,
		   "lost answers: no unfinished upload is left");
	tally_line(t, up && all.once, "lost answers: nothing is done twice");
	tally_line(t, up && every_kind_was_cut(r, &sum),
		   "lost answers: PUT, Create, UploadPart, Complete were cut");
}
