/* session_run.c - passes of the current model under the edits in force, and the edits themselves (`with {…}`). */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/dict.h"
#include "session_impl.h"

/* ---- positions ---- */

static bool word_byte(unsigned char c) { return isalnum(c) || c >= 0x80 || c == '_'; }

static bool same_word(const char *a, const char *b, size_t n, bool fold) {
    for (size_t i = 0; i < n; i++)
        if (fold ? tolower((unsigned char)a[i]) != tolower((unsigned char)b[i]) : a[i] != b[i]) return false;
    return true;
}

bool vs__word_in(const char *text, const char *word, size_t n, int nth, size_t *begin, size_t *end) {
    size_t len = strlen(text);
    for (int fold = 0; fold < 2; fold++) { /* as written first, then in any case */
        int seen = 0;
        bool found = false;
        for (size_t i = 0; n && i + n <= len; i++) {
            if (!same_word(text + i, word, n, fold)) continue;
            if (i && word_byte((unsigned char)text[i - 1]) && word_byte((unsigned char)word[0])) continue;
            if (i + n < len && word_byte((unsigned char)text[i + n]) && word_byte((unsigned char)word[n - 1])) continue;
            *begin = i;
            *end = i + n;
            found = true;
            if (++seen == nth) return true;
        }
        if (found && nth == 0) return true;
    }
    return false;
}

static vs_status number_at(vs_err *err, const char *s, size_t n, size_t T, size_t *out) {
    char buf[32], *end;
    snprintf(buf, sizeof buf, "%.*s", (int)(n < 31 ? n : 31), s);
    long v = strtol(buf, &end, 10);
    long at = v < 0 ? v + (long)T : v;
    if (*end || end == buf) return vs_fail(err, VS_E_SYNTAX, "[%s] is no position", buf);
    if (at < 0 || (size_t)at >= T)
        return vs_fail(err, VS_E_RANGE, "position %ld: the text has %zu tokens, 0..%zu", v, T, T - 1);
    *out = (size_t)at;
    return VS_OK;
}

static bool all_digits(const char *s, size_t n) {
    size_t i = n && (s[0] == '-' || s[0] == '+');
    if (i == n) return false;
    for (; i < n; i++)
        if (!isdigit((unsigned char)s[i])) return false;
    return true;
}

/* The tokens that overlap bytes begin..end of the text. */
static bool tokens_over(const vs_tokens *t, size_t begin, size_t end, size_t *from, size_t *to) {
    bool any = false;
    for (size_t i = 0; i < t->n; i++) {
        if (t->special[i] || (t->text && t->text[i]) || t->end[i] <= begin || t->begin[i] >= end) continue;
        if (!any) *from = i;
        *to = i;
        any = true;
    }
    return any;
}

vs_status vs_position_find(vs_err *err, const vs_model *m, const char *text, const vs_tokens *t, const char *pos,
                           size_t n, size_t *from, size_t *to) {
    if (!t->n) return vs_fail(err, VS_E_RANGE, "an empty text has no positions");
    bool quoted = n >= 2 && pos[0] == '"' && pos[n - 1] == '"';
    if (quoted) pos++, n -= 2;
    if (!quoted && n == 4 && !memcmp(pos, "mean", 4)) {
        *from = 0;
        *to = t->n - 1;
        return VS_OK;
    }
    const char *dots = NULL;
    for (size_t i = 0; !dots && i + 1 < n; i++)
        if (pos[i] == '.' && pos[i + 1] == '.') dots = pos + i;
    if (!quoted && dots && all_digits(pos, (size_t)(dots - pos)) &&
        all_digits(dots + 2, n - (size_t)(dots + 2 - pos))) {
        VS_TRY(number_at(err, pos, (size_t)(dots - pos), t->n, from));
        VS_TRY(number_at(err, dots + 2, n - (size_t)(dots + 2 - pos), t->n, to));
        return *from <= *to ? VS_OK : vs_fail(err, VS_E_RANGE, "[%.*s]: the range runs backwards", (int)n, pos);
    }
    if (!quoted && all_digits(pos, n)) {
        VS_TRY(number_at(err, pos, n, t->n, from));
        *to = *from;
        return VS_OK;
    }
    int nth = 0;
    const char *hash = n > 1 ? memchr(pos + 1, '#', n - 1) : NULL;
    if (hash && all_digits(hash + 1, n - (size_t)(hash + 1 - pos))) {
        nth = (int)strtol(hash + 1, NULL, 10);
        n = (size_t)(hash - pos);
    }
    size_t begin, end;
    if (!text) return vs_fail(err, VS_E_UNKNOWN, "[%.*s]: ids have positions by number only", (int)n, pos);
    if (!vs__word_in(text, pos, n, nth, &begin, &end) || !tokens_over(t, begin, end, from, to))
        return vs_fail(err, VS_E_UNKNOWN, "[%.*s] is no word of \"%.200s\"", (int)n, pos, text);
    const vs_model_info *in = vs_model_info_of(m);
    if (in->stack[in->n_stacks - 1].causal) *from = *to; /* only its last piece has seen the whole word */
    return VS_OK;
}

/* ---- tokens and passes ---- */

vs_status vs_session_tokenize(vs_err *err, vs_session *s, const char *text, size_t n, vs_tokens *out) {
    vs_model *m;
    const vs_tokenizer *tok;
    *out = (vs_tokens){0};
    VS_TRY(vs_session_model(err, s, &m));
    VS_TRY(vs_model_tokenizer(err, m, &tok));
    return vs_tokenize(err, tok, text, n, NULL, 0, true, out);
}

static vs_status place(vs_err *err, const vs_model *m, const char *text, const vs_tokens *t, const char *pos,
                       vs_positions *out) {
    *out = (vs_positions){.all = true};
    if (!pos) return VS_OK;
    size_t from, to;
    VS_TRY(vs_position_find(err, m, text, t, pos, strlen(pos), &from, &to));
    *out = (vs_positions){.from = (int32_t)from, .to = (int32_t)to};
    return VS_OK;
}

static bool from_end(const char *pos) {
    const char *dots = pos ? strstr(pos, "..") : NULL;
    return pos && ((pos[0] == '-' && isdigit((unsigned char)pos[1])) ||
                   (dots && dots[2] == '-' && isdigit((unsigned char)dots[3])));
}

bool vs_session_edits_fixed(const vs_session *s) {
    for (const vs__edit_set *e = s->edits; e; e = e->below)
        for (size_t i = 0; i < e->n; i++)
            if (from_end(e->spec[i].at) || from_end(e->spec[i].keys)) return false;
    return true;
}

vs_status vs_session_run_grown(vs_err *err, vs_session *s, const char *text, const vs_tokens *t, size_t own,
                               vs_request *rq, vs_pass **out) {
    vs_model *m;
    *out = NULL;
    (void)own;
    VS_TRY(vs_session_model(err, s, &m));
    size_t n = vs_session_edit_count(s), k = 0, before = rq->kv ? vs_kv_rows(rq->kv) : 0;
    if (before >= t->n) return vs_fail(err, VS_E_RANGE, "no token: the cache has all %zu of the text", t->n);
    vs_edit *edits = vs_alloc(n, sizeof *edits);
    vs_edit_effect *effect = vs_grow(s->effect, s->n_effects, n, sizeof *effect);
    if (effect) s->effect = effect;
    if (!edits || !effect) {
        vs_free(edits);
        return vs_fail(err, VS_E_NOMEM, "no memory for %zu edits", n);
    }
    vs_status st = VS_OK;
    size_t left = n;
    for (vs__edit_set *e = s->edits; e; e = e->below) { /* the oldest set comes first */
        left -= e->n;
        for (size_t i = 0; st == VS_OK && i < e->n; i++) {
            edits[left + i] = e->spec[i].edit;
            st = place(err, m, text, t, e->spec[i].at, &edits[left + i].at);
            if (st == VS_OK) st = place(err, m, text, t, e->spec[i].keys, &edits[left + i].keys);
            k++;
        }
    }
    rq->in = (vs_input){.ids = t->id + before, .types = t->type ? t->type + before : NULL, .rows = t->n - before, .n_seqs = 1};
    rq->edits = edits;
    rq->n_edits = k;
    if (st == VS_OK) st = vs_run(err, m, rq, out);
    for (size_t i = 0; st == VS_OK && i < n; i++) { /* a text that grows in a cache is one, a piece at a time */
        vs_edit_effect e = vs_pass_effects(*out)[i];
        bool more = before && i < s->n_effects;
        s->effect[i].hits = e.hits + (more ? s->effect[i].hits : 0);
        s->effect[i].change = more ? hypot(e.change, s->effect[i].change) : e.change;
    }
    s->n_effects = st == VS_OK ? n : 0;
    rq->edits = NULL;
    rq->n_edits = 0;
    vs_free(edits);
    return st;
}

vs_status vs_session_run_text(vs_err *err, vs_session *s, const char *text, const vs_tokens *t, vs_request *rq,
                              vs_pass **out) {
    return vs_session_run_grown(err, s, text, t, t->n, rq, out);
}

vs_status vs_session_run(vs_err *err, vs_session *s, const vs_tokens *t, vs_request *rq, vs_pass **out) {
    return vs_session_run_text(err, s, NULL, t, rq, out);
}

const vs_edit_effect *vs_session_effects(const vs_session *s, size_t *n) {
    *n = s->n_effects;
    return s->effect;
}

/* ---- edits ---- */

/* The next blank-separated word of *p, with "…" and […] kept whole. */
static vs_span next_word(const char **p, const char *end) {
    while (*p < end && isspace((unsigned char)**p)) ++*p;
    vs_span w = {.s = *p};
    for (int square = 0, quote = 0; *p < end && (square || quote || !isspace((unsigned char)**p)); ++*p) {
        if (**p == '"') quote = !quote;
        if (!quote) square += (**p == '[') - (**p == ']');
    }
    w.n = (size_t)(*p - w.s);
    return w;
}

static bool is(vs_span w, const char *name) { return w.n == strlen(name) && !memcmp(w.s, name, w.n); }

/* SITE[pos]: the site into e, the text between the brackets into the arena. */
static vs_status site_of(vs_err *err, vs_session *s, vs_span w, vs_arena *a, vs__edit_spec *e) {
    vs_model *m;
    VS_TRY(vs_session_model(err, s, &m));
    const char *open = memchr(w.s, '[', w.n);
    size_t n = open ? (size_t)(open - w.s) : w.n;
    if (open) {
        if (w.s[w.n - 1] != ']') return vs_fail(err, VS_E_SYNTAX, "edit %.*s: the [ is never closed", (int)w.n, w.s);
        e->at = vs_arena_strndup(a, open + 1, w.n - n - 2);
        if (!e->at) return vs_fail(err, VS_E_NOMEM, "no memory for an edit");
        if (!strcmp(e->at, "mean")) e->at = NULL; /* every position */
    }
    return vs_site_parse(err, m, w.s, n, &e->edit.site);
}

static vs_status vector_of(vs_err *err, vs_session *s, vs_span w, vs_arena *a, vs_edit *e) {
    vs_value v;
    if (!w.n) return vs_fail(err, VS_E_SYNTAX, "the edit wants a vector after its site");
    VS_TRY(vs_session_eval(err, s, w.s, w.n, &v));
    float *copy = vs_arena_alloc(a, v.dim, sizeof *copy);
    if (copy) memcpy(copy, v.vec, v.dim * sizeof *copy);
    e->vec = copy;
    e->width = v.dim;
    vs_value_free(&v);
    return copy ? VS_OK : vs_fail(err, VS_E_NOMEM, "no memory for an edit");
}

/* cut L.attn[.hN] FROM -> TO */
static vs_status cut_of(vs_err *err, const char *p, const char *end, vs_arena *a, vs__edit_spec *e) {
    vs_span from = next_word(&p, end), arrow = next_word(&p, end), to = next_word(&p, end), more = next_word(&p, end);
    if (!(is(arrow, "->") || is(arrow, "→")) || !to.n || more.n)
        return vs_fail(err, VS_E_SYNTAX, "cut wants SITE FROM -> TO: cut 1.attn -1 -> -3");
    e->at = vs_arena_strndup(a, from.s, from.n);
    e->keys = vs_arena_strndup(a, to.s, to.n);
    return e->at && e->keys ? VS_OK : vs_fail(err, VS_E_NOMEM, "no memory for an edit");
}

static vs_status edit_of(vs_err *err, vs_session *s, vs_span text, vs_arena *a, vs__edit_spec *e) {
    const char *p = text.s, *end = text.s + text.n;
    vs_span verb = next_word(&p, end), site = next_word(&p, end);
    while (p < end && isspace((unsigned char)*p)) p++;
    while (end > p && isspace((unsigned char)end[-1])) end--;
    vs_span rest = {p, (size_t)(end - p)};
    *e = (vs__edit_spec){.edit = {.factor = 1}};
    static const struct {
        const char *name;
        vs_edit_kind kind;
    } verbs[] = {{"zero", VS_EDIT_SET},    {"set", VS_EDIT_SET},         {"add", VS_EDIT_ADD},
                 {"scale", VS_EDIT_SCALE}, {"project", VS_EDIT_PROJECT}, {"cut", VS_EDIT_CUT}};
    size_t v = 0;
    while (v < 6 && !is(verb, verbs[v].name)) v++;
    if (v == 6)
        return vs_fail(err, VS_E_SYNTAX, "no edit is called %.*s; there are zero scale add set project cut",
                       (int)verb.n, verb.s);
    if (!site.n)
        return vs_fail(err, VS_E_SYNTAX, "%s wants a site after it: %s 1.mlp_out", verbs[v].name, verbs[v].name);
    e->edit.kind = verbs[v].kind;
    VS_TRY(site_of(err, s, site, a, e));
    if (e->edit.kind == VS_EDIT_CUT) return cut_of(err, p, end, a, e);
    if (e->edit.kind == VS_EDIT_SCALE) {
        char number[64], *stop;
        while (rest.n && (*rest.s == '*' || isspace((unsigned char)*rest.s))) rest.s++, rest.n--;
        snprintf(number, sizeof number, "%.*s", (int)(rest.n < 63 ? rest.n : 63), rest.s);
        e->edit.factor = strtof(number, &stop);
        return stop != number && !*stop ? VS_OK
                                        : vs_fail(err, VS_E_SYNTAX, "scale wants SITE * NUMBER: scale 1.mlp_out * 0.5");
    }
    if (v == 0)
        return rest.n ? vs_fail(err, VS_E_SYNTAX, "zero wants a site alone, but there is %.*s", (int)rest.n, rest.s)
                      : VS_OK;
    return vector_of(err, s, rest, a, &e->edit);
}

static size_t split_edits(const char *text, size_t n, vs_span *part, size_t cap) {
    size_t count = 0, from = 0;
    bool quote = false;
    for (size_t i = 0; i <= n; i++) {
        if (i < n && text[i] == '"') quote = !quote;
        if (i < n && (quote || (text[i] != ';' && text[i] != '\n'))) continue;
        while (from < i && isspace((unsigned char)text[from])) from++;
        if (from < i) {
            if (count < cap) part[count] = (vs_span){text + from, i - from};
            count++;
        }
        from = i + 1;
    }
    return count;
}

vs_status vs_session_push_edits(vs_err *err, vs_session *s, const char *text, size_t n) {
    size_t count = split_edits(text, n, NULL, 0);
    if (!count) return vs_fail(err, VS_E_SYNTAX, "there is no edit in { }; for example {zero 1.mlp_out}");
    vs__edit_set *set = vs_zalloc(1, sizeof *set);
    vs_span *part = vs_alloc(count, sizeof *part);
    vs_status st = set && part ? VS_OK : vs_fail(err, VS_E_NOMEM, "no memory for %zu edits", count);
    if (st == VS_OK && !(set->spec = vs_arena_alloc(&set->arena, count, sizeof *set->spec)))
        st = vs_fail(err, VS_E_NOMEM, "no memory for %zu edits", count);
    if (st == VS_OK) split_edits(text, n, part, count);
    for (size_t i = 0; st == VS_OK && i < count; i++) {
        st = edit_of(err, s, part[i], &set->arena, &set->spec[i]);
        set->n += st == VS_OK;
    }
    if (st == VS_OK) {
        set->text_before = s->edits_text.len;
        for (size_t i = 0; i < count; i++) {
            if (s->edits_text.len) vs_buf_puts(&s->edits_text, "; ");
            vs_buf_put(&s->edits_text, part[i].s, part[i].n);
        }
        set->below = s->edits;
        s->edits = set;
    } else if (set) {
        vs_arena_free(&set->arena);
        vs_free(set);
    }
    vs_free(part);
    return st;
}

void vs_session_pop_edits(vs_session *s) {
    vs__edit_set *set = s->edits;
    if (!set) return;
    s->edits = set->below;
    s->edits_text.len = set->text_before;
    if (s->edits_text.s) s->edits_text.s[set->text_before] = '\0';
    vs_arena_free(&set->arena);
    vs_free(set);
}

size_t vs_session_edit_count(const vs_session *s) {
    size_t n = 0;
    for (const vs__edit_set *e = s->edits; e; e = e->below) n += e->n;
    return n;
}

const char *vs_session_edits_text(const vs_session *s) { return s->edits_text.len ? s->edits_text.s : ""; }

uint64_t vs_session_edits_hash(const vs_session *s) {
    uint64_t h[2] = {0};
    for (const vs__edit_set *set = s->edits; set; set = set->below)
        for (size_t i = 0; i < set->n; i++) {
            const vs_edit *e = &set->spec[i].edit;
            if (!e->vec) continue;
            h[1] = vs_hash(e->vec, e->width * sizeof *e->vec);
            h[0] = vs_hash(h, sizeof h);
        }
    return h[0];
}
