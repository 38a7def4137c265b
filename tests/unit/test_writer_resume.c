/* vs_writer_resume(): a PATH.part cut at every byte is gone on with from its last whole group, and nothing tells the file
 * from one that was written at once; a part of something else is begun anew. */
#include <sys/wait.h>

#include "bytes.h"
#include "io/npy.h"

enum { TENSORS = 7, GROUP = 2, IDENTITY = 77 };
static vs_err err;
static char dir[32], path[64], part[80];
static const char *const kinds[] = {"npz", "safetensors"};

static size_t floats_of(size_t i) { return i == 3 ? 0 : 5 * i + 1; }

static vs_writer *declared(const char *kind, size_t n) {
    vs_writer *w;
    if (vs_writer_open(&err, path, kind, &w) != VS_OK) fail_msg("%s", err.msg);
    for (size_t i = 0; i < n; i++) {
        char name[40];
        size_t shape[] = {floats_of(i)};
        snprintf(name, sizeof name, "%zu.hidden_states", i);
        assert_int_equal(vs_writer_declare(&err, w, name, VS_F32, 1, shape), VS_OK);
    }
    return w;
}

static void put_from(vs_writer *w, size_t first, size_t n) {
    for (size_t i = first; i < n; i++) {
        float v[5 * TENSORS];
        for (size_t k = 0; k < floats_of(i); k++) v[k] = (float)(100 * i + k);
        if (vs_writer_put(&err, w, v, floats_of(i) * sizeof *v) != VS_OK) fail_msg("%s", err.msg);
    }
}

static size_t resume(vs_writer *w, uint64_t identity, size_t group) {
    size_t whole;
    if (vs_writer_resume(&err, w, identity, group, &whole) != VS_OK) fail_msg("%s", err.msg);
    assert_int_equal(whole % group, 0);
    return whole;
}

static bytes *read_all(const char *name) {
    static bytes b;
    FILE *f = fopen(name, "rb");
    assert_non_null(f);
    b.n = fread(b.p, 1, sizeof b.p, f);
    assert_true(b.n < sizeof b.p);
    fclose(f);
    return &b;
}

static void write_at_once(const char *kind, uint64_t identity, bytes *out) {
    (void)unlink(part);
    vs_writer *w = declared(kind, TENSORS);
    assert_int_equal(resume(w, identity, GROUP), 0);
    put_from(w, 0, TENSORS);
    assert_int_equal(vs_writer_commit(&err, w), VS_OK);
    *out = *read_all(path);
}

static void cut_anywhere(void **state) {
    (void)state;
    static bytes whole;
    for (int k = 0; k < 4; k++) {
        const char *kind = kinds[k % 2];
        vs__npz_zip64_from(k < 2 ? UINT32_MAX : 100); /* also where records are zip64 */
        write_at_once(kind, IDENTITY, &whole);
        size_t most = 0;
        for (size_t n = 0; n <= whole.n; n++) {
            write_file(part, whole.p, n);
            vs_writer *w = declared(kind, TENSORS);
            size_t there = resume(w, IDENTITY, GROUP);
            assert_true(there >= most); /* more bytes, more tensors */
            bool changed = there > most;
            most = there;
            if (!changed && n % 97) { /* the disk is waited for at each commit: not for every byte */
                vs_writer_abort(w);
                continue;
            }
            put_from(w, there, TENSORS);
            if (vs_writer_commit(&err, w) != VS_OK) fail_msg("%s", err.msg);
            bytes *again = read_all(path);
            assert_int_equal(again->n, whole.n);
            assert_memory_equal(again->p, whole.p, whole.n);
        }
        assert_int_equal(most, TENSORS - TENSORS % GROUP);
    }
    vs__npz_zip64_from(UINT32_MAX);
}

/* A member whose CRC was not yet written when the process died. */
static void crc_not_written(void **state) {
    (void)state;
    static bytes whole;
    write_at_once("npz", IDENTITY, &whole);
    size_t next = 30; /* where the second member begins */
    while (memcmp(whole.p + next, "PK\3\4", 4) != 0) next++;
    static bytes cut;
    cut = whole;
    memset(cut.p + 14, 0, 4);
    write_file(part, cut.p, next);
    vs_writer *w = declared("npz", TENSORS);
    assert_int_equal(resume(w, IDENTITY, 1), 0);
    vs_writer_abort(w);
}

static void something_else(void **state) {
    (void)state;
    static bytes whole;
    for (int k = 0; k < 2; k++) {
        write_at_once(kinds[k], IDENTITY, &whole);
        size_t n = whole.n - (k ? 4 : 400);
        write_file(part, whole.p, n);
        vs_writer *w = declared(kinds[k], TENSORS);
        assert_int_equal(resume(w, IDENTITY + 1, 1), 0); /* of other data */
        vs_writer_abort(w);
        assert_int_equal(access(part, F_OK), -1);
        write_file(part, whole.p, n);
        w = declared(kinds[1 - k], TENSORS);
        assert_int_equal(resume(w, IDENTITY, 1), 0); /* of the other kind */
        vs_writer_abort(w);
        write_file(part, "PK", 2);
        w = declared(kinds[k], TENSORS);
        put_from(w, 0, TENSORS); /* not asked: begun anew */
        size_t there;
        assert_int_equal(vs_writer_resume(&err, w, IDENTITY, 1, &there), VS_E_STATE);
        assert_int_equal(vs_writer_commit(&err, w), VS_OK);
        vs_file *f;
        assert_int_equal(vs_file_open(&err, path, &f), VS_OK);
        assert_int_equal(vs_file_tensor_count(f), TENSORS);
        vs_file_close(f);
    }
}

static void kept(void **state) {
    (void)state;
    static bytes whole;
    for (int k = 0; k < 2; k++) {
        write_at_once(kinds[k], IDENTITY, &whole);
        vs_writer *w = declared(kinds[k], TENSORS);
        assert_int_equal(resume(w, IDENTITY, GROUP), 0);
        put_from(w, 0, 5);
        assert_int_equal(vs_writer_keep(&err, w), VS_OK);
        w = declared(kinds[k], TENSORS);
        assert_int_equal(resume(w, IDENTITY, GROUP), 4);
        put_from(w, 4, TENSORS);
        assert_int_equal(vs_writer_commit(&err, w), VS_OK);
        bytes *again = read_all(path);
        assert_int_equal(again->n, whole.n);
        assert_memory_equal(again->p, whole.p, whole.n);
    }
}

/* Two processes: the second is refused, and takes nothing from the first. */
static void one_at_a_time(void **state) {
    (void)state;
    vs_writer *w = declared("npz", TENSORS);
    put_from(w, 0, 3);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        vs_writer *second;
        vs_status s = vs_writer_open(&err, path, "npz", &second);
        _exit(s == VS_E_IO && strstr(err.msg, "a.out.part: another process is writing it") ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_int_equal(access(part, F_OK), 0);
    put_from(w, 3, TENSORS);
    assert_int_equal(vs_writer_commit(&err, w), VS_OK);
}

static int open_dir(void **state) {
    (void)state;
    make_dir(dir);
    snprintf(path, sizeof path, "%s/a.out", dir);
    snprintf(part, sizeof part, "%s.part", path);
    return 0;
}

static int close_dir(void **state) {
    (void)state;
    remove_dir(dir);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(cut_anywhere), cmocka_unit_test(crc_not_written), cmocka_unit_test(something_else),
                                       cmocka_unit_test(kept), cmocka_unit_test(one_at_a_time)};
    return cmocka_run_group_tests(tests, open_dir, close_dir);
}
