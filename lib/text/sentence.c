/* sentence.c - where the sentences of running text end. */
#include "sentence.h"

#include <string.h>

static bool blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v'; }
static bool small(char c) { return c >= 'a' && c <= 'z'; }
static bool letter(char c) { return small(c) || (c >= 'A' && c <= 'Z') || (unsigned char)c >= 0x80; }

/* The length of the mark at s[n] if it is one of marks, else 0. */
static size_t mark_at(const char *s, size_t n, const char *const *marks) {
    for (; *marks; marks++) {
        size_t len = strlen(*marks);
        if (len <= n && !memcmp(s, *marks, len)) return len;
    }
    return 0;
}
static const char *const enders[] = {".", "!", "?", "…", "。", "！", "？", NULL};
static const char *const closers[] = {"\"", "'", ")", "]", "}", "”", "’", "»", "」", "』", "）", NULL};
static const char *const openers[] = {"\"", "'", "(", "[", "{", "“", "‘", "«", "¿", "¡", "—", NULL};

/* Whether the full stop at text[i] belongs to the word before it, which begins at or behind `from`. */
static bool abbreviates(const char *text, size_t from, size_t i) {
    static const char *const known[] = {"Mr",  "Mrs", "Ms",  "Dr",   "St", "Prof", "Sr", "Jr",  "vs", "cf",
                                        "Rev", "Gen", "Col", "Capt", "Lt", "Mt",   "No", "Vol", "pp", NULL};
    size_t b = i, n, dots = 0;
    while (b > from && (letter(text[b - 1]) || text[b - 1] == '.')) dots += text[--b] == '.';
    n = i - b;
    if (n == 1) return text[b] != 'I'; /* "so do I." ends */
    if (dots && n == 2 * dots + 1) {   /* U.S., e.g. */
        for (size_t k = 0; k < n; k++)
            if ((text[b + k] == '.') != (k % 2 == 1)) return false;
        return true;
    }
    for (const char *const *k = known; *k; k++)
        if (strlen(*k) == n && !memcmp(*k, text + b, n)) return true;
    return false;
}

/* Whether a paragraph ends at the white space text[i]: an empty line; *next is the byte behind all of it. */
static bool gap(const char *text, size_t n, size_t i, size_t *next) {
    size_t breaks = 0;
    for (; i < n && blank(text[i]); i++) breaks += text[i] == '\n';
    *next = i;
    return breaks > 1;
}

bool vs_sentence_next(const char *text, size_t n, size_t *at, size_t *begin, size_t *end) {
    size_t i = *at, next, len;
    while (i < n && blank(text[i])) i++;
    *begin = i;
    while (i < n) {
        *end = i;
        if (blank(text[i])) {
            if (gap(text, n, i, &next)) break;
            i = next;
            continue;
        }
        if (!(len = mark_at(text + i, n - i, enders))) {
            i++;
            continue;
        }
        bool stop = text[i] == '.' && abbreviates(text, *begin, i);
        while (len) { /* ?!, ..., and what closes */
            i += len;
            if (!(len = mark_at(text + i, n - i, enders))) len = mark_at(text + i, n - i, closers);
            else stop = false;
        }
        *end = i;
        if (i < n && !blank(text[i]) && (unsigned char)text[i - 1] < 0x80) continue; /* 3.14; but 。 needs no blank */
        bool ends = gap(text, n, i, &next);
        size_t look = next;
        while ((len = mark_at(text + look, n - look, openers))) look += len;
        if (ends || (!stop && !(look < n && small(text[look])))) break;
        i = next;
    }
    if (i >= n) {
        *end = n;
        while (*end > *begin && blank(text[*end - 1])) --*end;
    }
    *at = i;
    return *end > *begin;
}
