/* Word vectors in containers, tables and directories: read by the rules that words.h, fmt_table.c and session_static.c state,
 * and every format that is written read back. */
#include <math.h>
#include <sys/stat.h>

#include "bytes.h"
#include "session.h"
#include "space/space.h"

static const float rows[6] = {1, 2, 3, 4, 5, 6.5f};
static char dir[32];

static const char *at(const char *name) { return in_dir(dir, name); }

static void write_text(const char *name, const char *s) { write_file(at(name), s, strlen(s)); }

typedef struct part {
    const char *name;
    vs_dtype dtype;
    size_t shape[2];
    int ndim;
    const void *data;
    size_t bytes;
} part;

static void write_parts(const char *name, const char *format, const part *p, size_t n) {
    vs_writer *w;
    assert_int_equal(vs_writer_open(NULL, at(name), format, &w), VS_OK);
    for (size_t i = 0; i < n; i++) assert_int_equal(vs_writer_declare(NULL, w, p[i].name, p[i].dtype, p[i].ndim, p[i].shape), VS_OK);
    for (size_t i = 0; i < n; i++) assert_int_equal(vs_writer_put(NULL, w, p[i].data, p[i].bytes), VS_OK);
    assert_int_equal(vs_writer_commit(NULL, w), VS_OK);
}

/* The file is these rows, of two numbers each. */
static void is_words(const char *name, const char *const *keys, const float *want, size_t n) {
    vs_err err = {0};
    vs_words *w;
    const char *key;
    size_t len;
    const float *vec;
    if (vs_words_open(&err, at(name), &w) != VS_OK) fail_msg("%s", err.msg);
    assert_int_equal(vs_words_dim(w), 2);
    for (size_t i = 0; i < n; i++) {
        if (vs_words_next(&err, w, &key, &len, &vec) != VS_OK) fail_msg("%s", err.msg);
        assert_non_null(key);
        assert_int_equal(len, strlen(keys[i]));
        assert_memory_equal(key, keys[i], len);
        assert_memory_equal(vec, want + 2 * i, 2 * sizeof *vec);
    }
    assert_int_equal(vs_words_next(&err, w, &key, &len, &vec), VS_OK);
    assert_null(key);
    assert_int_equal(vs_words_done(w), vs_words_total(w));
    vs_words_close(w);
}

static void refuses_file(const char *name, vs_status code, const char *message) {
    vs_err err = {0};
    vs_words *w;
    vs_status s = vs_words_open(&err, at(name), &w);
    const char *key = "";
    size_t n;
    const float *vec;
    bool opened = s == VS_OK;
    while (s == VS_OK && key) s = vs_words_next(&err, w, &key, &n, &vec);
    if (opened) vs_words_close(w);
    check_message(s, &err, code, message);
}

static const char *const keys[] = {"king", "New York", "größe"};

static void containers(void **state) {
    (void)state;
    static const part matrix = {"m", VS_F32, {3, 2}, 2, rows, sizeof rows}, vectors = {"vectors", VS_F32, {3, 2}, 2, rows, sizeof rows},
                      other = {"b", VS_F32, {3, 2}, 2, rows, sizeof rows};
    static const uint32_t points[3][8] = {{'k', 'i', 'n', 'g'}, {'N', 'e', 'w', ' ', 'Y', 'o', 'r', 'k'}, {'g', 'r', 0xF6, 0xDF, 'e'}};
    static const char bytes8[3][8] = {"king", {'N', 'e', 'w', ' ', 'Y', 'o', 'r', 'k'}, "größe"};
    static const part wide = {"keys", VS_U32, {3, 8}, 2, points, sizeof points}, narrow = {"words", VS_U8, {3, 8}, 2, bytes8, sizeof bytes8};
    write_parts("a.npz", "npz", (part[]){matrix, wide}, 2);
    is_words("a.npz", keys, rows, 3);
    write_parts("a.safetensors", "safetensors", (part[]){vectors, other, narrow}, 3);
    is_words("a.safetensors", keys, rows, 3);
    write_parts("b.safetensors", "safetensors", &matrix, 1);
    refuses_file("b.safetensors", VS_E_FORMAT, "no words for its rows|b.words.txt");
    write_text("b.words.txt", "king\nNew York\ngröße\n");
    is_words("b.safetensors", keys, rows, 3);
    write_text("b.words.txt", "king\n");
    refuses_file("b.safetensors", VS_E_SHAPE, "3 rows|has 1 words");
    write_parts("c.npz", "npz", (part[]){matrix, other, wide}, 3);
    refuses_file("c.npz", VS_E_FORMAT, "2 matrices of floats|want one");
    part few = wide;
    few.shape[0] = 2, few.bytes = sizeof points / 3 * 2;
    write_parts("c.npz", "npz", (part[]){matrix, few}, 2);
    refuses_file("c.npz", VS_E_SHAPE, "want a text for each of 3 rows|u32 [2, 8]");
    part bad = wide;
    uint32_t wrong[3][8] = {{0xD800, 'x'}, {0x110000}, {0}};
    bad.data = wrong;
    write_parts("c.npz", "npz", (part[]){matrix, bad}, 2);
    refuses_file("c.npz", VS_E_FORMAT, "row 3 has no word");
}

/* numpy.array(["ab", "c"]) and numpy.array([b"ab", b"c"]), as numpy.save writes them. */
static void texts_of_numpy(void **state) {
    (void)state;
    for (int wide = 0; wide < 2; wide++) {
        bytes b = {.n = 0};
        put(&b, "\x93NUMPY\1\0\x76\0", 10);
        put_text(&b, wide ? "{'descr': '<U2', 'fortran_order': False, 'shape': (2,), }" : "{'descr': '|S2', 'fortran_order': False, 'shape': (2,), }");
        while (b.n < 127) put_text(&b, " ");
        put_text(&b, "\n");
        for (size_t i = 0; i < 4; i++) put_number(&b, (uint64_t)(unsigned char)"abc"[i], wide ? 4 : 1);
        vs_file *f;
        vs_err err = {0};
        if (vs_file_open_bytes(&err, "t.npy", b.p, b.n, &f) != VS_OK) fail_msg("%s", err.msg);
        const vs_tensor *t = vs_file_tensor(f, 0, NULL);
        assert_true(t->ndim == 2 && t->shape[0] == 2 && t->shape[1] == 2 && t->dtype == (wide ? VS_U32 : VS_U8));
        vs_file_close(f);
    }
}

static void projector(void **state) {
    (void)state;
    write_text("vectors.tsv", "1\t2\n3\t4\n5\t6.5\n");
    refuses_file("vectors.tsv", VS_E_FORMAT, "line 2"); /* numbers alone are no words */
    write_text("metadata.tsv", "king\nNew York\ngröße\n");
    is_words("vectors.tsv", keys, rows, 3);
    write_text("vectors.metadata.tsv", "word\tcount\nking\t1\nNew York\t2\ngröße\t3\n");
    is_words("vectors.tsv", keys, rows, 3);
    write_text("vectors.metadata.tsv", "king\nNew York\n");
    refuses_file("vectors.tsv", VS_E_SHAPE, "3 rows|has 2 labels");
    write_text("vectors.metadata.tsv", "king\nNew York\nx\n");
    write_text("vectors.tsv", "1\t2\n3\n5\t6\n");
    refuses_file("vectors.tsv", VS_E_FORMAT, "line 2 (3): want 2 numbers");
    write_text("vectors.tsv", "1\t2\n3\tx\n5\t6\n");
    refuses_file("vectors.tsv", VS_E_FORMAT, "line 2|want 2 numbers");
    write_text("vectors.tsv", "1\t2\n3\t4\t5\n5\t6\n");
    refuses_file("vectors.tsv", VS_E_FORMAT, "line 2|want 2 numbers");
}

static void of_other_programs(void **state) {
    (void)state;
    write_text("p", "PAR1\x15");
    refuses_file("p", VS_E_UNSUPPORTED, "a Parquet file|as text or npy");
    write_text("p", "\x1f\x8b\x08");
    refuses_file("p", VS_E_UNSUPPORTED, "gzip");
    write_text("p", "\x80\x04\x95");
    refuses_file("p", VS_E_UNSUPPORTED, "pickle|save_word2vec_format");
}

/* ---- what is written is read back ---- */

static void written_and_read(void **state) {
    (void)state;
    static const char *const names[] = {"w.bin", "w.vec", "w.txt", "w.npy", "w.npz", "w.tsv"};
    static const float hard[6] = {1.17549449e-38f, -3.40282347e38f, 1e-45f, 0.1f, 16777217, -0.0f};
    static const char *const one[] = {"king", "quay", "größe"}; /* blanks are another matter: ▁ */
    write_parts("source.safetensors", "safetensors", &(part){"m", VS_F32, {3, 2}, 2, hard, sizeof hard}, 1);
    write_text("source.words.txt", "king\nquay\ngröße\n");
    vs_space *s;
    assert_int_equal(vs_space_from_words(NULL, at("source.safetensors"), "s", NULL, &s), VS_OK);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t mended;
        vs_err err = {0};
        if (vs_space_write(&err, s, at(names[i]), NULL, 3, NULL, &mended) != VS_OK) fail_msg("%s", err.msg);
        assert_int_equal(mended, 0);
        is_words(names[i], one, hard, 3);
        is_words(names[i], one, hard, 3);
        for (size_t n = 1;; n++) { /* short of memory: nothing is left over */
            vs_alloc_fail_at(n);
            vs_status st = vs_space_write(NULL, s, at("short.npz"), "npz", 3, NULL, &mended);
            vs_alloc_fail_at(0);
            if (st == VS_OK) break;
            assert_int_equal(st, VS_E_NOMEM);
            assert_int_not_equal(access(at("short.npz"), F_OK), 0);
        }
        remove(at("short.npz"));
    }
    vs_space *first;
    assert_int_equal(vs_space_first(NULL, s, 1, "f", &first), VS_OK);
    assert_true(vs_space_dim(first) == 1 && vs_space_rows(first) == 3 && vs_space_data(first)[1] == hard[2]);
    vs_space_free(first);
    assert_int_equal(vs_space_first(NULL, s, 3, "f", &first), VS_E_RANGE);
    vs_space_free(s);
}

/* Numbers of every size as text: read back the same, and as short as they were. */
static void numbers_as_text(void **state) {
    (void)state;
    enum { ROWS = 20000 };
    static float x[ROWS][2], five[3][2] = {{0.1f, -0.00066023f}, {16777216, 0.5f}, {-1.02000988f, 2e-5f}};
    uint64_t r = 88172645463325252u; /* xorshift64, Marsaglia 2003 */
    vs_buf list = {0}, text = {0};
    for (size_t i = 0; i < ROWS; i++) {
        for (int k = 0; k < 2; k++) {
            r ^= r << 13, r ^= r >> 7, r ^= r << 17;
            uint32_t bits = (uint32_t)r;
            memcpy(&x[i][k], &bits, sizeof bits);
            if (!isfinite(x[i][k]) || r >> 32 & 1) x[i][k] = (float)((double)(int32_t)bits * (r >> 33 & 1 ? 1e-9 : 1e-5));
        }
        vs_buf_printf(&list, "w%zu\n", i);
    }
    write_parts("n.safetensors", "safetensors", &(part){"m", VS_F32, {ROWS, 2}, 2, x, sizeof x}, 1);
    write_text("n.words.txt", list.s);
    vs_space *s, *again;
    size_t mended;
    assert_int_equal(vs_space_from_words(NULL, at("n.safetensors"), "n", NULL, &s), VS_OK);
    assert_int_equal(vs_space_write(NULL, s, at("n.vec"), NULL, ROWS, NULL, &mended), VS_OK);
    assert_int_equal(vs_space_from_words(NULL, at("n.vec"), "n", NULL, &again), VS_OK);
    assert_memory_equal(vs_space_data(again), x, sizeof x);
    vs_space_free(again);
    vs_space_free(s);
    write_parts("n.safetensors", "safetensors", &(part){"m", VS_F32, {3, 2}, 2, five, sizeof five}, 1);
    write_text("n.words.txt", "a\nb\nc\n");
    assert_int_equal(vs_space_from_words(NULL, at("n.safetensors"), "n", NULL, &s), VS_OK);
    assert_int_equal(vs_space_write(NULL, s, at("n.txt"), NULL, 3, NULL, &mended), VS_OK);
    vs_space_free(s);
    FILE *f = fopen(at("n.txt"), "r");
    assert_non_null(f);
    for (int c; (c = getc(f)) != EOF;) vs_buf_putc(&text, (char)c);
    fclose(f);
    assert_string_equal(text.s, "a 0.1 -0.00066023\nb 16777216 0.5\nc -1.0200099 0.00002\n");
    vs_buf_free(&list);
    vs_buf_free(&text);
}

/* ---- static embeddings ---- */

static void write_static(const char *config, const part *p, size_t n) {
    static const char tokenizer[] =
        "{\"version\":\"1.0\",\"added_tokens\":[],\"normalizer\":null,\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"\xE2\x96\x81\","
        "\"prepend_scheme\":\"always\",\"split\":true},\"post_processor\":null,\"decoder\":null,\"model\":{\"type\":\"Unigram\",\"unk_id\":0,"
        "\"vocab\":[[\"<unk>\",0],[\"\xE2\x96\x81\",-5],[\"\xE2\x96\x81king\",-2],[\"s\",-3]]}}";
    (void)mkdir(at("static"), 0777);
    write_text("static/tokenizer.json", tokenizer);
    write_text("static/config.json", config);
    write_parts("static/model.safetensors", "safetensors", p, n);
}

static void is_composed(const char *text, size_t dim, float x, float y) {
    vs_session *s;
    vs_space *sp;
    vs_err err = {0};
    vs_buf note = {0};
    float v[2] = {0};
    assert_int_equal(vs_session_new(NULL, NULL, &s), VS_OK);
    vs_status st = dim ? vs_session_open_first(&err, s, at("static"), dim, NULL, &sp) : vs_session_open_space(&err, s, at("static"), NULL, &sp);
    if (st != VS_OK) fail_msg("%s", err.msg);
    assert_int_equal(vs_space_rows(sp), 4);
    assert_int_equal(vs_space_compose(&err, sp, text, strlen(text), v, &note), VS_OK);
    if (!(fabsf(v[0] - x) < 1e-6f && fabsf(v[1] - y) < 1e-6f)) fail_msg("%s: %g %g, want %g %g", text, (double)v[0], (double)v[1], (double)x, (double)y);
    vs_buf_free(&note);
    vs_session_free(s);
}

/* embeddings[mapping] * weights, the mean, and its length 1: of "king" (5, 6) * 2, of "s" (1, 2) * 3, of what is unknown
 * (3, 4) * 0.5. */
static void static_embeddings(void **state) {
    (void)state;
    static const signed char e[6] = {1, 2, 3, 4, 5, 6};
    static const int64_t map[4] = {1, 0, 2, 0}, far[4] = {1, 0, 3, 0};
    static const float weight[4] = {0.5f, 1, 2, 3};
    const part emb = {"embeddings", VS_I8, {3, 2}, 2, e, sizeof e}, mapping = {"mapping", VS_I64, {4}, 1, map, sizeof map},
               weights = {"weights", VS_F32, {4}, 1, weight, sizeof weight};
    write_static("{\"normalize\": true}", (part[]){emb, mapping, weights}, 3);
    float n = sqrtf(61), both = sqrtf(13 * 13 + 18 * 18), three = sqrtf(14.5f * 14.5f + 20 * 20);
    is_composed("king", 0, 5 / n, 6 / n);
    is_composed("kings", 0, 13 / both, 18 / both);
    is_composed("kings?", 0, 14.5f / three, 20 / three);
    is_composed("kings", 1, 1, 0); /* the first number alone, then its length 1 */
    write_static("{}", (part[]){emb, mapping, weights}, 3);
    is_composed("kings", 0, 6.5f, 9);
    write_static("{}", (part[]){emb, mapping}, 2);
    is_composed("kings", 0, 3, 4);
    vs_session *s;
    vs_err err = {0};
    part wrong = mapping;
    assert_int_equal(vs_session_new(NULL, NULL, &s), VS_OK);
    wrong.data = far;
    write_static("{}", (part[]){emb, wrong}, 2);
    check_message(vs_session_open_space(&err, s, at("static"), NULL, NULL), &err, VS_E_RANGE, "piece 2 has row 3 of 3");
    write_static("{}", &emb, 1);
    check_message(vs_session_open_space(&err, s, at("static"), NULL, NULL), &err, VS_E_SHAPE, "4 pieces, but only 3 rows");
    write_static("{}", &weights, 1);
    check_message(vs_session_open_space(&err, s, at("static"), NULL, NULL), &err, VS_E_UNKNOWN, "no static embeddings");
    write_static("{}", (part[]){emb, mapping}, 2);
    check_message(vs_session_open_first(&err, s, at("static"), 3, NULL, NULL), &err, VS_E_RANGE, "vectors of 2 numbers; 3");
    for (size_t k = 1;; k++) {
        vs_alloc_fail_at(k);
        vs_status st = vs_session_open_space(NULL, s, at("static"), NULL, NULL);
        vs_alloc_fail_at(0);
        if (st == VS_OK) break;
        assert_int_not_equal(st, VS_E_UNSUPPORTED);
    }
    vs_session_free(s);
    const char *const files[] = {"static/tokenizer.json", "static/config.json", "static/model.safetensors", "static"};
    for (size_t i = 0; i < 4; i++) remove(at(files[i]));
}

/* What a file or a folder is called. */
static void stems(void **state) {
    (void)state;
    static const char *const of[][2] = {{"dir/glove.6B.50d.txt", "glove.6B.50d"}, {"a.vec", "a"}, {"a", "a"}, {"d.x/a", "a"}, {"dir/.hidden", ".hidden"},
                                        {"dir/model/", "model"}, {"model//", "model"}, {"/", ""}, {"", ""}, {"v1.2/", "v1"}, {"x.", "x"}};
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        size_t n;
        const char *s = vs_path_stem(of[i][0], &n);
        assert_int_equal(n, strlen(of[i][1]));
        assert_memory_equal(s, of[i][1], n);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(containers),       cmocka_unit_test(texts_of_numpy),   cmocka_unit_test(projector),
                                       cmocka_unit_test(of_other_programs), cmocka_unit_test(written_and_read), cmocka_unit_test(static_embeddings),
                                       cmocka_unit_test(numbers_as_text),  cmocka_unit_test(stems)};
    make_dir(dir);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    remove_dir(dir);
    return failed;
}
