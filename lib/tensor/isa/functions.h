/* functions.h - exp, tanh, the normal distribution, log: our own, so that their bits are the same everywhere.
 *
 * The polynomials come from tests/oracle/fit_functions.py, which prints their errors too. */
#ifndef VS_TENSOR_FUNCTIONS_H
#define VS_TENSOR_FUNCTIONS_H

#include "lanes.h"

/* c[0] + c[1] x + … + c[n-1] x^(n-1), by Horner's rule. */
INLINE v16 v_poly(v16 x, const float *c, int n) {
    v16 y = v_set(c[n - 1]);
    UNROLLED (i, n - 1) y = v_fma(y, x, v_set(c[(size_t)n - 2 - i]));
    return y;
}

/* exp: within 2 units in the last place; subnormal results too; exp(-inf) = 0, exp(inf) = inf, NaN stays. */
INLINE v16 v_exp(v16 x) {
    static const float p[] = {0x1.000000p-1f, 0x1.55548ep-3f, 0x1.55545ep-5f, 0x1.123b46p-7f, 0x1.6db410p-10f};
    x = v_min(v_set(89.0f), v_max(v_set(-105.0f), x)); /* beyond: inf and 0, by the scaling below */
    v16 n = v_round(v_mul(x, v_set(0x1.715476p+0f)));
    v16 r = v_fma(n, v_set(-0x1.62e400p-1f), x); /* ln 2 in two parts; n times the first is exact */
    r = v_fma(n, v_set(-0x1.7f7d1cp-20f), r);
    v16 y = v_fma(v_mul(r, r), v_poly(r, p, 5), r);
    v16 half = v_round(v_mul(n, v_set(0.5f))); /* 2^n in two factors: each is a normal number */
    return v_mul(v_mul(v_add(y, v_set(1)), v_pow2(half)), v_pow2(v_sub(n, half)));
}

/* tanh: within 3 units in the last place. */
INLINE v16 v_tanh(v16 x) {
    static const float p[] = {-0x1.555554p-2f, 0x1.11106cp-3f,  -0x1.b9ef7cp-5f,
                              0x1.6394d8p-6f,  -0x1.0c213ep-7f, 0x1.197b62p-9f};
    v16 a = v_abs(x), z = v_mul(x, x), one = v_set(1);
    v16 small = v_fma(v_mul(z, x), v_poly(z, p, 6), x);
    v16 large = v_sub(one, v_div(v_set(2), v_add(v_exp(v_add(a, a)), one)));
    return v_less(a, v_set(0.625f), small, v_sign(large, x));
}

/* The normal distribution function (1 + erf(x / sqrt 2)) / 2: absolute error below 1e-7, and the lower tail keeps its
 * relative accuracy (4e-6 at -8), so that GELU fades out smoothly. */
INLINE v16 v_normal(v16 x) {
    static const float p[] = {0x1.b93472p-4f,  0x1.b8cb26p-4f, 0x1.9f0b34p-4f,  0x1.2e5146p-4f, 0x1.a9c232p-4f,
                              -0x1.05b9f2p-4f, 0x1.52ad92p-3f, -0x1.fdb8b4p-4f, 0x1.d3e4f8p-6f};
    v16 t = v_abs(x), one = v_set(1), u = v_div(one, v_fma(v_set(0.27f), t, one));
    v16 density = v_exp(v_mul(v_mul(t, v_set(-0.5f)), t));
    v16 tail = v_mul(v_mul(density, u), v_poly(u, p, 9));
    return v_less(x, v_zero(), tail, v_sub(one, tail));
}

/* log of a positive, finite, normal number, correctly rounded but for rare ties:
 * ln(m 2^e) = e ln 2 + 2 atanh((m-1)/(m+1)), in double. */
INLINE float f_log(float x) {
    int e;
    double m = (double)frexpf(x, &e) * 2 - 1; /* x = (1 + m) 2^(e-1), 0 <= m < 1 */
    double s = m / (m + 2), z = s * s, term = s, sum = 0;
    for (int k = 1; k < 36; k += 2, term *= z) sum += term / k;
    return (float)((e - 1) * 0x1.62e42fefa39efp-1 + 2 * sum);
}

#endif
