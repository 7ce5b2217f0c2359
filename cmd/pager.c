/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cmd/pager.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool installed(const char *program)
{
	const char *path = getenv("PATH");
	char file[4096];

	for (const char *p = path ? path : "/usr/bin:/bin"; *p;) {
		size_t len = strcspn(p, ":");

		snprintf(file, sizeof(file), "%.*s/%s", (int)len, len ? p : ".", program);
		if (access(file, X_OK) == 0)
			return true;
		p += len + (p[len] == ':');
	}
	return false;
}

const char *pager_command(const struct session *s)
{
	static int have_less = -1;
	const char *own = getenv("MMSCOPE_PAGER");

	if (!s->interactive || !s->settings.scroll || !isatty(s->out->fd))
		return NULL;
	if (own)
		return *own ? own : NULL;
	if (have_less < 0)
		have_less = installed("less");
	/*
	 * Less than a screen just appears (-F), the screen stays as it is (-X), colours pass (-R),
	 * the end of the output is the end of less at the second attempt to go on (-e is crash's -E
	 * in effect).
	 */
	return have_less ? "exec less -FRXe" : NULL;
}
