/* write.c - see space.h: a space as a file that others read. */
#include "../base/alloc.h"
#include "../io/format.h"
#include "space.h"

static vs_status put_rows(vs_err *err, const vs_space *s, size_t rows, vs_words_writer *w, const vs_progress *p) {
    enum { POLL = 4096 };
    float *vec = vs_alloc(vs_space_dim(s), sizeof *vec);
    vs_status st = vec ? VS_OK : vs_fail(err, VS_E_NOMEM, "no memory for a vector");
    for (size_t i = 0; st == VS_OK && i < rows; i++) {
        size_t n;
        const char *key = vs_space_key(s, i, &n);
        st = vs_space_row(err, s, i, vec);
        if (st == VS_OK) st = vs_words_writer_put(err, w, key, n, vec);
        if (i % POLL == 0) vs_tick(p, "writing", i, rows);
        if (st == VS_OK && vs_interrupted()) st = vs_fail(err, VS_E_STOPPED, "stopped; nothing is written");
    }
    vs_tick(p, "writing", 1, 1);
    vs_free(vec);
    return st;
}

static vs_status open_writer(vs_err *err, const char *path, const char *format, size_t rows, size_t dim, vs_words_writer **out) {
    if (!format) format = vs_words_format_of(path);
    if (!format)
        return vs_fail(err, VS_E_USAGE, "%s: its name says no format (.bin .vec .txt .npy .npz .tsv); say --as word2vec, word2vec-text, glove, npy, npz or projector", path);
    return vs_words_writer_open(err, path, format, rows, dim, out);
}

vs_status vs_space_may_write(vs_err *err, const char *path, const char *format) {
    vs_words_writer *w;
    VS_TRY(open_writer(err, path, format, 1, 1, &w));
    vs_words_writer_abort(w);
    return VS_OK;
}

vs_status vs_space_write(vs_err *err, const vs_space *s, const char *path, const char *format, size_t rows,
                         const vs_progress *p, size_t *mended) {
    *mended = 0;
    vs_words_writer *w;
    VS_TRY(open_writer(err, path, format, rows, vs_space_dim(s), &w));
    vs_status st = put_rows(err, s, rows, w, p);
    if (st == VS_OK) return vs_words_writer_commit(err, w, mended);
    vs_words_writer_abort(w);
    return st;
}
