/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Files of shared memory without a name (mm/shmem.c: shmem_zero_setup(), __shmem_file_setup(), shmem_evict_inode()): inode, dentry and file on the kernel's own mount of tmpfs, and
 * their end. What security modules keep of a file is AppArmor's label (security/apparmor); a file of which another keeps more is closed later.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "mm/engine/areas_edit.h"
#include "mm/engine/dcache.h"
#include "mm/engine/file_edit.h"
#include "mm/engine/list_edit.h"
#include "mm/engine/page_cache.h"
#include "mm/engine/shmem_edit.h"

#define FMODE_OF_FILE	  0x60003u	/* include/linux/fs.h: FMODE_READ, WRITE, CAN_READ, CAN_WRITE */
#define FMODE_OPENED	  0x80000u	/* since 4.19 */
#define O_RDWR_FLAG	  2u
#define DCACHE_NORCU	  0x40000000u	/* include/linux/dcache.h, since 4.19 */
#define F_SEAL_SEAL	  1u		/* include/uapi/linux/fcntl.h */
#define S_PRIVATE	  512u		/* include/linux/fs.h */
#define SHMEM_INO_BATCH	  1024u

static uint64_t pointer(struct engine *e, const char *name)
{
	uint64_t at = symbol_addr(e->k, name), value;
	return at && !error_drop(kernel_read_pointer(e->k, at, &value)) ? value : 0;
}

/* The kernel's own mount: its vfsmount, its super block. */
static struct error *shm_mount(struct engine *e, uint64_t *mnt, uint64_t *sb)
{
	struct kernel *k = e->k;
	*mnt = pointer(e, "shm_mnt");
	if (!*mnt || !pointer(e, "shmem_inode_cachep"))
		return error_new(ERR_UNSUPPORTED, "shared memory of no file: where this kernel keeps such is not known (shm_mnt, shmem_inode_cachep)");
	TRY(members_require(k, "shared memory", M_shmem_inode_info_vfs_inode, M_shmem_inode_info_flags, M_mount_mnt, M_mount_mnt_sb, M_super_block_s_fs_info, M_dentry_d_subdirs,
			    MEMBER_NONE));
	return kernel_get(k, *mnt - OFFSET(k, mount, mnt), M_mount_mnt_sb, sb);
}

static struct error *open_fs_info(struct engine *e, uint64_t sb, struct object *sbinfo)
{
	uint64_t at;
	TRY(kernel_get(e->k, sb, M_super_block_s_fs_info, &at));
	return object_open_writable(e->k, at, S_shmem_sb_info, sbinfo);
}

/* ---- Inodes ---- */

/* shmem_reserve_inode() of the kernel's own mount, since 5.9; get_next_ino() (fs/inode.c) before that: each CPU has a thousand numbers at a time. */
static struct error *next_number(struct engine *e, uint64_t sb, uint64_t *number)
{
	struct kernel *k = e->k;
	struct object sbinfo;
	uint64_t at;
	TRY(open_fs_info(e, sb, &sbinfo));
	if (HAS(k, shmem_sb_info, ino_batch)) {
		unsigned word = k->arch->pointer_size;
		at = percpu_ptr(k, GET(k, &sbinfo, shmem_sb_info, ino_batch), e->cpu);
		TRY(kernel_read_uint(k, at, word, number));
		if (*number % SHMEM_INO_BATCH == 0) {
			*number = GET(k, &sbinfo, shmem_sb_info, next_ino);
			SET(k, &sbinfo, shmem_sb_info, next_ino, *number + SHMEM_INO_BATCH);
			*number += !*number;
		}
		return kernel_write_uint(k, at, word, *number + 1);
	}
	uint64_t shared = symbol_addr(k, "shared_last_ino"), own = symbol_addr(k, "last_ino");
	*number = 0;
	if (!shared || !own)
		return NULL;
	at = percpu_addr(k, own, e->cpu);
	TRY(kernel_read_uint(k, at, 4, number));
	if (*number % SHMEM_INO_BATCH == 0) {
		TRY(kernel_read_uint(k, shared, 4, number));
		TRY(kernel_write_uint(k, shared, 4, *number + SHMEM_INO_BATCH));
	}
	*number = (uint32_t)(*number + 1);
	return kernel_write_uint(k, at, 4, *number);
}

/* security_inode_alloc(), security_file_alloc(): one object of so many bytes for all modules, where they want any; 0 for none. */
static struct error *security_alloc(struct engine *e, const char *cache, uint64_t *blob)
{
	struct object o, c;
	uint64_t from = pointer(e, cache);
	*blob = 0;
	if (!from)
		return NULL;
	TRY(kmem_cache_alloc(e, from, GFP24_KERNEL, blob));
	TRY(object_open(e->k, from, S_kmem_cache, &c));
	TRY(object_open_bytes_writable(e->k, *blob, GET(e->k, &c, kmem_cache, object_size), &o));
	memset((void *)o.bytes, 0, o.size);
	return NULL;
}

static struct error *set_owner(struct engine *e, const struct object *inode)
{
	struct kernel *k = e->k;
	uint64_t cred;
	struct object c;
	if (!e->task)
		return NULL;
	TRY(kernel_get(k, e->task, M_task_struct_cred, &cred));
	TRY(object_open(k, cred, S_cred, &c));
	SET(k, inode, inode, i_uid, GET(k, &c, cred, fsuid));
	SET(k, inode, inode, i_gid, GET(k, &c, cred, fsgid));
	return NULL;
}

/* shmem_get_inode(); the file's times, which it also sets, are the clock's to know. */
static struct error *shmem_get_inode(struct engine *e, uint64_t sb, unsigned mode, uint64_t flags, uint64_t *inode)
{
	struct kernel *k = e->k;
	struct object info, o;
	uint64_t at, number, blob;
	bool directory = S_ISDIR(mode);
	TRY(next_number(e, sb, &number));
	TRY(kmem_cache_alloc(e, pointer(e, "shmem_inode_cachep"), GFP24_KERNEL, &at));
	TRY(object_open_writable(k, at, S_shmem_inode_info, &info));
	memset((void *)info.bytes, 0, info.size);
	SET(k, &info, shmem_inode_info, seals, F_SEAL_SEAL);
	SET(k, &info, shmem_inode_info, flags, flags & VM_NORESERVE);
	static const enum member_id lists[] = { M_shmem_inode_info_shrinklist, M_shmem_inode_info_swaplist, M_shmem_inode_info_xattr_list };
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		if (k->members[lists[i]].present)
			TRY(list_init(k, at + k->members[lists[i]].offset));
	*inode = at + OFFSET(k, shmem_inode_info, vfs_inode);
	TRY(object_open_writable(k, *inode, S_inode, &o));
	SET(k, &o, inode, i_ino, number);
	SET(k, &o, inode, i_count, 1);
	SET(k, &o, inode, i_mode, mode);
	SET(k, &o, inode, i_nlink, directory ? 2 : 1);
	SET(k, &o, inode, i_sb, sb);
	SET(k, &o, inode, i_op, symbol_addr(k, directory ? "shmem_dir_inode_operations" : "shmem_inode_operations"));
	SET(k, &o, inode, i_fop, symbol_addr(k, directory ? "simple_dir_operations" : "shmem_file_operations"));
	TRY(set_owner(e, &o));
	TRY(security_alloc(e, "lsm_inode_cache", &blob));
	SET(k, &o, inode, i_security, blob);
	return inode_init(e, &o, symbol_addr(k, "shmem_aops"));
}

/* ---- Files ---- */

/* anon_ops of alloc_file_pseudo() (fs/file_table.c; until 4.18 in mm/shmem.c): of several with that name the one that makes names up plainly. */
static uint64_t dentry_operations(struct engine *e)
{
	struct kernel *k = e->k;
	uint64_t dname = symbol_addr(k, "simple_dname"), at, function;
	char name[32] = "anon_ops";
	for (unsigned n = 0; dname && n < 256; n++) {
		at = symbol_addr(k, name);
		if (at && !error_drop(kernel_get(k, at, M_dentry_operations_d_dname, &function)) && function == dname)
			return at;
		snprintf(name, sizeof(name), "anon_ops.%u", n);
	}
	return 0;
}

/* AppArmor's part of a blob: where it begins by its table of sizes; false where AppArmor is not, or not known. */
static bool apparmor_offset(struct engine *e, enum member_id size, uint64_t *offset)
{
	struct kernel *k = e->k;
	uint64_t sizes = symbol_addr(k, "apparmor_blob_sizes"), on = symbol_addr(k, "apparmor_initialized"), value;
	return sizes && on && k->members[size].present && HAS(k, aa_file_ctx, label) && HAS(k, aa_label, count) && HAS(k, cred, security) &&
	       !error_drop(kernel_read_uint(k, on, 4, &value)) && value && !error_drop(kernel_get(k, sizes, size, offset)) && *offset < VMCORE_PAGE_SIZE;
}

/* Where a file's blob has its label; 0: nowhere. */
static uint64_t label_place(struct engine *e, uint64_t blob)
{
	uint64_t offset;
	return blob && apparmor_offset(e, M_lsm_blob_sizes_lbs_file, &offset) ? blob + offset + OFFSET(e->k, aa_file_ctx, label) : 0;
}

/* The acting task's label; 0: none. */
static struct error *task_label(struct engine *e, uint64_t *label)
{
	uint64_t offset, cred, security;
	*label = 0;
	if (!e->task || !apparmor_offset(e, M_lsm_blob_sizes_lbs_cred, &offset))
		return NULL;
	TRY(kernel_get(e->k, e->task, M_task_struct_cred, &cred));
	TRY(kernel_get(e->k, cred, M_cred_security, &security));
	return security ? kernel_read_pointer(e->k, security + offset, label) : NULL;
}

static struct error *count_label(struct engine *e, uint64_t label, int delta)
{
	struct object o;
	if (!label)
		return NULL;
	TRY(object_open_writable(e->k, label, S_aa_label, &o));
	ADD(e->k, &o, aa_label, count, delta);
	return NULL;
}

static struct error *security_file_alloc(struct engine *e, const struct object *file)
{
	uint64_t blob, at, label;
	TRY(security_alloc(e, "lsm_file_cache", &blob));
	SET(e->k, file, file, f_security, blob);
	at = label_place(e, blob);
	if (!at)
		return NULL;
	TRY(task_label(e, &label));
	TRY(kernel_write_pointer(e->k, at, label));
	return count_label(e, label, 1);
}

/* alloc_file_pseudo(): a dentry that stands in no directory, and its only file. */
static struct error *alloc_file_pseudo(struct engine *e, const struct object *inode, uint64_t mnt, const char *name, uint64_t *file)
{
	struct kernel *k = e->k;
	uint64_t dentry, opened = symbol_addr(k, "alloc_file_pseudo") ? FMODE_OPENED : 0;
	struct object d, f;
	TRY(new_dentry(e, 0, name, strlen(name), inode->addr, GET(k, inode, inode, i_sb), &dentry));
	TRY(object_open_writable(k, dentry, S_dentry, &d));
	SET(k, &d, dentry, d_op, dentry_operations(e));
	SET(k, &d, dentry, d_flags, GET(k, &d, dentry, d_flags) | (opened ? DCACHE_NORCU : 0));
	TRY(kmem_cache_alloc(e, e->filp_cachep, GFP24_KERNEL, file));
	TRY(object_open_writable(k, *file, S_file, &f));
	memset((void *)f.bytes, 0, f.size);
	file_ref_init(k, &f);
	SET(k, &f, file, dentry, dentry);
	SET(k, &f, file, mnt, mnt);
	for (size_t i = 0; i < 2; i++) {
		static const enum member_id lists[] = { M_file_f_ep_links, M_file_f_tfile_llink };
		if (k->members[lists[i]].present)
			TRY(list_init(k, *file + k->members[lists[i]].offset));
	}
	TRY(security_file_alloc(e, &f));
	return fill_file_modern(e, &f, inode->addr, FMODE_OF_FILE | opened, O_RDWR_FLAG);
}

/* The area's promise is the file's: shmem_acct_size(), for all of it at once unless the area has VM_NORESERVE. */
static struct error *shmem_acct_size(struct engine *e, uint64_t mm_addr, uint64_t flags, uint64_t pages)
{
	struct object mm;
	if (flags & VM_NORESERVE)
		return NULL;
	TRY(object_open_writable(e->k, mm_addr, S_mm_struct, &mm));
	return security_vm_enough_memory_mm(e, &mm, pages);
}

struct error *shmem_zero_setup(struct engine *e, const struct object *vma)
{
	struct kernel *k = e->k;
	uint64_t mnt, sb, at, file, flags = GET(k, vma, vm_area_struct, vm_flags), size = GET(k, vma, vm_area_struct, vm_end) - GET(k, vma, vm_area_struct, vm_start);
	uint64_t ops = symbol_addr(k, "shmem_anon_vm_ops") ? symbol_addr(k, "shmem_anon_vm_ops") : symbol_addr(k, "shmem_vm_ops");
	struct object inode, sbinfo;
	int64_t unused;
	TRY(shm_mount(e, &mnt, &sb));
	TRY(open_fs_info(e, sb, &sbinfo));
	if (shmem_huge_enabled(e, &sbinfo))
		return error_new(ERR_UNSUPPORTED, "shared memory of no file would get huge pages here (shmem_enabled): that is not done");
	if (!ops || !symbol_addr(k, "shmem_aops"))
		return error_new(ERR_UNSUPPORTED, "shared memory of no file: this kernel does not name its operations (shmem_vm_ops, shmem_aops)");
	TRY(shmem_acct_size(e, GET(k, vma, vm_area_struct, vm_mm), flags, size >> k->arch->page_shift));
	TRY(shmem_get_inode(e, sb, S_IFREG | 0777, flags, &at));
	TRY(object_open_writable(k, at, S_inode, &inode));
	/* shmem_kernel_file_setup() since 4.2; nearest is MM_SHMEMPAGES (4.5). */
	SET(k, &inode, inode, i_flags, enumerator_find(k, "MM_SHMEMPAGES", &unused) ? S_PRIVATE : 0);
	SET(k, &inode, inode, i_size, size);
	SET(k, &inode, inode, i_nlink, 0);
	TRY(alloc_file_pseudo(e, &inode, mnt, "dev/zero", &file));
	SET(k, vma, vm_area_struct, vm_file, file);
	SET(k, vma, vm_area_struct, vm_ops, ops);
	TRACE(e, "shmem_zero_setup", "shared memory: a file of its own, without a name", { "vma", vma->addr }, { "vm_flags & VM_NORESERVE", flags & VM_NORESERVE }, { "size", size },
	      { "inode", at }, { "file", file });
	return NULL;
}

/* ---- The end ---- */

static bool list_is_empty(struct engine *e, uint64_t base, enum member_id id)
{
	uint64_t at, next;
	if (!e->k->members[id].present)
		return true;
	at = base + e->k->members[id].offset;
	return !error_drop(kernel_read_pointer(e->k, at, &next)) && (next == at || !next);
}

/* The dentry and inode of a file that go with it, both held by nobody else, and all that they have is followed. */
static struct error *goes_with_file(struct engine *e, const struct object *file, struct object *dentry, struct object *inode, bool *goes)
{
	struct kernel *k = e->k;
	uint64_t mnt, sb;
	struct object info, sbinfo;
	*goes = false;
	if (error_drop(shm_mount(e, &mnt, &sb)) || GET(k, file, file, mnt) != mnt || GET(k, file, file, f_op) != symbol_addr(k, "shmem_file_operations"))
		return NULL;
	TRY(object_open_writable(k, GET(k, file, file, dentry), S_dentry, dentry));
	TRY(object_open_writable(k, GET(k, dentry, dentry, d_inode), S_inode, inode));
	TRY(object_open(k, inode->addr - OFFSET(k, shmem_inode_info, vfs_inode), S_shmem_inode_info, &info));
	TRY(open_fs_info(e, sb, &sbinfo));
	if (GET(k, dentry, dentry, d_count) != 1 || GET(k, dentry, dentry, d_hash_pprev) || GET(k, dentry, dentry, name) != MEMBER_ADDR(k, dentry, dentry, d_iname) ||
	    GET(k, inode, inode, i_count) != 1 || GET(k, inode, inode, i_nlink) || GET(k, &info, shmem_inode_info, policy_root) ||
	    GET(k, &info, shmem_inode_info, xattr_tree) || GET(k, &sbinfo, shmem_sb_info, max_inodes) || !list_is_empty(e, info.addr, M_shmem_inode_info_shrinklist) ||
	    !list_is_empty(e, info.addr, M_shmem_inode_info_xattr_list) ||
	    !list_is_empty(e, file->addr, M_file_f_ep_links))
		return NULL;
	return shmem_can_truncate(e, GET(k, inode, inode, i_mapping), 0, UINT64_MAX, goes);
}

static struct error *security_free(struct engine *e, const char *cache, uint64_t blob)
{
	uint64_t from = pointer(e, cache);
	return blob && from ? kmem_cache_free(e, from, blob) : NULL;
}

/* shmem_evict_inode(), destroy_inode(): the file's promise, its pages, itself. */
static struct error *evict(struct engine *e, const struct object *inode)
{
	struct kernel *k = e->k;
	uint64_t info = inode->addr - OFFSET(k, shmem_inode_info, vfs_inode), flags, size = GET(k, inode, inode, i_size);
	TRY(kernel_get(k, info, M_shmem_inode_info_flags, &flags));
	TRACE(e, "shmem_evict_inode", "nobody has the file: it goes", { "inode", inode->addr }, { "i_size", size }, { "flags & VM_NORESERVE", flags & VM_NORESERVE });
	if (!(flags & VM_NORESERVE))
		TRY(vm_unacct_memory(e, (size + VMCORE_PAGE_SIZE - 1) >> k->arch->page_shift));
	SET(k, inode, inode, i_size, 0);
	TRY(shmem_truncate_range(e, inode, 0, UINT64_MAX));
	if (!list_is_empty(e, info, M_shmem_inode_info_swaplist))
		TRY(list_del(k, info + OFFSET(k, shmem_inode_info, swaplist)));
	TRY(list_del(k, MEMBER_ADDR(k, inode, inode, i_sb_list)));
	SET(k, inode, inode, i_count, 0);
	TRY(security_free(e, "lsm_inode_cache", GET(k, inode, inode, i_security)));
	return kmem_cache_free(e, pointer(e, "shmem_inode_cachep"), info);
}

/* hlist_del() of the dentry among the names of its inode, which are no other. */
static struct error *drop_dentry(struct engine *e, const struct object *dentry)
{
	SET(e->k, dentry, dentry, d_count, 0);
	SET(e->k, dentry, dentry, d_inode, 0);
	return kmem_cache_free(e, e->dentry_cache, dentry->addr);
}

struct error *close_shmem_file(struct engine *e, const struct object *file)
{
	struct object dentry, inode;
	uint64_t blob = GET(e->k, file, file, f_security), at = label_place(e, blob), label = 0, count = 0;
	bool goes;
	TRY(goes_with_file(e, file, &dentry, &inode, &goes));
	if (goes && at)
		TRY(kernel_read_pointer(e->k, at, &label));
	if (label)
		TRY(kernel_get(e->k, label, M_aa_label_count, &count));
	/* A label that nobody else has would go too. */
	if (!goes || (label && count < 2))
		return fput_delayed(e, file->addr);
	TRY(leave_file_modern(e, file));
	TRY(count_label(e, label, -1));
	TRY(security_free(e, "lsm_file_cache", blob));
	TRY(drop_dentry(e, &dentry));
	TRY(evict(e, &inode));
	return kmem_cache_free(e, e->filp_cachep, file->addr);
}

/* ---- At boot ---- */

struct error *shmem_fill_super(struct engine *e)
{
	uint64_t mnt, sb, inode, dentry;
	TRY(shm_mount(e, &mnt, &sb));
	TRY(shmem_get_inode(e, sb, S_IFDIR | 01777, 0, &inode));
	TRY(new_dentry(e, 0, "/", 1, inode, sb, &dentry));
	return set_root_modern(e, sb, mnt, dentry);
}
