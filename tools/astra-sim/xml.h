/* SPDX-License-Identifier: Apache-2.0 */
/* XML in and out; see xml.c. */
#ifndef SIM_XML_H
#define SIM_XML_H

#include "util.h"

void sim_xml_text(struct sim_buf *b, const char *s);
void sim_xml_element(struct sim_buf *b, const char *name, const char *value);
struct sim_xml_sink {
	/* An element ended: its path from the root, "A/B/C", and its text. */
	void (*element)(void *arg, const char *path, const char *text);
	void *arg;
};
bool sim_xml_parse(const char *text, size_t n, const struct sim_xml_sink *to);

#endif
