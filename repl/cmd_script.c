/* cmd_script.c - each, assert: for scripts. */
#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "commands.h"
#include "out.h"

/* ---- each VAR in A..B|FILE|SQL { COMMANDS } ---- */

typedef struct loop {
    vs_err *err;
    vs_session *s;
    vs_out *out;
    const char *var;
    size_t var_len;
    const char *body;
    size_t body_len, done;
} loop;

static bool name_char(char c) { return c == '_' || isalnum((unsigned char)c); }

/* Run the body with $VAR put in as text. */
static vs_status once(loop *l, const char *value, size_t n) {
    vs_buf b = {0};
    for (size_t i = 0; i < l->body_len; i++) {
        const char *p = l->body + i;
        bool here = *p == '$' && l->body_len - i > l->var_len && !memcmp(p + 1, l->var, l->var_len) &&
                    (i + 1 + l->var_len == l->body_len || !name_char(p[1 + l->var_len]));
        if (here) {
            vs_buf_put(&b, value, n);
            i += l->var_len;
        } else {
            vs_buf_putc(&b, *p);
        }
    }
    vs_status st = b.failed ? vs_fail(l->err, VS_E_NOMEM, "each: no memory")
                            : vs_execute(l->err, l->s, b.s ? b.s : "", b.len, l->out);
    if (st != VS_OK && st != VS_E_STOPPED)
        vs_fail_in(l->err, "each %.*s = %.*s", (int)l->var_len, l->var, (int)(n < 60 ? n : 60), value);
    vs_buf_free(&b);
    l->done++;
    if (st == VS_OK && vs_interrupted()) st = vs_fail(l->err, VS_E_STOPPED, "each: stopped after %zu", l->done);
    return st;
}

static vs_status over_range(loop *l, long from, long to) {
    for (long v = from; from <= to ? v <= to : v >= to; v += from <= to ? 1 : -1) {
        char text[32];
        int n = snprintf(text, sizeof text, "%ld", v);
        VS_TRY(once(l, text, (size_t)n));
    }
    return VS_OK;
}

static vs_status over_file(loop *l, const char *path) {
    vs_map m;
    VS_TRY(vs_map_open(l->err, path, &m));
    vs_status st = VS_OK;
    const char *p = (const char *)m.bytes, *end = p + m.size;
    while (st == VS_OK && p < end) {
        const char *nl = memchr(p, '\n', (size_t)(end - p)), *stop = nl ? nl : end;
        if (stop > p) st = once(l, p, (size_t)(stop - p));
        p = nl ? nl + 1 : end;
    }
    vs_map_close(&m);
    return st;
}

/* The first column of each row, gathered first: the body may ask the store itself. */
static vs_status gather(void *arg, size_t n, const char *const *names, const vs_sql_value *v) {
    (void)names;
    vs_buf *b = arg;
    if (!n) return VS_OK;
    if (v[0].type == VS_SQL_INT) vs_buf_printf(b, "%lld", (long long)v[0].i);
    if (v[0].type == VS_SQL_REAL) vs_buf_printf(b, "%.9g", v[0].r);
    if (v[0].type == VS_SQL_TEXT) vs_buf_put(b, v[0].s, v[0].n);
    vs_buf_putc(b, '\0');
    return b->failed ? VS_E_NOMEM : VS_OK;
}

static vs_status over_sql(loop *l, const char *query) {
    vs_store *store;
    vs_buf rows = {0};
    VS_TRY(vs_session_store(l->err, l->s, &store));
    vs_status st = vs_store_sql(l->err, store, query, true, gather, &rows, NULL);
    for (size_t at = 0; st == VS_OK && at < rows.len; at += strlen(rows.s + at) + 1)
        st = once(l, rows.s + at, strlen(rows.s + at));
    vs_buf_free(&rows);
    return st;
}

/* A query begins with select, with or values, in any case. */
static bool is_query(const char *s) {
    static const char *const verb[] = {"select", "with", "values"};
    for (size_t i = 0; i < 3; i++) {
        size_t n = strlen(verb[i]);
        if (!strncasecmp(s, verb[i], n) && (isspace((unsigned char)s[n]) || s[n] == '(')) return true;
    }
    return false;
}

static vs_status over(loop *l, char *set) {
    size_t n = strlen(set);
    while (n && isspace((unsigned char)set[n - 1])) set[--n] = '\0';
    char *dots = strstr(set, ".."), *end;
    long from = strtol(set, &end, 10);
    if (dots && end == dots && dots[2]) {
        long to = strtol(dots + 2, &end, 10);
        if (!*end) return over_range(l, from, to);
    }
    if (n > 1 && (set[0] == '"' || set[0] == '\'') && set[n - 1] == set[0]) {
        set[n - 1] = '\0';
        set++;
    }
    return is_query(set) ? over_sql(l, set) : over_file(l, set);
}

static vs_status run_each(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    const char *text = vs_arg(a, 0), *p = text, *open = strchr(text, '{'), *close = strrchr(text, '}');
    while (name_char(*p)) p++;
    const char *in = p;
    while (*in == ' ') in++;
    if (p == text || strncmp(in, "in ", 3) != 0 || !open || !close || close < open)
        return vs_fail(err, VS_E_USAGE, "each wants VAR in A..B|FILE|SQL { COMMANDS }");
    char *set = vs_strndup(in + 3, (size_t)(open - in - 3));
    if (!set) return vs_fail(err, VS_E_NOMEM, "each: no memory");
    loop l = {.err = err,
              .s = s,
              .out = o,
              .var = text,
              .var_len = (size_t)(p - text),
              .body = open + 1,
              .body_len = (size_t)(close - open - 1)};
    char *trimmed = set;
    while (isspace((unsigned char)*trimmed)) trimmed++;
    vs_status st = over(&l, trimmed);
    vs_free(set);
    return st;
}
static const char *const each_examples[] = {"each w in 1..3 { = pc($w) -k 2 }", NULL};
const vs_cmd vs_cmd_each = {.name = "each",
                            .group = "study",
                            .synopsis = "VAR in A..B|FILE|SQL { COMMANDS }",
                            .summary = "run commands for each number, line or row; $VAR stands for it",
                            .style = VS_ARGS_RAW,
                            .min_args = 1,
                            .examples = each_examples,
                            .run = run_each};

/* ---- assert { COMMAND } PATH OP VALUE ---- */

static void capture(void *self, const vs_out *o) { vs_show_json(o, self); }

/* results.0.key of a JSON object */
static json_t *at_path(json_t *j, const char *path) {
    while (j && *path) {
        size_t n = strcspn(path, ".");
        char part[64];
        if (n >= sizeof part) return NULL;
        memcpy(part, path, n);
        part[n] = '\0';
        j = json_is_array(j) ? json_array_get(j, strtoul(part, NULL, 10)) : json_object_get(j, part);
        path += n + (path[n] == '.');
    }
    return j;
}

static bool holds(json_t *have, const char *op, const char *want) {
    char *end;
    double w = strtod(want, &end);
    bool number = json_is_number(have) && end != want && !*end;
    double h = json_number_value(have);
    const char *text = json_is_string(have)  ? json_string_value(have)
                       : json_is_true(have)  ? "true"
                       : json_is_false(have) ? "false"
                                             : NULL;
    if (!strcmp(op, "=")) return number ? h == w : text && !strcmp(text, want);
    if (!strcmp(op, "!=")) return number ? h != w : text && strcmp(text, want) != 0;
    if (!strcmp(op, "~")) return text && strstr(text, want);
    if (!number) return false;
    return !strcmp(op, "<")    ? h < w
           : !strcmp(op, "<=") ? h <= w
           : !strcmp(op, ">")  ? h > w
                               : !strcmp(op, ">=") && h >= w;
}

static vs_status run_assert(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    const vs_word *w = &a->rest_words->word[a->rest_at];
    static const char *const ops = " = != ~ < <= > >= ";
    char op[8];
    if (a->rest_words->n - a->rest_at != 3 || strlen(w[1].text) > 2)
        return vs_fail(err, VS_E_USAGE, "assert wants { COMMAND } PATH OP VALUE, OP one of%s", ops);
    snprintf(op, sizeof op, " %s ", w[1].text);
    if (!strstr(ops, op)) return vs_fail(err, VS_E_USAGE, "assert knows no %s; there are%s", w[1].text, ops);
    vs_buf b = {0};
    vs_out inner = {.sink = {.data = true, .width = 80, .show = capture, .self = &b}};
    vs_status st = vs_execute(err, s, vs_arg(a, 0), strlen(vs_arg(a, 0)), &inner);
    vs_out_free(&inner);
    json_t *answer = st == VS_OK && b.s ? json_loads(b.s, JSON_DISABLE_EOF_CHECK, NULL) : NULL;
    json_t *have = answer ? at_path(answer, w[0].text) : NULL;
    if (st == VS_OK && !have) {
        st = vs_fail(err, VS_E_UNKNOWN, "assert: the answer has no %s", w[0].text);
    } else if (st == VS_OK && !holds(have, w[1].text, w[2].text)) {
        char *text = json_dumps(have, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(9));
        st = vs_fail(err, VS_E_STATE, "assert: %s is %.200s, wanted %s %s", w[0].text, text ? text : "?", w[1].text,
                     w[2].text);
        free(text);
    }
    json_decref(answer);
    if (st == VS_OK) {
        vs_buf_clear(&b);
        vs_buf_printf(&b, "{%s} %s %s %s", vs_arg(a, 0), w[0].text, w[1].text, w[2].text);
        vs_out_text(o, VS_COL_JSON_ONLY | VS_COL_NO_CSV, "assert", b.s ? b.s : "");
        vs_out_bool(o, VS_COL_JSON_ONLY | VS_COL_NO_CSV, "ok", true);
    }
    vs_buf_free(&b);
    return st;
}
static const char *const assert_examples[] = {"assert { near queen - king + man -k 1 } results.0.key = woman", NULL};
const vs_cmd vs_cmd_assert = {
    .name = "assert",
    .group = "study",
    .synopsis = "{COMMAND} PATH OP VALUE",
    .summary = "fail unless a command's JSON answer is as said",
    .details = "PATH goes through the answer as --json prints it: results.0.key.  OP is = != ~ (contains) < <= > >=.\n"
               "With --json what holds is said too: {\"assert\":\"{COMMAND} PATH OP VALUE\",\"ok\":true}.",
    .style = VS_ARGS_BLOCK,
    .min_args = 1,
    .examples = assert_examples,
    .run = run_assert};
