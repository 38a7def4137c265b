/* session_edits.c - the language of edits (`with {…}`, `edits add`), and those in force.
 *
 *   edit   := zero SITE | scale SITE * NUMBER | (set | add | project) SITE source | cut SITE FROM -> TO
 *   SITE   := a site, with [pos] behind it for some positions; FROM, TO: a pos; * for all
 *   source := from "TEXT"[pos]        what the site is in another text, position by position
 *           | from "TEXT" to "TEXT"[pos]  the same where the decoder beside an encoder reads the second, [pos] of the site's
 *           | mean of FILE            its mean over all positions of all texts of a file (a text a line);
 *           | mean of "FILE"[pos]     over those positions of each
 *           | an expression
 *
 * The vectors are those of the model as it is, whatever edits are in force while they are computed. */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/dict.h"
#include "base/map.h"
#include "session_impl.h"

typedef struct span {
    const char *s;
    size_t n;
} span;

/* What parsing one edit needs. */
typedef struct parse {
    vs_err *err;
    vs_session *s;
    vs_model *m;
    vs_arena *arena;
    vs__edit_spec *e;
} parse;

static vs_status no_memory(vs_err *err) { return vs_fail(err, VS_E_NOMEM, "no memory for an edit"); }

/* ---- words ---- */

static span trimmed(span t) {
    while (t.n && isspace((unsigned char)*t.s)) t.s++, t.n--;
    while (t.n && isspace((unsigned char)t.s[t.n - 1])) t.n--;
    return t;
}

/* The first blank-separated word of *t, taken off, with "…" and […] kept whole. */
static span next_word(span *t) {
    *t = trimmed(*t);
    span w = {.s = t->s};
    bool quote = false;
    for (int square = 0; w.n < t->n && (square || quote || !isspace((unsigned char)w.s[w.n])); w.n++) {
        if (quote && w.s[w.n] == '\\' && w.n + 1 < t->n) {
            w.n++;
            continue;
        }
        if (w.s[w.n] == '"') quote = !quote;
        if (!quote) square += (w.s[w.n] == '[') - (w.s[w.n] == ']');
    }
    t->s += w.n;
    t->n -= w.n;
    *t = trimmed(*t);
    return w;
}

static bool is(span w, const char *name) { return w.n == strlen(name) && !memcmp(w.s, name, w.n); }

/* "TEXT" with or without [pos] behind it, and nothing else: the text, its marks undone, and pos (NULL: none). */
static vs_status quoted_at(const parse *p, span t, const char *after, char **text, size_t *len, char **pos) {
    size_t i = 1, n = 0;
    *pos = NULL;
    char *out = *text = vs_arena_alloc(p->arena, t.n + 1, 1);
    if (!out) return no_memory(p->err);
    for (; i < t.n && t.s[i] != '"'; i++) {
        if (t.s[i] == '\\' && i + 1 < t.n && (t.s[i + 1] == '"' || t.s[i + 1] == '\\')) i++;
        out[n++] = t.s[i];
    }
    *len = n;
    if (i >= t.n) return vs_fail(p->err, VS_E_SYNTAX, "%s: the \" is never closed", after);
    span rest = trimmed((span){t.s + i + 1, t.n - i - 1});
    if (!rest.n) return VS_OK;
    if (rest.s[0] != '[' || rest.s[rest.n - 1] != ']')
        return vs_fail(p->err, VS_E_SYNTAX, "%s wants \"TEXT\" or \"TEXT\"[pos], but there is %.*s behind it", after, (int)rest.n, rest.s);
    *pos = vs_arena_strndup(p->arena, rest.s + 1, rest.n - 2);
    return *pos ? VS_OK : no_memory(p->err);
}

/* ---- vectors ---- */

/* Positions of a kept site, and the numbers of one: a row of every head where it is attention. */
static size_t positions_of(const vs_tensor *t, bool edges) { return t->shape[edges && t->ndim == 3]; }
static size_t width_of(const vs_tensor *t, bool edges) {
    return t->ndim < 3 ? t->shape[t->ndim - 1] : t->shape[edges ? 0 : 1] * t->shape[2];
}
static void row_of(const vs_tensor *t, bool edges, size_t r, float *out) {
    size_t cols = t->shape[t->ndim - 1], heads = t->ndim < 3 ? 1 : t->shape[edges ? 0 : 1];
    for (size_t h = 0; h < heads; h++) {
        size_t at = t->ndim < 3 ? r * t->stride[0] : edges ? h * t->stride[0] + r * t->stride[1] : r * t->stride[0] + h * t->stride[1];
        memcpy(out + h * cols, (const char *)t->data + at, cols * sizeof *out);
    }
}

/* A text's pass with the edit's site kept, and the rows from..to that pos names in it. */
typedef struct source {
    vs_text_input in;
    vs_pass *pass;
    vs_tensor t;
    bool edges;
    size_t from, to, read; /* read: tokens of the text */
} source;

static vs_status read_source(const parse *p, const char *text, const char *target, source *x) {
    x->in.text = vs_strdup(text);
    if (!x->in.text) return no_memory(p->err);
    VS_TRY(vs_session_tokenize(p->err, p->s, text, strlen(text), &x->in.tokens));
    return vs_session_decoder_input(p->err, p->s, target, target ? strlen(target) : 0, true, &x->in);
}

static vs_status source_open(const parse *p, const char *text, const char *target, const char *pos, source *x) {
    vs_site site = p->e->edit.site;
    vs_request rq = {.keep = &site, .n_keep = 1, .stop_layer = vs__layers_for(&site)};
    *x = (source){.edges = vs_site_shape(site.kind)[0] == 'H'};
    if (site.kind == VS_SITE_LOGITS) rq.logits = VS_LOGITS_ALL;
    VS_TRY(read_source(p, text, target, x));
    if (!site.stack) x->in.given = false; /* the encoder alone */
    int reads = vs_site_reads(site);
    const char *words = reads ? x->in.target : x->in.text;
    const vs_tokens *t = reads ? &x->in.decoder : &x->in.tokens;
    x->read = t->n;
    if (pos) VS_TRY(vs_position_find(p->err, p->m, reads, words, t, pos, strlen(pos), &x->from, &x->to));
    VS_TRY(vs_session_run(p->err, p->s, &x->in, &rq, &x->pass));
    VS_TRY(vs_pass_site(p->err, x->pass, site, 0, &x->t));
    size_t n = positions_of(&x->t, x->edges);
    if (!pos || n == 1) x->from = 0, x->to = n - 1; /* one: pooled, of the whole text */
    return x->to < n ? VS_OK : vs_fail(p->err, VS_E_SHAPE, "positions %zu..%zu of a site with %zu", x->from, x->to, n);
}
static void source_close(source *x) {
    vs_pass_free(x->pass);
    vs_text_input_free(&x->in);
}

/* "TEXT"[pos], or "TEXT" to "TEXT"[pos] */
static vs_status from_text(const parse *p, span rest) {
    char *text, *target = NULL, *pos;
    size_t len;
    source x;
    span left = rest, first = next_word(&left), to = next_word(&left);
    bool both = is(to, "to") && left.n && *left.s == '"';
    VS_TRY(quoted_at(p, both ? first : rest, "from", &text, &len, &pos));
    if (both && pos) return vs_fail(p->err, VS_E_SYNTAX, "from \"TEXT\" to \"TEXT\"[pos]: positions stand at the end");
    if (both) VS_TRY(quoted_at(p, left, "to", &target, &len, &pos));
    if (pos && !strcmp(pos, "mean"))
        return vs_fail(p->err, VS_E_SYNTAX, "from pairs positions; the mean of a text is an expression: set SITE \"TEXT\"@SITE[mean]");
    vs_status st = source_open(p, text, target, pos, &x);
    if (st == VS_OK) {
        vs_edit *e = &p->e->edit;
        size_t n = x.to - x.from + 1, width = width_of(&x.t, x.edges);
        float *v = vs_arena_alloc(p->arena, n, width * sizeof *v);
        if (!v) st = no_memory(p->err);
        for (size_t i = 0; v && i < n; i++) row_of(&x.t, x.edges, x.from + i, v + i * width);
        e->vec = v;
        e->width = width;
        e->per_row = n > 1 || (!pos && x.read == 1);
        p->e->rows = n;
    }
    source_close(&x);
    return st;
}

/* Add the rows of one text to sum [*width], made at the first. */
static vs_status add_rows(const parse *p, const char *text, const char *pos, double **sum, size_t *width, size_t *rows) {
    source x;
    float *row = NULL;
    vs_status st = source_open(p, text, NULL, pos, &x);
    if (st == VS_OK) {
        *width = width_of(&x.t, x.edges);
        row = vs_alloc(*width, sizeof *row);
        if (!*sum) *sum = vs_arena_alloc(p->arena, *width, sizeof **sum);
        if (!row || !*sum) st = no_memory(p->err);
    }
    for (size_t r = x.from; st == VS_OK && r <= x.to; r++, ++*rows) {
        row_of(&x.t, x.edges, r, row);
        for (size_t i = 0; i < *width; i++) (*sum)[i] += (double)row[i];
    }
    vs_free(row);
    source_close(&x);
    return st;
}

/* The mean over a file, a text a line; one text in memory at a time. */
static vs_status mean_of(const parse *p, span rest) {
    char *path, *pos = NULL;
    double *sum = NULL;
    size_t len = rest.n, width = 0, rows = 0;
    vs_map file;
    if (vs_site_shape(p->e->edit.site.kind)[0] == 'H')
        return vs_fail(p->err, VS_E_SHAPE, "mean of: attention is as wide as its text, so it has no mean over texts");
    if (*rest.s == '"') VS_TRY(quoted_at(p, rest, "mean of", &path, &len, &pos));
    else path = vs_arena_strndup(p->arena, rest.s, rest.n);
    if (!path) return no_memory(p->err);
    if (pos && !strcmp(pos, "mean")) pos = NULL;
    VS_TRY(vs_map_open(p->err, path, &file));
    vs_status st = VS_OK;
    const char *at = (const char *)file.bytes, *end = at + file.size;
    for (size_t line = 1; st == VS_OK && at < end; line++) {
        const char *nl = memchr(at, '\n', (size_t)(end - at)), *stop = nl ? nl : end;
        size_t n = (size_t)(stop - at);
        if (n && at[n - 1] == '\r') n--;
        char *text = n ? vs_strndup(at, n) : NULL;
        if (n) st = text ? add_rows(p, text, pos, &sum, &width, &rows) : no_memory(p->err);
        if (st == VS_OK && vs_interrupted()) st = vs_fail(p->err, VS_E_STOPPED, "stopped");
        if (st != VS_OK) vs_fail_in(p->err, "%s, line %zu", path, line);
        vs_free(text);
        at = nl ? nl + 1 : end;
    }
    vs_map_close(&file);
    if (st == VS_OK && !rows) st = vs_fail(p->err, VS_E_FORMAT, "%s holds no text", path);
    float *v = st == VS_OK ? vs_arena_alloc(p->arena, width, sizeof *v) : NULL;
    if (st == VS_OK && !v) st = no_memory(p->err);
    for (size_t i = 0; v && i < width; i++) v[i] = (float)(sum[i] / (double)rows);
    p->e->edit.vec = v;
    p->e->edit.width = width;
    return st;
}

static vs_status from_expression(const parse *p, span rest) {
    vs_value v;
    VS_TRY(vs_session_eval(p->err, p->s, rest.s, rest.n, &v));
    float *copy = vs_arena_alloc(p->arena, v.dim, sizeof *copy);
    if (copy) memcpy(copy, v.vec, v.dim * sizeof *copy);
    if (v.notes.len) p->e->notes = vs_arena_strndup(p->arena, v.notes.s, v.notes.len);
    bool ok = copy && (p->e->notes || !v.notes.len);
    p->e->edit.vec = copy;
    p->e->edit.width = v.dim;
    vs_value_free(&v);
    return ok ? VS_OK : no_memory(p->err);
}

static vs_status vector_of(const parse *p, span rest) {
    span left = rest, first = next_word(&left), second = left;
    if (!rest.n) return vs_fail(p->err, VS_E_SYNTAX, "the edit wants a vector after its site");
    bool from = is(first, "from"), mean = is(first, "mean") && is(next_word(&second), "of");
    if (from && (!left.n || *left.s != '"'))
        return vs_fail(p->err, VS_E_SYNTAX, "from wants \"TEXT\"[pos] in quotes, not \"%.*s\"", (int)left.n, left.s);
    if (mean && !second.n) return vs_fail(p->err, VS_E_SYNTAX, "mean of wants a FILE of texts, or \"FILE\"[pos]");
    if (from) return from_text(p, left);
    if (mean) return mean_of(p, second);
    return from_expression(p, rest);
}

/* ---- edits ---- */

static vs_status pos_of(const parse *p, span t, const char **out) {
    *out = NULL; /* all */
    t = trimmed(t);
    if (!t.n) return vs_fail(p->err, VS_E_SYNTAX, "[ ] wants a position: a number, A..B, a word of the text, or * for all");
    if (is(t, "mean") || is(t, "*")) return VS_OK;
    *out = vs_arena_strndup(p->arena, t.s, t.n);
    return *out ? VS_OK : no_memory(p->err);
}

/* SITE[pos]: the site into e, the text between the brackets into the arena. */
static vs_status site_of(const parse *p, span w) {
    const char *open = memchr(w.s, '[', w.n);
    size_t n = open ? (size_t)(open - w.s) : w.n;
    if (open) {
        if (w.s[w.n - 1] != ']') return vs_fail(p->err, VS_E_SYNTAX, "edit %.*s: the [ is never closed", (int)w.n, w.s);
        VS_TRY(pos_of(p, (span){open + 1, w.n - n - 2}, &p->e->at));
    }
    return vs_site_parse(p->err, p->m, w.s, n, &p->e->edit.site);
}

static vs_status zero_of(const parse *p, span rest) {
    if (!rest.n) return VS_OK;
    return vs_fail(p->err, VS_E_SYNTAX, "zero wants a site alone, but there is %.*s", (int)rest.n, rest.s);
}

static vs_status scale_of(const parse *p, span rest) {
    char number[64], *stop;
    if (rest.n && *rest.s == '*') rest = trimmed((span){rest.s + 1, rest.n - 1});
    bool minus = rest.n > 3 && !memcmp(rest.s, "−", 3);
    if (minus) rest.s += 2, rest.n -= 2; /* its last byte makes room for a - */
    snprintf(number, sizeof number, "%.*s", (int)(rest.n < 63 ? rest.n : 63), rest.s);
    if (minus) number[0] = '-';
    p->e->edit.factor = strtof(number, &stop);
    if (stop == number || *stop || !rest.n) return vs_fail(p->err, VS_E_SYNTAX, "scale wants SITE * NUMBER: scale 1.mlp_out * 0.5");
    return isfinite(p->e->edit.factor) ? VS_OK : vs_fail(p->err, VS_E_RANGE, "scale wants a number that f32 can hold, not %s", number);
}

/* cut L.attn[.hN] FROM -> TO */
static vs_status cut_of(const parse *p, span rest) {
    span from = next_word(&rest), arrow = next_word(&rest), to = next_word(&rest);
    if (!(is(arrow, "->") || is(arrow, "→")) || !to.n || rest.n)
        return vs_fail(p->err, VS_E_SYNTAX, "cut wants SITE FROM -> TO: cut 1.attn -1 -> -3");
    if (p->e->at)
        return vs_fail(p->err, VS_E_SYNTAX, "cut says its positions behind the site: cut 1.attn -1 -> -3, not [%s]", p->e->at);
    VS_TRY(pos_of(p, from, &p->e->at));
    return pos_of(p, to, &p->e->keys);
}

static const struct verb {
    const char *name;
    vs_edit_kind kind;
    vs_status (*rest)(const parse *p, span rest);
} verbs[] = {{"zero", VS_EDIT_SET, zero_of},      {"set", VS_EDIT_SET, vector_of},         {"add", VS_EDIT_ADD, vector_of},
             {"scale", VS_EDIT_SCALE, scale_of},  {"project", VS_EDIT_PROJECT, vector_of}, {"cut", VS_EDIT_CUT, cut_of}};
enum { VERBS = sizeof verbs / sizeof *verbs };

static vs_status edit_of(const parse *p, span text) {
    span rest = text, verb = next_word(&rest), site = next_word(&rest);
    size_t v = 0;
    while (v < VERBS && !is(verb, verbs[v].name)) v++;
    if (v == VERBS)
        return vs_fail(p->err, VS_E_SYNTAX, "no edit is called %.*s; there are zero scale add set project cut", (int)verb.n, verb.s);
    if (!site.n)
        return vs_fail(p->err, VS_E_SYNTAX, "%s wants a site after it: %s 1.mlp_out", verbs[v].name, verbs[v].name);
    *p->e = (vs__edit_spec){.edit = {.kind = verbs[v].kind, .factor = 1}, .text = vs_arena_strndup(p->arena, text.s, text.n)};
    if (!p->e->text) return no_memory(p->err);
    VS_TRY(site_of(p, site));
    return verbs[v].rest(p, rest);
}

/* The edits of a text, separated by ; or newlines outside "…"; how many, the first `cap` into part. */
static size_t split_edits(const char *text, size_t n, span *part, size_t cap) {
    size_t count = 0, from = 0;
    bool quote = false;
    for (size_t i = 0; i <= n; i++) {
        if (i < n && quote && text[i] == '\\' && i + 1 < n) {
            i++;
            continue;
        }
        if (i < n && text[i] == '"') quote = !quote;
        if (i < n && (quote || (text[i] != ';' && text[i] != '\n'))) continue;
        span t = trimmed((span){text + from, i - from});
        if (t.n) {
            if (count < cap) part[count] = t;
            count++;
        }
        from = i + 1;
    }
    return count;
}

/* ---- those in force ---- */

static void free_set(vs__edit_set *set) {
    if (!set) return;
    vs_arena_free(&set->arena);
    vs_free(set);
}

/* Room for the texts of all edits, so that writing them later cannot fail. */
static vs_status reserve_text(vs_err *err, vs_session *s) {
    vs_buf_clear(&s->edits_text);
    for (const vs__edit_set *e = s->edits; e; e = e->below)
        for (size_t i = 0; i < e->n; i++) vs_buf_printf(&s->edits_text, "; %s", e->spec[i].text);
    if (!s->edits_text.failed) return VS_OK;
    vs_buf_free(&s->edits_text);
    return no_memory(err);
}

vs_status vs_session_push_edits(vs_err *err, vs_session *s, const char *text, size_t n) {
    vs_model *m;
    size_t count = split_edits(text, n, NULL, 0);
    if (!count) return vs_fail(err, VS_E_SYNTAX, "there is no edit in { }; for example {zero 1.mlp_out}");
    VS_TRY(vs_session_model(err, s, &m));
    vs__edit_set *set = vs_zalloc(1, sizeof *set), *there = s->edits;
    span *part = vs_alloc(count, sizeof *part);
    vs_status st = set && part ? VS_OK : no_memory(err);
    if (st == VS_OK && !(set->spec = vs_arena_alloc(&set->arena, count, sizeof *set->spec))) st = no_memory(err);
    if (st == VS_OK) split_edits(text, n, part, count);
    s->edits = NULL; /* their vectors are the plain model's */
    for (size_t i = 0; st == VS_OK && i < count; i++) {
        parse p = {err, s, m, &set->arena, &set->spec[i]};
        st = edit_of(&p, part[i]);
        set->n += st == VS_OK;
    }
    s->edits = there;
    if (st == VS_OK) {
        set->m = m;
        set->below = there;
        s->edits = set;
        st = reserve_text(err, s);
        if (st != VS_OK) s->edits = there;
    }
    if (st != VS_OK) free_set(set);
    vs_free(part);
    return st;
}

void vs_session_pop_edits(vs_session *s) {
    vs__edit_set *set = s->edits;
    if (!set) return;
    s->edits = set->below;
    free_set(set);
}

/* Edit i, the oldest first, of the current model: the link to its set, and its place there in *at; NULL. */
static vs__edit_set **find(vs_session *s, size_t i, size_t *at) {
    vs_model *m = NULL;
    size_t left = vs_session_edit_count(s);
    if (i >= left || vs_session_model(NULL, s, &m) != VS_OK) return NULL;
    for (vs__edit_set **e = &s->edits; *e; e = &(*e)->below) {
        if ((*e)->m != m) continue;
        left -= (*e)->n;
        *at = i - left;
        if (i >= left) return e;
    }
    return NULL;
}

const char *vs_session_edit_text(vs_session *s, size_t i) {
    size_t at;
    vs__edit_set **e = find(s, i, &at);
    return e ? (*e)->spec[at].text : NULL;
}

const char *vs_session_edit_notes(vs_session *s, size_t i) {
    size_t at;
    vs__edit_set **e = find(s, i, &at);
    return e ? (*e)->spec[at].notes : NULL;
}

bool vs_session_effect(vs_session *s, size_t i, vs_edit_effect *out) {
    size_t at;
    vs__edit_set **e = find(s, i, &at);
    *out = e ? (*e)->spec[at].effect : (vs_edit_effect){0};
    return e && (*e)->spec[at].ran;
}

vs_status vs_session_drop_edit(vs_err *err, vs_session *s, size_t i) {
    size_t at;
    vs__edit_set **e = find(s, i, &at), *set = e ? *e : NULL;
    if (!set) return vs_fail(err, VS_E_RANGE, "there is no edit %zu; there are %zu", i + 1, vs_session_edit_count(s));
    memmove(&set->spec[at], &set->spec[at + 1], (set->n - at - 1) * sizeof *set->spec);
    if (--set->n) return VS_OK;
    *e = set->below;
    free_set(set);
    return VS_OK;
}

size_t vs_session_edit_count(const vs_session *s) {
    size_t n = 0;
    const vs_model *m = s->current_model ? s->model[s->current_model - 1].model : NULL;
    for (const vs__edit_set *e = s->edits; e; e = e->below) n += e->m == m ? e->n : 0;
    return n;
}

const char *vs_session_edits_text(vs_session *s) {
    size_t n = vs_session_edit_count(s);
    vs_buf_clear(&s->edits_text);
    for (size_t i = 0; i < n; i++) vs_buf_printf(&s->edits_text, i ? "; %s" : "%s", vs_session_edit_text(s, i));
    return n && !s->edits_text.failed ? s->edits_text.s : "";
}

uint64_t vs_session_edits_hash(const vs_session *s) {
    uint64_t h[2] = {0};
    const vs_model *m = s->current_model ? s->model[s->current_model - 1].model : NULL;
    for (const vs__edit_set *set = s->edits; set; set = set->below)
        for (size_t i = 0; i < set->n && set->m == m; i++) {
            const vs_edit *e = &set->spec[i].edit;
            if (!e->vec) continue;
            h[1] = vs_hash(e->vec, e->width * (e->per_row ? set->spec[i].rows : 1) * sizeof *e->vec);
            h[0] = vs_hash(h, sizeof h);
        }
    return h[0];
}

/* Whether a position counts from the end of a text. */
static bool from_end(const char *pos) {
    const char *dots = pos ? strstr(pos, "..") : NULL;
    return pos && ((pos[0] == '-' && isdigit((unsigned char)pos[1])) ||
                   (dots && dots[2] == '-' && isdigit((unsigned char)dots[3])));
}

bool vs_session_edits_fixed(const vs_session *s) {
    for (const vs__edit_set *e = s->edits; e; e = e->below)
        for (size_t i = 0; i < e->n; i++) {
            const vs__edit_spec *x = &e->spec[i];
            int last = vs_model_info_of(e->m)->n_stacks - 1, keys = x->edit.site.cross ? 0 : x->edit.site.stack; /* an encoder's text stays */
            if ((vs_site_reads(x->edit.site) == last && from_end(x->at)) || (keys == last && from_end(x->keys))) return false;
        }
    return true;
}
