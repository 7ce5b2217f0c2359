/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Running lines: the words, the command, where its output goes, its error's line.
 */
#include "cmd/session.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/guard.h"
#include "cmd/line.h"
#include "cmd/pager.h"
#include "core/interrupt.h"

/* ---- A command ---- */

static struct error *unknown_command(const char *name)
{
	const char *near = command_nearest(name);

	if (near)
		return error_new(ERR_USAGE, "no such command; did you mean \"%s\"?", near);
	return error_new(ERR_USAGE, "no such command; \"help\" lists them");
}

struct error *session_run(struct session *s, int argc, char **argv)
{
	const struct command *c = command_find(argv[0]);

	if (!c)
		return unknown_command(argv[0]);
	if ((c->flags & CMD_NEEDS_KERNEL) && !s->kernel)
		return error_new(ERR_UNSUPPORTED,
				 "needs a kernel, and the image is open without one");
	if ((c->flags & CMD_NEEDS_KERNEL) && !(c->flags & CMD_TYPELESS) && s->kernel->typeless)
		return error_new(ERR_UNSUPPORTED, "%s", s->kernel->typeless->message);
	return guard_run(c, s, argc, argv);
}

/* The struct that a word like "page.flags" or "list_head" names, when it is no command: crash takes
 * it as "struct page.flags". */
static bool names_struct(struct session *s, const char *word)
{
	char name[256];

	if (!s->kernel || !s->kernel->types)
		return false;
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(word, "."), word);
	return type_valid(type_find(s->kernel, TYPE_AGGREGATE, name));
}

/* Puts the words of `before` in front of the line's from word `from` on, and parses it anew. */
static struct error *substitute(struct line *line, const char *before, int from)
{
	const char *rest = from < line->argc ? line->command + line->starts[from] : "";
	struct line again;
	struct error *e;
	char *text;

	if (asprintf(&text, "%s %s", before, rest) < 0)
		return error_new(ERR_NO_MEMORY, "out of memory");
	e = line_parse(text, &again);
	free(text);
	if (e) {
		line_free(&again);
		return e;
	}
	again.sink = line->sink;
	again.target = line->target;
	line->target = NULL;
	line_free(line);
	*line = again;
	return NULL;
}

/* Aliases and left-out "struct"s. */
static struct error *expand(struct session *s, struct line *line)
{
	const char *alias;

	if (command_find(line->argv[0]))
		return NULL;
	alias = command_alias(line->argv[0]);
	if (alias)
		return substitute(line, alias, 1);
	if (command_find("struct") && names_struct(s, line->argv[0]))
		return substitute(line, "struct", 0);
	return NULL;
}

/* ---- Where its output goes ---- */

struct sink {
	int fd;	   /* where the output went before */
	pid_t pid; /* of the shell that reads it, or 0 */
	int file;  /* the pipe or file to close, or -1 */
};

static struct error *start_shell(const char *command, int *input, pid_t *pid)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC))
		return error_new(ERR_IO, "cannot make a pipe: %s", strerror(errno));
	*pid = fork();
	if (*pid == 0) {
		dup2(ends[0], 0);
		guard_child();
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	close(ends[0]);
	if (*pid < 0) {
		close(ends[1]);
		return error_new(ERR_IO, "cannot start a shell: %s", strerror(errno));
	}
	*input = ends[1];
	return NULL;
}

/* The child's status. */
static int wait_for(const struct session *s, pid_t pid)
{
	int status = -1;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	/* The prompt goes under the terminal's "^C". */
	if (s->interactive && status != -1 && WIFSIGNALED(status) && WTERMSIG(status) == SIGINT) {
		putchar('\n');
		fflush(stdout);
	}
	return status;
}

static struct error *sink_open(struct session *s, const struct line *line, struct sink *sink)
{
	int append = line->sink == SINK_APPEND ? O_APPEND : O_TRUNC;
	const char *pager;

	*sink = (struct sink){.fd = s->out->fd, .file = -1};
	s->out->mode = s->settings.json ? OUT_JSON : OUT_TEXT;
	s->on_screen = line->sink == SINK_OUT && isatty(s->out->fd);
	switch (line->sink) {
	case SINK_PIPE:
		TRY(start_shell(line->target, &sink->file, &sink->pid));
		break;
	case SINK_FILE:
	case SINK_APPEND:
		sink->file = open(line->target, O_WRONLY | O_CREAT | O_CLOEXEC | append, 0666);
		if (sink->file < 0)
			return error_new(ERR_IO, "cannot write: %s: %s", line->target,
					 strerror(errno));
		break;
	case SINK_OUT:
		pager = pager_command(s);
		if (pager)
			TRY(start_shell(pager, &sink->file, &sink->pid));
		break;
	}
	if (sink->file >= 0)
		s->out->fd = sink->file;
	return NULL;
}

/* Flushes, and gives the sink back. An error when the output could not be written. */
static struct error *sink_close(struct session *s, struct sink *sink)
{
	struct out *o = s->out;
	struct error *e = NULL;

	out_flush(o);
	if (o->failed && o->error != EPIPE && o->error != EINTR)
		e = error_new(ERR_IO, "cannot write: %s", strerror(o->error));
	if (o->failed && o->error == EPIPE && sink->file < 0)
		s->quit = true; /* nobody reads the program's own output any more */
	o->failed = o->stopped = o->steadfast = false;
	o->fd = sink->fd;
	if (sink->file >= 0)
		close(sink->file);
	if (sink->pid > 0)
		wait_for(s, sink->pid);
	return e;
}

/* ---- A line ---- */

static void print_error(struct session *s, const char *name, const struct error *e)
{
	out_flush(s->out);
	fprintf(stderr, "%s: %s\n", name, e->message);
	fflush(stderr);
}

static struct error *run_parsed(struct session *s, struct line *line)
{
	const struct command *c = command_find(line->argv[0]);
	struct error *e, *unwritten;
	bool quiet = false;
	struct sink sink;

	e = sink_open(s, line, &sink);
	if (e)
		return e;
	out_document_begin(s->out, line->argv[0]);
	s->quotes = line->quotes;
	if (c && (c->flags & CMD_RAW_LINE)) {
		char *argv[3] = {line->argv[0],
				 line->argc > 1 ? line->command + line->starts[1] : NULL, NULL};

		e = session_run(s, line->argc > 1 ? 2 : 1, argv);
	} else {
		e = session_run(s, line->argc, line->argv);
	}
	s->quotes = NULL;
	/* A reader who has seen enough (q in the pager, head) ends the command; that is no failure.
	 * An act goes on without a reader, so what interrupted it was Ctrl-C. */
	if (s->out->stopped && s->out->error == EPIPE)
		quiet = true;
	out_document_end(s->out, e ? e->message : NULL);
	unwritten = sink_close(s, &sink);
	if (quiet && e && e->code == ERR_INTERRUPTED) {
		error_free(e);
		e = NULL;
	}
	if (unwritten) {
		error_free(e);
		e = unwritten;
	}
	return e;
}

static bool run_shell(struct session *s, const char *command)
{
	pid_t pid = fork();

	if (pid == 0) {
		guard_child();
		if (*command)
			execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		else
			execl("/bin/sh", "sh", (char *)NULL);
		_exit(127);
	}
	return pid > 0 && wait_for(s, pid) == 0;
}

/* Ctrl-C at a prompt means the command; in a script it means the script. */
static void end_script_on_signal(struct session *s)
{
	if (!s->interactive && guard_signalled())
		s->quit = true;
}

bool session_run_line(struct session *s, const char *text)
{
	const char *name = "mmscope";
	struct line line;
	struct error *e;
	bool ok;

	text += strspn(text, " \t\r\n");
	if (*text == '!') {
		out_flush(s->out);
		ok = run_shell(s, text + 1 + strspn(text + 1, " \t"));
		s->failures += !ok;
		end_script_on_signal(s);
		return ok;
	}
	interrupt_flag = 0;
	e = line_parse(text, &line);
	if (!e && line.argc)
		e = expand(s, &line);
	if (!e && !line.argc && line.sink != SINK_OUT)
		e = error_new(ERR_USAGE, "no command before: %s", text);
	if (line.argc)
		name = line.argv[0];
	if (!e && line.argc) {
		e = run_parsed(s, &line);
	} else if (e && s->settings.json) {
		/* One document a line, so that whoever feeds lines can count. */
		s->out->mode = OUT_JSON;
		out_document_begin(s->out, name);
		out_document_end(s->out, e->message);
	}
	ok = !e;
	if (e) {
		s->failures++;
		print_error(s, name, e);
		error_free(e);
	}
	end_script_on_signal(s);
	line_free(&line);
	return ok;
}

struct error *session_run_file(struct session *s, const char *path)
{
	FILE *file = fopen(path, "re");
	char *text = NULL;
	size_t size = 0;

	if (!file)
		return error_new(ERR_IO, "cannot read: %s: %s", path, strerror(errno));
	errno = 0;
	while (!s->quit && getline(&text, &size, file) >= 0)
		session_run_line(s, text);
	free(text);
	if (ferror(file)) {
		struct error *e = error_new(ERR_IO, "cannot read: %s: %s", path, strerror(errno));

		fclose(file);
		return e;
	}
	fclose(file);
	return NULL;
}
