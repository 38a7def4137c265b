/* expr_value.h - numbers and vectors under way in an expression, and the arithmetic on them; for lib/space alone. */
#ifndef VS_SPACE_EXPR_VALUE_H
#define VS_SPACE_EXPR_VALUE_H

#include "expr.h"
#include "expr_lex.h"

typedef struct vs__part {
    size_t operand; /* of the trace */
    double coef;
} vs__part;

typedef struct vs__operand {
    bool scalar;
    bool literal;    /* a bare number as written, which may be a key too: number holds it */
    double number;   /* of a scalar */
    vs_value v;      /* of a vector */
    size_t rows_cap; /* room in v.rows */
    bool mixed;      /* made from several spaces: belongs to none */
    size_t from, to; /* where it stands in the expression */
    vs__part *part;  /* [n_parts] what it is the sum of; none where there is no trace */
    size_t n_parts, parts_cap;
} vs__operand;

/* vs__operand_free() - leaves it zeroed. */
void vs__operand_free(vs__operand *a);

/* vs__operand_combine() - a = a op b; where they stand is that of both.  text is the expression, for messages.
 * VS_OK | VS_E_SHAPE | VS_E_SYNTAX (a number where a vector is wanted, or the other way round) | VS_E_NUMERIC | VS_E_NOMEM. */
vs_status vs__operand_combine(vs_err *err, const char *text, vs__op op, vs__operand *a, const vs__operand *b) VS_MUST_CHECK;

/* vs__operand_negate() - a = -a. */
void vs__operand_negate(vs__operand *a);

/* The functions of expressions.  x[n] are vectors of one width or this says which are not; the result is in x[0]. */
typedef struct vs__function {
    const char *name;
    size_t min, max; /* arguments */
    const char *rule, *part; /* as in a step of the trace */
    vs_status (*apply)(vs_err *err, vs__operand *x, size_t n, double *part);
} vs__function;
extern const vs__function vs__functions[]; /* ended by a NULL name */

/* vs__operand_call() - check the arguments and apply.  part: its value.  As vs__operand_combine(). */
vs_status vs__operand_call(vs_err *err, const char *text, const vs__function *f, vs__operand *x, size_t n, double *part) VS_MUST_CHECK;

/* vs__trace_operand() - write an operand as the address gave it into the trace, and into a->part; NULL: nothing.
 * vs__trace_forget() - the operand that a alone is was none: it is a number now.
 * vs__trace_step() - what was done last, a its outcome.
 * vs__trace_finish() - the coefficients that a came to. */
vs_status vs__trace_operand(vs_err *err, vs_trace *t, vs__operand *a) VS_MUST_CHECK;
void vs__trace_forget(vs_trace *t, vs__operand *a);
vs_status vs__trace_step(vs_err *err, vs_trace *t, const vs__operand *a, const char *rule, const char *part, double value) VS_MUST_CHECK;
void vs__trace_finish(vs_trace *t, const vs__operand *a);

/* vs__operand_finish() - the value of a whole expression: finite, its rows ascending and each once; a is emptied. */
vs_status vs__operand_finish(vs_err *err, vs__operand *a, vs_value *out) VS_MUST_CHECK;

#endif
