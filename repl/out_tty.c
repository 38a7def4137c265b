/* out_tty.c - an answer for a person: aligned tables, bars, headings. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "out.h"

enum { BAR = 12, GAP = 2 };
#define DIM "\033[2m"
#define BOLD "\033[1m"
#define CYAN "\033[36m"
#define RED "\033[31m"
#define OFF "\033[0m"

static void pad(vs_buf *b, int n) {
    while (n-- > 0) vs_buf_putc(b, ' ');
}

/* A token with its blanks visible: a leading blank is part of the piece, and a reader must see it. */
static void token(const char *s, vs_buf *b) {
    for (size_t i = 0, n = strlen(s); i < n;) {
        size_t at = i;
        uint32_t cp = vs_utf8_next(s, n, &i, NULL);
        if (cp == '\n')
            vs_buf_puts(b, "\\n");
        else if (cp == '\t')
            vs_buf_puts(b, "\\t");
        else if (cp == ' ' && at == 0)
            vs_buf_puts(b, "·");
        else if (cp < 0x20 || cp == 0x7F || cp == 0xFFFD)
            vs_buf_printf(b, "\\x%02X", (unsigned char)s[at]);
        else
            vs_buf_put(b, s + at, i - at);
    }
}

/* A text in a table: control characters would break the columns, and half a character (a byte piece) the terminal. */
static void plain(const char *s, vs_buf *b) {
    for (size_t i = 0, n = strlen(s); i < n;) {
        size_t at = i;
        uint32_t cp = vs_utf8_next(s, n, &i, NULL);
        if (cp == '\n' || cp == '\t')
            vs_buf_puts(b, cp == '\n' ? "\\n" : "\\t");
        else if (cp == 0xFFFD && i - at < 3)
            vs_buf_printf(b, "\\x%02X", (unsigned char)s[at]);
        else if (cp < 0x20 || cp == 0x7F)
            vs_buf_putc(b, '?');
        else
            vs_buf_put(b, s + at, i - at);
    }
}

static void json_plain(const char *s, vs_buf *b) {
    json_t *j = json_loads(s, JSON_DECODE_ANY, NULL);
    if (!json_is_null(j)) plain(json_is_string(j) ? json_string_value(j) : s, b);
    json_decref(j);
}

static void cell_text(const vs_col *c, vs_cell v, vs_buf *b) {
    vs_buf_clear(b);
    vs_buf_puts(b, "");
    switch (c->type) {
    case VS_COL_TEXT:
        if (v.s) plain(v.s, b);
        break;
    case VS_COL_TOKEN:
        if (v.s) token(v.s, b);
        break;
    case VS_COL_JSON:
        if (v.s) json_plain(v.s, b);
        break;
    case VS_COL_INT: vs_buf_printf(b, "%lld", (long long)v.i); break;
    default:
        if (!isnan(v.r)) vs_buf_printf(b, "%.*f", c->digits, v.r);
    }
}

static bool is_number(vs_col_type t) { return t != VS_COL_TEXT && t != VS_COL_TOKEN && t != VS_COL_JSON; }
static bool is_shown(const vs_col *c) { return !(c->flags & VS_COL_NO_TTY); }
static bool has_bar(const vs_col *c, const vs_look *look) {
    return look->blocks && (c->type == VS_COL_PROB || c->type == VS_COL_SCORE);
}
static const char *heading(const vs_col *c) { return c->head ? c->head : c->name; }

/* |v| in [0,1] as BAR columns, in eighths of a column. */
static void bar(double v, vs_buf *b) {
    static const char *const eighth[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    double x = isnan(v) ? 0 : fmin(fabs(v), 1) * BAR;
    int full = (int)x, part = (int)((x - full) * 8);
    pad(b, GAP);
    vs_buf_puts(b, v < 0 ? RED : CYAN);
    for (int i = 0; i < full; i++) vs_buf_puts(b, "█");
    vs_buf_puts(b, eighth[part]);
    vs_buf_puts(b, OFF);
    pad(b, BAR - full - (part > 0));
}

static void table_head(const vs_item *t, const int *width, const vs_look *look, vs_buf *b) {
    if (look->color) vs_buf_puts(b, DIM);
    for (size_t c = 0; c < t->n_cols; c++) {
        if (!is_shown(&t->cols[c])) continue;
        const char *h = heading(&t->cols[c]);
        int space = width[c] - vs_columns(h, strlen(h));
        pad(b, GAP);
        if (is_number(t->cols[c].type)) pad(b, space);
        vs_buf_puts(b, h);
        if (!is_number(t->cols[c].type)) pad(b, space);
        if (has_bar(&t->cols[c], look)) pad(b, GAP + BAR);
    }
    while (b->len && b->s[b->len - 1] == ' ') b->s[--b->len] = '\0';
    if (look->color) vs_buf_puts(b, OFF);
    vs_buf_putc(b, '\n');
}

/* s[n] cut to `width` columns with an ellipsis; width 0: as it is. */
static void put_cut(vs_buf *b, const char *s, size_t n, int width) {
    if (width < 8 || vs_columns(s, n) <= width) {
        vs_buf_put(b, s, n);
        return;
    }
    size_t i = 0, last = 0;
    while (i < n && vs_columns(s, i) < width) {
        last = i;
        vs_utf8_next(s, n, &i, NULL);
    }
    vs_buf_put(b, s, last);
    vs_buf_puts(b, "…");
}

static void table_row(const vs_item *t, size_t r, const int *width, const vs_look *look, vs_buf *cell, vs_buf *b) {
    int at = 0;
    size_t line = b->len;
    for (size_t c = 0; c < t->n_cols; c++) {
        const vs_col *col = &t->cols[c];
        if (!is_shown(col)) continue;
        vs_cell v = t->cell[r * t->n_cols + c];
        cell_text(col, v, cell);
        int space = width[c] - vs_columns(cell->s, cell->len);
        pad(b, GAP);
        at += GAP;
        if (is_number(col->type)) pad(b, space);
        put_cut(b, cell->s, cell->len, look->cut && c + 1 == t->n_cols ? look->width - at : 0);
        if (!is_number(col->type)) pad(b, space);
        if (has_bar(col, look)) bar(v.r, b);
        at += width[c] + (has_bar(col, look) ? GAP + BAR : 0);
    }
    while (b->len > line && b->s[b->len - 1] == ' ') b->s[--b->len] = '\0';
    vs_buf_putc(b, '\n');
}

static void table(const vs_item *t, const vs_look *look, vs_buf *b) {
    size_t rows = t->n_cols ? t->n_cells / t->n_cols : 0, shown = 0;
    for (size_t c = 0; c < t->n_cols; c++) shown += is_shown(&t->cols[c]);
    if (!shown) return;
    vs_arena a = {0};
    vs_buf cell = {0};
    int *width = vs_arena_alloc(&a, t->n_cols + 1, sizeof *width);
    vs_buf_puts(&cell, "");
    if (!width || cell.failed) {
        b->failed = true;
        vs_arena_free(&a);
        return;
    }
    for (size_t c = 0; c < t->n_cols; c++) {
        width[c] = vs_columns(heading(&t->cols[c]), strlen(heading(&t->cols[c])));
        for (size_t r = 0; r < rows; r++) {
            cell_text(&t->cols[c], t->cell[r * t->n_cols + c], &cell);
            int w = vs_columns(cell.s, cell.len);
            if (w > width[c]) width[c] = w;
        }
    }
    if (rows) table_head(t, width, look, b);
    for (size_t r = 0; r < rows; r++) table_row(t, r, width, look, &cell, b);
    vs_buf_free(&cell);
    vs_arena_free(&a);
}

static void list_text(json_t *list, vs_buf *b) {
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *v = json_array_get(list, i);
        if (i) vs_buf_putc(b, ' ');
        if (json_is_integer(v))
            vs_buf_printf(b, "%lld", (long long)json_integer_value(v));
        else if (json_is_real(v))
            vs_buf_printf(b, "%.6g", json_real_value(v));
        else if (json_is_string(v))
            token(json_string_value(v), b);
    }
}

static void one_field(const vs_item *it, int name_width, const vs_look *look, vs_buf *b) {
    pad(b, GAP);
    if (look->color) vs_buf_puts(b, DIM);
    vs_buf_puts(b, it->name);
    if (look->color) vs_buf_puts(b, OFF);
    pad(b, name_width - vs_columns(it->name, strlen(it->name)) + GAP);
    if (it->list)
        list_text(it->list, b);
    else if (it->is_bool)
        vs_buf_puts(b, it->value.i ? "yes" : "no");
    else if (it->type == VS_COL_INT)
        vs_buf_printf(b, "%lld", (long long)it->value.i);
    else if (it->type == VS_COL_TEXT)
        vs_buf_puts(b, it->value.s);
    else
        vs_buf_printf(b, "%.*f", it->digits, it->value.r);
    vs_buf_putc(b, '\n');
}

static int widest_field(const vs_out *o) {
    int widest = 0;
    for (size_t i = 0; i < o->n; i++) {
        const vs_item *it = &o->item[i];
        int w = vs_columns(it->name, strlen(it->name));
        if (it->kind == VS_ITEM_FIELD && !(it->flags & VS_COL_NO_TTY) && w > widest) widest = w;
    }
    return widest;
}

void vs_show_tty(const vs_out *o, const vs_look *look, vs_buf *b) {
    int name_width = widest_field(o);
    for (size_t i = 0; i < o->n; i++) {
        const vs_item *it = &o->item[i];
        if (it->flags & VS_COL_NO_TTY) continue;
        switch (it->kind) {
        case VS_ITEM_FIELD: one_field(it, name_width, look, b); break;
        case VS_ITEM_TABLE:
            if (vs_item_has(it, VS_COL_NO_TTY)) table(it, look, b);
            break;
        case VS_ITEM_MATRIX: vs_heat(it, look, b); break;
        case VS_ITEM_HEADING:
            if (b->len) vs_buf_putc(b, '\n');
            vs_buf_printf(b, look->color ? BOLD "%s" OFF "\n" : "%s\n", it->text);
            break;
        case VS_ITEM_NOTE:
            plain(it->text, b);
            vs_buf_putc(b, '\n');
            break;
        case VS_ITEM_RAW: vs_buf_put(b, it->text, it->text_len); break;
        }
    }
}
