/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * oom: the OOM killer's points of each process, and whom it would choose.
 */
#include <inttypes.h>
#include <string.h>

#include "cmd/act.h"
#include "core/interrupt.h"
#include "mm/oom.h"

static const struct column columns[] = {
	{"victim", NULL, 1, '<', 0},  {"pid", "PID", 7, '>', 0},    {"points", "POINTS", 9, '>', 1}, {"score", "SCORE", 5, '>', 1},
	{"adj", "ADJ", 5, '>', 1},    {"rss", "RSS", 9, '>', 1},    {"swap", "SWAP", 8, '>', 1},     {"page_tables", "PGTABLES", 8, '>', 1},
	{"exempt", "EXEMPT", 13, '<', 1}, {"comm", "COMM", 4, '<', 1},
};

static void print_row(struct session *s, const struct task *t, const struct oom_points *p, bool is_victim)
{
	struct out *o = s->out;

	/* 1 or nothing in JSON. */
	if (is_victim)
		out_cell_dec_as(o, 1, ">");
	else
		out_cell_none(o, "");
	out_cell_dec(o, t->tgid);
	if (p->exempt) {
		out_cell_none(o, "-");
		out_cell_none(o, "-");
	} else {
		out_cell_sdec(o, p->points);
		out_cell_dec(o, p->score);
	}
	out_cell_sdec(o, p->adj);
	out_cell_sdec(o, p->rss);
	out_cell_sdec(o, p->swap);
	out_cell_sdec(o, p->page_tables);
	if (p->exempt)
		out_cell_str(o, p->exempt);
	else
		out_cell_none(o, "");
	out_cell_str(o, t->comm);
	out_row_end(o);
}

static struct error *kill_victim(struct engine *e, void *context)
{
	return oom_kill(e, context);
}

static struct error *run_oom(struct session *s, int argc, char **argv)
{
	struct kernel *k = s->kernel;
	const struct task *victim, *t;
	struct oom_points p;
	const char *why;

	if (argc == 2 && !strcmp(argv[1], "-k")) {
		uint32_t pid = 0;

		TRY(act_do(s, kill_victim, &pid));
		out_dec(s->out, "killed", "killed: %" PRIu64 "\n", pid);
		return NULL;
	}
	if (argc > 1)
		return usage_error(argv[0], NULL);
	TRY(oom_select(k, &victim, &why));
	out_table(s->out, "processes", columns, sizeof(columns) / sizeof(columns[0]), true);
	for (size_t i = 0; (t = tasks_get(k, i)); i++) {
		if (t->is_kernel || t->is_idle || (!t->is_leader && t->pid != t->tgid))
			continue;
		TRY(check_interrupt());
		TRY(oom_badness(k, t, &p));
		print_row(s, t, &p, victim && victim->tgid == t->tgid);
	}
	out_table_end(s->out);
	out_dec(s->out, "total_pages", "\ntotalpages: %" PRIu64 "\n", oom_total_pages(k));
	if (victim)
		out_printf(s->out, "victim: %u (%s)%s%s\n", victim->tgid, victim->comm, why ? ", which " : "", why ? why : "");
	else
		out_printf(s->out, "victim: %s\n", why);
	if (victim)
		out_dec(s->out, "victim", NULL, victim->tgid);
	else
		out_str(s->out, "victim", NULL, NULL);
	return NULL;
}

COMMAND(oom) = {
	.name = "oom",
	.summary = "whom the OOM killer would choose",
	.synopsis = "[-k]",
	.options = "-k",
	.flags = CMD_NEEDS_KERNEL,
	.help = "DESCRIPTION\n"
		"  The badness of each process as this kernel counts it: the pages that it has, that are swapped out\n"
		"  and that its page tables take, and oom_score_adj thousandths of all pages. SCORE is what\n"
		"  /proc/PID/oom_score says. The process marked \">\" would be killed if the machine as a whole were\n"
		"  out of memory now; those that never are say why (EXEMPT). 2.4 weighs total_vm by the time that a\n"
		"  process has run, and spares the superuser's. Control groups and cpusets are not looked at.\n"
		"\n"
		"  -k  kills it: it exits, with whoever shares its memory\n"
		"\n"
		"EXAMPLES\n"
		"    mmscope> oom\n",
	.run = run_oom,
};
