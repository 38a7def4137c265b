/* pattern.c - where a literal or a regular expression occurs; an empty match counts, but not right after another. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <string.h>

#include "tokenizer_impl.h"

enum { FIRST, MORE, NAME };
static const struct {
    int kind; /* the first of a family's expressions, one more, or a name of the family */
    unsigned traits;
    const char *text;
} words[] = {
#define PATTERN(re) {FIRST, 0, re},
#define THEN(re) {MORE, 0, re},
#define NAMED(name, traits) {NAME, traits, name},
#include "pretok_patterns.def"
};
enum { WORDS = sizeof words / sizeof *words };

size_t vs__words_patterns(const char *pre, const char *out[VS__WORDS_MOST], unsigned *traits) {
    size_t count = 0;
    for (size_t i = 0; i < WORDS; i++) {
        if (words[i].kind == FIRST) count = 0;
        if (words[i].kind != NAME && count < VS__WORDS_MOST) out[count++] = words[i].text;
        if (words[i].kind != NAME || strcmp(words[i].text, pre)) continue;
        *traits = words[i].traits;
        return count;
    }
    return 0;
}

/* Whether the expressions from row i on are these n; where a family does not say when bytes are spelled, they are last. */
static bool are_words(size_t i, const char *const *re, size_t n) {
    size_t k = 0;
    bool spelled = false;
    for (; i < WORDS && words[i].kind != NAME && (!k || words[i].kind == MORE); i++, k++) {
        if (k >= n || strcmp(words[i].text, re[k]) != 0) return false;
        spelled = spelled || !*re[k];
    }
    return k == n || (!spelled && k + 1 == n && !*re[k]);
}

const char *vs__words_name(const char *const *re, size_t n, bool whole) {
    for (size_t i = 0; i < WORDS; i++) {
        if (words[i].kind != FIRST || !are_words(i, re, n)) continue;
        for (size_t k = i + 1; k < WORDS && words[k].kind != FIRST; k++)
            if (words[k].kind == NAME && *words[k].text && strcmp(words[k].text, "default") != 0 && whole == ((words[k].traits & VS__WORDS_WHOLE) != 0)) return words[k].text;
    }
    return NULL;
}

vs_status vs__pattern_regex(vs_err *err, vs__pattern *p, const char *re, size_t n) {
    vs_buf text = {0};
    vs_buf_puts(&text, "(*LF)");
    vs_status s = vs__regex_respell(err, re, n, &text);
    if (s == VS_OK && text.failed) s = vs_fail(err, VS_E_NOMEM, "no memory for a pattern of %zu bytes", n);
    if (s != VS_OK) {
        vs_buf_free(&text);
        return s;
    }
    int code;
    PCRE2_SIZE at;
    p->re = pcre2_compile((PCRE2_SPTR)text.s, text.len, PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE, &code, &at, NULL);
    vs_buf_free(&text);
    if (!p->re) {
        unsigned char why[128];
        pcre2_get_error_message(code, why, sizeof why);
        return vs_fail(err, VS_E_FORMAT, "pattern '%.*s': %s", n > 80 ? 80 : (int)n, re, (char *)why);
    }
    uint32_t empty = 0;
    pcre2_pattern_info(p->re, PCRE2_INFO_MATCHEMPTY, &empty);
    p->matches_empty = empty != 0;
    pcre2_jit_compile(p->re, PCRE2_JIT_COMPLETE); /* where it is not to be had, the interpreter matches */
    return VS_OK;
}

vs_status vs__match_push(vs_err *err, vs__match **m, size_t *count, size_t *cap, vs__match v) {
    if (*count == *cap) {
        size_t more = *cap ? *cap * 2 : 64;
        vs__match *p = vs_grow(*m, *count, more, sizeof *p);
        if (!p) return vs_fail(err, VS_E_NOMEM, "no memory for %zu parts of a text", more);
        *m = p;
        *cap = more;
    }
    (*m)[(*count)++] = v;
    return VS_OK;
}

static bool literal_next(const vs__pattern *p, const char *s, size_t n, size_t at, size_t *begin) {
    while (at < n && n - at >= p->n) {
        const char *hit = memchr(s + at, p->literal[0], n - at - p->n + 1);
        if (!hit) return false;
        at = (size_t)(hit - s);
        if (!memcmp(hit, p->literal, p->n)) {
            *begin = at;
            return true;
        }
        at++;
    }
    return false;
}

static vs_status regex_next(vs_err *err, const vs__pattern *p, pcre2_match_data *data, const char *s, size_t n,
                            size_t at, vs__match *out) {
    int rc = pcre2_match(p->re, (PCRE2_SPTR)s, n, at, PCRE2_NO_UTF_CHECK, data, NULL);
    if (rc == PCRE2_ERROR_JIT_STACKLIMIT)
        rc = pcre2_match(p->re, (PCRE2_SPTR)s, n, at, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, data, NULL);
    out->is_match = rc > 0;
    if (rc == PCRE2_ERROR_NOMEMORY) return vs_fail(err, VS_E_NOMEM, "no memory to match a pattern");
    if (rc < 0 && rc != PCRE2_ERROR_NOMATCH)
        return vs_fail(err, VS_E_UNSUPPORTED, "the tokenizer's pattern gives up at byte %zu of the text (code %d)", at,
                       rc);
    if (rc > 0) {
        const PCRE2_SIZE *v = pcre2_get_ovector_pointer(data);
        out->begin = v[0];
        out->end = v[1] < v[0] ? v[0] : v[1]; /* \K in a lookahead can turn them round */
    }
    return VS_OK;
}

static size_t next_character(const char *s, size_t n, size_t at) {
    vs_utf8_next(s, n, &at, NULL);
    return at;
}

vs_status vs__pattern_matches(vs_err *err, const vs__pattern *p, const char *s, size_t n, vs__match **m, size_t *count,
                              size_t *cap) {
    pcre2_match_data *data = NULL;
    if (p->re) {
        data = pcre2_match_data_create_from_pattern(p->re, NULL);
        if (!data) return vs_fail(err, VS_E_NOMEM, "no memory to match a pattern");
    }
    vs_status st = VS_OK;
    size_t done = 0, at = 0, last = SIZE_MAX; /* covered so far; where the search goes on; where the last match ended */
    while (n && (at < n || (at == n && p->matches_empty))) {
        vs__match hit = {.is_match = false};
        if (p->re) {
            st = regex_next(err, p, data, s, n, at, &hit);
        } else if (p->n && literal_next(p, s, n, at, &hit.begin)) {
            hit.is_match = true;
            hit.end = hit.begin + p->n;
        }
        if (st != VS_OK || !hit.is_match) break;
        if (hit.begin == hit.end && hit.end == last) { /* no empty match right after another */
            if (at++ < n) at = next_character(s, n, at - 1);
            continue;
        }
        if (hit.begin > done) st = vs__match_push(err, m, count, cap, (vs__match){done, hit.begin, false});
        if (st == VS_OK && hit.end >= done) st = vs__match_push(err, m, count, cap, hit);
        if (st != VS_OK) break;
        done = hit.end > done ? hit.end : done;
        at = last = hit.end;
    }
    if (st == VS_OK && done < n) st = vs__match_push(err, m, count, cap, (vs__match){done, n, false});
    if (data) pcre2_match_data_free(data);
    return st;
}

void vs__pattern_free(vs__pattern *p) {
    if (p->re) pcre2_code_free(p->re);
    p->re = NULL;
}
