/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thin layer over expat: callers look at paths and texts, not at tags.
 * The namespace is ignored, as servers disagree on it. White space before
 * the declaration is skipped: S3 sends some to keep a connection alive while
 * it completes an upload.
 */
#include "backends/cloud/xml.h"

#include <errno.h>
#include <expat.h>
#include <string.h>

#include "buf.h"

struct parse {
	XML_Parser parser;
	const struct sl_xml_handlers *h;
	void *arg;
	char path[512];
	size_t ends[SL_XML_MAX_DEPTH]; /* length of path before each level */
	int depth;
	struct sl_buf text;
	int err;
};

static void stop(struct parse *p, int err)
{
	if (p->err)
		return;
	p->err = err;
	/* Fails only where the parser has stopped already. */
	if (XML_StopParser(p->parser, XML_FALSE) != XML_STATUS_OK)
		p->err = err;
}

static void tell_attributes(struct parse *p, const XML_Char **attrs)
{
	int err = 0;

	if (!p->h->attribute)
		return;
	for (; !err && attrs[0]; attrs += 2)
		err = strlen(attrs[1]) > SL_XML_MAX_TEXT ?
			      -EPROTO :
			      p->h->attribute(p->arg, p->path, attrs[0],
					      attrs[1]);
	if (err)
		stop(p, err);
}

static void on_start(void *arg, const XML_Char *name, const XML_Char **attrs)
{
	struct parse *p = arg;
	size_t len = strlen(p->path), n = strlen(name);

	if (p->depth == SL_XML_MAX_DEPTH || len + n + 2 > sizeof(p->path)) {
		stop(p, -EPROTO);
		return;
	}
	p->ends[p->depth++] = len;
	if (len)
		p->path[len++] = '/';
	memcpy(p->path + len, name, n + 1);
	sl_buf_clear(&p->text);
	tell_attributes(p, attrs);
}

static void on_end(void *arg, const XML_Char *name)
{
	struct parse *p = arg;
	int err;

	(void)name; /* expat has matched it with its start */
	if (p->err)
		return;
	err = sl_buf_error(&p->text) == -E2BIG ? -EPROTO :
						 sl_buf_error(&p->text);
	if (!err)
		err = p->h->element(p->arg, p->path, sl_buf_str(&p->text));
	if (err) {
		stop(p, err);
		return;
	}
	p->path[p->ends[--p->depth]] = '\0';
	sl_buf_clear(&p->text);
}

static void on_text(void *arg, const XML_Char *s, int n)
{
	struct parse *p = arg;

	/* The error sticks in the buffer and is read at the element's end. */
	if (sl_buf_append(&p->text, s, (size_t)n) && !p->err)
		stop(p, -EPROTO);
}

static void on_doctype(void *arg, const XML_Char *name, const XML_Char *sysid,
		       const XML_Char *pubid, int internal)
{
	(void)name;
	(void)sysid;
	(void)pubid;
	(void)internal; /* any document type is refused */
	stop(arg, -EPROTO);
}

int sl_xml_parse(const char *text, size_t len, const struct sl_xml_handlers *h,
		 void *arg)
{
	struct parse p = { .h = h, .arg = arg,
			   .text = SL_BUF_INIT(SL_XML_MAX_TEXT) };
	enum XML_Status st;

	while (len && strchr(" \t\r\n", *text) && *text) {
		text++;
		len--;
	}
	if (!len)
		return -ENODATA;
	if (len > INT32_MAX)
		return -EPROTO;
	p.parser = XML_ParserCreate("UTF-8");
	if (!p.parser)
		return -ENOMEM;
	XML_SetUserData(p.parser, &p);
	XML_SetElementHandler(p.parser, on_start, on_end);
	XML_SetCharacterDataHandler(p.parser, on_text);
	XML_SetStartDoctypeDeclHandler(p.parser, on_doctype);
	st = XML_Parse(p.parser, text, (int)len, 1);
	if (!p.err && st != XML_STATUS_OK)
		p.err = XML_GetErrorCode(p.parser) == XML_ERROR_NO_MEMORY ?
				-ENOMEM :
				-EPROTO;
	XML_ParserFree(p.parser);
	sl_buf_release(&p.text);
	return p.err;
}
