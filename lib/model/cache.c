/* cache.c - plans kept with their model, found again by the shape of a request. */
#include "exec.h"

#include <string.h>

static void put(vs_buf *b, const void *p, size_t n) { vs_buf_put(b, p, n); }
static void put_size(vs_buf *b, size_t n) { put(b, &n, sizeof n); }
static void put_site(vs_buf *b, vs_site s) {
    int32_t v[5] = {(int32_t)s.kind, s.layer, s.head, s.stack, s.cross};
    put(b, v, sizeof v);
}

/* Everything that a plan depends on, as bytes.  The cached rows count only where attention is opened. */
static void shape_of(vs_buf *b, const vs_request *rq) {
    bool open = false;
    size_t n_seqs = rq->in.starts ? rq->in.n_seqs : 1;
    vs_buf_clear(b);
    put_size(b, n_seqs);
    for (int i = 0; i < 2; i++) {
        const vs_input *in = i ? &rq->decoder : &rq->in;
        put_size(b, in->rows);
        if (in->starts) put(b, in->starts, n_seqs * sizeof *in->starts);
    }
    put_size(b, rq->n_keep);
    for (size_t i = 0; i < rq->n_keep; i++) {
        put_site(b, rq->keep[i]);
        open |= rq->keep[i].kind == VS_SITE_SCORES || rq->keep[i].kind == VS_SITE_PATTERN;
    }
    put_size(b, rq->n_edits);
    for (size_t i = 0; i < rq->n_edits; i++) {
        const vs_edit *e = &rq->edits[i];
        put_site(b, e->site);
        put_size(b, e->kind);
        put_size(b, e->text);
        open |= e->site.kind == VS_SITE_SCORES || e->site.kind == VS_SITE_PATTERN;
    }
    put_size(b, rq->logits);
    put_size(b, rq->mask);
    put_size(b, rq->stop_layer);
    put_size(b, rq->variants != NULL);
    for (int i = 0; rq->variants && i < 2; i++) {
        const vs_joins *j = &rq->variants->of[i];
        put_size(b, j->n);
        put(b, j->point, j->n * sizeof *j->point);
        put(b, j->first, j->n * sizeof *j->first);
        put(b, j->variant, j->n * sizeof *j->variant);
    }
    put_size(b, rq->reverse);
    put_size(b, rq->kv ? 1 + vs__kv_encoded(rq) : 0); /* the first stack runs once */
    put_size(b, open && rq->kv ? vs_kv_rows(rq->kv) : 0);
}

vs_status vs__plan_get(vs_err *err, vs_model *m, const vs_request *rq, vs_plan **out) {
    if (!m->plans) m->plans = vs_zalloc(1, sizeof *m->plans);
    vs_plan_cache *c = m->plans;
    if (!c) return vs_fail(err, VS_E_NOMEM, "plan cache");
    shape_of(&c->key, rq);
    if (c->key.failed) {
        vs_buf_free(&c->key);
        return vs_fail(err, VS_E_NOMEM, "plan of %zu rows", rq->in.rows);
    }
    size_t oldest = 0;
    for (size_t i = 0; i < VS_PLANS; i++) {
        vs_plan *p = c->plan[i];
        if (p && p->key.len == c->key.len && memcmp(p->key.s, c->key.s, c->key.len) == 0) {
            p->used = ++c->clock;
            *out = p;
            return VS_OK;
        }
        if (!p || (c->plan[oldest] && p->used < c->plan[oldest]->used)) oldest = i;
    }
    vs_plan *p;
    VS_TRY(vs__plan_new(err, m, rq, &p));
    vs_buf_put(&p->key, c->key.s, c->key.len);
    if (p->key.failed) {
        vs__plan_release(p);
        return vs_fail(err, VS_E_NOMEM, "plan of %zu rows", rq->in.rows);
    }
    vs__plan_release(c->plan[oldest]);
    p->used = ++c->clock;
    c->plan[oldest] = p;
    *out = p;
    return VS_OK;
}

void vs__plan_hold(vs_plan *p) { p->refs++; }

void vs__plan_release(vs_plan *p) {
    if (!p || --p->refs > 0) return;
    vs__pass_destroy(p->spare);
    vs_buf_free(&p->key);
    vs_free(p->node);
    vs_free(p->slot);
    vs_free(p->mark);
    vs__plan_rows_free(p);
    vs_free(p);
}

void vs__plans_free(vs_plan_cache *c) {
    if (!c) return;
    for (size_t i = 0; i < VS_PLANS; i++) vs__plan_release(c->plan[i]);
    for (size_t i = 0; i < c->n_rope; i++) vs_free(c->rope[i].cs);
    vs_free(c->rope);
    vs_free(c->sinus);
    vs_free(c->work);
    vs_free(c->scratch);
    vs_buf_free(&c->key);
    vs_free(c);
}
