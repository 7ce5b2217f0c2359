/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "mm/signal.h"

#include <inttypes.h>
#include <stdio.h>

#include "core/interrupt.h"
#include "mm/list.h"

#define SIGNALS	    64
#define SIGRTMIN_NR 32 /* the kernel's own */
#define QUEUE_MAX   (1u << 20)

static const char *const names[SIGRTMIN_NR] = {
	NULL,	   "SIGHUP",  "SIGINT",	 "SIGQUIT",   "SIGILL",	   "SIGTRAP", "SIGABRT", "SIGBUS",  "SIGFPE",  "SIGKILL", "SIGUSR1",
	"SIGSEGV", "SIGUSR2", "SIGPIPE", "SIGALRM",   "SIGTERM",   "SIGSTKFLT", "SIGCHLD", "SIGCONT", "SIGSTOP", "SIGTSTP", "SIGTTIN",
	"SIGTTOU", "SIGURG",  "SIGXCPU", "SIGXFSZ",   "SIGVTALRM", "SIGPROF", "SIGWINCH", "SIGIO",   "SIGPWR",  "SIGSYS"};

const char *signal_name(unsigned number, char *buf)
{
	if (number && number < SIGRTMIN_NR)
		return names[number];
	if (number == SIGRTMIN_NR || number == SIGNALS)
		return number == SIGNALS ? "SIGRTMAX" : "SIGRTMIN";
	/* As the shells count them: upwards to the middle, then downwards. */
	if (number > SIGNALS || !number)
		return "?";
	if (number <= SIGRTMIN_NR + 16)
		snprintf(buf, 16, "SIGRTMIN+%u", number - SIGRTMIN_NR);
	else
		snprintf(buf, 16, "SIGRTMAX-%u", SIGNALS - number);
	return buf;
}

const char *signal_other_name(unsigned number)
{
	return number == 6 ? "SIGIOT" : number == 17 ? "SIGCLD" : number == 29 ? "SIGPOLL" : number == 31 ? "SIGUNUSED" : NULL;
}

/* include/uapi/asm-generic/signal-defs.h, arch/x86/include/uapi/asm/signal.h */
void signal_action_flags(uint64_t flags, char *buf, size_t size)
{
	static const struct {
		uint32_t bit;
		const char *name;
	} bits[] = {{0x1, "SA_NOCLDSTOP"},	{0x2, "SA_NOCLDWAIT"},	{0x400, "SA_UNSUPPORTED"},  {0x800, "SA_EXPOSE_TAGBITS"},
		    {0x04000000, "SA_RESTORER"}, {0x4, "SA_SIGINFO"},	{0x08000000, "SA_ONSTACK"}, {0x10000000, "SA_RESTART"},
		    {0x40000000, "SA_NODEFER"},	 {0x80000000, "SA_RESETHAND"}};
	size_t n = 0;

	*buf = '\0';
	for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
		if (!(flags & bits[i].bit))
			continue;
		int more = snprintf(buf + n, size - n, "%s%s", n ? "|" : "", bits[i].name);
		if (more < 0 || n + (size_t)more >= size)
			return;
		n += (size_t)more;
	}
}

/* A sigset_t, of two words where pointers have 4 bytes; the first 64 signals are in its first 8 bytes. */
static uint64_t set_in(struct kernel *k, const struct object *o, enum member_id id)
{
	size_t len;
	const unsigned char *bytes = object_bytes(k, o, id, &len);

	return bytes && len >= 8 ? load_uint(bytes, 8) : 0;
}

struct error *task_signals(struct kernel *k, const struct task *t, struct task_signals *out)
{
	struct object o;

	*out = (struct task_signals){0};
	TRY(members_require(k, "signals", M_task_struct_blocked, M_task_struct_pending, M_task_struct_pending_signal, MEMBER_NONE));
	out->signal_struct = HAS(k, task_struct, signal) ? GET(k, &t->object, task_struct, signal) : GET(k, &t->object, task_struct, actions);
	out->blocked = set_in(k, &t->object, M_task_struct_blocked);
	out->pending = set_in(k, &t->object, M_task_struct_pending_signal);
	out->pending_queue = MEMBER_ADDR(k, &t->object, task_struct, pending);
	if (!out->signal_struct)
		return NULL;
	TRY(object_open(k, out->signal_struct, S_signal_struct, &o));
	out->counts_threads = HAS(k, signal_struct, nr_threads);
	out->threads = out->counts_threads ? GET(k, &o, signal_struct, nr_threads) : GET(k, &o, signal_struct, sigcnt);
	if (HAS(k, signal_struct, shared_pending)) {
		out->shared = set_in(k, &o, M_signal_struct_shared_signal);
		out->shared_queue = MEMBER_ADDR(k, &o, signal_struct, shared_pending);
	}
	return NULL;
}

struct error *signal_actions(struct kernel *k, const struct task *t, signal_action_visitor *visit, void *context)
{
	const struct member *m = &k->members[M_sighand_struct_action];
	uint64_t addr = GET(k, &t->object, task_struct, actions);
	struct object table;

	TRY(members_require(k, "signals", M_task_struct_actions, M_sighand_struct_action, M_k_sigaction_handler, MEMBER_NONE));
	if (!addr)
		return NULL;
	TRY(object_open(k, addr, S_sighand_struct, &table));
	for (unsigned i = 0; i < m->count && i < SIGNALS; i++) {
		uint64_t offset = m->offset + (uint64_t)i * m->stride;
		if (offset + m->stride > table.size)
			return error_new(ERR_BAD_OBJECT, "the table of actions is longer than its struct");
		struct object o = {table.bytes + offset, addr + offset, m->stride};
		struct signal_action a = {
			.number = i + 1,
			.addr = addr + offset,
			.handler = GET(k, &o, k_sigaction, handler),
			.flags = GET(k, &o, k_sigaction, flags),
			.mask = set_in(k, &o, M_k_sigaction_mask),
		};
		if (!k->wide)
			a.flags = (uint32_t)a.flags;
		if (!visit(context, &a))
			break;
	}
	return NULL;
}

/* ---- Queues ---- */

struct queue_walk {
	struct kernel *k;
	signal_queue_visitor *visit;
	void *context;
	struct error *error;
};

static bool visit_queued(struct queue_walk *w, uint64_t addr)
{
	struct object o;

	w->error = members_require(w->k, "queued signals", M_sigqueue_info, M_sigqueue_signo, MEMBER_NONE);
	if (!w->error)
		w->error = object_open(w->k, addr, S_sigqueue, &o);
	return !w->error && w->visit(w->context, (unsigned)GET(w->k, &o, sigqueue, signo), MEMBER_ADDR(w->k, &o, sigqueue, info));
}

static bool visit_node(void *context, uint64_t node)
{
	struct queue_walk *w = context;

	return visit_queued(w, node - OFFSET(w->k, sigqueue, list));
}

struct error *signal_queue(struct kernel *k, uint64_t sigpending, signal_queue_visitor *visit, void *context)
{
	struct queue_walk w = {k, visit, context, NULL};
	struct error *e = NULL;
	uint64_t at;

	if (HAS(k, sigpending, list)) {
		e = list_for_each(k, sigpending + OFFSET(k, sigpending, list), visit_node, &w);
	} else {
		TRY(kernel_get(k, sigpending, M_sigpending_head, &at));
		for (unsigned n = 0; !e && at && visit_queued(&w, at); n++) {
			if (n == QUEUE_MAX)
				return error_at(ERR_BAD_LIST, sigpending, "queue of signals does not end: %" PRIx64, sigpending);
			e = check_interrupt();
			if (!e)
				e = kernel_get(k, at, M_sigqueue_next, &at);
		}
	}
	if (w.error && e)
		error_free(e);
	return w.error ? w.error : e;
}
