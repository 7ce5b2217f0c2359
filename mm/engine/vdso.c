/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The vdso in a new program (arch/x86/entry/vdso/vma.c, arch/x86/vdso/vma.c until 4.1: map_vdso(); mm/mmap.c: _install_special_mapping()).
 */
#include <inttypes.h>

#include "mm/engine/areas_edit.h"
#include "mm/engine/exec_edit.h"
#include "mm/engine/fault.h"
#include "mm/engine/list_edit.h"
#include "mm/engine/modern.h"
#include "mm/pte.h"

#define VM_DONTDUMP 0x4000000ull

/* _install_special_mapping() */
static struct error *install_special_mapping(struct engine *e, const struct object *mm, uint64_t addr, uint64_t len, uint64_t flags, uint64_t mapping,
					     struct object *vma)
{
	struct kernel *k = e->k;
	uint64_t at;
	TRY(kmem_cache_alloc(e, e->vm_area_cachep, GFP24_KERNEL, &at));
	TRY(open_vma(e, at, vma));
	memset((void *)vma->bytes, 0, vma->size);
	flags |= GET(k, mm, mm_struct, def_flags) | VM_DONTEXPAND | soft_dirty_flag(e, mm);
	SET(k, vma, vm_area_struct, vm_mm, mm->addr);
	SET(k, vma, vm_area_struct, vm_start, addr);
	SET(k, vma, vm_area_struct, vm_end, addr + len);
	SET(k, vma, vm_area_struct, vm_flags, flags);
	SET(k, vma, vm_area_struct, vm_page_prot, vm_get_page_prot(e, flags));
	SET(k, vma, vm_area_struct, vm_ops, symbol_addr(k, "special_mapping_vmops"));
	SET(k, vma, vm_area_struct, vm_private_data, mapping);
	TRY(list_init(k, MEMBER_ADDR(k, vma, vm_area_struct, anon_vma_chain)));
	TRACE(e, "install_special_mapping", "an area of the kernel's own", { "vma", at }, { "vm_start", addr }, { "vm_flags", flags });
	struct error *failure = insert_vm_struct(e, mm->addr, at);
	if (failure)
		return failure->code == ERR_KERNEL ? error_worse(failure, vm_area_free(e, at)) : failure;
	vm_stat_account(e, mm, flags, 0, (int64_t)(len >> k->arch->page_shift));
	return NULL;
}

/* vdso_addr(): above the stack, where there is no room when it ends at the top; then get_unmapped_area() chooses. */
static uint64_t place_wanted(const struct engine *e, const struct object *mm, uint64_t len)
{
	uint64_t start = (GET(e->k, mm, mm_struct, start_stack) + VMCORE_PAGE_SIZE - 1) & ~(uint64_t)(VMCORE_PAGE_SIZE - 1);
	return len > TASK_SIZE_OF_64 || start > TASK_SIZE_OF_64 - len ? TASK_SIZE_OF_64 : start;
}

/* Until 4.5 the data's page is mapped at once: remap_pfn_range(). */
static struct error *map_data_page(struct engine *e, const struct object *mm, const struct object *vma, uint64_t addr)
{
	struct kernel *k = e->k;
	uint64_t symbol = symbol_addr(k, "__vvar_page"), phys, flags = GET(k, vma, vm_area_struct, vm_flags);
	struct fault f = { .e = e, .mm = mm, .addr = addr };
	bool explained;
	if (!symbol)
		return error_new(ERR_NO_SYMBOL, "no such symbol: __vvar_page");
	SET(k, vma, vm_area_struct, vm_flags, flags | VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
	TRY(kernel_vtop(k, symbol, &phys));
	TRY(fault_pte(&f, &explained));
	uint64_t entry = phys | vm_get_page_prot(e, VM_READ) | PTE_SPECIAL;
	set_pte(e, f.entry_addr, entry);
	TRACE(e, "remap_pfn_range", "the page of the vdso's data", { "address", addr }, { "pte", entry });
	return NULL;
}

static struct error *map_both(struct engine *e, const struct object *mm, const struct object *image)
{
	struct kernel *k = e->k;
	struct object vma;
	uint64_t size = GET(k, image, vdso_image, size), before = -GET(k, image, vdso_image, sym_vvar_start), addr;
	bool by_function = k->members[M_vm_special_mapping_fault].present;
	uint64_t code = by_function ? symbol_addr(k, "vdso_mapping") : MEMBER_ADDR(k, image, vdso_image, text_mapping), data = symbol_addr(k, "vvar_mapping");
	const uint64_t raw = by_function ? VM_IO | VM_DONTDUMP | VM_PFNMAP : 0;
	if (!code || !data || !size || (size | before) & (VMCORE_PAGE_SIZE - 1) || size > 1u << 20 || before > 1u << 20)
		return error_at(ERR_UNSUPPORTED, image->addr, "the kernel's vdso would be mapped: what is known of it does not suffice");
	TRY(get_unmapped_area(e, mm, 0, place_wanted(e, mm, size + before), size + before, 0, 0, &addr));
	uint64_t text = addr + before;
	TRY(install_special_mapping(e, mm, text, size, VM_READ | VM_EXEC | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC, code, &vma));
	struct error *failure = before ? install_special_mapping(e, mm, addr, before, VM_READ | VM_MAYREAD | raw, data, &vma) : NULL;
	if (failure && failure->code == ERR_KERNEL && by_function)
		return error_worse(failure, do_munmap(e, mm->addr, text, size));
	TRY(failure);
	SET(k, mm, mm_struct, vdso, text);
	SET(k, mm, mm_struct, vdso_image, image->addr);
	TRACE(e, "map_vdso", "vvar and vdso", { "vvar", addr }, { "vdso", text });
	return by_function ? NULL : map_data_page(e, mm, &vma, text + GET(k, image, vdso_image, sym_vvar_page));
}

struct error *map_vdso(struct engine *e, const struct object *mm)
{
	struct kernel *k = e->k;
	uint64_t enabled, image_addr = symbol_addr(k, "vdso_image_64");
	struct object image;
	if (!image_addr || error_drop(kernel_read_symbol(k, "vdso64_enabled", 4, &enabled)) || !enabled || !HAS(k, vdso_image, sym_vvar_start))
		return NULL;
	TRY(object_open(k, image_addr, S_vdso_image, &image));
	return map_both(e, mm, &image);
}
