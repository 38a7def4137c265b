/* analogy.h - how well a space answers questions "a is to b as c is to …", and how well its cosines rank pairs of words
 * as people do. */
#ifndef VS_SPACE_ANALOGY_H
#define VS_SPACE_ANALOGY_H

#include "../base/alloc.h"
#include "space.h"

/* How an answer x is scored, over unit vectors (Levy & Goldberg 2014):
 *   ADD   cos(x,b) - cos(x,a) + cos(x,c)                  3CosAdd: the row nearest to b - a + c
 *   MUL   cos'(x,b) cos'(x,c) / (cos'(x,a) + 0.001)       3CosMul, cos' = (cos + 1) / 2
 *   PAIR  cos(x - c, b - a)                               PairDirection */
#define VS_ANALOGY_METHODS(METHOD) METHOD(ADD, "3cosadd") METHOD(MUL, "3cosmul") METHOD(PAIR, "pairdirection")
#define VS_ANALOGY_RULES(RULES) RULES(GENSIM, "gensim")
typedef enum vs_analogy_method {
#define METHOD(name, word) VS_ANALOGY_##name,
    VS_ANALOGY_METHODS(METHOD)
#undef METHOD
} vs_analogy_method;

/* Whose rules.  GENSIM: KeyedVectors.evaluate_word_analogies - the first 300,000 rows, words compared in upper case, the
 * most frequent spelling meant; a question with a word that is not there is left out; the rows of a, b, c are no answers,
 * nor are other spellings of them among the five best (were all five that, the fifth is the answer). */
typedef enum vs_analogy_rules {
#define RULES(name, word) VS_RULES_##name,
    VS_ANALOGY_RULES(RULES)
#undef RULES
} vs_analogy_rules;

typedef struct vs_analogy_options {
    vs_analogy_method method;
    vs_analogy_rules rules;
    size_t restrict_rows; /* only the first so many rows; 0: as the rules say */
} vs_analogy_options;

/* Names, for options and reports: "3cosadd", "gensim".  VS_OK | VS_E_UNKNOWN (names them all). */
const char *vs_analogy_method_name(vs_analogy_method m);
const char *vs_analogy_rules_name(vs_analogy_rules r);
vs_status vs_analogy_method_find(vs_err *err, const char *name, vs_analogy_method *out) VS_MUST_CHECK;
vs_status vs_analogy_rules_find(vs_err *err, const char *name, vs_analogy_rules *out) VS_MUST_CHECK;

typedef struct vs_analogy_section {
    const char *name;
    size_t correct, total, skipped; /* total leaves out the skipped */
} vs_analogy_section;

typedef struct vs_analogy_result {
    vs_analogy_section *section;
    size_t n;
    size_t correct, total, skipped;
    size_t rows;      /* that could be answers */
    double low, high; /* the 95 % interval of the share that is correct (Wilson) */
    vs_arena arena;
} vs_analogy_result;

/* vs_analogy_eval() - ask every question of a file in the format of word2vec's questions-words.txt: lines `: section` and
 * `a b c d`.  Lines of other than four words are left out, as the rules have it.  *out is the caller's:
 * vs_analogy_result_free().
 * VS_OK | VS_E_UNKNOWN (no such file) | VS_E_IO | VS_E_FORMAT (a question before the first section, not UTF-8: the line; no
 * questions) | VS_E_NOMEM | VS_E_STOPPED.
 * O(U n d + Q n) for U different words and Q questions over n rows, on all threads. */
vs_status vs_analogy_eval(vs_err *err, vs_space *s, const char *path, const vs_analogy_options *o, const vs_progress *p,
                          vs_analogy_result *out) VS_MUST_CHECK;
void vs_analogy_result_free(vs_analogy_result *r);

typedef struct vs_similarity_result {
    double spearman, pearson; /* of the cosines with the scores people gave; NaN where they do not vary */
    size_t pairs, oov;        /* pairs compared; pairs left out because a word is not there */
} vs_similarity_result;

/* vs_similarity_eval() - compare a file of lines `word TAB word TAB score` (SimLex-999, WordSim-353); lines that begin with
 * # and a heading on the first line are left out.  Words are looked up as by the rules of gensim's evaluate_word_pairs.
 * VS_OK | VS_E_UNKNOWN | VS_E_IO | VS_E_FORMAT (the line) | VS_E_NOMEM. */
vs_status vs_similarity_eval(vs_err *err, const vs_space *s, const char *path, vs_similarity_result *out) VS_MUST_CHECK;

#endif
