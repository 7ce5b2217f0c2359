/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Pages of a file, read from the machine's disk into the page cache where each mapping has a tree (mm/filemap.c, mm/readahead.c). The disk is memory of the machine
 * itself (struct sim_disk): reading it is done when the act goes on. An image without one has no bytes of a file but those in its page cache.
 */
#include <errno.h>
#include <inttypes.h>

#include "mm/engine/file_edit.h"
#include "mm/engine/modern.h"
#include "mm/engine/page_cache.h"
#include "mm/engine/zap.h"

#define MMAP_LOTSAMISS 100u /* mm/filemap.c: so many misses, and reading around is given up */

bool has_disk(const struct engine *e)
{
	return symbol_addr(e->k, "sim_disk") != 0 && HAS_STRUCT(e->k, sim_disk);
}

/* One page: a new frame with the file's bytes, up to date. */
static struct error *read_page(struct engine *e, uint64_t mapping, uint64_t index, bool mark)
{
	struct kernel *k = e->k;
	uint64_t page, inode;
	struct page p;
	void *bytes;
	TRY(find_page_nolock(e, mapping, index, &page));
	if (page)
		return NULL;
	TRY(kernel_get(k, mapping, M_address_space_host, &inode));
	TRY(alloc_pages_pcp(e, PAGES_MOVABLE, 0, &page));
	if (!page)
		return NULL;
	TRY(add_to_page_cache(e, page, mapping, index));
	TRY(frame_bytes(e, engine_page_phys(e, page), &bytes));
	TRY(disk_read(e, inode, index << k->arch->page_shift, bytes, VMCORE_PAGE_SIZE));
	TRY(page_open_writable(e, page, &p));
	p.flags = (p.flags | 1ull << e->bit_uptodate) & ~(1ull << e->bit_locked);
	if (mark && e->modern->readahead >= 0)
		p.flags |= 1ull << e->modern->readahead;
	SET(k, &p.object, page, flags, p.flags);
	return put_page(e, page);
}

struct error *read_pages(struct engine *e, uint64_t mapping, uint64_t first, uint64_t size, uint64_t ahead, uint64_t end)
{
	TRACE(e, "page_cache_ra_unbounded", "read from the disk", { "mapping", mapping }, { "first page", first }, { "pages", size }, { "lookahead", ahead });
	for (uint64_t i = 0; i < size && first + i < end; i++)
		TRY(read_page(e, mapping, first + i, i == size - ahead));
	return NULL;
}

/* do_sync_mmap_readahead(): the window around the page, unless too many such were of no use; else the page alone. */
struct error *read_around(struct engine *e, uint64_t file, uint64_t mapping, uint64_t index, uint64_t end)
{
	struct kernel *k = e->k;
	struct object f;
	TRY(object_open_writable(k, file, S_file, &f));
	uint64_t pages = GET(k, &f, file, ra_pages), misses = GET(k, &f, file, ra_mmap_miss);
	if (pages > READ_AHEAD_MOST)
		return error_at(ERR_BAD_OBJECT, file, "file %" PRIx64 " would read %" PRIu64 " pages ahead", file, pages);
	if (misses < MMAP_LOTSAMISS * 10)
		SET(k, &f, file, ra_mmap_miss, misses + 1);
	if (pages && misses < MMAP_LOTSAMISS) {
		uint64_t first = index > pages / 2 ? index - pages / 2 : 0;
		SET(k, &f, file, ra_start, first);
		SET(k, &f, file, ra_size, pages);
		SET(k, &f, file, ra_async_size, pages / 4);
		TRY(read_pages(e, mapping, first, pages, pages / 4, end));
	}
	return read_page(e, mapping, index, false);
}

struct error *read_file(struct engine *e, const char *path)
{
	struct kernel *k = e->k;
	uint64_t file, mapping, inode, size;
	TRY(filp_open(e, path, false, &file));
	TRY(kernel_get(k, file, M_file_f_mapping, &mapping));
	TRY(file_inode(e, file, &inode));
	TRY(kernel_get(k, inode, M_inode_i_size, &size));
	uint64_t end = (size + VMCORE_PAGE_SIZE - 1) >> k->arch->page_shift;
	TRY(read_pages(e, mapping, 0, end, 0, end));
	return fput(e, file);
}
