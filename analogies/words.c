/* words.c - see words.h. */
#include "words.h"

#include <string.h>

/* Whether a value is a row of its space as it is, and which. */
static vs_status own_row(vs_err *err, vs_word_value *w) {
    w->row = SIZE_MAX;
    if (!w->v.space || w->v.n_rows != 1) return VS_OK;
    float *row = vs_alloc(w->v.dim, sizeof *row);
    if (!row) return vs_fail(err, VS_E_NOMEM, "no memory for a vector");
    vs_status st = vs_space_row(err, w->v.space, w->v.rows[0], row);
    if (st == VS_OK && !memcmp(row, w->v.vec, w->v.dim * sizeof *row)) w->row = w->v.rows[0];
    vs_free(row);
    return st;
}

static vs_status evaluate(vs_err *err, vs_session *s, const char *const *text, size_t n, bool search, vs_word_value *out,
                          vs_space **where, vs_out *o) {
    *where = NULL;
    for (size_t i = 0; i < n; i++) out[i] = (vs_word_value){.text = text[i], .row = SIZE_MAX};
    for (size_t i = 0; i < n; i++) {
        VS_TRY(vs_session_eval(err, s, text[i], strlen(text[i]), &out[i].v));
        vs_say_notes(o, &out[i].v);
        if (!*where) *where = out[i].v.space;
    }
    vs_space *current = vs_session_space(s);
    if (!*where && current && (search || vs_space_dim(current) == out[0].v.dim)) *where = current;
    if (search && !*where) return vs_fail(err, VS_E_STATE, "no space is open");
    size_t dim = search ? vs_space_dim(*where) : out[0].v.dim;
    for (size_t i = 0; i < n; i++) {
        if (out[i].v.dim != dim)
            return vs_fail(err, VS_E_SHAPE, "%s has %zu numbers, %s has %zu; vectors of one width are wanted", text[i],
                           out[i].v.dim, search ? vs_space_name(*where) : text[0], dim);
        if (out[i].v.space && out[i].v.space == *where) VS_TRY(own_row(err, &out[i]));
    }
    return VS_OK;
}

vs_status vs_words_eval(vs_err *err, vs_session *s, const char *const *text, size_t n, vs_word_value *out,
                        vs_space **where, vs_out *o) {
    return evaluate(err, s, text, n, true, out, where, o);
}

vs_status vs_words_eval_any(vs_err *err, vs_session *s, const char *const *text, size_t n, vs_word_value *out,
                            vs_space **where, vs_out *o) {
    return evaluate(err, s, text, n, false, out, where, o);
}

void vs_words_free(vs_word_value *w, size_t n) {
    for (size_t i = 0; i < n; i++) vs_value_free(&w[i].v);
}

size_t vs_words_skip(const vs_word_value *w, size_t n, size_t skip[VS_WORDS_SKIP]) {
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t r = 0; r < w[i].v.n_rows && w[i].row == SIZE_MAX && count < VS_WORDS_SKIP; r++) {
            bool itself = false; /* one of the others is that row */
            for (size_t k = 0; k < n; k++) itself = itself || w[k].row == w[i].v.rows[r];
            if (!itself) skip[count++] = w[i].v.rows[r];
        }
    return count;
}

void vs_cell_key(vs_out *o, const vs_space *s, size_t row) {
    size_t len;
    const char *key = vs_space_key(s, row, &len);
    vs_buf b = {0};
    vs_buf_put(&b, key, len);
    vs_out_cell_text(o, b.s ? b.s : "");
    vs_buf_free(&b);
}

void vs_put_key(vs_buf *b, const vs_space *s, size_t row) {
    size_t len;
    const char *key = vs_space_key(s, row, &len);
    size_t blank = len > 1 && key[0] == ' ';
    vs_buf_put(b, key + blank, len - blank);
}

void vs_cell_word(vs_out *o, const char *text) {
    size_t n = strlen(text);
    bool quoted = n > 2 && text[0] == '"' && strchr(text + 1, '"') == text + n - 1;
    vs_buf b = {0};
    vs_buf_put(&b, text + quoted, n - 2 * quoted);
    vs_out_cell_text(o, b.s ? b.s : "");
    vs_buf_free(&b);
}

/* The column of x on a line from..to; -1 and width beyond its ends. */
static int column(double x, double from, double to, int width) {
    if (!(x >= from)) return -1;
    if (x > to) return width;
    return to > from ? (int)((x - from) / (to - from) * (width - 1) + 0.5) : 0;
}

void vs_cell_track(vs_out *o, double x, double from, double to, int width, const double *tick, size_t n) {
    vs_buf b = {0};
    int at = column(x, from, to, width);
    for (int c = 0; c < width; c++) {
        bool ticked = false;
        for (size_t i = 0; i < n; i++) ticked = ticked || column(tick[i], from, to, width) == c;
        vs_buf_puts(&b, c == at ? "●" : at < 0 && c == 0 ? "◀" : at == width && c == at - 1 ? "▶" : ticked ? "┼" : "─");
    }
    vs_out_cell_text(o, b.s ? b.s : "");
    vs_buf_free(&b);
}

vs_status vs_count_opt(vs_err *err, vs_session *s, const vs_args *a, size_t *k) {
    int64_t given = vs_has(a, "k") ? vs_int(a, "k") : vs_session_settings(s)->k;
    if (given < 1) return vs_fail(err, VS_E_USAGE, "-k wants a number from 1, not %lld", (long long)given);
    *k = (size_t)given;
    return VS_OK;
}

vs_status vs_vector_name(vs_err *err, const char *text, const char **out) {
    const char *name = *out = text + (text[0] == '$');
    bool right = *name && !(*name >= '0' && *name <= '9');
    for (const char *p = name; *p; p++)
        right = right && (*p == '_' || (*p >= '0' && *p <= '9') || ((*p | 32) >= 'a' && (*p | 32) <= 'z') ||
                          (unsigned char)*p >= 0x80);
    return right ? VS_OK
                 : vs_fail(err, VS_E_USAGE, "a name has letters, digits and _, no digit first: not %.60s", text);
}
