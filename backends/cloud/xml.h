/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the small XML documents that clouds answer with. Bounded in depth
 * and text; a document type (and with it any entity) is refused.
 */
#ifndef SL_CLOUD_XML_H
#define SL_CLOUD_XML_H

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
	/*
	 * Optional: at the start of the element 'path', each attribute. As
	 * element() else.
	 */
	int (*attribute)(void *arg, const char *path, const char *name,
			 const char *value);
};

/*
 * 0; -EPROTO: not well formed, too deep or too long; -ENODATA: nothing but
 * white space; -ENOMEM; or what a handler returned.
 */
int sl_xml_parse(const char *text, size_t len, const struct sl_xml_handlers *h,
		 void *arg) SL_MUST_CHECK;

#endif
