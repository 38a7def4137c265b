/* fmt_wordlist.c - word vectors as a NumPy array [words, numbers] and, beside it, a text of one word a line. */
#include <string.h>

#include "words.h"

static bool is_npy(const vs_words *w) { return vs__npy_probe(w->map.bytes, w->map.size); }

static vs_status open_array(vs_err *err, vs_words *w) {
    vs__npy *a = &w->array;
    char shape[96];
    VS_TRY(vs__words_need_list(err, w));
    VS_TRY(vs__npy_read(err, w->path, w->map.bytes, w->map.size, a));
    if (a->ndim != 2 || !a->shape[0] || !a->shape[1])
        return vs_fail(err, VS_E_SHAPE, "%s: want an array [words, numbers], the file has %s", w->path,
                       vs_shape_text(a->shape, a->ndim, shape, sizeof shape));
    if (a->dtype != VS_F32 && a->dtype != VS_F16 && a->dtype != VS_F64)
        return vs_fail(err, VS_E_UNSUPPORTED, "%s: want f16, f32 or f64 numbers, the file has %s", w->path,
                       vs_dtype_of(a->dtype)->name);
    size_t bytes, left = w->map.size - a->head, lines = vs__count_lines(&w->list);
    vs_tensor whole;
    if (vs_tensor_over(err, NULL, a->dtype, 2, a->shape, &whole, &bytes) != VS_OK || bytes != left)
        return vs_fail(err, VS_E_FORMAT, "%s: want the numbers of %s, the file has %zu bytes of them", w->path,
                       vs_shape_text(a->shape, 2, shape, sizeof shape), left);
    if (lines != a->shape[0])
        return vs_fail(err, VS_E_SHAPE, "%s: %zu rows, but the list beside it has %zu words", w->path, a->shape[0],
                       lines);
    w->rows = a->shape[0];
    w->dim = a->shape[1];
    w->bytes = vs_alloc(w->dim, vs_dtype_of(a->dtype)->block_bytes);
    return w->bytes ? VS_OK : vs_fail(err, VS_E_NOMEM, "%s: no memory for a row", w->path);
}

/* Row r of the array into w->bytes.  In Fortran order (GloVe is handed around so) its numbers lie a column apart. */
static void copy_row(vs_words *w, size_t r) {
    const unsigned char *data = w->map.bytes + w->array.head;
    size_t size = vs_dtype_of(w->array.dtype)->block_bytes;
    if (!w->array.fortran) {
        memcpy(w->bytes, data + r * w->dim * size, w->dim * size);
        return;
    }
    for (size_t k = 0; k < w->dim; k++) memcpy(w->bytes + k * size, data + (k * w->rows + r) * size, size);
}

static vs_status next_row(vs_err *err, vs_words *w, const char **key, size_t *n) {
    if (w->line == w->rows) return VS_OK;
    const char *s = vs__take_word(w, n);
    w->at = w->list_at;
    w->line++;
    VS_TRY(vs__words_key(err, w, &s, n));
    *key = s;
    copy_row(w, w->line - 1);
    vs_tensor row;
    VS_TRY(vs_tensor_over(err, w->bytes, w->array.dtype, 1, &w->dim, &row, NULL));
    return vs_tensor_row_f32(err, &row, 0, w->vec);
}

const vs__words_kind vs__words_wordlist = {.name = "wordlist", .probe = is_npy, .open = open_array, .next = next_row};
