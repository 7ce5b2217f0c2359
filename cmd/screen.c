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

bool screen_colour(const struct session *s)
{
	const char *no = getenv("NO_COLOR"), *terminal = getenv("TERM");

	return s->on_screen && !out_json(s->out) && !(no && *no) && terminal && strcmp(terminal, "dumb") != 0;
}
