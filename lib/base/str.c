/* str.c - see str.h. */
#include "str.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <utf8proc.h>

#include "alloc.h"

static bool reserve(vs_buf *b, size_t more) {
    if (b->failed) return false;
    size_t need;
    if (!vs_add(b->len, more, &need) || !vs_add(need, 1, &need)) {
        b->failed = true;
        return false;
    }
    if (need <= b->cap) return true;
    size_t cap = b->cap ? b->cap : 64;
    while (cap < need) cap = cap > SIZE_MAX / 2 ? need : cap * 2;
    char *s = vs_grow(b->s, b->len, cap, 1);
    if (!s) {
        b->failed = true;
        return false;
    }
    b->s = s;
    b->cap = cap;
    return true;
}

void vs_buf_put(vs_buf *b, const char *s, size_t n) {
    if (!reserve(b, n)) return;
    if (n) memcpy(b->s + b->len, s, n);
    b->len += n;
    b->s[b->len] = '\0';
}

void vs_buf_puts(vs_buf *b, const char *s) { vs_buf_put(b, s, strlen(s)); }
void vs_buf_putc(vs_buf *b, char c) { vs_buf_put(b, &c, 1); }

void vs_buf_printf(vs_buf *b, const char *fmt, ...) {
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n > 0 && reserve(b, (size_t)n)) {
        vsnprintf(b->s + b->len, (size_t)n + 1, fmt, again);
        b->len += (size_t)n;
    }
    va_end(again);
}

void vs_buf_put_utf8(vs_buf *b, uint32_t cp) {
    char c[4];
    vs_buf_put(b, c, vs_utf8_encode(cp, c));
}

void vs_buf_clear(vs_buf *b) {
    b->len = 0;
    if (b->s) b->s[0] = '\0';
}

void vs_buf_free(vs_buf *b) {
    vs_free(b->s);
    *b = (vs_buf){0};
}

uint32_t vs_utf8_next(const char *s, size_t n, size_t *i, bool *bad) {
    const unsigned char *p = (const unsigned char *)s + *i;
    size_t left = n - *i, len = p[0] < 0x80 ? 1 : p[0] < 0xC2 ? 0 : p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : p[0] < 0xF5 ? 4 : 0;
    uint32_t cp = len == 1 ? p[0] : len == 2 ? p[0] & 0x1Fu : len == 3 ? p[0] & 0x0Fu : p[0] & 0x07u;
    bool ok = len && len <= left;
    for (size_t k = 1; ok && k < len; k++) {
        ok = (p[k] & 0xC0) == 0x80;
        cp = cp << 6 | (p[k] & 0x3Fu);
    }
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    if (!ok || cp < least[len] || cp > 0x10FFFF || (cp >= 0xD800 && cp <= 0xDFFF)) {
        *i += 1;
        if (bad) *bad = true;
        return 0xFFFD;
    }
    *i += len;
    return cp;
}

bool vs_utf8_valid(const char *s, size_t n, size_t *at) {
    for (size_t i = 0; i < n;) {
        bool bad = false;
        size_t start = i;
        vs_utf8_next(s, n, &i, &bad);
        if (bad) {
            if (at) *at = start;
            return false;
        }
    }
    return true;
}

size_t vs_utf8_encode(uint32_t cp, char out[4]) {
    if (cp < 0x80) {
        out[0] = (char)cp;
        return 1;
    }
    size_t n = cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
    for (size_t k = n - 1; k > 0; k--, cp >>= 6) out[k] = (char)(0x80 | (cp & 0x3F));
    out[0] = (char)((n == 2 ? 0xC0 : n == 3 ? 0xE0 : 0xF0) | cp);
    return n;
}

void vs_utf8_case(vs_case c, const char *s, size_t n, vs_buf *b) {
    bool first = true;
    for (size_t i = 0; i < n; first = false) {
        utf8proc_int32_t cp = (utf8proc_int32_t)vs_utf8_next(s, n, &i, NULL);
        if (c == VS_CASE_UPPER)
            cp = utf8proc_toupper(cp);
        else if (c == VS_CASE_TITLE && first)
            cp = utf8proc_totitle(cp);
        else
            cp = utf8proc_tolower(cp);
        vs_buf_put_utf8(b, (uint32_t)cp);
    }
}

const char *vs_path_stem(const char *path, size_t *n) {
    size_t end = strlen(path), dot = 0;
    while (end > 1 && path[end - 1] == '/') end--; /* as a shell completes a folder */
    size_t from = end;
    while (from && path[from - 1] != '/') from--;
    for (size_t i = from + 1; i < end; i++)
        if (path[i] == '.') dot = i;
    *n = (dot ? dot : end) - from;
    return path + from;
}

size_t vs_edit_distance(const char *a, size_t na, const char *b, size_t nb) {
    enum { MAX = 64 };
    if (na >= MAX || nb >= MAX) return SIZE_MAX;
    size_t row[3][MAX + 1];
    for (size_t j = 0; j <= nb; j++) row[0][j] = j;
    for (size_t i = 1; i <= na; i++) {
        size_t *now = row[i % 3], *up = row[(i + 2) % 3], *up2 = row[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= nb; j++) {
            size_t cost = up[j - 1] + (a[i - 1] != b[j - 1]);
            if (up[j] + 1 < cost) cost = up[j] + 1;
            if (now[j - 1] + 1 < cost) cost = now[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && up2[j - 2] + 1 < cost)
                cost = up2[j - 2] + 1;
            now[j] = cost;
        }
    }
    return row[na % 3][nb];
}

bool vs_glob(const char *p, const char *t) {
    const char *star = NULL, *back = NULL;
    while (*t) {
        if (*p == '*') {
            star = p++;
            back = t;
        } else if (*p == '?' || *p == *t) {
            p++, t++;
        } else if (star) {
            p = star + 1;
            t = ++back;
        } else {
            return false;
        }
    }
    while (*p == '*') p++;
    return !*p;
}
