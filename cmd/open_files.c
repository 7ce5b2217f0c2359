/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * files and fuser: what tasks have open.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd/context.h"
#include "cmd/page_row.h"
#include "mm/mount.h"
#include "mm/path.h"
#include "mm/vma.h"
#include "mm/xarray.h"
#include "mm/zone.h"

/* ---- files ---- */

struct files_view {
	struct session *s;
	const struct task *task;
	bool cached;	   /* -c */
	const char *wanted; /* -R, or NULL */
	bool begun;
};

static const struct column file_columns[] = {
	{"fd", "FD", 3, '>', 0},	   {"file", "FILE", 16, '^', 1}, {"dentry", "DENTRY", 16, '^', 1},
	{"inode", "INODE", 16, '^', 1}, {"type", "TYPE", 4, '<', 1},	 {"path", "PATH", 0, '<', 1},
};
static const struct column cached_columns[] = {
	{"fd", "FD", 3, '>', 0},	  {"inode", "INODE", 16, '^', 1}, {"mapping", "I_MAPPING", 16, '^', 1},
	{"pages", "NRPAGES", 7, '>', 1}, {"type", "TYPE", 4, '<', 1},	  {"path", "PATH", 0, '<', 1},
};

static void place_text(struct kernel *k, uint64_t mnt, uint64_t dentry, char *text, size_t size)
{
	char path[PATH_SIZE];
	if (!dentry || error_drop(path_of(k, mnt, dentry, path, sizeof(path), NULL)))
		snprintf(text, size, "(unknown)");
	else
		path_escape(path, text, size);
}

/* Where the task is; nothing of one that has ended, or is a part of the kernel without such places. */
static void put_places(struct session *s, const struct task *t)
{
	char root[PATH_SIZE], pwd[PATH_SIZE];
	struct task_places places;

	task_places(s->kernel, t, &places);
	if (!places.root && !places.pwd)
		return;
	place_text(s->kernel, places.root_mnt, places.root, root, sizeof(root));
	place_text(s->kernel, places.pwd_mnt, places.pwd, pwd, sizeof(pwd));
	out_str(s->out, "root", "ROOT: %s    ", root);
	out_str(s->out, "cwd", "CWD: %s\n", pwd);
}

static void begin(struct files_view *v)
{
	struct session *s = v->s;

	if (v->begun)
		return;
	v->begun = true;
	if (v->wanted) {
		if (!s->in_foreach)
			out_object_begin(s->out, NULL);
		context_heading(s, v->task);
	}
	put_places(s, v->task);
	out_table(s->out, "files", v->cached ? cached_columns : file_columns, 6, true);
}

static uint64_t mapping_of(struct kernel *k, uint64_t inode, uint64_t *pages)
{
	uint64_t mapping = 0;
	*pages = 0;
	if (!inode || error_drop(kernel_get(k, inode, M_inode_i_mapping, &mapping)) || !mapping)
		return 0;
	if (error_drop(kernel_get(k, mapping, M_address_space_nrpages, pages)))
		*pages = 0;
	return mapping;
}

/* -R: a descriptor's number, an address, or a part of the path. */
static bool matches(const struct files_view *v, const struct open_file *f, uint64_t mapping, const char *path)
{
	uint64_t number;
	if (!v->wanted || strstr(path, v->wanted))
		return true;
	if (!error_drop(parse_count(v->wanted, &number)) && number == f->fd)
		return true;
	return !error_drop(parse_number(v->wanted, true, &number)) && number && (number == f->file || number == f->dentry || number == f->inode || number == mapping);
}

static bool print_file(void *context, const struct open_file *f)
{
	struct files_view *v = context;
	struct out *o = v->s->out;
	uint64_t pages, mapping = mapping_of(v->s->kernel, f->inode, &pages);
	const struct file_path *path = path_of_file(v->s->kernel, f->file);
	if (!matches(v, f, mapping, path->path))
		return true;
	begin(v);
	out_cell_dec(o, f->fd);
	if (!v->cached)
		out_cell_hex(o, f->file);
	out_cell_hex(o, v->cached ? f->inode : f->dentry);
	out_cell_hex(o, v->cached ? mapping : f->inode);
	if (v->cached)
		out_cell_dec(o, pages);
	out_cell_str(o, inode_type_name(f->mode));
	out_cell_str(o, path->path);
	out_row_end(o);
	return !o->failed;
}

static struct error *show_task(struct session *s, const struct task *t, void *context)
{
	struct files_view v = *(const struct files_view *)context;
	v.task = t;
	if (out_json(s->out))
		begin(&v);
	struct error *e = files_for_each(s->kernel, t, print_file, &v);
	if (v.begun) {
		out_table_end(s->out);
	} else if (!e) {
		put_places(s, t);
		out_text(s->out, "No open files\n");
	}
	return e;
}

/* -R says nothing of a task that has no such file. */
static struct error *search_tasks(struct session *s, int argc, char **argv, int from, struct files_view *v)
{
	struct task_list list = {0};
	struct error *first;
	TRY(context_words(s, argc, argv, from, &list, &first));
	if (!s->in_foreach)
		out_array_begin(s->out, "tasks");
	for (size_t i = 0; i < list.count; i++) {
		struct files_view each = *v;
		each.task = list.tasks[i];
		struct error *e = files_for_each(s->kernel, each.task, print_file, &each);
		if (each.begun) {
			out_table_end(s->out);
			out_text(s->out, "\n");
			if (!s->in_foreach)
				out_object_end(s->out);
		}
		if (!first)
			first = e;
		else
			error_free(e);
	}
	if (!s->in_foreach)
		out_array_end(s->out);
	task_list_free(&list);
	return first;
}

static struct error *show_dentry(struct session *s, const char *word)
{
	static const struct column columns[] = {
		{"dentry", "DENTRY", 16, '^', 0}, {"inode", "INODE", 16, '^', 1}, {"super_block", "SUPERBLK", 16, '^', 1},
		{"type", "TYPE", 4, '<', 1},	  {"path", "PATH", 0, '<', 1},
	};
	uint64_t addr;
	struct object o;
	char path[PATH_SIZE];
	TRY(parse_address(s, word, &addr));
	TRY(object_open(s->kernel, addr, S_dentry, &o));
	uint64_t inode = GET(s->kernel, &o, dentry, d_inode);
	place_text(s->kernel, 0, addr, path, sizeof(path));
	out_table(s->out, "dentry", columns, 5, true);
	out_cell_hex(s->out, addr);
	out_cell_hex(s->out, inode);
	out_cell_hex(s->out, GET(s->kernel, &o, dentry, d_sb));
	out_cell_str(s->out, inode ? inode_type_name(inode_mode(s->kernel, inode)) : "N/A");
	out_cell_str(s->out, path);
	out_row_end(s->out);
	out_table_end(s->out);
	return NULL;
}

static bool print_page(void *context, uint64_t index, uint64_t entry)
{
	struct session *s = context;
	struct page p;
	/* A value says what was evicted from there. */
	if (!(entry & 1) && !error_drop(page_open(s->kernel, entry, &p)))
		page_row(s->out, s->kernel, &p);
	return !s->out->failed;
}

static struct error *show_inode_pages(struct session *s, const char *word)
{
	uint64_t addr, pages, mapping, head;
	TRY(parse_address(s, word, &addr));
	TRY(nodes_open(s->kernel));
	mapping = mapping_of(s->kernel, addr, &pages);
	if (!mapping)
		return error_at(ERR_BAD_OBJECT, addr, "no inode with a page cache: %s", word);
	TRY(members_require(s->kernel, "the page cache of an inode", M_address_space_i_pages, MEMBER_NONE));
	TRY(kernel_get(s->kernel, mapping, M_address_space_i_pages, &head));
	out_printf(s->out, "     INODE        NRPAGES\n");
	out_hex(s->out, "inode", "%16" PRIx64, addr);
	out_dec(s->out, "pages_count", "  %7" PRIu64 "\n\n", pages);
	page_rows_begin(s->out, true);
	struct error *e = xarray_for_each(s->kernel, head, print_page, s);
	page_rows_end(s->out);
	return e;
}

static struct error *run_files(struct session *s, int argc, char **argv)
{
	struct option_parser p = {.argc = argc, .argv = argv, .spec = "d:p:cR:"};
	struct files_view v = {.s = s};
	int c;
	while ((c = next_option(&p))) {
		if (c == '?')
			return option_error(&p);
		if (c == 'd')
			return show_dentry(s, p.argument);
		if (c == 'p')
			return show_inode_pages(s, p.argument);
		if (c == 'c')
			v.cached = true;
		else
			v.wanted = p.argument;
	}
	if (v.wanted)
		return search_tasks(s, argc, argv, p.index, &v);
	return context_for_each(s, argc, argv, p.index, show_task, &v);
}

COMMAND(files) = {
	.name = "files",
	.summary = "open files of tasks",
	.synopsis = "[-c] [-R REFERENCE] [pid | task | name]… | -d DENTRY | -p INODE",
	.options = "-c -R -d -p",
	.flags = CMD_NEEDS_KERNEL | CMD_FOREACH | CMD_TASK_ARGS,
	.help = "DESCRIPTION\n"
		"  Shows the root and the working directory of each task, and its open descriptors: struct file, dentry,\n"
		"  inode, type and path.\n"
		"\n"
		"  -c  the inode's address space and how many pages of it are in the page cache instead\n"
		"  -R  only descriptors with this number, address (of file, dentry, inode, address space) or part of a path\n"
		"  -d  the dentry at this address: inode, super block, type, path within its file system\n"
		"  -p  the pages of the inode at this address that are in the page cache\n"
		"\n"
		"EXAMPLES\n"
		"  What init has open:\n"
		"    mmscope> files 1\n"
		"    mmscope> files -c 1\n",
	.run = run_files,
};

/* ---- fuser ---- */

struct user_search {
	struct session *s;
	const char *path; /* NULL: by inode */
	uint64_t inode;
	bool fd, mmap, root, cwd;
	uint64_t found;
};

static bool same_dentry(struct user_search *u, uint64_t mnt, uint64_t dentry)
{
	uint64_t inode;
	char text[PATH_SIZE];
	if (!dentry)
		return false;
	if (!u->path)
		return !error_drop(kernel_get(u->s->kernel, dentry, M_dentry_d_inode, &inode)) && inode == u->inode;
	place_text(u->s->kernel, mnt, dentry, text, sizeof(text));
	return !strcmp(text, u->path);
}

static bool see_file(void *context, const struct open_file *f)
{
	struct user_search *u = context;
	u->fd |= u->path ? !strcmp(path_of_file(u->s->kernel, f->file)->path, u->path) : f->inode == u->inode;
	return !u->fd;
}

static bool see_area(void *context, const struct vma *vma)
{
	struct user_search *u = context;
	uint64_t inode = 0;
	if (!vma->file)
		return true;
	if (u->path)
		u->mmap = !strcmp(path_of_file(u->s->kernel, vma->file)->path, u->path);
	else if (!error_drop(kernel_get(u->s->kernel, vma->file, M_file_f_inode, &inode)))
		u->mmap = inode == u->inode;
	return !u->mmap;
}

static void user_row(struct user_search *u, const struct task *t)
{
	struct out *o = u->s->out;
	char name[24], usage[40];
	snprintf(name, sizeof(name), "\"%s\"", t->comm);
	snprintf(usage, sizeof(usage), "%s%s%s%s", u->fd ? "fd " : "", u->mmap ? "mmap " : "", u->root ? "root " : "", u->cwd ? "cwd " : "");
	usage[strlen(usage) - 1] = '\0';
	u->found++;
	out_cell_dec(o, t->pid);
	out_cell_hex(o, t->addr);
	out_cell_str(o, out_json(o) ? t->comm : name);
	out_cell_str(o, usage);
	out_row_end(o);
}

static struct error *see_task(struct user_search *u, const struct task *t)
{
	struct kernel *k = u->s->kernel;
	struct task_places places;
	u->fd = u->mmap = false;
	task_places(k, t, &places);
	u->root = same_dentry(u, places.root_mnt, places.root);
	u->cwd = same_dentry(u, places.pwd_mnt, places.pwd);
	struct error *e = files_for_each(k, t, see_file, u);
	if (!e && t->mm)
		e = vma_for_each(k, t->mm, see_area, u);
	if (u->fd || u->mmap || u->root || u->cwd)
		user_row(u, t);
	return e;
}

static struct error *run_fuser(struct session *s, int argc, char **argv)
{
	static const struct column columns[] = {
		{"pid", "PID", 6, '>', 0}, {"task", "TASK", 16, '^', 1}, {"comm", "COMM", 18, '<', 1}, {"usage", "USAGE", 0, '<', 1}};
	struct user_search u = {.s = s};
	struct error *first = NULL;
	size_t count;
	if (argc != 2)
		return usage_error("fuser", "one path or inode is needed");
	if (argv[1][0] == '/')
		u.path = argv[1];
	else
		TRY(parse_address(s, argv[1], &u.inode));
	TRY(tasks_count(s->kernel, &count));
	out_table(s->out, "tasks", columns, 4, true);
	for (size_t i = 0; i < count; i++) {
		struct error *e = check_interrupt();
		if (!e)
			e = see_task(&u, tasks_get(s->kernel, i));
		if (e && e->code == ERR_INTERRUPTED) {
			error_free(first);
			return e;
		}
		if (!first)
			first = e;
		else
			error_free(e);
	}
	out_table_end(s->out);
	if (!first && !u.found)
		return error_new(ERR_NOT_FOUND, "no users of %s found", argv[1]);
	return first;
}

COMMAND(fuser) = {
	.name = "fuser",
	.summary = "tasks that use a file",
	.synopsis = "PATH | INODE",
	.flags = CMD_NEEDS_KERNEL,
	.help = "DESCRIPTION\n"
		"  Lists the tasks that have the file at PATH, or the inode at this address, open (fd), mapped (mmap), or as\n"
		"  root or working directory (root, cwd).\n"
		"\n"
		"EXAMPLES\n"
		"  Who has its root there:\n"
		"    mmscope> fuser /\n",
	.run = run_fuser,
};
