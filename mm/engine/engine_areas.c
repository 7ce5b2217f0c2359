/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What engine_areas keeps, read off the image.
 */
#include <string.h>

#include "mm/engine/areas_edit.h"
#include "mm/page.h"

static uint64_t value(struct kernel *k, const char *symbol, unsigned size, uint64_t otherwise)
{
	uint64_t v;
	return error_drop(kernel_read_symbol(k, symbol, size, &v)) ? otherwise : v;
}

/* A static key counts who has switched it on. */
static bool key_is_on(struct kernel *k, const char *symbol)
{
	uint64_t at = symbol_addr(k, symbol), on;
	return at && HAS(k, static_key, enabled) && !error_drop(kernel_get(k, at, M_static_key_enabled, &on)) && on;
}

/* include/linux/slab.h: flags of a cache, which are an enumeration since 6.9. */
static uint64_t slab_flag(struct kernel *k, const char *enumerator, uint64_t otherwise)
{
	int64_t bit;
	return !enumerator_find(k, enumerator, &bit) ? otherwise : bit >= 0 && bit < 64 ? 1ull << bit : 0;
}

static void find_slab_flags(struct engine *e)
{
	struct kernel *k = e->k;
	struct engine_areas *a = &e->areas;
	a->slab_reclaim_account = slab_flag(k, "_SLAB_RECLAIM_ACCOUNT", 0x20000);
	a->slab_kmalloc = slab_flag(k, "_SLAB_KMALLOC", 0);
	/* mm/slab.h: SLAB_DEBUG_FLAGS; asked for behind a static key since 5.8 (commit ca0cab65ea2b). */
	a->slab_red_zone = slab_flag(k, "_SLAB_RED_ZONE", 0x400);
	a->slab_store_user = slab_flag(k, "_SLAB_STORE_USER", 0x10000);
	a->slab_object_poison = slab_flag(k, "_SLAB_OBJECT_POISON", 0x80000000u);
	a->slab_debug_flags = slab_flag(k, "_SLAB_CONSISTENCY_CHECKS", 0x100) | a->slab_red_zone | slab_flag(k, "_SLAB_POISON", 0x800) | a->slab_store_user |
			      slab_flag(k, "_SLAB_TRACE", 0x200000);
	if (symbol_addr(k, "slub_debug_enabled") && !key_is_on(k, "slub_debug_enabled"))
		a->slab_debug_flags = 0;
}

static void find_slub(struct engine *e)
{
	struct kernel *k = e->k;
	struct engine_areas *a = &e->areas;
	a->nodes = (unsigned)value(k, "nr_node_ids", 4, 1);
	if (!a->nodes || a->nodes > 1024)
		a->nodes = 1;
	a->numa_node = symbol_addr(k, "numa_node");
	find_slab_flags(e);
	/* mm/slub.c: a CPU's partial slabs are put on the nodes' lists by __put_partials() since they are not frozen any more. Later CPUs have no slabs at all. */
	a->frozen_by_cpu_only = symbol_addr(k, "__put_partials") || !HAS(k, kmem_cache, cpu_slab);
	a->bit_on_node = page_flag_bit(k, "workingset");
	/* TID_STEP: as many as there can be CPUs, to the next power of two, where a task can be preempted in the kernel. */
	a->tid_step = 1;
	if (symbol_addr(k, "preempt_schedule") && HAS_STRUCT(k, cpumask))
		a->tid_step = 8 * SIZE_OF(k, cpumask);
	a->init_on_alloc = key_is_on(k, "init_on_alloc");
	a->init_on_free = key_is_on(k, "init_on_free");
}

static void find_protections(struct engine *e)
{
	struct kernel *k = e->k;
	uint64_t at = symbol_addr(k, "protection_map");
	unsigned size = k->geometry.entry_size;
	e->areas.supported_pte_mask = value(k, "__supported_pte_mask", size, UINT64_MAX);
	for (unsigned i = 0; at && i < 16; i++)
		if (error_drop(kernel_read_uint(k, at + i * size, size, &e->areas.protection_map[i])))
			memset(e->areas.protection_map, 0, sizeof(e->areas.protection_map));
}

void engine_areas_open(struct engine *e)
{
	struct kernel *k = e->k;
	struct engine_areas *a = &e->areas;
	unsigned word = k->arch->pointer_size;
	find_slub(e);
	find_protections(e);
	a->maple_node_cache = value(k, "maple_node_cache", word, 0);
	a->vma_lock_cachep = HAS(k, vma_lock, wait_list) ? value(k, "vma_lock_cachep", word, 0) : 0;
	a->stack_guard_gap = value(k, "stack_guard_gap", word, 0);
	a->mmap_min_addr = value(k, "mmap_min_addr", word, 0);
	a->max_map_count = symbol_addr(k, "sysctl_max_map_count");
	a->overcommit_memory = symbol_addr(k, "sysctl_overcommit_memory");
	a->overcommit_ratio = symbol_addr(k, "sysctl_overcommit_ratio");
	a->overcommit_kbytes = symbol_addr(k, "sysctl_overcommit_kbytes");
	a->admin_reserve = symbol_addr(k, "sysctl_admin_reserve_kbytes");
	a->user_reserve = symbol_addr(k, "sysctl_user_reserve_kbytes");
	a->total_swap_pages = symbol_addr(k, "total_swap_pages");
	a->totalram_pages = symbol_addr(k, "_totalram_pages");
	/* mm/util.c: commit 8c7829b04c52 of 5.2, which leaves no trace; _totalram_pages came in 5.0. */
	a->guess_by_total = a->totalram_pages != 0;
	/* arch/x86/Kconfig: HAVE_MOVE_PMD of 5.0 (64-bit, and where tables have more levels), HAVE_MOVE_PUD of 5.11, which page.memcg_data came with. */
	a->moves_tables = HAS(k, page, memcg_data) ? 2 : a->totalram_pages ? 1 : 0;
	if (!a->totalram_pages)
		a->totalram_pages = symbol_addr(k, "totalram_pages");
	a->vm_committed_as = symbol_addr(k, "vm_committed_as");
	a->vm_committed_as_batch = symbol_addr(k, "vm_committed_as_batch");
	a->known = true;
}
