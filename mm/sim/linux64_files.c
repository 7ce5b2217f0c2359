/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A root file system as booting leaves it: super block, mount and hash tables (fs/dcache.c, fs/inode.c, fs/namespace.c) before there is an engine; then, by the
 * engine, directories, and files that somebody has read.
 */
#include <stdlib.h>
#include <string.h>

#include "mm/engine/engine.h"
#include "mm/engine/file_edit.h"
#include "mm/engine/shmem_edit.h"
#include "mm/sim/linux64.h"
#include "mm/state.h"

static const char mount_type[] = "mount", super_type[] = "super_block";

static uint64_t zeroed(struct linux64 *m, const char *cache, const char *structure)
{
	uint64_t object = l64_alloc_object(m, cache);
	memset(l64_bytes(m, object), 0, l64_size(m, structure));
	return object;
}

/* ---- Hash tables ---- */

/* alloc_large_system_hash() before there is a page allocator: one bucket for each 2^scale bytes of memory. */
static unsigned make_table(struct linux64 *m, const char *variable, unsigned scale)
{
	unsigned bits = 0;
	while (1ull << bits < m->mem >> scale)
		bits++;
	uint64_t size = 8ull << bits, at = l64_direct(m, l64_alloc_boot(m, 0, size < PAGE_SIZE64 ? PAGE_SIZE64 : size, PAGE_SIZE64));
	l64_put(m, image_symbol(&m->image, variable), 8, at);
	return bits;
}

void linux64_hash_tables(struct linux64 *m)
{
	unsigned dentries = make_table(m, "dentry_hashtable", 13), inodes = make_table(m, "inode_hashtable", 14);
	l64_set_symbol(m, "d_hash_shift", 4, m->flavour->salted_names ? 32 - dentries : dentries);
	l64_set_symbol(m, "i_hash_shift", 4, inodes);
	l64_set_symbol(m, "i_hash_mask", 4, (1u << inodes) - 1);
	if (image_has_symbol(&m->image, "pid_hash"))
		l64_set_symbol(m, "pidhash_shift", 4, make_table(m, "pid_hash", 18));
}

/* ---- Super block and mount ---- */

static void fill_super(struct linux64 *m, uint64_t super, const char *type, const char *operations, uint64_t flags, const char *id)
{
	static const char *const lists[] = { "s_inodes", "s_mounts", "s_list", "s_inodes_wb" };
	for (size_t n = 0; n < sizeof(lists) / sizeof(lists[0]); n++)
		l64_list_init(m, super, super_type, lists[n]);
	l64_list_add_tail(m, super + l64_offset(m, super_type, "s_list"), image_symbol(&m->image, "super_blocks"));
	l64_set(m, super, super_type, "s_type", image_symbol(&m->image, type));
	l64_set(m, super, super_type, "s_op", image_symbol(&m->image, operations));
	l64_set(m, super, super_type, "s_blocksize", PAGE_SIZE64);
	l64_set(m, super, super_type, "s_blocksize_bits", PAGE_SHIFT64);
	l64_set(m, super, super_type, "s_maxbytes", 1ull << 43);
	l64_set(m, super, super_type, "s_flags", 1ull << 29 | 1ull << 30 | flags); /* SB_BORN, SB_ACTIVE */
	l64_set(m, super, super_type, "s_count", 1);
	l64_set(m, super, super_type, "s_active.counter", 1);
	l64_set_text(m, super, super_type, "s_id", id);
}

static uint64_t string(struct linux64 *m, const char *text)
{
	uint64_t at = l64_kmalloc(m, (uint32_t)strlen(text) + 1);
	strcpy((char *)l64_bytes(m, at), text);
	return at;
}

/* alloc_vfsmnt(), vfs_create_mount(); its root comes when there is one. The number follows the order. */
static uint64_t new_mount(struct linux64 *m, uint64_t super, const char *device, unsigned id)
{
	static const char *const lists[] = { "mnt_mounts", "mnt_child", "mnt_instance", "mnt_list", "mnt_expire", "mnt_share", "mnt_slave_list", "mnt_slave" };
	uint64_t mnt = zeroed(m, "mnt_cache", mount_type);
	for (size_t n = 0; n < sizeof(lists) / sizeof(lists[0]); n++)
		l64_list_init(m, mnt, mount_type, lists[n]);
	l64_set(m, mnt, mount_type, "mnt_parent", mnt);
	l64_set(m, mnt, mount_type, "mnt.mnt_sb", super);
	l64_set(m, mnt, mount_type, "mnt_pcp", l64_alloc_percpu(m, 8, 8));
	l64_set(m, mnt, mount_type, "mnt_devname", string(m, device));
	l64_set(m, mnt, mount_type, "mnt_id", id);
	l64_list_add_tail(m, mnt + l64_offset(m, mount_type, "mnt_instance"), super + l64_offset(m, super_type, "s_mounts"));
	return mnt;
}

static void mount(struct linux64 *m, uint64_t super)
{
	static const char ns_type[] = "mnt_namespace";
	uint64_t mnt = new_mount(m, super, "/dev/sda1", 1), ns = l64_kmalloc(m, l64_size(m, ns_type));
	memset(l64_bytes(m, ns), 0, l64_size(m, ns_type));
	l64_set(m, mnt, mount_type, "mnt_ns", ns);
	l64_list_init(m, ns, ns_type, "list");
	l64_list_add_tail(m, mnt + l64_offset(m, mount_type, "mnt_list"), ns + l64_offset(m, ns_type, "list"));
	l64_set(m, ns, ns_type, "root", mnt);
	l64_set(m, ns, ns_type, "mounts", 1);
	l64_set(m, ns, ns_type, "count.counter", 1);
	l64_set(m, ns, ns_type, "user_ns", image_symbol(&m->image, "init_user_ns"));
	l64_set(m, image_symbol(&m->image, "init_nsproxy"), "nsproxy", "mnt_ns", ns);
	l64_set_symbol(m, "sim_root_mnt", 8, mnt + l64_offset(m, mount_type, "mnt"));
}

/* shmem_init() (mm/shmem.c): the mount that shared memory without a name lives on, which is in no namespace (MNT_NS_INTERNAL). */
static void mount_shared_memory(struct linux64 *m)
{
	static const char info_type[] = "shmem_sb_info";
	const uint64_t internal = (uint64_t)-22, kern_mount = 1ull << 22, no_user = 1ull << 31;
	uint64_t super = l64_kmalloc(m, l64_size(m, super_type)), info = l64_kmalloc(m, l64_size(m, info_type)), mnt;
	memset(l64_bytes(m, super), 0, l64_size(m, super_type));
	memset(l64_bytes(m, info), 0, l64_size(m, info_type));
	fill_super(m, super, "shmem_fs_type", "shmem_ops", kern_mount | no_user, "tmpfs");
	l64_set(m, super, super_type, "s_magic", 0x01021994); /* TMPFS_MAGIC */
	l64_set(m, super, super_type, "s_dev", 1);
	l64_set(m, super, super_type, "s_fs_info", info);
	l64_set(m, info, info_type, "mode", 01777);
	if (l64_has(m, info_type, "ino_batch"))
		l64_set(m, info, info_type, "ino_batch", l64_alloc_percpu(m, 8, 8));
	if (l64_has(m, info_type, "shrinklist"))
		l64_list_init(m, info, info_type, "shrinklist");
	l64_list_init(m, info, info_type, "used_blocks.list");
	l64_set(m, info, info_type, "used_blocks.counters", l64_alloc_percpu(m, 4, 4));
	mnt = new_mount(m, super, "tmpfs", 2);
	l64_set(m, mnt, mount_type, "mnt_ns", internal);
	l64_set_symbol(m, "shm_mnt", 8, mnt + l64_offset(m, mount_type, "mnt"));
}

void linux64_files(struct linux64 *m)
{
	uint64_t super = image_symbol(&m->image, "sim_super_block");
	fill_super(m, super, "simfs_fs_type", "simfs_super_operations", 0, "sda1");
	mount(m, super);
	mount_shared_memory(m);
	l64_set(m, image_symbol(&m->image, "sim_disk"), "sim_disk", "next_ino", 2);
}

/* ---- Files ---- */

#define MOTD_PAGES 3

static struct error *add_file(struct engine *e, const char *path, const char *text, uint64_t size)
{
	char *bytes = malloc(size);
	size_t len = strlen(text);
	if (!bytes)
		return error_new(ERR_NO_MEMORY, "out of memory");
	for (uint64_t at = 0; at < size; at++)
		bytes[at] = text[at % len];
	struct error *failure = make_file(e, path, bytes, size);
	free(bytes);
	return failure ? failure : read_file(e, path);
}

static struct error *add_files(struct engine *e)
{
	static const char text[] = "The programs included with this system are free software.\n";
	static const char *const directories[] = { "/etc", "/bin", "/dev", "/lib", "/proc", "/tmp" };
	TRY(shmem_fill_super(e));
	TRY(mount_root(e));
	for (size_t n = 0; n < sizeof(directories) / sizeof(directories[0]); n++)
		TRY(make_directory(e, directories[n]));
	TRY(add_file(e, "/etc/motd", text, MOTD_PAGES * PAGE_SIZE64));
	return add_file(e, "/etc/hostname", "hyper\n", 6);
}

struct error *linux64_user_files(struct kernel *k)
{
	struct engine *e;
	TRY(engine_open(k, &e));
	TRY(add_files(e));
	mm_state_forget(k);
	return NULL;
}
