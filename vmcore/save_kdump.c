/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Saving as kdump-compressed, header version 6 (makedumpfile's IMPLEMENTATION and diskdump_mod.h): header, sub header
 * with the notes, two bitmaps (what is memory; what of it is here), a descriptor for each page that is here, the
 * pages. The headers have the layout of the dumped machine's C compiler, as vmcore/kdump.c reads them.
 */
#include "vmcore/save_parts.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "vmcore/decompress.h"

#define HEADER_VERSION 6
#define HEADER_NAMES   12 /* six strings of 65 bytes */
#define BITMAP_LARGEST (1ul << 31)
#define SUB_SIZE       104

struct page_desc {
	uint64_t offset;
	uint32_t size;
	uint32_t flags;
	uint64_t page_flags;
};

struct kdump_save {
	struct save *save;
	unsigned block; /* bytes of a page */
	uint64_t max_pfn, nr_dumped;
	uint64_t notes, bitmaps, descs_at, data_at; /* offsets */
	uint64_t half;				    /* bytes of a bitmap, a multiple of the block */
	uint8_t *memory, *dumped;		    /* one allocation */
	struct writer descs, data;
	uint64_t zero_page; /* where the page of zeroes that all share is; 0: there was none yet */
	uint8_t *compressed, *partial;
	size_t room;	      /* of compressed */
	uint64_t partial_pfn; /* a page that comes in pieces; UINT64_MAX: none */
	struct error *failure;
};

static void put32(uint8_t *at, uint64_t n)
{
	uint32_t value = (uint32_t)n;

	memcpy(at, &value, sizeof(value));
}

static void put64(uint8_t *at, uint64_t n)
{
	memcpy(at, &n, sizeof(n));
}

/* ---- Headers ---- */

/* As uname says it: what tells the machine to a reader. */
static const char *machine_name(int machine)
{
	switch (machine) {
	case EM_X86_64:
		return "x86_64";
	case EM_386:
		return "i686";
	case EM_AARCH64:
		return "aarch64";
	case EM_ARM:
		return "armv7l";
	case EM_PPC64:
		return "ppc64le";
	case EM_RISCV:
		return "riscv64";
	case EM_S390:
		return "s390x";
	case 258:
		return "loongarch64";
	default:
		return NULL;
	}
}

static unsigned count_cpus(struct save *s)
{
	struct vmcore_note note = s->details->note;
	unsigned count = note.name && note.type == NT_PRSTATUS;

	for (size_t i = 0; vmcore_note(s->vc, i, &note); i++)
		count += note.type == NT_PRSTATUS && !strcmp(note.name, "CORE");
	return count ? count : 1;
}

/* struct disk_dump_header; struct timeval behind the names is what differs between 32 and 64 bits. */
static struct error *write_header(struct kdump_save *k)
{
	struct save *s = k->save;
	uint8_t *head = calloc(1, k->block), *rest = head + (s->is64 ? 424 : 412);

	if (!head)
		return out_of_memory();
	memcpy(head, "KDUMP   ", 8);
	put32(head + 8, HEADER_VERSION);
	for (unsigned i = 0; i < 6; i++) {
		const char *name = i == 4 ? machine_name(s->machine) : NULL;

		if (!name)
			name = s->details->utsname[i];
		if (name)
			snprintf((char *)head + HEADER_NAMES + (size_t)i * 65, 65, "%s", name);
	}
	put32(rest, COMPRESSED_ZLIB);
	put32(rest + 4, k->block);
	put32(rest + 8, (k->bitmaps - k->block) / k->block);
	put32(rest + 12, 2 * k->half / k->block);
	put32(rest + 16, k->max_pfn < UINT32_MAX ? k->max_pfn : UINT32_MAX);
	put32(rest + 28, k->nr_dumped); /* written_blocks */
	put32(rest + 36, count_cpus(s));
	struct error *e = save_write(s, 0, head, k->block);
	free(head);
	return e;
}

/* Where struct kdump_sub_header has its members. Compilers for 32 bits align 64-bit ones to 4 bytes (i386) or to 8. */
struct sub_layout {
	uint8_t word, dump_level, end_pfn, vmcoreinfo, vmcoreinfo_size, note, note_size, end_pfn_64, max_pfn;
};
static const struct sub_layout sub64 = {8, 8, 24, 32, 40, 48, 56, 88, 96};
static const struct sub_layout sub32 = {4, 4, 16, 20, 28, 32, 40, 64, 72};
static const struct sub_layout sub32_aligned = {4, 4, 16, 24, 32, 40, 48, 80, 88};

static void put_word(uint8_t *at, const struct sub_layout *l, uint64_t n)
{
	if (l->word == 8)
		put64(at, n);
	else
		put32(at, n);
}

static struct error *write_sub_header(struct kdump_save *k)
{
	struct save *s = k->save;
	const struct sub_layout *l = s->is64 ? &sub64 : s->machine == EM_386 ? &sub32 : &sub32_aligned;
	uint8_t sub[SUB_SIZE] = {0};

	put_word(sub, l, s->details->phys_base);
	/* Which kinds of pages were left out is not known, when some were: it may be any. */
	for (size_t i = 0; i < s->nr_runs; i++)
		if (!s->runs[i].there)
			put32(sub + l->dump_level, 31);
	put_word(sub + l->end_pfn, l, k->max_pfn);
	put64(sub + l->end_pfn_64, k->max_pfn);
	put64(sub + l->max_pfn, k->max_pfn);
	if (s->vmcoreinfo_at) {
		put64(sub + l->vmcoreinfo, k->notes + s->vmcoreinfo_at);
		put_word(sub + l->vmcoreinfo_size, l, s->vc->vmcoreinfo_size);
	}
	if (s->notes_size) {
		put64(sub + l->note, k->notes);
		put_word(sub + l->note_size, l, s->notes_size);
		TRY(save_write(s, k->notes, s->notes, s->notes_size));
	}
	return save_write(s, k->block, sub, sizeof(sub));
}

/* ---- Bitmaps ---- */

/* Sets the bits [from, to). */
static void set_bits(uint8_t *bitmap, uint64_t from, uint64_t to)
{
	for (; from < to && from % 8; from++)
		bitmap[from / 8] |= (uint8_t)(1u << from % 8);
	if (to - from >= 8) {
		memset(bitmap + from / 8, 0xff, (to - from) / 8);
		from += (to - from) / 8 * 8;
	}
	for (; from < to; from++)
		bitmap[from / 8] |= (uint8_t)(1u << from % 8);
}

static uint64_t round_up(uint64_t n, uint64_t unit)
{
	return (n + unit - 1) / unit * unit;
}

static struct error *make_bitmaps(struct kdump_save *k)
{
	struct save *s = k->save;
	const struct run *last = s->nr_runs ? &s->runs[s->nr_runs - 1] : NULL;

	if (!last)
		return error_new(ERR_UNSUPPORTED, "an image without memory");
	k->max_pfn = (last->end - 1) / k->block + 1;
	if (k->max_pfn / 8 >= BITMAP_LARGEST)
		return error_new(ERR_UNSUPPORTED, "kdump-compressed cannot hold memory as high as %lx", last->end - 1);
	k->half = round_up((k->max_pfn + 7) / 8, k->block);
	k->memory = calloc(2, k->half);
	if (!k->memory)
		return out_of_memory();
	k->dumped = k->memory + k->half;
	for (size_t i = 0; i < s->nr_runs; i++) {
		const struct run *r = &s->runs[i];
		uint64_t from = r->start / k->block, to = (r->end - 1) / k->block + 1;

		set_bits(k->memory, from, to);
		/* A page of which a part is there is in the dump. */
		if (r->there)
			set_bits(k->dumped, from, to);
	}
	for (uint64_t i = 0; i < k->half; i++)
		k->nr_dumped += (unsigned)__builtin_popcount(k->dumped[i]);
	return NULL;
}

/* ---- Pages ---- */

static struct error *add_page(struct kdump_save *k, const uint8_t *page)
{
	struct page_desc desc = {.offset = k->data.offset + k->data.used, .size = k->block};
	uLongf made = k->room;
	const void *bytes = page;

	if (all_zero(page, k->block)) {
		if (k->zero_page) {
			desc.offset = k->zero_page;
			return writer_add(&k->descs, &desc, sizeof(desc));
		}
		k->zero_page = desc.offset;
	} else if (compress2(k->compressed, &made, page, k->block, Z_BEST_SPEED) == Z_OK && made < k->block) {
		desc.size = (uint32_t)made;
		desc.flags = COMPRESSED_ZLIB;
		bytes = k->compressed;
	}
	TRY(writer_add(&k->descs, &desc, sizeof(desc)));
	return writer_add(&k->data, bytes, desc.size);
}

static struct error *end_partial(struct kdump_save *k)
{
	if (k->partial_pfn == UINT64_MAX)
		return NULL;
	k->partial_pfn = UINT64_MAX;
	return add_page(k, k->partial);
}

/* At most a page. */
static struct error *add_bytes(struct kdump_save *k, uint64_t phys, const uint8_t *bytes, size_t len)
{
	uint64_t pfn = phys / k->block;

	if (!(pfn & 0xfff))
		TRY(save_check_stop(k->save));
	if (k->partial_pfn != pfn)
		TRY(end_partial(k));
	if (len == k->block)
		return add_page(k, bytes);
	if (k->partial_pfn != pfn)
		memset(k->partial, 0, k->block);
	k->partial_pfn = pfn;
	memcpy(k->partial + phys % k->block, bytes, len);
	return NULL;
}

static bool write_piece(void *context, uint64_t phys, const void *bytes, size_t len)
{
	struct kdump_save *k = context;
	const uint8_t *from = bytes;

	while (len && !k->failure) {
		size_t n = k->block - phys % k->block;

		n = n < len ? n : len;
		k->failure = add_bytes(k, phys, from, n);
		from += n;
		phys += n;
		len -= n;
	}
	return !k->failure;
}

static struct error *write_pages(struct kdump_save *k)
{
	struct error *e;

	TRY(writer_start(&k->descs, k->save, k->descs_at));
	TRY(writer_start(&k->data, k->save, k->data_at));
	k->room = compressBound(k->block);
	k->compressed = malloc(k->room);
	k->partial = malloc(k->block);
	if (!k->compressed || !k->partial)
		return out_of_memory();
	k->partial_pfn = UINT64_MAX;
	/* Not what the overlay has of its own beyond the last run. */
	e = vmcore_scan(k->save->vc, 0, k->save->nr_runs ? k->save->runs[k->save->nr_runs - 1].end : 0, write_piece, k);
	if (k->failure) {
		error_free(e);
		return k->failure;
	}
	if (e)
		return e;
	TRY(end_partial(k));
	TRY(writer_flush(&k->descs));
	TRY(writer_flush(&k->data));
	k->save->file_size = k->data.offset;
	/* What was counted by looking is what came. */
	if (k->descs.offset != k->data_at)
		return error_new(ERR_DAMAGED, "pages of the image cannot be read");
	return NULL;
}

static struct error *write_all(struct kdump_save *k)
{
	TRY(make_bitmaps(k));
	k->notes = k->block + SUB_SIZE;
	k->bitmaps = round_up(k->notes + k->save->notes_size, k->block);
	k->descs_at = k->bitmaps + 2 * k->half;
	k->data_at = k->descs_at + k->nr_dumped * sizeof(struct page_desc);
	TRY(write_header(k));
	TRY(write_sub_header(k));
	TRY(save_write(k->save, k->bitmaps, k->memory, 2 * k->half));
	return write_pages(k);
}

struct error *save_kdump(struct save *s)
{
	struct kdump_save k = {.save = s, .block = (unsigned)s->vc->block_size};
	struct error *e = write_all(&k);

	free(k.memory);
	free(k.descs.buffer);
	free(k.data.buffer);
	free(k.compressed);
	free(k.partial);
	return e;
}
