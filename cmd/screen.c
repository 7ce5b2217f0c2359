/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cmd/screen.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

size_t screen_width(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 40)
		return size.ws_col;
	return 80;
}

bool colour_wanted(const struct session *s, int fd)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	if (s->settings.colour == COLOUR_OFF || !isatty(fd))
		return false;
	return s->settings.colour == COLOUR_ON || (!(no && *no) && term && strcmp(term, "dumb"));
}

bool screen_colour(const struct session *s)
{
	return s->out->colour && !out_json(s->out);
}
