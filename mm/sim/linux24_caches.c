/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What Linux 2.4.20 allocates while it boots, in the order of start_kernel(), with the allocators of the engine: the slab caches, then the hash
 * tables of dentries, inodes, mounts, buffers and the page cache, which are sized by the machine's memory.
 */
#include <stdio.h>

#include "mm/engine/engine.h"
#include "mm/sim/linux24.h"

/* include/linux/slab.h */
#define HWCACHE_ALIGN 0x2000u
#define CACHE_DMA     0x4000u

static struct error *read_word(struct engine *e, const char *symbol, uint64_t *value)
{
	return kernel_read_symbol(e->k, symbol, 4, value);
}

static struct error *write_word(struct engine *e, const char *symbol, uint64_t value)
{
	return kernel_write_uint(e->k, symbol_addr(e->k, symbol), 4, value);
}

/* ---- Slab caches ---- */

/* kmem_cache_init(): how many descriptors fit a slab of cache_cache, which is a page, and what is left over gives it colours. */
static struct error *cache_init(struct engine *e)
{
	struct kernel *k = e->k;
	struct object c;
	TRY(object_open_writable(k, e->cache_cache, S_kmem_cache, &c));
	uint32_t size = (uint32_t)GET(k, &c, kmem_cache, size), line = (uint32_t)GET(k, &c, kmem_cache, colour_off), num = 0, used = 0;
	for (uint32_t n = 1, all = 0; all <= LINUX24_PAGE_SIZE; n++) {
		all = n * size + ((SIZE_OF(k, slab_s) + n * 4 + line - 1) & -line);
		if (all > LINUX24_PAGE_SIZE)
			break;
		num = n;
		used = all;
	}
	SET(k, &c, kmem_cache, num, num);
	SET(k, &c, kmem_cache, colour, (LINUX24_PAGE_SIZE - used) / line);
	return NULL;
}

/* A cache for a kind of objects; its address goes to the variable. */
static struct error *create(struct engine *e, const char *variable, const char *name, uint32_t size, uint32_t flags)
{
	uint64_t cache = 0;
	TRY(kmem_cache_create(e, name, size, 0, flags, &cache));
	return write_word(e, variable, cache);
}

/* kmem_cache_sizes_init(): for kmalloc(), each size twice. */
static struct error *create_general(struct engine *e)
{
	struct kernel *k = e->k;
	uint64_t sizes = symbol_addr(k, "cache_sizes"), size;
	for (;; sizes += SIZE_OF(k, cache_sizes)) {
		char name[32];
		uint64_t cache = 0, dma = 0;
		TRY(kernel_get(k, sizes, M_cache_sizes_cs_size, &size));
		if (!size)
			return NULL;
		snprintf(name, sizeof(name), "size-%u", (unsigned)size);
		TRY(kmem_cache_create(e, name, (uint32_t)size, 0, HWCACHE_ALIGN, &cache));
		snprintf(name, sizeof(name), "size-%u(DMA)", (unsigned)size);
		TRY(kmem_cache_create(e, name, (uint32_t)size, 0, HWCACHE_ALIGN | CACHE_DMA, &dma));
		TRY(kernel_write_pointer(k, sizes + OFFSET(k, cache_sizes, cs_cachep), cache));
		TRY(kernel_write_pointer(k, sizes + OFFSET(k, cache_sizes, cs_dmacachep), dma));
	}
}

/* proc_caches_init(): kernel/fork.c. */
static struct error *create_process(struct engine *e)
{
	struct kernel *k = e->k;
	TRY(create(e, "sigact_cachep", "signal_act", SIZE_OF(k, signal_struct), HWCACHE_ALIGN));
	TRY(create(e, "files_cachep", "files_cache", SIZE_OF(k, files_struct), HWCACHE_ALIGN));
	TRY(create(e, "fs_cachep", "fs_cache", SIZE_OF(k, fs_struct), HWCACHE_ALIGN));
	TRY(create(e, "vm_area_cachep", "vm_area_struct", SIZE_OF(k, vm_area_struct), HWCACHE_ALIGN));
	return create(e, "mm_cachep", "mm_struct", SIZE_OF(k, mm_struct), HWCACHE_ALIGN);
}

/* ---- Hash tables ---- */

static struct error *alloc_table(struct engine *e, const char *variable, uint64_t bytes, uint64_t *addr, uint32_t *order)
{
	for (*order = 0; (uint64_t)LINUX24_PAGE_SIZE << *order < bytes;)
		++*order;
	/* All tables are asked for with GFP_ATOMIC; a smaller one will do. */
	struct error *wrong = get_free_pages(e, GFP24_ATOMIC, *order, addr);
	while (wrong && *order && wrong->code == ERR_KERNEL) {
		error_free(wrong);
		wrong = get_free_pages(e, GFP24_ATOMIC, --*order, addr);
	}
	return wrong ? wrong : write_word(e, variable, *addr);
}

/* A table of list heads, each empty. */
static struct error *make_list_table(struct engine *e, const char *variable, uint64_t bytes, const char *mask, const char *shift)
{
	uint64_t addr;
	uint32_t order;
	TRY(alloc_table(e, variable, bytes, &addr, &order));
	uint32_t heads = (LINUX24_PAGE_SIZE << order) / 8;
	struct object table;
	TRY(object_open_bytes_writable(e->k, addr, (size_t)heads * 8, &table));
	uint32_t *to = (uint32_t *)table.bytes;
	for (uint32_t n = 0; n < heads; n++)
		to[2 * n] = to[2 * n + 1] = (uint32_t)addr + 8 * n;
	TRY(write_word(e, mask, heads - 1));
	return write_word(e, shift, (uint32_t)__builtin_ctz(heads));
}

/* A table of pointers, all NULL; `bits` gets the logarithm of its length. */
static struct error *make_pointer_table(struct engine *e, const char *variable, uint64_t bytes, const char *bits, const char *mask)
{
	uint64_t addr;
	uint32_t order;
	struct object table;
	TRY(alloc_table(e, variable, bytes, &addr, &order));
	uint32_t size = LINUX24_PAGE_SIZE << order;
	TRY(object_open_bytes_writable(e->k, addr, size, &table));
	memset((void *)table.bytes, 0, size);
	if (mask)
		TRY(write_word(e, mask, size / 4 - 1));
	return write_word(e, bits, (uint32_t)__builtin_ctz(size / 4));
}

/* vfs_caches_init() with what it calls: fs/dcache.c, inode.c, file_table.c, namespace.c. */
static struct error *create_files(struct engine *e, uint64_t frames)
{
	struct kernel *k = e->k;
	TRY(create(e, "bh_cachep", "buffer_head", SIZE_OF(k, buffer_head), HWCACHE_ALIGN));
	TRY(create(e, "names_cachep", "names_cache", 4096, HWCACHE_ALIGN)); /* PATH_MAX */
	TRY(create(e, "filp_cachep", "filp", SIZE_OF(k, file), HWCACHE_ALIGN));
	TRY(create(e, "dentry_cache", "dentry_cache", SIZE_OF(k, dentry), HWCACHE_ALIGN));
	TRY(make_list_table(e, "dentry_hashtable", (frames >> 1) * 8, "d_hash_mask", "d_hash_shift"));
	TRY(make_list_table(e, "inode_hashtable", (frames >> 2) * 8, "i_hash_mask", "i_hash_shift"));
	TRY(create(e, "inode_cachep", "inode_cache", SIZE_OF(k, inode), HWCACHE_ALIGN));
	/* files_init(): a tenth of memory, at a kilobyte a file, and no less than NR_FILE. */
	uint64_t files = frames * (LINUX24_PAGE_SIZE / 1024) / 10;
	TRY(kernel_write_uint(k, symbol_addr(k, "files_stat") + 8, 4, files < 8192 ? 8192 : files));
	TRY(create(e, "mnt_cache", "mnt_cache", SIZE_OF(k, mount), HWCACHE_ALIGN));
	return make_list_table(e, "mount_hashtable", (frames >> 4) * 8, "hash_mask", "hash_bits");
}

/* fork_init(): kernel/fork.c. */
static struct error *limit_threads(struct engine *e, uint64_t frames)
{
	struct kernel *k = e->k;
	uint64_t most = frames / 2 / 8, limits;
	TRY(write_word(e, "max_threads", most));
	limits = e->init_task + OFFSET(k, task_struct, rlim) + 6 * 8; /* RLIMIT_NPROC */
	TRY(kernel_write_uint(k, limits, 4, most / 2));
	return kernel_write_uint(k, limits + 4, 4, most / 2);
}

struct error *linux24_caches(struct engine *e)
{
	uint64_t frames, low;
	TRY(read_word(e, "num_physpages", &frames));
	TRY(read_word(e, "num_mappedpages", &low));
	TRY(cache_init(e));
	TRY(create_general(e));
	TRY(limit_threads(e, low));
	TRY(create_process(e));
	TRY(create_files(e, frames));
	TRY(make_pointer_table(e, "hash_table", (frames >> 14) * 4 * LINUX24_PAGE_SIZE, "bh_hash_shift", "bh_hash_mask"));
	TRY(make_pointer_table(e, "page_hash_table", frames * 4, "page_hash_bits", NULL));
	TRY(create(e, "sigqueue_cachep", "sigqueue", 132, 0));
	engine_resolve(e);
	return mount_root(e);
}
