/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the small XML documents that S3 answers with. Bounded in depth and
 * text; a document type (and with it any entity) is refused.
 */
#ifndef SL_S3_XML_H
#define SL_S3_XML_H

#include <stddef.h>

#include "cleanup.h"

#define SL_XML_MAX_DEPTH 8
#define SL_XML_MAX_TEXT 16384

struct sl_xml_handlers {
	/*
	 * At the end of each element: 'path' from the root, as "A/B/C", and
	 * its text, white space kept. Nonzero (-errno) ends the parse with it.
	 */
	int (*element)(void *arg, const char *path, const char *text);
};

/*
 * 0; -EPROTO: not well formed, too deep or too long; -ENODATA: nothing but
 * white space; -ENOMEM; or what element() returned.
 */
int sl_xml_parse(const char *text, size_t len, const struct sl_xml_handlers *h,
		 void *arg) SL_MUST_CHECK;

#endif
