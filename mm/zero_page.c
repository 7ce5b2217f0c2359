/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "mm/zero_page.h"

#include "core/symbols.h"
#include "mm/memmap.h"

/* An unsigned long of the kernel's own; false when there is no such one, or it cannot be read. */
static bool frame_in(struct kernel *k, const char *symbol, uint64_t *pfn)
{
	return symbol_addr(k, symbol) && !error_drop(kernel_read_symbol(k, symbol, 0, pfn));
}

uint64_t huge_zero_frame(struct kernel *k)
{
	static const char *const names[] = {"huge_zero_page", "huge_zero_folio"};
	uint64_t page, pfn;

	/* mm/huge_memory.c: since 5.13 (and 5.10.46); all ones while there is none. */
	if (frame_in(k, "huge_zero_pfn", &pfn))
		return pfn;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (frame_in(k, names[i], &page) && page && page_to_pfn(k, page, &pfn))
			return pfn;
	return UINT64_MAX;
}

bool is_zero_frame(struct kernel *k, uint64_t pfn, bool huge)
{
	uint64_t zero, phys;

	if (huge)
		return pfn == huge_zero_frame(k) && pfn != UINT64_MAX;
	/* mm/memory.c; mm/mm_init.c since 7.0; before 2.6.32, and where the compiler knows it, the
	 * page itself. */
	if (frame_in(k, "zero_pfn", &zero) || frame_in(k, "zero_page_pfn", &zero))
		return pfn == zero;
	return symbol_addr(k, "empty_zero_page") &&
	       !error_drop(kernel_vtop(k, symbol_addr(k, "empty_zero_page"), &phys)) &&
	       pfn == phys >> k->arch->page_shift;
}
