/* bag.c - see bag.h. */
#include "bag.h"

#include <math.h>
#include <string.h>

#include "../base/alloc.h"
#include "../numeric/transport.h"
#include "expr_lex.h"
#include "space_impl.h"

static vs_status no_memory(vs_err *err) { return vs_fail(err, VS_E_NOMEM, "no memory for the words of a text"); }

void vs_bag_free(vs_bag *b) {
    vs_free(b->row);
    vs_free(b->count);
    vs_buf_free(&b->missing);
    *b = (vs_bag){0};
}

static vs_status add(vs_err *err, vs_bag *b, size_t *cap, size_t row) {
    b->words++;
    for (size_t i = 0; i < b->n; i++)
        if (b->row[i] == row) {
            b->count[i]++;
            return VS_OK;
        }
    if (b->n == *cap) {
        size_t more = *cap ? 2 * *cap : 16;
        size_t *rows = vs_grow(b->row, b->n, more, sizeof *rows);
        if (rows) b->row = rows;
        double *counts = vs_grow(b->count, b->n, more, sizeof *counts);
        if (counts) b->count = counts;
        if (!rows || !counts) return no_memory(err);
        *cap = more;
    }
    b->row[b->n] = row;
    b->count[b->n++] = 1;
    return VS_OK;
}

static bool is_mark(char c) { /* of ASCII's punctuation; letters of other scripts begin above it */
    return (unsigned char)c < 0x80 && !((c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z'));
}

/* The row of a word, or of what is inside its marks: (Hello,") is hello. */
static bool find_word(const vs_space *s, const char *word, size_t n, size_t *row) {
    if (vs__space_find_cased(s, word, n, row)) return true;
    size_t from = 0;
    while (from < n && is_mark(word[from])) from++;
    while (n > from && is_mark(word[n - 1])) n--;
    return n > from && vs__space_find_cased(s, word + from, n - from, row);
}

static vs_status words(vs_err *err, const vs_space *s, const char *text, size_t n, vs_bag *out) {
    size_t cap = 0;
    for (size_t i = 0; i < n;) {
        while (i < n && vs__is_blank(text[i])) i++;
        size_t from = i, row;
        while (i < n && !vs__is_blank(text[i])) i++;
        if (i == from) break;
        if (find_word(s, text + from, i - from, &row)) {
            VS_TRY(add(err, out, &cap, row));
            continue;
        }
        out->unknown++;
        if (out->missing.len) vs_buf_putc(&out->missing, ' ');
        vs_buf_put(&out->missing, text + from, i - from);
    }
    return out->missing.failed ? no_memory(err) : VS_OK;
}

static vs_status pieces(vs_err *err, const vs_space *s, const char *text, size_t n, vs_bag *out) {
    vs_buf spaced = {0}; /* the first word like the others */
    if (s->keys.pieces && n && !vs__is_blank(text[0])) vs_buf_putc(&spaced, ' ');
    vs_buf_put(&spaced, text, n);
    size_t *rows = vs_alloc(spaced.len, sizeof *rows), cap = 0; /* a piece has a byte at least */
    vs_status st = rows && !spaced.failed ? VS_OK : no_memory(err);
    size_t count = st == VS_OK && spaced.len ? s->keys.split(s->keys.self, spaced.s, spaced.len, rows, spaced.len) : 0;
    for (size_t i = 0; i < count && i < spaced.len && st == VS_OK; i++)
        if (rows[i] < s->n) st = add(err, out, &cap, rows[i]);
    vs_free(rows);
    vs_buf_free(&spaced);
    return st;
}

vs_status vs_bag_of(vs_err *err, const vs_space *s, const char *text, size_t n, vs_bag *out) {
    *out = (vs_bag){0};
    vs_status st = s->keys.split ? pieces(err, s, text, n, out) : words(err, s, text, n, out);
    if (st != VS_OK) vs_bag_free(out);
    return st;
}

vs_status vs_bag_of_phrase(vs_err *err, const vs_space *s, const char *text, size_t n, vs_bag *out) {
    *out = (vs_bag){0};
    while (n && vs__is_blank(text[0])) text++, n--;
    while (n && vs__is_blank(text[n - 1])) n--;
    char *joined = vs_strndup(text, n);
    if (!joined) return no_memory(err);
    size_t row, cap = 0;
    bool found = n && vs__space_find_cased(s, text, n, &row);
    for (const char *mark = "_-"; *mark && n && !found; mark++) {
        for (size_t i = 0; i < n; i++) joined[i] = vs__is_blank(text[i]) ? *mark : text[i];
        found = vs__space_find_cased(s, joined, n, &row);
    }
    vs_free(joined);
    if (!found) return vs_bag_of(err, s, text, n, out);
    vs_status st = add(err, out, &cap, row);
    if (st != VS_OK) vs_bag_free(out);
    return st;
}

/* The rows of a bag over their norms, [n,d]. */
static vs_status unit_rows(vs_err *err, const vs_space *s, const vs_bag *b, float **out) {
    size_t d = s->d, cells;
    float *x = *out = vs_mul(b->n, d, &cells) ? vs_alloc(cells, sizeof *x) : NULL;
    if (!x) return no_memory(err);
    for (size_t i = 0; i < b->n; i++, x += d) {
        VS_TRY(vs_space_row(err, s, b->row[i], x));
        double square = 0;
        for (size_t j = 0; j < d; j++) square += (double)x[j] * (double)x[j];
        size_t len;
        const char *key = vs_space_key(s, b->row[i], &len);
        if (!(square > 0) || !isfinite(square))
            return vs_fail(err, VS_E_NUMERIC, "%s: the vector of %.*s has no direction", s->name,
                           (int)(len < 60 ? len : 60), key);
        for (size_t j = 0; j < d; j++) x[j] = (float)((double)x[j] / sqrt(square));
    }
    return VS_OK;
}

vs_status vs_word_movers(vs_err *err, const vs_space *s, const vs_bag *a, const vs_bag *b, double *flow, double *far,
                         double *distance) {
    if (!a->n || !b->n)
        return vs_fail(err, VS_E_RANGE, "%s has no word of the %s text", s->name, a->n ? "second" : "first");
    float *x = NULL, *y = NULL;
    double *supply = vs_alloc(a->n, sizeof *supply), *demand = vs_alloc(b->n, sizeof *demand),
           all = (double)a->words * (double)b->words;
    vs_status st = supply && demand ? VS_OK : no_memory(err);
    if (st == VS_OK) st = unit_rows(err, s, a, &x);
    if (st == VS_OK) st = unit_rows(err, s, b, &y);
    for (size_t i = 0; i < a->n && st == VS_OK; i++)
        for (size_t j = 0; j < b->n; j++) {
            double square = 0;
            for (size_t k = 0; k < s->d; k++) {
                double apart = (double)x[i * s->d + k] - (double)y[j * s->d + k];
                square += apart * apart;
            }
            far[i * b->n + j] = sqrt(square);
        }
    if (st == VS_OK) { /* in parts of 1 / (words words): whole numbers, which nothing is lost of */
        for (size_t i = 0; i < a->n; i++) supply[i] = a->count[i] * (double)b->words;
        for (size_t j = 0; j < b->n; j++) demand[j] = b->count[j] * (double)a->words;
        st = vs_transport(err, supply, a->n, demand, b->n, far, flow, distance);
    }
    if (st == VS_OK) {
        for (size_t i = 0; i < a->n * b->n; i++) flow[i] /= all;
        *distance /= all;
    }
    vs_free(supply);
    vs_free(demand);
    vs_free(x);
    vs_free(y);
    return st;
}

vs_status vs_phrase(vs_err *err, const vs_space *s, const vs_bag *b, double a, float *vec, double *weight) {
    if (!b->n) return vs_fail(err, VS_E_RANGE, "%s has no word of the phrase", s->name);
    if (!(a >= 0)) return vs_fail(err, VS_E_RANGE, "a weight of a / (a + p) wants an a from 0, not %g", a);
    double *sum = vs_zalloc(s->d, sizeof *sum), harmonic = 0, weights = 0;
    if (!sum) return no_memory(err);
    for (size_t r = s->n; a > 0 && r > 0; r--) harmonic += 1 / (double)r;
    vs_status st = VS_OK;
    for (size_t i = 0; i < b->n && st == VS_OK; i++) {
        double p = a > 0 ? 1 / ((double)(b->row[i] + 1) * harmonic) : 0, w = a > 0 ? a / (a + p) : 1;
        if (weight) weight[i] = w;
        weights += w * b->count[i];
        st = vs_space_row(err, s, b->row[i], vec);
        for (size_t j = 0; j < s->d && st == VS_OK; j++) sum[j] += w * b->count[i] * (double)vec[j];
    }
    for (size_t j = 0; j < s->d && st == VS_OK; j++) vec[j] = (float)(sum[j] / weights);
    vs_free(sum);
    return st;
}
