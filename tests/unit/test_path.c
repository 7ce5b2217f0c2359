/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Paths over dentries and mounts made by hand: a root file system, another one mounted on /mnt.
 */
#include "tests/unit/small_kernel.h"

#include "mm/path.h"

#define DENTRY(i) (SMALL_BASE + 0x10000 + 0x80ull * (i))
#define NAME(i)	  (SMALL_BASE + 0x20000 + 0x400ull * (i))
#define MOUNT(i)  (SMALL_BASE + 0x40000 + 0x80ull * (i))
#define FILE_(i)  (SMALL_BASE + 0x50000 + 0x40ull * (i))

/* struct mount: mnt_parent 0, mnt_mountpoint 8, mnt 16 (mnt_root 0) */
#define VFSMOUNT(i) (MOUNT(i) + 16)

enum { ROOT, MNT, DISK, DIR, LEAF };

static struct kernel *k;

static void dentry(unsigned i, unsigned parent, const char *name)
{
	size_t len = strlen(name);
	poke64(k, DENTRY(i), DENTRY(parent));
	poke64(k, DENTRY(i) + 8 + 8, NAME(i));
	poke(k, DENTRY(i) + 8 + 4, len, 4);
	assert_null(kernel_write(k, NAME(i), name, len));
	poke64(k, DENTRY(i) + 32, 1); /* d_hash.pprev: hashed */
}

static void mount(unsigned i, unsigned parent, unsigned mountpoint, unsigned root)
{
	poke64(k, MOUNT(i), MOUNT(parent));
	poke64(k, MOUNT(i) + 8, DENTRY(mountpoint));
	poke64(k, MOUNT(i) + 16, DENTRY(root));
}

static int setup(void **state)
{
	struct small_types t = small_types_new();
	int qstr = small_struct(&t, "qstr", 16, "hash", t.u32, 0, "len", t.u32, 4, "name",
				t.pointer, 8, NULL);
	int hash = small_struct(&t, "hlist_bl_node", 16, "next", t.pointer, 0, "pprev", t.pointer,
				8, NULL);
	small_struct(&t, "dentry", 64, "d_parent", t.pointer, 0, "d_name", qstr, 8, "d_hash", hash,
		     24, "d_op", t.pointer, 40, NULL);
	int vfsmount = small_struct(&t, "vfsmount", 16, "mnt_root", t.pointer, 0, NULL);
	small_struct(&t, "mount", 64, "mnt_parent", t.pointer, 0, "mnt_mountpoint", t.pointer, 8,
		     "mnt", vfsmount, 16, NULL);
	int path = small_struct(&t, "path", 16, "mnt", t.pointer, 0, "dentry", t.pointer, 8, NULL);
	small_struct(&t, "file", 32, "f_path", path, 8, NULL);
	k = small_kernel_new(&t);
	dentry(ROOT, ROOT, "/");
	dentry(MNT, ROOT, "mnt");
	dentry(DISK, DISK, "/");
	dentry(DIR, DISK, "a directory");
	dentry(LEAF, DIR, "leaf");
	mount(0, 0, ROOT, ROOT);
	mount(1, 0, MNT, DISK);
	return 0;
}

static int teardown(void **state)
{
	small_kernel_free(k);
	return 0;
}

static char text[PATH_SIZE];

static void path_is(unsigned mnt, unsigned at, const char *path, bool is_deleted)
{
	bool deleted;
	assert_success(path_of(k, VFSMOUNT(mnt), DENTRY(at), text, sizeof(text), &deleted));
	assert_string_equal(text, path);
	assert_int_equal(deleted, is_deleted);
}

static void across_mounts(void **state)
{
	path_is(0, ROOT, "/", false);
	path_is(0, MNT, "/mnt", false);
	path_is(1, DISK, "/mnt", false);
	path_is(1, DIR, "/mnt/a directory", false);
	path_is(1, LEAF, "/mnt/a directory/leaf", false);
	poke64(k, DENTRY(LEAF) + 32, 0);
	path_is(1, LEAF, "/mnt/a directory/leaf", true);
	/* without a mount: from the root of its file system */
	bool deleted;
	assert_success(path_of(k, 0, DENTRY(DIR), text, sizeof(text), &deleted));
	assert_string_equal(text, "/a directory");
}

static void hostile(void **state)
{
	/* a parent that loops: the path ends when it is full */
	poke64(k, DENTRY(DIR), DENTRY(LEAF));
	assert_error(path_of(k, VFSMOUNT(1), DENTRY(LEAF), text, sizeof(text), NULL), ERR_BAD_LIST);
	/* mounts that loop */
	dentry(DIR, DISK, "d");
	mount(2, 3, DISK, DISK);
	mount(3, 2, DISK, DISK);
	assert_error(path_of(k, VFSMOUNT(2), DENTRY(DIR), text, sizeof(text), NULL), ERR_BAD_LIST);
	/* a name that is too long, one with a NUL, one that is nowhere */
	poke(k, DENTRY(LEAF) + 8 + 4, 0xffffffff, 4);
	assert_error(path_of(k, VFSMOUNT(1), DENTRY(LEAF), text, sizeof(text), NULL),
		     ERR_BAD_OBJECT);
	poke(k, DENTRY(LEAF) + 8 + 4, 8, 4);
	assert_error(path_of(k, VFSMOUNT(1), DENTRY(LEAF), text, sizeof(text), NULL),
		     ERR_BAD_OBJECT);
	poke(k, DENTRY(LEAF) + 8 + 4, 4, 4);
	poke64(k, DENTRY(LEAF) + 8 + 8, 1);
	assert_error(path_of(k, VFSMOUNT(1), DENTRY(LEAF), text, sizeof(text), NULL),
		     ERR_NOT_MAPPED);
	assert_error(path_of(k, VFSMOUNT(1), 0, text, sizeof(text), NULL), ERR_NOT_MAPPED);
	/* a buffer that is too short */
	dentry(LEAF, DIR, "leaf");
	assert_error(path_of(k, VFSMOUNT(1), DENTRY(LEAF), text, 4, NULL), ERR_BAD_LIST);
}

static void files(void **state)
{
	const struct file_path *path = path_of_file(k, 0);
	assert_string_equal(path->path, "");
	dentry(LEAF, DIR, "new\nline\033");
	poke64(k, FILE_(0) + 8, VFSMOUNT(1));
	poke64(k, FILE_(0) + 16, DENTRY(LEAF));
	path = path_of_file(k, FILE_(0));
	assert_true(path->known);
	assert_string_equal(path->bytes, "/mnt/a directory/new\nline\033");
	assert_string_equal(path->path, "/mnt/a directory/new\\012line\\033");
	/* kept until it is forgotten */
	poke64(k, FILE_(0) + 16, DENTRY(DIR));
	assert_ptr_equal(path_of_file(k, FILE_(0)), path);
	paths_forget(k);
	assert_string_equal(path_of_file(k, FILE_(0))->path, "/mnt/a directory");
	/* many of them, those that fail among them */
	for (unsigned i = 1; i < 3000; i++)
		assert_false(path_of_file(k, FILE_(i))->known);
	assert_string_equal(path_of_file(k, FILE_(0))->path, "/mnt/a directory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(across_mounts, setup, teardown),
		cmocka_unit_test_setup_teardown(hostile, setup, teardown),
		cmocka_unit_test_setup_teardown(files, setup, teardown),
	};
	return cmocka_run_group_tests_name("paths", tests, NULL, NULL);
}
