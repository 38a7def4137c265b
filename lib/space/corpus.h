/* corpus.h - a text as the numbers of its words, for training. */
#ifndef VS_SPACE_CORPUS_H
#define VS_SPACE_CORPUS_H

#include "../base/alloc.h"
#include "../base/parallel.h"

/* Words are numbered by how often they occur, the most frequent first, equals in the order of the text.  Read-only. */
typedef struct vs_corpus {
    uint32_t *id; /* [n] the words of the text; VS_CORPUS_END where a line ends, and at the end */
    size_t n;
    uint64_t words;     /* in the text, also those left out for being rare */
    size_t kinds;       /* different words that are kept */
    const char **word;  /* [kinds] */
    uint32_t *len;      /* [kinds] */
    uint64_t *count;    /* [kinds] */
    vs_arena arena;
} vs_corpus;
enum { VS_CORPUS_LINE_MAX = 1000 }; /* words; a longer line is cut, as in word2vec.c */
#define VS_CORPUS_END UINT32_MAX

/* vs_corpus_read() - split text[n] into lines and words.
 *   plain  false: a word is what stands between blanks (word2vec, gensim's LineSentence)
 *          true: letters and digits in lower case, ' and - inside a word kept, other ASCII marks left out
 *   min_count  words that occur less often are left out, as if they were not there
 * VS_OK | VS_E_FORMAT (no word is left; a word that is no UTF-8 is skipped) | VS_E_RANGE (too many words) | VS_E_NOMEM |
 * VS_E_STOPPED.  O(n). */
vs_status vs_corpus_read(vs_err *err, const char *name, const char *text, size_t n, bool plain, size_t min_count,
                         const vs_progress *p, vs_corpus *out) VS_MUST_CHECK;
void vs_corpus_free(vs_corpus *c);

#endif
