/* direct.c - see direct.h. */
#include "direct.h"

#include <math.h>
#include <string.h>

vs_status vs_direct_open(vs_err *err, const vs_model *m, const float *stream, vs_direct *x) {
    *x = (vs_direct){.m = m};
    const vs_model_info *in = vs_model_info_of(m);
    const vs_stack_info *k = &in->stack[in->n_stacks - 1];
    int stack = in->n_stacks - 1;
    x->W_U = vs_model_weight(m, VS_ROLE_UNEMBED, stack, 0);
    if (!in->has_logits || !x->W_U)
        return vs_fail(err, VS_E_UNSUPPORTED, "%s has no unembedding to write to", in->name);
    if (k->post_norm || in->masked)
        return vs_fail(
            err, VS_E_UNSUPPORTED,
            "%s normalises after each sum: its parts do not add up to a logit; this probe wants a pre-norm decoder",
            in->name);
    x->d = k->d;
    x->V = in->V;
    x->gain = vs_alloc(k->d, sizeof *x->gain);
    if (!x->gain) return vs_fail(err, VS_E_NOMEM, "no memory for a norm's gain");
    const vs_tensor *g = vs_model_weight(m, VS_ROLE_FINAL_NORM, stack, 0);
    x->centred = g && !k->rms;
    x->scale = 1; /* until the norm's is known */
    vs_status s = VS_OK;
    if (g)
        s = vs_model_row(err, m, VS_ROLE_FINAL_NORM, 0, 0, x->gain);
    else
        for (size_t i = 0; i < k->d; i++) x->gain[i] = 1;
    float *y = s == VS_OK && g ? vs_alloc(k->d, sizeof *y) : NULL;
    if (s == VS_OK &&
        g) { /* the scale from the norm itself: y = (x - mean) * scale * gain + bias, at the largest coordinate */
        size_t at = 0;
        double mean = x->centred ? (double)vs_sum(stream, k->d) / (double)k->d : 0;
        s = y ? vs_model_final_norm(err, m, stream, 1, y) : vs_fail(err, VS_E_NOMEM, "no memory for a norm");
        for (size_t i = 0; s == VS_OK && i < k->d; i++)
            if (fabs(((double)stream[i] - mean) * (double)x->gain[i]) >
                fabs(((double)stream[at] - mean) * (double)x->gain[at]))
                at = i;
        float bias = 0, *b = NULL;
        if (s == VS_OK && vs_model_weight(m, VS_ROLE_FINAL_NORM_B, stack, 0)) {
            b = vs_alloc(k->d, sizeof *b);
            s = b ? vs_model_row(err, m, VS_ROLE_FINAL_NORM_B, 0, 0, b)
                  : vs_fail(err, VS_E_NOMEM, "no memory for a norm");
            if (s == VS_OK) bias = b[at];
        }
        double denominator = ((double)stream[at] - mean) * (double)x->gain[at];
        if (s == VS_OK) x->scale = denominator != 0 ? (float)(((double)y[at] - (double)bias) / denominator) : 0;
        vs_free(b);
    }
    vs_free(y);
    x->scale *= in->head_scale;
    if (s != VS_OK) vs_direct_close(x);
    return s;
}

void vs_direct_close(vs_direct *x) {
    vs_free(x->gain);
    *x = (vs_direct){0};
}

vs_status vs_direct_row(vs_err *err, const vs_direct *x, size_t t, float *dir) {
    VS_TRY(vs_tensor_row_f32(err, x->W_U, t, dir));
    vs_mul_into(dir, x->gain, dir, x->d);
    vs_scale_by(dir, x->scale, x->d);
    if (x->centred) {
        float mean = vs_sum(dir, x->d) / (float)x->d;
        for (size_t i = 0; i < x->d; i++) dir[i] -= mean; /* centring is its own transpose */
    }
    return VS_OK;
}

vs_status vs_direct_logits(vs_err *err, const vs_direct *x, const float *v, size_t n, float *logits) {
    float *y = vs_alloc(n, x->d * sizeof *y);
    if (!y) return vs_fail(err, VS_E_NOMEM, "no memory for %zu vectors", n);
    for (size_t r = 0; r < n; r++) {
        float *row = y + r * x->d, mean = x->centred ? vs_sum(v + r * x->d, x->d) / (float)x->d : 0;
        for (size_t i = 0; i < x->d; i++) row[i] = (v[r * x->d + i] - mean) * x->gain[i] * x->scale;
    }
    vs_status s = vs_matmul(err, y, n, x->d, x->d, x->W_U, NULL, logits, x->V, x->V);
    vs_free(y);
    return s;
}

vs_status vs_direct_branch(vs_err *err, const vs_direct *x, vs_role gain, int layer, const float *raw, float *mul) {
    const vs_model_info *in = vs_model_info_of(x->m);
    if (!vs_model_weight(x->m, gain, in->n_stacks - 1, layer)) {
        for (size_t i = 0; i < x->d; i++) mul[i] = 1;
        return VS_OK;
    }
    float *added = vs_alloc(x->d, sizeof *added);
    if (!added) return vs_fail(err, VS_E_NOMEM, "no memory for a norm");
    vs_status s = vs_model_row(err, x->m, gain, layer, 0, mul);
    if (s == VS_OK) s = vs_model_norm(err, x->m, gain, layer, raw, 1, added);
    size_t at = 0;
    for (size_t i = 0; s == VS_OK && i < x->d; i++)
        if (fabsf(raw[i] * mul[i]) > fabsf(raw[at] * mul[at])) at = i;
    float denominator = raw[at] * mul[at];
    if (s == VS_OK) vs_scale_by(mul, denominator != 0 ? added[at] / denominator : 0, x->d);
    vs_free(added);
    return s;
}

vs_status vs_direct_words(vs_err *err, const vs_direct *x, const vs_tokenizer *tok, const float *logits, size_t k,
                          vs_buf *out) {
    size_t *idx = vs_alloc(k, sizeof *idx);
    if (!idx) return vs_fail(err, VS_E_NOMEM, "no memory for %zu words", k);
    size_t n = vs_top_k(logits, x->V, k, idx);
    for (size_t i = 0; i < n; i++) {
        vs_buf piece = {0};
        vs_piece_text(tok, (int32_t)idx[i], &piece);
        const char *p = piece.s ? piece.s : "";
        if (i) vs_buf_putc(out, ' ');
        if (*p == ' ') { /* the blank is part of the piece: show it */
            vs_buf_puts(out, "·");
            p++;
        }
        vs_buf_puts(out, p);
        vs_buf_free(&piece);
    }
    vs_free(idx);
    return VS_OK;
}
