/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A root file system as booting leaves it: super block, mount, dentries and inodes in their hash tables (fs/dcache.c, fs/inode.c, fs/namespace.c),
 * and a file whose pages are in the page cache, a tree of xa_nodes or radix tree nodes (include/linux/xarray.h).
 */
#include <stdio.h>
#include <string.h>

#include "mm/sim/linux64.h"

static const char inode_type[] = "inode", dentry_type[] = "dentry", space_type[] = "address_space", mount_type[] = "mount",
		  super_type[] = "super_block";

/* include/linux/stat.h */
#define DIRECTORY 0040755
#define REGULAR	  0100644

static uint64_t zeroed(struct linux64 *m, const char *cache, const char *structure)
{
	uint64_t object = l64_alloc_object(m, cache);
	memset(l64_bytes(m, object), 0, l64_size(m, structure));
	return object;
}

struct tables {
	uint64_t dentries, inodes, super, mnt, next_ino;
	unsigned dentry_bits, inode_bits;
};

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

/* full_name_hash() with words (fs/namei.c since 4.8). */
static uint32_t name_hash(uint64_t salt, const char *name, size_t len)
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

/* Before (3.2 to 4.7): hash_name(), fold_hash(); the directory's address comes in with the bucket. */
static uint32_t plain_name_hash(const char *name, size_t len)
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

static uint64_t dentry_bucket(struct linux64 *m, const struct tables *t, uint64_t parent, uint32_t hash)
{
	if (!m->flavour->salted_names)
		hash = (uint32_t)(hash + parent / 64) * 0x9e370001u; /* hash_32() */
	return t->dentries + 8ull * (hash >> (32 - t->dentry_bits));
}

/* The first of a list without a tail: hlist_bl_head, hlist_head. */
static void hash_add(struct linux64 *m, uint64_t bucket, uint64_t node, uint64_t lock_bit)
{
	uint64_t first = l64_load(m, bucket, 8) & ~lock_bit;
	l64_put(m, node, 8, first);
	l64_put(m, node + 8, 8, bucket);
	if (first)
		l64_put(m, first + 8, 8, node);
	l64_put(m, bucket, 8, node);
}

/* ---- Inodes and dentries ---- */

static uint64_t new_inode(struct linux64 *m, struct tables *t, unsigned mode, uint64_t size)
{
	uint64_t i = zeroed(m, "inode_cache", inode_type), data = i + l64_offset(m, inode_type, "i_data");
	bool directory = mode == DIRECTORY;
	const struct image *image = &m->image;
	static const char *const lists[] = { "i_lru", "i_sb_list", "i_wb_list", "i_io_list", "i_devices" };
	for (size_t n = 0; n < sizeof(lists) / sizeof(lists[0]); n++)
		l64_list_init(m, i, inode_type, lists[n]);
	l64_set(m, i, inode_type, "i_mode", mode);
	l64_set(m, i, inode_type, "i_ino", t->next_ino++);
	l64_set(m, i, inode_type, "i_nlink", directory ? 2 : 1);
	l64_set(m, i, inode_type, "i_size", size);
	l64_set(m, i, inode_type, "i_blkbits", 12);
	l64_set(m, i, inode_type, "i_blocks", (size + 511) / 512);
	l64_set(m, i, inode_type, "i_count.counter", 1);
	l64_set(m, i, inode_type, "i_sb", t->super);
	l64_set(m, i, inode_type, "i_mapping", data);
	l64_set(m, i, inode_type, "i_op", image_symbol(image, directory ? "simfs_dir_inode_operations" : "simfs_file_inode_operations"));
	l64_set(m, i, inode_type, "i_fop", image_symbol(image, directory ? "simfs_dir_operations" : "simfs_file_operations"));
	l64_list_add_tail(m, i + l64_offset(m, inode_type, "i_sb_list"), t->super + l64_offset(m, super_type, "s_inodes"));
	l64_set(m, data, space_type, "host", i);
	l64_set(m, data, space_type, "a_ops", image_symbol(image, "simfs_aops"));
	l64_set(m, data, space_type, "gfp_mask", 0x100cca); /* GFP_HIGHUSER_MOVABLE */
	l64_list_init(m, data, space_type, "private_list");
	uint64_t bucket = t->inodes + 8 * (l64_get(m, i, inode_type, "i_ino") & ((1u << t->inode_bits) - 1));
	hash_add(m, bucket, i + l64_offset(m, inode_type, "i_hash"), 0);
	return i;
}

static uint64_t new_dentry(struct linux64 *m, struct tables *t, uint64_t parent, const char *name, uint64_t inode)
{
	uint64_t d = zeroed(m, "dentry", dentry_type), own = d + l64_offset(m, dentry_type, "d_iname");
	bool directory = l64_get(m, inode, inode_type, "i_mode") == DIRECTORY;
	uint32_t hash = !parent ? 0 : m->flavour->salted_names ? name_hash(parent, name, strlen(name)) : plain_name_hash(name, strlen(name));
	l64_list_init(m, d, dentry_type, "d_subdirs");
	l64_list_init(m, d, dentry_type, "d_child");
	l64_list_init(m, d, dentry_type, "d_lru");
	l64_set_text(m, d, dentry_type, "d_iname", name);
	l64_set(m, d, dentry_type, "d_name.name", own);
	l64_set(m, d, dentry_type, "d_name.len", strlen(name));
	l64_set(m, d, dentry_type, "d_name.hash", hash);
	l64_set(m, d, dentry_type, "d_parent", parent ? parent : d);
	l64_set(m, d, dentry_type, "d_sb", t->super);
	l64_set(m, d, dentry_type, "d_inode", inode);
	/* DCACHE_DIRECTORY_TYPE, DCACHE_REGULAR_TYPE */
	l64_set(m, d, dentry_type, "d_flags", directory ? 0x200000 : 0x400000);
	l64_set(m, d, dentry_type, "d_lockref.count", 1);
	hash_add(m, inode + l64_offset(m, inode_type, "i_dentry"), d + l64_offset(m, dentry_type, "d_u.d_alias"), 0);
	if (!parent)
		return d;
	uint64_t head = parent + l64_offset(m, dentry_type, "d_subdirs"), child = d + l64_offset(m, dentry_type, "d_child");
	l64_list_add_tail(m, child, l64_load(m, head, 8)); /* first */
	l64_set(m, parent, dentry_type, "d_lockref.count", l64_get(m, parent, dentry_type, "d_lockref.count") + 1);
	hash_add(m, dentry_bucket(m, t, parent, hash), d + l64_offset(m, dentry_type, "d_hash"), 1);
	return d;
}

static uint64_t add_directory(struct linux64 *m, struct tables *t, uint64_t parent, const char *name)
{
	return new_dentry(m, t, parent, name, new_inode(m, t, DIRECTORY, 0));
}

/* ---- The page cache ---- */

/* Of the node, before 4.8 of the zone. */
static uint64_t lruvec_of(struct linux64 *m, uint64_t pfn)
{
	static const char z[] = "zone";
	uint64_t node = m->node[l64_node_of(m, pfn)].pgdat;
	if (l64_has(m, "pglist_data", "__lruvec"))
		return node + l64_offset(m, "pglist_data", "__lruvec");
	uint64_t zone = node + l64_offset(m, "pglist_data", "node_zones") + l64_zone_of(m, pfn) * (uint64_t)l64_size(m, z);
	return zone + l64_offset(m, z, "lruvec");
}

static uint64_t new_cached_page(struct linux64 *m, uint64_t mapping, uint64_t index)
{
	uint64_t pfn = l64_alloc_pages(m, 0, BLOCK_MOVABLE), page = l64_page(m, pfn), flags = l64_load(m, page, 8);
	uint64_t lruvec = lruvec_of(m, pfn);
	flags |= 1ull << l64_enumerator(m, "PG_uptodate") | 1ull << l64_enumerator(m, "PG_lru");
	l64_put(m, page, 8, flags);
	l64_set(m, page, "page", "mapping", mapping);
	l64_set(m, page, "page", "index", index);
	/* the first of the inactive files */
	lruvec += l64_offset(m, "lruvec", "lists") + 16 * (unsigned)l64_enumerator(m, "LRU_INACTIVE_FILE");
	l64_list_add_tail(m, page + m->lru_offset, l64_load(m, lruvec, 8));
	l64_count_node(m, pfn, "NR_FILE_PAGES", 1);
	l64_count_node(m, pfn, "NR_INACTIVE_FILE", 1);
	l64_count_zone(m, pfn, "NR_ZONE_INACTIVE_FILE", 1);
	return page;
}

/* A radix tree of one level (until 4.20): as cache_file(), with the tree's own words. */
static void set_radix_tree(struct linux64 *m, uint64_t tree, uint64_t node, unsigned pages)
{
	static const char n[] = "radix_tree_node", r[] = "radix_tree_root";
	l64_set(m, tree, r, "gfp_mask", 0x20); /* GFP_ATOMIC */
	l64_set(m, tree, r, "height", node != 0);
	if (!node)
		return;
	l64_set(m, node, n, "path", 1);
	l64_set(m, node, n, "count", pages);
	l64_list_init(m, node, n, "private_list");
	l64_set(m, tree, r, "rnode", node | 1); /* RADIX_TREE_INDIRECT_PTR */
}

/* Up to 64 pages: one node above them, or a single page in the head itself. */
static void cache_file(struct linux64 *m, uint64_t inode, const char *text, unsigned pages)
{
	bool radix = l64_has(m, space_type, "page_tree");
	const char *n = radix ? "radix_tree_node" : "xa_node";
	uint64_t mapping = inode + l64_offset(m, inode_type, "i_data"), node;
	uint64_t tree = mapping + l64_offset(m, space_type, radix ? "page_tree" : "i_pages");
	if (!radix)
		l64_set(m, tree, "xarray", "xa_flags", 0x21); /* XA_FLAGS_LOCK_IRQ, XA_FLAGS_ACCOUNT */
	l64_set(m, mapping, space_type, "nrpages", pages);
	node = pages > 1 ? zeroed(m, "radix_tree_node", n) : 0;
	for (unsigned index = 0; index < pages; index++) {
		uint64_t page = new_cached_page(m, mapping, index), pfn = (page - m->flavour->vmemmap) / m->page_size;
		unsigned char *bytes = l64_bytes(m, l64_direct(m, pfn << PAGE_SHIFT64));
		memset(bytes, 0, PAGE_SIZE64);
		for (size_t at = 0, len = strlen(text); at + len < PAGE_SIZE64; at += len)
			memcpy(bytes + at, text, len);
		if (node)
			l64_put(m, node + l64_offset(m, n, "slots") + 8 * index, 8, page);
		else
			l64_set(m, tree, radix ? "radix_tree_root" : "xarray", radix ? "rnode" : "xa_head", page);
	}
	if (radix)
		set_radix_tree(m, tree, node, pages);
	if (radix || !node)
		return;
	l64_set(m, node, n, "count", pages);
	l64_set(m, node, n, "array", tree);
	l64_list_init(m, node, n, "private_list");
	l64_set(m, tree, "xarray", "xa_head", node | 2);
}

/* ---- Super block and mount ---- */

static void set_up_super(struct linux64 *m, struct tables *t)
{
	static const char *const lists[] = { "s_inodes", "s_mounts", "s_list", "s_inodes_wb" };
	t->super = image_symbol(&m->image, "sim_super_block");
	for (size_t n = 0; n < sizeof(lists) / sizeof(lists[0]); n++)
		l64_list_init(m, t->super, super_type, lists[n]);
	l64_list_add_tail(m, t->super + l64_offset(m, super_type, "s_list"), image_symbol(&m->image, "super_blocks"));
	l64_set(m, t->super, super_type, "s_type", image_symbol(&m->image, "simfs_fs_type"));
	l64_set(m, t->super, super_type, "s_op", image_symbol(&m->image, "simfs_super_operations"));
	l64_set(m, t->super, super_type, "s_blocksize", PAGE_SIZE64);
	l64_set(m, t->super, super_type, "s_blocksize_bits", PAGE_SHIFT64);
	l64_set(m, t->super, super_type, "s_maxbytes", 1ull << 43);
	l64_set(m, t->super, super_type, "s_flags", 1ull << 29 | 1ull << 30); /* SB_BORN, SB_ACTIVE */
	l64_set(m, t->super, super_type, "s_count", 1);
	l64_set(m, t->super, super_type, "s_active.counter", 1);
	l64_set_text(m, t->super, super_type, "s_id", "sda1");
}

static uint64_t string(struct linux64 *m, const char *text)
{
	uint64_t at = l64_kmalloc(m, (uint32_t)strlen(text) + 1);
	strcpy((char *)l64_bytes(m, at), text);
	return at;
}

static void mount(struct linux64 *m, struct tables *t, uint64_t root)
{
	static const char *const lists[] = { "mnt_mounts", "mnt_child", "mnt_instance", "mnt_list", "mnt_expire", "mnt_share", "mnt_slave_list", "mnt_slave" };
	static const char ns_type[] = "mnt_namespace";
	uint64_t mnt = t->mnt = zeroed(m, "mnt_cache", mount_type), ns = l64_kmalloc(m, l64_size(m, ns_type)), vfsmount;
	memset(l64_bytes(m, ns), 0, l64_size(m, ns_type));
	for (size_t n = 0; n < sizeof(lists) / sizeof(lists[0]); n++)
		l64_list_init(m, mnt, mount_type, lists[n]);
	l64_set(m, mnt, mount_type, "mnt_parent", mnt);
	l64_set(m, mnt, mount_type, "mnt_mountpoint", root);
	l64_set(m, mnt, mount_type, "mnt.mnt_root", root);
	l64_set(m, mnt, mount_type, "mnt.mnt_sb", t->super);
	l64_set(m, mnt, mount_type, "mnt_pcp", l64_alloc_percpu(m, 8, 8));
	l64_set(m, mnt, mount_type, "mnt_devname", string(m, "/dev/sda1"));
	l64_set(m, mnt, mount_type, "mnt_ns", ns);
	l64_set(m, mnt, mount_type, "mnt_id", 1);
	l64_list_add_tail(m, mnt + l64_offset(m, mount_type, "mnt_instance"), t->super + l64_offset(m, super_type, "s_mounts"));
	l64_list_init(m, ns, ns_type, "list");
	l64_list_add_tail(m, mnt + l64_offset(m, mount_type, "mnt_list"), ns + l64_offset(m, ns_type, "list"));
	l64_set(m, ns, ns_type, "root", mnt);
	l64_set(m, ns, ns_type, "mounts", 1);
	l64_set(m, ns, ns_type, "count.counter", 1);
	l64_set(m, ns, ns_type, "user_ns", image_symbol(&m->image, "init_user_ns"));
	vfsmount = mnt + l64_offset(m, mount_type, "mnt");
	uint64_t fs = image_symbol(&m->image, "init_fs");
	l64_set(m, fs, "fs_struct", "root.mnt", vfsmount);
	l64_set(m, fs, "fs_struct", "root.dentry", root);
	l64_set(m, fs, "fs_struct", "pwd.mnt", vfsmount);
	l64_set(m, fs, "fs_struct", "pwd.dentry", root);
	l64_set(m, image_symbol(&m->image, "init_nsproxy"), "nsproxy", "mnt_ns", ns);
	l64_set_symbol(m, "sim_root_mnt", 8, vfsmount);
}

#define MOTD_PAGES 3

void linux64_files(struct linux64 *m)
{
	static const char text[] = "The programs included with this system are free software.\n";
	struct tables t = { .next_ino = 2 };
	static const char *const directories[] = { "bin", "dev", "lib", "proc", "tmp" };
	t.dentries = l64_load(m, image_symbol(&m->image, "dentry_hashtable"), 8);
	t.inodes = l64_load(m, image_symbol(&m->image, "inode_hashtable"), 8);
	t.dentry_bits = (unsigned)l64_load(m, image_symbol(&m->image, "d_hash_shift"), 4);
	if (m->flavour->salted_names)
		t.dentry_bits = 32 - t.dentry_bits;
	t.inode_bits = (unsigned)l64_load(m, image_symbol(&m->image, "i_hash_shift"), 4);
	set_up_super(m, &t);
	uint64_t root = add_directory(m, &t, 0, "/"), etc = add_directory(m, &t, root, "etc");
	for (size_t n = 0; n < sizeof(directories) / sizeof(directories[0]); n++)
		add_directory(m, &t, root, directories[n]);
	l64_set(m, t.super, super_type, "s_root", root);
	mount(m, &t, root);
	uint64_t motd = new_inode(m, &t, REGULAR, MOTD_PAGES * PAGE_SIZE64), name = new_inode(m, &t, REGULAR, 6);
	new_dentry(m, &t, etc, "motd", motd);
	new_dentry(m, &t, etc, "hostname", name);
	cache_file(m, motd, text, MOTD_PAGES);
	cache_file(m, name, "hyper\n", 1);
	l64_set(m, image_symbol(&m->image, "sim_disk"), "sim_disk", "next_ino", t.next_ino);
}
