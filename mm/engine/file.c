/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Files of a simulated machine: a small file system with real dentries, inodes and files from their slabs. A file's bytes lie in one piece on the
 * machine's disk, which is a range of reserved frames (struct sim_disk); the page cache has copies of them.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

#include "mm/engine/dcache.h"
#include "mm/engine/engine.h"
#include "mm/engine/file_edit.h"
#include "mm/list.h"
#include "mm/engine/list_edit.h"
#include "mm/engine/mmap_edit.h"
#include "mm/engine/shmem_edit.h"

#define FMODE_READ  1u /* include/linux/fs.h */
#define FMODE_WRITE 2u

/* ---- The disk ---- */

static struct error *open_disk(struct engine *e, struct object *disk)
{
	uint64_t addr = symbol_addr(e->k, "sim_disk");
	if (!addr)
		return error_new(ERR_UNSUPPORTED, "the image has no disk of its own: what is not in its page cache cannot be read");
	return object_open_writable(e->k, addr, S_sim_disk, disk);
}

/* Room for so many bytes, in whole pages; never given back. */
static struct error *disk_alloc(struct engine *e, uint64_t size, uint64_t *phys)
{
	struct object disk;
	struct kernel *k = e->k;
	TRY(open_disk(e, &disk));
	uint64_t used = GET(k, &disk, sim_disk, used), room = GET(k, &disk, sim_disk, size);
	size = (size + VMCORE_PAGE_SIZE - 1) & ~(uint64_t)(VMCORE_PAGE_SIZE - 1);
	if (size > room - used)
		return kernel_error(ENOSPC, "the disk has %" PRIu64 " bytes left", room - used);
	*phys = GET(k, &disk, sim_disk, start) + used;
	SET(k, &disk, sim_disk, used, used + size);
	return NULL;
}

/* Where the piece is on the disk, and how much of it lies within the file. */
static struct error *locate(struct engine *e, uint64_t inode, uint64_t offset, size_t len, uint64_t *phys, size_t *inside)
{
	struct object o;
	TRY(object_open(e->k, inode, S_inode, &o));
	uint64_t size = GET(e->k, &o, inode, i_size);
	*inside = offset >= size ? 0 : size - offset < len ? size - offset : len;
	*phys = GET(e->k, &o, inode, generic_ip) + offset;
	return NULL;
}

struct error *disk_read(struct engine *e, uint64_t inode, uint64_t offset, void *buffer, size_t len)
{
	uint64_t phys;
	size_t inside;
	TRY(locate(e, inode, offset, len, &phys, &inside));
	memset((char *)buffer + inside, 0, len - inside);
	return inside ? vmcore_read(e->k->vmcore, phys, buffer, inside) : NULL;
}

struct error *disk_write(struct engine *e, uint64_t inode, uint64_t offset, const void *buffer, size_t len)
{
	uint64_t phys;
	size_t inside;
	TRY(locate(e, inode, offset, len, &phys, &inside));
	return inside ? vmcore_write(e->k->vmcore, phys, buffer, inside) : NULL;
}

/* ---- Inodes and dentries ---- */

static struct error *init_mapping(struct engine *e, const struct object *inode)
{
	struct kernel *k = e->k;
	struct object m;
	TRY(object_open_writable(k, MEMBER_ADDR(k, inode, inode, i_data), S_address_space, &m));
	TRY(list_init(k, MEMBER_ADDR(k, &m, address_space, clean_pages)));
	TRY(list_init(k, MEMBER_ADDR(k, &m, address_space, dirty_pages)));
	TRY(list_init(k, MEMBER_ADDR(k, &m, address_space, locked_pages)));
	SET(k, &m, address_space, host, inode->addr);
	SET(k, inode, inode, i_mapping, m.addr);
	return NULL;
}

static struct error *new_inode(struct engine *e, uint64_t sb, unsigned mode, uint64_t size, uint64_t phys, uint64_t *inode)
{
	struct kernel *k = e->k;
	struct object o, disk;
	TRY(open_disk(e, &disk));
	TRY(kmem_cache_alloc(e, e->inode_cachep, GFP24_KERNEL, inode));
	TRY(object_open_writable(k, *inode, S_inode, &o));
	memset((void *)o.bytes, 0, o.size);
	SET(k, &o, inode, i_ino, GET(k, &disk, sim_disk, next_ino));
	ADD(k, &disk, sim_disk, next_ino, 1);
	SET(k, &o, inode, i_count, 1);
	SET(k, &o, inode, i_mode, mode);
	SET(k, &o, inode, i_nlink, S_ISDIR(mode) && !e->classic ? 2 : 1);
	SET(k, &o, inode, i_size, size);
	SET(k, &o, inode, i_sb, sb);
	SET(k, &o, inode, generic_ip, phys);
	if (!e->classic)
		return fill_inode_modern(e, &o);
	TRY(list_init(k, MEMBER_ADDR(k, &o, inode, i_hash)));
	TRY(list_init(k, MEMBER_ADDR(k, &o, inode, i_list)));
	TRY(list_init(k, MEMBER_ADDR(k, &o, inode, i_dentry)));
	return init_mapping(e, &o);
}

/* full_name_hash(): include/linux/dcache.h of 2.4. */
static uint32_t name_hash(const char *name, size_t len)
{
	uint32_t hash = 0;
	while (len--) {
		uint32_t c = (unsigned char)*name++;
		hash = (hash + (c << 4) + (c >> 4)) * 11;
	}
	return hash;
}

static struct error *set_name(struct engine *e, const struct object *dentry, const char *name, size_t len)
{
	struct kernel *k = e->k;
	size_t room;
	uint64_t at = MEMBER_ADDR(k, dentry, dentry, d_iname);
	object_bytes(k, dentry, M_dentry_d_iname, &room);
	if (len + 1 > room)
		TRY(kmalloc(e, (uint32_t)len + 1, GFP24_KERNEL, &at));
	TRY(kernel_write(k, at, name, len));
	TRY(kernel_write_uint(k, at + len, 1, 0));
	SET(k, dentry, dentry, name, at);
	SET(k, dentry, dentry, len, len);
	if (e->classic)
		SET(k, dentry, dentry, hash, name_hash(name, len));
	return NULL;
}

struct error *new_dentry(struct engine *e, uint64_t parent, const char *name, size_t len, uint64_t inode, uint64_t sb, uint64_t *dentry)
{
	struct kernel *k = e->k;
	struct object d;
	TRY(kmem_cache_alloc(e, e->dentry_cache, GFP24_KERNEL, dentry));
	TRY(object_open_writable(k, *dentry, S_dentry, &d));
	memset((void *)d.bytes, 0, d.size);
	SET(k, &d, dentry, d_count, 1);
	SET(k, &d, dentry, d_inode, inode);
	SET(k, &d, dentry, d_parent, parent ? parent : *dentry);
	SET(k, &d, dentry, d_sb, sb);
	TRY(set_name(e, &d, name, len));
	TRY(list_init(k, MEMBER_ADDR(k, &d, dentry, d_lru)));
	TRY(list_init(k, MEMBER_ADDR(k, &d, dentry, d_subdirs)));
	if (e->classic) {
		/* The hash of dentries is not kept; one that pointed to itself would be unhashed, that is deleted. */
		TRY(kernel_write_pointer(k, MEMBER_ADDR(k, &d, dentry, d_hash), 0));
		TRY(list_add(k, MEMBER_ADDR(k, &d, dentry, d_alias), inode + OFFSET(k, inode, i_dentry)));
	} else {
		TRY(fill_dentry_modern(e, &d, parent, name, len));
	}
	if (!parent)
		return list_init(k, MEMBER_ADDR(k, &d, dentry, d_child));
	struct object p;
	TRY(object_open_writable(k, parent, S_dentry, &p));
	ADD(k, &p, dentry, d_count, 1);
	return list_add(k, MEMBER_ADDR(k, &d, dentry, d_child), MEMBER_ADDR(k, &p, dentry, d_subdirs));
}

/* ---- Paths ---- */

struct name_search {
	struct kernel *k;
	const char *name;
	size_t len;
	uint64_t found;
};

static bool match_name(void *context, uint64_t node)
{
	struct name_search *s = context;
	struct object d;
	char text[256];
	if (!object_try_open(s->k, node - OFFSET(s->k, dentry, d_child), S_dentry, &d) || GET(s->k, &d, dentry, len) != s->len ||
	    s->len >= sizeof(text) || error_drop(kernel_read(s->k, GET(s->k, &d, dentry, name), text, s->len)))
		return true;
	if (memcmp(text, s->name, s->len))
		return true;
	s->found = d.addr;
	return false;
}

static struct error *find_child(struct engine *e, uint64_t parent, const char *name, size_t len, uint64_t *child)
{
	struct name_search s = { e->k, name, len, 0 };
	TRY(list_for_each(e->k, parent + OFFSET(e->k, dentry, d_subdirs), match_name, &s));
	*child = s.found;
	return NULL;
}

static struct error *root_of(struct engine *e, uint64_t *dentry, uint64_t *mnt)
{
	uint64_t fs = symbol_addr(e->k, "init_fs");
	if (!fs)
		return error_new(ERR_UNSUPPORTED, "the image has no init_fs: its root is not known");
	TRY(kernel_get(e->k, fs, M_fs_struct_root_dentry, dentry));
	TRY(kernel_get(e->k, fs, M_fs_struct_root_mnt, mnt));
	return *dentry ? NULL : error_new(ERR_UNSUPPORTED, "the machine has no root file system");
}

/* NAME_MAX: include/linux/limits.h */
#define NAME_LONGEST 255

/*
 * The dentry of a path from the root, or *dentry 0 and in *parent the directory it would be in, in *last its name. With `make`, directories that lack
 * are made.
 */
static struct error *walk_path(struct engine *e, const char *path, bool make, uint64_t *parent, uint64_t *dentry, const char **last)
{
	struct kernel *k = e->k;
	uint64_t mnt, sb, inode, mode;
	TRY(root_of(e, dentry, &mnt));
	*parent = *dentry;
	if (*path != '/')
		return kernel_error(EINVAL, "not from the root: %s", path);
	TRY(kernel_get(k, *dentry, M_dentry_d_sb, &sb));
	for (;;) {
		path += strspn(path, "/");
		size_t len = strcspn(path, "/");
		if (!len)
			return NULL;
		if (!*dentry)
			return kernel_error(ENOENT, "no such directory on the way to %s", path);
		TRY(kernel_get(k, *dentry, M_dentry_d_inode, &inode));
		TRY(kernel_get(k, inode, M_inode_i_mode, &mode));
		if (!S_ISDIR(mode))
			return kernel_error(ENOTDIR, "no directory is on the way to %s", path);
		if (len > NAME_LONGEST)
			return kernel_error(ENAMETOOLONG, "a name of %zu bytes", len);
		*parent = *dentry;
		*last = path;
		TRY(find_child(e, *parent, path, len, dentry));
		if (!*dentry && make && path[len] == '/') {
			TRY(new_inode(e, sb, S_IFDIR | 0755, 0, 0, &inode));
			TRY(new_dentry(e, *parent, path, len, inode, sb, dentry));
		}
		path += len;
	}
}

struct error *make_file(struct engine *e, const char *path, const void *bytes, uint64_t size)
{
	uint64_t parent, dentry, inode, sb, phys = 0;
	const char *name = NULL;
	TRY(walk_path(e, path, true, &parent, &dentry, &name));
	if (dentry || !name)
		return kernel_error(EEXIST, "there is such a file already: %s", path);
	TRY(disk_alloc(e, size ? size : 1, &phys));
	TRY(kernel_get(e->k, parent, M_dentry_d_sb, &sb));
	TRY(new_inode(e, sb, S_IFREG | 0755, size, phys, &inode));
	TRY(new_dentry(e, parent, name, strlen(name), inode, sb, &dentry));
	return size ? vmcore_write(e->k->vmcore, phys, bytes, size) : NULL;
}

struct error *make_directory(struct engine *e, const char *path)
{
	uint64_t parent, dentry, inode, sb;
	const char *name = NULL;
	TRY(walk_path(e, path, true, &parent, &dentry, &name));
	if (dentry || !name)
		return kernel_error(EEXIST, "there is such a file already: %s", path);
	TRY(kernel_get(e->k, parent, M_dentry_d_sb, &sb));
	TRY(new_inode(e, sb, S_IFDIR | 0755, 0, 0, &inode));
	return new_dentry(e, parent, name, strlen(name), inode, sb, &dentry);
}

struct name_list {
	struct kernel *k;
	file_name_visitor *visit;
	void *context;
};

static bool visit_name(void *context, uint64_t node)
{
	struct name_list *l = context;
	struct object d;
	char name[NAME_LONGEST + 2] = "";
	uint64_t len, mode;
	if (!object_try_open(l->k, node - OFFSET(l->k, dentry, d_child), S_dentry, &d))
		return true;
	len = GET(l->k, &d, dentry, len);
	if (len > NAME_LONGEST || error_drop(kernel_read(l->k, GET(l->k, &d, dentry, name), name, len)) ||
	    error_drop(kernel_get(l->k, GET(l->k, &d, dentry, d_inode), M_inode_i_mode, &mode)))
		return true;
	if (S_ISDIR(mode))
		name[len] = '/';
	l->visit(l->context, name);
	return true;
}

struct error *file_names(struct engine *e, const char *directory, file_name_visitor *visit, void *context)
{
	struct name_list l = { e->k, visit, context };
	uint64_t parent, dentry, inode, mode;
	const char *name = NULL;
	TRY(walk_path(e, directory, false, &parent, &dentry, &name));
	if (!dentry)
		return kernel_error(ENOENT, "no such directory: %s", directory);
	TRY(kernel_get(e->k, dentry, M_dentry_d_inode, &inode));
	TRY(kernel_get(e->k, inode, M_inode_i_mode, &mode));
	if (!S_ISDIR(mode))
		return kernel_error(ENOTDIR, "no directory: %s", directory);
	return list_for_each(e->k, dentry + OFFSET(e->k, dentry, d_subdirs), visit_name, &l);
}

struct error *hold_device(struct engine *e, const char *path, uint64_t *dentry, uint64_t *mnt)
{
	uint64_t parent, inode, sb, root;
	const char *name = NULL;
	struct object d;
	TRY(walk_path(e, path, true, &parent, dentry, &name));
	if (!*dentry && name) {
		TRY(kernel_get(e->k, parent, M_dentry_d_sb, &sb));
		TRY(new_inode(e, sb, S_IFBLK | 0660, 0, 0, &inode));
		TRY(new_dentry(e, parent, name, strlen(name), inode, sb, dentry));
	}
	TRY(root_of(e, &root, mnt));
	TRY(object_open_writable(e->k, *dentry, S_dentry, &d));
	ADD(e->k, &d, dentry, d_count, 1);
	return NULL;
}

/* Of 2.4 the mount is a variable itself, later one points to it. */
static struct error *root_mount(struct engine *e, uint64_t *mnt)
{
	*mnt = symbol_addr(e->k, "sim_root_mnt");
	return *mnt && !e->classic ? kernel_read_pointer(e->k, *mnt, mnt) : NULL;
}

struct error *mount_root(struct engine *e)
{
	struct kernel *k = e->k;
	uint64_t sb = symbol_addr(k, "sim_super_block"), mnt, fs_addr = symbol_addr(k, "init_fs");
	uint64_t inode, dentry;
	struct object m, fs;
	TRY(root_mount(e, &mnt));
	if (!sb || !mnt || !fs_addr)
		return error_new(ERR_UNSUPPORTED, "the machine has no place for a root file system");
	TRY(new_inode(e, sb, S_IFDIR | 0755, 0, 0, &inode));
	TRY(new_dentry(e, 0, "/", 1, inode, sb, &dentry));
	if (e->classic) {
		TRY(object_open_writable(k, mnt, S_mount, &m));
		SET(k, &m, mount, mnt_parent, mnt);
		SET(k, &m, mount, mnt_mountpoint, dentry);
		SET(k, &m, mount, mnt_root, dentry);
	} else {
		TRY(set_root_modern(e, sb, mnt, dentry));
	}
	TRY(object_open_writable(k, fs_addr, S_fs_struct, &fs));
	SET(k, &fs, fs_struct, root_dentry, dentry);
	SET(k, &fs, fs_struct, root_mnt, mnt);
	SET(k, &fs, fs_struct, pwd, dentry);
	SET(k, &fs, fs_struct, pwdmnt, mnt);
	return NULL;
}

/* ---- Open files ---- */

/* get_write_access(): a file that is executed cannot be opened for writing. */
static struct error *get_write_access(struct engine *e, uint64_t inode, const char *path)
{
	struct object o;
	TRY(object_open_writable(e->k, inode, S_inode, &o));
	if ((int32_t)GET(e->k, &o, inode, i_writecount) < 0)
		return kernel_error(ETXTBSY, "the file is being executed: %s", path);
	ADD(e->k, &o, inode, i_writecount, 1);
	return NULL;
}

struct error *deny_write_access(struct engine *e, uint64_t file, const char *path)
{
	uint64_t inode;
	struct object o;
	TRY(file_inode(e, file, &inode));
	TRY(object_open_writable(e->k, inode, S_inode, &o));
	if ((int32_t)GET(e->k, &o, inode, i_writecount) > 0)
		return kernel_error(ETXTBSY, "the file is open for writing: %s", path);
	ADD(e->k, &o, inode, i_writecount, -1);
	return NULL;
}

struct error *allow_write_access(struct engine *e, uint64_t file)
{
	uint64_t inode;
	struct object o;
	TRY(file_inode(e, file, &inode));
	TRY(object_open_writable(e->k, inode, S_inode, &o));
	ADD(e->k, &o, inode, i_writecount, 1);
	return NULL;
}

/* A struct file, which holds the dentry. */
static struct error *open_dentry(struct engine *e, uint64_t dentry, uint64_t mnt, bool write, uint64_t *file)
{
	struct kernel *k = e->k;
	struct object f, d;
	TRY(object_open_writable(k, dentry, S_dentry, &d));
	TRY(kmem_cache_alloc(e, e->filp_cachep, GFP24_KERNEL, file));
	TRY(object_open_writable(k, *file, S_file, &f));
	memset((void *)f.bytes, 0, f.size);
	ADD(k, &d, dentry, d_count, 1);
	file_ref_init(k, &f);
	SET(k, &f, file, dentry, dentry);
	SET(k, &f, file, mnt, mnt);
	if (!e->classic)
		return open_file_modern(e, &f, GET(k, &d, dentry, d_inode), write);
	SET(k, &f, file, f_mode, FMODE_READ | (write ? FMODE_WRITE : 0));
	return list_init(k, MEMBER_ADDR(k, &f, file, f_list));
}

struct error *filp_open(struct engine *e, const char *path, bool write, uint64_t *file)
{
	struct kernel *k = e->k;
	uint64_t parent, dentry, root, mnt, inode, mode;
	const char *name = NULL;
	TRY(walk_path(e, path, false, &parent, &dentry, &name));
	if (!dentry)
		return kernel_error(ENOENT, "no such file: %s", path);
	TRY(root_of(e, &root, &mnt));
	TRY(kernel_get(k, dentry, M_dentry_d_inode, &inode));
	TRY(kernel_get(k, inode, M_inode_i_mode, &mode));
	if (S_ISDIR(mode))
		return kernel_error(EISDIR, "a directory: %s", path);
	if (S_ISBLK(mode))
		return kernel_error(ENXIO, "a device without a driver: %s", path);
	if (write)
		TRY(get_write_access(e, inode, path));
	return open_dentry(e, dentry, mnt, write, file);
}

struct error *open_device(struct engine *e, const char *path, uint64_t *file)
{
	uint64_t dentry, mnt;
	TRY(hold_device(e, path, &dentry, &mnt));
	return open_dentry(e, dentry, mnt, false, file);
}

/* The first reference. */
void file_ref_init(struct kernel *k, const struct object *f)
{
	SET(k, f, file, f_count, 1);
	SET(k, f, file, f_ref, 0);
}

/* A reference goes; are there others? The last leaves FILE_REF_DEAD behind, where there is a file_ref_t (include/linux/file_ref.h). */
static bool file_ref_put(struct kernel *k, const struct object *f)
{
	if (!HAS(k, file, f_ref)) {
		ADD(k, f, file, f_count, -1);
		return GET(k, f, file, f_count);
	}
	bool more = (int64_t)GET(k, f, file, f_ref) > 0;
	SET(k, f, file, f_ref, more ? GET(k, f, file, f_ref) - 1 : 7ull << (8 * k->members[M_file_f_ref].size - 3));
	return more;
}

void get_file(struct engine *e, uint64_t file)
{
	struct object f;
	if (!error_drop(object_open_writable(e->k, file, S_file, &f))) {
		ADD(e->k, &f, file, f_count, 1);
		ADD(e->k, &f, file, f_ref, 1);
	}
}

static struct error *put_write_access(struct engine *e, uint64_t file)
{
	uint64_t inode;
	struct object o;
	TRY(file_inode(e, file, &inode));
	TRY(object_open_writable(e->k, inode, S_inode, &o));
	ADD(e->k, &o, inode, i_writecount, -1);
	return NULL;
}

struct error *fput(struct engine *e, uint64_t file)
{
	struct kernel *k = e->k;
	struct object f, d;
	bool done = true;
	TRY(object_open_writable(k, file, S_file, &f));
	if (file_ref_put(k, &f))
		return NULL;
	if (!e->classic)
		TRY(close_file_modern(e, &f, &done));
	if (!done)
		return close_shmem_file(e, &f);
	if (GET(k, &f, file, f_mode) & FMODE_WRITE)
		TRY(put_write_access(e, file));
	TRY(object_open_writable(k, GET(k, &f, file, dentry), S_dentry, &d));
	ADD(k, &d, dentry, d_count, -1);
	return kmem_cache_free(e, e->filp_cachep, file);
}

struct error *file_inode(struct engine *e, uint64_t file, uint64_t *inode)
{
	uint64_t dentry;
	TRY(kernel_get(e->k, file, M_file_dentry, &dentry));
	return kernel_get(e->k, dentry, M_dentry_d_inode, inode);
}

struct error *file_open_mode(struct engine *e, uint64_t file, unsigned *mode)
{
	uint64_t v;
	TRY(kernel_get(e->k, file, M_file_f_mode, &v));
	*mode = (unsigned)v;
	return NULL;
}

struct error *file_mapping_list(struct engine *e, const struct object *vma, uint64_t *head)
{
	struct kernel *k = e->k;
	uint64_t file = GET(k, vma, vm_area_struct, vm_file), inode, mapping;
	*head = 0;
	if (!file)
		return NULL;
	TRY(file_inode(e, file, &inode));
	TRY(kernel_get(k, inode, M_inode_i_mapping, &mapping));
	*head = mapping + (GET(k, vma, vm_area_struct, vm_flags) & VM_SHARED ? OFFSET(k, address_space, i_mmap_shared) :
									       OFFSET(k, address_space, i_mmap));
	return NULL;
}
