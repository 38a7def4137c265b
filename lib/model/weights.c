/* weights.c - the weights by role, and the last steps of a pass by themselves. */
#include <string.h>

#include "../tensor/kernels.h"
#include "model_impl.h"

static const bool per_layer[VS_ROLE_COUNT] = {
#define ROLE(name, layered, shape, words) [VS_ROLE_##name] = layered,
#include "roles.def"
#undef ROLE
};

static const char *const role_names[VS_ROLE_COUNT] = {
#define ROLE(name, layered, shape, words) [VS_ROLE_##name] = #name,
#include "roles.def"
#undef ROLE
};

static const vs_weight *weight(const vs_model *m, vs_role role, int stack, int layer) {
    if ((unsigned)role >= VS_ROLE_COUNT || stack < 0 || stack >= m->info.n_stacks) return NULL;
    const vs_stack_state *s = &m->stack[stack];
    if (!per_layer[role]) return s->w[role].t.data ? &s->w[role] : NULL;
    if (layer < 0 || (size_t)layer >= s->L) return NULL;
    return s->layer[layer].w[role].t.data ? &s->layer[layer].w[role] : NULL;
}

const vs_tensor *vs_model_weight(const vs_model *m, vs_role role, int stack, int layer) {
    const vs_weight *w = weight(m, role, stack, layer);
    return w ? &w->t : NULL;
}

size_t vs_model_window(const vs_model *m, int stack, size_t layer) {
    return stack >= 0 && stack < m->info.n_stacks && layer < m->stack[stack].L ? m->stack[stack].layer[layer].window : 0;
}

static vs_status need(vs_err *err, const vs_model *m, vs_role role, int stack, int layer, const vs_weight **out) {
    *out = weight(m, role, stack, layer);
    if (*out) return VS_OK;
    if (stack < 0 || stack >= m->info.n_stacks) return vs_fail(err, VS_E_RANGE, "%s has no stack %d", m->info.name, stack);
    size_t L = m->stack[stack].L;
    if ((unsigned)role < VS_ROLE_COUNT && per_layer[role] && (layer < 0 || (size_t)layer >= L))
        return vs_fail(err, VS_E_RANGE, "%s has layers 0 to %zu, not %d", m->info.name, L - 1, layer);
    return vs_fail(err, VS_E_UNSUPPORTED, "%s has no %s", m->info.name, vs_role_words(role));
}

vs_status vs_model_row_in(vs_err *err, const vs_model *m, vs_role role, int stack, int layer, size_t row, float *out) {
    const vs_weight *w;
    VS_TRY(need(err, m, role, stack, layer, &w));
    if (row >= vs_tensor_rows(&w->t))
        return vs_fail(err, VS_E_RANGE, "%s: row %zu of %zu (%s)", role_names[role], row, vs_tensor_rows(&w->t),
                       vs_role_words(role));
    size_t cols = vs_tensor_cols(&w->t);
    if (!w->vec) return vs_tensor_row_f32(err, &w->t, row, out);
    memcpy(out, w->vec + row * cols, cols * sizeof *out);
    return VS_OK;
}

vs_status vs_model_row(vs_err *err, const vs_model *m, vs_role role, int layer, size_t row, float *out) {
    return vs_model_row_in(err, m, role, m->info.n_stacks - 1, layer, row, out);
}

vs_status vs_model_column(vs_err *err, const vs_model *m, vs_role role, int layer, size_t col, float *out) {
    return vs_model_column_in(err, m, role, m->info.n_stacks - 1, layer, col, out);
}

/* A column crosses every row: of a quantised row only the block that holds it is widened. */
vs_status vs_model_column_in(vs_err *err, const vs_model *m, vs_role role, int stack, int layer, size_t col, float *out) {
    const vs_weight *w;
    VS_TRY(need(err, m, role, stack, layer, &w));
    const vs_tensor *t = &w->t;
    if (col >= vs_tensor_cols(t))
        return vs_fail(err, VS_E_RANGE, "%s: column %zu of %zu (%s)", role_names[role], col, vs_tensor_cols(t),
                       vs_role_words(role));
    if (w->vec) {
        for (size_t r = 0, n = vs_tensor_count(t) / vs_tensor_cols(t); r < n; r++) out[r] = w->vec[r * vs_tensor_cols(t) + col];
        return VS_OK;
    }
    if (!vs_tensor_in_rows(t)) {
        const char *p = (const char *)t->data + col * t->stride[1];
        for (size_t r = 0, n = vs_tensor_rows(t); r < n; r++) vs_widen(t->dtype, p + r * t->stride[0], out + r, 1);
        return VS_OK;
    }
    float block[256];
    const vs_dtype_info *type = vs_dtype_of(t->dtype);
    if (type->block > sizeof block / sizeof *block)
        return vs_fail(err, VS_E_UNSUPPORTED, "%s: blocks of %zu", role_names[role], type->block);
    for (size_t r = 0, n = vs_tensor_rows(t); r < n; r++) {
        const unsigned char *row = vs_tensor_row(t, r);
        vs_widen(t->dtype, row + col / type->block * type->block_bytes, block, type->block);
        out[r] = block[col % type->block];
    }
    return VS_OK;
}

vs_status vs_model_norm(vs_err *err, const vs_model *m, vs_role role, int layer, const float *x, size_t n, float *y) {
    const vs_stack_state *s = &m->stack[m->info.n_stacks - 1];
    size_t d = (size_t)m->hp[VS_HP_D];
    const vs_tensor *t = vs_model_weight(m, role, m->info.n_stacks - 1, layer);
    if (!t || vs_tensor_count(t) != d) return vs_fail(err, VS_E_UNSUPPORTED, "%s has no such norm of the stream", m->info.name);
    const vs_weight *g = per_layer[role] ? &s->layer[layer].w[role] : &s->w[role];
    const float *b = !strcmp(vs_role_words(role + 1), "its bias") ? (g + 1)->vec : NULL; /* roles.def: a bias follows its gain */
    for (size_t i = 0; i < n; i++) {
        if (s->spec->norm == VS_NORM_RMS) vs_rms_norm(x + i * d, g->vec, 0, s->eps, y + i * d, d);
        else vs_layer_norm(x + i * d, g->vec, b, s->eps, y + i * d, d);
    }
    return VS_OK;
}

vs_status vs_model_final_norm(vs_err *err, const vs_model *m, const float *x, size_t n, float *y) {
    if (m->stack[m->info.n_stacks - 1].spec->final_norm) return vs_model_norm(err, m, VS_ROLE_FINAL_NORM, -1, x, n, y);
    if (y != x) memmove(y, x, n * (size_t)m->hp[VS_HP_D] * sizeof *y);
    return VS_OK;
}

/* The masked-word head up to the unembedding: dense, non-linearity, norm (Devlin et al. 2019, BertLMPredictionHead).
 * x [n,d] to y [n,e]. */
static vs_status head_transform(vs_err *err, const vs_model *m, const float *x, size_t n, float *y) {
    const vs_stack_state *s = &m->stack[m->info.n_stacks - 1];
    size_t d = (size_t)m->hp[VS_HP_D], e = (size_t)m->hp[VS_HP_E];
    VS_TRY(vs_matmul(err, x, n, d, d, &s->w[VS_ROLE_HEAD_W].t, s->w[VS_ROLE_HEAD_B].vec, y, e, e));
    float steep;
    vs_act act = vs__head_act(m, &steep);
    for (size_t i = 0; i < n; i++) {
        if (steep != 1) vs_scale_by(y + i * e, steep, e);
        vs_activate(act, y + i * e, y + i * e, e);
        if (steep != 1) vs_scale_by(y + i * e, 1 / steep, e);
        vs_layer_norm(y + i * e, s->w[VS_ROLE_HEAD_NORM].vec, s->w[VS_ROLE_HEAD_NORM_B].vec, s->eps, y + i * e, e);
    }
    return VS_OK;
}

vs_status vs_model_unembed(vs_err *err, const vs_model *m, const float *x, size_t n, float *logits) {
    if (!m->info.has_logits)
        return vs_fail(err, VS_E_UNSUPPORTED, "%s has no head that gives words", m->info.name);
    const vs_stack_state *s = &m->stack[m->info.n_stacks - 1];
    size_t d = (size_t)m->hp[VS_HP_D], e = (size_t)m->hp[VS_HP_E], V = m->info.V, count;
    float *y = vs_mul(n, d + e, &count) ? vs_alloc(count, sizeof *y) : NULL, *read = y;
    if (!y) return vs_fail(err, VS_E_NOMEM, "%zu vectors to unembed", n);
    vs_status st = vs_model_final_norm(err, m, x, n, y);
    if (st == VS_OK && m->has[VS_PART_HEAD]) st = head_transform(err, m, y, n, read = y + n * d);
    if (s->head_scale != 1) vs_scale_by(read, s->head_scale, n * e);
    if (st == VS_OK) st = vs_matmul(err, read, n, e, e, &s->w[VS_ROLE_UNEMBED].t, s->w[VS_ROLE_UNEMBED_B].vec, logits, V, V);
    vs_free(y);
    if (st == VS_OK && m->info.logit_cap > 0) vs_soft_cap(logits, m->info.logit_cap, n * V);
    return st;
}

size_t vs_model_params_in(const vs_model *m, vs_role role, int stack) {
    size_t n = 0, times = (unsigned)role < VS_ROLE_COUNT && per_layer[role] ? m->stack[stack].L : 1;
    for (size_t l = 0; l < times; l++) {
        const vs_tensor *t = vs_model_weight(m, role, stack, (int)l);
        bool shared = stack > 0 && t && weight(m, role, 0, (int)l) && vs_model_weight(m, role, 0, (int)l)->data == t->data;
        if (t && !shared && !(role == VS_ROLE_UNEMBED && m->info.tied)) n += vs_tensor_count(t);
    }
    return n;
}

size_t vs_model_params_of(const vs_model *m, vs_role role) {
    size_t n = 0;
    for (int i = 0; i < m->info.n_stacks; i++) n += vs_model_params_in(m, role, i);
    return n;
}

const char *vs_role_name(vs_role role) {
    static const char *const names[] = {
#define ROLE(name, per_layer, shape, words) #name,
#include "roles.def"
#undef ROLE
    };
    return (unsigned)role < VS_ROLE_COUNT ? names[role] : "";
}
