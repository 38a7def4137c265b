/* sentence.h - running text, sentence by sentence.
 *
 * By rules, not by a model: a paragraph ends at an empty line, a sentence behind . ! ? … 。！？ and the quotes and brackets
 * that close there, where white space follows and the next letter is not a small one.  A full stop ends none behind a
 * lone letter (J. Smith) or one of a few abbreviations (Mr., Dr., e.g.). */
#ifndef VS_TEXT_SENTENCE_H
#define VS_TEXT_SENTENCE_H

#include "../base/str.h"

/* vs_sentence_next() - the next sentence of text[n] from *at on: its bytes begin..end, no white space around them; *at
 * moves behind it.  false: there is none left.  Line breaks inside a sentence are part of it.  O(bytes passed). */
bool vs_sentence_next(const char *text, size_t n, size_t *at, size_t *begin, size_t *end);

#endif
