/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "mm/zero_page.h"

#include "core/symbols.h"

/* An unsigned long of the kernel's own; false when there is no such one, or it cannot be read. */
static bool frame_in(struct kernel *k, const char *symbol, uint64_t *pfn)
{
	return symbol_addr(k, symbol) && !error_drop(kernel_read_symbol(k, symbol, 0, pfn));
}

bool is_zero_frame(struct kernel *k, uint64_t pfn, bool huge)
{
	uint64_t zero, phys;

	/* mm/huge_memory.c: all ones while there is none. */
	if (huge)
		return frame_in(k, "huge_zero_pfn", &zero) && pfn == zero;
	/* mm/memory.c; mm/mm_init.c since 7.0; before 2.6.32, and where the compiler knows it, the
	 * page itself. */
	if (frame_in(k, "zero_pfn", &zero) || frame_in(k, "zero_page_pfn", &zero))
		return pfn == zero;
	return symbol_addr(k, "empty_zero_page") &&
	       !error_drop(kernel_vtop(k, symbol_addr(k, "empty_zero_page"), &phys)) &&
	       pfn == phys >> k->arch->page_shift;
}
