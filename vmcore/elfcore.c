/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ELF cores of a machine: QEMU's, /proc/vmcore's, makedumpfile's. A PT_LOAD says: these bytes of
 * the file stand at p_paddr; where p_memsz goes beyond p_filesz, makedumpfile left pages out (its
 * IMPLEMENTATION, "The ELF format").
 */
#include "vmcore/image.h"
#include "vmcore/intervals.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Disjoint after setup, in ascending order. */
struct piece {
	uint64_t start, end;
	uint64_t offset; /* of the byte of `start` in the file */
	enum presence presence;
};

struct load {
	uint64_t phys, offset;
};

struct elf {
	struct piece *pieces; /* those with bytes are wanted as long as there are arenas */
	size_t nr_pieces;
	size_t last;
	uint64_t *ready; /* all arenas' */

	/* While opening. */
	struct load *loads;
	size_t nr_loads;
	struct interval *parts;
	size_t nr_parts, most_parts;
	bool all_at_zero; /* no segment has a physical address */
	bool aliased;	  /* segments share bytes of the file */
};

/* Pages of an arena are mapped from the file where that is possible and saves much; more mappings
 * than this cost more than copies. */
#define MAP_LEAST     (1ul << 20)
#define MAPPINGS_MOST 1024
/* 64 TB: more than any machine's memory, and it still fits into the address space. */
#define ARENA_PAGES_MOST (1ul << 34)

bool elf_probe(struct file *f)
{
	uint8_t head[sizeof(Elf32_Ehdr)];
	if (!file_read(f, 0, head, sizeof(head)) || memcmp(head, ELFMAG, SELFMAG))
		return false;
	/* e_type stands at the same place in both classes; a big-endian core is recognised, to be
	 * refused by name. */
	uint8_t low = head[EI_NIDENT], high = head[EI_NIDENT + 1];
	return head[EI_DATA] == ELFDATA2MSB ? !low && high == ET_CORE : low == ET_CORE && !high;
}

/* ---- The headers, of either class as the 64-bit ones ---- */

static bool read_ehdr(struct file *f, bool is64, Elf64_Ehdr *out)
{
	Elf32_Ehdr h;
	if (is64)
		return file_read(f, 0, out, sizeof(*out));
	if (!file_read(f, 0, &h, sizeof(h)))
		return false;
	memcpy(out->e_ident, h.e_ident, EI_NIDENT);
	out->e_machine = h.e_machine;
	out->e_phoff = h.e_phoff;
	out->e_shoff = h.e_shoff;
	out->e_phentsize = h.e_phentsize;
	out->e_phnum = h.e_phnum;
	return true;
}

static bool read_phdr(struct file *f, bool is64, uint64_t offset, Elf64_Phdr *out)
{
	Elf32_Phdr h;
	if (is64)
		return file_read(f, offset, out, sizeof(*out));
	if (!file_read(f, offset, &h, sizeof(h)))
		return false;
	*out = (Elf64_Phdr){
		.p_type = h.p_type,
		.p_offset = h.p_offset,
		.p_paddr = h.p_paddr == UINT32_MAX ? UINT64_MAX : h.p_paddr,
		.p_filesz = h.p_filesz,
		.p_memsz = h.p_memsz,
	};
	return true;
}

/* The number of program headers; from PN_XNUM (65,535) on it stands in the first section header
 * (System V ABI, "ELF header"). */
static struct error *count_phdrs(struct vmcore *vc, const Elf64_Ehdr *ehdr, bool is64,
				 uint64_t *count)
{
	Elf64_Shdr s64;
	Elf32_Shdr s32;

	*count = ehdr->e_phnum;
	if (ehdr->e_phnum != PN_XNUM)
		return NULL;
	if (is64 ? !file_read(vc->file, ehdr->e_shoff, &s64, sizeof(s64))
		 : !file_read(vc->file, ehdr->e_shoff, &s32, sizeof(s32)))
		return error_new(ERR_TRUNCATED,
				 "%s: the ELF section header that counts the segments is beyond "
				 "the file's end",
				 vc->path);
	*count = is64 ? s64.sh_info : s32.sh_info;
	return NULL;
}

/* ---- From segments to pieces ---- */

static struct error *add_part(struct vmcore *vc, struct elf *elf, uint64_t start, uint64_t end,
			      enum presence presence, size_t load)
{
	/* Bytes win over missing bytes over excluded pages, the first segment over later ones. */
	uint64_t rank = presence == PRESENT ? 2 : presence == TRUNCATED ? 1 : 0;
	if (elf->nr_parts == elf->most_parts)
		return error_new(ERR_FORMAT, "%s: ELF segments share bytes of a cut file",
				 vc->path);
	TRY(image_grow(&elf->parts, elf->nr_parts, sizeof(*elf->parts)));
	elf->parts[elf->nr_parts++] = (struct interval){
		.start = start,
		.end = end,
		.priority = rank << 62 | (UINT32_MAX - load),
		.source = (uint64_t)load << 2 | presence,
	};
	return NULL;
}

static struct error *add_load(struct vmcore *vc, struct elf *elf, const Elf64_Phdr *p)
{
	uint64_t memsz = p->p_memsz > p->p_filesz ? p->p_memsz : p->p_filesz;
	uint64_t at = p->p_paddr, left = p->p_filesz, offset = p->p_offset;

	/* A segment of the kernel's address space only (/proc/kcore's vmalloc space) has -1. */
	if (!memsz || p->p_paddr == UINT64_MAX)
		return NULL;
	if (memsz > UINT64_MAX - p->p_paddr || p->p_filesz > INT64_MAX ||
	    p->p_offset > INT64_MAX - p->p_filesz)
		return error_new(ERR_FORMAT,
				 "%s: ELF segment with impossible numbers: %#lx bytes at %#lx in "
				 "the file, %#lx at physical %#lx",
				 vc->path, p->p_filesz, p->p_offset, memsz, p->p_paddr);
	TRY(image_grow(&elf->loads, elf->nr_loads, sizeof(*elf->loads)));
	size_t load = elf->nr_loads++;
	elf->loads[load] = (struct load){p->p_paddr, p->p_offset};
	elf->all_at_zero = elf->all_at_zero && !p->p_paddr;
	while (left) {
		bool there;
		uint64_t n = file_extent(vc->file, offset, &there);
		n = n < left ? n : left;
		TRY(add_part(vc, elf, at, at + n, there ? PRESENT : TRUNCATED, load));
		at += n;
		offset += n;
		left -= n;
	}
	if (memsz > p->p_filesz)
		TRY(add_part(vc, elf, at, p->p_paddr + memsz, EXCLUDED, load));
	return NULL;
}

static struct error *read_segments(struct vmcore *vc, struct elf *elf)
{
	uint8_t ident[EI_NIDENT];
	Elf64_Ehdr ehdr = {0};
	Elf64_Phdr phdr;
	uint64_t count, size;

	if (!file_read(vc->file, 0, ident, sizeof(ident)))
		return error_new(ERR_FORMAT, "not a memory image: %s", vc->path);
	bool is64 = ident[EI_CLASS] == ELFCLASS64;
	if (!is64 && ident[EI_CLASS] != ELFCLASS32)
		return error_new(ERR_FORMAT, "%s: ELF core of unknown class %u", vc->path,
				 ident[EI_CLASS]);
	if (ident[EI_DATA] != ELFDATA2LSB)
		return error_new(ERR_UNSUPPORTED, "%s: big-endian dumps are not supported",
				 vc->path);
	if (!read_ehdr(vc->file, is64, &ehdr))
		return error_new(ERR_TRUNCATED, "%s: the ELF header is cut", vc->path);
	vc->machine = ehdr.e_machine;
	size = is64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
	TRY(count_phdrs(vc, &ehdr, is64, &count));
	if (!count)
		return error_new(ERR_FORMAT, "%s: ELF core without segments", vc->path);
	if (ehdr.e_phentsize != size)
		return error_new(ERR_FORMAT, "%s: ELF program headers of %u bytes", vc->path,
				 ehdr.e_phentsize);
	if (ehdr.e_phoff > file_size(vc->file) ||
	    count > (file_size(vc->file) - ehdr.e_phoff) / size)
		return error_new(ERR_TRUNCATED,
				 "%s: the ELF program headers reach beyond the file's end",
				 vc->path);
	/* A flattened file's gaps are zeroes that cost nothing: no end of headers could stand
	 * there. */
	if (count > file_host_size(vc->file) / size)
		return error_new(ERR_FORMAT, "%s: ELF core with %lu segments", vc->path, count);
	/*
	 * In a cut flattened file each gap divides a segment, and each record takes 16 bytes at
	 * least: more parts than this come from segments that share bytes.
	 */
	elf->most_parts = 3 * count + file_host_size(vc->file) / 8;
	for (uint64_t i = 0; i < count; i++) {
		if (!read_phdr(vc->file, is64, ehdr.e_phoff + i * size, &phdr))
			return error_new(ERR_TRUNCATED, "%s: the ELF program headers are cut",
					 vc->path);
		if (phdr.p_type == PT_LOAD)
			TRY(add_load(vc, elf, &phdr));
		else if (phdr.p_type == PT_NOTE)
			TRY(notes_read(vc, phdr.p_offset, phdr.p_filesz));
	}
	if (!elf->nr_loads)
		return error_new(ERR_FORMAT, "%s: ELF core without memory", vc->path);
	if (elf->all_at_zero && elf->nr_loads > 1)
		return error_new(ERR_FORMAT, "%s: ELF core of a process, not of a machine",
				 vc->path);
	return NULL;
}

static struct error *make_pieces(struct elf *elf)
{
	TRY(intervals_resolve(&elf->parts, &elf->nr_parts));
	elf->pieces = malloc((elf->nr_parts + 1) * sizeof(*elf->pieces));
	if (!elf->pieces)
		return out_of_memory();
	for (size_t i = 0; i < elf->nr_parts; i++) {
		const struct interval *part = &elf->parts[i];
		const struct load *load = &elf->loads[part->source >> 2];
		struct piece piece = {part->start, part->end,
				      load->offset + (part->start - load->phys), part->source & 3};
		struct piece *before = elf->nr_pieces ? &elf->pieces[elf->nr_pieces - 1] : NULL;
		if (before && before->end == piece.start && before->presence == piece.presence &&
		    (piece.presence != PRESENT ||
		     before->offset + (before->end - before->start) == piece.offset))
			before->end = piece.end;
		else
			elf->pieces[elf->nr_pieces++] = piece;
	}
	return NULL;
}

static int by_offset(const void *a, const void *b)
{
	const struct interval *x = a, *y = b;
	return x->start < y->start ? -1 : x->start > y->start;
}

/* Do two physical addresses have the same byte of the file? Then a write through the mapping would
 * show at both. */
static void find_aliases(struct elf *elf)
{
	/* The parts are not needed any more: their place serves for sorting. There are at least as
	 * many as pieces. */
	size_t n = 0;
	for (size_t i = 0; i < elf->nr_pieces; i++) {
		const struct piece *p = &elf->pieces[i];
		if (p->presence == PRESENT)
			elf->parts[n++] =
				(struct interval){p->offset, p->offset + (p->end - p->start), 0, 0};
	}
	qsort(elf->parts, n, sizeof(*elf->parts), by_offset);
	for (size_t i = 1; i < n; i++)
		if (elf->parts[i].start < elf->parts[i - 1].end)
			elf->aliased = true;
}

/* ---- Arenas: memory whose pieces do not lie one after the other in the file ---- */

/* The first piece that ends after the address. */
static size_t piece_find(struct elf *elf, uint64_t phys)
{
	size_t low = 0, high = elf->nr_pieces;

	if (elf->last < high && phys >= elf->pieces[elf->last].start &&
	    phys < elf->pieces[elf->last].end)
		return elf->last;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (elf->pieces[middle].end <= phys)
			low = middle + 1;
		else
			high = middle;
	}
	return elf->last = low;
}

static enum presence elf_load(struct vmcore *vc, uint64_t block, uint8_t *to)
{
	struct elf *elf = vc->private;
	uint64_t last = block + (VMCORE_PAGE_SIZE - 1); /* inclusive */

	for (size_t i = piece_find(elf, block); i < elf->nr_pieces; i++) {
		const struct piece *p = &elf->pieces[i];
		if (p->start > last)
			break;
		if (p->presence != PRESENT)
			continue;
		uint64_t from = p->start < block ? block : p->start;
		uint64_t stop = p->end - 1 < last ? p->end - 1 : last;
		if (!file_read(vc->file, p->offset + (from - p->start), to + (from - block),
			       stop - from + 1))
			return TRUNCATED;
	}
	return PRESENT;
}

static enum presence elf_look(struct vmcore *vc, uint64_t block)
{
	return PRESENT; /* what is missing is not in a segment with bytes */
}

static void elf_free(struct elf *elf)
{
	if (!elf)
		return;
	free(elf->pieces);
	free(elf->ready);
	free(elf->loads);
	free(elf->parts);
	free(elf);
}

static void elf_close(struct vmcore *vc)
{
	elf_free(vc->private);
}

static const struct format elf_format = {elf_load, elf_look, elf_close};

/* Maps the piece's whole pages into the arena, where page borders in memory and in the file agree.
 */
static bool arena_map_piece(struct vmcore *vc, const struct segment *s, const struct piece *p)
{
	const uint64_t mask = VMCORE_PAGE_SIZE - 1;
	uint64_t start = (p->start + mask) & ~mask, end = p->end & ~mask;

	if (file_is_flattened(vc->file) || ((p->start ^ p->offset) & mask) || end <= start ||
	    end - start < MAP_LEAST)
		return false;
	if (mmap(s->bytes + (start - s->start), end - start, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_NORESERVE | MAP_FIXED, file_descriptor(vc->file),
		 p->offset + (start - p->start)) == MAP_FAILED)
		return false; /* then page by page */
	for (uint64_t at = start; at < end; at += VMCORE_PAGE_SIZE) {
		uint64_t bit = (at >> VMCORE_PAGE_SHIFT) - s->ready_pfn;
		s->ready[bit / 64] |= 1ul << (bit % 64);
	}
	return true;
}

static bool needs_arena(const struct segment *s)
{
	return s->presence == PRESENT && !s->bytes;
}

static uint64_t first_page(const struct segment *s)
{
	return s->start >> VMCORE_PAGE_SHIFT;
}

static uint64_t count_touched_pages(const struct segment *s)
{
	return ((s->end - 1) >> VMCORE_PAGE_SHIFT) - first_page(s) + 1;
}

/* One reservation and one bitmap for all arenas: there may be more of them than the host lets a
 * process map. */
static struct error *make_arenas(struct vmcore *vc, struct elf *elf)
{
	uint64_t pages = 0, page = 0;
	size_t nr_mapped = 0;
	void *arena;

	for (size_t i = 0; i < vc->nr_segments; i++) {
		if (needs_arena(&vc->segments[i]))
			pages += count_touched_pages(&vc->segments[i]);
		if (pages > ARENA_PAGES_MOST)
			return error_new(ERR_FORMAT,
					 "%s: ELF segments share their bytes in the file",
					 vc->path);
	}
	if (!pages)
		return NULL;
	TRY(image_reserve(vc, pages * VMCORE_PAGE_SIZE, &arena));
	/* Pages come one by one; a huge page for the first of them would waste the rest. */
	madvise(arena, pages * VMCORE_PAGE_SIZE, MADV_NOHUGEPAGE);
	elf->ready = calloc(pages / 64 + 1, sizeof(*elf->ready));
	if (!elf->ready)
		return out_of_memory();
	for (size_t i = 0; i < vc->nr_segments; i++) {
		struct segment *s = &vc->segments[i];
		if (!needs_arena(s))
			continue;
		s->bytes = (uint8_t *)arena + page * VMCORE_PAGE_SIZE + s->start % VMCORE_PAGE_SIZE;
		s->ready = elf->ready;
		s->ready_pfn =
			first_page(s) - page; /* may wrap, as the sum with a page then does */
		page += count_touched_pages(s);
		for (size_t j = piece_find(elf, s->start);
		     j < elf->nr_pieces && elf->pieces[j].end <= s->end &&
		     nr_mapped < MAPPINGS_MOST;
		     j++)
			nr_mapped += arena_map_piece(vc, s, &elf->pieces[j]);
	}
	return NULL;
}

static struct error *make_segments(struct vmcore *vc, struct elf *elf)
{
	vc->segments = calloc(elf->nr_pieces + 1, sizeof(*vc->segments));
	if (!vc->segments)
		return out_of_memory();
	for (size_t i = 0, next; i < elf->nr_pieces; i = next) {
		const struct piece *p = &elf->pieces[i];
		struct segment *s = &vc->segments[vc->nr_segments++];
		for (next = i + 1; next < elf->nr_pieces; next++)
			if (p->presence != PRESENT || elf->pieces[next].presence != PRESENT ||
			    elf->pieces[next].start != elf->pieces[next - 1].end)
				break;
		*s = (struct segment){.start = p->start, .presence = p->presence};
		s->end = elf->pieces[next - 1].end;
		vc->partial = vc->partial || p->presence == EXCLUDED;
		if (p->presence == PRESENT && next == i + 1 && !elf->aliased)
			s->bytes = file_direct(vc->file, p->offset, p->end - p->start);
	}
	return make_arenas(vc, elf);
}

struct error *elf_open(struct vmcore *vc)
{
	struct elf *elf = calloc(1, sizeof(*elf));

	if (!elf)
		return out_of_memory();
	elf->all_at_zero = true;
	vc->private = elf;
	vc->ops = &elf_format; /* from here on vmcore_close() frees all */
	strcpy(vc->format, file_is_flattened(vc->file) ? "ELF core, flattened" : "ELF core");
	TRY(read_segments(vc, elf));
	TRY(make_pieces(elf));
	find_aliases(elf);
	free(elf->parts);
	free(elf->loads);
	elf->parts = NULL;
	elf->loads = NULL;
	TRY(make_segments(vc, elf));
	return image_set_ranges(vc);
}
