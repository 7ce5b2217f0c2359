/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Linux 2.4.20 for i386, SMP: the types of files, as gcc lays out include/linux/fs.h, dcache.h, mount.h, binfmts.h. Of the unions that hold each
 * file system's own part, the parts of ext2 and shmem; their size is that of all.
 */
#include <stddef.h>

#include "mm/sim/linux24.h"

/* clang-format off */
static const struct layout_member file_members[] = {
	FIELD(0, "struct list_head", f_list), FIELD(8, "struct dentry *", f_dentry),
	FIELD(0xc, "struct vfsmount *", f_vfsmnt), FIELD(0x10, "struct file_operations *", f_op),
	FIELD(0x14, "atomic_t", f_count), FIELD(0x18, "unsigned int", f_flags), FIELD(0x1c, "mode_t", f_mode),
	FIELD(0x20, "loff_t", f_pos), FIELD(0x28, "unsigned long", f_reada), FIELD(0x2c, "unsigned long", f_ramax),
	FIELD(0x30, "unsigned long", f_raend), FIELD(0x34, "unsigned long", f_ralen),
	FIELD(0x38, "unsigned long", f_rawin), FIELD(0x3c, "struct fown_struct", f_owner),
	FIELD(0x4c, "unsigned int", f_uid), FIELD(0x50, "unsigned int", f_gid), FIELD(0x54, "int", f_error),
	FIELD(0x58, "unsigned long", f_version), FIELD(0x5c, "void *", private_data),
	FIELD(0x60, "struct kiobuf *", f_iobuf), FIELD(0x64, "long", f_iobuf_lock), END,
};

static const struct layout_member fown_struct_members[] = {
	FIELD(0, "int", pid), FIELD(4, "uid_t", uid), FIELD(8, "uid_t", euid), FIELD(0xc, "int", signum), END,
};

static const struct layout_member dentry_members[] = {
	FIELD(0, "atomic_t", d_count), FIELD(4, "unsigned int", d_flags), FIELD(8, "struct inode *", d_inode),
	FIELD(0xc, "struct dentry *", d_parent), FIELD(0x10, "struct list_head", d_hash),
	FIELD(0x18, "struct list_head", d_lru), FIELD(0x20, "struct list_head", d_child),
	FIELD(0x28, "struct list_head", d_subdirs), FIELD(0x30, "struct list_head", d_alias),
	FIELD(0x38, "int", d_mounted), FIELD(0x3c, "struct qstr", d_name), FIELD(0x48, "unsigned long", d_time),
	FIELD(0x4c, "struct dentry_operations *", d_op), FIELD(0x50, "struct super_block *", d_sb),
	FIELD(0x54, "unsigned long", d_vfs_flags), FIELD(0x58, "void *", d_fsdata),
	FIELD(0x5c, "unsigned char [16]", d_iname), END,
};

static const struct layout_member qstr_members[] = {
	FIELD(0, "unsigned char *", name), FIELD(4, "unsigned int", len), FIELD(8, "unsigned int", hash), END,
};

static const struct layout_member inode_members[] = {
	FIELD(0, "struct list_head", i_hash), FIELD(8, "struct list_head", i_list),
	FIELD(0x10, "struct list_head", i_dentry), FIELD(0x18, "struct list_head", i_dirty_buffers),
	FIELD(0x20, "struct list_head", i_dirty_data_buffers), FIELD(0x28, "unsigned long", i_ino),
	FIELD(0x2c, "atomic_t", i_count), FIELD(0x30, "kdev_t", i_dev), FIELD(0x32, "umode_t", i_mode),
	FIELD(0x34, "nlink_t", i_nlink), FIELD(0x38, "uid_t", i_uid), FIELD(0x3c, "gid_t", i_gid),
	FIELD(0x40, "kdev_t", i_rdev), FIELD(0x44, "loff_t", i_size), FIELD(0x4c, "time_t", i_atime),
	FIELD(0x50, "time_t", i_mtime), FIELD(0x54, "time_t", i_ctime), FIELD(0x58, "unsigned int", i_blkbits),
	FIELD(0x5c, "unsigned long", i_blksize), FIELD(0x60, "unsigned long", i_blocks),
	FIELD(0x64, "unsigned long", i_version), FIELD(0x68, "struct semaphore", i_sem),
	FIELD(0x7c, "struct semaphore", i_zombie), FIELD(0x90, "struct inode_operations *", i_op),
	FIELD(0x94, "struct file_operations *", i_fop), FIELD(0x98, "struct super_block *", i_sb),
	FIELD(0x9c, "wait_queue_head_t", i_wait), FIELD(0xa8, "struct file_lock *", i_flock),
	FIELD(0xac, "struct address_space *", i_mapping), FIELD(0xb0, "struct address_space", i_data),
	FIELD(0xe4, "struct dquot * [2]", i_dquot), FIELD(0xec, "struct list_head", i_devices),
	FIELD(0xf4, "struct pipe_inode_info *", i_pipe), FIELD(0xf8, "struct block_device *", i_bdev),
	FIELD(0xfc, "struct char_device *", i_cdev), FIELD(0x100, "unsigned long", i_dnotify_mask),
	FIELD(0x104, "struct dnotify_struct *", i_dnotify), FIELD(0x108, "unsigned long", i_state),
	FIELD(0x10c, "unsigned int", i_flags), FIELD(0x110, "unsigned char", i_sock),
	FIELD(0x114, "atomic_t", i_writecount), FIELD(0x118, "unsigned int", i_attr_flags),
	FIELD(0x11c, "__u32", i_generation), FIELD(0x120, "union $inode_u", u), END,
};

static const struct layout_member semaphore_members[] = {
	FIELD(0, "atomic_t", count), FIELD(4, "int", sleepers), FIELD(8, "wait_queue_head_t", wait), END,
};

static const struct layout_member __wait_queue_head_members[] = {
	FIELD(0, "spinlock_t", lock), FIELD(4, "struct list_head", task_list), END,
};

static const struct layout_member inode_u_members[] = {
	FIELD(0, "struct ext2_inode_info", ext2_i), FIELD(0, "struct shmem_inode_info", shmem_i),
	FIELD(0, "void *", generic_ip), END,
};

static const struct layout_member ext2_inode_info_members[] = {
	FIELD(0, "__u32 [15]", i_data), FIELD(0x3c, "__u32", i_flags), FIELD(0x40, "__u32", i_faddr),
	FIELD(0x44, "__u8", i_frag_no), FIELD(0x45, "__u8", i_frag_size), FIELD(0x48, "__u32", i_file_acl),
	FIELD(0x4c, "__u32", i_dir_acl), FIELD(0x50, "__u32", i_dtime), FIELD(0x54, "__u32", i_block_group),
	FIELD(0x58, "__u32", i_next_alloc_block), FIELD(0x5c, "__u32", i_next_alloc_goal),
	FIELD(0x60, "__u32", i_prealloc_block), FIELD(0x64, "__u32", i_prealloc_count),
	FIELD(0x68, "__u32", i_dir_start_lookup), BITS(0x6c, "int", i_new_inode, 1, 0), END,
};

static const struct layout_member shmem_inode_info_members[] = {
	FIELD(0, "spinlock_t", lock), FIELD(4, "struct semaphore", sem), FIELD(0x18, "unsigned long", next_index),
	FIELD(0x1c, "swp_entry_t [16]", i_direct), FIELD(0x5c, "void **", i_indirect),
	FIELD(0x60, "unsigned long", swapped), FIELD(0x64, "int", locked), FIELD(0x68, "struct list_head", list),
	FIELD(0x70, "struct inode *", inode), END,
};

static const struct layout_member swp_entry_t_members[] = {
	FIELD(0, "unsigned long", val), END,
};

static const struct layout_member super_block_members[] = {
	FIELD(0, "struct list_head", s_list), FIELD(8, "kdev_t", s_dev), FIELD(0xc, "unsigned long", s_blocksize),
	FIELD(0x10, "unsigned char", s_blocksize_bits), FIELD(0x11, "unsigned char", s_dirt),
	FIELD(0x14, "unsigned long long", s_maxbytes), FIELD(0x1c, "struct file_system_type *", s_type),
	FIELD(0x20, "struct super_operations *", s_op), FIELD(0x24, "struct dquot_operations *", dq_op),
	FIELD(0x28, "unsigned long", s_flags), FIELD(0x2c, "unsigned long", s_magic),
	FIELD(0x30, "struct dentry *", s_root), FIELD(0x34, "struct rw_semaphore", s_umount),
	FIELD(0x44, "struct semaphore", s_lock), FIELD(0x58, "int", s_count), FIELD(0x5c, "atomic_t", s_active),
	FIELD(0x60, "struct list_head", s_dirty), FIELD(0x68, "struct list_head", s_locked_inodes),
	FIELD(0x70, "struct list_head", s_files), FIELD(0x78, "struct block_device *", s_bdev),
	FIELD(0x7c, "struct list_head", s_instances), FIELD(0x84, "struct quota_mount_options", s_dquot),
	FIELD(0xcc, "union $super_block_u", u), FIELD(0x1d8, "struct semaphore", s_vfs_rename_sem),
	FIELD(0x1ec, "struct semaphore", s_nfsd_free_path_sem), END,
};

static const struct layout_member quota_mount_options_members[] = {
	FIELD(0, "unsigned int", flags), FIELD(4, "struct semaphore", dqio_sem),
	FIELD(0x18, "struct semaphore", dqoff_sem), FIELD(0x2c, "struct file * [2]", files),
	FIELD(0x34, "time_t [2]", inode_expire), FIELD(0x3c, "time_t [2]", block_expire),
	FIELD(0x44, "char [2]", rsquash), END,
};

static const struct layout_member super_block_u_members[] = {
	FIELD(0, "struct ext2_sb_info", ext2_sb), FIELD(0, "struct shmem_sb_info", shmem_sb),
	FIELD(0, "void *", generic_sbp), END,
};

static const struct layout_member ext2_sb_info_members[] = {
	FIELD(0, "unsigned long", s_frag_size), FIELD(4, "unsigned long", s_frags_per_block),
	FIELD(8, "unsigned long", s_inodes_per_block), FIELD(0xc, "unsigned long", s_frags_per_group),
	FIELD(0x10, "unsigned long", s_blocks_per_group), FIELD(0x14, "unsigned long", s_inodes_per_group),
	FIELD(0x18, "unsigned long", s_itb_per_group), FIELD(0x1c, "unsigned long", s_gdb_count),
	FIELD(0x20, "unsigned long", s_desc_per_block), FIELD(0x24, "unsigned long", s_groups_count),
	FIELD(0x28, "struct buffer_head *", s_sbh), FIELD(0x2c, "struct ext2_super_block *", s_es),
	FIELD(0x30, "struct buffer_head **", s_group_desc), FIELD(0x34, "unsigned short", s_loaded_inode_bitmaps),
	FIELD(0x36, "unsigned short", s_loaded_block_bitmaps),
	FIELD(0x38, "unsigned long [8]", s_inode_bitmap_number),
	FIELD(0x58, "struct buffer_head * [8]", s_inode_bitmap),
	FIELD(0x78, "unsigned long [8]", s_block_bitmap_number),
	FIELD(0x98, "struct buffer_head * [8]", s_block_bitmap), FIELD(0xb8, "unsigned long", s_mount_opt),
	FIELD(0xbc, "uid_t", s_resuid), FIELD(0xc0, "gid_t", s_resgid), FIELD(0xc4, "unsigned short", s_mount_state),
	FIELD(0xc6, "unsigned short", s_pad), FIELD(0xc8, "int", s_addr_per_block_bits),
	FIELD(0xcc, "int", s_desc_per_block_bits), FIELD(0xd0, "int", s_inode_size), FIELD(0xd4, "int", s_first_ino),
	END,
};

static const struct layout_member shmem_sb_info_members[] = {
	FIELD(0, "unsigned long", max_blocks), FIELD(4, "unsigned long", free_blocks),
	FIELD(8, "unsigned long", max_inodes), FIELD(0xc, "unsigned long", free_inodes),
	FIELD(0x10, "spinlock_t", stat_lock), END,
};

static const struct layout_member vfsmount_members[] = {
	FIELD(0, "struct list_head", mnt_hash), FIELD(8, "struct vfsmount *", mnt_parent),
	FIELD(0xc, "struct dentry *", mnt_mountpoint), FIELD(0x10, "struct dentry *", mnt_root),
	FIELD(0x14, "struct super_block *", mnt_sb), FIELD(0x18, "struct list_head", mnt_mounts),
	FIELD(0x20, "struct list_head", mnt_child), FIELD(0x28, "atomic_t", mnt_count),
	FIELD(0x2c, "int", mnt_flags), FIELD(0x30, "char *", mnt_devname), FIELD(0x34, "struct list_head", mnt_list),
	END,
};

static const struct layout_member fs_struct_members[] = {
	FIELD(0, "atomic_t", count), FIELD(4, "rwlock_t", lock), FIELD(8, "int", umask),
	FIELD(0xc, "struct dentry *", root), FIELD(0x10, "struct dentry *", pwd),
	FIELD(0x14, "struct dentry *", altroot), FIELD(0x18, "struct vfsmount *", rootmnt),
	FIELD(0x1c, "struct vfsmount *", pwdmnt), FIELD(0x20, "struct vfsmount *", altrootmnt), END,
};

static const struct layout_member files_struct_members[] = {
	FIELD(0, "atomic_t", count), FIELD(4, "rwlock_t", file_lock), FIELD(8, "int", max_fds),
	FIELD(0xc, "int", max_fdset), FIELD(0x10, "int", next_fd), FIELD(0x14, "struct file **", fd),
	FIELD(0x18, "fd_set *", close_on_exec), FIELD(0x1c, "fd_set *", open_fds),
	FIELD(0x20, "fd_set", close_on_exec_init), FIELD(0xa0, "fd_set", open_fds_init),
	FIELD(0x120, "struct file * [32]", fd_array), END,
};

static const struct layout_member __kernel_fd_set_members[] = {
	FIELD(0, "unsigned long [32]", fds_bits), END,
};

static const struct layout_member file_operations_members[] = {
	FIELD(0, "struct module *", owner), FIELD(4, "loff_t (*)(struct file *, loff_t, int)", llseek),
	FIELD(8, "ssize_t (*)(struct file *, char *, size_t, loff_t *)", read),
	FIELD(0xc, "ssize_t (*)(struct file *, char *, size_t, loff_t *)", write),
	FIELD(0x10, "int (*)(struct file *, void *, filldir_t)", readdir),
	FIELD(0x14, "unsigned int (*)(struct file *, struct poll_table_struct *)", poll),
	FIELD(0x18, "int (*)(struct inode *, struct file *, unsigned int, unsigned long)", ioctl),
	FIELD(0x1c, "int (*)(struct file *, struct vm_area_struct *)", mmap),
	FIELD(0x20, "int (*)(struct inode *, struct file *)", open), FIELD(0x24, "int (*)(struct file *)", flush),
	FIELD(0x28, "int (*)(struct inode *, struct file *)", release),
	FIELD(0x2c, "int (*)(struct file *, struct dentry *, int)", fsync),
	FIELD(0x30, "int (*)(int, struct file *, int)", fasync),
	FIELD(0x34, "int (*)(struct file *, int, struct file_lock *)", lock),
	FIELD(0x38, "ssize_t (*)(struct file *, struct iovec *, unsigned long, loff_t *)", readv),
	FIELD(0x3c, "ssize_t (*)(struct file *, struct iovec *, unsigned long, loff_t *)", writev),
	FIELD(0x40, "ssize_t (*)(struct file *, struct page *, int, size_t, loff_t *, int)", sendpage),
	FIELD(0x44, "unsigned long (*)(struct file *, unsigned long, unsigned long, unsigned long, unsigned long)", get_unmapped_area),
	END,
};

static const struct layout_member inode_operations_members[] = {
	FIELD(0, "int (*)(struct inode *, struct dentry *, int)", create),
	FIELD(4, "struct dentry * (*)(struct inode *, struct dentry *)", lookup),
	FIELD(8, "int (*)(struct dentry *, struct inode *, struct dentry *)", link),
	FIELD(0xc, "int (*)(struct inode *, struct dentry *)", unlink),
	FIELD(0x10, "int (*)(struct inode *, struct dentry *, char *)", symlink),
	FIELD(0x14, "int (*)(struct inode *, struct dentry *, int)", mkdir),
	FIELD(0x18, "int (*)(struct inode *, struct dentry *)", rmdir),
	FIELD(0x1c, "int (*)(struct inode *, struct dentry *, int, int)", mknod),
	FIELD(0x20, "int (*)(struct inode *, struct dentry *, struct inode *, struct dentry *)", rename),
	FIELD(0x24, "int (*)(struct dentry *, char *, int)", readlink),
	FIELD(0x28, "int (*)(struct dentry *, struct nameidata *)", follow_link),
	FIELD(0x2c, "void (*)(struct inode *)", truncate), FIELD(0x30, "int (*)(struct inode *, int)", permission),
	FIELD(0x34, "int (*)(struct dentry *)", revalidate),
	FIELD(0x38, "int (*)(struct dentry *, struct iattr *)", setattr),
	FIELD(0x3c, "int (*)(struct dentry *, struct iattr *)", getattr),
	FIELD(0x40, "int (*)(struct dentry *, char *, void *, size_t, int)", setxattr),
	FIELD(0x44, "ssize_t (*)(struct dentry *, char *, void *, size_t)", getxattr),
	FIELD(0x48, "ssize_t (*)(struct dentry *, char *, size_t)", listxattr),
	FIELD(0x4c, "int (*)(struct dentry *, char *)", removexattr), END,
};

static const struct layout_member dentry_operations_members[] = {
	FIELD(0, "int (*)(struct dentry *, int)", d_revalidate),
	FIELD(4, "int (*)(struct dentry *, struct qstr *)", d_hash),
	FIELD(8, "int (*)(struct dentry *, struct qstr *, struct qstr *)", d_compare),
	FIELD(0xc, "int (*)(struct dentry *)", d_delete), FIELD(0x10, "void (*)(struct dentry *)", d_release),
	FIELD(0x14, "void (*)(struct dentry *, struct inode *)", d_iput), END,
};

static const struct layout_member file_system_type_members[] = {
	FIELD(0, "char *", name), FIELD(4, "int", fs_flags),
	FIELD(8, "struct super_block * (*)(struct super_block *, void *, int)", read_super),
	FIELD(0xc, "struct module *", owner), FIELD(0x10, "struct file_system_type *", next),
	FIELD(0x14, "struct list_head", fs_supers), END,
};

static const struct layout_member linux_binfmt_members[] = {
	FIELD(0, "struct linux_binfmt *", next), FIELD(4, "struct module *", module),
	FIELD(8, "int (*)(struct linux_binprm *, struct pt_regs *)", load_binary),
	FIELD(0xc, "int (*)(struct file *)", load_shlib),
	FIELD(0x10, "int (*)(long, struct pt_regs *, struct file *)", core_dump),
	FIELD(0x14, "unsigned long", min_coredump), END,
};

static const struct layout_member linux_binprm_members[] = {
	FIELD(0, "char [128]", buf), FIELD(0x80, "struct page * [32]", page), FIELD(0x100, "unsigned long", p),
	FIELD(0x104, "int", sh_bang), FIELD(0x108, "struct file *", file), FIELD(0x10c, "int", e_uid),
	FIELD(0x110, "int", e_gid), FIELD(0x114, "kernel_cap_t", cap_inheritable),
	FIELD(0x118, "kernel_cap_t", cap_permitted), FIELD(0x11c, "kernel_cap_t", cap_effective),
	FIELD(0x120, "int", argc), FIELD(0x124, "int", envc), FIELD(0x128, "char *", filename),
	FIELD(0x12c, "unsigned long", loader), FIELD(0x130, "unsigned long", exec), END,
};

static const struct layout_member buffer_head_members[] = {
	FIELD(0, "struct buffer_head *", b_next), FIELD(4, "unsigned long", b_blocknr),
	FIELD(8, "unsigned short", b_size), FIELD(0xa, "unsigned short", b_list), FIELD(0xc, "kdev_t", b_dev),
	FIELD(0x10, "atomic_t", b_count), FIELD(0x14, "kdev_t", b_rdev), FIELD(0x18, "unsigned long", b_state),
	FIELD(0x1c, "unsigned long", b_flushtime), FIELD(0x20, "struct buffer_head *", b_next_free),
	FIELD(0x24, "struct buffer_head *", b_prev_free), FIELD(0x28, "struct buffer_head *", b_this_page),
	FIELD(0x2c, "struct buffer_head *", b_reqnext), FIELD(0x30, "struct buffer_head **", b_pprev),
	FIELD(0x34, "char *", b_data), FIELD(0x38, "struct page *", b_page),
	FIELD(0x3c, "void (*)(struct buffer_head *, int)", b_end_io), FIELD(0x40, "void *", b_private),
	FIELD(0x44, "unsigned long", b_rsector), FIELD(0x48, "wait_queue_head_t", b_wait),
	FIELD(0x54, "struct inode *", b_inode), FIELD(0x58, "struct list_head", b_inode_buffers), END,
};

static const struct layout_member new_utsname_members[] = {
	FIELD(0, "char [65]", sysname), FIELD(0x41, "char [65]", nodename), FIELD(0x82, "char [65]", release),
	FIELD(0xc3, "char [65]", version), FIELD(0x104, "char [65]", machine), FIELD(0x145, "char [65]", domainname),
	END,
};

const struct layout_struct linux24_fs_structs[] = {
	{ "file", 104, false, file_members },
	{ "fown_struct", 16, false, fown_struct_members },
	{ "dentry", 108, false, dentry_members },
	{ "qstr", 12, false, qstr_members },
	{ "inode", 464, false, inode_members },
	{ "semaphore", 20, false, semaphore_members },
	{ "__wait_queue_head", 12, false, __wait_queue_head_members },
	{ "$inode_u", 176, true, inode_u_members },
	{ "ext2_inode_info", 112, false, ext2_inode_info_members },
	{ "shmem_inode_info", 116, false, shmem_inode_info_members },
	{ "$swp_entry_t", 4, false, swp_entry_t_members },
	{ "super_block", 512, false, super_block_members },
	{ "quota_mount_options", 72, false, quota_mount_options_members },
	{ "$super_block_u", 268, true, super_block_u_members },
	{ "ext2_sb_info", 216, false, ext2_sb_info_members },
	{ "shmem_sb_info", 20, false, shmem_sb_info_members },
	{ "vfsmount", 60, false, vfsmount_members },
	{ "fs_struct", 36, false, fs_struct_members },
	{ "files_struct", 416, false, files_struct_members },
	{ "$__kernel_fd_set", 128, false, __kernel_fd_set_members },
	{ "file_operations", 72, false, file_operations_members },
	{ "inode_operations", 80, false, inode_operations_members },
	{ "dentry_operations", 24, false, dentry_operations_members },
	{ "file_system_type", 28, false, file_system_type_members },
	{ "linux_binfmt", 24, false, linux_binfmt_members },
	{ "linux_binprm", 308, false, linux_binprm_members },
	{ "buffer_head", 96, false, buffer_head_members },
	{ "new_utsname", 390, false, new_utsname_members },
	{ NULL, 0, false, NULL },
};
