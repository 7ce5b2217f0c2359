/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The page cache, changed, where each mapping has a tree of its pages (mm/filemap.c, mm/page-writeback.c). Pages of one frame each. What the kernel also counts to
 * a backing device, and the lists of inodes that its writer goes by, are left alone.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "mm/engine/modern.h"
#include "mm/engine/page_cache.h"
#include "mm/engine/xarray_edit.h"
#include "mm/xarray.h"

#define I_DIRTY_PAGES 4u /* include/linux/fs.h */

static uint64_t tree_of(struct engine *e, uint64_t mapping)
{
	return mapping + OFFSET(e->k, address_space, tree);
}

struct error *page_cache_entry(struct engine *e, uint64_t mapping, uint64_t index, uint64_t *entry)
{
	uint64_t head;
	*entry = 0;
	TRY(members_require(e->k, "the page cache", M_address_space_i_pages, M_address_space_tree, MEMBER_NONE));
	TRY(kernel_get(e->k, mapping, M_address_space_i_pages, &head));
	return xarray_load(e->k, head, index, entry);
}

struct error *find_page_modern(struct engine *e, uint64_t mapping, uint64_t index, uint64_t *page)
{
	TRY(page_cache_entry(e, mapping, index, page));
	if (*page & 3)
		*page = 0;
	return NULL;
}

/* ---- In and out ---- */

static bool is_shared_memory(struct engine *e, const struct page *p)
{
	return e->modern->swapbacked >= 0 && (p->flags >> e->modern->swapbacked & 1);
}

/* A page more or less of the mapping, and so many values. */
static struct error *count_cached(struct engine *e, const struct page *p, uint64_t mapping, int pages, int values)
{
	struct object m;
	TRY(object_open_writable(e->k, mapping, S_address_space, &m));
	ADD(e->k, &m, address_space, nrpages, pages);
	ADD(e->k, &m, address_space, nrexceptional, values);
	mod_page_state(e, p->object.addr, e->modern->file_pages, pages);
	if (is_shared_memory(e, p))
		mod_page_state(e, p->object.addr, e->modern->shmem, pages);
	return NULL;
}

struct error *page_cache_insert(struct engine *e, uint64_t page, uint64_t mapping, uint64_t index, uint64_t *shadow)
{
	struct kernel *k = e->k;
	struct page p;
	TRY(page_cache_entry(e, mapping, index, shadow));
	if (*shadow && !(*shadow & 3))
		return kernel_error(EEXIST, "the page cache has a page there already: %" PRIx64, *shadow);
	TRY(page_open_writable(e, page, &p));
	SET(k, &p.object, page, flags, p.flags | 1ull << e->bit_locked);
	SET(k, &p.object, page, refcount, (uint64_t)(page_refcount(k, &p) + 1));
	SET(k, &p.object, page, mapping, mapping);
	SET(k, &p.object, page, index, index);
	TRY(xa_store(e, tree_of(e, mapping), index, page, shadow));
	TRACE(e, "__add_to_page_cache_locked", "into the mapping's tree", { "page", page }, { "mapping", mapping }, { "index", index }, { "shadow", *shadow });
	return count_cached(e, &p, mapping, 1, *shadow ? -1 : 0);
}

/* account_page_cleaned() */
static void forget_dirty(struct engine *e, const struct page *p)
{
	mod_page_state(e, p->object.addr, e->modern->file_dirty, -1);
	mod_page_state(e, p->object.addr, e->modern->write_pending, -1);
}

/* Does making a page of the mapping dirty mean that it will be written? Not where it is memory's own: swap, shared memory. */
static bool is_written_back(struct engine *e, uint64_t mapping)
{
	uint64_t ops, function;
	char name[96];
	if (error_drop(kernel_get(e->k, mapping, M_address_space_a_ops, &ops)) || !ops || !HAS(e->k, address_space_operations, set_page_dirty) ||
	    error_drop(kernel_get(e->k, ops, M_address_space_operations_set_page_dirty, &function)) || !function)
		return false;
	symbol_format(e->k, function, name, sizeof(name));
	return !strstr(name, "no_writeback") && !strstr(name, "noop_dirty") && !strstr(name, "swap");
}

struct error *page_cache_delete(struct engine *e, uint64_t page, uint64_t shadow)
{
	struct kernel *k = e->k;
	struct page p;
	uint64_t old;
	TRY(page_open_writable(e, page, &p));
	uint64_t mapping = GET(k, &p.object, page, mapping), index = GET(k, &p.object, page, index);
	if (!mapping || (mapping & PAGE_MAPPING_ANON))
		return error_at(ERR_BAD_OBJECT, page, "no page of the page cache: %" PRIx64, page);
	TRY(find_page_modern(e, mapping, index, &old));
	if (old != page)
		return error_at(ERR_BAD_OBJECT, page, "page %" PRIx64 " is not in the tree of its mapping", page);
	for (unsigned mark = PAGECACHE_TAG_DIRTY; mark <= PAGECACHE_TAG_TOWRITE; mark++)
		TRY(xa_mark(e, tree_of(e, mapping), index, mark, false));
	TRY(xa_store(e, tree_of(e, mapping), index, shadow, &old));
	if ((p.flags >> e->bit_dirty & 1) && is_written_back(e, mapping))
		forget_dirty(e, &p);
	SET(k, &p.object, page, mapping, 0);
	SET(k, &p.object, page, flags, p.flags & ~(1ull << e->bit_dirty));
	TRACE(e, "__delete_from_page_cache", "out of the mapping's tree", { "page", page }, { "mapping", mapping }, { "index", index }, { "shadow", shadow });
	return count_cached(e, &p, mapping, -1, shadow ? 1 : 0);
}

/* ---- Dirty pages ---- */

/* __mark_inode_dirty(): the state; the list of its device's dirty inodes is left alone. */
static struct error *mark_inode_dirty(struct engine *e, uint64_t mapping)
{
	uint64_t host;
	struct object inode;
	TRY(kernel_get(e->k, mapping, M_address_space_host, &host));
	if (!host)
		return NULL;
	TRY(object_open_writable(e->k, host, S_inode, &inode));
	SET(e->k, &inode, inode, i_state, GET(e->k, &inode, inode, i_state) | I_DIRTY_PAGES);
	return NULL;
}

struct error *set_page_dirty_modern(struct engine *e, uint64_t page)
{
	struct kernel *k = e->k;
	struct page p;
	TRY(page_open_writable(e, page, &p));
	uint64_t mapping = GET(k, &p.object, page, mapping);
	if (p.flags >> e->bit_dirty & 1)
		return NULL;
	SET(k, &p.object, page, flags, p.flags | 1ull << e->bit_dirty);
	if (!mapping || (mapping & PAGE_MAPPING_ANON) || !is_written_back(e, mapping))
		return NULL;
	mod_page_state(e, page, e->modern->file_dirty, 1);
	mod_page_state(e, page, e->modern->write_pending, 1);
	mod_page_state(e, page, e->modern->dirtied, 1);
	TRY(xa_mark(e, tree_of(e, mapping), GET(k, &p.object, page, index), PAGECACHE_TAG_DIRTY, true));
	TRACE(e, "__set_page_dirty", "the page is to be written", { "page", page }, { "mapping", mapping });
	return mark_inode_dirty(e, mapping);
}
