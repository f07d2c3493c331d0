/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads a line of /proc/self/mountinfo. The kernel writes blanks and the like
 * in a path as octal escapes; one reader of them serves both programs, so
 * that they agree on what is mounted.
 */
#include <string.h>

#include "mountinfo.h"

/* Undoes the octal escapes of mountinfo in place. */
static void unescape(char *s)
{
	char *to = s;

	for (; *s; s++, to++) {
		if (s[0] == '\\' && s[1] && s[2] && s[3]) {
			*to = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 +
				     (s[3] - '0'));
			s += 3;
		} else {
			*to = *s;
		}
	}
	*to = '\0';
}

bool sl_mountinfo_split(char *line, char **ret_point, char **ret_type)
{
	char *save = NULL, *dash = strstr(line, " - ");

	if (!dash)
		return false;
	*dash = '\0';
	*ret_type = dash + 3;
	(*ret_type)[strcspn(*ret_type, " \n")] = '\0';
	*ret_point = strtok_r(line, " ", &save);
	for (int i = 0; *ret_point && i < 4; i++)
		*ret_point = strtok_r(NULL, " ", &save);
	if (!*ret_point)
		return false;
	unescape(*ret_point);
	return true;
}
