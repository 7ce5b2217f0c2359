/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * kmem -i: memory in numbers.
 */
#include <inttypes.h>
#include <stdio.h>

#include "cmd/kmem.h"
#include "mm/meminfo.h"

/* "7.5 GB", "972 MB", "616 KB", "0": one decimal where it is not zero, as crash prints it. */
static void format_size(char *buf, size_t size, uint64_t pages, unsigned page_shift)
{
	static const char *const units[] = {"KB", "MB", "GB", "TB"};
	double value = (double)pages * (double)(1u << page_shift) / 1024;
	unsigned unit = 0;
	if (!pages) {
		snprintf(buf, size, "0");
		return;
	}
	for (; value >= 1024 && unit < 3; unit++)
		value /= 1024;
	int len = snprintf(buf, size, "%.1f", value);
	if (!strcmp(buf + len - 2, ".0"))
		len -= 2;
	snprintf(buf + len, size - len, " %s", units[unit]);
}

struct info_table {
	struct session *s;
	const char *whole_name; /* of the percentages */
	uint64_t whole;
};

static void print_row(struct info_table *t, const char *name, uint64_t pages, bool is_whole)
{
	struct out *o = t->s->out;
	char size[32], percent[64];
	format_size(size, sizeof(size), pages, t->s->kernel->arch->page_shift);
	out_cell_str(o, name);
	out_cell_dec(o, pages);
	out_cell_str(o, size);
	if (is_whole) {
		t->whole_name = name;
		t->whole = pages;
		out_cell_none(o, "   ----");
	} else {
		uint64_t part = t->whole ? (uint64_t)((double)pages / (double)t->whole * 100) : 0;
		snprintf(percent, sizeof(percent), "%3" PRIu64 "%% of %s", part, t->whole_name);
		out_cell_dec_as(o, part, percent);
	}
	out_row_end(o);
}

struct error *kmem_info(struct session *s, bool shared)
{
	static const struct column columns[] = {
		{"name", NULL, 13, '>', 0},
		{"pages", "PAGES", 8, '>', 1},
		{"size", "TOTAL", 12, '>', 1},
		{"percent", "PERCENTAGE", 0, '<', 2},
	};
	struct info_table t = {.s = s};
	struct meminfo m;
	uint64_t shared_pages = 0;
	TRY(meminfo_read(s->kernel, &m));
	if (shared)
		TRY(meminfo_shared(s->kernel, &shared_pages));
	out_table(s->out, "memory", columns, 4, true);
	print_row(&t, "TOTAL MEM", m.total, true);
	print_row(&t, "FREE", m.free, false);
	print_row(&t, "USED", m.total - m.free, false);
	if (shared)
		print_row(&t, "SHARED", shared_pages, false);
	print_row(&t, "BUFFERS", m.buffers, false);
	print_row(&t, "CACHED", m.cached, false);
	print_row(&t, "SLAB", m.slab, false);
	out_text(s->out, "\n");
	print_row(&t, "TOTAL HUGE", m.huge_total, true);
	print_row(&t, "HUGE FREE", m.huge_free, false);
	out_text(s->out, "\n");
	print_row(&t, "TOTAL SWAP", m.swap_total, true);
	print_row(&t, "SWAP USED", m.swap_total - m.swap_free, false);
	print_row(&t, "SWAP FREE", m.swap_free, false);
	if (m.has_commit_limit) {
		out_text(s->out, "\n");
		print_row(&t, "COMMIT LIMIT", m.commit_limit, true);
		t.whole_name = "TOTAL LIMIT";
		print_row(&t, "COMMITTED", m.committed, false);
	}
	out_table_end(s->out);
	return NULL;
}
