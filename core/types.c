/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Opening BTF (Documentation/bpf/btf.rst, include/uapi/linux/btf.h) and finding types in it by
 * name.
 *
 * One pass over the bytes, before libbpf sees them, checks every length, id and string offset,
 * rewrites kinds that this libbpf does not know, and collects the named types for the index.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "core/btf.h"

#define BTF_MAX_BYTES (256u << 20)
#define LAST_KIND     BTF_KIND_ENUM64

/* The header as the newest kernels have it: a section of record lengths for each kind follows the
 * classic 24 bytes. */
struct wide_header {
	struct btf_header classic;
	uint32_t layout_off, layout_len;
};

struct kind_layout {
	uint8_t info_size, element_size;
	uint16_t flags;
};

/* ---- The pass ---- */

struct scan {
	const unsigned char *types;
	uint32_t types_len;
	const char *strings;
	uint32_t strings_len;
	const struct kind_layout *layout;
	uint32_t layout_count;
	uint32_t first_id, first_string; /* of a split BTF; 1 and 0 of a whole one */
	uint32_t count;			 /* found types */
	uint32_t unknown;		 /* records that libbpf does not know */
	uint32_t max_id, max_string;	 /* greatest reference */
};

static struct error *damaged(const char *what)
{
	return error_new(ERR_BAD_OBJECT, "BTF is damaged: %s", what);
}

/* New encodings use the bits that used to be 0: vlen has 24 bits there and the kind 7. Old ones
 * read the same. */
static inline uint32_t wide_vlen(uint32_t info)
{
	return info & 0xffffff;
}

static inline uint32_t wide_kind(uint32_t info)
{
	return info >> 24 & 0x7f;
}

/* Bytes after the 12 of struct btf_type, or UINT64_MAX for a kind whose layout nobody states. */
static uint64_t record_tail(const struct scan *s, uint32_t kind, uint32_t vlen)
{
	switch (kind) {
	case BTF_KIND_INT:
	case BTF_KIND_VAR:
	case BTF_KIND_DECL_TAG:
		return 4;
	case BTF_KIND_ARRAY:
		return sizeof(struct btf_array);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
	case BTF_KIND_DATASEC:
	case BTF_KIND_ENUM64:
		return 12ull * vlen;
	case BTF_KIND_ENUM:
	case BTF_KIND_FUNC_PROTO:
		return 8ull * vlen;
	case BTF_KIND_PTR:
	case BTF_KIND_FWD:
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_CONST:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_FUNC:
	case BTF_KIND_FLOAT:
	case BTF_KIND_TYPE_TAG:
		return 0;
	}
	if (kind && kind < s->layout_count)
		return s->layout[kind].info_size + (uint64_t)s->layout[kind].element_size * vlen;
	return UINT64_MAX;
}

#define NOTE_ID(s, id) ((s)->max_id = (id) > (s)->max_id ? (id) : (s)->max_id)
#define NOTE_STRING(s, offset) \
	((s)->max_string = (offset) > (s)->max_string ? (offset) : (s)->max_string)

static bool push(uint32_t **list, size_t *count, size_t *room, uint32_t id)
{
	if (*count == *room) {
		size_t more = *room ? *room * 2 : 1024;
		uint32_t *bigger = realloc(*list, more * sizeof(**list));

		if (!bigger)
			return false;
		*list = bigger;
		*room = more;
	}
	(*list)[(*count)++] = id;
	return true;
}

static bool name_push(struct name_index *n, uint32_t hash, uint32_t id)
{
	if (n->count == n->room) {
		size_t more = n->room ? n->room * 2 : 4096;
		struct name_entry *bigger = realloc(n->entries, more * sizeof(*bigger));

		if (!bigger)
			return false;
		n->entries = bigger;
		n->room = more;
	}
	n->entries[n->count++] = (struct name_entry){hash, id, 0};
	return true;
}

/* Notes the references in one record. Its length was checked. */
static void scan_references(struct scan *s, const struct btf_type *r, uint32_t kind, uint32_t vlen)
{
	const uint32_t *tail = (const uint32_t *)(r + 1);

	switch (kind) {
	case BTF_KIND_ARRAY:
		NOTE_ID(s, tail[0]);
		NOTE_ID(s, tail[1]);
		break;
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		for (uint32_t i = 0; i < vlen; i++, tail += 3) {
			NOTE_STRING(s, tail[0]);
			NOTE_ID(s, tail[1]);
		}
		break;
	case BTF_KIND_FUNC_PROTO:
		NOTE_ID(s, r->type);
		for (uint32_t i = 0; i < vlen; i++, tail += 2) {
			NOTE_STRING(s, tail[0]);
			NOTE_ID(s, tail[1]);
		}
		break;
	case BTF_KIND_ENUM:
		for (uint32_t i = 0; i < vlen; i++, tail += 2)
			NOTE_STRING(s, tail[0]);
		break;
	case BTF_KIND_ENUM64:
		for (uint32_t i = 0; i < vlen; i++, tail += 3)
			NOTE_STRING(s, tail[0]);
		break;
	case BTF_KIND_DATASEC:
		for (uint32_t i = 0; i < vlen; i++, tail += 3)
			NOTE_ID(s, tail[0]);
		break;
	case BTF_KIND_PTR:
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_CONST:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_FUNC:
	case BTF_KIND_VAR:
	case BTF_KIND_TYPE_TAG:
	case BTF_KIND_DECL_TAG:
		NOTE_ID(s, r->type);
		break;
	}
}

/* Adds a named type to the index, and enumerations and variables to their lists. */
static bool scan_collect(struct scan *s, struct btf_unit *u, const struct btf_type *r,
			 uint32_t kind, uint32_t id)
{
	if (kind == BTF_KIND_ENUM || kind == BTF_KIND_ENUM64) {
		if (!push(&u->enums, &u->enum_count, &u->enum_room, id))
			return false;
	} else if (kind == BTF_KIND_VAR) {
		return push(&u->variables, &u->variable_count, &u->variable_room, id);
	} else if (!type_kind_is_aggregate(kind) && kind != BTF_KIND_TYPEDEF &&
		   kind != BTF_KIND_FWD && kind != BTF_KIND_INT && kind != BTF_KIND_FLOAT) {
		return true;
	}
	/* A name of the base (a split BTF refers to it) is there already by its own id; it is still
	 * this type's name. */
	if (!r->name_off || r->name_off < s->first_string ||
	    r->name_off - s->first_string >= s->strings_len)
		return true;
	return name_push(&u->names, name_hash(s->strings + (r->name_off - s->first_string), NULL),
			 id);
}

/*
 * Walks all records. With `rewritten` (as long as the type section, at least) it copies them there,
 * unknown kinds as forward declarations without a name, so that ids stay; *rewritten_len is what it
 * took.
 */
static struct error *scan_records(struct scan *s, struct btf_unit *u, unsigned char *rewritten,
				  uint32_t *rewritten_len)
{
	const unsigned char *p = s->types, *end = p + s->types_len;
	unsigned char *to = rewritten;

	s->count = s->unknown = s->max_id = s->max_string = 0;
	while (p < end) {
		struct btf_type r;
		uint32_t kind, vlen;
		uint64_t tail;
		bool known;

		if ((size_t)(end - p) < sizeof(r))
			return damaged("a type record ends beyond its section");
		memcpy(&r, p, sizeof(r));
		kind = wide_kind(r.info);
		vlen = wide_vlen(r.info);
		tail = record_tail(s, kind, vlen);
		if (tail == UINT64_MAX)
			return error_new(ERR_UNSUPPORTED,
					 "BTF holds a kind of type that nothing describes: %u",
					 kind);
		if (tail > (size_t)(end - p) - sizeof(r))
			return damaged("a type record ends beyond its section");
		known = kind <= LAST_KIND && vlen <= BTF_MAX_VLEN && !(r.info & 0x60ff0000);
		s->unknown += !known;
		if (known) {
			NOTE_STRING(s, r.name_off);
			scan_references(s, (const struct btf_type *)p, kind, vlen);
			if (u && !scan_collect(s, u, &r, kind, s->first_id + s->count))
				return error_new(ERR_NO_MEMORY, "out of memory");
		}
		if (to) {
			if (known) {
				memcpy(to, p, sizeof(r) + tail);
				to += sizeof(r) + tail;
			} else {
				memcpy(to, &(struct btf_type){.info = BTF_KIND_FWD << 24},
				       sizeof(r));
				to += sizeof(r);
			}
		}
		p += sizeof(r) + tail;
		s->count++;
	}
	if (rewritten_len)
		*rewritten_len = to - rewritten;
	if (s->max_id >= s->first_id + s->count)
		return damaged("a type refers to one that does not exist");
	if (s->max_string >= s->first_string + s->strings_len)
		return damaged("a name lies beyond the strings");
	return NULL;
}

static bool section_fits(uint64_t header, uint64_t offset, uint64_t len, uint64_t total)
{
	return header <= total && offset <= total - header && len <= total - header - offset;
}

static struct error *scan_header(struct scan *s, const void *bytes, size_t len)
{
	struct wide_header h = {0};
	uint32_t at;

	if (len < sizeof(h.classic) || len > BTF_MAX_BYTES)
		return damaged("its length is impossible");
	memcpy(&h.classic, bytes, sizeof(h.classic));
	if (h.classic.magic == __builtin_bswap16(BTF_MAGIC))
		return error_new(ERR_UNSUPPORTED, "BTF of a big-endian kernel");
	if (h.classic.magic != BTF_MAGIC)
		return error_new(ERR_BAD_OBJECT, "no BTF: its magic number is missing");
	if (h.classic.version != BTF_VERSION)
		return error_new(ERR_UNSUPPORTED, "BTF of an unknown version: %u",
				 h.classic.version);
	at = h.classic.hdr_len;
	if (at < sizeof(h.classic) || h.classic.type_off % 4 || at % 4 ||
	    !section_fits(at, h.classic.type_off, h.classic.type_len, len) ||
	    !section_fits(at, h.classic.str_off, h.classic.str_len, len) || !h.classic.str_len)
		return damaged("its header promises more than there is");
	s->types = (const unsigned char *)bytes + at + h.classic.type_off;
	s->types_len = h.classic.type_len;
	s->strings = (const char *)bytes + at + h.classic.str_off;
	s->strings_len = h.classic.str_len;
	if (s->strings[s->strings_len - 1])
		return damaged("its last string has no end");
	if (at >= sizeof(h)) {
		memcpy(&h, bytes, sizeof(h));
		if (section_fits(at, h.layout_off, h.layout_len, len) && h.layout_off % 4 == 0) {
			s->layout = (const struct kind_layout *)((const char *)bytes + at +
								 h.layout_off);
			s->layout_count = h.layout_len / sizeof(*s->layout);
		}
	}
	return NULL;
}

static struct error *index_build(struct name_index *n)
{
	uint32_t size = 64;

	while (size < n->count)
		size *= 2;
	n->mask = size - 1;
	n->heads = calloc(size, sizeof(*n->heads));
	if (!n->heads)
		return error_new(ERR_NO_MEMORY, "out of memory");
	for (size_t i = n->count; i-- > 0;) {
		uint32_t *head = &n->heads[n->entries[i].hash & n->mask];

		n->entries[i].next = *head;
		*head = i + 1;
	}
	return NULL;
}

/* A classic BTF of the scanned one: header, types with the unknown kinds rewritten, strings. The
 * caller frees it. */
static struct error *rewrite(struct scan *s, unsigned char **out, size_t *out_len)
{
	struct btf_header h = {.magic = BTF_MAGIC, .version = BTF_VERSION, .hdr_len = sizeof(h)};
	unsigned char *buffer = malloc(sizeof(h) + s->types_len + s->strings_len);
	struct error *e;
	uint32_t len;

	if (!buffer)
		return error_new(ERR_NO_MEMORY, "out of memory");
	e = scan_records(s, NULL, buffer + sizeof(h), &len);
	if (e) {
		free(buffer);
		return e;
	}
	h.type_len = h.str_off = len;
	h.str_len = s->strings_len;
	memcpy(buffer, &h, sizeof(h));
	memcpy(buffer + sizeof(h) + len, s->strings, s->strings_len);
	*out = buffer;
	*out_len = sizeof(h) + len + h.str_len;
	return NULL;
}

/*
 * btf__new_split(), which libbpf 1.1 declares and does not export: its reader of split BTF files
 * does the same, so it gets a file in memory.
 */
static struct btf *new_split(const void *bytes, size_t len, struct btf *base)
{
	int fd = memfd_create("btf", MFD_CLOEXEC);
	struct btf *btf = NULL;
	char path[64];

	if (fd < 0)
		return NULL;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (write(fd, bytes, len) == (ssize_t)len) {
		btf = btf__parse_raw_split(path, base);
		if (btf && libbpf_get_error(btf))
			btf = NULL;
	}
	close(fd);
	return btf;
}

struct error *btf_unit_open(struct btf_unit *u, const struct btf_unit *base, const void *bytes,
			    size_t len)
{
	struct scan s = {.first_id = 1};
	unsigned char *own = NULL, *aligned = NULL;
	struct error *e;

	if ((uintptr_t)bytes % 4) { /* the records are read in place */
		aligned = malloc(len ? len : 1);
		if (!aligned)
			return error_new(ERR_NO_MEMORY, "out of memory");
		memcpy(aligned, bytes, len);
		bytes = aligned;
	}
	if (base) {
		s.first_id = btf__type_cnt(base->btf);
		s.first_string = base->strings;
	}
	e = scan_header(&s, bytes, len);
	if (!e && !base && s.strings[0])
		e = damaged("its first string is not empty");
	if (!e)
		e = scan_records(&s, u, NULL, NULL);
	if (!e && (s.unknown || s.strings < (const char *)s.types)) {
		e = rewrite(&s, &own, &len);
		if (!e)
			bytes = own;
	}
	if (!e) {
		libbpf_set_print(NULL);
		u->strings = s.strings_len;
		u->btf = base ? new_split(bytes, len, base->btf) : btf__new(bytes, len);
		if (!u->btf || libbpf_get_error(u->btf)) {
			u->btf = NULL;
			e = error_new(ERR_BAD_OBJECT, "BTF is damaged: libbpf refuses it");
		} else if (btf__type_cnt(u->btf) != s.first_id + s.count) {
			e = error_new(ERR_BAD_OBJECT,
				      "BTF is damaged: libbpf counts its types differently");
		}
	}
	if (!e)
		e = index_build(&u->names);
	free(own);
	free(aligned);
	if (e)
		btf_unit_close(u);
	return e;
}

void btf_unit_close(struct btf_unit *u)
{
	btf__free(u->scratch);
	btf__free(u->btf);
	free(u->names.entries);
	free(u->names.heads);
	free(u->enums);
	free(u->variables);
	*u = (struct btf_unit){0};
}

/* ---- Opening and closing ---- */

struct error *types_open_bytes(struct kernel *k, const void *bytes, size_t len)
{
	struct types *t = calloc(1, sizeof(*t));
	struct error *e;

	if (!t)
		return error_new(ERR_NO_MEMORY, "out of memory");
	t->k = k;
	e = btf_unit_open(&t->base, NULL, bytes, len);
	if (e) {
		free(t);
		return e;
	}
	types_close(k->types);
	k->types = t;
	return NULL;
}

/* The bytes of section .BTF; they live as long as `elf`. */
static struct error *elf_btf(Elf *elf, const char *path, const void **bytes, size_t *len)
{
	Elf_Scn *section = NULL;
	size_t names;

	if (elf_getshdrstrndx(elf, &names))
		return error_new(ERR_FORMAT, "%s: no ELF section names", path);
	while ((section = elf_nextscn(elf, section))) {
		GElf_Shdr header;
		Elf_Data *data;
		const char *name;

		if (!gelf_getshdr(section, &header) ||
		    !(name = elf_strptr(elf, names, header.sh_name)) || strcmp(name, BTF_ELF_SEC))
			continue;
		data = elf_rawdata(section, NULL);
		if (header.sh_type == SHT_NOBITS || !data || !data->d_buf || !data->d_size)
			return error_new(ERR_FORMAT, "%s: section .BTF is empty", path);
		*bytes = data->d_buf;
		*len = data->d_size;
		return NULL;
	}
	return error_new(ERR_NO_TYPE,
			 "%s has no section .BTF; \"pahole --btf_encode_detached FILE %s\" makes a BTF file, to be given too",
			 path, path);
}

static struct error *open_fd(struct kernel *k, const char *path, int fd, size_t size)
{
	unsigned char magic[4] = {0};
	const void *bytes = NULL;
	struct error *e;
	size_t len = 0;
	Elf *elf;

	if (pread(fd, magic, sizeof(magic), 0) != sizeof(magic))
		return error_new(ERR_FORMAT, "%s: too short for BTF", path);
	if (memcmp(magic, ELFMAG, SELFMAG)) {
		unsigned char *buffer;
		size_t at = 0;
		ssize_t n = 1;

		if (size > BTF_MAX_BYTES)
			return error_new(ERR_FORMAT, "%s: no BTF file", path);
		buffer = malloc(size);
		if (!buffer)
			return error_new(ERR_NO_MEMORY, "out of memory");
		while (at < size && (n = pread(fd, buffer + at, size - at, at)) > 0)
			at += n;
		e = n < 0 ? error_new(ERR_IO, "%s: %s", path, strerror(errno))
			  : error_prefix(types_open_bytes(k, buffer, at), "%s", path);
		free(buffer);
		return e;
	}
	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	if (!elf)
		return error_new(ERR_FORMAT, "%s: %s", path, elf_errmsg(-1));
	e = elf_btf(elf, path, &bytes, &len);
	if (!e)
		e = error_prefix(types_open_bytes(k, bytes, len), "%s", path);
	elf_end(elf);
	return e;
}

struct error *types_open_file(struct kernel *k, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct error *e;
	struct stat st;

	if (fd < 0 || fstat(fd, &st)) {
		e = error_new(ERR_IO, "%s: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return e;
	}
	e = open_fd(k, path, fd, st.st_size);
	close(fd);
	return e;
}

struct error *types_open_memory(struct kernel *k)
{
	uint64_t start = symbol_addr(k, "__start_BTF"), stop = symbol_addr(k, "__stop_BTF");
	const void *bytes;
	void *copy;
	struct error *e;

	if (!start || !stop)
		return error_new(ERR_UNSUPPORTED,
				 "this kernel carries no types (no symbol __start_BTF): give a BTF file; "
				 "\"pahole --btf_encode_detached FILE VMLINUX\" makes one");
	if (stop <= start || stop - start > BTF_MAX_BYTES)
		return error_at(ERR_BAD_OBJECT, start, "BTF is damaged: it reaches from %lx to %lx",
				(unsigned long)start, (unsigned long)stop);
	bytes = kernel_try_map(k, start, stop - start);
	if (bytes)
		return types_open_bytes(k, bytes, stop - start);
	copy = malloc(stop - start);
	if (!copy)
		return error_new(ERR_NO_MEMORY, "out of memory");
	e = kernel_read(k, start, copy, stop - start);
	e = e ? error_prefix(e, "BTF") : types_open_bytes(k, copy, stop - start);
	free(copy);
	return e;
}

void types_close(struct types *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->module_count; i++)
		btf_unit_close(&t->modules[i]);
	free(t->modules);
	btf_unit_close(&t->base);
	free(t->enumerators);
	free(t->enumerator_heads);
	free(t);
}

/* ---- By name ---- */

/* How well a record answers to `kind`: 0 not at all, higher is better. */
static int kind_rank(unsigned btf_kind, enum type_kind kind)
{
	switch (btf_kind) {
	case BTF_KIND_STRUCT:
		return kind == TYPE_ANY || kind == TYPE_STRUCT || kind == TYPE_AGGREGATE ? 9 : 0;
	case BTF_KIND_UNION:
		return kind == TYPE_ANY || kind == TYPE_UNION || kind == TYPE_AGGREGATE ? 8 : 0;
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
		return kind == TYPE_ANY || kind == TYPE_ENUM ? 7 : 0;
	case BTF_KIND_TYPEDEF:
		return kind == TYPE_ANY || kind == TYPE_TYPEDEF ? 6 : 0;
	case BTF_KIND_INT:
	case BTF_KIND_FLOAT:
		return kind == TYPE_ANY ? 5 : 0;
	case BTF_KIND_FWD:
		return kind == TYPE_ANY || kind == TYPE_STRUCT || kind == TYPE_UNION ||
				       kind == TYPE_AGGREGATE
			       ? 1
			       : 0;
	}
	return 0;
}

struct type btf_unit_find(const struct btf_unit *u, enum type_kind kind, const char *name)
{
	uint32_t hash = name_hash(name, NULL);
	struct type best = {0};
	int best_rank = 0;

	if (!u->btf || !*name)
		return best;
	for (uint32_t i = u->names.heads[hash & u->names.mask]; i;
	     i = u->names.entries[i - 1].next) {
		const struct name_entry *entry = &u->names.entries[i - 1];
		struct type t = {u->btf, entry->id};
		const struct btf_type *r;
		int rank;

		if (entry->hash != hash || !(r = type_record(t)))
			continue;
		rank = kind_rank(btf_kind(r), kind);
		if (btf_kind(r) == BTF_KIND_FWD && ((kind == TYPE_STRUCT && btf_kflag(r)) ||
						    (kind == TYPE_UNION && !btf_kflag(r))))
			rank = 0;
		if (type_kind_is_aggregate(btf_kind(r)) && !r->size && rank)
			rank = 2; /* an empty struct: any other definition is better */
		if (rank > best_rank && !strcmp(type_string(t, r->name_off), name)) {
			best = t;
			best_rank = rank;
		}
	}
	return best;
}

struct type type_find_base(struct kernel *k, enum type_kind kind, const char *name)
{
	return k->types ? btf_unit_find(&k->types->base, kind, name) : (struct type){0};
}

struct type type_find(struct kernel *k, enum type_kind kind, const char *name)
{
	struct type t = type_find_base(k, kind, name), other;

	if (!k->types || (type_valid(t) && type_kind_of(t) != BTF_KIND_FWD))
		return t;
	types_load_modules(k->types);
	for (size_t i = 0; i < k->types->module_count; i++) {
		other = btf_unit_find(&k->types->modules[i], kind, name);
		if (type_valid(other) && type_kind_of(other) != BTF_KIND_FWD)
			return other;
		if (!type_valid(t))
			t = other;
	}
	return t;
}

struct type types_next(struct kernel *k, size_t *cursor)
{
	const struct name_index *names = k->types ? &k->types->base.names : NULL;

	while (names && *cursor < names->count) {
		struct type t = {k->types->base.btf, names->entries[(*cursor)++].id};
		unsigned kind = type_kind_of(t);

		if (type_kind_is_aggregate(kind) || kind == BTF_KIND_ENUM ||
		    kind == BTF_KIND_ENUM64 || kind == BTF_KIND_TYPEDEF)
			return t;
	}
	return (struct type){0};
}

/* ---- What a type is ---- */

struct type type_strip(struct type t)
{
	for (unsigned depth = 0; depth < TYPE_MAX_DEPTH; depth++) {
		unsigned kind = type_kind_of(t);

		if (kind != BTF_KIND_TYPEDEF && !type_kind_is_modifier(kind))
			return t;
		t = type_target(t);
	}
	return (struct type){t.btf, 0}; /* a cycle: as good as void */
}

struct type type_pointer_target(struct type t)
{
	t = type_strip(t);
	return type_kind_of(t) == BTF_KIND_PTR ? type_target(t) : (struct type){0};
}

struct type type_element(struct type t)
{
	t = type_strip(t);
	return type_kind_of(t) == BTF_KIND_ARRAY ? (struct type){t.btf, btf_array(btf__type_by_id(t.btf, t.id))->type} : (struct type){0};
}

const char *type_own_name(struct type t)
{
	return type_name(t);
}

bool type_is_aggregate(struct type t)
{
	return type_kind_is_aggregate(type_kind_of(t));
}

bool type_is_declaration(struct type t)
{
	return type_kind_of(type_strip(t)) == BTF_KIND_FWD;
}

uint64_t type_size(struct kernel *k, struct type t)
{
	uint64_t count = 1;

	for (unsigned depth = 0; depth < TYPE_MAX_DEPTH; depth++) {
		const struct btf_type *r;

		t = type_strip(t);
		r = type_record(t);
		if (!r)
			return 0;
		switch (btf_kind(r)) {
		case BTF_KIND_PTR:
			return count * k->arch->pointer_size > TYPE_MAX_SIZE
				       ? 0
				       : count * k->arch->pointer_size;
		case BTF_KIND_INT:
		case BTF_KIND_FLOAT:
		case BTF_KIND_ENUM:
		case BTF_KIND_ENUM64:
		case BTF_KIND_STRUCT:
		case BTF_KIND_UNION:
		case BTF_KIND_DATASEC:
			return r->size && count > TYPE_MAX_SIZE / r->size ? 0 : count * r->size;
		case BTF_KIND_VAR:
			t = type_target(t);
			break;
		case BTF_KIND_ARRAY: {
			const struct btf_array *a = btf_array(r);

			if (!a->nelems || count > TYPE_MAX_SIZE / a->nelems)
				return 0;
			count *= a->nelems;
			t = type_make(t.btf, a->type);
			break;
		}
		default:
			return 0;
		}
	}
	return 0;
}
