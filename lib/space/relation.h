/* relation.h - a relation between words as one vector: what must be added to the first word of a pair to come to the second. */
#ifndef VS_SPACE_RELATION_H
#define VS_SPACE_RELATION_H

#include "../base/alloc.h"
#include "analogy.h"
#include "space.h"

/* A pair of rows; b has others that are as right (BATS: sofa/couch). */
enum { VS_PAIR_ANSWERS = 8 };
typedef struct vs_pair {
    size_t a, b[VS_PAIR_ANSWERS], n_b;
} vs_pair;

typedef struct vs_relation {
    const char *name;
    vs_pair *pair; /* [n] each once, in the order of the file */
    size_t n;
    size_t unknown; /* pairs left out: the space lacks a word of them */
} vs_relation;

typedef struct vs_relations {
    vs_relation *at;
    size_t n;
    vs_arena arena;
} vs_relations;

/* vs_relations_read() - the pairs of a file, by section.  Lines are `: name` (a section begins), `a b`, `a b c d` (a question
 * of questions-words.txt: the pairs a b and c d) or `a TAB b/c/…` (BATS: any of those is right); empty ones and those that
 * begin with # are left out.  Without a section at its beginning, the file is one: its name.  Words are keys of the space, in
 * another case where it asks for that.  *out is the caller's: vs_relations_free().
 * VS_OK | VS_E_UNKNOWN (no such file) | VS_E_IO | VS_E_FORMAT (the line; no pairs at all) | VS_E_NOMEM. */
vs_status vs_relations_read(vs_err *err, const vs_space *s, const char *path, vs_relations *out) VS_MUST_CHECK;
void vs_relations_free(vs_relations *r);

/* vs_relation_words() - the different words of such a file, or of its sections called `section` (NULL: all), as first written,
 * for a space made of them.  *out is the caller's: vs_word_set_free().  Errors likewise; VS_E_UNKNOWN (no such section). */
vs_status vs_relation_words(vs_err *err, const char *path, const char *section, vs_word_set *out) VS_MUST_CHECK;

typedef struct vs_relation_options {
    size_t folds; /* parts that are held out one after another; 0, or more than there are pairs: each pair alone */
    uint64_t seed; /* which pairs go into which part, and how the control is shuffled */
    bool unit;     /* over each row's norm; else as they are */
} vs_relation_options;

/* How one way of answering did: the second word is the first of its answers, among its first five; and the mean cosine of
 * b - a with the offset, in pairs that were held out (NaN: there is no offset). */
typedef struct vs_relation_score {
    size_t first, five;
    double cosine;
} vs_relation_score;

typedef struct vs_relation_result {
    size_t pairs;
    vs_relation_score fit;      /* by the offset of the other parts */
    double low, high;           /* the 95 % interval of the share fit.first / pairs (Wilson) */
    vs_relation_score shuffled; /* the same with each second word given to another first one */
    vs_relation_score none;     /* without an offset: the neighbours of the first word */
    size_t *answer;             /* [pairs] the first answer to each; SIZE_MAX: there was none */
    unsigned *rank;             /* [pairs] of the second word among its five answers; 0: not there */
} vs_relation_result;

/* vs_relation_fit() - the offset of a relation and how well it answers pairs that it was not made from.
 * The offset is the mean of b - a (its first b); a pair that is held out is asked for the rows nearest by cosine to a + offset,
 * the rows that spell a in any case left out, and a row that spells b in any case is right.
 * The control `shuffled`: the mean of differences does not depend on who is paired with whom, so its offset leads to the
 * same class of words; what is lost with the pairs is what the relation knows beyond that class.
 *   offset [d] out, of all pairs
 * *out is the caller's: vs_relation_result_free().
 * VS_OK | VS_E_RANGE (fewer than two pairs) | VS_E_NUMERIC | VS_E_NOMEM | VS_E_STOPPED.  O(pairs n d): three searches a pair. */
vs_status vs_relation_fit(vs_err *err, vs_space *s, const vs_relation *r, const vs_relation_options *o, const vs_progress *p,
                          float *offset, vs_relation_result *out) VS_MUST_CHECK;
void vs_relation_result_free(vs_relation_result *r);

#endif
