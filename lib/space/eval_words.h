/* eval_words.h - the words that a file of questions asks for, and their rows; for lib/space alone. */
#ifndef VS_SPACE_EVAL_WORDS_H
#define VS_SPACE_EVAL_WORDS_H

#include "../base/alloc.h"
#include "../base/dict.h"
#include "analogy.h"

#define VS__NO_ROW UINT32_MAX

/* A row spelled like a word but for its case. */
typedef struct vs__spelling {
    uint32_t row, word;
} vs__spelling;

/* Different words, compared in upper case. */
typedef struct vs__words {
    vs_dict index; /* upper case -> number of the word */
    vs_arena arena;
    size_t n;
    uint32_t *row;          /* [n] the first row of each, or VS__NO_ROW; made by vs__words_locate() */
    vs__spelling *spelling; /* [spellings] every row of each, ascending */
    size_t spellings;
} vs__words;

/* vs__words_add() - the number of a word, new or not.   vs__words_locate() - their rows among the first `rows` of s.
 * vs__words_of_row() - the word that a row spells, or VS__NO_ROW. */
vs_status vs__words_add(vs_err *err, vs__words *w, const char *word, size_t n, uint32_t *number) VS_MUST_CHECK;
vs_status vs__words_locate(vs_err *err, vs__words *w, const vs_space *s, size_t rows) VS_MUST_CHECK;
uint32_t vs__words_of_row(const vs__words *w, size_t row);
void vs__words_free(vs__words *w);

/* A text file, line by line, its fields split at blanks (tab: at tabs alone). */
typedef struct vs__line {
    size_t number;
    const char *s;
    size_t n;
    const char *field[8];
    size_t len[8], fields; /* more than eight fields: nine */
} vs__line;

/* vs__lines() - each line of text[n] to fn, without its newline.
 * VS_OK | VS_E_FORMAT (not UTF-8: the line) | what fn says. */
vs_status vs__lines(vs_err *err, const char *path, const char *text, size_t n, char tab,
                    vs_status (*fn)(vs_err *err, void *arg, const vs__line *line), void *arg) VS_MUST_CHECK;

/* vs__analogy_text(), vs__similarity_text() - vs_analogy_eval(), vs_similarity_eval() of a file that is in memory; path
 * is for messages. */
vs_status vs__analogy_text(vs_err *err, vs_space *s, const char *path, const char *text, size_t n,
                           const vs_analogy_options *o, const vs_progress *p, vs_analogy_result *out) VS_MUST_CHECK;
vs_status vs__similarity_text(vs_err *err, const vs_space *s, const char *path, const char *text, size_t n,
                              vs_similarity_result *out) VS_MUST_CHECK;

#endif
