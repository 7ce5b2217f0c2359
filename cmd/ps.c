/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cmd/ps.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/interrupt.h"
#include "mm/zone.h"

struct ps {
	enum ps_mode mode;
	bool kernel_threads, user_tasks, leaders, active, stacks, bare;
	uint32_t policies; /* -y: a bit for each; 0: all */
	bool *cpus;	   /* -C */
};

/* ---- Options ---- */

/* include/uapi/linux/sched.h */
static const char *const policies[] = {"NORMAL", "FIFO", "RR",	     "BATCH",
				       "ISO",	 "IDLE", "DEADLINE", "EXT"};
#define POLICIES (sizeof(policies) / sizeof(policies[0]))

static struct error *parse_policies(struct ps *ps, char *text)
{
	char *rest, *word;

	for (word = strtok_r(text, ",", &rest); word; word = strtok_r(NULL, ",", &rest)) {
		uint64_t number = POLICIES;

		for (size_t i = 0; i < POLICIES; i++) {
			if (!strcasecmp(word, policies[i]))
				number = i;
		}
		if (number == POLICIES && isdigit((unsigned char)*word))
			error_drop(parse_count(word, &number));
		if (number >= POLICIES)
			return error_new(ERR_USAGE, "no such scheduling policy: %s", word);
		ps->policies |= 1u << number;
	}
	return NULL;
}

static struct error *set_mode(struct ps *ps, enum ps_mode mode)
{
	if (ps->mode != PS_LIST && ps->mode != mode)
		return usage_error("ps",
				   "-p, -c, -t, -l, -m, -a, -g, -r and -S exclude each other");
	ps->mode = mode;
	return NULL;
}

static struct error *parse_option(struct session *s, struct ps *ps, int option, char *argument)
{
	static const struct {
		char option;
		enum ps_mode mode;
	} modes[] = {{'p', PS_PARENTS},	 {'c', PS_CHILDREN},	 {'t', PS_TIMES},
		     {'l', PS_LAST_RUN}, {'m', PS_LAST_RUN_AGO}, {'a', PS_ARGUMENTS},
		     {'g', PS_GROUPS},	 {'r', PS_LIMITS},	 {'S', PS_SUMMARY}};

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (modes[i].option == option)
			return set_mode(ps, modes[i].mode);
	}
	switch (option) {
	case 'k':
		ps->kernel_threads = true;
		break;
	case 'u':
		ps->user_tasks = true;
		break;
	case 'G':
		ps->leaders = true;
		break;
	case 'A':
		ps->active = true;
		break;
	case 's':
		ps->stacks = true;
		break;
	case 'H':
		ps->bare = true;
		break;
	case 'y':
		return parse_policies(ps, argument);
	case 'C':
		free(ps->cpus);
		return parse_cpus(s, argument, &ps->cpus);
	}
	if (ps->kernel_threads && ps->user_tasks)
		return usage_error("ps", "-k and -u exclude each other");
	return NULL;
}

/* ---- Which tasks ---- */

/* All stand in one table, in the order that ps lists them. */
static int by_place(const void *a, const void *b)
{
	const struct task *const *x = a, *const *y = b;

	return *x < *y ? -1 : *x > *y;
}

static int by_start(const void *a, const void *b, void *kernel)
{
	const struct task *const *x = a, *const *y = b;
	struct task_times first, second;

	task_times(kernel, *x, &first);
	task_times(kernel, *y, &second);
	if (first.start != second.start)
		return first.start < second.start ? -1 : 1;
	return by_place(a, b);
}

static bool wanted(struct kernel *k, const struct ps *ps, const struct task *t)
{
	if (ps->kernel_threads && !t->is_kernel)
		return false;
	if (ps->user_tasks && t->is_kernel)
		return false;
	if (ps->leaders && !t->is_leader && !t->is_idle)
		return false;
	if (ps->active && !t->is_active)
		return false;
	if (ps->policies) {
		uint64_t policy = GET(k, &t->object, task_struct, policy);

		return policy < 32 && ps->policies & 1u << policy;
	}
	return true;
}

static struct error *select_tasks(struct session *s, const struct ps *ps, int argc, char **argv,
				  int from, struct task_list *list, struct error **missed)
{
	struct task_list named = {0};
	const struct task *t;
	struct error *e = NULL;

	*missed = NULL;
	if (from < argc || s->in_foreach) {
		e = context_words(s, argc, argv, from, &named, missed);
		for (size_t i = 0; !e && i < named.count; i++) {
			if (wanted(s->kernel, ps, named.tasks[i]))
				task_list_add(list, named.tasks[i]);
		}
		task_list_free(&named);
		if (list->count)
			qsort(list->tasks, list->count, sizeof(*list->tasks), by_place);
		return e;
	}
	TRY(tasks_count(s->kernel, &(size_t){0}));
	for (size_t i = 0; (t = tasks_get(s->kernel, i)); i++) {
		if (wanted(s->kernel, ps, t))
			task_list_add(list, t);
	}
	if (tasks_damage(s->kernel))
		*missed = error_new(ERR_BAD_LIST, "the list may lack tasks: %s",
				    tasks_damage(s->kernel));
	return NULL;
}

/* ---- The list ---- */

/* Memory that %MEM is a part of, in pages: what all nodes have. */
static uint64_t total_pages(struct kernel *k)
{
	uint64_t total = 0;

	if (!error_drop(nodes_open(k))) {
		for (size_t i = 0; i < nodes_count(k); i++)
			total += nodes_get(k, i)->present_pages;
	}
	return total;
}

static void list_row(struct session *s, const struct ps *ps, const struct task *t, uint64_t total)
{
	struct kernel *k = s->kernel;
	struct out *o = s->out;
	unsigned to_kib = k->arch->page_shift - 10;
	struct mm_rss rss = {0};
	uint64_t pages = 0, vsz = 0;
	bool resident = true;
	char text[64];

	if (t->mm) {
		resident = !error_drop(mm_rss(k, t->mm, &rss)) &&
			   !error_drop(kernel_get(k, t->mm, M_mm_struct_total_vm, &vsz));
		pages = (uint64_t)mm_rss_total(&rss);
	}
	out_cell_str(o, t->is_active ? ">" : "");
	out_bool(o, "active", NULL, t->is_active);
	out_cell_dec(o, t->pid);
	out_dec(o, "tgid", NULL, t->tgid);
	out_cell_dec(o, t->ppid);
	out_cell_dec(o, t->cpu);
	if (!ps->stacks)
		out_cell_hex_pad(o, t->addr, 2 * k->arch->pointer_size);
	else if (t->is_active || !GET(k, &t->object, task_struct, sp))
		out_cell_none(o, "       --"); /* a running task's stack pointer was in its CPU */
	else
		out_cell_hex_pad(o, GET(k, &t->object, task_struct, sp), 2 * k->arch->pointer_size);
	out_cell_str(o, task_state_short(k, t));
	if (resident) {
		snprintf(text, sizeof(text), "%.1f",
			 total ? 100.0 * (double)pages / (double)total : 0);
		out_double(o, "mem_percent", NULL,
			   total ? 100.0 * (double)pages / (double)total : 0);
		out_cell_str(o, text);
		out_cell_dec(o, vsz << to_kib);
		out_cell_dec(o, pages << to_kib);
	} else {
		for (int i = 0; i < 3; i++)
			out_cell_none(o, "?");
	}
	out_bool(o, "kernel", NULL, t->is_kernel);
	if (out_json(o)) {
		task_full_name(k, t, text, sizeof(text));
		out_cell_str(o, t->comm);
		if (strcmp(text, t->comm))
			out_str(o, "full_name", NULL, text);
	} else {
		snprintf(text, sizeof(text), t->is_kernel ? "[%s]" : "%s", t->comm);
		out_cell_str(o, text);
	}
	out_row_end(o);
}

static void list(struct session *s, const struct ps *ps, const struct task_list *tasks)
{
	const struct column columns[] = {
		{NULL, " ", 1, '<', 0},
		{"pid", "PID", 8, '>', 0},
		{"ppid", "PPID", 8, '>', 0},
		{"cpu", "CPU", 3, '>', 1},
		{ps->stacks ? "stack_pointer" : "task", ps->stacks ? "KSTACKP" : "TASK",
		 (short)(2 * s->kernel->arch->pointer_size), '^', 2},
		{"state", "ST", 2, '<', 2},
		{NULL, "%MEM", 5, '>', 1},
		{"vsz_kib", "VSZ", 9, '>', 0},
		{"rss_kib", "RSS", 9, '>', 0},
		{"comm", "COMM", 0, '<', 2},
	};
	uint64_t total = total_pages(s->kernel);

	out_table(s->out, "tasks", columns, sizeof(columns) / sizeof(columns[0]),
		  !ps->bare && !(s->in_foreach && s->foreach_index));
	for (size_t i = 0; i < tasks->count && !interrupted(); i++)
		list_row(s, ps, tasks->tasks[i], total);
	out_table_end(s->out);
}

static void summary(struct session *s, const struct task_list *tasks)
{
	static const char *const order[] = {"RU", "IN", "UN", "ID", "ST", "TR", "ZO",
					    "DE", "SW", "WA", "PA", "NE", "??"};
	enum { STATES = sizeof(order) / sizeof(order[0]) };
	size_t counts[STATES] = {0};

	for (size_t i = 0; i < tasks->count; i++) {
		const char *state = task_state_short(s->kernel, tasks->tasks[i]);

		for (size_t j = 0; j < STATES; j++)
			counts[j] += !strcmp(order[j], state);
	}
	out_object_begin(s->out, "states");
	for (size_t j = 0; j < STATES; j++) {
		if (!counts[j])
			continue;
		out_printf(s->out, "  %s", order[j]);
		out_dec(s->out, order[j], ": %" PRIu64 "\n", counts[j]);
	}
	out_object_end(s->out);
}

static struct error *show(struct session *s, struct ps *ps, struct task_list *tasks)
{
	switch (ps->mode) {
	case PS_LIST:
		list(s, ps, tasks);
		return NULL;
	case PS_SUMMARY:
		summary(s, tasks);
		return NULL;
	case PS_LAST_RUN:
	case PS_LAST_RUN_AGO:
		ps_last_run(s, ps->mode, tasks, ps->cpus);
		return NULL;
	case PS_TIMES:
		if (tasks->count)
			qsort_r(tasks->tasks, tasks->count, sizeof(*tasks->tasks), by_start, s->kernel);
		return ps_blocks(s, ps->mode, tasks);
	default:
		return ps_blocks(s, ps->mode, tasks);
	}
}

static struct error *run(struct session *s, struct ps *ps, int argc, char **argv)
{
	struct option_parser p = {.argc = argc, .argv = argv, .spec = "kuGy:spctlmC:agrSAH"};
	struct task_list tasks = {0};
	struct error *missed, *e;
	int option;

	while ((option = next_option(&p))) {
		if (option == '?')
			return option_error(&p);
		/* a copy, as the words belong to the line (foreach runs it again) */
		char *argument = p.argument ? strdup(p.argument) : NULL;

		e = parse_option(s, ps, option, argument);
		free(argument);
		TRY(e);
	}
	if (ps->cpus && ps->mode != PS_LAST_RUN && ps->mode != PS_LAST_RUN_AGO)
		return usage_error("ps", "-C goes with -l or -m");
	e = select_tasks(s, ps, argc, argv, p.index, &tasks, &missed);
	if (!e)
		e = show(s, ps, &tasks);
	task_list_free(&tasks);
	if (e && missed) {
		context_complain(s, argv[0], missed);
		error_free(missed);
		missed = NULL;
	}
	if (!e)
		e = missed;
	return e ? e : check_interrupt();
}

static struct error *run_ps(struct session *s, int argc, char **argv)
{
	struct ps ps = {0};
	struct error *e = run(s, &ps, argc, argv);

	free(ps.cpus);
	return e;
}

COMMAND(ps) = {
	.name = "ps",
	.summary = "tasks: processes, threads and kernel threads",
	.synopsis = "[-k|-u|-G|-A|-y POLICY] [-s] [-H] [-p|-c|-t|-[l|m] [-C CPU]|-a|-g|-r|-S] [PID "
		    "| TASK | NAME | 'REGEX'] …",
	.help = "Lists tasks, all or the ones named: by pid, by the hexadecimal address of a "
		"task_struct, by\n"
		"command name (a name of digits after a backslash), or by a POSIX extended regular "
		"expression\n"
		"in single quotes over command names.\n"
		"\n"
		"  >      the task was running on its CPU when the image was taken\n"
		"  PID    its process (thread) number in the initial namespace\n"
		"  PPID   its parent process\n"
		"  CPU    the CPU that it ran on last\n"
		"  TASK   the address of its task_struct\n"
		"  ST     RU running or runnable, IN interruptible, UN uninterruptible, ID idle "
		"kernel thread,\n"
		"         ST stopped, TR traced, ZO zombie, DE dead, WA waking, PA parked, NE new\n"
		"  %MEM   resident part of the machine's memory\n"
		"  VSZ    size of its address space in KiB\n"
		"  RSS    resident pages in KiB, with what threads and CPUs have not yet added to "
		"the mm's counters\n"
		"  COMM   its name; a kernel thread's in brackets\n"
		"\n"
		"  -k     kernel threads only\n"
		"  -u     user tasks only\n"
		"  -G     thread group leaders only\n"
		"  -A     active tasks only\n"
		"  -y     tasks with these scheduling policies: numbers or names, parted by commas "
		"(0 NORMAL, 1 FIFO,\n"
		"         2 RR, 3 BATCH, 5 IDLE, 6 DEADLINE, 7 EXT)\n"
		"  -s     KSTACKP, the kernel stack pointer, in place of TASK\n"
		"  -H     no heading\n"
		"\n"
		"In place of the list:\n"
		"\n"
		"  -p     parents, from the first task down to the one named\n"
		"  -c     children\n"
		"  -t     run time, start time, user and system time (in the kernel's own units: "
		"ns since Linux 4.11)\n"
		"  -l     when each last got onto a CPU, by the scheduler's clock in ns; the last "
		"one first\n"
		"  -m     the same as days and time before its CPU's clock stopped\n"
		"  -C     with -l or -m: for these CPUs on their own (0,2 or 1-3 or a for all)\n"
		"  -a     arguments and environment, read from user memory\n"
		"  -g     thread groups\n"
		"  -r     resource limits\n"
		"  -S     how many tasks are in which state\n"
		"\n"
		"EXAMPLES\n"
		"  All tasks, then init only:\n"
		"\n"
		"    mmscope> ps\n"
		"    mmscope> ps 1\n"
		"\n"
		"  Kernel threads whose names begin with k:\n"
		"\n"
		"    mmscope> ps -k '^k'\n"
		"\n"
		"  What ran last on each CPU:\n"
		"\n"
		"    mmscope> ps -m -C a\n"
		"\n"
		"  The arguments and environment of init, its limits, its children:\n"
		"\n"
		"    mmscope> ps -a 1\n"
		"    mmscope> ps -r 1\n"
		"    mmscope> ps -c 1\n",
	.options = "-k -u -G -A -y -s -H -p -c -t -l -m -C -a -g -r -S",
	.flags = CMD_NEEDS_KERNEL | CMD_FOREACH | CMD_TASK_ARGS,
	.run = run_ps,
};
