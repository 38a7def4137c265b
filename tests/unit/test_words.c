/* Word vectors: each kind of file read, its numbers rounded as the C library rounds them, each wrong row named. */
#include <locale.h>
#include <math.h>

#include "bytes.h"
#include "io/words.h"

/* ---- numbers ---- */

static void same_as_strtof(const char *s) {
    char *stop;
    float want = strtof(s, &stop), got = 0;
    const char *p = s;
    if (!vs__parse_float(&p, s + strlen(s), &got)) fail_msg("%s is not a number", s);
    if (memcmp(&want, &got, sizeof want) != 0) fail_msg("%s: want %a, got %a", s, (double)want, (double)got);
    assert_ptr_equal(p, stop);
}

static uint64_t next_random(uint64_t *x) { /* xorshift64, Marsaglia 2003 */
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return *x;
}

static void numbers_are_rounded_correctly(void **state) {
    (void)state;
    static const char *const hard[] = {
        "0",
        "-0",
        "0.0",
        "1",
        "-1.5",
        "+3",
        ".5",
        "5.",
        "0.41800",
        "-0.00060104",
        "1e5",
        "1E-5",
        "1e+5",
        "16777217",
        "16777219",
        "8388608.5",
        "8388609.5",
        "9007199254740993",
        "9007199254740993e-3",
        "1e22",
        "1e23",
        "1e-22",
        "1e-23",
        "3.4028235e38",
        "3.4028236e38",
        "1e39",
        "-1e400",
        "1.1754943e-38",
        "1.1754942e-38",
        "1e-40",
        "1.4e-45",
        "7.0e-46",
        "1e-400",
        "0.1234567890123456789012345",
        "12345678901234567890",
        "9999999999999999999",
        "99999999999999999999",
        "0.00000000000000000001",
        "1.00000017881393432617187499",
        "1.00000017881393432617187500",
        "1.00000017881393432617187501",
        "1e",
        "1e+",
        "2ee3",
        "0e0",
        "nan",
        "inf",
        "-inf",
        "infinity",
    };
    for (size_t i = 0; i < sizeof hard / sizeof *hard; i++) same_as_strtof(hard[i]);
    uint64_t x = 88172645463325252u;
    static const int digits[] = {3, 5, 6, 9, 17, 25};
    for (int i = 0; i < 200000; i++) {
        uint64_t r = next_random(&x);
        uint32_t bits = (uint32_t)r;
        float f;
        memcpy(&f, &bits, sizeof f);
        if (!isfinite(f)) continue;
        double d = (double)f;
        if (r >> 32 & 1) d = (double)(int32_t)bits * 1e-9; /* of the size that vectors have */
        if (r >> 33 & 1) d += d * 0x1p-25;                 /* about halfway between two floats */
        char s[400];
        int n = digits[(r >> 40) % 6];
        if (r >> 34 & 1)
            snprintf(s, sizeof s, "%.*g", n, d);
        else if (r >> 35 & 1)
            snprintf(s, sizeof s, "%.*e", n, d);
        else
            snprintf(s, sizeof s, "%.*f", n, d);
        if (strlen(s) < 100) same_as_strtof(s);
        /* decimals that round to the double halfway between two floats, but are not that double */
        double low = 4 + (double)(r >> 43) * 0x1p-19; /* the last bit of a float in [4, 8) is 2^-21 */
        snprintf(s, sizeof s, "%.15f", low + 0x1p-22);
        same_as_strtof(s);
    }
    static const char *const none[] = {"", "x", "-", "+", ".", "-.", "e5", "0x10", "\v1"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        const char *p = none[i];
        float f;
        bool is = vs__parse_float(&p, none[i] + strlen(none[i]), &f);
        if (is && (p != none[i] + 1 || *none[i] != '0'))
            fail_msg("%s is a number", none[i]); /* "0x10" is 0 and a rest */
    }
    char wide[300];
    memset(wide, '1', sizeof wide);
    const char *p = wide;
    float f;
    assert_false(vs__parse_float(&p, wide + sizeof wide, &f));
}

static void the_locale_does_not_matter(void **state) {
    (void)state;
    static const char *const with_comma[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "de_DE"};
    size_t i = 0;
    while (i < 4 && !setlocale(LC_NUMERIC, with_comma[i])) i++; /* where none is installed this is the test of C */
    const char *s = "0.12345678901234567890123456", *p = s;     /* too long for the fast way */
    float f;
    assert_true(vs__parse_float(&p, s + strlen(s), &f));
    assert_true(f == 0.123456789f && !*p);
    setlocale(LC_NUMERIC, "C");
}

/* ---- files ---- */

typedef struct want {
    const char *key;
    float vec[3];
} want;

static void reads(const void *p, size_t size, size_t dim, size_t hint, const want *w, size_t n) {
    unsigned char *copy = exactly(p, size);
    vs_err err = {0};
    vs_words *words;
    if (vs_words_open_bytes(&err, "a.txt", copy, size, &words) != VS_OK) fail_msg("%s", err.msg);
    assert_int_equal(vs_words_dim(words), dim);
    assert_int_equal(vs_words_rows_hint(words), hint);
    assert_int_equal(vs_words_total(words), size);
    const char *key;
    size_t key_len;
    const float *vec;
    uint64_t done = 0;
    for (size_t i = 0; i < n; i++) {
        if (vs_words_next(&err, words, &key, &key_len, &vec) != VS_OK) fail_msg("%s", err.msg);
        assert_non_null(key);
        assert_int_equal(key_len, strlen(w[i].key));
        assert_memory_equal(key, w[i].key, key_len);
        assert_memory_equal(vec, w[i].vec, dim * sizeof *vec);
        assert_true(vs_words_done(words) > done && vs_words_done(words) <= size);
        done = vs_words_done(words);
    }
    for (int again = 0; again < 2; again++) {
        if (vs_words_next(&err, words, &key, &key_len, &vec) != VS_OK) fail_msg("%s", err.msg);
        assert_null(key);
    }
    vs_words_close(words);
    vs_free(copy);
}

static void reads_text(const char *s, size_t dim, size_t hint, const want *w, size_t n) {
    reads(s, strlen(s), dim, hint, w, n);
}

/* Opening or reading to the end fails so. */
static void refuses_words(const void *p, size_t size, vs_status code, const char *message) {
    unsigned char *copy = exactly(p, size);
    vs_err err = {0};
    vs_words *words;
    vs_status s = vs_words_open_bytes(&err, "a.txt", copy, size, &words);
    const char *key = "";
    size_t n;
    const float *vec;
    if (s == VS_OK) {
        while (s == VS_OK && key) s = vs_words_next(&err, words, &key, &n, &vec);
        assert_null(key);
        vs_words_close(words);
    } else {
        assert_null(words);
    }
    check_message(s, &err, code, message);
    assert_non_null(strstr(err.msg, "a.txt: "));
    vs_free(copy);
}

static void refuses_text(const char *s, vs_status code, const char *message) {
    refuses_words(s, strlen(s), code, message);
}

static void text_of_every_kind(void **state) {
    (void)state;
    static const want two[] = {{"king", {1, 2.5f, -3}}, {"queen", {4e-3f, 5, 6}}};
    reads_text("king 1 2.5 -3\nqueen 4e-3 5 6\n", 3, 0, two, 2);            /* GloVe */
    reads_text("king 1 2.5 -3\nqueen 4e-3 5 6", 3, 0, two, 2);              /* no newline at the end */
    reads_text("2 3\nking 1 2.5 -3\nqueen 4e-3 5 6\n", 3, 2, two, 2);       /* word2vec */
    reads_text("2 3\nking 1 2.5 -3 \nqueen 4e-3 5 6 \n", 3, 2, two, 2);     /* fastText: a blank at the end */
    reads_text("2 3\r\nking 1 2.5 -3\r\nqueen 4e-3 5 6\r\n", 3, 2, two, 2); /* lines of Windows */
    reads_text("\xEF\xBB\xBF"
               "2 3\nking 1 2.5 -3\nqueen 4e-3 5 6\n",
               3, 2, two, 2);
    reads_text("king\t1\t2.5\t-3\nqueen\t4e-3\t5\t6\n", 3, 0, two, 2);
    reads_text("king  1 2.5  -3\n\n\nqueen 4e-3 5 6\n\n", 3, 0, two, 2); /* empty lines are no rows */
    static const want blanks[] = {
        {"a", {1, 2, 3}}, {"New York", {4, 5, 6}}, {". . .", {7, 8, 9}}, {"1 2 3", {4, 5, 6}}};
    reads_text("4 3\na 1 2 3\nNew York 4 5 6\n. . . 7 8 9\n1 2 3 4 5 6\n", 3, 4, blanks, 4);
    static const want first[] = {{"New York", {1, 2}}, {"b", {1, 2}}, {"c", {1, 2}}};
    reads_text("New York 1 2\nb 1 2\nc 1 2\n", 2, 0, first, 3); /* what most of the first lines have */
    static const want odd[] = {{"caf\xEF\xBF\xBD", {1}}, {"\xC2\xA0", {2}}, {"é", {3}}};
    reads_text("caf\xE9 1\n\xC2\xA0 2\né 3\n", 1, 0, odd, 3); /* Latin-1 is mended; a no-break space is a word */
    static const want twice[] = {{"a", {1}}, {"a", {2}}};
    reads_text("a 1\na 2\n", 1, 0, twice, 2);
}

static void text_refused(void **state) {
    (void)state;
    refuses_text("a 1 2\nb nan 2\nc 3 4\n", VS_E_NUMERIC, "line 2 (b): value 0 is nan|finite");
    refuses_text("a 1 2\nb 1 -inf\nc 3 4\n", VS_E_NUMERIC, "line 2 (b): value 1 is -inf");
    refuses_text("2 2\na 1 2\nb 1 1e39\n", VS_E_NUMERIC, "line 3 (b): value 1 is inf");
    refuses_text("a 1 2\nb 1\nc 3 4\n", VS_E_FORMAT, "line 2 (b 1): want a word and 2 numbers|2 fields");
    refuses_text("a 1 2\nb 1 x2\nc 3 4\n", VS_E_FORMAT, "line 2 (b): x2 is not a number");
    refuses_text("a 1 2\nb 1 2x\nc 3 4\n", VS_E_FORMAT, "line 2 (b): 2x is not a number");
    refuses_text("a 1 2\nb 1 0x2\nc 3 4\n", VS_E_FORMAT, "line 2 (b): 0x2 is not a number");
    refuses_text("a 1 2\n 1 2\nc 3 4\n", VS_E_FORMAT, "line 2 has no word");
    refuses_text("3 2\na 1 2\nb 1 2\n", VS_E_FORMAT, "");
    refuses_text("3 2\naaaaaa 1 2\nbbbbbb 1 2\n", VS_E_FORMAT, "ends after 2 of 3 rows");
    refuses_text("1 2\na 1 2\nb 1 2\n", VS_E_FORMAT, "line 3: the first line counts only 1 rows");
    refuses_text("999999999999 99999999999\na 1 2\n", VS_E_FORMAT,
                 "999999999999 rows of 99999999999 numbers|6 bytes follow");
    refuses_text("999999999 2\na 1 2\n", VS_E_FORMAT, "999999999 rows of 2 numbers|6 bytes follow");
    refuses_text("0 2\na 1 2\n", VS_E_FORMAT, "0 rows of 2");
    refuses_text("2 0\na\nb\n", VS_E_FORMAT, "2 rows of 0");
    refuses_text("hello\nworld\n", VS_E_FORMAT, "not word vectors");
    refuses_text("", VS_E_FORMAT, "empty");
    refuses_text("\n\n\n", VS_E_FORMAT, "not word vectors");
    refuses_words("a 1 2\nb\0c 1 2\nc 3 4\n", 20, VS_E_FORMAT, "line 2|a NUL|b\\x00c");
    char *wide = vs_alloc(400000, 1), *s = wide;
    assert_non_null(wide);
    *s++ = 'a';
    for (int i = 0; i < 70000; i++) s += snprintf(s, 8, " 1");
    refuses_words(wide, (size_t)(s - wide), VS_E_FORMAT, "vectors of 70000 numbers|65536");
    memset(wide, 'x', 80000);
    memcpy(wide + 80000, " 1\nb 2\n", 7);
    refuses_words(wide, 80007, VS_E_FORMAT, "line 1: a word of 80000 bytes");
    vs_free(wide);
}

static void put_row(bytes *b, const char *key, float x, float y, float z) {
    put_text(b, key);
    put_text(b, " ");
    put_f32(b, x), put_f32(b, y), put_f32(b, z);
}

static void word2vec_binary(void **state) {
    (void)state;
    static const want two[] = {{"king", {1, 2, 3}}, {"New_York", {4, 5, 6}}};
    bytes b = {.n = 0}, tight = {.n = 0};
    put_text(&b, "2 3\n");
    put_row(&b, "king", 1, 2, 3), put_text(&b, "\n");
    put_row(&b, "New_York", 4, 5, 6), put_text(&b, "\n");
    reads(b.p, b.n, 3, 2, two, 2);
    reads(b.p, b.n - 1, 3, 2, two, 2);
    put_text(&tight, "2 3\n"); /* without newlines between the rows */
    put_row(&tight, "king", 1, 2, 3), put_row(&tight, "New_York", 4, 5, 6);
    reads(tight.p, tight.n, 3, 2, two, 2);
    for (size_t n = 4; n < tight.n; n++) refuses_words(tight.p, n, VS_E_FORMAT, "");
    refuses_words(b.p, b.n - 2, VS_E_FORMAT, "ends in row 2 of 2");
    put_text(&b, "rest");
    refuses_words(b.p, b.n, VS_E_FORMAT, "4 bytes follow the last of 2 rows");
    b = (bytes){.n = 0};
    put_text(&b, "2 3\n");
    put_row(&b, "king", 1, 2, 3), put_row(&b, "queen", 4, (float)NAN, 6);
    refuses_words(b.p, b.n, VS_E_NUMERIC, "row 2 (queen): value 1 is|finite");
    b = (bytes){.n = 0};
    put_text(&b, "2 3\n");
    put_row(&b, "king", 1, 2, 3), put_row(&b, "", 4, 5, 6), put_zeros(&b, 8);
    refuses_words(b.p, b.n, VS_E_FORMAT, "row 2 has no word");
    b = (bytes){.n = 0};
    put_text(&b, "4000000000 3\n");
    put_row(&b, "king", 1, 2, 3);
    refuses_words(b.p, b.n, VS_E_FORMAT, "4000000000 rows of 3 numbers|17 bytes follow");
}

/* ---- fastText ---- */

typedef struct made {
    uint32_t version, buckets, least, most, words, labels, pruned;
    bool quantised, old;
    const char *entry[4];
} made;

/* A model of one number a row: row r is r + 1. */
static void put_model(bytes *b, const made *m) {
    *b = (bytes){.n = 0};
    if (!m->old) put_u32(b, 793712314), put_u32(b, m->version);
    const uint32_t arg[12] = {1, 5, 5, 1, 5, 1, 2, 2, m->buckets, m->least, m->most, 100};
    for (size_t i = 0; i < 12; i++) put_u32(b, arg[i]);
    put(b, &(double){1e-4}, 8);
    put_u32(b, m->words + m->labels), put_u32(b, m->words), put_u32(b, m->labels);
    put_u64(b, 100);
    if (!m->old) put_u64(b, m->pruned);
    for (size_t i = 0; i < m->words + m->labels; i++) {
        put(b, m->entry[i], strlen(m->entry[i]) + 1);
        put_u64(b, 7), put_number(b, i >= m->words, 1);
    }
    if (!m->old) put_number(b, m->quantised, 1);
    put_u64(b, m->words + m->buckets), put_u64(b, 1);
    for (uint32_t r = 0; r < m->words + m->buckets; r++) put_f32(b, (float)(r + 1));
}

static float composed(const bytes *b, const char *key, size_t *grams) {
    unsigned char *copy = exactly(b->p, b->n);
    vs_words *w;
    float v = -1;
    assert_int_equal(vs_words_open_bytes(NULL, "a.bin", copy, b->n, &w), VS_OK);
    assert_true(vs_words_composes(w));
    *grams = vs_words_compose(w, key, strlen(key), &v);
    vs_words_close(w);
    vs_free(copy);
    return v;
}

/* Which n-grams there are and their numbers: gensim's ft_ngram_hashes(), noted at each. */
static void fasttext_models(void **state) {
    (void)state;
    bytes b;
    size_t grams;
    made m = {.version = 12, .buckets = 11, .least = 2, .most = 3, .words = 3, .entry = {"</s>", "ab", "é", "__label__x"}};
    put_model(&b, &m);
    /* ("ab", 2, 3, 11): 6 10 0 3 2   ("é", 2, 3, 11): 9 9 6; row 3 + h is 4 + h */
    static const want three[] = {{"</s>", {1}}, {"ab", {43.0f / 6}}, {"é", {39.0f / 4}}};
    reads(b.p, b.n, 1, 3, three, 3);
    float v = composed(&b, "ночь", &grams); /* ("ночь", 2, 3, 11): 4 0 8 6 9 4 8 3 5 */
    assert_true(grams == 9 && v == 83.0f / 9);
    for (size_t n = 4; n < b.n; n++) refuses_words(b.p, n, VS_E_FORMAT, "");
    made labels = m, old = m, none = m, single = m;
    labels.labels = 1;
    put_model(&b, &labels);
    reads(b.p, b.n, 1, 3, three, 3);
    old.old = true;
    put_model(&b, &old);
    reads(b.p, b.n, 1, 3, three, 3);
    none.most = 0;
    put_model(&b, &none);
    (void)composed(&b, "ab", &grams);
    assert_int_equal(grams, 0);
    single.least = 1, single.most = 2, single.buckets = 7;
    put_model(&b, &single);
    v = composed(&b, "x", &grams); /* ("x", 1, 2, 7): 1 4 2: neither "<" nor ">" alone */
    assert_true(grams == 3 && v == 19.0f / 3);
    made bad = m;
    bad.version = 13;
    put_model(&b, &bad);
    refuses_words(b.p, b.n, VS_E_UNSUPPORTED, "version 13");
    bad = m, bad.quantised = true;
    put_model(&b, &bad);
    refuses_words(b.p, b.n, VS_E_UNSUPPORTED, "quantised");
    bad = m, bad.most = 200;
    put_model(&b, &bad);
    refuses_words(b.p, b.n, VS_E_FORMAT, "2 to 200 characters");
    bad = m, bad.pruned = 1;
    put_model(&b, &bad);
    refuses_words(b.p, b.n, VS_E_UNSUPPORTED, "pruned");
    bad = m, bad.words = 2, bad.labels = 2, bad.entry[1] = "";
    put_model(&b, &bad);
    refuses_words(b.p, b.n, VS_E_FORMAT, "row 2 has no word");
}

/* ---- an array with its list ---- */

static void put_npy(bytes *b, const char *dict) {
    put(b, "\x93NUMPY\1\0\x76\0", 10);
    put_text(b, dict);
    while (b->n < 127) put_text(b, " ");
    put_text(b, "\n");
}

static void reads_pair(const char *dir, const bytes *array, const char *list, const want *w, size_t n, size_t dim) {
    const char *path = in_dir(dir, "v.npy");
    write_file(path, array->p, array->n);
    write_file(in_dir(dir, "v.words.txt"), list, strlen(list));
    vs_err err = {0};
    vs_words *words;
    if (vs_words_open(&err, path, &words) != VS_OK) fail_msg("%s", err.msg);
    assert_int_equal(vs_words_dim(words), dim);
    assert_int_equal(vs_words_rows_hint(words), n);
    const char *key;
    size_t key_len;
    const float *vec;
    for (size_t i = 0; i < n; i++) {
        if (vs_words_next(&err, words, &key, &key_len, &vec) != VS_OK) fail_msg("%s", err.msg);
        assert_int_equal(key_len, strlen(w[i].key));
        assert_memory_equal(key, w[i].key, key_len);
        assert_memory_equal(vec, w[i].vec, dim * sizeof *vec);
    }
    assert_int_equal(vs_words_next(&err, words, &key, &key_len, &vec), VS_OK);
    assert_null(key);
    assert_int_equal(vs_words_done(words), vs_words_total(words));
    vs_words_close(words);
}

static void refuses_pair(const char *dir, const bytes *array, const char *list, vs_status code, const char *message) {
    const char *path = in_dir(dir, "v.npy");
    write_file(path, array->p, array->n);
    write_file(in_dir(dir, "v.words.txt"), list, strlen(list));
    vs_err err = {0};
    vs_words *words;
    vs_status s = vs_words_open(&err, path, &words);
    const char *key = "";
    size_t n;
    const float *vec;
    bool opened = s == VS_OK;
    while (s == VS_OK && key) s = vs_words_next(&err, words, &key, &n, &vec);
    if (opened) vs_words_close(words);
    check_message(s, &err, code, message);
}

static void array_with_list(void **state) {
    (void)state;
    char dir[32];
    make_dir(dir);
    static const want two[] = {{"New York", {1, 2, 3}}, {"b", {4, 5, 6}}};
    bytes rows = {.n = 0}, columns = {.n = 0}, doubles = {.n = 0}, halves = {.n = 0};
    put_npy(&rows, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }");
    put_npy(&columns, "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }");
    put_npy(&doubles, "{'descr': '<f8', 'fortran_order': True, 'shape': (2, 3), }");
    put_npy(&halves, "{'descr': '<f2', 'fortran_order': False, 'shape': (2, 3), }");
    static const unsigned f16[] = {0x3C00, 0x4000, 0x4200, 0x4400, 0x4500, 0x4600};
    for (int k = 0; k < 6; k++) {
        int by_column = k % 2 * 3 + k / 2;
        put_f32(&rows, (float)(k + 1));
        put_f32(&columns, (float)(by_column + 1));
        put(&doubles, &(double){by_column + 1}, 8);
        put_u16(&halves, f16[k]);
    }
    reads_pair(dir, &rows, "New York\nb\n", two, 2, 3);
    reads_pair(dir, &rows, "New York\r\nb", two, 2, 3);
    reads_pair(dir, &columns, "New York\nb\n", two, 2, 3);
    reads_pair(dir, &doubles, "New York\nb\n", two, 2, 3);
    reads_pair(dir, &halves, "New York\nb\n", two, 2, 3);
    refuses_pair(dir, &rows, "a\n", VS_E_SHAPE, "v.npy: 2 rows|has 1 words");
    refuses_pair(dir, &rows, "a\nb\nc\n", VS_E_SHAPE, "2 rows|has 3 words");
    refuses_pair(dir, &rows, "", VS_E_SHAPE, "2 rows|has 0 words");
    refuses_pair(dir, &rows, "a\n\n", VS_E_FORMAT, "row 2 has no word");
    bytes cut = rows, other = {.n = 0};
    cut.n--;
    refuses_pair(dir, &cut, "a\nb\n", VS_E_FORMAT, "[2, 3]|has 23 bytes");
    put_f32(&rows, 0);
    refuses_pair(dir, &rows, "a\nb\n", VS_E_FORMAT, "[2, 3]|has 28 bytes");
    memset(cut.p + 128 + 16, 0xFF, 4);
    cut.n++;
    refuses_pair(dir, &cut, "a\nb\n", VS_E_NUMERIC, "row 2 (b): value 1 is");
    put_npy(&other, "{'descr': '<i4', 'fortran_order': False, 'shape': (2, 3), }");
    put_zeros(&other, 24);
    refuses_pair(dir, &other, "a\nb\n", VS_E_UNSUPPORTED, "want f16, f32 or f64|i32");
    other.n = 0;
    put_npy(&other, "{'descr': '<f4', 'fortran_order': False, 'shape': (6,), }");
    put_zeros(&other, 24);
    refuses_pair(dir, &other, "a\nb\n", VS_E_SHAPE, "[words, numbers]|has [6]");
    unlink(in_dir(dir, "v.words.txt"));
    vs_err err = {0};
    vs_words *words;
    check_message(vs_words_open(&err, in_dir(dir, "v.npy"), &words), &err, VS_E_FORMAT, "v.npy: no words|v.words.txt");
    other.n = 0;
    put_npy(&other, "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 6), }");
    put_zeros(&other, 24);
    write_file(in_dir(dir, "v.npy"), other.p, other.n);
    write_file(in_dir(dir, "words.txt"), "all\n", 4); /* the list of the directory */
    assert_int_equal(vs_words_open(&err, in_dir(dir, "v.npy"), &words), VS_OK);
    vs_words_close(words);
    check_message(vs_words_open(&err, in_dir(dir, "absent"), &words), &err, VS_E_UNKNOWN, "absent: cannot open");
    vs_words_close(NULL);
    remove_dir(dir);
}

static vs_status read_all(vs_err *err, const char *s, size_t n) {
    vs_words *w;
    VS_TRY(vs_words_open_bytes(err, "a.txt", s, n, &w));
    const char *key = "";
    size_t key_len;
    const float *vec;
    vs_status status = VS_OK;
    while (status == VS_OK && key) status = vs_words_next(err, w, &key, &key_len, &vec);
    vs_words_close(w);
    return status;
}

static void out_of_memory(void **state) {
    (void)state;
    static const char text[] = "a 1 2\ncaf\xE9 3 4\n";
    vs_status s = VS_E_NOMEM;
    size_t n = 1;
    for (; s == VS_E_NOMEM; n++) {
        vs_err err = {0};
        vs_alloc_fail_at(n);
        s = read_all(&err, text, sizeof text - 1);
        vs_alloc_fail_at(0);
        assert_int_equal(err.code, s == VS_OK ? 0 : VS_E_NOMEM);
    }
    assert_int_equal(s, VS_OK);
    assert_true(n > 4);
}

/* ---- writing ---- */

enum { WRITTEN = 5 };
static const struct {
    const char *key, *mended, *listed; /* as read back where blanks separate; from the list of words */
    float vec[3];
} written[WRITTEN] = {{"queen", "queen", "queen", {1, -2.5F, 0.1F}},
                      {"New York", "New\xE2\x96\x81York", "New York", {3.4028235e38F, 1e-45F, -0.0F}},
                      {"größe", "größe", "größe", {1.0F / 3, 16777216, 2}},
                      {"a\nb\xCF", "a<0x0A>b<0xCF>", "a<0x0A>b<0xCF>", {0, 0, 5}},
                      {"", "<empty>", "<empty>", {4, 5, 6}}};

static vs_status write_them(vs_err *err, const char *path, const char *format, size_t rows, size_t *mended) {
    vs_words_writer *w;
    VS_TRY(vs_words_writer_open(err, path, format, rows, 3, &w));
    for (size_t i = 0; i < WRITTEN; i++) {
        vs_status s = vs_words_writer_put(err, w, written[i].key, strlen(written[i].key), written[i].vec);
        if (s != VS_OK) {
            vs_words_writer_abort(w);
            return s;
        }
    }
    return vs_words_writer_commit(err, w, mended);
}

static void what_is_written_reads_back(void **state) {
    (void)state;
    static const char *const formats[][2] = {{"a.bin", "word2vec"}, {"a.vec", "word2vec-text"}, {"a.txt", "glove"}, {"a.npy", "npy"}};
    char dir[32], path[64];
    make_dir(dir);
    for (size_t f = 0; f < 4; f++) {
        bool npy = f == 3;
        vs_err err = {0};
        vs_words *w;
        size_t mended = 0;
        snprintf(path, sizeof path, "%s/%s", dir, formats[f][0]);
        assert_int_equal(write_them(&err, path, formats[f][1], WRITTEN, &mended), VS_OK);
        assert_int_equal(mended, npy ? 2 : 3);
        assert_int_equal(vs_words_open(&err, path, &w), VS_OK);
        for (size_t i = 0; i < WRITTEN; i++) {
            const char *key, *as = npy ? written[i].listed : written[i].mended;
            const float *vec;
            size_t n;
            assert_int_equal(vs_words_next(&err, w, &key, &n, &vec), VS_OK);
            assert_int_equal(n, strlen(as));
            assert_memory_equal(key, as, n);
            assert_memory_equal(vec, written[i].vec, sizeof written[i].vec); /* the very bits, also through text */
        }
        vs_words_close(w);
    }
    remove_dir(dir);
}

static void what_cannot_be_written_is_said(void **state) {
    (void)state;
    char dir[32], path[64];
    vs_err err = {0};
    vs_words_writer *w;
    make_dir(dir);
    snprintf(path, sizeof path, "%s/a.bin", dir);
    check_message(vs_words_writer_open(&err, path, "excel", 1, 3, &w), &err, VS_E_UNSUPPORTED, "excel|word2vec");
    check_message(vs_words_writer_open(&err, path, "npy", 1, 3, &w), &err, VS_E_USAGE, "NAME.npy");
    check_message(vs_words_writer_open(&err, path, "glove", 0, 3, &w), &err, VS_E_SHAPE, "no vector");
    check_message(vs_words_writer_open(&err, "/no/such/folder/a.bin", "word2vec", 1, 3, &w), &err, VS_E_IO, "/no/such/folder/a.bin.part");
    check_message(write_them(&err, path, "word2vec", WRITTEN + 1, NULL), &err, VS_E_STATE, "5 rows of 6");
    check_message(write_them(&err, path, "word2vec", WRITTEN - 1, NULL), &err, VS_E_STATE, "more than the 4 rows");
    assert_int_equal(access(path, F_OK), -1); /* nothing half done is left */
    snprintf(path, sizeof path, "%s/a.bin.part", dir);
    assert_int_equal(access(path, F_OK), -1);
    snprintf(path, sizeof path, "%s/a.npy", dir);
    for (size_t n = 1;; n++) {
        vs_alloc_fail_at(n);
        vs_status s = write_them(&err, path, "npy", WRITTEN, NULL);
        vs_alloc_fail_at(0);
        if (s == VS_OK) break;
        assert_int_equal(s, VS_E_NOMEM);
        assert_int_equal(access(path, F_OK), -1);
    }
    remove_dir(dir);
}

int main(void) {
    const struct CMUnitTest all[] = {
        cmocka_unit_test(numbers_are_rounded_correctly),
        cmocka_unit_test(the_locale_does_not_matter),
        cmocka_unit_test(text_of_every_kind),
        cmocka_unit_test(text_refused),
        cmocka_unit_test(word2vec_binary), cmocka_unit_test(fasttext_models),
        cmocka_unit_test(array_with_list),
        cmocka_unit_test(out_of_memory),
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(what_cannot_be_written_is_said),
    };
    return cmocka_run_group_tests(all, NULL, NULL);
}
