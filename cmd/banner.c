/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cmd/banner.h"

#include <stdio.h>

void print_version(void)
{
	puts("mmscope " MMSCOPE_VERSION);
	puts("Free software: GNU General Public License, version 3 or later. No warranty.");
}

void print_usage(void)
{
	fputs("usage: mmscope [OPTION …] [FILE …]\n"
	      "\n"
	      "Opens a dump of a Linux kernel's memory and walks it; without files, a simulated machine. The dump alone is enough for "
	      "most kernels; a vmlinux, a\n"
	      "System.map or a BTF file may stand beside it, in any order: each file is recognised "
	      "by its content.\n"
	      "\n"
	      "  -c COMMAND         run the command and exit (repeatable)\n"
	      "  -i SCRIPT          run the file's commands and exit (\"-\": standard input)\n"
	      "  -s                 no banner\n"
	      "      --json         each command's facts as one JSON object on a line\n"
	      "      --raw          take a file that is no known dump as raw RAM\n"
	      "      --phys-offset ADDR\n"
	      "                     with --raw: physical address of the file's first byte, in "
	      "hexadecimal\n"
	      "      --sim FLAVOUR[,mem=SIZE][,highmem=on][,nodes=N][,cpus=N]\n"
	      "                     a simulated machine in place of files: linux-2.4-i386 (so too "
	      "without any), linux-3.19-x86_64, linux-5.10-x86_64;\n"
	      "                     also scenario=off: nothing is run on it\n"
	      "      --no-rc        do not read ~/.mmscoperc and .mmscoperc\n"
	      "      --no-kernel    do not look for a kernel: only physical memory can be read\n"
	      "      --help, --version\n"
	      "\n"
	      "Without -c and -i, commands are read from standard input: at a prompt if it is a "
	      "terminal. Exit status: 0 when every\n"
	      "command succeeded, 1 when one failed, 2 when the image could not be opened.\n",
	      stdout);
}

void print_banner(struct session *s)
{
	if (s->settings.silent)
		return;
	printf("mmscope %s: \"help\" lists the commands, Ctrl-D ends.\n", MMSCOPE_VERSION);
	if (s->kernel && !*vmcore_path(s->vmcore))
		puts("A simulated machine, to act on: \"help machine\" says how, docs/tour.md shows it.");
	putchar('\n');
	fflush(stdout);
	if (s->kernel && command_find("sys")) {
		bool scroll = s->settings.scroll;

		s->settings.scroll = false;
		session_run_line(s, "sys");
		s->settings.scroll = scroll;
		out_text(s->out, "\n");
		out_flush(s->out);
	}
}
