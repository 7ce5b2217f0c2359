/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * repeat: a command again and again.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cmd/guard.h"
#include "cmd/session.h"

/* False when Ctrl-C came meanwhile. */
static bool wait_for(double seconds, unsigned signals)
{
	while (seconds > 0 && guard_signals() == signals) {
		double part = seconds > 0.5 ? 0.5 : seconds;
		struct timespec time = {0, (long)(part * 1e9)};

		nanosleep(&time, NULL); /* a signal ends it early */
		seconds -= part;
	}
	return guard_signals() == signals;
}

static struct error *run_repeat(struct session *s, int argc, char **argv)
{
	unsigned signals = guard_signals();
	const char *line = argc > 1 ? argv[1] : "";
	uint64_t count = UINT64_MAX;
	double seconds = 0;

	/* The rest of the line is not split: its words are those of the command. */
	while (*line == '-') {
		bool times = line[1] == 'n';
		char *end;
		double value = strtod(line + 1 + times, &end);

		if (end == line + 1 + times || (*end && *end != ' ' && *end != '\t') || !(value >= 0 && value <= 1e6))
			return usage_error(argv[0], "not a number of %s: %.*s", times ? "times" : "seconds", (int)strcspn(line, " \t"), line);
		if (times)
			count = (uint64_t)value;
		else
			seconds = value;
		line = end + strspn(end, " \t");
	}
	if (!*line)
		return usage_error(argv[0], NULL);
	for (uint64_t i = 0; i < count && !s->quit && !s->unread && !s->out->failed; i++) {
		if (i && !wait_for(seconds, signals))
			break;
		bool done = session_run_line(s, line);

		out_flush(s->out);
		if (guard_signals() != signals || (!done && count == UINT64_MAX))
			break;
	}
	return NULL;
}

COMMAND(repeat) = {
	.name = "repeat",
	.summary = "a command again and again",
	.synopsis = "[-SECONDS] [-nCOUNT] COMMAND…",
	.help = "Runs the command until Ctrl-C (or q in the pager), or, without a count, until it fails: for a machine on which another act\n"
		"follows, or a command whose time is to be seen.\n"
		"\n"
		"  -SECONDS  waits so long between two runs (a fraction will do)\n"
		"  -nCOUNT   so many times\n"
		"\n"
		"EXAMPLES\n"
		"    mmscope> repeat -0.1 -n3 p jiffies\n",
	.flags = CMD_RUNS_LINES | CMD_RAW_LINE,
	.run = run_repeat,
};
