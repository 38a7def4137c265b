/* expr.h - expressions: arithmetic on addresses (DESIGN 1).
 *
 *   expr    := term (('+' | '-' | '−') term)*
 *   term    := factor (('*' | '/') factor)*
 *   factor  := number | ('-' | '−') factor | '(' expr ')' | function '(' expr, … ')' | address
 *   address := key | "text" | space:key | space:"text" | "text"@site[pos] | $name | call '(' argument, … ')'
 *
 * What makes a mark an operator, so that words may hold any mark:
 *   - + - * / stand alone between blanks; U+2212 (−) always; -> and → alone are reserved.  At an operand's place a lone
 *     + - * / is a key where an operator, a closing mark or the end follows (`- + +`), a lone - else negates.
 *   - A text that is wholly a key (the resolver is asked) is that key: a whole expression, an argument, what stands
 *     between two operators (a lone " only where it cannot open a quoted text).  So `new york` is a key where the space has it; else several words in a row are one address,
 *     "new york", for the resolver's rule of means.
 *   - A number is a scalar only beside * or / (`2 * 1984`); elsewhere it is a key (`1984`).
 *   - A function or call is a name with its ( directly behind; ( elsewhere groups only at an operand's start.
 *   - "…" begins at an operand's start or after space:, knows \" and \\, and alone may have @ and [ behind it.
 *   - a:b is the key b of the space a only where a is a space (the resolver is asked), the longest such a.
 *
 * The module knows the grammar and the arithmetic; what an address means is asked of a
 * resolver, which the session is. */
#ifndef VS_SPACE_EXPR_H
#define VS_SPACE_EXPR_H

#include "space.h"

/* One operand.  Strings end in NUL and live until the resolver returns. */
typedef enum vs_addr_kind { VS_ADDR_KEY, VS_ADDR_SITE, VS_ADDR_NAME, VS_ADDR_CALL } vs_addr_kind;
typedef struct vs_addr {
    vs_addr_kind kind;
    const char *space;   /* "glove" of glove:queen, also of a SITE (model:"text"@6); NULL: the current one */
    const char *text;    /* the key; the quoted text before @; the $name without $; the function (neuron, head, file) */
    size_t text_len;
    bool quoted;
    const char *site;    /* "6", "3.attn.z.h5" of @…; NULL */
    const char *pos;     /* what stands between [ and ], as written; NULL: none */
    const char *const *args; /* of a call, blanks around them taken off; one that is wholly "quoted" without its quotes */
    const char *const *written; /* the same with their quotes: what is an expression itself */
    size_t n_args;
    size_t at;           /* byte offset in the expression, for messages */
} vs_addr;

/* A vector with where it comes from. */
typedef struct vs_value {
    float *vec;          /* [dim]; owned: vs_value_free() */
    size_t dim;
    vs_space *space;     /* where answers are looked up, borrowed; NULL: the resolver's default for this width */
    size_t *rows;        /* rows of that space that were operands, to leave out; ascending, each once; owned */
    size_t n_rows;
    vs_buf notes;        /* what to tell the person (look-ups that were not exact), one a line */
} vs_value;
void vs_value_free(vs_value *v); /* leaves it zeroed */

typedef struct vs_resolver {
    void *self;
    /* fill a zeroed vs_value with the vector of one address; what it leaves there after a failure is freed */
    vs_status (*resolve)(vs_err *err, void *self, const vs_addr *a, vs_value *out);
    /* principal component i (from 0) of the current space, for pc(i+1); NULL: pc is not offered */
    vs_status (*pc)(vs_err *err, void *self, size_t i, vs_value *out);
    /* whether a text is wholly a key of the current space: such a text is that key, never an expression */
    bool (*is_key)(void *self, const char *text, size_t n);
    /* whether a text is the name of a space (or of a model), so that what follows its colon is a key there; NULL: none is */
    bool (*is_space)(void *self, const char *text, size_t n);
} vs_resolver;

/* vs_eval() - evaluate text[n].  Functions: unit(x) mean(x, y, …) project(x, y) reject(x, y) pc(i), i from 1.
 * Operands of one space keep it and their rows in *out; of several spaces, or of none, out->space is NULL.
 * VS_OK | VS_E_SYNTAX (the byte offset and what was wanted) | VS_E_SHAPE (widths differ: names both operands) |
 * VS_E_NUMERIC (division by zero, unit of zero, a result that is not finite) | VS_E_STOPPED | what the resolver says.
 * O(n) and the resolver's work; nesting is bounded. */
vs_status vs_eval(vs_err *err, const char *text, size_t n, const vs_resolver *r, vs_value *out) VS_MUST_CHECK;

/* vs_expr_split() - the parts of text[n] between commas at top level (`compare E, E`): spans into parts[cap], blanks
 * around them taken off.  VS_OK | VS_E_SYNTAX (an empty part, an unclosed quote, more than cap parts). */
typedef struct vs_span {
    const char *s;
    size_t n;
} vs_span;
vs_status vs_expr_split(vs_err *err, const char *text, size_t n, vs_span *parts, size_t cap, size_t *count) VS_MUST_CHECK;

#endif
