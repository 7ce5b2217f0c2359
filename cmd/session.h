/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One sitting: the image, the kernel in it, the current context, the settings, the sink.
 */
#ifndef CMD_SESSION_H
#define CMD_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "cmd/command.h"

struct settings {
	bool json;
	unsigned radix; /* 10 or 16: of struct, p … */
	bool scroll;	/* the pager, on a terminal */
	bool vi;	/* readline's mode; emacs otherwise */
	bool silent;	/* no banner, no chatter */
	bool hex;
	unsigned print_max; /* elements of an array that struct and p show at most */
	bool print_array;   /* one line per element */
	bool null_stop;	    /* character arrays end at their first NUL */
	bool hide_offline;  /* what belongs to CPUs that are offline is left out */
	bool redzone;	    /* slab objects begin with the red zone before them */
	bool refresh;	    /* of crash's, for live systems */
	bool core;	    /* the next error ends in a core dump */
	uint64_t bug_bytes; /* dis: bytes that follow a ud2 and are no code */
	enum { COLOUR_AUTO, COLOUR_ON, COLOUR_OFF } colour;
	enum { PAGER_DEFAULT, PAGER_LESS, PAGER_MORE, PAGER_CRASH } pager;
	enum { ERRORS_DEFAULT, ERRORS_REDIRECT, ERRORS_FILE } errors;
	char *error_file; /* ERRORS_FILE: its name */
};

struct session {
	struct vmcore *vmcore;
	struct kernel *kernel; /* NULL when the image has no kernel that could be found */
	struct out *out;
	struct settings settings;

	/* The context: a task (address of its task_struct; 0 before there is one), and the task of
	 * a per-task command. */
	uint64_t task;
	/* Set while foreach runs a command: the number of tasks it was run for already. ps prints
	 * its heading for the first only. */
	bool in_foreach;
	unsigned long foreach_index;
	/*
	 * How each word of the running command was quoted: '\'' or '"', 0 for a bare one; indexed
	 * like its argv. foreach takes a name in single quotes as a regular expression.
	 */
	const char *quotes;
	/* Acts (cmd/act.h): what undo and diff go back to, and whether acts say what they do. */
	struct {
		unsigned snapshots; /* marks set by the user */
		bool last_act;	    /* the newest mark is of the last act */
		bool trace;
	} acts;
	bool interactive; /* a person at a prompt: banner, prompt, pager */
	bool starting;	  /* the startup files are read */
	unsigned depth;	  /* of lines that run lines: scripts, repeat */
	bool redirected;  /* the running line's output goes to a pipe or a file of its own */
	bool unread;	  /* nobody reads that any more */
	bool quit;
	int failures; /* commands that failed */
};

/* Runs one line: a command with its words, "| shell", "> file". True when it succeeded. Errors are
 * printed. */
bool session_run_line(struct session *s, const char *line);
/* Says on the console, or where "set error" wants it, as "NAME: message", what went wrong. */
void session_complain(struct session *s, const char *name, const struct error *e);
/*
 * Runs one command already split, with output to s->out as it stands, inside whatever document is
 * open. For commands that run others (foreach): on failure they out_close() to the depth that they
 * had.
 */
struct error *session_run(struct session *s, int argc, char **argv) MUST_CHECK;
/* Runs a file's lines; ends early when the session does. ERR_IO when it cannot be read. A failed
 * command is in s->failures. */
struct error *session_run_file(struct session *s, const char *path) MUST_CHECK;
/* Runs the command line's beginning with each line of the file behind it. */
struct error *session_run_arguments(struct session *s, const char *command, const char *path) MUST_CHECK;
/* ~/.mmscoperc, then .mmscoperc here; what they print is dropped, errors are printed. */
void session_run_startup(struct session *s);
const struct command *command_find(const char *name);
/* By index, in name order; NULL past the last. */
const struct command *command_at(size_t index);
/* A command of an extension, which must not have the name of another; and away with it. */
void command_add(const struct command *c);
void command_remove(const struct command *c);
/* Another name for a command line's beginning ("dmesg": "log", "sf": "set scroll off"), or NULL. */
const char *command_alias(const char *name);
/* By index; false past the last. */
bool command_alias_at(size_t index, const char **name, const char **line);
/* The user's own: sets one, or with an empty line takes it away; false when there is none, or no room. By index; false past the last. */
bool command_alias_set(const char *name, const char *line);
bool command_alias_own(size_t index, const char **name, const char **line);
/* The command whose name is nearest to a mistyped one, or NULL when none is near. */
const char *command_nearest(const char *name);

#endif
