/* safetensors, npy and npz: read, refused, written and read again. */
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "bytes.h"
#include "io/npy.h"

/* ---- safetensors ---- */

static void put_safetensors(bytes *b, const char *header, size_t data) {
    put_u64(b, strlen(header));
    put_text(b, header);
    put_zeros(b, data);
}

static void refuses_header(const char *header, size_t data, vs_status want, const char *words) {
    bytes b = {.n = 0};
    put_safetensors(&b, header, data);
    refuses(&b, want, words);
}

#define GOOD                                                                                                           \
    "{\"__metadata__\":{\"format\":\"pt\"},\"w\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[2,26]},"         \
    "\"h\":{\"dtype\":\"F16\",\"shape\":[],\"data_offsets\":[0,2]},"                                                   \
    "\"none\":{\"dtype\":\"I64\",\"shape\":[0,4],\"data_offsets\":[26,26]}}"

static void safetensors_views(void **state) {
    (void)state;
    bytes b = {.n = 0};
    put_safetensors(&b, GOOD, 2);
    for (int k = 0; k < 6; k++) put_f32(&b, (float)k);
    vs_file *f = opens(&b);
    assert_string_equal(vs_file_format(f), "safetensors");
    assert_int_equal(vs_file_tensor_count(f), 3);
    const char *name;
    const vs_tensor *t = vs_file_tensor(f, 0, &name);
    assert_string_equal(name, "h");
    assert_true(t->dtype == VS_F16 && t->ndim == 0);
    t = vs_file_tensor(f, 1, &name);
    assert_string_equal(name, "w");
    float row[3];
    assert_true((uintptr_t)t->data % 4 == 0); /* wherever its bytes lay */
    assert_int_equal(vs_tensor_row_f32(NULL, t, 1, row), VS_OK);
    assert_true(row[0] == 3 && row[1] == 4 && row[2] == 5);
    t = vs_file_find(f, "none");
    assert_true(t && t->dtype == VS_I64 && vs_tensor_count(t) == 0);
    vs_meta m = vs_file_meta(f, "format");
    assert_true(m.type == VS_META_STR && m.n == 2 && !memcmp(m.s, "pt", 2));
    assert_null(vs_file_meta_key(f, 1));
    vs_file_close(f);
    for (size_t n = 0; n < b.n; n++) refuses_bytes(b.p, n, VS_E_FORMAT, "");
}

static void safetensors_of_every_type(void **state) {
    (void)state;
    static const char *const types[] = {"F64", "F32", "F16", "BF16",    "I64",     "I32", "I16", "I8",
                                        "U64", "U32", "U16", "U8", "BOOL", "F8_E4M3", "F8_E5M2", "F8_E4M3FNUZ", "F8_E5M2FNUZ"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        /* the number 1 in the second of two elements */
        uint64_t one = 1;
        double f64 = 1;
        const char *bits = strpbrk(types[i], "123468");
        size_t width = bits ? strtoul(bits, NULL, 10) / 8 : 1;
        if (!strcmp(types[i], "F64")) memcpy(&one, &f64, sizeof one);
        if (!strcmp(types[i], "F32")) one = 0x3f800000;
        if (!strcmp(types[i], "F16")) one = 0x3c00;
        if (!strcmp(types[i], "BF16")) one = 0x3f80;
        if (!strcmp(types[i], "F8_E4M3")) one = 0x38;
        if (!strcmp(types[i], "F8_E5M2")) one = 0x3c;
        if (strstr(types[i], "FNUZ")) one = 0x40;
        char header[96];
        snprintf(header, sizeof header, "{\"w\":{\"dtype\":\"%s\",\"shape\":[1,2],\"data_offsets\":[0,%zu]}}", types[i],
                 2 * width);
        bytes b = {.n = 0};
        put_safetensors(&b, header, 0);
        put_zeros(&b, width);
        put_number(&b, one, width);
        vs_file *f = opens(&b);
        float row[2];
        assert_string_equal(vs_dtype_of(vs_file_find(f, "w")->dtype)->safetensors, types[i]);
        assert_int_equal(vs_tensor_row_f32(NULL, vs_file_find(f, "w"), 0, row), VS_OK);
        assert_true(row[0] == 0 && row[1] == 1);
        vs_file_close(f);
    }
}

/* Numbers of less than a byte, powers of two, and complex numbers, which are pairs. */
static void safetensors_of_odd_widths(void **state) {
    (void)state;
    static const struct {
        const char *type, *shape, *data;
        size_t bytes, n;
        float want[4];
    } kinds[] = {
        {"F4", "[2,2]", "\x20\xF1", 2, 4, {0, 1, 0.5f, -6}},
        {"F6_E2M3", "[1,4]", "\x48\xF0\x81", 3, 4, {1, 0.125f, 7.5f, -0.0f}}, /* 001000 000001 011111 100000, lowest first */
        {"F6_E3M2", "[4]", "\x4C\xF0\x81", 3, 4, {1, 0.0625f, 28, -0.0f}},
        {"F8_E8M0", "[3]", "\x7E\x7F\x80", 3, 3, {0.5f, 1, 2}},
        {"C64", "[2]", "\0\0\x80\x3F\0\0\0\x40\0\0\x80\xBF\0\0\0\0", 16, 4, {1, 2, -1, 0}},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        char header[120];
        bytes b = {.n = 0};
        snprintf(header, sizeof header, "{\"w\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[0,%zu]}}", kinds[i].type, kinds[i].shape, kinds[i].bytes);
        put_safetensors(&b, header, 0);
        for (size_t k = 0; k < kinds[i].bytes; k++) put_number(&b, (unsigned char)kinds[i].data[k], 1);
        vs_file *f = opens(&b);
        const vs_tensor *t = vs_file_find(f, "w");
        float row[4];
        assert_int_equal(vs_tensor_count(t), kinds[i].n);
        for (size_t k = 0, cols = vs_tensor_cols(t); k < kinds[i].n; k += cols) {
            assert_int_equal(vs_tensor_row_f32(NULL, t, k / cols, row), VS_OK);
            assert_memory_equal(row, kinds[i].want + k, cols * sizeof *row);
        }
        vs_file_close(f);
    }
}

#define ONE(dtype, shape, offsets) "{\"w\":{\"dtype\":" dtype ",\"shape\":" shape ",\"data_offsets\":" offsets "}}"

static void safetensors_refused(void **state) {
    (void)state;
    refuses_header(ONE("\"F32\"", "[2]", "[0,8]"), 7, VS_E_FORMAT, "tensor w|8 bytes|has 7");
    refuses_header(ONE("\"F32\"", "[2]", "[0,8]"), 9, VS_E_FORMAT, "take 8 bytes|has 9");
    refuses_header(ONE("\"F32\"", "[2]", "[1,9]"), 9, VS_E_FORMAT, "tensor w begins at byte 1");
    refuses_header(ONE("\"F32\"", "[2]", "[0,12]"), 12, VS_E_FORMAT,
                   "tensor w: [2] f32 takes 8 bytes, data_offsets give 12");
    refuses_header(ONE("\"F32\"", "[2]", "[8,0]"), 8, VS_E_FORMAT, "tensor w|begin <= end");
    refuses_header(ONE("\"F32\"", "[2]", "[-8,0]"), 8, VS_E_FORMAT, "tensor w|begin <= end");
    refuses_header(ONE("\"F32\"", "[2]", "[0,8.5]"), 8, VS_E_FORMAT, "tensor w|data_offsets");
    refuses_header(ONE("\"F32\"", "[2]", "[0,8,9]"), 8, VS_E_FORMAT, "tensor w|array of two");
    refuses_header(ONE("\"F32\"", "[2]", "[0,18446744073709551617]"), 8, VS_E_FORMAT, "JSON|too big integer");
    refuses_header(ONE("\"F32\"", "[-2]", "[0,8]"), 8, VS_E_FORMAT, "tensor w|whole numbers");
    refuses_header(ONE("\"F32\"", "[1.5]", "[0,8]"), 8, VS_E_FORMAT, "tensor w|whole numbers");
    refuses_header(ONE("\"F32\"", "2", "[0,8]"), 8, VS_E_FORMAT, "tensor w|\"shape\", an array");
    refuses_header(ONE("\"F32\"", "[1,1,1,1,2]", "[0,8]"), 8, VS_E_UNSUPPORTED, "tensor w|5 axes|at most 4");
    refuses_header(ONE("\"F32\"", "[4611686018427387904,4]", "[0,8]"), 8, VS_E_SHAPE, "tensor w|4611686018427387904");
    refuses_header(ONE("\"F5\"", "[16]", "[0,8]"), 8, VS_E_UNSUPPORTED, "tensor w|the type F5|F64 to F4, C64");
    refuses_header(ONE("\"F4\"", "[2,3]", "[0,3]"), 3, VS_E_SHAPE, "tensor w|rows of f4|multiple of 2");
    refuses_header(ONE("7", "[2]", "[0,8]"), 8, VS_E_FORMAT, "tensor w|\"dtype\", a string");
    refuses_header("{\"w\":7}", 0, VS_E_FORMAT, "tensor w|want an object");
    refuses_header("{\"w\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0],\"x\":1}}", 0, VS_E_FORMAT,
                   "tensor w|nothing else");
    refuses_header("{\"a\\u0000b\":7}", 0, VS_E_FORMAT, "JSON|NUL");
    refuses_header("{\"a\\nb\":{}}", 0, VS_E_FORMAT, "control character \\x0A: a\\x0Ab");
    refuses_header("{\"__metadata__\":[]}", 0, VS_E_FORMAT, "__metadata__");
    refuses_header("{\"__metadata__\":{\"a\":1}}", 0, VS_E_FORMAT, "key a|a string");
    refuses_header("{\"a\":1,\"a\":2}", 0, VS_E_FORMAT, "JSON, line 1|duplicate");
    refuses_header("{hello}", 0, VS_E_FORMAT, "JSON, line 1 column");
    refuses_header("{\"a\":\"caf\xE9\"}", 0, VS_E_FORMAT, "JSON");
    bytes b = {.n = 0};
    put_safetensors(&b,
                    "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
                    "\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]}}",
                    3);
    refuses(&b, VS_E_FORMAT, "a and b overlap");
    b = (bytes){.n = 0};
    put_u64(&b, (uint64_t)1 << 62);
    put_text(&b, "{}");
    refuses(&b, VS_E_FORMAT, "header of 4611686018427387904 bytes|at most");
    b.p[7] = 0, b.p[0] = 3;
    refuses(&b, VS_E_FORMAT, "header of 3 bytes|2 are left");
    b = (bytes){.n = 0};
    put_u64(&b, 1000);
    put_text(&b, "{\"a\":");
    while (b.n < 8 + 1000) put_text(&b, "[");
    refuses(&b, VS_E_FORMAT, "nested deeper than 64");
}

/* ---- npy ---- */

static void put_npy(bytes *b, const char *dict, size_t data) {
    size_t from = b->n;
    put(b, "\x93NUMPY\1\0\0\0", 10);
    put_text(b, dict);
    while ((b->n - from) % 64 != 63) put_text(b, " ");
    put_text(b, "\n");
    uint64_t n = b->n - from - 10;
    memcpy(b->p + from + 8, &n, 2);
    put_zeros(b, data);
}

static void refuses_npy(const char *dict, size_t data, vs_status want, const char *words) {
    bytes b = {.n = 0};
    put_npy(&b, dict, data);
    refuses(&b, want, words);
}

#define DICT(descr, order, shape) "{'descr': " descr ", 'fortran_order': " order ", 'shape': " shape ", }"

static void npy_views(void **state) {
    (void)state;
    static const struct {
        const char *descr;
        vs_dtype t;
    } kinds[] = {{"'<f4'", VS_F32}, {"'<f2'", VS_F16}, {"'<f8'", VS_F64}, {"'|i1'", VS_I8},  {"'<i2'", VS_I16},
                 {"'<i4'", VS_I32}, {"'<i8'", VS_I64}, {"'|u1'", VS_U8},  {"'<u2'", VS_U16}, {"'<u4'", VS_U32},
                 {"'<u8'", VS_U64}, {"'|b1'", VS_BOOL}};
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        char dict[128];
        snprintf(dict, sizeof dict, DICT("%s", "False", "(2, 3)"), kinds[k].descr);
        bytes b = {.n = 0};
        put_npy(&b, dict, 6 * vs_dtype_of(kinds[k].t)->block_bytes);
        vs_file *f = opens(&b);
        const char *name;
        const vs_tensor *t = vs_file_tensor(f, 0, &name);
        assert_string_equal(name, "array");
        assert_true(t->dtype == kinds[k].t && t->ndim == 2 && t->shape[0] == 2 && t->shape[1] == 3);
        vs_file_close(f);
        for (size_t n = 0; n < b.n; n++) refuses_bytes(b.p, n, VS_E_FORMAT, "");
    }
    bytes b = {.n = 0};
    put_npy(&b, "{\"shape\":(),\"fortran_order\":True,\"descr\":\"=f4\"}", 4); /* one element has no order */
    vs_file *f = opens(&b);
    assert_int_equal(vs_file_tensor(f, 0, NULL)->ndim, 0);
    vs_file_close(f);
    b = (bytes){.n = 0};
    put(&b, "\x93NUMPY\2\0\x36\0\0\0", 12);
    put_text(&b, DICT("'|u1'", "False", "(2,)"));
    b.p[8] = (unsigned char)(b.n - 12);
    put_zeros(&b, 2);
    vs_file_close(opens(&b));
    b.p[6] = 4;
    refuses(&b, VS_E_UNSUPPORTED, "version 4");
    b.p[6] = 3, b.p[11] = 1;
    refuses(&b, VS_E_FORMAT, "npy header of 167");
}

static void npy_refused(void **state) {
    (void)state;
    refuses_npy(DICT("'<f4'", "True", "(2, 3)"), 24, VS_E_UNSUPPORTED, "Fortran order|ascontiguousarray");
    refuses_npy(DICT("'>f4'", "False", "(2, 3)"), 24, VS_E_UNSUPPORTED, "type >f4 (big-endian)|<f4");
    refuses_npy(DICT("'<c8'", "False", "(2, 3)"), 24, VS_E_UNSUPPORTED, "type <c8");
    refuses_npy(DICT("'>U5'", "False", "(2, 3)"), 24, VS_E_UNSUPPORTED, "type >U5");
    refuses_npy(DICT("'<U0'", "False", "(2, 3)"), 24, VS_E_UNSUPPORTED, "type <U0");
    refuses_npy(DICT("'<U5'", "False", "(2, 3)"), 24, VS_E_FORMAT, "wants 120 bytes");
    refuses_npy(DICT("'<U99999999999'", "False", "(9999999999, 3)"), 24, VS_E_SHAPE, "");
    refuses_npy(DICT("'<U5'", "False", "(1, 1, 1, 2)"), 24, VS_E_UNSUPPORTED, "texts with 4 axes");
    refuses_npy(DICT("''", "False", "(2, 3)"), 24, VS_E_UNSUPPORTED, "type ");
    refuses_npy(DICT("[('a', '<f4')]", "False", "(2, 3)"), 24, VS_E_UNSUPPORTED, "records");
    refuses_npy(DICT("3", "False", "(2, 3)"), 24, VS_E_FORMAT, "'descr'");
    refuses_npy(DICT("'<f4", "False", "(2, 3)"), 24, VS_E_UNSUPPORTED, "type <f4, ");
    refuses_npy(DICT("'<f4'", "0", "(2, 3)"), 24, VS_E_FORMAT, "'fortran_order'");
    refuses_npy(DICT("'<f4'", "False", "(2, -3)"), 24, VS_E_FORMAT, "'shape'");
    refuses_npy(DICT("'<f4'", "False", "(2, 3"), 24, VS_E_FORMAT, "'shape'");
    refuses_npy(DICT("'<f4'", "False", "[2, 3]"), 24, VS_E_FORMAT, "'shape'");
    refuses_npy(DICT("'<f4'", "False", "(99999999999999999999999,)"), 24, VS_E_FORMAT, "'shape'");
    refuses_npy(DICT("'<f4'", "False", "(4294967296, 4294967296, 4294967296)"), 24, VS_E_SHAPE,
                "tensor array|4294967296");
    refuses_npy(DICT("'<f4'", "False", "(1, 1, 1, 2, 3)"), 24, VS_E_UNSUPPORTED, "more than 4 axes");
    refuses_npy(DICT("'<f4'", "False", "(2, 3)") " x", 24, VS_E_FORMAT, "follows the dict");
    refuses_npy(DICT("'<f4'", "False", "(2, 3)"), 25, VS_E_FORMAT, "1 bytes follow the array");
    refuses_npy(DICT("'<f4'", "False", "(2, 3)"), 23, VS_E_FORMAT, "24 bytes");
    refuses_npy("{'descr': '<f4', 'descr': '<f4'}", 24, VS_E_FORMAT, "'descr' twice");
    refuses_npy("{'descr': '<f4'}", 24, VS_E_FORMAT, "want descr, fortran_order and shape");
    refuses_npy("{'other': 1}", 24, VS_E_FORMAT, "unknown key 'other'");
    refuses_npy("{'descr' '<f4'}", 24, VS_E_FORMAT, "want 'key': value");
    refuses_npy("hello", 24, VS_E_FORMAT, "want a dict");
}

/* ---- npz ---- */

/* One stored member; its central record goes to c. */
static void put_member(bytes *b, bytes *c, const char *name, const bytes *data, unsigned method) {
    uint32_t at = (uint32_t)b->n, size = (uint32_t)data->n;
    put_u32(b, 0x04034b50);
    put_u16(b, 20), put_u16(b, 0), put_u16(b, method), put_u32(b, 0), put_u32(b, 0);
    put_u32(b, size), put_u32(b, size);
    put_u16(b, (unsigned)strlen(name)), put_u16(b, 0);
    put_text(b, name);
    put(b, data->p, data->n);
    put_u32(c, 0x02014b50);
    put_u16(c, 20), put_u16(c, 20), put_u16(c, 0), put_u16(c, method), put_u32(c, 0), put_u32(c, 0);
    put_u32(c, size), put_u32(c, size);
    put_u16(c, (unsigned)strlen(name)), put_u16(c, 0), put_u16(c, 0), put_u64(c, 0);
    put_u32(c, at);
    put_text(c, name);
}

static void put_end(bytes *b, const bytes *c, unsigned records) {
    uint32_t at = (uint32_t)b->n;
    put(b, c->p, c->n);
    put_u32(b, 0x06054b50);
    put_u32(b, 0);
    put_u16(b, records), put_u16(b, records);
    put_u32(b, (uint32_t)c->n), put_u32(b, at), put_u16(b, 0);
}

static void npz_views(void **state) {
    (void)state;
    bytes a = {.n = 0}, v = {.n = 0}, b = {.n = 0}, c = {.n = 0};
    put_npy(&a, DICT("'<f4'", "False", "(2,)"), 0);
    put_f32(&a, 1), put_f32(&a, 2);
    put_npy(&v, DICT("'<i8'", "False", "()"), 8);
    put_member(&b, &c, "a.npy", &a, 0);
    put_member(&b, &c, "dir/v.npy", &v, 0);
    size_t members = b.n;
    put_end(&b, &c, 2);
    vs_file *f = opens(&b);
    assert_string_equal(vs_file_format(f), "npz");
    assert_int_equal(vs_file_tensor_count(f), 2);
    float row[2];
    assert_int_equal(vs_tensor_row_f32(NULL, vs_file_find(f, "a"), 0, row), VS_OK);
    assert_true(row[0] == 1 && row[1] == 2);
    assert_true(vs_file_find(f, "dir/v")->dtype == VS_I64);
    vs_file_close(f);
    for (size_t n = 0; n < b.n; n++) refuses_bytes(b.p, n, VS_E_FORMAT, "");
    refuses_bytes(b.p, members, VS_E_FORMAT, "no end record");
    bytes end = b;
    put_u16(&end, 0); /* two bytes that no comment length announces */
    refuses(&end, VS_E_FORMAT, "no end record");
    end.p[b.n - 2] = 2; /* now they are the comment */
    vs_file_close(opens(&end));
    end = b;
    end.p[b.n - 12] = 3; /* three records in the room of two */
    refuses(&end, VS_E_FORMAT, "");
    end = b;
    end.p[b.n - 14] = end.p[b.n - 12] = 0xFF;
    refuses(&end, VS_E_FORMAT, "255 members");
    end = b;
    end.p[members + 42] = 1; /* the local header of a.npy one byte on */
    refuses(&end, VS_E_FORMAT, "member a.npy|byte 1");
    end.p[members + 45] = 1;
    refuses(&end, VS_E_FORMAT, "member a.npy|byte 16777217|end at");
    end = b;
    end.p[members] = 0;
    refuses(&end, VS_E_FORMAT, "record 0");
    end = b;
    end.p[members + 8] = 1;
    refuses(&end, VS_E_UNSUPPORTED, "a.npy is encrypted");
    end = b;
    end.p[members + 22] = end.p[members + 26] = 1; /* 65,536 bytes more, in both sizes */
    refuses(&end, VS_E_FORMAT, "member a.npy|from byte");
    end = b;
    end.p[members + 20] ^= 1;
    refuses(&end, VS_E_FORMAT, "a.npy is stored, yet");
}

static void refuses_member(const char *name, const bytes *data, unsigned method, vs_status want, const char *words) {
    bytes b = {.n = 0}, c = {.n = 0};
    put_member(&b, &c, name, data, method);
    put_end(&b, &c, 1);
    refuses(&b, want, words);
}

static void npz_refused(void **state) {
    (void)state;
    bytes good = {.n = 0}, fortran = {.n = 0}, longer = {.n = 0};
    put_npy(&good, DICT("'<f4'", "False", "(2,)"), 8);
    put_npy(&fortran, DICT("'<f4'", "True", "(2, 2)"), 16);
    put_npy(&longer, DICT("'<f4'", "False", "(2,)"), 9);
    refuses_member("a.npy", &good, 8, VS_E_UNSUPPORTED, "a.npy is compressed|savez");
    refuses_member("a.txt", &good, 0, VS_E_FORMAT, "a.txt is not an .npy");
    refuses_member(".npy", &good, 0, VS_E_FORMAT, ".npy is not an .npy");
    refuses_member("model/data.pkl", &good, 0, VS_E_UNSUPPORTED, "PyTorch|safetensors");
    refuses_member("a.npy", &fortran, 0, VS_E_UNSUPPORTED, "a: the array is in Fortran order");
    refuses_member("a.npy", &longer, 0, VS_E_FORMAT, "array a takes 8 bytes, its member has 9");
    refuses_member("a.npy", &(bytes){.n = 3}, 0, VS_E_FORMAT, "a: not an npy");
    refuses_member("a\nb.npy", &good, 0, VS_E_FORMAT, "control character");
    bytes b = {.n = 0}, c = {.n = 0};
    put_member(&b, &c, "a.npy", &good, 0);
    put_member(&b, &c, "a.npy", &good, 0);
    put_end(&b, &c, 2);
    refuses(&b, VS_E_FORMAT, "two tensors named a");
    vs_file *f;
    assert_int_equal(vs_file_open(NULL, "/absent/a.npz", &f), VS_E_UNKNOWN);
}

/* ---- writing ---- */

enum { ROWS = 700, COLS = 300 };
static float big[ROWS * COLS];

/* A scalar, an empty tensor, one of odd bytes that misaligns what follows, a large one in many pieces. */
static vs_status write_all(vs_err *err, vs_writer *w) {
    static const unsigned char flags[3] = {1, 0, 1};
    static const int64_t scalar = -7;
    const size_t none[] = {0, 4}, three[] = {3}, large[] = {ROWS, COLS};
    VS_TRY(vs_writer_declare(err, w, "blocks.0.hook \"q\\\" é", VS_I64, 0, NULL));
    VS_TRY(vs_writer_declare(err, w, "none", VS_F32, 2, none));
    VS_TRY(vs_writer_declare(err, w, "flags", VS_BOOL, 1, three));
    VS_TRY(vs_writer_declare(err, w, "big", VS_F32, 2, large));
    VS_TRY(vs_writer_declare(err, w, "last", VS_F32, 2, none));
    VS_TRY(vs_writer_put(err, w, &scalar, sizeof scalar));
    VS_TRY(vs_writer_put(err, w, flags, 3));
    const unsigned char *p = (const unsigned char *)big;
    for (size_t at = 0, n = 1; at < sizeof big; at += n, n = n * 3 % 300007) { /* pieces of any size */
        if (n > sizeof big - at) n = sizeof big - at;
        VS_TRY(vs_writer_put(err, w, p + at, n));
    }
    return VS_OK;
}

static void check_written(const char *path, const char *format) {
    vs_err err = {0};
    vs_file *f;
    if (vs_file_open(&err, path, &f) != VS_OK) fail_msg("%s", err.msg);
    assert_string_equal(vs_file_format(f), format);
    assert_int_equal(vs_file_tensor_count(f), 5);
    int64_t scalar;
    memcpy(&scalar, vs_file_find(f, "blocks.0.hook \"q\\\" é")->data, sizeof scalar);
    assert_int_equal(scalar, -7);
    const vs_tensor *t = vs_file_find(f, "none");
    assert_true(t->ndim == 2 && t->shape[0] == 0 && t->shape[1] == 4);
    assert_memory_equal(vs_file_find(f, "flags")->data, "\1\0\1", 3);
    t = vs_file_find(f, "big");
    assert_true(t->dtype == VS_F32 && t->shape[0] == ROWS && t->shape[1] == COLS);
    assert_memory_equal(t->data, big, sizeof big);
    vs_file_close(f);
}

static void writes(const char *format, const char *name) {
    char dir[32];
    make_dir(dir);
    const char *path = in_dir(dir, name);
    vs_err err = {0};
    vs_writer *w;
    for (size_t i = 0; i < ROWS * COLS; i++) big[i] = (float)i * 0.37f;
    if (vs_writer_open(&err, path, format, &w) != VS_OK || write_all(&err, w) != VS_OK) fail_msg("%s", err.msg);
    assert_int_equal(access(path, F_OK), -1); /* not before it is whole */
    if (vs_writer_commit(&err, w) != VS_OK) fail_msg("%s", err.msg);
    check_written(path, format);
    char part[64];
    snprintf(part, sizeof part, "%s.part", path);
    assert_int_equal(access(part, F_OK), -1);
    remove_dir(dir);
}

static void safetensors_round_trip(void **state) {
    (void)state;
    writes("safetensors", "a.safetensors");
}

static void npz_round_trip(void **state) {
    (void)state;
    writes("npz", "a.npz");
    vs__npz_zip64_from(100); /* sizes, offsets and the end as zip64 */
    writes("npz", "a.npz");
    vs__npz_zip64_from(UINT32_MAX);
}

static uint32_t number_at(const unsigned char *p, size_t width) {
    uint32_t v = 0;
    memcpy(&v, p, width);
    return v;
}

/* CRC-32 as zip defines it, bit by bit. */
static uint32_t crc_of(const unsigned char *p, size_t n) {
    uint32_t c = UINT32_MAX;
    for (size_t i = 0; i < n; i++) {
        c ^= p[i];
        for (int k = 0; k < 8; k++) c = c & 1 ? c >> 1 ^ 0xEDB88320u : c >> 1;
    }
    return ~c;
}

/* What no view needs but other readers of zip do: checksums, and all ones where a value stands in the zip64 field. */
static void records_of_npz(void **state) {
    (void)state;
    char dir[32];
    make_dir(dir);
    const char *path = in_dir(dir, "a.npz");
    for (int big_ones = 0; big_ones < 2; big_ones++) {
        vs_writer *w;
        const size_t shape[] = {3, 7};
        vs__npz_zip64_from(big_ones ? 150 : UINT32_MAX);
        assert_int_equal(vs_writer_open(NULL, path, "npz", &w), VS_OK);
        assert_int_equal(vs_writer_declare(NULL, w, "one", VS_U8, 1, shape), VS_OK);
        assert_int_equal(vs_writer_declare(NULL, w, "two", VS_F32, 2, shape), VS_OK);
        assert_int_equal(vs_writer_put(NULL, w, "abc", 3), VS_OK);
        for (int k = 0; k < 21; k++) assert_int_equal(vs_writer_put(NULL, w, "wxyz", 4), VS_OK);
        assert_int_equal(vs_writer_commit(NULL, w), VS_OK);
        vs_map m;
        assert_int_equal(vs_map_open(NULL, path, &m), VS_OK);
        const unsigned char *p = m.bytes;
        static const size_t sizes[] = {128 + 3, 128 + 84};
        for (int k = 0; k < 2; k++) {
            assert_int_equal(number_at(p, 4), 0x04034b50);
            bool big_size = big_ones && sizes[k] >= 150;
            assert_int_equal(number_at(p + 22, 4), big_size ? UINT32_MAX : sizes[k]);
            const unsigned char *data = p + 30 + number_at(p + 26, 2) + number_at(p + 28, 2);
            assert_int_equal((data - m.bytes) % 64, 0);
            assert_int_equal(number_at(p + 14, 4), crc_of(data, sizes[k]));
            p = data + sizes[k];
        }
        for (int k = 0; k < 2; k++) {
            assert_int_equal(number_at(p, 4), 0x02014b50);
            assert_true((number_at(p + 42, 4) == UINT32_MAX) == (big_ones && k == 1));
            p += 46 + number_at(p + 28, 2) + number_at(p + 30, 2);
        }
        assert_int_equal(number_at(p, 4), big_ones ? 0x06064b50 : 0x06054b50);
        vs_map_close(&m);
    }
    vs__npz_zip64_from(UINT32_MAX);
    remove_dir(dir);
}

static void many_members(void **state) {
    (void)state;
    enum { N = 66000 }; /* more than the 16 bits of the end record hold */
    char dir[32], name[16];
    make_dir(dir);
    const char *path = in_dir(dir, "a.npz");
    vs_writer *w;
    assert_int_equal(vs_writer_open(NULL, path, "npz", &w), VS_OK);
    for (unsigned i = 0; i < N; i++) {
        snprintf(name, sizeof name, "%u", i);
        assert_int_equal(vs_writer_declare(NULL, w, name, VS_I32, 0, NULL), VS_OK);
    }
    for (uint32_t i = 0; i < N; i++) assert_int_equal(vs_writer_put(NULL, w, &i, sizeof i), VS_OK);
    assert_int_equal(vs_writer_commit(NULL, w), VS_OK);
    vs_file *f;
    assert_int_equal(vs_file_open(NULL, path, &f), VS_OK);
    assert_int_equal(vs_file_tensor_count(f), N);
    uint32_t v;
    memcpy(&v, vs_file_find(f, "65999")->data, sizeof v);
    assert_int_equal(v, 65999);
    vs_file_close(f);
    remove_dir(dir);
}

static void wrong_calls(void **state) {
    (void)state;
    char dir[32];
    make_dir(dir);
    const char *path = in_dir(dir, "a.npz");
    const size_t shape[] = {2}, blocks[] = {256}, five[] = {1, 1, 1, 1, 1}, huge[] = {SIZE_MAX / 2, 4};
    vs_err err = {0};
    vs_writer *w;
    check_message(vs_writer_open(&err, path, "npy", &w), &err, VS_E_UNSUPPORTED, "a.npz|npy is not written");
    check_message(vs_writer_open(&err, path, "zip", &w), &err, VS_E_UNSUPPORTED,
                  "zip is not written|safetensors, npz or gguf");
    check_message(vs_writer_open(&err, in_dir(dir, "no/a.npz"), "npz", &w), &err, VS_E_IO,
                  "no/a.npz.part|cannot create|No such file");
    assert_int_equal(vs_writer_open(&err, path, "npz", &w), VS_OK);
    check_message(vs_writer_declare(&err, w, "h", VS_BF16, 1, shape), &err, VS_E_UNSUPPORTED, "NumPy has no type bf16");
    check_message(vs_writer_declare(&err, w, "", VS_F32, 1, shape), &err, VS_E_FORMAT, "cannot name a tensor");
    check_message(vs_writer_declare(&err, w, "a\nb", VS_F32, 1, shape), &err, VS_E_FORMAT, "a\\x0Ab");
    check_message(vs_writer_declare(&err, w, "a\xE9", VS_F32, 1, shape), &err, VS_E_FORMAT, "a\\xE9");
    check_message(vs_writer_declare(&err, w, "a", VS_F32, 5, five), &err, VS_E_SHAPE, "tensor a");
    check_message(vs_writer_declare(&err, w, "a", VS_F32, 2, huge), &err, VS_E_SHAPE, "tensor a");
    assert_int_equal(vs_writer_declare(&err, w, "a", VS_F32, 1, shape), VS_OK);
    check_message(vs_writer_declare(&err, w, "a", VS_F32, 1, shape), &err, VS_E_SHAPE, "a is declared twice");
    assert_int_equal(vs_writer_put(&err, w, "abcd", 4), VS_OK);
    check_message(vs_writer_declare(&err, w, "b", VS_F32, 1, shape), &err, VS_E_STATE, "tensor b|after the first data");
    check_message(vs_writer_commit(&err, w), &err, VS_E_STATE, "tensor a lacks 4 of its 8 bytes");
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(vs_writer_open(&err, path, "safetensors", &w), VS_OK);
    check_message(vs_writer_declare(&err, w, "q", VS_Q4_K, 1, blocks), &err, VS_E_UNSUPPORTED,
                  "cannot hold tensor q of type q4_k");
    check_message(vs_writer_declare(&err, w, "__metadata__", VS_F32, 1, shape), &err, VS_E_UNSUPPORTED, "__metadata__");
    assert_int_equal(vs_writer_declare(&err, w, "a", VS_F32, 1, shape), VS_OK);
    check_message(vs_writer_put(&err, w, "abcdefghi", 9), &err, VS_E_STATE, "1 bytes more than were declared");
    check_message(vs_writer_put(&err, w, "x", 1), &err, VS_E_STATE, "failed before");
    check_message(vs_writer_commit(&err, w), &err, VS_E_STATE, "failed before");
    vs_writer_abort(NULL);
    assert_int_equal(vs_writer_open(&err, path, "npz", &w), VS_OK); /* nothing declared is an archive of nothing */
    assert_int_equal(vs_writer_commit(&err, w), VS_OK);
    vs_file *f;
    assert_int_equal(vs_file_open(&err, path, &f), VS_OK);
    assert_int_equal(vs_file_tensor_count(f), 0);
    vs_file_close(f);
    assert_int_equal(vs_writer_open(&err, path, "npz", &w), VS_OK);
    vs_writer_abort(w);
    assert_int_equal(access(path, F_OK), 0); /* the file that was there stays */
    remove_dir(dir);
}

/* No room for the file: one line that says so, no part left, the older file of that name untouched. */
static void disk_full(void **state) {
    (void)state;
    char dir[32];
    make_dir(dir);
    const char *path = in_dir(dir, "a.npz");
    write_file(path, "old", 3);
    struct rlimit before, small = {.rlim_cur = 100000, .rlim_max = RLIM_INFINITY};
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small.rlim_max = before.rlim_max;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    static const char *const formats[] = {"npz", "safetensors"};
    for (int k = 0; k < 2; k++) {
        vs_err err = {0};
        vs_writer *w;
        assert_int_equal(vs_writer_open(&err, path, formats[k], &w), VS_OK);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
        vs_status s = write_all(&err, w);
        check_message(s, &err, VS_E_IO, "a.npz: cannot write: File too large");
        check_message(vs_writer_commit(&err, w), &err, VS_E_IO, "a.npz|failed before");
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
        struct stat st;
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_size, 3);
    }
    signal(SIGXFSZ, handler);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(dir), 0); /* nothing else is there */
}

static vs_status write_once(vs_err *err, const char *path, const char *format) {
    vs_writer *w;
    const size_t shape[] = {2};
    VS_TRY(vs_writer_open(err, path, format, &w));
    vs_status s = VS_OK;
    for (int i = 0; i < 20 && s == VS_OK; i++) {
        char name[16];
        snprintf(name, sizeof name, "t%d", i);
        s = vs_writer_declare(err, w, name, VS_F32, 1, shape);
    }
    for (int i = 0; i < 20 && s == VS_OK; i++) s = vs_writer_put(err, w, "abcdefgh", 8);
    if (s == VS_OK) return vs_writer_commit(err, w);
    vs_writer_abort(w);
    return s;
}

static vs_status read_once(vs_err *err, const char *path) {
    vs_file *f;
    VS_TRY(vs_file_open(err, path, &f));
    vs_file_close(f);
    return VS_OK;
}

static void out_of_memory(void **state) {
    (void)state;
    char dir[32];
    make_dir(dir);
    static const char *const formats[] = {"npz", "safetensors"};
    for (int k = 0; k < 4; k++) {
        const char *path = in_dir(dir, formats[k / 2]);
        vs_status s = VS_E_NOMEM;
        for (size_t n = 1; s == VS_E_NOMEM; n++) {
            vs_err err = {0};
            vs_alloc_fail_at(n);
            s = k % 2 ? read_once(&err, path) : write_once(&err, path, formats[k / 2]);
            vs_alloc_fail_at(0);
            assert_int_equal(err.code, s == VS_OK ? 0 : VS_E_NOMEM);
            if (k % 2 == 0 && s != VS_OK) assert_int_equal(access(path, F_OK), -1);
        }
        assert_int_equal(s, VS_OK);
    }
    remove_dir(dir);
}

int main(void) {
    const struct CMUnitTest all[] = {
        cmocka_unit_test(safetensors_views), cmocka_unit_test(safetensors_refused),
        cmocka_unit_test(safetensors_of_every_type), cmocka_unit_test(safetensors_of_odd_widths),
        cmocka_unit_test(npy_views),         cmocka_unit_test(npy_refused),
        cmocka_unit_test(npz_views),         cmocka_unit_test(npz_refused),
        cmocka_unit_test(npz_round_trip),    cmocka_unit_test(safetensors_round_trip),
        cmocka_unit_test(many_members),      cmocka_unit_test(records_of_npz),
        cmocka_unit_test(wrong_calls),       cmocka_unit_test(disk_full),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(all, NULL, NULL);
}
