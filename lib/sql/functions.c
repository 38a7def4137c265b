/* functions.c - arithmetic on vectors, as SQL functions: no session, no state. */
#include "sql_impl.h"

#ifdef VS_SQL_EXTENSION
SQLITE_EXTENSION_INIT3
#endif

#include <locale.h>
#include <math.h>
#include <stdalign.h>
#include <stdio.h>
#include <string.h>

#include "../base/json.h"
#include "../base/str.h"
#include "../space/space.h"
#include "../tensor/kernels.h"

enum { JSON_BYTES = 1 << 26 };

/* ---- arguments ---- */

static vs_status from_json(vs_err *err, const char *name, const char *text, size_t bytes, vs__sql_vector *out) {
    json_t *list;
    VS_TRY(vs_json_parse(err, name, text, bytes, JSON_BYTES, &list));
    size_t n = json_array_size(list); /* 0 for anything but an array */
    vs_status s = n ? VS_OK : vs_fail(err, VS_E_SYNTAX, "%s: want a vector: a blob of 32-bit floats or JSON such as '[1, 2.5]'", name);
    float *x = s == VS_OK ? vs_alloc(n, sizeof *x) : NULL;
    if (s == VS_OK && !x) s = vs_fail(err, VS_E_NOMEM, "%s: no memory for %zu numbers", name, n);
    for (size_t i = 0; i < n && s == VS_OK; i++) {
        json_t *number = json_array_get(list, i);
        if (json_is_number(number))
            x[i] = (float)json_number_value(number);
        else
            s = vs_fail(err, VS_E_SYNTAX, "%s: element %zu of the JSON is no number", name, i);
    }
    json_decref(list);
    if (s != VS_OK) {
        vs_free(x);
        return s;
    }
    out->x = out->own = x;
    out->n = n;
    return VS_OK;
}

static vs_status from_blob(vs_err *err, const char *name, const void *p, size_t bytes, vs__sql_vector *out) {
    if (!bytes || bytes % sizeof(float))
        return vs_fail(err, VS_E_SHAPE, "%s: a blob of %zu bytes is no vector (32-bit floats, 4 bytes each)", name, bytes);
    out->n = bytes / sizeof(float);
    if ((uintptr_t)p % alignof(float) == 0) {
        out->x = p;
        return VS_OK;
    }
    float *copy = out->here;
    if (bytes > sizeof out->here) copy = out->own = vs_alloc(bytes, 1);
    if (!copy) return vs_fail(err, VS_E_NOMEM, "%s: no memory for %zu numbers", name, out->n);
    out->x = memcpy(copy, p, bytes);
    return VS_OK;
}

vs_status vs__sql_vector_of(vs_err *err, const char *name, sqlite3_value *v, vs__sql_vector *out) {
    out->x = out->own = NULL; /* not what is here: it is large */
    out->n = 0;
    switch (sqlite3_value_type(v)) {
    case SQLITE_NULL:
        return VS_OK;
    case SQLITE_BLOB:
        return from_blob(err, name, sqlite3_value_blob(v), (size_t)sqlite3_value_bytes(v), out);
    case SQLITE_TEXT: {
        const char *text = (const char *)sqlite3_value_text(v);
        if (!text) return vs_fail(err, VS_E_NOMEM, "%s: out of memory", name);
        return from_json(err, name, text, (size_t)sqlite3_value_bytes(v), out);
    }
    default:
        return vs_fail(err, VS_E_SHAPE, "%s: a number is no vector", name);
    }
}

void vs__sql_fail(sqlite3_context *c, const vs_err *err) {
    if (err->code == VS_E_NOMEM)
        sqlite3_result_error_nomem(c);
    else
        sqlite3_result_error(c, err->msg, -1);
    if (err->code == VS_E_STOPPED) sqlite3_result_error_code(c, SQLITE_INTERRUPT);
}

static const char *name_of(sqlite3_context *c) { return sqlite3_user_data(c); }

bool vs__sql_keep(sqlite3_context *c, int argument, const float *x, size_t n) {
    vs__sql_kept *k = vs_alloc(1, sizeof *k + n * sizeof *x);
    if (!k) return false;
    k->n = n;
    memcpy(k->x, x, n * sizeof *x);
    sqlite3_set_auxdata(c, argument, k, vs_free);
    return true;
}

/* Argument i as a vector.  False: the result is set, to NULL for NULL or to an error. */
static bool take(sqlite3_context *c, sqlite3_value **args, int i, vs__sql_vector *out) {
    const vs__sql_kept *k = sqlite3_get_auxdata(c, i);
    if (k) {
        out->x = k->x;
        out->n = k->n;
        out->own = NULL;
        return true;
    }
    vs_err err;
    if (vs__sql_vector_of(&err, name_of(c), args[i], out) != VS_OK) {
        vs__sql_fail(c, &err);
        return false;
    }
    if (!out->x) return false;
    if (sqlite3_value_type(args[i]) == SQLITE_TEXT && !vs__sql_keep(c, i, out->x, out->n)) {
        sqlite3_result_error_nomem(c);
        vs_free(out->own);
        return false;
    }
    return true;
}

/* Both arguments, of one width. */
static bool take_two(sqlite3_context *c, sqlite3_value **args, vs__sql_vector *x, vs__sql_vector *y) {
    if (!take(c, args, 0, x)) return false;
    bool ok = take(c, args, 1, y);
    if (ok && x->n != y->n) {
        vs_err err;
        (void)vs_fail(&err, VS_E_SHAPE, "%s: vectors of %zu and %zu numbers", name_of(c), x->n, y->n);
        vs__sql_fail(c, &err);
        vs_free(y->own);
        ok = false;
    }
    if (!ok) vs_free(x->own);
    return ok;
}

static void release(vs__sql_vector *x, vs__sql_vector *y) {
    vs_free(x->own);
    vs_free(y->own);
}

/* ---- numbers ---- */

static void dim(sqlite3_context *c, sqlite3_value **args) {
    vs__sql_vector x;
    if (!take(c, args, 0, &x)) return;
    sqlite3_result_int64(c, (sqlite3_int64)x.n);
    vs_free(x.own);
}

static void at(sqlite3_context *c, sqlite3_value **args) {
    vs__sql_vector x;
    int type = sqlite3_value_numeric_type(args[1]);
    if (type == SQLITE_NULL || !take(c, args, 0, &x)) return;
    sqlite3_int64 i = sqlite3_value_int64(args[1]), n = (sqlite3_int64)x.n;
    if (i < 0) i += n;
    if (type != SQLITE_INTEGER) {
        sqlite3_result_error(c, "vs_at: want a vector, then a whole number", -1);
    } else if (i >= 0 && i < n) {
        sqlite3_result_double(c, (double)x.x[i]);
    } else {
        vs_err err;
        (void)vs_fail(&err, VS_E_RANGE, "%s: a vector of %zu numbers has no number %lld", name_of(c), x.n, (long long)sqlite3_value_int64(args[1]));
        vs__sql_fail(c, &err);
    }
    vs_free(x.own);
}

static void dot(sqlite3_context *c, sqlite3_value **args) {
    vs__sql_vector x, y;
    if (!take_two(c, args, &x, &y)) return;
    sqlite3_result_double(c, (double)vs_dot(x.x, y.x, x.n));
    release(&x, &y);
}

static void cosine(sqlite3_context *c, sqlite3_value **args) {
    vs__sql_vector x, y;
    if (!take_two(c, args, &x, &y)) return;
    sqlite3_result_double(c, (double)vs_cosine(x.x, y.x, x.n));
    release(&x, &y);
}

static void l2(sqlite3_context *c, sqlite3_value **args) {
    vs__sql_vector x, y;
    if (!take_two(c, args, &x, &y)) return;
    sqlite3_result_double(c, vs_l2(x.x, y.x, x.n));
    release(&x, &y);
}

static double norm_of(const vs__sql_vector *x) {
    double sum = 0;
    for (size_t i = 0; i < x->n; i++) sum += (double)x->x[i] * (double)x->x[i];
    return sqrt(sum);
}

static void norm(sqlite3_context *c, sqlite3_value **args) {
    vs__sql_vector x;
    if (!take(c, args, 0, &x)) return;
    sqlite3_result_double(c, norm_of(&x));
    vs_free(x.own);
}

/* ---- vectors ---- */

/* The result a x + b y (y may be absent), each number rounded once. */
static void combine(sqlite3_context *c, double a, const vs__sql_vector *x, double b, const vs__sql_vector *y) {
    float *out = vs_alloc(x->n, sizeof *out);
    if (!out) {
        sqlite3_result_error_nomem(c);
        return;
    }
    for (size_t i = 0; i < x->n; i++) out[i] = (float)(a * (double)x->x[i] + (y ? b * (double)y->x[i] : 0));
    sqlite3_result_blob64(c, out, x->n * sizeof *out, vs_free);
}

static void add_times(sqlite3_context *c, sqlite3_value **args, double b) {
    vs__sql_vector x, y;
    if (!take_two(c, args, &x, &y)) return;
    combine(c, 1, &x, b, &y);
    release(&x, &y);
}

static void add(sqlite3_context *c, sqlite3_value **args) { add_times(c, args, 1); }
static void sub(sqlite3_context *c, sqlite3_value **args) { add_times(c, args, -1); }

static void scale(sqlite3_context *c, sqlite3_value **args) {
    vs__sql_vector x;
    int type = sqlite3_value_numeric_type(args[1]);
    if (type == SQLITE_NULL || !take(c, args, 0, &x)) return;
    if (type == SQLITE_INTEGER || type == SQLITE_FLOAT)
        combine(c, sqlite3_value_double(args[1]), &x, 0, NULL);
    else
        sqlite3_result_error(c, "vs_scale: want a vector, then a number", -1);
    vs_free(x.own);
}

static void unit(sqlite3_context *c, sqlite3_value **args) {
    vs__sql_vector x;
    if (!take(c, args, 0, &x)) return;
    double length = norm_of(&x);
    if (length > 0 && isfinite(length))
        combine(c, 1 / length, &x, 0, NULL);
    else
        sqlite3_result_error(c, "vs_unit: a vector of length zero, or not finite, has no direction", -1);
    vs_free(x.own);
}

static void f32(sqlite3_context *c, sqlite3_value **args) {
    vs__sql_vector x;
    if (!take(c, args, 0, &x)) return;
    sqlite3_result_blob64(c, x.x, x.n * sizeof *x.x, SQLITE_TRANSIENT);
    vs_free(x.own);
}

/* The shortest decimal that reads back as v; null for what JSON cannot say. */
static void put_number(vs_buf *b, float v) {
    char text[32];
    if (!isfinite(v)) {
        vs_buf_puts(b, "null");
        return;
    }
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)v);
        if (strtof(text, NULL) == v) break;
    }
    vs_buf_puts(b, text);
}

static void json(sqlite3_context *c, sqlite3_value **args) {
    vs__sql_vector x;
    if (!take(c, args, 0, &x)) return;
    locale_t plain = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0), user = plain ? uselocale(plain) : (locale_t)0;
    vs_buf b = {0};
    for (size_t i = 0; i < x.n; i++) {
        vs_buf_putc(&b, i ? ',' : '[');
        put_number(&b, x.x[i]);
    }
    vs_buf_putc(&b, ']');
    if (plain) {
        uselocale(user);
        freelocale(plain);
    }
    if (b.failed || !plain)
        sqlite3_result_error_nomem(c);
    else
        sqlite3_result_text64(c, b.s, b.len, SQLITE_TRANSIENT, SQLITE_UTF8);
    vs_buf_free(&b);
    vs_free(x.own);
}

/* ---- aggregates ---- */

typedef struct total {
    double *sum; /* [n]; NULL before the first vector */
    size_t n, rows;
} total;

static void add_row(sqlite3_context *c, int argc, sqlite3_value **args) {
    (void)argc;
    vs__sql_vector x;
    total *t = sqlite3_aggregate_context(c, sizeof *t);
    if (!t) {
        sqlite3_result_error_nomem(c);
        return;
    }
    vs_err err;
    if (vs__sql_vector_of(&err, name_of(c), args[0], &x) != VS_OK) {
        vs__sql_fail(c, &err);
        return;
    }
    if (!x.x) return; /* NULL is left out, as SQL's own aggregates do */
    if (!t->sum && (t->sum = vs_zalloc(x.n, sizeof *t->sum))) t->n = x.n;
    if (!t->sum) {
        sqlite3_result_error_nomem(c);
    } else if (t->n != x.n) {
        (void)vs_fail(&err, VS_E_SHAPE, "%s: vectors of %zu and %zu numbers", name_of(c), t->n, x.n);
        vs__sql_fail(c, &err);
    } else {
        for (size_t i = 0; i < x.n; i++) t->sum[i] += (double)x.x[i];
        t->rows++;
    }
    vs_free(x.own);
}

/* The result is over * sum; also called to clean up where a statement ends early. */
static void give_total(sqlite3_context *c, bool mean_of) {
    total *t = sqlite3_aggregate_context(c, 0);
    if (!t || !t->sum) return;
    float *out = vs_alloc(t->n, sizeof *out);
    if (out) {
        double over = mean_of && t->rows ? (double)t->rows : 1;
        for (size_t i = 0; i < t->n; i++) out[i] = (float)(t->sum[i] / over);
        sqlite3_result_blob64(c, out, t->n * sizeof *out, vs_free);
    } else {
        sqlite3_result_error_nomem(c);
    }
    vs_free(t->sum);
    t->sum = NULL;
}

static void sum(sqlite3_context *c) { give_total(c, false); }
static void mean(sqlite3_context *c) { give_total(c, true); }

/* ---- the table of them ---- */

#define FUNCTION(name, n, words)                                                                                       \
    static void call_##name(sqlite3_context *c, int argc, sqlite3_value **args) {                                      \
        (void)argc;                                                                                                    \
        name(c, args);                                                                                                 \
    }
#define AGGREGATE(name, words)
#include "functions.def"
#undef FUNCTION
#undef AGGREGATE

int vs__sql_functions(sqlite3 *db) {
    static const struct row {
        const char *name;
        int args;
        void (*call)(sqlite3_context *, int, sqlite3_value **);
        void (*step)(sqlite3_context *, int, sqlite3_value **);
        void (*final)(sqlite3_context *);
    } rows[] = {
#define FUNCTION(name, n, words) {"vs_" #name, n, call_##name, NULL, NULL},
#define AGGREGATE(name, words) {"vs_" #name, 1, NULL, add_row, name},
#include "functions.def"
#undef FUNCTION
#undef AGGREGATE
    };
    int rc = SQLITE_OK;
    for (size_t i = 0; i < sizeof rows / sizeof *rows && rc == SQLITE_OK; i++)
        rc = sqlite3_create_function_v2(db, rows[i].name, rows[i].args, SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS,
                                        (void *)(uintptr_t)rows[i].name, rows[i].call, rows[i].step, rows[i].final, NULL);
    return rc;
}
