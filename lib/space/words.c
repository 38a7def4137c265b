/* words.c - spaces of words in memory: read from a word-vector file, or the ones built in. */
#include <string.h>

#include "../base/alloc.h"
#include "../base/dict.h"
#include "../io/format.h"
#include "default_space.h"
#include "space_impl.h"

struct vs__word_list {
    float *vec;       /* [cap, d] */
    const char **key; /* [cap], in the arena */
    uint32_t *len;    /* [cap] */
    size_t n, cap, d;
    vs_dict index;
    vs_arena arena;
    vs_words *file; /* where words that are not here are composed from; NULL: nowhere */
};

static const char *list_key(void *self, size_t row, size_t *len) {
    const vs__word_list *w = self;
    *len = w->len[row];
    return w->key[row];
}

static bool list_find(void *self, const char *key, size_t n, size_t *row) {
    const vs__word_list *w = self;
    uint32_t at;
    if (!vs_dict_find(&w->index, key, n, &at)) return false;
    *row = at;
    return true;
}

/* A word's n-grams know nothing of blanks. */
static bool list_compose(void *self, const char *text, size_t n, float *vec, vs_buf *note) {
    const vs__word_list *w = self;
    size_t grams = memchr(text, ' ', n) ? 0 : vs_words_compose(w->file, text, n, vec);
    if (grams) vs_buf_printf(note, "%zu n-grams", grams);
    return grams != 0;
}

static void list_release(void *self) { vs__word_list_free(self); }

void vs__word_list_free(vs__word_list *w) {
    if (!w) return;
    vs_free(w->vec);
    vs_free(w->key);
    vs_free(w->len);
    vs_dict_free(&w->index);
    vs_arena_free(&w->arena);
    vs_words_close(w->file);
    vs_free(w);
}

static bool grow(vs__word_list *w, size_t cap) {
    size_t width;
    if (!vs_mul(w->d, sizeof *w->vec, &width)) return false;
    float *vec = vs_grow(w->vec, w->n, cap, width);
    if (vec) w->vec = vec;
    const char **key = vs_grow(w->key, w->n, cap, sizeof *key);
    if (key) w->key = key;
    uint32_t *len = vs_grow(w->len, w->n, cap, sizeof *len);
    if (len) w->len = len;
    if (!vec || !key || !len) return false;
    w->cap = cap;
    return true;
}

vs_status vs__word_list_new(vs_err *err, size_t rows, size_t d, vs__word_list **out) {
    enum { FIRST = 1024, MOST_AT_ONCE = 1 << 20 }; /* a hint is not to be trusted with all of memory */
    *out = NULL;
    size_t cap = rows ? rows : FIRST;
    if (cap > MOST_AT_ONCE) cap = MOST_AT_ONCE;
    vs__word_list *w = vs_zalloc(1, sizeof *w);
    if (w) w->d = d;
    if (!w || !grow(w, cap) || vs_dict_reserve(NULL, &w->index, cap) != VS_OK) {
        vs__word_list_free(w);
        return vs_fail(err, VS_E_NOMEM, "no memory for %zu rows of %zu numbers", cap, d);
    }
    *out = w;
    return VS_OK;
}

vs_status vs__word_list_add(vs_err *err, vs__word_list *w, const char *key, size_t len, const float *vec, bool *added) {
    *added = false;
    if (vs_dict_find(&w->index, key, len, NULL)) return VS_OK;
    if (w->n >= UINT32_MAX || len > UINT32_MAX) return vs_fail(err, VS_E_RANGE, "more rows than can be numbered");
    if (w->n == w->cap && !grow(w, w->cap * 2))
        return vs_fail(err, VS_E_NOMEM, "no memory for more than %zu rows of %zu numbers", w->n, w->d);
    char *copy = vs_arena_strndup(&w->arena, key, len);
    if (!copy) return vs_fail(err, VS_E_NOMEM, "no memory for the key of row %zu", w->n);
    VS_TRY(vs_dict_add(err, &w->index, copy, len, (uint32_t)w->n, added));
    w->key[w->n] = copy;
    w->len[w->n] = (uint32_t)len;
    memcpy(w->vec + w->n * w->d, vec, w->d * sizeof *vec);
    w->n++;
    return VS_OK;
}

vs_status vs__word_list_space(vs_err *err, vs__word_list *w, const char *name, vs_space **out) {
    vs_space_desc desc = {.name = name, .place = "words", .release = list_release, .owner = w};
    desc.keys = (vs_keys){.self = w, .key = list_key, .find = list_find, .compose = w->file ? list_compose : NULL};
    vs_status s = vs_tensor_over(err, w->vec, VS_F32, 2, (size_t[]){w->n, w->d}, &desc.rows, NULL);
    if (s == VS_OK) s = vs_space_new(err, &desc, out);
    if (s != VS_OK) vs__word_list_free(w);
    return s;
}

vs_status vs_space_of_words(vs_err *err, const char *name, const char *place, const char *const *key, size_t n,
                            const float *vec, size_t d, vs_space **out) {
    *out = NULL;
    vs__word_list *w;
    bool added;
    char *where = vs_strdup(place);
    if (!where) return vs_fail(err, VS_E_NOMEM, "space %s: no memory", name);
    vs_status s = vs__word_list_new(err, n, d, &w);
    for (size_t i = 0; i < n && s == VS_OK; i++) s = vs__word_list_add(err, w, key[i], strlen(key[i]), vec + i * d, &added);
    if (s == VS_OK) {
        s = vs__word_list_space(err, w, name, out);
    } else {
        vs__word_list_free(w);
    }
    if (s == VS_OK) {
        vs_free((*out)->place);
        (*out)->place = where;
    } else {
        vs_free(where);
    }
    return s;
}

vs_status vs_space_default(vs_err *err, vs_space **out) {
    *out = NULL;
    vs_packed p;
    VS_TRY(vs_default_open(err, &p));
    vs__word_list *w = NULL;
    float *vec = vs_alloc(p.dim, sizeof *vec);
    vs_status s = vec ? VS_OK : vs_fail(err, VS_E_NOMEM, "no memory for the built-in words");
    if (s == VS_OK) s = vs__word_list_new(err, p.rows, p.dim, &w);
    while (s == VS_OK) {
        const char *key;
        size_t len;
        bool added;
        s = vs_packed_next(err, &p, &key, &len, vec);
        if (s != VS_OK || !key) break;
        s = vs__word_list_add(err, w, key, len, vec, &added);
    }
    vs_free(vec);
    if (s == VS_OK) return vs__word_list_space(err, w, "default", out);
    vs__word_list_free(w);
    return s;
}

vs_status vs_space_first(vs_err *err, const vs_space *s, size_t dim, const char *name, vs_space **out) {
    *out = NULL;
    size_t full = vs_space_dim(s), len;
    if (!dim || dim > full) return vs_fail(err, VS_E_RANGE, "%s: vectors of %zu numbers; %zu were asked for", vs_space_name(s), full, dim);
    vs__word_list *w = NULL;
    float *vec = vs_alloc(full, sizeof *vec);
    vs_status st = vec ? vs__word_list_new(err, vs_space_rows(s), dim, &w) : vs_fail(err, VS_E_NOMEM, "no memory for a vector");
    bool added;
    for (size_t i = 0; st == VS_OK && i < vs_space_rows(s); i++) {
        const char *key = vs_space_key(s, i, &len);
        st = vs_space_row(err, s, i, vec);
        if (st == VS_OK) st = vs__word_list_add(err, w, key, len, vec, &added);
    }
    vs_free(vec);
    if (st == VS_OK) return vs__word_list_space(err, w, name, out);
    vs__word_list_free(w);
    return st;
}

/* ---- from a file ---- */

/* What was wrong in it: the first lines of each kind in words, how many there are in all. */
typedef struct report {
    vs_buf said;
    size_t skipped, twice;
    vs_err first;
} report;
enum { SAID = 5 };

static bool is_row_wrong(vs_status s) { return s == VS_E_FORMAT || s == VS_E_NUMERIC; }

static void say_skipped(report *r, const char *path, bool ended, const vs_err *e) {
    size_t n = strlen(path);
    const char *msg = !strncmp(e->msg, path, n) && e->msg[n] == ':' ? e->msg + n + 2 : e->msg;
    if (r->first.code == VS_OK) r->first = *e;
    r->skipped += !ended; /* an end that comes too early is no wrong row */
    if (ended || r->skipped <= SAID) vs_buf_printf(&r->said, "%s: %s\n", msg, ended ? "what stands before is kept" : "left out");
}

static void say_twice(report *r, const vs_words *file, const char *key, size_t n) {
    if (r->twice++ < SAID)
        vs_buf_printf(&r->said, "%s %zu: %.*s was there before: left out\n", vs_words_unit(file), vs_words_line(file),
                      (int)(n < 80 ? n : 80), key);
}

static void say_all(report *r, const vs_words *file) {
    size_t first, mended = vs_words_mended(file, &first);
    if (mended)
        vs_buf_printf(&r->said, "%zu keys are no UTF-8, the first in %s %zu: kept, with \xEF\xBF\xBD for what is not\n", mended,
                      vs_words_unit(file), first);
    if (r->skipped > SAID) vs_buf_printf(&r->said, "%zu wrong rows in all were left out\n", r->skipped);
    if (r->twice > SAID) vs_buf_printf(&r->said, "%zu rows in all of a key that was there before were left out\n", r->twice);
}

static vs_status read_rows(vs_err *err, vs_words *file, const char *path, const vs_progress *p, report *r, vs__word_list *w) {
    enum { POLL = 4096 }; /* rows between two looks at the clock of others */
    for (size_t i = 0;; i++) {
        const char *key;
        size_t len;
        const float *vec;
        bool added;
        if (i % POLL == 0) {
            vs_tick(p, path, vs_words_done(file), vs_words_total(file));
            if (vs_interrupted()) return vs_fail(err, VS_E_STOPPED, "%s: interrupted after %zu rows", path, i);
            if (r->skipped > w->n) break;
        }
        vs_err wrong = {0};
        vs_status s = vs_words_next(&wrong, file, &key, &len, &vec);
        if (is_row_wrong(s)) {
            say_skipped(r, path, vs_words_ended(file), &wrong);
            continue;
        }
        if (s != VS_OK) return vs_fail(err, s, "%s", wrong.msg);
        if (!key) break;
        VS_TRY(vs__word_list_add(err, w, key, len, vec, &added));
        if (!added) say_twice(r, file, key, len);
    }
    vs_tick(p, path, vs_words_total(file), vs_words_total(file));
    if (r->first.code != VS_OK && r->skipped >= w->n) return vs_fail(err, r->first.code, "%s", r->first.msg);
    say_all(r, file);
    if (r->said.failed) return vs_fail(err, VS_E_NOMEM, "%s: no memory for what is to be said of it", path);
    return w->n ? VS_OK : vs_fail(err, VS_E_FORMAT, "%s: no vectors in it", path);
}

vs_status vs_space_from_words(vs_err *err, const char *path, const char *name, const vs_progress *p, vs_space **out) {
    *out = NULL;
    report r = {0};
    vs_words *file;
    VS_TRY(vs_words_open(err, path, &file));
    vs__word_list *w = NULL;
    vs_status s = vs__word_list_new(err, vs_words_rows_hint(file), vs_words_dim(file), &w);
    if (s == VS_OK) s = read_rows(err, file, path, p, &r, w);
    if (s == VS_OK && vs_words_composes(file))
        w->file = file; /* and goes with the list */
    else
        vs_words_close(file);
    if (s == VS_OK) {
        s = vs__word_list_space(err, w, name, out);
        if (s == VS_OK) {
            (*out)->notes = r.said;
            return s;
        }
    } else {
        vs__word_list_free(w);
    }
    vs_buf_free(&r.said);
    return s;
}
