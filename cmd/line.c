/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cmd/line.h"

#include <stdlib.h>
#include <string.h>

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static const char *skip_blanks(const char *p)
{
	while (is_blank(*p))
		p++;
	return p;
}

/* A copy of the text's first len bytes without the blanks at their end. */
static char *trimmed(const char *text, size_t len)
{
	while (len && is_blank(text[len - 1]))
		len--;
	return strndup(text, len);
}

/*
 * Reads one word at p into `word` (as long as the line at most). Quotes anywhere in the word are
 * taken away; `*quote` says whether the word began with one.
 */
static struct error *read_word(const char **at, char *word, char *quote)
{
	const char *p = *at;
	unsigned parentheses = 0;
	char *w = word;

	*quote = *p == '\'' || *p == '"' ? *p : 0;
	while (*p && (parentheses || (!is_blank(*p) && *p != '|' && *p != '>'))) {
		if (*p == '\'' || *p == '"') {
			const char *end = strchr(p + 1, *p);

			if (!end)
				return error_new(ERR_USAGE, "no closing quote: %s", p);
			memcpy(w, p + 1, (size_t)(end - p - 1));
			w += end - p - 1;
			p = end + 1;
			continue;
		}
		if (*p == '\\' && p[1] && (is_blank(p[1]) || strchr("'\"|>#\\", p[1])))
			p++;
		else if (*p == '(')
			parentheses++;
		else if (*p == ')' && parentheses)
			parentheses--;
		else if (*p == '-' && p[1] == '>') /* p init_task->mm is no redirection */
			*w++ = *p++;
		*w++ = *p++;
	}
	*w = '\0';
	if (parentheses)
		return error_new(ERR_USAGE, "no closing parenthesis: %s", *at);
	*at = p;
	return NULL;
}

static void add_word(struct line *line, const char *word, char quote, size_t start)
{
	line->argv[line->argc] = strdup(word);
	line->quotes[line->argc] = quote;
	line->starts[line->argc++] = start;
	line->argv[line->argc] = NULL;
}

static struct error *parse_sink(const char *p, struct line *line)
{
	const char *operator= p;
	struct error *e = NULL;
	char quote, *name;

	line->sink = *p == '|' ? SINK_PIPE : p[1] == '>' ? SINK_APPEND : SINK_FILE;
	p = skip_blanks(p + (line->sink == SINK_APPEND ? 2 : 1));
	if (!*p)
		return error_new(ERR_USAGE, "nothing after: %s", operator);
	if (line->sink == SINK_PIPE) {
		line->target = trimmed(p, strlen(p));
		return NULL;
	}
	name = malloc(strlen(p) + 1);
	e = name ? read_word(&p, name, &quote) : error_new(ERR_NO_MEMORY, "out of memory");
	if (!e && *skip_blanks(p))
		e = error_new(ERR_USAGE, "more than a file name: %s", operator);
	line->target = name;
	return e;
}

/* "< file": the one word behind it. */
static struct error *parse_input(const char **at, struct line *line)
{
	const char *operator= *at, *p = skip_blanks(operator+ 1);
	struct error *e;
	char quote, *name;

	if (!*p || *p == '|' || *p == '>' || *p == '#')
		return error_new(ERR_USAGE, "nothing after: %s", operator);
	name = malloc(strlen(p) + 1);
	if (!name)
		return error_new(ERR_NO_MEMORY, "out of memory");
	e = read_word(&p, name, &quote);
	line->input = name;
	p = skip_blanks(p);
	if (!e && *p && *p != '|' && *p != '>' && *p != '#')
		e = error_new(ERR_USAGE, "more than a file name: %s", operator);
	*at = p;
	return e;
}

static bool is_input(const char *p)
{
	return *p == '<' && p[1] != '<' && p[1] != '=';
}

struct error *line_parse(const char *text, struct line *line)
{
	const char *p = skip_blanks(text), *start = p;
	size_t most = strlen(p) + 2;
	struct error *e = NULL;
	char *word = malloc(most);

	*line = (struct line){
		.argv = calloc(most, sizeof(char *)),
		.quotes = calloc(most, 1),
		.starts = calloc(most, sizeof(size_t)),
	};
	if (!word || !line->argv || !line->quotes || !line->starts) {
		free(word);
		return error_new(ERR_NO_MEMORY, "out of memory");
	}
	if (p[0] == '/' && p[1] == '/')
		p += strlen(p);
	/* "*page" is the command "*" and its word. */
	if (*p == '*' && p[1] && !is_blank(p[1])) {
		add_word(line, "*", 0, 0);
		p++;
	}
	while (!e && *(p = skip_blanks(p)) && *p != '#' && *p != '|' && *p != '>' && !is_input(p)) {
		size_t at = (size_t)(p - start);
		char quote;

		e = read_word(&p, word, &quote);
		if (!e)
			add_word(line, word, quote, at);
	}
	line->command = trimmed(start, (size_t)(p - start));
	if (!e && *p == '<')
		e = parse_input(&p, line);
	if (!e && (*p == '|' || *p == '>'))
		e = parse_sink(p, line);
	free(word);
	return e;
}

void line_free(struct line *line)
{
	for (int i = 0; line->argv && i < line->argc; i++)
		free(line->argv[i]);
	free(line->argv);
	free(line->quotes);
	free(line->starts);
	free(line->command);
	free(line->target);
	free(line->input);
	*line = (struct line){0};
}
