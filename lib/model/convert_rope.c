/* convert_rope.c - the divisors of rotary angles in the words of the other format: LongRoPE's lists, which are tensors in GGUF,
 * and LLaMA 3's slower rotation (Dubey et al. 2024).
 *
 * Of that one config.json has four numbers: a factor by which slow angles are divided, the wavelengths (as shares of a context) between
 * which the division sets in, and that context.  GGUF files have what each angle is divided by. */
#include <math.h>

#include "convert_impl.h"

/* The angle that pair i would turn by without any division. */
static float plain_turn(const vs__conversion *c, size_t i) {
    double theta = (double)(float)c->m->hp[VS_HP_ROPE_THETA];
    return (float)(1.0 / pow(theta, 2.0 * (double)i / (double)c->m->stack[0].rope_dims));
}

/* The divisor of t that gives turn to the last bit, where there is one. */
static float divisor(float t, float turn) {
    float by = t / turn;
    for (int k = -2; k <= 2; k++) {
        float near = by;
        for (int n = 0; n < (k < 0 ? -k : k); n++) near = nextafterf(near, k < 0 ? 0.0f : INFINITY);
        if (t / near == turn) return near;
    }
    return by;
}

/* Numbers to list. */
static vs_status make_list(vs_err *err, vs__conversion *c) {
    const vs_stack_state *s = &c->m->stack[0];
    size_t n = s->rope_dims / 2;
    float *by = vs_arena_alloc(&c->m->arena, n, sizeof *by);
    if (!by) return vs_fail(err, VS_E_NOMEM, "%s: rotary angles", c->to);
    for (size_t i = 0; i < n; i++) by[i] = divisor(plain_turn(c, i), s->full.turn[i]);
    c->turns.vec = by;
    return vs_tensor_over(err, by, VS_F32, 1, &n, &c->turns.t, NULL);
}

/* What pair i is divided by where the numbers are these. */
static double divided_by(double t, double factor, double low, double high, double context) {
    double wave = 2 * 3.14159265358979323846 / t;
    if (wave > context / low) return factor;
    if (wave < context / high) return 1;
    double part = (context / wave - low) / (high - low);
    return 1 / ((1 - part) / factor + part);
}

typedef struct numbers {
    double factor, low, high, context;
} numbers;

/* The numbers that a list follows from, as far as it tells: the factor is the largest divisor; between the wavelengths the
 * inverse divisors lie on a line over the inverse wavelength, by which high and context are known for low = 1 (all three may
 * be scaled alike).  Where no angle lies there, high is 4, as in every LLaMA 3. */
static numbers guess(const vs__conversion *c, const float *by, size_t n) {
    numbers g = {1, 1, 4, 8192};
    double sx = 0, sy = 0, sxx = 0, sxy = 0, between = 0, undivided = 0;
    for (size_t i = 0; i < n; i++) g.factor = (double)by[i] > g.factor ? (double)by[i] : g.factor;
    for (size_t i = 0; i < n; i++) {
        double x = (double)plain_turn(c, i) / (2 * 3.14159265358979323846), y = (1 / (double)by[i] - 1 / g.factor) / (1 - 1 / g.factor);
        if (y > 1 - 1e-5) undivided = 1 / x;
        if (y <= 1e-5 || y >= 1 - 1e-5) continue;
        between++, sx += x, sy += y, sxx += x * x, sxy += x * y;
    }
    if (between >= 2) {
        double a = (between * sxy - sx * sy) / (between * sxx - sx * sx), b = (sy - a * sx) / between;
        g.high = round((1 - 1 / b) * 1000) / 1000;
        g.context = a * (g.high - 1);
    } else if (between == 1) { /* one angle fits many pairs of high and context: a context is a whole number */
        static const double usual[] = {4, 2, 8, 16, 32};
        for (size_t k = 0; k < sizeof usual / sizeof *usual; k++) {
            double context = (1 + sy * (usual[k] - 1)) / sx;
            if (k && fabs(context - round(context)) > 1e-5 * context) continue;
            g.high = usual[k];
            g.context = context;
            if (fabs(context - round(context)) <= 1e-5 * context) break;
        }
    } else if (undivided * g.high > g.context)
        g.context = undivided * g.high * 1.001;
    g.context = round(g.context);
    return g;
}

/* List to numbers. */
static vs_status find_numbers(vs_err *err, vs__conversion *c, const float *by) {
    size_t n = c->m->stack[0].rope_dims / 2;
    numbers g = guess(c, by, n);
    for (size_t i = 0; i < n; i++) {
        double want = divided_by((double)plain_turn(c, i), g.factor, g.low, g.high, g.context);
        if (!(fabs((double)by[i] / want - 1) < 1e-4))
            return vs_fail(err, VS_E_UNSUPPORTED,
                           "%s: config.json cannot say what its rotary angles are divided by: pair %zu by %g, the nearest numbers give %g",
                           c->to, i, (double)by[i], want);
    }
    c->m->hp[VS_HP_ROPE_KIND] = VS_ROPE_LLAMA3;
    c->m->hp[VS_HP_ROPE_FACTOR] = g.factor;
    c->m->hp[VS_HP_ROPE_LOW] = g.low;
    c->m->hp[VS_HP_ROPE_HIGH] = g.high;
    c->m->hp[VS_HP_ROPE_CONTEXT] = g.context;
    return VS_OK;
}

static vs_status as_tensor(vs_err *err, const float *by, size_t n, vs_weight *out) {
    out->vec = (float *)(uintptr_t)by;
    return vs_tensor_over(err, by, VS_F32, 1, &n, &out->t, NULL);
}

vs_status vs__convert_rope(vs_err *err, vs__conversion *c) {
    const vs_stack_state *s = &c->m->stack[0];
    const float *by = s->w[VS_ROLE_ROPE_TURNS].vec;
    const double kind = c->m->hp[VS_HP_ROPE_KIND];
    if (!s->rope_dims) return VS_OK;
    if (c->gguf && kind == VS_ROPE_LLAMA3) return make_list(err, c);
    if (c->gguf && kind == VS_ROPE_LONG) {
        VS_TRY(as_tensor(err, s->full.by, s->full.dims / 2, &c->shorter));
        return as_tensor(err, s->full.by_longer, s->full.dims / 2, &c->longer);
    }
    if (!c->gguf && by) return find_numbers(err, c, by);
    return VS_OK;
}
