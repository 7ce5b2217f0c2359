/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The same acts in a process of the image and in this one, whose kernel did not come from here: after each, every page of the window has the same protection, is there or not,
 * and holds the same word; and both kernels have given the same answer. What the engine says that it does not do is not asked of the other.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mm/audit/audit.h"
#include "mm/rmap.h"
#include "mm/state.h"
#include "tests/areas/areas.h"

#define HOST(process) (WINDOW + ((uint64_t)(process) + 1) * (1ull << 30))

struct page_state {
	unsigned prot; /* PROT_…, 8 for mapped */
	bool begins;   /* an area begins here */
	bool present;
	uint64_t word;
};

static const struct host_process *processes;
static uint64_t counts[3]; /* done; refused by both; not done by the engine */

/* ---- What is there ---- */

static void look_at_host(unsigned n, struct page_state *s)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	int pagemap = open("/proc/self/pagemap", O_RDONLY);
	char line[600], perms[5];
	uint64_t start, end, base = HOST(n), entries[PAGES];
	memset(s, 0, PAGES * sizeof(*s));
	if (!maps || pagemap < 0 || pread(pagemap, entries, sizeof(entries), (off_t)(base / PAGE * 8)) != sizeof(entries))
		bad("this machine's /proc/self/maps and pagemap cannot be read");
	while (fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s", &start, &end, perms) != 3 || end <= base || start >= base + PAGES * PAGE)
			continue;
		for (uint64_t at = start; at < end && at < base + PAGES * PAGE; at += PAGE) {
			struct page_state *p = &s[(at - base) / PAGE];
			p->prot = 8 | (perms[0] == 'r' ? PROT_READ : 0) | (perms[1] == 'w' ? PROT_WRITE : 0) | (perms[2] == 'x' ? PROT_EXEC : 0);
			p->begins = at == start;
			p->present = entries[(at - base) / PAGE] >> 63;
			if (p->present && (p->prot & PROT_READ))
				p->word = *(volatile uint64_t *)at;
		}
	}
	fclose(maps);
	close(pagemap);
}

static bool at_start(void *context, const struct vma *vma)
{
	struct page_state *s = context;
	for (uint64_t at = vma->start; at < vma->end; at += PAGE)
		if (at >= WINDOW && at < WINDOW + PAGES * PAGE) {
			s[(at - WINDOW) / PAGE].prot = 8 | (unsigned)(vma->flags & VM_ACCESS_FLAGS);
			s[(at - WINDOW) / PAGE].begins = at == vma->start;
		}
	return true;
}

/* Reverse mapping leads from the page to this place. */
static bool is_here(void *context, const struct rmap_mapping *m)
{
	uint64_t *wanted = context;
	if (m->vma->mm == wanted[0] && m->address == wanted[1])
		wanted[2]++;
	return true;
}

static void look_at_image(unsigned n, struct page_state *s, bool deep)
{
	struct object mm;
	memset(s, 0, PAGES * sizeof(*s));
	ok(vma_for_each(k, processes[n].mm, at_start, s));
	ok(object_open(k, processes[n].mm, S_mm_struct, &mm));
	for (unsigned i = 0; i < PAGES; i++) {
		uint64_t addr = WINDOW + i * PAGE, at = pte_offset(e, &mm, addr), entry = at ? get_pte(e, at) : 0;
		s[i].present = entry & 0x101; /* present, or there but not to be touched */
		if (!(entry & 1))
			continue;
		uint64_t frame = entry & k->geometry.frame_mask, wanted[3] = { processes[n].mm, addr, 0 };
		ok(vmcore_read(k->vmcore, frame, &s[i].word, 8));
		struct rmap_page page;
		if (!deep)
			continue;
		ok(rmap_page_open(k, frame >> 12, &page));
		if (page.kind == RMAP_OUTSIDE)
			continue;
		ok(rmap_walk(k, &page, is_here, wanted));
		if (wanted[2] != 1)
			bad("reverse mapping finds page %u %" PRIu64 " times", i, wanted[2]);
	}
}

static void compare(unsigned n, bool deep)
{
	struct page_state here[PAGES], there[PAGES];
	look_at_host(n, here);
	look_at_image(n, there, deep);
	for (unsigned i = 0; i < PAGES; i++)
		if (here[i].prot != there[i].prot || here[i].present != there[i].present || ((here[i].prot & PROT_READ) && here[i].word != there[i].word))
			bad("process %u, page %u: here protection %x, %s, word %" PRIx64 "; in the image %x, %s, %" PRIx64, n, i, here[i].prot,
			    here[i].present ? "present" : "absent", here[i].word, there[i].prot, there[i].present ? "present" : "absent", there[i].word);
}

/* ---- Acts ---- */

enum kind { MAP, MAP_MORE, UNMAP, PROTECT, READ_IT, WRITE_IT, ADVISE, LOCK, UNLOCK, GROW, MOVE, KINDS };

struct choice {
	enum kind kind;
	unsigned from, pages, prot, to, new_pages;
	int advice;
	uint64_t word;
};

static const int advices[] = { MADV_DONTNEED, MADV_DONTNEED, MADV_FREE, MADV_RANDOM, MADV_NORMAL, MADV_DONTFORK, MADV_DOFORK, MADV_WIPEONFORK,
			       MADV_KEEPONFORK, MADV_NOHUGEPAGE, MADV_DONTDUMP, MADV_DODUMP, MADV_WILLNEED };

static struct error *in_image(unsigned n, const struct choice *c)
{
	uint64_t addr = WINDOW + c->from * PAGE, len = c->pages * PAGE, to = WINDOW + c->to * PAGE, mm = processes[n].mm, at;
	enum fault_result result;
	bool faulted;
	char why[200];
	switch (c->kind) {
	case MAP:
	case MAP_MORE:
		return do_mmap_pgoff(e, mm, 0, addr, len, c->prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, 0, &at);
	case UNMAP:
		return do_munmap(e, mm, addr, len);
	case PROTECT:
		return sys_mprotect(e, mm, addr, len, c->prot);
	case READ_IT:
		return touch_user(e, processes[n].task, addr, ACCESS_READ, &faulted, &result, why, sizeof(why));
	case WRITE_IT:
		return access_process_vm(e, processes[n].task, addr, (void *)&c->word, 8, true);
	case ADVISE:
		return sys_madvise(e, mm, addr, len, c->advice);
	case LOCK:
		return sys_mlock(e, mm, addr, len, false);
	case UNLOCK:
		return sys_munlock(e, mm, addr, len);
	case GROW:
		return sys_mremap(e, mm, addr, len, c->new_pages * PAGE, 0, 0, &at);
	default:
		return sys_mremap(e, mm, addr, len, c->new_pages * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to, &at);
	}
}

static int here(unsigned n, const struct choice *c)
{
	char *base = (char *)HOST(n), *addr = base + c->from * PAGE;
	size_t len = c->pages * PAGE;
	switch (c->kind) {
	case MAP:
	case MAP_MORE:
		return mmap(addr, len, (int)c->prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED ? errno : 0;
	case UNMAP:
		return munmap(addr, len) ? errno : 0;
	case PROTECT:
		return mprotect(addr, len, (int)c->prot) ? errno : 0;
	case READ_IT:
		(void)*(volatile uint64_t *)addr;
		return 0;
	case WRITE_IT:
		*(volatile uint64_t *)addr = c->word;
		return 0;
	case ADVISE:
		return madvise(addr, len, c->advice) ? errno : 0;
	case LOCK:
		return mlock(addr, len) ? errno : 0;
	case UNLOCK:
		return munlock(addr, len) ? errno : 0;
	case GROW:
		return mremap(addr, len, c->new_pages * PAGE, 0) == MAP_FAILED ? errno : 0;
	default:
		return mremap(addr, len, c->new_pages * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, base + c->to * PAGE) == MAP_FAILED ? errno : 0;
	}
}

/* mremap() goes by areas, which newer kernels join where older ones did not: only where both have the range in one, and end it alike. */
static bool same_area(const struct page_state *a, const struct page_state *b, unsigned from, unsigned pages)
{
	unsigned end = from + pages;
	for (unsigned i = from; i < end; i++)
		if (!a[i].prot || (i > from && (a[i].begins || b[i].begins)))
			return false;
	return end >= PAGES || (a[end].prot && a[end].begins) == (b[end].prot && b[end].begins);
}

static bool choose(unsigned n, struct choice *c)
{
	struct page_state a[PAGES], b[PAGES];
	static const unsigned prots[] = { PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE, PROT_READ | PROT_EXEC };
	*c = (struct choice){ .kind = pick(KINDS), .from = pick(PAGES), .pages = 1 + pick(pick(4) ? 8 : PAGES), .prot = prots[pick(5)], .word = step + 1 };
	if (c->from + c->pages > PAGES)
		c->pages = PAGES - c->from;
	c->advice = advices[pick(sizeof(advices) / sizeof(advices[0]))];
	c->to = pick(PAGES);
	c->new_pages = 1 + pick(8);
	if (c->to + c->new_pages > PAGES)
		c->new_pages = PAGES - c->to;
	snprintf(act, sizeof(act), "process %u: act %d, page %u, %u pages, prot %x, advice %d, to page %u, %u pages", n, c->kind, c->from, c->pages, c->prot,
		 c->advice, c->to, c->new_pages);
	look_at_host(n, a);
	look_at_image(n, b, false);
	if (c->kind == READ_IT)
		return a[c->from].prot & PROT_READ;
	if (c->kind == WRITE_IT)
		return a[c->from].prot & PROT_WRITE;
	if (c->kind == GROW)
		return c->from + c->new_pages <= PAGES && c->new_pages > c->pages && same_area(a, b, c->from, c->pages);
	bool overlap = c->from + c->pages > c->to && c->to + c->new_pages > c->from;
	return c->kind != MOVE || (!overlap && same_area(a, b, c->from, c->pages));
}

static void act_on_both(unsigned n)
{
	struct choice c;
	if (!choose(n, &c))
		return;
	ok(engine_set_current(e, processes[n].task));
	ok(vmcore_mark(k->vmcore, NULL));
	struct error *error = in_image(n, &c);
	/* Not every kernel has every advice: without huge pages, say. */
	bool unknown = error && error->code == ERR_KERNEL && strstr(error->message, "no such advice");
	if (unknown || (error && error->code == ERR_UNSUPPORTED)) {
		ok(vmcore_undo(k->vmcore));
		error_free(error);
		counts[2]++;
		return;
	}
	if (error && error->code != ERR_KERNEL)
		bad("%s", error->message);
	ok(vmcore_forget(k->vmcore));
	int answer = here(n, &c);
	if (answer != (error ? (int)error->addr : 0))
		bad("here %s, in the image %s", answer ? strerror(answer) : "done", error ? error->message : "done");
	counts[error != NULL]++;
	error_free(error);
}

/* Nothing that the acts left makes the image unsound. */
static void audit(void)
{
	struct audit_options options = { .limit = 5 };
	struct audit_report report;
	snprintf(act, sizeof(act), "all acts");
	mm_state_forget(k);
	ok(audit_run(k, &options, &report));
	for (int rule = 0; rule < AUDIT_RULE_COUNT; rule++)
		for (size_t i = 0; i < report.rule[rule].line_count; i++)
			if (report.rule[rule].lines[i]->kind == AUDIT_FINDING)
				bad("audit: %s", report.rule[rule].lines[i]->text);
	audit_report_free(&report);
}

void run_against_host(const struct host_process *of, unsigned count, uint64_t steps, void (*check)(uint64_t mm, bool deep))
{
	processes = of;
	for (unsigned n = 0; n < count; n++) {
		ok(engine_set_current(e, of[n].task));
		ok(do_munmap(e, of[n].mm, WINDOW, PAGES * PAGE));
	}
	for (uint64_t i = 0; i < steps; i++, step++) {
		unsigned n = pick(count);
		act_on_both(n);
		compare(n, i % 16 == 0);
		check(of[n].mm, i % 64 == 0);
	}
	audit();
	printf("areas: seed %" PRIu64 ": as on this machine: %" PRIu64 " acts done, %" PRIu64 " refused by both; %" PRIu64 " that the engine does not do\n", seed, counts[0],
	       counts[1], counts[2]);
}
