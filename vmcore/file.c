/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmcore/file.h"
#include "vmcore/intervals.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

_Static_assert(sizeof(size_t) == 8 && sizeof(off_t) == 8, "images are mapped whole: a 64-bit host");

struct record {
	uint64_t start, end; /* offsets */
	uint64_t pos;	     /* where the byte of `start` stands in the host's file */
};

struct file {
	char *path;
	int fd;
	uint8_t *map;
	uint64_t host_size;
	uint64_t size;
	bool flattened;
	bool whole; /* flattened: the end record was found */
	struct record *records;
	size_t nr_records, last; /* last: the record found last */
};

/*
 * The flattened layout (makedumpfile.h, struct makedumpfile_header and makedumpfile_data_header;
 * all numbers big endian): a header of 4096 bytes that starts with a name of 16, a type and a
 * version, then records: offset, size, bytes; the end record has -1 as offset. makedumpfile writes
 * a header again when it knows more: a later record overwrites.
 */
#define FLAT_NAME	 "makedumpfile\0\0\0\0"
#define FLAT_NAME_LEN	 16
#define FLAT_HEADER_SIZE 4096

static uint64_t big_endian64(const uint8_t *bytes)
{
	uint64_t n;
	memcpy(&n, bytes, sizeof(n));
	return __builtin_bswap64(n);
}

/* Whole or not at all. */
static bool host_read(const struct file *f, uint64_t pos, void *buffer, size_t len)
{
	if (pos > f->host_size || len > f->host_size - pos)
		return false;
	for (size_t done = 0; done < len;) {
		ssize_t n = pread(f->fd, (char *)buffer + done, len - done, pos + done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		done += n;
	}
	return true;
}

/* The records as they stand, in file order; a last one that is cut is kept as far as it goes. */
static struct error *flat_collect(struct file *f, struct interval **list, size_t *count)
{
	size_t room = 0;
	uint64_t pos = FLAT_HEADER_SIZE;
	uint8_t head[16];

	for (*count = 0; host_read(f, pos, head, sizeof(head)); ++*count) {
		uint64_t offset = big_endian64(head), size = big_endian64(head + 8);
		if (offset == UINT64_MAX) {
			f->whole = true;
			return NULL;
		}
		pos += sizeof(head);
		if (offset > INT64_MAX || !size || size > INT64_MAX - offset)
			return error_new(ERR_FORMAT,
					 "%s: flattened dump with a bad record at %#lx: offset "
					 "%#lx, size %#lx",
					 f->path, pos - sizeof(head), offset, size);
		if (*count == room) {
			room = room ? 2 * room : 1024;
			void *more = realloc(*list, room * sizeof(**list));
			if (!more)
				return error_new(ERR_NO_MEMORY, "out of memory");
			*list = more;
		}
		uint64_t left = f->host_size - pos;
		(*list)[*count] = (struct interval){offset, offset + (size < left ? size : left),
						    *count, pos};
		if (size > left) {
			++*count;
			return NULL;
		}
		pos += size;
	}
	return NULL;
}

/* Indexes the records; reads their headers only. */
static struct error *flat_index(struct file *f)
{
	struct interval *list = NULL, *original = NULL;
	size_t count = 0, n;
	struct error *e = flat_collect(f, &list, &count);

	n = count;
	if (!e && count) {
		/* The priority is the record's number: from it comes where the kept part of a cut
		 * record starts. */
		original = malloc(count * sizeof(*original));
		if (original)
			memcpy(original, list, count * sizeof(*original));
		else
			e = error_new(ERR_NO_MEMORY, "out of memory");
	}
	if (!e)
		e = intervals_resolve(&list, &count);
	if (!e && count) {
		f->records = malloc(count * sizeof(*f->records));
		if (!f->records)
			e = error_new(ERR_NO_MEMORY, "out of memory");
	}
	if (!e && !count)
		e = error_new(ERR_FORMAT, "%s: flattened dump without %s", f->path,
			      n ? "bytes in its records" : "records");
	for (size_t i = 0; !e && i < count; i++) {
		const struct interval *whole = &original[list[i].priority];
		f->records[i] = (struct record){list[i].start, list[i].end,
						whole->source + (list[i].start - whole->start)};
	}
	if (!e) {
		f->nr_records = count;
		f->size = list[count - 1].end;
	}
	free(original);
	free(list);
	return e;
}

static struct error *file_setup(struct file *f)
{
	struct stat st;
	uint8_t head[FLAT_NAME_LEN + 16];

	/* O_NONBLOCK: a pipe without a writer must not hold us up. */
	f->fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (f->fd < 0 || fstat(f->fd, &st))
		return error_new(ERR_IO, "cannot open %s: %s", f->path, strerror(errno));
	if (S_ISDIR(st.st_mode))
		return error_new(ERR_IO, "%s: is a directory", f->path);
	if (S_ISREG(st.st_mode))
		f->host_size = st.st_size;
	else if (!S_ISBLK(st.st_mode) || ioctl(f->fd, BLKGETSIZE64, &f->host_size))
		return error_new(ERR_IO, "%s: not a regular file", f->path);
	if (!f->host_size)
		return error_new(ERR_IO, "%s: is empty", f->path);
	void *map = mmap(NULL, f->host_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE,
			 f->fd, 0);
	if (map == MAP_FAILED)
		return error_new(ERR_IO, "cannot map %s: %s", f->path, strerror(errno));
	f->map = map;
	f->size = f->host_size;
	if (!host_read(f, 0, head, sizeof(head)) || memcmp(head, FLAT_NAME, FLAT_NAME_LEN))
		return NULL;
	f->flattened = true;
	uint64_t type = big_endian64(head + 16), version = big_endian64(head + 24);
	if (type != 1 || version != 1)
		return error_new(ERR_FORMAT, "%s: flattened dump of unknown type %lu, version %lu",
				 f->path, type, version);
	return flat_index(f);
}

struct error *file_open(const char *path, struct file **out)
{
	struct file *f = calloc(1, sizeof(*f));
	struct error *e;

	*out = NULL;
	if (f)
		f->path = strdup(path);
	if (!f || !f->path) {
		free(f);
		return error_new(ERR_NO_MEMORY, "out of memory");
	}
	f->fd = -1;
	e = file_setup(f);
	if (e)
		file_close(f);
	else
		*out = f;
	return e;
}

void file_close(struct file *f)
{
	if (!f)
		return;
	if (f->map)
		munmap(f->map, f->host_size);
	if (f->fd >= 0)
		close(f->fd);
	free(f->records);
	free(f->path);
	free(f);
}

int file_descriptor(const struct file *f)
{
	return f->fd;
}

bool file_is_flattened(const struct file *f)
{
	return f->flattened;
}

uint64_t file_size(const struct file *f)
{
	return f->size;
}

uint64_t file_host_size(const struct file *f)
{
	return f->host_size;
}

/* The number of the first record that ends after offset (nr_records when none does). */
static size_t record_find(struct file *f, uint64_t offset)
{
	size_t low = 0, high = f->nr_records;

	/* Most reads go on where the last one was. */
	for (size_t i = f->last; i < f->last + 2 && i < f->nr_records; i++)
		if (offset < f->records[i].end && (!i || offset >= f->records[i - 1].end))
			return f->last = i;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (f->records[middle].end <= offset)
			low = middle + 1;
		else
			high = middle;
	}
	return f->last = low;
}

uint64_t file_extent(struct file *f, uint64_t offset, bool *there)
{
	*there = offset < f->size;
	if (!*there)
		return UINT64_MAX - offset;
	if (!f->flattened || f->whole)
		return f->size - offset;
	size_t i = record_find(f, offset);
	if (offset < f->records[i].start) {
		*there = false;
		return f->records[i].start - offset;
	}
	while (i + 1 < f->nr_records && f->records[i + 1].start == f->records[i].end)
		i++;
	return f->records[i].end - offset;
}

void *file_span(struct file *f, uint64_t offset, uint64_t *len)
{
	*len = 0;
	if (offset >= f->size)
		return NULL;
	if (!f->flattened) {
		*len = f->size - offset;
		return f->map + offset;
	}
	const struct record *r = &f->records[record_find(f, offset)];
	if (offset < r->start)
		return NULL;
	*len = r->end - offset;
	return f->map + r->pos + (offset - r->start);
}

void *file_direct(struct file *f, uint64_t offset, uint64_t len)
{
	uint64_t have;
	void *bytes = file_span(f, offset, &have);
	return bytes && have >= len ? bytes : NULL;
}

bool file_read(struct file *f, uint64_t offset, void *buffer, size_t len)
{
	uint8_t *to = buffer;

	while (len) {
		uint64_t n;
		const void *bytes = file_span(f, offset, &n);
		if (bytes) {
			n = n < len ? n : len;
			memcpy(to, bytes, n);
		} else {
			/* A gap: zeroes where the dump is whole, up to the next record. */
			if (!f->whole || offset >= f->size)
				return false;
			n = f->records[record_find(f, offset)].start - offset;
			n = n < len ? n : len;
			memset(to, 0, n);
		}
		to += n;
		offset += n;
		len -= n;
	}
	return true;
}
