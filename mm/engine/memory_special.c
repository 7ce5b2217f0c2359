/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Faults in the kernel's own mappings (mm/mmap.c: special_mapping_fault(); arch/x86/entry/vdso/vma.c: vdso_fault(), vvar_fault()): the vdso's code comes page by page
 * from the kernel's image and is counted as a file's; its data are mapped as bare frames.
 */
#include <inttypes.h>

#include "core/types.h"
#include "mm/engine/modern.h"
#include "mm/engine/special.h"
#include "mm/pte.h"
#include "mm/task.h"

#define PAGES_MOST 1024u /* of one such mapping: no kernel has as many */

static struct error *sigbus(struct fault *f, const char *function, const char *why, uint64_t index)
{
	TRACE(f->e, function, why, { "address", f->addr }, { "pgoff", index });
	f->result = FAULT_SIGBUS;
	return NULL;
}

/* The page that has this address of the kernel's. */
static struct error *virt_to_page(struct engine *e, uint64_t addr, uint64_t *page)
{
	uint64_t phys;
	TRY(kernel_vtop(e->k, addr, &phys));
	if (!pfn_to_page(e->k, phys >> e->k->arch->page_shift, page))
		return error_at(ERR_BAD_OBJECT, addr, "the kernel's own mapping has no page there: %" PRIx64, addr);
	return NULL;
}

/* ---- An array of pages that ends with 0 ---- */

static struct error *page_of_array(struct fault *f, uint64_t pages, uint64_t index, uint64_t *page)
{
	struct kernel *k = f->e->k;
	for (uint64_t i = 0; i <= index; i++) {
		TRY(kernel_read_pointer(k, pages + i * k->arch->pointer_size, page));
		if (!*page || i == PAGES_MOST)
			return sigbus(f, "special_mapping_fault", "beyond the mapping's pages", index);
	}
	return NULL;
}

/* ---- The vdso's code ---- */

static struct error *vdso_fault(struct fault *f, const struct object *image, uint64_t index, uint64_t *page)
{
	struct engine *e = f->e;
	struct kernel *k = e->k;
	uint64_t size = GET(k, image, vdso_image, size), data = GET(k, image, vdso_image, data);
	if (index > PAGES_MOST || index << k->arch->page_shift >= size)
		return sigbus(f, "vdso_fault", "beyond the vdso's end", index);
	TRY(virt_to_page(e, data + (index << k->arch->page_shift), page));
	TRACE(e, "vdso_fault", "a page of the kernel's image", { "image->data", data }, { "image->size", size }, { "page", *page });
	return NULL;
}

/* ---- Its data ---- */

/* find_timens_vvar_page(): only who is in a time namespace of its own has one. */
static struct error *in_time_namespace(struct engine *e, bool *own)
{
	struct kernel *k = e->k;
	uint64_t proxy, ns, page = 0;
	*own = false;
	if (!e->task || !HAS(k, nsproxy, time_ns) || !HAS(k, time_namespace, vvar_page))
		return NULL;
	TRY(kernel_get(k, e->task, M_task_struct_nsproxy, &proxy));
	TRY(kernel_get(k, proxy, M_nsproxy_time_ns, &ns));
	TRY(kernel_get(k, ns, M_time_namespace_vvar_page, &page));
	*own = page != 0;
	return NULL;
}

/* vclock_was_used(): *known false where the image does not say. */
static bool clock_is_used(struct kernel *k, const char *mode, bool *known)
{
	int64_t bit;
	uint64_t used;
	*known = enumerator_find(k, mode, &bit) && bit >= 0 && bit < 32 && !error_drop(kernel_read_symbol(k, "vclocks_used", 4, &used));
	return *known && (used >> bit & 1);
}

/* vmf_insert_pfn(): a special entry, which counts nothing. */
static struct error *insert_pfn(struct fault *f, uint64_t phys)
{
	bool explained = false;
	uint64_t entry = (phys & f->e->k->geometry.frame_mask) | f->vma->page_prot | PTE_SPECIAL;
	fault_outcome(f->e, OUTCOME_SPECIAL);
	/* pte_alloc() of its own: a table made ready is not for it. */
	if (!f->entry_addr)
		TRY(fault_tables(f, f->e->k->geometry.levels - 1u, &f->entry_addr, &explained));
	if (explained)
		return NULL;
	set_pte(f->e, f->entry_addr, entry);
	TRACE(f->e, "vmf_insert_pfn", "the frame itself is mapped", { "address", f->addr }, { "pte", entry });
	return NULL;
}

static struct error *insert_symbol(struct fault *f, const char *symbol)
{
	uint64_t at = symbol_addr(f->e->k, symbol), phys;
	bool explained;
	if (!at)
		return fault_refuse(f->e, &explained, "the frame of %s would be mapped, which the image does not name", symbol);
	TRY(kernel_vtop(f->e->k, at, &phys));
	return insert_pfn(f, phys);
}

/* The host's clock of a guest: the page of its first CPU, when it was read from ever. */
static struct error *insert_pvclock(struct fault *f, uint64_t index)
{
	struct kernel *k = f->e->k;
	uint64_t info, phys;
	bool known, explained, used = clock_is_used(k, "VDSO_CLOCKMODE_PVCLOCK", &known);
	bool has = !error_drop(kernel_read_symbol(k, "pvti_cpu0_va", 0, &info));
	if (!has || (info && !known))
		return fault_refuse(f->e, &explained, "whether the paravirtual clock is in use is not known");
	if (!info || !used)
		return sigbus(f, "vvar_fault", "the paravirtual clock is not in use", index);
	TRY(kernel_vtop(k, info, &phys));
	return insert_pfn(f, phys);
}

static struct error *vvar_fault(struct fault *f, const struct object *image, uint64_t index)
{
	struct engine *e = f->e;
	struct kernel *k = e->k;
	int64_t offset = (int64_t)(index << k->arch->page_shift) + (int64_t)GET(k, image, vdso_image, sym_vvar_start);
	bool own, known, explained;
	if (!HAS(k, vdso_image, sym_vvar_start) || !HAS(k, vdso_image, sym_vvar_page))
		return fault_refuse(e, &explained, "what vvar_fault() of this kernel does is not followed");
	TRACE(e, "vvar_fault", "data of the vdso", { "pgoff", index }, { "sym_offset", (uint64_t)offset }, { "image->sym_vvar_page", GET(k, image, vdso_image, sym_vvar_page) });
	TRY(in_time_namespace(e, &own));
	if (own)
		return fault_refuse(e, &explained, "the task has a time namespace of its own, whose data would be mapped: that is not followed");
	if (index > PAGES_MOST || !offset)
		return sigbus(f, "vvar_fault", "beyond the vdso's data", index);
	if (offset == (int64_t)GET(k, image, vdso_image, sym_vvar_page))
		return insert_symbol(f, "__vvar_page");
	if (offset == (int64_t)GET(k, image, vdso_image, sym_pvclock_page))
		return insert_pvclock(f, index);
	if (offset == (int64_t)GET(k, image, vdso_image, sym_hvclock_page)) {
		if (clock_is_used(k, "VDSO_CLOCKMODE_HVCLOCK", &known) || !known)
			return fault_refuse(e, &explained, "the page of Hyper-V's clock would be mapped: that is not followed");
	}
	return sigbus(f, "vvar_fault", "there is nothing at this page of the vdso's data", index);
}

/* ---- Which of them ---- */

struct error *special_mapping_fault(struct fault *f, uint64_t index, uint64_t *page)
{
	struct engine *e = f->e;
	struct kernel *k = e->k;
	struct object sm, image;
	uint64_t private = GET(k, &f->vma->object, vm_area_struct, vm_private_data), legacy = symbol_addr(k, "legacy_special_mapping_vmops"), function;
	char name[96];
	bool explained;
	*page = 0;
	f->result = FAULT_MINOR;
	TRACE(e, "special_mapping_fault", "the kernel's own mapping", { "vma->vm_private_data", private }, { "pgoff", index });
	if (f->vma->ops == legacy || !HAS(k, vm_special_mapping, pages))
		return page_of_array(f, private, index, page);
	TRY(object_open(k, private, S_vm_special_mapping, &sm));
	function = GET(k, &sm, vm_special_mapping, fault);
	if (!function)
		return page_of_array(f, GET(k, &sm, vm_special_mapping, pages), index, page);
	symbol_format(k, function, name, sizeof(name));
	bool code = !strcmp(name, "vdso_fault"), data = !strcmp(name, "vvar_fault");
	if ((!code && !data) || !HAS(k, mm_struct, vdso_image) || !HAS(k, vdso_image, data)) {
		fault_outcome(e, OUTCOME_SPECIAL);
		return fault_refuse(e, &explained, "what %s() does is not followed", name);
	}
	uint64_t at = GET(k, f->mm, mm_struct, vdso_image);
	if (!at)
		return sigbus(f, name, "the process has no vdso", index);
	TRY(object_open(k, at, S_vdso_image, &image));
	return code ? vdso_fault(f, &image, index, page) : vvar_fault(f, &image, index);
}
