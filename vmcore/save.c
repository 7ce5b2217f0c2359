/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Saving: what is there to be saved, and a file that appears whole or not at all. */
#include "vmcore/save_parts.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- Writing ---- */

static struct error *host_error(void)
{
	return error_new(ERR_IO, "%s", strerror(errno)); /* vmcore_save() says what and where */
}

struct error *save_check_stop(const struct save *s)
{
	return s->details->stop && s->details->stop() ? error_new(ERR_INTERRUPTED, "interrupted") : NULL;
}

struct error *save_write(struct save *s, uint64_t offset, const void *bytes, size_t len)
{
	const uint8_t *from = bytes;

	while (len) {
		ssize_t n = pwrite(s->fd, from, len, (off_t)offset);

		if (n < 0 && errno != EINTR)
			return host_error();
		if (n <= 0) {
			TRY(save_check_stop(s));
			continue;
		}
		from += n;
		offset += (uint64_t)n;
		len -= (size_t)n;
	}
	return NULL;
}

struct error *writer_start(struct writer *w, struct save *s, uint64_t offset)
{
	*w = (struct writer){.save = s, .offset = offset, .buffer = malloc(WRITER_SIZE)};
	return w->buffer ? NULL : out_of_memory();
}

struct error *writer_flush(struct writer *w)
{
	TRY(save_write(w->save, w->offset, w->buffer, w->used));
	w->offset += w->used;
	w->used = 0;
	return NULL;
}

struct error *writer_add(struct writer *w, const void *bytes, size_t len)
{
	const uint8_t *from = bytes;

	while (len) {
		size_t n = WRITER_SIZE - w->used < len ? WRITER_SIZE - w->used : len;

		memcpy(w->buffer + w->used, from, n);
		w->used += n;
		from += n;
		len -= n;
		if (w->used == WRITER_SIZE)
			TRY(writer_flush(w));
	}
	return NULL;
}

bool all_zero(const void *bytes, size_t len)
{
	const uint8_t *b = bytes;

	return !len || (!b[0] && !memcmp(b, b + 1, len - 1));
}

/* ---- What there is ---- */

static void find_machine(struct save *s)
{
	const struct save_details *d = s->details;
	int m = d->machine ? d->machine : s->vc->machine;

	s->machine = m;
	s->is64 = d->pointer_size ? d->pointer_size == 8 : m != EM_386 && m != EM_ARM && m != EM_PPC && m != EM_MIPS;
}

static struct error *add_run(struct save *s, uint64_t start, uint64_t end, bool there)
{
	struct run *last = s->nr_runs ? &s->runs[s->nr_runs - 1] : NULL;

	if (last && last->end == start && last->there == there) {
		last->end = end;
		return NULL;
	}
	TRY(image_grow(&s->runs, s->nr_runs, sizeof(*s->runs)));
	s->runs[s->nr_runs++] = (struct run){start, end, there};
	return NULL;
}

static struct error *find_runs(struct save *s)
{
	struct vmcore *vc = s->vc;

	for (size_t i = 0; i < vc->nr_segments; i++) {
		const struct segment *segment = &vc->segments[i];
		uint64_t end, bad;

		TRY(save_check_stop(s));
		if (vc->extended && i + 1 == vc->nr_segments) {
			end = image_extension_end(vc);
			if (end > segment->start)
				TRY(add_run(s, segment->start, end, true));
			continue;
		}
		if (!segment->bytes || !segment->ready) {
			TRY(add_run(s, segment->start, segment->end, segment->bytes != NULL));
			continue;
		}
		for (uint64_t at = segment->start; at < segment->end; at = end) {
			end = (at | (vc->block_size - 1)) + 1;
			if (end > segment->end || !end)
				end = segment->end;
			TRY(add_run(s, at, end, image_look(vc, at, end - at, &bad) == PRESENT));
		}
	}
	return NULL;
}

/* ---- Notes ---- */

static size_t align4(size_t n)
{
	return (n + 3) & ~(size_t)3;
}

/* Into s->notes where that is there already; returns where the next one goes. Elf32_Nhdr and Elf64_Nhdr are the same. */
static size_t put_note(struct save *s, size_t at, const struct vmcore_note *note)
{
	size_t name = *note->name ? strlen(note->name) + 1 : 0;
	size_t desc = at + sizeof(Elf64_Nhdr) + align4(name);

	if (s->notes) {
		Elf64_Nhdr head = {(Elf64_Word)name, (Elf64_Word)note->desc_size, note->type};

		memcpy(s->notes + at, &head, sizeof(head));
		memcpy(s->notes + at + sizeof(head), note->name, name);
		if (note->desc_size)
			memcpy(s->notes + desc, note->desc, note->desc_size);
		if (note->desc == s->vc->vmcoreinfo && note->desc)
			s->vmcoreinfo_at = desc;
	}
	return desc + align4(note->desc_size);
}

static size_t put_notes(struct save *s)
{
	struct vmcore *vc = s->vc;
	struct vmcore_note note;
	size_t at = 0;
	bool told = !vc->vmcoreinfo;

	if (s->details->note.name)
		at = put_note(s, at, &s->details->note);
	for (size_t i = 0; vmcore_note(vc, i, &note); i++) {
		at = put_note(s, at, &note);
		told = told || note.desc == vc->vmcoreinfo;
	}
	if (!told) {
		note = (struct vmcore_note){"VMCOREINFO", 0, vc->vmcoreinfo, vc->vmcoreinfo_size};
		at = put_note(s, at, &note);
	}
	return at;
}

static struct error *make_notes(struct save *s)
{
	s->notes_size = put_notes(s);
	s->notes = calloc(1, s->notes_size + 1);
	if (!s->notes)
		return out_of_memory();
	put_notes(s);
	return NULL;
}

/* ---- The file ---- */

struct target {
	char *path;   /* of the file itself, links followed */
	char *folder; /* that it is in */
	char *name;   /* while it is written; NULL as long as it has none */
	mode_t mode;
};

static struct error *no_memory_if(bool lacks)
{
	return lacks ? out_of_memory() : NULL;
}

/* What is there already, and where it really is. */
static struct error *find_target(struct target *t, const char *path)
{
	struct stat st;
	mode_t mask = umask(0);

	umask(mask);
	t->mode = 0666 & ~mask;
	if (!stat(path, &st)) {
		if (!S_ISREG(st.st_mode))
			return error_new(ERR_IO, "%s", S_ISDIR(st.st_mode) ? strerror(EISDIR) : "not a regular file");
		if (access(path, W_OK))
			return host_error();
		t->mode = st.st_mode & 0777;
		t->path = realpath(path, NULL);
		if (!t->path)
			return host_error();
	} else if (errno != ENOENT) {
		return host_error();
	} else if (!*path || path[strlen(path) - 1] == '/') {
		return error_new(ERR_IO, "%s", strerror(*path ? EISDIR : ENOENT));
	} else if (!lstat(path, &st)) {
		return error_new(ERR_IO, "a symbolic link that leads nowhere");
	} else {
		t->path = strdup(path);
	}
	/* dirname() writes into what it is given, and may give a string of its own. */
	char *copy = t->path ? strdup(t->path) : NULL;
	if (copy)
		t->folder = strdup(dirname(copy));
	free(copy);
	return no_memory_if(!t->folder);
}

/* For mkostemp(). */
static struct error *new_name(struct target *t)
{
	return no_memory_if(asprintf(&t->name, "%s/.mmscope-XXXXXX", t->folder) < 0);
}

/* A file without a name, where the file system has such: nothing is left then, whatever ends the program. */
static struct error *open_target(struct target *t, int *fd)
{
	*fd = open(t->folder, O_TMPFILE | O_WRONLY | O_CLOEXEC, t->mode);
	if (*fd >= 0)
		return NULL;
	if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)
		return host_error();
	TRY(new_name(t));
	*fd = mkostemp(t->name, O_CLOEXEC);
	if (*fd >= 0)
		return NULL;
	free(t->name);
	t->name = NULL;
	return host_error();
}

/* Gives the nameless file a name, one that mkostemp() found free. */
static struct error *name_target(struct target *t, int fd)
{
	char self[40];
	int problem = EEXIST;

	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	for (unsigned tries = 0; problem == EEXIST && tries < 16; tries++) {
		TRY(new_name(t));
		int other = mkostemp(t->name, O_CLOEXEC);

		if (other >= 0) {
			close(other);
			unlink(t->name);
			if (!linkat(AT_FDCWD, self, AT_FDCWD, t->name, AT_SYMLINK_FOLLOW))
				return NULL;
		}
		problem = errno;
		free(t->name);
		t->name = NULL;
	}
	return error_new(ERR_IO, "%s", strerror(problem));
}

static struct error *finish_target(struct target *t, struct save *s)
{
	if (ftruncate(s->fd, (off_t)s->file_size) || fchmod(s->fd, t->mode))
		return host_error();
	if (!t->name)
		TRY(name_target(t, s->fd));
	int fd = s->fd;
	s->fd = -1;
	/* Some file systems tell only now that the disk is full. */
	if (close(fd) || rename(t->name, t->path))
		return host_error();
	free(t->name);
	t->name = NULL;
	return NULL;
}

static struct error *save_to(struct save *s, struct target *t, const char *path, enum save_format format)
{
	TRY(find_target(t, path));
	find_machine(s);
	TRY(find_runs(s));
	TRY(make_notes(s));
	TRY(open_target(t, &s->fd));
	TRY(format == SAVE_KDUMP ? save_kdump(s) : save_elf(s));
	return finish_target(t, s);
}

struct error *vmcore_save(struct vmcore *vc, const char *path, enum save_format format, const struct save_details *details)
{
	struct save s = {.vc = vc, .details = details, .fd = -1};
	struct target t = {0};
	struct error *e = save_to(&s, &t, path, format);

	if (s.fd >= 0)
		close(s.fd);
	if (t.name)
		unlink(t.name);
	free(t.name);
	free(t.folder);
	free(t.path);
	free(s.runs);
	free(s.notes);
	return e && e->code == ERR_IO ? error_prefix(e, "cannot write: %s", path) : e;
}
