/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The prompt.
 */
#include "cmd/readline.h"

#include <errno.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <readline/history.h>
#include <readline/readline.h>

#include "cmd/history.h"
#include "core/interrupt.h"

#define PROMPT	      "mmscope> "
#define HISTORY_LINES 5000

/* $XDG_STATE_HOME/mmscope/history when that variable is set, else ~/.mmscope_history; NULL without
 * a home. */
static char *history_path(void)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	char *path = NULL;

	if (state && *state == '/') {
		if (asprintf(&path, "%s/mmscope", state) < 0)
			return NULL;
		mkdir(state, 0700);
		mkdir(path, 0700);
		free(path);
		return asprintf(&path, "%s/mmscope/history", state) < 0 ? NULL : path;
	}
	if (!home || !*home)
		return NULL;
	return asprintf(&path, "%s/.mmscope_history", home) < 0 ? NULL : path;
}

static sigjmp_buf prompt_jump;

/*
 * Ctrl-C at the prompt: the line is dropped, be it in a search or in a list of completions.
 * readline calls this outside of its signal handler, after it has tidied up for the signal; leaving
 * its functions from here is what bash does too.
 */
static int on_signal(void)
{
	if (!interrupt_flag)
		return 0;
	interrupt_flag = 0;
	rl_crlf();
	rl_free_line_state();
	rl_cleanup_after_signal();
	RL_UNSETSTATE(RL_STATE_ISEARCH | RL_STATE_NSEARCH | RL_STATE_SEARCH | RL_STATE_COMPLETING |
		      RL_STATE_MOREINPUT | RL_STATE_NUMERICARG | RL_STATE_METANEXT |
		      RL_STATE_VIMOTION | RL_STATE_DISPATCHING);
	siglongjmp(prompt_jump, 1);
}

/* On its own, so that the jump back costs no caller its variables. NULL at the end of the input. */
static __attribute__((noinline)) char *prompt_line(void)
{
	interrupt_flag = 0;
	sigsetjmp(prompt_jump, 1);
	return readline(PROMPT);
}

void interact(struct session *s)
{
	char *const path = history_path();
	char *line;
	int loaded = 0, added;

	rl_readline_name = "mmscope";
	/* The second, called ten times a second: a signal that came outside of read() (within a
	 * completion). */
	rl_signal_event_hook = on_signal;
	rl_event_hook = on_signal;
	completion_install(s);
	using_history();
	stifle_history(HISTORY_LINES);
	if (path && read_history(path) == 0)
		loaded = history_length;
	while (!s->quit) {
		rl_variable_bind("editing-mode", s->settings.vi ? "vi" : "emacs");
		line = prompt_line();
		if (!line) {
			putchar('\n');
			break;
		}
		history_run(s, line);
		free(line);
	}
	/* Other sessions may have added theirs meanwhile: append, then cut the file to its length.
	 */
	added = history_base + history_length - 1 - loaded;
	if (path && added > 0) {
		if (added > history_length)
			added = history_length;
		if (access(path, F_OK) && errno == ENOENT)
			write_history(path);
		else if (append_history(added, path) == 0)
			history_truncate_file(path, HISTORY_LINES);
		chmod(path, 0600);
	}
	free(path);
	clear_history();
}
