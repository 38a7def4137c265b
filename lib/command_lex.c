/* command_lex.c - the words of a line: one lexer for the prompt, scripts and -c. */
#include <string.h>

#include "command_impl.h"

/* A text being read; an earlier search has found no ' that closes a group before single_free. */
typedef struct scan {
    const char *s;
    size_t n, single_free;
} scan;

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

/* The offset just after the quoted or braced group that begins at i, or 0 where it is never closed. */
static size_t skip_double(const char *s, size_t n, size_t i) {
    for (i++; i < n; i++) {
        if (s[i] == '\\' && i + 1 < n && (s[i + 1] == '"' || s[i + 1] == '\\'))
            i++;
        else if (s[i] == '"')
            return i + 1;
    }
    return 0;
}

/* '…' ends where a ' ends a word of the same line, before another begins one: 's and 'tis are words as they stand. */
static size_t skip_single(scan *x, size_t i) {
    size_t at = i + 1;
    if (at < x->single_free) at = x->single_free;
    for (; at < x->n && x->s[at] != '\n'; at++) {
        if (x->s[at] != '\'') continue;
        if (at + 1 == x->n || is_blank(x->s[at + 1]) || x->s[at + 1] == ';' || x->s[at + 1] == '}') return at + 1;
        if (is_blank(x->s[at - 1])) break;
    }
    x->single_free = at;
    return i + 1;
}

static size_t skip_braces(scan *x, size_t i) {
    size_t depth = 0;
    bool at_start = true;
    while (i < x->n) {
        char c = x->s[i];
        if (c == '"' || (c == '\'' && at_start)) {
            size_t end = c == '"' ? skip_double(x->s, x->n, i) : skip_single(x, i);
            if (!end) return 0;
            i = end;
            at_start = false;
            continue;
        }
        depth += c == '{';
        i++;
        if (c == '}' && --depth == 0) return i;
        at_start = is_blank(c) || c == '{' || c == ';';
    }
    return 0;
}

/* One step of a scan: from i, over a character or a whole group.  0: unclosed. */
static size_t step(scan *x, size_t i, bool word_start) {
    if (x->s[i] == '"') return skip_double(x->s, x->n, i);
    if (x->s[i] == '\'' && word_start) return skip_single(x, i);
    if (x->s[i] == '{') return skip_braces(x, i);
    return i + 1;
}

static vs_status unclosed(vs_err *err, const char *s, size_t i) {
    return vs_fail(err, VS_E_SYNTAX, "the %c at character %zu is never closed", s[i], i + 1);
}

vs_status vs_lex_command(vs_err *err, const char *text, size_t n, size_t *end) {
    size_t i = 0;
    while (i < n && text[i] != '\n' && is_blank(text[i])) i++;
    if (i < n && text[i] == '#') { /* a comment runs to the end of its line */
        const char *nl = memchr(text + i, '\n', n - i);
        *end = nl ? (size_t)(nl - text) : n;
        return VS_OK;
    }
    scan x = {.s = text, .n = n};
    bool word_start = true;
    while (i < n && text[i] != ';' && text[i] != '\n') {
        size_t next = step(&x, i, word_start);
        if (!next) return unclosed(err, text, i);
        word_start = is_blank(text[i]);
        i = next;
    }
    *end = i;
    return VS_OK;
}

/* Put the text of a word written as s[n] into out, without its quotes. */
static void unquote(const char *s, size_t n, char *out) {
    size_t k = 0;
    scan x = {.s = s, .n = n};
    if (n >= 2 && s[0] == '\'' && skip_single(&x, 0) == n) {
        memcpy(out, s + 1, n - 2);
        out[n - 2] = '\0';
        return;
    }
    bool inside = false;
    for (size_t i = 0; i < n; i++) {
        size_t end = s[i] == '{' && !inside ? skip_braces(&x, i) : 0; /* 0 too where a group of the line began before it */
        if (end) { /* a block stays as written */
            memcpy(out + k, s + i, end - i);
            k += end - i;
            i = end - 1;
        } else if (s[i] == '"') {
            inside = !inside;
        } else {
            if (inside && s[i] == '\\' && i + 1 < n && (s[i + 1] == '"' || s[i + 1] == '\\')) i++;
            out[k++] = s[i];
        }
    }
    out[k] = '\0';
}

static vs_status add_word(vs_err *err, vs_words_of *out, size_t *cap, vs_word w) {
    if (out->n == *cap) {
        size_t more = *cap ? *cap * 2 : 16;
        vs_word *grown = vs_grow(out->word, out->n, more, sizeof *grown);
        if (!grown) return vs_fail(err, VS_E_NOMEM, "no memory for the words of a line");
        out->word = grown;
        *cap = more;
    }
    out->word[out->n++] = w;
    return VS_OK;
}

vs_status vs_lex_words(vs_err *err, const char *text, size_t n, vs_words_of *out) {
    *out = (vs_words_of){0};
    size_t cap = 0;
    scan x = {.s = text, .n = n};
    for (size_t i = 0; i < n;) {
        if (is_blank(text[i])) {
            i++;
            continue;
        }
        size_t from = i;
        bool first = true;
        while (i < n && !is_blank(text[i])) {
            size_t next = step(&x, i, first);
            if (!next) {
                vs_words_of_free(out);
                return unclosed(err, text, i);
            }
            i = next;
            first = false;
        }
        vs_word w = {.raw = text + from, .raw_len = i - from};
        bool single = text[from] == '\'' && i > from + 1 && text[i - 1] == '\''; /* it went over the group as one */
        w.quoted = single || (text[from] == '"' && skip_double(text, i, from) == i);
        w.text = vs_arena_alloc(&out->arena, w.raw_len + 1, 1);
        vs_status s = w.text ? add_word(err, out, &cap, w)
                             : vs_fail(err, VS_E_NOMEM, "no memory for a word of %zu bytes", w.raw_len);
        if (s != VS_OK) {
            vs_words_of_free(out);
            return s;
        }
        unquote(w.raw, w.raw_len, w.text);
    }
    return VS_OK;
}

vs_status vs_lex_argv(vs_err *err, int argc, const char *const *argv, vs_words_of *out) {
    *out = (vs_words_of){0};
    size_t cap = 0;
    for (int i = 0; i < argc; i++) {
        vs_word w = {.raw = argv[i], .raw_len = strlen(argv[i])};
        w.text = vs_arena_strndup(&out->arena, w.raw, w.raw_len);
        vs_status s = w.text ? add_word(err, out, &cap, w) : vs_fail(err, VS_E_NOMEM, "no memory for the arguments");
        if (s != VS_OK) {
            vs_words_of_free(out);
            return s;
        }
    }
    return VS_OK;
}

void vs_words_of_free(vs_words_of *w) {
    vs_free(w->word);
    vs_arena_free(&w->arena);
    *w = (vs_words_of){0};
}
