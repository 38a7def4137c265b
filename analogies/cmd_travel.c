/* cmd_travel.c - travel: what is nearest at each step from a vector along a direction, or on to another vector. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "words.h"

/* What the line asks for: FROM along DIRECTION a..b, or FROM -> TO. */
typedef struct trip {
    vs_span from, to; /* to: the direction, or where it ends */
    bool along;
    double a, b;
} trip;

static bool is_blank(char c) { return c == ' ' || c == '\t'; }

static vs_span trimmed(const char *s, size_t n) {
    while (n && is_blank(*s)) s++, n--;
    while (n && is_blank(s[n - 1])) n--;
    return (vs_span){s, n};
}

/* Where `word` stands by itself in s[n], outside quotes and brackets; n where it does not. */
static size_t find_apart(const char *s, size_t n, const char *word) {
    size_t len = strlen(word);
    int depth = 0;
    bool quote = false;
    for (size_t i = 0; i + len <= n; i++) {
        if (!quote && !depth && (!i || is_blank(s[i - 1])) && !memcmp(s + i, word, len) &&
            (i + len == n || is_blank(s[i + len])))
            return i;
        if (s[i] == '\\' && quote) {
            i++;
            continue;
        }
        quote ^= s[i] == '"';
        if (!quote) depth += (s[i] == '(') - (s[i] == ')');
    }
    return n;
}

/* "0..2" as two numbers. */
static bool range(vs_span x, double *a, double *b) {
    char text[64], *end;
    if (!x.n || x.n >= sizeof text) return false;
    memcpy(text, x.s, x.n);
    text[x.n] = '\0';
    char *dots = strstr(text, "..");
    if (!dots || dots == text) return false;
    *dots = '\0';
    *a = strtod(text, &end);
    if (*end) return false;
    *b = strtod(dots + 2, &end);
    return dots[2] && !*end && isfinite(*a) && isfinite(*b) && *a != *b;
}

static vs_status parse(vs_err *err, const char *s, trip *t) {
    static const char *const between[] = {"->", "→", "along", "to"};
    size_t n = strlen(s), at = n, len = 0;
    *t = (trip){.a = 0, .b = 1};
    for (size_t i = 0; i < 4 && at == n; i++) {
        at = find_apart(s, n, between[i]);
        len = strlen(between[i]);
        t->along = i == 2;
    }
    if (at == n || !(t->from = trimmed(s, at)).n || !(t->to = trimmed(s + at + len, n - at - len)).n)
        return vs_fail(err, VS_E_USAGE,
                       "travel wants EXPR along EXPR a..b, or EXPR -> EXPR: travel queen along $male 0..2");
    size_t last = t->to.n; /* the last word may say how far */
    while (last && !is_blank(t->to.s[last - 1])) last--;
    vs_span tail = {t->to.s + last, t->to.n - last};
    if (last && range(tail, &t->a, &t->b))
        t->to = trimmed(t->to.s, last);
    else if (tail.n > 2 && strstr(tail.s, "..") && last)
        return vs_fail(err, VS_E_USAGE, "travel wants a range of two different numbers, 0..2, not %.*s", (int)tail.n,
                       tail.s);
    return VS_OK;
}

/* Where step t is: from + t to; or on the great circle from one to the other, by even angles (Shoemake 1985). */
static void point(const trip *q, const vs_value *from, const vs_value *to, double t, float *out) {
    size_t d = from->dim;
    if (q->along) {
        for (size_t j = 0; j < d; j++) out[j] = (float)((double)from->vec[j] + t * (double)to->vec[j]);
        return;
    }
    double c = fmin(1, fmax(-1, (double)vs_cosine(from->vec, to->vec, d))), angle = acos(c), all = sin(angle);
    double a = sqrt((double)vs_sum_squares(from->vec, d)), b = sqrt((double)vs_sum_squares(to->vec, d));
    double p = all > 1e-6 ? sin((1 - t) * angle) / all : 1 - t, r = all > 1e-6 ? sin(t * angle) / all : t;
    for (size_t j = 0; j < d; j++) out[j] = (float)(p * (double)from->vec[j] / a + r * (double)to->vec[j] / b);
}

static bool is_operand(const vs_value *v, const vs_space *where, size_t row) {
    for (size_t i = 0; i < v->n_rows && v->space == where; i++)
        if (v->rows[i] == row) return true;
    return false;
}

static void put_step(vs_out *o, const vs_space *where, double t, const size_t *row, const float *score, size_t found) {
    vs_out_cell_real(o, t);
    if (found)
        vs_cell_key(o, where, row[0]);
    else
        vs_out_cell_text(o, "");
    vs_out_cell_real(o, found ? (double)score[0] : (double)NAN);
    vs_buf b = {0};
    for (size_t i = 1; i < found; i++) {
        if (i > 1) vs_buf_puts(&b, "  ");
        vs_put_key(&b, where, row[i]);
    }
    vs_out_cell_text(o, b.s ? b.s : "");
    vs_buf_free(&b);
}

/* Each step's neighbours, and what is met on the way: the nearest row that is no operand, where it changes. */
static vs_status walk(vs_err *err, vs_session *s, const trip *q, const vs_value v[2], size_t steps, size_t k,
                      const char *in, vs_out *o) {
    static const vs_col cols[] = {{"at", VS_COL_REAL, 2, 0, NULL},
                                  {"key", VS_COL_TOKEN, 0, 0, "nearest"},
                                  {"score", VS_COL_SCORE, 4, 0, "cosine"},
                                  {"then", VS_COL_TEXT, 0, 0, NULL}};
    vs_value here = {.vec = vs_alloc(v[0].dim, sizeof *here.vec), .dim = v[0].dim, .space = v[0].space};
    vs_hit *hit = vs_alloc(k + VS_LOOKUP_MAX, sizeof *hit);
    size_t *row = vs_alloc(k, sizeof *row), met = SIZE_MAX;
    float *score = vs_alloc(k, sizeof *score);
    vs_buf way = {0};
    vs_status st =
        here.vec && hit && row && score ? VS_OK : vs_fail(err, VS_E_NOMEM, "no memory for %zu neighbours", k);
    if (st == VS_OK) vs_out_table(o, "steps", cols, 4);
    for (size_t i = 0; i <= steps && st == VS_OK; i++) {
        size_t found = 0, n = 0;
        vs_space *where;
        double t = q->a + (q->b - q->a) * (double)i / (double)steps;
        if (vs_interrupted()) st = vs_fail(err, VS_E_STOPPED, "travel: interrupted");
        point(q, &v[0], &v[1], t, here.vec);
        if (st == VS_OK) st = vs_session_near(err, s, &here, in, k + VS_LOOKUP_MAX, true, hit, &found, &where);
        if (st != VS_OK) break;
        size_t other = SIZE_MAX;
        for (size_t h = 0; h < found; h++) {
            bool operand = is_operand(&v[0], where, hit[h].row) || is_operand(&v[1], where, hit[h].row);
            if (!operand && other == SIZE_MAX) other = hit[h].row;
            if (n == k) continue;
            row[n] = hit[h].row;
            score[n++] = hit[h].score;
        }
        if (other != met && other != SIZE_MAX) {
            if (way.len) vs_buf_puts(&way, " → ");
            vs_put_key(&way, where, other);
        }
        met = other;
        put_step(o, where, t, row, score, n);
    }
    if (st == VS_OK) {
        vs_out_end(o);
        vs_out_text(o, VS_COL_JSON_ONLY, "way", way.s ? way.s : "");
        vs_out_note(o, "  met on the way: %s", way.s ? way.s : "nothing");
    }
    vs_free(here.vec);
    vs_free(hit);
    vs_free(row);
    vs_free(score);
    vs_buf_free(&way);
    return st;
}

static vs_status run(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    trip q;
    int64_t steps = vs_int(a, "steps"), k = vs_int(a, "k");
    if (steps < 1 || steps > 10000 || k < 1 || k > 1000)
        return vs_fail(err, VS_E_USAGE, "travel wants --steps from 1 to 10000 and -k from 1 to 1000, not %lld and %lld",
                       (long long)steps, (long long)k);
    VS_TRY(parse(err, vs_arg(a, 0), &q));
    vs_value v[2] = {{0}, {0}};
    vs_status st = vs_session_eval(err, s, q.from.s, q.from.n, &v[0]);
    if (st == VS_OK) st = vs_session_eval(err, s, q.to.s, q.to.n, &v[1]);
    if (st == VS_OK && v[0].dim != v[1].dim)
        st = vs_fail(err, VS_E_SHAPE, "%.*s has %zu numbers, %.*s has %zu; vectors of one width are wanted",
                     (int)q.from.n, q.from.s, v[0].dim, (int)q.to.n, q.to.s, v[1].dim);
    for (int i = 0; i < 2 && st == VS_OK; i++)
        if (vs_sum_squares(v[i].vec, v[i].dim) == 0)
            st = vs_fail(err, VS_E_NUMERIC, "travel: the %s is zero, which is nowhere",
                         !i        ? "start"
                         : q.along ? "direction"
                                   : "end");
    for (int i = 0; i < 2 && st == VS_OK; i++) vs_say_notes(o, &v[i]);
    if (st == VS_OK) st = walk(err, s, &q, v, (size_t)steps, (size_t)k, vs_text(a, "in"), o);
    vs_value_free(&v[0]);
    vs_value_free(&v[1]);
    return st;
}

static const vs_opt opts[] = {{"steps", 0, VS_OPT_INT, "N", "in how many steps", "8", VS_COMPLETE_NONE},
                              {"k", 'k', VS_OPT_INT, "K", "how many neighbours at each", "4", VS_COMPLETE_NONE},
                              {"in", 0, VS_OPT_TEXT, "SPACE", "look for neighbours there", NULL, VS_COMPLETE_SPACE},
                              {NULL, 0, VS_OPT_FLAG, NULL, NULL, NULL, VS_COMPLETE_NONE}};
static const char *const examples[] = {"travel king along queen - king 0..2", "travel winter -> summer --steps 6",
                                       "travel queen along man - woman -1..1 -k 3", NULL};
const vs_cmd vs_cmd_travel = {
    .name = "travel",
    .group = "vectors",
    .synopsis = "EXPR along EXPR a..b | EXPR -> EXPR",
    .summary = "what is nearest at each step along a direction, or from one vector to another",
    .details =
        "along: EXPR + t DIRECTION for t from a to b (0..1); a direction that axis make or relation fit kept, or any\n"
        "expression.\n"
        "->: on the great circle between the two, by even angles, t from 0 to 1.  Every row is shown, where one starts "
        "too;\n"
        "what is met leaves the operands out.",
    .style = VS_ARGS_EXPR,
    .min_args = 1,
    .opts = opts,
    .examples = examples,
    .needs = VS_NEEDS_SPACE,
    .complete = VS_COMPLETE_WORD,
    .run = run};
