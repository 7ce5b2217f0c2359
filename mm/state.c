/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "mm/path.h"
#include "mm/state.h"
#include "mm/task.h"

static void state_free(struct kernel *k)
{
	struct mm_state *s = k->mm;
	task_table_free(s->tasks);
	page_model_free(s->pages);
	error_free(s->no_pages);
	node_table_free(s->nodes);
	smaps_facts_free(s->smaps);
	map_counts_free(s->map_counts);
	vma_flag_names_free(s->flag_names);
	frames_free(s->frames);
	swap_table_free(s->swap);
	path_cache_free(s->paths);
	identify_index_free(s->identify);
	free(s->orc);
	engine_free(s->engine);
	free(s);
	k->mm = NULL;
}

struct mm_state *mm_state(struct kernel *k)
{
	if (!k->mm) {
		k->mm = calloc(1, sizeof(*k->mm));
		if (!k->mm)
			abort();
		k->mm_free = state_free;
	}
	return k->mm;
}

void mm_state_forget(struct kernel *k)
{
	struct mm_state *s = k->mm;
	kernel_flush_translations(k);
	if (!s)
		return;
	s->generation++;
	identify_index_free(s->identify);
	s->identify = NULL;
	tasks_forget(k);
	paths_forget(k);
	error_free(s->no_pages);
	s->no_pages = NULL;
	node_table_free(s->nodes);
	s->nodes = NULL;
	map_counts_free(s->map_counts);
	s->map_counts = NULL;
	frames_free(s->frames);
	s->frames = NULL;
	swap_table_free(s->swap);
	s->swap = NULL;
}
