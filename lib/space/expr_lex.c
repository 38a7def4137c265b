/* expr_lex.c - see expr_lex.h; the rules stand in expr.h. */
#include "expr_lex.h"

#include <math.h>
#include <string.h>

#include "expr.h"

static const char minus_sign[] = "\xe2\x88\x92", arrow_sign[] = "\xe2\x86\x92"; /* − → */
enum { SIGN = 3 };                                                             /* bytes of either */

bool vs__is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

void vs__skip_blanks(vs__lex *x) {
    while (x->at < x->n && vs__is_blank(x->s[x->at])) x->at++;
}

static bool starts(const vs__lex *x, size_t i, const char *mark, size_t len) {
    return x->n - i >= len && memcmp(x->s + i, mark, len) == 0;
}

/* Whether a mark from i to j stands alone. */
static bool alone(const vs__lex *x, size_t i, size_t j) {
    bool before = i == 0 || vs__is_blank(x->s[i - 1]) || x->s[i - 1] == '(' || (x->args && x->s[i - 1] == ',') ||
                  (i >= SIGN && memcmp(x->s + i - SIGN, minus_sign, SIGN) == 0);
    return before && (vs__closes(x, j) || vs__is_blank(x->s[j]) || starts(x, j, minus_sign, SIGN));
}

vs__op vs__op_at(const vs__lex *x, size_t i, size_t *len) {
    *len = SIGN;
    if (i >= x->n) return VS__NONE;
    if (starts(x, i, minus_sign, SIGN)) return VS__MINUS;
    if (starts(x, i, arrow_sign, SIGN)) return alone(x, i, i + SIGN) ? VS__ARROW : VS__NONE;
    *len = 2;
    if (starts(x, i, "->", 2)) return alone(x, i, i + 2) ? VS__ARROW : VS__NONE;
    *len = 1;
    static const char marks[] = "+-*/";
    static const vs__op ops[] = {VS__PLUS, VS__MINUS, VS__TIMES, VS__OVER};
    const char *mark = memchr(marks, x->s[i], sizeof marks - 1);
    return mark && alone(x, i, i + 1) ? ops[mark - marks] : VS__NONE;
}

bool vs__closes(const vs__lex *x, size_t i) {
    return i >= x->n || (x->depth > 0 && x->s[i] == ')') || (x->args && x->s[i] == ',');
}

size_t vs__quote_end(const char *s, size_t n, size_t i) {
    for (i++; i < n; i++) {
        if (s[i] == '\\' && i + 1 < n && (s[i + 1] == '"' || s[i + 1] == '\\'))
            i++;
        else if (s[i] == '"')
            return i + 1;
    }
    return 0;
}

static bool is_letter(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_'; }
static bool is_digit(char c) { return c >= '0' && c <= '9'; }

size_t vs__name_end(const vs__lex *x, size_t i) {
    if (i >= x->n || !is_letter(x->s[i])) return i;
    while (i < x->n && (is_letter(x->s[i]) || is_digit(x->s[i]))) i++;
    return i;
}

size_t vs__words_end(const vs__lex *x, size_t *first) {
    size_t i = x->at, end = x->at, len;
    *first = 0;
    while (!vs__closes(x, i)) {
        if (vs__is_blank(x->s[i])) {
            if (!*first) *first = end;
            i++;
            continue;
        }
        if (i > x->at && vs__op_at(x, i, &len) != VS__NONE) break; /* what stands at the operand's start is no operator */
        end = ++i;
    }
    if (!*first) *first = end;
    return end;
}

/* Digits from *i on into *value, counting them. */
static size_t digits(const char *s, size_t n, size_t *i, double *value) {
    size_t from = *i;
    for (; *i < n && is_digit(s[*i]); ++*i) *value = *value * 10 + (s[*i] - '0');
    return *i - from;
}

bool vs__number(const char *s, size_t n, double *value) {
    size_t i = 0, whole, part = 0;
    double v = 0, power = 0;
    bool negative = n && s[0] == '-', down = false;
    if (n && (s[0] == '-' || s[0] == '+')) i++;
    whole = digits(s, n, &i, &v);
    if (i < n && s[i] == '.') {
        i++;
        part = digits(s, n, &i, &v);
    }
    if (!whole && !part) return false;
    if (i < n && (s[i] == 'e' || s[i] == 'E')) {
        i++;
        if (i < n && (s[i] == '-' || s[i] == '+')) down = s[i++] == '-';
        if (!digits(s, n, &i, &power)) return false;
    }
    if (i < n) return false;
    *value = (negative ? -v : v) * pow(10, (down ? -power : power) - (double)part);
    return true;
}

int vs__shown(const char *s, size_t n) {
    enum { SHOWN = 60 };
    if (n > SHOWN) {
        n = SHOWN;
        while (n > 0 && ((unsigned char)s[n] & 0xC0) == 0x80) n--;
    }
    return (int)n;
}

/* ---- commas at top level ---- */

bool vs__quote_may_follow(const char *s, size_t i) {
    return vs__is_blank(s[i]) || memchr(",(:[", s[i], 4) || (i + 1 >= SIGN && memcmp(s + i + 1 - SIGN, minus_sign, SIGN) == 0);
}

static vs_status put_part(vs_err *err, const char *text, size_t from, size_t to, vs_span *parts, size_t cap, size_t *count) {
    size_t at = from;
    while (from < to && vs__is_blank(text[from])) from++;
    while (to > from && vs__is_blank(text[to - 1])) to--;
    if (from == to) return vs_fail(err, VS_E_SYNTAX, "at byte %zu: an expression is wanted beside the comma", at);
    if (*count == cap)
        return vs_fail(err, VS_E_SYNTAX, "at byte %zu: want at most %zu expressions separated by commas", from, cap);
    parts[(*count)++] = (vs_span){text + from, to - from};
    return VS_OK;
}

vs_status vs_expr_split(vs_err *err, const char *text, size_t n, vs_span *parts, size_t cap, size_t *count) {
    size_t from = 0, depth = 0, i = 0;
    bool start = true; /* of a word: only there a " opens */
    *count = 0;
    while (i < n) {
        char c = text[i];
        if (c == '"' && start) {
            size_t end = vs__quote_end(text, n, i);
            if (!end) return vs_fail(err, VS_E_SYNTAX, "at byte %zu: the \" is never closed", i);
            i = end;
            start = false;
            continue;
        }
        if (c == '(' || c == '[' || c == '{') depth++;
        if ((c == ')' || c == ']' || c == '}') && depth) depth--;
        if (c == ',' && !depth) {
            VS_TRY(put_part(err, text, from, i, parts, cap, count));
            from = i + 1;
        }
        start = vs__quote_may_follow(text, i++);
    }
    while (from == 0 && i > 0 && vs__is_blank(text[i - 1])) i--;
    if (i == 0) return vs_fail(err, VS_E_SYNTAX, "an expression is wanted, here is none");
    return put_part(err, text, from, n, parts, cap, count);
}
