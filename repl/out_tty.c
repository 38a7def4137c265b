/* out_tty.c - an answer for a person: aligned tables, bars, headings. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <utf8proc.h>

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

/* Whether the character cp, at bytes at..next of a text of n, would be seen as nothing, or would move what stands
 * around it: controls, formats, separators of lines; not a joiner between two characters, which makes them one. */
static bool is_unseen(size_t n, size_t at, size_t next, uint32_t cp) {
    utf8proc_category_t c = utf8proc_category((utf8proc_int32_t)cp);
    bool joins = (cp == 0x200C || cp == 0x200D) && at > 0 && next < n;
    return c == UTF8PROC_CATEGORY_CC || c == UTF8PROC_CATEGORY_ZL || c == UTF8PROC_CATEGORY_ZP ||
           (c == UTF8PROC_CATEGORY_CF && !joins);
}

/* A mark that would stand on the character before the text. */
static bool is_mark(uint32_t cp) {
    utf8proc_category_t c = utf8proc_category((utf8proc_int32_t)cp);
    return c == UTF8PROC_CATEGORY_MN || c == UTF8PROC_CATEGORY_ME;
}

void vs_put_visible(vs_buf *b, const char *s, bool piece) {
    size_t n = strlen(s), blanks = strspn(s, " ");
    if (n && blanks == n) piece = true; /* nothing but blanks: a reader must see that, too */
    bool first = true;
    for (size_t i = 0; i < n;) {
        size_t at = i;
        uint32_t cp = vs_utf8_next(s, n, &i, NULL);
        if (cp == '\n' || cp == '\t')
            vs_buf_puts(b, cp == '\n' ? "\\n" : "\\t");
        else if (cp == ' ' && at == 0 && piece)
            vs_buf_puts(b, "·");             /* a leading blank is part of the piece */
        else if (cp == 0xFFFD && i - at < 3) /* half a character: a byte piece */
            vs_buf_printf(b, "\\x%02X", (unsigned char)s[at]);
        else if (is_unseen(n, at, i, cp))
            vs_buf_printf(b, cp < 0x100 ? "\\x%02X" : "\\u%04X", (unsigned)cp);
        else if (first && is_mark(cp)) {
            vs_buf_puts(b, "◌");
            vs_buf_put(b, s + at, i - at);
        } else
            vs_buf_put(b, s + at, i - at);
        first = first && cp == ' ';
    }
}

static void json_plain(const char *s, vs_buf *b) {
    json_t *j = json_loads(s, JSON_DECODE_ANY, NULL);
    if (!json_is_null(j)) vs_put_visible(b, json_is_string(j) ? json_string_value(j) : s, false);
    json_decref(j);
}

static void cell_text(const vs_col *c, vs_cell v, vs_buf *b) {
    vs_buf_clear(b);
    vs_buf_puts(b, "");
    switch (c->type) {
    case VS_COL_TEXT:
        if (v.s) vs_put_visible(b, v.s, false);
        break;
    case VS_COL_TOKEN:
        if (v.s) vs_put_visible(b, v.s, true);
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

/* |v| in [0,1] as `wide` columns, in eighths of a column. */
static void bar(double v, int wide, vs_buf *b) {
    static const char *const eighth[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    double x = isnan(v) ? 0 : fmin(fabs(v), 1) * wide;
    int full = (int)x, part = (int)((x - full) * 8);
    pad(b, GAP);
    vs_buf_puts(b, v < 0 ? RED : CYAN);
    for (int i = 0; i < full; i++) vs_buf_puts(b, "█");
    vs_buf_puts(b, eighth[part]);
    vs_buf_puts(b, OFF);
    pad(b, wide - full - (part > 0));
}

/* How wide a table's columns are, once it fits the terminal. */
typedef struct layout {
    int *width; /* [n_cols] */
    int bar;    /* columns of each bar; 0: none is drawn */
} layout;

/* s[n] cut to `width` columns, an ellipsis at its end. */
static void put_cut(vs_buf *b, const char *s, size_t n, int width) {
    if (vs_columns(s, n) <= width) {
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

/* One cell, its text already made, on its side of the column; then the room of its bar. */
static void put_cell(const vs_col *col, const char *s, size_t n, int width, vs_buf *b) {
    int space = width - vs_columns(s, n);
    pad(b, GAP);
    if (is_number(col->type)) pad(b, space);
    put_cut(b, s, n, width);
    if (!is_number(col->type)) pad(b, space);
}

static void end_line(vs_buf *b, size_t line) {
    while (b->len > line && b->s[b->len - 1] == ' ') b->s[--b->len] = '\0';
}

static void table_head(const vs_item *t, const layout *l, const vs_look *look, vs_buf *b) {
    if (look->color) vs_buf_puts(b, DIM);
    size_t line = b->len;
    for (size_t c = 0; c < t->n_cols; c++) {
        if (!is_shown(&t->cols[c])) continue;
        const char *h = heading(&t->cols[c]);
        put_cell(&t->cols[c], h, strlen(h), l->width[c], b);
        if (l->bar && has_bar(&t->cols[c], look)) pad(b, GAP + l->bar);
    }
    end_line(b, line);
    if (look->color) vs_buf_puts(b, OFF);
    vs_buf_putc(b, '\n');
}

static void table_row(const vs_item *t, size_t r, const layout *l, const vs_look *look, vs_buf *cell, vs_buf *b) {
    size_t line = b->len;
    for (size_t c = 0; c < t->n_cols; c++) {
        const vs_col *col = &t->cols[c];
        if (!is_shown(col)) continue;
        vs_cell v = t->cell[r * t->n_cols + c];
        cell_text(col, v, cell);
        put_cell(col, cell->s, cell->len, l->width[c], b);
        if (l->bar && has_bar(col, look)) bar(v.r, l->bar, b);
    }
    end_line(b, line);
    vs_buf_putc(b, '\n');
}

/* Where a table is wider than the terminal, its bars give way first, then its widest texts. */
static void fit(const vs_item *t, const vs_look *look, layout *l) {
    enum { LEAST_BAR = 4, LEAST_TEXT = 8 };
    int total = 0, bars = 0;
    for (size_t c = 0; c < t->n_cols; c++) {
        if (!is_shown(&t->cols[c])) continue;
        total += GAP + l->width[c];
        bars += has_bar(&t->cols[c], look);
    }
    l->bar = BAR;
    if (!look->cut) return;
    if (bars && total + bars * (GAP + BAR) > look->width) {
        l->bar = (look->width - total) / bars - GAP;
        if (l->bar < LEAST_BAR) l->bar = 0;
    }
    while (total > look->width) {
        size_t widest = t->n_cols;
        for (size_t c = 0; c < t->n_cols; c++)
            if (is_shown(&t->cols[c]) && !is_number(t->cols[c].type) && l->width[c] > LEAST_TEXT &&
                (widest == t->n_cols || l->width[c] > l->width[widest]))
                widest = c;
        if (widest == t->n_cols) return;
        l->width[widest]--;
        total--;
    }
}

static void table(const vs_item *t, const vs_look *look, vs_buf *b) {
    size_t rows = t->n_cols ? t->n_cells / t->n_cols : 0, shown = 0;
    for (size_t c = 0; c < t->n_cols; c++) shown += is_shown(&t->cols[c]);
    if (!shown) return;
    vs_arena a = {0};
    vs_buf cell = {0};
    layout l = {.width = vs_arena_alloc(&a, t->n_cols + 1, sizeof *l.width)};
    vs_buf_puts(&cell, "");
    if (!l.width || cell.failed) {
        b->failed = true;
        vs_arena_free(&a);
        return;
    }
    for (size_t c = 0; c < t->n_cols; c++) {
        l.width[c] = vs_columns(heading(&t->cols[c]), strlen(heading(&t->cols[c])));
        for (size_t r = 0; r < rows; r++) {
            cell_text(&t->cols[c], t->cell[r * t->n_cols + c], &cell);
            int w = vs_columns(cell.s, cell.len);
            if (w > l.width[c]) l.width[c] = w;
        }
    }
    fit(t, look, &l);
    if (rows) table_head(t, &l, look, b);
    for (size_t r = 0; r < rows; r++) table_row(t, r, &l, look, &cell, b);
    vs_buf_free(&cell);
    vs_arena_free(&a);
}

void vs_put_prose(vs_buf *b, const char *s, const vs_look *look) {
    int indent = (int)strspn(s, " "), at = indent;
    pad(b, indent);
    for (s += indent; *s;) {
        size_t blanks = strspn(s, " "), word = strcspn(s + blanks, " ");
        int w = vs_columns(s + blanks, word);
        if (look->cut && at > indent && at + (int)blanks + w > look->width) {
            vs_buf_putc(b, '\n');
            pad(b, indent);
            at = indent;
            s += blanks;
            blanks = 0;
        }
        vs_buf_put(b, s, blanks + word);
        at += (int)blanks + w;
        s += blanks + word;
    }
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
            vs_put_visible(b, json_string_value(v), true);
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
    vs_buf text = {0};
    for (size_t i = 0; i < o->n; i++) {
        const vs_item *it = &o->item[i];
        if (it->flags & VS_COL_NO_TTY) continue;
        switch (it->kind) {
        case VS_ITEM_FIELD: one_field(it, name_width, look, b); break;
        case VS_ITEM_TABLE:
            if (vs_item_has(it, VS_COL_NO_TTY)) table(it, look, b);
            break;
        case VS_ITEM_MATRIX: vs_heat(it, look, b); break;
        case VS_ITEM_SCATTER: vs_scatter_tty(&it->scatter, look, b); break;
        case VS_ITEM_HEADING:
            if (b->len) vs_buf_putc(b, '\n');
            if (look->color) vs_buf_puts(b, BOLD);
            vs_put_prose(b, it->text, look);
            vs_buf_puts(b, look->color ? OFF "\n" : "\n");
            break;
        case VS_ITEM_NOTE:
            vs_buf_clear(&text);
            vs_put_visible(&text, it->text, false);
            vs_put_prose(b, text.s ? text.s : "", look);
            vs_buf_putc(b, '\n');
            break;
        case VS_ITEM_RAW: vs_buf_put(b, it->text, it->text_len); break;
        }
    }
    vs_buf_free(&text);
}
