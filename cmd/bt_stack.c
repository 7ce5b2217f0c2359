/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * bt without frames: what else a kernel stack holds.
 */
#include <inttypes.h>
#include <stdio.h>

#include "cmd/bt.h"
#include "cmd/regs.h"
#include "mm/regs.h"
#include "mm/slab.h"
#include "mm/stacks.h"

/* include/uapi/linux/magic.h: at the far end of every stack */
#define STACK_END_MAGIC 0x57ac6e9d

static bool is_text(struct kernel *k, uint64_t addr, struct symbol *symbol, uint64_t *offset)
{
	return kernel_is_kernel_address(k, addr) && symbol_at(k, addr, symbol, offset) && (symbol->type == 't' || symbol->type == 'T' || symbol->type == 'W');
}

static void format_word(struct session *s, uint64_t value, unsigned symbolic, char *buf, size_t size)
{
	struct kernel *k = s->kernel;
	char name[64];

	if (symbolic && kernel_is_kernel_address(k, value)) {
		if (symbol_format(k, value, buf, size))
			return;
		if (symbolic > BT_SYMBOLS && slab_cache_name(k, value, name, sizeof(name))) {
			if (symbolic > BT_CACHES)
				snprintf(buf, size, "[%" PRIx64 ":%s]", value, name);
			else
				snprintf(buf, size, "[%s]", name);
			return;
		}
	}
	snprintf(buf, size, "%0*" PRIx64, 2 * k->arch->pointer_size, value);
}

void bt_words(struct session *s, uint64_t start, uint64_t end, const char *prefix, const char *separator, unsigned symbolic)
{
	const unsigned word = s->kernel->arch->pointer_size;
	struct out *o = s->out;
	unsigned column = 0;

	out_array_begin(o, "words");
	for (uint64_t at = start; at < end; at += word) {
		uint64_t value;
		char text[256];

		if (error_drop(kernel_read_pointer(s->kernel, at, &value)))
			snprintf(text, sizeof(text), "%.*s", 2 * (int)word, "????????????????");
		else
			format_word(s, value, symbolic, text, sizeof(text));
		if (!column)
			out_printf(o, "%s%" PRIx64 ":%s", prefix, at, separator);
		out_str(o, NULL, symbolic ? "%-16s " : "%s ", text);
		column = (column + 1) % (16 / word);
		if (!column)
			out_text(o, "\n");
	}
	if (column)
		out_text(o, "\n");
	out_array_end(o);
}

struct error *bt_text(struct session *s, const struct task *t, uint64_t start)
{
	struct kernel *k = s->kernel;
	const unsigned word = k->arch->pointer_size;
	const uint64_t top = t->stack + task_stack_size(k);
	struct object regs;

	out_array_begin(s->out, "text");
	for (uint64_t at = start & -(uint64_t)word; at + word <= top; at += word) {
		struct symbol symbol;
		uint64_t value, offset;

		if (error_drop(kernel_read_pointer(k, at, &value)) || !is_text(k, value, &symbol, &offset))
			continue;
		out_object_begin(s->out, NULL);
		out_hex(s->out, "slot", "  [%" PRIx64 "] ", at);
		out_str(s->out, "function", "%s at ", symbol.name);
		out_hex(s->out, "ip", "%" PRIx64 "\n", value);
		out_object_end(s->out);
		TRY(check_interrupt());
	}
	out_array_end(s->out);
	if (!t->is_kernel && !error_drop(task_user_regs(k, t, &regs))) {
		out_object_begin(s->out, "regs");
		regs_show(s, &regs, REGS_SAVED);
		out_object_end(s->out);
	}
	return NULL;
}

struct error *bt_raw(struct session *s, const struct task *t)
{
	bt_words(s, t->stack, t->stack + task_stack_size(s->kernel), "", "  ", BT_SYMBOLS);
	return NULL;
}

/* ---- Exception frames ---- */

/* Registers as an entry from kernel mode saves them: segments of the kernel's, text, a stack pointer, flags with the bit that is always set. */
static bool looks_saved(struct kernel *k, const struct object *r, const struct stack_place *stack)
{
	uint64_t cs = GET(k, r, pt_regs, cs), ss = GET(k, r, pt_regs, ss), flags = GET(k, r, pt_regs, flags), offset;
	struct symbol symbol;

	if ((cs & 3) == 3)
		return cs == 0x33 && ss == 0x2b && flags >> 22 == 0 && flags & 2 && !kernel_is_kernel_address(k, GET(k, r, pt_regs, ip)) &&
		       !kernel_is_kernel_address(k, GET(k, r, pt_regs, sp));
	return cs == 0x10 && (ss == 0x18 || !ss) && flags >> 22 == 0 && flags & 2 && is_text(k, GET(k, r, pt_regs, ip), &symbol, &offset) &&
	       (stack->name || GET(k, r, pt_regs, sp) - stack->base <= stack->size);
}

/* How many were found. */
static unsigned search_stack(struct session *s, const struct stack_place *stack)
{
	struct kernel *k = s->kernel;
	const uint32_t size = SIZE_OF(k, pt_regs);
	unsigned found = 0;

	for (uint64_t at = stack->base; at + size <= stack->base + stack->size && !interrupted(); at += 8) {
		struct object regs;

		if (!object_try_open(k, at, S_pt_regs, &regs) || !looks_saved(k, &regs, stack))
			continue;
		bool user = (GET(k, &regs, pt_regs, cs) & 3) == 3;
		out_object_begin(s->out, NULL);
		out_bool(s->out, "user", NULL, user);
		out_printf(s->out, "\n  %s-MODE EXCEPTION FRAME AT: ", user ? "USER" : "KERNEL");
		out_hex(s->out, "addr", "%" PRIx64 "\n", at);
		if (!user) {
			char text[256];

			symbol_format(k, GET(k, &regs, pt_regs, ip), text, sizeof(text));
			out_str(s->out, "exception", "    [exception RIP: %s]\n", text);
		}
		regs_show(s, &regs, REGS_SAVED);
		out_object_end(s->out);
		found++;
	}
	return found;
}

static struct error *need_x86_64(struct kernel *k)
{
	if (k->arch->pointer_size != 8)
		return error_new(ERR_UNSUPPORTED, "exception frames of %s are not known", k->arch->name);
	return members_require(k, "exception frames", M_pt_regs_ip, M_pt_regs_sp, M_pt_regs_cs, M_pt_regs_ss, M_pt_regs_flags, MEMBER_NONE);
}

struct error *bt_exceptions(struct session *s, const struct task *t)
{
	struct stack_place stack = {NULL, t->stack, task_stack_size(s->kernel)};

	TRY(need_x86_64(s->kernel));
	out_array_begin(s->out, "exceptions");
	search_stack(s, &stack);
	out_array_end(s->out);
	return check_interrupt();
}

struct error *bt_cpu_exceptions(struct session *s, unsigned cpu)
{
	struct kernel *k = s->kernel;
	struct stack_kind kind;

	TRY(need_x86_64(k));
	for (unsigned i = 0; stack_kind(k, i, &kind); i++) {
		struct stack_place stack = {.name = kind.name, .size = kind.size};

		if (!stack_of_cpu(k, &kind, cpu, &stack.base))
			continue;
		out_object_begin(s->out, NULL);
		out_dec(s->out, "cpu", "CPU %" PRIu64 " ", cpu);
		out_str(s->out, "stack", kind.member == MEMBER_NONE ? "%s STACK:\n" : "%s EXCEPTION STACK:\n", kind.name);
		out_array_begin(s->out, "exceptions");
		if (!search_stack(s, &stack))
			out_text(s->out, "(none found)\n");
		out_array_end(s->out);
		out_text(s->out, "\n");
		out_object_end(s->out);
		TRY(check_interrupt());
	}
	return NULL;
}

/* ---- -v ---- */

struct error *bt_check_stacks(struct session *s)
{
	struct kernel *k = s->kernel;
	const struct task *t;
	unsigned bad = 0, checked = 0;

	TRY(tasks_count(k, &(size_t){0}));
	out_array_begin(s->out, "overflows");
	for (size_t i = 0; (t = tasks_get(k, i)); i++) {
		uint64_t end = t->stack, magic;

		if (!t->stack)
			continue;
		/* A thread_info on the stack stands below the mark. */
		if (!HAS(k, task_struct, thread_info))
			end += SIZE_OF(k, thread_info);
		checked++;
		struct error *e = kernel_read_uint(k, end, k->arch->pointer_size, &magic);
		if (!e && magic == STACK_END_MAGIC)
			continue;
		bad++;
		out_object_begin(s->out, NULL);
		out_dec(s->out, "pid", "PID: %" PRIu64 "  ", t->pid);
		out_hex(s->out, "task", "TASK: %" PRIx64 "  ", t->addr);
		out_str(s->out, "comm", "COMMAND: \"%s\"\n", t->comm);
		if (e)
			out_str(s->out, "problem", "  stack cannot be read: %s\n", e->message);
		else
			out_hex(s->out, "found", "  possible stack overflow: the end of the stack has %" PRIx64 ", not 57ac6e9d\n", magic);
		error_free(e);
		out_object_end(s->out);
	}
	out_array_end(s->out);
	out_dec(s->out, "checked", NULL, checked);
	if (!bad)
		out_text(s->out, "No stack overflows detected\n");
	return NULL;
}
