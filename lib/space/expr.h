/* expr.h - expressions: arithmetic on addresses (DESIGN 1).
 *
 *   expr    := term (('+' | '-' | '−') term)*            operators only between blanks ('−' always)
 *   term    := factor (('*' | '/') factor)*
 *   factor  := number (beside * or /) | '-' factor | '(' expr ')' | function '(' expr, … ')' | address
 *   address := key | "text" | space:key | space:"text" | "text"@site[pos] | $name | neuron(l,n) | head(l,h,map) | file("f")
 *
 * The module knows the grammar and the arithmetic; what an address means is asked of a
 * resolver, which the session is. */
#ifndef VS_SPACE_EXPR_H
#define VS_SPACE_EXPR_H

#include "space.h"

/* One operand, as written.  Strings are borrowed from the expression. */
typedef enum vs_addr_kind { VS_ADDR_KEY, VS_ADDR_SITE, VS_ADDR_NAME, VS_ADDR_CALL } vs_addr_kind;
typedef struct vs_addr {
    vs_addr_kind kind;
    const char *space;   /* "glove" of glove:queen; NULL: the current space */
    const char *text;    /* the key; the quoted text before @; the $name without $; the function (neuron, head, file) */
    size_t text_len;
    bool quoted;
    const char *site;    /* "6", "3.attn.z.h5" of @…; NULL */
    const char *pos;     /* what stands between [ and ]; NULL: none */
    const char *const *args; /* of a call, as written */
    size_t n_args;
    size_t at;           /* byte offset in the expression, for messages */
} vs_addr;

/* A vector with where it comes from. */
typedef struct vs_value {
    float *vec;          /* [dim]; owned: vs_value_free() */
    size_t dim;
    vs_space *space;     /* where answers are looked up, borrowed; NULL: the resolver's default for this width */
    size_t *rows;        /* rows of that space that were operands, to leave out */
    size_t n_rows;
    vs_buf notes;        /* what to tell the person (look-ups that were not exact), one a line */
} vs_value;
void vs_value_free(vs_value *v);

typedef struct vs_resolver {
    void *self;
    /* fill a zeroed vs_value with the vector of one address */
    vs_status (*resolve)(vs_err *err, void *self, const vs_addr *a, vs_value *out);
    /* principal component i (from 0) of the current space, for pc(i+1) */
    vs_status (*pc)(vs_err *err, void *self, size_t i, vs_value *out);
    /* whether a text is wholly a key of the current space: such a text is that key, never an expression */
    bool (*is_key)(void *self, const char *text, size_t n);
} vs_resolver;

/* vs_eval() - evaluate text[n].  Functions: unit mean project reject pc.
 * VS_OK | VS_E_SYNTAX (the offset and what was wanted) | VS_E_SHAPE (widths differ: names both operands) |
 * what the resolver says | VS_E_NUMERIC (unit of zero). */
vs_status vs_eval(vs_err *err, const char *text, size_t n, const vs_resolver *r, vs_value *out) VS_MUST_CHECK;

/* vs_expr_split() - the parts of text[n] between commas at top level (`compare E, E`): spans into parts[cap]. */
typedef struct vs_span {
    const char *s;
    size_t n;
} vs_span;
vs_status vs_expr_split(vs_err *err, const char *text, size_t n, vs_span *parts, size_t cap, size_t *count) VS_MUST_CHECK;

#endif
