/* expr.c - the grammar of expr.h by recursive descent; what is read is evaluated at once. */
#include "expr.h"

#include <math.h>
#include <string.h>

#include "../base/alloc.h"
#include "expr_value.h"

enum { DEEPEST = 200, LONGEST_RUN = 256, LONGEST_NAME = 128 };

typedef struct eval {
    vs_err *err;
    const vs_resolver *r;
    vs__lex x;
    vs_trace *trace; /* NULL: none is wanted */
} eval;

static vs_status sum(eval *e, int level, vs__operand *out);

static vs_status want(eval *e, size_t at, const char *what) {
    const char *s = e->x.s + at;
    size_t left = e->x.n - at;
    if (left) return vs_fail(e->err, VS_E_SYNTAX, "at byte %zu, before %.*s: %s", at, vs__shown(s, left), s, what);
    return vs_fail(e->err, VS_E_SYNTAX, "at byte %zu, the end: %s", at, what);
}

static vs_status no_memory(eval *e) { return vs_fail(e->err, VS_E_NOMEM, "no memory for an expression"); }

static bool is_key(const eval *e, size_t from, size_t to) {
    return to > from && e->r->is_key && e->r->is_key(e->r->self, e->x.s + from, to - from);
}

static bool is_space(const eval *e, size_t from, size_t to) {
    return to > from && e->r->is_space && e->r->is_space(e->r->self, e->x.s + from, to - from);
}

/* ---- addresses ---- */

/* A word that begins or ends with an operator's mark, as in `queen -king`. */
static bool looks_glued(const char *s, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (memchr("+-*/", s[i], 4) && n > 1 && (i == 0 || i == n - 1 || vs__is_blank(s[i - 1]) || vs__is_blank(s[i + 1])))
            return true;
    return false;
}

/* Ask the resolver for the address; the operand stands from a->at to the place reached. */
static vs_status resolve(eval *e, const vs_addr *a, vs__operand *out) {
    out->from = a->at;
    out->to = e->x.at;
    out->v.weight = 1;
    vs_status s = e->r->resolve(e->err, e->r->self, a, &out->v);
    if (s == VS_E_UNKNOWN && e->err && a->kind == VS_ADDR_KEY && !a->quoted && looks_glued(a->text, a->text_len)) {
        vs_err said = *e->err;
        return vs_fail(e->err, s, "%s; operators stand between blanks", said.msg);
    }
    if (s == VS_OK && !out->v.vec) s = vs_fail(e->err, VS_E_STATE, "%s gave no vector", a->text);
    return s == VS_OK ? vs__trace_operand(e->err, e->trace, out) : s;
}

/* The key s[from, to), perhaps with the name of a space in front. */
static vs_status key(eval *e, size_t from, size_t to, bool with_space, vs__operand *out) {
    vs_arena arena = {0};
    vs_addr a = {.kind = VS_ADDR_KEY, .at = from};
    size_t begin = from, most = to - from < LONGEST_NAME ? to : from + LONGEST_NAME;
    for (size_t i = from; with_space && i + 1 < most && !vs__is_blank(e->x.s[i]); i++)
        if (e->x.s[i] == ':' && !vs__is_blank(e->x.s[i + 1]) && is_space(e, from, i)) begin = i + 1;
    a.text_len = to - begin;
    a.text = vs_arena_strndup(&arena, e->x.s + begin, a.text_len);
    if (begin > from) a.space = vs_arena_strndup(&arena, e->x.s + from, begin - 1 - from);
    vs_status s = a.text && (a.space || begin == from) ? resolve(e, &a, out) : no_memory(e);
    vs_arena_free(&arena);
    return s;
}

/* What stands between the quotes of s[n], \" and \\ undone. */
static char *unquoted(vs_arena *arena, const char *s, size_t n, size_t *len) {
    char *text = vs_arena_alloc(arena, n + 1, 1);
    *len = 0;
    for (size_t i = 1; text && i + 1 < n; i++) {
        if (s[i] == '\\' && i + 2 < n && (s[i + 1] == '"' || s[i + 1] == '\\')) i++;
        text[(*len)++] = s[i];
    }
    return text;
}

/* @site and [pos] behind a quoted text. */
static vs_status site(eval *e, vs_arena *arena, vs_addr *a) {
    vs__lex *x = &e->x;
    size_t from = ++x->at, len;
    while (!vs__closes(x, x->at) && !vs__is_blank(x->s[x->at]) && x->s[x->at] != '[' && vs__op_at(x, x->at, &len) == VS__NONE)
        x->at++;
    if (x->at == from) return want(e, from, "a layer or a site is wanted after @");
    a->kind = VS_ADDR_SITE;
    a->site = vs_arena_strndup(arena, x->s + from, x->at - from);
    if (!a->site) return no_memory(e);
    if (x->at == x->n || x->s[x->at] != '[') return VS_OK;
    from = x->at + 1;
    size_t end = from < x->n && x->s[from] == '"' ? vs__quote_end(x->s, x->n, from) : from;
    const char *close = end && end < x->n ? memchr(x->s + end, ']', x->n - end) : NULL;
    if (!close) return want(e, x->at, "the [ is never closed");
    x->at = (size_t)(close - x->s) + 1;
    a->pos = vs_arena_strndup(arena, x->s + from, x->at - 1 - from);
    return a->pos ? VS_OK : no_memory(e);
}

/* -> "target" behind a quoted text; then its site is to follow. */
static vs_status target(eval *e, vs_arena *arena, vs_addr *a) {
    vs__lex *x = &e->x, ahead = *x;
    size_t len, end;
    vs__skip_blanks(&ahead);
    if (vs__op_at(&ahead, ahead.at, &len) != VS__ARROW) return VS_OK;
    ahead.at += len;
    vs__skip_blanks(&ahead);
    if (ahead.at >= x->n || x->s[ahead.at] != '"') return want(e, ahead.at, "what the decoder reads is wanted after ->, in \"…\"");
    if (!(end = vs__quote_end(x->s, x->n, ahead.at))) return want(e, ahead.at, "the \" is never closed");
    if (end >= x->n || x->s[end] != '@') return want(e, end, "a site is wanted, as in \"text\" -> \"target\"@decoder.6[word]");
    a->target = unquoted(arena, x->s + ahead.at, end - ahead.at, &a->target_len);
    x->at = end;
    return a->target ? VS_OK : no_memory(e);
}

/* "text", "text"@site[pos], "text" -> "target"@site[pos], at the place of its quote; from: where the address begins, with its
 * space. */
static vs_status quoted(eval *e, size_t from, vs__operand *out) {
    vs__lex *x = &e->x;
    size_t start = x->at, end = vs__quote_end(x->s, x->n, start);
    if (!end) return want(e, start, "the \" is never closed");
    vs_arena arena = {0};
    vs_addr a = {.kind = VS_ADDR_KEY, .quoted = true, .at = from};
    a.text = unquoted(&arena, x->s + start, end - start, &a.text_len);
    if (start > from) a.space = vs_arena_strndup(&arena, x->s + from, start - 1 - from);
    x->at = end;
    vs_status s = a.text && (a.space || start == from) ? VS_OK : no_memory(e);
    if (s == VS_OK) s = target(e, &arena, &a);
    if (s == VS_OK && x->at < x->n && x->s[x->at] == '@') s = site(e, &arena, &a);
    if (s == VS_OK && x->at == end && end < x->n && x->s[end] == '[')
        s = want(e, end, "a site is wanted before [, as in \"text\"@6[word]");
    if (s == VS_OK) s = resolve(e, &a, out);
    vs_arena_free(&arena);
    return s;
}

/* Where the " of space:"text" stands, or 0: the address at x->at is none. */
static size_t space_quote(const eval *e) {
    const vs__lex *x = &e->x;
    for (size_t i = x->at; i + 1 < x->n && i < x->at + LONGEST_NAME && !vs__is_blank(x->s[i]) && !vs__closes(x, i); i++)
        if (x->s[i] == ':' && x->s[i + 1] == '"' && i > x->at) return i + 1;
    return 0;
}

/* Where the call of model:call( … ) begins, or 0: there is none at x->at. */
static size_t model_call(const eval *e) {
    const vs__lex *x = &e->x;
    for (size_t i = x->at; i + 1 < x->n && i < x->at + LONGEST_NAME && !vs__is_blank(x->s[i]) && !vs__closes(x, i); i++) {
        size_t end = x->s[i] == ':' ? vs__name_end(x, i + 1) : 0;
        if (end > i + 1 && end < x->n && x->s[end] == '(' && i > x->at && e->r->is_model && e->r->is_model(e->r->self, x->s + x->at, i - x->at))
            return i + 1;
    }
    return 0;
}

/* ---- functions and calls ---- */

/* The arguments of name( … ), as they are written and without quotes around them; x->at is behind the (, and then behind
 * the ). */
static vs_status written_args(eval *e, vs_arena *arena, const char ***args, const char ***written, size_t *n) {
    vs__lex *x = &e->x;
    size_t close = x->at, depth = 1, open = x->at - 1, cap = 1;
    for (bool start = true; close < x->n; close++) {
        char c = x->s[close];
        if (c == '"' && start) {
            size_t end = vs__quote_end(x->s, x->n, close);
            if (!end) return want(e, close, "the \" is never closed");
            close = end - 1;
        }
        depth += c == '(';
        if (c == ')' && --depth == 0) break;
        cap += c == ',';
        start = vs__quote_may_follow(x->s, close);
    }
    if (close >= x->n) return want(e, open, "the ( is never closed");
    size_t blanks = x->at;
    while (vs__is_blank(x->s[blanks])) blanks++;
    if (blanks == close) { /* none at all: who is called says what it wants */
        x->at = close + 1;
        return VS_OK;
    }
    *args = vs_arena_alloc(arena, cap, sizeof **args);
    *written = vs_arena_alloc(arena, cap, sizeof **written);
    if (!*args || !*written) return no_memory(e);
    vs_span *parts = vs_arena_alloc(arena, cap, sizeof *parts);
    if (!parts) return no_memory(e);
    VS_TRY(vs_expr_split(e->err, x->s + x->at, close - x->at, parts, cap, n));
    for (size_t i = 0; i < *n; i++) {
        const char *s = parts[i].s;
        size_t len = parts[i].n;
        bool whole = s[0] == '"' && vs__quote_end(s, len, 0) == len;
        (*written)[i] = vs_arena_strndup(arena, s, len);
        (*args)[i] = whole ? unquoted(arena, s, len, &len) : (*written)[i];
        if (!(*args)[i] || !(*written)[i]) return no_memory(e);
    }
    x->at = close + 1;
    return VS_OK;
}

/* pc(i) */
static vs_status component(eval *e, const vs_addr *a, vs__operand *out) {
    double i;
    enum { MOST = 1 << 24 };
    if (a->n_args != 1 || !vs__number(a->args[0], strlen(a->args[0]), &i) || !(i >= 1 && i <= MOST) || i != floor(i))
        return vs_fail(e->err, VS_E_SYNTAX, "at byte %zu: pc takes the number of a principal component, from 1", a->at);
    if (!e->r->pc) return vs_fail(e->err, VS_E_UNSUPPORTED, "at byte %zu: there are no principal components here", a->at);
    out->from = a->at;
    out->to = e->x.at;
    VS_TRY(e->r->pc(e->err, e->r->self, (size_t)i - 1, &out->v)); /* a direction: its weight stays 0 */
    return vs__trace_operand(e->err, e->trace, out);
}

/* name( … ) that the resolver knows, or pc; from: where it begins, with its model. */
static vs_status call(eval *e, size_t from, size_t begin, size_t name_end, vs__operand *out) {
    vs_arena arena = {0};
    vs_addr a = {.kind = VS_ADDR_CALL, .at = from, .text_len = name_end - begin};
    const char **args = NULL, **written = NULL;
    e->x.at = name_end + 1;
    a.text = vs_arena_strndup(&arena, e->x.s + begin, a.text_len);
    if (begin > from) a.space = vs_arena_strndup(&arena, e->x.s + from, begin - 1 - from);
    vs_status s = a.text && (a.space || begin == from) ? written_args(e, &arena, &args, &written, &a.n_args) : no_memory(e);
    a.args = args;
    a.written = written;
    if (s == VS_OK) s = strcmp(a.text, "pc") == 0 && !a.space ? component(e, &a, out) : resolve(e, &a, out);
    vs_arena_free(&arena);
    return s;
}

/* The arguments of a function, evaluated; x->at is behind the (, and then behind the ).  *x is the caller's also when
 * this fails. */
static vs_status operands(eval *e, int level, vs__operand **arg, size_t *n) {
    size_t cap = 0, open = e->x.at - 1;
    for (;;) {
        if (*n == cap) {
            size_t more = cap ? cap * 2 : 2;
            vs__operand *grown = vs_grow(*arg, cap, more, sizeof *grown);
            if (!grown) return no_memory(e);
            *arg = grown;
            cap = more;
        }
        (*arg)[*n] = (vs__operand){0};
        ++*n;
        VS_TRY(sum(e, level, &(*arg)[*n - 1]));
        if (e->x.at == e->x.n) return want(e, open, "the ( is never closed");
        if (e->x.s[e->x.at++] == ')') return VS_OK;
    }
}

static vs_status function(eval *e, int level, const vs__function *f, size_t from, vs__operand *out) {
    vs__operand *arg = NULL;
    size_t n = 0;
    double part;
    bool outer = e->x.args;
    e->x.depth++;
    e->x.args = true;
    e->x.at = from + strlen(f->name) + 1;
    vs_status s = operands(e, level, &arg, &n);
    e->x.depth--;
    e->x.args = outer;
    if (s == VS_OK) s = vs__operand_call(e->err, e->x.s, f, arg, n, &part);
    if (s == VS_OK) {
        *out = arg[0];
        arg[0] = (vs__operand){0};
        out->from = from;
        out->to = e->x.at;
        s = vs__trace_step(e->err, e->trace, out, f->rule, f->part, part);
    }
    for (size_t i = 0; i < n; i++) vs__operand_free(&arg[i]);
    vs_free(arg);
    return s;
}

/* ( expr ) */
static vs_status group(eval *e, int level, vs__operand *out) {
    size_t open = e->x.at++;
    bool outer = e->x.args;
    e->x.depth++;
    e->x.args = false;
    vs_status s = sum(e, level, out);
    e->x.depth--;
    e->x.args = outer;
    if (s != VS_OK) return s;
    if (e->x.at == e->x.n) return want(e, open, "the ( is never closed");
    e->x.at++;
    out->from = open;
    out->to = e->x.at;
    return VS_OK;
}

/* ---- operands ---- */

/* Whether the characters up to the next blank are a key as they stand, whatever marks are among them. */
static bool run_is_key(const eval *e, size_t *end) {
    size_t i = e->x.at;
    while (i < e->x.n && !vs__is_blank(e->x.s[i])) {
        if (++i - e->x.at > LONGEST_RUN) return false;
    }
    *end = i;
    return is_key(e, e->x.at, i);
}

/* Whether a " at x->at, a key by itself, opens a quoted text all the same: it is closed further on, and what follows it
 * is neither an operator nor the end.  `" basketball"` where the space has the key `"`. */
static bool opens_quote(const eval *e, size_t key_end) {
    vs__lex after = e->x;
    size_t len, close = vs__quote_end(e->x.s, e->x.n, e->x.at);
    if (close <= key_end) return false; /* or 0: it is never closed */
    after.at = key_end;
    vs__skip_blanks(&after);
    return !vs__closes(&after, after.at) && vs__op_at(&after, after.at, &len) == VS__NONE;
}

/* Whether s[from, to) is $name. */
static bool is_name(const char *s, size_t from, size_t to) {
    if (to - from < 2 || s[from] != '$' || (s[from + 1] >= '0' && s[from + 1] <= '9')) return false;
    for (size_t i = from + 1; i < to; i++) {
        unsigned char c = (unsigned char)s[i];
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c >= 0x80;
        if (!letter) return false;
    }
    return true;
}

static vs_status name(eval *e, size_t from, vs__operand *out) {
    vs_addr a = {.kind = VS_ADDR_NAME, .at = from, .text_len = e->x.at - from - 1};
    char *text = vs_strndup(e->x.s + from + 1, a.text_len);
    if (!text) return no_memory(e);
    a.text = text;
    vs_status s = resolve(e, &a, out);
    vs_free(text);
    return s;
}

/* Whether a ( stands at i, perhaps with a name in front. */
static bool opens_parenthesis(const vs__lex *x, size_t i) {
    i = vs__name_end(x, i);
    return i < x->n && x->s[i] == '(';
}

/* A number that is no key as it stands: a key by the resolver's other rules, else a number (beside + or - that is as good). */
static vs_status number_or_key(eval *e, size_t from, size_t to, vs__operand *out) {
    double number = out->number;
    vs_status s = key(e, from, to, true, out);
    if (s != VS_E_UNKNOWN) return s;
    vs__operand_free(out);
    *out = (vs__operand){.scalar = true, .literal = true, .number = number, .from = from, .to = to};
    return VS_OK;
}

/* Words without quotes: a number, a $name, a key, several words as one key. */
static vs_status bare(eval *e, bool beside, vs__operand *out) {
    vs__lex *x = &e->x;
    size_t from = x->at, first, len, end = vs__words_end(x, &first);
    if (end == from) return want(e, from, "an operand is wanted");
    x->at = end;
    if (first == end && vs__number(x->s + from, end - from, &out->number)) {
        out->literal = true;
        vs__skip_blanks(x);
        vs__op next = vs__op_at(x, x->at, &len);
        x->at = end;
        if (beside || next == VS__TIMES || next == VS__OVER) {
            out->scalar = true;
            out->from = from;
            out->to = end;
            return VS_OK;
        }
    }
    if (is_key(e, from, end)) return key(e, from, end, false, out);
    if (out->literal) return number_or_key(e, from, end, out);
    if (is_name(x->s, from, first)) {
        x->at = first;
        return name(e, from, out);
    }
    for (size_t i = first; i < end; i++) { /* what can begin an operand only ends a row of words */
        if (vs__is_blank(x->s[i])) continue;
        if (vs__is_blank(x->s[i - 1]) && (x->s[i] == '"' || opens_parenthesis(x, i))) return want(e, i, "an operator is wanted");
    }
    return key(e, from, end, true, out);
}

/* What is no sign: a group, a quoted text, a function, bare words. */
static vs_status operand(eval *e, int level, bool beside, vs__operand *out) {
    vs__lex *x = &e->x;
    size_t from = x->at, end;
    if (vs__closes(x, from)) return want(e, from, "an operand is wanted");
    bool run = x->depth == 0 && run_is_key(e, &end);
    if (x->s[from] == '"') {
        if (!run || opens_quote(e, end)) return quoted(e, from, out);
        x->at = end;
        return key(e, from, end, false, out);
    }
    bool opens = opens_parenthesis(x, from);
    if (opens && run) {
        x->at = end;
        return key(e, from, end, false, out);
    }
    if (opens && level >= DEEPEST) return want(e, from, "parentheses are nested too deeply");
    if (opens) {
        size_t name_end = vs__name_end(x, from);
        if (name_end == from) return group(e, level + 1, out);
        for (const vs__function *f = vs__functions; f->name; f++)
            if (strlen(f->name) == name_end - from && memcmp(f->name, x->s + from, name_end - from) == 0)
                return function(e, level + 1, f, from, out);
        return call(e, from, from, name_end, out);
    }
    size_t called = run ? 0 : model_call(e);
    if (called) return call(e, from, called, vs__name_end(x, called), out);
    size_t quote = run ? 0 : space_quote(e);
    if (quote) {
        x->at = quote;
        return quoted(e, from, out);
    }
    return bare(e, beside, out);
}

/* Signs in front, then an operand.  beside: a * or / stands before it. */
static vs_status factor(eval *e, int level, bool beside, vs__operand *out) {
    vs__lex *x = &e->x;
    bool negative = false;
    size_t len, from = x->at;
    for (;; vs__skip_blanks(x)) {
        vs__op op = vs__op_at(x, x->at, &len);
        if (op == VS__NONE) break;
        if (op == VS__ARROW) return want(e, x->at, "an operand is wanted; → is no operator here");
        vs__lex after = *x;
        after.at += len;
        vs__skip_blanks(&after);
        size_t next;
        if (len == 1 && (vs__closes(x, after.at) || vs__op_at(x, after.at, &next) != VS__NONE)) { /* a lone mark is a key */
            size_t at = x->at++;
            VS_TRY(key(e, at, at + 1, false, out));
            if (negative) vs__operand_negate(out);
            return VS_OK;
        }
        if (op != VS__MINUS) return want(e, x->at, "an operand is wanted");
        negative = !negative;
        x->at += len;
    }
    VS_TRY(operand(e, level, beside, out));
    if (negative) {
        vs__operand_negate(out);
        out->from = from;
    }
    return VS_OK;
}

/* The operator behind an operand: VS__NONE where the expression ends. */
static vs_status operator_after(eval *e, vs__op *op, size_t *len) {
    vs__lex *x = &e->x;
    vs__skip_blanks(x);
    *op = VS__NONE;
    if (vs__closes(x, x->at)) return VS_OK;
    *op = vs__op_at(x, x->at, len);
    if (*op == VS__ARROW) return want(e, x->at, "an operator is wanted; → is none here");
    if (*op == VS__NONE)
        return want(e, x->at, memchr("+-*/", x->s[x->at], 4) ? "operators stand between blanks" : "an operator is wanted");
    return VS_OK;
}

/* What was read as a key and stands beside a number is a number itself, if it can be one. */
static void number_beside(eval *e, vs__operand *a, const vs__operand *b) {
    if (a->scalar || !a->literal || !b->scalar || b->literal) return;
    vs__trace_forget(e->trace, a);
    vs__operand as = {.scalar = true, .number = a->number, .from = a->from, .to = a->to};
    vs__operand_free(a);
    *a = as;
}

static vs_status combine(eval *e, vs__op op, vs__operand *a, vs__operand *b) {
    if (op == VS__PLUS || op == VS__MINUS) {
        number_beside(e, a, b);
        number_beside(e, b, a);
    }
    const char *rule = op == VS__PLUS ? "x + y" : op == VS__MINUS ? "x − y" : op == VS__OVER ? "x / k" : b->scalar ? "x k" : "k x";
    VS_TRY(vs__operand_combine(e->err, e->x.s, op, a, b));
    return vs__trace_step(e->err, e->trace, a, rule, NULL, 0);
}

/* term := factor (('*' | '/') factor)*; *op is the operator that ended it. */
static vs_status term(eval *e, int level, vs__operand *out, vs__op *op) {
    vs__lex *x = &e->x;
    size_t len;
    vs__skip_blanks(x);
    VS_TRY(factor(e, level, false, out));
    for (;;) {
        VS_TRY(operator_after(e, op, &len));
        if (*op == VS__NONE) return VS_OK;
        x->at += len;
        if (*op == VS__PLUS || *op == VS__MINUS) return VS_OK;
        vs__operand right = {0};
        vs__skip_blanks(x);
        vs_status s = factor(e, level, true, &right);
        if (s == VS_OK) s = combine(e, *op, out, &right);
        vs__operand_free(&right);
        if (s != VS_OK) return s;
    }
}

static vs_status sum(eval *e, int level, vs__operand *out) {
    vs__op op, next;
    VS_TRY(term(e, level, out, &op));
    while (op != VS__NONE) {
        if (vs_interrupted()) return vs_fail(e->err, VS_E_STOPPED, "interrupted");
        vs__operand right = {0};
        vs_status s = term(e, level, &right, &next);
        if (s == VS_OK) s = combine(e, op, out, &right);
        vs__operand_free(&right);
        if (s != VS_OK) return s;
        op = next;
    }
    return VS_OK;
}

vs_status vs_eval_any(vs_err *err, const char *text, size_t n, const vs_resolver *r, vs_trace *trace, vs_value *out) {
    *out = (vs_value){0};
    eval e = {.err = err, .r = r, .x = {.s = text, .n = n}, .trace = trace};
    size_t bad;
    if (!vs_utf8_valid(text, n, &bad)) return vs_fail(err, VS_E_SYNTAX, "at byte %zu: not valid UTF-8", bad);
    const char *nul = memchr(text, 0, n);
    if (nul) return vs_fail(err, VS_E_SYNTAX, "at byte %zu: a NUL", (size_t)(nul - text));
    vs__skip_blanks(&e.x);
    while (e.x.n > e.x.at && vs__is_blank(text[e.x.n - 1])) e.x.n--;
    if (e.x.at == e.x.n) return vs_fail(err, VS_E_SYNTAX, "at byte %zu: an expression is wanted", e.x.at);
    vs__operand a = {0};
    vs_status s;
    if (is_key(&e, e.x.at, e.x.n)) {
        size_t from = e.x.at;
        e.x.at = e.x.n;
        s = key(&e, from, e.x.n, false, &a);
    } else {
        s = sum(&e, 0, &a);
    }
    if (s == VS_OK && a.scalar && a.literal) { /* a number alone is a key, and there is none: say so */
        vs__operand again = {0};
        s = key(&e, a.from, a.to, true, &again);
        vs__operand_free(&again);
        if (s == VS_OK) s = vs_fail(err, VS_E_STATE, "a key came late");
    }
    if (s == VS_OK) vs__trace_finish(trace, &a);
    if (s == VS_OK) s = vs__operand_finish(err, &a, out);
    vs__operand_free(&a);
    return s;
}

vs_status vs_eval(vs_err *err, const char *text, size_t n, const vs_resolver *r, vs_value *out) {
    VS_TRY(vs_eval_any(err, text, n, r, NULL, out));
    if (out->vec) return VS_OK;
    vs_value_free(out);
    return vs_fail(err, VS_E_SYNTAX, "this is a number; a vector is wanted");
}
