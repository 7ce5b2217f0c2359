/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rustfilt: the names of Rust symbols.
 */
#include <stdlib.h>

#include "cmd/session.h"
#include "core/demangle.h"

static struct error *run_rustfilt(struct session *s, int argc, char **argv)
{
	char *name;

	if (argc != 2)
		return usage_error(argv[0], NULL);
	name = demangle_rust(argv[1]);
	if (!name)
		return error_new(ERR_USAGE, "no mangled Rust symbol: %s", argv[1]);
	out_str(s->out, "symbol", NULL, argv[1]);
	out_str(s->out, "name", "%s\n", name);
	free(name);
	return NULL;
}

COMMAND(rustfilt) = {
	.name = "rustfilt",
	.summary = "a mangled Rust symbol as its author wrote it",
	.synopsis = "SYMBOL",
	.help = "Undoes the mangling of a Rust symbol, of the scheme of 2019 (_R…) or the one before (_ZN…).\n"
		"\n"
		"EXAMPLES\n"
		"    mmscope> rustfilt _RNvNtCshc5sK6KjdJJ_6kernel5print11call_printk\n",
	.flags = CMD_SYMBOL_ARGS,
	.run = run_rustfilt,
};
