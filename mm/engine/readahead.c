/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reading a file through its page cache, with what is read ahead (mm/readahead.c: ondemand_readahead(); mm/filemap.c: generic_file_buffered_read(), until 4.11
 * do_generic_file_read()), from the machine's own disk.
 */
#include <inttypes.h>
#include <string.h>

#include "mm/engine/file_edit.h"
#include "mm/engine/modern.h"
#include "mm/engine/page_cache.h"

/* A file on its way: struct file_ra_state is a part of struct file. */
struct reading {
	struct engine *e;
	struct object file;
	uint64_t mapping, end; /* of the file, in pages */
	uint64_t most;	       /* ra->ra_pages */
};

static struct error *open_reading(struct engine *e, uint64_t file, struct reading *r)
{
	struct kernel *k = e->k;
	uint64_t inode, size;
	r->e = e;
	TRY(object_open_writable(k, file, S_file, &r->file));
	r->mapping = GET(k, &r->file, file, f_mapping);
	TRY(kernel_get(k, r->mapping, M_address_space_host, &inode));
	TRY(kernel_get(k, inode, M_inode_i_size, &size));
	r->end = (size >> k->arch->page_shift) + !!(size & (VMCORE_PAGE_SIZE - 1));
	r->most = GET(k, &r->file, file, ra_pages);
	return r->most > READ_AHEAD_MOST ? error_at(ERR_BAD_OBJECT, file, "file %" PRIx64 " would read %" PRIu64 " pages ahead", file, r->most) : NULL;
}

/* ---- How much: get_init_ra_size(), get_next_ra_size() ---- */

static uint64_t first_size(uint64_t size, uint64_t most)
{
	uint64_t power = 1;
	while (power < size)
		power <<= 1;
	return power <= most / 32 ? power * 4 : power <= most / 4 ? power * 2 : most;
}

static uint64_t next_size(uint64_t now, uint64_t most)
{
	return now < most / 16 ? 4 * now : now <= most / 2 ? 2 * now : most;
}

/* page_cache_next_miss(), page_cache_prev_miss(): how many pages from `index` on, or down, are cached, `most` at most. */
static struct error *count_cached(struct reading *r, uint64_t index, bool down, uint64_t most, uint64_t *count)
{
	uint64_t entry;
	for (*count = 0; *count < most && (!down || *count <= index); ++*count) {
		TRY(page_cache_entry(r->e, r->mapping, down ? index - *count : index + *count, &entry));
		if (!entry || (entry & 3))
			break;
	}
	return NULL;
}

/* ---- What ---- */

struct window {
	uint64_t start, size, ahead;
};

/* The window that the file's state and the request lead to; *window false: just the pages asked for. */
static struct error *choose_window(struct reading *r, bool marked, uint64_t index, uint64_t wanted, struct window *w, bool *window)
{
	struct kernel *k = r->e->k;
	uint64_t start = GET(k, &r->file, file, ra_start), size = GET(k, &r->file, file, ra_size), ahead = GET(k, &r->file, file, ra_async_size), most = r->most, cached;
	uint64_t before = GET(k, &r->file, file, ra_prev_pos) >> k->arch->page_shift;
	*window = true;
	if (index && (index == start + size - ahead || index == start + size)) {
		size = next_size(size, most);
		*w = (struct window){ start + GET(k, &r->file, file, ra_size), size, size };
		return NULL;
	}
	if (index && marked) {
		TRY(count_cached(r, index + 1, false, most, &cached));
		size = next_size(1 + cached + wanted, most);
		*w = (struct window){ index + 1 + cached, size, size };
		*window = cached < most;
		return NULL;
	}
	if (index && wanted <= most && index - before > 1) {
		TRY(count_cached(r, index - 1, true, most, &cached));
		*window = cached > wanted;
		size = (cached >= index ? 2 * cached : cached) + wanted;
		*w = (struct window){ index, size < most ? size : most, 1 };
		return NULL;
	}
	size = first_size(wanted, most);
	*w = (struct window){ index, size, size > wanted ? size - wanted : size };
	return NULL;
}

static struct error *ondemand_readahead(struct reading *r, bool marked, uint64_t index, uint64_t wanted)
{
	struct kernel *k = r->e->k;
	struct window w;
	bool window;
	TRY(choose_window(r, marked, index, wanted, &w, &window));
	if (!window)
		return marked ? NULL : read_pages(r->e, r->mapping, index, wanted < r->most ? wanted : r->most, 0, r->end);
	if (index == w.start && w.size == w.ahead) {
		uint64_t more = next_size(w.size, r->most);
		bool fits = w.size + more <= r->most;
		w.ahead = fits ? more : r->most >> 1;
		w.size = fits ? w.size + more : r->most;
	}
	SET(k, &r->file, file, ra_start, w.start);
	SET(k, &r->file, file, ra_size, w.size);
	SET(k, &r->file, file, ra_async_size, w.ahead);
	return read_pages(r->e, r->mapping, w.start, w.size, w.ahead, r->end);
}

/* ---- Reading ---- */

/* page_cache_async_readahead(): the page says that it is time for more. */
static struct error *async_readahead(struct reading *r, uint64_t page, uint64_t index, uint64_t wanted)
{
	struct page p;
	int bit = r->e->modern->readahead;
	TRY(page_open_writable(r->e, page, &p));
	if (!r->most || bit < 0 || !(p.flags >> bit & 1))
		return NULL;
	SET(r->e->k, &p.object, page, flags, p.flags & ~(1ull << bit));
	return ondemand_readahead(r, true, index, wanted);
}

struct error *mmap_readahead(struct engine *e, uint64_t file, uint64_t page, uint64_t index)
{
	struct kernel *k = e->k;
	struct reading r;
	TRY(open_reading(e, file, &r));
	uint64_t misses = GET(k, &r.file, file, ra_mmap_miss);
	if (misses)
		SET(k, &r.file, file, ra_mmap_miss, misses - 1);
	return async_readahead(&r, page, index, r.most);
}

/* The page at `index`, read when it is not there; 0: memory was lacking. */
static struct error *cached_page(struct reading *r, uint64_t index, uint64_t wanted, uint64_t *page)
{
	struct engine *e = r->e;
	TRY(find_page_nolock(e, r->mapping, index, page));
	if (!*page && r->most) {
		TRY(ondemand_readahead(r, false, index, wanted));
		TRY(find_page_nolock(e, r->mapping, index, page));
	}
	if (!*page) {
		TRY(read_pages(e, r->mapping, index, 1, 0, r->end));
		TRY(find_page_nolock(e, r->mapping, index, page));
	}
	return *page ? async_readahead(r, *page, index, wanted) : NULL;
}

struct error *kernel_read_file(struct engine *e, uint64_t file, uint64_t offset, void *buffer, size_t len, size_t *done)
{
	struct kernel *k = e->k;
	struct reading r;
	uint64_t inode, size, page;
	unsigned shift = k->arch->page_shift;
	*done = 0;
	TRY(open_reading(e, file, &r));
	TRY(kernel_get(k, r.mapping, M_address_space_host, &inode));
	TRY(kernel_get(k, inode, M_inode_i_size, &size));
	uint64_t before = GET(k, &r.file, file, ra_prev_pos), last = (offset + len + VMCORE_PAGE_SIZE - 1) >> shift;
	while (*done < len && offset < size) {
		uint64_t index = offset >> shift, odd = offset & (VMCORE_PAGE_SIZE - 1), piece = VMCORE_PAGE_SIZE - odd;
		piece = piece < len - *done ? piece : len - *done;
		piece = piece < size - offset ? piece : size - offset;
		TRY(cached_page(&r, index, last - index, &page));
		const void *bytes = page ? vmcore_try_map(k->vmcore, engine_page_phys(e, page), VMCORE_PAGE_SIZE) : NULL;
		if (!bytes)
			return error_at(ERR_NOT_IN_IMAGE, file, "page %" PRIu64 " of file %" PRIx64 " cannot be read", index, file);
		if (before >> shift != index || (before & (VMCORE_PAGE_SIZE - 1)) != odd)
			TRY(mark_page_accessed(e, page));
		memcpy((char *)buffer + *done, (const char *)bytes + odd, piece);
		*done += piece;
		offset += piece;
		before = (index << shift) + ((odd + piece) & (VMCORE_PAGE_SIZE - 1));
	}
	SET(k, &r.file, file, ra_prev_pos, before);
	return NULL;
}
