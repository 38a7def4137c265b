/* cmd_sql.c - sql, runs: the store as tables. */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"

typedef struct result {
    vs_out *out;
    size_t rows;
    bool begun;
} result;

/* A blob of whole floats is a vector: all of it for a machine, its beginning for a person. */
static json_t *vector_of(const vs_sql_value *v, bool whole) {
    size_t n = v->n / sizeof(float), most = whole ? n : 3;
    json_t *a = json_array();
    for (size_t i = 0; i < n && i < most; i++) {
        float f;
        memcpy(&f, v->s + i * sizeof f, sizeof f);
        json_array_append_new(a, isfinite(f) ? json_real((double)f) : json_null());
    }
    return a;
}

static char *cell_text(const vs_sql_value *v, bool data) {
    json_t *j = NULL;
    vs_buf b = {0};
    char *text;
    if (v->type == VS_SQL_INT) j = json_integer(v->i);
    if (v->type == VS_SQL_REAL) j = json_real(v->r);
    if (v->type == VS_SQL_TEXT) j = json_stringn(v->s, v->n);
    if (v->type == VS_SQL_BLOB && v->n && v->n % sizeof(float) == 0) j = vector_of(v, data);
    if (!j && v->type == VS_SQL_BLOB) {
        vs_buf_printf(&b, "%zu bytes", v->n);
        j = json_string(b.s ? b.s : "");
    }
    text = json_dumps(j ? j : json_null(), JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(data ? 9 : 5));
    if (text && !data && json_is_array(j)) {
        vs_buf_clear(&b);
        vs_buf_printf(&b, "\"%.*s, … %zu\"", (int)strlen(text) - 1, text, v->n / sizeof(float));
        free(text);
        text = b.s ? strdup(b.s) : NULL;
    }
    vs_buf_free(&b);
    json_decref(j);
    return text;
}

static vs_status row(void *arg, size_t n, const char *const *names, const vs_sql_value *values) {
    result *r = arg;
    if (!r->begun) {
        vs_col *cols = vs_alloc(n, sizeof *cols);
        if (!cols) return VS_E_NOMEM;
        for (size_t i = 0; i < n; i++) cols[i] = (vs_col){names[i], VS_COL_JSON, 0, 0, NULL};
        vs_out_table(r->out, "rows", cols, n);
        vs_free(cols);
        r->begun = true;
    }
    for (size_t i = 0; i < n; i++) {
        char *text = cell_text(&values[i], vs_out_is_data(r->out));
        vs_out_cell_text(r->out, text);
        free(text);
    }
    r->rows++;
    return VS_OK;
}

/* none: what to say where there is no row. */
static vs_status query(vs_err *err, vs_session *s, const char *text, bool write, const char *none, vs_out *o) {
    vs_store *st;
    result r = {.out = o};
    int64_t changed = 0;
    VS_TRY(vs_session_store(err, s, &st));
    VS_TRY(vs_store_sql(err, st, text, !write, row, &r, &changed));
    if (r.begun)
        vs_out_end(o);
    else
        vs_out_table(o, "rows", NULL, 0);
    if (write) vs_out_int(o, 0, "changed", changed);
    if (!r.rows && !write) vs_out_note(o, "  %s", none);
    return VS_OK;
}

static vs_status run_sql(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    return query(err, s, vs_arg(a, 0), vs_has(a, "write"), "no rows", o);
}
static const vs_opt sql_opts[] = {
    {"write", 0, VS_OPT_FLAG, NULL, "allow statements that change the file", NULL, VS_COMPLETE_NONE},
    {NULL, 0, VS_OPT_FLAG, NULL, NULL, NULL, VS_COMPLETE_NONE}};
static const char *const sql_examples[] = {"sql select site, layer, count(*) from activations group by site, layer",
                                           "sql select key, score from vs_neighbors('default', 'queen - king + man', 3)", NULL};
const vs_cmd vs_cmd_sql = {
    .name = "sql",
    .group = "study",
    .synopsis = "QUERY",
    .summary = "ask the store in SQL (read-only unless --write)",
    .details = "Tables: models tokens spaces vectors runs activations names results.  Vectors are blobs of "
               "little-endian f32.\n"
               "vs_vec('queen - king + man') is an expression's vector; vs_cosine(a, b) vs_dot vs_l2 vs_norm vs_add "
               "vs_sub vs_scale\n"
               "vs_unit vs_json vs_f32 vs_dim vs_at work on them, vs_mean and vs_sum over a column; vectors_of('glove') is a\n"
               "space as a table (row, key, vec), vs_neighbors('glove', 'queen - king + man', 10) its nearest rows (row, key,\n"
               "score), best first; a vector may stand for the expression, and 'dot' or 'l2' follow k.\n"
               "vs_expr('glove', 'queen', 10) looks words up there.",
    .style = VS_ARGS_RAW,
    .min_args = 1,
    .opts = sql_opts,
    .examples = sql_examples,
    .run = run_sql};

static vs_status run_runs(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    (void)a;
    return query(err, s,
                 /* by its name; two files of one name by their paths */
                 "WITH m AS (SELECT id, path, coalesce(iif(json_valid(config), json_extract(config, '$.name'), NULL), path) AS name "
                 "FROM models) "
                 "SELECT r.id AS id, iif(EXISTS (SELECT 1 FROM m o WHERE o.name = m.name AND o.path <> m.path), m.path, m.name) AS "
                 "model, r.text AS text, r.edits AS edits, r.mask AS mask, (SELECT count(*) FROM "
                 "activations a WHERE a.run = r.id) AS vectors, "
                 "r.status AS status, r.at AS at FROM runs r LEFT JOIN m ON m.id = r.model ORDER BY r.id",
                 false, "no pass is stored yet; dump keeps those of its texts, run too where the store is a file", o);
}
static const char *const runs_examples[] = {"runs", NULL};
const vs_cmd vs_cmd_runs = {.name = "runs",
                            .group = "study",
                            .synopsis = "",
                            .summary = "the passes that are stored",
                            .style = VS_ARGS_NONE,
                            .examples = runs_examples,
                            .run = run_runs};
