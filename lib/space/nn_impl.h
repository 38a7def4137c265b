/* nn_impl.h - a search for the nearest rows under way; for lib/space alone. */
#ifndef VS_SPACE_NN_IMPL_H
#define VS_SPACE_NN_IMPL_H

#include "space_impl.h"

typedef struct vs__hit {
    float score;
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
float vs__best_floor(const vs__best *b);

/* One question. */
typedef struct vs__query {
    const vs_space *s;
    const float *unit;    /* [d] the query over its norm, or zero */
    const float *inverse; /* [n] as in the space */
    const size_t *skip;   /* [n_skip] ascending */
    size_t n_skip;
    vs__best *of_worker;
    float *wide; /* [d] for each worker, for rows that are scored in double */
    const struct vs__codes *codes;
    const int16_t *code_of_unit; /* the query in whole numbers, for the codes */
    float step, add;             /* and what bounds their product: nn_codes.c */
    double slack;
} vs__query;

/* vs__query_offer() - the score of a row to the best of a worker: dot is vs_dot(unit, row). */
void vs__query_offer(const vs__query *q, int worker, size_t row, float dot);

/* The rows in 8 bits. */
typedef struct vs__codes vs__codes;

/* vs__codes_new() - the codes of all rows of a space of contiguous f32; NULL when memory is short.  O(n d). */
vs__codes *vs__codes_new(const vs_space *s, const float *inverse);
void vs__codes_free(vs__codes *c);

/* vs__codes_query() - set q up for a scan of its codes; *buffer is what it allocates.  False when memory is short. */
bool vs__codes_query(vs__query *q, int16_t **buffer);

/* vs__codes_scan() - a vs_span_fn over blocks of 16 rows; arg is a vs__query. */
enum { VS__CODE_ROWS = 16 };
void vs__codes_scan(void *arg, size_t begin, size_t end, int worker);

#endif
