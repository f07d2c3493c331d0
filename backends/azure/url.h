/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the container is in the URL of a directory. A blob's URL is the
 * directory's, taken as it came, and the escaped key; only a listing is asked
 * of the container, with the rest of the path as its prefix.
 *
 * In https://ACCOUNT.blob.core.windows.net/CONTAINER/PREFIX/ the account is
 * in the host; where the host is an address or has no dot ("localhost"), as
 * with emulators, it is the first segment of the path. Azure's own libraries
 * decide by the same look at the host. The credentials bring the same URL and
 * so cannot tell more.
 */
#ifndef SL_AZURE_URL_H
#define SL_AZURE_URL_H

#include <stdbool.h>

#include "cleanup.h"
#include "error.h"

struct sl_azure_url {
	char *base;	 /* of the directory, as given; ends in '/' */
	char *container; /* URL of the container, without a last '/' */
	char *name;	 /* the container's */
	char *prefix;	 /* decoded: "" or "dir/" */
};

/* Fills all of 'ret' or none. -EINVAL, -ENOMEM. */
int sl_azure_url_split(const char *url, struct sl_azure_url *ret,
		       struct sl_error *e) SL_MUST_CHECK;
void sl_azure_url_release(struct sl_azure_url *u);

/* May these bytes, say a SAS, stand in a URL as they are? */
bool sl_azure_url_safe(const char *s);

/*
 * Can a blob have this full name? NULL: yes; else why not. Azure takes no
 * control bytes, reads names as UTF-8, makes '\' a '/', cuts a '.' at the end
 * of a segment, and takes 254 segments.
 */
const char *sl_azure_name_refused(const char *name);

#endif
