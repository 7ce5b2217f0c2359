/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "mm/sim/image.h"

#include <assert.h>
#include <elf.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


struct error *image_start(struct image *i, struct vmcore *vc, const struct layout *layout, uint64_t base, uint64_t at)
{
	void *ram;
	*i = (struct image){ .vmcore = vc, .size = vmcore_max_phys(vc), .base = base, .direct = base, .at = at, .layout = layout };
	TRY(vmcore_map_writable(vc, 0, i->size, &ram));
	i->ram = ram;
	return NULL;
}

void image_end(struct image *i)
{
	free(i->symbols);
	free(i->next);
	i->symbols = NULL;
	i->next = NULL;
}

/* ---- Placing ---- */

static uint32_t *bucket_of(const struct image *i, const char *name, size_t len)
{
	uint32_t h = 2166136261u;
	for (size_t n = 0; n < len; n++)
		h = (h ^ (unsigned char)name[n]) * 16777619u;
	return (uint32_t *)&i->bucket[h % IMAGE_BUCKETS];
}

void image_define_len(struct image *i, char type, const char *name, size_t len, uint64_t addr)
{
	assert(len < 127);
	if (i->count == i->room) {
		i->room = i->room ? i->room * 2 : 1024;
		i->symbols = realloc(i->symbols, i->room * sizeof(*i->symbols));
		i->next = realloc(i->next, i->room * sizeof(*i->next));
		if (!i->symbols || !i->next)
			abort();
	}
	uint32_t *bucket = bucket_of(i, name, len);
	i->next[i->count] = *bucket;
	i->symbols[i->count++] = (struct image_symbol){ name, (uint8_t)len, type, addr };
	*bucket = (uint32_t)i->count;
}

void image_define(struct image *i, char type, const char *name, uint64_t addr)
{
	image_define_len(i, type, name, strlen(name), addr);
}

static void align_to(struct image *i, uint64_t align)
{
	i->at = (i->at + align - 1) & -align;
}

uint64_t image_place(struct image *i, char type, const char *name, uint64_t size, uint64_t align)
{
	align_to(i, align);
	uint64_t addr = i->at;
	assert(addr - i->base + size <= i->size);
	image_define(i, type, name, addr);
	i->at += size;
	return addr;
}

uint64_t image_string(struct image *i, const char *text)
{
	uint64_t addr = i->at;
	strcpy((char *)image_bytes(i, addr), text);
	i->at += strlen(text) + 1;
	return addr;
}

/* 1 + its index, or 0. */
static uint32_t find(const struct image *i, const char *name)
{
	size_t len = strlen(name);
	uint32_t n = *bucket_of(i, name, len);
	while (n && (i->symbols[n - 1].len != len || memcmp(i->symbols[n - 1].name, name, len)))
		n = i->next[n - 1];
	return n;
}

bool image_has_symbol(const struct image *i, const char *name)
{
	return find(i, name);
}

uint64_t image_symbol(const struct image *i, const char *name)
{
	uint32_t n = find(i, name);
	assert(n);
	return i->symbols[n - 1].addr;
}

void image_put32(struct image *i, uint64_t addr, uint32_t value)
{
	memcpy(image_bytes(i, addr), &value, sizeof(value));
}

uint32_t image_get32(const struct image *i, uint64_t addr)
{
	uint32_t value;
	memcpy(&value, image_bytes(i, addr), sizeof(value));
	return value;
}

void image_put64(struct image *i, uint64_t addr, uint64_t value)
{
	memcpy(image_bytes(i, addr), &value, sizeof(value));
}

void image_put_word(struct image *i, uint64_t addr, uint64_t value)
{
	memcpy(image_bytes(i, addr), &value, i->layout->pointer_size);
}

void image_set(struct image *i, uint64_t object, const char *structure, const char *member, uint32_t value)
{
	image_put32(i, object + layout_offset(i->layout, structure, member), value);
}

void image_list_init(struct image *i, uint64_t head)
{
	image_put_word(i, head, head);
	image_put_word(i, head + i->layout->pointer_size, head);
}

/* ---- kallsyms, as scripts/kallsyms.c would write it without compression ---- */

static int by_address(const void *a, const void *b)
{
	const struct image_symbol *x = a, *y = b;
	return x->addr != y->addr ? (x->addr < y->addr ? -1 : 1) : (x->name > y->name) - (x->name < y->name);
}

#define TOKENS_SIZE (1 + 255 * 2) /* the token of number 0 is empty, each other its own character */

static void write_tokens(struct image *i, uint64_t table, uint64_t index)
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

enum table { ADDRESSES, NUM_SYMS, NAMES, MARKERS, TOKEN_TABLE, TOKEN_INDEX, RELATIVE_BASE, TABLES };

static const char *const table_names[] = { "kallsyms_addresses",   "kallsyms_num_syms",	   "kallsyms_names",	     "kallsyms_markers",
					   "kallsyms_token_table", "kallsyms_token_index", "kallsyms_relative_base" };

static const char *table_name(const struct image *i, unsigned table)
{
	return table == ADDRESSES && i->relative ? "kallsyms_offsets" : table_names[table];
}

/* An absolute symbol of a processor's variable is its own offset; all others count down from the base. */
static void write_address(struct image *i, uint64_t addresses, size_t n, uint64_t relative_base)
{
	uint64_t addr = i->symbols[n].addr;
	if (!i->relative)
		image_put_word(i, addresses + n * i->layout->pointer_size, addr);
	else
		image_put32(i, addresses + n * 4, (uint32_t)(addr <= INT32_MAX ? addr : relative_base - 1 - addr));
}

/* Length, type letter, name; every 256th name's offset among the markers. */
static void write_names(struct image *i, const uint64_t tables[TABLES], uint64_t relative_base)
{
	unsigned char *start = image_bytes(i, tables[NAMES]), *to = start;
	for (size_t n = 0; n < i->count; n++) {
		const struct image_symbol *s = &i->symbols[n];
		if (!(n & 255))
			image_put32(i, tables[MARKERS] + n / 256 * 4, (uint32_t)(to - start));
		write_address(i, tables[ADDRESSES], n, relative_base);
		*to++ = s->len + 1;
		*to++ = (unsigned char)s->type;
		memcpy(to, s->name, s->len);
		to += s->len;
	}
}

/* Places the tables, which hold their own symbols too; `end` gets `_end`'s address, also one of them. */
static void place_kallsyms(struct image *i, uint64_t tables[TABLES])
{
	unsigned used = i->relative ? TABLES : RELATIVE_BASE;
	uint64_t count = i->count + used + 1, names = sizeof("_end") - 1 + 2, word = i->layout->pointer_size;
	for (unsigned n = 0; n < used; n++)
		names += strlen(table_name(i, n)) + 2;
	for (size_t n = 0; n < i->count; n++)
		names += i->symbols[n].len + 2u;
	const uint64_t sizes[TABLES] = { count * (i->relative ? 4 : word), 4, names, (count + 255) / 256 * 4, TOKENS_SIZE, 512, word };
	for (unsigned n = 0; n < used; n++)
		tables[n] = image_place(i, 'R', table_name(i, n), sizes[n], word);
}

static void write_kallsyms(struct image *i, const uint64_t tables[TABLES])
{
	uint64_t relative_base = 0;
	qsort(i->symbols, i->count, sizeof(*i->symbols), by_address);
	for (size_t n = i->count; n-- && i->symbols[n].addr > INT32_MAX;)
		relative_base = i->symbols[n].addr;
	if (i->relative)
		image_put_word(i, tables[RELATIVE_BASE], relative_base);
	image_put32(i, tables[NUM_SYMS], (uint32_t)i->count);
	write_names(i, tables, relative_base);
	write_tokens(i, tables[TOKEN_TABLE], tables[TOKEN_INDEX]);
	/* The order is another now. */
	memset(i->bucket, 0, sizeof(i->bucket));
	for (size_t n = 0; n < i->count; n++) {
		uint32_t *bucket = bucket_of(i, i->symbols[n].name, i->symbols[n].len);
		i->next[n] = *bucket;
		*bucket = (uint32_t)n + 1;
	}
}

/* ---- The rest ---- */

static struct error *place_btf(struct image *i)
{
	void *bytes;
	size_t len;
	TRY(layout_to_btf(i->layout, &bytes, &len));
	uint64_t at = image_place(i, 'R', "__start_BTF", len, 32);
	memcpy(image_bytes(i, at), bytes, len);
	free(bytes);
	image_define(i, 'R', "__stop_BTF", i->at);
	return NULL;
}

#define VMCOREINFO_SIZE 4096u /* VMCOREINFO_BYTES: include/linux/crash_core.h */

static struct error *write_vmcoreinfo(struct image *i, uint64_t page, const char *first)
{
	static const char *const names[] = { "swapper_pg_dir", "_stext", "mem_map", "contig_page_data" };
	char *text = (char *)image_bytes(i, page);
	size_t len = (size_t)snprintf(text, VMCOREINFO_SIZE, "%s", first);
	bool wide = i->layout->pointer_size == 8;
	/* A wide machine's own lines name these; kallsyms is in VMCOREINFO since 6.0 only. */
	for (unsigned n = 0; !wide && n < 4; n++)
		len += (size_t)snprintf(text + len, VMCOREINFO_SIZE - len, "SYMBOL(%s)=%" PRIx64 "\n", names[n], image_symbol(i, names[n]));
	for (unsigned n = 0; n < (i->relative ? TABLES : RELATIVE_BASE); n++)
		len += (size_t)snprintf(text + len, VMCOREINFO_SIZE - len, "SYMBOL(%s)=%" PRIx64 "\n", table_name(i, n),
					image_symbol(i, table_name(i, n)));
	assert(len < VMCOREINFO_SIZE);
	return vmcore_describe_ram(i->vmcore, wide ? EM_X86_64 : EM_386, text, len);
}

struct error *image_finish(struct image *i, const char *vmcoreinfo)
{
	uint64_t tables[TABLES];
	TRY(place_btf(i));
	uint64_t page = image_place(i, 'R', "vmcoreinfo_data", VMCOREINFO_SIZE, VMCOREINFO_SIZE);
	place_kallsyms(i, tables);
	align_to(i, 4096);
	image_define(i, i->layout->pointer_size == 8 ? 'B' : 'A', "_end", i->at);
	write_kallsyms(i, tables);
	return write_vmcoreinfo(i, page, vmcoreinfo);
}
