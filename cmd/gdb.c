/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * gdb: those of gdb's commands that crash's users know, as the commands here that do the same.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/session.h"

/* "x/16xg ADDR": count, format, size. */
static struct error *examine(const char *format, const char *address, char **line)
{
	char *end;
	unsigned long count = strtoul(format, &end, 10);
	char form = 'x', size = 'g';

	for (; *end; end++) {
		if (strchr("bhwg", *end))
			size = *end;
		else if (strchr("xduasi", *end))
			form = *end;
		else
			return error_new(ERR_USAGE, "no such format: %c", *end);
	}
	if (!count)
		count = 1;
	address += *address == '&';
	if (!*address)
		return error_new(ERR_USAGE, "an address is needed");
	int bits = size == 'b' ? 8 : size == 'h' ? 16 : size == 'w' ? 32 : 64, n;
	if (form == 'i')
		n = asprintf(line, "dis %s %lu", address, count);
	else if (form == 's')
		n = asprintf(line, "p (char *)(%s)", address);
	else
		n = asprintf(line, "rd %s-%d %s %lu", form == 'a' ? "-s " : form == 'd' ? "-D " : form == 'u' ? "-d " : "", bits, address, count);
	return n < 0 ? error_new(ERR_NO_MEMORY, "out of memory") : NULL;
}

static struct error *translate(const char *text, char **line)
{
	static const struct {
		const char *gdb, *here;
	} words[] = {{"print", "p"}, {"p", "p"}, {"output", "p"}, {"inspect", "p"}, {"ptype", "whatis"}, {"whatis", "whatis"}, {"bt", "bt"},
		     {"backtrace", "bt"}, {"disassemble", "dis"}, {"info symbol", "sym"}, {"info address", "sym"}, {"info registers", "regs"}};
	static const char *const source[] = {"list", "l", "info line", "info source", "info scope", "info locals", "info args"};
	size_t len = 0;

	for (size_t i = 0; i < sizeof(source) / sizeof(source[0]); i++)
		if (!strncmp(text, source[i], len = strlen(source[i])) && (!text[len] || text[len] == ' '))
			return error_new(ERR_UNSUPPORTED, "the lines of source code are not in an image: %s", source[i]);
	if (text[0] == 'x' && (text[1] == '/' || text[1] == ' ')) {
		char format[32] = "";
		const char *rest = text + 1;

		if (*rest == '/')
			snprintf(format, sizeof(format), "%.*s", (int)strcspn(rest + 1, " "), rest + 1);
		rest += strcspn(rest, " ");
		return examine(format, rest + strspn(rest, " "), line);
	}
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		len = strlen(words[i].gdb);
		if (strncmp(text, words[i].gdb, len) || !(text[len] == ' ' || text[len] == '/' || !text[len]))
			continue;
		if (text[len] == '/') /* p/x, p/d: of the others the format makes no difference */
			len += strcspn(text + len, " ");
		bool hex = !strcmp(words[i].here, "p") && strstr(text, "/x") && strstr(text, "/x") < text + len;
		return asprintf(line, "%s %s%s", words[i].here, hex ? "-x " : "", text + len) < 0 ? error_new(ERR_NO_MEMORY, "out of memory") : NULL;
	}
	return error_new(ERR_UNSUPPORTED, "there is no gdb within, and this has no counterpart: %.*s", (int)strcspn(text, " "), text);
}

static struct error *run_gdb(struct session *s, int argc, char **argv)
{
	char *line = NULL;

	if (argc < 2)
		return usage_error(argv[0], NULL);
	TRY(translate(argv[1], &line));
	session_run_line(s, line);
	free(line);
	return NULL;
}

COMMAND(gdb) = {
	.name = "gdb",
	.summary = "gdb's commands, as far as there are the same here",
	.synopsis = "COMMAND…",
	.help = "There is no gdb within. Those of its commands that need no lines of source code are done by the ones here: print (p), output,\n"
		"inspect, ptype, whatis, x/FORMAT, bt, disassemble, info symbol, info address, info registers.\n"
		"\n"
		"EXAMPLES\n"
		"    mmscope> gdb ptype struct list_head\n"
		"    mmscope> gdb print/x jiffies\n"
		"    mmscope> gdb x/2xg &init_task\n",
	.words = "print ptype whatis output bt disassemble info",
	.flags = CMD_NEEDS_KERNEL | CMD_RAW_LINE | CMD_RUNS_LINES | CMD_SYMBOL_ARGS,
	.run = run_gdb,
};
