/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lost: the upload engine and a cloud's backend against a rehearsal cloud that
 * makes trouble. Prints TAP and ends with a count.
 */
#include "rig.h"

#include "log.h"

static const char usage[] =
	"usage: lost ASTRA_SIM CLOUD [RUNS [SEED]]   s3, gcs or azure\n"
	"       lost ASTRA_SIM CLOUD --only NAME     one of the fault cases\n";

void tally_line(struct tally *t, bool ok, const char *name)
{
	if (ok)
		t->passed++;
	else
		t->failed++;
	printf("%sok %d - %s\n", ok ? "" : "not ", t->passed + t->failed, name);
	fflush(stdout);
}

static int number(const char *s, uint64_t max, uint64_t *ret)
{
	char *end;

	errno = 0;
	*ret = strtoull(s, &end, 10);
	return errno || !*s || *end || *ret > max ? -1 : 0;
}

static bool is_cloud(const char *s)
{
	static const char *const clouds[] = { "s3", "gcs", "azure" };
	size_t i = 0;

	while (i < SL_ARRAY_LEN(clouds) && strcmp(s, clouds[i]) != 0)
		i++;
	return i < SL_ARRAY_LEN(clouds);
}

int main(int argc, char **argv)
{
	const char *only = argc == 5 && !strcmp(argv[3], "--only") ?
				   argv[4] : NULL;
	uint64_t runs = 100, seed = 1;
	struct tally t = { 0 };
	struct rig r;

	if (argc < 3 || argc > 5 || !is_cloud(argv[2]) ||
	    (!only && argc > 3 && number(argv[3], 100000, &runs)) ||
	    (!only && argc > 4 && number(argv[4], UINT32_MAX, &seed))) {
		fputs(usage, stderr);
		return 2;
	}
	sl_log_init("lost", SL_LOG_WARN);
	if (rig_start(&r, argv[1], argv[2])) {
		tally_line(&t, false, "astra-sim gives a migration");
	} else {
		if (!only && runs)
			lost_runs(&r, &t, (int)runs, seed);
		fault_cases(&r, &t, only);
	}
	rig_stop(&r);
	printf("1..%d\n%d passed, %d failed\n", t.passed + t.failed, t.passed,
	       t.failed);
	return t.failed || !t.passed ? 1 : 0;
}
