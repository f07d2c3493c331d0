/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Real Data.db: the same facts in each way and in pieces of any size, equal
 * to the table's; damage and cuts are found where there is a table, and
 * otherwise change the facts.
 */
#undef NDEBUG
#include "sstable_rig.h"

#include "crc.h"

#define FLIPS 24

struct score {
	struct rig_score known_flips, known_cuts, found_flips, found_cuts;
	struct rig_score ambiguous;
	size_t slices, files;
};

/* However the bytes were judged, their CRC32 is theirs. */
static void feed(struct sl_stream *s, const char *p, size_t n, bool summed)
{
	if (!summed)
		sl_stream_feed(s, p, n);
	else if (sl_stream_feed_summed(s, p, n) != sl_crc32(0, p, n))
		fail_msg("%zu bytes up to %llu are summed wrongly", n,
			 (unsigned long long)sl_stream_size(s));
}

/* Facts of a Data.db with 'prior'. piece 0: of some bytes, by chance. */
static void facts_of(const struct sl_test_file *t, const struct sl_prior *prior,
		     const void *data, size_t n, size_t piece,
		     struct sl_facts *ret)
{
	SL_CLEANUP(stream) struct sl_stream *s = NULL;
	uint32_t x = 12345;

	assert_int_equal(sl_stream_new(&t->name, prior, &s), 0);
	for (size_t at = 0, step; at < n; at += step) {
		x = x * 1103515245 + 12345;
		step = piece ? piece : 1 + (x >> 8) % 70000;
		step = step < n - at ? step : n - at;
		feed(s, (const char *)data + at, step, x % 5 != 0);
	}
	assert_int_equal(sl_stream_facts(s, ret), 0);
}

static bool sibling(const struct sl_test_file *t, const char *component,
		    struct sl_facts *ret)
{
	SL_CLEANUP(free) char *path = sl_test_sibling(t, component);
	size_t n;
	SL_CLEANUP(free) unsigned char *p = sl_test_read(path, &n);
	struct sl_name name;

	if (!p)
		return false;
	name = t->name;
	name.component = sl_component_find(component, strlen(component));
	sl_test_facts(&name, p, n, 4096, ret);
	if (ret->found_count)
		fail_msg("%s: %s", path, ret->found[0].detail);
	return true;
}

static bool same(const struct sl_data_facts *a, const struct sl_data_facts *b)
{
	return a->mode == b->mode && a->count == b->count &&
	       a->hashed == b->hashed && a->hash == b->hash &&
	       a->last_offset == b->last_offset && a->block == b->block &&
	       a->compressor == b->compressor &&
	       a->plain_chunk == b->plain_chunk &&
	       a->plain_last == b->plain_last;
}

static bool fits(const struct sl_data_facts *d, const struct sl_prior *p)
{
	const struct sl_compression_facts *c = &p->compression;

	if (p->has_compression)
		return d->mode == SL_DATA_CHUNKED && d->count == c->count &&
		       d->hash == c->hash && d->last_offset == c->last_offset &&
		       (d->compressor == c->compressor || !d->compressor);
	return d->mode == SL_DATA_PLAIN && d->block == p->crc.block &&
	       d->hashed == p->crc.hashed && d->hash == p->crc.hash;
}

/* However it is cut, in both ways. */
static void check_pieces(const struct sl_test_file *t,
			 const struct sl_prior *prior)
{
	static const size_t pieces[] = { 1, 7, 4096, 65536, 0 };

	for (size_t i = 0; i < SL_ARRAY_LEN(pieces); i++) {
		struct sl_facts known, found;

		if (t->size > 1 << 20 && pieces[i] && pieces[i] < 4096)
			continue;
		facts_of(t, prior, t->data, t->size, pieces[i], &known);
		facts_of(t, NULL, t->data, t->size, pieces[i], &found);
		rig_healthy(t, &known);
		rig_healthy(t, &found);
		if (!known.u.data.checked || !fits(&known.u.data, prior) ||
		    !same(&known.u.data, &found.u.data))
			fail_msg("%s in pieces of %zu", t->path, pieces[i]);
		assert_true(known.u.data.checked_with ==
			    (prior->has_crc ? prior->crc.hash :
					      prior->compression.hash));
		assert_false(found.u.data.checked);
	}
}

static void score(struct rig_score *s, bool seen)
{
	s->made++;
	s->seen += seen;
}

/* n bytes of a damaged copy. */
static void check_bad(const struct sl_test_file *t,
		      const struct sl_prior *prior, const void *bad, size_t n,
		      struct rig_score *known, struct rig_score *found)
{
	struct sl_facts f;

	facts_of(t, prior, bad, n, 65536, &f);
	score(known, f.found_count != 0);
	facts_of(t, NULL, bad, n, 65536, &f);
	score(found, f.found_count || !fits(&f.u.data, prior));
}

static void check_flips(const struct sl_test_file *t,
			const struct sl_prior *prior, struct score *s)
{
	SL_CLEANUP(free) unsigned char *bad = malloc(t->size);
	size_t step = t->size / FLIPS + 1;

	assert_non_null(bad);
	memcpy(bad, t->data, t->size);
	for (size_t at = step / 2; at < t->size; at += step) {
		bad[at] ^= (unsigned char)(1u << at % 8);
		check_bad(t, prior, bad, t->size, &s->known_flips,
			  &s->found_flips);
		bad[at] = t->data[at];
	}
}

/*
 * Four zeros at the end of raw chunks are the empty chunk of Noop, or begin
 * that of LZ4: without a table only the digest tells.
 */
static bool may_be_raw(const struct sl_prior *prior)
{
	return prior->has_compression &&
	       prior->compression.max_compressed != INT32_MAX;
}

static void check_cuts(const struct sl_test_file *t,
		       const struct sl_prior *prior, struct score *s)
{
	size_t last = (size_t)(prior->has_compression ?
				       prior->compression.last_offset :
				       (t->size - 1) / 65536 * 65536);
	size_t cuts[] = { last, last + 1, last + 4, last - 1, last - 4,
			  t->size - 1, t->size - 4, t->size / 2 };

	for (size_t i = 0; i < SL_ARRAY_LEN(cuts); i++)
		if (cuts[i] && cuts[i] < t->size)
			check_bad(t, prior, t->data, cuts[i], &s->known_cuts,
				  cuts[i] == last + 4 && may_be_raw(prior) ?
					  &s->ambiguous :
					  &s->found_cuts);
}

static void check_longer(const struct sl_test_file *t,
			 const struct sl_prior *prior, struct score *s)
{
	static const size_t more[] = { 1, 4, 100, 70000 };
	SL_CLEANUP(free) unsigned char *bad = calloc(1, t->size + 70000);

	assert_non_null(bad);
	memcpy(bad, t->data, t->size);
	for (size_t i = 0; i < SL_ARRAY_LEN(more); i++)
		check_bad(t, prior, bad, t->size + more[i], &s->known_cuts,
			  &s->found_cuts);
}

static void check_slice(const struct sl_test_file *t,
			const struct sl_prior *prior)
{
	struct sl_facts a, b;

	facts_of(t, prior, t->data, t->size, 4096, &a);
	facts_of(t, NULL, t->data, t->size, 0, &b);
	assert_false(a.u.data.checked);
	assert_int_equal(a.found_count, 0);
	assert_int_not_equal(a.u.data.mode, SL_DATA_UNSETTLED);
	assert_true(same(&a.u.data, &b.u.data));
}

static void check_digest(const struct sl_test_file *t)
{
	SL_CLEANUP(facts) struct sl_facts f = { 0 };

	if (sibling(t, "Digest.crc32", &f))
		assert_int_equal(f.u.digest, sl_crc32(0, t->data, t->size));
}

static void check_file(void *arg, const struct sl_test_file *t)
{
	SL_CLEANUP(facts) struct sl_facts f = { 0 };
	struct sl_prior prior = { .has_crc = false };
	struct score *s = arg;

	if (sl_version_judge(t->name.format, t->name.version) ==
	    SL_RULE_OLD_VERSION)
		return; /* other checksums */
	s->files++;
	prior.has_compression = sibling(t, "CompressionInfo.db", &f);
	prior.has_crc = !prior.has_compression && sibling(t, "CRC.db", &f);
	if (prior.has_compression)
		prior.compression = f.u.compression;
	else
		prior.crc = f.u.crc;
	if (t->name.format == SL_FORMAT_BTI && t->name.version[0] == 'b') {
		s->slices++;
		check_slice(t, &prior);
		return;
	}
	check_digest(t);
	check_pieces(t, &prior);
	if (t->size > 1 << 20)
		return;
	check_flips(t, &prior, s);
	check_cuts(t, &prior, s);
	check_longer(t, &prior, s);
}

/* Each damage is found where there is a table, and changes what is found. */
static void judge(struct score *s)
{
	s->known_flips.what = "flips, with a table";
	s->known_cuts.what = "cuts and additions, with a table";
	s->found_flips.what = "flips, without";
	s->found_cuts.what = "cuts and additions, without";
	rig_print(&s->known_flips);
	rig_print(&s->known_cuts);
	rig_print(&s->found_flips);
	rig_print(&s->found_cuts);
	assert_true(s->files > 0);
	assert_int_equal(s->known_flips.seen, s->known_flips.made);
	assert_int_equal(s->known_cuts.seen, s->known_cuts.made);
	assert_int_equal(s->found_flips.seen, s->found_flips.made);
	assert_int_equal(s->found_cuts.seen, s->found_cuts.made);
}

static void test_real(void **state)
{
	struct score s = { .files = 0 };

	(void)state;
	sl_test_sstables(SL_TEST_ARCHIVE, SL_COMP_DATA, check_file, &s);
	judge(&s);
}

static void test_fixtures_all(void **state)
{
	struct score s = { .files = 0 };

	(void)state;
	if (!sl_test_all_sstables(SL_COMP_DATA, check_file, &s))
		skip();
	assert_true(s.slices >= 8);
	judge(&s);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_real),
		cmocka_unit_test(test_fixtures_all),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
