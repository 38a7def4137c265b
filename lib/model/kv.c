/* kv.c - keys and values of the rows that a causal model has seen. */
#include "../base/dict.h"
#include "exec.h"

#include <string.h>

/* The last stack is the one whose rows grow. */
static const vs_stack_info *grows(const vs_model *m) { return &m->info.stack[m->info.n_stacks - 1]; }

vs_status vs_kv_new(vs_err *err, const vs_model *m, size_t capacity, vs_kv **out) {
    const vs_stack_info *si = grows(m);
    size_t n;
    *out = NULL;
    if (!si->causal)
        return vs_fail(err, VS_E_UNSUPPORTED, "%s reads the whole text at once: it has no use for a cache", m->info.name);
    if (!capacity || (m->info.context && capacity > m->info.context))
        return vs_fail(err, VS_E_RANGE, "a cache of %zu tokens: want 1 to the context of %zu", capacity, m->info.context);
    vs_kv *kv = vs_zalloc(1, sizeof *kv);
    if (!kv) return vs_fail(err, VS_E_NOMEM, "cache");
    *kv = (vs_kv){.m = m, .L = si->L, .width = si->KV * si->dh, .capacity = capacity};
    if (vs_mul(kv->L * 2, capacity, &n) && vs_mul(n, kv->width, &n)) kv->mem = vs_alloc(n, sizeof *kv->mem);
    if (!kv->mem) {
        vs_free(kv);
        return vs_fail(err, VS_E_NOMEM, "a cache of %zu tokens", capacity);
    }
    *out = kv;
    return VS_OK;
}

void vs_kv_free(vs_kv *kv) {
    if (kv) vs_free(kv->mem), vs_free(kv->cross);
    vs_free(kv);
}

size_t vs_kv_rows(const vs_kv *kv) { return kv->rows; }

void vs_kv_truncate(vs_kv *kv, size_t rows) {
    if (rows < kv->rows) kv->rows = rows;
}

size_t vs_kv_fit(vs_kv *kv, size_t T) {
    if (kv->rows && kv->turned_for != vs__text_turned_for(kv->m, T)) kv->rows = 0;
    return kv->rows;
}

/* Room for what the decoder asks of `rows` rows of the encoder. */
static vs_status make_cross(vs_err *err, vs_kv *kv, size_t rows) {
    size_t n;
    vs_free(kv->cross);
    kv->cross = NULL;
    kv->remembers = false;
    kv->source_rows = rows;
    if (vs_mul(kv->L * 2, rows, &n) && vs_mul(n, kv->width, &n)) kv->cross = vs_alloc(n, sizeof *kv->cross);
    return kv->cross ? VS_OK : vs_fail(err, VS_E_NOMEM, "a cache of %zu tokens", rows);
}

vs_status vs_kv_copy(vs_err *err, vs_kv *to, const vs_kv *from) {
    if (to->m != from->m) return vs_fail(err, VS_E_STATE, "the cache belongs to another model");
    if (from->rows > to->capacity)
        return vs_fail(err, VS_E_RANGE, "the cache has room for %zu tokens: %zu do not fit", to->capacity, from->rows);
    for (size_t l = 0; l < from->L; l++)
        for (int values = 0; values < 2; values++) {
            vs_site at = {.layer = (int16_t)l};
            memcpy(vs__kv_rows_of(to, at, values), vs__kv_rows_of(from, at, values), from->rows * from->width * sizeof(float));
        }
    if (from->remembers && (!to->remembers || to->source != from->source || to->memory != from->memory)) {
        VS_TRY(make_cross(err, to, from->source_rows));
        memcpy(to->cross, from->cross, from->L * 2 * from->source_rows * from->width * sizeof(float));
    }
    to->remembers = from->remembers;
    to->source = from->source;
    to->memory = from->memory;
    to->rows = from->rows;
    to->edits = from->edits;
    to->turned_for = from->turned_for;
    return VS_OK;
}

/* What the first stack made of its text follows from the ids and the mask (and the edits). */
static uint64_t source_of(const vs_request *rq) {
    uint64_t v[2] = {vs_hash(rq->in.ids, rq->in.rows * sizeof *rq->in.ids), (uint64_t)rq->mask};
    return vs_hash(v, sizeof v);
}

vs_status vs__kv_check(vs_err *err, const vs_model *m, const vs_request *rq) {
    const vs_kv *kv = rq->kv;
    size_t rows = m->info.n_stacks > 1 ? rq->decoder.rows : rq->in.rows;
    if (kv->m != m) return vs_fail(err, VS_E_STATE, "the cache belongs to another model");
    if (rq->in.starts && rq->in.n_seqs != 1)
        return vs_fail(err, VS_E_UNSUPPORTED, "a cache holds one text, the pass has %zu", rq->in.n_seqs);
    if (rq->mask == VS_MASK_FULL) return vs_fail(err, VS_E_STATE, "a cache serves causal attention only");
    if (rq->stop_layer) return vs_fail(err, VS_E_STATE, "a cache holds every layer: a pass with it cannot stop early");
    for (size_t i = 0; i < rq->n_edits; i++)
        if (rq->edits[i].per_row && (rq->edits[i].at.all || rq->edits[i].at.from < 0 || rq->edits[i].at.to < 0))
            return vs_fail(err, VS_E_UNSUPPORTED, "edit %zu: vectors for single positions of a growing text need fixed positions", i);
    if (rows > kv->capacity - kv->rows)
        return vs_fail(err, VS_E_RANGE, "the cache has room for %zu tokens, %zu of them taken: %zu more do not fit",
                       kv->capacity, kv->rows, rows);
    if (kv->rows && kv->edits != vs__edits_hash(rq, false))
        return vs_fail(err, VS_E_STATE, "the cache was made under other edits: it does not serve this pass");
    if (kv->rows && kv->turned_for != vs__text_turned_for(m, kv->rows + rows))
        return vs_fail(err, VS_E_STATE, "the cached keys were turned for a text shorter or longer than %zu tokens", kv->rows + rows);
    if (kv->rows && m->info.n_stacks > 1 && kv->source != source_of(rq))
        return vs_fail(err, VS_E_STATE, "the cache was made for another text in the encoder, or under another mask");
    return VS_OK;
}

bool vs__kv_encoded(const vs_request *rq) {
    const vs_kv *kv = rq->kv;
    for (size_t i = 0; kv && !kv->rows && i < rq->n_keep; i++) /* a look at the first stack reads it again */
        if (!vs_site_reads(rq->keep[i])) return false;
    return kv && rq->decoder.rows && kv->remembers && kv->source == source_of(rq) && kv->memory == vs__edits_hash(rq, true);
}

vs_status vs__kv_begin(vs_err *err, const vs_request *rq) {
    if (!rq->decoder.rows || vs__kv_encoded(rq)) return VS_OK;
    rq->kv->source = source_of(rq);
    rq->kv->memory = vs__edits_hash(rq, true);
    return make_cross(err, rq->kv, rq->in.rows);
}

void vs__kv_advance(vs_kv *kv, const vs_request *rq) {
    if (!kv->rows) kv->edits = vs__edits_hash(rq, false);
    kv->remembers = rq->decoder.rows > 0;
    kv->rows += rq->decoder.rows ? rq->decoder.rows : rq->in.rows;
    kv->turned_for = vs__text_turned_for(kv->m, kv->rows);
}

vs_status vs__forward_store(vs_err *err, const vs_exec *x, const vs_node *n) {
    (void)err;
    vs_kv *kv = x->rq->kv;
    size_t rows = x->plan->slot[n->in[0]].rows, prior = n->site.cross ? 0 : x->prior[n->site.stack];
    for (int values = 0; values < 2; values++)
        memcpy(vs__kv_rows_of(kv, n->site, values) + prior * kv->width, vs__slot(x, n->in[values]),
               rows * kv->width * sizeof(float));
    return VS_OK;
}
