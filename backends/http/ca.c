/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CA bundles by the usual variables. libcurl does not read them (the curl
 * tool does), so we must; and we look into the file now, because a wrong one
 * would otherwise only show as "certificate not trusted" hours later.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "backends/http/internal.h"

#define PROBE_BYTES (1024 * 1024)

static const char *const file_variables[] = {
	"CURL_CA_BUNDLE",
	"SSL_CERT_FILE",
	"AWS_CA_BUNDLE",
};

static int check_file(const char *name, const char *path, struct sl_error *e)
{
	static const char mark[] = "-----BEGIN ";
	SL_CLEANUP(file) FILE *f = fopen(path, "re");
	SL_CLEANUP(free) char *bytes = NULL;
	size_t n;

	if (!f)
		return sl_error_set(e, EIO, "cannot read the CA bundle '%s' "
			"named by %s: %s", path, name, strerror(errno));
	bytes = malloc(PROBE_BYTES);
	if (!bytes)
		return sl_error_set(e, ENOMEM, "out of memory");
	n = fread(bytes, 1, PROBE_BYTES, f);
	if (ferror(f))
		return sl_error_set(e, EIO, "cannot read the CA bundle '%s' "
			"named by %s: it is no readable file", path, name);
	if (!memmem(bytes, n, mark, sizeof(mark) - 1))
		return sl_error_set(e, EIO, "the CA bundle '%s' named by %s "
			"holds no PEM certificate", path, name);
	return 0;
}

static int check_dir(const char *name, const char *path, struct sl_error *e)
{
	struct stat st;

	if (stat(path, &st))
		return sl_error_set(e, EIO, "cannot read the CA directory '%s' "
			"named by %s: %s", path, name, strerror(errno));
	if (!S_ISDIR(st.st_mode) || access(path, R_OK | X_OK))
		return sl_error_set(e, EIO, "the CA directory '%s' named by %s "
			"is no readable directory", path, name);
	return 0;
}

static int take(char **ret, const char *value, struct sl_error *e)
{
	*ret = strdup(value);
	return *ret ? 0 : sl_error_set(e, ENOMEM, "out of memory");
}

int sl_http_ca_init(struct sl_http_ca *ca, struct sl_error *e)
{
	const char *dir = getenv("SSL_CERT_DIR");
	int err = 0;

	*ca = (struct sl_http_ca){ 0 };
	for (size_t i = 0; i < SL_ARRAY_LEN(file_variables); i++) {
		const char *v = getenv(file_variables[i]);

		if (!v || !*v)
			continue;
		err = check_file(file_variables[i], v, e);
		if (!err)
			err = take(&ca->file, v, e);
		break;
	}
	if (!err && dir && *dir) {
		err = check_dir("SSL_CERT_DIR", dir, e);
		if (!err)
			err = take(&ca->dir, dir, e);
	}
	if (err)
		sl_http_ca_release(ca);
	return err;
}

void sl_http_ca_release(struct sl_http_ca *ca)
{
	free(ca->file);
	free(ca->dir);
	*ca = (struct sl_http_ca){ 0 };
}
