/* match.c - see match.h. */
#include "match.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "../base/alloc.h"

struct vs_regex {
    pcre2_code *re;
    pcre2_match_data *data;
};

vs_status vs_regex_new(vs_err *err, const char *re, size_t n, vs_regex **out) {
    vs_regex *r = *out = vs_zalloc(1, sizeof *r);
    if (!r) return vs_fail(err, VS_E_NOMEM, "no memory for a pattern");
    int code;
    PCRE2_SIZE at;
    r->re = pcre2_compile((PCRE2_SPTR)re, n, PCRE2_UTF | PCRE2_UCP | PCRE2_MATCH_INVALID_UTF, &code, &at, NULL);
    vs_status s = VS_OK;
    if (!r->re) {
        unsigned char why[128];
        pcre2_get_error_message(code, why, sizeof why);
        s = vs_fail(err, VS_E_SYNTAX, "the pattern %.*s: %s (at byte %zu)", n > 80 ? 80 : (int)n, re, (char *)why, at);
    } else {
        pcre2_jit_compile(r->re, PCRE2_JIT_COMPLETE); /* where it is not to be had, the interpreter matches */
        r->data = pcre2_match_data_create_from_pattern(r->re, NULL);
        if (!r->data) s = vs_fail(err, VS_E_NOMEM, "no memory for a pattern");
    }
    if (s != VS_OK) {
        vs_regex_free(r);
        *out = NULL;
    }
    return s;
}

void vs_regex_free(vs_regex *r) {
    if (!r) return;
    if (r->data) pcre2_match_data_free(r->data);
    if (r->re) pcre2_code_free(r->re);
    vs_free(r);
}

vs_status vs_regex_find(vs_err *err, vs_regex *r, const char *s, size_t n, bool *found) {
    int rc = pcre2_match(r->re, (PCRE2_SPTR)s, n, 0, 0, r->data, NULL);
    if (rc == PCRE2_ERROR_JIT_STACKLIMIT) rc = pcre2_match(r->re, (PCRE2_SPTR)s, n, 0, PCRE2_NO_JIT, r->data, NULL);
    *found = rc > 0;
    if (rc > 0 || rc == PCRE2_ERROR_NOMATCH) return VS_OK;
    if (rc == PCRE2_ERROR_NOMEMORY) return vs_fail(err, VS_E_NOMEM, "no memory to match a pattern");
    unsigned char why[128] = "";
    pcre2_get_error_message(rc, why, sizeof why);
    return vs_fail(err, VS_E_UNSUPPORTED, "the pattern gives up on \"%.*s\": %s", n > 80 ? 80 : (int)n, s, (char *)why);
}
