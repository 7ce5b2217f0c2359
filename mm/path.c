/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mm/path.h"
#include "mm/state.h"
#include "mm/task.h"

/* NAME_MAX is 255; names of pseudo files (dma_buf, memfd) are little longer. */
#define NAME_SIZE_MAX 1024
/* No mount tree is that deep: MNT_NS limits (fs.mount-max) are far below. */
#define MOUNT_HOPS_MAX 4096
/* include/linux/fs.h: FMODE_BACKING is bit 25, since 6.14 and in some stable kernels before it bit
 * 24 */
#define FMODE_BACKING (3u << 24)

struct cached_path {
	uint64_t file; /* 0: free */
	struct file_path *path;
};

struct path_cache {
	struct cached_path *slots;
	size_t size, used;		/* size is a power of two */
	uint64_t root_mnt, root_dentry; /* init's root */
	bool root_known;
};

static struct path_cache *cache(struct kernel *k)
{
	struct mm_state *s = mm_state(k);
	if (!s->paths) {
		s->paths = calloc(1, sizeof(*s->paths));
		if (!s->paths)
			abort();
	}
	return s->paths;
}

void path_cache_free(struct path_cache *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->size; i++)
		free(p->slots[i].path);
	free(p->slots);
	free(p);
}

void paths_forget(struct kernel *k)
{
	struct mm_state *s = mm_state(k);
	path_cache_free(s->paths);
	s->paths = NULL;
}

/* Where init sees "/": a walk up ends there, as d_path()'s does at the reader's root. */
static void find_root(struct kernel *k, struct path_cache *p)
{
	uint64_t fs;
	if (p->root_known)
		return;
	p->root_known = true;
	const struct task *init = task_by_pid(k, 1);
	if (!init || error_drop(kernel_get(k, init->addr, M_task_struct_fs, &fs)) || !fs)
		return;
	if (error_drop(kernel_get(k, fs, M_fs_struct_root_mnt, &p->root_mnt)) ||
	    error_drop(kernel_get(k, fs, M_fs_struct_root_dentry, &p->root_dentry)))
		p->root_mnt = p->root_dentry = 0;
}

/* A path is built from its end. */
struct builder {
	char *start, *at;
};

static bool prepend(struct builder *b, const char *bytes, size_t len)
{
	if ((size_t)(b->at - b->start) < len)
		return false;
	b->at -= len;
	memcpy(b->at, bytes, len);
	return true;
}

static bool is_control(unsigned char c)
{
	return (c < ' ' && c != '\t') || c == 0x7f;
}

bool path_escape(const char *bytes, char *buf, size_t size)
{
	bool any = false;
	size_t len = 0;
	for (; *bytes && len + 5 <= size; bytes++) {
		unsigned char c = *bytes;
		if (is_control(c)) {
			buf[len++] = '\\';
			buf[len++] = '0' + (c >> 6);
			buf[len++] = '0' + (c >> 3 & 7);
			buf[len++] = '0' + (c & 7);
			any = true;
		} else {
			buf[len++] = c;
		}
	}
	buf[len] = 0;
	return any;
}

static struct error *prepend_name(struct kernel *k, struct builder *b, const struct object *dentry)
{
	uint64_t len = GET(k, dentry, dentry, len), addr = GET(k, dentry, dentry, name);
	char name[NAME_SIZE_MAX];
	/* 2.4 and the like have no length that we know of: the name ends at its NUL. */
	if (!HAS(k, dentry, len)) {
		TRY(kernel_read_string(k, addr, name, sizeof(name)));
		len = strlen(name);
	} else {
		if (len > sizeof(name))
			return error_at(ERR_BAD_OBJECT, dentry->addr,
					"dentry %016" PRIx64 " has a name of %" PRIu64 " bytes",
					dentry->addr, len);
		TRY(error_prefix(kernel_read(k, addr, name, len), "name of dentry %016" PRIx64,
				 dentry->addr));
	}
	if (memchr(name, 0, len))
		return error_at(ERR_BAD_OBJECT, dentry->addr, "dentry %016" PRIx64 " has no name",
				dentry->addr);
	if (!prepend(b, name, len))
		return error_at(ERR_BAD_LIST, dentry->addr, "path too long at dentry %016" PRIx64,
				dentry->addr);
	return NULL;
}

static bool is_unhashed(struct kernel *k, const struct object *dentry)
{
	if (HAS(k, dentry, d_hash_pprev))
		return GET(k, dentry, dentry, d_hash_pprev) == 0;
	/* d_hash is a list_head in 2.4: alone when it points to itself. */
	return HAS(k, dentry, d_hash_next) &&
	       GET(k, dentry, dentry, d_hash_next) == MEMBER_ADDR(k, dentry, dentry, d_hash_next);
}

/* struct vfsmount stands in struct mount, or is one (before 3.3). */
static uint64_t mount_of(struct kernel *k, uint64_t mnt)
{
	return mnt && HAS(k, mount, mnt) ? mnt - OFFSET(k, mount, mnt) : mnt;
}

/* Names that file systems make up: dentry_operations.d_dname. False when it makes up none that we
 * know. */
static bool dynamic_name(struct kernel *k, const struct object *dentry, struct builder *b,
			 bool *deleted)
{
	uint64_t function, ino = 0, offset;
	struct symbol symbol;
	char text[64];
	uint64_t operations = GET(k, dentry, dentry, d_op);
	if (!operations || !HAS(k, dentry_operations, d_dname) ||
	    error_drop(kernel_get(k, operations, M_dentry_operations_d_dname, &function)) ||
	    !function || !symbol_at(k, function, &symbol, &offset) || offset)
		return false;
	if (error_drop(kernel_get(k, GET(k, dentry, dentry, d_inode), M_inode_i_ino, &ino)))
		ino = 0;
	char *end = b->at;
	if (!strcmp(symbol.name, "simple_dname")) {
		*deleted = true;
		return !error_drop(prepend_name(k, b, dentry)) && prepend(b, "/", 1);
	}
	if (!strcmp(symbol.name, "anon_inodefs_dname"))
		return !error_drop(prepend_name(k, b, dentry)) && prepend(b, "anon_inode:", 11);
	if (!strcmp(symbol.name, "pipefs_dname"))
		snprintf(text, sizeof(text), "pipe:[%" PRIu64 "]", ino);
	else if (!strcmp(symbol.name, "sockfs_dname"))
		snprintf(text, sizeof(text), "socket:[%" PRIu64 "]", ino);
	else if (!strcmp(symbol.name, "ns_dname"))
		snprintf(text, sizeof(text), "ns:[%" PRIu64 "]", ino);
	else if (!strcmp(symbol.name, "pidfs_dname"))
		snprintf(text, sizeof(text), "anon_inode:[pidfd]");
	else if (!strcmp(symbol.name, "dmabuffs_dname"))
		return !error_drop(prepend_name(k, b, dentry)) && prepend(b, "/dmabuf:", 8);
	else
		return false;
	*deleted = false;
	return prepend(b, text, strlen(text)) || (b->at = end, false);
}

/* Goes up from (mount, dentry) to the root, prepending names. */
static struct error *walk_up(struct kernel *k, struct builder *b, uint64_t mnt, uint64_t at)
{
	const struct path_cache *p = cache(k);
	uint64_t root_mount = mount_of(k, p->root_mnt), mount = mount_of(k, mnt);
	struct object m = {NULL, 0, 0};
	unsigned hops = 0;
	/* Ends: each dentry that does not hop adds a character to the path. */
	for (;;) {
		struct object dentry;
		if (at == p->root_dentry && mount == root_mount && at)
			return NULL;
		if (mount && m.addr != mount)
			TRY(object_open(k, mount, S_mount, &m));
		TRY(object_open(k, at, S_dentry, &dentry));
		if (mount && at == GET(k, &m, mount, mnt_root)) {
			uint64_t parent = GET(k, &m, mount, mnt_parent);
			/* mnt_parent is a struct mount, before 3.3 a vfsmount, which is the same
			 * object */
			if (parent == mount)
				return NULL;
			if (++hops > MOUNT_HOPS_MAX)
				return error_at(ERR_BAD_LIST, mount, "mounts loop at %016" PRIx64,
						mount);
			at = GET(k, &m, mount, mnt_mountpoint);
			mount = parent;
			continue;
		}
		uint64_t parent = GET(k, &dentry, dentry, d_parent);
		if (parent == at) /* a root below no mount that we know */
			return NULL;
		TRY(prepend_name(k, b, &dentry));
		if (!prepend(b, "/", 1))
			return error_at(ERR_BAD_LIST, at, "path too long at dentry %016" PRIx64,
					at);
		at = parent;
	}
}

struct error *path_of(struct kernel *k, uint64_t mnt, uint64_t at, char *buf, size_t size,
		      bool *deleted)
{
	char text[PATH_SIZE];
	struct builder b = {text, text + sizeof(text) - 1};
	struct object dentry;
	bool is_deleted = false;
	buf[0] = 0;
	if (deleted)
		*deleted = false;
	TRY(members_require(k, "paths", M_dentry_d_parent, M_dentry_name, M_mount_mnt_root,
			    MEMBER_NONE));
	/* d_dname: since 2.6.22 */
	if (HAS_STRUCT(k, dentry_operations) && HAS_STRUCT(k, anon_vma_chain))
		TRY(members_require(k, "paths", M_dentry_d_op, M_dentry_operations_d_dname, MEMBER_NONE));
	find_root(k, cache(k));
	TRY(object_open(k, at, S_dentry, &dentry));
	*b.at = 0;
	bool is_root = GET(k, &dentry, dentry, d_parent) == at;
	bool dynamic = false;
	if (is_root && GET(k, &dentry, dentry, d_op)) {
		uint64_t mount_root = 0, mount = mount_of(k, mnt);
		if (mount)
			TRY(kernel_get(k, mount, M_mount_mnt_root, &mount_root));
		dynamic = mount_root != at && dynamic_name(k, &dentry, &b, &is_deleted);
	} else if (!is_root) {
		dynamic = dynamic_name(k, &dentry, &b, &is_deleted);
	}
	if (!dynamic) {
		b.at = text + sizeof(text) - 1;
		is_deleted = !is_root && is_unhashed(k, &dentry);
		TRY(walk_up(k, &b, mnt, at));
		if (!*b.at)
			prepend(&b, "/", 1);
	}
	if (deleted)
		*deleted = is_deleted;
	if (strlen(b.at) >= size)
		return error_at(ERR_BAD_LIST, at, "path longer than %zu bytes", size);
	strcpy(buf, b.at);
	return NULL;
}

/*
 * A file of a stacked file system's lower layer, mapped in place of the one that was opened, is
 * known by the latter's path (file_user_path() in include/linux/fs.h).
 */
static bool backing_location(struct kernel *k, uint64_t file, uint64_t *mnt, uint64_t *dentry)
{
	uint64_t mode;
	struct object o, d, m;
	if (!HAS(k, backing_file, dentry) || error_drop(kernel_get(k, file, M_file_f_mode, &mode)))
		return false;
	if (!(mode & FMODE_BACKING) || !object_try_open(k, file, S_backing_file, &o))
		return false;
	*mnt = GET(k, &o, backing_file, mnt);
	*dentry = GET(k, &o, backing_file, dentry);
	/* Each of the two bits also means something else in some kernel: take what stands there
	 * only when it is a path, whose dentry and mount are of one file system. */
	return object_try_open(k, *dentry, S_dentry, &d) &&
	       object_try_open(k, mount_of(k, *mnt), S_mount, &m) && GET(k, &d, dentry, d_sb) &&
	       GET(k, &d, dentry, d_sb) == GET(k, &m, mount, mnt_sb);
}

static struct error *file_location(struct kernel *k, uint64_t file, uint64_t *mnt, uint64_t *dentry)
{
	TRY(members_require(k, "files", M_file_dentry, MEMBER_NONE));
	if (backing_location(k, file, mnt, dentry))
		return NULL;
	TRY(kernel_get(k, file, M_file_dentry, dentry));
	*mnt = 0;
	return HAS(k, file, mnt) ? kernel_get(k, file, M_file_mnt, mnt) : NULL;
}

static struct cached_path *find_slot(struct path_cache *p, uint64_t file)
{
	size_t i = (file >> 6) * 0x9e3779b97f4a7c15ull >> 20;
	while (p->slots[i & (p->size - 1)].file && p->slots[i & (p->size - 1)].file != file)
		i++;
	return &p->slots[i & (p->size - 1)];
}

static bool grow(struct path_cache *p)
{
	struct path_cache bigger = *p;
	bigger.size = p->size ? p->size * 2 : 1024;
	bigger.slots = calloc(bigger.size, sizeof(*bigger.slots));
	if (!bigger.slots)
		return false;
	for (size_t i = 0; i < p->size; i++)
		if (p->slots[i].file)
			*find_slot(&bigger, p->slots[i].file) = p->slots[i];
	free(p->slots);
	*p = bigger;
	return true;
}

const struct file_path *path_of_file(struct kernel *k, uint64_t file)
{
	static const struct file_path none = {"", "", true, false};
	static const struct file_path no_memory = {"(out of memory)", "", false, false};
	struct path_cache *p = cache(k);
	char text[PATH_SIZE];
	if (!file)
		return &none;
	if (2 * (p->used + 1) > p->size && !grow(p))
		return &no_memory;
	struct cached_path *slot = find_slot(p, file);
	if (slot->file)
		return slot->path;

	bool deleted = false;
	uint64_t mnt, dentry;
	struct error *e = file_location(k, file, &mnt, &dentry);
	if (!e)
		e = path_of(k, mnt, dentry, text, sizeof(text), &deleted);
	if (e)
		snprintf(text, sizeof(text), "(unknown: %s)", e->message);
	char escaped[4 * PATH_SIZE];
	bool differs = path_escape(text, escaped, sizeof(escaped));
	size_t len = strlen(text) + 1, escaped_len = differs ? strlen(escaped) + 1 : 0;
	struct file_path *path = malloc(sizeof(*path) + len + escaped_len);
	if (!path) {
		error_drop(e);
		return &no_memory;
	}
	char *bytes = memcpy(path + 1, text, len);
	*path = (struct file_path){
		.path = differs ? memcpy(bytes + len, escaped, escaped_len) : bytes,
		.bytes = bytes,
		.known = !e,
		.deleted = deleted && !e,
	};
	error_drop(e);
	slot->file = file;
	slot->path = path;
	p->used++;
	return path;
}
