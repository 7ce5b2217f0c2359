/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Small dumps of every format, written from the formats' descriptions and sharing no code with
 * vmcore/, for its tests.
 *
 * Memory's content is a function of the physical address, so that any byte that comes out of any
 * dump can be checked alone.
 */
#ifndef TESTS_VMCORE_DUMPS_H
#define TESTS_VMCORE_DUMPS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <elf.h>
#include <lzo/lzo1x.h>
#include <snappy-c.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "vmcore/vmcore.h"

#define PAGE 4096ul

/* ---- Memory's content ---- */

static inline uint64_t mix(uint64_t n)
{
	n = (n ^ n >> 30) * 0xbf58476d1ce4e5b9;
	n = (n ^ n >> 27) * 0x94d049bb133111eb;
	return n ^ n >> 31;
}

/* Of each five pages one is zero and one random; the others compress. */
static inline uint8_t memory_byte(uint64_t phys)
{
	uint64_t pfn = phys / PAGE;
	switch (pfn % 5) {
	case 3:
		return 0;
	case 4:
		return mix(phys);
	default:
		return phys % 64 < 8 ? pfn >> phys % 8 * 8 : phys / 64 * 3 + pfn;
	}
}

static inline void memory_fill(uint8_t *to, uint64_t phys, size_t len)
{
	for (size_t i = 0; i < len; i++)
		to[i] = memory_byte(phys + i);
}

static inline void assert_memory(const void *bytes, uint64_t phys, size_t len)
{
	const uint8_t *b = bytes;
	for (size_t i = 0; i < len; i++)
		if (b[i] != memory_byte(phys + i))
			fail_msg("wrong byte at %lx: %02x", phys + i, b[i]);
}

/* ---- Files ---- */

struct dump {
	uint8_t *bytes;
	size_t size, room;
	int fd; /* of a file in memory; 0: none yet */
	char path[40];
};

static inline void dump_put(struct dump *d, size_t at, const void *bytes, size_t len)
{
	if (at + len > d->room) {
		size_t room = (at + len) * 2;
		d->bytes = realloc(d->bytes, room);
		memset(d->bytes + d->room, 0, room - d->room);
		d->room = room;
	}
	if (len)
		memcpy(d->bytes + at, bytes, len);
	if (at + len > d->size)
		d->size = at + len;
}

static inline size_t dump_add(struct dump *d, const void *bytes, size_t len)
{
	size_t at = d->size;
	dump_put(d, at, bytes, len);
	return at;
}

static inline void dump_put32(struct dump *d, size_t at, uint32_t n)
{
	dump_put(d, at, &n, sizeof(n));
}

static inline void dump_put64(struct dump *d, size_t at, uint64_t n)
{
	dump_put(d, at, &n, sizeof(n));
}

static inline void dump_add_memory(struct dump *d, uint64_t phys, size_t len)
{
	uint8_t *bytes = malloc(len + 1);
	memory_fill(bytes, phys, len);
	dump_add(d, bytes, len);
	free(bytes);
}

/* Writes the first `len` bytes into the dump's file. */
static inline const char *dump_file(struct dump *d, size_t len)
{
	if (!d->fd) {
		d->fd = memfd_create("dump", 0);
		assert_true(d->fd > 0);
		snprintf(d->path, sizeof(d->path), "/proc/self/fd/%d", d->fd);
	}
	assert_int_equal(ftruncate(d->fd, 0), 0);
	for (size_t done = 0; done < len;) {
		ssize_t n = pwrite(d->fd, d->bytes + done, len - done, done);
		assert_true(n > 0);
		done += n;
	}
	return d->path;
}

static inline void dump_free(struct dump *d)
{
	if (d->fd)
		close(d->fd);
	free(d->bytes);
	*d = (struct dump){0};
}

/* ---- Opening ---- */

static inline void assert_ok(struct error *e)
{
	if (e)
		fail_msg("%s", e->message);
}

#define assert_error(expression, wanted)                                   \
	do {                                                               \
		struct error *e_ = (expression);                           \
		if (!e_)                                                   \
			fail_msg("no error from " #expression);            \
		if (e_->code != (wanted))                                  \
			fail_msg("%s: code %d", e_->message, e_->code);    \
		assert_true(e_->message[0] && !strchr(e_->message, '\n')); \
		error_free(e_);                                            \
	} while (0)

static inline struct vmcore *open_dump(struct dump *d)
{
	struct vmcore *vc;
	assert_ok(vmcore_open(dump_file(d, d->size), NULL, &vc));
	assert_non_null(vc);
	return vc;
}

#define assert_open_error(d, wanted)                                                    \
	do {                                                                            \
		struct vmcore *vc_;                                                     \
		assert_error(vmcore_open(dump_file(d, (d)->size), NULL, &vc_), wanted); \
		assert_null(vc_);                                                       \
	} while (0)

/* ---- Checks of an image ---- */

struct scanned {
	uint64_t bytes, last_end;
	bool check;
};

static inline bool check_piece(void *context, uint64_t phys, const void *bytes, size_t len)
{
	struct scanned *s = context;
	assert_true(len > 0);
	assert_true(phys >= s->last_end);
	s->last_end = phys + len;
	s->bytes += len;
	if (s->check)
		assert_memory(bytes, phys, len);
	return true;
}

/* Every page of [0, end): the ways of getting at it agree with each other, and what comes is
 * memory's content. Returns the pages there. */
static inline unsigned check_image(struct vmcore *vc, uint64_t end)
{
	uint8_t buffer[PAGE];
	struct scanned s = {.check = true}, again = {.check = true};
	unsigned count = 0;

	assert_ok(vmcore_scan(vc, 0, UINT64_MAX, check_piece, &s));
	for (uint64_t phys = 0; phys < end; phys += PAGE) {
		bool present = vmcore_page_present(vc, phys);
		struct error *e = vmcore_read(vc, phys, buffer, PAGE);
		assert_int_equal(!e, present);
		if (!e)
			assert_memory(buffer, phys, PAGE);
		error_drop(e);
		count += present;
	}
	for (uint64_t phys = 0; phys < end; phys += PAGE) {
		const void *p = vmcore_try_map(vc, phys, PAGE), *q;
		struct error *e = vmcore_map(vc, phys, PAGE, &q);
		assert_int_equal(p != NULL, vmcore_page_present(vc, phys));
		assert_int_equal(p != NULL, !e);
		assert_ptr_equal(p, q);
		if (p)
			assert_memory(p, phys, PAGE);
		error_drop(e);
	}
	/* Once more, now that the pages are mapped. */
	assert_ok(vmcore_scan(vc, 0, UINT64_MAX, check_piece, &again));
	assert_int_equal(s.bytes, again.bytes);
	return count;
}

/* Whatever the file says: nothing breaks. */
static inline void exercise(struct vmcore *vc)
{
	uint64_t start, end;
	uint8_t buffer[3 * PAGE];
	unsigned budget = 64, depth;
	struct vmcore_note note;
	struct scanned s = {0};
	size_t len;

	for (size_t i = 0; i < 1000 && vmcore_note(vc, i, &note); i++) {
		uint8_t sum = strlen(note.name);
		for (size_t j = 0; j < note.desc_size; j++)
			sum += ((const uint8_t *)note.desc)[j];
		(void)sum;
	}
	const char *text = vmcore_vmcoreinfo(vc, &len);
	assert_true(text || !len);
	assert_ok(vmcore_mark(vc, &depth));
	for (size_t i = 0; budget && vmcore_range(vc, i, &start, &end); i++) {
		assert_true(start < end && end <= vmcore_max_phys(vc));
		for (uint64_t phys = start; budget && phys < end && end - phys >= 1; budget--) {
			size_t n = sizeof(buffer) < end - phys ? sizeof(buffer) : end - phys;
			error_drop(vmcore_read(vc, phys, buffer, n));
			const uint8_t *p = vmcore_try_map(vc, phys, n);
			if (p)
				assert_memory_equal(p, buffer, n);
			vmcore_page_present(vc, phys);
			error_drop(vmcore_write(vc, phys + n / 2, "x", 1));
			if (end - phys <= PAGE)
				break;
			phys += PAGE - phys % PAGE;
		}
	}
	if (vmcore_range(vc, 0, &start, &end))
		error_drop(vmcore_scan(vc, start, start + 64 * PAGE, check_piece, &s));
	assert_ok(vmcore_undo(vc));
}

/*
 * The dump cut at each of its bytes (at those that `interesting` names, and every `step`-th): each
 * opens or is refused with one line; what comes is the memory's content, and no page that is there
 * may turn out not to be readable.
 */
static inline void check_cuts(struct dump *d, size_t dense, size_t step, uint64_t end)
{
	unsigned opened = 0;

	for (size_t len = 0; len < d->size; len += len < dense || len % PAGE < 2 ? 1 : step) {
		struct vmcore *vc;
		struct error *e = vmcore_open(dump_file(d, len), NULL, &vc);
		if (e) {
			assert_true(e->message[0] && !strchr(e->message, '\n'));
			error_free(e);
			continue;
		}
		opened++;
		check_image(vc, end);
		exercise(vc);
		vmcore_close(vc);
	}
	assert_true(opened > 0);
}

/* ---- ELF ---- */

struct elf_segment {
	uint64_t phys, filesz, memsz;
	uint64_t offset; /* out: where its bytes went */
	bool no_bytes;	 /* the caller gives offset itself */
};

#define SEG(start, in_file, in_memory)                                     \
	{                                                                  \
		.phys = (start), .filesz = (in_file), .memsz = (in_memory) \
	}

static inline size_t add_note(struct dump *d, const char *name, uint32_t type, const void *desc,
			      uint32_t size)
{
	Elf64_Nhdr head = {strlen(name) + 1, size, type};
	size_t at = dump_add(d, &head, sizeof(head));
	dump_add(d, name, strlen(name) + 1);
	dump_put(d, (d->size + 3) & ~3ul, NULL, 0);
	dump_add(d, desc, size);
	dump_put(d, (d->size + 3) & ~3ul, NULL, 0);
	return at;
}

/* Writes headers for the segments and their bytes one after the other, starting `skew` bytes after
 * the headers. */
static inline void make_elf(struct dump *d, bool is64, struct elf_segment *segments, size_t count,
			    size_t skew)
{
	size_t phnum = count + 1, ehsize = is64 ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr);
	size_t phsize = is64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
	size_t shoff = ehsize + phnum * phsize;
	size_t notes = shoff + sizeof(Elf64_Shdr), notes_end;

	dump_put(d, notes, NULL, 0);
	add_note(d, "CORE", NT_PRSTATUS, "registers", 9);
	add_note(d, "VMCOREINFO", 0, "OSRELEASE=1.2.3\nPAGESIZE=4096\n", 30);
	notes_end = d->size;
	dump_put(d, d->size + skew, NULL, 0);
	for (size_t i = 0; i < count; i++) {
		if (segments[i].no_bytes)
			continue;
		segments[i].offset = d->size;
		dump_add_memory(d, segments[i].phys, segments[i].filesz);
	}
	bool xnum = phnum >= PN_XNUM;
	if (is64) {
		Elf64_Ehdr h = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, 1},
				.e_type = ET_CORE,
				.e_machine = EM_X86_64,
				.e_phoff = ehsize,
				.e_shoff = xnum ? shoff : 0,
				.e_phentsize = phsize,
				.e_phnum = xnum ? PN_XNUM : phnum,
				.e_shnum = xnum};
		Elf64_Shdr s = {.sh_info = phnum};
		Elf64_Phdr n = {
			.p_type = PT_NOTE, .p_offset = notes, .p_filesz = notes_end - notes};
		dump_put(d, 0, &h, sizeof(h));
		dump_put(d, shoff, &s, sizeof(s));
		dump_put(d, ehsize, &n, sizeof(n));
		for (size_t i = 0; i < count; i++) {
			Elf64_Phdr p = {.p_type = PT_LOAD,
					.p_offset = segments[i].offset,
					.p_paddr = segments[i].phys,
					.p_filesz = segments[i].filesz,
					.p_memsz = segments[i].memsz};
			dump_put(d, ehsize + (i + 1) * phsize, &p, sizeof(p));
		}
	} else {
		Elf32_Ehdr h = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS32, ELFDATA2LSB, 1},
				.e_type = ET_CORE,
				.e_machine = EM_386,
				.e_phoff = ehsize,
				.e_shoff = xnum ? shoff : 0,
				.e_phentsize = phsize,
				.e_phnum = xnum ? PN_XNUM : phnum,
				.e_shnum = xnum};
		Elf32_Shdr s = {.sh_info = phnum};
		Elf32_Phdr n = {
			.p_type = PT_NOTE, .p_offset = notes, .p_filesz = notes_end - notes};
		dump_put(d, 0, &h, sizeof(h));
		dump_put(d, shoff, &s, sizeof(s));
		dump_put(d, ehsize, &n, sizeof(n));
		for (size_t i = 0; i < count; i++) {
			Elf32_Phdr p = {.p_type = PT_LOAD,
					.p_offset = segments[i].offset,
					.p_paddr = segments[i].phys,
					.p_filesz = segments[i].filesz,
					.p_memsz = segments[i].memsz};
			dump_put(d, ehsize + (i + 1) * phsize, &p, sizeof(p));
		}
	}
}

/* ---- kdump-compressed ---- */

enum { RAW = 0, ZLIB = 1, LZO = 2, SNAPPY = 4, ZSTD = 0x20, EACH_IN_TURN = 0x100 };

struct kdump_dump {
	unsigned version, method, block_size, nr_pages;
	bool is64, aligned32, single_bitmap;
	bool (*memory)(uint64_t pfn); /* NULL: all */
	bool (*dumped)(uint64_t pfn); /* NULL: all memory */
	unsigned incomplete;	      /* only so many pages are written */
	/* Out: */
	size_t descs, nr_descs, sub, bitmaps;
};

/* Compresses into `to` (2 blocks of room); 0 when it would not become smaller. */
static inline size_t compress_block(unsigned method, const uint8_t *from, size_t len, uint8_t *to)
{
	static uint8_t work[LZO1X_1_MEM_COMPRESS] __attribute__((aligned(16)));
	size_t made = 0;
	switch (method) {
	case ZLIB: {
		uLongf n = 2 * len;
		assert_int_equal(compress2(to, &n, from, len, 1), Z_OK);
		made = n;
		break;
	}
	case LZO: {
		lzo_uint n = 0;
		assert_int_equal(lzo_init(), LZO_E_OK);
		assert_int_equal(lzo1x_1_compress(from, len, to, &n, work), LZO_E_OK);
		made = n;
		break;
	}
	case SNAPPY:
		made = 2 * len;
		assert_int_equal(snappy_compress((const char *)from, len, (char *)to, &made),
				 SNAPPY_OK);
		break;
	case ZSTD:
		made = ZSTD_compress(to, 2 * len, from, len, 1);
		assert_false(ZSTD_isError(made));
		break;
	}
	return made < len ? made : 0;
}

static inline void make_kdump(struct dump *d, struct kdump_dump *k)
{
	static const unsigned methods[] = {ZLIB, LZO, SNAPPY, ZSTD, RAW};
	const size_t bs = k->block_size, status = k->is64 ? 424 : 412;
	const char *machine = k->is64 ? "x86_64" : k->aligned32 ? "armv7l" : "i686";
	size_t half = (k->nr_pages / 8 + bs) / bs,
	       bitmap_blocks = k->single_bitmap ? half : 2 * half;
	uint8_t *page = malloc(3 * bs), *made = page + bs;
	size_t notes, notes_size, text, desc;

	dump_put(d, 0, "KDUMP   ", 8);
	dump_put32(d, 8, k->version);
	dump_put(d, 12, "Linux", 5);
	dump_put(d, 12 + 4 * 65, machine, strlen(machine));
	dump_put32(d, status,
		   (k->method == EACH_IN_TURN ? 0 : k->method) | (k->incomplete ? 0x8 : 0));
	dump_put32(d, status + 4, bs);
	dump_put32(d, status + 8, 2); /* the sub header and a block of notes */
	dump_put32(d, status + 12, bitmap_blocks);
	dump_put32(d, status + 16, k->nr_pages);
	k->sub = bs;
	dump_put(d, 2 * bs, NULL, 0);
	notes = d->size;
	add_note(d, "CORE", NT_PRSTATUS, "registers", 9);
	add_note(d, "VMCOREINFO", 0, "OSRELEASE=1.2.3\nPAGESIZE=4096\n", 30);
	notes_size = d->size - notes;
	text = d->size - 32;

	/* Where each header version's members stand, per layout: vmcoreinfo and its size, notes and
	 * their size, the page count. */
	static const unsigned char places[3][6] = {
		{32, 40, 48, 56, 96, 12}, {20, 28, 32, 40, 72, 8}, {24, 32, 40, 48, 88, 8}};
	const unsigned char *at = places[k->is64 ? 0 : k->aligned32 ? 2 : 1];
	if (k->version >= 3) {
		dump_put64(d, bs + at[0], text);
		dump_put32(d, bs + at[1], 30);
	}
	if (k->version >= 4) {
		dump_put64(d, bs + at[2], notes);
		dump_put32(d, bs + at[3], notes_size);
	}
	if (k->version >= 6)
		dump_put64(d, bs + at[4], k->nr_pages);

	k->bitmaps = 3 * bs;
	k->descs = k->bitmaps + bitmap_blocks * bs;
	k->nr_descs = 0;
	dump_put(d, k->descs, NULL, 0);
	for (uint64_t pfn = 0; pfn < k->nr_pages; pfn++) {
		if (k->memory && !k->memory(pfn))
			continue;
		d->bytes[k->bitmaps + pfn / 8] |= 1 << pfn % 8;
		if (k->dumped && !k->dumped(pfn))
			continue;
		if (!k->single_bitmap)
			d->bytes[k->bitmaps + half * bs + pfn / 8] |= 1 << pfn % 8;
		k->nr_descs++;
	}
	dump_put(d, k->descs + 24 * k->nr_descs, NULL, 0);
	desc = k->descs;
	for (uint64_t pfn = 0, n = 0; pfn < k->nr_pages; pfn++) {
		if ((k->memory && !k->memory(pfn)) || (k->dumped && !k->dumped(pfn)))
			continue;
		if (k->incomplete && n == k->incomplete)
			break;
		unsigned method = k->method == EACH_IN_TURN ? methods[n % 5] : k->method;
		memory_fill(page, pfn * bs, bs);
		size_t size = compress_block(method, page, bs, made);
		dump_put64(d, desc, size ? dump_add(d, made, size) : dump_add(d, page, bs));
		dump_put32(d, desc + 8, size ? size : bs);
		dump_put32(d, desc + 12, size ? method : 0);
		desc += 24;
		n++;
	}
	free(page);
}

/* ---- makedumpfile's flattened layout ---- */

static inline void flat_header(struct dump *d)
{
	uint64_t one = __builtin_bswap64(1);
	dump_put(d, 0, "makedumpfile", 12);
	dump_put(d, 16, &one, 8);
	dump_put(d, 24, &one, 8);
	dump_put(d, 4096, NULL, 0);
}

static inline void flat_record(struct dump *d, uint64_t offset, uint64_t size, const void *bytes)
{
	uint64_t head[2] = {__builtin_bswap64(offset), __builtin_bswap64(size)};
	dump_add(d, head, sizeof(head));
	if (bytes)
		dump_add(d, bytes, size);
}

#endif
