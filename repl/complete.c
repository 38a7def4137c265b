/* complete.c - what Tab offers: commands, options, sites, spaces, models, words. */
#include <stdlib.h>
#include <string.h>

#include "../datasets/catalogue.h"
#include "commands.h"
#include "out.h"
#include "repl.h"

enum { MOST = 200 };

typedef struct offers {
    char *item[MOST + 2]; /* [0]: what they share, for readline */
    size_t n;
    const char *prefix;
    size_t len;
} offers;

static void offer(offers *f, const char *s, size_t n) {
    if (f->n >= MOST || n < f->len || memcmp(s, f->prefix, f->len) != 0) return;
    char *copy = malloc(n + 1); /* readline frees it */
    if (!copy) return;
    memcpy(copy, s, n);
    copy[n] = '\0';
    f->item[1 + f->n++] = copy;
}

static void offer_text(offers *f, const char *s) { offer(f, s, strlen(s)); }

static void offer_options(offers *f, const vs_opt *opts) {
    for (; opts && opts->name; opts++) {
        char buf[64] = "--";
        strncat(buf, opts->name, sizeof buf - 3);
        offer_text(f, buf);
    }
}

static void offer_spaces(offers *f, vs_session *s) {
    for (size_t i = 0; i < vs_session_spaces(s); i++) offer_text(f, vs_space_name(vs_session_space_at(s, i)));
    if (vs_session_models(s)) {
        offer_text(f, "W_E");
        offer_text(f, "W_U");
    }
}

static void offer_models(offers *f, vs_session *s) {
    for (size_t i = 0; i < vs_session_models(s); i++) {
        const char *name;
        vs_session_model_at(s, i, &name);
        offer_text(f, name);
    }
    for (size_t i = 0; vs_dataset_at(i); i++) offer_text(f, vs_dataset_at(i)->id);
}

static void offer_sites(offers *f, vs_session *s) {
    vs_model *m;
    vs_site *site;
    size_t n;
    if (vs_session_model(NULL, s, &m) != VS_OK || vs_site_list(NULL, m, &site, &n) != VS_OK) return;
    char buf[96];
    for (size_t i = 0; i < n; i++) {
        offer_text(f, vs_site_name(m, site[i], true, buf, sizeof buf));
        if (memchr(f->prefix, '_', f->len) || memchr(f->prefix, 'b', f->len))
            offer_text(f, vs_site_name(m, site[i], false, buf, sizeof buf));
    }
    vs_free(site);
}

static void offer_words(offers *f, vs_session *s) {
    vs_space *sp = vs_session_space(s);
    const char *key[50];
    size_t len[50], n = sp && f->len ? vs_space_complete(sp, f->prefix, f->len, key, len, 50) : 0;
    for (size_t i = 0; i < n; i++) offer(f, key[i], len[i]);
}

static void offer_commands(offers *f) {
    for (size_t i = 0; vs_commands()[i]; i++) offer_text(f, vs_commands()[i]->name);
}

static void offer_kind(offers *f, vs_session *s, vs_complete kind, bool *files) {
    switch (kind) {
    case VS_COMPLETE_NONE: break;
    case VS_COMPLETE_WORD: offer_words(f, s); break;
    case VS_COMPLETE_SITE: offer_sites(f, s); break;
    case VS_COMPLETE_SPACE: offer_spaces(f, s); break;
    case VS_COMPLETE_MODEL:
        offer_models(f, s);
        *files = true;
        break;
    case VS_COMPLETE_FILE: *files = true; break;
    case VS_COMPLETE_COMMAND: offer_commands(f); break;
    }
}

/* The longest common beginning, as readline wants it in [0]. */
static char **finish(offers *f) {
    if (!f->n) return NULL;
    size_t common = strlen(f->item[1]);
    for (size_t i = 2; i <= f->n; i++) {
        size_t k = 0;
        while (k < common && f->item[i][k] == f->item[1][k]) k++;
        common = k;
    }
    char **list = malloc((f->n + 2) * sizeof *list);
    char *shared = malloc(common + 1);
    if (!list || !shared) {
        free(list);
        free(shared);
        for (size_t i = 1; i <= f->n; i++) free(f->item[i]);
        return NULL;
    }
    memcpy(shared, f->item[1], common);
    shared[common] = '\0';
    list[0] = shared;
    memcpy(list + 1, f->item + 1, f->n * sizeof *list);
    list[f->n + 1] = NULL;
    if (f->n == 1) { /* one offer alone: readline wants only the first entry */
        free(list[1]);
        list[1] = NULL;
    }
    return list;
}

/* The option before the word, when it waits for a value. */
static const vs_opt *waiting(const vs_cmd *c, const char *line, size_t start) {
    while (start && line[start - 1] == ' ') start--;
    size_t from = start;
    while (from && line[from - 1] != ' ') from--;
    if (start - from < 3 || strncmp(line + from, "--", 2) != 0) return NULL;
    const vs_opt *lists[2] = {c->opts, c->style == VS_ARGS_TEXT ? vs_text_opts : NULL};
    for (int l = 0; l < 2; l++)
        for (const vs_opt *o = lists[l]; o && o->name; o++)
            if (o->type != VS_OPT_FLAG && strlen(o->name) == start - from - 2 &&
                !memcmp(o->name, line + from + 2, start - from - 2))
                return o;
    return NULL;
}

char **vs_complete_line(vs_session *s, const char *line, size_t start, size_t end, bool *files) {
    offers f = {.prefix = line + start, .len = end - start};
    size_t first = 0;
    while (line[first] == ' ') first++;
    size_t stop = first;
    while (line[stop] && line[stop] != ' ') stop++;
    *files = false;
    if (start <= first) {
        offer_commands(&f);
        if (!f.n) offer_words(&f, s);
        return finish(&f);
    }
    const vs_cmd *c = vs_command_find(line + first, stop - first);
    const vs_opt *value = c ? waiting(c, line, start) : NULL;
    if (!c)
        offer_words(&f, s);
    else if (f.len && f.prefix[0] == '-') {
        offer_options(&f, c->opts);
        if (c->style == VS_ARGS_TEXT) offer_options(&f, vs_text_opts);
    } else
        offer_kind(&f, s, value ? value->complete : c->complete, files);
    return finish(&f);
}
