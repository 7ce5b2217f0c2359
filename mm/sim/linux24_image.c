/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The image of Linux 2.4.20 for i386: text (names and room, no instructions), and the variables as its initialisers leave them. In the order of
 * arch/i386/vmlinux.lds: text, data, bss.
 */
#include <string.h>

#include "mm/sim/linux24.h"

/* ---- Text ---- */

/* arch/i386/kernel/head.S puts the first page tables into the text, page by page. */
#define TEXT (LINUX24_PAGE_OFFSET + 0x100000u)

/* How large a function is taken to be: no two builds agree, so anything plausible will do, if it is always the same. */
static uint32_t function_size(const char *name, size_t len)
{
	uint32_t h = 2166136261u;
	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)name[i]) * 16777619u;
	return 64 + (h >> 7) % 37 * 16;
}

#define RET 0xc3
#define NOP 0x90

static void place_text(struct image *i)
{
	image_define(i, 'A', "_text", i->at);
	image_define(i, 'T', "startup_32", i->at);
	image_define(i, 'T', "swapper_pg_dir", i->at + 0x1000);
	image_define(i, 'T', "pg0", i->at + 0x2000);
	image_define(i, 'T', "pg1", i->at + 0x3000);
	image_define(i, 'T', "empty_zero_page", i->at + 0x4000);
	i->at += 0x5000;
	image_define(i, 'T', "stext", i->at);
	image_define(i, 'T', "_stext", i->at);
	i->at += 0x100; /* the first steps of head.S, without a name of their own */
	for (const char *name = linux24_functions; *name; name++) {
		size_t len = strcspn(name, " ");
		bool local = *name == '.';
		uint32_t size = function_size(name, len);
		image_define_len(i, local ? 't' : 'T', name + local, len - local, i->at);
		memset(image_bytes(i, i->at), NOP, size);
		*image_bytes(i, i->at) = RET;
		i->at += size;
		name += len;
	}
	image_define(i, 'A', "_etext", i->at);
}

/* ---- Variables ---- */

/* A text in read-only data, with a symbol when it has a name. */
static uint32_t place_text_of(struct image *i, const char *name, const char *text)
{
	uint32_t len = (uint32_t)strlen(text) + 1, addr = i->at;
	if (name)
		addr = image_place(i, 'R', name, len, 1);
	else
		i->at += len;
	memcpy(image_bytes(i, addr), text, len);
	return addr;
}

static uint32_t place_word(struct image *i, char type, const char *name, uint32_t value)
{
	uint32_t addr = image_place(i, type, name, 4, 4);
	image_put32(i, addr, value);
	return addr;
}

static uint32_t place_struct(struct image *i, const char *name, const char *structure, uint32_t align)
{
	return image_place(i, 'D', name, layout_size(i->layout, structure), align);
}

#define BANNER_VERSION "#1 SMP Thu Nov 28 23:53:12 UTC 2002"
#define BUILT	       1038527592 /* the same moment */

static void place_rodata(struct image *i)
{
	place_text_of(i, "linux_banner", "Linux version 2.4.20 (mmscope@simulation) (gcc version 2.95.4) " BANNER_VERSION "\n");
	i->at = (i->at + 3) & ~3u;
	uint32_t at = image_place(i, 'R', "sys_call_table", 4 * 256, 4), fallback = image_symbol(i, "sys_ni_syscall");
	for (uint32_t n = 0; n < 256; n++)
		image_put32(i, at + 4 * n, fallback);
	uint32_t n = 0;
	for (const char *name = linux24_system_calls; *name && n < 256; n++, name++) {
		char text[64];
		size_t len = strcspn(name, " ");
		memcpy(text, name, len);
		text[len] = 0;
		image_put32(i, at + 4 * n, image_symbol(i, text));
		name += len;
	}
}

static void set_text(struct image *i, uint32_t object, const char *member, const char *text)
{
	strcpy((char *)image_bytes(i, object + layout_offset(i->layout, "new_utsname", member)), text);
}

static void place_names(struct image *i)
{
	uint32_t uts = place_struct(i, "system_utsname", "new_utsname", 32);
	set_text(i, uts, "sysname", "Linux");
	set_text(i, uts, "nodename", "hyper");
	set_text(i, uts, "release", "2.4.20");
	set_text(i, uts, "version", BANNER_VERSION);
	set_text(i, uts, "machine", "i686");
	set_text(i, uts, "domainname", "(none)");
}

static void place_time(struct image *i)
{
	uint32_t xtime = place_struct(i, "xtime", "timeval", 16);
	image_set(i, xtime, "timeval", "tv_sec", BUILT);
	place_word(i, 'D', "jiffies", 0);
	place_word(i, 'D', "tick", 10000); /* microseconds: HZ is 100 */
	place_word(i, 'D', "wall_jiffies", 0);
	place_word(i, 'D', "cpu_khz", 1000000);
	image_place(i, 'B', "avenrun", 12, 4);
}

/* ---- The first task ---- */

#define RW_LOCK_UNLOCKED 0x01000000u /* include/asm-i386/spinlock.h */
#define RLIM_INFINITY	 0xffffffffu

static void set_list(struct image *i, uint32_t object, const char *structure, const char *member)
{
	image_list_init(i, object + layout_offset(i->layout, structure, member));
}

static uint32_t place_init_files(struct image *i)
{
	uint32_t files = place_struct(i, "init_files", "files_struct", 32);
	image_set(i, files, "files_struct", "count", 1);
	image_set(i, files, "files_struct", "file_lock", RW_LOCK_UNLOCKED);
	image_set(i, files, "files_struct", "max_fds", 32);
	image_set(i, files, "files_struct", "max_fdset", 1024);
	image_set(i, files, "files_struct", "fd", files + layout_offset(i->layout, "files_struct", "fd_array"));
	image_set(i, files, "files_struct", "close_on_exec", files + layout_offset(i->layout, "files_struct", "close_on_exec_init"));
	image_set(i, files, "files_struct", "open_fds", files + layout_offset(i->layout, "files_struct", "open_fds_init"));
	return files;
}

static uint32_t place_init_mm(struct image *i)
{
	uint32_t mm = place_struct(i, "init_mm", "mm_struct", 32);
	uint32_t sem = mm + layout_offset(i->layout, "mm_struct", "mmap_sem");
	image_set(i, mm, "mm_struct", "pgd", image_symbol(i, "swapper_pg_dir"));
	image_set(i, mm, "mm_struct", "mm_users", 2);
	image_set(i, mm, "mm_struct", "mm_count", 1);
	image_set(i, sem, "rw_semaphore", "wait_lock", 1);
	set_list(i, sem, "rw_semaphore", "wait_list");
	image_set(i, mm, "mm_struct", "page_table_lock", 1);
	set_list(i, mm, "mm_struct", "mmlist");
	image_set(i, mm, "mm_struct", "start_code", image_symbol(i, "_text"));
	image_set(i, mm, "mm_struct", "end_code", image_symbol(i, "_etext"));
	return mm;
}

/* include/asm-i386/resource.h: in the order of RLIMIT_CPU …; the number of processes is set by fork_init(). */
static void set_limits(struct image *i, uint32_t task)
{
	static const uint32_t limits[][2] = {
		{ RLIM_INFINITY, RLIM_INFINITY }, { RLIM_INFINITY, RLIM_INFINITY }, { RLIM_INFINITY, RLIM_INFINITY },
		{ 8u << 20, RLIM_INFINITY },	  { 0, RLIM_INFINITY },		    { RLIM_INFINITY, RLIM_INFINITY },
		{ 0, 0 },			  { 1024, 1024 },		    { RLIM_INFINITY, RLIM_INFINITY },
		{ RLIM_INFINITY, RLIM_INFINITY }, { RLIM_INFINITY, RLIM_INFINITY },
	};
	uint32_t at = task + layout_offset(i->layout, "task_struct", "rlim");
	for (unsigned n = 0; n < sizeof(limits) / sizeof(limits[0]); n++) {
		image_put32(i, at + 8 * n, limits[n][0]);
		image_put32(i, at + 8 * n + 4, limits[n][1]);
	}
}

static void place_init_task(struct image *i, uint32_t mm, uint32_t fs, uint32_t files, uint32_t sig, uint32_t user)
{
	static const char s[] = "task_struct";
	uint32_t t = place_struct(i, "init_task_union", "task_union", 8192);
	image_set(i, t, s, "addr_limit", 0xffffffff);
	image_set(i, t, s, "lock_depth", (uint32_t)-1);
	image_set(i, t, s, "counter", 10); /* 10 * HZ / 100 */
	image_set(i, t, s, "active_mm", mm);
	image_set(i, t, s, "cpus_runnable", (uint32_t)-1);
	image_set(i, t, s, "cpus_allowed", (uint32_t)-1);
	set_list(i, t, s, "run_list");
	set_list(i, t, s, "local_pages");
	image_set(i, t, s, "next_task", t);
	image_set(i, t, s, "prev_task", t);
	image_set(i, t, s, "p_opptr", t);
	image_set(i, t, s, "p_pptr", t);
	set_list(i, t, s, "thread_group");
	uint32_t wait = t + layout_offset(i->layout, s, "wait_chldexit");
	image_set(i, wait, "__wait_queue_head", "lock", 1);
	set_list(i, wait, "__wait_queue_head", "task_list");
	image_set(i, t, s, "cap_effective", ~(1u << 8)); /* all but CAP_SETPCAP */
	image_set(i, t, s, "cap_permitted", 0xffffffff);
	set_limits(i, t);
	image_set(i, t, s, "user", user);
	strcpy((char *)image_bytes(i, t + layout_offset(i->layout, s, "comm")), "swapper");
	/* It sleeps in cpu_idle(), on an empty stack. */
	uint32_t thread = t + layout_offset(i->layout, s, "thread");
	image_set(i, thread, "thread_struct", "esp0", t + 8192);
	image_set(i, thread, "thread_struct", "esp", t + 8192 - 32);
	image_set(i, thread, "thread_struct", "eip", image_symbol(i, "cpu_idle"));
	image_set(i, t, s, "fs", fs);
	image_set(i, t, s, "files", files);
	image_set(i, t, s, "sigmask_lock", 1);
	image_set(i, t, s, "sig", sig);
	uint32_t pending = t + layout_offset(i->layout, s, "pending");
	image_set(i, pending, "sigpending", "tail", pending);
	image_set(i, t, s, "alloc_lock", 1);
	uint32_t tasks = image_place(i, 'D', "init_tasks", 4 * LINUX24_NR_CPUS, 32);
	image_put32(i, tasks, t);
}

static void place_tasks(struct image *i)
{
	uint32_t mm = place_init_mm(i), files = place_init_files(i);
	uint32_t fs = place_struct(i, "init_fs", "fs_struct", 32);
	image_set(i, fs, "fs_struct", "count", 1);
	image_set(i, fs, "fs_struct", "lock", RW_LOCK_UNLOCKED);
	image_set(i, fs, "fs_struct", "umask", 022);
	uint32_t sig = place_struct(i, "init_signals", "signal_struct", 32);
	image_set(i, sig, "signal_struct", "count", 1);
	image_set(i, sig, "signal_struct", "siglock", 1);
	uint32_t user = place_struct(i, "root_user", "user_struct", 32);
	image_set(i, user, "user_struct", "__count", 1);
	image_set(i, user, "user_struct", "processes", 1);
	place_init_task(i, mm, fs, files, sig, user);
	image_list_init(i, image_place(i, 'D', "runqueue_head", 8, 8));
	place_word(i, 'D', "runqueue_lock", 1);
	place_word(i, 'D', "tasklist_lock", RW_LOCK_UNLOCKED);
	place_word(i, 'D', "mmlist_lock", 1);
	place_word(i, 'D', "mmlist_nr", 0);
	place_word(i, 'D', "nr_threads", 0);
	place_word(i, 'D', "nr_running", 0);
	place_word(i, 'D', "last_pid", 0);
	place_word(i, 'D', "max_threads", 0);
	image_place(i, 'B', "pidhash", 4 * 1024, 32);
}

/* ---- Memory management ---- */

/* include/asm-i386/pgtable.h: PAGE_NONE, PAGE_READONLY, PAGE_COPY, PAGE_SHARED; private mappings first, then shared ones, by RWX. */
static void place_protection_map(struct image *i)
{
	enum { NONE = 0x101, READONLY = 0x25, COPY = 0x25, SHARED = 0x27 };
	static const uint32_t map[16] = {
		NONE, READONLY, COPY,	COPY,	READONLY, READONLY, COPY,   COPY,
		NONE, READONLY, SHARED, SHARED, READONLY, READONLY, SHARED, SHARED,
	};
	uint32_t at = image_place(i, 'D', "protection_map", 64, 32);
	for (unsigned n = 0; n < 16; n++)
		image_put32(i, at + 4 * n, map[n]);
}

static uint32_t place_address_space(struct image *i, const char *name, uint32_t operations)
{
	static const char s[] = "address_space";
	uint32_t a = place_struct(i, name, s, 32);
	set_list(i, a, s, "clean_pages");
	set_list(i, a, s, "dirty_pages");
	set_list(i, a, s, "locked_pages");
	image_set(i, a, s, "a_ops", operations);
	image_set(i, a, s, "i_shared_lock", 1);
	return a;
}

static void place_swap(struct image *i)
{
	uint32_t aops = place_struct(i, "swap_aops", "address_space_operations", 32);
	image_set(i, aops, "address_space_operations", "writepage", image_symbol(i, "swap_writepage"));
	image_set(i, aops, "address_space_operations", "sync_page", image_symbol(i, "block_sync_page"));
	place_address_space(i, "swapper_space", aops);
	image_place(i, 'B', "swap_info", 32 * layout_size(i->layout, "swap_info_struct"), 32); /* MAX_SWAPFILES */
	uint32_t list = image_place(i, 'D', "swap_list", 8, 8);
	image_put32(i, list, (uint32_t)-1);
	image_put32(i, list + 4, (uint32_t)-1);
	place_word(i, 'B', "nr_swapfiles", 0);
	place_word(i, 'B', "nr_swap_pages", 0);
	place_word(i, 'B', "total_swap_pages", 0);
	place_word(i, 'D', "page_cluster", 3);
	place_word(i, 'D', "swap_mm", image_symbol(i, "init_mm"));
}

/* mm/slab.c: cache_cache, which the other caches come from; the general caches' table ends with a size of 0. */
static void place_slab(struct image *i)
{
	static const char s[] = "kmem_cache_s";
	uint32_t c = place_struct(i, "cache_cache", s, 32);
	set_list(i, c, s, "slabs_full");
	set_list(i, c, s, "slabs_partial");
	set_list(i, c, s, "slabs_free");
	image_set(i, c, s, "objsize", layout_size(i->layout, s));
	image_set(i, c, s, "flags", 0x1000); /* SLAB_NO_REAP */
	image_set(i, c, s, "spinlock", 1);
	image_set(i, c, s, "colour_off", 32);
	strcpy((char *)image_bytes(i, c + layout_offset(i->layout, s, "name")), "kmem_cache");
	set_list(i, c, s, "next"); /* the list of all caches: cache_chain is a macro for it */
	place_word(i, 'D', "clock_searchp", c);
	uint32_t size = layout_size(i->layout, "cache_sizes"), sizes = image_place(i, 'D', "cache_sizes", 14 * size, 32);
	for (uint32_t n = 0; n < 13; n++)
		image_put32(i, sizes + n * size, 32u << n);
}

static void place_words(struct image *i, const char *names)
{
	for (size_t len; *names; names += len + (names[len] == ' ')) {
		len = strcspn(names, " ");
		i->at = (i->at + 3) & ~3u;
		image_define_len(i, 'B', names, len, i->at);
		i->at += 4;
	}
}

static void place_mm(struct image *i)
{
	place_protection_map(i);
	place_slab(i);
	place_swap(i);
	image_list_init(i, image_place(i, 'D', "active_list", 8, 8));
	image_list_init(i, image_place(i, 'D', "inactive_list", 8, 8));
	place_word(i, 'D', "pagemap_lru_lock", 1);
	place_word(i, 'D', "pagecache_lock", 1);
	place_struct(i, "contig_page_data", "pglist_data", 32);
	image_place(i, 'B', "zone_table", 12, 4);
	image_place(i, 'D', "zone_names_text", 24, 8); /* three names of at most 7 characters */
	place_words(i, "mem_map max_mapnr num_physpages num_mappedpages high_memory highmem_start_page max_pfn max_low_pfn "
		       "min_low_pfn totalram_pages totalhigh_pages highstart_pfn highend_pfn pgdat_list pkmap_page_table "
		       "nr_active_pages nr_inactive_pages page_cache_size page_hash_bits page_hash_table buffermem_pages nr_buffer_heads "
		       "sysctl_overcommit_memory vmlist tainted "
		       "vm_area_cachep mm_cachep files_cachep fs_cachep sigact_cachep filp_cachep dentry_cache inode_cachep bh_cachep "
		       "names_cachep mnt_cache sigqueue_cachep bdev_cachep uid_cachep "
		       "dentry_hashtable d_hash_mask d_hash_shift inode_hashtable i_hash_mask i_hash_shift mount_hashtable hash_bits "
		       "hash_mask hash_table bh_hash_mask bh_hash_shift root_vfsmnt file_systems formats");
	/* Each processor's quicklists of page tables are in its entry. */
	image_place(i, 'B', "cpu_data", LINUX24_NR_CPUS * layout_size(i->layout, "cpuinfo_x86"), 32);
	place_struct(i, "e820", "e820map", 32);
}

/* ---- Files ---- */

static void place_operations(struct image *i, const char *name, const char *structure, const char *const (*members)[2])
{
	uint32_t at = place_struct(i, name, structure, 32);
	for (; (*members)[0]; members++)
		image_set(i, at, structure, (*members)[0], image_symbol(i, (*members)[1]));
}

static void place_files(struct image *i)
{
	static const char *const vm_ops[][2] = { { "nopage", "filemap_nopage" }, { 0 } };
	static const char *const file[][2] = {
		{ "llseek", "generic_file_llseek" }, { "read", "generic_file_read" },	   { "write", "generic_file_write" },
		{ "ioctl", "ext2_ioctl" },	     { "mmap", "generic_file_mmap" },	   { "open", "generic_file_open" },
		{ "release", "ext2_release_file" },  { "fsync", "ext2_sync_file" },	   { 0 },
	};
	static const char *const directory[][2] = {
		{ "read", "generic_read_dir" }, { "readdir", "ext2_readdir" }, { "fsync", "ext2_sync_file" }, { 0 },
	};
	static const char *const pages[][2] = {
		{ "writepage", "ext2_writepage" },	   { "readpage", "ext2_readpage" },	      { "sync_page", "block_sync_page" },
		{ "prepare_write", "ext2_prepare_write" }, { "commit_write", "generic_commit_write" }, { 0 },
	};
	static const char *const inode[][2] = { { "truncate", "ext2_truncate" }, { 0 } };
	static const char *const names[][2] = { { "create", "ext2_create" }, { "lookup", "ext2_lookup" }, { 0 } };
	place_operations(i, "generic_file_vm_ops", "vm_operations_struct", vm_ops);
	place_operations(i, "ext2_file_operations", "file_operations", file);
	place_operations(i, "ext2_dir_operations", "file_operations", directory);
	place_operations(i, "ext2_aops", "address_space_operations", pages);
	place_operations(i, "ext2_file_inode_operations", "inode_operations", inode);
	place_operations(i, "ext2_dir_inode_operations", "inode_operations", names);
	static const char *const lists[] = { "super_blocks",  "inode_in_use",  "inode_unused", "dentry_unused",
					     "vfsmntlist",    "free_list",     "anon_list" };
	for (unsigned n = 0; n < sizeof(lists) / sizeof(lists[0]); n++)
		image_list_init(i, image_place(i, 'D', lists[n], 8, 8));
	image_place(i, 'B', "files_stat", 12, 4);
	image_place(i, 'B', "inodes_stat", 28, 4);
	image_place(i, 'B', "dentry_stat", 24, 4);
}

/* ---- The log ---- */

#define LOG_BUF_LEN 32768 /* kernel/printk.c, for SMP */

static void place_log(struct image *i)
{
	place_words(i, "log_start con_start log_end logged_chars");
	image_place(i, 'B', "log_buf", LOG_BUF_LEN, 32);
}

static void place_data(struct image *i)
{
	place_names(i);
	place_time(i);
	place_word(i, 'D', "smp_num_cpus", 1);
	place_word(i, 'D', "cpu_online_map", 1);
	place_tasks(i);
	place_mm(i);
	place_files(i);
	image_place(i, 'D', "saved_command_line", 256, 32);
	image_define(i, 'A', "_edata", i->at);
	image_define(i, 'A', "__bss_start", i->at);
	place_log(i);
	place_struct(i, "sim_pins", "sim_pins", 32);
	uint32_t disk = place_struct(i, "sim_disk", "sim_disk", 32);
	image_set(i, disk, "sim_disk", "next_ino", 2); /* the root directory's, as in ext2 */
	place_struct(i, "sim_super_block", "super_block", 32);
	place_struct(i, "sim_root_mnt", "vfsmount", 32);
}

struct error *linux24_link(struct linux24 *m)
{
	struct image *i = &m->image;
	i->at = TEXT;
	place_text(i);
	place_rodata(i);
	i->at = (i->at + 31) & ~31u;
	place_data(i);
	return image_finish(i, "OSRELEASE=2.4.20\nPAGESIZE=4096\n");
}
