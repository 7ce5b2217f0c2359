/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * audit: whether the image's memory management is sound.
 */
#include <inttypes.h>

#include "cmd/context.h"
#include "cmd/session.h"
#include "mm/audit/audit.h"
#include "mm/page.h"
#include "mm/zone.h"

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

/* Has the rule anything to say of what was asked for? */
static bool is_shown(const struct audit_result *r, const struct audit_options *options)
{
	return (!options->mm && !options->zone && !options->has_pfn) || r->counts[AUDIT_FINDING] || r->counts[AUDIT_BUSY] || r->counts[AUDIT_NOTE];
}

static void print_rules(struct out *o, const struct audit_report *report, const struct audit_options *options)
{
	static const struct column columns[] = {
		{"rule", "RULE", 12, '<', 0},
		{"checked", "CHECKED", 10, '>', 2},
		{"unit", "", 11, '<', 1},
		{"findings", "FINDINGS", 8, '>', 2},
	};
	bool any = false;
	for (int i = 0; i < AUDIT_RULE_COUNT; i++)
		any |= is_shown(&report->rule[i], options);
	out_table(o, "rules", columns, 4, any);
	for (int i = 0; i < AUDIT_RULE_COUNT; i++) {
		const struct audit_result *r = &report->rule[i];
		if (!is_shown(r, options))
			continue;
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
	if (!any)
		out_text(o, "nothing found\n");
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

static void print_frame(struct out *o, const struct audit_frame_report *f)
{
	out_object_begin(o, "frame");
	out_hex(o, "pfn", "FRAME %" PRIx64, f->pfn);
	out_hex(o, "page", " (%" PRIx64 "): ", f->page);
	out_str(o, "use", "%s\n", audit_use_name(f->use));
	out_dec(o, "entries", "  page-table entries that map it: %" PRIu64, f->entries);
	if (f->mapcount >= 0)
		out_sdec(o, "mapcount", ", its own count: %" PRId64, f->mapcount);
	if (f->pages > 1)
		out_dec(o, "pages", "\n  of a compound page of %" PRIu64 " pages", f->pages);
	out_sdec(o, "refcount", "\n  references: %" PRId64, f->refcount);
	out_dec(o, "all_entries", "; found: entries %" PRIu64, f->all_entries);
	out_dec(o, "holders", ", others %" PRIu64 "\n", f->holders);
	out_object_end(o);
}

/* A zone's name, the address of a struct page, or what names one task: in that order. */
static struct error *parse_subject(struct session *s, const char *word, struct audit_options *options)
{
	struct kernel *k = s->kernel;
	const struct task *t;
	uint64_t addr, page;
	TRY(nodes_open(k));
	for (size_t i = 0; i < zones_count(k); i++) {
		if (strcmp(zones_get(k, i)->name, word))
			continue;
		options->zone = zones_get(k, i)->name;
		return NULL;
	}
	if (!error_drop(parse_number(word, true, &addr)) && page_holding(k, addr, &page)) {
		options->has_pfn = page_to_pfn(k, page, &options->pfn);
		return NULL;
	}
	TRY(context_select_one(s, word, &t));
	if (!t->mm)
		return error_new(ERR_NOT_FOUND, "no user memory: pid %u", t->pid);
	options->mm = t->mm;
	return NULL;
}

static struct error *run_audit(struct session *s, int argc, char **argv)
{
	struct option_parser p = {.argc = argc, .argv = argv, .spec = "n:"};
	struct audit_options options = {.limit = 10};
	struct audit_report report;
	uint64_t limit;
	int c;
	while ((c = next_option(&p))) {
		if (c != 'n')
			return option_error(&p);
		TRY(parse_count(p.argument, &limit));
		options.limit = limit > UINT32_MAX ? UINT32_MAX : (unsigned)limit;
	}
	if (argc - p.index > 1)
		return usage_error("audit", "too many arguments: %s", argv[p.index + 1]);
	if (p.index < argc)
		TRY(parse_subject(s, argv[p.index], &options));
	struct error *e = audit_run(s->kernel, &options, &report);
	if (!e) {
		uint64_t found = audit_findings(&report);
		print_rules(s->out, &report, &options);
		if (report.frame.known)
			print_frame(s->out, &report.frame);
		else if (!options.mm && !options.zone && !options.has_pfn)
			print_census(s->out, &report);
		out_bool(s->out, "sound", NULL, !found);
		if (found)
			e = error_new(ERR_BAD_OBJECT, "not sound: findings: %" PRIu64, found);
	}
	audit_report_free(&report);
	return e;
}

COMMAND(audit) = {
	.name = "audit",
	.summary = "whether the memory management's counts and links are sound",
	.synopsis = "[-n COUNT] [pid | task | zone | page]",
	.options = "-n",
	.flags = CMD_NEEDS_KERNEL | CMD_TASK_ARGS,
	.help = "DESCRIPTION\n"
		"  Holds what the kernel keeps twice against each other, and lists where the two differ: free lists\n"
		"  and zones' counters, page-table entries and what processes and pages count of them, references\n"
		"  and their holders, areas and their totals, trees and the pages in them, LRU lists, slabs. Then a\n"
		"  census of all frames by their use. Nothing is changed.\n"
		"\n"
		"  Each rule says how many objects it checked and what it found, a line for each finding. A note is\n"
		"  no finding: an excess of references that nobody was found to hold, say, may be a driver's. What\n"
		"  was being changed when the image was taken is listed as such where the lock that covers it is\n"
		"  held. The command fails when there are findings.\n"
		"\n"
		"  -n COUNT    at most so many lines of each kind for a rule (10)\n"
		"  pid, task   only what is wrong with the memory of one process\n"
		"  zone        only what is wrong with zones of that name (DMA32)\n"
		"  page        the address of a struct page: only what is wrong with it, and what was found of it\n"
		"\n"
		"EXAMPLES\n"
		"  All of it:\n"
		"    mmscope> audit\n"
		"\n"
		"  One process, one zone:\n"
		"    mmscope> audit 1\n"
		"    mmscope> audit DMA32\n",
	.run = run_audit,
};
