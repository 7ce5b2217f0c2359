/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "mm/shmem.h"

#include <stdlib.h>
#include <string.h>

#include "core/symbols.h"
#include "mm/state.h"
#include "mm/xarray.h"

/* The address of shmem_aops; NO_SYMBOL in a kernel that leaves data out of kallsyms. */
#define NO_SYMBOL 1

static uint64_t shmem_aops(struct kernel *k)
{
	struct mm_state *s = mm_state(k);
	if (!s->shmem_aops) {
		s->shmem_aops = symbol_addr(k, "shmem_aops");
		if (!s->shmem_aops)
			s->shmem_aops = NO_SYMBOL;
	}
	return s->shmem_aops;
}

bool inode_is_shmem(struct kernel *k, uint64_t inode)
{
	uint64_t mapping, aops, sb, type, name, ours = shmem_aops(k);
	char text[16];
	if (error_drop(kernel_get(k, inode, M_inode_i_mapping, &mapping)))
		return false;
	if (ours != NO_SYMBOL)
		return !error_drop(kernel_get(k, mapping, M_address_space_a_ops, &aops)) && aops == ours;
	/* Then its file system says so. */
	return !error_drop(kernel_get(k, inode, M_inode_i_sb, &sb)) &&
	       !error_drop(kernel_get(k, sb, M_super_block_s_type, &type)) &&
	       !error_drop(kernel_get(k, type, M_file_system_type_name, &name)) &&
	       !error_drop(kernel_read_string(k, name, text, sizeof(text))) && !strcmp(text, "tmpfs");
}

/* MAX_PAGECACHE_ORDER is below this; nor is there more swap than this many pages. */
#define ORDER_MAX   24
#define SWAPPED_MAX (1ull << 27)

struct find {
	uint64_t first, end, pages;
	struct shmem_swapped *out; /* NULL: counts only */
	struct error *error;
};

static void add_index(struct shmem_swapped *out, uint64_t index)
{
	if (out->count == out->room) {
		out->room = out->room ? out->room * 2 : 256;
		out->index = realloc(out->index, out->room * sizeof(*out->index));
		if (!out->index)
			abort();
	}
	out->index[out->count++] = index;
}

/* Swap entries are value entries; one of a large folio stands for 1 << order pages. */
static bool visit_entry(void *context, uint64_t index, unsigned order, uint64_t entry, bool is_value)
{
	struct find *f = context;
	uint64_t end = index + (1ull << order);
	if (!is_value)
		return true;
	if (index < f->first)
		index = f->first;
	if (end > f->end)
		end = f->end;
	f->pages += end - index;
	if (order > ORDER_MAX || f->pages > SWAPPED_MAX) {
		f->error = error_new(ERR_BAD_LIST, "tree of a file in shared memory has more swapped pages than there can be");
		return false;
	}
	for (; f->out && index < end; index++)
		add_index(f->out, index);
	return true;
}

static struct error *find(struct kernel *k, uint64_t inode, struct find *f)
{
	uint64_t mapping, head;
	TRY(kernel_get(k, inode, M_inode_i_mapping, &mapping));
	TRY(kernel_get(k, mapping, M_address_space_i_pages, &head));
	struct error *e = xarray_for_each_range(k, head, f->first, f->end - 1, visit_entry, f);
	if (!f->error)
		return e;
	error_drop(e);
	return f->error;
}

struct error *shmem_swap_usage(struct kernel *k, uint64_t inode, uint64_t pgoff, uint64_t count, uint64_t *pages)
{
	struct find f = {.first = pgoff, .end = pgoff + count};
	uint64_t swapped, size;
	*pages = 0;
	TRY(kernel_get(k, inode - OFFSET(k, shmem_inode_info, vfs_inode), M_shmem_inode_info_swapped, &swapped));
	TRY(kernel_get(k, inode, M_inode_i_size, &size));
	if (!swapped || !count || f.end < f.first)
		return NULL;
	if (!pgoff && count << k->arch->page_shift >= size) {
		*pages = swapped;
		return NULL;
	}
	TRY(find(k, inode, &f));
	*pages = f.pages;
	return NULL;
}

struct error *shmem_swapped_find(struct kernel *k, uint64_t inode, uint64_t pgoff, uint64_t count, struct shmem_swapped *out)
{
	struct find f = {.first = pgoff, .end = pgoff + count, .out = out};
	return count && f.end > f.first ? find(k, inode, &f) : NULL;
}
