/* space_impl.h - what a space holds; for lib/space alone. */
#ifndef VS_SPACE_SPACE_IMPL_H
#define VS_SPACE_SPACE_IMPL_H

#include <stdatomic.h>

#include "space.h"

struct vs_space {
    char *name, *place;
    uint64_t id; /* no other space of this process had it */
    vs_buf notes; /* vs_space_notes() */
    vs_tensor rows; /* [n, d] */
    size_t n, d;
    vs_keys keys;
    void (*release)(void *owner);
    void *owner;
    /* Made on first need by nn.c, then never changed; whoever loses the race to publish frees its own. */
    _Atomic(float *) inverse;                    /* [n] 1/|row|; 0: a zero row; NaN: a row to be scored in double */
    _Atomic(struct vs__codes *) codes;           /* the rows in 8 bits, for quick scans (nn_codes.c) */
    _Atomic(struct vs__components *) components; /* principal components (pca.c) */
    atomic_bool asked;                           /* whether there was a query yet */
};

typedef struct vs__components vs__components;
void vs__components_free(vs__components *c);

/* The words of a space that is read into memory: vectors, keys, an index from key to row. */
typedef struct vs__word_list vs__word_list;

/* vs__word_list_new() - room for about `rows` rows (0: unknown) of d numbers.
 * vs__word_list_add() - a copy of one row; a key that is there already is left out: *added false.
 * vs__word_list_space() - the space over it; the list goes with the space from here on, also when this fails. */
vs_status vs__word_list_new(vs_err *err, size_t rows, size_t d, vs__word_list **out) VS_MUST_CHECK;
vs_status vs__word_list_add(vs_err *err, vs__word_list *w, const char *key, size_t len, const float *vec,
                            bool *added) VS_MUST_CHECK;
vs_status vs__word_list_space(vs_err *err, vs__word_list *w, const char *name, vs_space **out) VS_MUST_CHECK;
void vs__word_list_free(vs__word_list *w);

/* vs__space_inverse_norms() - 1/|row| of every row [n], made once; borrowed from s.  VS_OK | VS_E_NOMEM. */
vs_status vs__space_inverse_norms(vs_err *err, vs_space *s, const float **out) VS_MUST_CHECK;

/* vs__space_find_cased() - the row of a key that is not taken apart: with a leading blank in a table of pieces, exact, or in
 * another case. */
bool vs__space_find_cased(const vs_space *s, const char *key, size_t n, size_t *row);

/* vs__past_blank() - key[*n] behind the mark that a tokenizer puts for a blank: a blank itself, U+2581 or U+0120. */
const char *vs__past_blank(const char *key, size_t *n);

/* vs__space_unknown() - fails with "no KEY in NAME; nearest: …".  O(n) over all keys. */
vs_status vs__space_unknown(vs_err *err, const vs_space *s, const char *key, size_t n) VS_MUST_CHECK;

#endif
