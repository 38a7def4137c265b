/* test_grad_ops.c - the way back of every operation of ops.def against differences of its forward: by each input and by
 * each weight.  An operation without a case fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "case_values.h"
#include "model/grad_impl.h"

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
    float mem[MOST], weights[MOST], vec[64], turn[3], cs[3 * 2 * 8];
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

static rig *rig_new(vs_op op) {
    rig *r = calloc(1, sizeof *r);
    assert_non_null(r);
    r->m.info.n_stacks = 1;
    r->m.arch = &r->arch;
    r->m.hp[VS_HP_FIXED] = -1;
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
static void pos(rig *r) { r->n.n = 2, weigh(r, 0, VS_ROLE_POS, 8, D), rows(r, OUT, 1, D); }
static void sinus(rig *r) {
    static float table[8 * D];
    r->m.hp[VS_HP_E] = D, r->cache.sinus = table;
    rows(r, OUT, 1, D);
}
static void type(rig *r) { weigh(r, 0, VS_ROLE_TYPE, 2, D), rows(r, OUT, 1, D); }
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
static void rope_over(rig *r, vs_slot s) {
    r->n.n = 4, r->n.turn = r->turn;
    r->cache.rope = calloc(1, sizeof *r->cache.rope);
    r->cache.n_rope = 1;
    *r->cache.rope = (vs_rope_table){.turn = r->turn, .dims = 4, .rows = 8, .cs = r->cs};
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
static void scores(rig *r) { r->n.f = 0.4f, rows(r, 0, H, DH), rows(r, 1, KV, DH), edges(r, OUT); }
static void scores_all(rig *r) { scores(r), distances(r), r->n.causal = true, r->n.cap = 1.2f; }
static void softmax(rig *r) { edges(r, 0), edges(r, OUT); }
static void softmax_causal(rig *r) { softmax(r), r->n.causal = true, r->n.n = 2; }
static void mix(rig *r) { edges(r, 0), rows(r, 1, KV, DH), rows(r, OUT, H, DH); }
static void mix_whole(rig *r) { mix(r), r->n.causal = true, r->n.whole = true; }
static void heads(rig *r) { weigh(r, 0, VS_ROLE_HEAD_W, D, H * DH), rows(r, 0, H, DH), rows(r, OUT, H, D); }
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
        const float *g = vs__weight_sum(weights, r->w[k]);
        size_t n = vs_tensor_count(&r->w[k]->t);
        for (size_t i = 0; i < n; i++) differences(r, what, by[k], weight_at(r, r->w[k], i), 1, g + i, dy, largest_of(g, n));
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

static void every_operation_has_a_case(void **state) {
    (void)state;
    bool seen[VS_OP_COUNT] = {[VS_OP_STORE] = true, [VS_OP_JOIN] = true, [VS_OP_PREFIX] = true, [VS_OP_CUT] = true}; /* above */
    for (size_t i = 0; i < CASES; i++) seen[cases[i].op] = true;
    for (int op = 0; op < VS_OP_COUNT; op++)
        if (!seen[op]) fail_msg("%s: its way back has no test", vs__op_name((vs_op)op));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_operation_by_differences), cmocka_unit_test(cut_edges_pass_nothing),
        cmocka_unit_test(caches_and_sweeps_have_no_way_back), cmocka_unit_test(every_operation_has_a_case),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
