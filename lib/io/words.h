/* words.h - a file of word vectors while it is read; internal to io. */
#ifndef VS_IO_WORDS_H
#define VS_IO_WORDS_H

#include "file.h"
#include "npy.h"

typedef struct vs__words_kind vs__words_kind;

struct vs_words {
    const vs__words_kind *kind;
    char *path;
    vs_map map;
    vs_map list;          /* of words, one a line; empty: none */
    size_t list_at;       /* its next byte */
    bool on_disk;         /* path is that of the file: a list may lie beside it */
    vs_file *file;        /* table: the container over map, */
    const vs_tensor *matrix, *names; /* its rows, and their words; NULL: in the list */
    vs__npy array;        /* npy: its head */
    unsigned char *bytes; /* npy: the numbers of a row as they are in the file */
    size_t at, total;     /* the next byte, and how many there are: of the file; of the list where that gives the words */
    size_t line;          /* the line (text) or row (otherwise) last read, from 1 */
    size_t row;           /* text: how many rows were read */
    size_t rows;          /* said by the file; 0: not said */
    size_t dim;
    float *vec; /* [dim] */
    vs_buf key; /* where it had to be mended */
    bool ended;         /* nothing more is read */
    size_t mended;      /* keys that were no UTF-8 so far */
    size_t mended_line; /* the first of them */
    struct {            /* fastText */
        const unsigned char *matrix; /* f32 [rows + buckets, dim], not aligned */
        size_t buckets, least, most; /* n-grams: how many numbers there are, how long in characters */
    } ngram;
    vs_buf marked; /* fastText: a word between its marks */
};

struct vs__words_kind {
    const char *name;
    bool (*probe)(const vs_words *w);
    vs_status (*open)(vs_err *err, vs_words *w);                              /* sets dim, rows, at */
    /* Fills vec; *key = NULL at the end.  After a failure the next call goes on behind what was wrong, or, with w->ended, at
     * the end. */
    vs_status (*next)(vs_err *err, vs_words *w, const char **key, size_t *n);
    size_t (*compose)(vs_words *w, const char *key, size_t n, float *vec); /* as vs_words_compose(); NULL: there is none */
};

#define WORDS(name, words) extern const vs__words_kind vs__words_##name;
#include "words.def"
#undef WORDS

/* vs__words_over() - the reader over maps that it takes over (also when it fails); list: the word list of an npy, or
 * empty. */
vs_status vs__words_over(vs_err *err, const char *path, vs_map map, vs_map list, vs_words **out) VS_MUST_CHECK;

/* vs__words_need_list() - the list beside DIR/NAME.npy: w->list as it was given, else DIR/NAME.words.txt, else DIR/words.txt,
 * whose words then count in w->at.  VS_OK | VS_E_FORMAT (there is none) | VS_E_IO | VS_E_NOMEM.
 * vs__words_metadata() - that of a table of the Embedding Projector: DIR/metadata.tsv beside DIR/vectors.tsv; VS_E_UNKNOWN: there is none.
 * vs__count_lines(), vs__take_word() - how many lines a list has; its next one, *n bytes. */
vs_status vs__words_need_list(vs_err *err, vs_words *w) VS_MUST_CHECK;
vs_status vs__words_metadata(vs_err *err, vs_words *w) VS_MUST_CHECK;
size_t vs__count_lines(const vs_map *m);
const char *vs__take_word(vs_words *w, size_t *n);

/* vs__words_header() - "ROWS DIM" in the first line: true where it is that, *at then behind its newline. */
bool vs__words_header(const vs_map *m, uint64_t *rows, uint64_t *dim, size_t *at);

/* vs__words_key() - *key[*n] as UTF-8: bytes that are not become U+FFFD (in w->key).
 * VS_OK | VS_E_FORMAT (empty, absurdly long, a NUL or a newline in it) | VS_E_NOMEM. */
vs_status vs__words_key(vs_err *err, vs_words *w, const char **key, size_t *n) VS_MUST_CHECK;

/* vs__words_check() - VS_E_NUMERIC where w->vec has a value that is not finite. */
vs_status vs__words_check(vs_err *err, const vs_words *w, const char *key, size_t n) VS_MUST_CHECK;

/* vs__parse_float() - the decimal number that begins at *p, correctly rounded, whatever the locale; *p behind it.
 * Words such as nan and inf are numbers, too.  False, *p unchanged, where there is none. */
bool vs__parse_float(const char **p, const char *end, float *out);

#endif
