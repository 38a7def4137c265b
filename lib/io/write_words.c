/* write_words.c - word vectors into the files that others read: word2vec, GloVe, an npy with its list of words. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../base/alloc.h"
#include "format.h"
#include "npy.h"

enum { BUFFER = 256 * 1024 };

/* What a format is: numbers as bytes or as text, a line "ROWS DIM" on top, the words in a file of their own. */
static const struct words_kind {
    const char *name, *end; /* end: of the names of such files */
    bool binary, header, npy;
} kinds[] = {{"word2vec", ".bin", true, true, false},
             {"word2vec-text", ".vec", false, true, false},
             {"glove", ".txt", false, false, false},
             {"npy", ".npy", true, false, true}};
enum { KINDS = sizeof kinds / sizeof *kinds };

static bool ends_with(const char *s, const char *end) {
    size_t n = strlen(s), m = strlen(end);
    return n > m && !strcmp(s + n - m, end);
}

const char *vs_words_format_of(const char *path) {
    for (size_t i = 0; i < KINDS; i++)
        if (ends_with(path, kinds[i].end)) return kinds[i].name;
    return NULL;
}

/* One file on its way: written beside its name, renamed when it is whole. */
typedef struct half {
    char *path, *part;
    int fd;
    vs_buf held;
} half;

struct vs_words_writer {
    const struct words_kind *kind;
    half file[2]; /* the vectors; npy: the words */
    size_t files, rows, dim, done, mended;
    vs_buf key;
};

static vs_status flush(vs_err *err, half *h) {
    if (h->held.failed) return vs_fail(err, VS_E_NOMEM, "%s: no memory to write it", h->path);
    for (size_t at = 0; at < h->held.len;) {
        ssize_t n = write(h->fd, h->held.s + at, h->held.len - at);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return vs_fail(err, VS_E_IO, "%s: cannot write: %s", h->path, strerror(errno));
        at += (size_t)n;
    }
    vs_buf_clear(&h->held);
    return VS_OK;
}

static vs_status begin(vs_err *err, vs_words_writer *w, const char *path) {
    half *h = &w->file[w->files++];
    vs_buf part = {0};
    vs_buf_printf(&part, "%s.part", path);
    *h = (half){.path = vs_strdup(path), .part = part.s, .fd = -1};
    if (part.failed || !h->path) return vs_fail(err, VS_E_NOMEM, "%s: no memory to write it", path);
    h->fd = open(h->part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    return h->fd >= 0 ? VS_OK : vs_fail(err, VS_E_IO, "%s: cannot create: %s", h->part, strerror(errno));
}

/* a.npy -> a.words.txt, where the reader looks for it */
static vs_status begin_list(vs_err *err, vs_words_writer *w, const char *path) {
    size_t n = strlen(path);
    if (n < 5 || strcmp(path + n - 4, ".npy") != 0) return vs_fail(err, VS_E_USAGE, "%s: a NumPy array is called NAME.npy", path);
    vs_buf list = {0};
    vs_buf_put(&list, path, n - 4);
    vs_buf_puts(&list, ".words.txt");
    vs_status s = list.failed ? vs_fail(err, VS_E_NOMEM, "%s: no memory to write it", path) : begin(err, w, list.s);
    vs_buf_free(&list);
    return s;
}

vs_status vs_words_writer_open(vs_err *err, const char *path, const char *format, size_t rows, size_t dim, vs_words_writer **out) {
    *out = NULL;
    size_t k = 0;
    while (k < KINDS && strcmp(kinds[k].name, format) != 0) k++;
    if (k == KINDS) return vs_fail(err, VS_E_UNSUPPORTED, "%s: %s is not written; there are word2vec word2vec-text glove npy", path, format);
    if (!rows || !dim) return vs_fail(err, VS_E_SHAPE, "%s: there is no vector to write", path);
    vs_words_writer *w = vs_zalloc(1, sizeof *w);
    if (!w) return vs_fail(err, VS_E_NOMEM, "%s: no memory to write it", path);
    *w = (vs_words_writer){.kind = &kinds[k], .rows = rows, .dim = dim};
    vs_status s = begin(err, w, path);
    if (s == VS_OK && w->kind->npy) s = begin_list(err, w, path);
    if (s == VS_OK && w->kind->npy) s = vs__npy_write(err, path, VS_F32, 2, (size_t[]){rows, dim}, &w->file[0].held);
    if (s == VS_OK && w->kind->header) vs_buf_printf(&w->file[0].held, "%zu %zu\n", rows, dim);
    if (s == VS_OK)
        *out = w;
    else
        vs_words_writer_abort(w);
    return s;
}

/* The key as it can stand in the file: one word where blanks separate, no control characters, UTF-8. */
static void mend(vs_words_writer *w, const char *key, size_t n) {
    bool changed = n == 0;
    vs_buf_clear(&w->key);
    for (size_t i = 0; i < n;) {
        size_t at = i;
        bool bad = false;
        uint32_t c = vs_utf8_next(key, n, &i, &bad);
        bool blank = c == ' ' && !w->kind->npy;
        if (blank)
            vs_buf_puts(&w->key, "\xE2\x96\x81"); /* ▁, as SentencePiece writes one */
        else if (bad || c < 0x20 || c == 0x7F)
            vs_buf_printf(&w->key, "<0x%02X>", (unsigned)(unsigned char)key[at]);
        else
            vs_buf_put(&w->key, key + at, i - at);
        changed = changed || blank || bad || c < 0x20 || c == 0x7F;
    }
    if (n == 0) vs_buf_puts(&w->key, "<empty>");
    w->mended += changed;
}

vs_status vs_words_writer_put(vs_err *err, vs_words_writer *w, const char *key, size_t n, const float *vec) {
    half *h = &w->file[0], *list = &w->file[w->files - 1];
    if (w->done == w->rows) return vs_fail(err, VS_E_STATE, "%s: more than the %zu rows that were said", h->path, w->rows);
    mend(w, key, n);
    vs_buf_put(&list->held, w->key.s ? w->key.s : "", w->key.len);
    if (w->kind->npy) vs_buf_putc(&list->held, '\n');
    if (w->kind->binary) {
        if (!w->kind->npy) vs_buf_putc(&h->held, ' ');
        vs_buf_put(&h->held, (const char *)vec, w->dim * sizeof *vec); /* little-endian, as this machine is */
    } else {
        for (size_t i = 0; i < w->dim; i++) vs_buf_printf(&h->held, " %.9g", (double)vec[i]);
    }
    if (!w->kind->npy) vs_buf_putc(&h->held, '\n');
    w->done++;
    for (size_t f = 0; f < w->files; f++)
        if (w->key.failed || w->file[f].held.failed || w->file[f].held.len > BUFFER) VS_TRY(flush(err, &w->file[f]));
    return w->key.failed ? vs_fail(err, VS_E_NOMEM, "%s: no memory for a key", h->path) : VS_OK;
}

static void close_half(half *h, bool keep) {
    if (h->fd >= 0) close(h->fd);
    if (h->part && h->fd >= 0 && !keep) (void)unlink(h->part);
    vs_free(h->path);
    vs_free(h->part);
    vs_buf_free(&h->held);
}

static void release(vs_words_writer *w, bool keep) {
    for (size_t f = 0; f < w->files; f++) close_half(&w->file[f], keep);
    vs_buf_free(&w->key);
    vs_free(w);
}

vs_status vs_words_writer_commit(vs_err *err, vs_words_writer *w, size_t *mended) {
    vs_status s = w->done == w->rows ? VS_OK : vs_fail(err, VS_E_STATE, "%s: %zu rows of %zu were put", w->file[0].path, w->done, w->rows);
    for (size_t f = 0; s == VS_OK && f < w->files; f++) s = flush(err, &w->file[f]);
    for (size_t f = w->files; s == VS_OK && f-- > 0;) /* the words first: an npy without them is no space */
        if (rename(w->file[f].part, w->file[f].path) != 0) s = vs_fail(err, VS_E_IO, "%s: cannot rename: %s", w->file[f].part, strerror(errno));
    if (mended) *mended = w->mended;
    release(w, s == VS_OK);
    return s;
}

void vs_words_writer_abort(vs_words_writer *w) {
    if (w) release(w, false);
}
