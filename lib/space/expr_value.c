/* expr_value.c - see expr_value.h. */
#include "expr_value.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../base/alloc.h"
#include "../tensor/kernels.h"

size_t vs_value_size(void) { return sizeof(vs_value); }

void vs_value_free(vs_value *v) {
    if (!v) return;
    vs_free(v->vec);
    vs_free(v->rows);
    vs_buf_free(&v->notes);
    *v = (vs_value){0};
}

void vs__operand_free(vs__operand *a) {
    vs_value_free(&a->v);
    vs_free(a->part);
    *a = (vs__operand){0};
}

/* ---- where a vector comes from ---- */

static vs_status add_rows(vs_err *err, vs__operand *a, const size_t *rows, size_t n) {
    if (a->rows_cap < a->v.n_rows) a->rows_cap = a->v.n_rows; /* as the resolver made it */
    if (a->v.n_rows + n > a->rows_cap) {
        size_t cap = 2 * (a->v.n_rows + n);
        size_t *grown = vs_grow(a->v.rows, a->v.n_rows, cap, sizeof *grown);
        if (!grown) return vs_fail(err, VS_E_NOMEM, "no memory for the rows of an expression");
        a->v.rows = grown;
        a->rows_cap = cap;
    }
    if (n) memcpy(a->v.rows + a->v.n_rows, rows, n * sizeof *rows);
    a->v.n_rows += n;
    return VS_OK;
}

/* Each note once; an expression of very many parts does not repeat itself for ever. */
static void add_notes(vs_buf *to, const vs_buf *from) {
    enum { ENOUGH = 4096 };
    if (!from->len || to->len + from->len > ENOUGH || (to->len && strstr(to->s, from->s))) return;
    if (to->len) vs_buf_putc(to, '\n');
    vs_buf_put(to, from->s, from->len);
}

/* a += coef b, in what they are sums of. */
static vs_status add_parts(vs_err *err, vs__operand *a, double coef, const vs__operand *b) {
    a->v.weight += coef * b->v.weight;
    if (a->n_parts + b->n_parts > a->parts_cap) {
        size_t cap = 2 * (a->n_parts + b->n_parts);
        vs__part *grown = vs_grow(a->part, a->n_parts, cap, sizeof *grown);
        if (!grown) return vs_fail(err, VS_E_NOMEM, "no memory for the parts of an expression");
        a->part = grown;
        a->parts_cap = cap;
    }
    for (size_t i = 0; i < b->n_parts; i++)
        a->part[a->n_parts++] = (vs__part){b->part[i].operand, coef * b->part[i].coef};
    return VS_OK;
}

static void scale_parts(vs__operand *a, double k) {
    a->v.weight *= k;
    for (size_t i = 0; i < a->n_parts; i++) a->part[i].coef *= k;
}

/* a, to which coef b was added, also comes from where b comes from. */
static vs_status join(vs_err *err, vs__operand *a, double coef, const vs__operand *b) {
    VS_TRY(add_parts(err, a, coef, b));
    if (b->v.of && (!a->v.of || strcmp(a->v.of, b->v.of) != 0)) a->v.of = NULL;
    if (!b->v.of) a->v.of = NULL;
    add_notes(&a->v.notes, &b->v.notes);
    if (a->v.notes.failed) return vs_fail(err, VS_E_NOMEM, "no memory for the notes of an expression");
    if (a->mixed || b->mixed || (a->v.space && b->v.space && a->v.space != b->v.space)) {
        a->mixed = true;
        a->v.space = NULL;
        a->v.n_rows = 0;
        return VS_OK;
    }
    if (!b->v.space) return VS_OK;
    a->v.space = b->v.space;
    return add_rows(err, a, b->v.rows, b->v.n_rows);
}

/* ---- arithmetic ---- */

static vs_status same_width(vs_err *err, const char *text, const vs__operand *a, const vs__operand *b) {
    if (a->v.dim == b->v.dim) return VS_OK;
    const char *s = text + a->from, *t = text + b->from;
    return vs_fail(err, VS_E_SHAPE, "%.*s%s%s has %zu numbers, %.*s%s%s has %zu: want vectors of one width",
                   vs__shown(s, a->to - a->from), s, a->v.of ? " of " : "", a->v.of ? a->v.of : "", a->v.dim,
                   vs__shown(t, b->to - b->from), t, b->v.of ? " of " : "", b->v.of ? b->v.of : "", b->v.dim);
}

static void scale(vs__operand *a, double k) {
    for (size_t j = 0; j < a->v.dim; j++) a->v.vec[j] = (float)((double)a->v.vec[j] * k);
    scale_parts(a, k);
}

static void divide(vs__operand *a, double k) {
    for (size_t j = 0; j < a->v.dim; j++) a->v.vec[j] = (float)((double)a->v.vec[j] / k);
    scale_parts(a, 1 / k);
}

void vs__operand_negate(vs__operand *a) {
    if (a->scalar || a->literal) a->number = -a->number;
    if (a->scalar) return;
    vs_scale_by(a->v.vec, -1, a->v.dim);
    scale_parts(a, -1);
}

static vs_status add(vs_err *err, const char *text, double sign, vs__operand *a, const vs__operand *b) {
    if (a->scalar != b->scalar)
        return vs_fail(err, VS_E_SYNTAX, "at byte %zu: a number and a vector cannot be added",
                       a->scalar ? a->from : b->from);
    if (a->scalar) {
        a->number += sign * b->number;
        return VS_OK;
    }
    VS_TRY(same_width(err, text, a, b));
    vs_axpy((float)sign, b->v.vec, a->v.vec, a->v.dim);
    return join(err, a, sign, b);
}

static vs_status multiply(vs_err *err, vs__operand *a, const vs__operand *b) {
    if (!a->scalar && !b->scalar)
        return vs_fail(err, VS_E_SYNTAX, "at byte %zu: two vectors cannot be multiplied; want a number beside *", b->from);
    if (b->scalar) {
        if (a->scalar)
            a->number *= b->number;
        else
            scale(a, b->number);
        return VS_OK;
    }
    double k = a->number;
    a->scalar = false;
    a->v.of = b->v.of;
    a->v.vec = vs_alloc(b->v.dim, sizeof *a->v.vec);
    if (!a->v.vec) return vs_fail(err, VS_E_NOMEM, "no memory for a vector of %zu numbers", b->v.dim);
    a->v.dim = b->v.dim;
    memcpy(a->v.vec, b->v.vec, b->v.dim * sizeof *a->v.vec);
    vs_status s = join(err, a, 1, b);
    scale(a, k);
    return s;
}

static vs_status quotient(vs_err *err, vs__operand *a, const vs__operand *b) {
    if (!b->scalar)
        return vs_fail(err, VS_E_SYNTAX, "at byte %zu: a vector cannot divide; want a number behind /", b->from);
    if (b->number == 0) return vs_fail(err, VS_E_NUMERIC, "at byte %zu: division by zero", b->from);
    if (a->scalar)
        a->number /= b->number;
    else
        divide(a, b->number);
    return VS_OK;
}

vs_status vs__operand_combine(vs_err *err, const char *text, vs__op op, vs__operand *a, const vs__operand *b) {
    vs_status s = op == VS__PLUS    ? add(err, text, 1, a, b)
                  : op == VS__MINUS ? add(err, text, -1, a, b)
                  : op == VS__TIMES ? multiply(err, a, b)
                                    : quotient(err, a, b);
    a->to = b->to;
    a->literal = false;
    return s;
}

/* ---- functions ---- */

static double dot(const vs__operand *a, const vs__operand *b) {
    double sum = 0;
    for (size_t j = 0; j < a->v.dim; j++) sum += (double)a->v.vec[j] * (double)b->v.vec[j];
    return sum;
}

static vs_status unit(vs_err *err, vs__operand *x, size_t n, double *part) {
    (void)n;
    double square = dot(x, x);
    if (!(square > 0)) return vs_fail(err, VS_E_NUMERIC, "at byte %zu: a zero vector has no direction", x->from);
    *part = sqrt(square);
    divide(x, *part);
    return VS_OK;
}

static vs_status mean(vs_err *err, vs__operand *x, size_t n, double *part) {
    (void)part;
    for (size_t j = 0; j < x->v.dim; j++) {
        double sum = 0;
        for (size_t i = 0; i < n; i++) sum += (double)x[i].v.vec[j];
        x->v.vec[j] = (float)(sum / (double)n);
    }
    scale_parts(x, 1 / (double)n);
    for (size_t i = 1; i < n; i++) VS_TRY(join(err, x, 1 / (double)n, &x[i]));
    return VS_OK;
}

/* x[0] = keep x[0] + along (the part of x[0] that lies along x[1]). */
static vs_status onto(vs_err *err, vs__operand *x, double keep, double along, double *part) {
    double square = dot(&x[1], &x[1]);
    if (!(square > 0)) return vs_fail(err, VS_E_NUMERIC, "at byte %zu: a zero vector has no direction", x[1].from);
    double k = dot(&x[0], &x[1]) / square;
    for (size_t j = 0; j < x->v.dim; j++)
        x->v.vec[j] = (float)(keep * (double)x->v.vec[j] + along * k * (double)x[1].v.vec[j]);
    *part = k;
    scale_parts(x, keep);
    return join(err, x, along * k, &x[1]);
}

static vs_status project(vs_err *err, vs__operand *x, size_t n, double *part) {
    (void)n;
    return onto(err, x, 0, 1, part);
}

static vs_status reject(vs_err *err, vs__operand *x, size_t n, double *part) {
    (void)n;
    return onto(err, x, 1, -1, part);
}

/* The function comes to a number: what it was made from is left behind, but for what is to be told. */
static vs_status to_number(vs_err *err, vs__operand *x, size_t n, double number) {
    for (size_t i = 1; i < n; i++) add_notes(&x->v.notes, &x[i].v.notes);
    if (x->v.notes.failed) return vs_fail(err, VS_E_NOMEM, "no memory for the notes of an expression");
    vs__operand out = {.scalar = true, .number = number, .from = x->from, .to = x->to, .v.notes = x->v.notes};
    x->v.notes = (vs_buf){0};
    vs__operand_free(x);
    *x = out;
    return VS_OK;
}

static vs_status norm_of(vs_err *err, vs__operand *x, size_t n, double *part) {
    (void)part;
    return to_number(err, x, n, sqrt(dot(x, x)));
}

static vs_status dot_of(vs_err *err, vs__operand *x, size_t n, double *part) {
    (void)part;
    return to_number(err, x, n, dot(&x[0], &x[1]));
}

static vs_status cos_of(vs_err *err, vs__operand *x, size_t n, double *part) {
    double a = dot(&x[0], &x[0]), b = dot(&x[1], &x[1]);
    if (!(a > 0 && b > 0))
        return vs_fail(err, VS_E_NUMERIC, "at byte %zu: a zero vector has no direction", a > 0 ? x[1].from : x[0].from);
    *part = dot(&x[0], &x[1]);
    return to_number(err, x, n, *part / (sqrt(a) * sqrt(b)));
}

static vs_status dist_of(vs_err *err, vs__operand *x, size_t n, double *part) {
    (void)part;
    double sum = 0;
    for (size_t j = 0; j < x->v.dim; j++) {
        double by = (double)x[0].v.vec[j] - (double)x[1].v.vec[j];
        sum += by * by;
    }
    return to_number(err, x, n, sqrt(sum));
}

const vs__function vs__functions[] = {
    {"unit", 1, 1, "x / |x|", "|x|", unit},
    {"mean", 1, SIZE_MAX, "sum of the x / how many", NULL, mean},
    {"project", 2, 2, "(x·y / y·y) y", "x·y / y·y", project},
    {"reject", 2, 2, "x − (x·y / y·y) y", "x·y / y·y", reject},
    {"norm", 1, 1, "√(x·x)", NULL, norm_of},
    {"dot", 2, 2, "sum of x[j] y[j]", NULL, dot_of},
    {"cos", 2, 2, "x·y / (|x| |y|)", "x·y", cos_of},
    {"dist", 2, 2, "|x − y|", NULL, dist_of},
    {NULL, 0, 0, NULL, NULL, NULL},
};

vs_status vs__operand_call(vs_err *err, const char *text, const vs__function *f, vs__operand *x, size_t n, double *part) {
    *part = 0;
    if (n < f->min || n > f->max)
        return vs_fail(err, VS_E_SYNTAX, "at byte %zu: %s takes %zu argument%s, not %zu", n ? x->from : 0, f->name, f->min,
                       f->min == 1 ? "" : "s", n);
    for (size_t i = 0; i < n; i++) {
        if (x[i].scalar) return vs_fail(err, VS_E_SYNTAX, "at byte %zu: %s wants vectors, not numbers", x[i].from, f->name);
        VS_TRY(same_width(err, text, &x[0], &x[i]));
    }
    vs_status s = f->apply(err, x, n, part);
    x->literal = false;
    return s;
}

/* ---- how it came about ---- */

static void leave(vs_trace_operand *o) { vs_value_free(&o->v); }

void vs_trace_free(vs_trace *t) {
    if (!t) return;
    for (size_t i = 0; i < t->n; i++) leave(&t->operand[i]);
    vs_free(t->operand);
    vs_free(t->step);
    *t = (vs_trace){0};
}

static bool copy_value(const vs_value *v, vs_value *out) {
    *out = (vs_value){.dim = v->dim, .weight = v->weight, .of = v->of, .space = v->space, .n_rows = v->n_rows};
    out->vec = vs_alloc(v->dim, sizeof *out->vec);
    out->rows = v->n_rows ? vs_alloc(v->n_rows, sizeof *out->rows) : NULL;
    vs_buf_put(&out->notes, v->notes.s, v->notes.len);
    if (!out->vec || (v->n_rows && !out->rows) || out->notes.failed) return false;
    memcpy(out->vec, v->vec, v->dim * sizeof *v->vec);
    if (v->n_rows) memcpy(out->rows, v->rows, v->n_rows * sizeof *v->rows);
    return true;
}

vs_status vs__trace_operand(vs_err *err, vs_trace *t, vs__operand *a) {
    if (!t) return VS_OK;
    if (t->n == t->cap) {
        size_t cap = t->cap ? 2 * t->cap : 8;
        vs_trace_operand *grown = vs_grow(t->operand, t->n, cap, sizeof *grown);
        if (!grown) return vs_fail(err, VS_E_NOMEM, "no memory for an operand");
        t->operand = grown;
        t->cap = cap;
    }
    vs_trace_operand *o = &t->operand[t->n];
    *o = (vs_trace_operand){.from = a->from, .to = a->to};
    vs__operand self = {.part = &(vs__part){t->n, 1}, .n_parts = 1};
    t->n++; /* what is copied in part is freed with the trace */
    if (!copy_value(&a->v, &o->v)) return vs_fail(err, VS_E_NOMEM, "no memory for an operand");
    return add_parts(err, a, 1, &self);
}

void vs__trace_forget(vs_trace *t, vs__operand *a) {
    if (!t || a->n_parts != 1 || a->part[0].operand >= t->n) return;
    size_t i = a->part[0].operand;
    leave(&t->operand[i]);
    memmove(&t->operand[i], &t->operand[i + 1], (t->n - i - 1) * sizeof *t->operand);
    t->n--;
    a->n_parts = 0;
}

vs_status vs__trace_step(vs_err *err, vs_trace *t, const vs__operand *a, const char *rule, const char *part, double value) {
    if (!t) return VS_OK;
    if (t->n_steps == t->cap_steps) {
        size_t cap = t->cap_steps ? 2 * t->cap_steps : 8;
        vs_trace_step *grown = vs_grow(t->step, t->n_steps, cap, sizeof *grown);
        if (!grown) return vs_fail(err, VS_E_NOMEM, "no memory for a step");
        t->step = grown;
        t->cap_steps = cap;
    }
    t->step[t->n_steps++] = (vs_trace_step){.from = a->from, .to = a->to, .rule = rule, .scalar = a->scalar, .part = part,
                                            .part_value = value,
                                            .value = a->scalar ? a->number : sqrt(dot(a, a))};
    return VS_OK;
}

void vs__trace_finish(vs_trace *t, const vs__operand *a) {
    for (size_t i = 0; t && i < a->n_parts; i++)
        if (a->part[i].operand < t->n) t->operand[a->part[i].operand].coef += a->part[i].coef;
}

/* ---- the whole ---- */

static int by_size(const void *a, const void *b) {
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return x < y ? -1 : x > y;
}

vs_status vs__operand_finish(vs_err *err, vs__operand *a, vs_value *out) {
    if (a->scalar && !isfinite(a->number)) return vs_fail(err, VS_E_NUMERIC, "the result is not finite");
    a->v.number = a->scalar ? a->number : 0;
    for (size_t j = 0; j < a->v.dim; j++)
        if (!isfinite(a->v.vec[j])) return vs_fail(err, VS_E_NUMERIC, "number %zu of the result is not finite", j);
    size_t kept = 0;
    if (a->v.n_rows) qsort(a->v.rows, a->v.n_rows, sizeof *a->v.rows, by_size);
    for (size_t i = 0; i < a->v.n_rows; i++)
        if (!kept || a->v.rows[kept - 1] != a->v.rows[i]) a->v.rows[kept++] = a->v.rows[i];
    a->v.n_rows = kept;
    *out = a->v;
    a->v = (vs_value){0};
    vs__operand_free(a);
    return VS_OK;
}
