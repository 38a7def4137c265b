/* pretok.c - the pre-tokeniser's steps: each takes the slices of a text and makes smaller ones, or respells them. */
#include <string.h>

#include "tokenizer_impl.h"

vs_status vs__slices_push(vs_err *err, vs__encoder *e, vs__slice s) {
    if (s.begin == s.end) return VS_OK;
    if (e->slices2 == e->slice2_cap) {
        size_t cap = e->slice2_cap ? e->slice2_cap * 2 : 64;
        vs__slice *p = vs_grow(e->slice2, e->slices2, cap, sizeof *p);
        if (!p) return vs_fail(err, VS_E_NOMEM, "no memory for %zu parts of a text", cap);
        e->slice2 = p;
        e->slice2_cap = cap;
    }
    e->slice2[e->slices2++] = s;
    return VS_OK;
}

void vs__slices_swap(vs__encoder *e) {
    vs__slice *s = e->slice;
    size_t cap = e->slice_cap;
    e->slice = e->slice2;
    e->slice_cap = e->slice2_cap;
    e->slices = e->slices2;
    e->slice2 = s;
    e->slice2_cap = cap;
    e->slices2 = 0;
}

/* ---- cutting ---- */

static bool is_delimiter(vs__pretok_kind kind, uint32_t cp) {
    return kind == VS__PRETOK_SPACE    ? vs__is_space(cp)
           : kind == VS__PRETOK_DIGITS ? vs__is_number(cp)
                                       : vs__is_punctuation(cp);
}

static vs_status cut_length(vs_err *err, size_t length, vs__encoder *e, const char *s, size_t n) {
    for (size_t i = 0, next = 0, k; i < n; i = next) {
        for (k = 0; k < length && next < n; k++) vs_utf8_next(s, n, &next, NULL);
        VS_TRY(vs__match_push(err, &e->match, &e->matches, &e->match_cap, (vs__match){i, next, false}));
    }
    return VS_OK;
}

/* What goes with any script stays with the one before; in front of all it is left out. */
static vs_status cut_scripts(vs_err *err, vs__encoder *e, const char *s, size_t n) {
    uint32_t script = 0;
    size_t done = 0;
    for (size_t i = 0, next = 0; i < n; i = next) {
        uint32_t here = vs__script(vs_utf8_next(s, n, &next, NULL));
        if (!here || here == script) continue;
        if (i > done)
            VS_TRY(vs__match_push(err, &e->match, &e->matches, &e->match_cap, (vs__match){done, i, !script}));
        done = i;
        script = here;
    }
    return vs__match_push(err, &e->match, &e->matches, &e->match_cap, (vs__match){done, n, !script});
}

static vs_status cut(vs_err *err, const vs__pretok_step *step, vs__encoder *e, vs__slice at) {
    e->matches = 0;
    const char *s = e->x.s + at.begin;
    size_t n = at.end - at.begin, done = 0;
    if (step->kind == VS__PRETOK_SPLIT)
        return vs__pattern_matches(err, &step->pattern, s, n, &e->match, &e->matches, &e->match_cap);
    if (step->kind == VS__PRETOK_LENGTH) return cut_length(err, step->length, e, s, n);
    if (step->kind == VS__PRETOK_SCRIPTS) return cut_scripts(err, e, s, n);
    for (size_t i = 0, next; i < n; i = next) {
        next = i;
        if (!is_delimiter(step->kind, vs_utf8_next(s, n, &next, NULL))) continue;
        if (i > done) VS_TRY(vs__match_push(err, &e->match, &e->matches, &e->match_cap, (vs__match){done, i, false}));
        VS_TRY(vs__match_push(err, &e->match, &e->matches, &e->match_cap, (vs__match){i, next, true}));
        done = next;
    }
    if (done < n) VS_TRY(vs__match_push(err, &e->match, &e->matches, &e->match_cap, (vs__match){done, n, false}));
    return VS_OK;
}

/* The slice [begin,end) of slice at, as seen from the original text. */
static vs_status keep(vs_err *err, vs__encoder *e, vs__slice at, size_t begin, size_t end) {
    if (begin == end) return VS_OK;
    return vs__slices_push(err, e, (vs__slice){at.begin + begin, at.begin + end, e->x.from[at.begin + begin]});
}

static vs_status split(vs_err *err, const vs__pretok_step *step, vs__encoder *e) {
    for (size_t k = 0; k < e->slices; k++) {
        vs__slice at = e->slice[k];
        VS_TRY(cut(err, step, e, at));
        const vs__match *m = e->match;
        if (step->invert)
            for (size_t i = 0; i < e->matches; i++) e->match[i].is_match = !e->match[i].is_match;
        for (size_t i = 0, last; i < e->matches; i = last + 1) {
            last = i; /* m[i..last] stay together */
            switch (step->behavior) {
            case VS__REMOVED:
                if (m[i].is_match) continue;
                break;
            case VS__ISOLATED: break;
            case VS__CONTIGUOUS:
                while (last + 1 < e->matches && m[last + 1].is_match == m[i].is_match) last++;
                break;
            case VS__MERGED_WITH_PREVIOUS:
                if (!m[i].is_match && i + 1 < e->matches && m[i + 1].is_match) last = i + 1;
                break;
            case VS__MERGED_WITH_NEXT:
                if (m[i].is_match && i + 1 < e->matches && !m[i + 1].is_match) last = i + 1;
                break;
            }
            VS_TRY(keep(err, e, at, m[i].begin, m[last].end));
        }
    }
    vs__slices_swap(e);
    return VS_OK;
}

/* ---- respelling ---- */

uint32_t vs__byte_to_char(unsigned char b) {
    if ((b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174) return b;
    return b <= 32 ? 256u + b : b <= 160 ? 256u + 33 + (b - 127u) : 256u + 67; /* the others follow U+0100 in order */
}

int vs__char_to_byte(uint32_t cp) {
    if ((cp >= 33 && cp <= 126) || (cp >= 161 && cp <= 172) || (cp >= 174 && cp <= 255)) return (int)cp;
    if (cp < 256 || cp > 256 + 67) return -1;
    cp -= 256;
    return (int)(cp <= 32 ? cp : cp <= 66 ? cp - 33 + 127 : 173);
}

static bool begins_with(const vs__text *x, vs__slice at, const char *a, size_t n) {
    return at.end - at.begin >= n && !memcmp(x->s + at.begin, a, n);
}

static bool wants_prefix(const vs__pretok_step *step, const vs__text *x, vs__slice at) {
    if (step->prepend == VS__PREPEND_NEVER || (step->prepend == VS__PREPEND_FIRST && at.origin != 0)) return false;
    /* in METASPACE a leading blank is about to become the mark */
    return !begins_with(x, at, step->a, step->an) &&
           !(step->kind == VS__PRETOK_METASPACE && begins_with(x, at, " ", 1));
}

static vs_status respell(vs_err *err, const vs__pretok_step *step, vs__encoder *e) {
    vs__text *x = &e->x, *y = &e->y;
    y->n = 0;
    for (size_t k = 0; k < e->slices; k++) {
        vs__slice at = e->slice[k];
        size_t begin = y->n;
        if (step->kind != VS__PRETOK_BYTES && wants_prefix(step, x, at))
            vs__text_put(y, step->a, step->an, x->from[at.begin], x->to[at.begin]);
        for (size_t i = at.begin; i < at.end; i++) {
            if (step->kind == VS__PRETOK_BYTES)
                vs__text_put_cp(y, vs__byte_to_char((unsigned char)x->s[i]), x->from[i], x->to[i]);
            else if (step->kind == VS__PRETOK_METASPACE && x->s[i] == ' ')
                vs__text_put(y, step->a, step->an, x->from[i], x->to[i]);
            else
                vs__text_put_slice(y, x, i, i + 1);
        }
        VS_TRY(vs__slices_push(err, e, (vs__slice){begin, y->n, at.origin}));
    }
    if (y->failed) return vs_fail(err, VS_E_NOMEM, "no memory for a text of %zu bytes", y->n);
    vs__text t = *x;
    *x = *y;
    *y = t;
    vs__slices_swap(e);
    return VS_OK;
}

vs_status vs__pretokenize(vs_err *err, const vs__pretok_step *step, vs__encoder *e) {
    bool cuts = step->kind == VS__PRETOK_SPLIT || step->kind == VS__PRETOK_SPACE ||
                step->kind == VS__PRETOK_PUNCTUATION || step->kind == VS__PRETOK_DIGITS ||
                step->kind == VS__PRETOK_LENGTH || step->kind == VS__PRETOK_SCRIPTS;
    return cuts ? split(err, step, e) : respell(err, step, e);
}
