/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What tasks may share besides memory: open files, root and working directory, signal handlers (kernel/fork.c, kernel/exit.c of 2.4).
 */
#include "mm/engine/dcache.h"
#include "mm/engine/fork_edit.h"
#include "mm/engine/list_edit.h"

struct error *add_count(struct engine *e, uint64_t object, enum struct_id id, enum member_id count, int delta, uint64_t *now)
{
	struct object o;
	*now = 0;
	if (!object)
		return NULL;
	TRY(object_open_writable(e->k, object, id, &o));
	*now = object_get(e->k, &o, count) + (uint64_t)(int64_t)delta;
	object_set(e->k, &o, count, *now);
	return NULL;
}

static struct error *share(struct engine *e, uint64_t object, enum struct_id id, enum member_id count)
{
	uint64_t now;
	return add_count(e, object, id, count, 1, &now);
}

/* A byte-for-byte copy with one user. */
static struct error *duplicate(struct engine *e, uint64_t cache, uint64_t old, enum struct_id id, enum member_id count, struct object *copy)
{
	struct kernel *k = e->k;
	struct object from;
	uint64_t addr;
	TRY(object_open(k, old, id, &from));
	TRY(kmem_cache_alloc(e, cache, GFP24_KERNEL, &addr));
	TRY(object_open_writable(k, addr, id, copy));
	memcpy((void *)copy->bytes, from.bytes, copy->size);
	object_set(k, copy, count, 1);
	return NULL;
}

/* ---- Open files ---- */

static unsigned fd_slots(const struct kernel *k)
{
	return k->members[M_files_struct_fd_array].count;
}

static struct error *copy_files(struct engine *e, const struct object *child, unsigned clone_flags)
{
	struct kernel *k = e->k;
	uint64_t old = GET(k, child, task_struct, files);
	struct object f;
	if (!old)
		return NULL;
	if ((clone_flags & CLONE_FILES) || !e->files_cachep)
		return share(e, old, S_files_struct, M_files_struct_count);
	TRY(duplicate(e, e->files_cachep, old, S_files_struct, M_files_struct_count, &f));
	/* Only a table that has outgrown its first room would lie elsewhere, and this machine opens no files that long. */
	SET(k, &f, files_struct, fd, MEMBER_ADDR(k, &f, files_struct, fd_array));
	SET(k, &f, files_struct, close_on_exec, MEMBER_ADDR(k, &f, files_struct, close_on_exec_init));
	SET(k, &f, files_struct, open_fds, MEMBER_ADDR(k, &f, files_struct, open_fds_init));
	for (unsigned i = 0; i < fd_slots(k); i++) {
		uint64_t file = object_get_element(k, &f, M_files_struct_fd_array, i);
		if (file)
			get_file(e, file);
	}
	SET(k, child, task_struct, files, f.addr);
	return NULL;
}

static struct error *put_files(struct engine *e, uint64_t files)
{
	struct kernel *k = e->k;
	struct object f;
	uint64_t left;
	if (!files)
		return NULL;
	TRY(add_count(e, files, S_files_struct, M_files_struct_count, -1, &left));
	if (left || !e->files_cachep)
		return NULL;
	TRY(object_open(k, files, S_files_struct, &f));
	for (unsigned i = 0; i < fd_slots(k); i++) {
		uint64_t file = object_get_element(k, &f, M_files_struct_fd_array, i);
		if (file)
			TRY(fput(e, file));
	}
	return kmem_cache_free(e, e->files_cachep, files);
}

/* ---- Open files in a table that may lie elsewhere ---- */

/* The words of the table's bitmaps that a table within the files_struct has. */
static void copy_bits(struct kernel *k, const struct object *from, const struct object *to, enum member_id id)
{
	object_set(k, to, id, object_get(k, from, id));
}

/* dup_fd(): of a table that has not outgrown its first room. */
struct error *copy_files_modern(struct engine *e, const struct object *child, unsigned clone_flags)
{
	struct kernel *k = e->k;
	uint64_t old = GET(k, child, task_struct, files), addr;
	struct object from, to;
	if (!old)
		return NULL;
	if (clone_flags & CLONE_FILES)
		return share(e, old, S_files_struct, M_files_struct_count);
	TRY(object_open(k, old, S_files_struct, &from));
	if (GET(k, &from, files_struct, fdt) != MEMBER_ADDR(k, &from, files_struct, fdtab))
		return error_at(ERR_UNSUPPORTED, old, "the table of open files has outgrown its first room: copying it is not done");
	TRY(kmem_cache_alloc(e, e->files_cachep, GFP24_KERNEL, &addr));
	TRY(object_open_writable(k, addr, S_files_struct, &to));
	memset((void *)to.bytes, 0, to.size);
	SET(k, &to, files_struct, count, 1);
	if (HAS(k, files_struct, resize_list))
		TRY(list_init(k, MEMBER_ADDR(k, &to, files_struct, resize_list)));
	SET(k, &to, files_struct, fdt, MEMBER_ADDR(k, &to, files_struct, fdtab));
	SET(k, &to, files_struct, fdtab_max_fds, fd_slots(k));
	SET(k, &to, files_struct, fdtab_fd, MEMBER_ADDR(k, &to, files_struct, fd_array));
	SET(k, &to, files_struct, fdtab_close_on_exec, MEMBER_ADDR(k, &to, files_struct, close_on_exec_init));
	SET(k, &to, files_struct, fdtab_open_fds, MEMBER_ADDR(k, &to, files_struct, open_fds_init));
	if (HAS(k, files_struct, full_fds_bits_init)) {
		SET(k, &to, files_struct, fdtab_full_fds_bits, MEMBER_ADDR(k, &to, files_struct, full_fds_bits_init));
		copy_bits(k, &from, &to, M_files_struct_full_fds_bits_init);
	}
	copy_bits(k, &from, &to, M_files_struct_close_on_exec_init);
	copy_bits(k, &from, &to, M_files_struct_open_fds_init);
	for (unsigned i = 0; i < fd_slots(k); i++) {
		uint64_t file = object_get_element(k, &from, M_files_struct_fd_array, i);
		object_set_element(k, &to, M_files_struct_fd_array, i, file);
		if (file)
			get_file(e, file);
	}
	SET(k, child, task_struct, files, addr);
	return NULL;
}

struct error *put_files_modern(struct engine *e, uint64_t files)
{
	struct kernel *k = e->k;
	struct object f;
	uint64_t left;
	if (!files)
		return NULL;
	TRY(add_count(e, files, S_files_struct, M_files_struct_count, -1, &left));
	if (left)
		return NULL;
	TRY(object_open(k, files, S_files_struct, &f));
	if (GET(k, &f, files_struct, fdt) != MEMBER_ADDR(k, &f, files_struct, fdtab))
		return error_at(ERR_UNSUPPORTED, files, "the table of open files has outgrown its first room: freeing it is not done");
	for (unsigned i = 0; i < fd_slots(k); i++) {
		uint64_t file = object_get_element(k, &f, M_files_struct_fd_array, i);
		if (file)
			TRY(fput(e, file));
	}
	return kmem_cache_free(e, e->files_cachep, files);
}

struct error *put_namespaces(struct engine *e, const struct object *task)
{
	uint64_t left, ns = GET(e->k, task, task_struct, nsproxy);
	SET(e->k, task, task_struct, nsproxy, 0);
	TRY(add_count(e, ns, S_nsproxy, M_nsproxy_count, -1, &left));
	return ns && !left ? error_at(ERR_UNSUPPORTED, ns, "the last task of its namespaces ends: their end is not followed") : NULL;
}

/* ---- Root and working directory ---- */

/* dget() or dput(), mntget() or mntput() of what an fs_struct holds. */
static struct error *count_fs(struct engine *e, const struct object *fs, int delta)
{
	struct kernel *k = e->k;
	const uint64_t dentries[] = { GET(k, fs, fs_struct, root_dentry), GET(k, fs, fs_struct, pwd) };
	const uint64_t mounts[] = { GET(k, fs, fs_struct, root_mnt), GET(k, fs, fs_struct, pwdmnt) };
	uint64_t now;
	for (int i = 0; i < 2; i++) {
		TRY(add_count(e, dentries[i], S_dentry, M_dentry_d_count, delta, &now));
		TRY(mount_hold(e, mounts[i], delta));
	}
	return NULL;
}

struct error *copy_fs(struct engine *e, const struct object *child, unsigned clone_flags)
{
	struct kernel *k = e->k;
	uint64_t old = GET(k, child, task_struct, fs);
	struct object fs;
	if (!old)
		return NULL;
	if ((clone_flags & CLONE_FS) || !e->fs_cachep)
		return share(e, old, S_fs_struct, M_fs_struct_count);
	TRY(duplicate(e, e->fs_cachep, old, S_fs_struct, M_fs_struct_count, &fs));
	TRY(count_fs(e, &fs, 1));
	SET(k, child, task_struct, fs, fs.addr);
	return NULL;
}

struct error *put_fs(struct engine *e, uint64_t addr)
{
	struct object fs;
	uint64_t left;
	if (!addr)
		return NULL;
	TRY(add_count(e, addr, S_fs_struct, M_fs_struct_count, -1, &left));
	if (left || !e->fs_cachep)
		return NULL;
	TRY(object_open(e->k, addr, S_fs_struct, &fs));
	TRY(count_fs(e, &fs, -1));
	return kmem_cache_free(e, e->fs_cachep, addr);
}

/* ---- Signal handlers ---- */

static struct error *copy_sighand(struct engine *e, const struct object *child, unsigned clone_flags)
{
	uint64_t old = GET(e->k, child, task_struct, sig);
	struct object sig;
	if (!old)
		return NULL;
	if ((clone_flags & CLONE_SIGHAND) || !e->sigact_cachep)
		return share(e, old, S_signal_struct, M_signal_struct_count);
	TRY(duplicate(e, e->sigact_cachep, old, S_signal_struct, M_signal_struct_count, &sig));
	SET(e->k, child, task_struct, sig, sig.addr);
	return NULL;
}

static struct error *put_sighand(struct engine *e, uint64_t sig)
{
	uint64_t left;
	TRY(add_count(e, sig, S_signal_struct, M_signal_struct_count, -1, &left));
	return sig && !left && e->sigact_cachep ? kmem_cache_free(e, e->sigact_cachep, sig) : NULL;
}

/* Where one cannot be had, those before it are given back (bad_fork_cleanup_…: kernel/fork.c). */
struct error *copy_shared_structs(struct engine *e, const struct object *child, unsigned clone_flags)
{
	struct kernel *k = e->k;
	TRY(copy_files(e, child, clone_flags));
	struct error *failure = copy_fs(e, child, clone_flags);
	if (failure) {
		TRY(put_files(e, GET(k, child, task_struct, files)));
		return failure;
	}
	failure = copy_sighand(e, child, clone_flags);
	if (failure) {
		TRY(put_fs(e, GET(k, child, task_struct, fs)));
		TRY(put_files(e, GET(k, child, task_struct, files)));
	}
	return failure;
}

struct error *put_shared_structs(struct engine *e, const struct object *task)
{
	struct kernel *k = e->k;
	TRY(put_files(e, GET(k, task, task_struct, files)));
	TRY(put_fs(e, GET(k, task, task_struct, fs)));
	TRY(put_sighand(e, GET(k, task, task_struct, sig)));
	SET(k, task, task_struct, files, 0);
	SET(k, task, task_struct, fs, 0);
	SET(k, task, task_struct, sig, 0);
	return NULL;
}
