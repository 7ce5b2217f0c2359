/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Virtual memory areas of an mm_struct, from its maple tree, its list or its rbtree: whichever the
 * kernel has (include/linux/mm_types.h).
 */
#ifndef MM_VMA_H
#define MM_VMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/kernel.h"

struct vma {
	uint64_t addr;			  /* vm_area_struct */
	uint64_t start, end;		  /* bytes, end exclusive */
	uint64_t flags;			  /* vm_flags */
	uint64_t page_prot;		  /* vm_page_prot.pgprot */
	uint64_t pgoff;			  /* vm_pgoff, in pages */
	uint64_t mm, file, anon_vma, ops; /* addresses; 0: none */
	struct object object;
};

/*
 * Opens the vm_area_struct at addr. ERR_BAD_OBJECT when it cannot be one: its start is not below
 * its end, the end above what a process may have, or either is no page boundary.
 */
struct error *vma_open(struct kernel *k, uint64_t addr, struct vma *out) MUST_CHECK;
/* All of it but the object, from out->object, which was opened; false: it cannot be one. */
static inline bool vma_read(const struct kernel *k, struct vma *out)
{
	const struct object *o = &out->object;
	out->addr = o->addr;
	out->start = GET_WHOLE(k, o, vm_area_struct, vm_start);
	out->end = GET_WHOLE(k, o, vm_area_struct, vm_end);
	out->flags = GET_WHOLE(k, o, vm_area_struct, vm_flags);
	out->page_prot = GET_WHOLE(k, o, vm_area_struct, vm_page_prot);
	out->pgoff = GET_WHOLE(k, o, vm_area_struct, vm_pgoff);
	out->mm = GET_WHOLE(k, o, vm_area_struct, vm_mm);
	out->file = GET_WHOLE(k, o, vm_area_struct, vm_file);
	out->anon_vma = HAS(k, vm_area_struct, anon_vma) ? GET_WHOLE(k, o, vm_area_struct, anon_vma) : 0;
	out->ops = GET_WHOLE(k, o, vm_area_struct, vm_ops);
	/* No user's address is above half of what the page tables translate; with 32 bits there is no more than that. */
	const uint64_t most = k->wide ? 1ull << (k->geometry.virtual_bits - 1) : 1ull << 32;
	return out->start < out->end && out->end <= most && !((out->start | out->end) & ((1ull << k->arch->page_shift) - 1));
}
/* Without an error object: false when it cannot be had, or cannot be one. */
bool vma_try_open(struct kernel *k, uint64_t addr, struct vma *out);

/* Gets each area; returns false to end. */
typedef bool vma_visitor(void *context, const struct vma *vma);

/*
 * All areas of an mm (address of an mm_struct), ascending. ERR_BAD_LIST when the tree or list is
 * damaged, an area overlaps the one before it, or says that it belongs to another mm: the areas
 * given before are good. ERR_UNSUPPORTED when this kernel has none of the three structures;
 * ERR_INTERRUPTED.
 */
struct error *vma_for_each(struct kernel *k, uint64_t mm, vma_visitor *visit,
			   void *context) MUST_CHECK;

/*
 * The area that holds `addr`, found by one way down the tree (where there is only a list, along
 * it). *found is false when there is none. Errors as vma_for_each().
 */
struct error *vma_find(struct kernel *k, uint64_t mm, uint64_t addr, struct vma *out,
		       bool *found) MUST_CHECK;

/* ---- Flags (mm/vma_flags.c) ---- */

/*
 * The name of flag bit `bit` (0 … 63) as this kernel means it, without VM_: "READ", "SOFTDIRTY";
 * NULL when it means nothing.
 */
const char *vma_flag_name(struct kernel *k, unsigned bit);
/* "READ|EXEC|MAYREAD"; bits without a name as "0x…" at the end. Returns buf. */
const char *vma_flags_format(struct kernel *k, uint64_t flags, char *buf, size_t size);
/* "rw-p": as /proc/PID/maps prints it, into 5 bytes. */
void vma_permissions(uint64_t flags, char buf[5]);

/* Bits that have never moved (include/linux/mm.h). */
#define VM_READ	     0x1ull
#define VM_WRITE     0x2ull
#define VM_EXEC	     0x4ull
#define VM_SHARED    0x8ull
#define VM_MAYREAD   0x10ull
#define VM_MAYWRITE  0x20ull
#define VM_MAYEXEC   0x40ull
#define VM_MAYSHARE  0x80ull
#define VM_GROWSDOWN 0x100ull
#define VM_LOCKED    0x2000ull
#define VM_IO	     0x4000ull
#define VM_HUGETLB   0x400000ull

/* ---- Names of areas that map no file (mm/vma_name.c) ---- */

/*
 * As /proc/PID/maps names them (fs/proc/task_mmu.c): "[heap]", "[stack]", "[vdso]", "[vvar]",
 * "[uprobes]", "[anon:…]". False, and "" in buf, when the area has none.
 */
bool vma_special_name(struct kernel *k, const struct vma *vma, char *buf, size_t size);

#endif
