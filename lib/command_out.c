/* command_out.c - what a command says, recorded until it has succeeded, then shown whole by the sink in use. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "command_impl.h"

static vs_item *add(vs_out *o, vs_item_kind kind, const char *name, unsigned flags) {
    if (o->n == o->cap) {
        size_t cap = o->cap ? o->cap * 2 : 16;
        vs_item *grown = vs_grow(o->item, o->n, cap, sizeof *grown);
        if (!grown) {
            o->failed = true;
            return NULL;
        }
        o->item = grown;
        o->cap = cap;
    }
    vs_item *it = &o->item[o->n++];
    *it = (vs_item){.kind = kind, .flags = flags};
    it->name = vs_arena_strndup(&o->arena, name ? name : "", name ? strlen(name) : 0);
    if (!it->name) {
        o->failed = true;
        it->name = "";
    }
    return it;
}

static const char *keep(vs_out *o, const char *s, size_t n) {
    const char *copy = vs_arena_strndup(&o->arena, s, n);
    if (!copy) o->failed = true;
    return copy ? copy : "";
}

static void field(vs_out *o, unsigned flags, const char *name, vs_col_type type, vs_cell v, int digits) {
    vs_item *it = add(o, VS_ITEM_FIELD, name, flags);
    if (!it) return;
    it->type = type;
    it->value = v;
    it->digits = digits;
}

void vs_out_text(vs_out *o, unsigned flags, const char *name, const char *value) {
    field(o, flags, name, VS_COL_TEXT, (vs_cell){.s = keep(o, value ? value : "", value ? strlen(value) : 0)}, 0);
}
void vs_out_int(vs_out *o, unsigned flags, const char *name, int64_t value) {
    field(o, flags, name, VS_COL_INT, (vs_cell){.i = value}, 0);
}
void vs_out_real(vs_out *o, unsigned flags, const char *name, double value, int digits) {
    field(o, flags, name, VS_COL_REAL, (vs_cell){.r = value}, digits);
}
void vs_out_bool(vs_out *o, unsigned flags, const char *name, bool value) {
    field(o, flags, name, VS_COL_INT, (vs_cell){.i = value}, 0);
    if (!o->failed) o->item[o->n - 1].is_bool = true;
}

json_t *vs_json_text(const char *s) {
    if (!s) return json_null();
    json_t *j = json_string(s);
    if (j) return j;
    vs_buf b = {0};
    for (size_t i = 0, n = strlen(s); i < n;) vs_buf_put_utf8(&b, vs_utf8_next(s, n, &i, NULL));
    j = json_string(b.s ? b.s : "");
    vs_buf_free(&b);
    return j ? j : json_null();
}

static void list(vs_out *o, unsigned flags, const char *name, json_t *array) {
    vs_item *it = array ? add(o, VS_ITEM_FIELD, name, flags) : NULL;
    if (it)
        it->list = array;
    else {
        o->failed = true;
        json_decref(array);
    }
}

void vs_out_ints(vs_out *o, unsigned flags, const char *name, const int32_t *v, size_t n) {
    json_t *a = json_array();
    for (size_t i = 0; a && i < n; i++) json_array_append_new(a, json_integer(v[i]));
    list(o, flags, name, a);
}
void vs_out_reals(vs_out *o, unsigned flags, const char *name, const float *v, size_t n) {
    json_t *a = json_array();
    for (size_t i = 0; a && i < n; i++) json_array_append_new(a, json_real((double)v[i]));
    list(o, flags, name, a);
}
void vs_out_texts(vs_out *o, unsigned flags, const char *name, const char *const *v, size_t n) {
    json_t *a = json_array();
    for (size_t i = 0; a && i < n; i++) json_array_append_new(a, vs_json_text(v[i]));
    list(o, flags, name, a);
}

void vs_out_table(vs_out *o, const char *name, const vs_col *cols, size_t n) {
    vs_item *it = add(o, VS_ITEM_TABLE, name, 0);
    o->open_table = it ? o->n : 0;
    if (!it) return;
    it->cols = vs_arena_alloc(&o->arena, n, sizeof *cols);
    if (!it->cols) {
        o->failed = true;
        o->open_table = 0;
        return;
    }
    if (n) memcpy(it->cols, cols, n * sizeof *cols);
    for (size_t i = 0; i < n; i++) { /* names may be made up by the caller (sql): keep them */
        it->cols[i].name = keep(o, cols[i].name, strlen(cols[i].name));
        if (cols[i].head) it->cols[i].head = keep(o, cols[i].head, strlen(cols[i].head));
    }
    it->n_cols = n;
}

static void cell(vs_out *o, vs_cell v) {
    if (!o->open_table || o->failed) return;
    vs_item *it = &o->item[o->open_table - 1];
    if (it->n_cells == it->cap_cells) {
        size_t cap = it->cap_cells ? it->cap_cells * 2 : 64;
        vs_cell *grown = vs_grow(it->cell, it->n_cells, cap, sizeof *grown);
        if (!grown) {
            o->failed = true;
            return;
        }
        it->cell = grown;
        it->cap_cells = cap;
    }
    it->cell[it->n_cells++] = v;
}

void vs_out_cell_text(vs_out *o, const char *s) { cell(o, (vs_cell){.s = s ? keep(o, s, strlen(s)) : NULL}); }
void vs_out_cell_int(vs_out *o, int64_t v) { cell(o, (vs_cell){.i = v}); }
void vs_out_cell_real(vs_out *o, double v) { cell(o, (vs_cell){.r = v}); }
void vs_out_end(vs_out *o) { o->open_table = 0; }

static const char **keep_labels(vs_out *o, const char *const *labels, size_t n) {
    if (!labels) return NULL;
    const char **copy = vs_arena_alloc(&o->arena, n, sizeof *copy);
    for (size_t i = 0; copy && i < n; i++) copy[i] = keep(o, labels[i], strlen(labels[i]));
    if (!copy) o->failed = true;
    return copy;
}

void vs_out_matrix(vs_out *o, const char *name, const float *v, size_t rows, size_t cols, const char *const *row_labels,
                   const char *const *col_labels, double lo, double hi) {
    vs_item *it = add(o, VS_ITEM_MATRIX, name, 0);
    if (!it) return;
    size_t i = o->n - 1;
    float *copy = vs_arena_alloc(&o->arena, rows * cols, sizeof *v);
    if (copy) memcpy(copy, v, rows * cols * sizeof *v);
    o->failed |= !copy;
    it = &o->item[i];
    it->values = copy;
    it->rows = copy ? rows : 0;
    it->n_values_cols = cols;
    it->row_labels = keep_labels(o, row_labels, rows);
    it->col_labels = keep_labels(o, col_labels, cols);
    it->lo = lo;
    it->hi = hi;
}

void vs_out_scatter(vs_out *o, const vs_scatter *s) {
    if (o->sink.data) return;
    vs_item *it = add(o, VS_ITEM_SCATTER, NULL, VS_COL_TTY_ONLY);
    vs_point *point = vs_arena_alloc(&o->arena, s->n, sizeof *point);
    if (!it || !point) {
        o->failed = true;
        return;
    }
    for (size_t i = 0; i < s->n; i++) {
        point[i] = s->point[i];
        if (point[i].label) point[i].label = keep(o, point[i].label, strlen(point[i].label));
    }
    it->scatter = *s;
    it->scatter.point = point;
    const char **words[] = {&it->scatter.title, &it->scatter.x_axis, &it->scatter.y_axis};
    for (size_t i = 0; i < 3; i++)
        if (*words[i]) *words[i] = keep(o, *words[i], strlen(*words[i]));
    it->scatter.group = keep_labels(o, s->n_groups ? s->group : NULL, s->n_groups);
    if (!it->scatter.group) it->scatter.n_groups = 0;
}

vs_status vs_out_picture(vs_err *err, vs_out *o, const char *path, const vs_scatter *s) {
    if (!o->sink.paint) return vs_fail(err, VS_E_UNSUPPORTED, "%s: this program draws no pictures", path);
    return o->sink.paint(err, path, s);
}

static void text_item(vs_out *o, vs_item_kind kind, const char *s, size_t n) {
    vs_item *it = add(o, kind, NULL, VS_COL_TTY_ONLY);
    if (!it) return;
    it->text = keep(o, s, n);
    it->text_len = n;
}

VS_PRINTF(3, 0) static void print(vs_out *o, vs_item_kind kind, const char *fmt, va_list ap) {
    if (o->sink.data) return;
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    char *s = n >= 0 ? vs_arena_alloc(&o->arena, (size_t)n + 1, 1) : NULL;
    if (s) {
        vsnprintf(s, (size_t)n + 1, fmt, again);
        text_item(o, kind, s, (size_t)n);
    } else {
        o->failed = true;
    }
    va_end(again);
}

void vs_out_note(vs_out *o, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    print(o, VS_ITEM_NOTE, fmt, ap);
    va_end(ap);
}

void vs_out_heading(vs_out *o, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    print(o, VS_ITEM_HEADING, fmt, ap);
    va_end(ap);
}

void vs_out_raw(vs_out *o, const char *s, size_t n) { text_item(o, VS_ITEM_RAW, s, n); }

void vs_out_stream(vs_out *o, const char *s, size_t n) {
    if (!o->sink.data && o->sink.stream) o->sink.stream(o->sink.self, s, n);
}

const vs_progress *vs_out_progress(vs_out *o) { return &o->sink.progress; }
bool vs_out_is_data(const vs_out *o) { return o->sink.data; }
int vs_out_width(const vs_out *o) { return o->sink.width; }

void vs_out_reset(vs_out *o) {
    for (size_t i = 0; i < o->n; i++) {
        json_decref(o->item[i].list);
        vs_free(o->item[i].cell);
    }
    o->n = 0;
    o->open_table = 0;
    o->failed = false;
    vs_arena_free(&o->arena);
}

void vs_out_flush_part(vs_out *o) { vs_out_flush(o); }

void vs_out_flush(vs_out *o) {
    if (o->n && o->sink.show) o->sink.show(o->sink.self, o);
    vs_out_reset(o);
}

void vs_out_free(vs_out *o) {
    vs_out_reset(o);
    vs_free(o->item);
    *o = (vs_out){0};
}
