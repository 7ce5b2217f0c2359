/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "core/kallsyms.h"
#include "core/kernel.h"
#include "core/translate.h"

bool kernel_is_kernel_address(const struct kernel *k, uint64_t addr)
{
	return k->arch->pointer_size == 8 ? addr >> 63
					  : addr >= k->page_offset && addr <= UINT32_MAX;
}

void kernel_flush_translations(struct kernel *k)
{
	memset(k->tlb, 0, sizeof(k->tlb));
	memset(&k->near_last, 0, sizeof(k->near_last));
}

#define TLB_SLOTS (sizeof(((struct kernel *)NULL)->tlb) / sizeof(((struct kernel *)NULL)->tlb[0]))

/* Where a translation of 2 MiB stands (vmemmap and the module area are mapped in pieces of at most that), and one of a page. */
static inline size_t large_slot(uint64_t addr)
{
	return (addr >> 21) % TLB_SLOTS;
}

static inline size_t small_slot(uint64_t addr)
{
	return (addr >> 21 ^ addr >> 12) % TLB_SLOTS;
}

#define NEAR_NONE UINT64_MAX

/* Its offset in the image of one piece, or NEAR_NONE. */
static uint64_t near_mapped(struct kernel *k, uint64_t addr, size_t size)
{
	uint64_t phys, run, offset = addr - k->near_last.start;
	if (offset < k->near_last.size && size <= NEAR_BYTES)
		return k->near_last.phys + offset;
	offset = addr - k->text_start;
	if (!k->near_size)
		return NEAR_NONE;
	if (offset < k->text_end - k->text_start) {
		phys = addr - k->arch->kernel_map + k->phys_base;
		run = k->text_end - addr;
	} else {
		size_t slot = large_slot(addr);
		offset = addr - k->tlb[slot].start;
		if (offset >= k->tlb[slot].size) {
			slot = small_slot(addr);
			offset = addr - k->tlb[slot].start;
			if (offset >= k->tlb[slot].size)
				return NEAR_NONE;
		}
		const struct kernel_range *t = &k->tlb[slot];
		phys = t->phys + offset;
		run = t->size - offset;
		if (t->size > NEAR_BYTES && t->phys < k->flat->size && t->size <= k->flat->size - t->phys)
			k->near_last = (struct kernel_range){ t->start, t->size - NEAR_BYTES + 1, t->phys };
	}
	return size <= run && phys < k->flat->size && size <= k->flat->size - phys ? phys : NEAR_NONE;
}

unsigned char *kernel_near_elsewhere(struct kernel *k, uint64_t addr, size_t size)
{
	uint64_t offset = near_mapped(k, addr, size);
	return offset == NEAR_NONE ? NULL : vmcore_flat_at(k->flat, offset);
}

unsigned char *kernel_near_elsewhere_writable(struct kernel *k, uint64_t addr, size_t size)
{
	/* In the direct map it is only here because a mark may have to keep it. */
	uint64_t offset = addr - k->page_offset < k->near_size ? NEAR_NONE : near_mapped(k, addr, size);
	return offset == NEAR_NONE || vmcore_must_keep(k->flat, offset, size) ? NULL : vmcore_flat_at(k->flat, offset);
}

static bool translate_by_tables(struct kernel *k, uint64_t addr, uint64_t *phys, uint64_t *run)
{
	size_t slot = small_slot(addr), large = large_slot(addr);
	if (addr - k->tlb[large].start < k->tlb[large].size)
		slot = large;
	if (addr - k->tlb[slot].start >= k->tlb[slot].size) {
		struct walk walk;
		if (!kernel_is_kernel_address(k, addr))
			return false;
		pagetable_walk(k->vmcore, &k->geometry, k->kernel_pgd, addr, &walk, NULL);
		if (walk.result != WALK_MAPPED)
			return false;
		if (walk.page_size > VMCORE_PAGE_SIZE)
			slot = large;
		k->tlb[slot].start = addr & ~(walk.page_size - 1);
		k->tlb[slot].size = walk.page_size;
		k->tlb[slot].phys = walk.phys & ~(walk.page_size - 1);
	}
	uint64_t offset = addr - k->tlb[slot].start;
	*phys = k->tlb[slot].phys + offset;
	*run = k->tlb[slot].size - offset;
	return true;
}

bool kernel_translate(struct kernel *k, uint64_t addr, uint64_t *phys, uint64_t *run)
{
	if (addr - k->page_offset < k->direct_end - k->page_offset) {
		*phys = addr - k->page_offset;
		*run = k->direct_end - addr;
		return true;
	}
	if (addr - k->text_start < k->text_end - k->text_start) {
		*phys = addr - k->arch->kernel_map + k->phys_base;
		*run = k->text_end - addr;
		return true;
	}
	return translate_by_tables(k, addr, phys, run);
}

static struct error *open_symbols(struct kernel *k, const char *file)
{
	if (k->kernel_pgd)
		return file ? symbols_open_file(k, file) : symbols_open_kallsyms(k);
	struct kallsyms tables;
	TRY(kallsyms_find_in_memory(k, &tables));
	TRY(symbols_open_found(k, &tables));
	return attach_by_symbols(k);
}

/*
 * A file that was given for the kernel's symbols may lack its types, which the memory then has. Types that are nowhere leave
 * a kernel of which there is still much to see: its symbols, page tables, log.
 */
static struct error *open_types(struct kernel *k, const struct kernel_options *options)
{
	const char *file = options ? options->type_file : NULL;
	struct error *e = file ? types_open_file(k, file) : types_open_memory(k), *in_memory;
	if (e && e->code == ERR_NO_TYPE && options->symbol_file && !strcmp(file, options->symbol_file)) {
		in_memory = types_open_memory(k);
		if (!in_memory) {
			error_free(e);
			return NULL;
		}
		error_free(in_memory);
		e->code = ERR_UNSUPPORTED;
	}
	if (!e || e->code != ERR_UNSUPPORTED)
		return e;
	k->typeless = e;
	return NULL;
}

static struct error *open_parts(struct kernel *k, const struct kernel_options *options)
{
	TRY(attach_find_kernel(k));
	TRY(open_symbols(k, options ? options->symbol_file : NULL));
	TRY(open_types(k, options));
	members_resolve(k);
	/* 2.4, told by what its swap_info_struct had, says PROT_NONE by another bit. */
	if (k->arch == &arch_i386 && HAS(k, swap_info_struct, swap_vfsmnt))
		k->geometry.protnone = X86_PROTNONE_2_4;
	if (k->typeless)
		members_from_vmcoreinfo(k);
	return attach_layout(k);
}

struct error *kernel_open(struct vmcore *vc, const struct kernel_options *options,
			  struct kernel **out)
{
	struct kernel *k = calloc(1, sizeof(*k));
	*out = NULL;
	if (!k)
		return error_new(ERR_NO_MEMORY, "out of memory");
	k->vmcore = vc;
	k->flat = vmcore_flat(vc);
	struct error *e = open_parts(k, options);
	if (e && e->code == ERR_UNSUPPORTED && k->unreadable) {
		error_free(e);
		e = error_prefix(k->unreadable, "the kernel that VMCOREINFO tells of cannot be read");
		k->unreadable = NULL;
	}
	if (e) {
		kernel_close(k);
		return e;
	}
	k->near_size = k->direct_end - k->page_offset;
	if (k->near_size > k->flat->size)
		k->near_size = k->flat->size;
	k->near_size -= k->near_size < NEAR_BYTES ? k->near_size : NEAR_BYTES - 1;
	k->wide = k->arch->pointer_size == 8;
	*out = k;
	return NULL;
}

void kernel_close(struct kernel *k)
{
	if (!k)
		return;
	if (k->mm_free)
		k->mm_free(k);
	symbols_close(k->symbols);
	types_close(k->types);
	copies_free(k);
	free(k->percpu_offset);
	free(k->vmcoreinfo.text);
	error_free(k->unreadable);
	error_free(k->typeless);
	free(k);
}
