/* GGUF: every kind of value and tensor read back, and every way in which a file can be wrong named. */
#include "bytes.h"

enum { U8, I8, U16, I16, U32, I32, F32, BOOL, STR, ARR, U64, I64, F64 };
enum { KIND_F32 = 0, KIND_Q8_0 = 8 };

static void put_string(bytes *b, const char *s) {
    put_u64(b, strlen(s));
    put_text(b, s);
}

static void put_head(bytes *b, uint64_t tensors, uint64_t keys) {
    put_text(b, "GGUF");
    put_u32(b, 3);
    put_u64(b, tensors);
    put_u64(b, keys);
}

/* What comes before a key's value. */
static void put_key(bytes *b, const char *name, uint32_t kind) {
    put_string(b, name);
    put_u32(b, kind);
}

static void put_array(bytes *b, const char *name, uint32_t kind, uint64_t n) {
    put_key(b, name, ARR);
    put_u32(b, kind);
    put_u64(b, n);
}

static void put_tensor(bytes *b, const char *name, uint32_t kind, uint64_t offset, uint32_t ndim, uint64_t d0,
                       uint64_t d1) {
    put_string(b, name);
    put_u32(b, ndim);
    uint64_t dim[] = {d0, d1, 1, 1, 1};
    for (uint32_t k = 0; k < ndim && k < 5; k++) put_u64(b, dim[k]);
    put_u32(b, kind);
    put_u64(b, offset);
}

static void metadata_of_every_kind(void **state) {
    (void)state;
    bytes b = {.n = 0};
    put_head(&b, 0, 14);
    put_key(&b, "u8", U8), put_number(&b, 200, 1);
    put_key(&b, "i8", I8), put_number(&b, (uint64_t)-7, 1);
    put_key(&b, "u16", U16), put_u16(&b, 60000);
    put_key(&b, "i16", I16), put_u16(&b, (uint16_t)-700);
    put_key(&b, "u32", U32), put_u32(&b, 4000000000u);
    put_key(&b, "i32", I32), put_u32(&b, (uint32_t)-70000);
    put_key(&b, "f32", F32), put_f32(&b, 0.1f);
    put_key(&b, "bool", BOOL), put_number(&b, 1, 1);
    put_key(&b, "string", STR), put_string(&b, "ein Wört");
    put_key(&b, "u64", U64), put_u64(&b, UINT64_MAX);
    put_key(&b, "i64", I64), put_u64(&b, (uint64_t)INT64_MIN);
    double pi = 3.141592653589793;
    put_key(&b, "f64", F64), put(&b, &pi, sizeof pi);
    put_array(&b, "strings", STR, 3), put_string(&b, "a"), put_string(&b, ""), put_u64(&b, 3), put(&b, "x\0y", 3);
    put_array(&b, "shorts", I16, 2), put_u16(&b, (uint16_t)-1), put_u16(&b, 5);

    vs_file *f = opens(&b);
    assert_string_equal(vs_file_format(f), "gguf");
    assert_string_equal(vs_file_path(f), "a.bin");
    assert_int_equal(vs_file_size(f), b.n);
    assert_int_equal(vs_file_tensor_count(f), 0);
    assert_null(vs_file_tensor(f, 0, NULL));
    static const struct {
        const char *key;
        vs_meta_type type;
        uint64_t u;
        int64_t i;
        double f;
    } want[] = {
        {"u8", VS_META_UINT, 200, 200, 200},
        {"i8", VS_META_INT, 0, -7, -7},
        {"u16", VS_META_UINT, 60000, 60000, 60000},
        {"i16", VS_META_INT, 0, -700, -700},
        {"u32", VS_META_UINT, 4000000000u, 4000000000, 4e9},
        {"i32", VS_META_INT, 0, -70000, -70000},
        {"f32", VS_META_FLOAT, 0, 0, (double)0.1f},
        {"bool", VS_META_BOOL, 1, 1, 1},
        {"u64", VS_META_UINT, UINT64_MAX, 0, 0x1p64},
        {"i64", VS_META_INT, 0, INT64_MIN, -0x1p63},
        {"f64", VS_META_FLOAT, 0, 0, 3.141592653589793},
    };
    for (size_t k = 0; k < sizeof want / sizeof *want; k++) {
        vs_meta m = vs_file_meta(f, want[k].key);
        assert_int_equal(m.type, want[k].type);
        assert_true(m.u == want[k].u && m.i == want[k].i && m.f == want[k].f);
    }
    vs_meta s = vs_file_meta(f, "string");
    assert_int_equal(s.type, VS_META_STR);
    assert_int_equal(s.n, strlen("ein Wört"));
    assert_memory_equal(s.s, "ein Wört", s.n);
    vs_meta a = vs_file_meta(f, "strings");
    assert_true(a.type == VS_META_ARRAY && a.elem == VS_META_STR && a.n == 3);
    static const struct {
        const char *s;
        size_t n;
    } strings[] = {{"a", 1}, {"", 0}, {"x\0y", 3}};
    for (size_t k = 3; k-- > 0;) {
        vs_meta e = vs_meta_at(&a, k);
        assert_true(e.type == VS_META_STR && e.n == strings[k].n && !memcmp(e.s, strings[k].s, e.n));
    }
    assert_int_equal(vs_meta_at(&a, 3).type, VS_META_NONE);
    a = vs_file_meta(f, "shorts");
    assert_true(a.elem == VS_META_INT && vs_meta_at(&a, 0).i == -1 && vs_meta_at(&a, 1).u == 5);
    assert_int_equal(vs_file_meta(f, "absent").type, VS_META_NONE);
    assert_int_equal(vs_meta_at(&s, 0).type, VS_META_NONE);
    assert_string_equal(vs_file_meta_key(f, 0), "u8");
    assert_string_equal(vs_file_meta_key(f, 13), "shorts");
    assert_null(vs_file_meta_key(f, 14));
    vs_file_close(f);
}

/* Two tensors: "w" 3 x 2 f32 and "q" 2 x 32 q8_0, their data 0, 1, 2, … */
static void put_two(bytes *b, uint64_t offset) {
    put_head(b, 2, 0);
    put_tensor(b, "q", KIND_Q8_0, offset, 2, 32, 2);
    put_tensor(b, "w", KIND_F32, 0, 2, 2, 3);
    pad_to(b, 32);
    for (int k = 0; k < 6; k++) put_f32(b, (float)k);
    pad_to(b, 32);
    put_zeros(b, 68);
}

static void tensors_are_row_major_views(void **state) {
    (void)state;
    bytes b = {.n = 0};
    put_two(&b, 32);
    vs_file *f = opens(&b);
    assert_int_equal(vs_file_tensor_count(f), 2);
    const char *name;
    const vs_tensor *t = vs_file_tensor(f, 0, &name); /* in order of the data, not of the records */
    assert_string_equal(name, "w");
    assert_ptr_equal(vs_file_find(f, "w"), t);
    assert_true(t->dtype == VS_F32 && t->ndim == 2 && t->shape[0] == 3 && t->shape[1] == 2 && t->stride[0] == 8);
    assert_true((const unsigned char *)t->data >= b.p &&
                (const unsigned char *)t->data < b.p + b.n); /* where it lies */
    float row[2];
    assert_int_equal(vs_tensor_row_f32(NULL, t, 2, row), VS_OK);
    assert_true(row[0] == 4 && row[1] == 5);
    t = vs_file_find(f, "q");
    assert_true(t->dtype == VS_Q8_0 && t->shape[0] == 2 && t->shape[1] == 32);
    assert_null(vs_file_find(f, "absent"));
    uint64_t hash = vs_file_header_hash(f);
    vs_file_close(f);
    b.p[b.n - 1] ^= 1; /* data are no part of the hash, names are */
    f = opens(&b);
    assert_true(vs_file_header_hash(f) == hash);
    vs_file_close(f);
    b.p[4 + 4 + 16 + 8] = 'r';
    f = opens(&b);
    assert_true(vs_file_header_hash(f) != hash);
    vs_file_close(f);
}

/* A file whose tensors were aligned to less than their numbers need is read all the same. */
static void alignment_of_one(void **state) {
    (void)state;
    bytes b = {.n = 0};
    put_head(&b, 1, 1);
    put_key(&b, "general.alignment", U32), put_u32(&b, 1);
    put_tensor(&b, "w", KIND_F32, 0, 1, 1, 1);
    put_f32(&b, 2.5f);
    vs_file *f = opens(&b);
    float x;
    assert_int_equal(vs_tensor_row_f32(NULL, vs_file_find(f, "w"), 0, &x), VS_OK);
    assert_true(x == 2.5f && (uintptr_t)vs_file_find(f, "w")->data % 4 == 0);
    vs_file_close(f);
}

/* A file cut anywhere is refused, and no byte beyond its end is read. */
static void cut_anywhere(void **state) {
    (void)state;
    bytes b = {.n = 0};
    put_head(&b, 1, 3);
    put_key(&b, "general.alignment", U32), put_u32(&b, 32);
    put_array(&b, "tokens", STR, 2), put_string(&b, "ab"), put_string(&b, "c");
    put_key(&b, "name", STR), put_string(&b, "llama");
    put_tensor(&b, "w", KIND_F32, 0, 2, 2, 1);
    pad_to(&b, 32);
    put_zeros(&b, 8);
    vs_file_close(opens(&b));
    for (size_t n = 0; n < b.n; n++) refuses_bytes(b.p, n, VS_E_FORMAT, "");
    refuses_bytes(b.p, b.n - 1, VS_E_FORMAT, "tensor w|8 bytes|has 7");
    refuses_bytes(b.p, 20, VS_E_FORMAT, "the header");
    refuses_bytes(b.p, 0, VS_E_FORMAT, "empty");
    refuses_bytes("hello, world", 12, VS_E_FORMAT, "neither GGUF");
    refuses_bytes("version https://git-lfs.github.com/spec/v1", 42, VS_E_FORMAT, "git-lfs pointer");
    refuses_bytes("\x80\x02}q", 4, VS_E_UNSUPPORTED, "pickle|safetensors");
}

static void versions_and_counts(void **state) {
    (void)state;
    bytes b = {.n = 0};
    put_head(&b, 0, 0);
    b.p[4] = 2;
    vs_file_close(opens(&b));
    b.p[4] = 1;
    refuses(&b, VS_E_UNSUPPORTED, "version 1|2 and 3");
    b.p[4] = 0, b.p[7] = 3;
    refuses(&b, VS_E_UNSUPPORTED, "big-endian");
    b = (bytes){.n = 0};
    put_head(&b, UINT64_MAX, 0);
    refuses(&b, VS_E_FORMAT, "18446744073709551615 tensors|0 bytes follow");
    b = (bytes){.n = 0};
    put_head(&b, 0, (uint64_t)1 << 60);
    put_zeros(&b, 100);
    refuses(&b, VS_E_FORMAT, "1152921504606846976 keys|100 bytes follow");
}

/* One key with this value after its kind. */
static void refuses_key(uint32_t kind, const void *value, size_t n, vs_status want, const char *words) {
    bytes b = {.n = 0};
    put_head(&b, 0, 1);
    put_key(&b, "some.key", kind);
    put(&b, value, n);
    refuses(&b, want, words);
}

static void keys(void **state) {
    (void)state;
    refuses_key(13, "\0\0\0\0\0\0\0\0", 8, VS_E_FORMAT, "some.key|value type 13");
    refuses_key(BOOL, "\2", 1, VS_E_FORMAT, "some.key is 2|0 or 1");
    refuses_key(STR, "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFFx", 9, VS_E_FORMAT,
                "some.key|18446744073709551615 bytes|1 are left");
    refuses_key(ARR, "\x09\0\0\0\1\0\0\0\0\0\0\0", 12, VS_E_UNSUPPORTED, "some.key|array of arrays");
    refuses_key(ARR, "\x0D\0\0\0\1\0\0\0\0\0\0\0", 12, VS_E_FORMAT, "some.key|array of type 13");
    refuses_key(ARR, "\x08\0\0\0\0\0\0\0\0\0\0\x20zzzzzzzz", 20, VS_E_FORMAT,
                "some.key|2305843009213693952 elements|8 bytes are left");
    refuses_key(ARR, "\x0A\0\0\0\2\0\0\0\0\0\0\0zzzzzzzz", 20, VS_E_FORMAT, "some.key|2 elements|8 bytes are left");
    refuses_key(ARR, "\x08\0\0\0\2\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0x\7\0\0\0\0\0\0\0y", 30, VS_E_FORMAT,
                "some.key|string 1 of 2");
    refuses_key(ARR, "\x07\0\0\0\3\0\0\0\0\0\0\0\1\0\2", 15, VS_E_FORMAT, "some.key|element 2 is 2|0 or 1");
    bytes b = {.n = 0};
    put_head(&b, 0, 2);
    put_key(&b, "k", U8), put_number(&b, 1, 1);
    put_key(&b, "k", U8), put_number(&b, 2, 1);
    refuses(&b, VS_E_FORMAT, "key k|twice");
}

static void refuses_name(const char *name, size_t n, const char *words) {
    bytes b = {.n = 0};
    put_head(&b, 0, 1);
    put_u64(&b, n);
    put(&b, name, n);
    put_u32(&b, U8);
    put_number(&b, 1, 1);
    refuses(&b, VS_E_FORMAT, words);
}

static void names(void **state) {
    (void)state;
    refuses_name("", 0, "metadata key 0 of 1|empty");
    refuses_name("a\0b", 3, "metadata key 0|\\x00");
    refuses_name("a\nb", 3, "control character \\x0A: a\\x0Ab");
    refuses_name("caf\xE9", 4, "not UTF-8 at byte 3: caf\\xE9");
    bytes b = {.n = 0};
    put_head(&b, 0, 1);
    put_u64(&b, (uint64_t)1 << 63);
    put_zeros(&b, 10);
    refuses(&b, VS_E_FORMAT, "metadata key 0|9223372036854775808 bytes long|10 are left");
    static char text[70000];
    memset(text, 'x', sizeof text);
    unsigned char *p = vs_alloc(sizeof text + 100, 1);
    assert_non_null(p);
    b = (bytes){.n = 0};
    put_head(&b, 0, 1);
    put_u64(&b, sizeof text);
    memcpy(p, b.p, b.n);
    memcpy(p + b.n, text, sizeof text);
    refuses_bytes(p, b.n + sizeof text, VS_E_FORMAT, "70000 bytes long|at most 65535");
    vs_free(p);
}

static void refuses_alignment(uint32_t kind, uint64_t v, size_t width) {
    bytes b = {.n = 0};
    put_head(&b, 0, 1);
    put_key(&b, "general.alignment", kind);
    put_number(&b, v, width);
    refuses(&b, VS_E_FORMAT, "general.alignment|power of two");
}

static void alignments(void **state) {
    (void)state;
    refuses_alignment(U32, 0, 4);
    refuses_alignment(U32, 33, 4);
    refuses_alignment(I32, 32, 4);
    refuses_alignment(U64, (uint64_t)1 << 40, 8);
}

static void refuses_tensor(uint32_t kind, uint64_t offset, uint32_t ndim, uint64_t d0, uint64_t d1, vs_status want,
                           const char *words) {
    bytes b = {.n = 0};
    put_head(&b, 1, 0);
    put_tensor(&b, "blk.0.w", kind, offset, ndim, d0, d1);
    pad_to(&b, 32);
    put_zeros(&b, 128);
    refuses(&b, want, words);
}

static void tensors(void **state) {
    (void)state;
    refuses_tensor(KIND_F32, 0, 5, 1, 1, VS_E_FORMAT, "blk.0.w|5 axes|at most 4");
    refuses_tensor(KIND_F32, 0, UINT32_MAX / 4, 1, 1, VS_E_FORMAT, "blk.0.w|1073741823 axes");
    refuses_tensor(KIND_F32, 0, 2, 4, 0, VS_E_FORMAT, "blk.0.w|axis 1 has no elements");
    refuses_tensor(KIND_F32, 0, 2, (uint64_t)1 << 40, (uint64_t)1 << 40, VS_E_SHAPE, "blk.0.w|1099511627776");
    refuses_tensor(KIND_F32, 0, 2, (uint64_t)1 << 62, 4, VS_E_SHAPE, "blk.0.w");
    refuses_tensor(KIND_Q8_0, 0, 2, 33, 1, VS_E_SHAPE, "blk.0.w|33|32");
    refuses_tensor(16, 0, 2, 256, 1, VS_E_UNSUPPORTED, "blk.0.w|IQ2_XXS|IQ1 to IQ3");
    refuses_tensor(99, 0, 2, 32, 1, VS_E_FORMAT, "blk.0.w|unknown type 99");
    refuses_tensor(KIND_F32, 16, 1, 1, 1, VS_E_FORMAT, "blk.0.w|offset 16|alignment, 32");
    refuses_tensor(KIND_F32, (uint64_t)1 << 62, 1, 1, 1, VS_E_FORMAT,
                   "blk.0.w|4 bytes from byte 4611686018427387904|has 128");
    refuses_tensor(KIND_F32, 0, 1, 33, 1, VS_E_FORMAT, "blk.0.w|132 bytes|has 128");
    refuses_tensor(KIND_F32, 96, 1, 9, 1, VS_E_FORMAT, "blk.0.w|36 bytes from byte 96|has 128");
    bytes b = {.n = 0};
    put_two(&b, 0);
    refuses(&b, VS_E_FORMAT, "w and q overlap");
    b = (bytes){.n = 0};
    put_head(&b, 2, 0);
    put_tensor(&b, "same", KIND_F32, 0, 1, 1, 1);
    put_tensor(&b, "same", KIND_F32, 32, 1, 1, 1);
    pad_to(&b, 32);
    put_zeros(&b, 64);
    refuses(&b, VS_E_FORMAT, "two tensors named same");
}

/* Strings are found in any order, also where there is no memory for the table of their places. */
static void strings_without_memory(void **state) {
    (void)state;
    enum { N = 9000 }; /* the table takes more than an arena's block */
    bytes b = {.n = 0};
    put_head(&b, 0, 1);
    put_array(&b, "tokens", STR, N);
    unsigned char *p = vs_alloc(b.n + N * 20, 1);
    assert_non_null(p);
    memcpy(p, b.p, b.n);
    size_t at = b.n;
    for (unsigned k = 0; k < N; k++) {
        uint64_t n = (uint64_t)snprintf((char *)p + at + 8, 12, "%u", k * k);
        memcpy(p + at, &n, sizeof n);
        at += 8 + (size_t)n;
    }
    for (size_t fail_at = 0; fail_at < 2; fail_at++) {
        vs_file *f = opens_bytes(p, at);
        vs_meta a = vs_file_meta(f, "tokens");
        vs_alloc_fail_at(fail_at);
        static const unsigned order[] = {299, 0, 7, 6, N - 1, 150, 151, 299, 1};
        for (size_t k = 0; k < sizeof order / sizeof *order; k++) {
            char want[16];
            snprintf(want, sizeof want, "%u", order[k] * order[k]);
            vs_meta e = vs_meta_at(&a, order[k]);
            assert_int_equal(e.n, strlen(want));
            assert_memory_equal(e.s, want, e.n);
        }
        vs_alloc_fail_at(0);
        vs_file_close(f);
    }
    vs_free(p);
}

/* Whichever allocation fails, opening says so and leaves nothing behind (the address sanitizer and valgrind look). */
static void out_of_memory(void **state) {
    (void)state;
    bytes b = {.n = 0};
    put_head(&b, 1, 2);
    put_key(&b, "general.alignment", U32), put_u32(&b, 1);
    put_array(&b, "a", U8, 1), put_number(&b, 1, 1);
    put_tensor(&b, "odd", KIND_F32, 0, 1, 1, 1);
    if ((b.n & 3) == 0) fail_msg("the data should be misaligned, to be copied");
    put_f32(&b, 1);
    vs_status s = VS_E_NOMEM;
    size_t n = 1;
    for (; s == VS_E_NOMEM; n++) {
        vs_err err = {0};
        vs_file *f;
        vs_alloc_fail_at(n);
        s = vs_file_open_bytes(&err, "a.bin", b.p, b.n, &f);
        vs_alloc_fail_at(0);
        if (s == VS_E_NOMEM) {
            assert_null(f);
            assert_int_equal(err.code, VS_E_NOMEM);
        } else {
            vs_file_close(f);
        }
    }
    assert_int_equal(s, VS_OK);
    assert_true(n > 5);
}

/* ---- written ---- */

static vs_writer *opens_writer(const char *path, const char *format) {
    vs_err err = {0};
    vs_writer *w;
    if (vs_writer_open(&err, path, format, &w) != VS_OK) fail_msg("%s", err.msg);
    return w;
}

static const uint32_t numbers[3] = {1, 2, 4000000000u};
static const int32_t whole[2] = {-1, 5};
static const float reals[2] = {0.5f, -3};
static const bool flags[3] = {true, false, true};
static const vs_meta_text texts[3] = {{"a", 1}, {"", 0}, {"x\0y", 3}};

static vs_status write_all(vs_err *err, vs_writer *w) {
    const size_t matrix[] = {2, 3}, blocks[] = {1, 32};
    const float x[6] = {0, 1, 2, 3, 4, 5};
    const unsigned char q[34] = {1, 2, 3};
    VS_TRY(vs_writer_meta(err, w, "u", VS_META_UINT, &numbers[2]));
    VS_TRY(vs_writer_meta(err, w, "i", VS_META_INT, &whole[0]));
    VS_TRY(vs_writer_meta(err, w, "f", VS_META_FLOAT, &reals[1]));
    VS_TRY(vs_writer_meta(err, w, "b", VS_META_BOOL, &flags[0]));
    VS_TRY(vs_writer_meta(err, w, "s", VS_META_STR, &texts[2]));
    VS_TRY(vs_writer_meta_array(err, w, "us", VS_META_UINT, numbers, 3));
    VS_TRY(vs_writer_meta_array(err, w, "is", VS_META_INT, whole, 2));
    VS_TRY(vs_writer_meta_array(err, w, "fs", VS_META_FLOAT, reals, 2));
    VS_TRY(vs_writer_meta_array(err, w, "bs", VS_META_BOOL, flags, 3));
    VS_TRY(vs_writer_meta_array(err, w, "ss", VS_META_STR, texts, 3));
    VS_TRY(vs_writer_meta_array(err, w, "none", VS_META_STR, NULL, 0));
    VS_TRY(vs_writer_bytes(err, w, "bytes", "\1\2\377", 3));
    VS_TRY(vs_writer_declare(err, w, "q", VS_Q8_0, 2, blocks));
    VS_TRY(vs_writer_declare(err, w, "x", VS_F32, 2, matrix));
    VS_TRY(vs_writer_put(err, w, q, sizeof q));
    return vs_writer_put(err, w, x, sizeof x);
}

static void check_written(const char *path) {
    vs_err err = {0};
    vs_file *f;
    if (vs_file_open(&err, path, &f) != VS_OK) fail_msg("%s", err.msg);
    assert_string_equal(vs_file_format(f), "gguf");
    assert_int_equal(vs_file_size(f) % 32, 0);
    vs_meta u = vs_file_meta(f, "u"), i = vs_file_meta(f, "i"), r = vs_file_meta(f, "f"), b = vs_file_meta(f, "b"), s = vs_file_meta(f, "s");
    assert_true(u.type == VS_META_UINT && u.u == 4000000000u && i.type == VS_META_INT && i.i == -1);
    assert_true(r.type == VS_META_FLOAT && r.f == -3 && b.type == VS_META_BOOL && b.u == 1);
    assert_true(s.type == VS_META_STR && s.n == 3 && !memcmp(s.s, "x\0y", 3));
    vs_meta us = vs_file_meta(f, "us"), is = vs_file_meta(f, "is"), fs = vs_file_meta(f, "fs"), bs = vs_file_meta(f, "bs"),
            ss = vs_file_meta(f, "ss"), none = vs_file_meta(f, "none"), eight = vs_file_meta(f, "bytes");
    assert_true(us.n == 3 && us.elem == VS_META_UINT && vs_meta_at(&us, 2).u == 4000000000u);
    assert_true(is.n == 2 && is.elem == VS_META_INT && vs_meta_at(&is, 0).i == -1);
    assert_true(fs.n == 2 && fs.elem == VS_META_FLOAT && vs_meta_at(&fs, 0).f == 0.5);
    assert_true(bs.n == 3 && bs.elem == VS_META_BOOL && vs_meta_at(&bs, 1).u == 0 && vs_meta_at(&bs, 2).u == 1);
    assert_true(ss.n == 3 && ss.elem == VS_META_STR && vs_meta_at(&ss, 2).n == 3 && none.n == 0);
    assert_true(eight.n == 3 && eight.elem == VS_META_UINT && vs_meta_at(&eight, 2).u == 255);
    const vs_tensor *x = vs_file_find(f, "x"), *q = vs_file_find(f, "q");
    assert_true(x->shape[0] == 2 && x->shape[1] == 3 && ((const float *)x->data)[5] == 5 && (uintptr_t)x->data % 32 == 0);
    assert_true(q->dtype == VS_Q8_0 && !memcmp(q->data, "\1\2\3", 3));
    vs_file_close(f);
}

static void written_and_copied(void **state) {
    (void)state;
    char dir[32];
    make_dir(dir);
    vs_err err = {0};
    vs_writer *w = opens_writer(in_dir(dir, "a.gguf"), "gguf");
    if (write_all(&err, w) != VS_OK || vs_writer_commit(&err, w) != VS_OK) fail_msg("%s", err.msg);
    check_written(in_dir(dir, "a.gguf"));
    /* all keys of one file into another, but for one that was given before */
    vs_file *f;
    assert_int_equal(vs_file_open(&err, in_dir(dir, "a.gguf"), &f), VS_OK);
    w = opens_writer(in_dir(dir, "b.gguf"), "gguf");
    assert_int_equal(vs_writer_meta(&err, w, "u", VS_META_UINT, &numbers[2]), VS_OK);
    assert_int_equal(vs_writer_copy_meta(&err, w, f), VS_OK);
    for (size_t i = 0; i < vs_file_tensor_count(f); i++) {
        const char *name;
        const vs_tensor *t = vs_file_tensor(f, i, &name);
        assert_int_equal(vs_writer_declare(&err, w, name, t->dtype, t->ndim, t->shape), VS_OK);
    }
    for (size_t i = 0; i < vs_file_tensor_count(f); i++) {
        const vs_tensor *t = vs_file_tensor(f, i, NULL);
        assert_int_equal(vs_writer_put(&err, w, t->data, t->shape[0] * t->stride[0]), VS_OK);
    }
    assert_int_equal(vs_writer_commit(&err, w), VS_OK);
    vs_file_close(f);
    check_written(in_dir(dir, "b.gguf"));
    remove_dir(dir);
}

/* Every kind of value that other writers use, through vs_writer_copy_meta(). */
static void copies_every_kind(void **state) {
    (void)state;
    bytes b = {.n = 0};
    put_head(&b, 0, 9);
    double pi = 3.141592653589793;
    put_key(&b, "u8", U8), put_number(&b, 200, 1);
    put_key(&b, "i16", I16), put_u16(&b, (uint16_t)-700);
    put_key(&b, "u64", U64), put_u64(&b, UINT64_MAX);
    put_key(&b, "i64", I64), put_u64(&b, (uint64_t)INT64_MIN);
    put_key(&b, "f64", F64), put(&b, &pi, sizeof pi);
    put_key(&b, "half", F64), put(&b, &(double){0.5}, sizeof pi);
    put_array(&b, "shorts", I16, 2), put_u16(&b, (uint16_t)-1), put_u16(&b, 5);
    put_array(&b, "doubles", F64, 1), put(&b, &pi, sizeof pi);
    put_key(&b, "general.alignment", U32), put_u32(&b, 64);
    vs_file *from = opens(&b), *to;
    char dir[32];
    make_dir(dir);
    vs_err err = {0};
    vs_writer *w = opens_writer(in_dir(dir, "a.gguf"), "gguf");
    if (vs_writer_copy_meta(&err, w, from) != VS_OK || vs_writer_commit(&err, w) != VS_OK) fail_msg("%s", err.msg);
    if (vs_file_open(&err, in_dir(dir, "a.gguf"), &to) != VS_OK) fail_msg("%s", err.msg);
    for (size_t i = 0; i < 8; i++) {
        const char *key = vs_file_meta_key(from, i);
        vs_meta x = vs_file_meta(from, key), y = vs_file_meta(to, key);
        assert_true(x.type == y.type && x.elem == y.elem && x.n == y.n && x.u == y.u && x.i == y.i && x.f == y.f);
        for (size_t k = 0; k < x.n; k++) assert_true(vs_meta_at(&x, k).f == vs_meta_at(&y, k).f);
    }
    assert_int_equal(vs_file_meta(to, "general.alignment").type, VS_META_NONE);
    vs_file_close(from), vs_file_close(to);
    remove_dir(dir);
}

static void written_wrongly(void **state) {
    (void)state;
    char dir[32];
    make_dir(dir);
    vs_err err = {0};
    const size_t none[] = {0, 4}, one[] = {1};
    const float x = 1;
    vs_writer *w = opens_writer(in_dir(dir, "a.gguf"), "gguf");
    check_message(vs_writer_declare(&err, w, "e", VS_F32, 2, none), &err, VS_E_UNSUPPORTED, "tensor e|without elements");
    check_message(vs_writer_declare(&err, w, "s", VS_F32, 0, NULL), &err, VS_E_UNSUPPORTED, "tensor s|without axes");
    check_message(vs_writer_declare(&err, w, "b", VS_BOOL, 1, one), &err, VS_E_UNSUPPORTED, "tensor b of type bool");
    assert_int_equal(vs_writer_meta(&err, w, "k", VS_META_UINT, numbers), VS_OK);
    check_message(vs_writer_meta(&err, w, "k", VS_META_UINT, numbers), &err, VS_E_FORMAT, "key k is given twice");
    check_message(vs_writer_meta(&err, w, "a", VS_META_ARRAY, numbers), &err, VS_E_UNSUPPORTED, "no place for the metadata key a");
    assert_int_equal(vs_writer_declare(&err, w, "x", VS_F32, 1, one), VS_OK);
    assert_int_equal(vs_writer_put(&err, w, &x, sizeof x), VS_OK);
    check_message(vs_writer_meta(&err, w, "late", VS_META_UINT, numbers), &err, VS_E_STATE, "key late is given after the first data");
    vs_writer_abort(w);
    w = opens_writer(in_dir(dir, "a.npz"), "npz");
    check_message(vs_writer_meta(&err, w, "k", VS_META_STR, texts), &err, VS_E_UNSUPPORTED, "no place for the metadata key k");
    check_message(vs_writer_bytes(&err, w, "k", "a", 1), &err, VS_E_UNSUPPORTED, "no place");
    vs_writer_abort(w);
    w = opens_writer(in_dir(dir, "a.safetensors"), "safetensors");
    check_message(vs_writer_meta(&err, w, "k", VS_META_UINT, numbers), &err, VS_E_UNSUPPORTED, "metadata are texts");
    assert_int_equal(vs_writer_meta(&err, w, "format", VS_META_STR, &(vs_meta_text){"p\"\nt", 4}), VS_OK);
    assert_int_equal(vs_writer_meta(&err, w, "b", VS_META_STR, &texts[0]), VS_OK);
    if (vs_writer_commit(&err, w) != VS_OK) fail_msg("%s", err.msg);
    vs_file *f;
    if (vs_file_open(&err, in_dir(dir, "a.safetensors"), &f) != VS_OK) fail_msg("%s", err.msg);
    assert_memory_equal(vs_file_meta(f, "format").s, "p\"\nt", 4);
    assert_int_equal(vs_file_meta(f, "b").n, 1);
    vs_file_close(f);
    remove_dir(dir);
}

static void writing_out_of_memory(void **state) {
    (void)state;
    char dir[32];
    make_dir(dir);
    vs_status s = VS_E_NOMEM;
    for (size_t n = 1; s == VS_E_NOMEM; n++) {
        vs_err err = {0};
        vs_writer *w = NULL;
        vs_alloc_fail_at(n);
        s = vs_writer_open(&err, in_dir(dir, "a.gguf"), "gguf", &w);
        if (s == VS_OK) s = write_all(&err, w);
        if (s == VS_OK) s = vs_writer_commit(&err, w), w = NULL;
        vs_alloc_fail_at(0);
        vs_writer_abort(w);
        assert_true(s == VS_OK || s == VS_E_NOMEM);
    }
    check_written(in_dir(dir, "a.gguf"));
    remove_dir(dir);
}

int main(void) {
    const struct CMUnitTest all[] = {
        cmocka_unit_test(metadata_of_every_kind),
        cmocka_unit_test(tensors_are_row_major_views),
        cmocka_unit_test(alignment_of_one),
        cmocka_unit_test(cut_anywhere),
        cmocka_unit_test(versions_and_counts),
        cmocka_unit_test(keys),
        cmocka_unit_test(names),
        cmocka_unit_test(alignments),
        cmocka_unit_test(tensors),
        cmocka_unit_test(strings_without_memory),
        cmocka_unit_test(out_of_memory),
        cmocka_unit_test(written_and_copied),
        cmocka_unit_test(copies_every_kind),
        cmocka_unit_test(written_wrongly),
        cmocka_unit_test(writing_out_of_memory),
    };
    return cmocka_run_group_tests(all, NULL, NULL);
}
