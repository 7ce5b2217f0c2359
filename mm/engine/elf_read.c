/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ELF programs: opened, read and checked (fs/binfmt_elf.c). The file is hostile: no number of it is used unchecked. 2.4 reads from the disk here, other kernels
 * through the page cache.
 */
#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "mm/engine/exec_edit.h"
#include "mm/engine/file_edit.h"
#include "mm/engine/page_cache.h"

#define PATH_LONGEST   4096u /* PATH_MAX: include/linux/limits.h */
#define BINPRM_SIZE    256u  /* BINPRM_BUF_SIZE: include/uapi/linux/binfmts.h (128 until 5.0) */
#define HEADERS_MOST   65536u
#define ELF_MIN_ALIGN  4096u
#define EM_486_OF_LINUX 6 /* include/uapi/linux/elf-em.h */

/* ---- Opening ---- */

struct error *open_exec(struct engine *e, const char *path, struct elf_image *out)
{
	struct kernel *k = e->k;
	uint64_t mode, file;
	char absolute[PATH_LONGEST + 2];
	*out = (struct elf_image){ 0 };
	/* Whose working directory is the root. */
	snprintf(absolute, sizeof(absolute), *path == '/' || !*path ? "%s" : "/%s", path);
	struct error *failure = *path ? filp_open(e, absolute, false, &file) : kernel_error(ENOENT, "a program without a name");
	if (failure && failure->code == ERR_KERNEL && failure->addr == EISDIR) {
		error_free(failure);
		return kernel_error(EACCES, "not a regular file: %s", path);
	}
	if (failure)
		return failure;
	TRY(file_inode(e, file, &out->inode));
	TRY(kernel_get(k, out->inode, M_inode_i_mode, &mode));
	TRY(kernel_get(k, out->inode, M_inode_i_size, &out->size));
	if (!S_ISREG(mode) || !(mode & 0111)) {
		TRY(fput(e, file));
		return kernel_error(EACCES, S_ISREG(mode) ? "not executable: %s" : "not a regular file: %s", path);
	}
	failure = deny_write_access(e, file, path);
	if (failure)
		return error_worse(failure, fput(e, file));
	out->file = file;
	return NULL;
}

struct error *close_exec(struct engine *e, uint64_t file)
{
	TRY(allow_write_access(e, file));
	return fput(e, file);
}

/* kernel_read(): *done is how many bytes there are before the file's end. */
static struct error *read_bytes(struct engine *e, const struct elf_image *image, uint64_t offset, void *buffer, size_t len, size_t *done)
{
	if (!e->classic)
		return kernel_read_file(e, image->file, offset, buffer, len, done);
	*done = offset >= image->size ? 0 : image->size - offset < len ? image->size - offset : len;
	return disk_read(e, image->inode, offset, buffer, *done);
}

/* ---- The headers ---- */

/* A number of the file, little-endian. */
static uint64_t number(const unsigned char *bytes, bool wide, size_t narrow_at, size_t wide_at)
{
	return wide ? load_uint(bytes + wide_at, 8) : load_uint(bytes + narrow_at, 4);
}

static void decode_segment(const unsigned char *bytes, bool wide, struct elf_segment *s)
{
#define FIELD(name) number(bytes, wide, offsetof(Elf32_Phdr, p_##name), offsetof(Elf64_Phdr, p_##name))
	*s = (struct elf_segment){
		.type = (uint32_t)load_uint(bytes, 4),
		.flags = (uint32_t)load_uint(bytes + (wide ? offsetof(Elf64_Phdr, p_flags) : offsetof(Elf32_Phdr, p_flags)), 4),
		.offset = FIELD(offset),
		.vaddr = FIELD(vaddr),
		.filesz = FIELD(filesz),
		.memsz = FIELD(memsz),
		.align = FIELD(align),
	};
#undef FIELD
}

/* What 2.4's engine refuses before anything is gone; later kernels find it out on the way. */
static struct error *check_segment(const struct engine *e, const struct elf_image *image, const struct elf_segment *s)
{
	if (s->offset + s->filesz > image->size)
		return kernel_error(ENOEXEC, "a segment lies beyond the file's end: %" PRIu64 " bytes at %" PRIx64, s->filesz, s->offset);
	if (s->type != PT_LOAD)
		return NULL;
	if (s->filesz > s->memsz)
		return kernel_error(ENOEXEC, "a segment has more bytes in the file than in memory: %" PRIx64, s->vaddr);
	if (s->vaddr + s->memsz > e->k->page_offset)
		return kernel_error(ENOEXEC, "a segment reaches into the kernel's part: %" PRIx64 ", %" PRIu64 " bytes", s->vaddr, s->memsz);
	if ((s->vaddr ^ s->offset) & (VMCORE_PAGE_SIZE - 1))
		return kernel_error(ENOEXEC, "a segment's address and offset do not agree: %" PRIx64 ", %" PRIx64, s->vaddr, s->offset);
	return NULL;
}

static struct error *read_segments(struct engine *e, const char *path, int bad, bool wide, struct elf_image *image)
{
	size_t each = wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr), size = each * image->phnum, done;
	unsigned char *bytes = malloc(size);
	bool any = false;
	image->segments = calloc(image->phnum, sizeof(*image->segments));
	struct error *failure = bytes && image->segments ? read_bytes(e, image, image->phoff, bytes, size, &done) : error_new(ERR_NO_MEMORY, "out of memory");
	if (!failure && done != size)
		failure = kernel_error(bad, "no program headers within the file: %s", path);
	for (unsigned i = 0; i < image->phnum && !failure; i++) {
		decode_segment(bytes + i * each, wide, &image->segments[i]);
		any |= image->segments[i].type == PT_LOAD;
		if (e->classic)
			failure = check_segment(e, image, &image->segments[i]);
	}
	free(bytes);
	if (failure)
		return failure;
	return any || !e->classic ? NULL : kernel_error(ENOEXEC, "the file has nothing to load");
}

/* How large the program headers may be all together: 2.4's limit, until 4.0 everybody's; then (load_elf_phdrs()) a page. */
static struct error *check_program_headers(struct engine *e, const char *path, int bad, unsigned each, bool wide, struct elf_image *image)
{
	size_t right = wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
	size_t most = !e->classic && symbol_addr(e->k, "load_elf_phdrs") ? ELF_MIN_ALIGN : HEADERS_MOST;
	/* 2.4 says ENOMEM to both. */
	int number = e->classic ? ENOMEM : bad;
	if (each != right)
		return kernel_error(number, "program headers of %u bytes: %s", each, path);
	if (image->phnum > most / right)
		return kernel_error(number, "%u program headers: %s", image->phnum, path);
	if (!image->phnum || (e->classic && image->phoff + image->phnum * right > image->size))
		return kernel_error(bad, "no program headers within the file: %s", path);
	return NULL;
}

static struct error *check_header(const char *path, int bad, bool wide, const unsigned char *bytes, size_t size, struct elf_image *image)
{
	size_t least = wide ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr);
	if (size < least || memcmp(bytes, ELFMAG, SELFMAG) || bytes[EI_CLASS] != (wide ? ELFCLASS64 : ELFCLASS32))
		return kernel_error(bad, "no %u-bit ELF file: %s", wide ? 64 : 32, path);
	unsigned machine = (unsigned)load_uint(bytes + offsetof(Elf64_Ehdr, e_machine), 2);
	image->type = (unsigned)load_uint(bytes + offsetof(Elf64_Ehdr, e_type), 2);
	image->entry = number(bytes, wide, offsetof(Elf32_Ehdr, e_entry), offsetof(Elf64_Ehdr, e_entry));
	image->phoff = number(bytes, wide, offsetof(Elf32_Ehdr, e_phoff), offsetof(Elf64_Ehdr, e_phoff));
	image->phnum = (unsigned)load_uint(bytes + (wide ? offsetof(Elf64_Ehdr, e_phnum) : offsetof(Elf32_Ehdr, e_phnum)), 2);
	/* Of an interpreter it is asked late: elf_map_interpreter(). */
	if (image->type != ET_EXEC && image->type != ET_DYN && !(wide && bad == ELIBBAD))
		return kernel_error(bad, "no executable: ELF type %u: %s", image->type, path);
	bool ours = wide ? machine == EM_X86_64 : machine == EM_386 || machine == EM_486_OF_LINUX; /* elf_check_arch() */
	if (bytes[EI_DATA] != ELFDATA2LSB || !ours)
		return kernel_error(bad, "for another processor: ELF machine %u: %s", machine, path);
	return NULL;
}

struct error *elf_image_read(struct engine *e, const char *path, int bad, struct elf_image *image)
{
	unsigned char header[BINPRM_SIZE];
	bool wide = e->k->arch->pointer_size == 8;
	size_t done;
	TRY(read_bytes(e, image, 0, header, sizeof(header), &done));
	TRY(check_header(path, bad, wide, header, done, image));
	unsigned each = (unsigned)load_uint(header + (wide ? offsetof(Elf64_Ehdr, e_phentsize) : offsetof(Elf32_Ehdr, e_phentsize)), 2);
	TRY(check_program_headers(e, path, bad, each, wide, image));
	return read_segments(e, path, bad, wide, image);
}

void elf_image_free(struct elf_image *image)
{
	free(image->segments);
	image->segments = NULL;
}

struct error *elf_interpreter(struct engine *e, const struct elf_image *image, char *path, size_t size)
{
	size_t done;
	*path = '\0';
	for (unsigned i = 0; i < image->phnum; i++) {
		const struct elf_segment *s = &image->segments[i];
		if (s->type != PT_INTERP)
			continue;
		if (s->filesz > PATH_LONGEST || s->filesz > size)
			return kernel_error(e->classic ? ENOMEM : ENOEXEC, "the interpreter's name has %" PRIu64 " bytes", s->filesz);
		if (s->filesz < (e->classic ? 1 : 2))
			return kernel_error(ENOEXEC, "the interpreter's name has no end");
		TRY(read_bytes(e, image, s->offset, path, s->filesz, &done));
		if (done != s->filesz)
			return kernel_error(EIO, "the interpreter's name lies beyond the file's end");
		return path[s->filesz - 1] ? kernel_error(ENOEXEC, "the interpreter's name has no end") : NULL;
	}
	return NULL;
}
