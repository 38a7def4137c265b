/* eval_words.h - the words that a file of questions asks for, and their rows; for lib/space alone. */
#ifndef VS_SPACE_EVAL_WORDS_H
#define VS_SPACE_EVAL_WORDS_H

#include <math.h>

#include "../base/alloc.h"
#include "../base/dict.h"
#include "analogy.h"
#include "relation.h"

#define VS__NO_ROW UINT32_MAX

/* How a word is written before it is compared: as it is; ASCII letters in upper case; all letters in upper, in lower. */
typedef enum vs__fold { VS__NONE, VS__ASCII, VS__UPPER, VS__LOWER } vs__fold;
enum { VS__POSITIVE = 1, VS__COUNTED = 2, VS__SPELLINGS = 4, VS__EXACT = 8 };
typedef struct vs__rules {
    const char *name, *says;
    size_t rows;
    vs__fold asked, keys;
    size_t best;
    unsigned flags;
} vs__rules;
const vs__rules *vs__rules_of(vs_analogy_rules r);

/* A row spelled like a word, as the rules compare them. */
typedef struct vs__spelling {
    uint32_t row, word;
} vs__spelling;

/* Different words, as the rules compare them. */
typedef struct vs__words {
    vs__fold fold;  /* of the words that are added */
    vs_dict index;  /* folded -> number of the word */
    vs_arena arena;
    size_t n, cap;
    const char **text;      /* [n] each as first written */
    uint32_t *row;          /* [n] the row meant by each, or VS__NO_ROW; made by vs__words_locate() */
    vs__spelling *spelling; /* [spellings] every row of each, ascending */
    size_t spellings;
} vs__words;

/* vs__words_add() - the number of a word, new or not.   vs__words_locate() - their rows among the first `rows` of s.
 * vs__words_of_row() - the word that a row spells, or VS__NO_ROW. */
vs_status vs__words_add(vs_err *err, vs__words *w, const char *word, size_t n, uint32_t *number) VS_MUST_CHECK;
vs_status vs__words_locate(vs_err *err, vs__words *w, const vs_space *s, size_t rows, const vs__rules *rules) VS_MUST_CHECK;
uint32_t vs__words_of_row(const vs__words *w, size_t row);
void vs__words_free(vs__words *w);
/* vs__words_set() - copies of them all. */
vs_status vs__words_set(vs_err *err, const vs__words *w, vs_word_set *out) VS_MUST_CHECK;

/* A text file, line by line, its fields split at blanks (tab: at tabs alone). */
enum { VS__FIELDS = 12 };
typedef struct vs__line {
    size_t number;
    const char *s;
    size_t n;
    const char *field[VS__FIELDS];
    size_t len[VS__FIELDS], fields; /* of more than there is room for: one more */
} vs__line;

/* vs__lines() - each line of text[n] to fn, without its newline, the first without a byte order mark.
 * vs__line_split() - fill in a line's fields anew.
 * VS_OK | VS_E_FORMAT (not UTF-8: the line) | what fn says. */
vs_status vs__lines(vs_err *err, const char *path, const char *text, size_t n, char tab,
                    vs_status (*fn)(vs_err *err, void *arg, const vs__line *line), void *arg) VS_MUST_CHECK;
void vs__line_split(vs__line *line, char tab);

/* One question: numbers of words; its answers are answer[first …]. */
typedef struct vs__question {
    uint32_t a, b, c, first, answers, section;
    uint32_t class; /* LRCOS: which of the classes */
    uint32_t run;   /* where the questions end that share with it what x is made of */
    float shift;    /* PAIR: cos(c,b) - cos(c,a) */
} vs__question;

typedef struct vs__questions {
    vs__words words;
    vs__question *at;
    size_t n, cap;
    uint32_t *answer;
    size_t answers, answers_cap;
    const char *only;         /* sections that begin so; NULL: all */
    bool left_out;            /* the section that is being read */
    vs_analogy_result *out;   /* the sections go there */
    const char *path;
} vs__questions;

/* vs__questions_text() - those of a file that is in memory, in either format; name: of its section where the format has none.
 * vs__questions_read() - those of a file or a folder.   vs__questions_free(): not of *out. */
vs_status vs__questions_text(vs_err *err, vs__questions *q, const char *name, const char *text, size_t n) VS_MUST_CHECK;
vs_status vs__questions_read(vs_err *err, vs__questions *q, const char *path) VS_MUST_CHECK;
void vs__questions_free(vs__questions *q);

/* Classes of words that logistic regression tells from others (LRCOS). */
typedef struct vs__classes {
    size_t n;
    float *w, *b; /* [n, d], [n]: a unit row x is of class k with the odds exp(w[k].x + b[k]) */
} vs__classes;
/* vs__class_fit() - one class.   yes, no [n_yes], [n_no]: unit rows of it and of others, [d] each, one after another in
 * x [(n_yes + n_no), d]; overwritten   w [d], b out.   Errors of vs_logistic(). */
vs_status vs__class_fit(vs_err *err, float *x, size_t n_yes, size_t n_no, size_t d, float *w, float *b) VS_MUST_CHECK;
/* vs__classes_of() - those of all questions of a file, q->at[…].class filled in.   unit [words, d]: of the words' rows. */
vs_status vs__classes_of(vs_err *err, vs__questions *q, const vs_space *s, const float *inverse, size_t rows, const float *unit,
                         uint64_t seed, vs__classes *out) VS_MUST_CHECK;
/* vs__sigmoid() - x[i] = 1 / (1 + exp(-x[i] - b)), by our own polynomial. */
void vs__sigmoid(float *x, float b, size_t n);
/* vs__unit_row() - the unit vector of a row into x [d]; zero for one that is zero or not finite. */
void vs__unit_row(const vs_space *s, const float *inverse, size_t row, float *x);
/* vs__analogy_x(), vs__analogy_score() - what a and b (for LRCOS the class) alone say of a row, from its cosines with them; and its
 * score, from that and its cosine with c.  PAIR leaves out the factor 1 / |b - a|, the same for all rows. */
static inline float vs__larger(float a, float b) { return a > b ? a : b; }
static inline float vs__analogy_x(vs_analogy_method m, float a, float b) {
    return m == VS_ANALOGY_MUL ? (b + 1) / 2 / ((a + 1) / 2 + 0.001F) : b - a;
}
static inline float vs__analogy_score(vs_analogy_method m, float x, float c, float shift) {
    switch (m) {
    case VS_ANALOGY_ADD: return x + c;
    case VS_ANALOGY_MUL: return x * ((c + 1) / 2);
    case VS_ANALOGY_PAIR: return (x - shift) / sqrtf(vs__larger(2 - 2 * c, 1e-6F));
    case VS_ANALOGY_LRCOS: return x * c;
    }
    return 0;
}

/* vs__analogy_text(), vs__similarity_text() - vs_analogy_eval(), vs_similarity_eval() of a file that is in memory; path
 * is for messages. */
vs_status vs__analogy_text(vs_err *err, vs_space *s, const char *path, const char *text, size_t n,
                           const vs_analogy_options *o, const vs_progress *p, vs_analogy_result *out) VS_MUST_CHECK;
vs_status vs__similarity_text(vs_err *err, const vs_space *s, const char *path, const char *text, size_t n,
                              vs_analogy_rules rules, vs_similarity_result *out) VS_MUST_CHECK;

/* vs__relations_text() - vs_relations_read() likewise. */
vs_status vs__relations_text(vs_err *err, const vs_space *s, const char *path, const char *text, size_t n,
                             vs_relations *out) VS_MUST_CHECK;

#endif
