/* fmt_word2vec.c - the binary file of word2vec (Mikolov et al., 2013; distance.c there reads it).
 *
 *   "ROWS DIM\n"   rows × { word, ' ', f32[DIM], and mostly '\n' }
 *
 * The text file of the same program has the same first line: what follows the first word tells them apart. */
#include <inttypes.h>
#include <string.h>

#include "words.h"

enum { SURELY = 32 }; /* so many floats without a byte below 0x20 among them: once in a million rows */

/* Whether the next row is text: no control character, and a number at its end unless the row is long enough to be sure.
 */
static bool is_text_row(const vs_map *m, size_t at, uint64_t dim) {
    const char *s = (const char *)m->bytes + at;
    const char *nl = memchr(s, '\n', m->size - at), *end = nl ? nl : (const char *)m->bytes + m->size;
    for (const char *p = s; p < end; p++)
        if (((unsigned char)*p < 0x20 && *p != '\t' && *p != '\r') || *p == 0x7F) return false;
    while (end > s && (end[-1] == ' ' || end[-1] == '\r' || end[-1] == '\t')) end--;
    const char *last = end;
    while (last > s && last[-1] != ' ' && last[-1] != '\t') last--;
    float x;
    return dim >= SURELY || (vs__parse_float(&last, end, &x) && last == end);
}

static bool probe(const vs_words *w) {
    uint64_t rows, dim;
    size_t at;
    return vs__words_header(&w->map, &rows, &dim, &at) && at < w->map.size && !is_text_row(&w->map, at, dim);
}

static vs_status open_binary(vs_err *err, vs_words *w) {
    uint64_t rows, dim;
    (void)vs__words_header(&w->map, &rows, &dim, &w->at); /* probe() saw it */
    size_t left = w->map.size - w->at;
    /* the smallest row: a byte, a blank, the numbers */
    if (!rows || !dim || dim > left / sizeof(float) || rows > left / (dim * sizeof(float) + 2))
        return vs_fail(err, VS_E_FORMAT,
                       "%s: the first line counts %" PRIu64 " rows of %" PRIu64 " numbers, but only %zu bytes follow",
                       w->path, rows, dim, left);
    w->rows = (size_t)rows;
    w->dim = (size_t)dim;
    return VS_OK;
}

static vs_status next_row(vs_err *err, vs_words *w, const char **key, size_t *n) {
    size_t left = w->map.size - w->at;
    const char *s = (const char *)w->map.bytes + w->at;
    if (left && *s == '\n') { /* the end of the row before */
        s++;
        left--;
    }
    if (w->line == w->rows) {
        w->at = w->map.size - left;
        w->ended = true;
        return left ? vs_fail(err, VS_E_FORMAT, "%s: %zu bytes follow the last of %zu rows", w->path, left, w->rows)
                    : VS_OK;
    }
    w->line++;
    const char *blank = memchr(s, ' ', left);
    size_t bytes = w->dim * sizeof(float);
    w->ended = !blank || left - (size_t)(blank - s) - 1 < bytes;
    if (w->ended)
        return vs_fail(err, VS_E_FORMAT, "%s: the file ends in row %zu of %zu", w->path, w->line, w->rows);
    *n = (size_t)(blank - s);
    memcpy(w->vec, blank + 1, bytes);
    w->at = (size_t)(blank + 1 - (const char *)w->map.bytes) + bytes;
    VS_TRY(vs__words_key(err, w, &s, n));
    *key = s;
    return VS_OK;
}

const vs__words_kind vs__words_word2vec = {.name = "word2vec", .probe = probe, .open = open_binary, .next = next_row};
