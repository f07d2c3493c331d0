/* SPDX-License-Identifier: Apache-2.0 */
/*
 * XML in and out: expat for the bodies of Complete and DeleteObjects, plain
 * escaping for answers. Entities of document types are not expanded: a
 * document that has a DOCTYPE is refused.
 */
#include <expat.h>
#include <stdlib.h>
#include <string.h>

#include "xml.h"

void sim_xml_text(struct sim_buf *b, const char *s)
{
	sim_buf_add(b, "", 0);
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '&')
			sim_buf_str(b, "&amp;");
		else if (c == '<')
			sim_buf_str(b, "&lt;");
		else if (c == '>')
			sim_buf_str(b, "&gt;");
		else if (c == '"')
			sim_buf_str(b, "&quot;");
		else if (c < 32 || c == 127)
			sim_buf_printf(b, "&#%u;", c);
		else
			sim_buf_add(b, s, 1);
	}
}

void sim_xml_element(struct sim_buf *b, const char *name, const char *value)
{
	sim_buf_printf(b, "<%s>", name);
	sim_xml_text(b, value);
	sim_buf_printf(b, "</%s>", name);
}

struct parse {
	XML_Parser parser;
	const struct sim_xml_sink *to;
	struct sim_buf path;
	struct sim_buf text;
	int depth;
};

static void XMLCALL on_start(void *arg, const XML_Char *name,
			     const XML_Char **attrs)
{
	struct parse *p = arg;

	(void)attrs;
	if (++p->depth > 16) {
		XML_StopParser(p->parser, XML_FALSE);
		return;
	}
	if (p->path.n)
		sim_buf_str(&p->path, "/");
	sim_buf_str(&p->path, name);
	p->text.n = 0;
	sim_buf_add(&p->text, "", 0);
}

static void XMLCALL on_end(void *arg, const XML_Char *name)
{
	struct parse *p = arg;
	size_t n = strlen(name);

	p->to->element(p->to->arg, p->path.p, p->text.p);
	p->depth--;
	p->path.n -= p->path.n > n ? n + 1 : n;
	p->path.p[p->path.n] = '\0';
	p->text.n = 0;
	sim_buf_add(&p->text, "", 0);
}

static void XMLCALL on_text(void *arg, const XML_Char *s, int n)
{
	struct parse *p = arg;

	sim_buf_add(&p->text, s, (size_t)n);
}

static void XMLCALL on_doctype(void *arg, const XML_Char *name,
			       const XML_Char *sys, const XML_Char *pub,
			       int internal)
{
	struct parse *p = arg;

	(void)name;
	(void)sys;
	(void)pub;
	(void)internal;
	XML_StopParser(p->parser, XML_FALSE);
}

bool sim_xml_parse(const char *text, size_t n, const struct sim_xml_sink *to)
{
	struct parse p = { .parser = XML_ParserCreate(NULL), .to = to };
	bool ok;

	if (!p.parser)
		return false;
	XML_SetUserData(p.parser, &p);
	XML_SetElementHandler(p.parser, on_start, on_end);
	XML_SetCharacterDataHandler(p.parser, on_text);
	XML_SetStartDoctypeDeclHandler(p.parser, on_doctype);
	ok = n && XML_Parse(p.parser, text, (int)n, 1) == XML_STATUS_OK;
	XML_ParserFree(p.parser);
	sim_buf_free(&p.path);
	sim_buf_free(&p.text);
	return ok;
}
