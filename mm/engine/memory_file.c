/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Faults in areas that have a handler (mm/memory.c: do_fault(); mm/filemap.c, mm/shmem.c, mm/mmap.c): reads, private writes, shared writes. Pages of files come from
 * the page cache, or the file would be read.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "mm/engine/huge.h"
#include "mm/engine/mmap_edit.h"
#include "mm/engine/modern.h"
#include "mm/engine/page_cache.h"
#include "mm/engine/shmem_edit.h"
#include "mm/engine/special.h"
#include "mm/path.h"
#include "mm/pte.h"
#include "mm/xarray.h"

static bool has(const struct page *p, int bit)
{
	return bit >= 0 && (p->flags >> bit & 1);
}

/* What the area's handler is, by its name. */
enum handler { HANDLER_NONE, HANDLER_FILE, HANDLER_SHMEM, HANDLER_SPECIAL, HANDLER_OTHER };

struct backing {
	enum handler handler;
	char name[96];	    /* of the handler */
	uint64_t map_pages; /* of the area's operations */
	uint64_t mapping, tree, size /* in pages, of the file */, index;
	uint64_t page;	    /* of the page cache, 0: none */
	bool value;	    /* the cache has a value there: an evicted page, of shared memory a swapped-out one */
	bool made;	    /* the page is new, and announced */
};

static struct error *read_op(struct fault *f, enum member_id id, uint64_t *function)
{
	*function = 0;
	return f->e->k->members[id].present ? kernel_get(f->e->k, f->vma->ops, id, function) : NULL;
}

/* filemap_fault(), or a file system's own that ends there: ext4_filemap_fault(), xfs_filemap_fault() … */
static enum handler handler_of(const char *name)
{
	if (strstr(name, "filemap_fault"))
		return HANDLER_FILE;
	/* System V segments: shm_fault() goes to the file behind, whose mapping their own file has. */
	if (!strcmp(name, "shmem_fault") || !strcmp(name, "shm_fault"))
		return HANDLER_SHMEM;
	if (!strcmp(name, "special_mapping_fault"))
		return HANDLER_SPECIAL;
	return HANDLER_OTHER;
}

static struct error *look_up(struct fault *f, struct backing *b)
{
	struct kernel *k = f->e->k;
	uint64_t host, bytes, fault, entry;
	*b = (struct backing){ 0 };
	TRY(read_op(f, M_vm_operations_struct_fault, &fault));
	TRY(read_op(f, M_vm_operations_struct_map_pages, &b->map_pages));
	b->index = ((f->addr - f->vma->start) >> k->arch->page_shift) + f->vma->pgoff;
	if (!fault)
		return NULL;
	symbol_format(k, fault, b->name, sizeof(b->name));
	b->handler = handler_of(b->name);
	if (!f->vma->file || b->handler == HANDLER_SPECIAL || b->handler == HANDLER_OTHER)
		return NULL;
	TRY(kernel_get(k, f->vma->file, M_file_f_mapping, &b->mapping));
	TRY(kernel_get(k, b->mapping, M_address_space_host, &host));
	TRY(kernel_get(k, host, M_inode_i_size, &bytes));
	b->size = (bytes >> k->arch->page_shift) + !!(bytes & (VMCORE_PAGE_SIZE - 1));
	TRY(kernel_get(k, b->mapping, M_address_space_i_pages, &b->tree));
	TRY(xarray_load(k, b->tree, b->index, &entry));
	b->value = entry & 3;
	b->page = entry & 3 ? 0 : entry;
	return NULL;
}

/* The entry of a tree is a folio: the page of the index within it. False when it is no page of this mapping. */
static bool page_of_entry(struct fault *f, const struct backing *b, uint64_t entry, uint64_t index, struct page *p)
{
	struct kernel *k = f->e->k;
	struct page head;
	if (!entry || (entry & 3) || error_drop(page_open(k, entry, &head)))
		return false;
	uint64_t first = GET(k, &head.object, page, index), pages = 1ull << page_compound_order(k, &head);
	if (GET(k, &head.object, page, mapping) != b->mapping || index - first >= pages)
		return false;
	return !error_drop(page_open_writable(f->e, entry + (index - first) * f->e->page_size, p));
}

/* ---- What cannot be done ---- */

static struct error *would_read(struct fault *f, const struct backing *b)
{
	struct kernel *k = f->e->k;
	bool explained;
	f->result = FAULT_MAJOR;
	fault_outcome(f->e, OUTCOME_FILE_READ);
	TRACE(f->e, "filemap_fault", "not in the page cache: to be read", { "mapping", b->mapping }, { "pgoff", b->index }, { "size in pages", b->size });
	return fault_refuse(f->e, &explained, "page %" PRIu64 " of %s would be read from its file system: that is not in memory", b->index,
			    path_of_file(k, f->vma->file)->path);
}

/* shmem_fault(): what was swapped out comes back; where there is nothing comes a new page, unless the fault ends here. */
static struct error *shmem_absent(struct fault *f, struct backing *b)
{
	struct engine *e = f->e;
	uint64_t value;
	TRACE(e, "shmem_fault", b->value ? "swapped out" : "no page there yet: a new one in its page cache", { "mapping", b->mapping }, { "pgoff", b->index },
	      { "size in pages", b->size });
	if (b->value) {
		TRY(page_cache_entry(e, b->mapping, b->index, &value));
		TRY(shmem_swapin_page(f, b->mapping, b->index, value, &b->page));
		if (!b->page && f->write && !(f->vma->flags & VM_SHARED))
			fault_outcome(e, OUTCOME_COPY_FILE);
	} else {
		fault_outcome(e, OUTCOME_SHMEM_NEW);
		TRY(shmem_new_page(f, b->mapping, b->index, &b->page));
	}
	TRY(kernel_get(e->k, b->mapping, M_address_space_i_pages, &b->tree));
	b->made = b->page != 0;
	return NULL;
}

/*
 * filemap_fault(): the page that is not there, from the machine's disk. A disk takes its time: the mm is let go of meanwhile, and the fault is then taken again, with
 * the page in the cache.
 */
static struct error *read_missing(struct fault *f, struct backing *b)
{
	struct engine *e = f->e;
	if (b->handler != HANDLER_FILE || !has_disk(e) || f->tried)
		return would_read(f, b);
	fault_outcome(e, OUTCOME_FILE_READ);
	TRACE(e, "filemap_fault", "not in the page cache: read from the disk", { "mapping", b->mapping }, { "pgoff", b->index }, { "size in pages", b->size });
	TRY(read_around(e, f->vma->file, b->mapping, b->index, b->size));
	f->tried = f->retry = true;
	f->result = FAULT_MAJOR;
	count_vm_event(e, e->modern->event_pgmajfault);
	return NULL;
}

/* Handlers that are not followed: the fault ends here. */
static struct error *other_handler(struct fault *f, const struct backing *b, bool *done)
{
	struct engine *e = f->e;
	bool explained;
	*done = true;
	f->result = FAULT_MINOR;
	switch (b->handler) {
	case HANDLER_NONE:
		TRACE(e, "do_fault", "the area has no handler", { "vma->vm_ops", f->vma->ops });
		f->result = FAULT_SIGBUS;
		return NULL;
	case HANDLER_OTHER:
		fault_outcome(e, OUTCOME_DRIVER);
		TRACE(e, "__do_fault", "a driver's handler", { "vma->vm_ops", f->vma->ops });
		return fault_refuse(e, &explained, "what %s() does is not followed", b->name);
	case HANDLER_FILE:
	case HANDLER_SHMEM:
	case HANDLER_SPECIAL:
		break;
	}
	*done = false;
	return NULL;
}

/* __do_fault(): is there a page to go on with? Else the fault ends here, or is taken again. */
static struct error *find_page(struct fault *f, struct backing *b, struct page *p, bool *done)
{
	struct engine *e = f->e;
	*done = true;
	f->result = f->tried ? FAULT_MAJOR : FAULT_MINOR;
	TRACE(e, "__do_fault", "the area's handler is asked for the page", { "vma->vm_ops", f->vma->ops }, { "pgoff", b->index });
	TRY(fault_prealloc(f));
	if (b->handler == HANDLER_SPECIAL) {
		TRY(special_mapping_fault(f, b->index, &b->page));
		*done = !b->page;
		return *done ? NULL : page_open_writable(e, b->page, p);
	}
	if (b->index >= b->size) {
		TRACE(e, b->handler == HANDLER_FILE ? "filemap_fault" : "shmem_fault", "beyond the end of the file", { "pgoff", b->index },
		      { "size in pages", b->size });
		f->result = FAULT_SIGBUS;
		return NULL;
	}
	if (!b->page)
		TRY(b->handler == HANDLER_SHMEM ? shmem_absent(f, b) : read_missing(f, b));
	else if (b->handler == HANDLER_FILE && has_disk(e) && !(f->vma->flags & VM_RAND_READ))
		TRY(mmap_readahead(e, f->vma->file, b->page, b->index));
	/* Of a file: taken again. Of shared memory: it is new, or there is none to be had. */
	if (!b->page)
		return NULL;
	if (!page_of_entry(f, b, b->page, b->index, p))
		return error_at(ERR_BAD_OBJECT, b->page, "the page cache has no page of the file there: %" PRIx64, b->page);
	if (has(p, e->modern->hwpoison)) {
		TRACE(e, "__do_fault", "the page's frame is bad", { "page", p->object.addr }, { "page->flags", p->flags });
		f->result = FAULT_SIGBUS;
		return NULL;
	}
	if (!has(p, e->bit_uptodate) && !page_is_tail(e->k, p))
		return would_read(f, b);
	if (!b->made)
		TRACE(e, b->handler == HANDLER_FILE ? "filemap_fault" : "shmem_fault", "in the page cache", { "mapping", b->mapping }, { "pgoff", b->index },
		      { "page", p->object.addr });
	*done = false;
	return NULL;
}

/* ---- Mapping pages of the cache ---- */

/* do_set_pte(): one more reference, one more mapping. */
static struct error *map_cached(struct fault *f, const struct page *p, uint64_t addr, uint64_t entry_addr, bool write)
{
	struct engine *e = f->e;
	uint64_t entry = mk_pte(e, p->object.addr, f->vma->page_prot);
	if (write)
		entry = pte_mkwrite(pte_mkdirty(entry)) | soft_dirty_bit(f);
	get_page(e, p->object.addr);
	TRY(page_add_file_rmap(f, p->object.addr));
	TRY(add_mm_counter(e, f->mm, page_counter_kind(e, p), 1, true));
	set_pte(e, entry_addr, entry);
	TRACE(e, "do_set_pte", "mapped", { "address", addr }, { "page", p->object.addr }, { "pte", entry });
	return NULL;
}

/* fault_around_bytes until 6.4, fault_around_pages since: in pages. */
static uint64_t fault_around(struct engine *e)
{
	uint64_t v;
	if (symbol_addr(e->k, "fault_around_pages") && !error_drop(kernel_read_symbol(e->k, "fault_around_pages", 0, &v)))
		return v <= 512 ? v : 512;
	if (symbol_addr(e->k, "fault_around_bytes") && !error_drop(kernel_read_symbol(e->k, "fault_around_bytes", 0, &v)))
		return v <= 512 << 12 ? v >> 12 : 512;
	return 0;
}

/*
 * filemap_map_pages() takes a cached page that is whole, unlocked, not marked for read-ahead and not poisoned; of a large folio the head says so (but for the poison).
 */
static const char *why_not_around(struct engine *e, const struct page *p)
{
	uint64_t flags = p->flags, head = page_compound_head(e->k, p);
	struct page h;
	if (head != p->object.addr && !error_drop(page_open(e->k, head, &h)))
		flags = h.flags;
	if (!(flags >> e->bit_uptodate & 1))
		return "a cached page is left out: not up to date";
	if (flags >> e->bit_locked & 1)
		return "a cached page is left out: locked";
	if (e->modern->readahead >= 0 && (flags >> e->modern->readahead & 1))
		return "a cached page is left out: when it is touched more is to be read";
	return has(p, e->modern->hwpoison) ? "a cached page is left out: its frame is bad" : NULL;
}

static struct error *page_to_map(struct fault *f, const struct backing *b, uint64_t index, struct page *p, bool *found)
{
	struct engine *e = f->e;
	uint64_t entry;
	const char *why;
	*found = false;
	if (index >= b->size)
		return NULL;
	TRY(xarray_load(e->k, b->tree, index, &entry));
	if ((entry & 3) || !page_of_entry(f, b, entry, index, p))
		return NULL;
	why = why_not_around(e, p);
	if (why)
		TRACE(e, "filemap_map_pages", why, { "pgoff", index }, { "page", p->object.addr }, { "page->flags", p->flags });
	*found = !why;
	return NULL;
}

/* Where the kernel maps pages around an address: a window, within the area and the page table. */
struct window {
	uint64_t start, end;
};

static void find_window(const struct fault *f, uint64_t pages, struct window *w)
{
	const struct kernel *k = f->e->k;
	const struct pagetable_geometry *g = &k->geometry;
	uint64_t size = pages << k->arch->page_shift, here = f->addr & ~(uint64_t)(VMCORE_PAGE_SIZE - 1), span = 1ull << (g->level[g->levels - 1u].bits + 12);
	w->start = here & ~(size - 1);
	w->start = w->start > f->vma->start ? w->start : f->vma->start;
	w->end = w->start + size;
	w->end = w->end < f->vma->end ? w->end : f->vma->end;
	if (w->end > (here & ~(span - 1)) + span)
		w->end = (here & ~(span - 1)) + span;
}

/* The entry of the page at `addr` (0: it has one already, or there is no table yet), in the table of the fault's. */
static uint64_t entry_nearby(const struct fault *f, uint64_t addr, bool *taken)
{
	uint64_t shift = f->e->k->arch->page_shift, here = f->addr >> shift, at;
	*taken = false;
	if (!f->entry_addr)
		return 0;
	at = f->entry_addr + ((addr >> shift) - here) * f->e->k->geometry.entry_size;
	*taken = get_pte(f->e, at) != 0;
	return at;
}

/* do_fault_around(): the cached pages of a window. *mapped: the faulting one was among them, or a huge page was mapped. */
static struct error *do_fault_around(struct fault *f, const struct backing *b, uint64_t pages, bool *mapped)
{
	struct engine *e = f->e;
	struct kernel *k = e->k;
	struct window w;
	uint64_t count = 0, here = f->addr & ~(uint64_t)(VMCORE_PAGE_SIZE - 1);
	bool taken, found, explained;
	*mapped = false;
	find_window(f, pages, &w);
	TRY(fault_prealloc(f));
	for (uint64_t addr = w.start; addr < w.end && !*mapped; addr += VMCORE_PAGE_SIZE) {
		struct page p;
		entry_nearby(f, addr, &taken);
		if (taken)
			continue;
		TRY(page_to_map(f, b, ((addr - f->vma->start) >> k->arch->page_shift) + f->vma->pgoff, &p, &found));
		if (!found)
			continue;
		TRY(do_set_pmd(f, p.object.addr, mapped));
		if (*mapped)
			return NULL;
		TRY(fault_pte(f, &explained));
		if (explained)
			return NULL;
		TRY(map_cached(f, &p, addr, entry_nearby(f, addr, &taken), false));
		if (e->report && e->report->ended)
			return NULL;
		count++;
	}
	entry_nearby(f, here, mapped);
	TRACE(e, "filemap_map_pages", *mapped ? "cached pages around are mapped with it" : "the page itself is not among those that can be", { "start", w.start },
	      { "end", w.end }, { "pages", count });
	return NULL;
}

/* finish_fault(), where there is one (4.10). */
static void announce_finish(struct fault *f, uint64_t page)
{
	if (f->e->modern->late_tables)
		TRACE(f->e, "finish_fault", "the page is had: to be mapped", { "address", f->addr }, { "page", page });
}

static struct error *do_read_fault(struct fault *f, struct backing *b)
{
	struct engine *e = f->e;
	struct page p;
	uint64_t around = fault_around(e);
	bool done, explained, mapped = false, tries = b->mapping && b->map_pages && around > 1;
	TRACE(e, "do_read_fault", tries ? "with the pages around" : "this page alone", { "address", f->addr }, { "write_access", 0 },
	      { "vma->vm_ops->map_pages", b->map_pages }, { "fault_around pages", around });
	if (tries)
		TRY(do_fault_around(f, b, around, &mapped));
	if (e->report && e->report->ended)
		return NULL;
	if (mapped) {
		f->result = f->tried ? FAULT_MAJOR : FAULT_MINOR;
		fault_outcome(e, OUTCOME_CACHED);
		return NULL;
	}
	TRY(find_page(f, b, &p, &done));
	if (done)
		return NULL;
	if (!b->made)
		fault_outcome(e, b->handler == HANDLER_SPECIAL ? OUTCOME_SPECIAL : OUTCOME_CACHED);
	announce_finish(f, p.object.addr);
	TRY(do_set_pmd(f, p.object.addr, &done));
	if (done)
		return NULL;
	TRY(fault_pte(f, &explained));
	return explained ? NULL : map_cached(f, &p, f->addr, f->entry_addr, false);
}

/* The frame for the copy is had before the page is looked for, and given back when there is none. */
static struct error *do_cow_fault(struct fault *f, struct backing *b)
{
	struct engine *e = f->e;
	struct page p;
	uint64_t page;
	bool done;
	void *to;
	TRACE(e, "do_cow_fault", "private write: a frame for a copy", { "address", f->addr }, { "write_access", 1 }, { "vma->vm_flags & VM_SHARED", 0 });
	TRY(fault_anon_vma_prepare(f));
	TRY(alloc_user_page(f, &page));
	if (!page)
		return NULL;
	TRY(find_page(f, b, &p, &done));
	if (done)
		return put_page(e, page);
	fault_outcome(e, OUTCOME_COPY_FILE);
	const void *from = vmcore_try_map(e->k->vmcore, engine_page_phys(e, p.object.addr), VMCORE_PAGE_SIZE);
	if (!from)
		return error_at(ERR_NOT_IN_IMAGE, p.object.addr, "the page's frame is not in the image: %" PRIx64, p.object.addr);
	TRY(frame_bytes(e, engine_page_phys(e, page), &to));
	memcpy(to, from, VMCORE_PAGE_SIZE);
	TRACE(e, "do_cow_fault", "copied at once", { "page", p.object.addr }, { "copy", page });
	announce_finish(f, page);
	return map_new_page(f, page);
}

struct error *mark_dirty(struct fault *f, uint64_t page)
{
	struct page p;
	TRY(page_open(f->e->k, page, &p));
	return set_page_dirty(f->e, page_compound_head(f->e->k, &p));
}

/* filemap_page_mkwrite() makes the page dirty; the file's times, which it also sets, are the host's clock's to know. */
struct error *ask_file_system(struct fault *f, uint64_t function, uint64_t page, bool *explained)
{
	char name[96];
	*explained = false;
	symbol_format(f->e->k, function, name, sizeof(name));
	if (!page || strcmp(name, "filemap_page_mkwrite"))
		return fault_refuse(f->e, explained, "the file system is asked first: %s()", name);
	TRACE(f->e, "filemap_page_mkwrite", "may be written", { "page", page });
	return mark_dirty(f, page);
}

/*
 * fault_dirty_shared_page() lets go of the mm while dirty pages are balanced. Until VM_FAULT_COMPLETED (6.0) the fault was then taken again, and such a one counts as
 * major (mm_account_fault()).
 */
void shared_page_dirtied(struct fault *f, const struct page *p, bool mkwrite)
{
	struct engine *e = f->e;
	bool dirty = has(p, e->bit_dirty), again = mkwrite || !dirty;
	if (!e->modern->retry_is_major)
		return;
	TRACE(e, "fault_dirty_shared_page", again ? "the fault is taken again, and counts as major" : "dirty already: nothing to do", { "PageDirty", dirty },
	      { "vm_ops->page_mkwrite", mkwrite });
	if (!again)
		return;
	f->result = FAULT_MAJOR;
	count_vm_event(e, e->modern->event_pgfault);
}

static struct error *do_shared_fault(struct fault *f, struct backing *b)
{
	struct engine *e = f->e;
	struct page p;
	uint64_t function;
	bool done, explained = false;
	TRACE(e, "do_shared_fault", "shared write: the page itself", { "address", f->addr }, { "write_access", 1 }, { "vma->vm_flags & VM_SHARED", VM_SHARED });
	TRY(find_page(f, b, &p, &done));
	if (done)
		return NULL;
	if (!b->made)
		fault_outcome(e, OUTCOME_SHARED);
	TRY(read_op(f, M_vm_operations_struct_page_mkwrite, &function));
	TRACE(e, "do_shared_fault", function ? "the file system is asked first" : "mapped writable, and dirty", { "page", p.object.addr },
	      { "vma->vm_ops->page_mkwrite", function });
	if (function)
		TRY(ask_file_system(f, function, p.object.addr, &explained));
	if (!explained) {
		announce_finish(f, p.object.addr);
		TRY(do_set_pmd(f, p.object.addr, &done));
	}
	if (!explained && !done)
		TRY(fault_pte(f, &explained));
	if (!explained && !done)
		TRY(map_cached(f, &p, f->addr, f->entry_addr, true));
	if (!explained)
		TRY(mark_dirty(f, p.object.addr));
	shared_page_dirtied(f, &p, function != 0);
	return NULL;
}

static struct error *do_fault_once(struct fault *f)
{
	struct backing b;
	bool done;
	TRY(look_up(f, &b));
	TRY(other_handler(f, &b, &done));
	if (done)
		return NULL;
	if (!f->write)
		TRY(do_read_fault(f, &b));
	else if (f->vma->flags & VM_SHARED)
		TRY(do_shared_fault(f, &b));
	else
		TRY(do_cow_fault(f, &b));
	return fault_prealloc_free(f);
}

struct error *do_fault(struct fault *f)
{
	struct engine *e = f->e;
	TRY(do_fault_once(f));
	if (!f->retry)
		return NULL;
	f->retry = false;
	count_vm_event(e, e->modern->event_pgfault);
	TRACE(e, "handle_mm_fault", "the file has been read: the fault is taken again", { "address", f->addr });
	return do_fault_once(f);
}
