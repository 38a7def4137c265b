/* by_layer.c - a word of a text by layers. */
#include "by_layer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

void vs_by_layer_free(vs_by_layer *y) {
    vs_free(y->site);
    *y = (vs_by_layer){0};
}

vs_status vs_by_layer_new(vs_err *err, vs_session *s, const char *stack, vs_by_layer *y) {
    *y = (vs_by_layer){.s = s};
    VS_TRY(vs_session_model(err, s, &y->m));
    const vs_model_info *in = vs_model_info_of(y->m);
    size_t shape[VS_MAX_DIMS] = {0};
    if (stack && in->n_stacks < 2) return vs_fail(err, VS_E_USAGE, "%s has one stack, so --stack has no choice", in->name);
    y->stack = stack && !strcmp(stack, "decoder");
    y->L = in->stack[y->stack].L;
    y->rows = y->L + 2;
    y->d = in->stack[y->stack].d;
    y->site = vs_zalloc(y->rows, sizeof *y->site);
    if (!y->site) return vs_fail(err, VS_E_NOMEM, "no memory for %zu layers", y->rows);
    y->site[0] = (vs_site){.kind = VS_SITE_EMBED, .layer = -1, .head = -1};
    for (size_t l = 0; l <= y->L; l++) y->site[l + 1] = (vs_site){.kind = VS_SITE_RESID_PRE, .layer = (int16_t)l, .head = -1};
    for (size_t r = 0; r < y->rows; r++) y->site[r].stack = (uint8_t)y->stack;
    vs_site_dims(y->m, y->site[0], 1, 1, shape);
    y->embed = shape[1];
    y->stride = y->embed > y->d ? y->embed : y->d;
    return VS_OK;
}

size_t vs_by_layer_width(const vs_by_layer *y, size_t row) { return row ? y->d : y->embed; }

const char *vs_by_layer_name(size_t row, char buf[VS_LAYER_NAME]) {
    if (row) snprintf(buf, VS_LAYER_NAME, "%zu", row - 1);
    return row ? buf : "embedding";
}

vs_status vs_by_layer_of(vs_err *err, const vs_by_layer *y, const char *text, const char *at, float *x, size_t *token) {
    vs_text_input in = {.text = vs_strndup(text, strlen(text))};
    vs_pass *pass = NULL;
    size_t from = 0, to = 0;
    vs_request rq = {.keep = y->site, .n_keep = y->rows};
    vs_status st = in.text ? vs_session_tokenize(err, y->s, text, strlen(text), &in.tokens) : vs_fail(err, VS_E_NOMEM, "no memory for a text");
    if (st == VS_OK && y->stack) st = vs_session_decoder_input(err, y->s, text, strlen(text), true, &in);
    const vs_tokens *t = y->stack ? &in.decoder : &in.tokens;
    if (st == VS_OK) st = vs_position_find(err, y->m, y->stack, text, t, at, strlen(at), &from, &to);
    if (st == VS_OK) st = vs_session_run(err, y->s, &in, &rq, &pass);
    for (size_t r = 0; st == VS_OK && r < y->rows; r++) {
        vs_tensor v;
        float *out = x + r * y->stride;
        st = vs_pass_site(err, pass, y->site[r], 0, &v);
        if (st == VS_OK && (v.ndim != 2 || v.shape[1] != vs_by_layer_width(y, r) || to >= v.shape[0]))
            st = vs_fail(err, VS_E_SHAPE, "layer %zu has other vectors than were asked for", r);
        if (st != VS_OK) break;
        memset(out, 0, y->stride * sizeof *out);
        for (size_t i = from; i <= to; i++) vs_axpy(1.0f / (float)(to - from + 1), vs_tensor_row(&v, i), out, v.shape[1]);
    }
    *token = to;
    vs_pass_free(pass);
    vs_text_input_free(&in);
    return st;
}

double vs_by_layer_rest(const float *a, const float *b, size_t n) {
    enum { LARGEST = 3 };
    size_t out[LARGEST];
    if (n <= LARGEST) return (double)NAN;
    for (size_t k = 0; k < LARGEST; k++) {
        double most = -1;
        for (size_t i = 0; i < n; i++) {
            double size = (double)a[i] * (double)a[i] + (double)b[i] * (double)b[i];
            bool taken = (k > 0 && i == out[0]) || (k > 1 && i == out[1]);
            if (size > most && !taken) most = size, out[k] = i;
        }
    }
    double ab = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < n; i++) {
        if (i == out[0] || i == out[1] || i == out[2]) continue;
        ab += (double)a[i] * (double)b[i];
        aa += (double)a[i] * (double)a[i];
        bb += (double)b[i] * (double)b[i];
    }
    return aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : 0;
}

vs_status vs_by_layer_draw(vs_err *err, const vs_by_layer *y, const char *what, const char *const *line, size_t n, const float *cosine, vs_out *o) {
    enum { WIDE = 256 };
    char name[WIDE][VS_LAYER_NAME];
    const char *label[WIDE];
    if (y->rows > WIDE || vs_out_is_data(o)) return VS_OK;
    float *apart = vs_alloc(n, y->rows * sizeof *apart), most = 0;
    if (!apart) return vs_fail(err, VS_E_NOMEM, "no memory for %zu layers", y->rows);
    for (size_t i = 0; i < n * y->rows; i++) {
        apart[i] = cosine[i] < 1 ? 1 - cosine[i] : cosine[i] - cosine[i]; /* NaN stays */
        if (apart[i] > most) most = apart[i];
    }
    for (size_t r = 0; r < y->rows; r++) label[r] = r ? vs_by_layer_name(r, name[r]) : "e";
    vs_out_heading(o, "How far apart by layer: 1 - %s (e: the embedding)", what);
    vs_out_matrix(o, "apart", apart, n, y->rows, line, label, 0, (double)most);
    vs_free(apart);
    return VS_OK;
}
