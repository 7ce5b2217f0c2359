/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * policy: rules of the kernel's that its types and symbols do not tell for sure.
 */
#include <stdio.h>
#include <string.h>

#include "cmd/session.h"
#include "mm/engine/policy.h"

static void show(struct out *o, const struct engine *engine)
{
	static const struct column columns[] = {
		{ "policy", "POLICY", 8, '<', 0 },
		{ "value", "VALUE", 10, '<', 2 },
		{ "inferred", "INFERRED", 10, '<', 2 },
		{ "values", "VALUES", 26, '<', 2 },
		{ "decides", "DECIDES", 0, '<', 2 },
	};
	struct policy p;

	if (!policy_get(engine, 0, &p))
		out_text(o, "this kernel has none\n");
	out_table(o, "policies", columns, 5, policy_get(engine, 0, &p));
	for (unsigned i = 0; policy_get(engine, i, &p); i++) {
		char values[128] = "";

		for (unsigned v = 0; v < p.value_count; v++)
			snprintf(values + strlen(values), sizeof(values) - strlen(values), "%s%s", v ? " " : "", p.values[v]);
		out_cell_str(o, p.name);
		out_cell_str(o, p.values[p.value]);
		out_cell_str(o, p.values[p.inferred]);
		out_cell_str(o, values);
		out_cell_str(o, p.decides);
		out_row_end(o);
	}
	out_table_end(o);
}

static struct error *run_policy(struct session *s, int argc, char **argv)
{
	struct engine *engine;

	if (argc == 2 || argc > 3)
		return usage_error("policy", "no words, or a policy and a value");
	TRY(engine_open(s->kernel, &engine));
	if (argc == 3)
		TRY(policy_set(engine, argv[1], argv[2]));
	show(s->out, engine);
	return NULL;
}

COMMAND(policy) = {
	.name = "policy",
	.summary = "rules of this kernel that its types do not tell for sure",
	.synopsis = "[POLICY VALUE]",
	.flags = CMD_NEEDS_KERNEL,
	.help = "DESCRIPTION\n"
		"  How a kernel acts is read off what it has. What leaves no trace of its own in types and symbols is a policy:\n"
		"  inferred from what came with it, shown here, and set by POLICY VALUE for fault, touch and all other acts.\n"
		"\n"
		"  reuse  when a write to a write-protected anonymous page makes it writable instead of copying it:\n"
		"         mapcount   nobody else maps it (until 5.8)\n"
		"         count      it has one reference (5.9 to 5.18)\n"
		"         exclusive  it is marked as this process's alone, or has one reference (since 5.19)\n"
		"\n"
		"EXAMPLES\n"
		"    mmscope> policy\n"
		"    mmscope> policy reuse count\n",
	.run = run_policy,
};
