/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Pages of a locked area (make_pages_present(), mm/memory.c of 2.4).
 */
#include "mm/engine/engine.h"

/* As get_user_pages() does: a page is brought in for writing where the area may be written; what cannot be had ends it without an error. */
struct error *make_pages_present(struct engine *e, uint64_t task, uint64_t addr, uint64_t len)
{
	struct kernel *k = e->k;
	struct object mm, o;
	uint64_t mm_addr, vma, end = addr + len;
	TRY(kernel_get(k, task, M_task_struct_mm, &mm_addr));
	TRY(object_open_writable(k, mm_addr, S_mm_struct, &mm));
	for (; addr < end; addr += VMCORE_PAGE_SIZE) {
		enum fault_result result;
		bool faulted;
		TRY(find_vma(e, &mm, addr, &vma));
		if (!vma)
			return NULL;
		TRY(object_open(k, vma, S_vm_area_struct, &o));
		bool write = GET(k, &o, vm_area_struct, vm_flags) & VM_WRITE;
		TRY(touch_user(e, task, addr, write ? ACCESS_WRITE : ACCESS_READ, &faulted, &result, NULL, 0));
		if (faulted && result != FAULT_MINOR && result != FAULT_MAJOR)
			return NULL;
	}
	return NULL;
}
