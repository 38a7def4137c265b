/* dialect.c - a regular expression as the reference's engine reads it (Oniguruma, Ruby's syntax), respelled so that
 * PCRE2 reads the same.
 *
 * What differs: classes within classes and their intersection, \s \w \b \h \v and POSIX names, \p{Han} (PCRE2 would
 * take script extensions), \u1234, (?m: for a dot that takes line ends, {,n}, and + or ? after {n,m} (Ruby repeats the
 * repetition; PCRE2 would not give back).  What has no like here is refused by name. */
#include <string.h>
#include <utf8proc.h>

#include "tokenizer_impl.h"

/* White_Space; PCRE2's own would add U+180E. */
#define SPACES                                                                                                         \
    "\\x{9}-\\x{d}\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}"
#define HEX "0-9a-fA-F"
/* Its \w in a class; out of one it takes some numbers below U+0100 too. */
#define WORD_PROPER                                                                                                    \
    "\\p{L}\\p{M}\\p{Nd}\\p{Nl}\\p{Pc}\\x{24b6}-\\x{24e9}"                                                             \
    "\\x{1f130}-\\x{1f149}\\x{1f150}-\\x{1f169}\\x{1f170}-\\x{1f189}"
#define WORD WORD_PROPER "\\x{b2}\\x{b3}\\x{b9}\\x{bc}-\\x{be}"

enum { NESTING = 32 };

typedef struct reader {
    vs_err *err;
    const char *s;
    size_t n, at;
    int depth;
    bool any_case; /* within (?i: */
} reader;

static vs_status refuse(const reader *r, const char *what) {
    return vs_fail(r->err, VS_E_UNSUPPORTED, "pattern '%.*s': %s at byte %zu is not supported",
                   r->n > 80 ? 80 : (int)r->n, r->s, what, r->at);
}

static char peek(const reader *r, size_t ahead) { return r->at + ahead < r->n ? r->s[r->at + ahead] : '\0'; }

static bool starts(const reader *r, const char *what) {
    size_t k = strlen(what);
    return r->n - r->at >= k && !memcmp(r->s + r->at, what, k);
}

static bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

/* Without regard to case its engine takes two letters for one (ss for \xDF, ff fi fl st for their ligatures), which
 * PCRE2 does not: where a pattern could mean that, it is refused.  before: the character in front, 0 where there is
 * none. */
static vs_status folds_alike(const reader *r, uint32_t before, uint32_t cp) {
    static const char pairs[] = "ss ff fi fl st";
    if (!r->any_case) return VS_OK;
    bool cased = cp >= 128 && (utf8proc_tolower((utf8proc_int32_t)cp) != (utf8proc_int32_t)cp ||
                               utf8proc_toupper((utf8proc_int32_t)cp) != (utf8proc_int32_t)cp ||
                               utf8proc_category((utf8proc_int32_t)cp) == UTF8PROC_CATEGORY_LL);
    const char pair[3] = {(char)(before | 32), (char)(cp | 32), '\0'};
    bool ligature = cp < 128 && before && before < 128 && strstr(pairs, pair);
    return cased || ligature ? refuse(r, "these letters without regard to case") : VS_OK;
}

/* ---- names of sets ---- */

static const struct named {
    const char *name, *set;
} posix[] = {{"space", SPACES},
             {"digit", "\\p{Nd}"},
             {"alpha", "\\p{Alphabetic}"},
             {"alnum", "\\p{Alphabetic}\\p{Nd}"},
             {"upper", "\\p{Uppercase}"},
             {"lower", "\\p{Lowercase}"},
             {"punct", "\\p{P}\\p{S}"},
             {"xdigit", HEX},
             {"word", WORD_PROPER},
             {"blank", "\\p{Zs}\\t"},
             {"cntrl", "\\p{Cc}"}},
  general[] = {{"Letter", "L"},    {"Mark", "M"},  {"Number", "N"}, {"Punctuation", "P"},        {"Symbol", "S"},
               {"Separator", "Z"}, {"Other", "C"}, {"Any", "Any"},  {"Alphabetic", "Alphabetic"}};

/* \p{…} and \P{…}: two letters at most are a general category, other names scripts. */
static vs_status property(reader *r, vs_buf *out) {
    size_t begin = r->at + 3, end = begin;
    bool turned = r->s[r->at + 1] == 'P';
    if (peek(r, 2) != '{') return refuse(r, "\\p without braces");
    while (end < r->n && r->s[end] != '}') end++;
    if (end == r->n) return refuse(r, "\\p without an end");
    if (r->s[begin] == '^') {
        turned = !turned;
        begin++;
    }
    const char *name = r->s + begin, *as = NULL;
    size_t n = end - begin;
    for (size_t k = 0; k < sizeof general / sizeof *general; k++)
        if (strlen(general[k].name) == n && !memcmp(general[k].name, name, n)) as = general[k].set;
    vs_buf_puts(out, turned ? "\\P{" : "\\p{");
    if (as)
        vs_buf_puts(out, as);
    else if (n <= 2)
        vs_buf_put(out, name, n);
    else
        vs_buf_printf(out, "sc:%.*s", (int)n, name);
    vs_buf_putc(out, '}');
    r->at = end + 1;
    return VS_OK;
}

/* An escape that stands for one character, in a class or out of it. */
static vs_status character(reader *r, vs_buf *out) {
    char c = peek(r, 1);
    if (c == 'u') {
        for (size_t k = 2; k < 6; k++)
            if (!is_hex(peek(r, k))) return refuse(r, "\\u without four digits");
        vs_buf_printf(out, "\\x{%.4s}", r->s + r->at + 2);
        r->at += 6;
        return VS_OK;
    }
    if (c == 'x' && peek(r, 2) != '{' && (!is_hex(peek(r, 2)) || (peek(r, 2) >= '8' && is_hex(peek(r, 3)))))
        return refuse(r, "a byte beyond ASCII");
    if (c == 'v') {
        vs_buf_puts(out, "\\x0b");
        r->at += 2;
        return VS_OK;
    }
    if (!c || c == 'Q' || c == 'E' || c == 'C' || c == 'g' || c == 'k' || c == 'M' || c == 'c')
        return refuse(r, "this escape");
    vs_buf_put(out, r->s + r->at, 2); /* what PCRE2 does not know either it names */
    r->at += 2;
    return VS_OK;
}

/* ---- classes ---- */

/* A class on its way: the union of the items of `set` and of what the one-character patterns of `other` match. */
typedef struct charset {
    vs_buf set, other;
} charset;

static void charset_free(charset *c) {
    vs_buf_free(&c->set);
    vs_buf_free(&c->other);
}

static void add_other(charset *c, const char *pattern, size_t n) {
    if (c->other.len) vs_buf_putc(&c->other, '|');
    vs_buf_put(&c->other, pattern, n);
}

/* The class as a pattern of one character. */
static void spell(const charset *c, bool turned, vs_buf *out) {
    const char *set = c->set.len ? c->set.s : "";
    if (!c->other.len) {
        vs_buf_printf(out, c->set.len ? turned ? "[^%s]" : "[%s]" : turned ? "(?s:.)" : "(?!)", set);
        return;
    }
    vs_buf_puts(out, turned ? "(?:(?!" : "(?:");
    if (c->set.len) vs_buf_printf(out, "[%s]|", set);
    vs_buf_put(out, c->other.s, c->other.len);
    vs_buf_puts(out, turned ? ")(?s:.))" : ")");
}

static vs_status read_class(reader *r, vs_buf *out);

static vs_status class_escape(reader *r, charset *c, bool *is_set) {
    const char *set = NULL;
    *is_set = true;
    switch (peek(r, 1)) {
    case 's': set = SPACES; break;
    case 'w': set = WORD_PROPER; break;
    case 'h': set = HEX; break;
    case 'S': set = "\\S\\x{180e}"; break;
    case 'd': set = "\\d"; break;
    case 'D': set = "\\D"; break;
    case 'W': add_other(c, "[^" WORD_PROPER "]", sizeof WORD_PROPER + 2); break;
    case 'H': add_other(c, "[^" HEX "]", sizeof HEX + 2); break;
    case 'p':
    case 'P': return property(r, &c->set);
    case 'R':
    case 'X': return refuse(r, "this escape in a class");
    default: *is_set = false; return character(r, &c->set);
    }
    if (set) vs_buf_puts(&c->set, set);
    r->at += 2;
    return VS_OK;
}

static vs_status posix_name(reader *r, charset *c) {
    for (size_t k = 0; k < sizeof posix / sizeof *posix; k++) {
        size_t n = strlen(posix[k].name);
        if (r->n - r->at < n + 4 || memcmp(r->s + r->at + 2, posix[k].name, n) || memcmp(r->s + r->at + 2 + n, ":]", 2))
            continue;
        vs_buf_puts(&c->set, posix[k].set);
        r->at += n + 4;
        return VS_OK;
    }
    return refuse(r, "this POSIX name");
}

/* One item of a class.  before_set: whether the one before was a set, after which a hyphen is just that. */
static vs_status class_item(reader *r, charset *c, bool first, bool *before_set) {
    char ch = peek(r, 0);
    bool is_set = false;
    if (ch == '[' && peek(r, 1) == ':') {
        VS_TRY(posix_name(r, c));
        is_set = true;
    } else if (ch == '[') {
        vs_buf inner = {0};
        vs_status s = read_class(r, &inner);
        if (s == VS_OK && inner.len) add_other(c, inner.s, inner.len);
        c->other.failed = c->other.failed || inner.failed;
        vs_buf_free(&inner);
        VS_TRY(s);
        is_set = true;
    } else if (ch == '\\') {
        VS_TRY(class_escape(r, c, &is_set));
    } else if (ch == '-' && (first || *before_set || peek(r, 1) == ']' || peek(r, 1) == '[' || starts(r, "-&&"))) {
        vs_buf_puts(&c->set, "\\-");
        r->at++;
    } else {
        size_t next = r->at;
        VS_TRY(folds_alike(r, 0, vs_utf8_next(r->s, r->n, &next, NULL)));
        if (ch == '^') vs_buf_putc(&c->set, '\\');
        vs_buf_put(&c->set, r->s + r->at, next - r->at);
        r->at = next;
    }
    *before_set = is_set;
    return VS_OK;
}

/* [ … ], with what may be in it, as a pattern of one character. */
static vs_status read_class(reader *r, vs_buf *out) {
    charset c = {{0}, {0}};
    vs_buf all = {0}; /* what stood before &&, as lookaheads */
    vs_status s = r->depth++ < NESTING ? VS_OK : refuse(r, "a class so deep in classes");
    bool turned = peek(r, 1) == '^', before_set = false;
    size_t begin = r->at += turned ? 2 : 1;
    while (s == VS_OK && (r->at == begin || peek(r, 0) != ']')) {
        if (r->at >= r->n) {
            s = vs_fail(r->err, VS_E_FORMAT, "pattern '%.*s': a class has no end", r->n > 80 ? 80 : (int)r->n, r->s);
        } else if (starts(r, "&&")) {
            vs_buf_puts(&all, "(?=");
            spell(&c, false, &all);
            vs_buf_putc(&all, ')');
            charset_free(&c);
            r->at += 2;
        } else {
            s = class_item(r, &c, r->at == begin, &before_set);
        }
    }
    if (all.len) {
        vs_buf_puts(out, turned ? "(?:(?!" : "(?:");
        vs_buf_put(out, all.s, all.len);
        spell(&c, false, out);
        vs_buf_puts(out, turned ? ")(?s:.))" : ")");
    } else {
        spell(&c, turned, out);
    }
    r->at++;
    r->depth--;
    out->failed = out->failed || all.failed || c.set.failed || c.other.failed;
    vs_buf_free(&all);
    charset_free(&c);
    return s;
}

/* ---- outside classes ---- */

static vs_status escape(reader *r, vs_buf *out) {
    const char *as = NULL;
    switch (peek(r, 1)) {
    case 's': as = "[" SPACES "]"; break;
    case 'S': as = "[^" SPACES "]"; break;
    case 'w': as = "[" WORD "]"; break;
    case 'W': as = "[^" WORD "]"; break;
    case 'h': as = "[" HEX "]"; break;
    case 'H': as = "[^" HEX "]"; break;
    case 'b': as = "(?:(?<=[" WORD "])(?![" WORD "])|(?<![" WORD "])(?=[" WORD "]))"; break;
    case 'B': as = "(?:(?<=[" WORD "])(?=[" WORD "])|(?<![" WORD "])(?![" WORD "]))"; break;
    case 'p':
    case 'P': return property(r, out);
    default: return character(r, out);
    }
    vs_buf_puts(out, as);
    r->at += 2;
    return VS_OK;
}

/* What follows "(?": kinds of groups that are the same, and options, of which m is s here. */
static vs_status group(reader *r, vs_buf *out) {
    static const char *const same[] = {"(?:", "(?=", "(?!", "(?>", "(?<=", "(?<!"};
    for (size_t k = 0; k < sizeof same / sizeof *same; k++)
        if (starts(r, same[k])) {
            vs_buf_puts(out, same[k]);
            r->at += strlen(same[k]);
            return VS_OK;
        }
    size_t end = r->at + 2;
    while (end < r->n && strchr("imx-", r->s[end])) end++;
    bool scoped = end < r->n && r->s[end] == ':';
    if (end == r->n || (!scoped && (r->s[end] != ')' || r->at))) return refuse(r, "this kind of group");
    for (bool on = true; r->at < end; r->at++) {
        on = on && r->s[r->at] != '-';
        if (r->s[r->at] == 'i') r->any_case = on;
        vs_buf_putc(out, r->s[r->at] == 'm' ? 's' : r->s[r->at]);
    }
    if (scoped) {
        vs_buf_putc(out, ':');
        r->at++;
    }
    return VS_OK;
}

/* {n}, {n,}, {,n}, {n,m} as a repetition of what begins at `atom` of out; as text where it is none. */
static void repeat(reader *r, vs_buf *out, size_t atom) {
    size_t k = 1, first = 0, second = 0;
    while (peek(r, k) >= '0' && peek(r, k) <= '9') k++, first++;
    bool comma = peek(r, k) == ',';
    if (comma) k++;
    while (comma && peek(r, k) >= '0' && peek(r, k) <= '9') k++, second++;
    if (peek(r, k) != '}' || !(first + second)) {
        vs_buf_puts(out, "\\{");
        r->at++;
        return;
    }
    char after = peek(r, k + 1);
    bool again = after == '+' || (after == '?' && !comma); /* a repetition of the repetition */
    if (again && !out->failed) {
        vs_buf tail = {0};
        vs_buf_put(&tail, out->s + atom, out->len - atom);
        out->len = atom;
        vs_buf_puts(out, "(?:");
        if (tail.len) vs_buf_put(out, tail.s, tail.len);
        out->failed = out->failed || tail.failed;
        vs_buf_free(&tail);
    }
    vs_buf_puts(out, first ? "{" : "{0");
    vs_buf_put(out, r->s + r->at + 1, k);
    r->at += k + 1;
    if (again) vs_buf_putc(out, ')');
}

vs_status vs__regex_respell(vs_err *err, const char *re, size_t n, vs_buf *out) {
    reader r = {.err = err, .s = re, .n = n};
    size_t open[64], depth = 0, atom = 0; /* where groups begin in out, and what a repetition would repeat */
    bool any_case[64];                    /* what was so outside of them */
    uint32_t before = 0;
    while (r.at < n) {
        size_t begin = out->len;
        uint32_t here = 0;
        switch (re[r.at]) {
        case '\\': VS_TRY(escape(&r, out)); break;
        case '[': VS_TRY(read_class(&r, out)); break;
        case '(':
            if (depth == sizeof open / sizeof *open) return refuse(&r, "a group so deep in groups");
            if (peek(&r, 1) == '*') return refuse(&r, "(*");
            any_case[depth] = r.any_case;
            open[depth++] = begin;
            if (peek(&r, 1) == '?') {
                VS_TRY(group(&r, out));
                if (peek(&r, 0) == ')') any_case[depth - 1] = r.any_case; /* (?i) holds to the end */
            } else {
                vs_buf_putc(out, '(');
                r.at++;
            }
            break;
        case ')':
            if (depth) {
                begin = open[--depth];
                r.any_case = any_case[depth];
            }
            vs_buf_putc(out, ')');
            r.at++;
            break;
        case '{': repeat(&r, out, atom); continue;
        case '*':
        case '+':
        case '?': vs_buf_putc(out, re[r.at++]); continue; /* what is repeated stays the atom */
        default: {
            size_t next = r.at;
            here = vs_utf8_next(re, n, &next, NULL);
            VS_TRY(folds_alike(&r, before, here));
            vs_buf_put(out, re + r.at, next - r.at);
            r.at = next;
        }
        }
        atom = begin;
        before = here;
    }
    return VS_OK;
}
