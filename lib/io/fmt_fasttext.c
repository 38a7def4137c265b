/* fmt_fasttext.c - a model of fastText (Bojanowski et al. 2017), .bin: words, and vectors of their character n-grams.
 *
 *   i32 magic, version; i32 dim, ws, epoch, minCount, neg, wordNgrams, loss, model, bucket, minn, maxn, lrUpdateRate; f64 t
 *   i32 entries, words, labels; i64 tokens, pruned
 *   entries × { word, NUL, i64 count, u8 kind }                       words first, then labels
 *   pruned × { i32, i32 }
 *   u8 quantised; i64 rows, dim; f32 [words + bucket, dim]            the output matrix after that is not read
 *
 * The oldest files have neither magic, version, pruned nor quantised.
 * A word's vector is the mean of its own row and those of its n-grams: of "<word>", minn to maxn characters each, numbered
 * by a hash.  A word that is not there has its n-grams alone. */
#include <inttypes.h>
#include <string.h>

#include "words.h"

enum { MAGIC = 793712314, NEWEST = 12, SUPERVISED = 3, ENTRY_BYTES = 10, LONGEST_NGRAM = 100, KIND_WORD = 0 };

static uint32_t number_at(const vs_words *w, size_t i) {
    uint32_t v;
    memcpy(&v, w->map.bytes + i * sizeof v, sizeof v);
    return v;
}

/* The head without magic and version, as the first fastText wrote it: known by numbers that such a head may have. */
static bool is_old(const vs_words *w) {
    enum { DIM, WS, EPOCH, MIN_COUNT, NEG, WORD_NGRAMS, LOSS, MODEL, BUCKET, MINN, MAXN, ARGS = 12, ENTRIES = ARGS + 2, WORDS };
    if (w->map.size < (WORDS + 1) * sizeof(uint32_t)) return false;
    return number_at(w, DIM) - 1 < 65536 && number_at(w, WS) - 1 < 1000 && number_at(w, LOSS) - 1 < 4 && number_at(w, MODEL) - 1 < 3 &&
           number_at(w, BUCKET) <= INT32_MAX && number_at(w, MINN) <= number_at(w, MAXN) && number_at(w, MAXN) <= LONGEST_NGRAM &&
           number_at(w, WORDS) && number_at(w, WORDS) <= number_at(w, ENTRIES);
}

static bool is_new(const vs_words *w) { return w->map.size >= sizeof(uint32_t) && number_at(w, 0) == MAGIC; }
static bool probe(const vs_words *w) { return is_new(w) || is_old(w); }

static vs_status ends_early(vs_err *err, const vs_words *w, const char *in) {
    return vs_fail(err, VS_E_FORMAT, "%s: the file ends (at byte %zu) in %s", w->path, w->map.size, in);
}

static vs_status read_arguments(vs_err *err, vs_words *w, vs_cursor *c) {
    if (is_new(w)) (void)vs_read_u32(c);
    uint32_t version = is_new(w) ? vs_read_u32(c) : 0, arg[12];
    for (size_t i = 0; i < 12; i++) arg[i] = vs_read_u32(c);
    (void)vs_read_f64(c);
    if (c->failed) return ends_early(err, w, "the head of a fastText model");
    if (version > NEWEST)
        return vs_fail(err, VS_E_UNSUPPORTED, "%s: fastText's version %" PRIu32 " of the file; up to %d are read", w->path, version, NEWEST);
    if (arg[8] > INT32_MAX || arg[9] > LONGEST_NGRAM || arg[10] > LONGEST_NGRAM)
        return vs_fail(err, VS_E_FORMAT, "%s: %" PRIu32 " buckets of n-grams of %" PRIu32 " to %" PRIu32 " characters", w->path,
                       arg[8], arg[9], arg[10]);
    w->dim = arg[0];
    w->ngram.buckets = arg[8];
    w->ngram.least = arg[9] ? arg[9] : 1;
    w->ngram.most = version == 11 && arg[7] == SUPERVISED ? 0 : arg[10]; /* such a model was trained without */
    return VS_OK;
}

/* Past the words, labels and what was pruned: to the matrix. */
static vs_status read_dictionary(vs_err *err, vs_words *w, vs_cursor *c) {
    uint32_t entries = vs_read_u32(c), words = vs_read_u32(c);
    (void)vs_read_u32(c);
    (void)vs_read_u64(c);
    int64_t pruned = is_new(w) ? (int64_t)vs_read_u64(c) : 0;
    if (c->failed) return ends_early(err, w, "the head of its dictionary");
    if (!words || words > entries || entries > (c->size - c->at) / ENTRY_BYTES)
        return vs_fail(err, VS_E_FORMAT, "%s: %" PRIu32 " words among %" PRIu32 " entries, but only %zu bytes follow", w->path, words,
                       entries, c->size - c->at);
    w->at = c->at;
    w->rows = words;
    for (uint32_t i = 0; i < entries; i++) {
        const unsigned char *nul = memchr(c->p + c->at, '\0', c->size - c->at);
        if (!nul) return ends_early(err, w, "its dictionary");
        c->at = (size_t)(nul - c->p) + 1;
        (void)vs_read_u64(c);
        if ((vs_read_u8(c) == KIND_WORD) != (i < words) && !c->failed)
            return vs_fail(err, VS_E_FORMAT, "%s: entry %" PRIu32 " of its dictionary: want %" PRIu32 " words, then labels", w->path, i, words);
    }
    if (pruned > 0) return vs_fail(err, VS_E_UNSUPPORTED, "%s: a pruned fastText model; the whole one (.bin, not .ftz) is read", w->path);
    return c->failed ? ends_early(err, w, "its dictionary") : VS_OK;
}

static vs_status open_model(vs_err *err, vs_words *w) {
    vs_cursor c = vs_cursor_over(w->map.bytes, w->map.size);
    VS_TRY(read_arguments(err, w, &c));
    VS_TRY(read_dictionary(err, w, &c));
    bool quantised = is_new(w) && vs_read_u8(&c) != 0;
    uint64_t rows = vs_read_u64(&c), dim = vs_read_u64(&c);
    if (c.failed) return ends_early(err, w, "the head of its matrix");
    if (quantised) return vs_fail(err, VS_E_UNSUPPORTED, "%s: a quantised fastText model (.ftz); the .bin it was made of is read", w->path);
    if (dim != w->dim || rows != (uint64_t)w->rows + w->ngram.buckets)
        return vs_fail(err, VS_E_SHAPE, "%s: a matrix [%" PRIu64 ", %" PRIu64 "], want [%zu + %zu, %zu]", w->path, rows, dim, w->rows,
                       w->ngram.buckets, w->dim);
    size_t bytes;
    if (!w->dim) return VS_OK; /* whoever opens it refuses that */
    if (!vs_mul(w->dim, sizeof(float), &bytes) || rows > (c.size - c.at) / bytes) return ends_early(err, w, "its matrix");
    w->ngram.matrix = w->map.bytes + c.at;
    w->bytes = vs_alloc(bytes, 1);
    return w->bytes ? VS_OK : vs_fail(err, VS_E_NOMEM, "%s: no memory for a row", w->path);
}

/* vec += row r, in the order of the calls, which is fastText's. */
static void add_row(vs_words *w, size_t r, float *vec) {
    memcpy(w->bytes, w->ngram.matrix + r * w->dim * sizeof(float), w->dim * sizeof(float)); /* they are not aligned */
    const float *row = (const float *)(const void *)w->bytes;
    for (size_t k = 0; k < w->dim; k++) vec[k] += row[k];
}

/* fastText's hash of an n-gram: FNV-1a, of bytes with their sign. */
static uint32_t hash_more(uint32_t h, char c) {
    uint32_t byte = (unsigned char)c;
    if (byte & 0x80) byte |= 0xFFFFFF00;
    return (h ^ byte) * 16777619u;
}

/* Adds the rows of the n-grams of "<key>"; how many. */
static size_t add_ngrams(vs_words *w, const char *key, size_t n, float *vec) {
    if (!w->ngram.buckets || !w->ngram.most) return 0;
    vs_buf_clear(&w->marked);
    vs_buf_putc(&w->marked, '<');
    vs_buf_put(&w->marked, key, n);
    vs_buf_putc(&w->marked, '>');
    if (w->marked.failed) return 0;
    const char *s = w->marked.s;
    size_t end = w->marked.len, added = 0;
    for (size_t i = 0; i < end; i++) {
        if ((s[i] & 0xC0) == 0x80) continue;
        uint32_t h = 2166136261u;
        for (size_t j = i, length = 1; j < end && length <= w->ngram.most; length++) {
            h = hash_more(h, s[j++]);
            while (j < end && (s[j] & 0xC0) == 0x80) h = hash_more(h, s[j++]);
            if (length < w->ngram.least || (length == 1 && (i == 0 || j == end))) continue;
            add_row(w, w->rows + h % w->ngram.buckets, vec);
            added++;
        }
    }
    return added;
}

static void divide(float *vec, size_t n, size_t by) {
    for (size_t k = 0; k < n; k++) vec[k] /= (float)by;
}

static vs_status next_word(vs_err *err, vs_words *w, const char **key, size_t *n) {
    static const char eos[] = "</s>"; /* the end of a sentence has no n-grams */
    if (w->line == w->rows) {
        w->at = w->map.size;
        return VS_OK;
    }
    const char *s = (const char *)w->map.bytes + w->at;
    *n = strlen(s); /* open_model() saw its NUL */
    w->at += *n + ENTRY_BYTES;
    memset(w->vec, 0, w->dim * sizeof *w->vec);
    add_row(w, w->line++, w->vec);
    bool end = *n == sizeof eos - 1 && !memcmp(s, eos, *n);
    divide(w->vec, w->dim, 1 + (end ? 0 : add_ngrams(w, s, *n, w->vec)));
    if (w->marked.failed) return vs_fail(err, VS_E_NOMEM, "%s: no memory for a word", w->path);
    VS_TRY(vs__words_key(err, w, &s, n));
    *key = s;
    return VS_OK;
}

static size_t compose(vs_words *w, const char *key, size_t n, float *vec) {
    memset(vec, 0, w->dim * sizeof *vec);
    size_t grams = add_ngrams(w, key, n, vec);
    if (grams) divide(vec, w->dim, grams);
    return grams;
}

const vs__words_kind vs__words_fasttext = {.name = "fasttext", .probe = probe, .open = open_model, .next = next_word, .compose = compose};
