/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cmd/session.h"

static struct error *run_exit(struct session *s, int argc, char **argv)
{
	if (argc > 1)
		return usage_error(argv[0], NULL);
	s->quit = true;
	return NULL;
}

#define EXIT_HELP                                                                                \
	"Ends the session. The image is not changed. Ctrl-D at an empty prompt does the same.\n" \
	"\n"                                                                                     \
	"EXAMPLES\n"                                                                             \
	"  End the session:\n"                                                                   \
	"\n"

COMMAND(exit) = {
	.name = "exit",
	.summary = "end the session",
	.synopsis = "",
	.help = EXIT_HELP "    mmscope> exit\n",
	.run = run_exit,
};

COMMAND(quit) = {
	.name = "quit",
	.summary = "end the session",
	.synopsis = "",
	.help = EXIT_HELP "    mmscope> quit\n",
	.run = run_exit,
};

COMMAND(q) = {
	.name = "q",
	.summary = "end the session",
	.synopsis = "",
	.help = EXIT_HELP "    mmscope> q\n",
	.run = run_exit,
};
