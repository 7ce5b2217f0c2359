/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "mm/sim/image.h"

#include <assert.h>
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


struct error *image_start(struct image *i, struct vmcore *vc, const struct layout *layout, uint32_t base, uint32_t at)
{
	void *ram;
	*i = (struct image){ .vmcore = vc, .size = vmcore_max_phys(vc), .base = base, .at = at, .layout = layout };
	TRY(vmcore_map_writable(vc, 0, i->size, &ram));
	i->ram = ram;
	return NULL;
}

void image_end(struct image *i)
{
	free(i->symbols);
	i->symbols = NULL;
}

/* ---- Placing ---- */

void image_define_len(struct image *i, char type, const char *name, size_t len, uint32_t addr)
{
	assert(len < 127);
	if (i->count == i->room) {
		i->room = i->room ? i->room * 2 : 1024;
		i->symbols = realloc(i->symbols, i->room * sizeof(*i->symbols));
		if (!i->symbols)
			abort();
	}
	i->symbols[i->count++] = (struct image_symbol){ name, (uint8_t)len, type, addr };
}

void image_define(struct image *i, char type, const char *name, uint32_t addr)
{
	image_define_len(i, type, name, strlen(name), addr);
}

static void align_to(struct image *i, uint32_t align)
{
	i->at = (i->at + align - 1) & -align;
}

uint32_t image_place(struct image *i, char type, const char *name, uint32_t size, uint32_t align)
{
	align_to(i, align);
	uint32_t addr = i->at;
	assert(addr - i->base + (uint64_t)size <= i->size);
	image_define(i, type, name, addr);
	i->at += size;
	return addr;
}

static struct image_symbol *find(const struct image *i, const char *name)
{
	size_t len = strlen(name);
	for (size_t n = i->count; n--;)
		if (i->symbols[n].len == len && !memcmp(i->symbols[n].name, name, len))
			return &i->symbols[n];
	return NULL;
}

uint32_t image_symbol(const struct image *i, const char *name)
{
	const struct image_symbol *s = find(i, name);
	assert(s);
	return s->addr;
}

void image_put32(struct image *i, uint32_t addr, uint32_t value)
{
	memcpy(image_bytes(i, addr), &value, sizeof(value));
}

uint32_t image_get32(const struct image *i, uint32_t addr)
{
	uint32_t value;
	memcpy(&value, image_bytes(i, addr), sizeof(value));
	return value;
}

void image_set(struct image *i, uint32_t object, const char *structure, const char *member, uint32_t value)
{
	image_put32(i, object + layout_offset(i->layout, structure, member), value);
}

void image_list_init(struct image *i, uint32_t head)
{
	image_put32(i, head, head);
	image_put32(i, head + 4, head);
}

/* ---- kallsyms, as scripts/kallsyms.c would write it without compression ---- */

static int by_address(const void *a, const void *b)
{
	const struct image_symbol *x = a, *y = b;
	return x->addr != y->addr ? (x->addr < y->addr ? -1 : 1) : (x->name > y->name) - (x->name < y->name);
}

#define TOKENS_SIZE (1 + 255 * 2) /* the token of number 0 is empty, each other its own character */

static void write_tokens(struct image *i, uint32_t table, uint32_t index)
{
	unsigned char *to = image_bytes(i, table), *place = image_bytes(i, index);
	uint16_t at = 0;
	for (unsigned c = 0; c < 256; c++) {
		memcpy(place + 2 * c, &at, sizeof(at));
		if (c)
			to[at++] = (unsigned char)c;
		to[at++] = 0;
	}
}

/* Length, type letter, name; every 256th name's offset among the markers. */
static void write_names(struct image *i, uint32_t names, uint32_t markers, uint32_t addresses)
{
	unsigned char *start = image_bytes(i, names), *to = start;
	for (size_t n = 0; n < i->count; n++) {
		const struct image_symbol *s = &i->symbols[n];
		if (!(n & 255))
			image_put32(i, markers + (uint32_t)n / 256 * 4, (uint32_t)(to - start));
		image_put32(i, addresses + (uint32_t)n * 4, s->addr);
		*to++ = s->len + 1;
		*to++ = (unsigned char)s->type;
		memcpy(to, s->name, s->len);
		to += s->len;
	}
}

static const char *const table_names[] = { "kallsyms_addresses", "kallsyms_num_syms",	 "kallsyms_names",
					   "kallsyms_markers",	 "kallsyms_token_table", "kallsyms_token_index" };
#define TABLES 6

/* Places the tables, which hold their own symbols too; `end` gets `_end`'s address, also one of them. */
static void place_kallsyms(struct image *i, uint32_t tables[TABLES])
{
	uint32_t count = (uint32_t)i->count + TABLES + 1, names = sizeof("_end") - 1 + 2;
	for (unsigned n = 0; n < TABLES; n++)
		names += (uint32_t)strlen(table_names[n]) + 2;
	for (size_t n = 0; n < i->count; n++)
		names += i->symbols[n].len + 2u;
	const uint32_t sizes[TABLES] = { count * 4, 4, names, (count + 255) / 256 * 4, TOKENS_SIZE, 512 };
	for (unsigned n = 0; n < TABLES; n++)
		tables[n] = image_place(i, 'R', table_names[n], sizes[n], 4);
}

static void write_kallsyms(struct image *i, const uint32_t tables[TABLES])
{
	qsort(i->symbols, i->count, sizeof(*i->symbols), by_address);
	image_put32(i, tables[1], (uint32_t)i->count);
	write_names(i, tables[2], tables[3], tables[0]);
	write_tokens(i, tables[4], tables[5]);
}

/* ---- The rest ---- */

static struct error *place_btf(struct image *i)
{
	void *bytes;
	size_t len;
	TRY(layout_to_btf(i->layout, &bytes, &len));
	uint32_t at = image_place(i, 'R', "__start_BTF", (uint32_t)len, 32);
	memcpy(image_bytes(i, at), bytes, len);
	free(bytes);
	image_define(i, 'R', "__stop_BTF", i->at);
	return NULL;
}

#define VMCOREINFO_SIZE 4096u /* VMCOREINFO_BYTES: include/linux/crash_core.h */

static struct error *write_vmcoreinfo(struct image *i, uint32_t page, const char *first)
{
	static const char *const names[] = { "swapper_pg_dir", "_stext", "mem_map", "contig_page_data" };
	char *text = (char *)image_bytes(i, page);
	size_t len = (size_t)snprintf(text, VMCOREINFO_SIZE, "%s", first);
	for (unsigned n = 0; n < 4; n++)
		len += (size_t)snprintf(text + len, VMCOREINFO_SIZE - len, "SYMBOL(%s)=%x\n", names[n], image_symbol(i, names[n]));
	for (unsigned n = 0; n < TABLES; n++)
		len += (size_t)snprintf(text + len, VMCOREINFO_SIZE - len, "SYMBOL(%s)=%x\n", table_names[n],
					image_symbol(i, table_names[n]));
	assert(len < VMCOREINFO_SIZE);
	return vmcore_describe_ram(i->vmcore, EM_386, text, len);
}

struct error *image_finish(struct image *i, const char *vmcoreinfo)
{
	uint32_t tables[TABLES];
	TRY(place_btf(i));
	uint32_t page = image_place(i, 'R', "vmcoreinfo_data", VMCOREINFO_SIZE, VMCOREINFO_SIZE);
	place_kallsyms(i, tables);
	align_to(i, 4096);
	image_define(i, 'A', "_end", i->at);
	write_kallsyms(i, tables);
	return write_vmcoreinfo(i, page, vmcoreinfo);
}
