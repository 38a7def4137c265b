/* analogy.h - how well a space answers questions "a is to b as c is to …", and how well its cosines rank pairs of words
 * as people do. */
#ifndef VS_SPACE_ANALOGY_H
#define VS_SPACE_ANALOGY_H

#include "../base/alloc.h"
#include "space.h"

/* How an answer x is scored, over unit vectors (Levy & Goldberg 2014; LRCOS: Drozd, Gladkova & Matsuoka 2016):
 *   ADD   cos(x,b) - cos(x,a) + cos(x,c)                  3CosAdd: the row nearest to b - a + c
 *   MUL   cos'(x,b) cos'(x,c) / (cos'(x,a) + 0.001)       3CosMul, cos' = (cos + 1) / 2
 *   PAIR  cos(x - c, b - a)                               PairDirection
 *   LRCOS P(x is of b's class) cos(x,c)                   P by a logistic regression (numeric/logistic.h, lambda 1, unit rows
 *         times sqrt(d)) of the class against as many words that stand at a's side and as many random rows.  In a file the
 *         class is what stands at b's side in the other questions of the section: c and its answer are left out of what P
 *         learns from. */
#define VS_ANALOGY_METHODS(METHOD)                                                                                     \
    METHOD(ADD, "3cosadd") METHOD(MUL, "3cosmul") METHOD(PAIR, "pairdirection") METHOD(LRCOS, "lrcos")
typedef enum vs_analogy_method {
#define METHOD(name, word) VS_ANALOGY_##name,
    VS_ANALOGY_METHODS(METHOD)
#undef METHOD
} vs_analogy_method;

/* Whose rules: analogy_rules.def. */
typedef enum vs_analogy_rules {
#define RULES(name, word, rows, asked, keys, best, flags, says) VS_RULES_##name,
#include "analogy_rules.def"
#undef RULES
} vs_analogy_rules;

typedef struct vs_analogy_options {
    vs_analogy_method method;
    vs_analogy_rules rules;
    size_t restrict_rows; /* only the first so many rows; 0: as the rules say */
    const char *section;  /* only the sections whose names begin with this; NULL: all */
    uint64_t seed;        /* of LRCOS's random rows */
} vs_analogy_options;

/* Names, for options and reports: "3cosadd", "gensim".  VS_OK | VS_E_UNKNOWN (names them all).
 * vs_analogy_rules_choices - their names, a | before each.
 * vs_analogy_rules_say() - what the rules are, for a reader of scores.
 * vs_analogy_rules_for() - those that fit a space where none are asked for: gensim's for word vectors, our own
 * for a model's pieces and layers. */
const char *vs_analogy_method_name(vs_analogy_method m);
const char *vs_analogy_rules_name(vs_analogy_rules r);
extern const char vs_analogy_rules_choices[];
const char *vs_analogy_rules_say(vs_analogy_rules r);
vs_analogy_rules vs_analogy_rules_for(const vs_space *s);
vs_status vs_analogy_method_find(vs_err *err, const char *name, vs_analogy_method *out) VS_MUST_CHECK;
vs_status vs_analogy_rules_find(vs_err *err, const char *name, vs_analogy_rules *out) VS_MUST_CHECK;

/* total: questions that count; skipped: those left out; unknown: those with a word that is not there, counted or not. */
typedef struct vs_analogy_section {
    const char *name;
    size_t correct, total, skipped, unknown;
    double low, high; /* the 95 % interval of the share that is correct (Wilson) */
    bool syntactic;   /* by its name: gram…, and BATS' I and D */
} vs_analogy_section;

typedef struct vs_analogy_result {
    vs_analogy_section *section;
    size_t n;
    vs_analogy_section all, semantic, syntactic; /* sums */
    size_t rows;                                 /* that could be answers */
    size_t odd_lines;                            /* neither empty nor of four words: left out (Google's format) */
    vs_arena arena;
} vs_analogy_result;

/* vs_analogy_eval() - ask every question of a file, or of the files *.txt of a folder and of its folders.
 *   Google's format (questions-words.txt): lines `: section` and `a b c d`; lines of other than four words are left out, as
 *     the tools have it.
 *   BATS' (Gladkova, Drozd & Matsuoka 2016): lines `word TAB answer/answer/…`; a section a file; each two different lines are
 *     a question: a and the first answer of one, c and any answer of the other.
 * *out is the caller's: vs_analogy_result_free().
 * VS_OK | VS_E_UNKNOWN (no such file, no such section) | VS_E_IO | VS_E_FORMAT (neither format, not UTF-8: the line; no
 * questions) | VS_E_RANGE (more than 1024 lines of BATS' in a file) | VS_E_NOMEM | VS_E_STOPPED.
 * O(U n d + Q n / 16) for U different words and Q questions over n rows, on all threads: every score is made of the cosines
 * of a row with a, b and c, and sixteen rows are passed over where the largest of these cannot make a better answer. */
vs_status vs_analogy_eval(vs_err *err, vs_space *s, const char *path, const vs_analogy_options *o, const vs_progress *p,
                          vs_analogy_result *out) VS_MUST_CHECK;
void vs_analogy_result_free(vs_analogy_result *r);

/* vs_analogy_ask() - the k best rows for one question by a method; of equals the first.
 *   a, b, c [d]   skip [n_skip]: rows that are no answers   group [n_group]: rows of b's class beside b, LRCOS
 *   alone (against a and as many random rows as there are)   idx, score [k] out, best first; *found of them
 * VS_OK | VS_E_NUMERIC (a, b or c is zero or not finite; PAIR: b is a) | VS_E_USAGE (LRCOS without a class) | VS_E_NOMEM.  O(n d). */
typedef struct vs_analogy_question {
    vs_analogy_method method;
    const float *a, *b, *c;
    const size_t *skip, *group;
    size_t n_skip, n_group;
    const uint64_t *allow; /* a bit a row that may answer, NULL: all */
    uint64_t seed;
} vs_analogy_question;
vs_status vs_analogy_ask(vs_err *err, vs_space *s, const vs_analogy_question *q, size_t k, size_t *idx, float *score,
                         size_t *found) VS_MUST_CHECK;

typedef struct vs_similarity_result {
    double spearman, pearson;  /* of the cosines with the scores people gave; NaN where they do not vary */
    double low, high;          /* the 95 % interval of spearman, pairs drawn again 1000 times (numeric/stats.h) */
    size_t pairs, oov;         /* pairs compared; pairs left out because a word is not there */
} vs_similarity_result;

/* vs_similarity_eval() - compare a file of lines `word TAB word TAB score` (WordSim-353, SimLex-999 as gensim has it); lines
 * that begin with # are left out.  A heading on the first line that names a column SimLex999 (SimLex-999 as it is published,
 * word1 word2 POS SimLex999 …) says which is the score; any other is left out.  Words are looked up as by the rules of
 * gensim's evaluate_word_pairs, or by our own: rules (analogy_rules.def).
 * VS_OK | VS_E_UNKNOWN | VS_E_IO | VS_E_FORMAT (the line) | VS_E_NOMEM | VS_E_STOPPED. */
vs_status vs_similarity_eval(vs_err *err, const vs_space *s, const char *path, vs_analogy_rules rules,
                             vs_similarity_result *out) VS_MUST_CHECK;

/* Words of a file, for a space made of them.  Zero-initialise. */
typedef struct vs_word_set {
    const char **at;
    size_t n, cap;
    vs_arena arena;
} vs_word_set;
/* vs_analogy_words(), vs_similarity_words() - the different words of a file of either kind, as first written; vs_word_set_free().  Errors as above.
 * vs_word_set_read() - all of a text, blanks between them, as often as they are there.   vs_word_set_add() - one more, copied. */
vs_status vs_analogy_words(vs_err *err, const char *path, const char *section, vs_word_set *out) VS_MUST_CHECK;
vs_status vs_similarity_words(vs_err *err, const char *path, vs_word_set *out) VS_MUST_CHECK;
vs_status vs_word_set_read(vs_err *err, const char *path, vs_word_set *out) VS_MUST_CHECK;
vs_status vs_word_set_add(vs_err *err, vs_word_set *w, const char *word, size_t n) VS_MUST_CHECK;
void vs_word_set_free(vs_word_set *w);

#endif
