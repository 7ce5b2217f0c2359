/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A new program for a task on kernels for x86_64 with reverse mapping (fs/exec.c: do_execveat_common(), fs/binfmt_elf.c: load_elf_binary(), create_elf_tables()). The
 * file comes through its page cache, its strings stand in the new stack before anything of the old program goes.
 */
#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "mm/engine/areas_edit.h"
#include "mm/engine/exec_edit.h"
#include "mm/engine/fork_edit.h"
#include "mm/engine/modern.h"
#include "mm/engine/page_cache.h"
#include "mm/pte.h"

#define STK_LIM		  (8ull << 20) /* _STK_LIM: include/uapi/linux/resource.h */
#define ARG_LEAST	  131072ull    /* ARG_MAX: include/uapi/linux/limits.h */
#define STRING_LONGEST	  (32 * (uint64_t)VMCORE_PAGE_SIZE) /* MAX_ARG_STRLEN */
#define CLOCKS_PER_TICK	  100
#define READ_IMPLIES_EXEC 0x0400000ull /* include/uapi/linux/personality.h */
#define RANDOM_BYTES	  16
#define AUX_MOST	  64 /* words */

static const char platform_name[] = "x86_64"; /* ELF_PLATFORM */

/* ---- Strings, into the new stack ---- */

/* bprm_stack_limits(): a quarter of the stack, three quarters of the default one at most. */
static struct error *set_limit(struct binprm *b)
{
	uint64_t limit = STK_LIM / 4 * 3, pointers = ((uint64_t)b->argc + b->envc) * 8;
	limit = limit < b->rlim_stack / 4 ? limit : b->rlim_stack / 4;
	limit = limit > ARG_LEAST ? limit : ARG_LEAST;
	if (limit <= pointers)
		return kernel_error(E2BIG, "%u arguments and %u strings of the environment", b->argc, b->envc);
	b->least = b->p - (limit - pointers);
	return NULL;
}

/* get_arg_page(): the page comes as by a fault, the stack grows. */
static struct error *get_arg_page(struct engine *e, struct binprm *b, uint64_t page, unsigned char **bytes)
{
	uint64_t frame, start = GET(e->k, &b->vma, vm_area_struct, vm_start);
	void *p;
	if (page < start)
		TRY(expand_downwards(e, &b->mm, b->vma.addr, page));
	TRY(__mm_populate(e, &b->mm, page, VMCORE_PAGE_SIZE, false));
	if (!leaf_offset(e, &b->mm, page, &frame))
		return error_at(ERR_BAD_OBJECT, page, "the new stack has no page where one has just come: %" PRIx64, page);
	TRY(frame_bytes(e, frame & ~(uint64_t)(VMCORE_PAGE_SIZE - 1), &p));
	*bytes = p;
	return NULL;
}

/* Strings that are copied with one page in hand; it is looked up once until another is needed. */
struct copying {
	struct engine *e;
	struct binprm *b;
	uint64_t page; /* 0: none */
	unsigned char *bytes;
};

/* One string: from its end, below those that are there. */
static struct error *copy_string(struct copying *c, const char *text)
{
	struct binprm *b = c->b;
	size_t len = strlen(text) + 1;
	if (len > STRING_LONGEST || b->p - len < b->least)
		return kernel_error(E2BIG, "arguments and environment have more than %" PRIu64 " bytes", TASK_SIZE_OF_64 - b->least);
	uint64_t end = b->p;
	b->p -= len;
	while (end > b->p) {
		uint64_t page = (end - 1) & ~(uint64_t)(VMCORE_PAGE_SIZE - 1), from = page > b->p ? page : b->p;
		if (page != c->page)
			TRY(get_arg_page(c->e, b, page, &c->bytes));
		c->page = page;
		memcpy(c->bytes + (from - page), text + (from - b->p), end - from);
		end = from;
	}
	return NULL;
}

/* copy_strings(): the last first, so that the first is lowest. */
static struct error *copy_strings(struct engine *e, struct binprm *b, char *const *strings, unsigned count)
{
	struct copying c = { .e = e, .b = b };
	while (count)
		TRY(copy_string(&c, strings[--count]));
	return NULL;
}

static struct error *gather_arguments(struct engine *e, struct binprm *b, const char *path, char *const *argv, char *const *envp)
{
	char *const name[] = { (char *)path };
	b->argc = count_strings(argv);
	b->envc = count_strings(envp);
	TRY(set_limit(b));
	TRY(copy_strings(e, b, name, 1));
	b->exec = b->p;
	TRY(copy_strings(e, b, envp, b->envc));
	return copy_strings(e, b, argv, b->argc);
}

/* ---- create_elf_tables() ---- */

struct tables {
	uint64_t *words; /* argc, argv, envp */
	size_t count;
	uint64_t aux[AUX_MOST];
	size_t aux_count;
};

static void put(struct tables *t, uint64_t word)
{
	t->words[t->count++] = word;
}

static void put_aux(struct tables *t, uint64_t id, uint64_t value)
{
	t->aux[t->aux_count++] = id;
	t->aux[t->aux_count++] = value;
}

/* AT_HWCAP: what cpuid says of the first processor. */
static uint64_t hwcap(struct engine *e)
{
	uint64_t at = symbol_addr(e->k, "boot_cpu_data"), v = 0;
	if (at && HAS(e->k, cpuinfo_x86, x86_capability))
		error_drop(kernel_read_uint(e->k, at + OFFSET(e->k, cpuinfo_x86, x86_capability), 4, &v));
	return v;
}

/* Where strings stand on the stack, and what the program came to. */
struct placed {
	struct elf_placed program, interpreter;
	uint64_t platform, random;
};

static struct error *put_auxiliary(struct engine *e, const struct binprm *b, const struct placed *at, struct tables *t)
{
	struct kernel *k = e->k;
	uint64_t addr, hwcap2, vdso = GET(k, &b->mm, mm_struct, vdso);
	struct object cred;
	TRY(kernel_get(k, b->task, M_task_struct_cred, &addr));
	TRY(object_open(k, addr, S_cred, &cred));
	if (vdso)
		put_aux(t, AT_SYSINFO_EHDR, vdso);
	put_aux(t, AT_HWCAP, hwcap(e));
	put_aux(t, AT_PAGESZ, VMCORE_PAGE_SIZE);
	put_aux(t, AT_CLKTCK, CLOCKS_PER_TICK);
	put_aux(t, AT_PHDR, at->program.load_addr + b->program.phoff);
	put_aux(t, AT_PHENT, sizeof(Elf64_Phdr));
	put_aux(t, AT_PHNUM, b->program.phnum);
	put_aux(t, AT_BASE, at->interpreter.load_addr);
	put_aux(t, AT_FLAGS, 0);
	put_aux(t, AT_ENTRY, at->program.entry);
	put_aux(t, AT_UID, GET(k, &cred, cred, uid));
	put_aux(t, AT_EUID, GET(k, &cred, cred, euid));
	put_aux(t, AT_GID, GET(k, &cred, cred, gid));
	put_aux(t, AT_EGID, GET(k, &cred, cred, egid));
	put_aux(t, AT_SECURE, 0);
	put_aux(t, AT_RANDOM, at->random);
	/* since 4.11 */
	if (symbol_addr(k, "elf_hwcap2")) {
		TRY(kernel_read_symbol(k, "elf_hwcap2", 4, &hwcap2));
		put_aux(t, AT_HWCAP2, hwcap2);
	}
	put_aux(t, AT_EXECFN, b->exec);
	put_aux(t, AT_PLATFORM, at->platform);
	put_aux(t, AT_NULL, 0);
	return NULL;
}

/* mm->saved_auxv, which /proc/PID/auxv shows. */
static void save_auxiliary(struct engine *e, const struct object *mm, const struct tables *t)
{
	size_t room;
	unsigned char *saved = (unsigned char *)object_bytes(e->k, mm, M_mm_struct_saved_auxv, &room);
	for (size_t i = 0; saved && i < room / 8; i++)
		store_uint(saved + 8 * i, 8, i < t->aux_count ? t->aux[i] : 0);
}

/* Pointers to `count` strings that stand one behind the other from *p on; *p moves behind them. */
static struct error *put_strings(struct engine *e, struct tables *t, const struct binprm *b, unsigned count, uint64_t *p)
{
	for (; count; count--) {
		put(t, *p);
		TRY(skip_string(e, b->task, p));
	}
	put(t, 0);
	return NULL;
}

static struct error *fill_tables(struct engine *e, struct tables *t, const struct binprm *b, const struct placed *at)
{
	struct kernel *k = e->k;
	const struct object *mm = &b->mm;
	uint64_t p = GET(k, mm, mm_struct, arg_start);
	put(t, b->argc);
	TRY(put_strings(e, t, b, b->argc, &p));
	SET(k, mm, mm_struct, arg_end, p);
	SET(k, mm, mm_struct, env_start, p);
	TRY(put_strings(e, t, b, b->envc, &p));
	SET(k, mm, mm_struct, env_end, p);
	TRY(put_auxiliary(e, b, at, t));
	save_auxiliary(e, mm, t);
	return NULL;
}

/* Lots are drawn for these; here they fall the same way for each address space. */
static void draw(uint64_t seed, unsigned char *bytes)
{
	for (unsigned i = 0; i < RANDOM_BYTES; i++) {
		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		bytes[i] = (unsigned char)(seed >> 56);
	}
}

/* Platform name and random bytes below the strings; then, on a multiple of 16, argc, argv, envp, the auxiliary vector. */
static struct error *create_elf_tables(struct engine *e, struct binprm *b, struct placed *at)
{
	unsigned char random[RANDOM_BYTES];
	struct tables t = { .words = malloc(((size_t)b->argc + b->envc + 3) * 8) };
	if (!t.words)
		return error_new(ERR_NO_MEMORY, "out of memory");
	at->platform = (b->p & ~15ull) - sizeof(platform_name);
	at->random = at->platform - RANDOM_BYTES;
	draw(b->mm.addr, random);
	struct error *failure = access_process_vm(e, b->task, at->platform, (char *)platform_name, sizeof(platform_name), true);
	if (!failure)
		failure = access_process_vm(e, b->task, at->random, random, sizeof(random), true);
	if (!failure)
		failure = fill_tables(e, &t, b, at);
	if (!failure) {
		b->p = (at->random - t.aux_count * 8 - t.count * 8) & ~15ull;
		failure = access_process_vm(e, b->task, b->p, t.words, t.count * 8, true);
	}
	if (!failure)
		failure = access_process_vm(e, b->task, b->p + t.count * 8, t.aux, t.aux_count * 8, true);
	free(t.words);
	return failure;
}

/* ---- load_elf_binary() ---- */

enum stack_kind { STACK_DEFAULT, STACK_EXECUTABLE, STACK_NOT_EXECUTABLE };

static enum stack_kind stack_kind(const struct elf_image *image)
{
	enum stack_kind kind = STACK_DEFAULT;
	for (unsigned i = 0; i < image->phnum; i++)
		if (image->segments[i].type == PT_GNU_STACK)
			kind = image->segments[i].flags & PF_X ? STACK_EXECUTABLE : STACK_NOT_EXECUTABLE;
	return kind;
}

/* elf_read_implies_exec(): until 5.8 (which gave mmap_sem its new name) also of 64-bit programs that do not say that their stack is not to be executed. */
static struct error *set_personality(struct engine *e, uint64_t task, enum stack_kind kind)
{
	struct kernel *k = e->k;
	struct object t;
	TRY(object_open_writable(k, task, S_task_struct, &t));
	uint64_t now = GET(k, &t, task_struct, personality) & ~READ_IMPLIES_EXEC;
	if (!HAS(k, mm_struct, mmap_lock_named) && kind != STACK_NOT_EXECUTABLE)
		now |= READ_IMPLIES_EXEC;
	SET(k, &t, task_struct, personality, now);
	return NULL;
}

static void set_layout(struct engine *e, const struct binprm *b, const struct elf_placed *p)
{
	struct kernel *k = e->k;
	SET(k, &b->mm, mm_struct, end_code, p->end_code);
	SET(k, &b->mm, mm_struct, start_code, p->start_code);
	SET(k, &b->mm, mm_struct, start_data, p->start_data);
	SET(k, &b->mm, mm_struct, end_data, p->end_data);
	SET(k, &b->mm, mm_struct, start_stack, b->p);
}

static struct error *map_images(struct engine *e, struct binprm *b, struct placed *at)
{
	struct elf_placed *p = &at->program;
	TRY(elf_map_program(e, b, p));
	TRY(elf_set_brk(e, b, p, p->bss, p->brk));
	if (p->bss != p->brk)
		TRY(elf_pad_zero(e, b, p->bss));
	if (!b->interpreter.file)
		return NULL;
	if (b->interpreter.type != ET_EXEC && b->interpreter.type != ET_DYN)
		return kernel_error(EINVAL, "the interpreter is no executable: ELF type %u", b->interpreter.type);
	TRY(elf_map_interpreter(e, b, p->bias, &at->interpreter));
	uint64_t file = b->interpreter.file;
	b->interpreter.file = 0;
	return close_exec(e, file);
}

/* From here on there is no way back: what fails now ends the process. */
static struct error *start_program(struct engine *e, struct binprm *b)
{
	struct placed at = { 0 };
	enum stack_kind kind = stack_kind(&b->program);
	bool interpreted = b->interpreter.file != 0;
	TRY(set_personality(e, b->task, kind));
	TRY(setup_stack(e, b, kind == STACK_EXECUTABLE || (kind == STACK_DEFAULT && reads_imply_exec(e))));
	TRY(map_images(e, b, &at));
	uint64_t entry = interpreted ? at.interpreter.entry : at.program.entry;
	if (entry >= TASK_SIZE_OF_64)
		return kernel_error(EINVAL, "the entry is no user address: %" PRIx64, entry);
	TRY(map_vdso(e, &b->mm));
	TRY(create_elf_tables(e, b, &at));
	set_layout(e, b, &at.program);
	return start_user_thread(e, b, entry);
}

/* ---- All of it ---- */

/* All that can be refused while the old program is still there. */
static struct error *prepare(struct engine *e, struct binprm *b, const char *path, char *const *argv, char *const *envp)
{
	char interpreter[4096];
	TRY(open_exec(e, path, &b->program));
	TRY(bprm_mm_init(e, b));
	TRY(gather_arguments(e, b, path, argv, envp));
	TRY(elf_image_read(e, path, ENOEXEC, &b->program));
	TRY(elf_interpreter(e, &b->program, interpreter, sizeof(interpreter)));
	if (!*interpreter)
		return NULL;
	TRY(open_exec(e, interpreter, &b->interpreter));
	return elf_image_read(e, interpreter, ELIBBAD, &b->interpreter);
}

/* What is still held: files, and the new address space when the task has not gone over to it. */
static struct error *let_go(struct engine *e, struct binprm *b)
{
	if (b->has_mm)
		TRY(mmput(e, b->mm.addr));
	if (b->interpreter.file)
		TRY(close_exec(e, b->interpreter.file));
	return b->program.file ? close_exec(e, b->program.file) : NULL;
}

static struct error *exec_binprm(struct engine *e, struct binprm *b, const char *path, char *const *argv, char *const *envp, bool *gone)
{
	TRY(prepare(e, b, path, argv, envp));
	TRY(begin_new_exec(e, b, path, b->program.file));
	*gone = true;
	return start_program(e, b);
}

struct error *do_execve_modern(struct engine *e, uint64_t task, const char *path, char *const *argv, char *const *envp, char *killed, size_t size)
{
	struct binprm b = { .task = task };
	bool gone = false;
	if (e->k->arch->pointer_size != 8 || !has_disk(e))
		return error_new(ERR_UNSUPPORTED, "the program would be read from a file system: the image has no disk of its own");
	TRY(engine_set_current(e, task));
	struct error *failure = exec_binprm(e, &b, path, argv, envp, &gone);
	elf_image_free(&b.program);
	elf_image_free(&b.interpreter);
	if (failure && failure->code != ERR_KERNEL)
		return failure;
	failure = error_worse(failure, let_go(e, &b));
	return gone && failure ? kill_for(e, task, failure, killed, size) : failure;
}
