/* match.h - whether a regular expression occurs in a text. */
#ifndef VS_TEXT_MATCH_H
#define VS_TEXT_MATCH_H

#include "../base/status.h"

/* vs_regex_new() - re[n] in Perl's language (PCRE2's), over characters: `^un` `ing$` `(?i)paris` `^\p{Lu}`.
 * VS_OK | VS_E_SYNTAX (why, and at which byte) | VS_E_NOMEM.  Owner: the caller. */
typedef struct vs_regex vs_regex;
vs_status vs_regex_new(vs_err *err, const char *re, size_t n, vs_regex **out) VS_MUST_CHECK;
void vs_regex_free(vs_regex *r);

/* vs_regex_find() - *found: it occurs in s[n], anywhere unless it says where; what is no UTF-8 matches nothing.  For one
 * thread at a time.  VS_OK | VS_E_UNSUPPORTED (it takes too long on this text) | VS_E_NOMEM. */
vs_status vs_regex_find(vs_err *err, vs_regex *r, const char *s, size_t n, bool *found) VS_MUST_CHECK;

#endif
