/* bag.h - a text as the words of it that a space has: how far texts are apart, and one vector for a phrase. */
#ifndef VS_SPACE_BAG_H
#define VS_SPACE_BAG_H

#include "space.h"

/* The words of a text, each once, in the order in which they first come. */
typedef struct vs_bag {
    size_t *row;
    double *count; /* how often each stands there */
    size_t n;
    size_t words;   /* all that were found: the sum of the counts */
    size_t unknown; /* words that the space has not */
    vs_buf missing; /* those, blanks between */
} vs_bag;

/* vs_bag_of() - the words of text[n]: what stands between blanks, each with the exact spelling or another case, else without
 * the marks of punctuation around it; what the space does not have then is left out and counted.  In a table of pieces, the
 * pieces of the text.  *out is the caller's: vs_bag_free().
 * VS_OK | VS_E_NOMEM.  O(n). */
vs_status vs_bag_of(vs_err *err, const vs_space *s, const char *text, size_t n, vs_bag *out) VS_MUST_CHECK;
/* vs_bag_of_phrase() - the same, but a phrase that is wholly a key is that row: as it is written, or with _ or - where its
 * blanks are (new_york, mother-in-law). */
vs_status vs_bag_of_phrase(vs_err *err, const vs_space *s, const char *text, size_t n, vs_bag *out) VS_MUST_CHECK;
void vs_bag_free(vs_bag *b); /* leaves it zeroed */

/* vs_word_movers() - the word mover's distance of two texts: the least that must be travelled, as shares of the text times
 * the euclidean distance of unit vectors, for the words of one to become those of the other (Kusner et al. 2015, From Word
 * Embeddings To Document Distances; each text weighs 1, a word its share of the text).  The same as gensim's wmdistance of the
 * same words with norm=True.
 *   flow, far [a.n, b.n] out: the share that travels from a word to another, and how far it is
 * VS_OK | VS_E_RANGE (a text without a word) | VS_E_NUMERIC (a word's vector is zero or not finite) | VS_E_NOMEM |
 * VS_E_STOPPED.  O(a.n b.n d) and vs_transport(). */
vs_status vs_word_movers(vs_err *err, const vs_space *s, const vs_bag *a, const vs_bag *b, double *flow, double *far,
                         double *distance) VS_MUST_CHECK;

/* vs_phrase() - one vector for the words of a phrase: their weighted mean.  a = 0: all weigh the same.  Else smooth inverse
 * frequency (Arora, Liang and Ma 2017): word w weighs a / (a + p(w)), with p(w) = 1 / (r H), Zipf's law for the word of rank r
 * (row r - 1: lists of words stand in order of frequency) and H = 1 + 1/2 + … + 1/n, so that all p sum to one.  That
 * paper's second step, taking a common direction away, needs many texts and is not done.
 *   vec [d] out   weight (may be NULL) [b.n] out: of each word once, as said above
 * VS_OK | VS_E_RANGE (no word, a < 0) | VS_E_NOMEM.  O(b.n d + n). */
vs_status vs_phrase(vs_err *err, const vs_space *s, const vs_bag *b, double a, float *vec, double *weight) VS_MUST_CHECK;

#endif
