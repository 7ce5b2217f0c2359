/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * regs: CR3 and the user registers of a task, in the form of crash's bt.
 */
#include <inttypes.h>

#include "cmd/context.h"
#include "cmd/regs.h"
#include "mm/regs.h"

struct cell {
	const char *before; /* the blanks and name that stand before it */
	const char *key;
	enum member_id id;
};

static const struct cell x86_64[] = {
	{"    RIP: ", "rip", M_pt_regs_ip},
	{"  RSP: ", "rsp", M_pt_regs_sp},
	{"  RFLAGS: ", "rflags", M_pt_regs_flags},
	{"\n    RAX: ", "rax", M_pt_regs_ax},
	{"  RBX: ", "rbx", M_pt_regs_bx},
	{"  RCX: ", "rcx", M_pt_regs_cx},
	{"\n    RDX: ", "rdx", M_pt_regs_dx},
	{"  RSI: ", "rsi", M_pt_regs_si},
	{"  RDI: ", "rdi", M_pt_regs_di},
	{"\n    RBP: ", "rbp", M_pt_regs_bp},
	{"   R8: ", "r8", M_pt_regs_r8},
	{"   R9: ", "r9", M_pt_regs_r9},
	{"\n    R10: ", "r10", M_pt_regs_r10},
	{"  R11: ", "r11", M_pt_regs_r11},
	{"  R12: ", "r12", M_pt_regs_r12},
	{"\n    R13: ", "r13", M_pt_regs_r13},
	{"  R14: ", "r14", M_pt_regs_r14},
	{"  R15: ", "r15", M_pt_regs_r15},
	{"\n    ORIG_RAX: ", "orig_rax", M_pt_regs_orig_ax},
	{"  CS: ", "cs", M_pt_regs_cs},
	{"  SS: ", "ss", M_pt_regs_ss},
	{NULL, NULL, MEMBER_NONE},
};

static const struct cell i386[] = {
	{"    EAX: ", "eax", M_pt_regs_ax},	   {"  EBX: ", "ebx", M_pt_regs_bx},
	{"  ECX: ", "ecx", M_pt_regs_cx},	   {"  EDX: ", "edx", M_pt_regs_dx},
	{"\n    DS:  ", "ds", M_pt_regs_ds},	   {"      ESI: ", "esi", M_pt_regs_si},
	{"  ES:  ", "es", M_pt_regs_es},	   {"      EDI: ", "edi", M_pt_regs_di},
	{"\n    SS:  ", "ss", M_pt_regs_ss},	   {"      ESP: ", "esp", M_pt_regs_sp},
	{"  EBP: ", "ebp", M_pt_regs_bp},	   {"\n    CS:  ", "cs", M_pt_regs_cs},
	{"      EIP: ", "eip", M_pt_regs_ip},	   {"  ERR: ", "orig_eax", M_pt_regs_orig_ax},
	{"  EFLAGS: ", "eflags", M_pt_regs_flags}, {NULL, NULL, MEMBER_NONE},
};

static bool is_segment(enum member_id id)
{
	return id == M_pt_regs_cs || id == M_pt_regs_ss || id == M_pt_regs_ds || id == M_pt_regs_es;
}

/* What the processor pushes. */
static bool is_pushed(enum member_id id)
{
	return id == M_pt_regs_ip || id == M_pt_regs_sp || id == M_pt_regs_flags || id == M_pt_regs_cs || id == M_pt_regs_ss;
}

void regs_show(struct session *s, const struct object *regs, enum regs_kind kind)
{
	struct kernel *k = s->kernel;
	bool wide = k->arch->pointer_size == 8;

	for (const struct cell *c = wide ? x86_64 : i386; c->key; c++) {
		uint64_t value = object_get(k, regs, c->id);

		if ((kind == REGS_PUSHED && !is_pushed(c->id)) || (kind == REGS_CPU && c->id == M_pt_regs_orig_ax))
			continue;
		out_text(s->out, kind != REGS_SAVED && c->id == M_pt_regs_cs ? "\n    CS: " : c->before);
		/* The words above a segment's 16 bits are the CPU's (FRED keeps the event there).
		 */
		if (is_segment(c->id))
			out_hex(s->out, c->key, "%04" PRIx64, value & 0xffff);
		else if (wide && c->id != M_pt_regs_flags)
			out_hex(s->out, c->key, "%016" PRIx64, value);
		else
			out_hex(s->out, c->key, "%08" PRIx64, value & UINT32_MAX);
	}
	out_text(s->out, "\n");
}

static struct error *show(struct session *s, const struct task *t, void *context)
{
	struct object regs;
	uint64_t kernel, user;
	bool wide = s->kernel->arch->pointer_size == 8;
	struct error *e = task_cr3(s->kernel, t, &kernel, &user);

	/* A torn mm takes nothing from the registers. */
	if (e) {
		context_complain(s, "regs", e);
		error_free(e);
	} else {
		out_hex(s->out, "cr3", wide ? "    CR3: %016" PRIx64 : "    CR3: %08" PRIx64,
			kernel);
		if (user)
			out_hex(s->out, "cr3_user", " (kernel)  %016" PRIx64 " (user)", user);
		out_text(s->out, "\n");
	}
	if (t->is_kernel) {
		out_text(s->out, "    (a kernel thread: no user registers)\n");
		return NULL;
	}
	if (!t->stack) {
		out_text(s->out, "    (the task has ended, its kernel stack is gone)\n");
		return NULL;
	}
	TRY(task_user_regs(s->kernel, t, &regs));
	if (t->is_active)
		out_text(s->out, "    (running: as of its last entry into the kernel)\n");
	out_hex(s->out, "pt_regs", NULL, regs.addr);
	regs_show(s, &regs, REGS_SAVED);
	return NULL;
}

static struct error *run_regs(struct session *s, int argc, char **argv)
{
	if (argc > 1 && argv[1][0] == '-')
		return unknown_option(argv[0], argv[1][1], argv[1]);
	return context_for_each(s, argc, argv, 1, show, NULL);
}

COMMAND(regs) = {
	.name = "regs",
	.summary = "CR3 and the user registers of tasks",
	.synopsis = "[PID | TASK | NAME]…",
	.help = "For each task (the context without words): CR3, the physical address of its "
		"topmost page table, and the\n"
		"registers that it had in user mode when it last entered the kernel, which saved "
		"them as a pt_regs at the top\n"
		"of the task's kernel stack. For a task in a system call ORIG_RAX is the call's "
		"number.\n"
		"\n"
		"Under page-table isolation a task has two page tables, one for each mode; both "
		"are shown. CR3 is shown without\n"
		"the PCID in its low bits.\n"
		"\n"
		"EXAMPLES\n"
		"  Where init waits:\n"
		"\n"
		"    mmscope> regs 1\n"
		"\n"
		"  All threads of all user processes:\n"
		"\n"
		"    mmscope> foreach user regs\n",
	.flags = CMD_NEEDS_KERNEL | CMD_FOREACH | CMD_TASK_ARGS,
	.run = run_regs,
};
