/* plan.c - from an architecture's description and a request to a flat list of nodes.
 *
 * The only place that knows how a transformer's block goes.  A failure is remembered in
 * the builder and turns every later step into a no-op, so that the steps read as the
 * model does; it is looked at once, at the end. */
#include "exec.h"

#include <string.h>

static const struct {
    const char *name;
    bool in_place, root;
    int reads;
} op_info[VS_OP_COUNT] = {
#define OP(name, fn, in_place, root, reads, words) [VS_OP_##name] = {#name, in_place, root, reads},
#include "ops.def"
#undef OP
};
const char *vs__op_name(vs_op op) { return op_info[op].name; }
bool vs__op_in_place(vs_op op) { return op_info[op].in_place; }
bool vs__op_root(vs_op op) { return op_info[op].root; }
int vs__op_reads(vs_op op) { return op_info[op].reads; }

typedef struct builder {
    vs_err *err;
    vs_status status;
    const vs_model *m;
    const vs_request *rq;
    vs_plan *p;
    const vs_stack *spec;
    const vs_stack_state *st;
    const vs_stack_info *si;
    uint8_t stack;
    uint16_t set;   /* of rows */
    bool cross;     /* in cross-attention */
    int layer;      /* -1 outside the blocks */
    uint16_t whole_set; /* in a sweep: the texts of the set with what comes before its rows; 0: nothing does */
    int memory;     /* the first stack's output, for the second; VS_NONE where the cache or the pass without edits has it */
    uint16_t memory_set; /* the rows that cross-attention asks */
    bool encoded;   /* the cache has what the second asks of the first */
    bool last_rows; /* of the last block, only the texts' last rows are needed */
    bool *edit_placed, *keep_placed;
} builder;

/* ---- arrays ---- */

static bool grow(builder *b, void **array, size_t n, size_t *cap, size_t size) {
    if (n < *cap) return true;
    size_t want = *cap ? *cap * 2 : 64;
    void *q = vs_grow(*array, n, want, size);
    if (!q) {
        b->status = vs_fail(b->err, VS_E_NOMEM, "plan of %zu operations", n);
        return false;
    }
    *array = q;
    *cap = want;
    return true;
}

static int new_slot(builder *b, vs_slot s) {
    vs_plan *p = b->p;
    void *array = p->slot;
    if (!grow(b, &array, p->n_slots, &p->cap_slots, sizeof *p->slot)) return VS_NONE;
    p->slot = array;
    bool sized = s.kind == VS_ROWS_EDGES
                     ? vs_mul(s.heads, p->of[s.set].edges[s.cross][p->of[s.set].n_seqs], &s.size)
                     : vs_mul(s.heads, s.width, &s.size) && vs_mul(s.size, s.rows, &s.size);
    if (!sized || s.size > SIZE_MAX / 64) {
        b->status = vs_fail(b->err, VS_E_NOMEM, "a slot of %zu rows overflows", s.rows);
        return VS_NONE;
    }
    p->slot[p->n_slots] = s;
    return (int)p->n_slots++;
}

/* Append node n, writing a fresh slot of the given shape. */
static int emit(builder *b, vs_node n, vs_slot shape) {
    vs_plan *p = b->p;
    void *array = p->node;
    if (b->status != VS_OK) return VS_NONE;
    if (n.w && !n.w->t.data) {
        b->status = vs_fail(b->err, VS_E_UNSUPPORTED, "layer %d: the model has no %s", b->layer, vs_role_words(n.role));
        return VS_NONE;
    }
    if (!grow(b, &array, p->n_nodes, &p->cap_nodes, sizeof *p->node)) return VS_NONE;
    p->node = array;
    n.out = new_slot(b, shape);
    if (n.out == VS_NONE) return VS_NONE;
    n.site.stack = b->stack;
    n.site.cross = b->cross;
    n.site.layer = (int16_t)b->layer;
    p->node[p->n_nodes++] = n;
    return n.out;
}

static vs_slot shape_of(const builder *b, int slot) {
    if (slot == VS_NONE) return (vs_slot){0};
    const vs_slot *s = &b->p->slot[slot];
    return (vs_slot){.kind = s->kind, .set = s->set, .cross = s->cross, .rows = s->rows, .heads = s->heads, .width = s->width};
}
static vs_slot rows_of(const builder *b, size_t heads, size_t width) {
    return (vs_slot){.kind = VS_ROWS_ALL, .set = b->set, .rows = b->p->of[b->set].rows, .heads = heads, .width = width};
}
static vs_slot like(const builder *b, int slot, size_t heads, size_t width) {
    vs_slot s = shape_of(b, slot);
    s.heads = heads;
    s.width = width;
    return s;
}

static vs_node node(vs_op op, int in0, int in1, int in2) {
    return (vs_node){.op = op, .site = {.kind = VS_SITE_COUNT, .head = -1}, .in = {in0, in1, in2}, .role = VS_ROLE_COUNT};
}

/* ---- weights ---- */

static const vs_weight *weight(const builder *b, vs_role role) {
    return b->layer >= 0 ? &b->st->layer[b->layer].w[role] : &b->st->w[role];
}
static const vs_weight *optional(const builder *b, vs_role role) {
    const vs_weight *w = weight(b, role);
    return w->t.data ? w : NULL;
}

/* ---- steps ---- */

static int linear(builder *b, int x, vs_role w, vs_role bias, size_t heads, size_t width) {
    vs_node n = node(VS_OP_LINEAR, x, VS_NONE, VS_NONE);
    n.w = weight(b, w);
    n.b = bias == VS_ROLE_COUNT ? NULL : optional(b, bias);
    n.role = w;
    return emit(b, n, like(b, x, heads, width));
}

static int norm_as(builder *b, int x, vs_role g, vs_role bias, bool rms) {
    vs_slot s = shape_of(b, x);
    vs_node n = node(VS_OP_NORM, x, VS_NONE, VS_NONE);
    n.w = weight(b, g);
    n.b = bias == VS_ROLE_COUNT ? NULL : optional(b, bias);
    n.role = g;
    n.rms = rms;
    n.f = b->st->eps;
    return emit(b, n, s);
}
static int norm(builder *b, int x, vs_role g, vs_role bias) { return norm_as(b, x, g, bias, b->spec->norm == VS_NORM_RMS); }

static int add(builder *b, int x, int y) { return emit(b, node(VS_OP_ADD, x, y, VS_NONE), shape_of(b, x)); }

static int scale(builder *b, int x, float by) {
    if (by == 1) return x;
    vs_node n = node(VS_OP_SCALE, x, VS_NONE, VS_NONE);
    n.f = by;
    return emit(b, n, shape_of(b, x));
}

static int act(builder *b, int x, vs_act kind, float steep) {
    vs_node n = node(VS_OP_ACT, scale(b, x, steep), VS_NONE, VS_NONE);
    n.act = kind;
    return scale(b, emit(b, n, shape_of(b, x)), 1 / steep);
}

static int rows_picked(builder *b, int x, vs_op op) {
    vs_slot s = shape_of(b, x);
    s.kind = op == VS_OP_LAST ? VS_ROWS_LAST : VS_ROWS_FIRST;
    s.rows = b->p->of[s.set].n_seqs;
    return emit(b, node(op, x, VS_NONE, VS_NONE), s);
}

/* ---- sites ---- */

static vs_site site_at(const builder *b, vs_site_kind kind, int layer) {
    return (vs_site){.kind = kind, .layer = (int16_t)layer, .head = -1, .stack = b->stack, .cross = b->cross};
}
static bool same_site(vs_site a, vs_site b) {
    return a.kind == b.kind && a.layer == b.layer && a.stack == b.stack && a.cross == b.cross;
}
/* Edges are cut in the scores, whichever of the two sites names them. */
static vs_site edited_site(const vs_edit *e) {
    vs_site s = e->site;
    if (e->kind == VS_EDIT_CUT && s.kind == VS_SITE_PATTERN) s.kind = VS_SITE_SCORES;
    return s;
}
static bool edited(const builder *b, vs_site s) {
    for (size_t i = 0; i < b->rq->n_edits; i++)
        if (same_site(edited_site(&b->rq->edits[i]), s)) return true;
    return false;
}
static bool kept(const builder *b, vs_site s) {
    if (s.kind == VS_SITE_LOGITS && b->rq->logits != VS_LOGITS_NONE) return true;
    for (size_t i = 0; i < b->rq->n_keep; i++)
        if (same_site(b->rq->keep[i], s)) return true;
    return false;
}
static bool wanted(const builder *b, vs_site_kind kind, int layer) {
    vs_site s = site_at(b, kind, layer);
    return kept(b, s) || edited(b, s);
}

/* What can be said of an edit before the pass; its positions and vector are looked at when it is done. */
static void check_edit(builder *b, const vs_edit *e, const vs_slot *s) {
    char name[96];
    vs_site_name(b->m, e->site, true, name, sizeof name);
    if (e->site.head >= 0 && (size_t)e->site.head >= s->heads)
        b->status = vs_fail(b->err, VS_E_RANGE, "%s: heads are 0 to %zu", name, s->heads - 1);
    else if (e->kind == VS_EDIT_CUT && s->kind != VS_ROWS_EDGES)
        b->status = vs_fail(b->err, VS_E_USAGE, "cut %s: only attention has edges to cut: name its scores or pattern", name);
}

/* The value in `slot` is what the sites name: put their edits after it, in the order given, and keep it where asked.
 * Returns the slot that holds the value from here on. */
static int mark(builder *b, int slot, const vs_site *sites, size_t n_sites, const vs_node *attention) {
    vs_plan *p = b->p;
    for (size_t i = 0; i < b->rq->n_edits && b->status == VS_OK; i++) {
        const vs_edit *e = &b->rq->edits[i];
        for (size_t k = 0; k < n_sites; k++) {
            if (!same_site(edited_site(e), sites[k])) continue;
            vs_slot s = shape_of(b, slot);
            check_edit(b, e, &s);
            vs_node n = node(e->kind == VS_EDIT_CUT ? VS_OP_CUT : VS_OP_EDIT, slot, VS_NONE, VS_NONE);
            n.edit = i;
            if (attention) n.n = attention->n, n.causal = attention->causal, n.keys = attention->keys;
            b->edit_placed[i] = true;
            slot = emit(b, n, s);
            if (slot == VS_NONE) return VS_NONE;
            p->node[p->n_nodes - 1].site = e->site;
            break;
        }
    }
    for (size_t k = 0; k < n_sites && b->status == VS_OK; k++) {
        if (p->n_nodes && p->node[p->n_nodes - 1].out == slot && p->node[p->n_nodes - 1].site.kind == VS_SITE_COUNT)
            p->node[p->n_nodes - 1].site = sites[k];
        if (!kept(b, sites[k])) continue;
        void *array = p->mark;
        if (!grow(b, &array, p->n_marks, &p->cap_marks, sizeof *p->mark)) return VS_NONE;
        p->mark = array;
        p->mark[p->n_marks++] = (vs_mark){sites[k], slot};
        p->slot[slot].kept = true;
        for (size_t i = 0; i < b->rq->n_keep; i++)
            if (same_site(b->rq->keep[i], sites[k])) b->keep_placed[i] = true;
    }
    return slot;
}
static int mark1(builder *b, int slot, vs_site_kind kind) {
    vs_site s = site_at(b, kind, b->layer);
    return mark(b, slot, &s, 1, NULL);
}
static int mark2(builder *b, int slot, vs_site one, vs_site other) {
    vs_site s[2] = {one, other};
    return mark(b, slot, s, 2, NULL);
}
static int mark_attention(builder *b, int slot, vs_site_kind kind, const vs_node *attention) {
    vs_site s = site_at(b, kind, b->layer);
    return mark(b, slot, &s, 1, attention);
}

/* ---- the parts of a transformer ---- */

/* Positions that are added to the embeddings; VS_NONE where there are none. */
static int positions(builder *b) {
    vs_pos_kind pos = b->spec->pos;
    if (pos != VS_POS_LEARNED && pos != VS_POS_SINUSOID) return VS_NONE;
    bool stored = pos == VS_POS_LEARNED || optional(b, VS_ROLE_POS); /* some files of sinusoid models hold their table */
    vs_node n = node(stored ? VS_OP_POS : VS_OP_SINUS, VS_NONE, VS_NONE, VS_NONE);
    if (stored) n.w = weight(b, n.role = VS_ROLE_POS);
    n.n = b->st->pos_offset;
    return mark1(b, emit(b, n, rows_of(b, 1, (size_t)b->m->hp[VS_HP_E])), VS_SITE_POS_EMBED);
}

static int embeddings(builder *b) {
    vs_node n = node(VS_OP_EMBED, VS_NONE, VS_NONE, VS_NONE);
    vs_slot shape = rows_of(b, 1, (size_t)b->m->hp[VS_HP_E]);
    n.w = weight(b, n.role = VS_ROLE_EMBED);
    n.f = b->st->embed_scale;
    int x = mark1(b, emit(b, n, shape), VS_SITE_EMBED), pos = positions(b);
    if (pos != VS_NONE) x = add(b, x, pos);
    if (optional(b, VS_ROLE_TYPE)) {
        n = node(VS_OP_TYPE, VS_NONE, VS_NONE, VS_NONE);
        n.w = weight(b, n.role = VS_ROLE_TYPE);
        x = add(b, x, mark1(b, emit(b, n, shape), VS_SITE_TYPE_EMBED));
    }
    if (b->spec->embed_norm) x = norm(b, x, VS_ROLE_EMBED_NORM, VS_ROLE_EMBED_NORM_B);
    if (optional(b, VS_ROLE_EMBED_MAP))
        x = mark1(b, linear(b, x, VS_ROLE_EMBED_MAP, VS_ROLE_EMBED_MAP_B, 1, b->si->d), VS_SITE_EMBED_MAP);
    return x;
}

/* The roles of attention among the rows themselves, and of cross-attention. */
static const struct heads_roles {
    vs_role wq, bq, wk, bk, wv, bv, wo, bo;
} heads_roles[2] = {
    {VS_ROLE_WQ, VS_ROLE_BQ, VS_ROLE_WK, VS_ROLE_BK, VS_ROLE_WV, VS_ROLE_BV, VS_ROLE_WO, VS_ROLE_BO},
    {VS_ROLE_XWQ, VS_ROLE_XBQ, VS_ROLE_XWK, VS_ROLE_XBK, VS_ROLE_XWV, VS_ROLE_XBV, VS_ROLE_XWO, VS_ROLE_XBO},
};

/* The output map of the heads.  Where an edit changes what single heads add, they are added up instead; by its own value it
 * changes nothing at all. */
static int output_map(builder *b, int z) {
    const struct heads_roles *r = &heads_roles[b->cross];
    size_t d = b->si->d;
    int y = linear(b, z, r->wo, r->bo, 1, d);
    if (!wanted(b, VS_SITE_RESULT, b->layer)) return y;
    vs_node n = node(VS_OP_HEADS, z, VS_NONE, VS_NONE);
    vs_slot shape = shape_of(b, z);
    shape.width = d;
    n.w = weight(b, n.role = r->wo);
    int heads = emit(b, n, shape), after = heads;
    if (b->rq->reverse) after = emit(b, node(VS_OP_SAME, heads, VS_NONE, VS_NONE), shape);
    after = mark1(b, after, VS_SITE_RESULT);
    if (heads == after) return y;
    n = node(VS_OP_DELTA, y, after, heads);
    n.b = optional(b, r->bo);
    return emit(b, n, shape_of(b, y));
}

static int rotated(builder *b, int x, vs_site_kind site) {
    vs_node n = node(VS_OP_ROPE, x, VS_NONE, VS_NONE);
    n.rotation = b->st->layer[b->layer].rotation;
    n.n = n.rotation->dims;
    return mark1(b, emit(b, n, shape_of(b, x)), site);
}

/* Rows of keys or values of every variant, with those that come before them in its text. */
static int with_prefix(builder *b, int own, vs_site_kind site) {
    vs_slot shape = shape_of(b, own);
    shape.set = b->whole_set;
    shape.rows = b->p->of[b->whole_set].rows;
    vs_node n = node(VS_OP_PREFIX, own, VS_NONE, VS_NONE);
    n.from = site_at(b, site, b->layer);
    return emit(b, n, shape);
}

/* What the variants that made a memory of their own (own; VS_NONE: none did) ask of it, and behind it what all others ask. */
static int with_memory(builder *b, int own, vs_site_kind site) {
    vs_slot shape = {.kind = VS_ROWS_ALL, .set = b->memory_set, .rows = b->p->of[b->memory_set].rows, .heads = b->si->KV, .width = b->si->dh};
    vs_node n = node(VS_OP_JOIN, own, VS_NONE, VS_NONE);
    n.from = site_at(b, site, b->layer);
    return emit(b, n, shape);
}

/* Scores, softmax and mix, in one step or, where anyone looks or edits, in three. */
static int attend(builder *b, int q, int k, int v) {
    vs_node n = node(VS_OP_ATTEND, q, k, v);
    n.f = b->st->layer[b->layer].score_scale;
    n.cap = b->st->score_cap;
    n.keys = b->cross ? b->memory_set : b->set;
    if (!b->cross) {
        vs_mask mask = b->rq->mask;
        n.causal = vs__sees_only_before(b->spec, mask);
        n.n = mask == VS_MASK_FULL ? 0 : b->st->layer[b->layer].window;
        if (b->spec->buckets) n.w = &b->st->w[n.role = VS_ROLE_DISTANCE];
    }
    vs_slot z = shape_of(b, q);
    if (b->whole_set && !b->cross) { /* what comes before the variants' rows */
        n.in[1] = with_prefix(b, k, vs__sweep_keys(b->m, b->stack));
        n.in[2] = with_prefix(b, v, VS_SITE_V);
        n.keys = b->whole_set;
    }
    if (!wanted(b, VS_SITE_SCORES, b->layer) && !wanted(b, VS_SITE_PATTERN, b->layer)) return emit(b, n, z);
    vs_slot shape = {.kind = VS_ROWS_EDGES, .set = b->set, .cross = b->cross, .heads = b->si->H};
    int values = n.in[2];
    n.op = VS_OP_SCORES, n.in[2] = VS_NONE;
    int s = mark_attention(b, emit(b, n, shape), VS_SITE_SCORES, &n);
    n.w = NULL, n.role = VS_ROLE_COUNT;
    n.op = VS_OP_SOFTMAX, n.in[0] = s, n.in[1] = VS_NONE;
    int p = emit(b, n, shape), after = mark_attention(b, p, VS_SITE_PATTERN, &n);
    n.op = VS_OP_MIX, n.in[0] = after, n.in[1] = values, n.whole = after != p;
    return emit(b, n, rows_of(b, b->si->H, b->si->dh));
}

/* A slot's rows of the variants that run from here on, behind those of x, which ran already; VS_NONE: none did. */
static int beside(builder *b, int x, vs_site_kind from, vs_slot shape, bool last) {
    if (last) shape.kind = VS_ROWS_LAST, shape.rows = b->p->of[b->set].n_seqs;
    vs_node more = node(VS_OP_JOIN, x, VS_NONE, VS_NONE);
    more.from = site_at(b, from, b->layer);
    return emit(b, more, shape);
}

/* Whether variants run from this point on beside those of x; then b->set is all of them. */
static bool more_run(builder *b, int x, int point) {
    const vs_joins *v = &b->rq->variants->of[b->stack];
    size_t before = x == VS_NONE ? 0 : b->p->of[b->set].n_seqs, n = before;
    while (n < v->n && v->point[n] == point) n++;
    if (n == before || b->status != VS_OK) return false;
    b->status = vs__plan_variants(b->err, b->p, b->rq->variants, b->stack, n, b->memory_set, &b->set, &b->whole_set);
    return b->status == VS_OK;
}

/* The stream of both. */
static int join(builder *b, int x, int point, vs_site_kind from, bool last) {
    return more_run(b, x, point) ? beside(b, x, from, rows_of(b, 1, b->si->d), last) : x;
}

/* Of the last block, where only its last row's logits are asked for. */
static bool one_row(const builder *b) { return b->last_rows && b->layer + 1 == (int)b->st->L; }

/* Queries come from asking (h, or some rows of it), keys and values from h.  The mix of each head. */
static int heads_mix(builder *b, int asking, int h) {
    const vs_stack_info *si = b->si;
    const struct heads_roles *r = &heads_roles[b->cross];
    int q = mark1(b, linear(b, asking, r->wq, r->bq, si->H, si->dh), VS_SITE_Q), k = VS_NONE, v = VS_NONE;
    bool cached = b->cross && h == VS_NONE; /* the first stack's keys and values stay as they are */
    if (!cached) {
        k = mark1(b, linear(b, h, r->wk, r->bk, si->KV, si->dh), VS_SITE_K);
        v = mark1(b, linear(b, h, r->wv, r->bv, si->KV, si->dh), VS_SITE_V);
    }
    if (b->spec->qk_norm && !b->cross) {
        q = mark1(b, norm(b, q, VS_ROLE_Q_NORM, VS_ROLE_COUNT), VS_SITE_Q_NORM);
        k = mark1(b, norm(b, k, VS_ROLE_K_NORM, VS_ROLE_COUNT), VS_SITE_K_NORM);
    }
    if (b->st->rope_dims && !b->cross) {
        q = rotated(b, q, VS_SITE_ROT_Q);
        k = rotated(b, k, VS_SITE_ROT_K);
    }
    bool keeps = b->rq->kv && b->stack == b->m->info.n_stacks - 1 && !cached;
    if (keeps) emit(b, node(VS_OP_STORE, k, v, VS_NONE), (vs_slot){.kind = VS_ROWS_ALL, .set = b->set});
    if (b->cross && b->rq->variants) {
        k = with_memory(b, k, VS_SITE_K);
        v = with_memory(b, v, VS_SITE_V);
    }
    return attend(b, q, k, v);
}

/* In a sweep, variants may begin with what their heads mixed; h VS_NONE: all of them do. */
static int attention(builder *b, int asking, int h) {
    bool some = b->cross || h != VS_NONE;
    int z = some ? heads_mix(b, asking, h) : VS_NONE;
    if (b->rq->variants && !b->cross && more_run(b, z, vs__at_heads(b->layer)))
        z = beside(b, z, VS_SITE_Z, rows_of(b, b->si->H, b->si->dh), one_row(b));
    return z == VS_NONE ? z : output_map(b, mark1(b, z, VS_SITE_Z));
}

static int mlp(builder *b, int h) {
    size_t f = b->si->f;
    int x;
    if (b->st->gated) {
        int gate = mark1(b, linear(b, h, VS_ROLE_W_GATE, VS_ROLE_B_GATE, 1, f), VS_SITE_MLP_PRE);
        int up = mark1(b, linear(b, h, VS_ROLE_W_UP, VS_ROLE_B_UP, 1, f), VS_SITE_MLP_UP);
        x = act(b, gate, b->st->act, b->st->act_steep);
        x = emit(b, node(VS_OP_MUL, x, up, VS_NONE), shape_of(b, x));
    } else
        x = act(b, mark1(b, linear(b, h, VS_ROLE_W_UP, VS_ROLE_B_UP, 1, f), VS_SITE_MLP_PRE), b->st->act, b->st->act_steep);
    return linear(b, mark1(b, x, VS_SITE_MLP_POST), VS_ROLE_W_DOWN, VS_ROLE_B_DOWN, 1, b->si->d);
}

/* The roles and sites in which the kinds of sub-layers differ.  mid, norm_mid: the stream after it, where another follows. */
typedef struct part {
    vs_role norm, norm_b, branch, post, post_b;
    vs_site_kind normed, raw, out, mid, norm_mid;
} part;
static const part parts[] = {
    [VS_SUB_SELF] = {VS_ROLE_ATTN_NORM, VS_ROLE_ATTN_NORM_B, VS_ROLE_ATTN_BRANCH, VS_ROLE_ATTN_POST, VS_ROLE_ATTN_POST_B,
                     VS_SITE_ATTN_NORM, VS_SITE_ATTN_RAW, VS_SITE_ATTN_OUT, VS_SITE_RESID_MID, VS_SITE_NORM_MID},
    [VS_SUB_CROSS] = {VS_ROLE_X_NORM, VS_ROLE_X_NORM_B, VS_ROLE_COUNT, VS_ROLE_X_POST, VS_ROLE_X_POST_B,
                      VS_SITE_ATTN_NORM, VS_SITE_ATTN_RAW, VS_SITE_ATTN_OUT, VS_SITE_RESID_MID_X, VS_SITE_NORM_MID_X},
    [VS_SUB_MLP] = {VS_ROLE_MLP_NORM, VS_ROLE_MLP_NORM_B, VS_ROLE_MLP_BRANCH, VS_ROLE_MLP_POST, VS_ROLE_MLP_POST_B,
                    VS_SITE_MLP_NORM, VS_SITE_MLP_RAW, VS_SITE_MLP_OUT, VS_SITE_RESID_MID, VS_SITE_NORM_MID},
};

/* What a sub-layer adds to the stream: f(N_pre(from)), normed where it has a branch norm. */
static int branch(builder *b, const vs_sub *sub, const part *r, int asking, int h) {
    b->cross = sub->kind == VS_SUB_CROSS;
    int y = sub->kind == VS_SUB_MLP ? mlp(b, h) : attention(b, asking, b->cross ? b->memory : h);
    if (y == VS_NONE) return b->cross = false, y;
    if (sub->branch) {
        y = mark1(b, y, r->raw);
        y = mark1(b, norm(b, y, r->branch, VS_ROLE_COUNT), r->out);
    } else
        y = mark2(b, y, site_at(b, r->raw, b->layer), site_at(b, r->out, b->layer));
    b->cross = false;
    return y;
}

/* x <- N_post(x + N_branch(f(N_pre(source)))), for each sub-layer of the block.  In a sweep x may be VS_NONE up to its
 * second part, where the last variants join that are edited there, or ask another memory. */
static int block(builder *b, int x) {
    int entering = x, l = b->layer;
    for (int i = 0; i < 3 && b->spec->sub[i].kind != VS_SUB_NONE; i++) {
        const vs_sub *sub = &b->spec->sub[i];
        if (i == 1 && b->rq->variants && vs__sweep_mid(b->m, b->stack) != VS_SITE_COUNT)
            x = join(b, x, vs__at_second(l), vs__sweep_mid(b->m, b->stack), one_row(b));
        if (x == VS_NONE && i) continue;
        const part *r = &parts[sub->kind];
        bool last = i == 2 || b->spec->sub[i + 1].kind == VS_SUB_NONE;
        vs_site sum = site_at(b, last ? VS_SITE_RESID_POST : r->mid, l);
        int h = sub->from_block && b->st->parallel ? entering : x;
        if (sub->pre && x != VS_NONE) {
            b->cross = sub->kind == VS_SUB_CROSS;
            h = mark1(b, norm(b, h, r->norm, r->norm_b), r->normed);
            b->cross = false;
        }
        int asking = h;
        if (one_row(b) && sub->kind == VS_SUB_SELF && x != VS_NONE) {
            bool parallel = entering == x;
            asking = rows_picked(b, h, VS_OP_LAST);
            x = rows_picked(b, x, VS_OP_LAST);
            entering = parallel ? x : rows_picked(b, entering, VS_OP_LAST);
        }
        uint16_t ran = b->set;
        int y = branch(b, sub, r, asking, h);
        if (y == VS_NONE) continue;
        if (b->set != ran) entering = x = beside(b, x, VS_SITE_RESID_PRE, rows_of(b, 1, b->si->d), one_row(b));
        x = add(b, x, y);
        if (sub->post) {
            x = mark(b, x, &sum, 1, NULL);
            x = norm(b, x, r->post, r->post_b);
            if (!last) x = mark1(b, x, r->norm_mid);
        } else if (!last)
            x = mark(b, x, &sum, 1, NULL); /* the last sum is also what enters the next block: entering() */
    }
    return x;
}

/* The final norm, and from there to logits: over every row, or the last of each text. */
static void head(builder *b, int x) {
    bool logits = b->m->info.has_logits && (b->rq->logits != VS_LOGITS_NONE || wanted(b, VS_SITE_LOGITS, -1));
    bool last = b->rq->logits == VS_LOGITS_LAST, normed = wanted(b, VS_SITE_FINAL_NORM, -1);
    const vs_model *m = b->m;
    b->layer = -1;
    if (m->has[VS_PART_POOLER] && (wanted(b, VS_SITE_POOLED, -1) || wanted(b, VS_SITE_NSP, -1))) {
        int c = linear(b, rows_picked(b, x, VS_OP_FIRST), VS_ROLE_POOL_W, VS_ROLE_POOL_B, 1, b->si->d);
        c = mark1(b, act(b, c, VS_ACT_TANH, 1), VS_SITE_POOLED);
        if (m->has[VS_PART_NSP] && wanted(b, VS_SITE_NSP, -1)) mark1(b, linear(b, c, VS_ROLE_NSP_W, VS_ROLE_NSP_B, 1, 2), VS_SITE_NSP);
    }
    if (last && !normed && shape_of(b, x).kind == VS_ROWS_ALL) x = rows_picked(b, x, VS_OP_LAST);
    if (b->spec->final_norm && (logits || normed))
        x = mark1(b, norm(b, x, VS_ROLE_FINAL_NORM, VS_ROLE_FINAL_NORM_B), VS_SITE_FINAL_NORM);
    if (!logits) return;
    if (last && normed && shape_of(b, x).kind == VS_ROWS_ALL) x = rows_picked(b, x, VS_OP_LAST);
    if (m->has[VS_PART_HEAD]) {
        float steep;
        vs_act kind = vs__head_act(m, &steep);
        x = act(b, linear(b, x, VS_ROLE_HEAD_W, VS_ROLE_HEAD_B, 1, (size_t)m->hp[VS_HP_E]), kind, steep);
        x = norm_as(b, x, VS_ROLE_HEAD_NORM, VS_ROLE_HEAD_NORM_B, false);
    }
    x = scale(b, x, b->st->head_scale);
    x = linear(b, x, VS_ROLE_UNEMBED, VS_ROLE_UNEMBED_B, 1, m->info.V);
    if (m->info.logit_cap > 0) {
        vs_node n = node(VS_OP_CAP, x, VS_NONE, VS_NONE);
        n.f = m->info.logit_cap;
        x = emit(b, n, shape_of(b, x));
    }
    x = mark1(b, x, VS_SITE_LOGITS);
    if (kept(b, site_at(b, VS_SITE_LOGITS, -1))) b->p->logits = x;
}

/* Whether an edit of a sweep, which gives logits alone, changes other rows than the last at the end: what a head reads, or
 * edges, which have rows for all queries.  The others' rows are left out, wherever it would have hit them. */
static bool changes_other_rows(vs_site s) {
    return s.kind == VS_SITE_POOLED || s.kind == VS_SITE_NSP || s.kind == VS_SITE_SCORES || s.kind == VS_SITE_PATTERN;
}

/* Whether anything but the last rows' logits is asked of what follows the last block's input. */
static bool looks_at_the_end(const builder *b) {
    bool any = false;
    for (size_t i = 0; i < b->rq->n_keep + b->rq->n_edits; i++) {
        vs_site s = i < b->rq->n_keep ? b->rq->keep[i] : b->rq->edits[i - b->rq->n_keep].site;
        if (s.stack != b->stack || (b->rq->variants && !changes_other_rows(s))) continue;
        bool end = s.layer < 0 ? s.kind != VS_SITE_EMBED && s.kind != VS_SITE_POS_EMBED && s.kind != VS_SITE_TYPE_EMBED &&
                                     s.kind != VS_SITE_EMBED_MAP
                               : s.layer + 1 >= (int)b->st->L;
        any |= end && s.kind != VS_SITE_LOGITS && !(s.kind == VS_SITE_RESID_PRE && s.layer + 1 == (int)b->st->L);
    }
    return any;
}

/* The stream as it enters a block or, at L, leaves the last: where it is a sum, also what the block before ends with. */
static int entering(builder *b, int x) {
    bool sum = b->layer > 0 && !b->spec->sub[0].post;
    if (x == VS_NONE || !sum) return x == VS_NONE ? x : mark1(b, x, VS_SITE_RESID_PRE);
    return mark2(b, x, site_at(b, VS_SITE_RESID_POST, b->layer - 1), site_at(b, VS_SITE_RESID_PRE, b->layer));
}

/* A stack from its embeddings to what follows its last block. */
static void stack(builder *b, int which) {
    bool whole = which == b->m->info.n_stacks - 1, stops = whole || !b->rq->decoder.rows;
    const vs_variants *v = b->rq->variants;
    size_t stop = stops ? b->rq->stop_layer : 0;
    int x = VS_NONE;
    b->stack = (uint8_t)which;
    b->set = (uint16_t)which;
    b->spec = b->m->stack[which].spec;
    b->st = &b->m->stack[which];
    b->si = &b->m->info.stack[which];
    b->layer = -1;
    b->last_rows = whole && b->rq->logits == VS_LOGITS_LAST && b->p->of[which].n_seqs < b->p->of[which].rows && !looks_at_the_end(b);
    b->whole_set = 0;
    if (v) {
        size_t n = 0;
        while (n < v->of[which].n && v->of[which].point[n] == VS_BEFORE_BLOCKS) n++;
        if (which) b->status = vs__plan_memories(b->err, b->p, v, &b->memory_set);
        if (n && b->status == VS_OK) b->status = vs__plan_variants(b->err, b->p, v, which, n, b->memory_set, &b->set, &b->whole_set);
        if (n && b->status == VS_OK) x = embeddings(b);
    } else
        x = embeddings(b);
    for (size_t l = 0; l <= b->st->L && b->status == VS_OK; l++) {
        b->layer = (int)l;
        if (v) x = join(b, x, vs__at_block((int)l), VS_SITE_RESID_PRE, x != VS_NONE && shape_of(b, x).kind == VS_ROWS_LAST);
        x = entering(b, x);
        if (l == b->st->L || (stop && l == stop)) break;
        if (x != VS_NONE || v) x = block(b, x);
    }
    b->layer = -1;
    if (stop || b->status != VS_OK) return;
    if (whole) head(b, x);
    else if (b->spec->final_norm) b->memory = mark1(b, norm(b, x, VS_ROLE_FINAL_NORM, VS_ROLE_FINAL_NORM_B), VS_SITE_FINAL_NORM);
    else b->memory = x;
}

/* Whether an edit was done when the cache was made: the first of two stacks is read once. */
static bool done_before(const builder *b, const vs_edit *e) {
    return b->encoded && !vs_site_reads(e->site);
}

/* What was asked for and never came by is an error, with its name. */
static void check_placed(builder *b) {
    char name[96];
    for (size_t i = 0; i < b->rq->n_keep && b->status == VS_OK; i++)
        if (!b->keep_placed[i])
            b->status = vs_fail(b->err, VS_E_STATE, "%s: this pass does not compute it",
                                vs_site_name(b->m, b->rq->keep[i], true, name, sizeof name));
    for (size_t i = 0; i < b->rq->n_edits && b->status == VS_OK; i++)
        if (!b->edit_placed[i] && !done_before(b, &b->rq->edits[i]))
            b->status = vs_fail(b->err, VS_E_STATE, "the edit of %s hits nothing: this pass does not compute it",
                                vs_site_name(b->m, b->rq->edits[i].site, true, name, sizeof name));
}

/* The sets that the stacks read. */
static vs_status measure(vs_err *err, vs_plan *p, const vs_model *m, const vs_request *rq) {
    size_t n_seqs = rq->in.starts ? rq->in.n_seqs : 1;
    for (int i = 0; i < (rq->decoder.rows ? 2 : 1); i++) {
        vs_rows *r;
        bool grows = rq->kv && i == m->info.n_stacks - 1;
        VS_TRY(vs__plan_rows(err, p, n_seqs, i, grows ? vs_kv_rows(rq->kv) : 0, &r));
        const vs_input *in = i ? &rq->decoder : &rq->in;
        for (size_t k = 0; k < n_seqs; k++) r->starts[k + 1] = in->starts ? in->starts[k + 1] : in->rows;
        VS_TRY(vs__plan_rows_done(err, p, r));
    }
    return VS_OK;
}

vs_status vs__plan_new(vs_err *err, vs_model *m, const vs_request *rq, vs_plan **out) {
    vs_status s = VS_OK;
    vs_plan *p = vs_zalloc(1, sizeof *p);
    if (!p) return vs_fail(err, VS_E_NOMEM, "plan");
    builder b = {.err = err, .m = m, .rq = rq, .p = p, .layer = -1, .memory = VS_NONE};
    bool both = rq->decoder.rows != 0;
    b.encoded = vs__kv_encoded(rq);
    p->refs = 1;
    p->n_edits = rq->n_edits;
    p->reverse = rq->reverse;
    p->logits = VS_NONE;
    b.edit_placed = vs_zalloc(rq->n_edits + 1, sizeof(bool));
    b.keep_placed = vs_zalloc(rq->n_keep + 1, sizeof(bool));
    if (!b.edit_placed || !b.keep_placed) {
        s = vs_fail(err, VS_E_NOMEM, "plan");
        goto done;
    }
    VS_TRY_TO(done, measure(err, p, m, rq));
    if (!b.encoded && !(both && rq->variants && !rq->variants->of[0].n)) stack(&b, 0);
    if (both && b.status == VS_OK) stack(&b, 1);
    if (b.status == VS_OK) check_placed(&b);
    VS_TRY_TO(done, b.status);
    VS_TRY_TO(done, vs__plan_layout(err, p));
done:
    vs_free(b.edit_placed);
    vs_free(b.keep_placed);
    if (s == VS_OK)
        *out = p;
    else
        vs__plan_release(p);
    return s;
}
