/* walk.c - see fuzz.h.  What is read goes into a sink, so that no read is optimised away. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"

#include "base/alloc.h"

static volatile unsigned sink;

static void touch(const void *p, size_t n) {
    const unsigned char *s = p;
    for (size_t i = 0; i < n && i < 64; i++) sink += s[i];
    for (size_t i = n > 64 ? n - 64 : 0; i < n; i++) sink += s[i];
}

static void walk_meta(const vs_meta *m) {
    if (m->type == VS_META_STR) touch(m->s, m->n);
    if (m->type != VS_META_ARRAY) return;
    for (size_t i = 0; i < m->n && i < 300; i++) {
        vs_meta e = vs_meta_at(m, i);
        if (e.type != m->elem) abort();
        walk_meta(&e);
    }
    vs_meta last = vs_meta_at(m, m->n - 1), none = vs_meta_at(m, m->n);
    walk_meta(&last);
    if (none.type != VS_META_NONE) abort();
}

void fuzz_walk(const vs_file *f) {
    const char *name;
    for (size_t i = 0; i < vs_file_tensor_count(f); i++) {
        const vs_tensor *t = vs_file_tensor(f, i, &name);
        if (vs_file_find(f, name) != t) abort();
        size_t bytes = 0;
        vs_tensor again;
        if (vs_tensor_over(NULL, t->data, t->dtype, t->ndim, t->shape, &again, &bytes) != VS_OK) abort();
        touch(t->data, bytes);
        if (bytes && t->ndim <= 2) {
            float *row = malloc(vs_tensor_cols(t) * sizeof *row);
            if (row && vs_tensor_row_f32(NULL, t, vs_tensor_rows(t) - 1, row) == VS_OK) touch(row, sizeof *row);
            free(row);
        }
    }
    for (size_t i = 0; (name = vs_file_meta_key(f, i)); i++) {
        vs_meta m = vs_file_meta(f, name);
        walk_meta(&m);
    }
    sink += (unsigned)vs_file_header_hash(f);
}

/* A failure has a message: one line. */
static void check_message(vs_status s, const vs_err *err) {
    if (s != VS_OK && (err->code != s || !*err->msg || strchr(err->msg, '\n'))) abort();
}

void fuzz_container(const uint8_t *data, size_t size) {
    vs_err err = {0};
    vs_file *f;
    vs_status s = vs_file_open_bytes(&err, "input", data, size, &f);
    check_message(s, &err);
    if (s != VS_OK) return;
    fuzz_walk(f);
    vs_file_close(f);
}

void fuzz_words(vs_words *w) {
    vs_err err = {0};
    const char *key;
    size_t n;
    const float *vec;
    vs_status s;
    for (;;) {
        s = vs_words_next(&err, w, &key, &n, &vec);
        check_message(s, &err);
        if (s != VS_OK && key) abort();
        if (s == VS_E_FORMAT || s == VS_E_NUMERIC) continue; /* behind that row there may be others */
        if (s != VS_OK || !key) break;
        if (!n || !vs_utf8_valid(key, n, &(size_t){0})) abort();
        touch(key, n);
        touch(vec, vs_words_dim(w) * sizeof *vec);
        if (vs_words_done(w) > vs_words_total(w)) abort();
    }
    float *made = vs_alloc(vs_words_dim(w), sizeof *made);
    if (made && vs_words_compose(w, "größe", 7, made)) touch(made, vs_words_dim(w) * sizeof *made);
    vs_free(made);
    vs_words_close(w);
}

size_t fuzz_split(const uint8_t *data, size_t size, size_t *first) {
    *first = 0;
    if (size < 2) return size;
    size_t n = (size_t)data[0] | (size_t)data[1] << 8;
    *first = n < size - 2 ? n : size - 2;
    return 2 + *first;
}

static char dir[32];

static const char *in_dir(const char *name) {
    static char path[320];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static void remove_dir(void) {
    DIR *d = opendir(dir);
    if (!d) return;
    for (const struct dirent *e; (e = readdir(d));)
        if (*e->d_name != '.') unlink(in_dir(e->d_name));
    closedir(d);
    rmdir(dir);
}

const char *fuzz_dir(void) {
    if (*dir) return dir;
    snprintf(dir, sizeof dir, "%s/vs-fuzz-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(dir) || atexit(remove_dir) != 0) abort();
    return dir;
}

const char *fuzz_put_file(const char *name, const void *p, size_t n) {
    fuzz_dir();
    const char *path = in_dir(name);
    FILE *f = fopen(path, "wb");
    if (!f || (n && fwrite(p, 1, n, f) != n) || fclose(f) != 0) abort();
    return path;
}
