/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * audit: whether the image's memory management is sound.
 */
#include <inttypes.h>

#include "cmd/context.h"
#include "cmd/session.h"
#include "mm/audit.h"

static void print_lines(struct out *o, const struct audit_result *r, enum audit_line_kind kind, const char *key, const char *lead)
{
	uint64_t shown = 0;
	out_array_begin(o, key);
	for (size_t i = 0; i < r->line_count; i++) {
		const struct audit_line *l = r->lines[i];
		if (l->kind != kind)
			continue;
		out_object_begin(o, NULL);
		out_text(o, lead);
		out_str(o, "text", "%s\n", l->text);
		if (l->addr)
			out_hex(o, "address", NULL, l->addr);
		out_object_end(o);
		shown++;
	}
	out_array_end(o);
	if (shown < r->counts[kind])
		out_printf(o, "%s… and %" PRIu64 " more\n", lead, r->counts[kind] - shown);
}

static void print_rules(struct out *o, const struct audit_report *report)
{
	static const struct column columns[] = {
		{"rule", "RULE", 12, '<', 0},
		{"checked", "CHECKED", 10, '>', 2},
		{"unit", "", 11, '<', 1},
		{"findings", "FINDINGS", 8, '>', 2},
	};
	out_table(o, "rules", columns, 4, true);
	for (int i = 0; i < AUDIT_RULE_COUNT; i++) {
		const struct audit_result *r = &report->rule[i];
		out_cell_str(o, audit_rule_name((enum audit_rule)i));
		out_cell_dec(o, r->checked);
		out_cell_str(o, audit_rule_unit((enum audit_rule)i));
		out_cell_dec(o, r->counts[AUDIT_FINDING]);
		out_row_break(o);
		out_str(o, "compares", NULL, audit_rule_what((enum audit_rule)i));
		if (r->skipped)
			out_str(o, "not_applied", "  not applied: %s\n", r->skipped);
		out_dec(o, "busy_count", NULL, r->counts[AUDIT_BUSY]);
		out_dec(o, "note_count", NULL, r->counts[AUDIT_NOTE]);
		print_lines(o, r, AUDIT_FINDING, "found", "  ");
		print_lines(o, r, AUDIT_BUSY, "busy", "  a lock is held: ");
		print_lines(o, r, AUDIT_NOTE, "notes", "  note: ");
		out_row_end(o);
	}
	out_table_end(o);
}

static void print_census(struct out *o, const struct audit_report *report)
{
	static const struct column columns[] = {
		{"use", "FRAMES USED AS", 28, '<', 0},
		{"frames", "FRAMES", 10, '>', 2},
		{"share", "SHARE", 7, '>', 2},
	};
	out_text(o, "\n");
	out_table(o, "census", columns, 3, true);
	for (int i = 1; i <= AUDIT_USE_COUNT; i++) {
		enum audit_use use = i < AUDIT_USE_COUNT ? (enum audit_use)i : AUDIT_USE_NONE;
		if (!report->census[use] && use != AUDIT_USE_NONE)
			continue;
		out_cell_str(o, audit_use_name(use));
		out_cell_dec(o, report->census[use]);
		out_cell_printf(o, "%.2f%%", 100.0 * (double)report->census[use] / (double)report->frames);
		out_row_end(o);
	}
	out_table_end(o);
}

static struct error *run_audit(struct session *s, int argc, char **argv)
{
	struct audit_options options = {.limit = 10};
	struct audit_report report;
	(void)argv;
	if (argc > 1)
		return usage_error("audit", NULL);
	struct error *e = audit_run(s->kernel, &options, &report);
	if (!e) {
		print_rules(s->out, &report);
		print_census(s->out, &report);
		if (audit_findings(&report))
			e = error_new(ERR_BAD_OBJECT, "the image is not sound: findings: %" PRIu64, audit_findings(&report));
	}
	audit_report_free(&report);
	return e;
}

COMMAND(audit) = {
	.name = "audit",
	.summary = "whether the memory management's counts and links are sound",
	.synopsis = "",
	.flags = CMD_NEEDS_KERNEL,
	.help = "DESCRIPTION\n"
		"EXAMPLES\n"
		"    mmscope> audit\n",
	.run = run_audit,
};
