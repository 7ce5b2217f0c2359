/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * waitq: who waits on a wait queue.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd/context.h"
#include "core/globals.h"
#include "mm/wait.h"

struct view {
	struct session *s;
	uint64_t waiters;
};

static bool print_waiter(void *context, const struct waiter *w)
{
	struct view *v = context;
	struct out *o = v->s->out;
	struct symbol symbol;
	uint64_t offset;

	v->waiters++;
	out_object_begin(o, NULL);
	if (w->task) {
		context_heading_indented(v->s, w->task, 0);
		out_hex(o, "entry", NULL, w->addr);
	} else {
		/* crash says nothing of these: epoll's, io_uring's, work items … */
		out_hex(o, "entry", "WAIT_QUEUE_ENTRY: %" PRIx64, w->addr);
		if (symbol_at(v->s->kernel, w->func, &symbol, &offset) && !offset)
			out_str(o, "func", "  FUNC: %s\n", symbol.name);
		else
			out_hex(o, "func", "  FUNC: %" PRIx64 "\n", w->func);
	}
	out_object_end(o);
	return !o->failed;
}

static bool is_simple(struct type t)
{
	return !strcmp(type_own_name(type_strip(t)), "swait_queue_head");
}

/* "STRUCT.MEMBER" of the structure at an address. */
static struct error *member_queue(struct session *s, const char *path, const char *word, uint64_t *head, bool *simple)
{
	const char *dot = strchr(path, '.');
	struct type_member m;
	struct type t;
	char name[256];

	if (!dot)
		return error_new(ERR_USAGE, "no member is named: %s", path);
	snprintf(name, sizeof(name), "%.*s", (int)(dot - path), path);
	t = type_find(s->kernel, TYPE_AGGREGATE, name);
	if (!type_valid(t))
		return error_new(ERR_NO_TYPE, "no such struct: %s", name);
	TRY(type_member_find(s->kernel, t, dot + 1, &m));
	TRY(parse_address(s, word, head));
	*head += m.offset;
	*simple = is_simple(m.type);
	return NULL;
}

static struct error *run_waitq(struct session *s, int argc, char **argv)
{
	struct view v = {.s = s};
	bool simple = false;
	struct error *e;
	struct type t;
	uint64_t head;

	if (argc < 2 || argc > 3 || argv[1][0] == '-')
		return argc > 1 && argv[1][0] == '-' ? unknown_option(argv[0], argv[1][1], argv[1]) : usage_error(argv[0], NULL);
	if (argc == 3) {
		TRY(member_queue(s, argv[1], argv[2], &head, &simple));
	} else {
		TRY(parse_address(s, argv[1], &head));
		simple = global_type(s->kernel, argv[1], &t) && is_simple(t);
	}
	out_hex(s->out, "queue", NULL, head);
	out_array_begin(s->out, "waiters");
	e = waiters_for_each(s->kernel, head, simple, print_waiter, &v);
	out_array_end(s->out);
	if (!e && !v.waiters)
		out_printf(s->out, "wait queue \"%s\" (%" PRIx64 ") is empty\n", argv[1], head);
	return e;
}

COMMAND(waitq) = {
	.name = "waitq",
	.summary = "who waits on a wait queue",
	.synopsis = "SYMBOL | ADDR | STRUCT.MEMBER ADDR",
	.help = "Lists the tasks on a wait queue: of a wait_queue_head (in simple wait queues, where that is the type of the variable or\n"
		"member, of a swait_queue_head), in the order in which they would be woken. A task in poll() or select() is found through\n"
		"its table. An entry behind which no task stands (epoll's) is shown with the function that would be called.\n"
		"\n"
		"EXAMPLES\n"
		"    mmscope> waitq log_wait\n"
		"    mmscope> waitq signal_struct.wait_chldexit init_signals\n",
	.flags = CMD_NEEDS_KERNEL | CMD_SYMBOL_ARGS | CMD_STRUCT_ARGS,
	.run = run_waitq,
};
