/* finite.c - numbers that are none: seen when a pass is done, and traced to the weight they come from.
 *
 * A model opens without its matrices being read, so a file with a NaN in one is found here: by a sum over what the
 * pass keeps.  Only where that fails are the weights read, for a message that names the one at fault. */
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>

#include "../base/parallel.h"
#include "../tensor/kernels.h"
#include "exec.h"

enum { SEARCHED = 1 << 14 }; /* numbers that are worth another thread */

/* The first number of x[n] that is not finite, n where all are.  Sums of finite numbers may overflow: then one looks. */
static size_t first_bad(const float *x, size_t n) {
    if (isfinite(vs_sum(x, n))) return n;
    size_t i = 0;
    while (i < n && isfinite(x[i])) i++;
    return i;
}

/* Numbers that threads look through together, and how many of them are whole before the first that is not finite. */
typedef struct search {
    const float *x;
    atomic_size_t good;
} search;

static void search_span(void *arg, size_t from, size_t to, int worker) {
    search *s = arg;
    size_t at = from + first_bad(s->x + from, to - from), good = atomic_load(&s->good);
    (void)worker;
    while (at < to && at < good && !atomic_compare_exchange_weak(&s->good, &good, at)) {}
}

static const char *kind_of(float x) { return isnan(x) ? "not a number" : "infinite"; }

/* Whether a weight holds such a number; says so in err.  buf [cols]. */
static bool blame_weight(vs_err *err, const vs_model *m, vs_role role, int layer, const vs_tensor *t, float *buf) {
    size_t cols = vs_tensor_cols(t);
    for (size_t r = 0, rows = vs_tensor_rows(t); r < rows; r++) {
        if (vs_tensor_row_f32(NULL, t, r, buf) != VS_OK) return false;
        size_t i = first_bad(buf, cols);
        if (i == cols) continue;
        char where[32] = "";
        if (layer >= 0) snprintf(where, sizeof where, "layer %d, ", layer);
        (void)vs_fail(err, VS_E_NUMERIC, "%s: %s%s (%s): element %zu of row %zu is %s", m->info.path, where,
                      vs_role_name(role), vs_role_words(role), i, r, kind_of(buf[i]));
        return true;
    }
    return false;
}

static bool blame_all(vs_err *err, const vs_model *m, int layer, const vs_weight *w, float *buf, size_t cap) {
    for (int role = 0; role < VS_ROLE_COUNT; role++) {
        const vs_tensor *t = &w[role].t;
        if (t->data && vs_tensor_cols(t) <= cap && blame_weight(err, m, (vs_role)role, layer, t, buf)) return true;
    }
    return false;
}

static size_t widest(const vs_weight *w, size_t most) {
    for (int role = 0; role < VS_ROLE_COUNT; role++)
        if (w[role].t.data && vs_tensor_cols(&w[role].t) > most) most = vs_tensor_cols(&w[role].t);
    return most;
}

void vs__blame_weight(vs_err *err, const vs_model *m) {
    size_t cap = 0;
    for (int k = 0; k < m->info.n_stacks; k++) {
        cap = widest(m->stack[k].w, cap);
        for (size_t l = 0; l < m->stack[k].L; l++) cap = widest(m->stack[k].layer[l].w, cap);
    }
    float *buf = vs_alloc(cap, sizeof *buf);
    if (!buf) return; /* the message that is there stays */
    bool found = false;
    for (int k = 0; k < m->info.n_stacks && !found; k++) {
        for (size_t l = 0; l < m->stack[k].L && !found; l++)
            found = blame_all(err, m, (int)l, m->stack[k].layer[l].w, buf, cap);
        if (!found) found = blame_all(err, m, -1, m->stack[k].w, buf, cap);
    }
    vs_free(buf);
}

vs_status vs__pass_finite(vs_err *err, const vs_pass *p) {
    for (size_t i = 0; i < p->plan->n_slots; i++) {
        const vs_slot *s = &p->plan->slot[i];
        if (!s->kept || s->kind == VS_ROWS_EDGES) continue; /* attention itself refuses scores that are no numbers */
        const float *x = p->mem + s->offset;
        search all = {x, s->size};
        vs_parallel_for(s->size, SEARCHED, search_span, &all);
        size_t at = atomic_load(&all.good), row = s->heads * s->width;
        if (at < s->size)
            return vs_fail(err, VS_E_NUMERIC, "%s: number %zu of row %zu of the result is %s", p->m->info.path, at % row,
                           at / row, kind_of(x[at]));
    }
    return VS_OK;
}
