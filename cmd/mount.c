/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mount, swap and mod: file systems, swap areas, modules.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd/context.h"
#include "mm/mount.h"
#include "mm/path.h"
#include "mm/swap.h"
#include "mm/system.h"

/* ---- mount ---- */

struct mount_view {
	struct session *s;
	int argc;
	char **argv; /* which mounts; none: all */
	uint64_t found;
};

static bool is_wanted(struct mount_view *v, const struct mount *m, const char *dir)
{
	for (int i = 0; i < v->argc; i++) {
		uint64_t addr, sb;
		if (!strcmp(v->argv[i], m->device) || !strcmp(v->argv[i], dir))
			return true;
		if (error_drop(parse_number(v->argv[i], true, &addr)) || !addr)
			continue;
		if (addr == m->addr || addr == m->vfsmount || addr == m->sb)
			return true;
		/* A dentry or an inode of the file system. */
		if ((!error_drop(kernel_get(v->s->kernel, addr, M_dentry_d_sb, &sb)) && sb == m->sb) ||
		    (!error_drop(kernel_get(v->s->kernel, addr, M_inode_i_sb, &sb)) && sb == m->sb))
			return true;
	}
	return !v->argc;
}

static bool print_mount(void *context, const struct mount *m)
{
	struct mount_view *v = context;
	struct out *o = v->s->out;
	char path[PATH_SIZE], dir[PATH_SIZE];
	if (error_drop(path_of(v->s->kernel, m->vfsmount, m->root, path, sizeof(path), NULL)))
		snprintf(dir, sizeof(dir), "(unknown)");
	else
		path_escape(path, dir, sizeof(dir));
	if (!is_wanted(v, m, dir))
		return true;
	v->found++;
	out_cell_hex(o, m->addr);
	out_cell_hex(o, m->sb);
	out_cell_str(o, m->type);
	out_cell_str(o, m->device);
	out_cell_str(o, dir);
	out_row_end(o);
	return !o->failed;
}

static struct error *run_mount(struct session *s, int argc, char **argv)
{
	static const struct column columns[] = {
		{"mount", "MOUNT", 16, '^', 0},	    {"super_block", "SUPERBLK", 16, '^', 1}, {"type", "TYPE", 6, '<', 1},
		{"device", "DEVNAME", 9, '<', 1}, {"dir", "DIRNAME", 0, '<', 1},
	};
	struct option_parser p = {.argc = argc, .argv = argv, .spec = "fin:"};
	struct mount_view v = {.s = s};
	const struct task *t;
	int c;
	TRY(context_task(s, &t));
	while ((c = next_option(&p))) {
		if (c == '?')
			return option_error(&p);
		if (c != 'n')
			return error_new(ERR_UNSUPPORTED, c == 'f' ? "super blocks list no open files here: fuser and foreach files find them"
								   : "super blocks list no dirty inodes here");
		TRY(context_select_one(s, p.argument, &t));
	}
	v.argc = argc - p.index;
	v.argv = argv + p.index;
	/* The context may be an idle task, or dead. */
	if (!GET(s->kernel, &t->object, task_struct, nsproxy) && !GET(s->kernel, &t->object, task_struct, namespace) && task_by_pid(s->kernel, 1))
		t = task_by_pid(s->kernel, 1);
	out_table(s->out, "mounts", columns, 5, true);
	struct error *e = mounts_for_each(s->kernel, t, print_mount, &v);
	out_table_end(s->out);
	if (!e && v.argc && !v.found)
		e = error_new(ERR_NOT_FOUND, "no such mount: %s", v.argv[0]);
	return e;
}

COMMAND(mount) = {
	.name = "mount",
	.summary = "mounted file systems",
	.synopsis = "[-n pid | task] [MOUNT | VFSMOUNT | SUPERBLOCK | DEVICE | DIR | DENTRY | INODE]…",
	.options = "-n -f -i",
	.flags = CMD_NEEDS_KERNEL,
	.help = "DESCRIPTION\n"
		"  Lists the mounts of the context's namespace: struct mount (vfsmount before 3.3), super block, type of file\n"
		"  system, device, directory. With words only those that have one of them.\n"
		"\n"
		"  -n  the namespace of this task\n"
		"\n"
		"  crash's -f (open files of each super block, before 3.13) and -i (dirty inodes, before 2.6.32) are left out.\n"
		"\n"
		"EXAMPLES\n"
		"    mmscope> mount\n"
		"    mmscope> mount /\n",
	.run = run_mount,
};

/* ---- swap ---- */

static struct error *run_swap(struct session *s, int argc, char **argv)
{
	static const struct column columns[] = {
		{"swap_info", "SWAP_INFO_STRUCT", 16, '^', 0}, {"type", "TYPE", 9, '^', 2}, {"size_kb", "SIZE", 9, '>', 1}, {"used_kb", "USED", 9, '>', 1},
		{"percent", "PCT", 4, '>', 1},	    {"priority", "PRI", 4, '>', 1}, {"file", "FILENAME", 0, '<', 2},
	};
	struct kernel *k = s->kernel;
	struct out *o = s->out;
	unsigned kilo = k->arch->page_shift - 10;
	if (argc != 1)
		return usage_error("swap", "too many words: %s", argv[1]);
	out_table(o, "areas", columns, 7, true);
	for (unsigned i = 0; i < swap_areas_count(k); i++) {
		struct swap_area a;
		char size[32], used[32], percent[8];
		if (!swap_area_get(k, i, &a))
			continue;
		uint64_t part = a.pages ? a.inuse_pages * 100 / a.pages : 0;
		snprintf(size, sizeof(size), "%" PRIu64 "k", a.pages << kilo);
		snprintf(used, sizeof(used), "%" PRIu64 "k", a.inuse_pages << kilo);
		snprintf(percent, sizeof(percent), "%u%%", (unsigned)part);
		out_cell_hex(o, a.addr);
		out_cell_str(o, a.is_block_device ? "PARTITION" : "FILE");
		out_cell_dec_as(o, a.pages << kilo, size);
		out_cell_dec_as(o, a.inuse_pages << kilo, used);
		out_cell_dec_as(o, part, percent);
		out_cell_sdec(o, a.prio);
		out_cell_str(o, a.path);
		out_row_end(o);
	}
	out_table_end(o);
	return NULL;
}

COMMAND(swap) = {
	.name = "swap",
	.summary = "swap areas",
	.synopsis = "",
	.flags = CMD_NEEDS_KERNEL,
	.help = "DESCRIPTION\n"
		"  Lists the swap areas in use: the swap_info_struct, partition or file, size and use in KiB, priority, path.\n"
		"\n"
		"EXAMPLES\n"
		"    mmscope> swap\n",
	.run = run_swap,
};

/* ---- mod ---- */

/* Without what only its initialisation needed, as lsmod has it. */
static uint64_t module_size(const struct module *m)
{
	uint64_t size = 0;
	for (unsigned i = 0; i < m->memory_count; i++)
		if (m->memory[i].kind < (m->by_type ? 4 : 1)) /* enum mod_mem_type: MOD_INIT_TEXT is the fifth */
			size += m->memory[i].size;
	return size;
}

static void taint_row(struct session *s, const struct module *m)
{
	uint64_t taints;
	char letters[65];
	if (error_drop(kernel_get(s->kernel, m->addr, M_module_taints, &taints)) || !taints)
		return;
	system_taint_letters(taints, letters, sizeof(letters));
	out_cell_str(s->out, m->name);
	out_cell_str(s->out, letters);
	out_row_end(s->out);
}

static void module_row(struct session *s, const struct module *m)
{
	out_cell_hex(s->out, m->addr);
	out_cell_str(s->out, m->name);
	out_cell_hex(s->out, m->base);
	out_cell_dec(s->out, module_size(m));
	out_cell_none(s->out, m->symbol_count ? "(not loaded)  [CONFIG_KALLSYMS]" : "(not loaded)");
	out_row_end(s->out);
}

static struct error *run_mod(struct session *s, int argc, char **argv)
{
	static const struct column columns[] = {
		{"module", "MODULE", 16, '^', 0}, {"name", "NAME", 12, '<', 2}, {"base", "BASE", 16, '^', 2}, {"size", "SIZE", 7, '>', 2}, {"object", "OBJECT FILE", 0, '<', 2}};
	static const struct column taints[] = {{"name", "NAME", 16, '<', 0}, {"taints", "TAINTS", 0, '<', 2}};
	struct option_parser p = {.argc = argc, .argv = argv, .spec = "s:Sd:DtrRog"};
	bool taint = false;
	int c;
	while ((c = next_option(&p))) {
		if (c == '?')
			return option_error(&p);
		if (c == 't')
			taint = true;
		else
			return error_new(ERR_UNSUPPORTED, "modules' symbols and types are read from the image itself; there is nothing to load or delete: -%c", c);
	}
	if (p.index < argc)
		return usage_error("mod", "too many words: %s", argv[p.index]);
	struct error *e = symbols_add_modules(s->kernel);
	out_table(s->out, taint ? "taints" : "modules", taint ? taints : columns, taint ? 2 : 5, true);
	for (size_t i = 0; i < modules_count(s->kernel); i++)
		(taint ? taint_row : module_row)(s, modules_get(s->kernel, i));
	out_table_end(s->out);
	return e;
}

COMMAND(mod) = {
	.name = "mod",
	.summary = "loaded modules",
	.synopsis = "[-t]",
	.options = "-t",
	.flags = CMD_NEEDS_KERNEL,
	.help = "DESCRIPTION\n"
		"  Lists the loaded modules: struct module, name, where its text begins, bytes. Their symbols and types are\n"
		"  those that the kernel itself keeps, so crash's -s, -S, -d and -D, which load and delete object files, are\n"
		"  left out.\n"
		"\n"
		"  -t  those that taint the kernel, with the letters of why\n"
		"\n"
		"EXAMPLES\n"
		"    mmscope> mod\n",
	.run = run_mod,
};
