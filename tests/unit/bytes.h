/* bytes.h - files for tests, put together byte by byte. */
#ifndef VS_TEST_BYTES_H
#define VS_TEST_BYTES_H

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "io/format.h"

typedef struct bytes {
    _Alignas(64) unsigned char p[8192];
    size_t n;
} bytes;

static inline void put(bytes *b, const void *p, size_t n) {
    assert_true(n <= sizeof b->p - b->n);
    if (n) memcpy(b->p + b->n, p, n);
    b->n += n;
}

static inline void put_text(bytes *b, const char *s) { put(b, s, strlen(s)); }
static inline void put_number(bytes *b, uint64_t v, size_t width) { put(b, &v, width); }
static inline void put_u16(bytes *b, unsigned v) { put_number(b, v, 2); }
static inline void put_u32(bytes *b, uint32_t v) { put_number(b, v, 4); }
static inline void put_u64(bytes *b, uint64_t v) { put_number(b, v, 8); }

static inline void put_f32(bytes *b, float v) { put(b, &v, sizeof v); }

static inline void put_zeros(bytes *b, size_t n) {
    while (n--) put_number(b, 0, 1);
}

static inline void pad_to(bytes *b, size_t multiple) {
    while (b->n % multiple) put_number(b, 0, 1);
}

/* The bytes in a block of their own size, so that valgrind and the address sanitizer see a read beyond them. */
static inline unsigned char *exactly(const void *p, size_t n) {
    unsigned char *copy = vs_alloc(n ? n : 1, 1);
    assert_non_null(copy);
    if (n) memcpy(copy, p, n);
    return copy;
}

/* Opening fails with this code and a message that holds all of these words (separated by '|'). */
static inline void check_message(vs_status s, const vs_err *err, vs_status want, const char *words) {
    if (s != want) print_error("want %s, got %s: %s\n", vs_status_words(want), vs_status_words(s), err->msg);
    assert_int_equal(s, want);
    assert_int_equal(err->code, want);
    assert_null(strchr(err->msg, '\n'));
    char copy[256], *rest = NULL;
    snprintf(copy, sizeof copy, "%s", words);
    for (char *word = strtok_r(copy, "|", &rest); word; word = strtok_r(NULL, "|", &rest))
        if (!strstr(err->msg, word)) fail_msg("no \"%s\" in: %s", word, err->msg);
}

static inline void refuses_bytes(const void *p, size_t n, vs_status want, const char *words) {
    unsigned char *copy = exactly(p, n);
    vs_err err = {0};
    vs_file *f;
    vs_status s = vs_file_open_bytes(&err, "a.bin", copy, n, &f);
    check_message(s, &err, want, words);
    assert_null(f);
    assert_int_equal(vs_file_open_bytes(NULL, "a.bin", copy, n, &f), want);
    vs_free(copy);
    assert_non_null(strstr(err.msg, "a.bin: "));
}

static inline void refuses(const bytes *b, vs_status want, const char *words) {
    refuses_bytes(b->p, b->n, want, words);
}

static inline vs_file *opens_bytes(const void *p, size_t n) {
    vs_err err = {0};
    vs_file *f;
    if (vs_file_open_bytes(&err, "a.bin", p, n, &f) != VS_OK) fail_msg("%s", err.msg);
    return f;
}

static inline vs_file *opens(const bytes *b) { return opens_bytes(b->p, b->n); }

/* PATH = DIR/NAME in a static buffer, good until the fourth call from here. */
static inline const char *in_dir(const char *dir, const char *name) {
    static char path[4][512];
    static unsigned turn;
    char *out = path[turn++ % 4];
    snprintf(out, sizeof path[0], "%s/%s", dir, name);
    return out;
}

static inline void write_file(const char *path, const void *p, size_t n) {
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(p, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

/* A directory for a test's files; remove_dir() removes it with the files in it. */
static inline void make_dir(char dir[32]) {
    snprintf(dir, 32, "/tmp/vs-test-XXXXXX");
    assert_non_null(mkdtemp(dir));
}

static inline void remove_dir(const char *dir) {
    DIR *d = opendir(dir);
    assert_non_null(d);
    for (const struct dirent *e; (e = readdir(d));)
        if (*e->d_name != '.') unlink(in_dir(dir, e->d_name));
    closedir(d);
    assert_int_equal(rmdir(dir), 0);
}

#endif
