/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this machine must have: /dev/fuse, memory, a place for the ledger, and
 * the variables that lead the way out of it.
 */
#include "doctor.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "cgroup.h"

#define MIB ((uint64_t)1 << 20)

static bool in_path(const char *program)
{
	const char *path = getenv("PATH");
	char full[512];

	while (path && *path) {
		size_t n = strcspn(path, ":");

		snprintf(full, sizeof(full), "%.*s/%s", (int)n, path, program);
		if (!access(full, X_OK))
			return true;
		path += n + (path[n] == ':');
	}
	return false;
}

void sl_doc_fuse(struct sl_doctor *d)
{
	SL_CLEANUP(fd) int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	if (fd < 0) {
		sl_doc(d, SL_DOC_FAIL, "/dev/fuse cannot be opened: %s",
		       strerror(errno));
		sl_doc_cure(d, "%s", errno == ENOENT ?
			    "modprobe fuse; in a container, give it "
			    "--device /dev/fuse --cap-add SYS_ADMIN" :
			    "mount as root, or let this user open it");
		return;
	}
	if (geteuid() && !in_path("fusermount3")) {
		sl_doc(d, SL_DOC_FAIL, "there is no fusermount3, which mounts "
		       "for who is not root");
		sl_doc_cure(d, "apt-get install fuse3, or mount as root");
		return;
	}
	sl_doc(d, SL_DOC_OK, "/dev/fuse can be opened");
}

void sl_doc_memory(struct sl_doctor *d)
{
	uint64_t limit = sl_cgroup_memory("");
	uint64_t free_now = sl_memory_available("");
	uint64_t least = limit && (!free_now || limit < free_now) ? limit :
								     free_now;

	sl_doc(d, SL_DOC_OK, "a mount takes %llu MiB for data (memory=) and "
	       "about 64 MiB besides; %llu MiB are there",
	       (unsigned long long)(d->o.memory / MIB),
	       (unsigned long long)(least / MIB));
	if (least && least < d->o.memory + 64 * MIB) {
		d->verdict = SL_DOC_WARN;
		sl_doc_cure(d, "give memory=%llu or less, or free some",
			    (unsigned long long)(least / MIB / 2));
	}
}

/* The nearest directory of the path that is there. */
static void parent_there(char *path)
{
	struct stat st;
	char *slash;

	while (stat(path, &st) && (slash = strrchr(path, '/')) &&
	       slash != path)
		*slash = '\0';
}

void sl_doc_state(struct sl_doctor *d)
{
	SL_CLEANUP(free) char *path = strdup(d->o.state_dir);
	struct statvfs v;

	if (!path) {
		sl_doc(d, SL_DOC_SKIP, "out of memory");
		return;
	}
	parent_there(path);
	if (access(path, W_OK | X_OK) || statvfs(path, &v)) {
		sl_doc(d, SL_DOC_FAIL, "the ledger's directory '%s' cannot be "
		       "written: %s", d->o.state_dir, strerror(errno));
		sl_doc_cure(d, "give -o state=DIR, on a local disk");
		return;
	}
	sl_doc(d, SL_DOC_OK, "the ledger goes to '%s', %llu MiB free",
	       d->o.state_dir,
	       (unsigned long long)v.f_bavail * v.f_frsize / MIB);
	if ((uint64_t)v.f_bavail * v.f_frsize < 256 * MIB) {
		d->verdict = SL_DOC_WARN;
		sl_doc_cure(d, "it takes about 1 KiB a file: free some space "
			    "or give -o state=DIR");
	}
}

static const char *first_of(const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *v = getenv(names[i]);

		if (v && *v)
			return names[i];
	}
	return NULL;
}

/* libcurl reads http_proxy in lower case only. */
static const char *const proxy_variables[] = {
	"https_proxy", "HTTPS_PROXY", "http_proxy", "all_proxy", "ALL_PROXY",
};

/* "http://user:secret@host" shows who but not what. */
static void show_proxy(char *dst, size_t size, const char *v)
{
	const char *at = strrchr(v, '@');
	const char *scheme = strstr(v, "://");

	snprintf(dst, size, "%.*s%s%s",
		 scheme ? (int)(scheme + 3 - v) : 0, v, at ? "***@" : "",
		 at ? at + 1 : scheme ? scheme + 3 : v);
}

/* The proxy's variable that has a value; NULL. */
static const char *proxy_variable(void)
{
	return first_of(proxy_variables, SL_ARRAY_LEN(proxy_variables));
}

void sl_doc_proxy(struct sl_doctor *d)
{
	const char *no = getenv("no_proxy"), *name = proxy_variable();
	char shown[256];

	if (!no || !*no)
		no = getenv("NO_PROXY");
	if (name) {
		show_proxy(shown, sizeof(shown), getenv(name));
		sl_doc(d, SL_DOC_OK, "requests go through %s ($%s)%s%s",
		       shown, name, no && *no ? "; not for " : "",
		       no ? no : "");
		return;
	}
	sl_doc(d, SL_DOC_OK, "none: requests go out directly");
}

void sl_doc_way(struct sl_doctor *d, const char *what)
{
	const char *name = proxy_variable();

	sl_doc_cure(d, "open the way to %s (port 443), %s%s; a private CA goes "
		    "into SSL_CERT_FILE", what,
		    name ? "or look at the proxy in $" : "or set https_proxy",
		    name ? name : "");
}

void sl_doc_ca(struct sl_doctor *d)
{
	static const char *const names[] = {
		"CURL_CA_BUNDLE", "SSL_CERT_FILE", "AWS_CA_BUNDLE",
		"SSL_CERT_DIR",
	};
	struct sl_http_config cfg = {
		.threads = 2,
		.connections = d->o.connections,
		.rate = d->o.rate,
		.hedge_after_ms = -1,
	};
	const char *name = first_of(names, SL_ARRAY_LEN(names));

	if (sl_http_new(&cfg, &d->http, &d->http_error)) {
		sl_doc(d, SL_DOC_FAIL, "%s", d->http_error.text);
		sl_doc_cure(d, "mend or unset that variable");
		return;
	}
	if (name)
		sl_doc(d, SL_DOC_OK, "certificates are checked against "
		       "$%s=%s", name, getenv(name));
	else
		sl_doc(d, SL_DOC_OK, "certificates are checked against the "
		       "system's bundle");
}
