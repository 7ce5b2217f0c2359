/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Saving as an ELF core. */
#include "vmcore/save_parts.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

/* A PT_LOAD: memory that is there, and behind it memory that is missing (makedumpfile's way of leaving pages out). */
struct load {
	uint64_t start, file_size, memory_size, offset;
};

struct elf_save {
	struct save *save;
	struct load *loads;
	size_t nr_loads;
	bool is64;	/* the file */
	uint64_t notes; /* offset */
};

static struct error *find_loads(struct elf_save *e)
{
	struct save *s = e->save;

	for (size_t i = 0; i < s->nr_runs; i++) {
		const struct run *r = &s->runs[i];
		struct load *last = e->nr_loads ? &e->loads[e->nr_loads - 1] : NULL;

		if (last && !r->there && last->start + last->memory_size == r->start) {
			last->memory_size += r->end - r->start;
			continue;
		}
		TRY(image_grow(&e->loads, e->nr_loads, sizeof(*e->loads)));
		e->loads[e->nr_loads++] = (struct load){r->start, r->there ? r->end - r->start : 0, r->end - r->start, 0};
	}
	return NULL;
}

/* More segments than e_phnum counts are counted in a section header. */
static bool too_many(const struct elf_save *e)
{
	return e->nr_loads + 1 >= PN_XNUM;
}

/* Where everything goes in a file of that width; its end. Page borders are the same in file and memory, so that it can be mapped. */
static uint64_t place(struct elf_save *e)
{
	uint64_t at = e->is64 ? sizeof(Elf64_Ehdr) + (e->nr_loads + 1) * sizeof(Elf64_Phdr) + too_many(e) * sizeof(Elf64_Shdr)
			      : sizeof(Elf32_Ehdr) + (e->nr_loads + 1) * sizeof(Elf32_Phdr) + too_many(e) * sizeof(Elf32_Shdr);

	e->notes = (at + 3) & ~3ul;
	at = e->notes + e->save->notes_size;
	for (size_t i = 0; i < e->nr_loads; i++) {
		struct load *l = &e->loads[i];

		at += (l->start - at) & (VMCORE_PAGE_SIZE - 1);
		l->offset = at;
		at += l->file_size;
	}
	return at;
}

static struct error *choose_width(struct elf_save *e)
{
	struct save *s = e->save;
	const struct load *last = e->nr_loads ? &e->loads[e->nr_loads - 1] : NULL;
	uint64_t top = last ? last->start + last->memory_size : 0;

	s->file_size = place(e);
	e->is64 = s->is64 || s->file_size > UINT32_MAX || top > UINT32_MAX;
	if (e->is64)
		s->file_size = place(e);
	return s->file_size > INT64_MAX ? error_new(ERR_UNSUPPORTED, "too much memory for one file") : NULL;
}

/* ---- Headers ---- */

static Elf64_Ehdr file_header(const struct elf_save *e)
{
	size_t count = e->nr_loads + 1;
	bool many = too_many(e);
	size_t header = e->is64 ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr), segment = e->is64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr),
	       section = e->is64 ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr);

	return (Elf64_Ehdr){
		.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, e->is64 ? ELFCLASS64 : ELFCLASS32, ELFDATA2LSB, EV_CURRENT},
		.e_type = ET_CORE,
		.e_machine = (Elf64_Half)e->save->machine,
		.e_version = EV_CURRENT,
		.e_phoff = header,
		.e_shoff = many ? header + count * segment : 0,
		.e_ehsize = (Elf64_Half)header,
		.e_phentsize = (Elf64_Half)segment,
		.e_phnum = many ? PN_XNUM : (Elf64_Half)count,
		.e_shentsize = many ? (Elf64_Half)section : 0,
		.e_shnum = many,
	};
}

static struct error *add_file_header(const struct elf_save *e, struct writer *w)
{
	Elf64_Ehdr h = file_header(e);
	Elf32_Ehdr small = {
		.e_type = h.e_type,
		.e_machine = h.e_machine,
		.e_version = h.e_version,
		.e_phoff = (Elf32_Off)h.e_phoff,
		.e_shoff = (Elf32_Off)h.e_shoff,
		.e_ehsize = h.e_ehsize,
		.e_phentsize = h.e_phentsize,
		.e_phnum = h.e_phnum,
		.e_shentsize = h.e_shentsize,
		.e_shnum = h.e_shnum,
	};

	memcpy(small.e_ident, h.e_ident, sizeof(small.e_ident));
	return e->is64 ? writer_add(w, &h, sizeof(h)) : writer_add(w, &small, sizeof(small));
}

static struct error *add_segment(const struct elf_save *e, struct writer *w, const Elf64_Phdr *h)
{
	Elf32_Phdr small = {
		.p_type = h->p_type,
		.p_flags = h->p_flags,
		.p_offset = (Elf32_Off)h->p_offset,
		.p_vaddr = (Elf32_Addr)h->p_vaddr,
		.p_paddr = (Elf32_Addr)h->p_paddr,
		.p_filesz = (Elf32_Word)h->p_filesz,
		.p_memsz = (Elf32_Word)h->p_memsz,
		.p_align = (Elf32_Word)h->p_align,
	};

	return e->is64 ? writer_add(w, h, sizeof(*h)) : writer_add(w, &small, sizeof(small));
}

/* In the direct map; 0 where that does not reach. */
static uint64_t virtual_address(const struct elf_save *e, const struct load *l)
{
	const struct save_details *d = e->save->details;
	bool mapped = d->direct_end >= d->direct_map && l->start + l->memory_size <= d->direct_end - d->direct_map;

	return mapped ? d->direct_map + l->start : 0;
}

static struct error *add_headers(const struct elf_save *e, struct writer *w)
{
	Elf64_Phdr p = {.p_type = PT_NOTE, .p_offset = e->notes, .p_filesz = e->save->notes_size, .p_memsz = e->save->notes_size, .p_align = 4};
	Elf64_Shdr section = {.sh_info = (Elf64_Word)(e->nr_loads + 1)};
	Elf32_Shdr small = {.sh_info = section.sh_info};

	TRY(add_file_header(e, w));
	TRY(add_segment(e, w, &p));
	for (size_t i = 0; i < e->nr_loads; i++) {
		const struct load *l = &e->loads[i];

		p = (Elf64_Phdr){.p_type = PT_LOAD,
				 .p_flags = PF_R | PF_W | PF_X,
				 .p_offset = l->offset,
				 .p_vaddr = virtual_address(e, l),
				 .p_paddr = l->start,
				 .p_filesz = l->file_size,
				 .p_memsz = l->memory_size};
		TRY(add_segment(e, w, &p));
	}
	if (too_many(e))
		TRY(e->is64 ? writer_add(w, &section, sizeof(section)) : writer_add(w, &small, sizeof(small)));
	static const uint8_t padding[4];
	TRY(writer_add(w, padding, e->notes - (w->offset + w->used)));
	TRY(writer_add(w, e->save->notes, e->save->notes_size));
	return writer_flush(w);
}

static struct error *write_headers(const struct elf_save *e)
{
	struct writer w;
	struct error *failure = writer_start(&w, e->save, 0);

	if (!failure)
		failure = add_headers(e, &w);
	free(w.buffer);
	return failure;
}

/* ---- Memory ---- */

struct load_writer {
	struct save *save;
	const struct load *load;
	struct error *failure;
};

static struct error *write_bytes(struct load_writer *l, uint64_t phys, const uint8_t *bytes, size_t len)
{
	TRY(save_check_stop(l->save));
	return save_write(l->save, l->load->offset + (phys - l->load->start), bytes, len);
}

/* Pages of zeroes are left to the file's holes. */
static bool write_piece(void *context, uint64_t phys, const void *bytes, size_t len)
{
	struct load_writer *l = context;
	const uint8_t *from = bytes;
	size_t start = 0; /* of what is not written yet */

	for (size_t at = 0, n; at < len && !l->failure; at += n) {
		n = VMCORE_PAGE_SIZE - (phys + at) % VMCORE_PAGE_SIZE;
		n = n < len - at ? n : len - at;
		bool zero = all_zero(from + at, n);
		if (!zero && at - start < WRITER_SIZE)
			continue;
		/* A long stretch of zeroes is polled for, too. */
		if (at > start || !((phys + at) & 0xffffff))
			l->failure = write_bytes(l, phys + start, from + start, at - start);
		start = zero ? at + n : at;
	}
	if (!l->failure)
		l->failure = write_bytes(l, phys + start, from + start, len - start);
	return !l->failure;
}

static struct error *write_load(struct save *s, const struct load *l)
{
	struct load_writer w = {s, l, NULL};
	struct error *failure = vmcore_scan(s->vc, l->start, l->start + l->file_size, write_piece, &w);

	if (!w.failure)
		return failure;
	error_free(failure);
	return w.failure;
}

static struct error *write_all(struct elf_save *e)
{
	TRY(find_loads(e));
	TRY(choose_width(e));
	TRY(write_headers(e));
	for (size_t i = 0; i < e->nr_loads; i++)
		TRY(write_load(e->save, &e->loads[i]));
	return NULL;
}

struct error *save_elf(struct save *s)
{
	struct elf_save e = {.save = s};
	struct error *failure = write_all(&e);

	free(e.loads);
	return failure;
}
