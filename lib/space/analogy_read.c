/* analogy_read.c - files of questions, in Google's format and in BATS'; see analogy.h. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../base/map.h"
#include "eval_words.h"

static vs_status no_memory(vs_err *err, const vs__questions *q) {
    return vs_fail(err, VS_E_NOMEM, "%s: no memory for its questions", q->path);
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static vs_status open_section(vs_err *err, vs__questions *q, const char *s, size_t n) {
    size_t only = q->only ? strlen(q->only) : 0;
    q->left_out = n < only || (only && memcmp(s, q->only, only) != 0);
    if (q->left_out) return VS_OK;
    vs_analogy_result *r = q->out;
    vs_analogy_section *grown = vs_grow(r->section, r->n, r->n + 1, sizeof *grown);
    if (grown) r->section = grown;
    char *name = vs_arena_strndup(&r->arena, s, n);
    if (!grown || !name) return vs_fail(err, VS_E_NOMEM, "%s: no memory for its sections", q->path);
    bool bats = n > 1 && is_digit(name[1]);
    r->section[r->n++] = (vs_analogy_section){
        .name = name, .syntactic = strncmp(name, "gram", 4) == 0 || (bats && (name[0] == 'I' || name[0] == 'D'))};
    return VS_OK;
}

static vs_status add_answer(vs_err *err, vs__questions *q, const char *word, size_t n) {
    if (q->answers == q->answers_cap) {
        size_t cap = q->answers_cap ? 2 * q->answers_cap : 1024;
        uint32_t *grown = vs_grow(q->answer, q->answers, cap, sizeof *grown);
        if (!grown || cap > UINT32_MAX) return no_memory(err, q);
        q->answer = grown;
        q->answers_cap = cap;
    }
    VS_TRY(vs__words_add(err, &q->words, word, n, &q->answer[q->answers]));
    q->answers++;
    return VS_OK;
}

static vs_status add(vs_err *err, vs__questions *q, vs__question new) {
    if (q->n == q->cap) {
        size_t cap = q->cap ? 2 * q->cap : 1024;
        vs__question *grown = vs_grow(q->at, q->n, cap, sizeof *grown);
        if (!grown) return no_memory(err, q);
        q->at = grown;
        q->cap = cap;
    }
    new.section = (uint32_t)(q->out->n - 1);
    q->at[q->n++] = new;
    return VS_OK;
}

/* ---- Google's format ---- */

static vs_status google_line(vs_err *err, void *arg, const vs__line *line) {
    vs__questions *q = arg;
    if (line->n > 1 && line->s[0] == ':' && line->s[1] == ' ') {
        const char *s = line->s + 1;
        size_t n = line->n - 1;
        while (n && (*s == ' ' || *s == '\t' || *s == ':')) s++, n--;
        while (n && (s[n - 1] == ' ' || s[n - 1] == '\t')) n--;
        return open_section(err, q, s, n);
    }
    if (q->out->n == 0 && !q->left_out)
        return vs_fail(err, VS_E_FORMAT, "%s: line %zu: want \": SECTION\" before the first question", q->path, line->number);
    if (q->left_out) return VS_OK;
    if (line->fields != 4) {
        q->out->odd_lines += line->fields > 0;
        return VS_OK;
    }
    vs__question new = {.first = (uint32_t)q->answers, .answers = 1};
    uint32_t *const word[] = {&new.a, &new.b, &new.c};
    for (size_t i = 0; i < 3; i++) VS_TRY(vs__words_add(err, &q->words, line->field[i], line->len[i], word[i]));
    VS_TRY(add_answer(err, q, line->field[3], line->len[3]));
    return add(err, q, new);
}

/* ---- BATS' format ---- */

/* A line: a word, and what may answer for it. */
typedef struct pair {
    uint32_t word, first, answers;
} pair;
enum { MOST_PAIRS = 1024 };
typedef struct pairs {
    vs__questions *q;
    size_t n;
    pair at[MOST_PAIRS];
} pairs;

static vs_status bats_line(vs_err *err, void *arg, const vs__line *line) {
    pairs *p = arg;
    vs__questions *q = p->q;
    if (line->n == 0) return VS_OK;
    if (line->fields != 2 || !line->len[0])
        return vs_fail(err, VS_E_FORMAT, "%s: line %zu: want \"word TAB answer/answer\"", q->path, line->number);
    if (p->n == MOST_PAIRS)
        return vs_fail(err, VS_E_RANGE, "%s: more than %d lines of pairs, each of which would be asked with every other", q->path, MOST_PAIRS);
    pair *now = &p->at[p->n];
    VS_TRY(vs__words_add(err, &q->words, line->field[0], line->len[0], &now->word));
    now->first = (uint32_t)q->answers;
    const char *s = line->field[1], *end = s + line->len[1];
    while (end > s && (end[-1] == ' ' || end[-1] == '\t')) end--;
    while (s < end) {
        const char *slash = memchr(s, '/', (size_t)(end - s)), *stop = slash ? slash : end;
        if (stop > s) VS_TRY(add_answer(err, q, s, (size_t)(stop - s)));
        s = stop + 1;
    }
    now->answers = (uint32_t)q->answers - now->first;
    if (!now->answers) return vs_fail(err, VS_E_FORMAT, "%s: line %zu has no answer", q->path, line->number);
    p->n++;
    return VS_OK;
}

static vs_status bats_text(vs_err *err, vs__questions *q, const char *name, const char *text, size_t n) {
    VS_TRY(open_section(err, q, name, strlen(name)));
    if (q->left_out) return VS_OK;
    pairs *p = vs_alloc(1, sizeof *p);
    if (!p) return no_memory(err, q);
    p->q = q;
    p->n = 0;
    vs_status st = vs__lines(err, q->path, text, n, '\t', bats_line, p);
    for (size_t i = 0; i < p->n && st == VS_OK; i++)
        for (size_t j = 0; j < p->n && st == VS_OK; j++)
            if (j != i)
                st = add(err, q, (vs__question){.a = p->at[i].word, .b = q->answer[p->at[i].first], .c = p->at[j].word,
                                                .first = p->at[j].first, .answers = p->at[j].answers});
    vs_free(p);
    return st;
}

/* ---- files ---- */

/* BATS' first line has a tab, and is no heading of a section. */
static bool is_bats(const char *text, size_t n) {
    if (!n) return false;
    const char *end = memchr(text, '\n', n);
    size_t first = end ? (size_t)(end - text) : n;
    return text[0] != ':' && memchr(text, '\t', first) != NULL;
}

vs_status vs__questions_text(vs_err *err, vs__questions *q, const char *name, const char *text, size_t n) {
    return is_bats(text, n) ? bats_text(err, q, name, text, n) : vs__lines(err, q->path, text, n, 0, google_line, q);
}

static vs_status read_file(vs_err *err, vs__questions *q, const char *path) {
    vs_map file;
    VS_TRY(vs_map_open(err, path, &file));
    size_t length;
    const char *stem = vs_path_stem(path, &length);
    char *section = vs_strndup(stem, length);
    q->path = path;
    vs_status st = section ? vs__questions_text(err, q, section, (const char *)file.bytes, file.size) : no_memory(err, q);
    vs_free(section);
    vs_map_close(&file);
    return st;
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* The names in a folder, in order. */
static vs_status list(vs_err *err, const char *path, char ***out, size_t *n) {
    *out = NULL;
    *n = 0;
    DIR *d = opendir(path);
    if (!d) return vs_fail(err, errno == ENOENT ? VS_E_UNKNOWN : VS_E_IO, "%s: %s", path, strerror(errno));
    bool failed = false;
    for (const struct dirent *e; !failed && (e = readdir(d));) {
        if (e->d_name[0] == '.') continue;
        char **grown = vs_grow(*out, *n, *n + 1, sizeof *grown);
        if (grown) *out = grown;
        failed = !grown || !((*out)[*n] = vs_strdup(e->d_name));
        *n += !failed;
    }
    closedir(d);
    if (*n) qsort(*out, *n, sizeof **out, by_name);
    return failed ? vs_fail(err, VS_E_NOMEM, "%s: no memory for its names", path) : VS_OK;
}

static vs_status read_folder(vs_err *err, vs__questions *q, const char *path, int depth) {
    char **name;
    size_t n;
    vs_status st = list(err, path, &name, &n);
    for (size_t i = 0; i < n && st == VS_OK; i++) {
        vs_buf b = {0};
        struct stat file;
        vs_buf_printf(&b, "%s/%s", path, name[i]);
        size_t len = strlen(name[i]);
        if (b.failed)
            st = no_memory(err, q);
        else if (stat(b.s, &file) != 0)
            st = vs_fail(err, VS_E_IO, "%s: %s", b.s, strerror(errno));
        else if (S_ISDIR(file.st_mode) && depth > 0)
            st = read_folder(err, q, b.s, depth - 1);
        else if (S_ISREG(file.st_mode) && len > 4 && strcmp(name[i] + len - 4, ".txt") == 0)
            st = read_file(err, q, b.s);
        vs_buf_free(&b);
        q->path = path;
    }
    for (size_t i = 0; i < n; i++) vs_free(name[i]);
    vs_free(name);
    return st;
}

vs_status vs__questions_read(vs_err *err, vs__questions *q, const char *path) {
    struct stat file;
    enum { DEPTH = 2 };
    q->path = path;
    bool folder = stat(path, &file) == 0 && S_ISDIR(file.st_mode);
    VS_TRY(folder ? read_folder(err, q, path, DEPTH) : read_file(err, q, path));
    if (q->n == 0 && q->only && q->out->n == 0)
        return vs_fail(err, VS_E_UNKNOWN, "%s: no section begins with \"%s\"", path, q->only);
    return q->n ? VS_OK : vs_fail(err, VS_E_FORMAT, "%s: no questions in it", path);
}

void vs__questions_free(vs__questions *q) {
    vs__words_free(&q->words);
    vs_free(q->at);
    vs_free(q->answer);
}

vs_status vs_analogy_words(vs_err *err, const char *path, const char *section, vs_word_set *out) {
    *out = (vs_word_set){0};
    vs_analogy_result sections = {0};
    vs__questions q = {.words = {.fold = VS__UPPER}, .only = section, .out = &sections};
    vs_status st = vs__questions_read(err, &q, path);
    if (st == VS_OK) st = vs__words_set(err, &q.words, out);
    vs__questions_free(&q);
    vs_analogy_result_free(&sections);
    return st;
}
