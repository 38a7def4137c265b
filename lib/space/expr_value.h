/* expr_value.h - numbers and vectors under way in an expression, and the arithmetic on them; for lib/space alone. */
#ifndef VS_SPACE_EXPR_VALUE_H
#define VS_SPACE_EXPR_VALUE_H

#include "expr.h"
#include "expr_lex.h"

typedef struct vs__operand {
    bool scalar;
    double number;   /* of a scalar */
    vs_value v;      /* of a vector */
    size_t rows_cap; /* room in v.rows */
    bool mixed;      /* made from several spaces: belongs to none */
    size_t from, to; /* where it stands in the expression */
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
    vs_status (*apply)(vs_err *err, vs__operand *x, size_t n);
} vs__function;
extern const vs__function vs__functions[]; /* ended by a NULL name */

/* vs__operand_call() - check the arguments and apply.  As vs__operand_combine(). */
vs_status vs__operand_call(vs_err *err, const char *text, const vs__function *f, vs__operand *x, size_t n) VS_MUST_CHECK;

/* vs__operand_finish() - the value of a whole expression: finite, its rows ascending and each once; a is emptied. */
vs_status vs__operand_finish(vs_err *err, vs__operand *a, vs_value *out) VS_MUST_CHECK;

#endif
