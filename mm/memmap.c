/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The memory model: which frames have a struct page, and where. FLATMEM keeps one array (mem_map);
 * SPARSEMEM cuts memory into sections, each with its own array, and SPARSEMEM_VMEMMAP lets all
 * these arrays be parts of one (include/asm-generic/memory_model.h, mm/sparse.c). Either way the
 * outcome is a list of runs.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "core/interrupt.h"
#include "mm/memmap.h"
#include "mm/state.h"

/* More sections than any x86 can have: MAX_PHYSMEM_BITS 52 with sections of 128 MiB. */
#define SECTIONS_MAX (1ull << 25)

static struct error *add_run(struct page_model *p, uint64_t pfn, uint64_t end, uint64_t page)
{
	struct page_run *last = p->count ? &p->runs[p->count - 1] : NULL;
	if (last && last->end == pfn && last->page + (pfn - last->pfn) * p->page_size == page) {
		last->end = end;
		return NULL;
	}
	if (p->count == p->allocated) {
		size_t more = p->allocated ? p->allocated * 2 : 16;
		struct page_run *runs = realloc(p->runs, more * sizeof(*runs));
		if (!runs)
			return error_new(ERR_NO_MEMORY, "out of memory");
		p->runs = runs;
		p->allocated = more;
	}
	p->runs[p->count++] = (struct page_run){pfn, end, page};
	return NULL;
}

static unsigned section_bits(struct kernel *k)
{
	int64_t bits;
	if (vmcoreinfo_number(&k->vmcoreinfo, "SECTION_SIZE_BITS", &bits) &&
	    bits >= k->arch->page_shift && bits < 48)
		return (unsigned)bits;
	/* arch/x86/include/asm/sparsemem.h */
	if (k->arch->pointer_size == 8)
		return 27;
	return k->geometry.entry_size == 8 ? 29 : 26;
}

/*
 * Where the table of roots stands: `mem_section` is a pointer to it with SPARSEMEM_EXTREME
 * since 4.15, the table itself before, and without EXTREME the sections themselves. `value` is what
 * the first word at the symbol holds.
 */
enum section_table { TABLE_IS_POINTER, TABLE_IS_ROOTS, TABLE_IS_SECTIONS };

struct section_source {
	enum section_table kind;
	uint64_t table;	   /* address of the roots, or of the sections */
	uint64_t per_root; /* sections in a root */
	uint64_t roots;
	unsigned bits; /* of a section's size in bytes */
};

static struct error *add_section(struct page_model *p, const struct page_section *section)
{
	if (p->section_count == p->section_allocated) {
		size_t more = p->section_allocated ? p->section_allocated * 2 : 64;
		struct page_section *sections = realloc(p->sections, more * sizeof(*sections));
		if (!sections)
			return error_new(ERR_NO_MEMORY, "out of memory");
		p->sections = sections;
		p->section_allocated = more;
	}
	p->sections[p->section_count++] = *section;
	return NULL;
}

/*
 * Frames of a section that was added after booting (pfn_section_valid(), include/linux/mmzone.h): those of the subsections that are marked. Sections
 * of booting are whole.
 */
static struct error *add_frames(struct kernel *k, struct page_model *p, const struct object *section, uint64_t coded, uint64_t pfn, uint64_t frames)
{
	const struct member *map = &k->members[M_mem_section_usage_subsection_map];
	uint64_t usage = GET(k, section, mem_section, usage), page = (coded & ~SECTION_FLAGS) + pfn * p->page_size, bits = map->total * 8ull, word;
	struct object o;
	if (coded & SECTION_IS_EARLY || !usage || !map->present || !map->size || bits > frames || !object_try_open(k, usage, S_mem_section_usage, &o))
		return add_run(p, pfn, pfn + frames, page);
	const uint64_t step = 512; /* PAGES_PER_SUBSECTION */
	for (uint64_t i = 0; i < bits && i * step < frames; i++) {
		word = object_get_element(k, &o, M_mem_section_usage_subsection_map, i / (map->size * 8u));
		if (word >> i % (map->size * 8u) & 1)
			TRY(add_run(p, pfn + i * step, pfn + (i + 1) * step, page + i * step * p->page_size));
	}
	return NULL;
}

static struct error *add_root(struct kernel *k, struct page_model *p,
			      const struct section_source *s, uint64_t root, uint64_t first)
{
	uint32_t size = SIZE_OF(k, mem_section);
	uint64_t frames = 1ull << (s->bits - k->arch->page_shift);
	for (uint64_t i = 0; i < s->per_root; i++) {
		struct object section;
		if (!object_try_open(k, root + i * size, S_mem_section, &section))
			break;
		uint64_t coded = GET(k, &section, mem_section, section_mem_map);
		uint64_t pfn = (first + i) * frames;
		if (!(coded & SECTION_MARKED_PRESENT))
			continue;
		TRY(add_section(p, &(struct page_section){first + i, section.addr, pfn, coded}));
		if (coded & SECTION_HAS_MEM_MAP)
			TRY(add_frames(k, p, &section, coded, pfn, frames));
	}
	return NULL;
}

static struct error *add_sections(struct kernel *k, struct page_model *p,
				  const struct section_source *s)
{
	if (s->kind == TABLE_IS_SECTIONS)
		return add_root(k, p, s, s->table, 0);
	for (uint64_t r = 0; r < s->roots; r++) {
		uint64_t root;
		if (!(r & 1023))
			TRY(check_interrupt());
		if (error_drop(kernel_read_pointer(k, s->table + r * k->arch->pointer_size, &root)))
			break;
		if (root && kernel_is_kernel_address(k, root))
			TRY(add_root(k, p, s, root, r * s->per_root));
	}
	return NULL;
}

/* Does the reading of the tables give a page array that is there? */
static bool runs_work(struct kernel *k, const struct page_model *p)
{
	return p->count && kernel_try_map(k, p->runs[0].page, p->page_size);
}

static struct error *open_sparse(struct kernel *k, struct page_model *p, uint64_t symbol)
{
	uint32_t size = SIZE_OF(k, mem_section);
	int64_t length;
	char text[32];
	struct section_source s = {.bits = section_bits(k),
				   .per_root = VMCORE_PAGE_SIZE / (size ? size : 1)};
	uint64_t sections = 1ull << ((k->geometry.levels == 5	   ? 52
				      : k->arch->pointer_size == 8 ? 46
								   : 36) -
				     s.bits);
	if (!size)
		return error_new(ERR_UNSUPPORTED,
				 "this kernel has mem_section, but no struct mem_section");
	s.roots = (sections + s.per_root - 1) / s.per_root;
	if (vmcoreinfo_string(&k->vmcoreinfo, "LENGTH(mem_section)", text, sizeof(text))) {
		length = strtoll(text, NULL, 10);
		if (length > 0 && (uint64_t)length <= SECTIONS_MAX)
			s.roots = (uint64_t)length;
	}
	for (int kind = TABLE_IS_POINTER; kind <= TABLE_IS_SECTIONS; kind++) {
		s.kind = (enum section_table)kind;
		s.table = symbol;
		if (s.kind == TABLE_IS_POINTER &&
		    error_drop(kernel_read_pointer(k, symbol, &s.table)))
			continue;
		if (s.kind == TABLE_IS_SECTIONS)
			s.per_root = s.roots < sections ? s.roots : sections;
		p->count = p->section_count = 0;
		TRY(add_sections(k, p, &s));
		if (runs_work(k, p))
			return NULL;
	}
	TRY(members_require(k, "the page array", M_mem_section_section_mem_map, MEMBER_NONE));
	return error_new(ERR_BAD_OBJECT, "mem_section leads to no page array: %" PRIx64, symbol);
}

static struct error *open_flat(struct kernel *k, struct page_model *p)
{
	uint64_t map, frames;
	TRY(kernel_read_symbol(k, "mem_map", 0, &map));
	/* max_mapnr is not kept by every build; max_pfn is (mm/memory.c, mm/memblock.c). */
	if ((error_drop(kernel_read_symbol(k, "max_mapnr", 0, &frames)) || !frames) &&
	    (error_drop(kernel_read_symbol(k, "max_pfn", 0, &frames)) || !frames))
		frames = phys_to_pfn(k, vmcore_max_phys(k->vmcore));
	uint64_t bits = k->arch->pointer_size == 8 ? 52 : 36;
	if (frames > 1ull << (bits - k->arch->page_shift))
		return error_new(ERR_BAD_OBJECT, "max_pfn is damaged: %" PRIx64, frames);
	return add_run(p, 0, frames, map);
}

struct error *pages_open(struct kernel *k)
{
	struct mm_state *state = mm_state(k);
	if (state->pages)
		return NULL;
	/* Looking everywhere in vain takes long, and who is not given a page goes on without one. */
	if (state->no_pages)
		return error_new(state->no_pages->code, "%s", state->no_pages->message);
	struct page_model *p = calloc(1, sizeof(*p));
	if (!p)
		return error_new(ERR_NO_MEMORY, "out of memory");
	p->page_size = SIZE_OF(k, page);
	uint64_t section = symbol_addr(k, "mem_section");
	struct error *e;
	if (!p->page_size)
		e = error_new(ERR_UNSUPPORTED, "this kernel's types have no struct page");
	else if (section)
		e = open_sparse(k, p, section);
	else if (symbol_addr(k, "mem_map"))
		e = open_flat(k, p);
	else
		e = error_new(ERR_UNSUPPORTED, "this kernel has neither mem_section nor mem_map");
	if (!e)
		e = page_words_resolve(k, &p->words);
	if (e) {
		page_model_free(p);
		if (e->code != ERR_INTERRUPTED)
			state->no_pages = error_new(e->code, "%s", e->message);
		return e;
	}
	state->pages = p;
	return NULL;
}

void page_model_free(struct page_model *p)
{
	if (!p)
		return;
	free(p->runs);
	free(p->sections);
	free(p);
}

const struct page_run *page_run_of(const struct page_model *p, uint64_t pfn)
{
	for (size_t low = 0, high = p->count; low < high;) {
		size_t middle = (low + high) / 2;
		const struct page_run *run = &p->runs[middle];
		if (pfn >= run->end)
			low = middle + 1;
		else if (pfn < run->pfn)
			high = middle;
		else
			return run;
	}
	return NULL;
}

bool pfn_to_page(struct kernel *k, uint64_t pfn, uint64_t *page)
{
	const struct page_run *run = page_run_of(k->mm->pages, pfn);
	if (run)
		*page = run->page + (pfn - run->pfn) * k->mm->pages->page_size;
	return run;
}

bool page_holding(struct kernel *k, uint64_t addr, uint64_t *page)
{
	const struct page_model *p = k->mm->pages;
	for (size_t i = 0; i < p->count; i++) {
		const struct page_run *run = &p->runs[i];
		uint64_t index = (addr - run->page) / p->page_size;
		if (addr >= run->page && index < run->end - run->pfn) {
			*page = run->page + index * p->page_size;
			return true;
		}
	}
	return false;
}

bool page_to_pfn(struct kernel *k, uint64_t page, uint64_t *pfn)
{
	const struct page_model *p = k->mm->pages;
	for (size_t i = 0; i < p->count; i++) {
		const struct page_run *run = &p->runs[i];
		uint64_t offset = page - run->page;
		if (page >= run->page && offset / p->page_size < run->end - run->pfn) {
			*pfn = run->pfn + offset / p->page_size;
			return offset % p->page_size == 0;
		}
	}
	return false;
}

bool page_run(struct kernel *k, size_t index, uint64_t *pfn, uint64_t *end, uint64_t *page)
{
	const struct page_model *p = k->mm->pages;
	if (index >= p->count)
		return false;
	*pfn = p->runs[index].pfn;
	*end = p->runs[index].end;
	*page = p->runs[index].page;
	return true;
}

bool page_section(struct kernel *k, size_t index, struct page_section *out)
{
	const struct page_model *p = k->mm->pages;
	if (index >= p->section_count)
		return false;
	*out = p->sections[index];
	return true;
}
