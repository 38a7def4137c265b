/* cmd_explain.c - explain: where each number of an expression's answer comes from. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/command.h"

static double norm_of(const float *x, size_t n) {
    double sum = 0;
    for (size_t j = 0; j < n; j++) sum += (double)x[j] * (double)x[j];
    return sqrt(sum);
}

static double dot_of(const float *x, const float *y, size_t n) {
    double sum = 0;
    for (size_t j = 0; j < n; j++) sum += (double)x[j] * (double)y[j];
    return sum;
}

/* text[from, to) as a cell. */
static void cell_span(vs_out *o, vs_buf *b, const char *text, size_t from, size_t to) {
    vs_buf_clear(b);
    vs_buf_put(b, text + from, to - from);
    vs_out_cell_text(o, b->s);
}

/* The rows that an operand is, with their keys: `queen (row 2060)`. */
static void cell_rows(vs_out *o, vs_buf *b, const vs_value *v) {
    enum { SHOWN = 4 };
    vs_buf_clear(b);
    for (size_t i = 0; v->space && i < v->n_rows && i < SHOWN; i++) {
        size_t n;
        const char *key = vs_space_key(v->space, v->rows[i], &n);
        vs_buf_printf(b, "%s%.*s (row %zu)", i ? ", " : "", (int)(n < 60 ? n : 60), key, v->rows[i]);
    }
    if (v->space && v->n_rows > SHOWN) vs_buf_puts(b, ", …");
    vs_out_cell_text(o, b->s ? b->s : "");
}

/* How the look-up went: the note without what it repeats. */
static void cell_found(vs_out *o, vs_buf *b, const vs_value *v) {
    vs_buf_clear(b);
    if (v->notes.len) vs_buf_put(b, v->notes.s, strcspn(v->notes.s, ":\n"));
    vs_out_cell_text(o, v->notes.len ? b->s : v->n_rows == 1 ? "exact" : "");
}

static void put_operands(const char *text, const vs_trace *t, bool of_vector, vs_out *o, vs_buf *b) {
    static const vs_col cols[] = {{"operand", VS_COL_TEXT, 0, 0, NULL}, {"space", VS_COL_TEXT, 0, 0, NULL},
                                  {"rows", VS_COL_TEXT, 0, 0, NULL},    {"found", VS_COL_TEXT, 0, 0, NULL},
                                  {"norm", VS_COL_REAL, 4, 0, "|x|"},   {"coefficient", VS_COL_REAL, 4, 0, NULL}};
    if (t->n) vs_out_heading(o, "operands");
    vs_out_table(o, "operands", cols, of_vector ? 6 : 5);
    for (size_t i = 0; i < t->n; i++) {
        const vs_trace_operand *x = &t->operand[i];
        cell_span(o, b, text, x->from, x->to);
        vs_out_cell_text(o, x->v.of ? x->v.of : "");
        cell_rows(o, b, &x->v);
        cell_found(o, b, &x->v);
        vs_out_cell_real(o, norm_of(x->v.vec, x->v.dim));
        if (of_vector) vs_out_cell_real(o, x->coef);
    }
    vs_out_end(o);
}

static void put_steps(const char *text, const vs_trace *t, vs_out *o, vs_buf *b) {
    static const vs_col cols[] = {{"step", VS_COL_TEXT, 0, 0, NULL},
                                  {"rule", VS_COL_TEXT, 0, 0, NULL},
                                  {"with", VS_COL_TEXT, 0, 0, NULL},
                                  {"norm", VS_COL_REAL, 4, 0, "|x|"},
                                  {"number", VS_COL_REAL, 4, 0, NULL}};
    if (!t->n_steps) return;
    vs_out_heading(o, "steps");
    vs_out_table(o, "steps", cols, sizeof cols / sizeof *cols);
    for (size_t i = 0; i < t->n_steps; i++) {
        const vs_trace_step *x = &t->step[i];
        cell_span(o, b, text, x->from, x->to);
        vs_out_cell_text(o, x->rule);
        vs_buf_clear(b);
        if (x->part) vs_buf_printf(b, "%s = %.4f", x->part, x->part_value);
        vs_out_cell_text(o, b->s ? b->s : "");
        vs_out_cell_real(o, x->scalar ? (double)NAN : x->value);
        vs_out_cell_real(o, x->scalar ? x->value : (double)NAN);
    }
    vs_out_end(o);
}

/* The model through whose final norm a value is looked up: it is of the stream, and W_U answers; NULL: none. */
static vs_model *norm_before(vs_session *s, const vs_value *v, const vs_space *where) {
    const char *name;
    vs_model *m = NULL;
    if (v->space || strcmp(vs_space_place(where), "W_U") != 0) return NULL;
    for (size_t i = 0; v->of && i < vs_session_models(s); i++) {
        vs_model *x = vs_session_model_at(s, i, &name);
        if (!strcmp(name, v->of)) m = x;
    }
    return m || vs_session_model(NULL, s, &m) == VS_OK ? m : NULL;
}

/* The answers, and how each score comes out. */
static vs_status put_scores(vs_err *err, const vs_space *where, const float *q, const vs_hit *hit, size_t n, bool normed, float *row,
                            vs_out *o, vs_buf *b) {
    static const vs_col cols[] = {{"key", VS_COL_TOKEN, 0, 0, NULL},
                                  {"row", VS_COL_INT, 0, 0, NULL},
                                  {"dot", VS_COL_REAL, 4, 0, "q·row"},
                                  {"norm", VS_COL_REAL, 4, 0, "|row|"},
                                  {"score", VS_COL_SCORE, 4, 0, NULL}};
    size_t d = vs_space_dim(where);
    double length = norm_of(q, d);
    vs_out_heading(o, "answers in %s: score = q·row / (|q| |row|)", vs_space_name(where));
    vs_out_text(o, VS_COL_JSON_ONLY, "space", vs_space_name(where));
    vs_out_note(o, "  q: the expression%s; |q| = %.4f", normed ? " through the final norm" : "", length);
    vs_out_real(o, VS_COL_JSON_ONLY, "norm", length, 4);
    vs_out_table(o, "results", cols, sizeof cols / sizeof *cols);
    for (size_t i = 0; i < n; i++) {
        VS_TRY(vs_space_row(err, where, hit[i].row, row));
        cell_span(o, b, hit[i].key, 0, hit[i].key_len);
        vs_out_cell_int(o, (int64_t)hit[i].row);
        vs_out_cell_real(o, dot_of(q, row, d));
        vs_out_cell_real(o, norm_of(row, d));
        vs_out_cell_real(o, (double)hit[i].score);
    }
    vs_out_end(o);
    return VS_OK;
}

/* What each operand gives to each score.  The expression is the sum of coefficient · operand, so its cosine with a row is the
 * sum of coefficient · |operand| / |q| · cos(operand, row). */
static vs_status put_parts(vs_err *err, const char *text, const vs_trace *t, const vs_space *where, const float *q, const vs_hit *hit,
                           size_t n, float *row, vs_out *o, vs_buf *b) {
    static const vs_col cols[] = {{"key", VS_COL_TOKEN, 0, 0, NULL},
                                  {"operand", VS_COL_TEXT, 0, 0, NULL},
                                  {"weight", VS_COL_REAL, 4, 0, "coefficient |x| / |q|"},
                                  {"cosine", VS_COL_REAL, 4, 0, "cos(x, row)"},
                                  {"part", VS_COL_REAL, 4, 0, NULL}};
    size_t d = vs_space_dim(where);
    double length = norm_of(q, d);
    vs_out_heading(o, "each score in parts: the sum over the operands x of (coefficient |x| / |q|) cos(x, row)");
    vs_out_table(o, "parts", cols, sizeof cols / sizeof *cols);
    for (size_t i = 0; i < n; i++) {
        VS_TRY(vs_space_row(err, where, hit[i].row, row));
        double of_row = norm_of(row, d);
        for (size_t k = 0; k < t->n; k++) {
            const vs_trace_operand *x = &t->operand[k];
            double of_x = norm_of(x->v.vec, d), both = of_x * of_row, c = both > 0 ? dot_of(x->v.vec, row, d) / both : 0;
            if (x->coef == 0) continue;
            cell_span(o, b, hit[i].key, 0, hit[i].key_len);
            cell_span(o, b, text, x->from, x->to);
            vs_out_cell_real(o, x->coef * of_x / length);
            vs_out_cell_real(o, c);
            vs_out_cell_real(o, x->coef * of_x / length * c);
        }
    }
    vs_out_end(o);
    return VS_OK;
}

static vs_status explain_answers(vs_err *err, vs_session *s, const char *text, const vs_trace *t, const vs_value *v, const vs_args *a,
                                 size_t k, vs_out *o, vs_buf *b) {
    size_t found = 0;
    vs_space *where = NULL;
    vs_hit *hit = vs_alloc(k, sizeof *hit);
    float *q = vs_alloc(2 * v->dim, sizeof *q), *row = q + v->dim;
    vs_status st = hit && q ? VS_OK : vs_fail(err, VS_E_NOMEM, "no memory for %zu neighbours", k);
    if (st == VS_OK) st = vs_session_near(err, s, v, vs_text(a, "in"), k, vs_has(a, "keep"), hit, &found, &where);
    vs_model *norm = st == VS_OK ? norm_before(s, v, where) : NULL;
    if (st == VS_OK && norm) st = vs_model_final_norm(err, norm, v->vec, 1, q);
    if (st == VS_OK && !norm) memcpy(q, v->vec, v->dim * sizeof *q);
    if (st == VS_OK) st = put_scores(err, where, q, hit, found, norm != NULL, row, o, b);
    if (st == VS_OK && !norm) st = put_parts(err, text, t, where, q, hit, found, row, o, b);
    if (st == VS_OK && v->n_rows && !vs_has(a, "keep") && where == v->space)
        vs_out_note(o, "  %zu row%s of operands left out of the answers; --keep shows %s", v->n_rows, v->n_rows == 1 ? "" : "s",
                    v->n_rows == 1 ? "it" : "them");
    vs_free(hit);
    vs_free(q);
    return st;
}

static vs_status run_explain(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    enum { MOST = 1000 };
    const char *text = vs_arg(a, 0);
    int64_t k = vs_int(a, "k");
    if (k < 1 || k > MOST) return vs_fail(err, VS_E_USAGE, "explain: -k wants a number from 1 to %d, not %lld", MOST, (long long)k);
    vs_value v = {0};
    vs_trace t = {0};
    vs_buf b = {0};
    vs_status st = vs_session_eval_any(err, s, text, strlen(text), &t, &v);
    if (st == VS_OK) {
        vs_out_text(o, VS_COL_JSON_ONLY, "query", text);
        put_operands(text, &t, v.vec != NULL, o, &b);
        put_steps(text, &t, o, &b);
        if (v.vec) {
            st = explain_answers(err, s, text, &t, &v, a, (size_t)k, o, &b);
        } else {
            vs_out_real(o, VS_COL_NO_TTY, "number", v.number, 6);
            vs_out_note(o, "= %.6g", v.number);
        }
    }
    if (st == VS_OK && b.failed) st = vs_fail(err, VS_E_NOMEM, "no memory to explain");
    vs_buf_free(&b);
    vs_trace_free(&t);
    vs_value_free(&v);
    return st;
}

static const vs_opt opts[] = {{"k", 'k', VS_OPT_INT, "K", "how many answers", "3", VS_COMPLETE_NONE},
                              {"in", 0, VS_OPT_TEXT, "SPACE", "look for neighbours there", NULL, VS_COMPLETE_SPACE},
                              {"keep", 0, VS_OPT_FLAG, NULL, "the operands may be answers too", NULL, VS_COMPLETE_NONE},
                              {NULL, 0, VS_OPT_FLAG, NULL, NULL, NULL, VS_COMPLETE_NONE}};
static const char *const examples[] = {"explain queen - king + man", "explain cos(king, queen)", "explain reject(queen, woman) -k 1", NULL};
const vs_cmd vs_cmd_explain = {
    .name = "explain",
    .group = "vectors",
    .synopsis = "EXPR [-k K]",
    .summary = "where each number of an expression's answer comes from",
    .details = "Of each operand: the space and the row it was found in and how, its length |x|, its coefficient: the expression is the\n"
               "sum of coefficient · operand, whatever functions it has.  Of each step its rule.  Of each answer q·row and |row|, and what\n"
               "each operand gives to its score.  Every score can be worked out again from the numbers shown.",
    .style = VS_ARGS_EXPR,
    .min_args = 1,
    .opts = opts,
    .examples = examples,
    .complete = VS_COMPLETE_WORD,
    .run = run_explain};
