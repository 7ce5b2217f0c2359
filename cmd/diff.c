/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * diff: what acts have changed.
 */
#include <inttypes.h>

#include "cmd/session.h"
#include "mm/changes.h"

static void print_value(struct out *o, const char *key, uint64_t value, bool hex)
{
	if (out_json(o)) {
		if (hex)
			out_hex(o, key, NULL, value);
		else
			out_sdec(o, key, NULL, (int64_t)value);
		return;
	}
	if (hex)
		out_printf(o, "%s%" PRIx64, value > 9 ? "0x" : "", value);
	else
		out_printf(o, "%" PRId64, value);
}

/* Addresses, masks, flags rather than counts, which may be below zero. */
static bool is_large(uint64_t value)
{
	return value > 0xfffffff && value < -0xfffffffull;
}

static void print_change(void *context, const struct change *c)
{
	static const char *const kinds[] = {"value", "appeared", "vanished", "bytes"};
	struct session *s = context;
	struct out *o = s->out;
	bool hex = c->is_hex || is_large(c->before) || is_large(c->now) || s->settings.radix == 16;

	out_object_begin(o, NULL);
	out_str(o, "object", "%s", c->object);
	out_hex(o, "address", " %" PRIx64, c->addr);
	if (c->owner)
		out_str(o, "owner", " (%s)", c->owner);
	out_str(o, "kind", NULL, kinds[c->kind]);
	out_text(o, ": ");
	if (c->member && *c->member)
		out_str(o, "member", "%s ", c->member);
	if (c->kind == CHANGE_VALUE) {
		print_value(o, "before", c->before, hex);
		out_text(o, " → ");
		print_value(o, "now", c->now, hex);
	} else if (c->kind == CHANGE_BYTES) {
		out_dec(o, "bytes", c->bytes == 1 ? "%" PRIu64 " byte" : "%" PRIu64 " bytes", c->bytes);
	} else {
		out_text(o, c->kind == CHANGE_APPEARED ? "new" : "freed");
	}
	out_text(o, "\n");
	out_object_end(o);
}

static struct error *run_diff(struct session *s, int argc, char **argv)
{
	struct option_parser p = {.argc = argc, .argv = argv, .spec = "v"};
	struct changes_options options = {0};
	unsigned depth = vmcore_mark_depth(s->vmcore);
	struct error *e;
	int c;

	while ((c = next_option(&p))) {
		if (c != 'v')
			return option_error(&p);
		options.links = options.free = true;
	}
	if (p.index < argc)
		return usage_error("diff", "no such argument: %s", argv[p.index]);
	/* Since the newest snapshot, be there acts on it or not; without one, the last act. */
	if (s->acts.snapshots && s->acts.last_act)
		depth--;
	if (!depth || (!s->acts.snapshots && !s->acts.last_act))
		return error_new(ERR_OTHER, "nothing to compare with: no act, and no snapshot");
	out_array_begin(s->out, "changes");
	e = changes_since(s->kernel, depth, &options, print_change, s);
	out_array_end(s->out);
	return e;
}

COMMAND(diff) = {
	.name = "diff",
	.summary = "what acts have changed, by object",
	.synopsis = "[-v]",
	.options = "-v",
	.flags = CMD_NEEDS_KERNEL | CMD_ACTS,
	.help = "DESCRIPTION\n"
		"  Shows what has changed since the newest snapshot, or without one by the last act: members of\n"
		"  struct page, page-table entries with the address that they map and the process, areas and other\n"
		"  slab objects, tasks, zones, variables of the kernel, and in all else how many bytes of a frame.\n"
		"\n"
		"  -v  nodes of lists and trees, and what is in free memory, too\n"
		"\n"
		"EXAMPLES\n"
		"    mmscope> touch -c 273 -w bffff000\n"
		"    mmscope> diff\n",
	.run = run_diff,
};
