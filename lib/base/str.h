/* str.h - text: a growable buffer, UTF-8, spellings. */
#ifndef VS_BASE_STR_H
#define VS_BASE_STR_H

#include "status.h"

/* A growable string, always NUL-terminated once written.  Zero-initialise; vs_buf_free() when done.  A failed
 * allocation sets `failed`, and later writes do nothing: check once, at the end. */
typedef struct vs_buf {
    char *s;
    size_t len, cap;
    bool failed;
} vs_buf;
void vs_buf_put(vs_buf *b, const char *s, size_t n);
void vs_buf_puts(vs_buf *b, const char *s);
void vs_buf_putc(vs_buf *b, char c);
void vs_buf_printf(vs_buf *b, const char *fmt, ...) VS_PRINTF(2, 3);
void vs_buf_put_utf8(vs_buf *b, uint32_t cp);
void vs_buf_clear(vs_buf *b); /* empty it, keep its memory */
void vs_buf_free(vs_buf *b);

/* vs_utf8_next() - decode the code point at s[*i] (i < n) and advance *i.  An invalid byte gives U+FFFD, advances by
 * one and sets *bad when bad is not NULL. */
uint32_t vs_utf8_next(const char *s, size_t n, size_t *i, bool *bad);

/* vs_utf8_valid() - whether all n bytes are well-formed UTF-8; else *at is the offset of the first bad byte. */
bool vs_utf8_valid(const char *s, size_t n, size_t *at);

/* vs_utf8_encode() - the bytes of cp into out; returns how many (1 to 4). */
size_t vs_utf8_encode(uint32_t cp, char out[4]);

/* vs_utf8_case() - s[n] appended to b with every code point in lower case, in upper case, or the first in title case and
 * the others in lower case (Unicode's simple mappings, one code point to one).  Invalid bytes become U+FFFD. */
typedef enum vs_case { VS_CASE_LOWER, VS_CASE_TITLE, VS_CASE_UPPER } vs_case;
void vs_utf8_case(vs_case c, const char *s, size_t n, vs_buf *b);

/* vs_path_stem() - what a file or folder is called: "dir/glove.6B.50d.txt" -> glove.6B.50d, "dir/model/" -> model; n bytes of
 * path, from the one that is returned.  O(bytes). */
const char *vs_path_stem(const char *path, size_t *n);

/* vs_glob() - whether a whole text is what a pattern says, in which * is anything and ? any one byte. */
bool vs_glob(const char *pattern, const char *text);

/* vs_edit_distance() - Damerau-Levenshtein distance (adjacent swaps count one) of two byte strings, for suggestions;
 * strings over 63 bytes count as far apart (SIZE_MAX).  O(na nb). */
size_t vs_edit_distance(const char *a, size_t na, const char *b, size_t nb);

#endif
