/* fmt_table.c - word vectors as a matrix in a container (npz, safetensors), its words in the container or in a list beside.
 *
 * The matrix is the tensor called vectors, embeddings, embedding.weight or weight, else the only one of two axes and plain
 * floats.  The words are a tensor of as many rows called keys, words, vocab, tokens or labels: NumPy's texts ('<U12': code
 * points, '|S12': UTF-8), each filled up with zeros. */
#include <string.h>

#include "words.h"

static bool is_header_length(const vs_map *m) { /* of safetensors; as text it would be a huge number */
    uint64_t n = UINT64_MAX;
    if (m->size >= sizeof n) memcpy(&n, m->bytes, sizeof n);
    return n < m->size;
}

static bool probe(const vs_words *w) {
    const vs_map *m = &w->map;
    return vs__format_npz.probe(m->bytes, m->size) || (vs__format_safetensors.probe(m->bytes, m->size) && is_header_length(m));
}

static bool is_matrix(const vs_tensor *t) {
    return t->ndim == 2 && t->shape[0] && (t->dtype == VS_F32 || t->dtype == VS_F16 || t->dtype == VS_BF16 || t->dtype == VS_F64);
}

static const vs_tensor *named(const vs_file *f, const char *const *names) {
    const vs_tensor *t = NULL;
    for (size_t i = 0; !t && names[i]; i++) t = vs_file_find(f, names[i]);
    return t;
}

static vs_status find_matrix(vs_err *err, vs_words *w) {
    static const char *const names[] = {"vectors", "embeddings", "embedding.weight", "embeddings.weight", "weight", NULL};
    const vs_tensor *t = named(w->file, names);
    size_t matrices = 0;
    for (size_t i = 0; !(t && is_matrix(t)) && i < vs_file_tensor_count(w->file); i++)
        if (is_matrix(vs_file_tensor(w->file, i, NULL))) {
            w->matrix = vs_file_tensor(w->file, i, NULL);
            matrices++;
        }
    if (t && is_matrix(t))
        w->matrix = t;
    else if (matrices != 1)
        return vs_fail(err, VS_E_FORMAT, "%s: %zu matrices of floats, none called vectors or embeddings; want one, a row a word (a model is opened by its directory)",
                       w->path, matrices);
    w->rows = w->matrix->shape[0];
    w->dim = w->matrix->shape[1];
    return VS_OK;
}

static vs_status open_table(vs_err *err, vs_words *w) {
    static const char *const names[] = {"keys", "words", "vocab", "tokens", "labels", NULL};
    VS_TRY(vs_file_open_bytes(err, w->path, w->map.bytes, w->map.size, &w->file));
    VS_TRY(find_matrix(err, w));
    w->names = named(w->file, names);
    if (!w->names) {
        VS_TRY(vs__words_need_list(err, w));
        size_t lines = vs__count_lines(&w->list);
        if (lines == w->rows) return VS_OK;
        return vs_fail(err, VS_E_SHAPE, "%s: %zu rows, but the list beside it has %zu words", w->path, w->rows, lines);
    }
    const vs_tensor *k = w->names;
    char text[96];
    if (k->ndim == 2 && k->shape[0] == w->rows && (k->dtype == VS_U32 || k->dtype == VS_U8)) return VS_OK;
    return vs_fail(err, VS_E_SHAPE, "%s: want a text for each of %zu rows, its words are %s %s", w->path, w->rows,
                   vs_dtype_of(k->dtype)->name, vs_shape_text(k->shape, k->ndim, text, sizeof text));
}

/* Text r of the words into w->marked. */
static void take_name(vs_words *w, size_t r) {
    const vs_tensor *k = w->names;
    const unsigned char *p = (const unsigned char *)k->data + r * k->stride[0];
    vs_buf_clear(&w->marked);
    vs_buf_puts(&w->marked, "");
    size_t n = k->shape[1];
    if (k->dtype == VS_U8) {
        while (n && !p[n - 1]) n--;
        vs_buf_put(&w->marked, (const char *)p, n);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        uint32_t cp;
        memcpy(&cp, p + i * sizeof cp, sizeof cp);
        if (!cp) break;
        bool bad = cp > 0x10FFFF || (cp >= 0xD800 && cp < 0xE000);
        vs_buf_put_utf8(&w->marked, bad ? 0xFFFD : cp);
    }
}

static vs_status next_row(vs_err *err, vs_words *w, const char **key, size_t *n) {
    if (w->line == w->rows) {
        w->at = w->total;
        return VS_OK;
    }
    const char *s = w->marked.s;
    size_t r = w->line++;
    if (w->names) {
        take_name(w, r);
        if (w->marked.failed) return vs_fail(err, VS_E_NOMEM, "%s: no memory for a word", w->path);
        s = w->marked.s;
        *n = w->marked.len;
        w->at = (size_t)((double)w->map.size * ((double)w->line / (double)w->rows));
    } else {
        s = vs__take_word(w, n);
        w->at = w->list_at;
    }
    VS_TRY(vs__words_key(err, w, &s, n));
    *key = s;
    return vs_tensor_row_f32(err, w->matrix, r, w->vec);
}

const vs__words_kind vs__words_table = {.name = "table", .probe = probe, .open = open_table, .next = next_row};
