/* space.c - see space.h: the object, its rows, and how a key is looked up. */
#include "space.h"

#include <math.h>
#include <string.h>

#include "../base/alloc.h"
#include "../tensor/kernels.h"
#include "expr_lex.h"
#include "nn_impl.h"

vs_status vs_space_new(vs_err *err, const vs_space_desc *desc, vs_space **out) {
    *out = NULL;
    char text[96];
    if (desc->rows.ndim != 2 || desc->rows.shape[1] == 0)
        return vs_fail(err, VS_E_SHAPE, "space %s: want rows [n, d], have %s", desc->name,
                       vs_shape_text(desc->rows.shape, desc->rows.ndim, text, sizeof text));
    vs_space *s = vs_zalloc(1, sizeof *s);
    char *name = vs_strdup(desc->name), *place = vs_strdup(desc->place ? desc->place : "words");
    if (!s || !name || !place) {
        vs_free(s);
        vs_free(name);
        vs_free(place);
        return vs_fail(err, VS_E_NOMEM, "space %s: no memory", desc->name);
    }
    static atomic_uint_fast64_t made;
    s->id = atomic_fetch_add(&made, 1) + 1;
    s->name = name;
    s->place = place;
    s->rows = desc->rows;
    s->n = desc->rows.shape[0];
    s->d = desc->rows.shape[1];
    s->keys = desc->keys;
    s->release = desc->release;
    s->owner = desc->owner;
    *out = s;
    return VS_OK;
}

void vs_space_free(vs_space *s) {
    if (!s) return;
    if (s->release) s->release(s->owner);
    vs_free(atomic_load(&s->inverse));
    vs__codes_free(atomic_load(&s->codes));
    vs__components_free(atomic_load(&s->components));
    vs_buf_free(&s->notes);
    vs_free(s->name);
    vs_free(s->place);
    vs_free(s);
}

const char *vs_space_notes(const vs_space *s) { return s->notes.s ? s->notes.s : ""; }
bool vs_space_composes(const vs_space *s) { return s->keys.compose != NULL; }
uint64_t vs_space_id(const vs_space *s) { return s->id; }
const char *vs_space_name(const vs_space *s) { return s->name; }
const char *vs_space_place(const vs_space *s) { return s->place; }
size_t vs_space_dim(const vs_space *s) { return s->d; }
size_t vs_space_rows(const vs_space *s) { return s->n; }
const char *vs_space_key(const vs_space *s, size_t row, size_t *len) { return s->keys.key(s->keys.self, row, len); }

vs_status vs_space_row(vs_err *err, const vs_space *s, size_t row, float *out) {
    return vs_tensor_row_f32(err, &s->rows, row, out);
}

const float *vs_space_data(const vs_space *s) {
    return s->rows.dtype == VS_F32 && s->rows.stride[0] == s->d * sizeof(float) ? s->rows.data : NULL;
}

/* Sums in double, four at a time so that they do not wait for each other: element i goes into sum i mod 4. */
enum { SUMS = 4 };
static double total(const double s[SUMS]) { return (s[0] + s[2]) + (s[1] + s[3]); }

float vs_cosine(const float *a, const float *b, size_t n) {
    double ab[SUMS] = {0}, aa[SUMS] = {0}, bb[SUMS] = {0};
    size_t whole = n - n % SUMS;
    for (size_t i = 0; i < whole; i += SUMS)
        for (size_t j = 0; j < SUMS; j++) {
            double x = (double)a[i + j], y = (double)b[i + j];
            ab[j] += x * y;
            aa[j] += x * x;
            bb[j] += y * y;
        }
    for (size_t i = whole; i < n; i++) {
        double x = (double)a[i], y = (double)b[i];
        ab[i - whole] += x * y;
        aa[i - whole] += x * x;
        bb[i - whole] += y * y;
    }
    double length = sqrt(total(aa)) * sqrt(total(bb));
    return total(aa) == 0 || total(bb) == 0 ? 0 : (float)(total(ab) / length);
}

double vs_l2(const float *a, const float *b, size_t n) {
    double sum[SUMS] = {0};
    size_t whole = n - n % SUMS;
    for (size_t i = 0; i < whole; i += SUMS)
        for (size_t j = 0; j < SUMS; j++) {
            double far = (double)a[i + j] - (double)b[i + j];
            sum[j] += far * far;
        }
    for (size_t i = whole; i < n; i++) {
        double far = (double)a[i] - (double)b[i];
        sum[i - whole] += far * far;
    }
    return sqrt(total(sum));
}

static const char *const measures[] = {
#define MEASURE(NAME, name, words) name,
#include "measures.def"
#undef MEASURE
};

const char *vs_measure_name(vs_measure m) { return measures[m]; }

bool vs_measure_find(const char *name, vs_measure *out) {
    for (int m = 0; m < VS_MEASURES; m++)
        if (!strcmp(name, measures[m])) {
            *out = (vs_measure)m;
            return true;
        }
    return false;
}

/* ---- look-up ---- */

bool vs_space_find(const vs_space *s, const char *key, size_t n, size_t *row) {
    return s->keys.find(s->keys.self, key, n, row) && *row < s->n;
}

/* A piece with a leading blank, as it stands at the start of a word. */
static bool find_blank(const vs_space *s, const char *key, size_t n, size_t *row) {
    enum { LONGEST = 256 };
    char spaced[LONGEST + 1] = " ";
    if (!s->keys.pieces || n == 0 || n > LONGEST || vs__is_blank(key[0])) return false;
    memcpy(spaced + 1, key, n);
    return vs_space_find(s, spaced, n + 1, row);
}

bool vs_space_has(const vs_space *s, const char *key, size_t n) {
    size_t row;
    return vs_space_find(s, key, n, &row) || (s->keys.pieces && find_blank(s, key, n, &row));
}

/* The key in lower case, with a capital, all in capitals: the first that is there.  `said` is how it is spelled. */
static bool find_folded(const vs_space *s, const char *key, size_t n, size_t *row, vs_buf *said) {
    static const vs_case cases[] = {VS_CASE_LOWER, VS_CASE_TITLE, VS_CASE_UPPER};
    enum { LONGEST = 1024 };
    if (n > LONGEST) return false;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        vs_buf_clear(said);
        vs_utf8_case(cases[i], key, n, said);
        if (said->failed) return false;
        if (find_blank(s, said->s, said->len, row) || vs_space_find(s, said->s, said->len, row)) return true;
    }
    return false;
}

/* One key, not taken apart. */
static bool find_whole(const vs_space *s, const char *key, size_t n, bool exact_only, size_t *row, vs_match *how,
                       vs_buf *said) {
    *how = VS_MATCH_BLANK;
    if (find_blank(s, key, n, row)) return true;
    *how = VS_MATCH_EXACT;
    if (vs_space_find(s, key, n, row)) return true;
    *how = VS_MATCH_FOLDED;
    return !exact_only && n > 0 && find_folded(s, key, n, row, said);
}

bool vs__space_find_cased(const vs_space *s, const char *key, size_t n, size_t *row) {
    vs_match how;
    vs_buf said = {0};
    bool found = find_whole(s, key, n, false, row, &how, &said);
    vs_buf_free(&said);
    return found;
}

/* The rows of the pieces of a text, its first word with a leading blank like the others. */
static size_t pieces(const vs_space *s, const char *key, size_t n, size_t rows[VS_LOOKUP_MAX]) {
    vs_buf text = {0};
    if (s->keys.pieces && n && !vs__is_blank(key[0])) vs_buf_putc(&text, ' ');
    vs_buf_put(&text, key, n);
    size_t count = text.failed ? 0 : s->keys.split(s->keys.self, text.s, text.len, rows, VS_LOOKUP_MAX);
    vs_buf_free(&text);
    if (count > VS_LOOKUP_MAX) return 0;
    for (size_t i = 0; i < count; i++)
        if (rows[i] >= s->n) return 0;
    return count;
}

/* The rows of the words of a text, or of its pieces; 0 where a word is unknown or there are too many. */
static size_t parts(const vs_space *s, const char *key, size_t n, size_t rows[VS_LOOKUP_MAX]) {
    if (s->keys.split) return pieces(s, key, n, rows);
    size_t count = 0;
    vs_buf said = {0};
    for (size_t i = 0; i < n;) {
        size_t from = i;
        while (i < n && !vs__is_blank(key[i])) i++;
        if (i > from) {
            vs_match how;
            if (count == VS_LOOKUP_MAX || !find_whole(s, key + from, i - from, false, &rows[count], &how, &said)) {
                count = 0;
                break;
            }
            count++;
        }
        while (i < n && vs__is_blank(key[i])) i++;
    }
    vs_buf_free(&said);
    return count;
}

/* vec = the mean of those rows, summed in double so that the order of the parts does not show. */
static vs_status mean_of(vs_err *err, const vs_space *s, const size_t *rows, size_t count, float *vec) {
    if (count == 1) return vs_space_row(err, s, rows[0], vec);
    double *sum = vs_zalloc(s->d, sizeof *sum);
    if (!sum) return vs_fail(err, VS_E_NOMEM, "no memory for a vector of %zu numbers", s->d);
    vs_status status = VS_OK;
    for (size_t i = 0; i < count && status == VS_OK; i++) {
        status = vs_space_row(err, s, rows[i], vec);
        for (size_t j = 0; j < s->d && status == VS_OK; j++) sum[j] += (double)vec[j];
    }
    for (size_t j = 0; j < s->d && status == VS_OK; j++) vec[j] = (float)(sum[j] / (double)count);
    vs_free(sum);
    return status;
}

static void say_mean(const vs_space *s, const size_t *rows, size_t count, vs_buf *note) {
    vs_buf_puts(note, "mean(");
    for (size_t i = 0; i < count; i++) {
        size_t len;
        const char *key = vs_space_key(s, rows[i], &len);
        if (i) vs_buf_puts(note, ", ");
        key = vs__past_blank(key, &len);
        vs_buf_put(note, key, len);
    }
    vs_buf_putc(note, ')');
}

vs_status vs_space_lookup(vs_err *err, const vs_space *s, const char *key, size_t n, bool exact_only, float *vec,
                          size_t rows[VS_LOOKUP_MAX], size_t *n_rows, vs_match *how, vs_buf *note) {
    *n_rows = 0;
    vs_buf said = {0};
    bool found = find_whole(s, key, n, exact_only, &rows[0], how, &said);
    if (found && *how == VS_MATCH_FOLDED) vs_buf_put(note, said.s, said.len);
    bool failed = said.failed;
    vs_buf_free(&said);
    if (failed) return vs_fail(err, VS_E_NOMEM, "no memory to look a key up");
    if (found) {
        *n_rows = 1;
        return vs_space_row(err, s, rows[0], vec);
    }
    if (!exact_only && s->keys.compose && s->keys.compose(s->keys.self, key, n, vec, note)) {
        *how = VS_MATCH_COMPOSED;
        return note->failed ? vs_fail(err, VS_E_NOMEM, "no memory to look a key up") : VS_OK;
    }
    size_t count = exact_only ? 0 : parts(s, key, n, rows);
    if (!count) return vs__space_unknown(err, s, key, n);
    *how = VS_MATCH_MEAN;
    *n_rows = count;
    say_mean(s, rows, count, note);
    if (note->failed) return vs_fail(err, VS_E_NOMEM, "no memory to look a key up");
    return mean_of(err, s, rows, count, vec);
}

vs_status vs_space_compose(vs_err *err, const vs_space *s, const char *text, size_t n, float *vec, vs_buf *note) {
    if (!s->keys.compose) return vs_fail(err, VS_E_UNSUPPORTED, "%s makes no vectors of texts", s->name);
    if (s->keys.compose(s->keys.self, text, n, vec, note)) return VS_OK;
    return vs_fail(err, VS_E_UNKNOWN, "%s has no part of \"%.*s\"", s->name, (int)(n < 80 ? n : 80), text);
}
