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

/* Character `at` of s (NULL beyond its end): its bytes and how many. */
static const char *character(const char *s, int at, size_t *len) {
    size_t n = strlen(s), i = 0, from = 0;
    for (int k = 0; k <= at; k++) {
        if (i >= n) return NULL;
        from = i;
        vs_utf8_next(s, n, &i, NULL);
    }
    *len = i - from;
    return s + from;
}

/* Column labels: on one line where all are narrow enough, else downwards, a character a line, resting on the matrix. */
static void labels_across(const vs_item *m, int left, int cell, vs_buf *b) {
    int tallest = 1;
    for (size_t c = 0; c < m->n_values_cols; c++)
        if (width_of(m->col_labels[c]) > tallest) tallest = width_of(m->col_labels[c]);
    bool flat = tallest < cell;
    int lines = flat ? 1 : tallest > LABEL_MAX ? LABEL_MAX : tallest;
    for (int line = 0; line < lines; line++) {
        size_t start = b->len;
        pad(b, left);
        for (size_t c = 0; c < m->n_values_cols; c++) {
            const char *s = m->col_labels[c];
            int w = width_of(s), skip = lines - (w > lines ? lines : w);
            size_t len = strlen(s);
            const char *ch = flat ? s : line >= skip ? character(s, line - skip, &len) : NULL;
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

void vs_heat(const vs_item *m, const vs_look *look, vs_buf *b) {
    int left = 0;
    for (size_t r = 0; m->row_labels && r < m->rows; r++)
        if (width_of(m->row_labels[r]) > left) left = width_of(m->row_labels[r]);
    left += 4;
    int cell = m->n_values_cols && (look->width - left) / (int)m->n_values_cols >= 3 ? 3 : 2;
    if (m->col_labels) labels_across(m, left, cell, b);
    for (size_t r = 0; r < m->rows; r++) {
        const char *l = m->row_labels ? m->row_labels[r] : "";
        pad(b, left - 2 - width_of(l));
        vs_buf_puts(b, l);
        pad(b, 2);
        for (size_t c = 0; c < m->n_values_cols; c++)
            one_cell((double)m->values[r * m->n_values_cols + c], top_of(m), look, cell, b);
        vs_buf_putc(b, '\n');
    }
    if (!look->blocks) vs_buf_printf(b, "  (9 is %.3g, . is 0)\n", top_of(m));
}
