/* continuing.c - see continuing.h. */
#include "continuing.h"

#include <math.h>
#include <string.h>

vs_status vs_tokens_grow(vs_err *err, const vs_tokens *t, size_t room, vs_tokens *out) {
    size_t n = t->n + room;
    *out = (vs_tokens){.n = t->n,
                       .id = vs_zalloc(n, sizeof *out->id),
                       .begin = vs_zalloc(n, sizeof *out->begin),
                       .end = vs_zalloc(n, sizeof *out->end),
                       .type = vs_zalloc(n, 1),
                       .text = vs_zalloc(n, 1),
                       .special = vs_zalloc(n, 1)};
    if (!out->id || !out->begin || !out->end || !out->type || !out->text || !out->special)
        return vs_fail(err, VS_E_NOMEM, "no memory for %zu tokens", n);
    memset(out->special + t->n, 1, room);
    if (!t->n) return VS_OK;
    memcpy(out->id, t->id, t->n * sizeof *t->id);
    memcpy(out->begin, t->begin, t->n * sizeof *t->begin);
    memcpy(out->end, t->end, t->n * sizeof *t->end);
    memcpy(out->type, t->type, t->n);
    memcpy(out->text, t->text, t->n);
    memcpy(out->special, t->special, t->n);
    return VS_OK;
}

static vs_tokens *growing(vs_continuing *c) { return c->in->decoder.n ? &c->grown.decoder : &c->grown.tokens; }

/* One pass over what is there, or what a cache has not seen of it. */
static vs_status pass(vs_err *err, vs_continuing *c, vs_kv *kv, float *logits) {
    vs_pass *p;
    vs_request rq = {.logits = VS_LOGITS_LAST, .kv = kv};
    VS_TRY(vs_session_run_grown(err, c->s, &c->grown, vs_text_grows(c->in)->n, &rq, &p));
    memcpy(logits, vs_pass_logits(p, NULL), c->V * sizeof *logits);
    vs_pass_free(p);
    return VS_OK;
}

vs_status vs_continuing_open(vs_err *err, vs_session *s, const vs_text_input *in, size_t room, size_t lines,
                             vs_continuing *c) {
    vs_model *m;
    const vs_tokens *own = vs_text_grows(in);
    *c = (vs_continuing){.s = s, .in = in, .room = room, .grown = *in};
    *growing(c) = (vs_tokens){0};
    VS_TRY(vs_session_model(err, s, &m));
    const vs_model_info *info = vs_model_info_of(m);
    if (info->context && (own->n > info->context || room > info->context - own->n))
        return vs_fail(err, VS_E_RANGE, "generate: %zu tokens and %zu new ones exceed the context of %zu", own->n, room,
                       info->context);
    c->V = info->V;
    c->forced_first = info->forced_first;
    c->forced_last = info->forced_last;
    c->first = vs_alloc(c->V, sizeof *c->first);
    c->kv = vs_zalloc(lines, sizeof(vs_kv *));
    c->moved = vs_zalloc(lines, sizeof(vs_kv *));
    if (!c->first || !c->kv || !c->moved) return vs_fail(err, VS_E_NOMEM, "no memory to continue a text");
    VS_TRY(vs_tokens_grow(err, own, room, growing(c)));
    bool fixed = vs_session_edits_fixed(s);
    while (fixed && c->n_kv < lines) {
        VS_TRY(vs_kv_new(err, m, own->n + room, &c->kv[c->n_kv]));
        c->n_kv++;
    }
    if (!fixed && in->decoder.n) VS_TRY(vs_kv_new(err, m, own->n + room, &c->encoder));
    return pass(err, c, fixed ? c->kv[0] : c->encoder, c->first);
}

void vs_continuing_close(vs_continuing *c) {
    for (size_t i = 0; i < c->n_kv; i++) vs_kv_free(c->kv[i]);
    vs_kv_free(c->encoder);
    vs_free(c->kv);
    vs_free(c->moved);
    vs_free(c->first);
    if (c->in) vs_tokens_free(growing(c));
}

static vs_status computed(vs_err *err, vs_continuing *c, size_t line, const int32_t *ids, size_t n, float *logits) {
    vs_kv *kv = c->n_kv ? c->kv[line] : c->encoder;
    size_t own = vs_text_grows(c->in)->n;
    if (n > c->room) return vs_fail(err, VS_E_RANGE, "%zu new tokens, there is room for %zu", n, c->room);
    if (!n) {
        memcpy(logits, c->first, c->V * sizeof *logits);
        return VS_OK;
    }
    memcpy(growing(c)->id + own, ids, n * sizeof *ids);
    growing(c)->n = own + n;
    if (kv) vs_kv_truncate(kv, c->n_kv ? own + n - 1 : 0);
    return pass(err, c, kv, logits);
}

vs_status vs_continuing_logits(vs_err *err, vs_continuing *c, size_t line, const int32_t *ids, size_t n, float *logits) {
    VS_TRY(computed(err, c, line, ids, n, logits));
    bool first = n == 0 && vs_text_grows(c->in)->n == 1; /* a start token alone */
    int32_t forced = n + 1 == c->room ? c->forced_last : -1;
    if (forced < 0 && first) forced = c->forced_first;
    for (size_t v = 0; v < c->V && forced >= 0; v++) logits[v] = v == (size_t)forced ? 0 : -INFINITY;
    return VS_OK;
}

/* A cache that one line goes on with is handed over; for each further one, a cache that no line needs is made its copy. */
vs_status vs_continuing_fork(vs_err *err, vs_continuing *c, const size_t *from, size_t n) {
    if (!c->n_kv) return VS_OK;
    memset(c->moved, 0, c->n_kv * sizeof *c->moved);
    for (size_t i = 0; i < n; i++) {
        bool first = true;
        for (size_t j = 0; j < i; j++) first &= from[j] != from[i];
        if (!first) continue;
        c->moved[i] = c->kv[from[i]];
        c->kv[from[i]] = NULL;
    }
    for (size_t i = 0, spare = 0; i < c->n_kv; i++) {
        if (c->moved[i]) continue;
        while (!c->kv[spare]) spare++;
        c->moved[i] = c->kv[spare];
        c->kv[spare] = NULL;
    }
    memcpy(c->kv, c->moved, c->n_kv * sizeof *c->kv);
    for (size_t i = 0; i < n; i++) {
        size_t first = 0;
        while (from[first] != from[i]) first++;
        if (first != i) VS_TRY(vs_kv_copy(err, c->kv[i], c->kv[first]));
    }
    return VS_OK;
}
