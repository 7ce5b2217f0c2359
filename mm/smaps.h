/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the pages of an area are, added up as /proc/PID/smaps does (fs/proc/task_mmu.c: struct mem_size_stats, smap_gather_stats()).
 */
#ifndef MM_SMAPS_H
#define MM_SMAPS_H

#include "mm/vma.h"

/* Proportional shares have so many bits below a byte: PSS_SHIFT. */
#define SMAPS_PSS_SHIFT 12

/* In bytes; pss… and swap_pss in bytes << SMAPS_PSS_SHIFT. */
struct smaps {
	uint64_t size, page_size; /* of the area; of its pages (KernelPageSize, MMUPageSize) */
	uint64_t resident;
	uint64_t shared_clean, shared_dirty, private_clean, private_dirty;
	uint64_t referenced, anonymous, ksm, lazyfree;
	uint64_t anonymous_thp, shmem_thp, file_thp;
	uint64_t shared_hugetlb, private_hugetlb;
	uint64_t swap;
	uint64_t pss, pss_anon, pss_file, pss_shmem, pss_dirty, pss_locked, swap_pss;
};

/*
 * Adds what the area has to *out (so several areas add up to smaps_rollup); size and page_size are set. A kernel that does not count
 * how often a page is mapped (2.4) has that counted in all page tables, once. Errors: as pages_open() and mm_pgd(); when a page table or a
 * struct page is not in the image, ERR_NOT_IN_IMAGE after the rest was added; ERR_BAD_LIST for a damaged tree of swapped shared memory;
 * ERR_INTERRUPTED.
 */
struct error *smaps_add(struct kernel *k, const struct vma *vma, struct smaps *out) MUST_CHECK;

/* VM_PKEY_…: the area's protection key; false where the processor that ran the kernel had none (OSPKE). */
bool smaps_protection_key(struct kernel *k, const struct vma *vma, unsigned *key);

/* The file's inode, 0 when there is none. */
uint64_t vma_inode(struct kernel *k, const struct vma *vma);

#endif
