/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cmd/colour.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool colour_wanted(const struct session *s, int fd)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	if (s->settings.colour == COLOUR_OFF || !isatty(fd))
		return false;
	return s->settings.colour == COLOUR_ON || (!(no && *no) && term && strcmp(term, "dumb"));
}
