/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A part of mm/engine/engine.h: what acts on areas, their reverse mapping and slab objects need of a kernel that has an anon_vma in its areas; read once per image.
 */
#ifndef MM_ENGINE_AREAS_H
#define MM_ENGINE_AREAS_H

#include <stdbool.h>
#include <stdint.h>

enum soft_dirty { SOFT_DIRTY_UNKNOWN, SOFT_DIRTY_KEPT, SOFT_DIRTY_NOT_KEPT };
enum freelist_swaps { FREELIST_UNKNOWN, FREELIST_SWAPS, FREELIST_PLAIN };

struct engine_areas {
	bool known;   /* all below is filled in */
	unsigned nodes; /* possible memory nodes */
	uint64_t numa_node; /* per-CPU variable: which one the CPU is on */

	/* SLUB (mm/engine/slub_alloc.c) */
	uint8_t freelist_swaps; /* enum freelist_swaps: are addresses byte-swapped in hardened free lists? */
	bool frozen_by_cpu_only; /* only a CPU's current slab is frozen; a flag says that a slab is on its node's list (since 6.8) */
	int bit_on_node;	 /* that flag: PG_workingset; -1 */
	uint32_t tid_step;	 /* between two transaction numbers of one CPU */
	/* bits of kmem_cache.flags: those of debugged caches, 0 where debugging is switched off; of caches that can be shrunk; of kmalloc()'s (0: not told) */
	uint64_t slab_debug_flags, slab_reclaim_account, slab_kmalloc;
	uint64_t slab_red_zone, slab_object_poison, slab_store_user; /* what of debugging a cache has */
	bool init_on_alloc, init_on_free;
	uint64_t anon_vma_cachep, anon_vma_chain_cachep, maple_node_cache, vma_lock_cachep; /* caches; 0: this kernel has none */

	/* Areas (mm/engine/vma_edit.c …) */
	uint64_t protection_map[16]; /* page protections by the low bits of vm_flags; all 0: not known */
	uint64_t supported_pte_mask;
	uint8_t soft_dirty; /* enum soft_dirty: does this kernel mark what was written since somebody asked? */
	uint64_t stack_guard_gap; /* bytes kept free below an area that grows down; 0: this kernel keeps none */
	uint64_t mmap_min_addr;
	/* addresses of variables, 0: this kernel has none */
	uint64_t max_map_count, overcommit_memory, overcommit_ratio, overcommit_kbytes, admin_reserve, user_reserve, total_swap_pages, totalram_pages;
	uint64_t vm_committed_as, vm_committed_as_batch;
	uint8_t moves_tables; /* mremap() moves 0: each entry; 1: whole tables (5.0); 2: tables of those too (5.11) */
	bool guess_by_total; /* overcommit mode 0 refuses only what all memory and swap could never hold (since 5.2) */
};

#endif
