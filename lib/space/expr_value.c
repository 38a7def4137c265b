/* expr_value.c - see expr_value.h. */
#include "expr_value.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../base/alloc.h"
#include "../tensor/kernels.h"

void vs_value_free(vs_value *v) {
    if (!v) return;
    vs_free(v->vec);
    vs_free(v->rows);
    vs_buf_free(&v->notes);
    *v = (vs_value){0};
}

void vs__operand_free(vs__operand *a) {
    vs_value_free(&a->v);
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

/* a also comes from where b comes from. */
static vs_status join(vs_err *err, vs__operand *a, const vs__operand *b) {
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
    return vs_fail(err, VS_E_SHAPE, "%.*s has %zu numbers, %.*s has %zu: want vectors of one width",
                   vs__shown(s, a->to - a->from), s, a->v.dim, vs__shown(t, b->to - b->from), t, b->v.dim);
}

static void scale(vs__operand *a, double k) {
    for (size_t j = 0; j < a->v.dim; j++) a->v.vec[j] = (float)((double)a->v.vec[j] * k);
}

static void divide(vs__operand *a, double k) {
    for (size_t j = 0; j < a->v.dim; j++) a->v.vec[j] = (float)((double)a->v.vec[j] / k);
}

void vs__operand_negate(vs__operand *a) {
    if (a->scalar)
        a->number = -a->number;
    else
        vs_scale_by(a->v.vec, -1, a->v.dim);
}

static vs_status add(vs_err *err, const char *text, double sign, vs__operand *a, const vs__operand *b) {
    if (a->scalar != b->scalar)
        return vs_fail(err, VS_E_SYNTAX, "at byte %zu: a number and a vector cannot be added; a number is wanted beside * or / only",
                       a->scalar ? a->from : b->from);
    if (a->scalar) {
        a->number += sign * b->number;
        return VS_OK;
    }
    VS_TRY(same_width(err, text, a, b));
    vs_axpy((float)sign, b->v.vec, a->v.vec, a->v.dim);
    return join(err, a, b);
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
    a->v.vec = vs_alloc(b->v.dim, sizeof *a->v.vec);
    if (!a->v.vec) return vs_fail(err, VS_E_NOMEM, "no memory for a vector of %zu numbers", b->v.dim);
    a->v.dim = b->v.dim;
    memcpy(a->v.vec, b->v.vec, b->v.dim * sizeof *a->v.vec);
    scale(a, k);
    return join(err, a, b);
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
    return s;
}

/* ---- functions ---- */

static double dot(const vs__operand *a, const vs__operand *b) {
    double sum = 0;
    for (size_t j = 0; j < a->v.dim; j++) sum += (double)a->v.vec[j] * (double)b->v.vec[j];
    return sum;
}

static vs_status unit(vs_err *err, vs__operand *x, size_t n) {
    (void)n;
    double square = dot(x, x);
    if (!(square > 0)) return vs_fail(err, VS_E_NUMERIC, "at byte %zu: a zero vector has no direction", x->from);
    divide(x, sqrt(square));
    return VS_OK;
}

static vs_status mean(vs_err *err, vs__operand *x, size_t n) {
    for (size_t j = 0; j < x->v.dim; j++) {
        double sum = 0;
        for (size_t i = 0; i < n; i++) sum += (double)x[i].v.vec[j];
        x->v.vec[j] = (float)(sum / (double)n);
    }
    for (size_t i = 1; i < n; i++) VS_TRY(join(err, x, &x[i]));
    return VS_OK;
}

/* x[0] = keep x[0] + along (the part of x[0] that lies along x[1]). */
static vs_status onto(vs_err *err, vs__operand *x, double keep, double along) {
    double square = dot(&x[1], &x[1]);
    if (!(square > 0)) return vs_fail(err, VS_E_NUMERIC, "at byte %zu: a zero vector has no direction", x[1].from);
    double k = dot(&x[0], &x[1]) / square;
    for (size_t j = 0; j < x->v.dim; j++)
        x->v.vec[j] = (float)(keep * (double)x->v.vec[j] + along * k * (double)x[1].v.vec[j]);
    return join(err, x, &x[1]);
}

static vs_status project(vs_err *err, vs__operand *x, size_t n) {
    (void)n;
    return onto(err, x, 0, 1);
}

static vs_status reject(vs_err *err, vs__operand *x, size_t n) {
    (void)n;
    return onto(err, x, 1, -1);
}

const vs__function vs__functions[] = {
    {"unit", 1, 1, unit},
    {"mean", 1, SIZE_MAX, mean},
    {"project", 2, 2, project},
    {"reject", 2, 2, reject},
    {NULL, 0, 0, NULL},
};

vs_status vs__operand_call(vs_err *err, const char *text, const vs__function *f, vs__operand *x, size_t n) {
    if (n < f->min || n > f->max)
        return vs_fail(err, VS_E_SYNTAX, "at byte %zu: %s takes %zu argument%s, not %zu", n ? x->from : 0, f->name, f->min,
                       f->min == 1 ? "" : "s", n);
    for (size_t i = 0; i < n; i++) {
        if (x[i].scalar) return vs_fail(err, VS_E_SYNTAX, "at byte %zu: %s wants vectors, not numbers", x[i].from, f->name);
        VS_TRY(same_width(err, text, &x[0], &x[i]));
    }
    return f->apply(err, x, n);
}

/* ---- the whole ---- */

static int by_size(const void *a, const void *b) {
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return x < y ? -1 : x > y;
}

vs_status vs__operand_finish(vs_err *err, vs__operand *a, vs_value *out) {
    if (a->scalar) return vs_fail(err, VS_E_SYNTAX, "this is a number; a vector is wanted");
    for (size_t j = 0; j < a->v.dim; j++)
        if (!isfinite(a->v.vec[j])) return vs_fail(err, VS_E_NUMERIC, "number %zu of the result is not finite", j);
    size_t kept = 0;
    if (a->v.n_rows) qsort(a->v.rows, a->v.n_rows, sizeof *a->v.rows, by_size);
    for (size_t i = 0; i < a->v.n_rows; i++)
        if (!kept || a->v.rows[kept - 1] != a->v.rows[i]) a->v.rows[kept++] = a->v.rows[i];
    a->v.n_rows = kept;
    *out = a->v;
    *a = (vs__operand){0};
    return VS_OK;
}
