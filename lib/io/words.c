/* words.c - see format.h: choosing a reader of word vectors, and what all of them check. */
#include "words.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MOST_DIM = 65536, KEY_BYTES = 65535 };

static const vs__words_kind *const kinds[] = {
#define WORDS(name, words) &vs__words_##name,
#include "words.def"
#undef WORDS
};

/* ---- for all kinds ---- */

static const char *unit(const vs_words *w) {
    return w->kind == &vs__words_text || w->kind == &vs__words_projector ? "line" : "row";
}

static bool read_count(const vs_map *m, size_t *at, uint64_t *out) {
    size_t from = *at;
    for (*out = 0; *at < m->size && m->bytes[*at] >= '0' && m->bytes[*at] <= '9' && *at - from < 18; ++*at)
        *out = *out * 10 + (uint64_t)(m->bytes[*at] - '0');
    return *at > from;
}

bool vs__words_header(const vs_map *m, uint64_t *rows, uint64_t *dim, size_t *at) {
    size_t i = m->size >= 3 && !memcmp(m->bytes, "\xEF\xBB\xBF", 3) ? 3 : 0; /* a byte order mark says nothing */
    *at = i;
    if (!read_count(m, &i, rows)) return false;
    if (i == m->size || (m->bytes[i] != ' ' && m->bytes[i] != '\t')) return false;
    i++;
    if (!read_count(m, &i, dim)) return false;
    while (i < m->size && (m->bytes[i] == ' ' || m->bytes[i] == '\r')) i++;
    if (i == m->size || m->bytes[i] != '\n') return false;
    *at = i + 1;
    return true;
}

vs_status vs__words_key(vs_err *err, vs_words *w, const char **key, size_t *n) {
    if (!*n) return vs_fail(err, VS_E_FORMAT, "%s: %s %zu has no word", w->path, unit(w), w->line);
    if (*n > KEY_BYTES)
        return vs_fail(err, VS_E_FORMAT, "%s: %s %zu: a word of %zu bytes, at most %d", w->path, unit(w), w->line, *n,
                       KEY_BYTES);
    if (memchr(*key, '\0', *n) || memchr(*key, '\n', *n))
        return vs_fail(err, VS_E_FORMAT, "%s: %s %zu: a NUL or a line break in the word %s", w->path, unit(w), w->line,
                       vs__show(*key, *n).s);
    size_t bad;
    if (vs_utf8_valid(*key, *n, &bad)) return VS_OK;
    if (!w->mended++) w->mended_line = w->line;
    vs_buf_clear(&w->key);
    for (size_t i = 0; i < *n;) vs_buf_put_utf8(&w->key, vs_utf8_next(*key, *n, &i, NULL));
    if (w->key.failed) return vs_fail(err, VS_E_NOMEM, "%s: no memory for a word", w->path);
    *key = w->key.s;
    *n = w->key.len;
    return VS_OK;
}

vs_status vs__words_check(vs_err *err, const vs_words *w, const char *key, size_t n) {
    float sum = 0; /* x - x is 0, and NaN where x is not finite: one pass without branches */
    for (size_t k = 0; k < w->dim; k++) sum += w->vec[k] - w->vec[k];
    if (sum == 0) return VS_OK;
    size_t k = 0;
    while (k + 1 < w->dim && isfinite(w->vec[k])) k++;
    return vs_fail(err, VS_E_NUMERIC, "%s: %s %zu (%s): value %zu is %g; want finite numbers", w->path, unit(w),
                   w->line, vs__show(key, n).s, k, (double)w->vec[k]);
}

/* Files that people have and that are none of ours: what to do with them. */
static vs_status check_foreign(vs_err *err, const vs_words *w) {
    static const char pickle[] = "a Python pickle, which is not read; in gensim: model.wv.save_word2vec_format('words.bin', binary=True)";
    static const struct {
        const char *begins, *advice;
    } foreign[] = {
        {"PAR1", "a Parquet file, which is not read; write it as text or npy first (DuckDB: COPY … TO 'words.tsv'; pandas: read_parquet)"},
        {"\x1f\x8b", "compressed by gzip; gunzip it first"},
        {"BZh", "compressed by bzip2; bunzip2 it first"},
        {"\x80\x02", pickle},
        {"\x80\x04", pickle},
        {"version https://git-lfs", "a git-lfs pointer, not the file itself (git lfs pull fetches it)"},
    };
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
        size_t n = strlen(foreign[i].begins);
        if (w->map.size >= n && !memcmp(w->map.bytes, foreign[i].begins, n))
            return vs_fail(err, VS_E_UNSUPPORTED, "%s: %s", w->path, foreign[i].advice);
    }
    return VS_OK;
}

static vs_status open_kind(vs_err *err, vs_words *w) {
    VS_TRY(check_foreign(err, w));
    if (!w->map.size) return vs_fail(err, VS_E_FORMAT, "%s: the file is empty", w->path);
    size_t i = 0;
    while (!kinds[i]->probe(w)) i++; /* text, the last row, takes anything */
    w->kind = kinds[i];
    VS_TRY(w->kind->open(err, w));
    if (!w->dim || w->dim > MOST_DIM)
        return vs_fail(err, VS_E_FORMAT, "%s: vectors of %zu numbers, want 1 to %d", w->path, w->dim, MOST_DIM);
    w->vec = vs_alloc(w->dim, sizeof *w->vec);
    return w->vec ? VS_OK : vs_fail(err, VS_E_NOMEM, "%s: no memory for a row", w->path);
}

static vs_status open_over(vs_err *err, const char *path, vs_map map, vs_map list, bool on_disk, vs_words **out) {
    *out = NULL;
    vs_words *w = vs_zalloc(1, sizeof *w);
    char *copy = vs_strdup(path);
    if (!w || !copy) {
        vs_free(w);
        vs_free(copy);
        vs_map_close(&map);
        vs_map_close(&list);
        return vs_fail(err, VS_E_NOMEM, "%s: no memory to open it", path);
    }
    w->path = copy;
    w->map = map;
    w->list = list;
    w->total = map.size;
    w->on_disk = on_disk;
    vs_status s = open_kind(err, w);
    if (s != VS_OK)
        vs_words_close(w);
    else
        *out = w;
    return s;
}

vs_status vs__words_over(vs_err *err, const char *path, vs_map map, vs_map list, vs_words **out) {
    return open_over(err, path, map, list, false, out);
}

void vs_words_close(vs_words *w) {
    if (!w) return;
    vs_file_close(w->file);
    vs_free(w->bytes);
    vs_map_close(&w->map);
    vs_map_close(&w->list);
    vs_buf_free(&w->key);
    vs_buf_free(&w->marked);
    vs_free(w->vec);
    vs_free(w->path);
    vs_free(w);
}

/* ---- opening ---- */

/* Each of these names in turn, with "*" for the path without its extension; VS_E_UNKNOWN where there is none. */
static vs_status open_beside(vs_err *err, const char *path, const char *const *names, vs_map *out) {
    const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');
    size_t dir = slash ? (size_t)(slash - path) + 1 : 0, stem = dot && dot > path + dir ? (size_t)(dot - path) : strlen(path);
    vs_status s = VS_E_UNKNOWN;
    for (size_t i = 0; s == VS_E_UNKNOWN && names[i]; i++) {
        vs_buf b = {0};
        bool own = names[i][0] == '*';
        vs_buf_put(&b, path, own ? stem : dir);
        vs_buf_puts(&b, names[i] + own);
        s = b.failed ? vs_fail(err, VS_E_NOMEM, "%s: no memory to open it", path) : vs_map_open(err, b.s, out);
        vs_buf_free(&b);
    }
    return s;
}

vs_status vs__words_need_list(vs_err *err, vs_words *w) {
    static const char *const names[] = {"*.words.txt", "words.txt", NULL};
    const char *dot = strrchr(w->path, '.');
    if (!w->list.bytes && w->on_disk) {
        vs_status s = open_beside(err, w->path, names, &w->list);
        if (s == VS_E_UNKNOWN)
            return vs_fail(err, VS_E_FORMAT, "%s: no words for its rows; want a word a line in %.*s.words.txt", w->path,
                           dot ? (int)(dot - w->path) : (int)strlen(w->path), w->path);
        VS_TRY(s);
    }
    w->total = w->list.size;
    return VS_OK;
}

vs_status vs__words_metadata(vs_err *err, vs_words *w) {
    static const char *const names[] = {"*.metadata.tsv", "metadata.tsv", NULL};
    return w->list.bytes ? VS_OK : w->on_disk ? open_beside(err, w->path, names, &w->list) : VS_E_UNKNOWN;
}

size_t vs__count_lines(const vs_map *m) {
    size_t n = 0, at = 0;
    while (at < m->size) {
        const unsigned char *nl = memchr(m->bytes + at, '\n', m->size - at);
        at = nl ? (size_t)(nl - m->bytes) + 1 : m->size;
        n++;
    }
    return n;
}

const char *vs__take_word(vs_words *w, size_t *n) {
    size_t left = w->list.size - w->list_at;
    const char *s = left ? (const char *)w->list.bytes + w->list_at : "", *nl = left ? memchr(s, '\n', left) : NULL;
    *n = nl ? (size_t)(nl - s) : left;
    w->list_at += *n + (nl != NULL);
    if (*n && s[*n - 1] == '\r') --*n;
    return s;
}

vs_status vs_words_open(vs_err *err, const char *path, vs_words **out) {
    *out = NULL;
    vs_map map;
    VS_TRY(vs_map_open(err, path, &map));
    return open_over(err, path, map, (vs_map){0}, true, out);
}

vs_status vs_words_open_bytes(vs_err *err, const char *name, const void *bytes, size_t size, vs_words **out) {
    return vs__words_over(err, name, vs_map_borrow(bytes, size), (vs_map){0}, out);
}

size_t vs_words_dim(const vs_words *w) { return w->dim; }
size_t vs_words_rows_hint(const vs_words *w) { return w->rows; }
bool vs_words_ended(const vs_words *w) { return w->ended; }
size_t vs_words_line(const vs_words *w) { return w->line; }
const char *vs_words_unit(const vs_words *w) { return unit(w); }
size_t vs_words_mended(const vs_words *w, size_t *first) {
    *first = w->mended_line;
    return w->mended;
}

size_t vs_words_compose(vs_words *w, const char *key, size_t n, float *vec) {
    return w->kind->compose ? w->kind->compose(w, key, n, vec) : 0;
}
bool vs_words_composes(const vs_words *w) { return w->kind->compose != NULL; }

uint64_t vs_words_done(const vs_words *w) { return w->at; }
uint64_t vs_words_total(const vs_words *w) { return w->total; }

vs_status vs_words_next(vs_err *err, vs_words *w, const char **key, size_t *key_len, const float **vec) {
    *key = NULL;
    *key_len = 0;
    *vec = w->vec;
    if (w->ended) return VS_OK;
    vs_status s = w->kind->next(err, w, key, key_len);
    if (s == VS_OK && *key) s = vs__words_check(err, w, *key, *key_len);
    if (s != VS_OK) *key = NULL;
    return s;
}
