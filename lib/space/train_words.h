/* train_words.h - word vectors from a text: skip-gram with negative sampling. */
#ifndef VS_SPACE_TRAIN_WORDS_H
#define VS_SPACE_TRAIN_WORDS_H

#include "space.h"

typedef struct vs_train_options {
    size_t dim;       /* 100: numbers of a vector */
    size_t window;    /* 5: words on each side, at most; how many is drawn anew for each word */
    size_t negative;  /* 5: words drawn beside each that was seen */
    size_t epochs;    /* 5 */
    size_t min_count; /* 1: words that occur less often are left out */
    double sample;    /* 1e-3: words more frequent than this share are thinned out; 0: none */
    double alpha;     /* 0.025: the first learning rate, falling to 1e-4 */
    uint64_t seed;
    bool plain;       /* how words are told apart: corpus.h */
} vs_train_options;
vs_train_options vs_train_defaults(void);

/* How far the training is, after each epoch and at the end. */
typedef struct vs_train_state {
    size_t epoch, epochs; /* epoch: finished */
    uint64_t words;       /* of the text */
    size_t kinds;         /* different words */
    double loss;          /* mean of -log s(x.y) - sum over the drawn of log s(-x.z), over pairs of the first 4,000 words, the same each time */
    double seconds;       /* spent on training */
    bool stopped;         /* by Ctrl-C, before the last epoch was done */
} vs_train_state;
typedef vs_status vs_train_fn(vs_err *err, void *arg, vs_space *now, const vs_train_state *st);

/* vs_train_words() - train on the file at path, NULL: on text[n], a sentence a line; the space of the words' input vectors, the most frequent first.
 *   name: of the space
 *   each (may be NULL): called after each epoch with a space of the vectors as they are, which is gone afterwards
 * Mikolov, Sutskever, Chen, Corrado and Dean (2013), with word2vec.c's thinning of frequent words (the share kept of a
 * word of frequency f is sqrt(t/f) + t/f) and its table of drawn words (frequency to the power 3/4).
 *
 * The same bits for any number of threads.  The text is taken in pieces, each with random numbers of its own; the pairs of
 * sixteen pieces are sorted into blocks by the rows they touch (row mod 8 on either side), and eight blocks that share no
 * row are worked on at a time (Gemulla et al. 2011, "Large-scale matrix factorization with distributed SGD").  So no two
 * threads meet, no update is lost, and each sees its pairs in one order.
 * Ctrl-C ends the training early with VS_OK and state->stopped: what is learned so far is the result.
 * VS_OK | VS_E_FORMAT (no words) | VS_E_RANGE (an option out of bounds: which) | VS_E_NOMEM | what `each` returned.
 * O(words epochs window negative dim). */
vs_status vs_train_words(vs_err *err, const char *path, const char *text, size_t n, const char *name,
                         const vs_train_options *o, const vs_progress *p, vs_train_fn *each, void *arg, vs_train_state *state,
                         vs_space **out) VS_MUST_CHECK;

#endif
