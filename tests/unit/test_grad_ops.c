/* test_grad_ops.c - the way back of every operation of ops.def against differences of its forward: by each input and by
 * each weight.  An operation without a case fails, and so does one that a plan of any family has in a form (a soft cap, a
 * window, weights stored the other way round, …) that no case has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "case_values.h"
#include "model/grad_impl.h"
#include "tensor/narrow.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

enum { H = 4, KV = 2, DH = 6, D = 10, F = 14, V = 9, TEXTS = 2, MOST = 8192, OUT = 3 };

/* One node in a plan of its own: inputs are slots 0 to 2, its output is slot 3. */
typedef struct rig {
    vs_arch arch;
    vs_model m;
    vs_plan plan;
    vs_plan_cache cache;
    vs_pass pass;
    vs_request rq;
    vs_edit edit;
    vs_edit_effect effect;
    vs_node n;
    vs_slot slot[4];
    vs_weight *w[2]; /* weight and bias, where it has them */
    float mem[MOST], weights[MOST], vec[64], cs[3 * 2 * 8];
    vs_rotation rotation;
    uint16_t halves[MOST]; /* the weights in f16, where they are to be */
    size_t used;
    vs_rows of[2];
    size_t starts[2][3], edges[2][3];
    vs_block block[2][2];
    int32_t ids[8];
    uint8_t types[8];
    uint16_t bucket[7];
} rig;

static void rows_of(rig *r, int stack, size_t first, size_t second) {
    size_t *s = r->starts[stack];
    s[0] = 0, s[1] = first, s[2] = first + second;
    r->block[stack][0] = (vs_block){0, 0}, r->block[stack][1] = (vs_block){1, 0};
    r->of[stack] = (vs_rows){.stack = stack, .n_seqs = TEXTS, .rows = s[2], .longest = first > second ? first : second, .starts = s,
                             .block = r->block[stack], .n_blocks = 2};
}

/* Who asks: the first stack itself, or the second the first. */
static void edges_of(rig *r, int asks) {
    size_t *e = r->edges[asks];
    r->of[asks].edges[asks] = e;
    for (size_t i = 0; i < TEXTS; i++)
        e[i + 1] = e[i] + (r->starts[asks][i + 1] - r->starts[asks][i]) * (r->starts[0][i + 1] - r->starts[0][i]);
}

static void put(rig *r, int k, vs_slot s) {
    const vs_rows *of = &r->of[s.set];
    s.rows = s.kind == VS_ROWS_ALL ? of->rows : TEXTS;
    s.size = s.kind == VS_ROWS_EDGES ? s.heads * of->edges[s.cross][TEXTS] : s.rows * s.heads * s.width;
    s.kept = true;
    s.offset = r->used;
    r->used += s.size;
    assert_true(r->used <= MOST);
    r->slot[k] = s;
    if (k == OUT) r->n.out = OUT;
    else r->n.in[k] = k;
    case_floats(r->mem + s.offset, s.size);
}
static void rows(rig *r, int k, size_t heads, size_t width) { put(r, k, (vs_slot){.heads = heads, .width = width}); }
static void edges(rig *r, int k) { put(r, k, (vs_slot){.kind = VS_ROWS_EDGES, .heads = H}); }

/* A weight [n, cols] of a role; a vector where n is 0. */
static void weigh(rig *r, int which, vs_role role, size_t n, size_t cols) {
    static size_t used;
    if (which == 0 || !r->w[0]) used = 0;
    vs_weight *w = &r->m.stack[0].w[role];
    size_t shape[2] = {n ? n : cols, cols}, count = (n ? n : 1) * cols;
    float *data = r->weights + used;
    used += count;
    assert_true(used <= MOST);
    case_floats(data, count);
    assert_int_equal(vs_tensor_over(NULL, data, VS_F32, n ? 2 : 1, shape, &w->t, NULL), VS_OK);
    w->vec = n ? NULL : data;
    r->w[which] = w;
    if (which) r->n.b = w;
    else r->n.w = w;
}

/* The weight in f16, as its numbers round. */
static void halve(rig *r) {
    vs_weight *w = r->w[0];
    assert_true(vs_narrow(VS_F16, r->weights, r->halves, MOST));
    w->t.data = r->halves + ((const float *)w->t.data - r->weights);
    w->t.dtype = VS_F16;
    for (int i = 0; i < w->t.ndim; i++) w->t.stride[i] /= 2;
}

static rig *rig_new(vs_op op) {
    rig *r = calloc(1, sizeof *r);
    assert_non_null(r);
    r->m.info.n_stacks = 1;
    r->m.arch = &r->arch;
    r->m.hp[VS_HP_FIXED] = VS_HP_NO_TOKEN, r->m.hp[VS_HP_V] = V;
    for (int i = 0; i < 2; i++) r->m.info.stack[i] = (vs_stack_info){.d = D, .H = H, .KV = KV, .dh = DH, .f = F};
    r->plan.of = r->of;
    r->plan.n_of = 2;
    r->plan.slot = r->slot;
    r->plan.n_slots = 4;
    r->pass = (vs_pass){.plan = &r->plan, .m = &r->m, .mem = r->mem, .effects = &r->effect};
    rows_of(r, 0, 4, 3);
    rows_of(r, 1, 2, 5);
    edges_of(r, 0);
    edges_of(r, 1);
    for (int i = 0; i < 8; i++) r->ids[i] = (i * 5 + 1) % V, r->types[i] = (uint8_t)(i % 2);
    r->ids[3] = r->ids[1]; /* a row that is read twice */
    r->rq = (vs_request){.in = {.ids = r->ids, .types = r->types, .rows = 7}, .edits = &r->edit};
    r->n = (vs_node){.op = op, .site = {.kind = VS_SITE_COUNT, .head = -1}, .in = {VS_NONE, VS_NONE, VS_NONE}, .f = 1};
    r->cache.scratch = calloc(MOST, sizeof(float));
    return r;
}
static void rig_free(rig *r) {
    free(r->cache.scratch);
    free(r);
}

static vs_exec exec_of(rig *r) {
    return (vs_exec){.m = &r->m, .rq = &r->rq, .plan = &r->plan, .pass = &r->pass, .cache = &r->cache, .scratch_each = 512};
}

/* ---- the cases ---- */

static void embed(rig *r) { r->n.f = 1.7f, weigh(r, 0, VS_ROLE_EMBED, V, D), rows(r, OUT, 1, D); }
static void embed_fixed(rig *r) { embed(r), r->m.hp[VS_HP_FIXED] = r->ids[1]; }
static void embed_narrow(rig *r) { embed_fixed(r), halve(r); }
static void pos(rig *r) { r->n.n = 2, weigh(r, 0, VS_ROLE_POS, 8, D), rows(r, OUT, 1, D); }
static void pos_narrow(rig *r) { pos(r), halve(r); }
static void sinus(rig *r) {
    static float table[8 * D];
    r->m.hp[VS_HP_E] = D, r->cache.sinus = table;
    rows(r, OUT, 1, D);
}
static void type(rig *r) { weigh(r, 0, VS_ROLE_TYPE, 2, D), rows(r, OUT, 1, D); }
static void type_narrow(rig *r) { type(r), halve(r); }
static void add(rig *r) { rows(r, 0, 1, D), rows(r, 1, 1, D), rows(r, OUT, 1, D); }
static void layer_norm(rig *r) {
    r->n.f = 1e-5f, weigh(r, 0, VS_ROLE_FINAL_NORM, 0, D), weigh(r, 1, VS_ROLE_FINAL_NORM_B, 0, D);
    rows(r, 0, 1, D), rows(r, OUT, 1, D);
}
static void head_norm(rig *r) { r->n.f = 1e-6f, r->n.rms = true, weigh(r, 0, VS_ROLE_FINAL_NORM, 0, DH), rows(r, 0, H, DH), rows(r, OUT, H, DH); }
static void linear(rig *r) {
    weigh(r, 0, VS_ROLE_HEAD_W, F, D), weigh(r, 1, VS_ROLE_HEAD_B, 0, F);
    rows(r, 0, 1, D), rows(r, OUT, 1, F);
}
static void linear_turned(rig *r) { /* stored [in, out], as GPT-2's */
    linear(r);
    r->w[0]->t.stride[0] = sizeof(float), r->w[0]->t.stride[1] = F * sizeof(float);
}
static void linear_fused(rig *r) { /* two rows of three, head by head: GPT-NeoX's */
    linear(r);
    r->w[0]->t = (vs_tensor){r->w[0]->t.data, VS_F32, 3, {F / 2, 2, D}, {3 * D * sizeof(float), D * sizeof(float), sizeof(float)}};
    case_floats(r->weights, F / 2 * 3 * D);
    r->w[1]->vec = r->weights + F / 2 * 3 * D;
    r->w[1]->t.data = r->w[1]->vec;
    case_floats(r->w[1]->vec, F);
}
static void linear_narrow(rig *r) { linear(r), halve(r); }
static void linear_turned_narrow(rig *r) { linear_turned(r), halve(r); }
static void linear_fused_narrow(rig *r) { linear_fused(r), halve(r); }
static void rope_over(rig *r, vs_slot s) {
    r->n.n = 4, r->n.rotation = &r->rotation;
    r->cache.rope = calloc(1, sizeof *r->cache.rope);
    r->cache.n_rope = 1;
    *r->cache.rope = (vs_rope_table){.rotation = &r->rotation, .rows = 8, .cs = r->cs};
    for (size_t p = 0; p < 8; p++)
        for (size_t i = 0; i < 2; i++) r->cs[p * 4 + i] = cosf((float)(p * (i + 1))), r->cs[p * 4 + 2 + i] = sinf((float)(p * (i + 1)));
    put(r, 0, s), put(r, OUT, s);
}
static void rope(rig *r) { rope_over(r, (vs_slot){.heads = H, .width = DH}); }
static void rope_last(rig *r) { rope_over(r, (vs_slot){.kind = VS_ROWS_LAST, .heads = H, .width = DH}); }
static void attend_over(rig *r, vs_slot_rows kind, int stack) {
    vs_slot q = {.kind = kind, .set = (uint16_t)stack, .heads = H, .width = DH};
    r->n.f = 0.4f, r->n.site.stack = (uint8_t)stack, r->n.site.cross = stack != 0;
    put(r, 0, q), rows(r, 1, KV, DH), rows(r, 2, KV, DH), put(r, OUT, q);
}
static void distances(rig *r) {
    for (uint16_t i = 0; i < 7; i++) r->bucket[i] = i > 4 ? 4 : i;
    r->m.stack[0].bucket = r->bucket, r->m.stack[0].far = 3;
    weigh(r, 0, VS_ROLE_DISTANCE, 5, H);
    r->w[0]->vec = r->weights;
}
static void attend(rig *r) { attend_over(r, VS_ROWS_ALL, 0); }
static void attend_causal(rig *r) { attend(r), r->n.causal = true, r->n.n = 2; }
static void attend_window(rig *r) { attend(r), r->n.n = 2, r->n.cap = 0.8f; }
static void attend_last(rig *r) { attend_over(r, VS_ROWS_LAST, 0), r->n.causal = true, r->n.n = 3; }
static void attend_cross(rig *r) { attend_over(r, VS_ROWS_ALL, 1); }
static void attend_distance(rig *r) { attend_causal(r), distances(r), r->n.cap = 1.5f; }
static void attend_last_distance(rig *r) { attend_last(r), distances(r), r->n.cap = 1.5f; }
static void attend_last_cross(rig *r) { attend_over(r, VS_ROWS_LAST, 1); }
static void cross(rig *r) { r->n.site.stack = 1, r->n.site.cross = true; }
static vs_slot asking(vs_slot s) { /* of the second stack; edges to the first's rows */
    s.set = 1, s.cross = s.kind == VS_ROWS_EDGES;
    return s;
}
static const vs_slot rows_that_ask = {.heads = H, .width = DH}, edges_of_cross = {.kind = VS_ROWS_EDGES, .heads = H};
static void scores(rig *r) { r->n.f = 0.4f, rows(r, 0, H, DH), rows(r, 1, KV, DH), edges(r, OUT); }
static void scores_all(rig *r) { scores(r), distances(r), r->n.causal = true, r->n.cap = 1.2f; }
static void scores_window(rig *r) { scores(r), r->n.causal = true, r->n.n = 2, r->n.cap = 1.2f; }
static void scores_cross(rig *r) { r->n.f = 0.4f, cross(r), put(r, 0, asking(rows_that_ask)), rows(r, 1, KV, DH), put(r, OUT, asking(edges_of_cross)); }
static void softmax(rig *r) { edges(r, 0), edges(r, OUT); }
static void softmax_causal(rig *r) { softmax(r), r->n.causal = true, r->n.n = 2; }
static void softmax_cross(rig *r) { cross(r), put(r, 0, asking(edges_of_cross)), put(r, OUT, asking(edges_of_cross)); }
static void mix(rig *r) { edges(r, 0), rows(r, 1, KV, DH), rows(r, OUT, H, DH); }
static void mix_whole(rig *r) { mix(r), r->n.causal = true, r->n.whole = true; }
static void mix_window(rig *r) { mix_whole(r), r->n.n = 2; }
static void mix_cross(rig *r) { cross(r), put(r, 0, asking(edges_of_cross)), rows(r, 1, KV, DH), put(r, OUT, asking(rows_that_ask)); }
static void mix_cross_whole(rig *r) { mix_cross(r), r->n.whole = true; }
static void heads(rig *r) { weigh(r, 0, VS_ROLE_HEAD_W, D, H * DH), rows(r, 0, H, DH), rows(r, OUT, H, D); }
static void heads_narrow(rig *r) { heads(r), halve(r); }
static void heads_turned(rig *r) { heads(r), r->w[0]->t.stride[0] = sizeof(float), r->w[0]->t.stride[1] = D * sizeof(float); }
static void heads_turned_narrow(rig *r) { heads_turned(r), halve(r); }
static void same(rig *r) { rows(r, 0, H, D), rows(r, OUT, H, D); }
static void delta(rig *r) { weigh(r, 1, VS_ROLE_HEAD_B, 0, D), rows(r, 0, 1, D), rows(r, 1, H, D), rows(r, 2, H, D), rows(r, OUT, 1, D); }
static void mul(rig *r) { add(r); }
static void pick(rig *r) {
    rows(r, 0, 1, D);
    put(r, OUT, (vs_slot){.kind = r->n.op == VS_OP_LAST ? VS_ROWS_LAST : VS_ROWS_FIRST, .heads = 1, .width = D});
}
static void numbers(rig *r) { r->n.f = 1.3f, rows(r, 0, 1, D), rows(r, OUT, 1, D); }
static void act_of(rig *r, vs_act a) {
    numbers(r);
    r->n.act = a;
    for (size_t i = 0; i < r->slot[0].size; i++) r->mem[i] = 4 * r->mem[i] + (r->mem[i] < 0 ? -0.05f : 0.05f); /* no kink near */
}
static void relu(rig *r) { act_of(r, VS_ACT_RELU); }
static void silu(rig *r) { act_of(r, VS_ACT_SILU); }
static void tanh_act(rig *r) { act_of(r, VS_ACT_TANH); }
static void gelu(rig *r) { act_of(r, VS_ACT_GELU); }
static void gelu_tanh(rig *r) { act_of(r, VS_ACT_GELU_TANH); }
static void edit_of(rig *r, vs_edit_kind kind, int head) {
    rows(r, 0, H, DH), rows(r, OUT, H, DH);
    r->edit = (vs_edit){.kind = kind, .site = {.kind = VS_SITE_Z, .head = (int16_t)head}, .at = {.from = 1, .to = -1}, .factor = 0.3f,
                        .vec = r->vec, .width = head < 0 ? H * DH : DH};
    r->n.site = r->edit.site;
    case_floats(r->vec, 64);
}
static void edit_set(rig *r) { edit_of(r, VS_EDIT_SET, -1); }
static void edit_add(rig *r) { edit_of(r, VS_EDIT_ADD, 1); }
static void edit_scale(rig *r) { edit_of(r, VS_EDIT_SCALE, 2); }
static void edit_project(rig *r) { edit_of(r, VS_EDIT_PROJECT, -1); }
static void edit_project_head(rig *r) { edit_of(r, VS_EDIT_PROJECT, 3); }
static void edit_zero(rig *r) { edit_of(r, VS_EDIT_SET, 1), r->edit.vec = NULL; }
static void edit_each(rig *r, vs_edit_kind kind) { /* a vector for each of two positions */
    edit_of(r, kind, 2), r->edit.at.to = 2, r->edit.per_row = true;
}
static void edit_set_each(rig *r) { edit_each(r, VS_EDIT_SET); }
static void edit_project_each(rig *r) { edit_each(r, VS_EDIT_PROJECT); }
/* Of other rows, or of attention's edges, in texts of one length, for a vector is as wide as its text. */
static void edit_at(rig *r, vs_slot_rows rows_are, vs_edit_kind kind, int head) {
    vs_slot of = {.kind = rows_are, .heads = H, .width = rows_are == VS_ROWS_EDGES ? 0 : DH};
    edit_of(r, kind, head);
    r->used = 0;
    rows_of(r, 0, 3, 3), edges_of(r, 0);
    put(r, 0, of), put(r, OUT, of);
    r->edit.at = (vs_positions){.from = -1, .to = -1, .all = of.kind != VS_ROWS_EDGES};
    if (of.kind == VS_ROWS_EDGES) r->n.site.kind = r->edit.site.kind = VS_SITE_PATTERN, r->edit.width = head < 0 ? 3 * H : 3;
}
#define EDITED(name, of, how, head) static void name(rig *r) { edit_at(r, of, how, head); }
EDITED(edges_set, VS_ROWS_EDGES, VS_EDIT_SET, 1)
EDITED(edges_add, VS_ROWS_EDGES, VS_EDIT_ADD, -1)
EDITED(edges_scale, VS_ROWS_EDGES, VS_EDIT_SCALE, 2)
EDITED(edges_project, VS_ROWS_EDGES, VS_EDIT_PROJECT, 0)
EDITED(first_set, VS_ROWS_FIRST, VS_EDIT_SET, 1)
EDITED(first_add, VS_ROWS_FIRST, VS_EDIT_ADD, 0)
EDITED(first_scale, VS_ROWS_FIRST, VS_EDIT_SCALE, 1)
EDITED(last_project, VS_ROWS_LAST, VS_EDIT_PROJECT, -1)
EDITED(first_project, VS_ROWS_FIRST, VS_EDIT_PROJECT, 1)
#undef EDITED
static void edges_zero(rig *r) { edges_set(r), r->edit.vec = NULL; }
static void first_zero(rig *r) { first_set(r), r->edit.vec = NULL; }

static const struct {
    vs_op op;
    const char *what;
    void (*make)(rig *r);
} cases[] = {
    {VS_OP_EMBED, "embed", embed}, {VS_OP_POS, "pos", pos}, {VS_OP_SINUS, "sinus", sinus}, {VS_OP_TYPE, "type", type},
    {VS_OP_ADD, "add", add}, {VS_OP_NORM, "layer norm", layer_norm}, {VS_OP_NORM, "rms norm of heads", head_norm},
    {VS_OP_LINEAR, "linear", linear}, {VS_OP_LINEAR, "linear, turned", linear_turned}, {VS_OP_LINEAR, "linear, fused", linear_fused},
    {VS_OP_ROPE, "rope", rope}, {VS_OP_ROPE, "rope of last rows", rope_last},
    {VS_OP_ATTEND, "attend", attend}, {VS_OP_ATTEND, "attend, causal", attend_causal}, {VS_OP_ATTEND, "attend, window and cap", attend_window},
    {VS_OP_ATTEND, "attend, last rows", attend_last}, {VS_OP_ATTEND, "attend, cross", attend_cross},
    {VS_OP_ATTEND, "attend, distance and cap", attend_distance},
    {VS_OP_SCORES, "scores", scores}, {VS_OP_SCORES, "scores, distance and cap", scores_all},
    {VS_OP_SOFTMAX, "softmax", softmax}, {VS_OP_SOFTMAX, "softmax, causal", softmax_causal},
    {VS_OP_MIX, "mix", mix}, {VS_OP_MIX, "mix, edited", mix_whole}, {VS_OP_HEADS, "heads", heads}, {VS_OP_SAME, "same", same},
    {VS_OP_DELTA, "delta", delta}, {VS_OP_ACT, "relu", relu}, {VS_OP_ACT, "silu", silu}, {VS_OP_ACT, "tanh", tanh_act},
    {VS_OP_ACT, "gelu", gelu}, {VS_OP_ACT, "gelu_tanh", gelu_tanh}, {VS_OP_MUL, "mul", mul}, {VS_OP_LAST, "last", pick},
    {VS_OP_FIRST, "first", pick}, {VS_OP_SCALE, "scale", numbers}, {VS_OP_CAP, "cap", numbers},
    {VS_OP_EDIT, "set", edit_set}, {VS_OP_EDIT, "add to a head", edit_add}, {VS_OP_EDIT, "scale a head", edit_scale},
    {VS_OP_EDIT, "project", edit_project}, {VS_OP_EDIT, "project a head", edit_project_head},
    {VS_OP_EMBED, "embed, a fixed row", embed_fixed}, {VS_OP_EMBED, "embed, f16", embed_narrow}, {VS_OP_POS, "pos, f16", pos_narrow},
    {VS_OP_TYPE, "type, f16", type_narrow}, {VS_OP_LINEAR, "linear, f16", linear_narrow},
    {VS_OP_LINEAR, "linear, turned, f16", linear_turned_narrow}, {VS_OP_LINEAR, "linear, fused, f16", linear_fused_narrow},
    {VS_OP_ATTEND, "attend, last rows, distance", attend_last_distance}, {VS_OP_ATTEND, "attend, last rows, cross", attend_last_cross},
    {VS_OP_SCORES, "scores, window and cap", scores_window}, {VS_OP_SCORES, "scores, cross", scores_cross},
    {VS_OP_SOFTMAX, "softmax, cross", softmax_cross}, {VS_OP_MIX, "mix, window, edited", mix_window}, {VS_OP_MIX, "mix, cross", mix_cross},
    {VS_OP_MIX, "mix, cross, edited", mix_cross_whole}, {VS_OP_HEADS, "heads, f16", heads_narrow}, {VS_OP_HEADS, "heads, turned", heads_turned},
    {VS_OP_HEADS, "heads, turned, f16", heads_turned_narrow}, {VS_OP_EDIT, "a head at zero", edit_zero},
    {VS_OP_EDIT, "set, a vector a row", edit_set_each}, {VS_OP_EDIT, "project, a vector a row", edit_project_each},
    {VS_OP_EDIT, "edges set", edges_set}, {VS_OP_EDIT, "edges at zero", edges_zero}, {VS_OP_EDIT, "add to edges", edges_add},
    {VS_OP_EDIT, "scale edges", edges_scale}, {VS_OP_EDIT, "project edges", edges_project}, {VS_OP_EDIT, "first rows set", first_set},
    {VS_OP_EDIT, "first rows at zero", first_zero}, {VS_OP_EDIT, "add to first rows", first_add}, {VS_OP_EDIT, "scale first rows", first_scale},
    {VS_OP_EDIT, "project first rows", first_project}, {VS_OP_EDIT, "project last rows", last_project},
};
enum { CASES = sizeof cases / sizeof *cases };

/* ---- a case ---- */

static double forward(rig *r, const float *dy) {
    vs_exec x = exec_of(r);
    vs_err err = {0};
    const vs_slot *s = &r->slot[OUT];
    double sum = 0;
    if (vs__forward[r->n.op](&err, &x, &r->n) != VS_OK) fail_msg("forward: %s", err.msg);
    for (size_t i = 0; i < s->size; i++) sum += (double)r->mem[s->offset + i] * (double)dy[i];
    return sum;
}

/* Gradient g of n numbers x against central differences; x is moved and put back. */
static void differences(rig *r, const char *what, const char *by, float *x, size_t n, const float *g, const float *dy, double largest) {
    for (size_t i = 0; i < n; i++) {
        float was = x[i], up = was + 0x1p-7f, down = was - 0x1p-7f;
        x[i] = up;
        double above = forward(r, dy);
        x[i] = down;
        double slope = (above - forward(r, dy)) / ((double)up - (double)down);
        x[i] = was;
        if (!(fabs(slope - (double)g[i]) < 1e-3 * largest))
            fail_msg("%s by %s [%zu]: %g, by differences %g", what, by, i, (double)g[i], slope);
    }
}

static double largest_of(const float *x, size_t n) {
    double most = 1e-3;
    for (size_t i = 0; i < n; i++) most = fmax(most, fabs((double)x[i]));
    return most;
}

static vs_status backward(rig *r, vs_err *err, vs_weight_grads *weights, const float *dy, float *const dx[3]) {
    vs_back b = {.x = exec_of(r), .weights = weights};
    b.temp = malloc((vs__back_temp(&r->plan, &r->n) + 1) * sizeof *b.temp);
    vs_status s = vs__backward[r->n.op](err, &b, &r->n, dy, dx);
    free(b.temp);
    return s;
}

/* The floats of a weight in the order of its rows, wherever a view has them. */
static float *weight_at(const rig *r, const vs_weight *w, size_t i) {
    size_t cols = vs_tensor_cols(&w->t);
    const char *p = (const char *)vs_tensor_row(&w->t, i / cols) + i % cols * w->t.stride[w->t.ndim - 1];
    return (float *)(uintptr_t)r->weights + ((const float *)(const void *)p - r->weights);
}

static void check(rig *r, const char *what) {
    static float dx_mem[3][MOST], dy[MOST], out[MOST];
    vs_err err = {0};
    vs_weight_grads *weights = NULL;
    float *dx[3] = {NULL, NULL, NULL};
    const char *const inputs[] = {"input 0", "input 1", "input 2"}, *const by[] = {"weight", "bias"};
    for (int k = 0; k < 3; k++)
        if (r->n.in[k] != VS_NONE) dx[k] = dx_mem[k], memset(dx_mem[k], 0x7f, sizeof dx_mem[k]); /* written whole, or seen */
    case_floats(dy, r->slot[OUT].size);
    assert_int_equal(vs_weight_grads_new(&err, &r->m, NULL, 0, &weights), VS_OK);
    forward(r, dy);
    memcpy(out, r->mem + r->slot[OUT].offset, r->slot[OUT].size * sizeof *out);
    if (backward(r, &err, weights, dy, dx) != VS_OK) fail_msg("%s: %s", what, err.msg);
    for (int k = 0; k < 3; k++)
        if (dx[k]) differences(r, what, inputs[k], r->mem + r->slot[k].offset, r->slot[k].size, dx[k], dy, largest_of(dx[k], r->slot[k].size));
    for (int k = 0; k < 2; k++) {
        if (!r->w[k]) continue;
        const float *g = vs__weight_sum(weights, r->w[k], NULL);
        size_t n = vs_tensor_count(&r->w[k]->t), cols = vs_tensor_cols(&r->w[k]->t);
        for (size_t i = 0; i < n; i++) {
            bool fixed = r->n.op == VS_OP_EMBED && (int64_t)(i / cols) == vs__padding(&r->m);
            if (fixed) assert_true(g[i] == 0);
            if (fixed || r->w[k]->t.dtype != VS_F32) continue; /* a step in f16 is none in f32 */
            differences(r, what, by[k], weight_at(r, r->w[k], i), 1, g + i, dy, largest_of(g, n));
        }
    }
    forward(r, dy);
    for (int k = 0; k < 3 && r->n.in[0] != VS_NONE; k++) { /* what is not wanted changes nothing of the others */
        static float again[3][MOST];
        float *some[3] = {NULL, NULL, NULL};
        if (!dx[k]) continue;
        some[k] = again[k];
        assert_int_equal(backward(r, &err, NULL, dy, some), VS_OK);
        assert_memory_equal(again[k], dx[k], r->slot[k].size * sizeof(float));
    }
    vs_weight_grads_free(weights);
}

static void each_operation_by_differences(void **state) {
    (void)state;
    for (size_t i = 0; i < CASES; i++) {
        rig *r = rig_new(cases[i].op);
        case_state = (uint32_t)i + 1;
        cases[i].make(r);
        check(r, cases[i].what);
        free(r->cache.rope);
        rig_free(r);
    }
}

/* Cut edges pass nothing to the scores, for the softmax passes nothing to them: the three together. */
static void cut_edges_pass_nothing(void **state) {
    (void)state;
    rig *r = rig_new(VS_OP_CUT);
    float *dx[3] = {NULL, NULL, NULL}, dy[MOST], ds[MOST];
    vs_err err = {0};
    edges(r, 0), edges(r, OUT);
    r->edit = (vs_edit){.kind = VS_EDIT_CUT, .site = {.kind = VS_SITE_SCORES, .head = 1}, .at = {.from = -1, .to = -1}, .keys = {.from = 0, .to = 1}};
    forward(r, r->mem); /* scores with -inf in slot 3 */
    float cut[MOST];
    memcpy(cut, r->mem + r->slot[OUT].offset, r->slot[OUT].size * sizeof *cut);
    memcpy(r->mem + r->slot[0].offset, cut, r->slot[0].size * sizeof *cut);
    r->n.op = VS_OP_SOFTMAX;
    case_floats(dy, r->slot[OUT].size);
    vs_exec x = exec_of(r);
    assert_int_equal(vs__forward[VS_OP_SOFTMAX](&err, &x, &r->n), VS_OK);
    dx[0] = ds;
    assert_int_equal(backward(r, &err, NULL, dy, dx), VS_OK);
    size_t hit = 0;
    for (size_t i = 0; i < r->slot[OUT].size; i++)
        if (isinf(cut[i])) hit++, assert_true(ds[i] == 0);
    assert_int_equal(hit, 4);
    r->n.op = VS_OP_CUT;
    float through[MOST];
    dx[0] = through;
    assert_int_equal(backward(r, &err, NULL, ds, dx), VS_OK);
    assert_memory_equal(through, ds, r->slot[OUT].size * sizeof *ds);
    rig_free(r);
}

static void caches_and_sweeps_have_no_way_back(void **state) {
    (void)state;
    static const vs_op ops[] = {VS_OP_STORE, VS_OP_JOIN, VS_OP_PREFIX};
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        rig *r = rig_new(ops[i]);
        vs_err err = {0};
        float *dx[3] = {NULL, NULL, NULL};
        rows(r, 0, KV, DH), rows(r, 1, KV, DH), rows(r, OUT, KV, DH);
        assert_int_equal(backward(r, &err, NULL, r->mem, dx), VS_E_UNSUPPORTED);
        rig_free(r);
    }
}

static bool without_a_way_back(vs_op op) { return op == VS_OP_STORE || op == VS_OP_JOIN || op == VS_OP_PREFIX; }

static void every_operation_has_a_case(void **state) {
    (void)state;
    bool seen[VS_OP_COUNT] = {[VS_OP_CUT] = true}; /* above */
    for (size_t i = 0; i < CASES; i++) seen[cases[i].op] = true;
    for (int op = 0; op < VS_OP_COUNT; op++)
        if (!seen[op] && !without_a_way_back((vs_op)op)) fail_msg("%s: its way back has no test", vs__op_name((vs_op)op));
}

/* ---- the forms in which plans have operations ---- */

/* What a way back may do otherwise, by name; of each operation what concerns it. */
#define FORMS(X)                                                                                                       \
    X(LAST, "last rows") X(FIRST, "first rows") X(EDGES, "edges") X(BIAS, "bias") X(HEADS, "heads") X(TURNED, "turned weights")    \
    X(FUSED, "fused weights") X(NARROW, "weights that are not f32") X(FACTOR, "a factor") X(FIXED, "a row that learns nothing")   \
    X(OFFSET, "an offset") X(CAUSAL, "causal") X(WINDOW, "window") X(CAP, "soft cap") X(DISTANCE, "bias by distance")             \
    X(CROSS, "cross") X(GROUPED, "grouped heads") X(WHOLE, "edited") X(PART, "part of a head") X(RMS, "rms")                      \
    X(RELU, "relu") X(SILU, "silu") X(TANH, "tanh") X(GELU, "gelu") X(GELU_TANH, "gelu_tanh")                                     \
    X(SET, "set") X(ADD, "add") X(SCALE, "scale") X(PROJECT, "project") X(ONE, "one head") X(ZERO, "no vector") X(EACH, "a vector a row")
enum {
#define X(name, words) FORM_##name,
    FORMS(X)
#undef X
    FORM_COUNT
};
static const char *const form_words[] = {
#define X(name, words) words,
    FORMS(X)
#undef X
};
_Static_assert(FORM_COUNT <= 32, "a form is a bit");
#define BIT(name) ((uint32_t)1 << FORM_##name)

static uint32_t weight_form(const vs_weight *w) {
    uint32_t f = 0;
    if (!w) return 0;
    if (w->t.dtype != VS_F32) f |= BIT(NARROW);
    if (!vs_tensor_in_rows(&w->t)) f |= BIT(TURNED);
    if (w->t.ndim == 3) f |= BIT(FUSED);
    return f;
}

static uint32_t attention_form(const vs_model *m, const vs_plan *p, const vs_node *n) {
    const vs_stack_info *si = &m->info.stack[p->of[p->slot[n->out].set].stack];
    uint32_t f = 0;
    if (n->causal) f |= BIT(CAUSAL);
    if (n->n) f |= BIT(WINDOW);
    bool scores = n->op == VS_OP_ATTEND || n->op == VS_OP_SCORES; /* softmax and mix take no notice */
    if (scores && n->cap > 0) f |= BIT(CAP);
    if (scores && n->w) f |= BIT(DISTANCE);
    if (n->site.cross) f |= BIT(CROSS);
    if (si->KV < si->H) f |= BIT(GROUPED);
    if (n->whole) f |= BIT(WHOLE);
    if (p->slot[n->in[0]].kind == VS_ROWS_LAST) f |= BIT(LAST);
    return f;
}

static uint32_t edit_form(const vs_plan *p, const vs_node *n, const vs_edit *e) {
    static const uint32_t kinds[] = {[VS_EDIT_SET] = BIT(SET), [VS_EDIT_ADD] = BIT(ADD), [VS_EDIT_SCALE] = BIT(SCALE),
                                     [VS_EDIT_PROJECT] = BIT(PROJECT)};
    static const uint32_t rows_are[] = {[VS_ROWS_LAST] = BIT(LAST), [VS_ROWS_FIRST] = BIT(FIRST), [VS_ROWS_EDGES] = BIT(EDGES)};
    return kinds[e->kind] | rows_are[p->slot[n->out].kind] | (e->site.head >= 0 ? BIT(ONE) : 0) |
           (e->kind == VS_EDIT_SET && !e->vec ? BIT(ZERO) : 0) | (e->per_row ? BIT(EACH) : 0);
}

static uint32_t form_of(const vs_model *m, const vs_plan *p, const vs_node *n, const vs_edit *edits) {
    static const uint32_t acts[] = {[VS_ACT_RELU] = BIT(RELU), [VS_ACT_SILU] = BIT(SILU), [VS_ACT_TANH] = BIT(TANH),
                                    [VS_ACT_GELU] = BIT(GELU), [VS_ACT_GELU_TANH] = BIT(GELU_TANH)};
    const vs_slot *out = &p->slot[n->out];
    switch (n->op) {
    case VS_OP_EMBED: return weight_form(n->w) | (n->f != 1 ? BIT(FACTOR) : 0) | (vs__padding(m) >= 0 ? BIT(FIXED) : 0);
    case VS_OP_POS: return weight_form(n->w) | (n->n ? BIT(OFFSET) : 0);
    case VS_OP_TYPE: return weight_form(n->w);
    case VS_OP_LINEAR: return weight_form(n->w) | (n->b ? BIT(BIAS) : 0);
    case VS_OP_HEADS: return weight_form(n->w);
    case VS_OP_NORM: return (n->rms ? BIT(RMS) : 0) | (n->b ? BIT(BIAS) : 0) | (out->heads > 1 ? BIT(HEADS) : 0);
    case VS_OP_ROPE: return (n->n < out->width ? BIT(PART) : 0) | (out->kind == VS_ROWS_LAST ? BIT(LAST) : 0);
    case VS_OP_ATTEND:
    case VS_OP_SCORES:
    case VS_OP_SOFTMAX:
    case VS_OP_MIX: return attention_form(m, p, n);
    case VS_OP_ACT: return acts[n->act];
    case VS_OP_EDIT: return edit_form(p, n, &edits[n->edit]);
    default: return 0;
    }
}

/* The forms that the cases have, of each operation. */
enum { MOST_FORMS = 2 * CASES };
static uint32_t had[VS_OP_COUNT][MOST_FORMS];
static size_t n_had[VS_OP_COUNT], missing;

static void note_the_cases(void) {
    for (size_t i = 0; i < CASES; i++) {
        rig *r = rig_new(cases[i].op);
        cases[i].make(r);
        had[cases[i].op][n_had[cases[i].op]++] = form_of(&r->m, &r->plan, &r->n, &r->edit);
        free(r->cache.rope);
        rig_free(r);
    }
}

/* Every two settings of a node stand together in some case of its operation, and so does every one alone.  What is missing is
 * told once. */
static void covered(const char *model, vs_op op, uint32_t form) {
    bool all = n_had[op] > 0;
    for (int a = 0; a < FORM_COUNT; a++)
        for (int b = a; b < FORM_COUNT; b++) {
            uint32_t both = (uint32_t)1 << a | (uint32_t)1 << b;
            bool found = (form & both) != both;
            for (size_t i = 0; i < n_had[op] && !found; i++) found = (had[op][i] & both) == both;
            if (!found) print_message("%s: %s with %s%s%s: no case has it\n", model, vs__op_name(op), form_words[a], a < b ? " and " : "", a < b ? form_words[b] : "");
            all &= found;
        }
    if (all) return;
    missing++;
    if (n_had[op] < MOST_FORMS) had[op][n_had[op]++] = form;
}

static void plan_covered(vs_model *m, const vs_request *rq) {
    vs_err err = {0};
    vs_plan *p;
    if (vs__plan_get(&err, m, rq, &p) != VS_OK) return; /* an edit or a site that this model has not */
    for (size_t i = 0; i < p->n_nodes; i++)
        if (p->node[i].op != VS_OP_CUT) /* above */
            covered(vs_model_info_of(m)->path, p->node[i].op, form_of(m, p, &p->node[i], rq->edits));
}

/* A pass as generation has it, one that opens everything, and one under each kind of edit at each kind of site. */
static void model_covered(vs_model *m) {
    static const int32_t ids[6] = {3, 4, 5, 6, 7, 8};
    vs_err err = {0};
    vs_site *all;
    size_t n;
    float vec[6] = {0};
    bool two = vs_model_info_of(m)->n_stacks > 1;
    vs_request rq = {.in = {.ids = ids, .rows = 6, .n_seqs = 1}, .reverse = true, .logits = vs_model_info_of(m)->has_logits ? VS_LOGITS_LAST : VS_LOGITS_NONE};
    if (two) rq.decoder = rq.in;
    assert_int_equal(vs_site_list(&err, m, &all, &n), VS_OK);
    plan_covered(m, &rq);
    if (rq.logits) rq.logits = VS_LOGITS_ALL;
    rq.keep = all, rq.n_keep = n;
    plan_covered(m, &rq);
    rq.n_keep = 0;
    for (size_t i = 0; i < n; i++)
        for (int what = 0; what < 2 * VS_EDIT_CUT; what++) { /* each kind with a vector and without, of a head and of all */
            vs_edit e = {.kind = (vs_edit_kind)(what / 2), .site = all[i], .at = {.all = true}, .vec = what % 2 ? NULL : vec};
            if (all[i].layer > 0 || (what % 2 && e.kind != VS_EDIT_SET)) continue;
            for (e.site.head = -1; e.site.head < 1; e.site.head++) {
                rq.edits = &e, rq.n_edits = 1;
                plan_covered(m, &rq);
            }
        }
    vs_free(all);
}

static void every_form_of_every_family_has_a_case(void **state) {
    static const char *const dirs[] = {"tests/data/fixtures", "tests/data/fixtures/variants"};
    size_t models = 0;
    (void)state;
    note_the_cases();
    for (size_t i = 0; i < 2; i++) {
        DIR *d = opendir(dirs[i]);
        assert_non_null(d);
        for (struct dirent *e; (e = readdir(d));) {
            char path[512];
            vs_err err = {0};
            vs_model *m;
            snprintf(path, sizeof path, "%s/%s", dirs[i], e->d_name);
            if (e->d_name[0] == '.' || strchr(e->d_name, '.') || !strcmp(e->d_name, "variants")) continue;
            vs_status opened = vs_model_open(&err, path, &m);
            if (opened == VS_E_UNSUPPORTED) continue; /* refused by name (not_yet.def) */
            if (opened != VS_OK) fail_msg("%s: %s", path, err.msg);
            model_covered(m);
            vs_model_close(m);
            models++;
        }
        closedir(d);
    }
    assert_true(models > 80);
    assert_int_equal(missing, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_operation_by_differences), cmocka_unit_test(cut_edges_pass_nothing),
        cmocka_unit_test(caches_and_sweeps_have_no_way_back), cmocka_unit_test(every_operation_has_a_case),
        cmocka_unit_test(every_form_of_every_family_has_a_case),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
