/* nn_impl.h - a search for the nearest rows under way; for lib/space alone. */
#ifndef VS_SPACE_NN_IMPL_H
#define VS_SPACE_NN_IMPL_H

#include "space_impl.h"

/* What is known of a row: the larger the score, the nearer (a distance is negative). */
typedef struct vs__hit {
    double score;
    size_t row;
} vs__hit;

/* The best k so far of one thread: a heap with the worst on top. */
typedef struct vs__best {
    vs__hit *at;
    size_t n, k;
} vs__best;

/* vs__best_keep() - take h in where it is among the best k, of equals the lower row.
 * vs__best_floor() - what a score must reach to be worth a look; -inf while there is room. */
void vs__best_keep(vs__best *b, vs__hit h);
double vs__best_floor(const vs__best *b);

/* One question. */
typedef struct vs__query {
    const float *x;     /* [d] what rows are multiplied with: the query over its norm (cosine), over a power of two so that
                           nothing overflows (dot), or as it is (L2) */
    double square;      /* |x|^2 */
    int power;          /* dot: the score is 2^power times that of x */
    bool plain;         /* L2: lengths beyond f32, so each row is looked at in double */
    const size_t *skip; /* [n_skip] ascending */
    size_t n_skip;
    vs__best *best; /* [workers] */
} vs__query;

/* Questions that are answered by one scan. */
typedef struct vs__codes vs__codes;
typedef struct vs__search {
    const vs_space *s;
    vs_measure measure;
    const float *inverse;  /* [rows] as in the space */
    const uint64_t *allow; /* as vs_space_near_many() has it */
    vs__query *query;
    size_t n;
    float *x;    /* [n, d] the x of all queries */
    float *wide; /* [d] for each worker: a row widened */
    const vs__codes *codes;
    struct vs__coded *coded; /* the queries in whole numbers */
} vs__search;

/* vs__round_off() - how far a product of d numbers in f32 is from its value, over |x| |row|, at most: ceil(d / 16) fused
 * steps and four additions, twice what the standard analysis of rounding gives. */
double vs__round_off(size_t d);

/* vs__search_offer() - a row to the best of a worker: dot is vs_dot(x, row), NaN where it is not known. */
void vs__search_offer(const vs__search *q, size_t i, int worker, size_t row, float dot);

/* vs__search_row() - row r as f32, where it lies or widened. */
const float *vs__search_row(const vs__search *q, int worker, size_t r);

/* vs__allowed() - the bits of rows r .. r + 15 (r a multiple of 16) that may be answers. */
static inline uint16_t vs__allowed(const vs__search *q, size_t r) {
    return q->allow ? (uint16_t)(q->allow[r / 64] >> (r % 64)) : UINT16_MAX;
}

/* The rows in 8 bits (nn_codes.c).
 * vs__codes_new() - the codes of all rows of a space; NULL when memory is short.  O(n d). */
vs__codes *vs__codes_new(const vs_space *s, const float *inverse);
void vs__codes_free(vs__codes *c);

/* vs__codes_ask() - set q up for a scan of its codes; false when memory is short.  vs__codes_done() lets go of that. */
bool vs__codes_ask(vs__search *q);
void vs__codes_done(vs__search *q);

/* vs__codes_scan() - a vs_span_fn over blocks of 16 rows; arg is a vs__search. */
enum { VS__CODE_ROWS = 16 };
void vs__codes_scan(void *arg, size_t begin, size_t end, int worker);

#endif
