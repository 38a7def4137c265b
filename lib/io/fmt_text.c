/* fmt_text.c - word vectors as text: a line is a word and its numbers, with blanks or tabs between them.
 *
 * word2vec and fastText write "ROWS DIM" first, GloVe does not: its dimension is the count of numbers that most of the
 * first lines end in.  Words may hold blanks ("New York"): the last DIM fields are the vector. */
#include <inttypes.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "words.h"

enum { SAMPLE = 64, NUMBER_BYTES = 128 };

/* ---- numbers ---- */

/* By the C library, which rounds correctly but asks the locale for the decimal point. */
static bool parse_slowly(const char **p, const char *end, float *out) {
    char s[NUMBER_BYTES];
    size_t n = 0;
    for (const char *q = *p; q < end && n < sizeof s && *q != ' ' && *q != '\t' && *q != '\r' && *q != '\n'; q++)
        s[n++] = *q;
    if (!n || n == sizeof s || memchr(s, 'x', n) || memchr(s, 'X', n) || s[0] == '\v' || s[0] == '\f') return false;
    s[n] = '\0';
    locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (!c) return false;
    locale_t before = uselocale(c);
    char *stop;
    *out = strtof(s, &stop);
    uselocale(before);
    freelocale(c);
    if (stop == s) return false;
    *p += stop - s;
    return true;
}

static const double power[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                               1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

static const char *parse_exponent(const char *s, const char *end, int *exponent) {
    const char *p = s + 1;
    bool minus = p < end && *p == '-';
    if (p < end && (*p == '-' || *p == '+')) p++;
    const char *from = p;
    int e = 0;
    for (; p < end && (unsigned)(*p - '0') < 10; p++)
        if (e < 10000) e = e * 10 + (*p - '0');
    if (p == from) return s; /* "1e" is the number 1 and a letter */
    *exponent += minus ? -e : e;
    return p;
}

/* Up to 19 digits make an integer m and a power of ten: m <= 2^53 and 10^|e| <= 10^22 are doubles, so m*10^e rounds
 * once (Clinger, 1990).  Rounding that to float is rounding the true value unless the double lies halfway between two
 * floats. */
bool vs__parse_float(const char **p, const char *end, float *out) {
    const char *s = *p;
    bool minus = s < end && *s == '-';
    if (s < end && (*s == '-' || *s == '+')) s++;
    uint64_t m = 0;
    const char *from = s;
    for (; s < end && (unsigned)(*s - '0') < 10; s++) m = m * 10 + (uint64_t)(*s - '0');
    ptrdiff_t digits = s - from;
    int exponent = 0;
    if (s < end && *s == '.') {
        const char *point = ++s;
        for (; s < end && (unsigned)(*s - '0') < 10; s++) m = m * 10 + (uint64_t)(*s - '0');
        digits += s - point;
        exponent = digits > 19 ? 0 : (int)(point - s);
    }
    if (digits == 0 || digits > 19) return parse_slowly(p, end, out);
    if (s < end && (*s == 'e' || *s == 'E')) s = parse_exponent(s, end, &exponent);
    if (m > (uint64_t)1 << 53 || exponent < -22 || exponent > 22) return parse_slowly(p, end, out);
    double d = exponent < 0 ? (double)m / power[-exponent] : (double)m * power[exponent];
    uint64_t bits;
    memcpy(&bits, &d, sizeof bits);
    bool halfway = (bits & 0x1FFFFFFF) == 0x10000000; /* the 29 bits that a float lacks */
    if (halfway || (d < 0x1p-126 && m)) return parse_slowly(p, end, out);
    *out = (float)(minus ? -d : d);
    *p = s;
    return true;
}

/* ---- lines ---- */

static bool is_blank(char c) { return c == ' ' || c == '\t'; }

/* The line at *at without its end and the blanks before that; *at then at the next line. */
static const char *take_line(const vs_map *m, size_t *at, const char **end) {
    const char *s = (const char *)m->bytes + *at, *nl = memchr(s, '\n', m->size - *at);
    *end = nl ? nl : (const char *)m->bytes + m->size;
    *at = (size_t)(*end - (const char *)m->bytes) + (nl != NULL);
    while (*end > s && (is_blank((*end)[-1]) || (*end)[-1] == '\r')) --*end;
    return s;
}

/* How many fields follow the word, were it one without blanks. */
static size_t count_fields(const char *s, const char *end) {
    size_t n = 0;
    for (const char *p = s + 1; p < end; p++) n += is_blank(p[0]) && !is_blank(p[-1]);
    return n;
}

/* How many numbers stand at the end of a line, its first field left out. */
static size_t count_numbers(const char *s, const char *end) {
    size_t n = 0;
    for (const char *p = end; p > s;) {
        const char *to = p;
        while (p > s && !is_blank(p[-1])) p--;
        const char *from = p;
        float x;
        if (from == s || !vs__parse_float(&from, to, &x) || from != to) break;
        n++;
        while (p > s && is_blank(p[-1])) p--;
    }
    return n;
}

/* The width that most of the first lines have; of equally frequent ones that of the earlier line. */
static size_t usual_numbers(const vs_map *m, size_t at) {
    size_t seen[SAMPLE], n = 0, best = 0, best_times = 0;
    while (at < m->size && n < SAMPLE) {
        const char *end, *s = take_line(m, &at, &end);
        if (s < end) seen[n++] = count_numbers(s, end);
    }
    for (size_t i = 0; i < n; i++) {
        size_t times = 0;
        for (size_t k = 0; k < n; k++) times += seen[k] == seen[i];
        if (seen[i] && times > best_times) {
            best = seen[i];
            best_times = times;
        }
    }
    return best;
}

static bool probe(const vs_words *w) {
    (void)w;
    return true;
}

static vs_status open_text(vs_err *err, vs_words *w) {
    uint64_t rows, dim;
    if (vs__words_header(&w->map, &rows, &dim, &w->at)) {
        size_t left = w->map.size - w->at;
        if (!rows || !dim || dim > left / 2 || rows > (left + 1) / (2 * dim + 2)) /* the smallest row: "a 1 1\n" */
            return vs_fail(err, VS_E_FORMAT,
                           "%s: the first line counts %" PRIu64 " rows of %" PRIu64
                           " numbers, but only %zu bytes follow",
                           w->path, rows, dim, left);
        w->rows = (size_t)rows;
        w->dim = (size_t)dim;
        w->line = 1;
        return VS_OK;
    }
    w->dim = usual_numbers(&w->map, w->at);
    if (w->dim) return VS_OK;
    return vs_fail(err, VS_E_FORMAT, "%s: not word vectors; want lines of a word and its numbers", w->path);
}

static bool parse_row(const vs_words *w, const char *p, const char *end) {
    for (size_t k = 0; k < w->dim; k++) {
        if (p == end || !is_blank(*p)) return false;
        while (p < end && is_blank(*p)) p++;
        if (!vs__parse_float(&p, end, &w->vec[k])) return false;
    }
    return p == end;
}

/* Where the last n fields begin (at the blank before them); NULL where there are fewer. */
static const char *last_fields(const char *s, const char *end, size_t n) {
    const char *p = end;
    for (size_t k = 0; k < n; k++) {
        while (p > s && !is_blank(p[-1])) p--;
        while (p > s && is_blank(p[-1])) p--;
        if (p == s) return NULL;
    }
    return p;
}

static vs_status bad_row(vs_err *err, const vs_words *w, const char *s, const char *numbers, const char *end) {
    if (!numbers)
        return vs_fail(err, VS_E_FORMAT, "%s: line %zu (%s): want a word and %zu numbers, the line has %zu fields",
                       w->path, w->line, vs__show(s, (size_t)(end - s)).s, w->dim, count_fields(s, end) + 1);
    const char *p = numbers;
    for (float x; p < end;) {
        while (p < end && is_blank(*p)) p++;
        const char *from = p;
        if (vs__parse_float(&p, end, &x) && (p == end || is_blank(*p))) continue;
        for (p = from; p < end && !is_blank(*p);) p++;
        return vs_fail(err, VS_E_FORMAT, "%s: line %zu (%s): %s is not a number", w->path, w->line,
                       vs__show(s, (size_t)(numbers - s)).s, vs__show(from, (size_t)(p - from)).s);
    }
    return vs_fail(err, VS_E_FORMAT, "%s: line %zu: want a word and %zu numbers", w->path, w->line, w->dim);
}

static vs_status next_line(vs_err *err, vs_words *w, const char **key, size_t *n) {
    const char *s = NULL, *end = NULL;
    while (s == end && w->at < w->map.size) { /* an empty line is no row */
        s = take_line(&w->map, &w->at, &end);
        w->line++;
    }
    w->ended = s == end || (w->rows && w->row == w->rows);
    if (s == end && w->row < w->rows)
        return vs_fail(err, VS_E_FORMAT, "%s: the file ends after %zu of %zu rows", w->path, w->row, w->rows);
    if (s == end) return VS_OK;
    if (w->rows && w->row == w->rows)
        return vs_fail(err, VS_E_FORMAT, "%s: line %zu: the first line counts only %zu rows", w->path, w->line,
                       w->rows);
    w->row++;
    const char *blank = s;
    while (blank < end && !is_blank(*blank)) blank++;
    if (!parse_row(w, blank, end)) { /* the word holds blanks, or the line is wrong */
        blank = last_fields(s, end, w->dim);
        if (!blank || !parse_row(w, blank, end)) return bad_row(err, w, s, blank, end);
    }
    *n = (size_t)(blank - s);
    VS_TRY(vs__words_key(err, w, &s, n));
    *key = s;
    return VS_OK;
}

const vs__words_kind vs__words_text = {.name = "text", .probe = probe, .open = open_text, .next = next_line};

/* ---- the Embedding Projector: vectors.tsv, and labels in metadata.tsv beside it ---- */

/* Lines of numbers alone, and labels to be had. */
static bool probe_projector(const vs_words *w) {
    size_t at = 0, n = strlen(w->path);
    if (n < 4 || strcmp(w->path + n - 4, ".tsv") != 0 || !w->map.size) return false;
    const char *end, *s = take_line(&w->map, &at, &end), *p = s;
    float x;
    while (p < end && vs__parse_float(&p, end, &x) && (p == end || *p == '\t')) p += p < end;
    if (s == end || p != end) return false;
    vs_words look = {.path = w->path, .on_disk = w->on_disk}; /* it is none unless its labels are there */
    bool there = w->list.bytes || vs__words_metadata(NULL, &look) == VS_OK;
    vs_map_close(&look.list);
    return there;
}

static vs_status open_projector(vs_err *err, vs_words *w) {
    size_t at = 0;
    const char *end, *s = take_line(&w->map, &at, &end);
    w->dim = count_fields(s, end) + 1;
    VS_TRY(vs__words_metadata(err, w));
    size_t labels = vs__count_lines(&w->list), n;
    const char *first = vs__take_word(w, &n);
    bool heading = memchr(first, '\t', n) != NULL; /* of several columns the first line names them */
    if (!heading) w->list_at = 0;
    w->rows = vs__count_lines(&w->map);
    if (labels - heading == w->rows) return VS_OK;
    return vs_fail(err, VS_E_SHAPE, "%s: %zu rows, but the metadata beside it has %zu labels%s", w->path, w->rows, labels - heading,
                   heading ? " and a heading" : "");
}

/* A label is the first column. */
static vs_status next_projected(vs_err *err, vs_words *w, const char **key, size_t *n) {
    if (w->at == w->map.size) return VS_OK;
    const char *end, *s = take_line(&w->map, &w->at, &end), *label = vs__take_word(w, n), *tab = memchr(label, '\t', *n), *p = s;
    w->line++;
    if (tab) *n = (size_t)(tab - label);
    for (size_t k = 0; k < w->dim; k++)
        if ((k && (p == end || *p++ != '\t')) || !vs__parse_float(&p, end, &w->vec[k])) p = NULL, k = w->dim - 1;
    if (p != end)
        return vs_fail(err, VS_E_FORMAT, "%s: line %zu (%s): want %zu numbers with tabs between", w->path, w->line,
                       vs__show(s, (size_t)(end - s)).s, w->dim);
    VS_TRY(vs__words_key(err, w, &label, n));
    *key = label;
    return VS_OK;
}

const vs__words_kind vs__words_projector = {
    .name = "projector", .probe = probe_projector, .open = open_projector, .next = next_projected};
