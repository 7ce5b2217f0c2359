/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ps -p -c -t -a -g -r: a heading and a block for each task. ps -l -m: a line for each, the last
 * that ran first.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/ps.h"
#include "core/interrupt.h"

/* ---- Relations: all tasks in the order of a key, so that each family stands together ---- */

struct relatives {
	struct relative {
		uint64_t key;
		size_t index;
	} * all;
	size_t count;
};

static int compare_relatives(const void *va, const void *vb)
{
	const struct relative *a = va, *b = vb;

	if (a->key != b->key)
		return a->key < b->key ? -1 : 1;
	return a->index < b->index ? -1 : a->index > b->index;
}

static uint64_t relation(enum ps_mode mode, const struct task *t)
{
	if (mode == PS_CHILDREN)
		return t->parent == t->addr ? 0 : t->parent;
	return t->is_idle ? 0 : t->tgid;
}

static void relatives_open(struct session *s, enum ps_mode mode, struct relatives *r)
{
	const struct task *t;

	r->count = 0;
	error_drop(tasks_count(s->kernel, &r->count));
	r->all = calloc(r->count + 1, sizeof(*r->all));
	if (!r->all)
		abort();
	for (size_t i = 0; i < r->count && (t = tasks_get(s->kernel, i)); i++)
		r->all[i] = (struct relative){relation(mode, t), i};
	if (r->count)
		qsort(r->all, r->count, sizeof(*r->all), compare_relatives);
}

/* The first place of a key; the family goes on from there. */
static size_t relatives_find(const struct relatives *r, uint64_t key)
{
	size_t low = 0, high = r->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (r->all[middle].key < key)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* ---- Blocks ---- */

static void family_member(struct session *s, const struct task *t, unsigned blanks)
{
	out_object_begin(s->out, NULL);
	context_heading_indented(s, t, blanks);
	out_object_end(s->out);
}

/* From the idle task down to t; each a blank further in. */
static void show_parents(struct session *s, const struct task *t)
{
	struct task_list line = {0};
	const struct task *at = t;
	size_t most;

	error_drop(tasks_count(s->kernel, &most));
	for (size_t i = 0; at && i <= most; i++) { /* a damaged parent may lead in a circle */
		task_list_add(&line, at);
		at = at->parent == at->addr ? NULL : task_by_addr(s->kernel, at->parent);
	}
	out_array_begin(s->out, "ancestors");
	for (size_t i = line.count; i-- > 1;)
		family_member(s, line.tasks[i], (unsigned)(line.count - 1 - i));
	out_array_end(s->out);
	/* The object's own facts were given before the array; text has the task last. */
	out_printf(s->out, "%*sPID: %-7u  TASK: %" PRIx64 "  CPU: %-3u  COMMAND: \"%s\"\n",
		   (int)(line.count - 1), "", t->pid, t->addr, t->cpu, t->comm);
	task_list_free(&line);
}

static void show_family(struct session *s, enum ps_mode mode, const struct relatives *r,
			const struct task *t)
{
	uint64_t key = mode == PS_CHILDREN ? t->addr : relation(mode, t);
	bool any = false;

	out_array_begin(s->out, mode == PS_CHILDREN ? "children" : "threads");
	for (size_t i = relatives_find(r, key); key && i < r->count && r->all[i].key == key; i++) {
		const struct task *other = tasks_get(s->kernel, r->all[i].index);

		if (other == t)
			continue;
		family_member(s, other, 2);
		any = true;
	}
	out_array_end(s->out);
	if (!any)
		out_printf(s->out, "  (no %s)\n", mode == PS_CHILDREN ? "children" : "threads");
}

static void show_times(struct session *s, const struct task *t)
{
	struct task_times times;
	char text[64] = "";
	uint64_t left;

	task_times(s->kernel, t, &times);
	left = times.run_seconds;
	if (left >= 86400)
		snprintf(text, sizeof(text), "%" PRIu64 " days, ", left / 86400);
	left %= 86400;
	out_printf(s->out, "    RUN TIME: %s%02u:%02u:%02u\n", text, (unsigned)(left / 3600),
		   (unsigned)(left / 60 % 60), (unsigned)(left % 60));
	out_dec(s->out, "run_seconds", NULL, times.run_seconds);
	out_dec(s->out, "start_time", "  START TIME: %" PRIu64 "\n", times.start);
	out_dec(s->out, "utime", "       UTIME: %" PRIu64 "\n", times.utime);
	out_dec(s->out, "stime", "       STIME: %" PRIu64 "\n", times.stime);
}

/* ---- Arguments ---- */

/* The kernel takes no more than 6 MiB of both (fs/exec.c: three quarters of _STK_LIM); an image
 * that says more is wrong. */
#define ARGUMENTS_MAX (8ul << 20)

/* Control characters as C writes them, so that a task cannot paint on the terminal. */
static void put_argument(struct out *o, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c >= 0x20 && c != 0x7f)
			out_printf(o, "%c", c);
		else if (c == '\n')
			out_text(o, "\\n");
		else if (c == '\t')
			out_text(o, "\\t");
		else
			out_printf(o, "\\%03o", c);
	}
}

/* The NUL-terminated strings between two addresses of user memory; the last may be cut by an absent
 * page. */
static struct error *show_strings(struct session *s, const struct task *t, const char *key,
				  uint64_t start, uint64_t end)
{
	bool environment = *key == 'e';
	const char *why = NULL, *label = environment ? "ENV: " : "ARG: ";
	size_t got = 0, len = end > start ? end - start : 0;
	char *bytes;

	/* In the middle of exec the end is not set yet: /proc has nothing either. */
	if (len > ARGUMENTS_MAX)
		return error_new(ERR_BAD_OBJECT, "no place for %ss: %" PRIx64 " to %" PRIx64, key,
				 start, end);
	bytes = malloc(len + 1);
	if (!bytes)
		return error_new(ERR_NO_MEMORY, "out of memory");
	struct error *e =
		len ? mm_read_user(s->kernel, t->mm, start, bytes, len, &got, &why) : NULL;

	if (e) {
		free(bytes);
		return e;
	}
	bytes[got] = '\0';
	out_text(s->out, label);
	out_array_begin(s->out, environment ? "environment" : "arguments");
	for (size_t at = 0; at < got;) {
		size_t one = strlen(bytes + at); /* ends at bytes[got] at the latest */

		out_str(s->out, NULL, NULL, bytes + at);
		if (environment && at)
			out_text(s->out, "     ");
		put_argument(s->out, bytes + at, one);
		out_text(s->out, environment ? "\n" : " ");
		at += one + 1;
	}
	out_array_end(s->out);
	if (why) {
		out_printf(s->out, "%s(%" PRIx64 ": %s)", environment && got ? "     " : "",
			   start + got, why);
		out_str(s->out, environment ? "environment_cut" : "arguments_cut", NULL, why);
	}
	if (!environment || why || !got)
		out_text(s->out, "\n");
	free(bytes);
	return NULL;
}

static struct error *show_arguments(struct session *s, const struct task *t)
{
	struct kernel *k = s->kernel;
	struct object mm;

	if (!t->mm) {
		out_text(s->out, "ps: no user stack\n");
		return NULL;
	}
	TRY(members_require(k, "ps -a", M_mm_struct_arg_start, M_mm_struct_env_end, MEMBER_NONE));
	TRY(object_open(k, t->mm, S_mm_struct, &mm));
	TRY(show_strings(s, t, "argument", GET(k, &mm, mm_struct, arg_start),
			 GET(k, &mm, mm_struct, arg_end)));
	return show_strings(s, t, "environment", GET(k, &mm, mm_struct, env_start),
			    GET(k, &mm, mm_struct, env_end));
}

/* ---- Limits ---- */

/* include/uapi/asm-generic/resource.h */
static const char *const limits[] = {
	"CPU",	   "FSIZE", "DATA",  "STACK",	   "CORE",     "RSS",  "NPROC",	 "NOFILE",
	"MEMLOCK", "AS",    "LOCKS", "SIGPENDING", "MSGQUEUE", "NICE", "RTPRIO", "RTTIME"};

static void centred(struct out *o, const char *key, uint64_t value, uint64_t infinity, bool last)
{
	char text[32] = "(unlimited)";
	int blanks;

	if (value < infinity)
		snprintf(text, sizeof(text), "%" PRIu64, value);
	blanks = 11 - (int)strlen(text);
	if (blanks < 0)
		blanks = 0;
	out_printf(o, "   %*s%s%*s", blanks / 2, "", text, last ? 0 : blanks - blanks / 2, "");
	if (!out_json(o))
		return;
	if (value < infinity)
		out_dec(o, key, NULL, value);
	else
		out_str(o, key, NULL, NULL);
}

static struct error *show_limits(struct session *s, const struct task *t)
{
	struct kernel *k = s->kernel;
	/* in task_struct before 2.6.10; RLIM_INFINITY was ~0/2 before 2.3 and is ~0 since */
	const struct member *m = &k->members[M_task_struct_rlim];
	uint64_t base = t->addr, infinity = k->arch->pointer_size == 8 ? UINT64_MAX : UINT32_MAX;
	struct object pair;

	if (!m->present) {
		m = &k->members[M_signal_struct_rlim];
		base = GET(k, &t->object, task_struct, signal);
	}
	TRY(members_require(k, "ps -r", M_rlimit_rlim_cur, M_rlimit_rlim_max, MEMBER_NONE));
	if (!m->present)
		return error_new(ERR_UNSUPPORTED, "this kernel has no signal_struct.rlim");
	if (!base) {
		out_text(s->out, "(no signal_struct: the task is being released)\n");
		return NULL;
	}
	out_text(s->out, "      RLIMIT     CURRENT       MAXIMUM\n");
	out_object_begin(s->out, "limits");
	for (uint32_t i = 0; i < m->count && i < sizeof(limits) / sizeof(limits[0]); i++) {
		TRY(object_open(k, base + m->offset + (uint64_t)i * m->stride, S_rlimit, &pair));
		out_printf(s->out, "%12s", limits[i]);
		out_object_begin(s->out, limits[i]);
		centred(s->out, "current", GET(k, &pair, rlimit, rlim_cur), infinity, false);
		centred(s->out, "maximum", GET(k, &pair, rlimit, rlim_max), infinity, true);
		out_object_end(s->out);
		out_text(s->out, "\n");
	}
	out_object_end(s->out);
	return NULL;
}

/* ---- All of them ---- */

static struct error *show_block(struct session *s, enum ps_mode mode, const struct relatives *r,
				const struct task *t)
{
	if (mode != PS_PARENTS || out_json(s->out))
		context_heading(s, t);
	switch (mode) {
	case PS_PARENTS:
		show_parents(s, t);
		break;
	case PS_CHILDREN:
	case PS_GROUPS:
		show_family(s, mode, r, t);
		break;
	case PS_TIMES:
		show_times(s, t);
		break;
	case PS_ARGUMENTS:
		return show_arguments(s, t);
	case PS_LIMITS:
		return show_limits(s, t);
	default:
		break;
	}
	return NULL;
}

struct error *ps_blocks(struct session *s, enum ps_mode mode, const struct task_list *list)
{
	struct relatives relatives = {0};
	struct error *failed = NULL;
	bool first = !s->in_foreach || !s->foreach_index;

	if (mode == PS_CHILDREN || mode == PS_GROUPS)
		relatives_open(s, mode, &relatives);
	if (!s->in_foreach)
		out_array_begin(s->out, "tasks");
	for (size_t i = 0; i < list->count && !interrupted(); i++) {
		const struct task *t = list->tasks[i];

		/* A group is shown once, with its leader, unless one of its threads was asked for.
		 */
		if (mode == PS_GROUPS && !t->is_leader && !t->is_idle) {
			const struct task *leader = task_by_addr(s->kernel, t->group_leader);

			if (leader && list->count > 1)
				continue;
			t = leader ? leader : t;
		}
		if (!first)
			out_text(s->out, "\n");
		first = false;
		unsigned depth = s->out->depth;

		if (!s->in_foreach)
			out_object_begin(s->out, NULL);
		struct error *e = show_block(s, mode, &relatives, t);

		if (e) {
			out_close(s->out, s->in_foreach ? depth : depth + 1);
			if (list->count > 1)
				e = error_prefix(e, "pid %u", t->pid);
			if (failed)
				context_complain(s, "ps", failed);
			error_free(failed);
			failed = e;
			if (!s->in_foreach)
				out_str(s->out, "error", NULL, e->message);
		}
		if (!s->in_foreach)
			out_object_end(s->out);
	}
	if (!s->in_foreach)
		out_array_end(s->out);
	free(relatives.all);
	return failed;
}

/* ---- Last run ---- */

struct run {
	const struct task *task;
	uint64_t last;
};

static int compare_runs(const void *va, const void *vb)
{
	const struct run *a = va, *b = vb;

	if (a->last != b->last)
		return a->last > b->last ? -1 : 1;
	return a->task < b->task ? -1 : a->task > b->task; /* the table's order */
}

static void show_run(struct session *s, enum ps_mode mode, const struct run *run, int width)
{
	struct kernel *k = s->kernel;
	uint64_t clock = task_cpu_clock(k, run->task->cpu);
	uint64_t ago = clock > run->last ? clock - run->last : 0, ms = ago / 1000000;

	out_object_begin(s->out, NULL);
	if (mode == PS_LAST_RUN)
		out_printf(s->out, "[%*" PRIu64 "]", width, run->last);
	else
		out_printf(s->out, "[%*" PRIu64 " %02u:%02u:%02u.%03u]", width, ms / 86400000,
			   (unsigned)(ms / 3600000 % 24), (unsigned)(ms / 60000 % 60),
			   (unsigned)(ms / 1000 % 60), (unsigned)(ms % 1000));
	out_dec(s->out, "last_run_ns", NULL, run->last);
	if (mode == PS_LAST_RUN_AGO)
		out_dec(s->out, "ago_ns", NULL, ago);
	out_str(s->out, "state", " [%s]  ", task_state_short(k, run->task));
	context_heading_indented(s, run->task, 0);
	out_object_end(s->out);
}

static int digits(uint64_t value)
{
	int n = 1;

	while (value >= 10) {
		value /= 10;
		n++;
	}
	return n;
}

/* Columns as wide as any task needs: of ns, or of days. */
static int run_width(struct kernel *k, enum ps_mode mode)
{
	const struct task *task;
	int width = 1;

	for (size_t i = 0; (task = tasks_get(k, i)); i++) {
		uint64_t clock = task_cpu_clock(k, task->cpu), last = task_last_run(k, task);
		uint64_t value = mode == PS_LAST_RUN ? last
				 : clock > last	     ? (clock - last) / 86400000000000
						     : 0;

		if (digits(value) > width)
			width = digits(value);
	}
	return width;
}

void ps_last_run(struct session *s, enum ps_mode mode, struct task_list *list, const bool *cpus)
{
	struct run *runs = calloc(list->count + 1, sizeof(*runs));
	int width;
	bool first = true;

	if (!runs)
		abort();
	for (size_t i = 0; i < list->count; i++)
		runs[i] = (struct run){list->tasks[i], task_last_run(s->kernel, list->tasks[i])};
	if (list->count)
		qsort(runs, list->count, sizeof(*runs), compare_runs);
	width = run_width(s->kernel, mode);
	out_array_begin(s->out, "tasks");
	for (size_t i = 0; !cpus && i < list->count && !interrupted(); i++)
		show_run(s, mode, &runs[i], width);
	for (unsigned cpu = 0; cpus && cpu < s->kernel->cpus && !interrupted(); cpu++) {
		if (!cpus[cpu])
			continue;
		out_printf(s->out, "%sCPU: %u\n", first ? "" : "\n", cpu);
		first = false;
		for (size_t i = 0; i < list->count; i++) {
			if (runs[i].task->cpu == cpu)
				show_run(s, mode, &runs[i], width);
		}
	}
	out_array_end(s->out);
	free(runs);
}
