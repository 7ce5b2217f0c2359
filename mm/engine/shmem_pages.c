/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Pages of files in shared memory (mm/shmem.c): a new one where a file has none, all of them given back. What the file system and the kernel count of them.
 */
#include <errno.h>
#include <inttypes.h>

#include "core/interrupt.h"
#include "mm/engine/areas_edit.h"
#include "mm/engine/clear_page.h"
#include "mm/engine/huge.h"
#include "mm/engine/page_cache.h"
#include "mm/engine/shmem_edit.h"
#include "mm/engine/zap.h"
#include "mm/meminfo.h"
#include "mm/xarray.h"

#define SHMEM_HUGE_DENY	 (-1) /* include/linux/shmem_fs.h, mm/shmem.c */
#define SHMEM_HUGE_FORCE (-2)
#define BLOCKS_PER_PAGE	 (VMCORE_PAGE_SIZE / 512)

struct error *shmem_open(struct engine *e, uint64_t inode, struct shmem *s)
{
	struct kernel *k = e->k;
	uint64_t sbinfo;
	TRY(members_require(k, "shared memory", M_shmem_inode_info_flags, M_shmem_inode_info_alloced, M_shmem_inode_info_swapped, M_shmem_sb_info_max_blocks, M_super_block_s_fs_info,
			    MEMBER_NONE));
	TRY(object_open_writable(k, inode, S_inode, &s->inode));
	TRY(object_open_writable(k, inode - OFFSET(k, shmem_inode_info, vfs_inode), S_shmem_inode_info, &s->info));
	TRY(kernel_get(k, GET(k, &s->inode, inode, i_sb), M_super_block_s_fs_info, &sbinfo));
	return object_open_writable(k, sbinfo, S_shmem_sb_info, &s->sbinfo);
}

/* ---- Accounts ---- */

/* A file without promises (VM_NORESERVE) pays page by page: shmem_acct_block(). *room false: the file system, or what may be promised, is full. */
static struct error *shmem_inode_acct_block(struct engine *e, const struct object *mm, const struct shmem *s, bool *room)
{
	struct kernel *k = e->k;
	uint64_t flags = GET(k, &s->info, shmem_inode_info, flags), most = GET(k, &s->sbinfo, shmem_sb_info, max_blocks), batch = 32;
	uint64_t used = MEMBER_ADDR(k, &s->sbinfo, shmem_sb_info, used_blocks), at = symbol_addr(k, "percpu_counter_batch");
	int64_t sum;
	*room = false;
	if (flags & VM_NORESERVE) {
		struct error *failure = security_vm_enough_memory_mm(e, mm, 1);
		if (failure && failure->code != ERR_KERNEL)
			return failure;
		if (error_drop(failure))
			return NULL;
	}
	*room = !most;
	if (!most)
		return NULL;
	if (at)
		TRY(kernel_read_uint(k, at, 4, &batch));
	*room = percpu_counter_sum(k, used, &sum) && sum < (int64_t)most;
	if (*room)
		return percpu_counter_add_batch(e, used, 1, (int64_t)batch);
	return flags & VM_NORESERVE ? vm_unacct_memory(e, 1) : NULL;
}

struct error *shmem_recalc_inode(struct engine *e, const struct shmem *s)
{
	struct kernel *k = e->k;
	uint64_t pages, batch = 32, at = symbol_addr(k, "percpu_counter_batch");
	TRY(kernel_get(k, GET(k, &s->inode, inode, i_mapping), M_address_space_nrpages, &pages));
	int64_t freed = (int64_t)(GET(k, &s->info, shmem_inode_info, alloced) - GET(k, &s->info, shmem_inode_info, swapped) - pages);
	if (freed <= 0)
		return NULL;
	ADD(k, &s->info, shmem_inode_info, alloced, -freed);
	ADD(k, &s->inode, inode, i_blocks, -freed * BLOCKS_PER_PAGE);
	if (GET(k, &s->sbinfo, shmem_sb_info, max_blocks)) {
		if (at)
			TRY(kernel_read_uint(k, at, 4, &batch));
		TRY(percpu_counter_add_batch(e, MEMBER_ADDR(k, &s->sbinfo, shmem_sb_info, used_blocks), -freed, (int64_t)batch));
	}
	return GET(k, &s->info, shmem_inode_info, flags) & VM_NORESERVE ? vm_unacct_memory(e, (uint64_t)freed) : NULL;
}

/* ---- A new page ---- */

static uint64_t variable(struct engine *e, const char *name, unsigned size)
{
	uint64_t value, at = symbol_addr(e->k, name);
	return at && !error_drop(kernel_read_uint(e->k, at, size, &value)) ? value : 0;
}

bool shmem_huge_enabled(struct engine *e, const struct object *sbinfo)
{
	static const char *const orders[] = { "huge_shmem_orders_always", "huge_shmem_orders_madvise", "huge_shmem_orders_within_size" };
	int32_t all = (int32_t)variable(e, "shmem_huge", 4);
	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++)
		if (variable(e, orders[i], e->k->arch->pointer_size))
			return true;
	return all == SHMEM_HUGE_FORCE || (all != SHMEM_HUGE_DENY && HAS(e->k, shmem_sb_info, huge) && GET(e->k, sbinfo, shmem_sb_info, huge));
}

/* What is asked before there is a page. *explained: the fault goes no further. */
static struct error *may_make(struct fault *f, const struct shmem *s, bool *explained)
{
	struct engine *e = f->e;
	*explained = false;
	if (e->modern->vm_uffd_missing && (f->vma->flags & e->modern->vm_uffd_missing)) {
		fault_outcome(e, OUTCOME_USERFAULT);
		return fault_refuse(e, explained, "userfaultfd would be told of the missing page of shared memory");
	}
	if (GET(e->k, &s->inode, inode, generic_ip))
		return fault_refuse(e, explained, "a hole is being made in this file: the fault would wait for that");
	if (shmem_huge_enabled(e, &s->sbinfo))
		return fault_refuse(e, explained, "a huge page of shared memory would be made, if one can be had: that is not done");
	return NULL;
}

/* shmem_add_to_page_cache() and what follows it: the page is the file's, counted, on its way to the LRU lists, cleared. */
static struct error *make_page(struct fault *f, const struct shmem *s, uint64_t index, uint64_t page)
{
	struct engine *e = f->e;
	struct kernel *k = e->k;
	struct page p;
	uint64_t shadow;
	void *bytes;
	TRY(page_open_writable(e, page, &p));
	SET(k, &p.object, page, flags, p.flags | 1ull << e->modern->swapbacked);
	TRY(page_cache_insert(e, page, GET(k, &s->inode, inode, i_mapping), index, &shadow));
	TRY(charge_page(f, page));
	TRY(lru_cache_add_modern(e, page));
	ADD(k, &s->info, shmem_inode_info, alloced, 1);
	ADD(k, &s->inode, inode, i_blocks, BLOCKS_PER_PAGE);
	TRY(frame_bytes(e, engine_page_phys(e, page), &bytes));
	clear_page(bytes);
	TRY(page_open_writable(e, page, &p));
	SET(k, &p.object, page, flags, (p.flags | 1ull << e->bit_uptodate) & ~(1ull << e->bit_locked));
	/* Its maker's reference, which an entry of a page table would get. */
	return put_page(e, page);
}

struct error *shmem_new_page(struct fault *f, uint64_t mapping, uint64_t index, uint64_t *page)
{
	struct engine *e = f->e;
	struct shmem s;
	uint64_t host;
	bool explained, room;
	*page = 0;
	TRY(kernel_get(e->k, mapping, M_address_space_host, &host));
	TRY(shmem_open(e, host, &s));
	TRY(may_make(f, &s, &explained));
	if (explained)
		return NULL;
	TRY(shmem_inode_acct_block(e, f->mm, &s, &room));
	if (!room) {
		TRACE(e, "shmem_getpage_gfp", "no more pages for the file: ENOSPC", { "mapping", mapping }, { "index", index },
		      { "max_blocks", GET(e->k, &s.sbinfo, shmem_sb_info, max_blocks) });
		f->result = FAULT_SIGBUS;
		return NULL;
	}
	TRY(alloc_user_page(f, page));
	if (!*page)
		return NULL;
	TRACE(e, "shmem_getpage_gfp", "a new page, cleared, in the file's cache", { "mapping", mapping }, { "index", index }, { "page", *page });
	return make_page(f, &s, index, *page);
}

/* ---- All pages given back ---- */

struct surveying {
	struct engine *e;
	bool plain;
};

static bool survey_entry(void *context, uint64_t index, unsigned order, uint64_t entry, bool is_value)
{
	struct surveying *v = context;
	struct page p;
	if (is_value) {
		v->plain = !order && HAS(v->e->k, swap_info_struct, swap_map);
		return v->plain;
	}
	v->plain = !order && !error_drop(page_open(v->e->k, entry, &p)) && !page_is_large(v->e, &p) && page_mapcount_word(v->e->k, &p) < 0 &&
		   !(p.flags & (1ull << v->e->bit_locked)) && (v->e->modern->writeback < 0 || !(p.flags >> v->e->modern->writeback & 1));
	return v->plain;
}

static struct error *tree_head(struct engine *e, uint64_t mapping, uint64_t *head)
{
	return kernel_get(e->k, mapping, M_address_space_i_pages, head);
}

struct error *shmem_can_truncate(struct engine *e, uint64_t mapping, uint64_t first, uint64_t last, bool *can)
{
	struct surveying v = { e, true };
	uint64_t head;
	TRY(tree_head(e, mapping, &head));
	TRY(xarray_for_each_range(e->k, head, first, last, survey_entry, &v));
	*can = v.plain;
	return NULL;
}

/* A batch of pages: struct pagevec, folio_batch. */
#define BATCH_MOST 31u

struct batch {
	struct {
		uint64_t index, entry;
		bool is_value;
	} of[BATCH_MOST];
	unsigned count, room;
};

static bool take_entry(void *context, uint64_t index, unsigned order, uint64_t entry, bool is_value)
{
	struct batch *b = context;
	b->of[b->count].index = index;
	b->of[b->count].is_value = is_value;
	b->of[b->count++].entry = entry;
	return b->count < b->room;
}

/* Pages out of the file, which go back last page first (release_pages()), and slots given up. */
static struct error *undo_batch(struct engine *e, uint64_t mapping, const struct batch *b, const struct shmem *s)
{
	for (unsigned i = 0; i < b->count; i++) {
		if (!b->of[i].is_value) {
			TRY(page_cache_delete(e, b->of[i].entry, 0));
			continue;
		}
		/* As it stands there: visitors get the values of radix trees otherwise. */
		uint64_t value;
		TRY(page_cache_entry(e, mapping, b->of[i].index, &value));
		TRY(shmem_free_swap(e, mapping, b->of[i].index, value));
		ADD(e->k, &s->info, shmem_inode_info, swapped, -1);
	}
	TRY(lru_add_drain(e));
	for (unsigned i = b->count; i-- > 0;)
		if (!b->of[i].is_value)
			TRY(put_user_page(e, b->of[i].entry));
	return NULL;
}

/* shmem_undo_range(): by batches. */
static struct error *shmem_undo_range(struct engine *e, uint64_t mapping, const struct shmem *s, uint64_t first, uint64_t last)
{
	struct batch b = { .room = e->k->members[M_folio_batch_folios].count };
	if (!b.room || b.room > BATCH_MOST)
		b.room = BATCH_MOST;
	for (;;) {
		uint64_t head;
		TRY(check_interrupt());
		b.count = 0;
		TRY(tree_head(e, mapping, &head));
		TRY(xarray_for_each_range(e->k, head, first, last, take_entry, &b));
		if (!b.count)
			return NULL;
		TRY(undo_batch(e, mapping, &b, s));
	}
}

struct error *shmem_truncate_range(struct engine *e, const struct object *inode, uint64_t first, uint64_t last)
{
	struct shmem s;
	uint64_t mapping = GET(e->k, inode, inode, i_mapping), pages;
	TRY(shmem_open(e, inode->addr, &s));
	TRY(kernel_get(e->k, mapping, M_address_space_nrpages, &pages));
	TRACE(e, "shmem_truncate_range", "its pages go back", { "inode", inode->addr }, { "nrpages", pages }, { "start", first }, { "end", last });
	TRY(shmem_undo_range(e, mapping, &s, first, last));
	return shmem_recalc_inode(e, &s);
}
