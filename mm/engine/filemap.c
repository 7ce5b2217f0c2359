/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The page cache of 2.4 (mm/filemap.c): pages of a mapping, found by a hash over (mapping, index), and on the mapping's lists.
 */
#include <errno.h>
#include <inttypes.h>

#include "mm/engine/engine.h"
#include "mm/engine/file_edit.h"
#include "mm/engine/list_edit.h"
#include "mm/engine/page_cache.h"
#include "mm/engine/reclaim.h"

/* _page_hashfn(): include/linux/pagemap.h, for i386's sizeof(struct inode). */
static uint64_t bucket_of(const struct engine *e, uint64_t mapping, uint64_t index)
{
	const struct kernel *k = e->k;
	uint64_t inode = SIZE_OF(k, inode), i, s;
	i = (uint32_t)mapping / (inode & ~(inode - 1));
	s = i + index;
	s = (uint32_t)(s + (s >> e->page_hash_bits));
	return e->page_hash_table + (s & ((1ull << e->page_hash_bits) - 1)) * k->arch->pointer_size;
}

struct error *find_page_nolock(struct engine *e, uint64_t mapping, uint64_t index, uint64_t *page)
{
	struct kernel *k = e->k;
	uint64_t at;
	if (!e->classic)
		return find_page_modern(e, mapping, index, page);
	*page = 0;
	TRY(kernel_read_pointer(k, bucket_of(e, mapping, index), &at));
	for (uint64_t n = 0; at; n++) {
		struct page p;
		if (n > e->max_pfn)
			return error_at(ERR_BAD_LIST, at, "a page-cache hash chain never ends: %" PRIx64, at);
		TRY(page_open_known(e, at, &p));
		if (GET(k, &p.object, page, mapping) == mapping && GET(k, &p.object, page, index) == index) {
			*page = at;
			return NULL;
		}
		at = GET(k, &p.object, page, next_hash);
	}
	return NULL;
}

static struct error *count_cached(struct engine *e, int delta)
{
	uint64_t v;
	TRY(kernel_read_uint(e->k, e->page_cache_size, 4, &v));
	return kernel_write_uint(e->k, e->page_cache_size, 4, v + (uint64_t)(int64_t)delta);
}

static struct error *count_mapping(struct engine *e, uint64_t mapping, int delta)
{
	struct object m;
	TRY(object_open_writable(e->k, mapping, S_address_space, &m));
	ADD(e->k, &m, address_space, nrpages, delta);
	return NULL;
}

struct error *add_to_page_cache(struct engine *e, uint64_t page, uint64_t mapping, uint64_t index)
{
	struct kernel *k = e->k;
	struct page p;
	uint64_t bucket, first;
	if (!e->classic) {
		TRY(page_cache_insert(e, page, mapping, index, &first));
		if (first && workingset_followed(e))
			TRY(workingset_refault(e, page, first));
		return lru_cache_add(e, page);
	}
	bucket = bucket_of(e, mapping, index);
	TRY(page_open_writable(e, page, &p));
	SET(k, &p.object, page, flags,
	    (p.flags & ~(1ull << e->bit_uptodate | 1ull << e->bit_dirty | 1ull << e->bit_referenced)) | 1ull << e->bit_locked);
	get_page(e, page);
	SET(k, &p.object, page, index, index);
	SET(k, &p.object, page, mapping, mapping);
	TRY(list_add(k, MEMBER_ADDR(k, &p.object, page, buddy_list), mapping + OFFSET(k, address_space, clean_pages)));
	TRY(count_mapping(e, mapping, 1));
	TRY(kernel_read_pointer(k, bucket, &first));
	SET(k, &p.object, page, next_hash, first);
	SET(k, &p.object, page, pprev_hash, bucket);
	if (first)
		TRY(kernel_write_pointer(k, first + OFFSET(k, page, pprev_hash), MEMBER_ADDR(k, &p.object, page, next_hash)));
	TRY(kernel_write_pointer(k, bucket, page));
	TRY(count_cached(e, 1));
	return lru_cache_add(e, page);
}

struct error *remove_inode_page(struct engine *e, uint64_t page)
{
	struct kernel *k = e->k;
	struct page p;
	if (!e->classic)
		return page_cache_delete(e, page, 0);
	TRY(page_open_writable(e, page, &p));
	uint64_t mapping = GET(k, &p.object, page, mapping), next = GET(k, &p.object, page, next_hash), pprev = GET(k, &p.object, page, pprev_hash);
	if (!mapping || !pprev)
		return error_at(ERR_BAD_OBJECT, page, "no page of the page cache: %" PRIx64, page);
	if (next)
		TRY(kernel_write_pointer(k, next + OFFSET(k, page, pprev_hash), pprev));
	TRY(kernel_write_pointer(k, pprev, next));
	SET(k, &p.object, page, next_hash, 0);
	SET(k, &p.object, page, pprev_hash, 0);
	TRY(list_del(k, MEMBER_ADDR(k, &p.object, page, buddy_list)));
	TRY(count_mapping(e, mapping, -1));
	SET(k, &p.object, page, mapping, 0);
	SET(k, &p.object, page, flags, p.flags & ~(1ull << e->bit_dirty));
	return count_cached(e, -1);
}

struct error *set_page_dirty(struct engine *e, uint64_t page)
{
	struct kernel *k = e->k;
	struct page p;
	if (!e->classic)
		return set_page_dirty_modern(e, page);
	TRY(page_open_writable(e, page, &p));
	uint64_t mapping = GET(k, &p.object, page, mapping), list = MEMBER_ADDR(k, &p.object, page, buddy_list);
	if (p.flags >> e->bit_dirty & 1)
		return NULL;
	SET(k, &p.object, page, flags, p.flags | 1ull << e->bit_dirty);
	if (!mapping)
		return NULL;
	TRY(list_del(k, list));
	return list_add(k, list, mapping + OFFSET(k, address_space, dirty_pages));
}

/* A page of the file, with its bytes from the disk, if the cache has none. It is locked until the disk is done with the whole cluster. */
static struct error *page_cache_read(struct engine *e, uint64_t inode, uint64_t mapping, uint64_t index)
{
	struct kernel *k = e->k;
	uint64_t page;
	void *bytes;
	TRY(find_page_nolock(e, mapping, index, &page));
	if (page)
		return NULL;
	TRY(alloc_pages(e, GFP24_HIGHUSER, 0, &page));
	TRY(add_to_page_cache(e, page, mapping, index));
	TRY(vmcore_map_writable(k->vmcore, engine_page_phys(e, page), VMCORE_PAGE_SIZE, &bytes));
	TRY(disk_read(e, inode, index << k->arch->page_shift, bytes, VMCORE_PAGE_SIZE));
	return put_page(e, page);
}

/* end_buffer_io_async(): what was read is up to date, and unlocked. */
static struct error *end_reading(struct engine *e, uint64_t mapping, uint64_t first, uint64_t stop)
{
	for (uint64_t i = first; i < stop; i++) {
		struct page p;
		uint64_t page;
		TRY(find_page_nolock(e, mapping, i, &page));
		if (!page)
			continue;
		TRY(page_open_writable(e, page, &p));
		if (p.flags >> e->bit_locked & 1)
			SET(e->k, &p.object, page, flags, (p.flags | 1ull << e->bit_uptodate) & ~(1ull << e->bit_locked));
	}
	return NULL;
}

#define MOST_PAGES_CLUSTER 8 /* a damaged page_cluster must not read in whole files */

struct error *cluster_pages(struct engine *e, unsigned *shift)
{
	uint64_t v = 0, at = symbol_addr(e->k, "page_cluster");
	if (at)
		TRY(kernel_read_uint(e->k, at, 4, &v));
	*shift = v > MOST_PAGES_CLUSTER ? MOST_PAGES_CLUSTER : (unsigned)v;
	return NULL;
}

/* The aligned cluster that the page is in, as far as the file, or its mapped part, goes (`end`, in pages). */
static struct error *read_cluster_nonblocking(struct engine *e, uint64_t inode, uint64_t mapping, uint64_t index, uint64_t end)
{
	unsigned shift;
	TRY(cluster_pages(e, &shift));
	uint64_t first = index >> shift << shift, stop = first + (1ull << shift);
	if (stop > end)
		stop = end;
	TRACE(e, "read_cluster_nonblocking", "read from the disk, with its neighbours", { "first page", first }, { "pages", stop - first });
	struct error *failure = NULL;
	for (uint64_t i = first; i < stop && !failure; i++)
		failure = page_cache_read(e, inode, mapping, i);
	if (failure && failure->code != ERR_KERNEL)
		return failure;
	return error_worse(failure, end_reading(e, mapping, first, stop));
}

struct error *filemap_nopage(struct engine *e, uint64_t vma_addr, uint64_t addr, uint64_t *page, bool *major)
{
	struct kernel *k = e->k;
	struct vma vma;
	uint64_t inode, mapping, size;
	*page = 0;
	*major = false;
	TRY(vma_open(k, vma_addr, &vma));
	TRY(file_inode(e, vma.file, &inode));
	TRY(kernel_get(k, inode, M_inode_i_mapping, &mapping));
	TRY(kernel_get(k, inode, M_inode_i_size, &size));
	uint64_t index = ((addr - vma.start) >> k->arch->page_shift) + vma.pgoff;
	uint64_t pages = (size + VMCORE_PAGE_SIZE - 1) >> k->arch->page_shift;
	if (index >= pages) {
		TRACE(e, "filemap_nopage", "beyond the end of the file", { "pgoff", index }, { "size in pages", pages });
		return NULL;
	}
	uint64_t mapped_end = ((vma.end - vma.start) >> k->arch->page_shift) + vma.pgoff;
	if (pages > mapped_end)
		pages = mapped_end;
	TRY(find_page_nolock(e, mapping, index, page));
	if (!*page) {
		TRY(read_cluster_nonblocking(e, inode, mapping, index, pages));
		TRY(find_page_nolock(e, mapping, index, page));
		*major = true;
	}
	if (!*page)
		return error_at(ERR_BAD_OBJECT, mapping, "what is read into the page cache is not found there: page %" PRIu64 " of %" PRIx64, index,
				mapping);
	get_page(e, *page);
	TRACE(e, "filemap_nopage", *major ? "read from the disk" : "in the page cache", { "mapping", mapping }, { "pgoff", index },
	      { "page", *page });
	return mark_page_accessed(e, *page);
}

struct error *read_ahead(struct engine *e, uint64_t file, uint64_t first, uint64_t last, bool one_by_one)
{
	uint64_t inode, mapping, size;
	unsigned shift = 0;
	TRY(file_inode(e, file, &inode));
	TRY(kernel_get(e->k, inode, M_inode_i_mapping, &mapping));
	TRY(kernel_get(e->k, inode, M_inode_i_size, &size));
	uint64_t pages = (size + VMCORE_PAGE_SIZE - 1) >> e->k->arch->page_shift;
	if (!one_by_one)
		TRY(cluster_pages(e, &shift));
	first = first >> shift << shift;
	for (last = (last + (1ull << shift) - 1) >> shift << shift; first < last && first < pages; first += 1ull << shift) {
		if (!one_by_one)
			TRY(read_cluster_nonblocking(e, inode, mapping, first, pages));
		else
			TRY(error_worse(page_cache_read(e, inode, mapping, first), end_reading(e, mapping, first, first + 1)));
	}
	return NULL;
}
