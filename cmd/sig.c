/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * sig: what tasks do on signals, what they hold back, what waits for them.
 */
#include <inttypes.h>
#include <stdio.h>

#include "cmd/context.h"
#include "mm/signal.h"

/* ---- Lists of names ---- */

static struct error *list_names(struct session *s)
{
	struct out *o = s->out;
	char buf[16];

	out_array_begin(o, "signals");
	for (unsigned i = 1; i <= 64; i++) {
		const char *other = signal_other_name(i);

		out_object_begin(o, NULL);
		out_printf(o, i < 10 ? " [%u]" : "[%u]", i);
		out_dec(o, "number", NULL, i);
		out_str(o, "name", " %s", signal_name(i, buf));
		if (other)
			out_str(o, "other_name", "/%s", other);
		out_text(o, "\n");
		out_object_end(o);
	}
	out_array_end(o);
	return NULL;
}

static void put_set_names(struct out *o, uint64_t set)
{
	char buf[16];

	out_array_begin(o, "names");
	for (unsigned i = 1; i <= 64; i++)
		if (set >> (i - 1) & 1)
			out_str(o, NULL, "%s ", signal_name(i, buf));
	out_array_end(o);
}

static struct error *decode_set(struct session *s, const char *word)
{
	uint64_t set;

	TRY(parse_number(word, true, &set));
	out_hex(s->out, "sigset", NULL, set);
	put_set_names(s->out, set);
	out_text(s->out, "\n");
	return NULL;
}

/* ---- A task ---- */

struct view {
	struct session *s;
	const char *indent;
	unsigned queued;
};

static bool print_action(void *context, const struct signal_action *a)
{
	struct session *s = ((struct view *)context)->s;
	unsigned digits = 2 * s->kernel->arch->pointer_size;
	char number[8], handler[24], flags[160], text[200], name[16];

	snprintf(number, sizeof(number), "[%u]", a->number);
	/* include/uapi/asm-generic/signal-defs.h, include/linux/signal_types.h: SIG_KTHREAD … are of kernel threads */
	if (a->handler <= 3)
		snprintf(handler, sizeof(handler), "%s",
			 (const char *const[]){"SIG_DFL", "SIG_IGN", "SIG_KTHREAD", "SIG_KTHREAD_KERNEL"}[a->handler]);
	else
		snprintf(handler, sizeof(handler), "%" PRIx64, a->handler);
	signal_action_flags(a->flags, flags, sizeof(flags));
	snprintf(text, sizeof(text), *flags ? "%" PRIx64 " (%s)" : "%" PRIx64 " ", a->flags, flags);
	out_cell_dec_as(s->out, a->number, number);
	out_str(s->out, "name", NULL, signal_name(a->number, name));
	out_cell_hex_pad(s->out, a->addr, digits);
	out_cell_str(s->out, handler);
	out_cell_hex_pad(s->out, a->mask, 16);
	out_cell_hex_as(s->out, a->flags, text);
	out_str(s->out, "flag_names", NULL, flags);
	out_row_end(s->out);
	return true;
}

static struct error *print_actions(struct session *s, const struct task *t, const struct task_signals *signals)
{
	const struct column columns[] = {
		{"number", "SIG", 4, '>', 0},
		{"sigaction", "SIGACTION", (short)(2 * s->kernel->arch->pointer_size), '^', 1},
		{"handler", "HANDLER", s->kernel->arch->pointer_size == 8 ? 10 : 8, '>', 1},
		{"mask", "MASK", 16, '^', 1},
		{"flags", "FLAGS", 16, '<', 1},
	};
	struct view v = {.s = s};
	struct error *e;

	out_hex(s->out, "signal_struct", "SIGNAL_STRUCT: %" PRIx64 "  ", signals->signal_struct);
	out_dec(s->out, signals->counts_threads ? "nr_threads" : "count", signals->counts_threads ? "NR_THREADS: %" PRIu64 "\n" : "COUNT: %" PRIu64 "\n",
		signals->threads);
	out_table(s->out, "actions", columns, 5, true);
	e = signal_actions(s->kernel, t, print_action, &v);
	out_table_end(s->out);
	return e;
}

static bool print_queued(void *context, unsigned number, uint64_t siginfo)
{
	struct view *v = context;
	struct out *o = v->s->out;

	if (!v->queued++)
		out_printf(o, " SIG  %s\n", v->s->kernel->wide ? "    SIGINFO" : "SIGINFO");
	out_object_begin(o, NULL);
	out_dec(o, "number", NULL, number);
	out_printf(o, "%s            %3u", v->indent, number);
	out_hex(o, "siginfo", "  %" PRIx64 "\n", siginfo);
	out_object_end(o);
	return !o->failed;
}

static struct error *print_pending(struct session *s, const char *title, const char *key, uint64_t set, uint64_t queue, const char *indent)
{
	struct view v = {s, indent, 0};
	struct error *e;

	out_object_begin(s->out, key);
	out_printf(s->out, "%s%s\n%s", indent, title, indent);
	out_hex(s->out, "signal", NULL, set);
	out_printf(s->out, "    SIGNAL: %016" PRIx64 "\n%s  SIGQUEUE: ", set, indent);
	out_array_begin(s->out, "queue");
	e = signal_queue(s->kernel, queue, print_queued, &v);
	if (!v.queued)
		out_text(s->out, "(empty)\n");
	out_array_end(s->out);
	out_object_end(s->out);
	return e;
}

/* What is the task's own. */
static struct error *print_task(struct session *s, const struct task_signals *signals, const char *indent)
{
	bool waits = (signals->pending | signals->shared) & ~signals->blocked;

	out_printf(s->out, "%sSIGPENDING: %s\n%s", indent, waits ? "yes" : "no", indent);
	out_bool(s->out, "sigpending", NULL, waits);
	out_hex(s->out, "blocked", NULL, signals->blocked);
	out_printf(s->out, "   BLOCKED: %016" PRIx64 "\n", signals->blocked);
	return print_pending(s, "PRIVATE_PENDING", "private_pending", signals->pending, signals->pending_queue, indent);
}

static struct error *print_shared(struct session *s, const struct task_signals *signals)
{
	return signals->shared_queue ? print_pending(s, "SHARED_PENDING", "shared_pending", signals->shared, signals->shared_queue, "") : NULL;
}

static struct error *show(struct session *s, const struct task *t, void *context)
{
	struct task_signals signals;

	TRY(task_signals(s->kernel, t, &signals));
	TRY(print_actions(s, t, &signals));
	TRY(print_task(s, &signals, ""));
	return print_shared(s, &signals);
}

/* -g: what the threads of a process share once, then each one's own. */
static struct error *show_group(struct session *s, const struct task *t, void *context)
{
	struct kernel *k = s->kernel;
	struct task_signals signals;
	const struct task *thread;
	struct error *e = NULL;

	TRY(task_signals(k, t, &signals));
	TRY(print_actions(s, t, &signals));
	TRY(print_shared(s, &signals));
	out_array_begin(s->out, "threads");
	for (size_t i = 0; !e && (thread = tasks_get(k, i)); i++) {
		if (t->is_idle ? thread != t : thread->tgid != t->tgid || thread->is_idle)
			continue;
		e = task_signals(k, thread, &signals);
		if (e)
			break;
		out_object_begin(s->out, NULL);
		out_text(s->out, "\n");
		context_heading_indented(s, thread, 2);
		e = print_task(s, &signals, "  ");
		if (!e)
			out_object_end(s->out);
	}
	if (!e)
		out_array_end(s->out);
	return e;
}

static struct error *run_sig(struct session *s, int argc, char **argv)
{
	struct option_parser p = {.argc = argc, .argv = argv, .spec = "ls:g"};
	bool group = false;
	int option;

	while ((option = next_option(&p))) {
		if (option == '?')
			return option_error(&p);
		if (option == 'l')
			return list_names(s);
		if (option == 's')
			return decode_set(s, p.argument);
		group = true;
	}
	return group ? context_for_each_group(s, argc, argv, p.index, show_group, NULL) : context_for_each(s, argc, argv, p.index, show, NULL);
}

COMMAND(sig) = {
	.name = "sig",
	.summary = "what tasks do on signals, and signals that wait for them",
	.synopsis = "[-l | -s SIGSET] | [-g] [PID | TASK | NAME]…",
	.help = "Shows of each task, of the context without words: for each signal the k_sigaction, the handler (a user address, SIG_DFL\n"
		"or SIG_IGN), the mask of signals held back meanwhile, the flags; then whether a signal waits that is not held back,\n"
		"which ones are held back (BLOCKED), and what waits: as a set and, with a siginfo each, in the queue; of the task itself\n"
		"(PRIVATE_PENDING) and of its process (SHARED_PENDING).\n"
		"\n"
		"  -g  all threads of the task's process: what they share once, then each one's own\n"
		"  -l  the numbers and names of signals\n"
		"  -s  the names in a set, written as a hexadecimal number\n"
		"\n"
		"EXAMPLES\n"
		"    mmscope> sig 1\n"
		"    mmscope> sig -g 1\n"
		"    mmscope> sig -s 800a000000000201\n"
		"    mmscope> foreach user sig\n",
	.options = "-g -l -s",
	.flags = CMD_NEEDS_KERNEL | CMD_FOREACH | CMD_TASK_ARGS,
	.run = run_sig,
};
