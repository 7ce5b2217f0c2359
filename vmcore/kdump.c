/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * kdump-compressed dumps (makedumpfile's IMPLEMENTATION and diskdump_mod.h). In blocks of the page
 * size: a header, a sub header, a bitmap of the pages that the machine has, a bitmap of the pages
 * that the dump has, then a descriptor for each of these in ascending order, and the pages' bytes,
 * each compressed by itself. The headers have the layout of the dumped machine's C compiler.
 *
 * A page's descriptor is found by counting the second bitmap's bits before it: nothing is read of
 * descriptors until a page is asked for.
 */
#include "vmcore/decompress.h"
#include "vmcore/image.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define STATUS_INCOMPLETE 0x8

#define BLOCK_MOST  (1ul << 20) /* no kernel has larger pages */
#define BITMAP_MOST (4ul << 30) /* 128 TB of 4 KB pages */
#define RUNS_MOST   (1ul << 20) /* no machine's memory is in so many pieces */
#define GAP_LEAST   (1ul << 30) /* runs further apart get address space of their own */
#define PHYS_MOST   (1ul << 56)

#define RANK_PAGES 512 /* pages between two counts: 64 bytes of bitmap */

struct page_desc {
	uint64_t offset;
	uint32_t size;
	uint32_t flags;
	uint64_t page_flags;
};
_Static_assert(sizeof(struct page_desc) == 24, "page_desc has no padding");

struct header {
	bool is64;
	unsigned version, status, block_size, sub_blocks, bitmap_blocks;
	uint64_t max_pfn; /* pages that the bitmaps speak of */
	bool split;
	uint64_t vmcoreinfo, vmcoreinfo_size, notes, notes_size;
};

struct kdump {
	const uint8_t *memory, *dumped; /* the bitmaps */
	void *bitmaps;			/* their copy, where they are not contiguous in the file */
	uint64_t *ranks; /* of each RANK_PAGES: how many pages before it are in the dump */
	uint64_t max_pfn;
	uint64_t nr_descs;
	uint64_t descs; /* offset of the first descriptor */
	struct decompressor *decompressor;
	uint8_t *compressed; /* a block's bytes, where they are not contiguous in the file */
	uint64_t **ready;    /* the clusters' */
	size_t nr_ready;
};

bool kdump_probe(struct file *f)
{
	char signature[8];
	return file_read(f, 0, signature, sizeof(signature)) &&
	       (!memcmp(signature, "KDUMP   ", 8) || !memcmp(signature, "DISKDUMP", 8));
}

/* ---- Headers ---- */

static uint32_t get32(const uint8_t *bytes)
{
	uint32_t n;
	memcpy(&n, bytes, sizeof(n));
	return n;
}

static uint64_t get64(const uint8_t *bytes)
{
	uint64_t n;
	memcpy(&n, bytes, sizeof(n));
	return n;
}

#define HEADER_SIZE 456
#define HEADER_UTSNAME \
	12 /* six strings of 65 bytes: sysname, nodename, release, version, machine, domainname */

static bool is_block_size(uint64_t n)
{
	return n >= VMCORE_PAGE_SIZE && n <= BLOCK_MOST && !(n & (n - 1));
}

/* struct disk_dump_header: after the names a struct timeval, whose size and alignment is what
 * differs. */
static void read_header(const uint8_t *head, bool is64, struct header *h)
{
	const uint8_t *rest = head + (is64 ? 424 : 412);

	*h = (struct header){
		.is64 = is64,
		.version = get32(head + 8),
		.status = get32(rest),
		.block_size = get32(rest + 4),
		.sub_blocks = get32(rest + 8),
		.bitmap_blocks = get32(rest + 12),
		.max_pfn = get32(rest + 16),
	};
}

static bool is_plausible(const struct header *h)
{
	return is_block_size(h->block_size) && h->sub_blocks && h->sub_blocks < INT32_MAX &&
	       h->bitmap_blocks && h->bitmap_blocks < INT32_MAX;
}

static int machine_of(const char *name)
{
	static const struct {
		const char *name;
		int machine;
	} machines[] = {
		{"x86_64", EM_X86_64}, {"i386", EM_386},      {"i486", EM_386},
		{"i586", EM_386},      {"i686", EM_386},      {"aarch64", EM_AARCH64},
		{"armv7l", EM_ARM},    {"ppc64le", EM_PPC64}, {"riscv64", EM_RISCV},
		{"s390x", EM_S390},    {"loongarch64", 258},
	};
	for (size_t i = 0; i < sizeof(machines) / sizeof(*machines); i++)
		if (!strcmp(name, machines[i].name))
			return machines[i].machine;
	return EM_NONE;
}

/* Where struct kdump_sub_header has its members. Compilers for 32 bits align 64-bit members to 4
 * bytes (i386) or to 8 (Arm). */
struct sub_layout {
	uint8_t split, vmcoreinfo, vmcoreinfo_size, note, note_size, max_pfn;
};
static const struct sub_layout sub64 = {12, 32, 40, 48, 56, 96};
static const struct sub_layout sub32 = {8, 20, 28, 32, 40, 72};
static const struct sub_layout sub32_aligned = {8, 24, 32, 40, 48, 88};
#define SUB_SIZE 104

static bool lies_in_file(struct vmcore *vc, uint64_t offset, uint64_t size)
{
	return (!offset && !size) ||
	       (offset <= file_size(vc->file) && size <= file_size(vc->file) - offset);
}

static const struct sub_layout *choose_layout(struct vmcore *vc, const struct header *h,
					      const uint8_t *sub)
{
	if (h->is64)
		return &sub64;
	if (h->version >= 6) {
		/* The page count stands in both headers. */
		bool packed = (uint32_t)get64(sub + sub32.max_pfn) == h->max_pfn;
		bool aligned = (uint32_t)get64(sub + sub32_aligned.max_pfn) == h->max_pfn;
		if (packed != aligned)
			return packed ? &sub32 : &sub32_aligned;
	}
	return lies_in_file(vc, get64(sub + sub32.vmcoreinfo), get32(sub + sub32.vmcoreinfo_size))
		       ? &sub32
		       : &sub32_aligned;
}

static void read_sub_header(struct vmcore *vc, struct header *h, const uint8_t *sub)
{
	const struct sub_layout *at = choose_layout(vc, h, sub);

	h->split = h->version >= 2 && get32(sub + at->split);
	if (h->version >= 3) {
		h->vmcoreinfo = get64(sub + at->vmcoreinfo);
		h->vmcoreinfo_size = h->is64 ? get64(sub + at->vmcoreinfo_size)
					     : get32(sub + at->vmcoreinfo_size);
	}
	if (h->version >= 4) {
		h->notes = get64(sub + at->note);
		h->notes_size = h->is64 ? get64(sub + at->note_size) : get32(sub + at->note_size);
	}
	if (h->version >= 6 && get64(sub + at->max_pfn))
		h->max_pfn = get64(sub + at->max_pfn);
}

static struct error *read_headers(struct vmcore *vc, struct header *h)
{
	uint8_t head[HEADER_SIZE], sub[SUB_SIZE];
	struct header other;

	if (!file_read(vc->file, 0, head, sizeof(head)))
		return error_new(ERR_TRUNCATED, "%s: the kdump header is cut", vc->path);
	if (memcmp(head, "KDUMP   ", 8))
		return error_new(ERR_UNSUPPORTED, "%s: diskdump dumps are not supported", vc->path);
	read_header(head, true, h);
	read_header(head, false, &other);
	if (!is_plausible(h) && is_plausible(&other))
		*h = other;
	char machine[66] = "";
	memcpy(machine, head + HEADER_UTSNAME + 4 * 65, 65);
	vc->machine = machine_of(machine);
	if (h->version > 6 || !h->version)
		return error_new(ERR_UNSUPPORTED, "%s: kdump header of unknown version %u",
				 vc->path, h->version);
	if (!is_block_size(h->block_size))
		return error_new(ERR_FORMAT, "%s: kdump header with an impossible block size: %u",
				 vc->path, h->block_size);
	if (!is_plausible(h))
		return error_new(ERR_FORMAT,
				 "%s: kdump header with impossible numbers: sub header of %u "
				 "blocks, bitmaps of %u",
				 vc->path, h->sub_blocks, h->bitmap_blocks);
	if (!file_read(vc->file, h->block_size, sub, sizeof(sub)))
		return error_new(ERR_TRUNCATED, "%s: the kdump sub header is cut", vc->path);
	read_sub_header(vc, h, sub);
	if (h->split)
		return error_new(ERR_UNSUPPORTED,
				 "%s: one part of a split dump: join the parts with makedumpfile "
				 "--reassemble",
				 vc->path);
	return NULL;
}

/* ---- Bitmaps ---- */

static uint64_t bitmap_word(const uint8_t *bitmap, uint64_t word)
{
	uint64_t n;
	memcpy(&n, bitmap + 8 * word, sizeof(n));
	return n;
}

static bool bitmap_test(const uint8_t *bitmap, uint64_t bit)
{
	return bitmap[bit / 8] >> (bit % 8) & 1;
}

/* Blocks are whole words, so whole words can be read up to max_pfn; bits from there on say nothing.
 */
static uint64_t word_mask(const struct kdump *k, uint64_t word)
{
	uint64_t left = k->max_pfn - 64 * word;
	return left >= 64 ? ~0ul : (1ul << left) - 1;
}

static struct error *find_bitmaps(struct vmcore *vc, struct kdump *k, const struct header *h)
{
	uint64_t offset = (1 + (uint64_t)h->sub_blocks) * h->block_size;
	uint64_t size = (uint64_t)h->bitmap_blocks * h->block_size, half = size / 2;
	bool there;

	k->max_pfn = h->max_pfn;
	k->descs = offset + size;
	if (!h->max_pfn || h->max_pfn > PHYS_MOST / h->block_size || h->max_pfn > 8 * size)
		return error_new(ERR_FORMAT,
				 "%s: kdump header with %lu pages, but a bitmap for %lu", vc->path,
				 h->max_pfn, 8 * half);
	/* Versions of makedumpfile that had one bitmap only wrote it alone. */
	bool two = h->max_pfn <= 8 * half;
	if (!two)
		half = 0;
	uint64_t used = half + (h->max_pfn + 63) / 64 * 8;
	if (file_extent(vc->file, offset, &there) < used || !there)
		return error_new(ERR_TRUNCATED, "%s: the kdump bitmaps reach beyond the file's end",
				 vc->path);
	if (used > 2 * BITMAP_MOST || used > file_host_size(vc->file))
		return error_new(ERR_FORMAT, "%s: kdump bitmaps of %#lx bytes", vc->path, used);
	k->memory = file_direct(vc->file, offset, used);
	if (!k->memory) {
		k->memory = k->bitmaps = malloc(used);
		if (!k->bitmaps)
			return out_of_memory();
		if (!file_read(vc->file, offset, k->bitmaps, used))
			return error_new(ERR_TRUNCATED, "%s: the kdump bitmaps are cut", vc->path);
	}
	k->dumped = k->memory + half;
	return NULL;
}

/* Counts the dumped pages, and tells whether there are others. */
static struct error *count_pages(struct vmcore *vc, struct kdump *k)
{
	uint64_t words = (k->max_pfn + 63) / 64, count = 0, missing = 0;

	k->ranks = malloc((k->max_pfn / RANK_PAGES + 1) * sizeof(*k->ranks));
	if (!k->ranks)
		return out_of_memory();
	for (uint64_t word = 0; word < words; word++) {
		uint64_t mask = word_mask(k, word);
		uint64_t dumped = bitmap_word(k->dumped, word) & mask;
		if (word % (RANK_PAGES / 64) == 0)
			k->ranks[word / (RANK_PAGES / 64)] = count;
		count += __builtin_popcountl(dumped);
		missing |= bitmap_word(k->memory, word) & mask & ~dumped;
	}
	k->nr_descs = count;
	vc->partial = missing != 0;
	return NULL;
}

/* How many pages before this one are in the dump. */
static uint64_t rank_of(const struct kdump *k, uint64_t pfn)
{
	uint64_t word = pfn / RANK_PAGES * (RANK_PAGES / 64), rank = k->ranks[pfn / RANK_PAGES];

	for (; word < pfn / 64; word++)
		rank += __builtin_popcountl(bitmap_word(k->dumped, word));
	if (pfn % 64)
		rank += __builtin_popcountl(bitmap_word(k->dumped, word) << (64 - pfn % 64));
	return rank;
}

/* The first page from `pfn` on that is memory (or, when !memory, is not); max_pfn when there is
 * none. */
static uint64_t next_page(const struct kdump *k, uint64_t pfn, bool memory)
{
	while (pfn < k->max_pfn) {
		uint64_t word = pfn / 64;
		/* A page that is in the dump is memory, whatever the first bitmap says. */
		uint64_t bits = bitmap_word(k->memory, word) | bitmap_word(k->dumped, word);
		bits = (memory ? bits : ~bits) >> (pfn % 64);
		if (bits) {
			pfn += __builtin_ctzl(bits);
			return pfn < k->max_pfn ? pfn : k->max_pfn;
		}
		pfn = (word + 1) * 64;
	}
	return k->max_pfn;
}

static struct error *find_runs(struct vmcore *vc, struct kdump *k)
{
	for (uint64_t pfn = 0, end; (pfn = next_page(k, pfn, true)) < k->max_pfn; pfn = end) {
		end = next_page(k, pfn, false);
		if (vc->nr_segments == RUNS_MOST)
			return error_new(ERR_FORMAT,
					 "%s: kdump bitmap with memory in more than %lu pieces",
					 vc->path, RUNS_MOST);
		TRY(image_grow(&vc->segments, vc->nr_segments, sizeof(*vc->segments)));
		vc->segments[vc->nr_segments++] = (struct segment){.start = pfn * vc->block_size,
								   .end = end * vc->block_size};
	}
	if (!vc->nr_segments)
		return error_new(ERR_FORMAT, "%s: kdump dump without memory", vc->path);
	return NULL;
}

/* Address space for the runs: those near each other share one reservation. */
static struct error *reserve_runs(struct vmcore *vc, struct kdump *k)
{
	for (size_t i = 0, next; i < vc->nr_segments; i = next) {
		struct segment *s = vc->segments;
		uint64_t start = s[i].start;
		void *arena;

		for (next = i + 1; next < vc->nr_segments; next++)
			if (s[next].start - s[next - 1].end >= GAP_LEAST)
				break;
		uint64_t size = s[next - 1].end - start;
		TRY(image_reserve(vc, size, &arena));
		/* Pages come one by one; a huge page for the first of them would waste the rest. */
		madvise(arena, size, MADV_NOHUGEPAGE);
		TRY(image_grow(&k->ready, k->nr_ready, sizeof(*k->ready)));
		uint64_t *ready = calloc(size / VMCORE_PAGE_SIZE / 64 + 1, sizeof(*ready));
		if (!ready)
			return out_of_memory();
		k->ready[k->nr_ready++] = ready;
		for (; i < next; i++) {
			s[i].bytes = (uint8_t *)arena + (s[i].start - start);
			s[i].ready = ready;
			s[i].ready_pfn = start >> VMCORE_PAGE_SHIFT;
		}
	}
	return NULL;
}

/* ---- Pages ---- */

/* The page's descriptor, its numbers checked. */
static enum presence find_desc(struct vmcore *vc, uint64_t pfn, struct page_desc *desc)
{
	struct kdump *k = vc->private;
	bool there;

	if (pfn >= k->max_pfn)
		return NOT_IN_IMAGE;
	if (!bitmap_test(k->dumped, pfn))
		return EXCLUDED;
	/* Where makedumpfile ran out of disk, descriptors were never written: offset 0
	 * (IMPLEMENTATION, "The incomplete DUMPFILE"). */
	if (!file_read(vc->file, k->descs + rank_of(k, pfn) * sizeof(*desc), desc, sizeof(*desc)) ||
	    !desc->offset)
		return TRUNCATED;
	if (desc->offset > INT64_MAX || !desc->size || desc->size > vc->block_size)
		return DAMAGED;
	return file_extent(vc->file, desc->offset, &there) >= desc->size && there ? PRESENT
										  : TRUNCATED;
}

static enum presence kdump_look(struct vmcore *vc, uint64_t block)
{
	struct page_desc desc;
	return find_desc(vc, block / vc->block_size, &desc);
}

static enum presence kdump_load(struct vmcore *vc, uint64_t block, uint8_t *to)
{
	struct kdump *k = vc->private;
	struct page_desc desc;
	enum presence p = find_desc(vc, block / vc->block_size, &desc);

	if (p != PRESENT)
		return p;
	unsigned method = desc.flags & COMPRESSED_ANY;
	if (!method) {
		if (desc.size != vc->block_size)
			return DAMAGED;
		return file_read(vc->file, desc.offset, to, desc.size) ? PRESENT : TRUNCATED;
	}
	const void *from = file_direct(vc->file, desc.offset, desc.size);
	if (!from) {
		if (!k->compressed && !(k->compressed = malloc(vc->block_size)))
			return LACKS_MEMORY;
		if (!file_read(vc->file, desc.offset, k->compressed, desc.size))
			return TRUNCATED;
		from = k->compressed;
	}
	return decompress(k->decompressor, method, from, desc.size, to, vc->block_size) ? PRESENT
											: DAMAGED;
}

static void kdump_close(struct vmcore *vc)
{
	struct kdump *k = vc->private;

	for (size_t i = 0; i < k->nr_ready; i++)
		free(k->ready[i]);
	free(k->ready);
	decompressor_free(k->decompressor);
	free(k->compressed);
	free(k->ranks);
	free(k->bitmaps);
	free(k);
}

static const struct format kdump_format = {kdump_load, kdump_look, kdump_close};

static void name_format(struct vmcore *vc, const struct header *h)
{
	struct kdump *k = vc->private;
	unsigned flags = h->status;
	struct page_desc desc;

	/* Early versions said it in the pages only. */
	for (unsigned i = 0; !(flags & COMPRESSED_ANY) && i < 64 && i < k->nr_descs; i++)
		if (file_read(vc->file, k->descs + i * sizeof(desc), &desc, sizeof(desc)))
			flags |= desc.flags & COMPRESSED_ANY;
	snprintf(vc->format, sizeof(vc->format), "kdump-compressed%s%s%s",
		 flags & COMPRESSED_ZLIB     ? " (zlib)"
		 : flags & COMPRESSED_LZO    ? " (lzo)"
		 : flags & COMPRESSED_SNAPPY ? " (snappy)"
		 : flags & COMPRESSED_ZSTD   ? " (zstd)"
					     : "",
		 file_is_flattened(vc->file) ? ", flattened" : "",
		 h->status & STATUS_INCOMPLETE ? ", incomplete" : "");
}

struct error *kdump_open(struct vmcore *vc)
{
	struct kdump *k = calloc(1, sizeof(*k));
	struct header h = {0};

	if (!k)
		return out_of_memory();
	vc->private = k;
	vc->ops = &kdump_format; /* from here on vmcore_close() frees all */
	k->decompressor = decompressor_new();
	if (!k->decompressor)
		return out_of_memory();
	TRY(read_headers(vc, &h));
	vc->block_size = h.block_size;
	TRY(find_bitmaps(vc, k, &h));
	TRY(count_pages(vc, k));
	TRY(find_runs(vc, k));
	TRY(reserve_runs(vc, k));
	TRY(image_set_ranges(vc));
	name_format(vc, &h);
	if (h.notes && h.notes_size)
		TRY(notes_read(vc, h.notes, h.notes_size));
	if (h.vmcoreinfo && h.vmcoreinfo_size)
		TRY(notes_read_vmcoreinfo(vc, h.vmcoreinfo, h.vmcoreinfo_size));
	return NULL;
}
