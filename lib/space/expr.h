/* expr.h - expressions: arithmetic on addresses (DESIGN 1).
 *
 *   expr    := term (('+' | '-' | '−') term)*
 *   term    := factor (('*' | '/') factor)*
 *   factor  := number | ('-' | '−') factor | '(' expr ')' | function '(' expr, … ')' | address
 *   address := key | "text" | space:key | space:"text" | "text"@site[pos] | model:"text"@site[pos] | $name
 *              | "text" -> "target"@site[pos], or with → and a model: in front: the decoder beside an encoder reads the target
 *              | call '(' argument, … ')' | model:call '(' argument, … ')'
 *
 * What makes a mark an operator, so that words may hold any mark:
 *   - + - * / stand alone between blanks; U+2212 (−) always; -> and → alone stand between two quoted texts only.  At an operand's place a lone
 *     + - * / is a key where an operator, a closing mark or the end follows (`- + +`), a lone - else negates.
 *   - A text that is wholly a key (the resolver is asked) is that key: a whole expression, an argument, what stands
 *     between two operators (a lone " only where it cannot open a quoted text).  So `new york` is a key where the space has it; else several words in a row are one address,
 *     "new york", for the resolver's rule of means.
 *   - A number is a scalar beside * or / (`2 * 1984`), and beside + or - where the other side is one (`1 - cos(a, b)`);
 *     elsewhere it is a key (`1984`).
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
    const char *space;   /* "glove" of glove:queen, also of a SITE (model:"text"@6) and a CALL; NULL: the current one */
    const char *text;    /* the key; the quoted text before @; the $name without $; the function (neuron, head, file) */
    size_t text_len;
    bool quoted;
    const char *site;    /* "6", "3.attn.z.h5" of @…; NULL */
    const char *target;  /* what stands behind -> in front of the @: what the decoder reads; NULL: nothing does */
    size_t target_len;
    const char *pos;     /* what stands between [ and ], as written; NULL: none */
    const char *const *args; /* of a call, blanks around them taken off; one that is wholly "quoted" without its quotes */
    const char *const *written; /* the same with their quotes: what is an expression itself */
    size_t n_args;
    size_t at;           /* byte offset in the expression, for messages */
} vs_addr;

/* A vector with where it comes from, or a number. */
typedef struct vs_value {
    float *vec;          /* [dim]; owned: vs_value_free(); NULL: a number */
    double number;       /* where there is no vec */
    size_t dim;
    double weight;       /* the sum of its addresses' coefficients: 1 of a place (queen − king + man), 0 of a difference */
    const char *of;      /* the space or model that it comes from, for messages; borrowed while that is open; NULL: several, none */
    vs_space *space;     /* where answers are looked up, borrowed; NULL: the resolver's default for this width */
    size_t *rows;        /* rows of that space that were operands, to leave out; ascending, each once; owned */
    size_t n_rows;
    vs_buf notes;        /* what to tell the person (look-ups that were not exact), one a line */
} vs_value;
void vs_value_free(vs_value *v); /* leaves it zeroed */

/* vs_value_size() - bytes of a vs_value, for bindings that describe it anew, as vs_request_size(). */
size_t vs_value_size(void);

typedef struct vs_resolver {
    void *self;
    /* fill a vs_value, zeroed but for its weight, 1, with the vector of one address; what it leaves there after a failure is
     * freed */
    vs_status (*resolve)(vs_err *err, void *self, const vs_addr *a, vs_value *out);
    /* principal component i (from 0) of the current space, for pc(i+1); NULL: pc is not offered */
    vs_status (*pc)(vs_err *err, void *self, size_t i, vs_value *out);
    /* whether a text is wholly a key of the current space: such a text is that key, never an expression */
    bool (*is_key)(void *self, const char *text, size_t n);
    /* whether a text is the name of a space (or of a model), so that what follows its colon is a key there; NULL: none is */
    bool (*is_space)(void *self, const char *text, size_t n);
    /* whether it is the name of a model, so that a call may follow its colon; NULL: none is */
    bool (*is_model)(void *self, const char *text, size_t n);
} vs_resolver;

/* vs_eval() - evaluate text[n] to a vector.  Functions to vectors: unit(x) mean(x, y, …) project(x, y) reject(x, y) pc(i), i
 * from 1; to numbers: norm(x) dot(x, y) cos(x, y) dist(x, y).
 * Operands of one space keep it and their rows in *out; of several spaces, or of none, out->space is NULL.
 * VS_OK | VS_E_SYNTAX (the byte offset and what was wanted; the whole is a number) | VS_E_SHAPE (widths differ: names both
 * operands, their spaces and widths) | VS_E_NUMERIC (division by zero, unit of zero, a result that is not finite) |
 * VS_E_STOPPED | what the resolver says.  O(n) and the resolver's work; nesting is bounded. */
vs_status vs_eval(vs_err *err, const char *text, size_t n, const vs_resolver *r, vs_value *out) VS_MUST_CHECK;

/* How a value came about.  Every function of expressions gives a sum of its operands with numbers before them, so the value
 * is sum(coef · vec) over the operands (but for rounding). */
typedef struct vs_trace_operand {
    size_t from, to; /* where it stands in the expression */
    vs_value v;
    double coef;     /* in the value; 0 where it only served to make a number */
} vs_trace_operand;
typedef struct vs_trace_step {
    size_t from, to;
    const char *rule; /* "x / |x|"; static */
    bool scalar;
    double value;     /* of a number; the length of a vector */
    const char *part; /* a number that the rule holds, "x·y / y·y", and its value; NULL: none */
    double part_value;
} vs_trace_step;
typedef struct vs_trace {
    vs_trace_operand *operand; /* in the order of the expression */
    vs_trace_step *step;       /* in the order they were done */
    size_t n, n_steps, cap, cap_steps;
} vs_trace;
void vs_trace_free(vs_trace *t); /* leaves it zeroed */

/* vs_eval_any() - the same, to a vector or a number.
 *   trace (zeroed; may be NULL): how it came about; the caller's also after a failure. */
vs_status vs_eval_any(vs_err *err, const char *text, size_t n, const vs_resolver *r, vs_trace *trace, vs_value *out) VS_MUST_CHECK;

/* vs_expr_split() - the parts of text[n] between commas at top level (`compare E, E`): spans into parts[cap], blanks
 * around them taken off.  VS_OK | VS_E_SYNTAX (an empty part, an unclosed quote, more than cap parts). */
typedef struct vs_span {
    const char *s;
    size_t n;
} vs_span;
vs_status vs_expr_split(vs_err *err, const char *text, size_t n, vs_span *parts, size_t cap, size_t *count) VS_MUST_CHECK;

#endif
