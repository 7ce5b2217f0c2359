/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The flavour linux-5.10-x86_64: Linux 5.10 as Debian 11 builds it for clouds. The slab caches are those of that kernel, sizes and flags
 * (KMEM_CACHE() and its like where each is created; /proc/slabinfo).
 */
#include "mm/sim/linux64.h"

/* include/linux/slab.h */
#define HW	0x2000u	    /* SLAB_HWCACHE_ALIGN */
#define DMA	0x4000u	    /* SLAB_CACHE_DMA */
#define RECLAIM 0x20000u    /* SLAB_RECLAIM_ACCOUNT */
#define PANIC	0x40000u    /* SLAB_PANIC */
#define RCU	0x80000u    /* SLAB_TYPESAFE_BY_RCU */
#define ACCOUNT 0x4000000u  /* SLAB_ACCOUNT */

#define GENERAL(prefix, flags)                                                                                         \
	{ prefix "8", NULL, 8, 8, flags, false, 0, 8 }, { prefix "16", NULL, 16, 16, flags, false, 0, 16 },            \
		{ prefix "32", NULL, 32, 32, flags, false, 0, 32 }, { prefix "64", NULL, 64, 64, flags, false, 0, 64 },       \
		{ prefix "96", NULL, 96, 8, flags, false, 0, 96 }, { prefix "128", NULL, 128, 128, flags, false, 0, 128 },    \
		{ prefix "192", NULL, 192, 8, flags, false, 0, 192 }, { prefix "256", NULL, 256, 256, flags, false, 0, 256 }, \
		{ prefix "512", NULL, 512, 512, flags, false, 0, 512 }, { prefix "1k", NULL, 1024, 1024, flags, false, 0, 1024 }, \
		{ prefix "2k", NULL, 2048, 2048, flags, false, 0, 2048 }, { prefix "4k", NULL, 4096, 4096, flags, false, 0, 4096 }, \
	{                                                                                                              \
		prefix "8k", NULL, 8192, 8192, flags, false, 0, 8192                                                   \
	}

static const struct linux64_cache caches[] = {
	{ "kmem_cache", "kmem_cache", 0, 64, HW, false, 0, 0 },
	{ "kmem_cache_node", "kmem_cache_node", 64, 64, HW, false, 0, 0 },
	GENERAL("kmalloc-", 0),
	GENERAL("kmalloc-rcl-", RECLAIM),
	GENERAL("dma-kmalloc-", DMA),
	{ "vmap_area", "vmap_area_cachep", 64, 8, PANIC, false, 0, 0 },
	{ "mm_struct", "mm_cachep", 1040, 64, HW | PANIC | ACCOUNT, false, 344, 368 },
	{ "radix_tree_node", "radix_tree_node_cachep", 576, 8, PANIC | RECLAIM, true, 0, 0 },
	{ "numa_policy", NULL, 264, 8, PANIC, false, 0, 0 },
	{ "pid", NULL, 128, 64, HW | PANIC | ACCOUNT, false, 0, 0 },
	{ "anon_vma", "anon_vma_cachep", 96, 8, RCU | PANIC | ACCOUNT, true, 0, 0 },
	{ "anon_vma_chain", "anon_vma_chain_cachep", 64, 8, PANIC | ACCOUNT, false, 0, 0 },
	{ "cred_jar", "cred_jar", 168, 64, HW | PANIC | ACCOUNT, false, 0, 0 },
	{ "task_struct", "task_struct_cachep", 7944, 64, PANIC | ACCOUNT, false, 5248, 2696 },
	{ "sighand_cache", "sighand_cachep", 2080, 64, HW | PANIC | RCU | ACCOUNT, true, 0, 0 },
	{ "signal_cache", "signal_cachep", 1152, 64, HW | PANIC | ACCOUNT, false, 0, 0 },
	{ "files_cache", "files_cachep", 704, 64, HW | PANIC | ACCOUNT, false, 0, 0 },
	{ "fs_cache", "fs_cachep", 56, 64, HW | PANIC | ACCOUNT, false, 0, 0 },
	{ "vm_area_struct", "vm_area_cachep", 200, 8, PANIC | ACCOUNT, false, 0, 0 },
	{ "uts_namespace", NULL, 440, 8, PANIC | ACCOUNT, false, 4, 390 },
	{ "buffer_head", "bh_cachep", 104, 8, RECLAIM | PANIC, false, 0, 0 },
	{ "names_cache", "names_cachep", 4096, 64, HW | PANIC, false, 0, 4096 },
	{ "dentry", "dentry_cache", 192, 8, RECLAIM | PANIC | ACCOUNT, false, 56, 32 },
	{ "inode_cache", "inode_cachep", 600, 8, RECLAIM | PANIC | ACCOUNT, true, 0, 0 },
	{ "filp", "filp_cachep", 256, 64, HW | PANIC | ACCOUNT, false, 0, 0 },
	{ "mnt_cache", "mnt_cache", 312, 64, HW | PANIC, false, 0, 0 },
	{ "shmem_inode_cache", "shmem_inode_cachep", 712, 8, PANIC | ACCOUNT, true, 0, 0 },
	{ "bdev_cache", "bdev_cachep", 784, 64, HW | RECLAIM | PANIC | ACCOUNT, true, 0, 0 },
	{ "proc_inode_cache", NULL, 672, 8, RECLAIM | PANIC | ACCOUNT, true, 0, 0 },
	{ "file_lock_cache", NULL, 216, 8, PANIC, false, 0, 0 },
	{ "skbuff_head_cache", NULL, 224, 64, HW | PANIC, false, 40, 48 },
	{ "user_namespace", NULL, 552, 8, PANIC, false, 0, 0 },
	{ "khugepaged_mm_slot", "mm_slot_cache", 112, 8, 0, false, 0, 0 },
	{ "biovec-max", NULL, 4096, 64, HW | PANIC, false, 0, 0 },
	{ "pid_namespace", NULL, 144, 8, PANIC, false, 0, 0 },
	{ "ext4_extent_status", NULL, 40, 8, RECLAIM, false, 0, 0 },
	{ "ext4_inode_cache", "ext4_inode_cachep", 1176, 8, RECLAIM | ACCOUNT, true, 0, 60 },
	{ "TCP", NULL, 2224, 64, HW | RCU | ACCOUNT, false, 0, 0 },
	{ "UNIX", NULL, 1088, 64, HW | ACCOUNT, false, 0, 0 },
	{ NULL, NULL, 0, 0, 0, false, 0, 0 },
};

const struct linux64_flavour linux510 = {
	.name = "linux-5.10-x86_64",
	.release = "5.10.0-46-cloud-amd64",
	.version = "#1 SMP Debian 5.10.262-1 (2021-03-01)",
	.compiler = "gcc-10 (Debian 10.2.1-6) 10.2.1 20210110",
	.page_offset = 0xffff888000000000,
	.vmalloc = 0xffffc90000000000,
	.vmemmap = 0xffffea0000000000,
	.pgd = "init_top_pgt",
	.relative_kallsyms = true,
	.node_shift = 10,
	.salted_names = true,
	.zone_shift = 3,
	.cpupid_shift = 21, /* the last task's low 8 bits, and 13 for 8192 CPUs */
	.caches = caches,
};
