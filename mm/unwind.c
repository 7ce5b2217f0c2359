/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "mm/unwind.h"

#include <elf.h>
#include <inttypes.h>

#include "core/interrupt.h"
#include "mm/orc.h"
#include "mm/stacks.h"

/* No kernel stack has room for more calls. */
#define MAX_FRAMES 4096

/* ---- Stacks ---- */

/* The stack that addr lies in: the task's, or one of a CPU. False for none. */
static bool stack_find(struct kernel *k, const struct task *t, uint64_t addr, struct stack_place *out)
{
	struct stack_kind kind;

	*out = (struct stack_place){NULL, t->stack, task_stack_size(k)};
	if (t->stack && addr - t->stack < out->size)
		return true;
	for (unsigned i = 0; stack_kind(k, i, &kind); i++) {
		uint64_t base;

		/* One past the end is where an empty stack's pointer stands. */
		if (!stack_of_cpu(k, &kind, t->cpu, &base) || addr - base > kind.size)
			continue;
		*out = (struct stack_place){kind.name, base, kind.size};
		return true;
	}
	return false;
}

/* ---- The beginning ---- */

/* struct elf_prstatus of x86_64: pr_reg at 112, in the order of struct pt_regs and as long. */
#define PRSTATUS_REGS 112

/* The registers of a processor, from the nth of the dump's notes of that kind: a processor's that was up each. */
static bool cpu_registers(struct kernel *k, unsigned cpu, struct object *out)
{
	struct vmcore_note note;
	unsigned seen = 0;

	for (size_t i = 0; vmcore_note(k->vmcore, i, &note); i++) {
		if (note.type != NT_PRSTATUS || strcmp(note.name, "CORE") || seen++ != cpu)
			continue;
		if (note.desc_size < PRSTATUS_REGS + SIZE_OF(k, pt_regs))
			return false;
		*out = (struct object){(const unsigned char *)note.desc + PRSTATUS_REGS, 0, SIZE_OF(k, pt_regs)};
		return GET(k, out, pt_regs, ip) != 0;
	}
	return false;
}

struct error *unwind_begin(struct kernel *k, const struct task *t, struct unwind_start *out)
{
	struct object frame;

	*out = (struct unwind_start){0};
	if (k->arch->pointer_size != 8)
		return error_new(ERR_UNSUPPORTED, "backtraces of %s are not known", k->arch->name);
	TRY(members_require(k, "backtraces", M_pt_regs_ip, M_pt_regs_sp, M_pt_regs_cs, M_task_struct_sp, MEMBER_NONE));
	if (!t->stack)
		return error_new(ERR_NOT_FOUND, "the task has ended, its kernel stack is gone");
	if (t->is_active) {
		if (!cpu_registers(k, t->cpu, &out->regs))
			return error_new(ERR_NOT_FOUND, "running, and the image has no registers of CPU %u", t->cpu);
		out->ip = GET(k, &out->regs, pt_regs, ip);
		out->sp = GET(k, &out->regs, pt_regs, sp);
		out->bp = GET(k, &out->regs, pt_regs, bp);
		out->user = (GET(k, &out->regs, pt_regs, cs) & 3) == 3;
		return NULL;
	}
	TRY(members_require(k, "backtraces", M_inactive_task_frame_ret_addr, M_inactive_task_frame_bp, MEMBER_NONE));
	out->sp = GET(k, &t->object, task_struct, sp);
	TRY(error_prefix(object_open(k, out->sp, S_inactive_task_frame, &frame), "saved stack pointer"));
	out->ip = GET(k, &frame, inactive_task_frame, ret_addr);
	out->bp = GET(k, &frame, inactive_task_frame, bp);
	out->slot = out->sp + OFFSET(k, inactive_task_frame, ret_addr);
	out->sp = out->slot + 8;
	return NULL;
}

/* ---- The walk ---- */

struct state {
	struct kernel *k;
	const struct task *task;
	struct orc_tables tables;
	uint64_t ip, sp, bp;
	bool signal;	    /* ip is where an exception found it, so it is looked up as it is */
	struct object regs; /* what is known of the other registers there; bytes NULL: nothing */
	struct stack_place stack;
};

static struct error *bad_stack(const struct state *s, const char *why)
{
	return error_at(ERR_BAD_LIST, s->sp, "the stack cannot be followed further at %" PRIx64 ": %s", s->sp, why);
}

/* Where no table speaks of the code: it keeps a frame pointer, as code made at run time does (orc_fp_entry). */
static const struct orc by_frame_pointer = {
	.sp_offset = 16, .bp_offset = -16, .sp_reg = ORC_REG_BP, .bp_reg = ORC_REG_PREV_SP, .type = ORC_TYPE_CALL};

/* The previous stack pointer. */
static struct error *previous_sp(const struct state *s, const struct orc *orc, uint64_t *sp)
{
	static const enum member_id known[] = {[ORC_REG_DX] = M_pt_regs_dx, [ORC_REG_DI] = M_pt_regs_di, [ORC_REG_R10] = M_pt_regs_r10, [ORC_REG_R13] = M_pt_regs_r13};
	struct kernel *k = s->k;

	switch (orc->sp_reg) {
	case ORC_REG_SP:
		*sp = s->sp + orc->sp_offset;
		return NULL;
	case ORC_REG_BP:
		*sp = s->bp + orc->sp_offset;
		return NULL;
	case ORC_REG_SP_INDIRECT:
		TRY(kernel_read_pointer(k, s->sp, sp));
		*sp += orc->sp_offset;
		return NULL;
	case ORC_REG_BP_INDIRECT:
		return kernel_read_pointer(k, s->bp + orc->sp_offset, sp);
	case ORC_REG_DX:
	case ORC_REG_DI:
	case ORC_REG_R10:
	case ORC_REG_R13:
		if (!s->regs.bytes)
			return bad_stack(s, "it depends on a register that is not known");
		*sp = object_get(k, &s->regs, known[orc->sp_reg]);
		return NULL;
	default:
		return bad_stack(s, "the tables say nothing of this place");
	}
}

static struct error *previous_bp(const struct state *s, const struct orc *orc, uint64_t sp, uint64_t *bp)
{
	switch (orc->bp_reg) {
	case ORC_REG_PREV_SP:
		return kernel_read_pointer(s->k, sp + orc->bp_offset, bp);
	case ORC_REG_BP:
		return kernel_read_pointer(s->k, s->bp + orc->bp_offset, bp);
	default:
		return NULL;
	}
}

/* The pt_regs at `addr`, whose part that the processor pushed begins at ip; without the rest when that is all. */
static struct error *take_regs(struct state *s, uint64_t addr, bool partial, struct frame *f)
{
	struct kernel *k = s->k;
	uint64_t at = partial ? addr - OFFSET(k, pt_regs, ip) : addr;
	struct object o;

	TRY(object_open(k, at, S_pt_regs, &o));
	f->regs = o;
	f->regs_partial = partial;
	f->user = (GET(k, &o, pt_regs, cs) & 3) == 3;
	s->ip = GET(k, &o, pt_regs, ip);
	s->sp = GET(k, &o, pt_regs, sp);
	s->regs = partial ? (struct object){NULL, 0, 0} : o;
	if (!partial)
		s->bp = GET(k, &o, pt_regs, bp);
	s->signal = true;
	return NULL;
}

/* From the function at s->ip to its caller. Fills what `f` has of the function; *end: it is the outermost. */
static struct error *step(struct state *s, struct frame *f, uint64_t *slot, bool *end)
{
	struct kernel *k = s->k;
	uint64_t sp = 0, bp = s->bp;
	struct orc orc;
	bool found;

	*end = false;
	TRY(orc_find(k, &s->tables, s->signal ? s->ip : s->ip - 1, &orc, &found));
	if (!found)
		orc = by_frame_pointer;
	if (orc.type == ORC_TYPE_END_OF_STACK) {
		*end = true;
		return NULL;
	}
	if (orc.type == ORC_TYPE_UNDEFINED)
		return bad_stack(s, "the tables say nothing of this place");
	TRY(previous_sp(s, &orc, &sp));
	f->end = sp;
	switch (orc.type) {
	case ORC_TYPE_CALL:
		TRY(previous_bp(s, &orc, sp, &bp));
		TRY(kernel_read_pointer(k, sp - 8, &s->ip));
		*slot = sp - 8;
		s->sp = sp;
		s->bp = bp;
		s->signal = false;
		s->regs = (struct object){NULL, 0, 0};
		break;
	case ORC_TYPE_REGS:
	case ORC_TYPE_REGS_PARTIAL:
		TRY(take_regs(s, sp, orc.type == ORC_TYPE_REGS_PARTIAL, f));
		*slot = s->sp;
		break;
	default:
		return bad_stack(s, "the tables are damaged");
	}
	return NULL;
}

/* A stack grows down, so the walk goes up; only another stack may lie anywhere. */
static struct error *check_progress(struct state *s, uint64_t before, struct stack_place *left, bool *switched)
{
	struct stack_place now;

	*switched = false;
	if (!stack_find(s->k, s->task, s->sp, &now)) {
		/* The very top of the task's stack: nothing is left on it. */
		if (s->sp == s->stack.base + s->stack.size)
			return NULL;
		return bad_stack(s, "no stack of this task or CPU");
	}
	if (now.base == s->stack.base)
		return s->sp > before ? NULL : bad_stack(s, "it goes backwards");
	if (!now.name && !s->stack.name)
		return bad_stack(s, "another task's stack");
	*left = s->stack;
	*switched = true;
	s->stack = now;
	return NULL;
}

struct error *unwind(struct kernel *k, const struct task *t, const struct unwind_start *start, frame_visitor *visit, void *context)
{
	struct state s = {.k = k, .task = t, .ip = start->ip, .sp = start->sp, .bp = start->bp, .signal = start->regs.bytes != NULL, .regs = start->regs};
	struct frame f = {.ip = start->ip, .slot = start->slot};

	TRY(orc_open(k, &s.tables));
	if (start->user)
		return NULL;
	if (!stack_find(k, t, s.sp, &s.stack))
		return bad_stack(&s, "no stack of this task or CPU");
	/* Registers show their function themselves. */
	bool hidden = start->regs.bytes != NULL;
	for (unsigned count = 0; count < MAX_FRAMES; count++) {
		struct stack_place left;
		uint64_t before = s.sp, slot = 0;
		bool end, switched = false;
		struct error *e = step(&s, &f, &slot, &end);

		if (!e && !end && !f.user && s.ip)
			e = check_progress(&s, before, &left, &switched);
		f.left = switched ? &left : NULL;
		if (!hidden && !visit(context, &f)) {
			error_free(e);
			return NULL;
		}
		if (e || end || f.user || !s.ip)
			return e;
		/* An exception on the same stack: the registers have shown the function that it came in. */
		hidden = f.regs.bytes && !switched;
		f = (struct frame){.ip = s.ip, .slot = slot, .interrupted = s.signal};
		TRY(check_interrupt());
	}
	return bad_stack(&s, "it never ends");
}
