/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "mm/mount.h"

#include <inttypes.h>

#include "core/interrupt.h"
#include "mm/list.h"
#include "mm/rbtree.h"

/* ---- Mounts ---- */

struct mount_walk {
	struct kernel *k;
	mount_visitor *visit;
	void *context;
	uint32_t link; /* of the list or tree in struct mount */
	bool lone;     /* the one that a task's root is on, be there a super block or not */
};

static void read_text(struct kernel *k, uint64_t addr, char *buf, size_t size)
{
	if (!addr || error_drop(kernel_read_string(k, addr, buf, size)))
		buf[0] = '\0';
}

static bool visit_mount(void *context, uint64_t node)
{
	struct mount_walk *w = context;
	struct kernel *k = w->k;
	struct object o;
	uint64_t type, name;
	struct mount m = {.addr = node - w->link};
	if (!object_try_open(k, m.addr, S_mount, &o))
		return true;
	/* Since 6.18 a tree may hold a cursor of a reader; it has no super block. */
	m.sb = GET(k, &o, mount, mnt_sb);
	if (!m.sb && !w->lone)
		return true;
	m.root = GET(k, &o, mount, mnt_root);
	m.vfsmount = m.addr + OFFSET(k, mount, mnt);
	read_text(k, GET(k, &o, mount, mnt_devname), m.device, sizeof(m.device));
	if (!error_drop(kernel_get(k, m.sb, M_super_block_s_type, &type)) && !error_drop(kernel_get(k, type, M_file_system_type_name, &name)))
		read_text(k, name, m.type, sizeof(m.type));
	return w->visit(w->context, &m);
}

static struct error *namespace_of(struct kernel *k, const struct task *t, uint64_t *out)
{
	uint64_t proxy;
	*out = GET(k, &t->object, task_struct, namespace);
	if (*out || !HAS(k, task_struct, nsproxy))
		return NULL;
	proxy = GET(k, &t->object, task_struct, nsproxy);
	return proxy ? kernel_get(k, proxy, M_nsproxy_mnt_ns, out) : NULL;
}

/* A list that is not there, holds nothing, or was never set up. */
static bool is_empty(struct kernel *k, uint64_t list)
{
	uint64_t first;
	return !list || error_drop(kernel_read_pointer(k, list, &first)) || !first || first == list;
}

struct error *mounts_for_each(struct kernel *k, const struct task *t, mount_visitor *visit, void *context)
{
	struct mount_walk w = {.k = k, .visit = visit, .context = context};
	uint64_t ns, root, old = symbol_addr(k, "vfsmntlist");
	struct task_places places;
	TRY(namespace_of(k, t, &ns));
	/* Before there were namespaces for all: at least the one that the task's root is on. */
	task_places(k, t, &places);
	if (!ns && is_empty(k, old) && !HAS(k, task_struct, nsproxy) && places.root_mnt && !OFFSET(k, mount, mnt)) {
		w.lone = true;
		visit_mount(&w, places.root_mnt);
		return NULL;
	}
	if (ns && HAS(k, mnt_namespace, mounts) && HAS(k, mount, mnt_node)) {
		w.link = OFFSET(k, mount, mnt_node);
		TRY(kernel_get(k, ns, M_mnt_namespace_mounts, &root));
		return rbtree_for_each(k, root, visit_mount, &w);
	}
	w.link = OFFSET(k, mount, mnt_list);
	if (ns && HAS(k, mnt_namespace, list) && HAS(k, mount, mnt_list))
		return list_for_each(k, ns + OFFSET(k, mnt_namespace, list), visit_mount, &w);
	if (old && HAS(k, mount, mnt_list))
		return list_for_each(k, old, visit_mount, &w);
	if (!ns && (HAS(k, task_struct, nsproxy) || HAS(k, task_struct, namespace)))
		return error_new(ERR_NOT_FOUND, "pid %u has no mount namespace", t->pid);
	return error_new(ERR_UNSUPPORTED, "this kernel's mounts are not known");
}

/* ---- Open files ---- */

/* fs.nr_open may be raised to 2^30 at most; what memory can hold of it ends the walk sooner. */
#define FDS_MAX (1u << 24)

uint32_t inode_mode(struct kernel *k, uint64_t inode)
{
	uint64_t mode;
	return !inode || error_drop(kernel_get(k, inode, M_inode_i_mode, &mode)) ? 0 : (uint32_t)mode & 0xffff;
}

/* include/uapi/linux/stat.h: S_IFMT */
const char *inode_type_name(uint32_t mode)
{
	static const char *const names[16] = {[1] = "FIFO", [2] = "CHR", [4] = "DIR", [6] = "BLK", [8] = "REG", [10] = "LNK", [12] = "SOCK"};
	const char *name = names[mode >> 12 & 15];
	return name ? name : "UNKN";
}

static void read_file(struct kernel *k, struct open_file *f)
{
	struct object o;
	if (!object_try_open(k, f->file, S_file, &o))
		return;
	f->dentry = GET(k, &o, file, dentry);
	f->inode = GET(k, &o, file, f_inode);
	if (!f->inode && f->dentry && error_drop(kernel_get(k, f->dentry, M_dentry_d_inode, &f->inode)))
		f->inode = 0;
	f->mode = inode_mode(k, f->inode);
}

struct error *files_for_each(struct kernel *k, const struct task *t, open_file_visitor *visit, void *context)
{
	uint64_t files = GET(k, &t->object, task_struct, files), table, array, count, word = k->arch->pointer_size;
	if (!files)
		return NULL;
	/* The table stood in files_struct itself until 2.6.14. */
	if (HAS(k, files_struct, fdt)) {
		TRY(kernel_get(k, files, M_files_struct_fdt, &table));
		TRY(kernel_get(k, table, M_fdtable_fd, &array));
		TRY(kernel_get(k, table, M_fdtable_max_fds, &count));
	} else {
		TRY(kernel_get(k, files, M_files_struct_fd, &array));
		TRY(kernel_get(k, files, M_files_struct_max_fds, &count));
	}
	if (count > FDS_MAX)
		return error_at(ERR_BAD_OBJECT, files, "files_struct is damaged: %" PRIx64 " has %" PRIu64 " descriptors", files, count);
	for (uint64_t fd = 0; fd < count; fd++) {
		struct open_file f = {.fd = (unsigned)fd};
		if (!(fd & 4095))
			TRY(check_interrupt());
		TRY(kernel_read_pointer(k, array + fd * word, &f.file));
		if (!f.file)
			continue;
		read_file(k, &f);
		if (!visit(context, &f))
			break;
	}
	return NULL;
}

void task_places(struct kernel *k, const struct task *t, struct task_places *out)
{
	uint64_t fs = GET(k, &t->object, task_struct, fs);
	struct object o;
	*out = (struct task_places){0};
	if (!fs || !object_try_open(k, fs, S_fs_struct, &o))
		return;
	out->root_mnt = GET(k, &o, fs_struct, root_mnt);
	out->root = GET(k, &o, fs_struct, root_dentry);
	out->pwd_mnt = GET(k, &o, fs_struct, pwdmnt);
	out->pwd = GET(k, &o, fs_struct, pwd);
}
