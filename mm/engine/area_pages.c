/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The pages' side of acts on areas, on kernels with reverse mapping: what areas' entries may be, entries changed, unmapped; their tables freed.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "core/interrupt.h"
#include "mm/engine/areas_edit.h"
#include "mm/engine/huge.h"
#include "mm/pte.h"
#include "mm/state.h"
#include "mm/task.h"

/* ---- Protections ---- */

/* arch/x86/include/asm/pgtable_types.h: _PAGE_PWT, _PAGE_PCD, _PAGE_ACCESSED, _PAGE_DIRTY, _PAGE_SPECIAL, _PAGE_UFFD_WP, _PAGE_SOFT_DIRTY, _PAGE_DEVMAP: what a
 * change of protection leaves alone, beside the frame. */
#define CHANGE_KEEPS (0xe78ull | 1ull << 58)

uint64_t vm_get_page_prot_areas(struct engine *e, uint64_t vm_flags)
{
	const struct engine_areas *a = &e->areas;
	uint64_t prot = a->protection_map[vm_flags & 15];
	if (!prot) {
		/* Of a kernel that does not say: protection_map as x86 has it. */
		prot = X86_ACCESSED | (vm_flags & VM_ACCESS_FLAGS ? X86_PRESENT | X86_USER : X86_GLOBAL);
		prot |= (vm_flags & (VM_SHARED | VM_WRITE)) == (VM_SHARED | VM_WRITE) ? X86_RW : 0;
		prot |= vm_flags & VM_EXEC ? 0 : X86_NX;
	}
	/* VM_PKEY_BIT0 …: the protection key stands in bits 59 to 62. */
	if (e->k->arch->pointer_size == 8)
		prot |= (vm_flags >> 32 & 15) << 59;
	return prot & X86_PRESENT ? prot & a->supported_pte_mask : prot;
}

static uint64_t pgprot_modify(const struct engine *e, uint64_t old, uint64_t now)
{
	uint64_t keep = CHANGE_KEEPS | e->k->geometry.frame_mask;
	return (old & keep) | (now & ~keep);
}

bool vma_wants_writenotify(struct engine *e, const struct object *vma)
{
	struct kernel *k = e->k;
	uint64_t flags = GET(k, vma, vm_area_struct, vm_flags), ops = GET(k, vma, vm_area_struct, vm_ops), page = 0, pfn = 0;
	if ((flags & (VM_WRITE | VM_SHARED)) != (VM_WRITE | VM_SHARED))
		return false;
	if (ops && HAS(k, vm_operations_struct, page_mkwrite) && error_drop(kernel_get(k, ops, M_vm_operations_struct_page_mkwrite, &page)))
		return false;
	if (ops && HAS(k, vm_operations_struct, pfn_mkwrite) && error_drop(kernel_get(k, ops, M_vm_operations_struct_pfn_mkwrite, &pfn)))
		return false;
	/* Last would come files that are written back without asking for page_mkwrite(); Linux has none on disks. */
	return page || pfn || (e->areas.soft_dirty == SOFT_DIRTY_KEPT && !(flags & (VM_SOFTDIRTY | VM_HUGETLB)));
}

void vma_set_page_prot(struct engine *e, const struct object *vma)
{
	struct kernel *k = e->k;
	uint64_t flags = GET(k, vma, vm_area_struct, vm_flags), old = GET(k, vma, vm_area_struct, vm_page_prot);
	if (vma_wants_writenotify(e, vma))
		flags &= ~VM_SHARED;
	SET(k, vma, vm_area_struct, vm_page_prot, pgprot_modify(e, old, vm_get_page_prot(e, flags)));
}

/* An area that has the flag; *areas: there is one from whose lack of it something follows. A stack loses it when its program starts (setup_arg_pages()). */
static bool any_soft_dirty(struct kernel *k, uint64_t at, bool *areas)
{
	struct object vma;
	for (unsigned n = 0; at && n < 1000 && object_try_open(k, at, S_vm_area_struct, &vma); n++) {
		uint64_t flags = GET(k, &vma, vm_area_struct, vm_flags);
		if (flags & VM_SOFTDIRTY)
			return true;
		*areas |= !(flags & VM_GROWSDOWN);
		at = GET(k, &vma, vm_area_struct, vm_next);
	}
	return false;
}

/*
 * CONFIG_MEM_SOFT_DIRTY leaves no trace but this: then every area has the flag from its birth until somebody clears it. Before there is any area: as on every
 * 64-bit kernel that distributions build.
 */
uint64_t soft_dirty_flag(struct engine *e, const struct object *mm)
{
	struct kernel *k = e->k;
	if (e->areas.soft_dirty == SOFT_DIRTY_UNKNOWN) {
		const struct task *init = task_by_pid(k, 1);
		uint64_t other, first;
		bool areas = false, any = any_soft_dirty(k, GET(k, mm, mm_struct, mmap), &areas);
		if (!any && init && !error_drop(kernel_get(k, init->addr, M_task_struct_mm, &other)) && other &&
		    !error_drop(kernel_get(k, other, M_mm_struct_mmap, &first)))
			any = any_soft_dirty(k, first, &areas);
		if (!any && !areas)
			return k->arch->pointer_size == 8 ? VM_SOFTDIRTY : 0;
		e->areas.soft_dirty = any ? SOFT_DIRTY_KEPT : SOFT_DIRTY_NOT_KEPT;
	}
	return e->areas.soft_dirty == SOFT_DIRTY_KEPT ? VM_SOFTDIRTY : 0;
}

bool reads_imply_exec(struct engine *e)
{
	uint64_t personality;
	return e->task && HAS(e->k, task_struct, personality) && !error_drop(kernel_get(e->k, e->task, M_task_struct_personality, &personality)) &&
	       personality & 0x0400000;
}

/* ---- Walking ---- */

struct entries {
	struct engine *e;
	uint64_t end;
	area_entry_visitor *visit;
	void *context;
};

static struct error *walk_level(struct entries *w, unsigned level, uint64_t table, uint64_t addr, uint64_t end)
{
	struct engine *e = w->e;
	const struct pagetable_geometry *g = &e->k->geometry;
	const struct pagetable_level *l = &g->level[level];
	uint64_t size = 1ull << l->shift;
	while (addr < end) {
		uint64_t at = table + (addr >> l->shift & ((1ull << l->bits) - 1)) * g->entry_size, entry = get_pte(e, at);
		uint64_t next = (addr & ~(size - 1)) + size;
		if (next > end || next < addr)
			next = end;
		bool leaf = level + 1 == g->levels || (l->may_be_leaf && (entry & X86_PSE)) || !(entry & X86_PRESENT);
		if (entry && leaf)
			TRY(w->visit(w->context, addr, next, at, entry, l->shift));
		else if (entry)
			TRY(walk_level(w, level + 1, entry & g->frame_mask, addr, next));
		addr = next;
		if (level == 0)
			TRY(check_interrupt());
	}
	return NULL;
}

struct error *area_entries(struct engine *e, const struct object *mm, uint64_t start, uint64_t end, area_entry_visitor *visit, void *context)
{
	struct entries w = { e, end, visit, context };
	uint64_t pgd;
	TRY(kernel_vtop(e->k, GET(e->k, mm, mm_struct, pgd), &pgd));
	return start < end ? walk_level(&w, 0, pgd, start, end) : NULL;
}

/* ---- Changing protection ---- */

struct protecting {
	struct engine *e;
	const struct object *mm;
	uint64_t prot;
	bool keeps_soft_dirty, accountable;
};

/* pte_modify(), pmd_modify(): where a processor might follow an absent entry, those that only may not be touched keep their frames inverted. */
uint64_t pte_modify(const struct engine *e, uint64_t old, uint64_t prot, unsigned shift)
{
	uint64_t now = pgprot_modify(e, old, prot), frame = e->k->geometry.frame_mask & ~((1ull << shift) - 1);
	bool was = old && !(old & X86_PRESENT), is = now && !(now & X86_PRESENT);
	return e->k->geometry.inverts_absent && was != is ? now ^ frame : now;
}

static area_entry_visitor protect_entry;

static struct error *protect_entry(void *context, uint64_t addr, uint64_t end, uint64_t at, uint64_t entry, unsigned shift)
{
	struct protecting *p = context;
	struct engine *e = p->e;
	bool huge = shift > e->k->arch->page_shift;
	/* A page to be found elsewhere: its entry carries no protection. */
	if (!(entry & (X86_PRESENT | X86_GLOBAL)))
		return NULL;
	if (huge && end - addr != 1ull << shift) {
		TRY(split_huge_pmd_address(e, p->mm, addr, at));
		return area_entries(e, p->mm, addr, end, protect_entry, p);
	}
	uint64_t now = pte_modify(e, entry, p->prot, shift) | (huge ? X86_PSE : 0);
	/* Dirty already, and counted as written: no need for a fault to find out. */
	if (!huge && p->accountable && (now & X86_DIRTY) && (now & 1ull << 11 || !p->keeps_soft_dirty))
		now |= X86_RW;
	set_pte(e, at, now);
	return NULL;
}

struct error *change_protection_areas(struct engine *e, const struct object *mm, uint64_t start, uint64_t end, uint64_t prot, bool dirty_accountable,
				      bool keeps_soft_dirty)
{
	struct protecting p = { e, mm, prot, keeps_soft_dirty, dirty_accountable };
	return area_entries(e, mm, start, end, protect_entry, &p);
}

/* ---- Huge pages across an edge ---- */

struct edges {
	struct engine *e;
	const struct object *mm;
};

static struct error *split_across(void *context, uint64_t addr, uint64_t end, uint64_t at, uint64_t entry, unsigned shift)
{
	const struct edges *w = context;
	bool across = shift > w->e->k->arch->page_shift && (entry & (X86_PRESENT | X86_GLOBAL)) && (addr & ((1ull << shift) - 1));
	return across ? split_huge_pmd_address(w->e, w->mm, addr, at) : NULL;
}

struct error *vma_adjust_trans_huge(struct engine *e, const struct object *mm, const struct object *vma, uint64_t start, uint64_t end)
{
	struct kernel *k = e->k;
	struct edges w = { e, mm };
	/* The end may move into the next area. */
	if (start != GET(k, vma, vm_area_struct, vm_start))
		TRY(area_entries(e, mm, start, start + VMCORE_PAGE_SIZE, split_across, &w));
	if (end != GET(k, vma, vm_area_struct, vm_end))
		TRY(area_entries(e, mm, end, end + VMCORE_PAGE_SIZE, split_across, &w));
	return NULL;
}

/* ---- Locked pages ---- */

struct error *munlock_range(struct engine *e, const struct object *mm, uint64_t first, uint64_t end)
{
	struct kernel *k = e->k;
	struct object vma;
	if (!GET(k, mm, mm_struct, locked_vm))
		return NULL;
	for (uint64_t at = first, left = GET(k, mm, mm_struct, map_count) + 1; at && left; left--) {
		TRY(object_open_writable(k, at, S_vm_area_struct, &vma));
		uint64_t flags = GET(k, &vma, vm_area_struct, vm_flags), start = GET(k, &vma, vm_area_struct, vm_start),
			 stop = GET(k, &vma, vm_area_struct, vm_end);
		if (start >= end)
			break;
		if (flags & VM_LOCKED) {
			ADD(k, mm, mm_struct, locked_vm, -(int64_t)((stop - start) >> k->arch->page_shift));
			TRY(munlock_vma_pages_range(e, mm, &vma, start, stop));
		}
		at = GET(k, &vma, vm_area_struct, vm_next);
	}
	return NULL;
}

/* ---- Tables that map nothing any more ---- */

struct freeing {
	struct engine *e;
	const struct object *mm;
	uint64_t floor, ceiling; /* ceiling 0: the end of the address space */
};

static struct error *free_level(struct freeing *f, unsigned level, uint64_t table, uint64_t addr, uint64_t end)
{
	struct engine *e = f->e;
	const struct pagetable_geometry *g = &e->k->geometry;
	const struct pagetable_level *l = &g->level[level];
	uint64_t size = 1ull << l->shift;
	for (uint64_t from = addr & ~(size - 1); from < end && from + size; from += size) {
		uint64_t at = table + (from >> l->shift & ((1ull << l->bits) - 1)) * g->entry_size, entry = get_pte(e, at);
		if (!(entry & X86_PRESENT) || (l->may_be_leaf && (entry & X86_PSE)))
			continue;
		if (level + 2 < g->levels)
			TRY(free_level(f, level + 1, entry & g->frame_mask, from > addr ? from : addr, from + size < end ? from + size : end));
		if (from < f->floor || (f->ceiling && from + size > f->ceiling))
			continue;
		TRY(free_page_table(e, f->mm, at, entry, level));
	}
	return NULL;
}

struct error *free_pgtables_between(struct engine *e, const struct object *mm, uint64_t start, uint64_t end, uint64_t floor, uint64_t ceiling)
{
	struct freeing f = { e, mm, floor, ceiling };
	uint64_t pgd;
	TRY(kernel_vtop(e->k, GET(e->k, mm, mm_struct, pgd), &pgd));
	return free_level(&f, 0, pgd, start, end ? end : GET(e->k, mm, mm_struct, task_size));
}

/* ---- Files ---- */

/* The file system's own part: which operations the area gets. Told by the name of its function: every one of these sets vm_ops, and nothing else that memory shows. */
struct error *call_mmap(struct engine *e, uint64_t file, const struct object *vma)
{
	struct kernel *k = e->k;
	struct symbol s, ops = { 0 };
	uint64_t f_op, function, offset, mapping, writable;
	char name[128];
	TRY(kernel_get(k, file, M_file_f_op, &f_op));
	TRY(kernel_get(k, f_op, M_file_operations_mmap, &function));
	if (!symbol_at(k, function, &s, &offset) || offset)
		return error_at(ERR_UNSUPPORTED, function, "what maps this file has no name: %" PRIx64, function);
	uint64_t flags = GET(k, vma, vm_area_struct, vm_flags);
	bool readonly = !strcmp(s.name, "generic_file_readonly_mmap");
	if (readonly && (flags & VM_SHARED) && (flags & VM_MAYWRITE))
		return kernel_error(EINVAL, "files of this kind are not mapped for shared writing");
	if (flags & VM_SHARED) {
		TRY(kernel_get(k, file, M_file_f_mapping, &mapping));
		TRY(kernel_get(k, mapping, M_address_space_i_mmap_writable, &writable));
		if ((int32_t)writable < 0)
			return kernel_error(EPERM, "the file is sealed against writing");
	}
	if (readonly || !strcmp(s.name, "generic_file_mmap"))
		snprintf(name, sizeof(name), "generic_file_vm_ops");
	else if (!strcmp(s.name, "shmem_mmap"))
		snprintf(name, sizeof(name), "shmem_vm_ops");
	else
		snprintf(name, sizeof(name), "%.*s_vm_ops", strlen(s.name) > 5 ? (int)strlen(s.name) - 5 : 0, s.name);
	if (strlen(s.name) < 6 || strcmp(s.name + strlen(s.name) - 5, "_mmap") || !symbol_find(k, name, &ops))
		return error_at(ERR_UNSUPPORTED, function, "how %s maps a file is not known", s.name);
	SET(k, vma, vm_area_struct, vm_ops, ops.addr);
	return NULL;
}

/* The last reference goes: the file is closed later (fs/file_table.c: delayed_fput_list), which is where an act ends. */
struct error *fput_delayed(struct engine *e, uint64_t file)
{
	struct kernel *k = e->k;
	uint64_t list = symbol_addr(k, "delayed_fput_list"), first;
	if (!list || !HAS(k, file, f_llist))
		return error_at(ERR_UNSUPPORTED, file, "file %" PRIx64 " would be closed: that is not done on a kernel like this one", file);
	TRACE(e, "fput", "the last reference: closed later", { "file", file }, { "delayed_fput_list", list });
	TRY(kernel_read_pointer(k, list, &first));
	TRY(kernel_write_pointer(k, file + OFFSET(k, file, f_llist), first));
	return kernel_write_pointer(k, list, file + OFFSET(k, file, f_llist));
}
