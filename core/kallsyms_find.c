/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where kallsyms' tables are. VMCOREINFO names them (since 6.0, kernel/crash_core.c); else they are
 * found by their shape, starting from the one part that cannot be mistaken: a token table in which
 * the digits stand for themselves, with its index behind it. The order of the tables, from
 * scripts/kallsyms.c:
 *
 *   until 6.3   offsets, relative_base (or addresses) · num_syms, names, markers, [seqs_of_names],
 * token_table, token_index since 6.4   num_syms, names, markers, token_table, token_index ·
 * offsets, [relative_base], [seqs_of_names]
 *
 * each aligned to 8 or 4 bytes. Which order and which encoding it is, is found out by what makes
 * the addresses ascend.
 */
#include <stdlib.h>
#include <string.h>

#include "core/interrupt.h"
#include "core/kallsyms.h"
#include "core/kernel.h"

#define MB (1ull << 20)
/* Names, markers and addresses of a million symbols fit in this. */
#define REACH (48 * MB)
/* Greatest size of a kernel's image in memory (KERNEL_IMAGE_SIZE,
 * arch/x86/include/asm/page_64_types.h). */
#define IMAGE_MAX  (1024 * MB)
#define TOKENS_MAX (64 * 1024)
/* 256 names of the greatest length there is. */
#define MARKER_STEP_MAX (256 * 1026)

static uint64_t align_up(uint64_t value, uint64_t to)
{
	return (value + to - 1) & -to;
}

static uint64_t image_phys(const struct kernel *k, uint64_t addr)
{
	uint64_t phys = addr - k->arch->kernel_map + k->phys_base;
	return k->arch->pointer_size == 4 ? (uint32_t)phys : phys;
}

/* ---- Encodings ---- */

static bool ascends(const struct kallsyms *t)
{
	uint64_t last = 0;
	for (uint32_t i = 0; i < t->count; i++) {
		uint64_t addr = kallsyms_address(t, i);
		if (addr < last)
			return false;
		last = addr;
	}
	return true;
}

/* Could this be the address of a kernel's text? */
static bool plausible_base(const struct kernel *k, uint64_t base)
{
	if (k->arch->pointer_size == 4)
		return base >= 0x40000000 && base < 0xffff0000;
	return (int64_t)base < -4096 && base >= k->arch->kernel_map;
}

/* Sets t->encoding to what makes t->offsets ascend; `base` says that relative_base is there. False:
 * none does. */
static bool choose_encoding(const struct kernel *k, struct kallsyms *t, bool base)
{
	static const enum kallsyms_encoding with_base[] = {KALLSYMS_RELATIVE,
							   KALLSYMS_ABSOLUTE_PERCPU};
	for (unsigned i = 0; base && i < 2; i++) {
		t->encoding = with_base[i];
		if (!plausible_base(k, t->relative_base) || !ascends(t))
			continue;
		/* no image is so large: one that looks so has negative offsets */
		if (with_base[i] == KALLSYMS_RELATIVE &&
		    kallsyms_address(t, t->count - 1) - t->relative_base > 2 * IMAGE_MAX)
			continue;
		return true;
	}
	t->encoding = KALLSYMS_PLACE;
	return !base && ascends(t) &&
	       kallsyms_address(t, t->count - 1) - kallsyms_address(t, 0) <= 2 * IMAGE_MAX;
}

/* ---- Through VMCOREINFO ---- */

/* As much of [phys, phys+most) as is there without a gap, at least `least` bytes, or NULL. */
static const uint8_t *map_some(struct kernel *k, uint64_t phys, uint64_t least, uint64_t most,
			       uint64_t *size)
{
	for (uint64_t n = most; n >= least; n = n / 2 < least && n > least ? least : n / 2) {
		const uint8_t *bytes = vmcore_try_map(k->vmcore, phys, n);
		if (bytes) {
			*size = n;
			return bytes;
		}
	}
	return NULL;
}

static bool named(const struct kernel *k, const char *name, uint64_t *phys)
{
	uint64_t addr;
	if (!vmcoreinfo_symbol(&k->vmcoreinfo, name, &addr) || !addr)
		return false;
	*phys = image_phys(k, addr);
	return true;
}

static struct error *damaged(const char *what, uint64_t phys)
{
	return error_at(ERR_BAD_OBJECT, phys, "kallsyms: damaged %s at physical %llx", what,
			(unsigned long long)phys);
}

/* Maps one of the tables; why it is not there, the image says. */
static struct error *map_table(struct kernel *k, const char *what, uint64_t phys, uint64_t size,
			       const uint8_t **out)
{
	const void *bytes = NULL;
	struct error *e = vmcore_map(k->vmcore, phys, size, &bytes);
	*out = bytes;
	return error_prefix(e, "kallsyms: %s", what);
}

static struct error *locate_named(struct kernel *k, struct kallsyms *t)
{
	uint64_t names, count, tokens, index, offsets, base = 0, size;
	const unsigned word = k->arch->pointer_size;

	if (!named(k, "kallsyms_names", &names) || !named(k, "kallsyms_num_syms", &count) ||
	    !named(k, "kallsyms_token_table", &tokens) || !named(k, "kallsyms_token_index", &index))
		return error_new(ERR_UNSUPPORTED, "kallsyms: VMCOREINFO does not say where");

	memset(t, 0, sizeof(*t));
	t->pointer_size = word;
	const uint8_t *p, *table;
	TRY(map_table(k, "token index", index, 512, &p));
	uint64_t room = index > tokens && index - tokens < TOKENS_MAX ? index - tokens : TOKENS_MAX;
	TRY(map_table(k, "token table", tokens, 512, &table));
	table = map_some(k, tokens, 512, room, &size);
	if (!table || !kallsyms_check_tokens(t, table, size, p))
		return damaged("token table", tokens);

	TRY(map_table(k, "number of symbols", count, 4, &p));
	uint32_t n = load_uint(p, 4);
	room = tokens > names && tokens - names < REACH ? tokens - names : REACH;
	TRY(map_table(k, "names", names, room == REACH ? 1 : room, &p));
	p = map_some(k, names, 1, room, &size);
	if (!p || !kallsyms_check_names(t, p, size, names, n))
		return damaged("names", names);

	bool absolute = false;
	if (!named(k, "kallsyms_offsets", &offsets)) {
		if (!named(k, "kallsyms_addresses", &offsets))
			return error_new(
				ERR_UNSUPPORTED,
				"kallsyms: VMCOREINFO does not say where the addresses are");
		absolute = true;
	}
	t->offsets_phys = offsets;
	TRY(map_table(k, "addresses", offsets, (uint64_t)n * (absolute ? word : 4), &t->offsets));
	vmcoreinfo_symbol(&k->vmcoreinfo, "kallsyms_offsets", &t->offsets_addr);
	bool has_base = !absolute && named(k, "kallsyms_relative_base", &base);
	if (has_base) {
		TRY(map_table(k, "relative base", base, word, &p));
		t->relative_base = load_uint(p, word);
	}
	t->encoding = KALLSYMS_ABSOLUTE;
	if (absolute ? !ascends(t) : !choose_encoding(k, t, has_base))
		return damaged("addresses", offsets);
	return NULL;
}

/* ---- By shape ---- */

/* Length of the ascending run of marker-like words from p, at least 1; p[0] is 0. */
static size_t marker_run(const uint8_t *p, const uint8_t *end, unsigned width)
{
	size_t n = 1;
	uint64_t last = 0;
	for (p += width; p + width <= end; p += width, n++) {
		uint64_t v = load_uint(p, width);
		if (v < last + 2 * 256 || v > last + MARKER_STEP_MAX)
			break;
		last = v;
	}
	return n;
}

/* The names whose markers (of `width` bytes) stand at m, of which `run` look like some. At `low`
 * stands physical `phys`. */
static bool names_before(struct kallsyms *t, const uint8_t *low, uint64_t phys, const uint8_t *m,
			 const uint8_t *end, unsigned width, size_t run, const uint8_t **num_syms)
{
	for (size_t n = run; n > 1 && n + 3 > run; n--) {
		uint64_t last = load_uint(m + (n - 1) * width, width);
		if (last + 16 > (uint64_t)(m - low))
			continue;
		const uint8_t *names = m - last,
			      *stop = (uint64_t)(names - low) > MARKER_STEP_MAX + 8
					      ? names - MARKER_STEP_MAX - 8
					      : low + 8;
		for (names -= 2; names >= stop; names--) {
			if ((phys + (names - low)) & 3)
				continue;
			for (unsigned before = 4; before <= 8; before += 4) {
				uint32_t count = load_uint(names - before, 4);
				if (count <= (n - 1) * 256 || count > n * 256)
					continue;
				if (!kallsyms_check_names(t, names, end - names,
							  phys + (names - low), count))
					continue;
				*num_syms = names - before;
				return true;
			}
		}
	}
	return false;
}

static bool find_names(struct kallsyms *t, const uint8_t *low, uint64_t phys, const uint8_t *tokens,
		       const uint8_t **num_syms)
{
	for (const uint8_t *m = tokens - 12; m >= low + 16; m -= 4) {
		/* runs of zeroes are long: the second marker decides quickly */
		if (load_uint(m, 4) || (!load_uint(m + 4, 4) && !load_uint(m + 8, 4)))
			continue;
		for (unsigned width = 4; width <= 8; width += 4) {
			size_t run = marker_run(m, tokens, width);
			if (run > 1 && names_before(t, low, phys, m, tokens, width, run, num_syms))
				return true;
		}
	}
	return false;
}

/* Addresses after the token index (6.4), or before num_syms. `low` and `high` bound what is mapped;
 * at `low` stands physical `phys`. */
static bool find_offsets_at(const struct kernel *k, struct kallsyms *t, const uint8_t *low,
			    uint64_t phys, const uint8_t *num_syms, const uint8_t *after,
			    const uint8_t *high)
{
	const unsigned word = t->pointer_size;
	const uint64_t size = 4ull * t->count;
	uint64_t at, base;

	for (unsigned align = 4; align <= 8; align += 4) {
		at = align_up(phys + (after - low), align) - phys;
		if (low + at + size + 16 > high)
			continue;
		t->offsets = low + at;
		for (unsigned of_base = 4; of_base <= 8; of_base += 4) {
			base = align_up(phys + at + size, of_base) - phys;
			t->relative_base = load_uint(low + base, word);
			if (choose_encoding(k, t, true))
				return true;
		}
	}
	/* before num_syms: offsets and then the base; or addresses */
	uint64_t num = num_syms - low;
	for (unsigned align = 4; align <= 8; align += 4) {
		uint64_t below = align_up(size, align) + align_up(word, align);
		if (num < below)
			continue;
		t->offsets = low + num - below;
		t->relative_base = load_uint(low + num - align_up(word, align), word);
		if (choose_encoding(k, t, true))
			return true;
	}
	uint64_t below = align_up((uint64_t)word * t->count, word);
	if (num >= below) {
		t->offsets = low + num - below;
		t->encoding = KALLSYMS_ABSOLUTE;
		if (ascends(t) && plausible_base(k, kallsyms_address(t, t->count - 1)))
			return true;
	}
	for (unsigned align = 4; align <= 8; align += 4) {
		at = align_up(phys + (after - low), align) - phys;
		if (low + at + size > high)
			continue;
		t->offsets = low + at;
		t->offsets_addr = phys + at;
		if (choose_encoding(k, t, false))
			return true;
	}
	return false;
}

static bool find_offsets(const struct kernel *k, struct kallsyms *t, const uint8_t *low,
			 uint64_t phys, const uint8_t *num_syms, const uint8_t *after,
			 const uint8_t *high)
{
	if (!find_offsets_at(k, t, low, phys, num_syms, after, high))
		return false;
	t->offsets_phys = phys + (t->offsets - low);
	return true;
}

static const uint8_t digits[20] = {'0', 0, '1', 0, '2', 0, '3', 0, '4', 0,
				   '5', 0, '6', 0, '7', 0, '8', 0, '9', 0};

/* The token table around the digits at bytes[at]; false when it is none. */
static bool find_tokens(struct kallsyms *t, const uint8_t *bytes, size_t size, size_t at,
			uint64_t phys, size_t *table, size_t *end)
{
	/* the 208 tokens from '0' on, then the index, aligned */
	size_t behind = at;
	for (unsigned i = '0'; i < 256; i++) {
		const uint8_t *nul =
			behind < size ? memchr(bytes + behind, 0, size - behind) : NULL;
		if (!nul || nul - bytes - behind > 255)
			return false;
		behind = nul - bytes + 1;
	}
	for (unsigned align = 4; align <= 8; align += 4) {
		size_t index = align_up(phys + behind, align) - phys;
		if (index + 512 > size)
			continue;
		uint64_t before = load_uint(bytes + index + 2 * '0', 2);
		if (before > at || !kallsyms_check_tokens(t, bytes + at - before,
							  behind - (at - before), bytes + index))
			continue;
		*table = at - before;
		*end = index + 512;
		return true;
	}
	return false;
}

/* Maps [table - *back, behind + *ahead), or as much as is there; *back and *ahead shrink to that.
 */
static const uint8_t *map_around(struct kernel *k, uint64_t table, uint64_t behind, uint64_t *back,
				 uint64_t *ahead)
{
	while (*back && !vmcore_try_map(k->vmcore, table - *back, *back + behind - table))
		*back /= 2;
	while (*ahead && !vmcore_try_map(k->vmcore, table - *back, *back + behind - table + *ahead))
		*ahead /= 2;
	return vmcore_try_map(k->vmcore, table - *back, *back + behind - table + *ahead);
}

bool kallsyms_around(struct kernel *k, uint64_t phys, uint64_t start, uint64_t end,
		     struct kallsyms *t)
{
	memset(t, 0, sizeof(*t));
	t->pointer_size = k->arch->pointer_size;

	/* the neighbourhood of the digits first: nearly all hits end here */
	uint64_t from = phys > start + TOKENS_MAX ? phys - TOKENS_MAX : start;
	uint64_t size = end - from < 2 * TOKENS_MAX ? end - from : 2 * TOKENS_MAX, table, behind;
	const uint8_t *bytes = vmcore_try_map(k->vmcore, from, size);
	if (!bytes) {
		from = phys & ~0xfffull;
		bytes = map_some(k, from, 4096, TOKENS_MAX, &size);
	}
	size_t table_at, behind_at;
	if (!bytes || !find_tokens(t, bytes, size, phys - from, from, &table_at, &behind_at))
		return false;
	table = from + table_at;
	behind = from + behind_at;

	/* Then what stands before and after, in one piece: a few MB nearly always, and mapping
	 * costs time where pages are compressed. */
	uint64_t last_back = 0, last_ahead = 0;
	static const uint64_t reaches[] = {4 * MB, 12 * MB, REACH};
	for (unsigned i = 0; i < sizeof(reaches) / sizeof(*reaches); i++) {
		uint64_t back = table - start < reaches[i] ? table - start : reaches[i];
		uint64_t ahead = end - behind < reaches[i] ? end - behind : reaches[i];
		const uint8_t *low = map_around(k, table, behind, &back, &ahead), *num_syms;
		if (!low)
			return false;
		if (i && back == last_back && ahead == last_ahead)
			continue;
		last_back = back;
		last_ahead = ahead;
		const uint8_t *tokens = low + back, *after = tokens + (behind - table);
		t->token_table = tokens;
		if (find_names(t, low, table - back, tokens, &num_syms) &&
		    find_offsets(k, t, low, table - back, num_syms, after, after + ahead))
			return true;
	}
	return false;
}

/* ---- Ready for use ---- */

/*
 * The order of names (kallsyms_seqs_of_names) has no name in VMCOREINFO: it follows the markers
 * (6.2) or relative_base or what else ends the addresses (6.4).
 */
static struct error *prepare(struct kernel *k, struct kallsyms *t)
{
	const unsigned word = t->pointer_size;
	const uint8_t *seqs[4];
	uint64_t after_names = t->names_phys + t->markers_end;
	uint64_t after_offsets = t->offsets_phys +
				 (uint64_t)t->count * (t->encoding == KALLSYMS_ABSOLUTE ? word : 4);
	if (t->encoding == KALLSYMS_RELATIVE || t->encoding == KALLSYMS_ABSOLUTE_PERCPU)
		after_offsets = align_up(after_offsets, word) + word;
	for (unsigned i = 0; i < 4; i++) {
		uint64_t at = align_up(i < 2 ? after_names : after_offsets, i & 1 ? 8 : 4);
		seqs[i] = vmcore_try_map(k->vmcore, at, 3 * (size_t)t->count);
	}
	return kallsyms_prepare(t, seqs);
}

/* With CONFIG_LTO_CLANG names are ordered without the compiler's suffixes; only clang makes such
 * kernels, and the banner names the compiler. */
static struct error *mind_clang(struct kernel *k, struct kallsyms *t)
{
	uint32_t i;
	if (!t->seqs)
		return NULL;
	if (kallsyms_find(t, "linux_banner", 0, &i)) {
		const char *banner =
			vmcore_try_map(k->vmcore, image_phys(k, kallsyms_address(t, i)), 256);
		if (banner && !memmem(banner, 256, "clang", 5))
			return NULL;
	}
	return kallsyms_use_hash(t);
}

/* ---- Which of the tables found tell true ---- */

enum { TEXT, STEXT, BANNER, UTS, SWAPPER, TOP_PGT, LEVEL4_PGT, PG_DIR, WANTED };
static const char *const wanted[WANTED] = {
	[TEXT] = "_text",
	[STEXT] = "_stext",
	[BANNER] = "linux_banner",
	[UTS] = "init_uts_ns",
	[SWAPPER] = "swapper_pg_dir",
	[TOP_PGT] = "init_top_pgt",
	[LEVEL4_PGT] = "init_level4_pgt",
	[PG_DIR] = "initial_page_table",
};

static void find_wanted(struct kallsyms *t, uint64_t addr[WANTED])
{
	uint32_t i;
	for (unsigned w = 0; w < WANTED; w++)
		addr[w] = kallsyms_find(t, wanted[w], 0, &i) ? kallsyms_address(t, i) : 0;
}

/* Do the symbols that VMCOREINFO gives too come out the same? */
static bool agrees(const struct kernel *k, const uint64_t addr[WANTED])
{
	unsigned compared = 0;
	for (unsigned w = 0; w < WANTED; w++) {
		uint64_t value;
		if (!addr[w] || !vmcoreinfo_symbol(&k->vmcoreinfo, wanted[w], &value))
			continue;
		if (value != addr[w])
			return false;
		compared++;
	}
	return compared > 0;
}

static bool is_banner(struct kernel *k, uint64_t phys)
{
	const char *text = vmcore_try_map(k->vmcore, phys, 14);
	return text && !memcmp(text, "Linux version ", 14);
}

/* Does some page table of the kernel at physical pgd map addr to phys? */
static bool maps(struct kernel *k, uint64_t pgd, uint64_t addr, uint64_t phys)
{
	const struct pagetable_geometry *const kinds[] = {&x86_64_5level, &x86_64_4level, &i386_pae,
							  &i386_2level};
	bool wide = k->arch->pointer_size == 8;
	for (unsigned i = wide ? 0 : 2; i < (wide ? 2 : 4); i++) {
		struct walk walk;
		struct error *e = NULL;
		pagetable_walk(k->vmcore, kinds[i], pgd & ~0xfffull, addr, &walk, &e);
		error_drop(e);
		if (walk.result == WALK_MAPPED && walk.phys == phys)
			return true;
	}
	return false;
}

static bool kernel_maps(struct kernel *k, const uint64_t symbol[WANTED], uint64_t to_phys,
			uint64_t addr, uint64_t phys)
{
	static const int tables[] = {SWAPPER, TOP_PGT, LEVEL4_PGT, PG_DIR};
	for (unsigned i = 0; i < 4; i++)
		if (symbol[tables[i]] && maps(k, symbol[tables[i]] + to_phys, addr, phys))
			return true;
	return false;
}

/* From tables found at physical `at`, where the kernel stands: k->phys_base, and the table's own
 * address. */
static bool place_kernel(struct kernel *k, struct kallsyms *t, const uint64_t symbol[WANTED],
			 uint64_t at)
{
	const uint64_t step = 2 * MB;
	uint64_t addr = symbol[BANNER];
	if (!addr)
		return false;
	if (t->encoding == KALLSYMS_PLACE) {
		/* the symbols came out as physical addresses */
		if (!is_banner(k, addr))
			return false;
		for (uint64_t base = k->arch->kernel_map; base - k->arch->kernel_map < IMAGE_MAX;
		     base += step) {
			uint64_t virt = base + (addr & (step - 1));
			if (!kernel_maps(k, symbol, 0, virt, addr))
				continue;
			k->phys_base = addr - (virt - k->arch->kernel_map);
			t->offsets_addr += virt - addr;
			return true;
		}
		return false;
	}
	/* phys_base is a multiple of 2 MB; the banner is in the same read-only data as the tables
	 */
	uint64_t low = at > 64 * MB ? at - 64 * MB : 0;
	uint64_t phys = (low & -step) + (addr & (step - 1));
	for (; phys < at + 64 * MB; phys += step) {
		if (!is_banner(k, phys) || !kernel_maps(k, symbol, phys - addr, addr, phys))
			continue;
		k->phys_base = phys - (addr - k->arch->kernel_map);
		return true;
	}
	return false;
}

/* ---- Searching ---- */

struct search {
	struct kernel *k;
	uint64_t start, end;		 /* where to look for token tables */
	uint64_t image_start, image_end; /* what the other tables may stand in */
	bool place;			 /* where the kernel stands is to be found out too */
	struct kallsyms tables;
	bool found;
	struct error *error; /* of the best failure */
	/* the end of the piece before */
	uint64_t next;
	uint8_t tail[2 * sizeof(digits)];
	size_t tail_size;
};

static struct error *try_tables(struct search *s, uint64_t phys, uint64_t start, uint64_t end)
{
	uint64_t symbol[WANTED];
	struct kernel *k = s->k;
	struct kallsyms *t = &s->tables;
	if (!kallsyms_around(k, phys, start, end, t))
		return NULL;
	TRY(prepare(k, t));
	if (t->encoding == KALLSYMS_PLACE && !s->place)
		t->offsets_addr = t->offsets_addr - k->phys_base + k->arch->kernel_map;
	find_wanted(t, symbol);
	s->found = s->place ? place_kernel(k, t, symbol, phys) : agrees(k, symbol);
	if (s->found)
		return NULL;
	return error_at(ERR_BAD_OBJECT, phys,
			"kallsyms: tables at physical %llx belong to no kernel that runs here",
			(unsigned long long)phys);
}

static void try_hit(struct search *s, uint64_t phys)
{
	const struct arch *first = s->k->arch;
	const struct arch *archs[] = {first, first == &arch_i386 ? &arch_x86_64 : &arch_i386};
	uint64_t start = 0, end = 0;
	/* only within one range of memory */
	for (size_t i = 0; vmcore_range(s->k->vmcore, i, &start, &end); i++)
		if (phys >= start && phys < end)
			break;
	start = start > s->image_start ? start : s->image_start;
	end = end < s->image_end ? end : s->image_end;
	if (phys < start || phys >= end)
		return;
	/* what the image calls its machine need not be what the kernel was built for */
	for (unsigned i = 0; i < (s->place ? 2 : 1); i++) {
		s->k->arch = archs[i];
		struct error *e = try_tables(s, phys, start, end);
		if (s->found)
			return;
		kallsyms_free(&s->tables);
		if (!e)
			continue;
		error_free(s->error);
		s->error = e;
	}
	s->k->arch = first;
}

static bool search_piece(struct search *s, uint64_t phys, const uint8_t *bytes, size_t len)
{
	const uint8_t *end = bytes + len;
	for (const uint8_t *p = bytes; !s->found && p < end; p++) {
		p = memmem(p, end - p, digits, sizeof(digits));
		if (!p)
			break;
		try_hit(s, phys + (p - bytes));
	}
	return !s->found;
}

static bool search_visit(void *context, uint64_t phys, const void *bytes, size_t len)
{
	struct search *s = context;
	const size_t most = sizeof(digits) - 1;

	if (interrupted())
		return false;
	if (s->tail_size && s->next == phys) {
		size_t n = len < most ? len : most;
		memcpy(s->tail + s->tail_size, bytes, n);
		if (!search_piece(s, phys - s->tail_size, s->tail, s->tail_size + n))
			return false;
	}
	/* in pieces, so that Ctrl-C is seen */
	for (size_t at = 0; at < len; at += 64 * MB) {
		size_t n = len - at < 64 * MB + most ? len - at : 64 * MB + most;
		if (interrupted() || !search_piece(s, phys + at, (const uint8_t *)bytes + at, n))
			return false;
	}
	s->tail_size = len < most ? len : most;
	memcpy(s->tail, (const uint8_t *)bytes + len - s->tail_size, s->tail_size);
	s->next = phys + len;
	return true;
}

static struct error *search(struct search *s, struct kallsyms *out)
{
	struct error *e = vmcore_scan(s->k->vmcore, s->start, s->end, search_visit, s);
	if (s->found) {
		error_free(e);
		error_free(s->error);
		*out = s->tables;
		return mind_clang(s->k, out);
	}
	if (!e)
		e = check_interrupt();
	if (!e)
		return s->error ? s->error
				: error_new(ERR_UNSUPPORTED, "no kallsyms in this memory");
	error_free(s->error);
	return e;
}

struct error *kallsyms_find_in_memory(struct kernel *k, struct kallsyms *out)
{
	memset(out, 0, sizeof(*out));
	struct search s = {.k = k, .end = UINT64_MAX, .image_end = UINT64_MAX, .place = true};
	struct error *e = search(&s, out), *other;
	if (e && (e->code == ERR_UNSUPPORTED || e->code == ERR_BAD_OBJECT)) {
		/* Raw memory names no machine, and QEMU a wider one than its guest's. */
		const struct arch *first = k->arch;
		k->arch = first == &arch_x86_64 ? &arch_i386 : &arch_x86_64;
		s = (struct search){
			.k = k, .end = UINT64_MAX, .image_end = UINT64_MAX, .place = true};
		other = search(&s, out);
		if (other) {
			k->arch = first;
			error_free(other);
		} else {
			error_free(e);
			e = NULL;
		}
	}
	if (e)
		kallsyms_free(out);
	return e;
}

/*
 * Within the image from _stext on. The tables are read-only data, which comes before the variables:
 * a few MB before init_uts_ns they are found without reading all of the text.
 */
static struct error *search_image(struct kernel *k, uint64_t text, struct kallsyms *out)
{
	struct search s = {.k = k, .start = image_phys(k, text)};
	uint64_t data, near = 12 * MB;
	s.image_start = s.start;
	s.image_end = s.end = s.start + IMAGE_MAX;
	if (vmcoreinfo_symbol(&k->vmcoreinfo, "init_uts_ns", &data)) {
		struct search first = s;
		first.end = image_phys(k, data);
		if (first.end > s.start + near && first.end < s.end) {
			first.start = first.end - near;
			struct error *e = search(&first, out);
			if (!e || e->code == ERR_INTERRUPTED)
				return e;
			error_free(e);
			kallsyms_free(out);
		}
	}
	return search(&s, out);
}

struct error *kallsyms_locate(struct kernel *k, struct kallsyms *out)
{
	memset(out, 0, sizeof(*out));
	struct error *e = locate_named(k, out);
	uint64_t text;
	if (!e)
		e = prepare(k, out);
	if (!e)
		e = mind_clang(k, out);
	if (e && e->code == ERR_UNSUPPORTED && vmcoreinfo_symbol(&k->vmcoreinfo, "_stext", &text)) {
		error_free(e);
		kallsyms_free(out);
		e = search_image(k, text, out);
	}
	if (e)
		kallsyms_free(out);
	return e;
}
