/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * runq: what waits for each CPU.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/context.h"
#include "cmd/variables.h"
#include "mm/sched.h"

struct view {
	struct session *s;
	bool groups;
	unsigned shown;
	const char *title; /* printed before the first, of a class that is mostly empty */
	unsigned indent;
};

static void put_task(struct session *s, const struct task *t, const char *after)
{
	out_dec(s->out, "pid", "PID: %-6" PRIu64 "  ", t->pid);
	out_hex(s->out, "task", "TASK: %" PRIx64 "  ", t->addr);
	out_str(s->out, "comm", "COMMAND: \"%s\"", t->comm);
	out_printf(s->out, "%s\n", after);
}

static void put_group(struct view *v, const struct queued *q)
{
	struct session *s = v->s;
	char name[128];

	task_group_name(s->kernel, q->group, name, sizeof(name));
	out_hex(s->out, "task_group", "TASK_GROUP: %" PRIx64 "  ", q->group);
	out_hex(s->out, "queue", q->class == RUN_FAIR ? "CFS_RQ: %" PRIx64 : "RT_RQ: %" PRIx64, q->queue);
	out_bool(s->out, "throttled", NULL, q->throttled);
	out_str(s->out, "name", *name ? "  <%s>" : "", name);
	out_printf(s->out, "%s\n", q->throttled ? " (THROTTLED)" : "");
}

static bool print_queued(void *context, const struct queued *q)
{
	struct view *v = context;
	struct out *o = v->s->out;
	int indent = (int)(v->indent + 3 * q->depth);

	if (!v->shown++ && v->title)
		out_text(o, v->title);
	out_object_begin(o, NULL);
	out_dec(o, "depth", NULL, q->depth);
	out_sdec(o, "priority", NULL, q->priority);
	if (q->task || q->class == RUN_REALTIME)
		out_printf(o, "%*s[%3d] ", indent, "", q->priority);
	else
		out_printf(o, "%*s", indent, "");
	if (q->task) {
		out_bool(o, "running", NULL, q->is_running);
		put_task(v->s, q->task, q->is_running ? " [CURRENT]" : "");
	} else {
		put_group(v, q);
	}
	out_object_end(o);
	return !o->failed;
}

static struct error *show_class(struct view *v, const struct run_queue *rq, enum run_class class, const char *key, const char *title)
{
	struct error *e;

	v->shown = 0;
	v->title = title;
	out_array_begin(v->s->out, key);
	e = run_queue_class(v->s->kernel, rq, class, v->groups, print_queued, v);
	if (!e && !v->shown && !title)
		out_printf(v->s->out, "%*s[no tasks queued]\n", (int)v->indent, "");
	out_array_end(v->s->out);
	return e;
}

static void put_current(struct session *s, const struct run_queue *rq)
{
	out_text(s->out, "  CURRENT: ");
	if (!rq->current) {
		out_text(s->out, "(unknown)\n");
		return;
	}
	out_object_begin(s->out, "current");
	put_task(s, rq->current, "");
	out_object_end(s->out);
}

static struct error *show_queue(struct session *s, const struct run_queue *rq)
{
	struct view v = {.s = s, .indent = 5};
	struct out *o = s->out;

	out_dec(o, "cpu", "CPU %" PRIu64 " ", rq->cpu);
	out_hex(o, "runqueue", "RUNQUEUE: %" PRIx64 "\n", rq->addr);
	put_current(s, rq);
	TRY(show_class(&v, rq, RUN_DEADLINE, "deadline", "  DEADLINE RB_ROOT:\n"));
	out_hex(o, "rt_prio_array", "  RT PRIO_ARRAY: %" PRIx64 "\n", rq->rt_array);
	TRY(show_class(&v, rq, RUN_REALTIME, "realtime", NULL));
	out_hex(o, "cfs_rb_root", "  CFS RB_ROOT: %" PRIx64 "\n", rq->cfs_root);
	TRY(show_class(&v, rq, RUN_FAIR, "fair", NULL));
	return show_class(&v, rq, RUN_EXTENSIBLE, "extensible", "  SCHED_EXT LOCAL_DSQ:\n");
}

static struct error *show_groups(struct session *s, const struct run_queue *rq)
{
	struct view v = {.s = s, .groups = true, .indent = 5};
	uint64_t root = symbol_addr(s->kernel, "root_task_group");
	struct out *o = s->out;

	if (!root)
		root = symbol_addr(s->kernel, "init_task_group");
	out_dec(o, "cpu", "CPU %" PRIu64 "\n", rq->cpu);
	put_current(s, rq);
	if (run_queue_groups_realtime(s->kernel)) {
		out_printf(o, "  ROOT_TASK_GROUP: %" PRIx64 "  RT_RQ: %" PRIx64 "\n", root, run_queue_realtime(s->kernel, rq));
		TRY(show_class(&v, rq, RUN_REALTIME, "realtime", NULL));
	}
	out_hex(o, "root_task_group", "  ROOT_TASK_GROUP: %" PRIx64 "  ", root);
	out_hex(o, "cfs_rq", "CFS_RQ: %" PRIx64 "\n", run_queue_fair(s->kernel, rq));
	return show_class(&v, rq, RUN_FAIR, "fair", NULL);
}

/* ---- Times ---- */

static struct error *show_clock(struct session *s, const struct run_queue *rq)
{
	char clock[24];
	int width = snprintf(clock, sizeof(clock), "%" PRIu64, rq->clock);
	uint64_t last = rq->current ? task_last_run(s->kernel, rq->current) : 0;

	out_dec(s->out, "cpu", " CPU %" PRIu64 ": ", rq->cpu);
	out_dec(s->out, "clock", "%" PRIu64 "\n", rq->clock);
	if (!rq->current)
		return NULL;
	out_printf(s->out, "        %0*" PRIu64 "  ", width, last);
	out_object_begin(s->out, "current");
	out_dec(s->out, "last_run", NULL, last);
	put_task(s, rq->current, "");
	out_object_end(s->out);
	return NULL;
}

static struct error *show_running(struct session *s, const struct run_queue *rq)
{
	uint64_t last = rq->current ? task_last_run(s->kernel, rq->current) : 0;
	uint64_t ms = (rq->clock > last ? rq->clock - last : 0) / 1000000;

	out_dec(s->out, "cpu", " CPU %" PRIu64 ": ", rq->cpu);
	out_printf(s->out, "[%" PRIu64 " %02u:%02u:%02u.%03u]  ", ms / 86400000, (unsigned)(ms / 3600000 % 24), (unsigned)(ms / 60000 % 60),
		   (unsigned)(ms / 1000 % 60), (unsigned)(ms % 1000));
	out_dec(s->out, "running_ms", NULL, ms);
	if (rq->current)
		put_task(s, rq->current, "");
	else
		out_text(s->out, "(unknown)\n");
	return NULL;
}

struct lag {
	unsigned cpu;
	uint64_t clock;
};

static int by_clock(const void *a, const void *b)
{
	const struct lag *x = a, *y = b;

	return x->clock != y->clock ? (x->clock < y->clock ? 1 : -1) : (x->cpu > y->cpu) - (x->cpu < y->cpu);
}

/* -T: how far each CPU's clock is behind the newest. */
static void show_lags(struct session *s, const bool *cpus)
{
	struct lag *lags = calloc(s->kernel->cpus, sizeof(*lags));
	size_t count = 0;

	if (!lags)
		abort();
	for (unsigned cpu = 0; cpu < s->kernel->cpus; cpu++)
		if (cpus[cpu])
			lags[count++] = (struct lag){cpu, task_cpu_clock(s->kernel, cpu)};
	qsort(lags, count, sizeof(*lags), by_clock);
	out_array_begin(s->out, "cpus");
	for (size_t i = 0; i < count; i++) {
		uint64_t behind = lags[0].clock - lags[i].clock;

		out_object_begin(s->out, NULL);
		out_dec(s->out, "cpu", "  CPU %" PRIu64 ": ", lags[i].cpu);
		out_dec(s->out, "lag_ns", NULL, behind);
		out_printf(s->out, "%.2f secs\n", (double)behind / 1e9);
		out_object_end(s->out);
	}
	out_array_end(s->out);
	free(lags);
}

typedef struct error *queue_visitor(struct session *s, const struct run_queue *rq);

static struct error *for_each_queue(struct session *s, const bool *cpus, queue_visitor *visit, bool apart)
{
	struct error *e = NULL;
	bool first = true;

	out_array_begin(s->out, "cpus");
	for (unsigned cpu = 0; !e && cpu < s->kernel->cpus && !interrupted(); cpu++) {
		struct run_queue rq;

		if (!cpus[cpu])
			continue;
		if (!first && apart)
			out_text(s->out, "\n");
		first = false;
		e = run_queue_open(s->kernel, cpu, &rq);
		if (e)
			break;
		out_object_begin(s->out, NULL);
		e = visit(s, &rq);
		if (!e)
			out_object_end(s->out);
	}
	if (!e)
		out_array_end(s->out);
	return e;
}

static struct error *run_runq(struct session *s, int argc, char **argv)
{
	struct option_parser p = {.argc = argc, .argv = argv, .spec = "tTmgc:"};
	const char *words = NULL;
	char what = 0;
	struct run_queue rq;
	struct error *e;
	bool *cpus;
	int option;

	while ((option = next_option(&p))) {
		if (option == '?')
			return option_error(&p);
		if (option == 'c')
			words = p.argument;
		else if (what && what != option)
			return usage_error(argv[0], "-t, -T, -m and -g exclude each other");
		else
			what = (char)option;
	}
	if (p.index < argc)
		return usage_error(argv[0], "too many words: %s", argv[p.index]);
	TRY(run_queue_open(s->kernel, 0, &rq));
	e = variable_shown_cpus(s, words ? words : "a", &cpus);
	if (!e && what == 'T')
		show_lags(s, cpus);
	else if (!e)
		e = for_each_queue(s, cpus, what == 't' ? show_clock : what == 'm' ? show_running : what == 'g' ? show_groups : show_queue,
				   !what || what == 'g');
	free(cpus);
	return e ? e : check_interrupt();
}

COMMAND(runq) = {
	.name = "runq",
	.summary = "what runs on each CPU, and what waits for it",
	.synopsis = "[-t | -T | -m | -g] [-c CPUS]",
	.help = "Shows of each CPU its run queue, the task that runs, and those that wait: of the realtime class by the list that they stand\n"
		"in, of the fair class in their tree's order (by virtual runtime, since 6.6 by deadline) with their priorities, groups\n"
		"opened; of the deadline and the extensible class where there are any.\n"
		"\n"
		"  -t  the queue's clock, and when the running task got onto the CPU, in ns\n"
		"  -T  how far each queue's clock is behind the newest\n"
		"  -m  for how long the running task has been running\n"
		"  -g  groups of tasks as they are nested, with the running task\n"
		"  -c  only these CPUs (0,2 or 1-3 or a for all)\n"
		"\n"
		"EXAMPLES\n"
		"    mmscope> runq\n"
		"    mmscope> runq -g -c 0\n"
		"    mmscope> runq -m\n",
	.options = "-t -T -m -g -c",
	.flags = CMD_NEEDS_KERNEL,
	.run = run_runq,
};
