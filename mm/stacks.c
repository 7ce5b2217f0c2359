/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "mm/stacks.h"

static const struct stack_kind kinds[] = {
	{"IRQ", 0, MEMBER_NONE},
	{"DOUBLEFAULT", 0, M_cea_exception_stacks_DF_stack},
	{"NMI", 0, M_cea_exception_stacks_NMI_stack},
	{"DEBUG", 0, M_cea_exception_stacks_DB_stack},
	{"MCE", 0, M_cea_exception_stacks_MCE_stack},
	{"VC", 0, M_cea_exception_stacks_VC_stack},
	{"VC2", 0, M_cea_exception_stacks_VC2_stack},
};

/* A per-CPU pointer. */
static bool read_percpu(struct kernel *k, const char *name, uint32_t offset, unsigned cpu,
			uint64_t *out)
{
	struct symbol symbol;
	return cpu < k->cpus && symbol_find(k, name, &symbol) && !symbol.module &&
	       !error_drop(kernel_read_pointer(k, percpu_addr(k, symbol.addr, cpu) + offset, out));
}

static bool irq_stack_top(struct kernel *k, unsigned cpu, uint64_t *top)
{
	if (HAS(k, pcpu_hot, hardirq_stack_ptr))
		return read_percpu(k, "pcpu_hot", OFFSET(k, pcpu_hot, hardirq_stack_ptr), cpu, top);
	return read_percpu(k, "hardirq_stack_ptr", 0, cpu, top);
}

static bool fill(struct kernel *k, const struct stack_kind *from, struct stack_kind *out)
{
	uint64_t any;
	*out = *from;
	if (from->member == MEMBER_NONE) {
		struct type t = type_find(k, TYPE_AGGREGATE, "irq_stack");
		out->size = type_valid(t) ? type_size(k, t) : 0;
		return out->size && irq_stack_top(k, 0, &any);
	}
	const struct member *m = &k->members[from->member];
	out->size = m->present ? m->total : 0;
	/* CONFIG_AMD_MEM_ENCRYPT's are of size 0 elsewhere */
	return out->size && read_percpu(k, "cea_exception_stacks", 0, 0, &any);
}

bool stack_kind(struct kernel *k, unsigned index, struct stack_kind *out)
{
	for (unsigned i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (fill(k, &kinds[i], out) && !index--)
			return true;
	return false;
}

bool stack_of_cpu(struct kernel *k, const struct stack_kind *kind, unsigned cpu, uint64_t *base)
{
	if (kind->member == MEMBER_NONE) {
		/* the pointer is at the top of the stack, or a word or two below (5.8) */
		uint64_t top;
		if (!irq_stack_top(k, cpu, &top) || !top)
			return false;
		*base = ((top + VMCORE_PAGE_SIZE - 1) & -VMCORE_PAGE_SIZE) - kind->size;
		return true;
	}
	if (!read_percpu(k, "cea_exception_stacks", 0, cpu, base) || !*base)
		return false;
	*base += k->members[kind->member].offset;
	return true;
}
