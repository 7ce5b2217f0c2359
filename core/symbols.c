/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/kernel.h"
#include "core/symbol_table.h"

struct error *symbols_new(struct kernel *k, struct symbols **out)
{
	struct symbols *s = calloc(1, sizeof(*s));
	if (!s)
		return error_new(ERR_NO_MEMORY, "out of memory");
	symbols_close(k->symbols);
	k->symbols = *out = s;
	return NULL;
}

void symbols_close(struct symbols *s)
{
	if (!s)
		return;
	free(s->path);
	kallsyms_free(&s->kallsyms);
	for (size_t i = 0; i < s->block_count; i++)
		free(s->blocks[i]);
	free(s->blocks);
	free(s->entries);
	free(s->hash);
	error_free(s->modules_error);
	free(s->modules);
	free(s->regions);
	free(s);
}

struct error *symbols_open_found(struct kernel *k, struct kallsyms *found)
{
	struct symbols *s = NULL;
	struct error *e = symbols_new(k, &s);
	if (e) {
		kallsyms_free(found);
		return e;
	}
	s->kallsyms = *found;
	s->kernel_count = found->count;

	/* Other than the shape, this tells a table that was overwritten with sense. */
	uint64_t told, decoded = symbol_addr(k, "_stext");
	if (vmcoreinfo_symbol(&k->vmcoreinfo, "_stext", &told) && decoded && told != decoded)
		return error_new(ERR_BAD_OBJECT,
				 "kallsyms: _stext is %" PRIx64 ", but VMCOREINFO says %" PRIx64,
				 decoded, told);
	return NULL;
}

struct error *symbols_open_kallsyms(struct kernel *k)
{
	struct kallsyms found;
	TRY(kallsyms_locate(k, &found));
	return symbols_open_found(k, &found);
}

const char *symbols_file(const struct kernel *k)
{
	return k->symbols ? k->symbols->path : NULL;
}

/* ---- The table ---- */

struct error *symbols_append(struct symbols *s, uint64_t addr, char type, const char *name,
			     uint32_t module)
{
	if (s->entry_count == s->entry_room) {
		size_t room = s->entry_room ? 2 * s->entry_room : 1024;
		struct symbol_entry *more = realloc(s->entries, room * sizeof(*more));
		if (!more)
			return error_new(ERR_NO_MEMORY, "out of memory");
		s->entries = more;
		s->entry_room = room;
	}
	s->entries[s->entry_count++] =
		(struct symbol_entry){.addr = addr, .name = name, .module = module, .type = type};
	return NULL;
}

struct error *symbols_keep(struct symbols *s, void *block)
{
	void **more = realloc(s->blocks, (s->block_count + 1) * sizeof(*more));
	if (!more) {
		free(block);
		return error_new(ERR_NO_MEMORY, "out of memory");
	}
	s->blocks = more;
	s->blocks[s->block_count++] = block;
	return NULL;
}

static int by_address(const void *a, const void *b)
{
	const struct symbol_entry *x = a, *y = b;
	if (x->addr != y->addr)
		return x->addr < y->addr ? -1 : 1;
	return 0;
}

void symbols_sort(struct symbols *s, size_t from)
{
	/* glibc's qsort() is a stable merge sort, but promises nothing: names that share an address
	 * are told apart by order alone */
	struct symbol_entry *e = s->entries + from;
	size_t n = s->entry_count - from;
	bool sorted = true;
	for (size_t i = 1; i < n && sorted; i++)
		sorted = e[i - 1].addr <= e[i].addr;
	if (!sorted)
		qsort(e, n, sizeof(*e), by_address);
}

static size_t total(const struct symbols *s)
{
	return s->kallsyms.count + s->entry_count;
}

static uint64_t addr_of(const struct symbols *s, size_t i)
{
	return i < s->kallsyms.count ? kallsyms_address(&s->kallsyms, i)
				     : s->entries[i - s->kallsyms.count].addr;
}

static void fill(struct symbols *s, size_t i, struct symbol *out)
{
	out->addr = addr_of(s, i);
	out->module = NULL;
	if (i < s->kallsyms.count) {
		out->name = kallsyms_name(&s->kallsyms, i);
		out->type = kallsyms_type(&s->kallsyms, i);
		return;
	}
	const struct symbol_entry *e = &s->entries[i - s->kallsyms.count];
	out->name = e->name;
	out->type = e->type;
	if (e->module != NO_MODULE)
		out->module = s->modules[e->module].name;
}

/* ---- By name ---- */

static uint64_t hash_name(const char *name, size_t length)
{
	uint64_t h = length * 0x9e3779b97f4a7c15, word;
	for (; length >= 8; length -= 8, name += 8) {
		memcpy(&word, name, 8);
		h = (h ^ word) * 0xff51afd7ed558ccd;
		h ^= h >> 32;
	}
	word = 0;
	memcpy(&word, name, length);
	h = (h ^ word) * 0xc4ceb9fe1a85ec53;
	return h ^ h >> 29;
}

/* Brings the hash of the entries up to date; false without memory. */
static bool hash_entries(struct symbols *s)
{
	if (s->hashed == s->entry_count && s->hash)
		return true;
	if (2 * s->entry_count > s->hash_size || !s->hash) {
		size_t size = 256;
		while (size < 2 * s->entry_count)
			size *= 2;
		free(s->hash);
		s->hashed = 0;
		s->hash_size = 0;
		s->hash = calloc(size, sizeof(*s->hash));
		if (!s->hash)
			return false;
		s->hash_size = size;
	}
	for (; s->hashed < s->entry_count; s->hashed++) {
		const char *name = s->entries[s->hashed].name;
		size_t at = hash_name(name, strlen(name)) & (s->hash_size - 1);
		while (s->hash[at])
			at = (at + 1) & (s->hash_size - 1);
		s->hash[at] = s->hashed + 1;
	}
	return true;
}

/* The nth symbol of that name with an index in [from, to). */
static bool find(struct symbols *s, const char *name, size_t from, size_t to, unsigned n,
		 struct symbol *out)
{
	uint32_t found, has = 0;
	if (from < s->kallsyms.count) {
		if (kallsyms_find(&s->kallsyms, name, n, &found)) {
			fill(s, found, out);
			return true;
		}
		while (has < n && kallsyms_find(&s->kallsyms, name, has, &found))
			has++;
		n -= has;
	}
	if (to <= s->kallsyms.count || !hash_entries(s))
		return false;
	size_t at = hash_name(name, strlen(name)) & (s->hash_size - 1);
	for (; s->hash[at]; at = (at + 1) & (s->hash_size - 1)) {
		size_t i = s->kallsyms.count + s->hash[at] - 1;
		if (i < from || i >= to || strcmp(s->entries[s->hash[at] - 1].name, name) || n--)
			continue;
		fill(s, i, out);
		return true;
	}
	return false;
}

/* Reads the modules once there are the members to read them by; what fails is kept for
 * symbols_add_modules(). */
static void want_modules(struct kernel *k)
{
	struct symbols *s = k->symbols;
	if (s->modules_state == MODULES_UNREAD && HAS(k, module, list))
		error_drop(symbols_add_modules(k));
}

bool symbol_find_nth(struct kernel *k, const char *name, unsigned n, struct symbol *out)
{
	struct symbols *s = k->symbols;
	if (!s)
		return false;
	const char *colon = strchr(name, ':');
	if (colon) {
		want_modules(k);
		for (size_t i = 0; i < s->module_count; i++) {
			const struct module *m = &s->modules[i];
			if (strlen(m->name) == (size_t)(colon - name) &&
			    !memcmp(m->name, name, colon - name))
				return find(s, colon + 1, m->first_symbol,
					    m->first_symbol + m->symbol_count, n, out);
		}
		return false;
	}
	if (find(s, name, 0, total(s), n, out))
		return true;
	if (s->modules_state != MODULES_UNREAD)
		return false;
	want_modules(k);
	return s->modules_state == MODULES_READ && find(s, name, 0, total(s), n, out);
}

bool symbol_find(struct kernel *k, const char *name, struct symbol *out)
{
	return symbol_find_nth(k, name, 0, out);
}

static uint64_t look_up(struct kernel *k, const char *name)
{
	struct symbol symbol;
	uint64_t told;
	if (find(k->symbols, name, 0, k->symbols->kernel_count, 0, &symbol))
		return symbol.addr;
	/* kallsyms may have functions only (no CONFIG_KALLSYMS_ALL). */
	return vmcoreinfo_symbol(&k->vmcoreinfo, name, &told) ? told : 0;
}

uint64_t symbol_addr(struct kernel *k, const char *name)
{
	if (!k->symbols)
		return 0;
	size_t length = strlen(name);
	struct symbol_memo *m = &k->symbols->memo[hash_name(name, length) % (sizeof(k->symbols->memo) / sizeof(*m))];
	if (length >= sizeof(m->name))
		return look_up(k, name);
	/* More symbols, or other notes, may know it where fewer did not. */
	if (!m->used || m->notes != k->vmcoreinfo.text || m->kernel_count != k->symbols->kernel_count || memcmp(m->name, name, length + 1)) {
		memcpy(m->name, name, length + 1);
		m->used = true;
		m->notes = k->vmcoreinfo.text;
		m->kernel_count = k->symbols->kernel_count;
		m->addr = look_up(k, name);
	}
	return m->addr;
}

/* ---- By address ---- */

/* The first of the symbols with the greatest address <= addr in [from, to); to when there is none.
 */
static size_t nearest(const struct symbols *s, size_t from, size_t to, uint64_t addr)
{
	size_t low = from, high = to;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (addr_of(s, middle) <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == from)
		return to;
	low--;
	while (low > from && addr_of(s, low - 1) == addr_of(s, low))
		low--;
	return low;
}

static bool in_kernel(const struct kernel *k, uint64_t addr)
{
	const struct symbols *s = k->symbols;
	if (!s->kernel_count || addr < k->arch->kernel_map)
		return false;
	if (k->text_end > k->text_start)
		return addr >= k->text_start && addr < k->text_end;
	return addr <= addr_of(s, s->kernel_count - 1) + VMCORE_PAGE_SIZE;
}

static const struct module_region *region_at(const struct symbols *s, uint64_t addr)
{
	size_t low = 0, high = s->region_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (s->regions[middle].start <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low || addr - s->regions[low - 1].start >= s->regions[low - 1].size)
		return NULL;
	return &s->regions[low - 1];
}

bool symbol_at(struct kernel *k, uint64_t addr, struct symbol *out, uint64_t *offset)
{
	struct symbols *s = k->symbols;
	size_t i;
	if (!s)
		return false;
	if (in_kernel(k, addr)) {
		i = nearest(s, 0, s->kernel_count, addr);
		if (i == s->kernel_count || addr_of(s, i) < k->arch->kernel_map)
			return false;
	} else {
		want_modules(k);
		const struct module_region *r = region_at(s, addr);
		if (!r)
			return false;
		const struct module *m = &s->modules[r->module];
		i = nearest(s, m->first_symbol, m->first_symbol + m->symbol_count, addr);
		if (i == m->first_symbol + m->symbol_count || addr_of(s, i) < r->start)
			return false;
	}
	fill(s, i, out);
	if (offset)
		*offset = addr - out->addr;
	return true;
}

bool symbol_format(struct kernel *k, uint64_t addr, char *buf, size_t size)
{
	struct symbol symbol;
	uint64_t offset;
	if (size)
		*buf = 0;
	if (!symbol_at(k, addr, &symbol, &offset))
		return false;
	char plus[24] = "";
	if (offset)
		snprintf(plus, sizeof(plus), "+%" PRIu64, offset);
	if (symbol.module)
		snprintf(buf, size, "%s%s [%s]", symbol.name, plus, symbol.module);
	else
		snprintf(buf, size, "%s%s", symbol.name, plus);
	return true;
}

size_t symbols_count(struct kernel *k)
{
	if (!k->symbols)
		return 0;
	want_modules(k);
	return total(k->symbols);
}

bool symbols_get(struct kernel *k, size_t index, struct symbol *out)
{
	if (!k->symbols || index >= total(k->symbols))
		return false;
	fill(k->symbols, index, out);
	return true;
}

bool symbols_index(struct kernel *k, const struct symbol *symbol, size_t *index)
{
	struct symbols *s = k->symbols;
	size_t from = 0, to = s ? s->kernel_count : 0;
	for (size_t i = 0; symbol->module && s && i < s->module_count; i++)
		if (symbol->module == s->modules[i].name) {
			from = s->modules[i].first_symbol;
			to = from + s->modules[i].symbol_count;
		}
	for (size_t i = s ? nearest(s, from, to, symbol->addr) : to; i < to; i++) {
		struct symbol at;
		fill(s, i, &at);
		if (at.addr != symbol->addr)
			break;
		if (!strcmp(at.name, symbol->name)) {
			*index = i;
			return true;
		}
	}
	return false;
}

/* ---- Modules ---- */

size_t modules_count(struct kernel *k)
{
	if (!k->symbols)
		return 0;
	want_modules(k);
	return k->symbols->module_count;
}

const struct module *modules_get(struct kernel *k, size_t index)
{
	return index < modules_count(k) ? &k->symbols->modules[index] : NULL;
}

const struct module *module_at(struct kernel *k, uint64_t addr)
{
	if (!k->symbols)
		return NULL;
	want_modules(k);
	const struct module_region *r = region_at(k->symbols, addr);
	return r ? &k->symbols->modules[r->module] : NULL;
}
