/* expr_lex.h - the marks of an expression; for lib/space alone. */
#ifndef VS_SPACE_EXPR_LEX_H
#define VS_SPACE_EXPR_LEX_H

#include "../base/status.h"

/* An expression under way: text[n], the place `at`. */
typedef struct vs__lex {
    const char *s;
    size_t n, at;
    int depth;     /* of ( ): inside, a ) closes */
    bool args;     /* the innermost ( is a function's: a comma separates */
} vs__lex;

/* An operator at a place. */
typedef enum vs__op { VS__NONE, VS__PLUS, VS__MINUS, VS__TIMES, VS__OVER, VS__ARROW } vs__op;

bool vs__is_blank(char c);
void vs__skip_blanks(vs__lex *x);

/* vs__op_at() - the operator that begins at i, its bytes in *len; words are cut at blanks and at −. */
vs__op vs__op_at(const vs__lex *x, size_t i, size_t *len);

/* vs__closes() - whether the character at i ends the operand before it: the end, a ) of an open group, a , of a
 * function's arguments. */
bool vs__closes(const vs__lex *x, size_t i);

/* vs__quote_end() - the offset behind the quoted text that begins at s[i] = '"', or 0 where it never ends. */
size_t vs__quote_end(const char *s, size_t n, size_t i);

/* vs__quote_may_follow() - whether a " right behind s[i] opens a quoted text: it stands at the start of a word. */
bool vs__quote_may_follow(const char *s, size_t i);

/* vs__name_end() - the offset behind the name [A-Za-z_][A-Za-z0-9_]* that begins at i; i where there is none. */
size_t vs__name_end(const vs__lex *x, size_t i);

/* vs__words_end() - the offset behind the bare words that begin at x->at: up to an operator or what closes; blanks at the
 * end left out.  *first is the end of the first word. */
size_t vs__words_end(const vs__lex *x, size_t *first);

/* vs__number() - whether s[n] is wholly a number: digits with a point, a sign, an exponent. */
bool vs__number(const char *s, size_t n, double *value);

/* vs__shown() - how many of s[n] bytes to show in a message: up to 60, whole characters. */
int vs__shown(const char *s, size_t n);

#endif
