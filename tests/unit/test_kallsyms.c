/* SPDX-License-Identifier: GPL-3.0-or-later */
/* kallsyms in every layout and encoding, found by name and by shape; damaged tables end in an
 * error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/kallsyms.h"
#include "core/kernel.h"

#define MAP	  0xffffffff80000000ull
#define RAM	  (32ull << 20)
#define PHYS_BASE 0x400000ull /* the text's link address is MAP + 16 MB: it stands at 20 MB */
#define TEXT	  (MAP + 0x1000000)
#define COUNT	  3000
#define PERCPU	  20

enum order { OFFSETS_FIRST, OFFSETS_LAST };

struct layout {
	enum order order;
	enum kallsyms_encoding encoding;
	unsigned align;
	unsigned marker; /* bytes */
	bool seqs;
};

static const struct layout layouts[] = {
	{OFFSETS_FIRST, KALLSYMS_ABSOLUTE, 8, 8, false},
	{OFFSETS_FIRST, KALLSYMS_RELATIVE, 8, 4, false},
	{OFFSETS_FIRST, KALLSYMS_ABSOLUTE_PERCPU, 8, 4, false},
	{OFFSETS_FIRST, KALLSYMS_ABSOLUTE_PERCPU, 8, 4, true},
	{OFFSETS_LAST, KALLSYMS_ABSOLUTE_PERCPU, 8, 4, true},
	{OFFSETS_LAST, KALLSYMS_RELATIVE, 4, 4, true},
	{OFFSETS_LAST, KALLSYMS_PLACE, 4, 4, true},
};
#define LAYOUTS (sizeof(layouts) / sizeof(*layouts))

struct made {
	struct kernel k;
	uint8_t *ram;
	uint64_t at;	     /* physical: where the next table goes */
	uint64_t start, end; /* of the tables */
	uint64_t banner, pgd;
	char name[COUNT][1100];
	char type[COUNT];
	uint64_t addr[COUNT];
	char info[4096];
};

static uint64_t virt(uint64_t phys)
{
	return phys - PHYS_BASE + MAP;
}

static void put(struct made *m, const void *bytes, size_t n)
{
	memcpy(m->ram + m->at, bytes, n);
	m->at += n;
}

static void put_uint(struct made *m, uint64_t value, unsigned size)
{
	put(m, &value, size);
}

static void align(struct made *m, unsigned to)
{
	while (m->at % to)
		put_uint(m, 0, 1);
}

static void note(struct made *m, const char *name, uint64_t phys)
{
	snprintf(m->info + strlen(m->info), sizeof(m->info) - strlen(m->info), "SYMBOL(%s)=%llx\n",
		 name, (unsigned long long)virt(phys));
}

/* Single characters stand for themselves; the other numbers for pieces of names. */
static const char *const pieces[] = {"init_", "sys_", "_page", "read", "__x64_"};

static char tokens[256][24];

static void make_tokens(void)
{
	for (unsigned i = 0; i < 256; i++) {
		if (i > ' ' && i < 0x7f)
			sprintf(tokens[i], "%c", i);
		else
			sprintf(tokens[i], "%s%u", pieces[i % 5], i);
	}
}

static size_t encode(const char *text, uint8_t *out)
{
	size_t n = 0;
	while (*text) {
		unsigned i = (unsigned char)*text;
		for (unsigned piece = 255; strchr("isr_", *text) && piece > 0x7f; piece--)
			if (!strncmp(text, tokens[piece], strlen(tokens[piece]))) {
				i = piece;
				break;
			}
		text += strlen(tokens[i]);
		out[n++] = i;
	}
	return n;
}

static void make_symbols(struct made *m, bool percpu)
{
	for (unsigned i = 0; i < COUNT; i++) {
		m->addr[i] = TEXT + i * 16ull;
		m->type[i] = "TtDdR"[i % 5];
		snprintf(m->name[i], sizeof(m->name[i]), "%s%u_%s", pieces[i % 5],
			 i * 7919 % 100000, pieces[i * 3 % 5]);
		if (percpu && i < PERCPU) {
			m->addr[i] = i * 8;
			m->type[i] = 'A';
		}
	}
	strcpy(m->name[PERCPU], "_stext");
	m->addr[PERCPU] = TEXT + PERCPU * 16;
	strcpy(m->name[40], "twice");
	strcpy(m->name[50], "twice");
	/* a name whose compressed form is longer than 127 */
	memset(m->name[60], 'q', 400);
	m->name[60][400] = 0;
	m->banner = 0x1800000;
	m->pgd = 0x1900000;
	strcpy(m->name[COUNT - 2], "linux_banner");
	m->addr[COUNT - 2] = virt(m->banner);
	strcpy(m->name[COUNT - 1], "init_top_pgt");
	m->addr[COUNT - 1] = virt(m->pgd);
	strcpy((char *)m->ram + m->banner, "Linux version 9.9.9 (gcc)");
	/* one 2 MB page maps the text's, one the banner's */
	uint64_t pud = m->pgd + 0x1000, pmd = m->pgd + 0x2000, entry;
	entry = pud | 3;
	memcpy(m->ram + m->pgd + 511 * 8, &entry, 8);
	entry = pmd | 3;
	memcpy(m->ram + pud + 510 * 8, &entry, 8);
	for (uint64_t phys = 0x1400000; phys < RAM; phys += 2 << 20) {
		entry = phys | 0x83;
		memcpy(m->ram + pmd + (virt(phys) - MAP) / (2 << 20) * 8, &entry, 8);
	}
}

static void put_offsets(struct made *m, const struct layout *l)
{
	const uint64_t base = TEXT;
	align(m, l->align);
	note(m, l->encoding == KALLSYMS_ABSOLUTE ? "kallsyms_addresses" : "kallsyms_offsets",
	     m->at);
	for (unsigned i = 0; i < COUNT; i++) {
		uint64_t addr = m->addr[i];
		switch (l->encoding) {
		case KALLSYMS_ABSOLUTE:
			put_uint(m, addr, 8);
			break;
		case KALLSYMS_RELATIVE:
			put_uint(m, addr - base, 4);
			break;
		case KALLSYMS_ABSOLUTE_PERCPU:
			put_uint(m, addr < MAP ? addr : base - 1 - addr, 4);
			break;
		case KALLSYMS_PLACE:
			put_uint(m, addr - virt(m->at), 4);
			break;
		}
	}
	if (l->encoding == KALLSYMS_RELATIVE || l->encoding == KALLSYMS_ABSOLUTE_PERCPU) {
		align(m, 8);
		note(m, "kallsyms_relative_base", m->at);
		put_uint(m, base, 8);
	}
}

static struct made *sorting;
static int by_name(const void *a, const void *b)
{
	unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;
	int order = strcmp(sorting->name[x], sorting->name[y]);
	return order ? order : x < y ? -1 : 1;
}

static void put_seqs(struct made *m, const struct layout *l)
{
	static unsigned order[COUNT];
	for (unsigned i = 0; i < COUNT; i++)
		order[i] = i;
	sorting = m;
	qsort(order, COUNT, sizeof(*order), by_name);
	align(m, l->align);
	for (unsigned i = 0; i < COUNT; i++) {
		put_uint(m, order[i] >> 16, 1);
		put_uint(m, order[i] >> 8, 1);
		put_uint(m, order[i], 1);
	}
}

static void put_names(struct made *m, const struct layout *l)
{
	uint64_t marks[COUNT / 256 + 1];
	align(m, l->align);
	note(m, "kallsyms_num_syms", m->at);
	put_uint(m, COUNT, 4);
	align(m, l->align);
	note(m, "kallsyms_names", m->at);
	uint64_t start = m->at;
	for (unsigned i = 0; i < COUNT; i++) {
		char text[1200];
		uint8_t bytes[1200];
		snprintf(text, sizeof(text), "%c%s", m->type[i], m->name[i]);
		size_t n = encode(text, bytes);
		if (i % 256 == 0)
			marks[i / 256] = m->at - start;
		if (n > 127)
			put_uint(m, (n & 0x7f) | 0x80, 1);
		put_uint(m, n > 127 ? n >> 7 : n, 1);
		put(m, bytes, n);
	}
	align(m, l->align);
	for (unsigned i = 0; i < (COUNT + 255) / 256; i++)
		put_uint(m, marks[i], l->marker);
}

static void put_tokens(struct made *m, const struct layout *l)
{
	uint16_t index[256];
	align(m, l->align);
	note(m, "kallsyms_token_table", m->at);
	uint64_t start = m->at;
	for (unsigned i = 0; i < 256; i++) {
		index[i] = m->at - start;
		put(m, tokens[i], strlen(tokens[i]) + 1);
	}
	align(m, l->align);
	note(m, "kallsyms_token_index", m->at);
	put(m, index, sizeof(index));
}

static struct made *make(const struct layout *l)
{
	struct made *m = calloc(1, sizeof(*m));
	void *ram;
	make_tokens();
	assert_null(vmcore_new_ram(RAM, &m->k.vmcore));
	assert_null(vmcore_map_writable(m->k.vmcore, 0, 4096, &ram));
	m->ram = ram;
	m->k.arch = &arch_x86_64;
	m->k.phys_base = PHYS_BASE;
	make_symbols(m, l->encoding == KALLSYMS_ABSOLUTE_PERCPU);
	/* the file's place within its page is not the memory's: keep it odd */
	m->at = m->start = 0x1a00000 + (l->align == 4 ? 4 : 8);
	if (l->order == OFFSETS_FIRST)
		put_offsets(m, l);
	put_names(m, l);
	if (l->order == OFFSETS_FIRST && l->seqs)
		put_seqs(m, l);
	put_tokens(m, l);
	if (l->order == OFFSETS_LAST)
		put_offsets(m, l);
	if (l->order == OFFSETS_LAST && l->seqs)
		put_seqs(m, l);
	m->end = m->at;
	snprintf(m->info + strlen(m->info), sizeof(m->info) - strlen(m->info),
		 "SYMBOL(_stext)=%llx\n", (unsigned long long)m->addr[PERCPU]);
	m->k.vmcoreinfo.text = m->info;
	m->k.vmcoreinfo.len = strlen(m->info);
	return m;
}

static void unmake(struct made *m)
{
	symbols_close(m->k.symbols);
	vmcore_close(m->k.vmcore);
	free(m);
}

static void check(struct made *m, struct kallsyms *t, const struct layout *l)
{
	uint32_t i;
	assert_int_equal(t->count, COUNT);
	assert_int_equal(t->encoding, l->encoding);
	assert_int_equal(t->seqs != NULL, l->seqs);
	for (unsigned n = 0; n < COUNT; n++) {
		assert_string_equal(kallsyms_name(t, n), m->name[n]);
		assert_int_equal(kallsyms_type(t, n), m->type[n]);
		assert_int_equal(kallsyms_address(t, n), m->addr[n]);
		assert_true(kallsyms_find(t, m->name[n], 0, &i));
		assert_string_equal(m->name[i], m->name[n]);
	}
	assert_true(kallsyms_find(t, "twice", 0, &i));
	assert_int_equal(i, 40);
	assert_true(kallsyms_find(t, "twice", 1, &i));
	assert_int_equal(i, 50);
	assert_false(kallsyms_find(t, "twice", 2, &i));
	assert_false(kallsyms_find(t, "nosuch", 0, &i));
	assert_false(kallsyms_find(t, "", 0, &i));
	assert_false(kallsyms_find(t, "zzzz", 0, &i));
}

static void test_named(void **state)
{
	for (unsigned i = 0; i < LAYOUTS; i++) {
		struct made *m = make(&layouts[i]);
		struct kallsyms t;
		assert_null(kallsyms_locate(&m->k, &t));
		check(m, &t, &layouts[i]);
		kallsyms_free(&t);
		unmake(m);
	}
}

static void test_by_shape(void **state)
{
	for (unsigned i = 0; i < LAYOUTS; i++) {
		struct made *m = make(&layouts[i]);
		struct kallsyms t;
		memmove(m->info, strstr(m->info, "SYMBOL(_stext)"),
			strlen(strstr(m->info, "SYMBOL(_stext)")) + 1);
		assert_null(kallsyms_locate(&m->k, &t));
		check(m, &t, &layouts[i]);
		kallsyms_free(&t);
		unmake(m);
	}
}

static void test_anywhere(void **state)
{
	for (unsigned i = 0; i < LAYOUTS; i++) {
		struct made *m = make(&layouts[i]);
		struct kallsyms t;
		m->k.vmcoreinfo = (struct vmcoreinfo){0};
		m->k.phys_base = 0;
		/* a copy that belongs to no kernel comes first */
		memcpy(m->ram + 0x200000 + m->start % 4096, m->ram + m->start, m->end - m->start);
		assert_null(kallsyms_find_in_memory(&m->k, &t));
		assert_int_equal(m->k.phys_base, PHYS_BASE);
		check(m, &t, &layouts[i]);
		kallsyms_free(&t);
		unmake(m);
	}
}

static void test_none(void **state)
{
	struct made *m = make(&layouts[0]);
	struct kallsyms t;
	memset(m->ram, 0, RAM);
	struct error *e = kallsyms_find_in_memory(&m->k, &t);
	assert_non_null(e);
	assert_int_equal(e->code, ERR_UNSUPPORTED);
	error_free(e);
	e = kallsyms_locate(&m->k, &t);
	assert_non_null(e);
	assert_int_equal(e->code, ERR_BAD_OBJECT);
	error_free(e);
	unmake(m);
}

static uint64_t seed = 1;
static uint64_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* Whatever is overwritten: an error, or tables that can be read to their end. */
static void test_damage(void **state)
{
	unsigned refused = 0;
	for (unsigned round = 0; round < 28; round++) {
		const struct layout *l = &layouts[round % LAYOUTS];
		struct made *m = make(l);
		size_t size = m->end - m->start;
		uint8_t *whole = malloc(size);
		memcpy(whole, m->ram + m->start, size);
		bool shape = round & 1;
		if (shape)
			memmove(m->info, strstr(m->info, "SYMBOL(_stext)"),
				strlen(strstr(m->info, "SYMBOL(_stext)")) + 1);
		for (unsigned try = 0; try < 8; try++) {
			struct kallsyms t;
			uint64_t at = rnd() % size, n = 1 + rnd() % (try % 4 ? 8 : size / 2);
			for (uint64_t i = at; i < at + n && i < size; i++)
				m->ram[m->start + i] = try & 1 ? 0xff : rnd();
			struct error *e = kallsyms_locate(&m->k, &t);
			if (e) {
				refused++;
				error_free(e);
			} else {
				uint32_t found;
				for (uint32_t i = 0; i < t.count; i++) {
					const char *name = kallsyms_name(&t, i);
					kallsyms_type(&t, i);
					kallsyms_address(&t, i);
					if (i % 50 == 0)
						kallsyms_find(&t, name, 0, &found);
				}
				kallsyms_free(&t);
			}
			memcpy(m->ram + m->start, whole, size);
		}
		free(whole);
		unmake(m);
	}
	assert_true(refused > 50);
}

static void test_lookups(void **state)
{
	struct made *m = make(&layouts[4]);
	struct symbol symbol;
	uint64_t offset;
	size_t index;
	char text[64];
	assert_null(symbols_open_kallsyms(&m->k));
	assert_int_equal(symbol_addr(&m->k, "_stext"), m->addr[PERCPU]);
	assert_int_equal(symbol_addr(&m->k, "nosuch"), 0);
	assert_true(symbol_at(&m->k, m->addr[100] + 5, &symbol, &offset));
	assert_string_equal(symbol.name, m->name[100]);
	assert_int_equal(offset, 5);
	assert_true(symbols_index(&m->k, &symbol, &index));
	assert_int_equal(index, 100);
	assert_true(symbol_format(&m->k, m->addr[40] + 3, text, sizeof(text)));
	assert_string_equal(text, "twice+3");
	assert_false(symbol_at(&m->k, 5, &symbol, &offset));
	assert_false(symbol_at(&m->k, 0xffff888000000000, &symbol, &offset));
	assert_false(symbol_at(&m->k, UINT64_MAX, &symbol, &offset));
	assert_int_equal(symbols_count(&m->k), COUNT);
	assert_false(symbols_get(&m->k, COUNT, &symbol));
	unmake(m);

	/* VMCOREINFO contradicts */
	m = make(&layouts[4]);
	char *digit = strstr(m->info, "SYMBOL(_stext)=") + 29;
	*digit = *digit == '0' ? '1' : '0';
	struct error *e = symbols_open_kallsyms(&m->k);
	assert_non_null(e);
	assert_int_equal(e->code, ERR_BAD_OBJECT);
	error_free(e);
	unmake(m);
}

static void test_system_map(void **state)
{
	char path[] = "/tmp/test_kallsyms.XXXXXX";
	int fd = mkstemp(path);
	FILE *f = fdopen(fd, "w");
	fputs("0000000000001000 A percpu\nffffffff81000000 T _text\nffffffff81000000 T "
	      "_stext\nffffffff81000010 t two\n",
	      f);
	fclose(f);
	struct kernel k = {.arch = &arch_x86_64, .kaslr_offset = 0x200000};
	assert_null(symbols_open_file(&k, path));
	assert_string_equal(symbols_file(&k), path);
	assert_int_equal(symbol_addr(&k, "two"), 0xffffffff81200010);
	assert_int_equal(symbol_addr(&k, "percpu"), 0x1000);
	struct symbol symbol;
	assert_true(symbol_at(&k, 0xffffffff81200004, &symbol, NULL));
	assert_string_equal(symbol.name, "_text");

	/* VMCOREINFO knows better by how much it moved */
	char info[] = "SYMBOL(_stext)=ffffffff91000000\n";
	k.vmcoreinfo.text = info;
	k.vmcoreinfo.len = strlen(info);
	assert_null(symbols_open_file(&k, path));
	assert_int_equal(symbol_addr(&k, "two"), 0xffffffff91000010);

	f = fopen(path, "w");
	fputs("ffffffff81000000 T _text\nnonsense\n", f);
	fclose(f);
	struct error *e = symbols_open_file(&k, path);
	assert_non_null(e);
	assert_int_equal(e->code, ERR_FORMAT);
	error_free(e);
	remove(path);
	e = symbols_open_file(&k, path);
	assert_non_null(e);
	assert_int_equal(e->code, ERR_IO);
	error_free(e);
	symbols_close(k.symbols);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_named),	   cmocka_unit_test(test_by_shape),
		cmocka_unit_test(test_anywhere),   cmocka_unit_test(test_none),
		cmocka_unit_test(test_damage),	   cmocka_unit_test(test_lookups),
		cmocka_unit_test(test_system_map),
	};
	return cmocka_run_group_tests_name("kallsyms", tests, NULL, NULL);
}
