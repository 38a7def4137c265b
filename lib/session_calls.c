/* session_calls.c - addresses that are calls: file("a.npy"), sql("select vec …"), cluster(word, k). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/format.h"
#include "numeric/kmeans.h"
#include "session_impl.h"
#include "tensor/kernels.h"

static vs_status no_memory(vs_err *err) { return vs_fail(err, VS_E_NOMEM, "no memory for a vector"); }

vs_status vs__eval_argument(vs_err *err, vs_session *s, const vs_addr *a, size_t i, vs_value *out) {
    enum { NESTING = 16 };
    if (s->nested >= NESTING) return vs_fail(err, VS_E_SYNTAX, "calls within calls, more than %d deep", NESTING);
    s->nested++;
    vs_status st = vs_session_eval(err, s, a->written[i], strlen(a->written[i]), out);
    s->nested--;
    return st;
}

/* ---- file("f") ---- */

/* file("a.npy") or file("a.safetensors:name"): a tensor of one row. */
vs_status vs__resolve_file(vs_err *err, vs_session *s, const vs_addr *a, vs_value *out) {
    (void)s;
    if (a->n_args != 1) return vs_fail(err, VS_E_SYNTAX, "file wants one path: file(\"a.npy\")");
    char path[4096];
    snprintf(path, sizeof path, "%s", a->args[0]);
    vs_file *f = NULL;
    const char *name = NULL;
    vs_status st = vs_file_open(err, path, &f);
    char *colon = strrchr(path, ':');
    if (st == VS_E_UNKNOWN && colon) {
        *colon = '\0';
        name = colon + 1;
        st = vs_file_open(err, path, &f);
    }
    VS_TRY(st);
    const vs_tensor *t = name ? vs_file_find(f, name) : vs_file_tensor(f, 0, NULL);
    if (!t)
        st = vs_fail(err, VS_E_UNKNOWN, "%s has no tensor %s", path, name ? name : "at all");
    else if (vs_tensor_rows(t) != 1)
        st = vs_fail(err, VS_E_SHAPE, "%s%s%s: wanted one vector, found %zu rows", path, name ? ":" : "",
                     name ? name : "", vs_tensor_rows(t));
    if (st == VS_OK) {
        out->dim = vs_tensor_cols(t);
        out->vec = vs_alloc(out->dim, sizeof *out->vec);
        st = out->vec ? vs_tensor_row_f32(err, t, 0, out->vec) : no_memory(err);
    }
    for (size_t i = 0; st == VS_OK && i < out->dim; i++)
        if (!isfinite(out->vec[i]))
            st = vs_fail(err, VS_E_NUMERIC, "%s%s%s: number %zu is not finite", path, name ? ":" : "", name ? name : "",
                         i);
    vs_file_close(f);
    return st;
}

/* ---- sql("select vec …") ---- */

/* The rows of a query so far: the sum of their vectors. */
typedef struct rows_of {
    vs_err *err;
    double *sum; /* [dim] */
    size_t dim, rows;
} rows_of;

/* The first blob of a row. */
static vs_status add_row(void *arg, size_t n, const char *const *names, const vs_sql_value *values) {
    rows_of *r = arg;
    size_t i = 0;
    (void)names;
    while (i < n && values[i].type != VS_SQL_BLOB) i++;
    if (i == n) return vs_fail(r->err, VS_E_SHAPE, "sql: row %zu holds no blob; want a vector, as of select vec from …", r->rows + 1);
    size_t dim = values[i].n / sizeof(float);
    if (!dim || values[i].n % sizeof(float))
        return vs_fail(r->err, VS_E_SHAPE, "sql: a blob of %zu bytes is no vector: want 4 for each number", values[i].n);
    if (r->sum && dim != r->dim)
        return vs_fail(r->err, VS_E_SHAPE, "sql: row %zu has %zu numbers, those before it %zu", r->rows + 1, dim, r->dim);
    if (!r->sum) r->sum = vs_zalloc(dim, sizeof *r->sum);
    if (!r->sum) return no_memory(r->err);
    r->dim = dim;
    for (size_t j = 0; j < dim; j++) {
        float x;
        memcpy(&x, values[i].s + j * sizeof x, sizeof x); /* little-endian, as the machine is */
        if (!isfinite(x)) return vs_fail(r->err, VS_E_NUMERIC, "sql: number %zu of row %zu is not finite", j, r->rows + 1);
        r->sum[j] += (double)x;
    }
    r->rows++;
    return VS_OK;
}

/* One row is that vector; several are their mean, which is said. */
vs_status vs__resolve_sql(vs_err *err, vs_session *s, const vs_addr *a, vs_value *out) {
    enum { NESTING = 16 };
    vs_store *store;
    rows_of r = {.err = err};
    if (a->n_args != 1) return vs_fail(err, VS_E_SYNTAX, "sql wants one query in quotes: sql(\"select vec from vectors_of('glove') where key = 'queen'\")");
    if (s->nested >= NESTING) return vs_fail(err, VS_E_SYNTAX, "sql within sql, more than %d deep", NESTING);
    VS_TRY(vs_session_store(err, s, &store));
    s->nested++;
    vs_status st = vs_store_sql(err, store, a->args[0], true, add_row, &r, NULL);
    s->nested--;
    if (st == VS_E_STATE) st = vs_fail(err, st, "sql: in an expression a query reads only; this does more: %.80s", a->args[0]);
    if (st == VS_OK && !r.rows) st = vs_fail(err, VS_E_UNKNOWN, "sql: no row answers \"%.80s\"", a->args[0]);
    if (st == VS_OK) {
        out->dim = r.dim;
        out->vec = vs_alloc(r.dim, sizeof *out->vec);
        st = out->vec ? VS_OK : no_memory(err);
    }
    for (size_t j = 0; st == VS_OK && j < r.dim; j++) out->vec[j] = (float)(r.sum[j] / (double)r.rows);
    if (st == VS_OK && r.rows > 1) vs_buf_printf(&out->notes, "mean of the %zu rows of sql(…)", r.rows);
    vs_free(r.sum);
    return st;
}

/* ---- cluster(x, k) ---- */

/* The clusters last asked for: k-means takes seconds. */
struct vs__clusters {
    uint64_t space; /* its id */
    size_t k;
    uint64_t seed;
    float centre[]; /* [k, d] */
};

/* The rows of a space, the first of them, each at length 1; a zero row stays. */
static vs_status unit_rows(vs_err *err, const vs_space *sp, size_t n, size_t d, float *x) {
    for (size_t i = 0; i < n; i++) {
        VS_TRY(vs_space_row(err, sp, i, x + i * d));
        float square = vs_sum_squares(x + i * d, d);
        if (square > 0) vs_scale_by(x + i * d, 1 / sqrtf(square), d);
    }
    return VS_OK;
}

static vs_status clusters_of(vs_err *err, vs_session *s, const vs_space *sp, size_t k, const float **centre) {
    enum { MOST_ROWS = 10000 };
    size_t n = vs_space_rows(sp) < MOST_ROWS ? vs_space_rows(sp) : MOST_ROWS, d = vs_space_dim(sp);
    struct vs__clusters *c = s->clusters;
    if (c && c->space == vs_space_id(sp) && c->k == k && c->seed == s->settings.seed) {
        *centre = c->centre;
        return VS_OK;
    }
    if (k > n) return vs_fail(err, VS_E_RANGE, "cluster: %zu clusters want as many rows; the first %zu of %s are taken", k, n, vs_space_name(sp));
    float *x = vs_alloc(n * d, sizeof *x);
    uint32_t *which = vs_alloc(n, sizeof *which);
    c = vs_alloc(sizeof *c + k * d * sizeof *c->centre, 1);
    vs_status st = x && which && c ? unit_rows(err, sp, n, d, x) : no_memory(err);
    if (st == VS_OK) st = vs_kmeans(err, x, n, d, k, s->settings.seed, c->centre, which, NULL);
    vs_free(x);
    vs_free(which);
    if (st != VS_OK) {
        vs_free(c);
        return st;
    }
    c->space = vs_space_id(sp);
    c->k = k;
    c->seed = s->settings.seed;
    vs_free(s->clusters);
    s->clusters = c;
    *centre = c->centre;
    return VS_OK;
}

static void put_nearest_centre(const float *centre, size_t k, vs_value *x) {
    size_t best = 0;
    float most = -2;
    for (size_t i = 0; i < k; i++) {
        float c = vs_cosine(centre + i * x->dim, x->vec, x->dim);
        if (c > most) {
            most = c;
            best = i;
        }
    }
    memcpy(x->vec, centre + best * x->dim, x->dim * sizeof *x->vec);
}

/* The centre of the cluster that x lies in: of k, by k-means over directions. */
vs_status vs__resolve_cluster(vs_err *err, vs_session *s, const vs_addr *a, vs_value *out) {
    char *end = NULL;
    unsigned long k = a->n_args == 2 && a->args[1][0] != '-' ? strtoul(a->args[1], &end, 10) : 0;
    if (!k || *end || k > UINT32_MAX)
        return vs_fail(err, VS_E_SYNTAX, "cluster wants a vector and how many clusters there are to be: cluster(queen, 50)");
    VS_TRY(vs__eval_argument(err, s, a, 0, out));
    const vs_space *sp = out->space ? out->space : vs_session_space(s);
    const float *centre = NULL;
    if (!sp || vs_space_dim(sp) != out->dim)
        return vs_fail(err, VS_E_SHAPE, "cluster: %.60s has %zu numbers, %s has %zu", a->args[0], out->dim, sp ? vs_space_name(sp) : "no open space",
                       sp ? vs_space_dim(sp) : 0);
    VS_TRY(clusters_of(err, s, sp, k, &centre));
    put_nearest_centre(centre, k, out);
    return VS_OK;
}
