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
#include "cmd/progress.h"
#include "cmd/screen.h"
#include "core/globals.h"
#include "core/interrupt.h"


/* How deep scripts may run scripts. */
#define LINES_DEEP 16

/* ---- A command ---- */

/* crash's commands that are none of memory's, tasks', types' or symbols': docs/crash-users.md. */
static const char *left_out(const char *name)
{
	static const char *const commands[][2] = {{"bpf", "tracing"}, {"dev", "device"}, {"irq", "device"}, {"net", "network"}, {"sbitmapq", "device"}};

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(name, commands[i][0]))
			return commands[i][1];
	return NULL;
}

static struct error *unknown_command(const char *name)
{
	const char *near = command_nearest(name);

	if (left_out(name))
		return error_new(ERR_UNSUPPORTED, "a %s command of crash, which is left out here; \"help\" lists what there is", left_out(name));
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
	again.input = line->input;
	line->target = line->input = NULL;
	line_free(line);
	*line = again;
	return NULL;
}

/* What a word is that is no command: a variable, or a type with another name. */
static const char *command_for(struct session *s, const char *word)
{
	struct symbol symbol;
	struct type type;

	if (!s->kernel || !s->kernel->types || !*word || word[0] == '-')
		return NULL;
	if (symbol_find(s->kernel, word, &symbol) && global_type(s->kernel, word, &type))
		return "p";
	return type_valid(type_find(s->kernel, TYPE_TYPEDEF, word)) ? "whatis" : NULL;
}

/* Aliases, and commands left out: "page.flags ADDR", "jiffies". */
static struct error *expand(struct session *s, struct line *line)
{
	const char *alias;

	if (command_find(line->argv[0]) || left_out(line->argv[0]))
		return NULL;
	alias = command_alias(line->argv[0]);
	if (alias)
		return substitute(line, alias, 1);
	if (command_find("struct") && names_struct(s, line->argv[0]))
		return substitute(line, "struct", 0);
	alias = command_for(s, line->argv[0]);
	return alias ? substitute(line, alias, 0) : NULL;
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
	s->out->colour = false;
	s->out->mode = s->settings.json ? OUT_JSON : OUT_TEXT;
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
		s->out->colour = colour_wanted(s, s->out->fd);
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
	/* Nobody reads the program's own output any more, or that of the line which runs this one. */
	if (o->failed && o->error == EPIPE && sink->file < 0)
		*(sink->fd == STDOUT_FILENO ? &s->quit : &s->unread) = true;
	else if (sink->file >= 0)
		s->unread = false;
	o->failed = o->stopped = o->steadfast = false;
	o->fd = sink->fd;
	if (sink->file >= 0)
		close(sink->file);
	if (sink->pid > 0)
		wait_for(s, sink->pid);
	return e;
}

/* ---- A line ---- */

/* Bytes of one word in a message, and of all of it. */
#define WORD_SHOWN    160
#define MESSAGE_SHOWN 480

/*
 * A message as one line that can be read: words that went into it may be of any length, and hold what a terminal obeys. Freed by the
 * caller.
 */
static char *readable(const char *message)
{
	char *text = malloc(4 * strlen(message) + 1), *at = text;
	size_t length = 0;

	if (!text)
		abort();
	for (; *message; message++) {
		unsigned char c = (unsigned char)*message;
		bool continues = (c & 0xc0) == 0x80; /* in the middle of a character of UTF-8 */

		length = c == ' ' ? 0 : length + 1;
		if (at - text > MESSAGE_SHOWN && !continues) {
			at = stpcpy(at, "…");
			break;
		}
		if (length > WORD_SHOWN && !(continues && length == WORD_SHOWN + 1)) {
			at = stpcpy(at, "…");
			message += strcspn(message, " ") - 1;
			length = 0;
		} else if (c < ' ' || c == 0x7f) {
			at += sprintf(at, "\\x%02x", c);
		} else {
			*at++ = (char)c;
		}
	}
	*at = '\0';
	return text;
}

void session_complain(struct session *s, const char *name, const struct error *e)
{
	char *message = readable(e->message), *title = readable(name);
	FILE *file = stderr;

	out_flush(s->out);
	progress_clear();
	if (s->settings.errors == ERRORS_FILE && s->settings.error_file)
		file = fopen(s->settings.error_file, "ae");
	if (s->settings.errors == ERRORS_REDIRECT && s->redirected && !out_json(s->out))
		out_printf(s->out, "%s: %s\n", title, message);
	else if (file == stderr && colour_wanted(s, STDERR_FILENO))
		fprintf(stderr, COLOUR_ERROR "%s:" COLOUR_END " %s\n", title, message);
	else
		fprintf(file ? file : stderr, "%s: %s\n", title, message);
	fflush(stderr);
	if (file && file != stderr)
		fclose(file);
	free(title);
	free(message);
	if (s->settings.core)
		abort();
}

/* The command of a line, in a document of its own unless it runs lines that have theirs. */
static struct error *run_command(struct session *s, struct line *line)
{
	const struct command *c = command_find(line->argv[0]);
	bool document = !c || !(c->flags & CMD_RUNS_LINES);
	const char *quotes = s->quotes;
	struct error *e;

	if (document)
		out_document_begin(s->out, line->argv[0]);
	/* What a pipe's reader writes to the terminal, and when, is not known. */
	if (document && line->sink != SINK_PIPE && s->depth == 1)
		progress_arm(s, line->sink != SINK_OUT || !isatty(STDOUT_FILENO));
	s->quotes = line->quotes;
	if (c && (c->flags & CMD_RAW_LINE)) {
		char *argv[3] = {line->argv[0],
				 line->argc > 1 ? line->command + line->starts[1] : NULL, NULL};

		e = session_run(s, line->argc > 1 ? 2 : 1, argv);
	} else {
		e = session_run(s, line->argc, line->argv);
	}
	s->quotes = quotes;
	progress_end();
	s->out->before_write = NULL;
	if (document)
		out_document_end(s->out, e ? e->message : NULL);
	return e;
}

static struct error *run_parsed(struct session *s, struct line *line)
{
	bool outer = s->redirected, quiet = false;
	struct error *e, *unwritten;
	struct sink sink;

	e = sink_open(s, line, &sink);
	if (e)
		return e;
	s->redirected = outer || line->sink != SINK_OUT;
	if (line->input)
		e = session_run_arguments(s, line->command, line->input);
	else
		e = run_command(s, line);
	/* A reader who has seen enough (q in the pager, head) ends the command; that is no failure.
	 * An act goes on without a reader, so what interrupted it was Ctrl-C. */
	if (s->out->stopped && s->out->error == EPIPE)
		quiet = true;
	if (quiet && e && e->code == ERR_INTERRUPTED) {
		error_free(e);
		e = NULL;
	}
	if (e && s->settings.errors == ERRORS_REDIRECT && s->redirected && !out_json(s->out)) {
		session_complain(s, line->argv[0], e);
		s->failures++;
		error_free(e);
		e = NULL;
	}
	s->redirected = outer;
	unwritten = sink_close(s, &sink);
	if (unwritten) {
		error_free(e);
		e = unwritten;
	}
	return e;
}

/* "< file": its lines, into a sink of their own if the line has one. */
static struct error *run_script(struct session *s, const struct line *line)
{
	struct error *e, *unwritten;
	bool outer = s->redirected;
	struct sink sink;

	if (line->sink == SINK_OUT)
		return session_run_file(s, line->input);
	TRY(sink_open(s, line, &sink));
	s->redirected = true;
	e = session_run_file(s, line->input);
	s->redirected = outer;
	unwritten = sink_close(s, &sink);
	if (!unwritten)
		return e;
	error_free(e);
	return unwritten;
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
	if (!s->interactive && guard_signals())
		s->quit = true;
}

static struct error *run_text(struct session *s, const char *text, char *name, size_t size)
{
	struct error *e;
	struct line line;

	interrupt_flag = 0;
	e = line_parse(text, &line);
	if (!e && line.argc)
		e = expand(s, &line);
	if (line.argc || line.input)
		snprintf(name, size, "%s", line.argc ? line.argv[0] : "<");
	if (!e && !line.argc && !line.input && line.sink != SINK_OUT)
		e = error_new(ERR_USAGE, "no command before: %s", text);
	if (!e && (line.argc || line.input) && s->depth > LINES_DEEP)
		e = error_new(ERR_USAGE, "lines that run lines are nested more than %d deep: %s%s", LINES_DEEP, line.command,
			      line.input ? line.input : "");
	if (!e && line.argc) {
		e = run_parsed(s, &line);
	} else if (!e && line.input) {
		e = run_script(s, &line);
	} else if (e && s->settings.json) {
		/* One document a line, so that whoever feeds lines can count. */
		s->out->mode = OUT_JSON;
		out_document_begin(s->out, name);
		out_document_end(s->out, e->message);
	}
	line_free(&line);
	return e;
}

bool session_run_line(struct session *s, const char *text)
{
	int failures = s->failures;
	char name[256] = "mmscope";
	struct error *e;

	text += strspn(text, " \t\r\n");
	if (*text == '!') {
		out_flush(s->out);
		s->failures += !run_shell(s, text + 1 + strspn(text + 1, " \t"));
		end_script_on_signal(s);
		return s->failures == failures;
	}
	s->depth++;
	e = run_text(s, text, name, sizeof(name));
	s->depth--;
	if (e) {
		s->failures++;
		session_complain(s, name, e);
		error_free(e);
	}
	end_script_on_signal(s);
	return s->failures == failures;
}
