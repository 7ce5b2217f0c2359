/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Loaded modules: their memory, their symbols, what they export; lists that loop and modules that
 * are none. */
#include <elf.h>
#include <stdio.h>

#include "small_kernel.h"

#define MODULE(i)  (SMALL_BASE + 0x100000 + (i)*0x10000)
#define TEXT(i)	   (MODULE(i) + 0x4000)
#define HEAD	   (SMALL_BASE + 0x1000)
#define LIST	   8
#define NAME	   24
#define CORE	   80
#define CORE_SIZE  88
#define KALLSYMS   96
#define SYMS	   104
#define NUM_SYMS   112
#define MODULE_ALL 120

static struct kernel *module_kernel(void)
{
	struct small_types t = small_types_new();
	int list =
		small_struct(&t, "list_head", 16, "next", t.pointer, 0, "prev", t.pointer, 8, NULL);
	int layout =
		small_struct(&t, "module_layout", 16, "base", t.pointer, 0, "size", t.u32, 8, NULL);
	small_struct(&t, "mod_kallsyms", 32, "symtab", t.pointer, 0, "num_symtab", t.u32, 8,
		     "strtab", t.pointer, 16, "typetab", t.pointer, 24, NULL);
	small_struct(&t, "kernel_symbol", 12, "value_offset", t.u32, 0, "name_offset", t.u32, 4,
		     NULL);
	small_struct(&t, "module", MODULE_ALL, "state", t.u32, 0, "list", list, LIST, "name",
		     small_array(&t, t.u8, 56), NAME, "core_layout", layout, CORE, "kallsyms",
		     t.pointer, KALLSYMS, "syms", t.pointer, SYMS, "num_syms", t.u32, NUM_SYMS,
		     NULL);
	btf__add_enum(t.btf, "module_state", 4);
	btf__add_enum_value(t.btf, "MODULE_STATE_LIVE", 0);
	btf__add_enum_value(t.btf, "MODULE_STATE_UNFORMED", 3);
	struct kernel *k = small_kernel_new(&t);
	char path[] = "/tmp/test_module.XXXXXX";
	FILE *f = fdopen(mkstemp(path), "w");
	fprintf(f, "%llx d modules\nffffffff81000000 T _stext\nffffffff81000100 T shared\n", HEAD);
	fclose(f);
	assert_success(symbols_open_file(k, path));
	remove(path);
	return k;
}

static void put_symbol(struct kernel *k, unsigned module, unsigned i, const char *name,
		       uint64_t value, char type)
{
	uint64_t symtab = MODULE(module) + 0x1000, strtab = MODULE(module) + 0x2000;
	Elf64_Sym sym = {.st_name = i * 16, .st_value = value};
	assert_success(kernel_write(k, symtab + i * sizeof(sym), &sym, sizeof(sym)));
	assert_success(kernel_write(k, strtab + i * 16, name, strlen(name) + 1));
	poke(k, MODULE(module) + 0x3000 + i, type, 1);
}

static void put_module(struct kernel *k, unsigned i, const char *name)
{
	uint64_t m = MODULE(i);
	assert_success(kernel_write(k, m + NAME, name, strlen(name) + 1));
	poke64(k, m + CORE, MODULE(i));
	poke(k, m + CORE_SIZE, 0x8000, 4);
	poke64(k, m + KALLSYMS, m + 0x800);
	poke64(k, m + 0x800, m + 0x1000);
	poke(k, m + 0x808, 4, 4);
	poke64(k, m + 0x810, m + 0x2000);
	poke64(k, m + 0x818, m + 0x3000);
	put_symbol(k, i, 0, "", 0, 0);
	put_symbol(k, i, 1, "second", TEXT(i) + 0x10, 't');
	put_symbol(k, i, 2, "shared", TEXT(i), 't');
	put_symbol(k, i, 3, i ? "other" : "own", TEXT(i) + 0x20, 'd');
	/* it exports "second" */
	poke64(k, m + SYMS, m + 0x900);
	poke(k, m + NUM_SYMS, 1, 4);
	poke(k, m + 0x900, TEXT(i) + 0x10 - (m + 0x900), 4);
	poke(k, m + 0x904, m + 0x2010 - (m + 0x904), 4);
}

/* The list: head, then the newest first. */
static void link_modules(struct kernel *k, unsigned count)
{
	uint64_t at = HEAD;
	for (unsigned i = count; i--;) {
		poke64(k, at, MODULE(i) + LIST);
		at = MODULE(i) + LIST;
	}
	poke64(k, at, HEAD);
}

static struct kernel *three(void)
{
	struct kernel *k = module_kernel();
	put_module(k, 0, "zero");
	put_module(k, 1, "one");
	put_module(k, 2, "two");
	link_modules(k, 3);
	return k;
}

static void test_modules(void **state)
{
	struct kernel *k = three();
	struct symbol s;
	uint64_t offset;
	char text[64];
	/* one that is being made has no symbols yet */
	poke(k, MODULE(1), 3, 4);
	assert_int_equal(modules_count(k), 2);
	assert_string_equal(modules_get(k, 0)->name, "zero");
	assert_string_equal(modules_get(k, 1)->name, "two");
	assert_int_equal(modules_get(k, 0)->base, MODULE(0));
	assert_int_equal(modules_get(k, 0)->size, 0x8000);
	assert_int_equal(symbols_count(k), 3 + 2 * 3);
	assert_null(modules_get(k, 2));

	assert_true(symbol_find(k, "own", &s));
	assert_string_equal(s.module, "zero");
	assert_int_equal(s.type, 'd');
	assert_true(symbol_find(k, "second", &s));
	assert_int_equal(s.type, 'T');
	/* the kernel's own first, then by module */
	assert_true(symbol_find_nth(k, "shared", 0, &s));
	assert_null(s.module);
	assert_true(symbol_find_nth(k, "shared", 2, &s));
	assert_string_equal(s.module, "two");
	assert_false(symbol_find_nth(k, "shared", 3, &s));
	assert_true(symbol_find(k, "two:shared", &s));
	assert_int_equal(s.addr, TEXT(2));
	assert_false(symbol_find(k, "two:own", &s));
	assert_false(symbol_find(k, "none:own", &s));
	assert_int_equal(symbol_addr(k, "own"), 0);

	assert_true(symbol_at(k, TEXT(2) + 0x12, &s, &offset));
	assert_string_equal(s.name, "second");
	assert_int_equal(offset, 2);
	assert_true(symbol_format(k, TEXT(2) + 0x12, text, sizeof(text)));
	assert_string_equal(text, "second+2 [two]");
	assert_false(symbol_at(k, MODULE(2), &s, &offset)); /* before its first symbol */
	assert_false(symbol_at(k, MODULE(2) + 0x8000, &s, &offset));
	assert_ptr_equal(module_at(k, MODULE(2) + 0x7fff), modules_get(k, 1));
	assert_null(module_at(k, MODULE(1)));
	assert_success(symbols_add_modules(k));
	small_kernel_free(k);
}

static void test_no_modules(void **state)
{
	struct kernel *k = module_kernel();
	link_modules(k, 0);
	assert_int_equal(modules_count(k), 0);
	assert_success(symbols_add_modules(k));
	small_kernel_free(k);
}

static void expect_damage(struct kernel *k, enum error_code code, size_t modules)
{
	struct symbol s;
	assert_error(symbols_add_modules(k), code);
	/* asked again: the same */
	assert_error(symbols_add_modules(k), code);
	assert_int_equal(modules_count(k), modules);
	assert_true(symbol_find(k, "_stext", &s));
	small_kernel_free(k);
}

static void test_loop(void **state)
{
	struct kernel *k = three();
	poke64(k, MODULE(0) + LIST, MODULE(1) + LIST);
	expect_damage(k, ERR_BAD_LIST, 3);
	k = three();
	poke64(k, MODULE(2) + LIST, MODULE(2) + LIST);
	expect_damage(k, ERR_BAD_LIST, 1);
}

static void test_astray(void **state)
{
	struct kernel *k = three();
	poke64(k, MODULE(1) + LIST, 0xdead000000000100);
	expect_damage(k, ERR_NOT_MAPPED, 2);
	k = three();
	poke64(k, MODULE(1) + LIST, SMALL_BASE + SMALL_RAM - 4);
	struct error *e = symbols_add_modules(k);
	assert_non_null(e);
	error_free(e);
	assert_int_equal(modules_count(k), 2);
	small_kernel_free(k);
}

static void test_bad_module(void **state)
{
	/* no name; too many symbols; symbols that are not there; names far away */
	struct kernel *k = three();
	poke(k, MODULE(1) + NAME, 0, 1);
	expect_damage(k, ERR_BAD_OBJECT, 2);
	k = three();
	poke(k, MODULE(1) + 0x808, 0xffffffff, 4);
	expect_damage(k, ERR_BAD_OBJECT, 3);
	k = three();
	poke64(k, MODULE(1) + 0x800, 0xffffc90000000000);
	expect_damage(k, ERR_NOT_MAPPED, 3);
	k = three();
	poke(k, MODULE(1) + 0x1000 + 24, 0xfffffff0, 4);
	expect_damage(k, ERR_BAD_OBJECT, 3);
	/* names beyond the module's memory are none */
	k = three();
	poke(k, MODULE(1) + 0x1000 + 24, 0x7000, 4);
	struct symbol s;
	assert_success(symbols_add_modules(k));
	assert_false(symbol_find(k, "one:second", &s));
	assert_true(symbol_find(k, "one:shared", &s));
	small_kernel_free(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_modules),	   cmocka_unit_test(test_no_modules),
		cmocka_unit_test(test_loop),	   cmocka_unit_test(test_astray),
		cmocka_unit_test(test_bad_module),
	};
	return cmocka_run_group_tests_name("module", tests, NULL, NULL);
}
