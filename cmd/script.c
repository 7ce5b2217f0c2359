/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Files of lines: scripts, the arguments of a command, what a session begins with.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/guard.h"
#include "cmd/history.h"
#include "cmd/session.h"

#define STARTUP_FILE ".mmscoperc"

/* Runs each line of the file, behind `command` where it is not NULL. Ctrl-C ends it. */
static struct error *run_lines(struct session *s, const char *command, FILE *file, const char *path)
{
	unsigned signals = guard_signals();
	struct error *e = NULL;
	char *text = NULL, *whole;
	size_t size = 0;

	errno = 0;
	while (!s->quit && !s->unread && guard_signals() == signals && getline(&text, &size, file) >= 0) {
		const char *words = text + strspn(text, " \t\r\n");

		text[strcspn(text, "\r\n")] = '\0';
		if (!command) {
			/* Standard input and -i stand for a person who types. */
			(s->depth || s->starting ? session_run_line : history_run)(s, text);
		} else if (*words && *words != '#') {
			if (asprintf(&whole, "%s %s", command, words) < 0) {
				e = error_new(ERR_NO_MEMORY, "out of memory");
				break;
			}
			session_run_line(s, whole);
			free(whole);
		}
		errno = 0;
	}
	free(text);
	if (!e && ferror(file))
		e = error_new(ERR_IO, "cannot read: %s: %s", path, strerror(errno));
	return e;
}

static struct error *run_file(struct session *s, const char *command, const char *path)
{
	FILE *file = fopen(path, "re");
	struct error *e;

	if (!file)
		return error_new(ERR_IO, "cannot read: %s: %s", path, strerror(errno));
	e = run_lines(s, command, file, path);
	fclose(file);
	return e;
}

struct error *session_run_file(struct session *s, const char *path)
{
	return run_file(s, NULL, path);
}

struct error *session_run_arguments(struct session *s, const char *command, const char *path)
{
	return run_file(s, command, path);
}

/*
 * A file that somebody else may have put beside a dump is no place to take shell commands from: it has to be the user's own, and
 * nobody else's to write.
 */
static bool is_own(const char *path, const struct stat *other)
{
	struct stat status;

	if (stat(path, &status) || !S_ISREG(status.st_mode))
		return false;
	if (other && other->st_dev == status.st_dev && other->st_ino == status.st_ino)
		return false;
	if (status.st_uid == geteuid() && !(status.st_mode & (S_IWGRP | S_IWOTH)))
		return true;
	fprintf(stderr, "mmscope: not read, as others may write it: %s\n", path);
	return false;
}

void session_run_startup(struct session *s)
{
	const char *home = getenv("HOME");
	char path[4096] = "";
	struct stat first = {0};
	int fd = s->out->fd, nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (nowhere >= 0)
		s->out->fd = nowhere;
	s->starting = true;
	for (int i = 0; i < 2; i++) {
		if (i)
			snprintf(path, sizeof(path), "%s", STARTUP_FILE);
		else if (!home || (size_t)snprintf(path, sizeof(path), "%s/%s", home, STARTUP_FILE) >= sizeof(path))
			continue;
		if (!is_own(path, i ? &first : NULL))
			continue;
		if (!i)
			stat(path, &first);
		struct error *e = session_run_file(s, path);
		if (e) {
			session_complain(s, "mmscope", e);
			error_free(e);
		}
	}
	s->starting = false;
	s->failures = 0;
	out_flush(s->out);
	s->out->fd = fd;
	if (nowhere >= 0)
		close(nowhere);
}
