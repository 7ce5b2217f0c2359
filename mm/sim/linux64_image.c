/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The image of a kernel for x86_64: text (names and room, no instructions), and the variables as its initialisers leave them.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mm/sim/linux64.h"
#include "mm/sim/programs.h"

/* ---- Text ---- */

/* How large a function is taken to be: no two builds agree, so anything plausible will do, if it is always the same. */
static uint32_t function_size(const char *name, size_t len)
{
	uint32_t h = 2166136261u;
	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)name[i]) * 16777619u;
	return 64 + (h >> 7) % 37 * 16;
}

static void place_function(struct image *i, const char *name, size_t len)
{
	bool local = *name == '.';
	uint32_t size = function_size(name, len);
	image_define_len(i, local ? 't' : 'T', name + local, len - local, i->at);
	memset(image_bytes(i, i->at), 0x90, size); /* nop */
	*image_bytes(i, i->at) = 0xc3;		   /* ret */
	i->at += size;
}

/* The names of the table up to its next comment, which starts with '#' at a line's start; where that is. */
static const char *place_functions(struct image *i, const char *names, const char *end)
{
	while (names < end && *names == '#')
		names = (const char *)memchr(names, '\n', (size_t)(end - names)) + 1;
	while (names < end && *names != '#') {
		size_t len = strcspn(names, " \n");
		place_function(i, names, len);
		names += len + 1;
	}
	return names;
}

/* sys_call_table, by the names in their order. */
static void place_calls(struct linux64 *m, const char *names, const char *end)
{
	struct image *i = &m->image;
	char name[64];
	if (names < end)
		names = (const char *)memchr(names, '\n', (size_t)(end - names)) + 1;
	const char *first = names;
	uint64_t at = i->at = (i->at + 31) & ~31ull;
	image_define(i, 'D', "sys_call_table", at);
	for (; names < end; at += 8) {
		size_t len = strcspn(names, " \n");
		snprintf(name, sizeof(name), "%.*s", (int)len, names);
		image_put64(i, at, image_symbol(i, name));
		names += len + 1;
	}
	assert(first <= end);
	i->at = at;
}

static const char *skip_comment(const char *at, const char *end)
{
	while (at < end && *at == '#')
		at = (const char *)memchr(at, '\n', (size_t)(end - at)) + 1;
	return at;
}

static void place_text(struct linux64 *m)
{
	struct image *i = &m->image;
	size_t len;
	const char *names = sim_names(m->flavour->name, &len), *end = names + len;
	image_define(i, 'T', "_text", i->at);
	image_define(i, 'T', "_stext", i->at);
	const char *calls = place_functions(i, names, end);
	/* A number that stands for no call names one that others do too. */
	for (const char *at = skip_comment(calls, end); at < end;) {
		size_t n = strcspn(at, " \n");
		char name[64];
		snprintf(name, sizeof(name), "%.*s", (int)n, at);
		if (!image_has_symbol(i, name))
			place_function(i, at, n);
		at += n + 1;
	}
	image_define(i, 'T', "_etext", i->at);
	i->at = (i->at + LARGE_PAGE64 - 1) & -LARGE_PAGE64;
	image_define(i, 'R', "__start_rodata", i->at);
	place_calls(m, calls, end);
}

/* ---- Variables ---- */

/* An array of pointers to strings. */
static void place_strings(struct image *i, const char *name, const char *const *texts, unsigned count)
{
	uint64_t at = image_place(i, 'R', name, 8 * count, 32);
	for (unsigned n = 0; n < count; n++)
		image_put64(i, at + 8 * n, image_string(i, texts[n]));
	i->at = (i->at + 7) & ~7ull;
}

static uint64_t place_word(struct image *i, char type, const char *name, uint64_t value)
{
	uint64_t addr = image_place(i, type, name, 8, 8);
	image_put64(i, addr, value);
	return addr;
}

/* "name size …": zeroes. */
static void place_zeroes(struct image *i, const char *names)
{
	while (*names) {
		size_t len = strcspn(names, " ");
		const char *size = names + len + 1;
		uint64_t bytes = strtoull(size, NULL, 10), align = bytes >= 64 ? 32 : bytes >= 8 ? 8 : 4;
		i->at = (i->at + align - 1) & -align;
		image_define_len(i, 'B', names, len, i->at);
		i->at += bytes;
		names = size + strcspn(size, " ");
		names += *names == ' ';
	}
}

static void place_rodata(struct linux64 *m)
{
	struct image *i = &m->image;
	static const char *const zones[] = { "DMA", "DMA32", "Normal", "Movable", "Device" };
	static const char *const types[] = { "Unmovable", "Movable", "Reclaimable", "HighAtomic", "CMA", "Isolate" };
	static const char *const pageset_types[] = { "Unmovable", "Movable", "Reclaimable", "HighAtomic", "Isolate" };
	static const char *const old_types[] = { "Unmovable", "Reclaimable", "Movable", "Reserve", "Isolate" };
	int cma, reserve;
	bool has_cma = l64_find_enumerator(m, "MIGRATE_CMA", &cma), has_reserve = l64_find_enumerator(m, "MIGRATE_RESERVE", &reserve);
	const struct linux64_flavour *f = m->flavour;
	char banner[256];
	snprintf(banner, sizeof(banner), "Linux version %s (mmscope@simulation) (%s) %s\n", f->release, f->compiler, f->version);
	image_define(i, 'R', "linux_banner", i->at);
	image_string(i, banner);
	place_strings(i, "zone_names", zones, 5);
	place_strings(i, "migratetype_names", has_cma ? types : has_reserve ? old_types : pageset_types, has_cma ? 6 : 5);
}

static void place_names(struct linux64 *m)
{
	struct image *i = &m->image;
	uint64_t ns = image_place(i, 'D', "init_uts_ns", l64_size(m, "uts_namespace"), 32);
	const struct {
		const char *path, *text;
	} names[] = {
		{ "name.sysname", "Linux" },   { "name.nodename", "hyper" },	    { "name.release", m->flavour->release },
		{ "name.version", m->flavour->version }, { "name.machine", "x86_64" }, { "name.domainname", "(none)" },
	};
	for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++)
		l64_set_text(m, ns, "uts_namespace", names[n].path, names[n].text);
}

#define BUILT 1614556800 /* 1 March 2021 */
#define TICK  4000000ull /* ns: CONFIG_HZ is 250 */

static void place_time(struct linux64 *m)
{
	struct image *i = &m->image;
	static const char tk[] = "timekeeper", cs[] = "clocksource";
	/* five minutes before it wraps round: include/linux/jiffies.h */
	uint64_t jiffies = place_word(i, 'D', "jiffies", (uint32_t)(-300 * 250));
	image_define(i, 'D', "jiffies_64", jiffies);
	uint64_t keeper = image_place(i, 'D', "shadow_timekeeper", l64_size(m, tk), 64);
	l64_set(m, keeper, tk, "xtime_sec", BUILT);
	l64_set(m, keeper, tk, "wall_to_monotonic.tv_sec", (uint64_t)-BUILT);
	uint64_t source = image_place(i, 'D', "clocksource_jiffies", l64_size(m, cs), 64);
	l64_set(m, source, cs, "mult", TICK << 8);
	l64_set(m, source, cs, "shift", 8);
	place_zeroes(i, "avenrun 24");
	place_word(i, 'D', "cpu_khz", 2500000);
	place_word(i, 'D', "tsc_khz", 2500000);
}

static void place_page_tables(struct linux64 *m)
{
	struct image *i = &m->image;
	static const char *const tables[] = { "level3_ident_pgt", "level2_ident_pgt", "level3_kernel_pgt", "level2_kernel_pgt", "level2_fixmap_pgt",
					      "level1_fixmap_pgt" };
	image_place(i, 'D', m->flavour->pgd, PAGE_SIZE64, PAGE_SIZE64);
	for (size_t n = 0; n < sizeof(tables) / sizeof(tables[0]); n++)
		image_place(i, 'D', tables[n], PAGE_SIZE64, PAGE_SIZE64);
	image_place(i, 'B', "empty_zero_page", PAGE_SIZE64, PAGE_SIZE64);
	/* Variables since 4.8's randomisation of these ranges (CONFIG_RANDOMIZE_MEMORY). */
	if (m->flavour->relative_kallsyms) {
		place_word(i, 'D', "page_offset_base", m->flavour->page_offset);
		place_word(i, 'D', "vmalloc_base", m->flavour->vmalloc);
		place_word(i, 'D', "vmemmap_base", m->flavour->vmemmap);
	}
	place_word(i, 'D', "phys_base", 0);
}

/* Private and shared, by RWX: arch/x86/include/asm/pgtable_types.h, mm/mmap.c. */
static void place_protection_map(struct linux64 *m)
{
	enum { NONE = 0x120, READ = 0x25, COPY = 0x25, SHARED = 0x27 };
	static const uint64_t NX = 1ull << 63;
	const uint64_t map[16] = {
		NONE,	   READ | NX, COPY | NX,   COPY | NX,	READ, READ, COPY,   COPY,
		NONE,	   READ | NX, SHARED | NX, SHARED | NX, READ, READ, SHARED, SHARED,
	};
	uint64_t at = image_place(&m->image, 'D', "protection_map", 128, 32);
	for (unsigned n = 0; n < 16; n++)
		image_put64(&m->image, at + 8 * n, map[n]);
}

static void place_list(struct image *i, const char *name)
{
	image_list_init(i, image_place(i, 'D', name, 16, 16));
}

/* mm/huge_memory.c, mm/khugepaged.c */
static void place_huge(struct linux64 *m)
{
	struct image *i = &m->image;
	if (l64_has(m, "pglist_data", "vm_stat"))
		place_word(i, 'D', "huge_zero_pfn", UINT64_MAX);
	image_list_init(i, image_place(i, 'D', "khugepaged_scan", 32, 32));
	place_list(i, "shmem_swaplist"); /* mm/shmem.c */
}

static void place_mm(struct linux64 *m)
{
	struct image *i = &m->image;
	static const char *const lists[] = { "slab_caches", "vmap_area_list", "super_blocks", "modules", "shrinker_list", "pgd_list" };
	place_protection_map(m);
	place_huge(m);
	for (size_t n = 0; n < sizeof(lists) / sizeof(lists[0]); n++)
		place_list(i, lists[n]);
	if (l64_has(m, "pglist_data", "vm_stat"))
		place_zeroes(i, "node_data 8192 mem_section 8 max_possible_pfn 8 _totalram_pages 8 __cpu_possible_mask 1024 __cpu_online_mask 1024 "
				"__cpu_present_mask 1024 __cpu_active_mask 1024 __per_cpu_offset 65536 vm_zone_stat 512 vm_numa_stat 48 vm_node_stat 512 "
				"kmalloc_caches 336 e820_table 8 swapper_spaces 256 nr_swapper_spaces 128 l1tf_mitigation 4 memory_blocks 16");
	else
		place_zeroes(i, "node_data 512 mem_section 32768 totalram_pages 8 cpu_possible_bits 8 cpu_online_bits 8 cpu_present_bits 8 cpu_active_bits 8 "
				"__per_cpu_offset 512 vm_stat 512 kmalloc_caches 112 kmalloc_dma_caches 112");
	if (!l64_has(m, "pglist_data", "vm_stat")) {
		image_place(i, 'D', "e820", l64_size(m, "e820map"), 32);
		image_place(i, 'B', "swapper_spaces", 32 * (uint64_t)l64_size(m, "address_space"), 64);
	}
	place_zeroes(i, "max_pfn 8 max_low_pfn 8 high_memory 8 totalreserve_pages 8 "
			"nr_cpu_ids 4 nr_node_ids 4 nr_online_nodes 4 node_states 768 pcpu_base_addr 8 pcpu_unit_size 4 min_free_kbytes 4 watermark_scale_factor 4 sysctl_lowmem_reserve_ratio 20 "
			"kmem_cache 8 kmem_cache_node 8 slab_state 4 vm_area_cachep 8 mm_cachep 8 files_cachep 8 fs_cachep 8 "
			"sighand_cachep 8 signal_cachep 8 filp_cachep 8 dentry_cache 8 inode_cachep 8 anon_vma_cachep 8 anon_vma_chain_cachep 8 "
			"cred_jar 8 task_struct_cachep 8 mnt_cache 8 names_cachep 8 radix_tree_node_cachep 8 vmap_area_cachep 8 ext4_inode_cachep 8 "
			"bh_cachep 8 shmem_inode_cachep 8 bdev_cachep 8 "
			"swap_info 256 nr_swapfiles 4 nr_swap_pages 8 total_swap_pages 8 vmap_area_root 8 vmlist 8 "
			"file_systems 8 dentry_hashtable 8 d_hash_shift 4 inode_hashtable 8 i_hash_mask 4 i_hash_shift 4 mount_hashtable 8 "
			"m_hash_mask 4 m_hash_shift 4 tainted_mask 8 x86_hyper_type 4 sysctl_overcommit_memory 4 sysctl_overcommit_kbytes 8 "
			"nr_threads 4 max_threads 4 hugetlb_max_hstate 4 huge_zero_page 8 huge_zero_refcount 4 transparent_hugepage_flags 8 mm_slot_cache 8 mm_slots_hash 8192 "
			"shm_mnt 8 blockdev_superblock 8 panic_on_oops 4 oops_in_progress 4 crashing_cpu 4 sim_root_mnt 8 total_forks 8");
	if (l64_has(m, "upid", "pid_chain"))
		place_zeroes(i, "pid_hash 8 pidhash_shift 4");
	/* kernel/pid.c, kernel/fork.c (MMF_DUMP_FILTER_DEFAULT), mm/mmap.c, mm/util.c, arch/x86/mm/tlb.c */
	image_put32(i, image_place(i, 'D', "pid_max", 4, 4), 32768);
	place_word(i, 'D', "default_dump_filter", 0xcc);
	place_word(i, 'D', "mmap_min_addr", 65536);
	image_put32(i, image_place(i, 'D', "sysctl_max_map_count", 4, 4), 65530);
	place_word(i, 'D', "sysctl_admin_reserve_kbytes", 8192);
	place_word(i, 'D', "sysctl_user_reserve_kbytes", 131072);
	if (l64_has(m, "task_struct", "stack_vm_area"))
		place_word(i, 'D', "stack_guard_gap", 256 * PAGE_SIZE64);
	if (l64_has(m, "mm_struct", "context.ctx_id"))
		place_word(i, 'D', "last_mm_ctx_id", 1);
	image_put32(i, image_place(i, 'D', "sysctl_overcommit_ratio", 4, 4), 50);
	image_put32(i, image_place(i, 'D', "vm_swappiness", 4, 4), 60);
	place_word(i, 'd', "fault_around_bytes", 65536);
	image_put64(i, image_place(i, 'D', "sysctl_admin_reserve_kbytes", 8, 8), 1u << 13);
	image_put64(i, image_place(i, 'D', "sysctl_user_reserve_kbytes", 8, 8), 1u << 17);
	image_put32(i, image_place(i, 'D', "sysctl_max_map_count", 4, 4), 65530);
	image_put32(i, image_place(i, 'D', "vm_committed_as_batch", 4, 4), 32);
	if (l64_size(m, "hstate"))
		image_place(i, 'B', "hstates", 2 * (uint64_t)l64_size(m, "hstate"), 64);
	image_put32(i, image_place(i, 'D', "sections_per_block", 4, 4), 1);
	image_place(i, 'B', "vm_committed_as", l64_size(m, "percpu_counter"), 8);
	image_place(i, 'B', "sim_disk", l64_size(m, "sim_disk"), 8);
	image_place(i, 'B', "sim_pins", l64_size(m, "sim_pins"), 8);
	if (image_has_symbol(i, "e820_table"))
		image_place(i, 'B', "e820_table_init", l64_size(m, "e820_table"), 32);
	image_place(i, 'D', "iomem_resource", l64_size(m, "resource"), 32);
	image_place(i, 'B', "boot_cpu_data", l64_size(m, "cpuinfo_x86"), 64);
	/* Since 4.11: HWCAP2_FSGSBASE */
	if (m->flavour->relative_kallsyms)
		image_put32(i, image_place(i, 'D', "elf_hwcap2", 4, 4), 2);
	place_list(i, "shmem_swaplist");
}

/* ---- Operations ---- */

static void place_operations(struct linux64 *m, const char *name, const char *structure, const char *const (*members)[2])
{
	uint64_t at = image_place(&m->image, 'D', name, l64_size(m, structure), 64);
	for (; (*members)[0]; members++)
		if (image_has_symbol(&m->image, (*members)[1]))
			l64_set(m, at, structure, (*members)[0], image_symbol(&m->image, (*members)[1]));
}

static uint64_t place_type(struct linux64 *m, const char *symbol, const char *name, uint64_t next)
{
	static const char s[] = "file_system_type";
	uint64_t text = image_string(&m->image, name), type = image_place(&m->image, 'D', symbol, l64_size(m, s), 32);
	l64_set(m, type, s, "name", text);
	l64_set(m, type, s, "next", next);
	return type;
}

/* mm/shmem.c: its file system type. */
static uint64_t place_shared_memory(struct linux64 *m)
{
	static const char *const file[][2] = {
		{ "llseek", "shmem_file_llseek" },   { "read_iter", "shmem_file_read_iter" }, { "write_iter", "generic_file_write_iter" },
		{ "mmap", "shmem_mmap" },	     { "fallocate", "shmem_fallocate" },      { 0 },
	};
	static const char *const pages[][2] = {
		{ "writepage", "shmem_writepage" },	{ "set_page_dirty", "__set_page_dirty_no_writeback" }, { "write_begin", "shmem_write_begin" },
		{ "write_end", "shmem_write_end" },	{ "migratepage", "migrate_page" },		       { 0 },
	};
	static const char *const inode[][2] = { { "setattr", "shmem_setattr" }, { "getattr", "shmem_getattr" }, { 0 } };
	static const char *const names[][2] = { { "create", "shmem_create" }, { "lookup", "simple_lookup" }, { "unlink", "shmem_unlink" }, { 0 } };
	static const char *const directory[][2] = { { "read", "generic_read_dir" }, { "iterate_shared", "dcache_readdir" }, { 0 } };
	static const char *const super[][2] = {
		{ "alloc_inode", "shmem_alloc_inode" }, { "destroy_inode", "shmem_destroy_inode" }, { "statfs", "shmem_statfs" },
		{ "evict_inode", "shmem_evict_inode" }, { "drop_inode", "generic_delete_inode" },   { 0 },
	};
	static const char *const vm[][2] = {
		{ "fault", "shmem_fault" },	     { "map_pages", "filemap_map_pages" },
		{ "set_policy", "shmem_set_policy" }, { "get_policy", "shmem_get_policy" }, { 0 },
	};
	static const char *const dentry[][2] = { { "d_dname", "simple_dname" }, { 0 } };
	place_operations(m, "shmem_file_operations", "file_operations", file);
	place_operations(m, "simple_dir_operations", "file_operations", directory);
	place_operations(m, "shmem_aops", "address_space_operations", pages);
	place_operations(m, "shmem_inode_operations", "inode_operations", inode);
	place_operations(m, "shmem_dir_inode_operations", "inode_operations", names);
	place_operations(m, "shmem_ops", "super_operations", super);
	place_operations(m, "shmem_vm_ops", "vm_operations_struct", vm);
	place_operations(m, "anon_ops", "dentry_operations", dentry);
	if (!l64_has(m, "shmem_sb_info", "ino_batch"))
		place_zeroes(&m->image, "shared_last_ino 4");
	return place_type(m, "shmem_fs_type", "tmpfs", 0);
}

/* A file system over the simulated disk, made of the functions that any may use. */
static void place_files(struct linux64 *m)
{
	static const char *const file[][2] = {
		{ "llseek", "generic_file_llseek" }, { "read_iter", "generic_file_read_iter" }, { "write_iter", "generic_file_write_iter" },
		{ "mmap", "generic_file_mmap" },     { "open", "generic_file_open" },		{ 0 },
	};
	static const char *const directory[][2] = { { "read", "generic_read_dir" }, { "iterate_shared", "dcache_readdir" }, { 0 } };
	static const char *const pages[][2] = {
		{ "readpage", "blkdev_readpage" }, { "writepage", "blkdev_writepage" }, { "set_page_dirty", "__set_page_dirty_buffers" }, { 0 },
	};
	static const char *const inode[][2] = { { "setattr", "simple_setattr" }, { "getattr", "simple_getattr" }, { 0 } };
	static const char *const names[][2] = { { "lookup", "simple_lookup" }, { 0 } };
	static const char *const super[][2] = { { "statfs", "simple_statfs" }, { 0 } };
	static const char *const vm[][2] = {
		{ "fault", "filemap_fault" }, { "map_pages", "filemap_map_pages" }, { "page_mkwrite", "filemap_page_mkwrite" }, { 0 },
	};
	static const char *const special[][2] = {
		{ "close", "special_mapping_close" }, { "mremap", "special_mapping_mremap" }, { "fault", "special_mapping_fault" }, { "name", "special_mapping_name" }, { 0 },
	};
	static const char *const swap[][2] = { { "writepage", "swap_writepage" }, { "set_page_dirty", "swap_set_page_dirty" }, { 0 } };
	struct image *i = &m->image;
	place_operations(m, "simfs_file_operations", "file_operations", file);
	place_operations(m, "simfs_dir_operations", "file_operations", directory);
	place_operations(m, "simfs_aops", "address_space_operations", pages);
	place_operations(m, "swap_aops", "address_space_operations", swap);
	place_operations(m, "simfs_file_inode_operations", "inode_operations", inode);
	place_operations(m, "simfs_dir_inode_operations", "inode_operations", names);
	place_operations(m, "simfs_super_operations", "super_operations", super);
	place_operations(m, "generic_file_vm_ops", "vm_operations_struct", vm);
	place_operations(m, "special_mapping_vmops", "vm_operations_struct", special);
	image_put64(i, image_symbol(i, "file_systems"), place_type(m, "simfs_fs_type", "simfs", place_shared_memory(m)));
	image_place(i, 'B', "sim_super_block", l64_size(m, "super_block"), 64);
}

/* ---- The log's buffer ---- */

static void place_log(struct linux64 *m)
{
	struct image *i = &m->image;
	uint32_t bits = 17, records = 1u << (bits - 5);
	uint64_t buffer = image_place(i, 'B', "__log_buf", 1u << bits, 8);
	place_word(i, 'D', "log_buf", buffer);
	image_put32(i, image_place(i, 'D', "log_buf_len", 4, 4), 1u << bits);
	if (!l64_has(m, "printk_ringbuffer", "desc_ring.descs")) {
		place_zeroes(i, "log_first_seq 8 log_next_seq 8 log_first_idx 4 log_next_idx 4");
		return;
	}
	static const char rb[] = "printk_ringbuffer";
	uint64_t descs = image_place(i, 'D', "_printk_rb_static_descs", (uint64_t)records * l64_size(m, "prb_desc"), 8);
	uint64_t infos = image_place(i, 'D', "_printk_rb_static_infos", (uint64_t)records * l64_size(m, "printk_info"), 8);
	uint64_t ring = image_place(i, 'D', "printk_rb_static", l64_size(m, rb), 8);
	place_word(i, 'D', "prb", ring);
	l64_set(m, ring, rb, "desc_ring.count_bits", bits - 5);
	l64_set(m, ring, rb, "desc_ring.descs", descs);
	l64_set(m, ring, rb, "desc_ring.infos", infos);
	l64_set(m, ring, rb, "text_data_ring.size_bits", bits);
	l64_set(m, ring, rb, "text_data_ring.data", buffer);
}

/* ---- The first page-sized things of each CPU's area: symbols with absolute addresses ---- */

static void place_percpu(struct linux64 *m)
{
	struct image *i = &m->image;
	bool one = layout_type_size(m->layout, "struct lru_pvecs") != 0;
	struct {
		const char *name, *structure;
		uint64_t size, align;
	} vars[] = {
		{ "__per_cpu_start", NULL, 0, 1 },	 { "fixed_percpu_data", NULL, 48, 4096 },
		{ "irq_stack_backing_store", NULL, 16384, 4096 }, /* part of irq_stack_union until 5.2 */ { "cpu_tss_rw", "tss_struct", 0, 4096 },
		{ "gdt_page", NULL, 4096, 4096 },	 { "cpu_info", "cpuinfo_x86", 0, 64 },
		{ "cpu_number", NULL, 4, 4 },		 { "numa_node", NULL, 4, 4 },
		{ "this_cpu_off", NULL, 8, 8 },		 { "current_task", NULL, 8, 8 },
		{ "cpu_current_top_of_stack", NULL, 8, 8 }, { m->flavour->relative_kallsyms ? "hardirq_stack_ptr" : "irq_stack_ptr", NULL, 8, 8 },
		{ "__preempt_count", NULL, 4, 4 },	 { "process_counts", NULL, 8, 8 },
		{ l64_has(m, "shmem_sb_info", "ino_batch") ? NULL : "last_ino", NULL, 4, 4 },
		{ "boot_pageset", "per_cpu_pageset", 0, 64 }, { "vm_event_states", "vm_event_state", 0, 64 },
		/* pages on their way to the LRU lists: in one structure since 5.8 */
		{ one ? "lru_pvecs" : "lru_add_pvec", one ? "lru_pvecs" : "pagevec", 0, 64 },
		{ one ? "lru_rotate" : "lru_rotate_pvecs", "pagevec", 0, 64 },
		{ one ? NULL : "lru_deactivate_pvecs", "pagevec", 0, 64 },
		{ one ? NULL : "activate_page_pvecs", "pagevec", 0, 64 },
		{ "kernel_cpustat", NULL, 80, 8 },
		{ "rcu_data", "rcu_data", 0, 64 },	 { "runqueues", "rq", 0, 64 },
		/* with stacks in vmalloc space */
		{ l64_has(m, "task_struct", "stack_vm_area") ? "cached_stacks" : NULL, NULL, 16, 8 },
		{ "cea_exception_stacks", NULL, 8, 8 },	 { "__per_cpu_end", NULL, 0, 64 },
	};
	uint64_t at = 0;
	for (size_t n = 0; n < sizeof(vars) / sizeof(vars[0]); n++) {
		char type[64];
		if (!vars[n].name)
			continue;
		snprintf(type, sizeof(type), "struct %s", vars[n].structure ? vars[n].structure : "");
		if (vars[n].structure)
			vars[n].size = layout_type_size(m->layout, type);
		at = (at + vars[n].align - 1) & -vars[n].align;
		image_define(i, 'A', vars[n].name, at);
		at += vars[n].size;
	}
	m->percpu_at = at;
}

struct error *linux64_link(struct linux64 *m)
{
	struct image *i = &m->image;
	char info[2048];
	place_percpu(m);
	place_text(m);
	place_rodata(m);
	image_define(i, 'D', "_sdata", i->at = (i->at + LARGE_PAGE64 - 1) & -LARGE_PAGE64);
	place_page_tables(m);
	place_time(m);
	place_names(m);
	place_mm(m);
	place_files(m);
	place_log(m);
	linux64_vdso(m);
	linux64_place_tasks(m);
	image_define(i, 'D', "_edata", i->at);
	snprintf(info, sizeof(info),
		 "OSRELEASE=%s\nPAGESIZE=4096\nSYMBOL(init_uts_ns)=%" PRIx64 "\nSYMBOL(swapper_pg_dir)=%" PRIx64 "\nSYMBOL(_stext)=%" PRIx64
		 "\nSYMBOL(mem_section)=%" PRIx64 "\nLENGTH(mem_section)=2048\nSIZE(mem_section)=%u\nNUMBER(SECTION_SIZE_BITS)=27\n"
		 "NUMBER(MAX_PHYSMEM_BITS)=46\nSIZE(page)=%u\nSYMBOL(node_data)=%" PRIx64 "\nNUMBER(phys_base)=0\nNUMBER(KERNEL_IMAGE_SIZE)=536870912\n"
		 "KERNELOFFSET=0\n",
		 m->flavour->release, image_symbol(i, "init_uts_ns"), image_symbol(i, m->flavour->pgd), image_symbol(i, "_stext"),
		 image_symbol(i, "mem_section"), l64_size(m, "mem_section"), l64_size(m, "page"), image_symbol(i, "node_data"));
	return image_finish(i, info);
}
