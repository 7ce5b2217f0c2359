/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ELF programs: read from the machine's disk, checked, mapped (fs/binfmt_elf.c of 2.4). The file is hostile: no number of it is used unchecked.
 */
#include <errno.h>
#include <inttypes.h>
#include <libelf.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "mm/engine/exec_edit.h"
#include "mm/engine/file_edit.h"

#define PAGE_OFFSET_OF(a) ((uint32_t)(a) & (uint32_t)(VMCORE_PAGE_SIZE - 1))
#define PAGE_DOWN(a)	  ((uint32_t)(a) & ~(uint32_t)(VMCORE_PAGE_SIZE - 1))
#define PAGE_UP(a)	  PAGE_DOWN((uint32_t)(a) + (uint32_t)VMCORE_PAGE_SIZE - 1)

/* More than a program of this machine's disk has; it is read whole. */
#define LARGEST_PROGRAM (256u << 20)
#define PATH_LONGEST	4096u /* PATH_MAX: include/linux/limits.h */

/* ---- Reading and checking ---- */

/* open_exec() */
static struct error *open_exec(struct engine *e, const char *path, uint64_t *file, uint64_t *inode)
{
	struct kernel *k = e->k;
	uint64_t mode;
	struct error *failure = filp_open(e, path, false, file);
	if (failure && failure->code == ERR_KERNEL && failure->addr == EISDIR) {
		error_free(failure);
		return kernel_error(EACCES, "not a regular file: %s", path);
	}
	if (failure)
		return failure;
	TRY(file_inode(e, *file, inode));
	TRY(kernel_get(k, *inode, M_inode_i_mode, &mode));
	if (!S_ISREG(mode) || !(mode & 0111)) {
		TRY(fput(e, *file));
		*file = 0;
		return kernel_error(EACCES, S_ISREG(mode) ? "not executable: %s" : "not a regular file: %s", path);
	}
	failure = deny_write_access(e, *file, path);
	if (!failure)
		return NULL;
	uint64_t opened = *file;
	*file = 0;
	return error_worse(failure, fput(e, opened));
}

static struct error *check_segment(const struct engine *e, const struct elf_image *image, const struct elf_segment *s)
{
	uint64_t end = (uint64_t)s->vaddr + s->memsz;
	if ((uint64_t)s->offset + s->filesz > image->size)
		return kernel_error(ENOEXEC, "a segment lies beyond the file's end: %u bytes at %x", s->filesz, s->offset);
	if (s->type != PT_LOAD)
		return NULL;
	if (s->filesz > s->memsz)
		return kernel_error(ENOEXEC, "a segment has more bytes in the file than in memory: %x", s->vaddr);
	if (end > e->k->page_offset)
		return kernel_error(ENOEXEC, "a segment reaches into the kernel's part: %x, %u bytes", s->vaddr, s->memsz);
	if (PAGE_OFFSET_OF(s->vaddr) != PAGE_OFFSET_OF(s->offset))
		return kernel_error(ENOEXEC, "a segment's address and offset do not agree: %x, %x", s->vaddr, s->offset);
	return NULL;
}

static struct error *read_segments(const struct engine *e, const Elf32_Phdr *ph, struct elf_image *image)
{
	bool any = false;
	image->segments = calloc(image->phnum, sizeof(*image->segments));
	if (!image->segments)
		return error_new(ERR_NO_MEMORY, "out of memory");
	for (unsigned i = 0; i < image->phnum; i++) {
		image->segments[i] = (struct elf_segment){
			ph[i].p_type, ph[i].p_offset, ph[i].p_vaddr, ph[i].p_filesz, ph[i].p_memsz, ph[i].p_flags,
		};
		TRY(check_segment(e, image, &image->segments[i]));
		any |= ph[i].p_type == PT_LOAD;
	}
	return any ? NULL : kernel_error(ENOEXEC, "the file has nothing to load");
}

static struct error *check_header(const char *path, int bad, const Elf32_Ehdr *eh, struct elf_image *image)
{
	if (!eh)
		return kernel_error(bad, "no 32-bit ELF file: %s", path);
	if (eh->e_type != ET_EXEC && eh->e_type != ET_DYN)
		return kernel_error(bad, "no executable: ELF type %u: %s", eh->e_type, path);
	/* elf_check_arch(): EM_386 and EM_486 */
	if (eh->e_ident[EI_DATA] != ELFDATA2LSB || (eh->e_machine != EM_386 && eh->e_machine != 6))
		return kernel_error(bad, "for another processor: ELF machine %u: %s", eh->e_machine, path);
	/* The kernel says ENOMEM to both. */
	if (eh->e_phentsize != sizeof(Elf32_Phdr))
		return kernel_error(ENOMEM, "program headers of %u bytes: %s", eh->e_phentsize, path);
	if (eh->e_phnum > 65536 / sizeof(Elf32_Phdr))
		return kernel_error(ENOMEM, "%u program headers: %s", eh->e_phnum, path);
	if (!eh->e_phnum || (uint64_t)eh->e_phoff + eh->e_phnum * sizeof(Elf32_Phdr) > image->size)
		return kernel_error(ENOEXEC, "no program headers within the file: %s", path);
	image->type = eh->e_type;
	image->entry = eh->e_entry;
	image->phoff = eh->e_phoff;
	image->phnum = eh->e_phnum;
	return NULL;
}

static struct error *parse(const struct engine *e, const char *path, int bad, struct elf_image *image)
{
	elf_version(EV_CURRENT);
	Elf *elf = image->size ? elf_memory((char *)image->bytes, image->size) : NULL;
	const Elf32_Ehdr *eh = elf && elf_kind(elf) == ELF_K_ELF ? elf32_getehdr(elf) : NULL;
	struct error *wrong = check_header(path, bad, eh, image);
	if (!wrong) {
		const Elf32_Phdr *ph = elf32_getphdr(elf);
		wrong = ph ? read_segments(e, ph, image) :
			     kernel_error(ENOEXEC, "the program headers cannot be read: %s", path);
	}
	elf_end(elf);
	return wrong;
}

struct error *elf_image_open(struct engine *e, const char *path, int bad, struct elf_image *out)
{
	uint64_t inode, size;
	*out = (struct elf_image){ 0 };
	TRY(open_exec(e, path, &out->file, &inode));
	TRY(kernel_get(e->k, inode, M_inode_i_size, &size));
	if (size > LARGEST_PROGRAM)
		return kernel_error(ENOMEM, "the file is too large: %s", path);
	out->size = size;
	out->bytes = malloc(size ? size : 1);
	if (!out->bytes)
		return error_new(ERR_NO_MEMORY, "out of memory");
	TRY(disk_read(e, inode, 0, out->bytes, size));
	return parse(e, path, bad, out);
}

void elf_image_free(struct elf_image *image)
{
	free(image->bytes);
	free(image->segments);
	image->bytes = NULL;
	image->segments = NULL;
}

struct error *elf_interpreter(const struct elf_image *image, char *path, size_t size)
{
	*path = '\0';
	for (unsigned i = 0; i < image->phnum; i++) {
		const struct elf_segment *s = &image->segments[i];
		if (s->type != PT_INTERP)
			continue;
		if (s->filesz > PATH_LONGEST)
			return kernel_error(ENOMEM, "the interpreter's name has %u bytes", s->filesz);
		if (!s->filesz || s->filesz > size || image->bytes[s->offset + s->filesz - 1])
			return kernel_error(ENOEXEC, "the interpreter's name has no end");
		memcpy(path, image->bytes + s->offset, s->filesz);
		return NULL;
	}
	return NULL;
}

/* ---- Mapping ---- */

static struct error *current_mm(struct engine *e, const struct binprm *b, uint64_t *mm)
{
	return kernel_get(e->k, b->task, M_task_struct_mm, mm);
}

static unsigned protection(const struct elf_segment *s)
{
	return (s->flags & PF_R ? PROT_READ : 0) | (s->flags & PF_W ? PROT_WRITE : 0) | (s->flags & PF_X ? PROT_EXEC : 0);
}

/* elf_map(): `addr` is where s->vaddr goes; *result where its page came to lie. */
static struct error *elf_map(struct engine *e, const struct binprm *b, const struct elf_image *image, const struct elf_segment *s, uint32_t addr,
			     unsigned flags, uint32_t *result)
{
	uint32_t odd = PAGE_OFFSET_OF(s->vaddr), len = s->filesz + odd;
	uint64_t mm, at;
	*result = PAGE_DOWN(addr);
	/* A segment that is bss alone maps nothing of the file. */
	if (!len)
		return NULL;
	TRY(current_mm(e, b, &mm));
	TRACE(e, "elf_map", "a segment of the file", { "p_vaddr", s->vaddr }, { "p_filesz", s->filesz }, { "p_offset", s->offset },
	      { "p_flags", s->flags });
	TRY(do_mmap_pgoff(e, mm, image->file, PAGE_DOWN(addr), len, protection(s), flags, (s->offset - odd) >> e->k->arch->page_shift, &at));
	*result = (uint32_t)at;
	return NULL;
}

struct error *elf_set_brk(struct engine *e, const struct binprm *b, uint32_t start, uint32_t end)
{
	uint64_t mm;
	start = PAGE_UP(start);
	end = PAGE_UP(end);
	if (end <= start)
		return NULL;
	TRY(current_mm(e, b, &mm));
	TRACE(e, "set_brk", "bss beyond the file's pages", { "start", start }, { "end", end });
	return do_brk(e, mm, start, end - start);
}

struct error *elf_pad_zero(struct engine *e, const struct binprm *b, uint32_t from, uint32_t len)
{
	static char zeroes[VMCORE_PAGE_SIZE];
	if (!len)
		return NULL;
	TRACE(e, "padzero", "the rest of the last page of data is cleared", { "address", from }, { "bytes", len });
	struct error *failure = access_process_vm(e, b->task, from, zeroes, len, true);
	/* clear_user() that fails is not looked at: a bss in a read-only segment. */
	if (failure && failure->code == ERR_KERNEL && failure->addr == EFAULT) {
		error_free(failure);
		return NULL;
	}
	return failure;
}

/* From `from` to the end of its page, as far as `most` bytes. */
static uint32_t to_page_end(uint32_t from, uint32_t most)
{
	uint32_t len = PAGE_OFFSET_OF(from) ? (uint32_t)VMCORE_PAGE_SIZE - PAGE_OFFSET_OF(from) : 0;
	return len < most ? len : most;
}

static void note_segment(struct elf_placed *p, const struct elf_segment *s)
{
	uint32_t file_end = s->vaddr + s->filesz, end = s->vaddr + s->memsz;
	if (s->vaddr < p->start_code)
		p->start_code = s->vaddr;
	if (p->start_data < s->vaddr)
		p->start_data = s->vaddr;
	if (file_end > p->bss)
		p->bss = file_end;
	if ((s->flags & PF_X) && p->end_code < file_end)
		p->end_code = file_end;
	if (p->end_data < file_end)
		p->end_data = file_end;
	if (end > p->brk)
		p->brk = end;
}

static void add_bias(struct elf_placed *p)
{
	uint32_t *const all[] = { &p->start_code, &p->end_code, &p->start_data, &p->end_data, &p->bss, &p->brk, &p->entry };
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		*all[i] += p->bias;
}

struct error *elf_map_program(struct engine *e, const struct binprm *b, struct elf_placed *p)
{
	const struct elf_image *image = &b->program;
	const unsigned flags = MAP_PRIVATE | MAP_DENYWRITE | MAP_EXECUTABLE;
	bool placed = false;
	uint32_t at;
	*p = (struct elf_placed){ .start_code = UINT32_MAX, .entry = image->entry };
	for (unsigned i = 0; i < image->phnum; i++) {
		const struct elf_segment *s = &image->segments[i];
		if (s->type != PT_LOAD)
			continue;
		if (p->brk > p->bss) {
			/* The segment before had a bss of its own. */
			TRY(elf_set_brk(e, b, p->bss + p->bias, p->brk + p->bias));
			TRY(elf_pad_zero(e, b, p->bss + p->bias, to_page_end(p->bss, p->brk - p->bss)));
		}
		bool fixed = image->type == ET_EXEC || placed;
		if (!fixed) /* ELF_ET_DYN_BASE: two thirds of the user's part */
			p->bias = PAGE_DOWN((uint32_t)(e->k->page_offset / 3 * 2) - s->vaddr);
		TRY(elf_map(e, b, image, s, p->bias + s->vaddr, flags | (fixed ? MAP_FIXED : 0), &at));
		if (!placed) {
			placed = true;
			if (image->type == ET_DYN)
				p->bias += at - PAGE_DOWN(p->bias + s->vaddr);
			p->load_addr = s->vaddr - s->offset + p->bias;
		}
		note_segment(p, s);
	}
	add_bias(p);
	return NULL;
}

struct error *elf_map_interpreter(struct engine *e, const struct binprm *b, struct elf_placed *p)
{
	const struct elf_image *image = &b->interpreter;
	bool placed = false;
	uint32_t at;
	*p = (struct elf_placed){ .start_code = UINT32_MAX, .entry = image->entry };
	for (unsigned i = 0; i < image->phnum; i++) {
		const struct elf_segment *s = &image->segments[i];
		if (s->type != PT_LOAD)
			continue;
		bool fixed = image->type == ET_EXEC || placed;
		TRY(elf_map(e, b, image, s, p->bias + s->vaddr, MAP_PRIVATE | MAP_DENYWRITE | (fixed ? MAP_FIXED : 0), &at));
		if (!fixed) {
			p->bias = at - PAGE_DOWN(s->vaddr);
			placed = true;
		}
		note_segment(p, s);
	}
	add_bias(p);
	p->load_addr = p->bias;
	TRY(elf_pad_zero(e, b, p->bss, to_page_end(p->bss, UINT32_MAX)));
	/* Its bss is mapped as the heap's pages are. */
	return elf_set_brk(e, b, p->bss, p->brk);
}
