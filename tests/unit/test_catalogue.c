/* The catalogue: whole rows, where things lie, and what counts as being there. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../datasets/catalogue.h"

static void rows_belong_together(void **state) {
    (void)state;
    static const char *const named[] = {
#define DATASET_PART(id, package, version, bytes) id,
#include "../../datasets/catalogue.def"
#define DATASET_FILE(id, path, bytes, sha256, how, member) id,
#include "../../datasets/catalogue.def"
    };
    for (size_t i = 0; i < sizeof named / sizeof *named; i++) assert_non_null(vs_dataset_find(named[i]));
    const vs_dataset *d;
    const vs_dataset_file *f;
    for (size_t i = 0; (d = vs_dataset_at(i)); i++) {
        assert_ptr_equal(vs_dataset_find(d->id), d); /* no name twice */
        assert_true(strlen(d->licence) > 0 && strlen(d->source) > 0);
        assert_true(vs_dataset_load(d) > 0 && vs_dataset_bytes(d) > 0);
        bool entry = !*d->entry;
        for (size_t j = 0; (f = vs_dataset_file_at(d, j)); j++) {
            assert_int_equal(strlen(f->sha256), 64);
            assert_int_equal(strspn(f->sha256, "0123456789abcdef"), 64);
            assert_null(strchr(f->path, ':')); /* the script's words are split there */
            assert_null(strchr(f->member, ':'));
            if (strcmp(f->path, d->entry) == 0) entry = true;
        }
        assert_true(entry);
    }
    assert_null(vs_dataset_find("nothing of this name"));
}

static void where_the_cache_is(void **state) {
    (void)state;
    char path[256];
    setenv("HOME", "/h", 1);
    unsetenv("XDG_CACHE_HOME");
    unsetenv("VECSCOPE_CACHE");
    assert_string_equal(vs_catalogue_path("minilm-l6", path, sizeof path, NULL), "/h/.cache/vecscope/minilm-l6");
    setenv("XDG_CACHE_HOME", "relative", 1);
    assert_string_equal(vs_catalogue_path("minilm-l6", path, sizeof path, NULL), "/h/.cache/vecscope/minilm-l6");
    setenv("XDG_CACHE_HOME", "/x", 1);
    assert_string_equal(vs_catalogue_path("minilm-l6", path, sizeof path, NULL), "/x/vecscope/minilm-l6");
    setenv("VECSCOPE_CACHE", "/own", 1);
    bool present = true;
    assert_string_equal(vs_catalogue_path("glove-6b-50d", path, sizeof path, &present),
                        "/own/glove-6b-50d/glove-6b-50d.npy");
    assert_false(present);
    assert_null(vs_catalogue_path("glove-6b-50d", path, 20, NULL)); /* no room */
    assert_null(vs_catalogue_path("no such thing", path, sizeof path, NULL));
    unsetenv("VECSCOPE_CACHE");
    unsetenv("XDG_CACHE_HOME");
    unsetenv("HOME");
    assert_null(vs_catalogue_path("minilm-l6", path, sizeof path, NULL));
    vs_err err = {0};
    assert_int_equal(vs_dataset_folder(&err, vs_dataset_at(0), path, sizeof path), VS_E_STATE);
    assert_non_null(strstr(err.msg, "VECSCOPE_CACHE"));
}

/* A file of any size that takes no room. */
static void make_file(const char *folder, const char *name, uint64_t bytes) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, (off_t)bytes), 0);
    close(fd);
}

static void write_sums(const char *folder, const char *text) {
    char path[512];
    snprintf(path, sizeof path, "%s/.fetched", folder);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void what_counts_as_there(void **state) {
    (void)state;
    char cache[] = "/tmp/vecscope-test-XXXXXX", folder[64], sums[256], path[128];
    assert_non_null(mkdtemp(cache));
    setenv("VECSCOPE_CACHE", cache, 1);
    const vs_dataset *d = vs_dataset_find("gemma3-270m");
    const vs_dataset_file *f = vs_dataset_file_at(d, 0);
    snprintf(folder, sizeof folder, "%s/%s", cache, d->id);
    assert_int_equal(mkdir(folder, 0700), 0);
    assert_false(vs_dataset_present(d));
    make_file(folder, f->path, f->bytes);
    assert_false(vs_dataset_present(d)); /* nobody has compared its sum */
    snprintf(sums, sizeof sums, "%s  %s\n", f->sha256, f->path);
    write_sums(folder, sums);
    assert_true(vs_dataset_present(d));
    make_file(folder, f->path, f->bytes - 1);
    assert_false(vs_dataset_present(d));
    make_file(folder, f->path, f->bytes);
    bool present = false;
    assert_non_null(vs_catalogue_path(d->id, path, sizeof path, &present));
    assert_true(present);
    sums[0] = sums[0] == 'a' ? 'b' : 'a'; /* the catalogue has moved on */
    write_sums(folder, sums);
    assert_false(vs_dataset_present(d));
    write_sums(folder, "");
    assert_false(vs_dataset_present(d));
    unlink(path);
    snprintf(path, sizeof path, "%s/.fetched", folder);
    unlink(path);
    rmdir(folder);
    rmdir(cache);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_belong_together),
        cmocka_unit_test(where_the_cache_is),
        cmocka_unit_test(what_counts_as_there),
    };
    return cmocka_run_group_tests_name("catalogue", tests, NULL, NULL);
}
