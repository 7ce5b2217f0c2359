/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Symbols from a file: a System.map (nm's format), or the symbol table of an ELF file (vmlinux). */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/kernel.h"
#include "core/symbol_table.h"

/* nm's letter for a symbol. */
static char letter(const GElf_Sym *sym, const GElf_Shdr *section)
{
	char c;
	if (sym->st_shndx == SHN_UNDEF)
		return 'U';
	if (sym->st_shndx == SHN_ABS)
		c = 'a';
	else if (GELF_ST_BIND(sym->st_info) == STB_WEAK)
		return GELF_ST_TYPE(sym->st_info) == STT_OBJECT ? 'V' : 'W';
	else if (!section)
		return '?';
	else if (section->sh_flags & SHF_EXECINSTR)
		c = 't';
	else if (section->sh_type == SHT_NOBITS)
		c = 'b';
	else
		c = section->sh_flags & SHF_WRITE ? 'd' : 'r';
	return GELF_ST_BIND(sym->st_info) == STB_LOCAL ? c : toupper(c);
}

static struct error *read_elf(Elf *elf, const char *path, struct symbols *s)
{
	Elf_Scn *section = NULL;
	GElf_Shdr header;
	while ((section = elf_nextscn(elf, section)) != NULL)
		if (gelf_getshdr(section, &header) && header.sh_type == SHT_SYMTAB)
			break;
	Elf_Data *data = section ? elf_getdata(section, NULL) : NULL;
	if (!data)
		return error_new(ERR_FORMAT, "%s: ELF file without a symbol table", path);
	size_t n = header.sh_entsize ? header.sh_size / header.sh_entsize : 0;
	for (size_t i = 1; i < n && i <= INT32_MAX; i++) {
		GElf_Sym sym;
		GElf_Shdr of, *its = NULL;
		if (!gelf_getsym(data, i, &sym))
			break;
		int type = GELF_ST_TYPE(sym.st_info);
		if (type == STT_FILE || type == STT_SECTION || sym.st_shndx == SHN_UNDEF)
			continue;
		const char *name = elf_strptr(elf, header.sh_link, sym.st_name);
		if (!name || !*name)
			continue;
		Elf_Scn *where =
			sym.st_shndx < SHN_LORESERVE ? elf_getscn(elf, sym.st_shndx) : NULL;
		if (where)
			its = gelf_getshdr(where, &of);
		char *copy = strdup(name);
		if (!copy)
			return error_new(ERR_NO_MEMORY, "out of memory");
		TRY(symbols_keep(s, copy));
		TRY(symbols_append(s, sym.st_value, letter(&sym, its), copy, NO_MODULE));
	}
	return NULL;
}

/* "ffffffff81000000 T _text" a line. The text is kept: names point into it. */
static struct error *read_map(char *text, const char *path, struct symbols *s)
{
	unsigned line = 0;
	for (char *at = text, *next; *at; at = next) {
		char *end = strchrnul(at, '\n'), *rest;
		next = *end ? end + 1 : end;
		*end = 0;
		line++;
		if (!*at)
			continue;
		errno = 0;
		uint64_t addr = strtoull(at, &rest, 16);
		if (rest == at || errno || rest[0] != ' ' || !isgraph((unsigned char)rest[1]) ||
		    rest[2] != ' ' || !rest[3])
			return error_new(ERR_FORMAT, "%s: line %u is not \"ADDRESS TYPE NAME\"",
					 path, line);
		char *name = rest + 3;
		name[strcspn(name, " \t\r")] = 0;
		TRY(symbols_append(s, addr, rest[1], name, NO_MODULE));
	}
	return s->entry_count ? NULL : error_new(ERR_FORMAT, "%s: no symbols in it", path);
}

static struct error *read_text(int fd, const char *path, char **out)
{
	size_t size = 0, room = 1 << 16;
	char *text = malloc(room);
	for (;;) {
		if (text && size + 1 >= room) {
			char *more = room < (256u << 20) ? realloc(text, room *= 2) : NULL;
			if (!more)
				free(text);
			text = more;
		}
		if (!text)
			return error_new(ERR_NO_MEMORY, "%s: too large", path);
		ssize_t n = read(fd, text + size, room - 1 - size);
		if (n < 0) {
			free(text);
			return error_new(ERR_IO, "%s: %s", path, strerror(errno));
		}
		if (!n)
			break;
		size += n;
	}
	text[size] = 0;
	*out = text;
	return NULL;
}

/* Moves the symbols to where the kernel runs. */
static void shift_symbols(struct kernel *k, struct symbols *s)
{
	uint64_t runs, by = k->kaslr_offset;
	if (vmcoreinfo_symbol(&k->vmcoreinfo, "_stext", &runs))
		for (size_t i = 0; i < s->entry_count; i++)
			if (!strcmp(s->entries[i].name, "_stext")) {
				by = runs - s->entries[i].addr;
				break;
			}
	for (size_t i = 0; i < s->entry_count; i++) {
		struct symbol_entry *e = &s->entries[i];
		/* per-CPU offsets and other constants do not move */
		if (e->addr >= k->arch->kernel_map)
			e->addr += by;
	}
}

static struct error *read_file(struct symbols *s, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_new(ERR_IO, "%s: %s", path, strerror(errno));
	struct error *e;
	elf_version(EV_CURRENT);
	Elf *elf = elf_begin(fd, ELF_C_READ, NULL);
	if (elf && elf_kind(elf) == ELF_K_ELF) {
		e = read_elf(elf, path, s);
	} else {
		char *text = NULL;
		e = read_text(fd, path, &text);
		if (!e)
			e = symbols_keep(s, text);
		if (!e)
			e = read_map(text, path, s);
	}
	elf_end(elf);
	close(fd);
	return e;
}

struct error *symbols_open_file(struct kernel *k, const char *path)
{
	struct symbols *s = NULL;
	TRY(symbols_new(k, &s));
	s->path = strdup(path);
	TRY(read_file(s, path));
	shift_symbols(k, s);
	symbols_sort(s, 0);
	s->kernel_count = s->entry_count;
	return NULL;
}
