/* rope.c - how far the heads of a model turn from one position to the next, from what its file says of it.
 *
 * Pair i of a head of n turning elements turns by theta^(-2i/n) (Su et al. 2021), slower where the model is meant for longer
 * texts.  Two ways depend on the length of the text: LongRoPE's (Ding et al. 2024), which has one list of divisors for texts up
 * to the context that the model began with and one for longer ones, and "dynamic", where in a text of T tokens beyond the
 * context C the base is theta (factor T / C - factor + 1)^(n / (n - 2)).  What counts is the length of each text by itself,
 * the rows of a cache included: so a text has the same bits whatever stands beside it, and a vector of it is that of one
 * pass over the whole of it, as transformers makes it without a cache.  (With one it keeps keys that were turned for a shorter
 * text; of its families Phi-3 alone starts anew, as every one does here: vs_kv_fit().) */
#include <math.h>

#include "rope.h"

static const double pi = 3.14159265358979323846;

static vs_rope_kind kind_of(const double *hp) { return (vs_rope_kind)hp[VS_HP_ROPE_KIND]; }

vs_status vs__rope_numbers(vs_err *err, const char *where, bool gguf, double *hp) {
    static const char *const names[] = {[VS_ROPE_LINEAR] = "linear", [VS_ROPE_DYNAMIC] = "dynamic", [VS_ROPE_LLAMA3] = "llama3"};
    vs_rope_kind kind = kind_of(hp);
    double *factor = &hp[VS_HP_ROPE_FACTOR];
    if (hp[VS_HP_ROPE_CONTEXT] == VS_HP_DERIVED) hp[VS_HP_ROPE_CONTEXT] = hp[VS_HP_CONTEXT];
    switch (kind) {
    case VS_ROPE_PLAIN: *factor = 1; break;
    case VS_ROPE_PROPORTIONAL:
        if (*factor <= 0) *factor = 1;
        break;
    case VS_ROPE_LONG:
        if (gguf && (*factor < 1 || *factor > 1))
            return vs_fail(err, VS_E_UNSUPPORTED, "%s: rotary angles divided by a factor of %g beside a list for each length", where, *factor);
        if (*factor <= 0) *factor = hp[VS_HP_CONTEXT] / hp[VS_HP_ROPE_CONTEXT];
        break;
    case VS_ROPE_YARN:
        if (*factor <= 0) *factor = hp[VS_HP_CONTEXT] / hp[VS_HP_ROPE_CONTEXT];
        break;
    case VS_ROPE_LINEAR:
    case VS_ROPE_DYNAMIC:
    case VS_ROPE_LLAMA3:
        if (*factor <= 0) return vs_fail(err, VS_E_FORMAT, "%s: rotary angles of type \"%s\" without a factor", where, names[kind]);
        break;
    }
    if (kind == VS_ROPE_LLAMA3 && !(hp[VS_HP_ROPE_LOW] > 0 && hp[VS_HP_ROPE_HIGH] > hp[VS_HP_ROPE_LOW]))
        return vs_fail(err, VS_E_FORMAT, "%s: rotary angles of type \"llama3\" want 0 < low_freq_factor < high_freq_factor, not %g and %g",
                       where, hp[VS_HP_ROPE_LOW], hp[VS_HP_ROPE_HIGH]);
    return VS_OK;
}

static double share_of(const double *hp, size_t dh) { return floor((double)dh * hp[VS_HP_ROPE_SHARE]); }

vs_status vs__rope_dims(vs_err *err, const char *where, const vs_stack *spec, const double *hp, size_t dh, size_t *out) {
    bool part = spec->rope_share && kind_of(hp) != VS_ROPE_PROPORTIONAL && hp[VS_HP_ROPE_SHARE] > 0;
    double dims = hp[VS_HP_ROPE_DIMS] > 0 ? hp[VS_HP_ROPE_DIMS] : part ? share_of(hp, dh) : (double)dh;
    if (part && hp[VS_HP_ROPE_DIMS] <= 0 && fmod(dims, 2) != 0) dims++; /* as many as transformers turns then */
    if (dims < 2 || dims > (double)dh || fmod(dims, 2) != 0)
        return vs_fail(err, VS_E_FORMAT, "%s: %.0f of the %zu elements of a head rotate: an odd number has no halves, and more there are not",
                       where, dims, dh);
    if (dims < 4 && kind_of(hp) == VS_ROPE_DYNAMIC)
        return vs_fail(err, VS_E_FORMAT, "%s: rotary angles of type \"dynamic\" want two pairs of a head that turn, not one", where);
    *out = (size_t)dims;
    return VS_OK;
}

/* The share of YaRN's division that each pair has (Peng et al. 2023, section 3.2): none where it turns more often than FAST in the
 * context before, all where less often than SLOW, and between the two a line over the pair's number. */
static float yarn_share(const double *hp, double dims, size_t i) {
    const double often[2] = {hp[VS_HP_YARN_FAST] > 0 ? hp[VS_HP_YARN_FAST] : 32, hp[VS_HP_YARN_SLOW] > 0 ? hp[VS_HP_YARN_SLOW] : 1};
    double at[2];
    for (int k = 0; k < 2; k++) {
        at[k] = dims * log(hp[VS_HP_ROPE_CONTEXT] / (often[k] * 2 * pi)) / (2 * log(hp[VS_HP_ROPE_THETA]));
        if (hp[VS_HP_YARN_WHOLE] != 0) at[k] = k ? ceil(at[k]) : floor(at[k]);
    }
    double from = at[0] > 0 ? at[0] : 0, to = at[1] < dims - 1 ? at[1] : dims - 1;
    if (!(fabs(to - from) > 0)) to = from + 0.001;
    float share = ((float)i - (float)from) / (float)(to - from);
    return share > 0 ? share < 1 ? share : 1 : 0;
}

double vs__yarn_gain(double factor, double of) { return factor <= 1 ? 1 : 0.1 * of * log(factor) + 1; }

/* What follows from the factor: for YaRN, and for LongRoPE as transformers has it. */
static double usual_gain(const double *hp) {
    double factor = hp[VS_HP_ROPE_FACTOR], of = hp[VS_HP_YARN_GAIN_OF], per = hp[VS_HP_YARN_GAIN_PER];
    if (kind_of(hp) == VS_ROPE_LONG) return factor <= 1 ? 1 : sqrt(1 + log(factor) / log(hp[VS_HP_ROPE_CONTEXT]));
    if (kind_of(hp) != VS_ROPE_YARN) return 1;
    return of > 0 && per > 0 ? vs__yarn_gain(factor, of) / vs__yarn_gain(factor, per) : vs__yarn_gain(factor, 1);
}

/* What rotated elements are multiplied by: what the file says, or what follows from the factor. */
static double gain(const double *hp) {
    bool said = hp[VS_HP_ROPE_GAIN] > 0 && (kind_of(hp) == VS_ROPE_LONG || kind_of(hp) == VS_ROPE_YARN);
    return (said ? hp[VS_HP_ROPE_GAIN] : usual_gain(hp)) * hp[VS_HP_ROPE_MORE];
}

/* How far pair i turns, rounded where Hugging Face rounds.  dims: vs_rotation.of   by: a list of divisors, or NULL. */
static float turn_of(const double *hp, double dims, const float *by, size_t i) {
    vs_rope_kind kind = kind_of(hp);
    double often = pow((double)(float)hp[VS_HP_ROPE_THETA], 2.0 * (double)i / dims);
    float t = (float)(1.0 / often), factor = (float)hp[VS_HP_ROPE_FACTOR], wave = (float)(2 * pi) / t;
    float low = (float)(hp[VS_HP_ROPE_CONTEXT] / hp[VS_HP_ROPE_LOW]), high = (float)(hp[VS_HP_ROPE_CONTEXT] / hp[VS_HP_ROPE_HIGH]);
    float share = kind == VS_ROPE_YARN ? yarn_share(hp, dims, i) : 1;
    bool still = kind == VS_ROPE_PROPORTIONAL && (double)i >= floor(hp[VS_HP_ROPE_SHARE] * dims / 2);
    if (kind == VS_ROPE_LONG) return 1.0f / (by[i] * (float)often);
    if (by) t /= by[i];
    if (kind == VS_ROPE_DYNAMIC || (by && kind != VS_ROPE_YARN)) return t;
    if (kind == VS_ROPE_YARN) return t / factor * share + t * (1 - share);
    if (kind != VS_ROPE_LLAMA3) return still ? 0 : t / factor;
    if (wave > low) return t / factor;
    if (wave < high) return t;
    double part = (hp[VS_HP_ROPE_CONTEXT] / (double)wave - hp[VS_HP_ROPE_LOW]) / (hp[VS_HP_ROPE_HIGH] - hp[VS_HP_ROPE_LOW]);
    return (float)((1 - part) * (double)t / (double)factor + part * (double)t);
}

/* The lists of LongRoPE: tensors of a GGUF file, numbers of config.json. */
static vs_status find_lists(vs_err *err, vs_model *m, const vs_config *c, const vs_stack_state *s, const vs_hp_row *rows,
                            vs_rotation *r) {
    const float *of[2] = {s->w[VS_ROLE_ROPE_SHORT].vec, s->w[VS_ROLE_ROPE_LONG].vec};
    if (c->gguf && (!of[0] || !of[1]))
        return vs_fail(err, VS_E_FORMAT, "%s: no list of what rotary angles are divided by in %s texts", c->where, of[0] ? "long" : "short");
    for (int k = 0; k < 2 && !c->gguf; k++) {
        float *list = vs_arena_alloc(&m->arena, r->dims / 2, sizeof *list);
        if (!list) return vs_fail(err, VS_E_NOMEM, "%s: rotary angles", c->where);
        VS_TRY(vs__config_factors(err, c, rows, k ? "long_factor" : "short_factor", r->dims / 2, list));
        of[k] = list;
    }
    r->by = of[0], r->by_longer = of[1];
    return VS_OK;
}

vs_status vs__rotation(vs_err *err, vs_model *m, const vs_config *c, const vs_stack_state *s, size_t dh, double *hp,
                       const vs_hp_row *rows, vs_rotation *r) {
    bool full = hp == m->hp;
    *r = (vs_rotation){0};
    VS_TRY(vs__rope_dims(err, c->where, s->spec, hp, dh, &r->dims));
    r->of = (double)r->dims;
    if (s->spec->rope_share && kind_of(hp) != VS_ROPE_PROPORTIONAL && share_of(hp, dh) == r->of - 1) r->of--;
    if (full && s->w[VS_ROLE_ROPE_LONG].vec) hp[VS_HP_ROPE_KIND] = VS_ROPE_LONG; /* not every GGUF file says so beside the list */
    vs_rope_kind kind = kind_of(hp);
    if (full) r->by = s->w[VS_ROLE_ROPE_TURNS].vec;
    if (kind == VS_ROPE_LONG) VS_TRY(find_lists(err, m, c, s, rows, r));
    r->gain = (float)gain(hp);
    if (!isfinite(r->gain) || !(r->gain > 0))
        return vs_fail(err, VS_E_FORMAT, "%s: rotated elements would be multiplied by %g", c->where, (double)r->gain);
    size_t half = r->dims / 2;
    float *turn = vs_arena_alloc(&m->arena, 2 * half, sizeof *turn), *longer = turn + half;
    if (!turn) return vs_fail(err, VS_E_NOMEM, "%s: rotary angles", c->where);
    for (size_t i = 0; i < half; i++) turn[i] = turn_of(hp, r->of, r->by, i);
    for (size_t i = 0; i < half && kind == VS_ROPE_LONG; i++) longer[i] = turn_of(hp, r->of, r->by_longer, i);
    r->turn = turn;
    if (kind == VS_ROPE_LONG) r->longer = longer, r->limit = (size_t)hp[VS_HP_ROPE_CONTEXT];
    if (kind == VS_ROPE_DYNAMIC) r->limit = (size_t)hp[VS_HP_CONTEXT], r->theta = hp[VS_HP_ROPE_THETA], r->factor = hp[VS_HP_ROPE_FACTOR];
    return VS_OK;
}

size_t vs__turned_for(const vs_rotation *r, size_t T) { return !r->limit || T <= r->limit ? 0 : r->longer ? r->limit + 1 : T; }

float vs__turn(const vs_rotation *r, size_t T, size_t i) {
    if (!r->limit || T <= r->limit) return r->turn[i];
    if (r->longer) return r->longer[i];
    float grown = (float)r->factor * (float)T / (float)r->limit - (float)(r->factor - 1), n = (float)r->of;
    float theta = (float)r->theta * powf(grown, n / (n - 2)); /* single precision, as there */
    return (float)(1.0 / pow((double)theta, 2.0 * (double)i / r->of));
}

size_t vs__text_turned_for(const vs_model *m, size_t T) {
    size_t most = 0;
    for (int i = 0; i < m->info.n_stacks; i++)
        for (size_t l = 0; l < m->stack[i].L; l++) {
            const vs_rotation *r = m->stack[i].layer[l].rotation;
            size_t n = r ? vs__turned_for(r, T) : 0;
            if (n > most) most = n;
        }
    return most;
}
