/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The segments of an ELF program, mapped (fs/binfmt_elf.c: elf_map(), set_brk(), padzero(), load_elf_binary(), load_elf_interp()).
 */
#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <sys/mman.h>

#include "mm/engine/exec_edit.h"
#include "mm/engine/mmap_edit.h"

#define PAGE_MASK_OF	 ((uint64_t)VMCORE_PAGE_SIZE - 1)
#define PAGE_OFFSET_OF(a) ((a) & PAGE_MASK_OF)
#define PAGE_DOWN(a)	  ((a) & ~PAGE_MASK_OF)
#define PAGE_UP(a)	  PAGE_DOWN((a) + PAGE_MASK_OF)

static struct error *current_mm(struct engine *e, const struct binprm *b, uint64_t *mm)
{
	return kernel_get(e->k, b->task, M_task_struct_mm, mm);
}

/* TASK_SIZE */
static uint64_t task_size(struct engine *e)
{
	return e->classic ? e->k->page_offset : TASK_SIZE_OF_64;
}

static unsigned protection(const struct elf_segment *s)
{
	return (s->flags & PF_R ? PROT_READ : 0) | (s->flags & PF_W ? PROT_WRITE : 0) | (s->flags & PF_X ? PROT_EXEC : 0);
}

/* From the start of the first segment to the end of the last: 0 when there is none. */
static uint64_t total_mapping_size(const struct elf_image *image)
{
	const struct elf_segment *first = NULL, *last = NULL;
	for (unsigned i = 0; i < image->phnum; i++) {
		if (image->segments[i].type != PT_LOAD)
			continue;
		first = first ? first : &image->segments[i];
		last = &image->segments[i];
	}
	return first ? last->vaddr + last->memsz - PAGE_DOWN(first->vaddr) : 0;
}

/*
 * elf_map(): `addr` is where s->vaddr goes; *result where its page came to lie. `total` (0: this segment's own) is what all need, so that the first finds room for
 * those that follow.
 */
static struct error *elf_map(struct engine *e, const struct binprm *b, const struct elf_image *image, const struct elf_segment *s, uint64_t addr,
			     unsigned flags, uint64_t total, uint64_t *result)
{
	uint64_t odd = PAGE_OFFSET_OF(s->vaddr), len = PAGE_UP(s->filesz + odd), offset = s->offset - odd, all = PAGE_UP(total), mm;
	*result = PAGE_DOWN(addr);
	/* A segment that is bss alone maps nothing of the file. */
	if (!len)
		return NULL;
	TRY(current_mm(e, b, &mm));
	TRACE(e, "elf_map", "a segment of the file", { "p_vaddr", s->vaddr }, { "p_filesz", s->filesz }, { "p_offset", s->offset },
	      { "p_flags", s->flags });
	/* vm_mmap() */
	if (PAGE_OFFSET_OF(offset) || offset + (total ? all : len) < offset)
		return kernel_error(EINVAL, "a segment's address and offset do not agree: %" PRIx64 ", %" PRIx64, s->vaddr, s->offset);
	TRY(do_mmap_pgoff(e, mm, image->file, PAGE_DOWN(addr), total ? all : len, protection(s), flags, offset >> e->k->arch->page_shift, result));
	if (total && all > len)
		return do_munmap(e, mm, *result + len, all - len);
	return NULL;
}

static struct error *brk_flags(struct engine *e, uint64_t mm, uint64_t start, uint64_t len, bool executable)
{
	return e->classic ? do_brk(e, mm, start, len) : do_brk_flags_areas(e, mm, start, len, executable ? VM_EXEC : 0);
}

struct error *elf_set_brk(struct engine *e, const struct binprm *b, const struct elf_placed *p, uint64_t start, uint64_t end)
{
	uint64_t mm;
	struct object o;
	start = PAGE_UP(start);
	end = PAGE_UP(end);
	TRY(current_mm(e, b, &mm));
	if (end > start) {
		TRACE(e, "set_brk", "bss beyond the file's pages", { "start", start }, { "end", end });
		/* An executable bss has stayed so since 4.11 (vm_brk_flags()), when the second name of the heap's function came. */
		TRY(brk_flags(e, mm, start, end - start, p->exec_bss && symbol_addr(e->k, "vm_brk_flags")));
	}
	if (e->classic)
		return NULL;
	TRY(open_mm(e, mm, &o));
	SET(e->k, &o, mm_struct, start_brk, end);
	SET(e->k, &o, mm_struct, brk, end);
	return NULL;
}

static struct error *clear_user(struct engine *e, const struct binprm *b, uint64_t from, uint64_t len)
{
	static char zeroes[VMCORE_PAGE_SIZE];
	if (!len)
		return NULL;
	TRACE(e, "padzero", "the rest of the last page of data is cleared", { "address", from }, { "bytes", len });
	return access_process_vm(e, b->task, from, zeroes, len, true);
}

/* clear_user() that fails and is not looked at: a bss in a read-only segment. */
static struct error *unless_fault(struct error *failure)
{
	if (!failure || failure->code != ERR_KERNEL || failure->addr != EFAULT)
		return failure;
	error_free(failure);
	return NULL;
}

/* From `from` to the end of its page, as far as `most` bytes. */
static uint64_t to_page_end(uint64_t from, uint64_t most)
{
	uint64_t len = PAGE_OFFSET_OF(from) ? VMCORE_PAGE_SIZE - PAGE_OFFSET_OF(from) : 0;
	return len < most ? len : most;
}

struct error *elf_pad_zero(struct engine *e, const struct binprm *b, uint64_t from)
{
	struct error *failure = clear_user(e, b, from, to_page_end(from, UINT64_MAX));
	return e->classic ? unless_fault(failure) : failure;
}

static void note_segment(struct engine *e, struct elf_placed *p, const struct elf_segment *s)
{
	uint64_t file_end = s->vaddr + s->filesz, end = s->vaddr + s->memsz;
	/* Only executable ones count since 5.8, which leaves no trace; mmap_sem got its new name then. */
	if (s->vaddr < p->start_code && ((s->flags & PF_X) || !HAS(e->k, mm_struct, mmap_lock_named)))
		p->start_code = s->vaddr;
	if (p->start_data < s->vaddr)
		p->start_data = s->vaddr;
	if (file_end > p->bss)
		p->bss = file_end;
	if ((s->flags & PF_X) && p->end_code < file_end)
		p->end_code = file_end;
	if (p->end_data < file_end)
		p->end_data = file_end;
	if (end > p->brk) {
		p->brk = end;
		p->exec_bss = s->flags & PF_X;
	}
}

static void add_bias(struct elf_placed *p)
{
	uint64_t *const all[] = { &p->start_code, &p->end_code, &p->start_data, &p->end_data, &p->bss, &p->brk, &p->entry };
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		*all[i] += p->bias;
}

/* What 2.4 has refused before: the file's numbers, now that the segment is mapped. */
static struct error *check_mapped(struct engine *e, const struct elf_segment *s, uint64_t at, int number)
{
	uint64_t limit = task_size(e);
	if (e->classic || (at < limit && s->filesz <= s->memsz && s->memsz <= limit && limit - s->memsz >= at))
		return NULL;
	return kernel_error(number, "a segment is larger than its room: %" PRIx64 ", %" PRIu64 " bytes, %" PRIu64 " in the file", s->vaddr, s->memsz, s->filesz);
}

/*
 * Where a program that may lie anywhere is wanted: two thirds up (ELF_ET_DYN_BASE); since 4.13 (no trace; page tables are counted in one since 4.15) one without
 * an interpreter goes where mmap() would put it, and the other exactly there.
 */
static uint64_t dynamic_base(struct engine *e, const struct binprm *b, const struct elf_segment *s, unsigned *flags)
{
	bool split = !e->classic && HAS(e->k, mm_struct, pgtables_bytes);
	uint64_t base = task_size(e) / 3 * 2, align = 0;
	if (!split)
		return PAGE_DOWN(base - s->vaddr);
	if (!b->interpreter.file)
		return PAGE_DOWN(0 - s->vaddr);
	/* maximum_alignment(), since 5.10; without one above a page nothing differs */
	for (unsigned i = 0; i < b->program.phnum; i++) {
		uint64_t a = b->program.segments[i].align;
		if (b->program.segments[i].type == PT_LOAD && a && !(a & (a - 1)) && a > align)
			align = a;
	}
	*flags |= MAP_FIXED;
	base = align ? base & ~(align - 1) : base;
	return PAGE_DOWN(base - s->vaddr);
}

/* The segment before had a bss of its own. */
static struct error *finish_bss(struct engine *e, const struct binprm *b, const struct elf_placed *p)
{
	if (p->brk <= p->bss)
		return NULL;
	TRY(elf_set_brk(e, b, p, p->bss + p->bias, p->brk + p->bias));
	return unless_fault(clear_user(e, b, p->bss + p->bias, to_page_end(p->bss, p->brk - p->bss)));
}

struct error *elf_map_program(struct engine *e, const struct binprm *b, struct elf_placed *p)
{
	const struct elf_image *image = &b->program;
	bool placed = false;
	uint64_t at;
	*p = (struct elf_placed){ .start_code = e->classic ? UINT32_MAX : UINT64_MAX, .entry = image->entry };
	for (unsigned i = 0; i < image->phnum; i++) {
		const struct elf_segment *s = &image->segments[i];
		unsigned flags = MAP_PRIVATE | MAP_DENYWRITE | MAP_EXECUTABLE;
		uint64_t total = 0;
		if (s->type != PT_LOAD)
			continue;
		TRY(finish_bss(e, b, p));
		if (image->type == ET_EXEC || placed) {
			flags |= MAP_FIXED;
		} else {
			p->bias = dynamic_base(e, b, s, &flags);
			total = e->classic ? 0 : total_mapping_size(image);
			if (!e->classic && !total)
				return kernel_error(EINVAL, "the segments have no size");
		}
		TRY(elf_map(e, b, image, s, p->bias + s->vaddr, flags, total, &at));
		if (!placed) {
			placed = true;
			if (image->type == ET_DYN)
				p->bias += at - PAGE_DOWN(p->bias + s->vaddr);
			p->load_addr = s->vaddr - s->offset + p->bias;
		}
		TRY(check_mapped(e, s, s->vaddr, EINVAL));
		note_segment(e, p, s);
	}
	add_bias(p);
	return NULL;
}

struct error *elf_map_interpreter(struct engine *e, const struct binprm *b, uint64_t bias, struct elf_placed *p)
{
	const struct elf_image *image = &b->interpreter;
	bool placed = false;
	uint64_t at, total = e->classic ? 0 : total_mapping_size(image);
	*p = (struct elf_placed){ .start_code = UINT64_MAX, .entry = image->entry };
	if (!e->classic && !total)
		return kernel_error(EINVAL, "the interpreter has nothing to load");
	for (unsigned i = 0; i < image->phnum; i++) {
		const struct elf_segment *s = &image->segments[i];
		if (s->type != PT_LOAD)
			continue;
		bool fixed = image->type == ET_EXEC || placed;
		/* no_base: a program that lies anywhere leaves the choice to mmap(). */
		if (!fixed && bias)
			p->bias = 0 - s->vaddr;
		TRY(elf_map(e, b, image, s, p->bias + s->vaddr, MAP_PRIVATE | MAP_DENYWRITE | (fixed ? MAP_FIXED : 0), total, &at));
		total = 0;
		if (!fixed) {
			p->bias = at - PAGE_DOWN(s->vaddr);
			placed = true;
		}
		TRY(check_mapped(e, s, p->bias + s->vaddr, ENOMEM));
		note_segment(e, p, s);
	}
	add_bias(p);
	p->load_addr = p->bias;
	TRY(elf_pad_zero(e, b, p->bss));
	/* Its bss is mapped as the heap's pages are. */
	uint64_t mm, start = PAGE_UP(p->bss), end = PAGE_UP(p->brk);
	TRY(current_mm(e, b, &mm));
	return end > start ? brk_flags(e, mm, start, end - start, p->exec_bss && symbol_addr(e->k, "vm_brk_flags")) : NULL;
}
