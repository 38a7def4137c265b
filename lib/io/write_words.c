/* write_words.c - word vectors into the files that others read: word2vec, GloVe, an npy with its list of words. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../base/alloc.h"
#include "format.h"
#include "npy.h"
#include "writer.h"

enum { BUFFER = 256 * 1024 };

/* What a format is: numbers as bytes or as text, a line "ROWS DIM" on top, the words in a file of their own, both in a zip. */
typedef enum layout { PLAIN, LIST, ZIP } layout;
static const struct words_kind {
    const char *name, *end; /* end: of the names of such files */
    bool binary, header;
    layout layout;
    const char *list_end; /* LIST: what stands for `end` in the name of the words' file */
} kinds[] = {{"word2vec", ".bin", true, true, PLAIN, NULL},
             {"word2vec-text", ".vec", false, true, PLAIN, NULL},
             {"glove", ".txt", false, false, PLAIN, NULL},
             {"npy", ".npy", true, false, LIST, ".words.txt"},
             {"npz", ".npz", true, false, ZIP, NULL},
             {"projector", ".tsv", false, false, LIST, ".metadata.tsv"}};
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
    half file[2]; /* the vectors; LIST: the words */
    size_t files, rows, dim, done, mended;
    vs_buf key;
    vs_writer *zip;  /* ZIP: that writes both, */
    vs_buf words;    /* and the words till then, a line each */
    size_t longest;  /* of them, in code points */
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
    const char *end = w->kind->end;
    if (!ends_with(path, end)) return vs_fail(err, VS_E_USAGE, "%s: such a file is called NAME%s", path, end);
    vs_buf list = {0};
    vs_buf_put(&list, path, strlen(path) - strlen(end));
    vs_buf_puts(&list, w->kind->list_end);
    vs_status s = list.failed ? vs_fail(err, VS_E_NOMEM, "%s: no memory to write it", path) : begin(err, w, list.s);
    vs_buf_free(&list);
    return s;
}

/* The words come last: how wide their array is, is known with the last of them. */
static vs_status begin_zip(vs_err *err, vs_words_writer *w, const char *path) {
    VS_TRY(vs_writer_open(err, path, "npz", &w->zip));
    VS_TRY(vs_writer_declare(err, w->zip, "vectors", VS_F32, 2, (size_t[]){w->rows, w->dim}));
    return vs_writer_declare(err, w->zip, "keys", VS_U32, 2, (size_t[]){w->rows, 1});
}

static vs_status begin_files(vs_err *err, vs_words_writer *w, const char *path) {
    if (w->kind->layout == ZIP) return begin_zip(err, w, path);
    VS_TRY(begin(err, w, path));
    if (w->kind->layout == LIST) VS_TRY(begin_list(err, w, path));
    if (w->kind->layout == LIST && w->kind->binary)
        VS_TRY(vs__npy_write(err, path, VS_F32, 2, (size_t[]){w->rows, w->dim}, false, &w->file[0].held));
    if (w->kind->header) vs_buf_printf(&w->file[0].held, "%zu %zu\n", w->rows, w->dim);
    return VS_OK;
}

vs_status vs_words_writer_open(vs_err *err, const char *path, const char *format, size_t rows, size_t dim, vs_words_writer **out) {
    *out = NULL;
    size_t k = 0;
    while (k < KINDS && strcmp(kinds[k].name, format) != 0) k++;
    if (k == KINDS) return vs_fail(err, VS_E_UNSUPPORTED, "%s: %s is not written; there are word2vec word2vec-text glove npy npz projector", path, format);
    if (!rows || !dim) return vs_fail(err, VS_E_SHAPE, "%s: there is no vector to write", path);
    vs_words_writer *w = vs_zalloc(1, sizeof *w);
    if (!w) return vs_fail(err, VS_E_NOMEM, "%s: no memory to write it", path);
    *w = (vs_words_writer){.kind = &kinds[k], .rows = rows, .dim = dim};
    vs_status s = begin_files(err, w, path);
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
        bool blank = c == ' ' && w->kind->layout == PLAIN;
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

/* One row of a zip: the vector now, its word when all are known. */
static vs_status put_zipped(vs_err *err, vs_words_writer *w, const float *vec) {
    size_t points = 0;
    for (size_t i = 0; i < w->key.len; i++) points += ((unsigned char)w->key.s[i] & 0xC0) != 0x80;
    if (points > w->longest) w->longest = points;
    vs_buf_put(&w->words, w->key.s ? w->key.s : "", w->key.len);
    vs_buf_putc(&w->words, '\n');
    if (w->key.failed || w->words.failed) return vs_fail(err, VS_E_NOMEM, "no memory for a key");
    if (++w->done == w->rows) VS_TRY(vs__writer_text(err, w->zip, w->longest));
    return vs_writer_put(err, w->zip, vec, w->dim * sizeof *vec);
}

static vs_status put_words(vs_err *err, vs_words_writer *w) {
    uint32_t *wide = vs_zalloc(w->longest, sizeof *wide);
    if (!wide) return vs_fail(err, VS_E_NOMEM, "no memory for a key");
    vs_status s = VS_OK;
    for (size_t at = 0; s == VS_OK && at < w->words.len; at++) {
        size_t n = 0;
        while (w->words.s[at] != '\n') wide[n++] = vs_utf8_next(w->words.s, w->words.len, &at, NULL);
        while (n < w->longest) wide[n++] = 0;
        s = vs_writer_put(err, w->zip, wide, w->longest * sizeof *wide);
    }
    vs_free(wide);
    return s;
}

/* x as the shortest decimal of at most nine digits that is read back as x: m / 10^k for the least k, where that is exact
 * enough to be known (both are doubles, so the quotient is rounded once; vs__parse_float() has the same argument), else
 * nine digits, which do for any float. */
static void put_float(vs_buf *b, float x) {
    static const double power[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12};
    enum { MOST = sizeof power / sizeof *power };
    static const double least = 1e-5, digits = 999999999;
    double d = fabs((double)x);
    for (int k = 0; k < MOST && d >= least; k++) {
        double m = nearbyint(d * power[k]), back = m / power[k];
        if (m > digits) break;
        uint64_t bits;
        memcpy(&bits, &back, sizeof bits);
        if ((double)(float)back != d || (bits & 0x1FFFFFFF) == 0x10000000) continue; /* half-way between two floats: not known */
        char s[32], *p = s + sizeof s;
        uint32_t v = (uint32_t)m;
        for (int i = 0; i < k; i++, v /= 10) *--p = (char)('0' + v % 10);
        if (k) *--p = '.';
        do *--p = (char)('0' + v % 10);
        while (v /= 10);
        if (x < 0) *--p = '-';
        vs_buf_put(b, p, (size_t)(s + sizeof s - p));
        return;
    }
    vs_buf_printf(b, "%.9g", (double)x);
}

static void put_text(const vs_words_writer *w, vs_buf *b, const float *vec) {
    bool table = w->kind->layout == LIST; /* tabs between numbers, and nothing before them */
    for (size_t i = 0; i < w->dim; i++) {
        if (!table || i) vs_buf_putc(b, table ? '\t' : ' ');
        put_float(b, vec[i]);
    }
}

vs_status vs_words_writer_put(vs_err *err, vs_words_writer *w, const char *key, size_t n, const float *vec) {
    const char *path = w->files ? w->file[0].path : "npz";
    if (w->done == w->rows) return vs_fail(err, VS_E_STATE, "%s: more than the %zu rows that were said", path, w->rows);
    mend(w, key, n);
    if (w->zip) return put_zipped(err, w, vec);
    half *h = &w->file[0], *list = &w->file[w->files - 1];
    bool own = w->kind->layout == LIST;
    vs_buf_put(&list->held, w->key.s ? w->key.s : "", w->key.len);
    if (own) vs_buf_putc(&list->held, '\n');
    if (!w->kind->binary) {
        put_text(w, &h->held, vec);
    } else {
        if (!own) vs_buf_putc(&h->held, ' ');
        vs_buf_put(&h->held, (const char *)vec, w->dim * sizeof *vec); /* little-endian, as this machine is */
    }
    if (!own || !w->kind->binary) vs_buf_putc(&h->held, '\n');
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
    vs_writer_abort(w->zip); /* NULL where there is none, or no more */
    vs_buf_free(&w->words);
    vs_buf_free(&w->key);
    vs_free(w);
}

vs_status vs_words_writer_commit(vs_err *err, vs_words_writer *w, size_t *mended) {
    vs_status s = w->done == w->rows ? VS_OK
                                     : vs_fail(err, VS_E_STATE, "%s: %zu rows of %zu were put", w->files ? w->file[0].path : "npz",
                                               w->done, w->rows);
    if (s == VS_OK && w->zip) {
        s = put_words(err, w);
        if (s == VS_OK) {
            s = vs_writer_commit(err, w->zip);
            w->zip = NULL; /* gone in any case */
        }
    }
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
