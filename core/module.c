/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Loaded modules (include/linux/module.h): the list at `modules`, each module's memory, and its own
 * kallsyms: an ELF symbol table with its strings, cut down to what is kept after loading
 * (kernel/module/kallsyms.c).
 */
#include <ctype.h>
#include <elf.h>
#include <inttypes.h>
#include <stdlib.h>

#include "core/interrupt.h"
#include "core/kernel.h"
#include "core/symbol_table.h"

#define MODULES_MAX	   16384
#define MODULE_SYMBOLS_MAX (1u << 21)
#define NAME_LEN_MAX	   512 /* KSYM_NAME_LEN */

/* ---- Memory ---- */

static struct error *add_region(struct symbols *s, struct module *m, unsigned kind, uint64_t start,
				uint64_t size)
{
	if (!start || !size || size > 1ull << 31 || start + size < start ||
	    m->memory_count == MODULE_MEMORIES)
		return NULL;
	struct module_region *more = realloc(s->regions, (s->region_count + 1) * sizeof(*more));
	if (!more)
		return error_new(ERR_NO_MEMORY, "out of memory");
	s->regions = more;
	s->regions[s->region_count++] = (struct module_region){start, size, m - s->modules};
	m->memory[m->memory_count++] = (struct module_memory_piece){start, size, kind};
	m->size += size;
	return NULL;
}

static struct error *add_memory(struct kernel *k, struct symbols *s, struct module *m,
				const struct object *o)
{
	m->by_type = HAS(k, module, mem);
	if (m->by_type) {
		const struct member *mem = &k->members[M_module_mem];
		for (uint32_t i = 0; i < mem->count; i++) {
			struct object piece = {o->bytes + mem->offset + i * mem->stride, 0,
					       mem->stride};
			if (mem->offset + (uint64_t)(i + 1) * mem->stride > o->size)
				break;
			uint64_t base = GET(k, &piece, module_memory, base);
			if (!i)
				m->base = base; /* MOD_TEXT */
			TRY(add_region(s, m, i, base, GET(k, &piece, module_memory, size)));
		}
		return NULL;
	}
	m->base = GET(k, o, module, core_base);
	TRY(add_region(s, m, 0, m->base, GET(k, o, module, core_size)));
	return add_region(s, m, 1, GET(k, o, module, init_base), GET(k, o, module, init_size));
}

/* Where the module's memory around addr ends, or 0. The regions are not sorted yet. */
static uint64_t memory_end(const struct symbols *s, const struct module *m, uint64_t addr)
{
	for (size_t i = s->region_count; i--;) {
		const struct module_region *r = &s->regions[i];
		if (r->module != m - s->modules)
			break;
		if (addr - r->start < r->size)
			return r->start + r->size;
	}
	return 0;
}

/* ---- Symbols ---- */

struct exported {
	uint64_t value, name;
};

struct exports {
	struct exported *symbol;
	size_t count;
};

static int by_value(const void *a, const void *b)
{
	const struct exported *x = a, *y = b;
	return x->value < y->value ? -1 : x->value > y->value;
}

/* Bytes of the image, copied; the caller frees them. */
static struct error *read_bytes(struct kernel *k, uint64_t addr, size_t size, unsigned char **out)
{
	*out = malloc(size ? size : 1);
	if (!*out)
		return error_new(ERR_NO_MEMORY, "out of memory");
	struct error *e = kernel_read(k, addr, *out, size);
	if (e) {
		free(*out);
		*out = NULL;
	}
	return e;
}

static struct error *add_exports(struct kernel *k, struct exports *e, uint64_t table,
				 uint64_t count)
{
	const uint32_t size = SIZE_OF(k, kernel_symbol);
	unsigned char *bytes = NULL;
	if (!table || !count || !size)
		return NULL;
	if (count > MODULE_SYMBOLS_MAX)
		return error_new(ERR_BAD_OBJECT, "%" PRIu64 " exported symbols", count);
	struct exported *more = realloc(e->symbol, (e->count + count) * sizeof(*more));
	if (!more)
		return error_new(ERR_NO_MEMORY, "out of memory");
	e->symbol = more;
	TRY(read_bytes(k, table, count * size, &bytes));
	for (uint64_t i = 0; i < count; i++) {
		struct object o = {bytes + i * size, table + i * size, size};
		struct exported *x = &e->symbol[e->count++];
		if (HAS(k, kernel_symbol, value_offset)) {
			x->value = MEMBER_ADDR(k, &o, kernel_symbol, value_offset) +
				   GET(k, &o, kernel_symbol, value_offset);
			x->name = MEMBER_ADDR(k, &o, kernel_symbol, name_offset) +
				  GET(k, &o, kernel_symbol, name_offset);
		} else {
			x->value = GET(k, &o, kernel_symbol, value);
			x->name = GET(k, &o, kernel_symbol, name);
		}
	}
	free(bytes);
	return NULL;
}

static bool is_exported(struct kernel *k, const struct exports *e, uint64_t value, const char *name)
{
	size_t low = 0, high = e->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (e->symbol[middle].value < value)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < e->count && e->symbol[low].value == value; low++) {
		char text[NAME_LEN_MAX];
		if (!error_drop(kernel_read_string(k, e->symbol[low].name, text, sizeof(text))) &&
		    !strcmp(text, name))
			return true;
	}
	return false;
}

struct module_tables {
	uint64_t symtab, count, strtab, typetab;
};

static struct error *find_tables(struct kernel *k, const struct object *o, struct module_tables *t)
{
	memset(t, 0, sizeof(*t));
	if (!HAS(k, module, kallsyms)) {
		t->symtab = GET(k, o, module, symtab);
		t->count = GET(k, o, module, num_symtab);
		t->strtab = GET(k, o, module, strtab);
		return NULL;
	}
	uint64_t addr = GET(k, o, module, kallsyms);
	if (!addr)
		return NULL;
	struct object kallsyms;
	TRY(object_open(k, addr, S_mod_kallsyms, &kallsyms));
	t->symtab = GET(k, &kallsyms, mod_kallsyms, symtab);
	t->count = GET(k, &kallsyms, mod_kallsyms, num_symtab);
	t->strtab = GET(k, &kallsyms, mod_kallsyms, strtab);
	t->typetab = GET(k, &kallsyms, mod_kallsyms, typetab);
	return NULL;
}

/* Entry i of an ELF symbol table, in either width. */
static uint32_t symbol_of(const struct kernel *k, const unsigned char *table, uint64_t i,
			  uint64_t *value, char *info)
{
	if (k->arch->pointer_size == 8) {
		Elf64_Sym sym;
		memcpy(&sym, table + i * sizeof(sym), sizeof(sym));
		*value = sym.st_value;
		*info = sym.st_info;
		return sym.st_name;
	}
	Elf32_Sym sym;
	memcpy(&sym, table + i * sizeof(sym), sizeof(sym));
	*value = sym.st_value;
	*info = sym.st_info;
	return sym.st_name;
}

/* The module's strings, at least `need` bytes of them, NUL-terminated; owned by s. */
static struct error *read_strings(struct kernel *k, struct symbols *s, const struct module *m,
				  uint64_t strtab, uint64_t need, const char **out, size_t *size)
{
	uint64_t most = need + NAME_LEN_MAX, end = memory_end(s, m, strtab);
	if (end && most > end - strtab)
		most = end - strtab;
	char *text = malloc(most + 1);
	if (!text)
		return error_new(ERR_NO_MEMORY, "out of memory");
	struct error *e = kernel_read(k, strtab, text, most);
	if (e && !end && most > need) {
		/* the last of it need not be there */
		error_free(e);
		most = need;
		e = kernel_read(k, strtab, text, most);
	}
	if (e) {
		free(text);
		return e;
	}
	text[most] = 0;
	*out = text;
	*size = most;
	return symbols_keep(s, text);
}

static struct error *append_symbols(struct kernel *k, struct symbols *s, struct module *m,
				    const struct module_tables *t, const struct exports *exports,
				    const unsigned char *table, const unsigned char *types)
{
	uint64_t value, need = 0;
	char info;
	for (uint64_t i = 0; i < t->count; i++) {
		uint32_t at = symbol_of(k, table, i, &value, &info);
		if (at >= need)
			need = at + 1ull;
	}
	if (need > 1u << 28)
		return error_new(ERR_BAD_OBJECT, "symbol names %" PRIu64 " bytes away", need);
	const char *strings = NULL;
	size_t size = 0;
	TRY(read_strings(k, s, m, t->strtab, need, &strings, &size));
	for (uint64_t i = 0; i < t->count; i++) {
		uint32_t at = symbol_of(k, table, i, &value, &info);
		/* /proc/kallsyms leaves out what has no name */
		if (at >= size || !strings[at])
			continue;
		int type = types ? types[i] : (unsigned char)info;
		type = isalpha(type) ? tolower(type) : '?';
		if (is_exported(k, exports, value, strings + at))
			type = toupper(type);
		TRY(symbols_append(s, value, type, strings + at, m - s->modules));
	}
	return NULL;
}

static struct error *add_symbols(struct kernel *k, struct symbols *s, struct module *m,
				 const struct object *o)
{
	struct module_tables t;
	TRY(find_tables(k, o, &t));
	if (!t.count || !t.symtab || !t.strtab)
		return NULL;
	if (t.count > MODULE_SYMBOLS_MAX)
		return error_at(ERR_BAD_OBJECT, o->addr, "%" PRIu64 " symbols", t.count);
	struct exports exports = {0};
	/* what it exports only decides between upper and lower case */
	error_drop(add_exports(k, &exports, GET(k, o, module, syms), GET(k, o, module, num_syms)));
	error_drop(add_exports(k, &exports, GET(k, o, module, gpl_syms),
			       GET(k, o, module, num_gpl_syms)));
	if (exports.count)
		qsort(exports.symbol, exports.count, sizeof(*exports.symbol), by_value);

	unsigned char *table = NULL, *types = NULL;
	size_t entry = k->arch->pointer_size == 8 ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);
	struct error *e = read_bytes(k, t.symtab, t.count * entry, &table);
	if (!e && t.typetab)
		e = read_bytes(k, t.typetab, t.count, &types);
	if (!e)
		e = append_symbols(k, s, m, &t, &exports, table, types);
	free(types);
	free(table);
	free(exports.symbol);
	return e;
}

/* ---- The list ---- */

struct found_module {
	uint64_t addr, base;
};

static int by_base(const void *a, const void *b)
{
	const struct found_module *x = a, *y = b;
	return x->base < y->base ? -1 : x->base > y->base;
}

static uint64_t text_base(struct kernel *k, uint64_t addr)
{
	struct object o;
	uint64_t base = 0;
	if (!object_try_open(k, addr, S_module, &o))
		return 0;
	if (!HAS(k, module, mem))
		return GET(k, &o, module, core_base);
	return error_drop(kernel_read_pointer(
		       k, addr + OFFSET(k, module, mem) + OFFSET(k, module_memory, base), &base))
		       ? 0
		       : base;
}

/* The addresses of all struct module, by base. A list that breaks off gives what came before, and
 * an error. */
static struct error *find_modules(struct kernel *k, struct found_module **out, size_t *count)
{
	uint64_t head = symbol_addr(k, "modules"), at, tortoise, steps = 0, power = 1;
	*out = NULL;
	*count = 0;
	if (!head)
		return NULL;
	struct error *e = kernel_read_pointer(k, head, &at);
	size_t room = 0;
	for (tortoise = head; !e && at != head;) {
		if (*count == room) {
			room = room ? 2 * room : 64;
			struct found_module *more = realloc(*out, room * sizeof(*more));
			if (!more) {
				e = error_new(ERR_NO_MEMORY, "out of memory");
				break;
			}
			*out = more;
		}
		struct found_module *f = &(*out)[(*count)++];
		f->addr = at - OFFSET(k, module, list);
		e = kernel_read_pointer(k, at, &at);
		if (e) {
			--*count;
			e = error_prefix(e, "list of modules");
			break;
		}
		f->base = text_base(k, f->addr);
		/* Brent's: the tortoise jumps to the hare at every power of two */
		if (at == tortoise || *count >= MODULES_MAX)
			e = error_at(ERR_BAD_LIST, at, "list of modules loops at %" PRIx64, at);
		if (++steps == power) {
			tortoise = at;
			power *= 2;
			steps = 0;
		}
	}
	if (*count) {
		qsort(*out, *count, sizeof(**out), by_base);
		/* what a loop gave twice */
		size_t kept = 1;
		for (size_t i = 1; i < *count; i++)
			if ((*out)[i].addr != (*out)[kept - 1].addr)
				(*out)[kept++] = (*out)[i];
		*count = kept;
	}
	return e;
}

static struct error *add_module(struct kernel *k, struct symbols *s, uint64_t addr)
{
	struct object o;
	TRY(object_open(k, addr, S_module, &o));
	int64_t unformed;
	if (HAS(k, module, state) && enumerator_find(k, "MODULE_STATE_UNFORMED", &unformed) &&
	    (int64_t)GET(k, &o, module, state) == unformed)
		return NULL;
	size_t length;
	const unsigned char *name = object_bytes(k, &o, M_module_name, &length);
	struct module *m = &s->modules[s->module_count];
	memset(m, 0, sizeof(*m));
	m->addr = addr;
	if (!name || !length || !memchr(name, 0, length) || !*name)
		return error_at(ERR_BAD_OBJECT, addr, "%" PRIx64 " is no struct module", addr);
	strncpy(m->name, (const char *)name, sizeof(m->name) - 1);
	m->first_symbol = s->kallsyms.count + s->entry_count;
	s->module_count++;
	struct error *e = add_memory(k, s, m, &o);
	m->btf_data = GET(k, &o, module, btf_data);
	m->btf_size = GET(k, &o, module, btf_data_size);
	if (!e)
		e = add_symbols(k, s, m, &o);
	symbols_sort(s, m->first_symbol - s->kallsyms.count);
	m->symbol_count = s->kallsyms.count + s->entry_count - m->first_symbol;
	return error_prefix(e, "module %s", m->name);
}

static int by_start(const void *a, const void *b)
{
	const struct module_region *x = a, *y = b;
	return x->start < y->start ? -1 : x->start > y->start;
}

struct error *symbols_add_modules(struct kernel *k)
{
	struct symbols *s = k->symbols;
	if (!s)
		return error_new(ERR_UNSUPPORTED, "no symbols");
	if (s->modules_state != MODULES_UNREAD)
		return s->modules_error ? error_at(s->modules_error->code, s->modules_error->addr,
						   "%s", s->modules_error->message)
					: NULL;
	/* A kernel that was built without modules knows neither the list nor what is in it. */
	if (!HAS_STRUCT(k, module) && !symbol_addr(k, "modules")) {
		s->modules_state = MODULES_READ;
		return NULL;
	}
	TRY(members_require(k, "the list of modules", M_module_list, M_module_name, MEMBER_NONE));

	struct found_module *found;
	size_t count;
	s->modules_state = MODULES_READING;
	struct error *first = find_modules(k, &found, &count);
	s->modules = calloc(count ? count : 1, sizeof(*s->modules));
	for (size_t i = 0; s->modules && i < count && !interrupted(); i++) {
		struct error *e = add_module(k, s, found[i].addr);
		if (first)
			error_drop(e);
		else
			first = e;
	}
	free(found);
	if (s->region_count)
		qsort(s->regions, s->region_count, sizeof(*s->regions), by_start);
	s->modules_state = MODULES_READ;
	s->modules_error = first;
	return first ? error_at(first->code, first->addr, "%s", first->message) : NULL;
}
