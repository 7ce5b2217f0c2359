/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * swapon where swap_map counts in bytes (mm/swapfile.c: sys_swapon()): one area, on the machine's swap partition, a disk that rotates, so without clusters.
 */
#include <errno.h>
#include <inttypes.h>

#include "mm/engine/file_edit.h"
#include "mm/engine/modern.h"
#include "mm/engine/swap_edit.h"
#include "mm/swap.h"
#include "mm/xarray.h"

#define SWAP_DEVICE "/dev/sda2"
/* include/linux/swap.h, include/linux/pagemap.h, include/linux/xarray.h */
#define SWP_USED	     1u
#define SWP_WRITEOK	     2u
#define SWAP_MAP_BAD	     0x3fu
#define SPACE_PAGES	     16384u
#define AS_NO_WRITEBACK_TAGS 5u
#define XA_FLAGS_LOCK_IRQ    1u
#define BDEV_SIZE	     512u /* room for a struct bdev_inode where it has no cache */

static struct error *zeroed(struct engine *e, uint32_t size, uint64_t *addr)
{
	struct object o;
	TRY(kmalloc(e, size, GFP24_KERNEL, addr));
	TRY(object_open_bytes_writable(e->k, *addr, size, &o));
	memset((void *)o.bytes, 0, size);
	return NULL;
}

/* So many whole frames side by side, cleared; the kernel's are side by side in vmalloc space only. */
static struct error *zeroed_pages(struct engine *e, uint64_t size, uint64_t *addr)
{
	unsigned order = 0;
	uint64_t page;
	struct object o;
	while (((uint64_t)VMCORE_PAGE_SIZE << order) < size)
		order++;
	TRY(alloc_pages_pcp(e, PAGES_KERNEL, order, &page));
	if (!page)
		return kernel_error(ENOMEM, "no memory for the map of the swap area");
	*addr = kernel_ptov(e->k, engine_page_phys(e, page));
	TRY(object_open_bytes_writable(e->k, *addr, (size_t)VMCORE_PAGE_SIZE << order, &o));
	memset((void *)o.bytes, 0, o.size);
	return NULL;
}

/* init_swap_address_space(); until 4.10 an array of them stood there, one for each area. */
static struct error *make_spaces(struct engine *e, unsigned type, uint64_t pages)
{
	struct kernel *k = e->k;
	uint64_t all = symbol_addr(k, "swapper_spaces"), counts = symbol_addr(k, "nr_swapper_spaces"), count = (pages + SPACE_PAGES - 1) / SPACE_PAGES;
	uint32_t size = SIZE_OF(k, address_space);
	uint64_t first = all + (uint64_t)type * size;
	struct object m, tree;
	if (!all)
		return error_new(ERR_UNSUPPORTED, "this kernel has no swapper_spaces");
	if (counts) {
		TRY(zeroed(e, (uint32_t)count * size, &first));
		TRY(kernel_write_pointer(k, all + (uint64_t)type * k->arch->pointer_size, first));
		TRY(kernel_write_uint(k, counts + 4 * type, 4, count));
	}
	for (uint64_t i = 0; i < (counts ? count : 1); i++) {
		TRY(object_open_writable(k, first + i * size, S_address_space, &m));
		TRY(object_open_writable(k, MEMBER_ADDR(k, &m, address_space, tree), S_xarray, &tree));
		SET(k, &tree, xarray, xa_flags, HAS(k, xarray, height) ? 0x20 | 0x200 /* GFP_ATOMIC, __GFP_NOWARN */ : XA_FLAGS_LOCK_IRQ);
		SET(k, &m, address_space, a_ops, symbol_addr(k, "swap_aops"));
		SET(k, &m, address_space, flags, counts ? 1u << AS_NO_WRITEBACK_TAGS : 0);
	}
	return NULL;
}

static struct error *add_long(struct engine *e, const char *symbol, uint64_t n)
{
	uint64_t v;
	TRY(kernel_read_symbol(e->k, symbol, 0, &v));
	return kernel_write_pointer(e->k, symbol_addr(e->k, symbol), v + n);
}

struct error *sys_swapon_modern(struct engine *e, unsigned pages)
{
	struct kernel *k = e->k;
	struct object a, disk;
	uint64_t at = symbol_addr(k, "sim_disk"), addr, map = 0, file, bdev, cache;
	if (!at || !HAS(k, swap_info_struct, type))
		return error_new(ERR_UNSUPPORTED, "the image has no swap of its own");
	TRY(object_open(k, at, S_sim_disk, &disk));
	uint64_t room = GET(k, &disk, sim_disk, swap_size) >> k->arch->page_shift;
	if (swap_areas_count(k))
		return kernel_error(EBUSY, "the machine's swap partition is in use");
	if (!pages || pages > room)
		pages = (unsigned)room;
	if (pages < 2)
		return kernel_error(EINVAL, "a swap area has at least two pages");
	/* alloc_swap_info(): since 4.14 with a node of a list for each memory node behind it. */
	TRY(zeroed(e, SIZE_OF(k, swap_info_struct) + 40 * 8, &addr));
	TRY(zeroed_pages(e, pages, &map));
	TRY(open_device(e, SWAP_DEVICE, &file));
	TRY(kernel_read_symbol(k, "bdev_cachep", 0, &cache));
	if (cache)
		TRY(kmem_cache_alloc(e, cache, GFP24_KERNEL, &bdev));
	else
		TRY(zeroed(e, BDEV_SIZE, &bdev));
	TRY(make_spaces(e, 0, pages));
	TRY(kernel_write_uint(k, map, 1, SWAP_MAP_BAD)); /* the header */
	TRY(object_open_writable(k, addr, S_swap_info_struct, &a));
	SET(k, &a, swap_info_struct, flags, SWP_USED | SWP_WRITEOK);
	/* The lowest so far: from -2 on since priorities go by node (4.14), from -1 before. */
	SET(k, &a, swap_info_struct, prio, symbol_addr(k, "nr_swapper_spaces") ? (uint64_t)-2 : (uint64_t)-1);
	SET(k, &a, swap_info_struct, swap_map, map);
	SET(k, &a, swap_info_struct, max, pages);
	SET(k, &a, swap_info_struct, pages, pages - 1);
	SET(k, &a, swap_info_struct, lowest_bit, 1);
	SET(k, &a, swap_info_struct, highest_bit, pages - 1);
	SET(k, &a, swap_info_struct, cluster_next, 1);
	SET(k, &a, swap_info_struct, swap_file, file);
	SET(k, &a, swap_info_struct, bdev, bdev);
	TRY(kernel_write_pointer(k, e->swap_info, addr));
	TRY(kernel_write_uint(k, e->nr_swapfiles, 4, 1));
	TRY(add_long(e, "nr_swap_pages", pages - 1));
	return add_long(e, "total_swap_pages", pages - 1);
}
