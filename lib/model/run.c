/* run.c - a request checked, its plan found, its nodes run one after another. */
#include "exec.h"

#include <math.h>
#include <string.h>

/* The workspace that all passes of a model share, and what a finished pass held, wait for the next pass, as filling in
 * fresh pages takes longer than many a product does.  Above KEEP_FREELY the system may have them back meanwhile; above
 * KEEP in all they are given back. */
#define KEEP_FREELY ((size_t)4 << 20)
#define KEEP ((size_t)4 << 30)

/* ---- the request ---- */

static vs_status check_starts(vs_err *err, const vs_model *m, const vs_input *in, size_t prior) {
    if (in->starts) {
        if (!in->n_seqs || in->starts[0] != 0 || in->starts[in->n_seqs] != in->rows)
            return vs_fail(err, VS_E_RANGE, "starts of %zu texts must go from 0 to %zu", in->n_seqs, in->rows);
        for (size_t i = 0; i < in->n_seqs; i++)
            if (in->starts[i] >= in->starts[i + 1] || in->starts[i + 1] > in->rows)
                return vs_fail(err, VS_E_RANGE, "text %zu: starts must increase", i);
    }
    size_t n_seqs = in->starts ? in->n_seqs : 1;
    for (size_t i = 0; i < n_seqs; i++) {
        size_t T = (in->starts ? in->starts[i + 1] - in->starts[i] : in->rows) + prior;
        if (m->info.context && T > m->info.context)
            return vs_fail(err, VS_E_RANGE, "a text of %zu tokens is beyond the context of %zu", T, m->info.context);
    }
    return VS_OK;
}

static vs_status check_rows(vs_err *err, const vs_model *m, int stack, const vs_input *in, size_t prior) {
    if (!in->rows || !in->ids) return vs_fail(err, VS_E_RANGE, "no tokens: a pass needs at least one");
    const vs_tensor *segments = &m->stack[stack].w[VS_ROLE_TYPE].t;
    size_t types = segments->data ? vs_tensor_rows(segments) : 1;
    for (size_t i = 0; i < in->rows; i++) {
        if (in->ids[i] < 0 || (size_t)in->ids[i] >= m->info.V)
            return vs_fail(err, VS_E_RANGE, "token %zu: id %d is outside the vocabulary of %zu", i, (int)in->ids[i], m->info.V);
        if (in->types && types > 1 && in->types[i] >= types) /* a model without segments takes a pair as one text */
            return vs_fail(err, VS_E_RANGE, "token %zu: segment %d, the model has %zu", i, in->types[i], types);
    }
    return check_starts(err, m, in, prior);
}

/* What a model of two stacks reads: the encoder's rows, and the decoder's where it runs too. */
static vs_status check_decoder(vs_err *err, const vs_model *m, const vs_request *rq) {
    bool two = m->info.n_stacks > 1;
    if (!two && rq->decoder.rows) return vs_fail(err, VS_E_USAGE, "%s has one stack: there is no decoder to read a second text", m->info.name);
    if (two && !rq->decoder.rows && (rq->logits != VS_LOGITS_NONE || rq->kv))
        return vs_fail(err, VS_E_USAGE, "%s predicts in its decoder: give it tokens to read", m->info.name);
    if (!rq->decoder.rows) return VS_OK;
    if ((rq->in.starts ? rq->in.n_seqs : 1) != (rq->decoder.starts ? rq->decoder.n_seqs : 1))
        return vs_fail(err, VS_E_RANGE, "encoder and decoder read different numbers of texts");
    return check_rows(err, m, 1, &rq->decoder, rq->kv ? rq->kv->rows : 0);
}

static vs_status check(vs_err *err, const vs_model *m, const vs_request *rq) {
    bool two = m->info.n_stacks > 1;
    size_t L = m->stack[rq->decoder.rows && two ? 1 : 0].L;
    if (rq->logits != VS_LOGITS_NONE && !m->info.has_logits)
        return vs_fail(err, VS_E_UNSUPPORTED, "%s has no head that gives words", m->info.name);
    if (rq->stop_layer > L) return vs_fail(err, VS_E_RANGE, "stop after %zu blocks: the model has %zu", rq->stop_layer, L);
    if (rq->stop_layer && rq->logits != VS_LOGITS_NONE)
        return vs_fail(err, VS_E_USAGE, "a pass that stops after block %zu has no logits", rq->stop_layer);
    for (size_t i = 0; i < rq->n_edits; i++)
        if (!isfinite(rq->edits[i].factor)) return vs_fail(err, VS_E_NUMERIC, "edit %zu: its factor is not finite", i);
    VS_TRY(check_decoder(err, m, rq));
    VS_TRY(check_rows(err, m, 0, &rq->in, rq->kv && !two ? rq->kv->rows : 0));
    return rq->kv ? vs__kv_check(err, m, rq) : VS_OK;
}

size_t vs_request_size(void) { return sizeof(vs_request); }

/* ---- memory ---- */

static vs_status reserve(vs_err *err, float **mem, size_t *cap, size_t want) {
    if (want <= *cap) return VS_OK;
    float *p = vs_alloc_wide(want, sizeof *p);
    if (!p) return vs_fail(err, VS_E_NOMEM, "%zu MB for a pass", want * sizeof *p >> 20);
    vs_free(*mem);
    *mem = p;
    *cap = want;
    return VS_OK;
}

void vs__pass_destroy(vs_pass *p) {
    if (!p) return;
    vs_free(p->mem);
    vs_free(p->effects);
    vs_free(p);
}

/* Memory for `want` floats that another plan's finished pass left, or NULL.  Where all that is left would come to too much
 * beside it, it is given back. */
static float *left_over(vs_plan_cache *c, size_t want, size_t *cap) {
    size_t all = want;
    for (size_t i = 0; c && i < VS_PLANS; i++) all += c->plan[i] && c->plan[i]->spare ? c->plan[i]->spare->cap : 0;
    for (size_t i = 0; c && i < VS_PLANS; i++) {
        vs_pass *p = c->plan[i] ? c->plan[i]->spare : NULL;
        if (!p || p->cap * sizeof *p->mem <= KEEP_FREELY) continue;
        bool fits = p->cap >= want && p->cap / 2 <= want;
        if (!fits && all < KEEP / sizeof *p->mem) continue;
        float *mem = fits ? p->mem : NULL;
        if (fits) *cap = p->cap, p->mem = NULL;
        vs__pass_destroy(p);
        c->plan[i]->spare = NULL;
        if (mem) return mem;
    }
    return NULL;
}

/* A pass of the plan: its spare one, or a new one, in the memory of `old` (may be NULL) where that is large enough. */
static vs_status new_pass(vs_err *err, const vs_model *m, vs_plan *plan, vs_pass *old, vs_pass **out) {
    vs_pass *p = plan->spare;
    plan->spare = NULL;
    if (!p) {
        p = vs_zalloc(1, sizeof *p);
        if (p && old && old->cap >= plan->kept) {
            p->mem = old->mem, p->cap = old->cap;
            old->mem = NULL;
        } else if (p) {
            p->mem = left_over(m->plans, plan->kept, &p->cap);
            if (!p->mem) p->mem = vs_alloc_wide(plan->kept, sizeof *p->mem), p->cap = plan->kept;
        }
        if (p) p->effects = vs_alloc(plan->n_edits, sizeof *p->effects);
        if (!p || !p->mem || !p->effects) {
            vs__pass_destroy(p);
            return vs_fail(err, VS_E_NOMEM, "%zu MB for what a pass keeps", plan->kept * sizeof(float) >> 20);
        }
    }
    memset(p->effects, 0, plan->n_edits * sizeof *p->effects);
    p->m = m;
    p->plan = plan;
    vs__plan_hold(plan);
    *out = p;
    return VS_OK;
}

void vs_pass_free(vs_pass *p) {
    if (!p) return;
    vs_plan *plan = p->plan;
    if (p->mem && !plan->spare && plan->refs > 1 && p->cap * sizeof(float) <= KEEP) {
        if (p->cap * sizeof(float) > KEEP_FREELY) vs_idle(p->mem, p->cap * sizeof(float));
        plan->spare = p;
    } else
        vs__pass_destroy(p);
    vs__plan_release(plan);
}

/* ---- rotary angles ---- */

static vs_rope_table *rope_table(const vs_plan_cache *c, const vs_rotation *r, size_t turned_for) {
    for (size_t i = 0; i < c->n_rope; i++)
        if (c->rope[i].rotation == r && c->rope[i].turned_for == turned_for) return &c->rope[i];
    return NULL;
}

/* The table of a rotation for texts of T tokens, times the gain, with at least `rows` positions.  The angles are rounded to
 * single precision where Hugging Face rounds them, so that long texts agree too. */
static vs_status rope_ready(vs_err *err, vs_plan_cache *c, const vs_rotation *r, size_t T, size_t rows) {
    vs_rope_table *t = rope_table(c, r, vs__turned_for(r, T));
    if (!t) {
        vs_rope_table *grown = vs_grow(c->rope, c->n_rope, c->n_rope + 1, sizeof *grown);
        if (!grown) return vs_fail(err, VS_E_NOMEM, "rotary angles");
        c->rope = grown;
        t = &c->rope[c->n_rope++];
        *t = (vs_rope_table){.rotation = r, .turned_for = vs__turned_for(r, T)};
    }
    t->needed = true;
    if (t->rows >= rows) return VS_OK;
    size_t want = t->rows ? t->rows : 128, half = r->dims / 2;
    while (want < rows) want *= 2;
    float *cs = vs_grow(t->cs, t->rows * r->dims, want * r->dims, sizeof *cs);
    if (!cs) return vs_fail(err, VS_E_NOMEM, "rotary angles of %zu positions", want);
    t->cs = cs;
    for (size_t i = 0; i < half; i++) {
        float turn = vs__turn(r, T, i);
        for (size_t pos = t->rows; pos < want; pos++) {
            float angle = (float)pos * turn;
            cs[pos * r->dims + i] = (float)cos((double)angle) * r->gain;
            cs[pos * r->dims + half + i] = (float)sin((double)angle) * r->gain;
        }
    }
    t->rows = want;
    return VS_OK;
}

/* The tables of a node: of what each text of its rows is turned for. */
static vs_status node_ready(vs_err *err, const vs_exec *x, const vs_node *n, size_t longest) {
    const vs_rows *r = vs__set_of(x, n->out);
    if (!n->rotation->limit) return rope_ready(err, x->cache, n->rotation, longest, longest);
    for (size_t i = 0; i < r->n_seqs; i++) {
        size_t T = vs__positions(x, r, i);
        VS_TRY(rope_ready(err, x->cache, n->rotation, T, T));
    }
    return VS_OK;
}

/* Tables that serve texts of one length alone go when a pass does not need them. */
static void drop_tables(vs_plan_cache *c) {
    size_t n = 0;
    for (size_t i = 0; i < c->n_rope; i++) {
        vs_rope_table *t = &c->rope[i];
        if (t->turned_for && !t->rotation->longer && !t->needed) vs_free(t->cs);
        else c->rope[n++] = *t;
    }
    c->n_rope = n;
}

const float *vs__rope_at(const vs_exec *x, const vs_node *n, size_t T, size_t pos) {
    const vs_rope_table *t = rope_table(x->cache, n->rotation, vs__turned_for(n->rotation, T));
    return t ? t->cs + pos * n->n : NULL;
}

/* ---- sinusoid positions ---- */

/* Sine and cosine of position / 10000^(2i/d) (Vaswani et al. 2017, section 3.5): in turn, or a half of each. */
static vs_status sinus_ready(vs_err *err, const vs_model *m, vs_plan_cache *c, bool pairs, size_t rows) {
    if (c->sinus_rows >= rows) return VS_OK;
    size_t d = (size_t)m->hp[VS_HP_E], half = (d + 1) / 2, want = c->sinus_rows ? c->sinus_rows : 128;
    while (want < rows) want *= 2;
    float *table = vs_grow(c->sinus, c->sinus_rows * d, want * d, sizeof *table);
    if (!table) return vs_fail(err, VS_E_NOMEM, "sinusoids of %zu positions", want);
    c->sinus = table;
    for (size_t pos = c->sinus_rows; pos < want; pos++)
        for (size_t j = 0; j < d; j++) {
            size_t at = pairs ? j : j % 2 ? half + j / 2 : j / 2;
            double angle = (double)pos / pow(10000, 2.0 * (double)(j / 2) / (double)d);
            table[pos * d + at] = (float)(j % 2 ? cos(angle) : sin(angle));
        }
    c->sinus_rows = want;
    return VS_OK;
}

const float *vs__sinus_at(const vs_exec *x, size_t pos) { return x->cache->sinus + pos * (size_t)x->m->hp[VS_HP_E]; }

/* ---- the pass ---- */

/* Everything that a pass may need beside its kept slots, so that no node allocates. */
static vs_status prepare(vs_err *err, vs_exec *x) {
    vs_plan_cache *c = x->cache;
    size_t longest = 0, row = 0;
    for (size_t i = 0; i < x->plan->n_of; i++) {
        const vs_rows *r = &x->plan->of[i];
        const vs_stack_info *si = &x->m->info.stack[r->stack];
        size_t T = r->longest + x->prior[r->stack];
        if (T > longest) longest = T;
        if (si->H * si->dh > row) row = si->H * si->dh;
    }
    /* rounded up, so that a text which grows by a token a pass seldom asks for more */
    size_t block = VS_QUERIES * ((longest + 255) / 256 * 256);
    x->scratch_each = block > row ? block : (row + 15) / 16 * 16;
    VS_TRY(reserve(err, &c->work, &c->work_cap, x->plan->work));
    VS_TRY(reserve(err, &c->scratch, &c->scratch_cap, x->scratch_each * (size_t)vs_threads()));
    for (size_t i = 0; i < c->n_rope; i++) c->rope[i].needed = false;
    for (size_t i = 0; i < x->plan->n_nodes; i++) {
        const vs_node *n = &x->plan->node[i];
        if (n->op == VS_OP_ROPE) VS_TRY(node_ready(err, x, n, longest));
        if (n->op == VS_OP_SINUS) VS_TRY(sinus_ready(err, x->m, c, x->m->arch->stack[n->site.stack].sinus_pairs, longest));
    }
    drop_tables(c);
    return x->rq->kv ? vs__kv_begin(err, x->rq) : VS_OK;
}

static vs_status run_nodes(vs_err *err, const vs_exec *x) {
    for (size_t i = 0; i < x->plan->n_nodes; i++) {
        const vs_node *n = &x->plan->node[i];
        if (vs_interrupted()) return vs_fail(err, VS_E_STOPPED, "stopped in layer %d", n->site.layer);
        VS_TRY(vs__forward[n->op](err, x, n));
    }
    return VS_OK;
}

vs_status vs_run(vs_err *err, vs_model *m, const vs_request *rq, vs_pass **out) { return vs__run(err, m, rq, NULL, out); }

vs_status vs__run(vs_err *err, vs_model *m, const vs_request *rq, vs_pass *old, vs_pass **out) {
    vs_plan *plan;
    vs_pass *pass = NULL;
    *out = NULL;
    vs_status s = check(err, m, rq);
    if (s == VS_OK) s = vs__plan_get(err, m, rq, &plan);
    if (s == VS_OK) s = new_pass(err, m, plan, old, &pass);
    vs_pass_free(old);
    VS_TRY(s);
    vs_plan_cache *c = m->plans;
    vs_exec x = {.m = m, .rq = rq, .plan = plan, .pass = pass, .cache = c};
    if (rq->kv) x.prior[m->info.n_stacks - 1] = rq->kv->rows;
    s = prepare(err, &x);
    if (s == VS_OK) s = run_nodes(err, &x);
    if (s == VS_OK) s = vs__pass_finite(err, pass);
    if (s == VS_E_NUMERIC) vs__blame_weight(err, m);
    if (c->work_cap * sizeof(float) > KEEP) {
        vs_free(c->work);
        c->work = NULL;
        c->work_cap = 0;
    } else if (c->work_cap * sizeof(float) > KEEP_FREELY)
        vs_idle(c->work, c->work_cap * sizeof(float));
    if (s != VS_OK) {
        vs_pass_free(pass);
        return s;
    }
    if (rq->kv) vs__kv_advance(rq->kv, rq);
    *out = pass;
    return VS_OK;
}

/* ---- what a pass holds ---- */

int vs__plan_slot(const vs_plan *p, vs_site s) {
    for (size_t i = 0; i < p->n_marks; i++) {
        vs_site at = p->mark[i].site;
        if (at.kind == s.kind && at.layer == s.layer && at.stack == s.stack && at.cross == s.cross) return p->mark[i].slot;
    }
    return VS_NONE;
}

vs_status vs_pass_site(vs_err *err, const vs_pass *p, vs_site s, size_t seq, vs_tensor *out) {
    char name[96];
    int slot = vs__plan_slot(p->plan, s);
    if (slot == VS_NONE || (p->at && !p->at[slot]))
        return vs_fail(err, VS_E_STATE, "%s was not kept in this pass", vs_site_name(p->m, s, true, name, sizeof name));
    return vs__site_view(err, p, s, slot, p->at ? p->at[slot] : p->mem + p->plan->slot[slot].offset, seq, out);
}

vs_status vs__site_view(vs_err *err, const vs_pass *p, vs_site s, int of, const float *data, size_t seq, vs_tensor *out) {
    const vs_plan *plan = p->plan;
    const vs_slot *slot = &plan->slot[of];
    char name[96];
    if (s.head >= 0 && (size_t)s.head >= slot->heads)
        return vs_fail(err, VS_E_RANGE, "%s: heads are 0 to %zu", vs_site_name(p->m, s, true, name, sizeof name),
                       slot->heads - 1);
    size_t shape[3] = {slot->rows, slot->heads, slot->width};
    if (slot->kind == VS_ROWS_EDGES) {
        const vs_rows *asks = &plan->of[slot->set];
        if (seq >= asks->n_seqs) return vs_fail(err, VS_E_RANGE, "text %zu: the pass has %zu", seq, asks->n_seqs);
        const size_t *edges = asks->edges[slot->cross];
        size_t T = vs__rows(asks, seq), S = (edges[seq + 1] - edges[seq]) / T;
        data += slot->heads * edges[seq];
        shape[0] = slot->heads, shape[1] = T, shape[2] = S;
        if (s.head >= 0) return vs_tensor_over(err, data + (size_t)s.head * T * S, VS_F32, 2, shape + 1, out, NULL);
        return vs_tensor_over(err, data, VS_F32, 3, shape, out, NULL);
    }
    if (strlen(vs_site_shape(s.kind)) < 3) { /* no axis of heads */
        shape[1] = slot->width;
        return vs_tensor_over(err, data, VS_F32, 2, shape, out, NULL);
    }
    VS_TRY(vs_tensor_over(err, data, VS_F32, 3, shape, out, NULL));
    if (s.head >= 0) {
        out->data = data + (size_t)s.head * slot->width;
        out->ndim = 2;
        out->shape[1] = out->shape[2];
        out->stride[1] = out->stride[2];
    }
    return VS_OK;
}

const float *vs_pass_logits(const vs_pass *p, size_t *rows) {
    const vs_slot *s = p->plan->logits == VS_NONE ? NULL : &p->plan->slot[p->plan->logits];
    if (rows) *rows = s ? s->rows : 0;
    return s ? p->mem + s->offset : NULL;
}

const vs_edit_effect *vs_pass_effects(const vs_pass *p) { return p->effects; }
size_t vs_pass_bytes(const vs_pass *p) { return (p->plan->kept + p->plan->work) * sizeof(float); }
