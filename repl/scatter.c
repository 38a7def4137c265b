/* scatter.c - points of the plane in the rows of a terminal, words beside them where there is room. */
#include <math.h>
#include <string.h>

#include "out.h"

enum { LABEL_MAX = 16, SPARSE = 150, LEGEND_MAX = 36 };

/* Colours of groups, told apart on dark and light. */
static const unsigned char color[] = {33, 208, 40, 197, 141, 44, 178, 213, 106, 245};

/* One column of one row: a character that lies in the arena, or the second half of a wide one. */
typedef struct spot {
    const char *s;
    unsigned char len;
    bool label, half;
    unsigned short group;
    unsigned count; /* points here */
} spot;

typedef struct canvas {
    int width, height;
    spot *at; /* [height, width] */
    const vs_look *look;
    size_t n_groups;
} canvas;

char vs_group_mark(size_t group) {
    static const char mark[] = "123456789abcdefghijklmnopqrstuvwxyz";
    return group < sizeof mark - 1 ? mark[group] : '+';
}

static spot *spot_at(const canvas *c, int row, int col) { return &c->at[row * c->width + col]; }

/* The range of a coordinate, never empty. */
static void range_of(const vs_scatter *s, bool y, double *low, double *high) {
    *low = INFINITY;
    *high = -INFINITY;
    for (size_t i = 0; i < s->n; i++) {
        double v = y ? s->point[i].y : s->point[i].x;
        if (!isfinite(v)) continue;
        *low = fmin(*low, v);
        *high = fmax(*high, v);
    }
    if (!(*low < *high)) {
        *low = isfinite(*low) ? *low - 1 : -1;
        *high = *low + 2;
    }
}

/* Where a point falls; false where it has no place. */
static bool place(const canvas *c, const vs_point *p, const double x[2], const double y[2], int *row, int *col) {
    if (!isfinite(p->x) || !isfinite(p->y)) return false;
    *col = (int)((p->x - x[0]) / (x[1] - x[0]) * (c->width - 1) + 0.5);
    *row = (int)((y[1] - p->y) / (y[1] - y[0]) * (c->height - 1) + 0.5);
    return true;
}

/* Whether a label of w columns may begin there: with a column at each side it meets no other label and, in a
 * sparse picture, no point. */
static bool is_free(const canvas *c, int row, int col, int w, bool over_points) {
    if (row < 0 || row >= c->height || col < 0 || col + w > c->width) return false;
    for (int k = col - 1; k <= col + w; k++) {
        if (k < 0 || k >= c->width) continue;
        const spot *q = spot_at(c, row, k);
        if (q->label || q->half || (q->count && !over_points)) return false;
    }
    return true;
}

/* A label, and a blank at each side of it where the points are so many that it covers some. */
static void put_label(canvas *c, int row, int col, const char *s, size_t n, size_t group, bool blank) {
    int end_col = col + vs_columns(s, n);
    if (blank && col > 0) spot_at(c, row, col - 1)->count = 0;
    if (blank && end_col < c->width) spot_at(c, row, end_col)->count = 0;
    for (size_t i = 0; i < n;) {
        size_t end = vs_cluster_end(s, n, i);
        int w = vs_columns(s + i, end - i);
        spot *q = spot_at(c, row, col);
        *q = (spot){.s = s + i, .len = (unsigned char)(end - i), .label = true, .group = (unsigned short)group};
        for (int k = 1; k < w; k++) *spot_at(c, row, col + k) = (spot){.half = true, .label = true};
        col += w;
        i = end;
    }
}

/* A label as it is drawn: visible, at most LABEL_MAX columns; its bytes in the arena, NULL: none. */
static const char *drawn(const char *label, vs_arena *a, size_t *len, int *width, vs_buf *b) {
    vs_buf t = {0};
    vs_put_visible(&t, label[0] == ' ' ? label + 1 : label, false);
    size_t end = 0;
    *width = 0;
    while (end < t.len) {
        size_t next = vs_cluster_end(t.s, t.len, end);
        int w = vs_columns(t.s + end, next - end);
        if (*width + w > LABEL_MAX || next - end > 255) break;
        *width += w;
        end = next;
    }
    const char *copy = t.len ? vs_arena_strndup(a, t.s, end) : NULL;
    b->failed |= t.failed || (t.len && !copy);
    vs_buf_free(&t);
    *len = end;
    return *width ? copy : NULL;
}

/* Labels where there is room, of two the earlier; how many found none. */
static size_t labels(canvas *c, const vs_scatter *s, const double x[2], const double y[2], vs_arena *a, vs_buf *b) {
    bool sparse = s->n <= SPARSE;
    size_t left = 0;
    int room = c->width * c->height / 8; /* in a dense picture the points are to be seen too */
    for (size_t i = 0; i < s->n; i++) {
        int row, col, w;
        size_t len;
        if (!s->point[i].label || !place(c, &s->point[i], x, y, &row, &col)) continue;
        const char *text = drawn(s->point[i].label, a, &len, &w, b);
        if (!text) continue;
        const int at[][2] = {{row, col + 2},     {row, col - 1 - w}, {row - 1, col - w / 2}, {row + 1, col - w / 2},
                             {row - 1, col + 1}, {row + 1, col + 1}, {row - 1, col - w},     {row + 1, col - w}};
        size_t k = 0, n = sparse ? sizeof at / sizeof *at : 2;
        while (k < n && !is_free(c, at[k][0], at[k][1], w, !sparse)) k++;
        if (k == n || (!sparse && (room -= w + 2) < 0)) {
            left++;
            continue;
        }
        put_label(c, at[k][0], at[k][1], text, len, s->point[i].group, !sparse);
    }
    return left;
}

static void colored(vs_buf *b, const canvas *c, size_t group, const char *s, size_t n, bool bold) {
    if (c->look->color && c->n_groups)
        vs_buf_printf(b, bold ? "\033[1;38;5;%dm" : "\033[38;5;%dm", color[group % sizeof color]);
    vs_buf_put(b, s, n);
    if (c->look->color && c->n_groups) vs_buf_puts(b, "\033[0m");
}

static void put_mark(vs_buf *b, const canvas *c, const spot *q) {
    static const char *const dots[] = {"·", "•", "●"};
    static const char plain[] = ".oO";
    size_t level = q->count < 2 ? 0 : q->count < 5 ? 1 : 2;
    char mark = c->n_groups ? vs_group_mark(q->group) : plain[level];
    if (c->n_groups || !c->look->blocks)
        colored(b, c, q->group, &mark, 1, false);
    else
        vs_buf_puts(b, dots[level]);
}

static void put_rows(vs_buf *b, const canvas *c) {
    for (int row = 0; row < c->height; row++) {
        size_t start = b->len;
        for (int col = 0; col < c->width; col++) {
            const spot *q = spot_at(c, row, col);
            if (q->half) continue;
            if (q->label)
                colored(b, c, q->group, q->s, q->len, false);
            else if (q->count)
                put_mark(b, c, q);
            else
                vs_buf_putc(b, ' ');
        }
        while (b->len > start && b->s[b->len - 1] == ' ') b->s[--b->len] = '\0';
        vs_buf_putc(b, '\n');
    }
}

static void put_words(vs_buf *b, const vs_scatter *s, const canvas *c, size_t left) {
    for (size_t g = 0; g < s->n_groups && g < LEGEND_MAX; g++) {
        vs_buf one = {0};
        char mark = vs_group_mark(g);
        vs_put_visible(&one, s->group[g], false);
        vs_buf_puts(b, "  ");
        colored(b, c, g, &mark, 1, true);
        vs_buf_printf(b, "  %s\n", one.s ? one.s : "");
        b->failed |= one.failed;
        vs_buf_free(&one);
    }
    if (s->x_axis) vs_buf_printf(b, "  across: %s\n", s->x_axis);
    if (s->y_axis) vs_buf_printf(b, "  up:     %s\n", s->y_axis);
    if (left && s->n <= SPARSE) vs_buf_printf(b, "  %zu point%s without room for a word\n", left, left > 1 ? "s" : "");
}

void vs_scatter_tty(const vs_scatter *s, const vs_look *look, vs_buf *b) {
    int words = (s->title ? 1 : 0) + (s->x_axis ? 1 : 0) + (s->y_axis ? 1 : 0) +
                (int)(s->n_groups < LEGEND_MAX ? s->n_groups : LEGEND_MAX);
    int height = look->height - words - 7; /* what is typed, and what else is said below */
    canvas c = {.width = look->width - 1,
                .height = height < 12   ? 12
                          : height > 40 ? 40
                                        : height,
                .look = look,
                .n_groups = s->n_groups};
    if (c.width < 20) c.width = 20;
    double x[2], y[2];
    vs_arena a = {0};
    c.at = vs_arena_alloc(&a, (size_t)(c.width * c.height), sizeof *c.at);
    if (!c.at) {
        b->failed = true;
        return;
    }
    range_of(s, false, &x[0], &x[1]);
    range_of(s, true, &y[0], &y[1]);
    for (size_t i = 0; i < s->n; i++) {
        int row, col;
        if (!place(&c, &s->point[i], x, y, &row, &col)) continue;
        spot *q = spot_at(&c, row, col);
        if (!q->count++) q->group = (unsigned short)s->point[i].group;
    }
    size_t left = labels(&c, s, x, y, &a, b);
    if (s->title) {
        vs_put_prose(b, s->title, look);
        vs_buf_putc(b, '\n');
    }
    put_rows(b, &c);
    put_words(b, s, &c, left);
    vs_arena_free(&a);
}
