/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A machine's file system where inodes and dentries stand in hash tables (fs/inode.c, fs/dcache.c, fs/open.c, fs/file_table.c, fs/namespace.c of 3.x and later).
 */
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "mm/engine/dcache.h"
#include "mm/engine/fork_edit.h"
#include "mm/engine/list_edit.h"
#include "mm/engine/mmap_edit.h"

/* include/linux/fs.h, include/linux/dcache.h, include/uapi/asm-generic/fcntl.h */
#define FMODE_OF_READING       0x2801du /* FMODE_READ, LSEEK, PREAD, PWRITE, ATOMIC_POS, CAN_READ */
#define FMODE_OF_WRITING       0x50002u /* FMODE_WRITE, WRITER, CAN_WRITE */
#define DCACHE_DIRECTORY_TYPE  0x200000u
#define DCACHE_REGULAR_TYPE    0x400000u
#define DCACHE_SPECIAL_TYPE    0x500000u
#define GFP_HIGHUSER_MOVABLE64 0x100ccau
#define READAHEAD_PAGES	       32u
#define BLOCK_BITS	       12u

static uint64_t symbol_value(struct kernel *k, const char *symbol, unsigned size)
{
	uint64_t v;
	return symbol_addr(k, symbol) && !error_drop(kernel_read_symbol(k, symbol, size, &v)) ? v : 0;
}

/* hlist_add_head(), hlist_bl_add_head(): the first of a list without a tail; bit 0 of its head may be a lock. */
static struct error *hlist_add_head(struct kernel *k, uint64_t node, uint64_t head, bool locks)
{
	unsigned word = k->arch->pointer_size;
	uint64_t first;
	TRY(kernel_read_pointer(k, head, &first));
	if (locks)
		first &= ~1ull;
	TRY(kernel_write_pointer(k, node, first));
	TRY(kernel_write_pointer(k, node + word, head));
	if (first)
		TRY(kernel_write_pointer(k, first + word, node));
	return kernel_write_pointer(k, head, node | (locks ? 1 : 0));
}

/* ---- Inodes ---- */

/* XA_FLAGS_LOCK_IRQ and XA_FLAGS_ACCOUNT; a radix tree has the flags that its nodes are allocated with, GFP_ATOMIC. */
static uint64_t tree_flags(struct kernel *k)
{
	return HAS(k, xarray, height) ? 0x20 : 0x21;
}

static struct error *fill_mapping(struct engine *e, const struct object *inode, uint64_t a_ops)
{
	struct kernel *k = e->k;
	struct object m, tree;
	TRY(object_open_writable(k, MEMBER_ADDR(k, inode, inode, i_data), S_address_space, &m));
	TRY(object_open_writable(k, MEMBER_ADDR(k, &m, address_space, tree), S_xarray, &tree));
	SET(k, &tree, xarray, xa_flags, tree_flags(k));
	SET(k, &m, address_space, host, inode->addr);
	SET(k, &m, address_space, a_ops, a_ops);
	SET(k, &m, address_space, gfp_mask, GFP_HIGHUSER_MOVABLE64);
	SET(k, inode, inode, i_mapping, m.addr);
	return NULL;
}

/* insert_inode_hash(): the machine's own file system hashes by the number alone. */
static struct error *hash_inode(struct engine *e, const struct object *inode)
{
	struct kernel *k = e->k;
	uint64_t table = symbol_value(k, "inode_hashtable", 0), mask = symbol_value(k, "i_hash_mask", 4);
	if (!table)
		return error_new(ERR_UNSUPPORTED, "the machine's hash table of inodes is not known");
	return hlist_add_head(k, MEMBER_ADDR(k, inode, inode, i_hash), table + (GET(k, inode, inode, i_ino) & mask) * k->arch->pointer_size, false);
}

struct error *inode_init(struct engine *e, const struct object *inode, uint64_t a_ops)
{
	static const enum member_id lists[] = { M_inode_i_lru, M_inode_i_wb_list, M_inode_i_io_list, M_inode_i_devices, M_inode_i_private_list,
						M_inode_i_rwsem_waiters, M_inode_i_mmap_waiters };
	struct kernel *k = e->k;
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		if (k->members[lists[i]].present)
			TRY(list_init(k, inode->addr + k->members[lists[i]].offset));
	SET(k, inode, inode, i_blkbits, BLOCK_BITS);
	TRY(fill_mapping(e, inode, a_ops));
	return list_add(k, MEMBER_ADDR(k, inode, inode, i_sb_list), GET(k, inode, inode, i_sb) + OFFSET(k, super_block, s_inodes));
}

struct error *fill_inode_modern(struct engine *e, const struct object *inode)
{
	struct kernel *k = e->k;
	uint64_t size = GET(k, inode, inode, i_size);
	bool directory = S_ISDIR(GET(k, inode, inode, i_mode));
	SET(k, inode, inode, i_blocks, (size + 511) / 512);
	SET(k, inode, inode, i_op, symbol_addr(k, directory ? "simfs_dir_inode_operations" : "simfs_file_inode_operations"));
	SET(k, inode, inode, i_fop, symbol_addr(k, directory ? "simfs_dir_operations" : "simfs_file_operations"));
	TRY(inode_init(e, inode, symbol_addr(k, "simfs_aops")));
	return hash_inode(e, inode);
}

/* ---- Dentries ---- */

/* full_name_hash() by words: since 4.8 from the directory on (fs/namei.c), before that folded (hash_name(), fold_hash()). */
static uint32_t salted_hash(uint64_t salt, const char *name, size_t len)
{
	const uint64_t golden = 0x61c8864680b583ebull;
	uint64_t x = 0, y = salt, a = 0;
	for (; len >= 8; name += 8, len -= 8) {
		memcpy(&a, name, 8);
		x ^= a;
		y ^= x;
		x = (x << 12 | x >> 52) + y;
		y = (y << 45 | y >> 19) * 9;
	}
	a = 0;
	memcpy(&a, name, len);
	x ^= a;
	y = (y ^ x * golden) * golden;
	return (uint32_t)(y >> 32);
}

static uint32_t plain_hash(const char *name, size_t len)
{
	uint64_t hash = 0, a;
	for (; len >= 8; name += 8, len -= 8) {
		memcpy(&a, name, 8);
		hash = (hash + a) * 9;
	}
	a = 0;
	memcpy(&a, name, len);
	hash += a;
	return (uint32_t)(hash + (hash >> 32));
}

/* What salts names leaves its trace in how far a hash is shifted to be a bucket: from the top of the word since 4.8. */
static bool names_are_salted(struct kernel *k)
{
	return symbol_addr(k, "hashlen_string") != 0;
}

static struct error *hash_dentry(struct engine *e, const struct object *dentry, uint64_t parent, uint32_t hash)
{
	struct kernel *k = e->k;
	uint64_t table = symbol_value(k, "dentry_hashtable", 0), shift = symbol_value(k, "d_hash_shift", 4);
	if (!table || shift > 32)
		return error_new(ERR_UNSUPPORTED, "the machine's hash table of dentries is not known");
	if (!names_are_salted(k)) {
		hash = (uint32_t)(hash + parent / 64) * 0x9e370001u; /* d_hash(), hash_32() */
		shift = 32 - shift;
	}
	return hlist_add_head(k, MEMBER_ADDR(k, dentry, dentry, d_hash), table + (uint64_t)(hash >> shift) * k->arch->pointer_size, true);
}

struct error *fill_dentry_modern(struct engine *e, const struct object *dentry, uint64_t parent, const char *name, size_t len)
{
	struct kernel *k = e->k;
	uint64_t inode = GET(k, dentry, dentry, d_inode), mode;
	uint32_t hash = !parent ? 0 : names_are_salted(k) ? salted_hash(parent, name, len) : plain_hash(name, len);
	TRY(kernel_get(k, inode, M_inode_i_mode, &mode));
	SET(k, dentry, dentry, d_flags, S_ISDIR(mode) ? DCACHE_DIRECTORY_TYPE : S_ISREG(mode) ? DCACHE_REGULAR_TYPE : DCACHE_SPECIAL_TYPE);
	SET(k, dentry, dentry, hash, hash);
	TRY(hlist_add_head(k, MEMBER_ADDR(k, dentry, dentry, d_alias), inode + OFFSET(k, inode, i_dentry), false));
	return parent ? hash_dentry(e, dentry, parent, hash) : NULL;
}

struct error *mount_hold(struct engine *e, uint64_t mnt, int delta)
{
	struct kernel *k = e->k;
	uint64_t percpu, at, now;
	if (!mnt || !HAS(k, mount, mnt_pcp))
		return add_count(e, mnt, S_mount, M_mount_mnt_count, delta, &now);
	TRY(kernel_get(k, mnt - OFFSET(k, mount, mnt), M_mount_mnt_pcp, &percpu));
	at = percpu_ptr(k, percpu, e->cpu) + OFFSET(k, mnt_pcp, mnt_count);
	TRY(kernel_read_uint(k, at, 4, &now));
	return kernel_write_uint(k, at, 4, now + (uint64_t)(int64_t)delta);
}

struct error *set_root_modern(struct engine *e, uint64_t sb, uint64_t mnt, uint64_t dentry)
{
	struct kernel *k = e->k;
	struct object m;
	TRY(object_open_writable(k, mnt - OFFSET(k, mount, mnt), S_mount, &m));
	SET(k, &m, mount, mnt_mountpoint, dentry);
	SET(k, &m, mount, mnt_root, dentry);
	return kernel_write_pointer(k, sb + OFFSET(k, super_block, s_root), dentry);
}

/* ---- Open files ---- */

struct error *fill_file_modern(struct engine *e, const struct object *file, uint64_t inode, uint64_t mode, uint64_t flags)
{
	struct kernel *k = e->k;
	uint64_t cred = symbol_addr(k, "init_cred"), mapping, fop;
	struct object c;
	TRY(kernel_get(k, inode, M_inode_i_mapping, &mapping));
	TRY(kernel_get(k, inode, M_inode_i_fop, &fop));
	SET(k, file, file, f_inode, inode);
	SET(k, file, file, f_op, fop);
	SET(k, file, file, f_mapping, mapping);
	SET(k, file, file, f_mode, mode);
	SET(k, file, file, f_flags, flags);
	TRY(mount_hold(e, GET(k, file, file, mnt), 1));
	if (e->task)
		TRY(kernel_get(k, e->task, M_task_struct_cred, &cred));
	if (!cred || !HAS(k, cred, usage))
		return NULL;
	TRY(object_open_writable(k, cred, S_cred, &c));
	ADD(k, &c, cred, usage, 1);
	SET(k, file, file, f_cred, cred);
	return NULL;
}

struct error *open_file_modern(struct engine *e, const struct object *file, uint64_t inode, bool write)
{
	struct kernel *k = e->k;
	SET(k, file, file, ra_pages, READAHEAD_PAGES);
	SET(k, file, file, ra_prev_pos, (uint64_t)-1);
	return fill_file_modern(e, file, inode, FMODE_OF_READING | (write ? FMODE_OF_WRITING : 0), 0x8000 | (write ? 2 : 0) /* O_LARGEFILE, O_RDWR */);
}

struct error *leave_file_modern(struct engine *e, const struct object *file)
{
	struct kernel *k = e->k;
	uint64_t cred = GET(k, file, file, f_cred);
	struct object c;
	TRACE(e, "__fput", "the last reference: closed", { "file", file->addr });
	TRY(mount_hold(e, GET(k, file, file, mnt), -1));
	if (!cred || !HAS(k, cred, usage))
		return NULL;
	TRY(object_open_writable(k, cred, S_cred, &c));
	ADD(k, &c, cred, usage, -1);
	return NULL;
}

struct error *close_file_modern(struct engine *e, const struct object *file, bool *done)
{
	uint64_t fop = GET(e->k, file, file, f_op);
	*done = fop && fop == symbol_addr(e->k, "simfs_file_operations");
	return *done ? leave_file_modern(e, file) : NULL;
}
