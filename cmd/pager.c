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

/*
 * Less than a screen just appears (-F), the screen stays as it is (-X), colours pass (-R), the end of the output is the end of less at
 * the second attempt to go on (-e is crash's -E in effect).
 */
#define LESS "exec less -FRXe"

static const char *chosen(const struct session *s)
{
	static int have_less = -1;
	const char *own = getenv("MMSCOPE_PAGER");

	switch (s->settings.pager) {
	case PAGER_LESS:
		return LESS;
	case PAGER_MORE:
		return "exec more";
	case PAGER_CRASH:
		return getenv("CRASHPAGER");
	default:
		if (own)
			return *own ? own : NULL;
		if (have_less < 0)
			have_less = installed("less");
		return have_less ? LESS : NULL;
	}
}

const char *pager_command(const struct session *s)
{
	if (!s->interactive || !s->settings.scroll || !isatty(s->out->fd))
		return NULL;
	return chosen(s);
}

const char *pager_name(const struct session *s)
{
	const char *command = chosen(s);

	if (!command)
		return "none";
	return strncmp(command, "exec ", 5) ? command : command + 5;
}
