/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The flavour linux-3.19-x86_64: Linux 3.19 for machines of up to 64 CPUs and nodes. The slab caches are created where and as that kernel does; each is as
 * large as its struct in the table of types.
 */
#include "mm/sim/linux64.h"

/* include/linux/slab.h */
#define HW	0x2000u	 /* SLAB_HWCACHE_ALIGN */
#define DMA	0x4000u	 /* SLAB_CACHE_DMA */
#define RECLAIM 0x20000u /* SLAB_RECLAIM_ACCOUNT */
#define PANIC	0x40000u /* SLAB_PANIC */
#define RCU	0x80000u /* SLAB_DESTROY_BY_RCU */

#define GENERAL(prefix, flags)                                                                                                       \
	{ prefix "8", NULL, 8, 8, flags, false, 0, 0 }, { prefix "16", NULL, 16, 8, flags, false, 0, 0 },                            \
		{ prefix "32", NULL, 32, 8, flags, false, 0, 0 }, { prefix "64", NULL, 64, 8, flags, false, 0, 0 },                  \
		{ prefix "96", NULL, 96, 8, flags, false, 0, 0 }, { prefix "128", NULL, 128, 8, flags, false, 0, 0 },                \
		{ prefix "192", NULL, 192, 8, flags, false, 0, 0 }, { prefix "256", NULL, 256, 8, flags, false, 0, 0 },              \
		{ prefix "512", NULL, 512, 8, flags, false, 0, 0 }, { prefix "1024", NULL, 1024, 8, flags, false, 0, 0 },            \
		{ prefix "2048", NULL, 2048, 8, flags, false, 0, 0 }, { prefix "4096", NULL, 4096, 8, flags, false, 0, 0 },          \
	{                                                                                                                            \
		prefix "8192", NULL, 8192, 8, flags, false, 0, 0                                                                     \
	}

static const struct linux64_cache caches[] = {
	{ "kmem_cache", "kmem_cache", 0, 64, HW, false, 0, 0 },
	{ "kmem_cache_node", "kmem_cache_node", 64, 64, HW, false, 0, 0 },
	GENERAL("kmalloc-", 0),
	GENERAL("dma-kmalloc-", DMA),
	{ "vmap_area", "vmap_area_cachep", 64, 8, 0, false, 0, 0 },
	{ "mm_struct", "mm_cachep", 824, 64, HW | PANIC, false, 0, 0 },
	{ "radix_tree_node", "radix_tree_node_cachep", 576, 8, PANIC | RECLAIM, true, 0, 0 },
	{ "pid", NULL, 80, 64, HW | PANIC, false, 0, 0 },
	{ "anon_vma", "anon_vma_cachep", 72, 8, RCU | PANIC, true, 0, 0 },
	{ "anon_vma_chain", "anon_vma_chain_cachep", 64, 8, PANIC, false, 0, 0 },
	{ "cred_jar", "cred_jar", 112, 64, HW | PANIC, false, 0, 0 },
	{ "task_struct", "task_struct_cachep", 1696, 64, PANIC, false, 0, 0 },
	{ "sighand_cache", "sighand_cachep", 2088, 64, HW | PANIC | RCU, true, 0, 0 },
	{ "signal_cache", "signal_cachep", 896, 64, HW | PANIC, false, 0, 0 },
	{ "files_cache", "files_cachep", 640, 64, HW | PANIC, false, 0, 0 },
	{ "fs_cache", "fs_cachep", 56, 64, HW | PANIC, false, 0, 0 },
	{ "vm_area_struct", "vm_area_cachep", 184, 8, PANIC, false, 0, 0 },
	{ "buffer_head", "bh_cachep", 104, 8, RECLAIM | PANIC, false, 0, 0 },
	{ "names_cache", "names_cachep", 4096, 64, HW | PANIC, false, 0, 0 },
	{ "dentry", "dentry_cache", 192, 8, RECLAIM | PANIC, false, 0, 0 },
	{ "inode_cache", "inode_cachep", 520, 8, RECLAIM | PANIC, true, 0, 0 },
	{ "filp", "filp_cachep", 248, 64, HW | PANIC, false, 0, 0 },
	{ "mnt_cache", "mnt_cache", 296, 64, HW | PANIC, false, 0, 0 },
	{ "shmem_inode_cache", "shmem_inode_cachep", 608, 8, PANIC, true, 0, 0 },
	{ "user_namespace", NULL, 256, 8, PANIC, false, 0, 0 },
	{ "khugepaged_mm_slot", "mm_slot_cache", 40, 8, 0, false, 0, 0 },
	{ "pid_namespace", NULL, 2216, 8, PANIC, false, 0, 0 },
	{ NULL, NULL, 0, 0, 0, false, 0, 0 },
};

const struct linux64_flavour linux319 = {
	.name = "linux-3.19-x86_64",
	.release = "3.19.8",
	.version = "#1 SMP Mon May 11 17:48:00 UTC 2015",
	.compiler = "gcc version 4.9.2 20150212 (Red Hat 4.9.2-6) (GCC)",
	.page_offset = 0xffff880000000000,
	.vmalloc = 0xffffc90000000000,
	.vmemmap = 0xffffea0000000000,
	.pgd = "init_level4_pgt",
	.blocks_from_top = true,
	.node_shift = 6,
	.zone_shift = 2,
	.caches = caches,
};
