/* exec.h - a pass while it runs, and what its operations need; for lib/model only. */
#ifndef VS_MODEL_EXEC_H
#define VS_MODEL_EXEC_H

#include "plan.h"

struct vs_pass {
    vs_plan *plan;
    const vs_model *m;
    float *mem;              /* [plan->kept] the kept slots */
    size_t cap;              /* floats that mem has room for */
    float **at;              /* NULL, or [slots] where each lies instead, NULL: nowhere (the gradients of a pass) */
    vs_edit_effect *effects; /* [plan->n_edits] */
};

struct vs_kv {
    const vs_model *m;
    size_t L, width, capacity, rows; /* of the last stack; width: KV * dh */
    uint64_t edits;                  /* the edits its rows were made under */
    size_t turned_for;               /* … and the length of text for which they were turned (vs__text_turned_for()) */
    float *mem;                      /* [L][keys, values][capacity][width] */
    bool remembers;                  /* two stacks: what is below is whole, also when rows are 0 */
    uint64_t source, memory;         /* the ids that the first has read and its mask; the edits it was read under … */
    size_t source_rows;
    float *cross;                    /* … and [L][keys, values][source_rows][width] of cross-attention */
};

typedef struct vs_exec {
    vs_model *m;
    const vs_request *rq;
    const vs_plan *plan;
    vs_pass *pass;
    vs_plan_cache *cache;
    size_t prior[2];     /* by stack: rows of the text before these, in the cache of keys and values */
    size_t scratch_each; /* floats of scratch for each worker: a block's scores, or a weight's row */
} vs_exec;

typedef vs_status vs_op_fn(vs_err *err, const vs_exec *x, const vs_node *n);
#define OP(name, fn, in_place, root, reads, words) vs_op_fn vs__forward_##fn;
#include "ops.def"
#undef OP
extern vs_op_fn *const vs__forward[VS_OP_COUNT];

/* The floats of a slot. */
static inline float *vs__slot(const vs_exec *x, int slot) {
    const vs_slot *s = &x->plan->slot[slot];
    return (s->kept ? x->pass->mem : x->cache->work) + s->offset;
}
static inline float *vs__scratch(const vs_exec *x, int worker) {
    return x->cache->scratch + (size_t)worker * x->scratch_each;
}

/* Of text i of a set: its rows; the position of the first of them; its positions, those before its rows counted. */
static inline size_t vs__rows(const vs_rows *r, size_t i) { return r->starts[i + 1] - r->starts[i]; }
static inline size_t vs__first(const vs_exec *x, const vs_rows *r, size_t i) {
    return x->prior[r->stack] + (r->first ? r->first[i] : 0);
}
static inline size_t vs__positions(const vs_exec *x, const vs_rows *r, size_t i) { return vs__first(x, r, i) + vs__rows(r, i); }
/* The text that cross-attention of text i asks, in the set that it asks. */
static inline size_t vs__asks(const vs_rows *r, size_t i) { return r->asks ? r->asks[i] : i; }
static inline const vs_rows *vs__set_of(const vs_exec *x, int slot) { return &x->plan->of[x->plan->slot[slot].set]; }

/* The tokens that a stack reads: the second of two reads the decoder's. */
static inline const vs_input *vs__input(const vs_exec *x, int stack) { return stack ? &x->rq->decoder : &x->rq->in; }
/* Where text i of a set begins in them: all variants of a sweep read the same text. */
static inline size_t vs__input_at(const vs_exec *x, const vs_rows *r, size_t i) {
    return x->rq->variants ? (r->first ? r->first[i] : 0) : r->starts[i];
}

/* vs__types() - the segments of the tokens at a TYPE node; NULL: all 0, as they are too where the model has a single one. */
static inline const uint8_t *vs__types(const vs_exec *x, const vs_node *n, int stack) {
    return vs_tensor_rows(&n->w->t) > 1 ? vs__input(x, stack)->types : NULL;
}

/* vs__position_row() - the row of the table that row t of text i of a set adds at a POS node: its position, or where padding
 * tokens have none of their own (RoBERTa) the number of others before it.  O(1), there O(t). */
static inline size_t vs__position_row(const vs_exec *x, const vs_node *n, const vs_rows *r, size_t i, size_t t) {
    size_t at = vs__first(x, r, i) + t;
    if (!x->m->stack[r->stack].pos_after_pad || x->prior[r->stack]) return at + n->n;
    const int32_t *ids = vs__input(x, r->stack)->ids + vs__input_at(x, r, i) + t, pad = (int32_t)n->n - 1;
    if (*ids == pad) return (size_t)pad;
    size_t others = 0;
    for (size_t k = 1; k <= at; k++) others += ids[-(ptrdiff_t)k] != pad;
    return others + n->n;
}

/* vs__visible() - the keys [*lo, *hi) of S that the query at a position may see. */
static inline void vs__visible(const vs_node *n, size_t pos, size_t S, size_t *lo, size_t *hi) {
    *lo = n->n && pos + 1 > n->n ? pos + 1 - n->n : 0;
    *hi = n->causal ? pos + 1 : n->n && S - pos > n->n ? pos + n->n : S;
}

/* vs__bucket() - the bucket of the distance from a query's position to a key's. */
static inline size_t vs__bucket(const vs_stack_state *st, size_t pos, size_t key) {
    size_t ahead = key > pos ? key - pos : 0, behind = pos > key ? pos - key : 0;
    return st->bucket[ahead ? st->far + (ahead < st->far ? ahead : st->far) : behind < st->far ? st->far - behind : 0];
}

/* vs__sinus_at() - [d] the sinusoid of a position; ready before a pass runs.
 * vs__rope_at() - cos [n/2] then sin [n/2] of a position in a text of T tokens for a ROPE node; the tables are ready before a
 * pass runs. */
const float *vs__sinus_at(const vs_exec *x, size_t pos);
const float *vs__rope_at(const vs_exec *x, const vs_node *n, size_t T, size_t pos);

/* vs__pass_destroy() - free a pass that holds no plan any more. */
void vs__pass_destroy(vs_pass *p);

/* finite.c: vs__pass_finite() - VS_E_NUMERIC where a finished pass keeps a NaN or an infinity (one sum over what it keeps).
 * vs__blame_weight() - after such a failure: the message names the weight that holds one, where there is such a weight. */
vs_status vs__pass_finite(vs_err *err, const vs_pass *p) VS_MUST_CHECK;
void vs__blame_weight(vs_err *err, const vs_model *m);

/* vs__run() - vs_run(), in the memory of an earlier pass, which is freed (may be NULL). */
vs_status vs__run(vs_err *err, vs_model *m, const vs_request *rq, vs_pass *old, vs_pass **out) VS_MUST_CHECK;

/* vs__site_view() - the numbers of a site that lie at `data` as its slot's do, as vs_pass_site() shows them. */
vs_status vs__site_view(vs_err *err, const vs_pass *p, vs_site s, int slot, const float *data, size_t seq, vs_tensor *out) VS_MUST_CHECK;

/* vs__heads_left() - whether an edit left what the heads of a row add as it was: DELTA and its way back. */
bool vs__heads_left(const vs_slot *heads, const float *is, const float *was);

/* vs__attend_open() - the pattern of an ATTEND node into p, [heads, T, S] of each text, and where s is not NULL the scores
 * of what each query sees; of a query that the node does not compute nothing is written.  The bits of SCORES and SOFTMAX. */
vs_status vs__attend_open(vs_err *err, const vs_exec *x, const vs_node *n, float *s, float *p) VS_MUST_CHECK;

/* edit.c: what distinguishes the edits of a request; encoder: those alone whose rows are the first of two stacks'. */
uint64_t vs__edits_hash(const vs_request *rq, bool encoder);

/* kv.c */
vs_status vs__kv_check(vs_err *err, const vs_model *m, const vs_request *rq) VS_MUST_CHECK;
/* vs__kv_encoded() - whether the cache has what the decoder asks of this request's encoder, so that it is not read again. */
bool vs__kv_encoded(const vs_request *rq);
vs_status vs__kv_begin(vs_err *err, const vs_request *rq) VS_MUST_CHECK; /* room for what a pass will store */
void vs__kv_advance(vs_kv *kv, const vs_request *rq);
static inline float *vs__kv_rows_of(const vs_kv *kv, vs_site at, bool values) {
    size_t which = (size_t)at.layer * 2 + values;
    return at.cross ? kv->cross + which * kv->source_rows * kv->width : kv->mem + which * kv->capacity * kv->width;
}

#endif
