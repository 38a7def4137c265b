/* What the tests of the store share: a folder of their own, spaces and queries to make and to compare. */
#ifndef VS_TESTS_STORE_TEST_H
#define VS_TESTS_STORE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "store/store.h"

static char folder[64], db[96];
static vs_err err;

#define OK(call)                                                                                                       \
    do {                                                                                                               \
        if ((call) != VS_OK) fail_msg("%s: %s", #call, err.msg);                                                       \
    } while (0)
#define FAILS(call, code, words)                                                                                       \
    do {                                                                                                               \
        vs_status got_ = (call);                                                                                       \
        if (got_ != (code) || !strstr(err.msg, words) || strchr(err.msg, '\n'))                                        \
            fail_msg("%s: got %s: %s", #call, vs_status_words(got_), err.msg);                                         \
    } while (0)

static inline int make_folder(void **state) {
    (void)state;
    /* in memory where that is to be had: these tests sync thousands of times */
    snprintf(folder, sizeof folder, "%s/vs-store-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(folder)) return -1;
    snprintf(db, sizeof db, "%s/a.db", folder);
    memset(&err, 0, sizeof err);
    return 0;
}

static inline int remove_folder(void **state) {
    (void)state;
    pid_t child = fork();
    if (child == 0) execlp("rm", "rm", "-rf", folder, (char *)NULL);
    waitpid(child, NULL, 0);
    vs_alloc_fail_at(0);
    return 0;
}

static inline vs_store *open_store(void) {
    vs_store *st;
    OK(vs_store_open(&err, db, &st));
    return st;
}

/* The answer of a query as text: cells between commas, rows between semicolons. */
static inline vs_status collect(void *arg, size_t n, const char *const *names, const vs_sql_value *v) {
    (void)names;
    vs_buf *b = arg;
    if (b->len) vs_buf_putc(b, ';');
    for (size_t i = 0; i < n; i++) {
        if (i) vs_buf_putc(b, ',');
        if (v[i].type == VS_SQL_INT) vs_buf_printf(b, "%lld", (long long)v[i].i);
        if (v[i].type == VS_SQL_REAL) vs_buf_printf(b, "%g", v[i].r);
        if (v[i].type == VS_SQL_TEXT) vs_buf_put(b, v[i].s, v[i].n);
        if (v[i].type == VS_SQL_BLOB) vs_buf_printf(b, "<%zu bytes>", v[i].n);
        if (v[i].type == VS_SQL_NULL) vs_buf_puts(b, "NULL");
    }
    return VS_OK;
}

static inline void assert_sql(vs_store *st, const char *query, const char *want) {
    vs_buf b = {0};
    OK(vs_store_sql(&err, st, query, true, collect, &b, NULL));
    assert_string_equal(b.s ? b.s : "", want);
    vs_buf_free(&b);
}

/* A space of n rows; row i is key "k<i>" and the vector i, i + 1/4, ... plus shift. */
static inline void key_of(size_t i, char key[32]) { snprintf(key, 32, "k%zu", i); }

static inline vs_status store_space(vs_store *st, const char *name, size_t n, size_t d, float shift) {
    vs_space_record r = {.name = name, .place = "words", .metric = "cosine", .source = "x.txt", .dim = d, .source_size = 7, .source_mtime = 9};
    vs_space_writer *w;
    VS_TRY(vs_store_space_begin(&err, st, &r, &w));
    float *vec = calloc(d, sizeof *vec);
    vs_status s = VS_OK;
    for (size_t i = 0; i < n && s == VS_OK; i++) {
        char key[32];
        key_of(i, key);
        for (size_t j = 0; j < d; j++) vec[j] = (float)i + (float)j / 4 + shift;
        s = vs_store_space_add(&err, w, key, strlen(key), vec);
    }
    free(vec);
    if (s != VS_OK) {
        vs_store_space_abort(w);
        return s;
    }
    vs_id id;
    return vs_store_space_commit(&err, w, &id);
}

/* That a block holds what store_space() wrote. */
static inline void check_block(const vs_block *b, size_t n, size_t d, float shift) {
    size_t rows, dim, len, row;
    const float *x = vs_block_rows(b, &rows, &dim);
    assert_int_equal(rows, n);
    assert_int_equal(dim, d);
    assert_int_equal((uintptr_t)x % 64, 0);
    for (size_t i = 0; i < n; i++) {
        char key[32];
        key_of(i, key);
        const char *have = vs_block_key(b, i, &len);
        assert_int_equal(len, strlen(key));
        assert_string_equal(have, key);
        assert_true(vs_block_find(b, key, len, &row));
        assert_int_equal(row, i);
        for (size_t j = 0; j < d; j++) assert_true(x[i * d + j] == (float)i + (float)j / 4 + shift);
    }
    assert_false(vs_block_find(b, "absent", 6, &row));
    assert_false(vs_block_find(b, "", 0, &row));
    vs_block_key(b, n, &len);
    assert_int_equal(len, 0);
}

static inline void open_and_check(vs_store *st, const char *name, size_t n, size_t d, float shift) {
    vs_block *b;
    OK(vs_store_space_open(&err, st, name, NULL, &b));
    check_block(b, n, d, shift);
    vs_block_close(b);
}

/* A run of three tokens, not of any model. */
static inline vs_run_record a_run(void) {
    static const int32_t ids[] = {2, 105, 9};
    return (vs_run_record){.text = "hi", .ids = ids, .n_ids = 3, .edits = "zero 1.mlp_out", .isa = "avx2", .version = "0.1", .request = "resid", .seed = 7, .threads = 2};
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_folder, remove_folder)

#endif
