/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host belongs to the database. So the mount takes less CPU time when
 * others want it, reads and writes its ledger behind them, and offers itself
 * to the kernel when memory runs out: a copy that is repeated sends what is
 * missing, a database that dies is an outage.
 *
 * - nice 10, or what nice= says, on top of nothing: a shell that was niced
 *   deeper stays so.
 * - I/O class best effort at its lowest level. Not idle: a ledger that gets
 *   no turn on a busy disk would hold up the copy that waits for it.
 * - oom_score_adj 500 above what was inherited. In a container that is the
 *   container's own value, which its database has too; raising needs no right.
 *
 * Each is a wish. A host that refuses one gets a line in the log and a mount.
 */
#include "guest.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cgroup.h"
#include "cleanup.h"
#include "log.h"

#define OOM_FILE "/proc/self/oom_score_adj"
#define OOM_ABOVE 500
#define OOM_MAX 1000
#define THREADS_MAX 4

/* linux/ioprio.h is newer than some hosts' headers. */
#define IOPRIO_WHO_PROCESS 1
#define IOPRIO_BEST_EFFORT_LOWEST (2 << 13 | 7)

static void refused(const char *what, int errnum)
{
	sl_log_warn("%s is not possible here: %s", what, strerror(errnum));
}

static void stand_back(int niceness)
{
	int present;

	errno = 0;
	present = getpriority(PRIO_PROCESS, 0);
	if (present == -1 && errno) {
		refused("asking for the nice value", errno);
		return;
	}
	if (present < niceness && setpriority(PRIO_PROCESS, 0, niceness))
		refused("a nice value", errno);
}

static void wait_for_disks(void)
{
	if (syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0,
		    IOPRIO_BEST_EFFORT_LOWEST) < 0)
		refused("a low I/O priority", errno);
}

static int write_score(int score)
{
	FILE *f = fopen(OOM_FILE, "we");
	int r = 0;

	if (!f)
		return -errno;
	if (fprintf(f, "%d\n", score) < 0)
		r = -EIO;
	/* The kernel's answer comes when the line is flushed. */
	if (fclose(f))
		r = -errno;
	return r;
}

static void go_first(void)
{
	SL_CLEANUP(file) FILE *f = fopen(OOM_FILE, "re");
	int score, r;

	if (!f || fscanf(f, "%d", &score) != 1) {
		refused("asking for the OOM score", f ? EIO : errno);
		return;
	}
	score = score > OOM_MAX - OOM_ABOVE ? OOM_MAX : score + OOM_ABOVE;
	r = write_score(score);
	if (r)
		refused("a higher OOM score", -r);
}

void sl_guest_behave(int niceness)
{
	stand_back(niceness);
	wait_for_disks();
	go_first();
}

int sl_guest_threads(void)
{
	int quota = sl_cgroup_cpus("");
	int n = THREADS_MAX;
	cpu_set_t set;

	/* More CPUs than the set has room for are more than enough. */
	if (!sched_getaffinity(0, sizeof(set), &set) && CPU_COUNT(&set) < n)
		n = CPU_COUNT(&set);
	if (quota && quota < n)
		n = quota;
	return n > 1 ? n : 1;
}
