/* out_data.c - an answer for a machine: one JSON object on one line; or the first table as CSV. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "out.h"

bool vs_item_has(const vs_item *t, unsigned without) {
    for (size_t c = 0; c < t->n_cols; c++)
        if (!(t->cols[c].flags & without)) return true;
    return !t->n_cols;
}

static json_t *json_number(double v) { return isfinite(v) ? json_real(v) : json_null(); }

static json_t *json_cell(vs_col_type type, vs_cell v) {
    if (type == VS_COL_JSON) {
        json_t *j = v.s ? json_loads(v.s, JSON_DECODE_ANY, NULL) : NULL;
        return j ? j : json_null();
    }
    if (type == VS_COL_TEXT || type == VS_COL_TOKEN) return vs_json_text(v.s);
    return type == VS_COL_INT ? json_integer(v.i) : json_number(v.r);
}

static json_t *json_table(const vs_item *t) {
    json_t *rows = json_array();
    for (size_t i = 0; t->n_cols && i + t->n_cols <= t->n_cells; i += t->n_cols) {
        json_t *row = json_object();
        for (size_t c = 0; c < t->n_cols; c++)
            if (!(t->cols[c].flags & VS_COL_NO_JSON))
                json_object_set_new(row, t->cols[c].name, json_cell(t->cols[c].type, t->cell[i + c]));
        json_array_append_new(rows, row);
    }
    return rows;
}

static json_t *json_labels(const char **l, size_t n) {
    json_t *a = json_array();
    for (size_t i = 0; l && i < n; i++) json_array_append_new(a, vs_json_text(l[i]));
    return a;
}

static json_t *json_matrix(const vs_item *m) {
    json_t *values = json_array();
    for (size_t r = 0; r < m->rows; r++) {
        json_t *row = json_array();
        for (size_t c = 0; c < m->n_values_cols; c++)
            json_array_append_new(row, json_number((double)m->values[r * m->n_values_cols + c]));
        json_array_append_new(values, row);
    }
    return json_pack("{s:o,s:o,s:o}", "rows", json_labels(m->row_labels, m->rows), "cols",
                     json_labels(m->col_labels, m->n_values_cols), "values", values);
}

static int put(const char *s, size_t n, void *b) {
    vs_buf_put(b, s, n);
    return 0;
}

void vs_show_json(const vs_out *o, vs_buf *b) {
    json_t *top = json_object();
    for (size_t i = 0; i < o->n; i++) {
        const vs_item *it = &o->item[i];
        if (it->kind == VS_ITEM_RAW) vs_buf_put(b, it->text, it->text_len);
        if (it->flags & VS_COL_NO_JSON) continue;
        json_t *v = NULL;
        if (it->kind == VS_ITEM_TABLE && vs_item_has(it, VS_COL_NO_JSON)) v = json_table(it);
        if (it->kind == VS_ITEM_MATRIX) v = json_matrix(it);
        if (it->kind == VS_ITEM_FIELD)
            v = it->list      ? json_incref(it->list)
                : it->is_bool ? json_boolean(it->value.i)
                              : json_cell(it->type, it->value);
        if (v) json_object_set_new(top, it->name, v);
    }
    if (json_object_size(top)) {
        if (json_dump_callback(top, put, b, JSON_COMPACT | JSON_REAL_PRECISION(9)) != 0) b->failed = true;
        vs_buf_putc(b, '\n');
    }
    json_decref(top);
}

/* Quoted where it must be; as in JSON, bytes that are not UTF-8 become U+FFFD. */
static void csv_text(const char *s, vs_buf *b) {
    if (!s) return;
    bool quote = strpbrk(s, ",\"\n\r") != NULL;
    if (quote) vs_buf_putc(b, '"');
    for (size_t i = 0, n = strlen(s); i < n;) {
        if (s[i] == '"') vs_buf_putc(b, '"');
        vs_buf_put_utf8(b, vs_utf8_next(s, n, &i, NULL));
    }
    if (quote) vs_buf_putc(b, '"');
}

static void csv_cell(vs_col_type type, vs_cell v, vs_buf *b) {
    if (type == VS_COL_TEXT || type == VS_COL_TOKEN) {
        csv_text(v.s, b);
    } else if (type == VS_COL_JSON) {
        json_t *j = v.s ? json_loads(v.s, JSON_DECODE_ANY, NULL) : NULL;
        csv_text(json_is_string(j) ? json_string_value(j) : json_is_null(j) ? NULL : v.s, b);
        json_decref(j);
    } else if (type == VS_COL_INT)
        vs_buf_printf(b, "%lld", (long long)v.i);
    else if (isfinite(v.r))
        vs_buf_printf(b, "%.9g", v.r);
}

/* One line of a table; cells NULL: its heading. */
static void csv_line(const vs_item *t, const vs_cell *cells, vs_buf *b) {
    bool first = true;
    for (size_t c = 0; c < t->n_cols; c++) {
        if (t->cols[c].flags & VS_COL_NO_CSV) continue;
        if (!first) vs_buf_putc(b, ',');
        first = false;
        if (cells)
            csv_cell(t->cols[c].type, cells[c], b);
        else
            csv_text(t->cols[c].name, b);
    }
    vs_buf_putc(b, '\n');
}

static void csv_matrix(const vs_item *m, vs_buf *b) {
    for (size_t c = 0; m->col_labels && c < m->n_values_cols; c++) {
        vs_buf_putc(b, ',');
        csv_text(m->col_labels[c], b);
    }
    vs_buf_putc(b, '\n');
    for (size_t r = 0; r < m->rows; r++) {
        csv_text(m->row_labels ? m->row_labels[r] : "", b);
        for (size_t c = 0; c < m->n_values_cols; c++) {
            vs_buf_putc(b, ',');
            csv_cell(VS_COL_REAL, (vs_cell){.r = (double)m->values[r * m->n_values_cols + c]}, b);
        }
        vs_buf_putc(b, '\n');
    }
}

static void csv_list(json_t *list, vs_buf *b) {
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *v = json_array_get(list, i);
        if (i) vs_buf_putc(b, ' ');
        if (json_is_string(v))
            csv_text(json_string_value(v), b);
        else
            vs_buf_printf(b, "%.9g", json_number_value(v));
    }
}

static void csv_fields(const vs_out *o, vs_buf *b) {
    bool any = false;
    for (size_t i = 0; i < o->n; i++) {
        const vs_item *it = &o->item[i];
        if (it->kind == VS_ITEM_RAW) vs_buf_put(b, it->text, it->text_len);
        if (it->kind != VS_ITEM_FIELD || (it->flags & VS_COL_NO_CSV)) continue;
        if (!any) vs_buf_puts(b, "name,value\n");
        any = true;
        csv_text(it->name, b);
        vs_buf_putc(b, ',');
        if (it->list)
            csv_list(it->list, b);
        else
            csv_cell(it->type, it->value, b);
        vs_buf_putc(b, '\n');
    }
}

void vs_show_csv(const vs_out *o, vs_buf *b) {
    for (size_t i = 0; i < o->n; i++) { /* the first table or matrix is the answer */
        const vs_item *it = &o->item[i];
        if (it->kind == VS_ITEM_MATRIX) {
            csv_matrix(it, b);
            return;
        }
        if (it->kind != VS_ITEM_TABLE || !vs_item_has(it, VS_COL_NO_CSV)) continue;
        if (it->n_cols) csv_line(it, NULL, b);
        for (size_t k = 0; it->n_cols && k + it->n_cols <= it->n_cells; k += it->n_cols) csv_line(it, it->cell + k, b);
        return;
    }
    csv_fields(o, b);
}
