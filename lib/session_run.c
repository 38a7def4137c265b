/* session_run.c - passes of the current model under the edits in force, what those did, and what [pos] names. */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/sample.h"
#include "session_impl.h"

/* ---- positions ---- */

static bool word_byte(unsigned char c) { return isalnum(c) || c >= 0x80 || c == '_'; }

bool vs__word_at(const char *text, size_t len, size_t i, const char *word, size_t n, bool fold) {
    if (!n || i > len || n > len - i) return false;
    for (size_t k = 0; k < n; k++)
        if (fold ? tolower((unsigned char)text[i + k]) != tolower((unsigned char)word[k]) : text[i + k] != word[k]) return false;
    if (i && word_byte((unsigned char)text[i - 1]) && word_byte((unsigned char)word[0])) return false;
    return i + n == len || !word_byte((unsigned char)text[i + n]) || !word_byte((unsigned char)word[n - 1]);
}

bool vs__word_in(const char *text, const char *word, size_t n, int nth, size_t *begin, size_t *end) {
    size_t len = strlen(text);
    for (int fold = 0; fold < 2; fold++) { /* as written first, then in any case */
        int seen = 0;
        bool found = false;
        for (size_t i = 0; i + n <= len; i++) {
            if (!vs__word_at(text, len, i, word, n, fold)) continue;
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
        return vs_fail(err, VS_E_RANGE, "position %s: the text has %zu tokens, 0..%zu", buf, T, T - 1);
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

/* Whether it was meant as numbers. */
static bool numeric(const char *s, size_t n) {
    size_t digits = 0;
    for (size_t i = 0; i < n; i++) {
        if (!strchr("+-. 0123456789", s[i])) return false;
        digits += isdigit((unsigned char)s[i]) != 0;
    }
    return digits > 0;
}

bool vs__tokens_over(const vs_model *m, int stack, const vs_tokens *t, size_t begin, size_t end, size_t *from, size_t *to) {
    bool any = false;
    for (size_t i = 0; i < t->n; i++) {
        if (t->special[i] || (t->text && t->text[i]) || t->end[i] <= begin || t->begin[i] >= end) continue;
        if (!any) *from = i;
        *to = i;
        any = true;
    }
    if (any && vs_model_info_of(m)->stack[stack].causal) *from = *to; /* only its last piece has seen the whole word */
    return any;
}

vs_status vs_position_find(vs_err *err, const vs_model *m, int stack, const char *text, const vs_tokens *t,
                           const char *pos, size_t n, size_t *from, size_t *to) {
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
    const char *hash = n > 1 && !quoted ? memchr(pos + 1, '#', n - 1) : NULL;
    if (hash && all_digits(hash + 1, n - (size_t)(hash + 1 - pos))) {
        long k = strtol(hash + 1, NULL, 10);
        if (k < 1 || k > INT32_MAX) return vs_fail(err, VS_E_RANGE, "[%.*s]: occurrences count from 1", (int)n, pos);
        nth = (int)k;
        n = (size_t)(hash - pos);
    }
    size_t begin, end;
    if (!text) return vs_fail(err, VS_E_UNKNOWN, "[%.*s]: ids have positions by number only", (int)n, pos);
    bool found = vs__word_in(text, pos, n, nth, &begin, &end);
    if (!found && nth && vs__word_in(text, pos, n, 1, &begin, &end))
        return vs_fail(err, VS_E_UNKNOWN, "[%.*s#%d]: \"%.200s\" has that word less often", (int)n, pos, nth, text);
    if (!found && !quoted && numeric(pos, n))
        return vs_fail(err, VS_E_SYNTAX, "[%.*s] is no position: want a number, A..B, or a word of the text", (int)n, pos);
    if (!found || !vs__tokens_over(m, stack, t, begin, end, from, to))
        return vs_fail(err, VS_E_UNKNOWN, "[%.*s] is no word of \"%.200s\"", (int)n, pos, text);
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

void vs_text_input_free(vs_text_input *in) {
    vs_free(in->text);
    vs_free(in->target);
    vs_tokens_free(&in->tokens);
    vs_tokens_free(&in->decoder);
    *in = (vs_text_input){0};
}

/* The start token in front of t, which is taken; at its end, what the template put there is no more of the text. */
static vs_status put_start(vs_err *err, int32_t start, vs_tokens *t, vs_text_input *in) {
    size_t n = t->n + 1, ends = 0;
    vs_tokens *d = &in->decoder;
    *d = (vs_tokens){.id = vs_alloc(n, sizeof *d->id),
                     .begin = vs_zalloc(n, sizeof *d->begin),
                     .end = vs_zalloc(n, sizeof *d->end),
                     .type = vs_zalloc(n, 1),
                     .text = vs_zalloc(n, 1),
                     .special = vs_zalloc(n, 1)};
    if (!d->id || !d->begin || !d->end || !d->type || !d->text || !d->special)
        return vs_fail(err, VS_E_NOMEM, "no memory for %zu tokens", n);
    d->id[0] = start;
    d->special[0] = 1;
    for (size_t i = 0; i < t->n; i++) {
        d->id[i + 1] = t->id[i];
        d->begin[i + 1] = t->begin[i];
        d->end[i + 1] = t->end[i];
        d->special[i + 1] = t->special[i];
    }
    while (ends < t->n && t->special[t->n - 1 - ends]) ends++;
    d->n = n - ends;
    in->ends = ends;
    return VS_OK;
}

vs_status vs_session_decoder_input(vs_err *err, vs_session *s, const char *target, size_t n, bool special,
                                   vs_text_input *in) {
    vs_model *m;
    VS_TRY(vs_session_model(err, s, &m));
    return vs__decoder_input(err, m, target, n, special, in);
}

vs_status vs__decoder_input(vs_err *err, vs_model *m, const char *target, size_t n, bool special, vs_text_input *in) {
    const vs_tokenizer *tok;
    vs_tokens t = {0};
    const vs_model_info *info = vs_model_info_of(m);
    if (info->n_stacks < 2 && target)
        return vs_fail(err, VS_E_USAGE, "%s is one stack: there is no decoder beside an encoder to read a target", info->name);
    if (info->n_stacks < 2) return VS_OK;
    vs_status st = VS_OK;
    if (target) {
        in->given = true;
        in->target = vs_strndup(target, n);
        if (!in->target) return vs_fail(err, VS_E_NOMEM, "no memory for a text of %zu bytes", n);
        VS_TRY(vs_model_tokenizer(err, m, &tok));
        st = vs_tokenize(err, tok, target, n, NULL, 0, special, &t);
    }
    if (st == VS_OK) st = put_start(err, info->start, &t, in);
    vs_tokens_free(&t);
    return st;
}

/* ---- edits, placed in what the stacks read ---- */

static vs_status place(vs_err *err, const vs_model *m, int stack, const vs__read *r, const char *pos, vs_positions *out) {
    *out = (vs_positions){.all = true};
    if (!pos) return VS_OK;
    size_t from, to;
    VS_TRY(vs_position_find(err, m, stack, r->text, &r->tokens, pos, strlen(pos), &from, &to));
    *out = (vs_positions){.from = (int32_t)from, .to = (int32_t)to};
    return VS_OK;
}

/* An edit's positions; keys in cross-attention are the encoder's.  A vector for each position wants as many. */
static vs_status place_edit(vs_err *err, const vs__last *x, const vs__edit_spec *e, vs_edit *out) {
    int stack = vs_site_reads(e->edit.site), keys = e->edit.site.cross ? 0 : stack;
    size_t own = x->of[stack].own;
    *out = e->edit;
    vs_status st = place(err, x->m, stack, &x->of[stack], e->at, &out->at);
    if (st == VS_OK) st = place(err, x->m, keys, &x->of[keys], e->keys, &out->keys);
    if (st != VS_OK) return vs_fail_in(err, "%s", e->text);
    if (!out->per_row) return VS_OK;
    size_t n = out->at.all ? own : (size_t)(out->at.to - out->at.from) + 1;
    if (n != e->rows)
        return vs_fail(err, VS_E_SHAPE, "%s: %zu positions, and vectors for %zu; [a..b] after the site and after the text says which",
                       e->text, n, e->rows);
    if (out->at.all) out->at = (vs_positions){.from = 0, .to = (int32_t)own - 1};
    return VS_OK;
}

/* The edits in force, the oldest first, as this text has them: [vs_session_edit_count()] of the caller's. */
static vs_status place_all(vs_err *err, const vs_session *s, const vs__last *x, vs_edit *out) {
    size_t left = vs_session_edit_count(s);
    for (const vs__edit_set *e = s->edits; e; e = e->below) {
        if (e->m != x->m) continue;
        left -= e->n;
        for (size_t i = 0; i < e->n; i++) VS_TRY(place_edit(err, x, &e->spec[i], &out[left + i]));
    }
    return VS_OK;
}

/* ---- passes ---- */

static void free_read(vs__read *r) {
    vs_free(r->text);
    vs_free(r->id);
    vs_free(r->type);
    vs_free(r->span);
}
void vs__last_free(vs__last *x) {
    free_read(&x->of[0]);
    free_read(&x->of[1]);
    *x = (vs__last){0};
}

static void *copied(const void *p, size_t n, bool *ok) {
    void *to = p ? vs_alloc(n, 1) : NULL;
    if (to && n) memcpy(to, p, n);
    *ok &= to || !p;
    return to;
}

static bool copy_read(vs__read *x, const vs__read *now) {
    const vs_tokens *t = &now->tokens;
    size_t n = t->n;
    bool ok = true;
    x->own = now->own;
    x->text = copied(now->text, now->text ? strlen(now->text) + 1 : 0, &ok);
    x->id = copied(t->id, n * sizeof *t->id, &ok);
    x->type = copied(t->type, n, &ok);
    x->span = vs_zalloc(n, 2 * sizeof *t->begin + 2);
    if (!ok || !x->span) return false;
    uint8_t *bytes = (uint8_t *)(x->span + 2 * n);
    if (t->begin) memcpy(x->span, t->begin, n * sizeof *t->begin);
    if (t->end) memcpy(x->span + n, t->end, n * sizeof *t->end);
    if (t->text) memcpy(bytes, t->text, n);
    if (t->special) memcpy(bytes + n, t->special, n);
    x->tokens = (vs_tokens){.n = n, .id = x->id, .begin = x->span, .end = x->span + n, .type = x->type, .text = bytes, .special = bytes + n};
    return true;
}

/* Remember what a pass under edits read, so that what they did can be asked for later. */
static vs_status remember(vs_err *err, vs_session *s, const vs__last *now) {
    vs__last_free(&s->last);
    s->last.m = now->m;
    s->last.mask = now->mask;
    if (copy_read(&s->last.of[0], &now->of[0]) && copy_read(&s->last.of[1], &now->of[1])) return VS_OK;
    vs__last_free(&s->last);
    return vs_fail(err, VS_E_NOMEM, "no memory for the tokens of a text");
}

/* What the pass did, beside what the same edits did to the rows before these: a text that grows in a cache is one. */
static void note_effects(vs_session *s, const vs_model *m, const vs_edit_effect *now, bool more) {
    size_t left = vs_session_edit_count(s);
    s->edited_passes += left > 0;
    for (vs__edit_set *set = s->edits; set; set = set->below) {
        if (set->m != m) continue;
        left -= set->n;
        for (size_t i = 0; i < set->n; i++) {
            const vs_edit_effect e = now[left + i];
            vs__edit_spec *spec = &set->spec[i];
            if (!e.hits && spec->ran) continue; /* it was done when the cache was made */
            spec->effect.hits = e.hits + (more ? spec->effect.hits : 0);
            spec->effect.change = more ? hypot(e.change, spec->effect.change) : e.change;
            spec->ran = true;
        }
    }
}

/* Whether the decoder has a part in a pass, or in its gradients (gr not NULL). */
static bool decodes(const vs_request *rq, const vs_grad_request *gr, const vs_text_input *in) {
    bool any = in->given || rq->logits != VS_LOGITS_NONE || rq->kv;
    for (size_t i = 0; i < rq->n_keep; i++) any |= rq->keep[i].stack == 1;
    for (size_t i = 0; i < rq->n_edits; i++) any |= rq->edits[i].site.stack == 1;
    for (size_t i = 0; gr && i < gr->n_of; i++) any |= gr->of[i].site.stack == 1;
    for (size_t i = 0; gr && i < gr->n_by; i++) any |= gr->by[i].stack == 1;
    return any;
}

static vs_input rows_from(const vs_tokens *t, size_t before) {
    return (vs_input){.ids = t->id + before, .types = t->type ? t->type + before : NULL, .rows = t->n - before, .n_seqs = 1};
}

/* What both stacks read.  A decoder that was given nothing reads the start token, which lies in *start. */
typedef struct start_token {
    int32_t id;
    uint32_t at;
    uint8_t zero, one;
} start_token;
static void reads(vs__last *x, const vs_text_input *in, size_t own, start_token *start) {
    const vs_model_info *info = vs_model_info_of(x->m);
    bool two = info->n_stacks > 1;
    x->of[0] = (vs__read){.tokens = in->tokens, .own = two ? in->tokens.n : own, .text = in->text};
    if (!two) return;
    *start = (start_token){.id = info->start, .one = 1};
    x->of[1] = (vs__read){.tokens = in->decoder, .own = own, .text = in->target};
    if (!in->decoder.n)
        x->of[1] = (vs__read){.own = 1,
                              .tokens = {.n = 1, .id = &start->id, .begin = &start->at, .end = &start->at, .type = &start->zero,
                                         .text = &start->zero, .special = &start->one}};
}

vs_status vs_session_edits_in(vs_err *err, vs_session *s, const vs_text_input *in, vs_edit *out) {
    vs_model *m;
    start_token start;
    VS_TRY(vs_session_model(err, s, &m));
    vs__last x = {.m = m};
    reads(&x, in, vs_text_grows(in)->n, &start);
    return place_all(err, s, &x, out);
}

/* A pass under the edits in force, or, where g is not NULL, one with gradients: then rq is gr->pass, and g keeps it. */
static vs_status run(vs_err *err, vs_session *s, const vs_text_input *in, size_t own, vs_request *rq, vs_grad *g,
                     const vs_grad_request *gr, vs_pass **out) {
    vs_model *m;
    start_token start;
    VS_TRY(vs_session_model(err, s, &m));
    bool two = vs_model_info_of(m)->n_stacks > 1;
    size_t n = vs_session_edit_count(s);
    vs__last now = {.m = m, .mask = rq->mask};
    reads(&now, in, own, &start);
    const vs_tokens *grows = &now.of[two].tokens;
    size_t before = rq->kv ? vs_kv_fit(rq->kv, grows->n) : 0;
    if (before >= grows->n) return vs_fail(err, VS_E_RANGE, "no token: the cache has all %zu of the text", grows->n);
    vs_edit *edits = vs_zalloc(n, sizeof *edits);
    vs_status st = edits ? place_all(err, s, &now, edits) : vs_fail(err, VS_E_NOMEM, "no memory for %zu edits", n);
    rq->edits = edits;
    rq->n_edits = n;
    for (size_t i = 0; i < n && st == VS_OK; i++) /* an edit of the logits asks for them */
        if (edits[i].site.kind == VS_SITE_LOGITS && rq->logits == VS_LOGITS_NONE && !rq->stop_layer) rq->logits = VS_LOGITS_LAST;
    rq->in = rows_from(&now.of[0].tokens, two ? 0 : before);
    rq->decoder = (vs_input){0};
    if (two && decodes(rq, gr, in)) rq->decoder = rows_from(grows, before);
    if (st == VS_OK && n) st = remember(err, s, &now);
    if (st == VS_OK) st = g ? vs_grad_run(err, g, gr) : vs_run(err, m, rq, out);
    if (st == VS_OK) note_effects(s, m, vs_pass_effects(g ? vs_grad_pass(g) : *out), before > 0);
    rq->edits = NULL;
    rq->n_edits = 0;
    vs_free(edits);
    return st;
}

vs_status vs_session_run_grown(vs_err *err, vs_session *s, const vs_text_input *in, size_t own, vs_request *rq,
                               vs_pass **out) {
    *out = NULL;
    return run(err, s, in, own, rq, NULL, NULL, out);
}

vs_status vs_session_grad(vs_err *err, vs_session *s, const vs_text_input *in, vs_grad *g, vs_grad_request *rq) {
    return run(err, s, in, vs_text_grows(in)->n, &rq->pass, g, rq, NULL);
}

vs_status vs_session_run(vs_err *err, vs_session *s, const vs_text_input *in, vs_request *rq, vs_pass **out) {
    return vs_session_run_grown(err, s, in, vs_text_grows(in)->n, rq, out);
}

vs_status vs_session_run_text(vs_err *err, vs_session *s, const char *text, const vs_tokens *t, vs_request *rq,
                              vs_pass **out) {
    const vs_text_input in = {.text = (char *)(uintptr_t)text, .tokens = *t};
    return vs_session_run(err, s, &in, rq, out);
}

enum { ROWS_TOGETHER = 1024 }; /* more positions in one pass gain nothing and hold more memory */

vs_status vs_session_run_packed(vs_err *err, vs_session *s, const vs_text_input *in, size_t n, vs_request *rq, size_t *taken,
                                size_t *starts, vs_pass **out) {
    vs_model *m;
    VS_TRY(vs_session_model(err, s, &m));
    size_t k = 0, rows = 0;
    bool alone = vs_session_edit_count(s) > 0;
    for (size_t i = 0; i < rq->n_keep; i++) alone |= rq->keep[i].stack > 0;
    do {
        starts[k] = rows;
        rows += in[k++].tokens.n;
    } while (k < n && !alone && rows + in[k].tokens.n <= ROWS_TOGETHER);
    starts[k] = rows;
    *taken = k;
    if (k == 1) return vs_session_run(err, s, in, rq, out);
    int32_t *ids = vs_alloc(rows, sizeof *ids);
    uint8_t *types = vs_alloc(rows, sizeof *types);
    for (size_t i = 0; ids && types && i < k; i++) {
        memcpy(ids + starts[i], in[i].tokens.id, in[i].tokens.n * sizeof *ids);
        memcpy(types + starts[i], in[i].tokens.type, in[i].tokens.n);
    }
    rq->in = (vs_input){.ids = ids, .types = types, .rows = rows, .starts = starts, .n_seqs = k};
    vs_status st = ids && types ? vs_run(err, m, rq, out) : vs_fail(err, VS_E_NOMEM, "no memory for %zu tokens", rows);
    vs_free(ids);
    vs_free(types);
    return st;
}

/* ---- what the edits did ---- */

uint64_t vs_session_edited_passes(const vs_session *s) { return s->edited_passes; }

/* A pass over the remembered text with these edits alone: its logits are borrowed from *p. */
static vs_status run_again(vs_err *err, vs_session *s, const vs_edit *edits, size_t n, bool all, vs_pass **p) {
    vs__last *x = &s->last;
    vs_request rq = {.in = rows_from(&x->of[0].tokens, 0),
                     .edits = edits,
                     .n_edits = n,
                     .logits = all ? VS_LOGITS_ALL : VS_LOGITS_LAST,
                     .mask = x->mask};
    if (x->of[1].id) rq.decoder = rows_from(&x->of[1].tokens, 0);
    return vs_run(err, x->m, &rq, p);
}

/* The mean over the rows that count: a decoder's last, an encoder's masks or, without any, all. */
static double mean_divergence(const vs__last *x, const vs_pass *clean, const vs_pass *edited, int32_t mask, size_t V) {
    size_t rows, n = 0, masks = 0;
    const float *a = vs_pass_logits(clean, &rows), *b = vs_pass_logits(edited, NULL);
    double sum = 0;
    bool masked = vs_model_info_of(x->m)->masked;
    for (size_t r = 0; r < rows && masked; r++) masks += x->of[0].id[r] == mask;
    for (size_t r = masked ? 0 : rows - 1; r < rows; r++) {
        if (masks && x->of[0].id[r] != mask) continue;
        sum += vs_divergence(a + r * V, b + r * V, V);
        n++;
    }
    return sum / (double)n;
}

vs_status vs_session_divergences(vs_err *err, vs_session *s, double *kl, double *together) {
    vs_model *m;
    vs__last *x = &s->last;
    const vs_tokenizer *tok;
    vs_pass *clean = NULL, *p = NULL;
    size_t n = vs_session_edit_count(s);
    vs_edit_effect effect;
    VS_TRY(vs_session_model(err, s, &m));
    const vs_model_info *in = vs_model_info_of(m);
    if (!x->of[0].id || x->m != m || !n || !vs_session_effect(s, n - 1, &effect))
        return vs_fail(err, VS_E_STATE, "no pass under these edits has been run");
    if (!in->has_logits) return vs_fail(err, VS_E_UNSUPPORTED, "%s has no head that gives words", in->name);
    VS_TRY(vs_model_tokenizer(err, m, &tok));
    vs_edit *edits = vs_zalloc(n, sizeof *edits);
    vs_status st = edits ? place_all(err, s, x, edits) : vs_fail(err, VS_E_NOMEM, "no memory for %zu edits", n);
    bool all = in->masked;
    for (size_t i = 0; i < n && st == VS_OK; i++) all |= edits[i].site.kind == VS_SITE_LOGITS; /* of a row that is not the last, maybe */
    if (st == VS_OK) st = run_again(err, s, NULL, 0, all, &clean);
    for (size_t i = 0; st == VS_OK && i <= n; i++) { /* each alone, then all */
        if (i == n && n == 1) {
            *together = kl[0];
            break;
        }
        st = run_again(err, s, edits + (i < n ? i : 0), i < n ? 1 : n, all, &p);
        if (st == VS_OK) *(i < n ? &kl[i] : together) = mean_divergence(x, clean, p, vs_role_id(tok, VS_TOK_MASK), in->V);
        vs_pass_free(p);
    }
    vs_pass_free(clean);
    vs_free(edits);
    return st;
}
