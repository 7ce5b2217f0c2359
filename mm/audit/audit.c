/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/interrupt.h"
#include "core/progress.h"
#include "mm/audit/parts.h"
#include "mm/needs.h"
#include "mm/rmap.h"
#include "mm/state.h"
#include "mm/task.h"

/* ---- Names ---- */

static const struct {
	const char *name, *unit, *what;
} rules[AUDIT_RULE_COUNT] = {
#define RULE(id, name, unit, what) [AUDIT_##id] = {name, unit, what},
	AUDIT_RULES(RULE)
#undef RULE
};

static const char *const uses[AUDIT_USE_COUNT] = {
#define USE(id, name) [AUDIT_USE_##id] = name,
	AUDIT_USES(USE)
#undef USE
};

const char *audit_rule_name(enum audit_rule rule)
{
	return rules[rule].name;
}

const char *audit_rule_what(enum audit_rule rule)
{
	return rules[rule].what;
}

const char *audit_rule_unit(enum audit_rule rule)
{
	return rules[rule].unit;
}

const char *audit_use_name(enum audit_use use)
{
	return uses[use];
}

/* ---- Lines ---- */

/* Not about what was asked for? */
static bool is_beside(const struct audit *a)
{
	const struct audit_options *o = a->options;
	if (o->mm)
		return a->about_mm != o->mm;
	if (o->zone)
		return !a->about_zone || strcmp(a->about_zone, o->zone);
	return o->has_pfn && a->about_pfn != o->pfn;
}

static void keep_line(struct audit_result *r, enum audit_line_kind kind, uint64_t addr, const char *text)
{
	size_t len = strlen(text) + 1;
	struct audit_line **lines = realloc(r->lines, (r->line_count + 1) * sizeof(*lines));
	struct audit_line *line = malloc(sizeof(*line) + len);
	if (lines)
		r->lines = lines;
	if (!lines || !line) {
		free(line);
		return; /* it is counted */
	}
	*line = (struct audit_line){.kind = kind, .addr = addr};
	memcpy(line->text, text, len);
	r->lines[r->line_count++] = line;
}

void audit_say(struct audit *a, enum audit_rule rule, enum audit_line_kind kind, uint64_t addr, const char *format, ...)
{
	struct audit_result *r = &a->report->rule[rule];
	char text[512];
	va_list arguments;
	if (is_beside(a) || r->counts[kind]++ >= a->options->limit)
		return;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	/* Names come from the image: a line stays one line. */
	for (char *p = text; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
	keep_line(r, kind, addr, text);
}

void audit_skip(struct audit *a, enum audit_rule rule, const char *format, ...)
{
	struct audit_result *r = &a->report->rule[rule];
	char text[256];
	va_list arguments;
	if (r->skipped)
		return;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	r->skipped = strdup(text);
}

struct error *audit_take(struct audit *a, enum audit_rule rule, uint64_t addr, struct error *e)
{
	if (!e || e->code == ERR_INTERRUPTED || e->code == ERR_NO_MEMORY)
		return e;
	if (e->code == ERR_UNSUPPORTED || e->code == ERR_NO_MEMBER || e->code == ERR_NO_SYMBOL || e->code == ERR_NO_TYPE)
		audit_skip(a, rule, "%s", e->message);
	else if (e->code == ERR_EXCLUDED || e->code == ERR_TRUNCATED || e->code == ERR_DAMAGED) /* the image's fault, not the kernel's */
		audit_say(a, rule, AUDIT_NOTE, addr ? addr : e->addr, "%s", e->message);
	else
		audit_find(a, rule, addr ? addr : e->addr, "%s", e->message);
	error_free(e);
	return NULL;
}

/* ---- Frames ---- */

struct audit_frame *audit_frame_far(struct audit *a, uint64_t pfn)
{
	for (size_t low = 0, high = a->run_count; low < high;) {
		size_t middle = (low + high) / 2;
		const struct audit_run *r = &a->runs[middle];
		if (pfn >= r->end) {
			low = middle + 1;
		} else if (pfn < r->pfn) {
			high = middle;
		} else {
			a->last_run = middle;
			return &a->frames[r->first + (pfn - r->pfn)];
		}
	}
	return NULL;
}

uint32_t *audit_huge(struct audit *a, uint64_t pfn)
{
	uint64_t i = pfn >> a->huge_shift;
	return i < a->huge_count ? &a->huge[i] : NULL;
}

void audit_claim(struct audit *a, uint64_t pfn, uint64_t count, enum audit_use use, bool firm)
{
	for (uint64_t i = 0; i < count; i++) {
		struct audit_frame *f = audit_frame(a, pfn + i);
		if (!f)
			continue;
		if (f->use == AUDIT_USE_NONE) {
			f->use = (uint8_t)use;
		} else if (firm && f->use != use) {
			a->about_pfn = pfn + i;
			audit_find(a, AUDIT_FRAMES, pfn + i, "frame %" PRIx64 " has two uses: %s, and %s", pfn + i,
				   audit_use_name(f->use), audit_use_name(use));
			a->about_pfn = UINT64_MAX;
		}
	}
}

bool audit_locked(struct audit *a, uint64_t object, enum member_id word)
{
	uint64_t value;
	return a->k->members[word].size && !error_drop(kernel_get(a->k, object, word, &value)) && value;
}

bool audit_page(struct audit *a, uint64_t pfn, struct page *p)
{
	uint64_t page;
	if (!pfn_to_page(a->k, pfn, &page) || !object_try_open(a->k, page, S_page, &p->object))
		return false;
	p->pfn = pfn;
	p->flags = GET(a->k, &p->object, page, flags);
	return true;
}

struct error *audit_grow(void **array, size_t count, size_t *allocated, size_t size)
{
	if (count < *allocated)
		return NULL;
	size_t more = *allocated ? *allocated * 2 : 16;
	void *bigger = realloc(*array, more * size);
	if (!bigger)
		return error_new(ERR_NO_MEMORY, "out of memory");
	*array = bigger;
	*allocated = more;
	return NULL;
}

static struct error *open_frames(struct audit *a)
{
	uint64_t pfn, end, page, last = 0;
	size_t allocated = 0;
	for (size_t i = 0; page_run(a->k, i, &pfn, &end, &page); i++) {
		TRY(audit_grow((void **)&a->runs, a->run_count, &allocated, sizeof(*a->runs)));
		a->runs[a->run_count++] = (struct audit_run){pfn, end, page, a->frame_count};
		a->frame_count += end - pfn;
		last = end > last ? end : last;
	}
	if (!a->frame_count)
		return error_new(ERR_UNSUPPORTED, "there is no struct page");
	const struct pagetable_geometry *g = &a->k->geometry;
	a->huge_shift = (unsigned)(g->level[g->levels - 2].shift - a->k->arch->page_shift);
	a->huge_count = (last >> a->huge_shift) + 1;
	a->frames = calloc(a->frame_count, sizeof(*a->frames));
	a->huge = calloc(a->huge_count, sizeof(*a->huge));
	a->zone_sums = calloc(zones_count(a->k) + 1, sizeof(*a->zone_sums));
	if (!a->frames || !a->huge || !a->zone_sums)
		return error_new(ERR_NO_MEMORY, "out of memory");
	a->report->frames = a->frame_count;
	return NULL;
}

/* ---- Mappings ---- */

static struct audit_mapping *mapping_slot(const struct audit *a, uint64_t mapping)
{
	size_t i = (mapping >> 3) * 0x9e3779b97f4a7c15ull >> 20 & (a->mapping_slots - 1);
	while (a->mappings[i].addr && a->mappings[i].addr != mapping)
		i = (i + 1) & (a->mapping_slots - 1);
	return &a->mappings[i];
}

static struct error *more_slots(struct audit *a)
{
	struct audit_mapping *old = a->mappings;
	size_t count = a->mapping_slots;
	a->mapping_slots = count ? count * 2 : 1024;
	a->mappings = calloc(a->mapping_slots, sizeof(*a->mappings));
	if (!a->mappings) {
		a->mappings = old;
		a->mapping_slots = count;
		return error_new(ERR_NO_MEMORY, "out of memory");
	}
	for (size_t i = 0; i < count; i++)
		if (old[i].addr)
			*mapping_slot(a, old[i].addr) = old[i];
	free(old);
	return NULL;
}

struct error *audit_mapping_add(struct audit *a, uint64_t mapping, uint64_t pages)
{
	if (a->mapping_count * 2 >= a->mapping_slots)
		TRY(more_slots(a));
	struct audit_mapping *m = mapping_slot(a, mapping);
	if (!m->addr) {
		m->addr = mapping;
		a->mapping_count++;
	}
	m->pages += pages;
	return NULL;
}

/* ---- All of it ---- */

static int bit_of(struct kernel *k, const char *name)
{
	return page_flag_bit(k, name);
}

/* The frame that a global pointer to a struct page, or a number, names. */
static uint64_t frame_of_global(struct kernel *k, const char *name, bool is_pointer)
{
	uint64_t value, pfn;
	if (error_drop(kernel_read_symbol(k, name, 0, &value)) || !value)
		return UINT64_MAX;
	if (!is_pointer)
		return value;
	return page_to_pfn(k, value, &pfn) ? pfn : UINT64_MAX;
}

static void find_zero_pages(struct audit *a)
{
	struct kernel *k = a->k;
	uint64_t phys, addr = symbol_addr(k, "empty_zero_page");
	a->zero_pfn = addr && kernel_try_vtop(k, addr, &phys) ? phys_to_pfn(k, phys) : UINT64_MAX;
	/* mm/huge_memory.c: huge_zero_folio since 6.9, huge_zero_page before; huge_zero_pfn is ~0 while there is none */
	a->huge_zero_pfn = frame_of_global(k, "huge_zero_folio", true);
	if (a->huge_zero_pfn == UINT64_MAX)
		a->huge_zero_pfn = frame_of_global(k, "huge_zero_page", true);
}

static void find_bits(struct audit *a)
{
	struct kernel *k = a->k;
	a->bit = (struct audit_bits){
		.locked = bit_of(k, "locked"),
		.lru = bit_of(k, "lru"),
		.head = bit_of(k, "head"),
		.reserved = bit_of(k, "reserved"),
		.swapbacked = bit_of(k, "swapbacked"),
		.swapcache = bit_of(k, "swapcache"),
		.private1 = bit_of(k, "private"),
		.private2 = bit_of(k, "private_2"),
		.unevictable = bit_of(k, "unevictable"),
		.active = bit_of(k, "active"),
		.writeback = bit_of(k, "writeback"),
		.mlocked = bit_of(k, "mlocked"),
		.double_map = bit_of(k, "double_map"),
		.compound_lock = bit_of(k, "compound_lock"),
		.slab = a->words->slab_flag,
	};
	if (a->bit.swapcache < 0)
		a->bit.swapcache = bit_of(k, "swap_cache");
}

typedef struct error *audit_part(struct audit *a);

static audit_part *const parts[] = {
	audit_free_lists, audit_kernel_space, audit_areas, audit_links, audit_tables, audit_waiting_tables, audit_slabs, audit_cache,
	audit_swap, audit_lru, audit_rmap, audit_frames, audit_counters,
};

static struct error *run_parts(struct audit *a)
{
	TRY(needs_check(a->k, "what is checked", NEEDS_TASKS | NEEDS_AREAS | NEEDS_PAGES | NEEDS_ZONES | NEEDS_COUNTS | NEEDS_CACHE | NEEDS_VMALLOC |
				(rmap_exists(a->k) ? NEEDS_RMAP : 0)));
	TRY(nodes_open(a->k));
	a->words = &a->k->mm->pages->words;
	a->page_size = SIZE_OF(a->k, page);
	a->old_counts = !HAS(a->k, page, mapcount);
	TRY(open_frames(a));
	find_bits(a);
	find_zero_pages(a);
	progress_start(sizeof(parts) / sizeof(parts[0]));
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		TRY(check_interrupt());
		progress_at(i);
		a->about_mm = 0;
		a->about_zone = NULL;
		a->about_pfn = UINT64_MAX;
		TRY(parts[i](a));
	}
	return NULL;
}

static void free_audit(struct audit *a)
{
	for (size_t i = 0; i < a->mm_count; i++) {
		free(a->mms[i].areas);
		error_free(a->mms[i].damage);
	}
	for (size_t i = 0; i < sizeof(a->swap) / sizeof(a->swap[0]); i++)
		free(a->swap[i].users);
	free(a->anon_links.links);
	free(a->file_links.links);
	free(a->mms);
	free(a->mappings);
	free(a->zone_sums);
	free(a->huge);
	free(a->frames);
	free(a->runs);
}

struct error *audit_run(struct kernel *k, const struct audit_options *options, struct audit_report *report)
{
	struct audit a = {.k = k, .options = options, .report = report};
	*report = (struct audit_report){.frames = 0};
	struct error *e = run_parts(&a);
	free_audit(&a);
	return e;
}

void audit_report_free(struct audit_report *report)
{
	for (int i = 0; i < AUDIT_RULE_COUNT; i++) {
		struct audit_result *r = &report->rule[i];
		for (size_t n = 0; n < r->line_count; n++)
			free(r->lines[n]);
		free(r->lines);
		free(r->skipped);
	}
	*report = (struct audit_report){.frames = 0};
}

uint64_t audit_findings(const struct audit_report *report)
{
	uint64_t sum = 0;
	for (int i = 0; i < AUDIT_RULE_COUNT; i++)
		sum += report->rule[i].counts[AUDIT_FINDING];
	return sum;
}
