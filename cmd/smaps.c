/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * smaps: the lines of /proc/PID/smaps and smaps_rollup.
 */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "cmd/context.h"
#include "mm/path.h"
#include "mm/smaps.h"

/* ---- Which lines there are ---- */

struct field {
	const char *name;
	size_t offset;	       /* in struct smaps */
	enum member_id member; /* a kernel that counts it has this; MEMBER_NONE: every one */
	enum { BYTES, PROPORTIONAL } unit;
	enum { BOTH, AREA_ONLY, ROLLUP_ONLY } where;
	enum { EITHER, SIZES_FIRST, SIZES_LAST } order; /* of kernels whose pages' sizes stand there */
};

#define ROW(name, member, presence, unit, where, order)	 {name, offsetof(struct smaps, member), presence, unit, where, order}
#define FIELD(name, member)		 ROW(name, member, MEMBER_NONE, BYTES, BOTH, EITHER)
#define FIELD_OF(name, member)		 ROW(name, member, M_mem_size_stats_##member, BYTES, BOTH, EITHER)
#define SHARE_OF(name, member, where)	 ROW(name, member, M_mem_size_stats_##member, PROPORTIONAL, where, EITHER)
#define PAGE_SIZE(name, order)		 ROW(name, page_size, MEMBER_NONE, BYTES, AREA_ONLY, order)

/*
 * fs/proc/task_mmu.c: show_smap(), __show_smap(). Until 4.13 (493b0e9d945f) the sizes of pages stood near the end, and what is locked, known since
 * 2.6.39, had no count of its own.
 */
static const struct field fields[] = {
	ROW("Size", size, MEMBER_NONE, BYTES, AREA_ONLY, EITHER),
	PAGE_SIZE("KernelPageSize", SIZES_FIRST),
	PAGE_SIZE("MMUPageSize", SIZES_FIRST),
	FIELD("Rss", resident),
	ROW("Pss", pss, MEMBER_NONE, PROPORTIONAL, BOTH, EITHER),
	SHARE_OF("Pss_Dirty", pss_dirty, BOTH),
	SHARE_OF("Pss_Anon", pss_anon, ROLLUP_ONLY),
	ROW("Pss_File", pss_file, M_mem_size_stats_pss_anon, PROPORTIONAL, ROLLUP_ONLY, EITHER),
	ROW("Pss_Shmem", pss_shmem, M_mem_size_stats_pss_anon, PROPORTIONAL, ROLLUP_ONLY, EITHER),
	FIELD("Shared_Clean", shared_clean),
	FIELD("Shared_Dirty", shared_dirty),
	FIELD("Private_Clean", private_clean),
	FIELD("Private_Dirty", private_dirty),
	FIELD("Referenced", referenced),
	FIELD("Anonymous", anonymous),
	FIELD_OF("KSM", ksm),
	FIELD_OF("LazyFree", lazyfree),
	FIELD_OF("AnonHugePages", anonymous_thp),
	FIELD_OF("ShmemPmdMapped", shmem_thp),
	FIELD_OF("FilePmdMapped", file_thp),
	FIELD_OF("Shared_Hugetlb", shared_hugetlb),
	FIELD_OF("Private_Hugetlb", private_hugetlb),
	FIELD("Swap", swap),
	SHARE_OF("SwapPss", swap_pss, BOTH),
	PAGE_SIZE("KernelPageSize", SIZES_LAST),
	PAGE_SIZE("MMUPageSize", SIZES_LAST),
	ROW("Locked", pss_locked, M_mem_size_stats_anonymous_thp, PROPORTIONAL, BOTH, SIZES_LAST),
	SHARE_OF("Locked", pss_locked, BOTH),
};
#define FIELDS (sizeof(fields) / sizeof(fields[0]))

/* Where the numbers end: "%-16s%8lu kB". */
#define NUMBER_END 24

static void put_number(struct out *o, const char *name, uint64_t value, const char *unit)
{
	char digits[24], *end = put_dec(digits, value);
	size_t name_len = strlen(name), len = (size_t)(end - digits), unit_len = strlen(unit);
	char *p = out_reserve(o, 96);
	size_t blanks = name_len + 1 + len < NUMBER_END ? NUMBER_END - name_len - 1 - len : 1;
	memcpy(p, name, name_len);
	p += name_len;
	*p++ = ':';
	memset(p, ' ', blanks);
	p += blanks;
	memcpy(p, digits, len);
	p += len;
	memcpy(p, unit, unit_len);
	o->at = p + unit_len;
}

/* A line of this kernel's, with a 0: what most numbers are, and what others are written over. */
struct line {
	const struct field *field;
	unsigned shift;	/* the number's, to kB */
	char text[32];	/* "%-16s%8lu kB\n": LINE_LEN of them */
};
#define LINE_LEN  28
#define FITS_LINE 100000000

struct lines {
	size_t count;
	struct line line[FIELDS];
};

static void make_lines(struct kernel *k, bool rollup, struct lines *l)
{
	const bool sizes_last = HAS(k, mem_size_stats, resident) && !HAS(k, mem_size_stats, pss_locked);
	l->count = 0;
	for (const struct field *f = fields; f < fields + FIELDS; f++) {
		struct line *line = &l->line[l->count];
		if ((f->member != MEMBER_NONE && !k->members[f->member].present) || f->where == (rollup ? AREA_ONLY : ROLLUP_ONLY) ||
		    f->order == (sizes_last ? SIZES_FIRST : SIZES_LAST))
			continue;
		char *p = line->text;
		line->field = f;
		line->shift = f->unit == PROPORTIONAL ? 10 + SMAPS_PSS_SHIFT : 10;
		memset(p, ' ', sizeof(line->text));
		*stpcpy(p, f->name) = ':';
		memcpy(p + NUMBER_END - 1, "0 kB\n", LINE_LEN - NUMBER_END + 1);
		l->count++;
	}
}

static void print_fields(struct out *o, const struct lines *l, const struct smaps *sums)
{
	for (const struct line *line = l->line; line < l->line + l->count; line++) {
		uint64_t value;
		memcpy(&value, (const char *)sums + line->field->offset, sizeof(value));
		value >>= line->shift;
		if (out_json(o)) {
			out_dec(o, line->field->name, NULL, value);
		} else if (value < FITS_LINE) {
			char *p = out_reserve(o, sizeof(line->text));
			unsigned digits = dec_length(value);
			memcpy(p, line->text, sizeof(line->text));
			if (value)
				put_dec_digits(p + NUMBER_END - digits, value, digits);
			o->at = p + LINE_LEN;
		} else {
			put_number(o, line->field->name, value, " kB\n");
		}
	}
}

/* ---- VmFlags ---- */

/* show_smap_vma_flags(): names of bits that have one, "??" for others; a protection key's bits are shown apart. */
static const char *mnemonic(const char *name)
{
	static const char *const names[][2] = {
		{"READ", "rd"},	      {"WRITE", "wr"},	     {"EXEC", "ex"},	   {"SHARED", "sh"},
		{"MAYREAD", "mr"},    {"MAYWRITE", "mw"},    {"MAYEXEC", "me"},	   {"MAYSHARE", "ms"},
		{"GROWSDOWN", "gd"},  {"PFNMAP", "pf"},	     {"DENYWRITE", "dw"},  {"LOCKED", "lo"},
		{"IO", "io"},	      {"SEQ_READ", "sr"},    {"RAND_READ", "rr"},  {"DONTCOPY", "dc"},
		{"DONTEXPAND", "de"}, {"LOCKONFAULT", "lf"}, {"ACCOUNT", "ac"},	   {"NORESERVE", "nr"},
		{"HUGETLB", "ht"},    {"SYNC", "sf"},	     {"NONLINEAR", "nl"},  {"ARCH_1", "ar"},
		{"PAT", "ar"},
		{"WIPEONFORK", "wf"}, {"DONTDUMP", "dd"},    {"SOFTDIRTY", "sd"},  {"MIXEDMAP", "mm"},
		{"HUGEPAGE", "hg"},   {"NOHUGEPAGE", "nh"},  {"MERGEABLE", "mg"},  {"UFFD_MISSING", "um"},
		{"UFFD_WP", "uw"},    {"UFFD_MINOR", "ui"},  {"SHADOW_STACK", "ss"}, {"SEALED", "sl"},
		{"DROPPABLE", "dp"},  {"MAYBE_GUARD", "gu"},
	};
	if (!name)
		return "??";
	if (!strncmp(name, "PKEY_BIT", 8))
		return "";
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!strcmp(name, names[i][0]))
			return names[i][1];
	}
	return "??";
}

/* What each bit is called: found once for the areas of a task. */
struct mnemonics {
	const char *bit[64];
};

static void find_mnemonics(struct kernel *k, struct mnemonics *m)
{
	for (unsigned bit = 0; bit < 64; bit++) {
		m->bit[bit] = mnemonic(vma_flag_name(k, bit));
		/* Named some releases after 6.1, as KSM got its line. */
		if (!strcmp(m->bit[bit], "lf") && !HAS(k, mem_size_stats, ksm))
			m->bit[bit] = "??";
	}
}

static void print_flags(struct out *o, const struct mnemonics *m, uint64_t flags)
{
	char text[64 * 3 + 1];
	size_t len = 0;
	for (; flags; flags &= flags - 1) {
		/* Two letters each, or none. */
		const char *name = m->bit[__builtin_ctzll(flags)];
		if (!*name)
			continue;
		text[len++] = name[0];
		text[len++] = name[1];
		text[len++] = ' ';
	}
	text[len] = 0;
	if (out_json(o)) {
		out_str(o, "VmFlags", NULL, text);
		return;
	}
	out_text(o, "VmFlags: ");
	out_text(o, text);
	out_text(o, "\n");
}

/* ---- Areas ---- */

struct work {
	struct session *s;
	bool rollup;
	struct lines lines;
	struct mnemonics mnemonics;
	struct smaps sums; /* of all areas, for -r */
	uint64_t start, end;
	struct error *error; /* the first of those that do not end the walk */
};

/* The device's numbers: MAJOR and MINOR of a dev_t, of 32 bits since 2.6 (include/linux/kdev_t.h), 16 before. */
static void device_of(struct kernel *k, uint64_t inode, unsigned *major, unsigned *minor)
{
	uint64_t sb, dev;
	*major = *minor = 0;
	if (!inode || error_drop(kernel_get(k, inode, M_inode_i_sb, &sb)) ||
	    error_drop(kernel_get(k, sb, M_super_block_s_dev, &dev)))
		return;
	unsigned minor_bits = k->members[M_super_block_s_dev].size == 2 ? 8 : 20;
	*major = (unsigned)dev >> minor_bits;
	*minor = (unsigned)dev & ((1u << minor_bits) - 1);
}

/* The line of /proc/PID/maps: show_map_vma(). */
static void print_heading(struct session *s, uint64_t start, uint64_t end, const char *permissions, uint64_t offset,
			  uint64_t inode, const char *name, bool deleted)
{
	struct kernel *k = s->kernel;
	struct out *o = s->out;
	unsigned major, minor;
	uint64_t number = 0;
	char line[128], device[24];
	device_of(k, inode, &major, &minor);
	if (inode)
		error_drop(kernel_get(k, inode, M_inode_i_ino, &number));
	if (out_json(o)) {
		snprintf(device, sizeof(device), "%02x:%02x", major, minor);
		out_hex(o, "start", NULL, start);
		out_hex(o, "end", NULL, end);
		out_str(o, "permissions", NULL, permissions);
		out_hex(o, "offset", NULL, offset);
		out_str(o, "device", NULL, device);
		out_dec(o, "inode", NULL, number);
		out_str(o, "name", NULL, name);
		out_bool(o, "deleted", NULL, deleted);
		return;
	}
	char *p = put_hex(line, start, 8);
	*p++ = '-';
	p = put_hex(p, end, 8);
	*p++ = ' ';
	p = stpcpy(p, permissions);
	*p++ = ' ';
	p = put_hex(p, offset, 8);
	*p++ = ' ';
	p = put_hex(p, major, 2);
	*p++ = ':';
	p = put_hex(p, minor, 2);
	*p++ = ' ';
	p = put_dec(p, number);
	*p++ = ' ';
	/* Up to the name: seq_setwidth() and a blank. */
	char *width = line + 25 + k->arch->pointer_size * 6;
	while (*name && p < width)
		*p++ = ' ';
	*p = 0;
	out_text(o, line);
	out_text(o, name);
	out_text(o, deleted ? " (deleted)\n" : "\n");
}

static bool print_area(struct work *w, const struct vma *vma, const struct smaps *sums)
{
	struct session *s = w->s;
	struct kernel *k = s->kernel;
	char permissions[5], special[96];
	const struct file_path *path = vma->file ? path_of_file(k, vma->file) : NULL;
	unsigned key;
	vma_permissions(vma->flags, permissions);
	if (!path)
		vma_special_name(k, vma, special, sizeof(special));
	out_object_begin(s->out, NULL);
	print_heading(s, vma->start, vma->end, permissions, vma->file ? vma->pgoff << k->arch->page_shift : 0, vma_inode(k, vma),
		      path ? path->path : special, path && path->deleted);
	print_fields(s->out, &w->lines, sums);
	if (smaps_protection_key(k, vma, &key)) {
		if (out_json(s->out))
			out_dec(s->out, "ProtectionKey", NULL, key);
		else
			put_number(s->out, "ProtectionKey", key, "\n");
	}
	print_flags(s->out, &w->mnemonics, vma->flags);
	out_object_end(s->out);
	return true;
}

static bool add_area(void *context, const struct vma *vma)
{
	struct work *w = context;
	struct smaps area = {0};
	struct error *e = smaps_add(w->s->kernel, vma, w->rollup ? &w->sums : &area);
	if (!w->end)
		w->start = vma->start;
	w->end = vma->end;
	bool end = e && (e->code == ERR_INTERRUPTED || e->code == ERR_UNSUPPORTED);
	if (e && !w->error)
		w->error = e;
	else
		error_free(e);
	return !end && (w->rollup || print_area(w, vma, &area));
}

static struct error *print_task(struct session *s, const struct task *t, void *context)
{
	struct work w = {.s = s, .rollup = *(const bool *)context};
	unsigned depth = s->out->depth;
	/* A kernel thread has no memory of its own: its file is empty. */
	if (!t->mm)
		return NULL;
	make_lines(s->kernel, w.rollup, &w.lines);
	if (!w.rollup) {
		find_mnemonics(s->kernel, &w.mnemonics);
		out_array_begin(s->out, "areas");
	}
	struct error *e = vma_for_each(s->kernel, t->mm, add_area, &w);
	out_close(s->out, depth);
	if (w.rollup && w.end) {
		print_heading(s, w.start, w.end, "---p", 0, 0, "[rollup]", false);
		print_fields(s->out, &w.lines, &w.sums);
	}
	if (!w.error)
		return e;
	error_drop(e);
	return w.error;
}

static struct error *run_smaps(struct session *s, int argc, char **argv)
{
	struct option_parser p = {.argc = argc, .argv = argv, .spec = "r"};
	bool rollup = false;
	int c;
	while ((c = next_option(&p))) {
		if (c != 'r')
			return option_error(&p);
		rollup = true;
	}
	if (!s->in_foreach || !s->foreach_index)
		paths_forget(s->kernel);
	return context_for_each(s, argc, argv, p.index, print_task, &rollup);
}

COMMAND(smaps) = {
	.name = "smaps",
	.summary = "what the pages of processes are, as /proc/PID/smaps says it",
	.synopsis = "[-r] [pid | task | name]…",
	.options = "-r",
	.flags = CMD_NEEDS_KERNEL | CMD_FOREACH | CMD_TASK_ARGS,
	.help = "DESCRIPTION\n"
		"  Shows for each area of a task how much of it is resident, shared and private, clean and dirty,\n"
		"  referenced, anonymous, locked, swapped …, in kB, in the lines of /proc/PID/smaps, computed as the\n"
		"  kernel would have. Which lines there are is the kernel's own choice, but for THPeligible, which is\n"
		"  left out. Without a task the current context is shown.\n"
		"\n"
		"  -r  all areas in one, as /proc/PID/smaps_rollup\n"
		"\n"
		"  A kernel that does not count how often a page is mapped (2.4) has its page tables counted.\n"
		"\n"
		"EXAMPLES\n"
		"  The areas of process 1:\n"
		"    mmscope> smaps 1\n"
		"  The memory of each process in sum:\n"
		"    mmscope> foreach gleader smaps -r | grep -E 'PID|^Pss:'\n",
	.run = run_smaps,
};
