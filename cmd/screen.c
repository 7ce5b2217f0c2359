/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cmd/screen.h"

#include <sys/ioctl.h>
#include <unistd.h>

size_t screen_width(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 40)
		return size.ws_col;
	return 80;
}
