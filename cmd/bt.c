/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * bt: the calls on tasks' kernel stacks.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/bt.h"
#include "cmd/context.h"
#include "cmd/regs.h"
#include "cmd/typed.h"

struct trace_request {
	struct session *s;
	bool active, group, panicked, raw, check, cpu_stacks, exceptions, skip_idle; /* -a -g -p -r -v -E -e -n */
	bool text, all_text;							     /* -t -T */
	bool words;								     /* -f -F */
	unsigned symbolic;							     /* -F, -FF */
	bool offsets;								     /* -s */
	unsigned radix;								     /* of -s */
	const char *cpus, *reference;						     /* -c -R */
	bool has_ip, has_sp;							     /* -I -S */
	uint64_t ip, sp;
	/* of one task */
	unsigned level;
	struct frame held; /* the frame before, which is not printed before the next one says where it ends */
	struct stack_place held_left;
	bool holds, refers, silent;
};

/* ---- Frames ---- */

/* The function that ip lies in: a return address may stand behind the last instruction of one that never returns. */
static bool find_function(struct kernel *k, const struct frame *f, struct symbol *symbol, uint64_t *offset)
{
	if (f->interrupted || !f->slot)
		return symbol_at(k, f->ip, symbol, offset);
	if (!symbol_at(k, f->ip - 1, symbol, offset))
		return false;
	++*offset;
	return true;
}

static void print_registers(struct trace_request *r, const struct frame *f)
{
	struct out *o = r->s->out;
	char text[256];

	out_object_begin(o, "regs");
	if (f->regs.addr)
		out_hex(o, "addr", NULL, f->regs.addr);
	if (!f->user && symbol_format(r->s->kernel, GET(r->s->kernel, &f->regs, pt_regs, ip), text, sizeof(text)))
		out_str(o, "exception", "    [exception RIP: %s]\n", text);
	else if (!f->user)
		out_text(o, "    [exception RIP: unknown or invalid address]\n");
	regs_show(r->s, &f->regs, f->regs_partial ? REGS_PUSHED : f->regs.addr ? REGS_SAVED : REGS_CPU);
	out_object_end(o);
}

static void print_frame(struct trace_request *r, const struct frame *f, uint64_t next_slot)
{
	struct out *o = r->s->out;
	struct symbol symbol;
	uint64_t offset = 0;
	bool known = find_function(r->s->kernel, f, &symbol, &offset);

	out_object_begin(o, NULL);
	out_dec(o, "level", r->level < 10 ? " #%" PRIu64 " " : "#%" PRIu64 " ", r->level);
	r->level++;
	out_hex(o, "slot", "[%016" PRIx64 "] ", f->slot);
	out_str(o, "function", "%s", known ? symbol.name : "(unknown)");
	if (known)
		out_dec(o, "offset", !r->offsets ? NULL : r->radix == 16 ? "+0x%" PRIx64 : "+%" PRIu64, offset);
	out_hex(o, "ip", " at %016" PRIx64, f->ip);
	if (known && symbol.module)
		out_str(o, "module", " [%s]", symbol.module);
	out_text(o, "\n");
	if (r->words && next_slot > f->slot && next_slot - f->slot <= 1 << 16)
		bt_words(r->s, f->slot + 8, next_slot, "    ", " ", r->symbolic);
	if (f->regs.bytes)
		print_registers(r, f);
	if (f->left) {
		out_str(o, "left_stack", !f->left->name ? NULL : strcmp(f->left->name, "IRQ") ? "--- <%s exception stack> ---\n" : "--- <%s stack> ---\n",
			f->left->name ? f->left->name : "task");
	}
	out_object_end(o);
}

static void print_held(struct trace_request *r, uint64_t next_slot)
{
	if (r->holds && !r->silent)
		print_frame(r, &r->held, next_slot);
	r->holds = false;
}

static bool visit_frame(void *context, const struct frame *f)
{
	struct trace_request *r = context;
	struct symbol symbol;
	uint64_t offset;

	if (r->reference && find_function(r->s->kernel, f, &symbol, &offset)) {
		char ip[24];

		snprintf(ip, sizeof(ip), "%" PRIx64, f->ip);
		r->refers |= !strcmp(symbol.name, r->reference) || !strcasecmp(ip, r->reference + 2 * !strncmp(r->reference, "0x", 2));
	}
	/* Up to and with the word that holds the next return address. */
	print_held(r, r->held.left || f->interrupted ? r->held.end : f->slot + 8);
	r->held = *f;
	if (f->left) {
		r->held_left = *f->left;
		r->held.left = &r->held_left;
	}
	r->holds = true;
	return !interrupted();
}

static struct error *trace(struct trace_request *r, const struct task *t, const struct unwind_start *start)
{
	r->level = 0;
	r->holds = r->refers = false;
	struct error *e = unwind(r->s->kernel, t, start, visit_frame, r);
	print_held(r, 0);
	return e;
}

/* What -I and -S put in the place of what the image says. */
static struct error *find_start(struct trace_request *r, const struct task *t, struct unwind_start *start)
{
	struct error *e = unwind_begin(r->s->kernel, t, start);

	if (!r->has_ip && !r->has_sp)
		return e;
	error_free(e);
	start->regs.bytes = NULL;
	start->user = false;
	if (r->has_sp) {
		start->slot = r->sp;
		start->sp = r->sp + 8;
		if (!r->has_ip)
			return error_prefix(kernel_read_pointer(r->s->kernel, r->sp, &start->ip), "-S");
	}
	if (r->has_ip)
		start->ip = r->ip;
	return NULL;
}

static struct error *show_calls(struct trace_request *r, const struct task *t)
{
	struct unwind_start start;

	TRY(find_start(r, t, &start));
	if (start.regs.bytes) {
		struct frame f = {.regs = start.regs, .user = start.user};

		print_registers(r, &f);
	}
	out_array_begin(r->s->out, "frames");
	struct error *e = trace(r, t, &start);
	if (!e)
		out_array_end(r->s->out);
	return e;
}

static struct error *show_text(struct trace_request *r, const struct task *t)
{
	struct unwind_start start;
	char text[256];
	uint64_t from = t->stack;

	if (!r->all_text) {
		TRY(find_start(r, t, &start));
		from = start.slot ? start.slot : start.sp;
		if (from - t->stack >= task_stack_size(r->s->kernel))
			from = t->stack;
		if (symbol_format(r->s->kernel, start.ip, text, sizeof(text))) {
			text[strcspn(text, "+ ")] = '\0';
			out_printf(r->s->out, "              START: %s at %" PRIx64 "\n", text, start.ip);
		}
	}
	return bt_text(r->s, t, from);
}

static struct error *show(struct session *s, const struct task *t, void *context)
{
	struct trace_request *r = context;

	if (!t->stack) {
		out_str(s->out, "stack", "(no stack: %s)\n", "the task has ended");
		return NULL;
	}
	if (r->raw)
		return bt_raw(s, t);
	if (r->exceptions)
		return bt_exceptions(s, t);
	if (r->text || r->all_text)
		return show_text(r, t);
	if (r->skip_idle && t->is_idle)
		return NULL;
	return show_calls(r, t);
}

/* -R: does its trace have it? Nothing is printed. */
static bool refers(struct trace_request *r, const struct task *t)
{
	struct unwind_start start;

	if (!r->reference)
		return true;
	r->silent = true;
	if (!error_drop(find_start(r, t, &start)))
		error_drop(trace(r, t, &start));
	r->silent = false;
	return r->refers;
}

/* ---- Which tasks ---- */

static struct error *add_active(struct trace_request *r, struct task_list *list)
{
	unsigned *cpus;
	size_t count;

	TRY(cpus_parse(r->s, r->cpus ? r->cpus : "a", &cpus, &count));
	for (size_t i = 0; i < count; i++) {
		const struct task *t = task_active(r->s->kernel, cpus[i]);

		if (t)
			task_list_add(list, t);
	}
	free(cpus);
	return list->count ? NULL : error_new(ERR_NOT_FOUND, "which tasks were running is not known");
}

/* The leader first. */
static void add_group(struct kernel *k, const struct task *of, struct task_list *list)
{
	const struct task *leader = task_by_addr(k, of->group_leader), *t;

	if (leader)
		task_list_add(list, leader);
	for (size_t i = 0; (t = tasks_get(k, i)); i++) {
		if (t->group_leader == of->group_leader && t != leader)
			task_list_add(list, t);
	}
}

static struct error *find_tasks(struct trace_request *r, int argc, char **argv, int from, struct task_list *list, struct error **missed)
{
	struct kernel *k = r->s->kernel;

	TRY(tasks_count(k, &(size_t){0}));
	*missed = NULL;
	if (r->active || r->cpus)
		return add_active(r, list);
	if (r->panicked) {
		const struct task *t = task_panic(k);

		if (!t)
			return error_new(ERR_NOT_FOUND, "no task has panicked");
		task_list_add(list, t);
		return NULL;
	}
	if (!r->group)
		return context_words(r->s, argc, argv, from, list, missed);
	struct task_list named = {0};
	struct error *e = context_words(r->s, argc, argv, from, &named, missed);
	for (size_t i = 0; !e && i < named.count; i++)
		add_group(k, named.tasks[i], list);
	task_list_free(&named);
	return e;
}

static struct error *show_tasks(struct trace_request *r, const struct task_list *list)
{
	struct session *s = r->s;
	struct error *first = NULL;
	bool any = s->in_foreach && s->foreach_index;

	if (!s->in_foreach)
		out_array_begin(s->out, "tasks");
	for (size_t i = 0; i < list->count && !interrupted(); i++) {
		const struct task *t = list->tasks[i];
		unsigned depth = s->out->depth;

		if (!refers(r, t))
			continue;
		if (any)
			out_text(s->out, "\n");
		any = true;
		if (!s->in_foreach)
			out_object_begin(s->out, NULL);
		context_heading(s, t);
		struct error *e = show(s, t, r);
		if (e) {
			out_close(s->out, depth + !s->in_foreach);
			out_str(s->out, "error", NULL, e->message);
			if (list->count > 1)
				e = error_prefix(e, "pid %u", t->pid);
			if (first)
				context_complain(s, "bt", e);
		}
		if (!s->in_foreach)
			out_object_end(s->out);
		if (!first)
			first = e;
		else
			error_free(e);
	}
	if (!s->in_foreach)
		out_array_end(s->out);
	return first ? first : check_interrupt();
}

static struct error *check_cpus(struct trace_request *r)
{
	struct error *e = NULL;
	unsigned *cpus;
	size_t count;

	TRY(cpus_parse(r->s, r->cpus ? r->cpus : "a", &cpus, &count));
	out_array_begin(r->s->out, "stacks");
	for (size_t i = 0; !e && i < count; i++)
		e = bt_cpu_exceptions(r->s, cpus[i]);
	out_array_end(r->s->out);
	free(cpus);
	return e;
}

static struct error *parse_options(struct trace_request *r, struct option_parser *p)
{
	for (int c; (c = next_option(p));) {
		switch (c) {
		case 'a':
			r->active = true;
			break;
		case 'c':
			r->cpus = p->argument;
			break;
		case 'g':
			r->group = true;
			break;
		case 'p':
			r->panicked = true;
			break;
		case 'r':
			r->raw = true;
			break;
		case 't':
			r->text = true;
			break;
		case 'T':
			r->all_text = true;
			break;
		case 'e':
			r->exceptions = true;
			break;
		case 'E':
			r->cpu_stacks = true;
			break;
		case 'F':
			r->symbolic = r->symbolic ? BT_CACHES + 1 : BT_CACHES;
			/* fall through */
		case 'f':
			r->words = true;
			break;
		case 'v':
			r->check = true;
			break;
		case 's':
			r->offsets = true;
			break;
		case 'x':
		case 'd':
			r->radix = c == 'x' ? 16 : 10;
			break;
		case 'R':
			r->reference = p->argument;
			break;
		case 'n':
			if (strcmp(p->argument, "idle"))
				return usage_error("bt", "-n knows only idle: %s", p->argument);
			r->skip_idle = true;
			break;
		case 'I':
			TRY(parse_address(r->s, p->argument, &r->ip));
			r->has_ip = true;
			break;
		case 'S':
			TRY(parse_address(r->s, p->argument, &r->sp));
			r->has_sp = true;
			break;
		case 'A':
			return error_new(ERR_UNSUPPORTED, "-A: vector registers are shown of s390 machines only");
		case 'o':
		case 'O':
			return error_new(ERR_UNSUPPORTED, "-%c: another way to follow stacks is for arm64 and 32-bit x86 only", c);
		case 'l':
			return error_new(ERR_UNSUPPORTED, "-l: the lines of source code are not in an image");
		default:
			return option_error(p);
		}
	}
	return NULL;
}

static struct error *run_bt(struct session *s, int argc, char **argv)
{
	struct option_parser p = {.argc = argc, .argv = argv, .spec = "ac:gprtTeEfFvsxdR:n:I:S:lAoO"};
	struct trace_request r = {.s = s, .radix = s->settings.radix};
	struct task_list list = {0};
	struct error *missed = NULL;

	TRY(parse_options(&r, &p));
	if (r.check)
		return bt_check_stacks(s);
	if (r.cpu_stacks)
		return check_cpus(&r);
	struct error *e = find_tasks(&r, argc, argv, p.index, &list, &missed);
	if (!e)
		e = show_tasks(&r, &list);
	task_list_free(&list);
	if (e) {
		error_free(missed);
		return e;
	}
	return missed;
}

COMMAND(bt) = {
	.name = "bt",
	.summary = "backtrace: the calls on a kernel stack",
	.synopsis = "[-a | -c CPUS | -g | -p] [-f | -F[F]] [-s [-x | -d]] [-t | -T | -r | -e | -E | -v] [-R REF] [-n idle]\n"
		    "[-I IP] [-S SP] [PID | TASK | NAME]…",
	.options = "-a -c -g -p -f -F -s -x -d -t -T -r -e -E -v -R -n -I -S -A -o -O",
	.flags = CMD_NEEDS_KERNEL | CMD_FOREACH | CMD_TASK_ARGS,
	.help = "DESCRIPTION\n"
		"  Shows the calls on the kernel stack of tasks, innermost first: the word of the stack that holds the\n"
		"  return address, the function, the address; where an exception, an interrupt or a system call came in, the\n"
		"  registers that were saved. Stacks are followed by the kernel's own unwind tables (ORC), so the frames are\n"
		"  those of real calls, no remains of older ones. Of a running task the dump must have the registers.\n"
		"\n"
		"  -a  the tasks that were running; -c those of CPUS (0, 1,3-5, a)\n"
		"  -g  all threads of the thread group; -p the task that panicked\n"
		"  -f  all words of each frame; -F with symbols and slab caches by name, -FF these with the address\n"
		"  -s  the offset in each function, with -x in hexadecimal, with -d in decimal\n"
		"  -t  every address of text on the stack from its pointer on, also those of calls that have returned;\n"
		"      -T from the stack's end on\n"
		"  -r  the whole stack\n"
		"  -e  what looks like saved registers on the stack; -E on the interrupt and exception stacks of each CPU\n"
		"  -v  which stacks have run over their end\n"
		"  -R  only traces that have this function or address\n"
		"  -n idle  no frames of idle tasks\n"
		"  -A, -o, -O  are of crash on other processors, and refused\n"
		"  -I, -S  begin at this address of text, at this word of the stack\n"
		"\n"
		"EXAMPLES\n"
		"  Where init waits:\n"
		"    mmscope> bt 1\n"
		"  All running tasks:\n"
		"    mmscope> bt -a\n"
		"  All tasks that wait in do_wait():\n"
		"    mmscope> foreach bt -R do_wait\n",
	.run = run_bt,
};
