/* words.h - what the commands about words share: values with the row they are, keys in tables, a place drawn on a line. */
#ifndef VS_ANALOGIES_WORDS_H
#define VS_ANALOGIES_WORDS_H

#include "../lib/command.h"

/* A word or an expression of a command, evaluated. */
typedef struct vs_word_value {
    const char *text; /* as typed; borrowed */
    vs_value v;
    size_t row; /* the row of v.space that it is, else SIZE_MAX */
} vs_word_value;

/* vs_words_eval() - the first n arguments of a command, in order, all of one space, which *where is.  out [n] is to be
 * freed with vs_words_free() in any case.  What the look-ups had to say is said.
 * Errors of vs_session_eval(); VS_E_SHAPE (of widths that differ, or in no space: names both). */
vs_status vs_words_eval(vs_err *err, vs_session *s, const char *const *text, size_t n, vs_word_value *out, vs_space **where,
                        vs_out *o) VS_MUST_CHECK;
/* vs_words_eval_any() - the same of vectors that no space need have (streams of a pass): of one width, *where may be NULL. */
vs_status vs_words_eval_any(vs_err *err, vs_session *s, const char *const *text, size_t n, vs_word_value *out, vs_space **where,
                            vs_out *o) VS_MUST_CHECK;
void vs_words_free(vs_word_value *w, size_t n);

/* vs_words_skip() - the rows that the expressions among w were made from, those that are rows themselves left out: into
 * skip [VS_WORDS_SKIP], how many. */
enum { VS_WORDS_SKIP = 256 };
size_t vs_words_skip(const vs_word_value *w, size_t n, size_t skip[VS_WORDS_SKIP]);

/* vs_cell_key() - the key of a row as a cell of a table.   vs_put_key() - appended to b, without a piece's leading blank. */
void vs_cell_key(vs_out *o, const vs_space *s, size_t row);
void vs_put_key(vs_buf *b, const vs_space *s, size_t row);
/* vs_cell_word() - a word as it was typed, without the "…" around it where there are any. */
void vs_cell_word(vs_out *o, const char *text);

/* vs_cell_track() - a cell with a line from `from` to `to` of `width` columns and a mark at x (an arrow beyond an end); a tick
 * where one of tick[n] is. */
void vs_cell_track(vs_out *o, double x, double from, double to, int width, const double *tick, size_t n);

/* vs_count_opt() - -k of a command, at least 1, else the session's.  VS_OK | VS_E_USAGE. */
vs_status vs_count_opt(vs_err *err, vs_session *s, const vs_args *a, size_t *k) VS_MUST_CHECK;

/* vs_vector_name() - what may follow $: letters, digits and _, no digit first; a $ before it is left out.  *out is borrowed
 * from text.  VS_OK | VS_E_USAGE. */
vs_status vs_vector_name(vs_err *err, const char *text, const char **out) VS_MUST_CHECK;

#endif
