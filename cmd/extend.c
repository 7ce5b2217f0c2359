/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * extend: commands of somebody else's, from a shared object.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <gelf.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/session.h"

#define EXTENSIONS 32

static struct extension {
	void *handle;
	char *path;
	const struct command *const *commands; /* ends with NULL */
} loaded[EXTENSIONS];
static unsigned count;

static void list_names(struct out *o, const struct command *const *commands)
{
	out_array_begin(o, "commands");
	for (; *commands; commands++)
		out_str(o, NULL, "%s ", (*commands)->name);
	out_array_end(o);
}

static struct error *show(struct session *s)
{
	static const struct column columns[] = {{"path", "SHARED OBJECT", 40, '<', 0}, {NULL, "COMMANDS", 0, '<', 1}};

	out_table(s->out, "extensions", columns, 2, true);
	for (unsigned i = 0; i < count; i++) {
		out_cell_str(s->out, loaded[i].path);
		out_cell_str(s->out, "");
		list_names(s->out, loaded[i].commands);
		out_row_end(s->out);
	}
	out_table_end(s->out);
	return NULL;
}

/* dlopen() maps what the headers say, and trusts that the file has it. */
static bool is_whole(int fd)
{
	Elf *elf = elf_version(EV_CURRENT) != EV_NONE ? elf_begin(fd, ELF_C_READ, NULL) : NULL;
	struct stat status;
	GElf_Ehdr header;
	size_t count = 0;
	bool whole = elf && !fstat(fd, &status) && gelf_getehdr(elf, &header) && header.e_type == ET_DYN && !elf_getphdrnum(elf, &count) && count;

	for (size_t i = 0; whole && i < count; i++) {
		uint64_t size = (uint64_t)status.st_size;
		GElf_Phdr segment;

		whole = gelf_getphdr(elf, (int)i, &segment) &&
			(segment.p_type != PT_LOAD || (segment.p_offset <= size && segment.p_filesz <= size - segment.p_offset));
	}
	elf_end(elf);
	return whole;
}

static struct error *check_object(const char *word, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool whole = fd >= 0 && is_whole(fd);

	if (fd < 0)
		return error_new(ERR_IO, "cannot read: %s", word);
	close(fd);
	return whole ? NULL : error_new(ERR_FORMAT, "no shared object, or not all of one: %s", word);
}

static struct error *load(struct session *s, const char *word)
{
	char path[PATH_MAX];
	void *handle;

	if (count == EXTENSIONS)
		return error_new(ERR_USAGE, "too many extensions: %s", word);
	if (!realpath(word, path))
		return error_new(ERR_IO, "cannot read: %s", word);
	for (unsigned i = 0; i < count; i++)
		if (!strcmp(loaded[i].path, path))
			return error_new(ERR_USAGE, "loaded already: %s", path);
	TRY(check_object(word, path));
	handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!handle)
		return error_new(ERR_IO, "%s", dlerror());
	const struct command *const *commands = dlsym(handle, "mmscope_extension");
	struct error *e = commands ? NULL : error_new(ERR_FORMAT, "no extension of mmscope (it has no mmscope_extension): %s", word);
	for (size_t i = 0; !e && commands[i]; i++)
		if (command_find(commands[i]->name))
			e = error_new(ERR_USAGE, "a command has this name: %s", commands[i]->name);
	if (e) {
		dlclose(handle);
		return e;
	}
	for (size_t i = 0; commands[i]; i++)
		command_add(commands[i]);
	loaded[count++] = (struct extension){handle, strdup(path), commands};
	out_str(s->out, NULL, "%s: shared object loaded\n", path);
	return NULL;
}

/* All, or the one whose path ends so. */
static struct error *unload(struct session *s, const char *word)
{
	bool any = false;

	for (unsigned i = count; i--;) {
		const char *base = strrchr(loaded[i].path, '/') + 1;

		if (word && strcmp(word, loaded[i].path) && strcmp(word, base))
			continue;
		any = true;
		for (size_t j = 0; loaded[i].commands[j]; j++)
			command_remove(loaded[i].commands[j]);
		dlclose(loaded[i].handle);
		out_str(s->out, NULL, "%s: shared object unloaded\n", loaded[i].path);
		free(loaded[i].path);
		loaded[i] = loaded[--count];
	}
	return any || !word ? NULL : error_new(ERR_NOT_FOUND, "not loaded: %s", word);
}

static struct error *run_extend(struct session *s, int argc, char **argv)
{
	struct option_parser p = {.argc = argc, .argv = argv, .spec = "us"};
	bool out = false;
	int option;

	while ((option = next_option(&p))) {
		if (option == '?')
			return option_error(&p);
		if (option == 's')
			return show(s);
		out = true;
	}
	if (p.index >= argc && !out)
		return show(s);
	out_array_begin(s->out, out ? "unloaded" : "loaded");
	if (p.index >= argc)
		TRY(unload(s, NULL));
	for (int i = p.index; i < argc; i++)
		TRY(out ? unload(s, argv[i]) : load(s, argv[i]));
	out_array_end(s->out);
	return NULL;
}

COMMAND(extend) = {
	.name = "extend",
	.summary = "commands from shared objects",
	.synopsis = "[SHARED-OBJECT]… | -u [SHARED-OBJECT]… | -s",
	.help = "Loads commands from a shared object, which is built against the headers of this version of mmscope: it defines commands with\n"
		"COMMAND() as the files of cmd/ do, and names them in\n"
		"\n"
		"  const struct command *const mmscope_extension[] = {&command_NAME, NULL};\n"
		"\n"
		"so that \"cc -shared -fPIC -D_GNU_SOURCE -I SOURCE\" makes one of it. Extensions of crash are built against crash, and cannot\n"
		"be loaded. Without words, or with -s, lists what is loaded.\n"
		"\n"
		"  -u  unloads, without words all of them\n"
		"\n"
		"EXAMPLES\n"
		"    mmscope> extend\n",
	.options = "-u -s",
	.run = run_extend,
};
