/* heat.c - a matrix as a heatmap: coloured cells in a terminal, digits elsewhere. */
#include <math.h>
#include <string.h>

#include "out.h"

/* Ramps through the 256-colour cube, dark to light, of even steps in lightness: blue for positive, red for negative. */
static const unsigned char up[] = {16, 17, 18, 19, 20, 26, 32, 38, 44, 50, 86, 123, 159, 195, 231};
static const unsigned char down[] = {16, 52, 88, 124, 160, 166, 172, 178, 214, 220, 221, 222, 223, 224, 230};
enum { RAMP = sizeof up, LABEL_MAX = 12 };

static int width_of(const char *s) { return vs_columns(s, strlen(s)); }

static void pad(vs_buf *b, int n) {
    while (n-- > 0) vs_buf_putc(b, ' ');
}

size_t vs_cluster_end(const char *s, size_t n, size_t i) {
    vs_utf8_next(s, n, &i, NULL);
    for (size_t next = i; i < n; i = next) {
        vs_utf8_next(s, n, &next, NULL);
        if (vs_columns(s + i, next - i) > 0) break;
    }
    return i;
}

static int clusters(const char *s) {
    int k = 0;
    for (size_t i = 0, n = strlen(s); i < n; i = vs_cluster_end(s, n, i)) k++;
    return k;
}

/* Cluster `at` of s (NULL beyond its end): its bytes and how many. */
static const char *cluster(const char *s, int at, size_t *len) {
    size_t n = strlen(s), i = 0;
    while (at-- > 0 && i < n) i = vs_cluster_end(s, n, i);
    *len = i < n ? vs_cluster_end(s, n, i) - i : 0;
    return i < n ? s + i : NULL;
}

/* Labels of columns from..to: on one line where all are narrow enough, else downwards, a character a line, resting on
 * the matrix. */
static void labels_across(const char *const *label, size_t from, size_t to, int left, int cell, vs_buf *b) {
    int tallest = 1;
    bool flat = true;
    for (size_t c = from; c < to; c++) {
        if (clusters(label[c]) > tallest) tallest = clusters(label[c]);
        flat = flat && width_of(label[c]) < cell;
    }
    int lines = flat ? 1 : tallest > LABEL_MAX ? LABEL_MAX : tallest;
    for (int line = 0; line < lines; line++) {
        size_t start = b->len;
        pad(b, left);
        for (size_t c = from; c < to; c++) {
            const char *s = label[c];
            int k = clusters(s), skip = k > lines ? 0 : lines - k;
            size_t len = strlen(s);
            const char *ch = flat ? s : line >= skip ? cluster(s, line - skip, &len) : NULL;
            pad(b, cell - (ch ? vs_columns(ch, len) : 0));
            if (ch) vs_buf_put(b, ch, len);
        }
        while (b->len > start && b->s[b->len - 1] == ' ') b->s[--b->len] = '\0';
        vs_buf_putc(b, '\n');
    }
}

static double top_of(const vs_item *m) {
    double top = fmax(fabs(m->hi), fabs(m->lo));
    return top > 0 ? top : 1;
}

static void one_cell(double v, double top, const vs_look *look, int cell, vs_buf *b) {
    double x = isnan(v) ? 0 : fmin(fabs(v) / top, 1);
    if (isnan(v)) {
        pad(b, cell);
    } else if (look->blocks) {
        vs_buf_printf(b, "\033[48;5;%dm%*s\033[0m", (v < 0 ? down : up)[(int)(x * (RAMP - 1) + 0.5)], cell, "");
    } else {
        int digit = (int)(x * 9 + 0.5);
        pad(b, cell - 2);
        vs_buf_putc(b, v < 0 && digit ? '-' : ' ');
        vs_buf_putc(b, digit ? (char)('0' + digit) : '.');
    }
}

/* What the colours, or the digits, stand for. */
static void legend(const vs_item *m, const vs_look *look, vs_buf *b) {
    double top = top_of(m);
    if (!look->blocks) {
        vs_buf_printf(b, "  (9 is %.3g, . is 0)\n", top);
        return;
    }
    vs_buf_puts(b, "  ");
    if (m->lo < 0) {
        vs_buf_printf(b, "%.3g ", -top);
        for (int i = RAMP - 1; i > 0; i--) one_cell(-top * i / (RAMP - 1), top, look, 1, b);
    } else {
        vs_buf_puts(b, "0 ");
    }
    for (int i = 0; i < RAMP; i++) one_cell(top * i / (RAMP - 1), top, look, 1, b);
    vs_buf_printf(b, " %.3g\n", top);
}

/* The labels as a person sees them, in the arena; NULL: there are none, or no memory. */
static const char **visible(const char *const *label, size_t n, vs_arena *a, vs_buf *b) {
    const char **out = label ? vs_arena_alloc(a, n + 1, sizeof *out) : NULL;
    vs_buf one = {0};
    for (size_t i = 0; out && i < n; i++) {
        vs_buf_clear(&one);
        vs_put_visible(&one, label[i], false);
        out[i] = vs_arena_strndup(a, one.s ? one.s : "", one.len);
        b->failed |= one.failed || !out[i];
        if (!out[i]) out[i] = "";
    }
    b->failed |= label && !out;
    vs_buf_free(&one);
    return out;
}

void vs_heat(const vs_item *m, const vs_look *look, vs_buf *b) {
    vs_arena a = {0};
    const char **row = visible(m->row_labels, m->rows, &a, b);
    const char **col = visible(m->col_labels, m->n_values_cols, &a, b);
    int left = 0;
    for (size_t r = 0; row && r < m->rows; r++)
        if (width_of(row[r]) > left) left = width_of(row[r]);
    left += 4;
    int room = look->width - left, n = (int)m->n_values_cols, cell = n && room / n >= 3 ? 3 : 2;
    /* what is wider than the terminal comes in parts, one below the other */
    size_t part = look->cut && room / cell >= 4 ? (size_t)(room / cell) : m->n_values_cols;
    for (size_t from = 0, to; from < m->n_values_cols; from = to) {
        to = from + part < m->n_values_cols ? from + part : m->n_values_cols;
        if (from) vs_buf_putc(b, '\n');
        if (col) labels_across(col, from, to, left, cell, b);
        for (size_t r = 0; r < m->rows; r++) {
            const char *l = row ? row[r] : "";
            pad(b, left - 2 - width_of(l));
            vs_buf_puts(b, l);
            pad(b, 2);
            for (size_t c = from; c < to; c++)
                one_cell((double)m->values[r * m->n_values_cols + c], top_of(m), look, cell, b);
            while (b->len && b->s[b->len - 1] == ' ') b->s[--b->len] = '\0'; /* a row whose end is blank */
            vs_buf_putc(b, '\n');
        }
    }
    legend(m, look, b);
    vs_arena_free(&a);
}
