/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Linux 2.4.20 for i386, SMP: the types of memory management, as gcc lays out include/linux/mm.h, mmzone.h, sched.h, swap.h, fs.h, mm/slab.c.
 */
#include <stddef.h>

#include "mm/sim/linux24.h"

/* clang-format off */
static const struct layout_member mm_struct_members[] = {
	FIELD(0, "struct vm_area_struct *", mmap), FIELD(4, "rb_root_t", mm_rb),
	FIELD(8, "struct vm_area_struct *", mmap_cache), FIELD(0xc, "pgd_t *", pgd),
	FIELD(0x10, "atomic_t", mm_users), FIELD(0x14, "atomic_t", mm_count), FIELD(0x18, "int", map_count),
	FIELD(0x1c, "struct rw_semaphore", mmap_sem), FIELD(0x2c, "spinlock_t", page_table_lock),
	FIELD(0x30, "struct list_head", mmlist), FIELD(0x38, "unsigned long", start_code),
	FIELD(0x3c, "unsigned long", end_code), FIELD(0x40, "unsigned long", start_data),
	FIELD(0x44, "unsigned long", end_data), FIELD(0x48, "unsigned long", start_brk),
	FIELD(0x4c, "unsigned long", brk), FIELD(0x50, "unsigned long", start_stack),
	FIELD(0x54, "unsigned long", arg_start), FIELD(0x58, "unsigned long", arg_end),
	FIELD(0x5c, "unsigned long", env_start), FIELD(0x60, "unsigned long", env_end),
	FIELD(0x64, "unsigned long", rss), FIELD(0x68, "unsigned long", total_vm),
	FIELD(0x6c, "unsigned long", locked_vm), FIELD(0x70, "unsigned long", def_flags),
	FIELD(0x74, "unsigned long", cpu_vm_mask), FIELD(0x78, "unsigned long", swap_address),
	BITS(0x7c, "unsigned int", dumpable, 1, 0), FIELD(0x80, "mm_context_t", context), END,
};

static const struct layout_member rb_root_s_members[] = {
	FIELD(0, "struct rb_node_s *", rb_node), END,
};

static const struct layout_member pgd_t_members[] = {
	FIELD(0, "unsigned long", pgd), END,
};

static const struct layout_member atomic_t_members[] = {
	FIELD(0, "int", counter), END,
};

static const struct layout_member rw_semaphore_members[] = {
	FIELD(0, "long", count), FIELD(4, "spinlock_t", wait_lock), FIELD(8, "struct list_head", wait_list), END,
};

static const struct layout_member spinlock_t_members[] = {
	FIELD(0, "unsigned int", lock), END,
};

static const struct layout_member list_head_members[] = {
	FIELD(0, "struct list_head *", next), FIELD(4, "struct list_head *", prev), END,
};

static const struct layout_member mm_context_t_members[] = {
	FIELD(0, "void *", segments), FIELD(4, "unsigned long", cpuvalid), END,
};

static const struct layout_member vm_area_struct_members[] = {
	FIELD(0, "struct mm_struct *", vm_mm), FIELD(4, "unsigned long", vm_start),
	FIELD(8, "unsigned long", vm_end), FIELD(0xc, "struct vm_area_struct *", vm_next),
	FIELD(0x10, "pgprot_t", vm_page_prot), FIELD(0x14, "unsigned long", vm_flags),
	FIELD(0x18, "rb_node_t", vm_rb), FIELD(0x28, "struct vm_area_struct *", vm_next_share),
	FIELD(0x2c, "struct vm_area_struct **", vm_pprev_share),
	FIELD(0x30, "struct vm_operations_struct *", vm_ops), FIELD(0x34, "unsigned long", vm_pgoff),
	FIELD(0x38, "struct file *", vm_file), FIELD(0x3c, "unsigned long", vm_raend),
	FIELD(0x40, "void *", vm_private_data), END,
};

static const struct layout_member pgprot_t_members[] = {
	FIELD(0, "unsigned long", pgprot), END,
};

static const struct layout_member rb_node_s_members[] = {
	FIELD(0, "struct rb_node_s *", rb_parent), FIELD(4, "int", rb_color),
	FIELD(8, "struct rb_node_s *", rb_right), FIELD(0xc, "struct rb_node_s *", rb_left), END,
};

static const struct layout_member vm_operations_struct_members[] = {
	FIELD(0, "void (*)(struct vm_area_struct *)", open), FIELD(4, "void (*)(struct vm_area_struct *)", close),
	FIELD(8, "struct page * (*)(struct vm_area_struct *, unsigned long, int)", nopage), END,
};

static const struct layout_member page_members[] = {
	FIELD(0, "struct list_head", list), FIELD(8, "struct address_space *", mapping),
	FIELD(0xc, "unsigned long", index), FIELD(0x10, "struct page *", next_hash), FIELD(0x14, "atomic_t", count),
	FIELD(0x18, "unsigned long", flags), FIELD(0x1c, "struct list_head", lru),
	FIELD(0x24, "struct page **", pprev_hash), FIELD(0x28, "struct buffer_head *", buffers), END,
};

/* CONFIG_HIGHMEM: a page outside the direct map has an address while it is mapped (mm/highmem.c). */
static const struct layout_member page_highmem_members[] = {
	FIELD(0, "struct list_head", list), FIELD(8, "struct address_space *", mapping),
	FIELD(0xc, "unsigned long", index), FIELD(0x10, "struct page *", next_hash), FIELD(0x14, "atomic_t", count),
	FIELD(0x18, "unsigned long", flags), FIELD(0x1c, "struct list_head", lru),
	FIELD(0x24, "struct page **", pprev_hash), FIELD(0x28, "struct buffer_head *", buffers),
	FIELD(0x2c, "void *", virtual), END,
};

static const struct layout_member zone_struct_members[] = {
	FIELD(0, "spinlock_t", lock), FIELD(4, "unsigned long", free_pages), FIELD(8, "unsigned long", pages_min),
	FIELD(0xc, "unsigned long", pages_low), FIELD(0x10, "unsigned long", pages_high),
	FIELD(0x14, "int", need_balance), FIELD(0x18, "free_area_t [10]", free_area),
	FIELD(0x90, "wait_queue_head_t *", wait_table), FIELD(0x94, "unsigned long", wait_table_size),
	FIELD(0x98, "unsigned long", wait_table_shift), FIELD(0x9c, "struct pglist_data *", zone_pgdat),
	FIELD(0xa0, "struct page *", zone_mem_map), FIELD(0xa4, "unsigned long", zone_start_paddr),
	FIELD(0xa8, "unsigned long", zone_start_mapnr), FIELD(0xac, "char *", name),
	FIELD(0xb0, "unsigned long", size), END,
};

static const struct layout_member free_area_struct_members[] = {
	FIELD(0, "struct list_head", free_list), FIELD(8, "unsigned long *", map), END,
};

static const struct layout_member pglist_data_members[] = {
	FIELD(0, "zone_t [3]", node_zones), FIELD(0x21c, "zonelist_t [16]", node_zonelists),
	FIELD(0x31c, "int", nr_zones), FIELD(0x320, "struct page *", node_mem_map),
	FIELD(0x324, "unsigned long *", valid_addr_bitmap), FIELD(0x328, "struct bootmem_data *", bdata),
	FIELD(0x32c, "unsigned long", node_start_paddr), FIELD(0x330, "unsigned long", node_start_mapnr),
	FIELD(0x334, "unsigned long", node_size), FIELD(0x338, "int", node_id),
	FIELD(0x33c, "struct pglist_data *", node_next), END,
};

static const struct layout_member zonelist_struct_members[] = {
	FIELD(0, "zone_t * [4]", zones), END,
};

static const struct layout_member kmem_cache_s_members[] = {
	FIELD(0, "struct list_head", slabs_full), FIELD(8, "struct list_head", slabs_partial),
	FIELD(0x10, "struct list_head", slabs_free), FIELD(0x18, "unsigned int", objsize),
	FIELD(0x1c, "unsigned int", flags), FIELD(0x20, "unsigned int", num), FIELD(0x24, "spinlock_t", spinlock),
	FIELD(0x28, "unsigned int", batchcount), FIELD(0x2c, "unsigned int", gfporder),
	FIELD(0x30, "unsigned int", gfpflags), FIELD(0x34, "size_t", colour),
	FIELD(0x38, "unsigned int", colour_off), FIELD(0x3c, "unsigned int", colour_next),
	FIELD(0x40, "kmem_cache_t *", slabp_cache), FIELD(0x44, "unsigned int", growing),
	FIELD(0x48, "unsigned int", dflags), FIELD(0x4c, "void (*)(void *, kmem_cache_t *, unsigned long)", ctor),
	FIELD(0x50, "void (*)(void *, kmem_cache_t *, unsigned long)", dtor), FIELD(0x54, "unsigned long", failures),
	FIELD(0x58, "char [20]", name), FIELD(0x6c, "struct list_head", next),
	FIELD(0x74, "cpucache_t * [32]", cpudata), END,
};

static const struct layout_member slab_s_members[] = {
	FIELD(0, "struct list_head", list), FIELD(8, "unsigned long", colouroff), FIELD(0xc, "void *", s_mem),
	FIELD(0x10, "unsigned int", inuse), FIELD(0x14, "kmem_bufctl_t", free), END,
};

static const struct layout_member cpucache_s_members[] = {
	FIELD(0, "unsigned int", avail), FIELD(4, "unsigned int", limit), END,
};

static const struct layout_member cache_sizes_members[] = {
	FIELD(0, "size_t", cs_size), FIELD(4, "kmem_cache_t *", cs_cachep), FIELD(8, "kmem_cache_t *", cs_dmacachep),
	END,
};

static const struct layout_member swap_info_struct_members[] = {
	FIELD(0, "unsigned int", flags), FIELD(4, "kdev_t", swap_device), FIELD(8, "spinlock_t", sdev_lock),
	FIELD(0xc, "struct dentry *", swap_file), FIELD(0x10, "struct vfsmount *", swap_vfsmnt),
	FIELD(0x14, "unsigned short *", swap_map), FIELD(0x18, "unsigned int", lowest_bit),
	FIELD(0x1c, "unsigned int", highest_bit), FIELD(0x20, "unsigned int", cluster_next),
	FIELD(0x24, "unsigned int", cluster_nr), FIELD(0x28, "int", prio), FIELD(0x2c, "int", pages),
	FIELD(0x30, "unsigned long", max), FIELD(0x34, "int", next), END,
};

static const struct layout_member address_space_members[] = {
	FIELD(0, "struct list_head", clean_pages), FIELD(8, "struct list_head", dirty_pages),
	FIELD(0x10, "struct list_head", locked_pages), FIELD(0x18, "unsigned long", nrpages),
	FIELD(0x1c, "struct address_space_operations *", a_ops), FIELD(0x20, "struct inode *", host),
	FIELD(0x24, "struct vm_area_struct *", i_mmap), FIELD(0x28, "struct vm_area_struct *", i_mmap_shared),
	FIELD(0x2c, "spinlock_t", i_shared_lock), FIELD(0x30, "int", gfp_mask), END,
};

static const struct layout_member address_space_operations_members[] = {
	FIELD(0, "int (*)(struct page *)", writepage), FIELD(4, "int (*)(struct file *, struct page *)", readpage),
	FIELD(8, "int (*)(struct page *)", sync_page),
	FIELD(0xc, "int (*)(struct file *, struct page *, unsigned int, unsigned int)", prepare_write),
	FIELD(0x10, "int (*)(struct file *, struct page *, unsigned int, unsigned int)", commit_write),
	FIELD(0x14, "int (*)(struct address_space *, long)", bmap),
	FIELD(0x18, "int (*)(struct page *, unsigned long)", flushpage),
	FIELD(0x1c, "int (*)(struct page *, int)", releasepage),
	FIELD(0x20, "int (*)(int, struct inode *, struct kiobuf *, unsigned long, int)", direct_IO), END,
};

static const struct layout_member vm_struct_members[] = {
	FIELD(0, "unsigned long", flags), FIELD(4, "void *", addr), FIELD(8, "unsigned long", size),
	FIELD(0xc, "struct vm_struct *", next), END,
};

static const struct layout_member e820map_members[] = {
	FIELD(0, "int", nr_map), FIELD(4, "struct e820entry [32]", map), END,
};

static const struct layout_member e820entry_members[] = {
	FIELD(0, "unsigned long long", addr), FIELD(8, "unsigned long long", size),
	FIELD(0x10, "unsigned long", type), END,
};

static const struct layout_member resource_members[] = {
	FIELD(0, "char *", name), FIELD(4, "unsigned long", start), FIELD(8, "unsigned long", end),
	FIELD(0xc, "unsigned long", flags), FIELD(0x10, "struct resource *", parent),
	FIELD(0x14, "struct resource *", sibling), FIELD(0x18, "struct resource *", child), END,
};

const struct layout_struct linux24_mm_structs[] = {
	{ "mm_struct", 136, false, mm_struct_members },
	{ "rb_root_s", 4, false, rb_root_s_members },
	{ "$pgd_t", 4, false, pgd_t_members },
	{ "$atomic_t", 4, false, atomic_t_members },
	{ "rw_semaphore", 16, false, rw_semaphore_members },
	{ "$spinlock_t", 4, false, spinlock_t_members },
	{ "list_head", 8, false, list_head_members },
	{ "$mm_context_t", 8, false, mm_context_t_members },
	{ "vm_area_struct", 68, false, vm_area_struct_members },
	{ "$pgprot_t", 4, false, pgprot_t_members },
	{ "rb_node_s", 16, false, rb_node_s_members },
	{ "vm_operations_struct", 12, false, vm_operations_struct_members },
	{ "page", 44, false, page_members },
	{ "zone_struct", 180, false, zone_struct_members },
	{ "free_area_struct", 12, false, free_area_struct_members },
	{ "pglist_data", 832, false, pglist_data_members },
	{ "zonelist_struct", 16, false, zonelist_struct_members },
	{ "kmem_cache_s", 244, false, kmem_cache_s_members },
	{ "slab_s", 24, false, slab_s_members },
	{ "cpucache_s", 8, false, cpucache_s_members },
	{ "cache_sizes", 12, false, cache_sizes_members },
	{ "swap_info_struct", 56, false, swap_info_struct_members },
	{ "address_space", 52, false, address_space_members },
	{ "address_space_operations", 36, false, address_space_operations_members },
	{ "vm_struct", 16, false, vm_struct_members },
	{ "e820map", 644, false, e820map_members },
	{ "e820entry", 20, false, e820entry_members },
	{ "resource", 28, false, resource_members },
	{ NULL, 0, false, NULL },
};

const struct layout_struct linux24_page_highmem = { "page", 48, false, page_highmem_members };
