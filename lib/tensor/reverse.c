/* reverse.c - see reverse.h.  Hands each call to the instruction set in use, products in outer.c. */
#include "reverse.h"

#include "kernels_table.h"

void vs_add_rows(const float *x, size_t n_rows, size_t ldx, size_t n, float *y) {
    vs__kernels_in_use()->add_rows(x, n_rows, ldx, n, y);
}
void vs_layer_norm_back(const float *x, const float *g, float eps, const float *dy, float *dx, float stats[2], size_t n) {
    vs__kernels_in_use()->layer_norm_back(x, g, eps, dy, dx, stats, n);
}
void vs_rms_norm_back(const float *x, const float *g, float eps, const float *dy, float *dx, float stats[2], size_t n) {
    vs__kernels_in_use()->rms_norm_back(x, g, eps, dy, dx, stats, n);
}
void vs_norm_gain_back(const float *x, const float *dy, const float *stats, size_t n_rows, size_t ld, size_t n, float *dg,
                       float *db) {
    vs__kernels_in_use()->norm_gain_back(x, dy, stats, n_rows, ld, n, dg, db);
}
void vs_softmax_back(const float *p, const float *dp, float *ds, size_t n) {
    vs__kernels_in_use()->softmax_back(p, dp, ds, n);
}
void vs_activate_back(vs_act act, const float *x, const float *dy, float *dx, size_t n) {
    vs__kernels_in_use()->activate_back(act, x, dy, dx, n);
}
void vs_rope_back(float *x, size_t H, size_t dh, size_t n, const float *cos, const float *sin) {
    vs__kernels_in_use()->rope_back(x, H, dh, n, cos, sin);
}

void vs_pull_pairs(const vs_pull *pair, size_t pairs, float *x, float *y, size_t n, float rate) {
    vs__kernels_in_use()->pull_pairs(pair, pairs, x, y, n, rate);
}
