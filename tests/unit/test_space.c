/* Spaces: rows and keys, the rules of look-up, suggestions, completion, words from a file and the ones built in. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "space/space.h"

/* A toy space: row i is [i, 1]. */
typedef struct toy {
    const char *const *key;
    size_t n;
    float vec[32][2];
    int released;
} toy;

static const char *toy_key(void *self, size_t row, size_t *len) {
    const toy *t = self;
    *len = strlen(t->key[row]);
    return t->key[row];
}

static bool toy_find(void *self, const char *key, size_t n, size_t *row) {
    const toy *t = self;
    for (*row = 0; *row < t->n; ++*row)
        if (strlen(t->key[*row]) == n && memcmp(t->key[*row], key, n) == 0) return true;
    return false;
}

/* Pieces of one character, with the blank before it where there is such a piece; what is none is left out. */
static size_t toy_split(void *self, const char *text, size_t n, size_t *rows, size_t cap) {
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        size_t row;
        if (i + 1 < n && text[i] == ' ' && toy_find(self, text + i, 2, &row))
            i++;
        else if (!toy_find(self, text + i, 1, &row))
            continue;
        if (count < cap) rows[count] = row;
        count++;
    }
    return count;
}

static void toy_release(void *self) { ((toy *)self)->released++; }

static vs_space *make(toy *t, const char *const *keys, size_t n, bool pieces) {
    *t = (toy){.key = keys, .n = n};
    for (size_t i = 0; i < n; i++) {
        t->vec[i][0] = (float)i;
        t->vec[i][1] = 1;
    }
    vs_space_desc d = {.name = "toy", .place = "test", .release = toy_release, .owner = t};
    d.keys = (vs_keys){.self = t, .key = toy_key, .find = toy_find, .split = pieces ? toy_split : NULL, .pieces = pieces};
    vs_space *s;
    assert_int_equal(vs_tensor_over(NULL, t->vec, VS_F32, 2, (size_t[]){n, 2}, &d.rows, NULL), VS_OK);
    assert_int_equal(vs_space_new(NULL, &d, &s), VS_OK);
    return s;
}

static const char *const words[] = {"new", "york", "Paris", "USA", "straße", "new jersey", "queen", "queens", "quest", "ГОРОД"};
enum { WORDS = sizeof words / sizeof *words };
static const char *const pieces[] = {"queen", " queen", "a", "b", " a", " ", "c", "Queen"};
enum { PIECES = sizeof pieces / sizeof *pieces };

typedef struct answer {
    vs_status status;
    vs_match how;
    float vec[2];
    size_t rows[VS_LOOKUP_MAX], n;
    char note[200];
    vs_err err;
} answer;

static answer look(const vs_space *s, const char *key, bool exact) {
    answer a = {0};
    vs_buf note = {0};
    a.status = vs_space_lookup(&a.err, s, key, strlen(key), exact, a.vec, a.rows, &a.n, &a.how, &note);
    snprintf(a.note, sizeof a.note, "%s", note.s ? note.s : "");
    vs_buf_free(&note);
    return a;
}

static void object(void **state) {
    (void)state;
    toy t;
    vs_space *s = make(&t, words, WORDS, false);
    assert_string_equal(vs_space_name(s), "toy");
    assert_string_equal(vs_space_place(s), "test");
    assert_int_equal(vs_space_dim(s), 2);
    assert_int_equal(vs_space_rows(s), WORDS);
    assert_ptr_equal(vs_space_data(s), t.vec);
    float row[2];
    assert_int_equal(vs_space_row(NULL, s, 3, row), VS_OK);
    assert_true(row[0] == 3 && row[1] == 1);
    assert_int_equal(vs_space_row(NULL, s, WORDS, row), VS_E_RANGE);
    vs_space_free(s);
    assert_int_equal(t.released, 1);
    vs_space_free(NULL);
    vs_space_desc d = {.name = "flat", .rows = {.ndim = 1, .shape = {3}}, .release = toy_release, .owner = &t};
    assert_int_equal(vs_space_new(NULL, &d, &s), VS_E_SHAPE);
    assert_int_equal(t.released, 1);
}

static void rules_of_words(void **state) {
    (void)state;
    static const struct {
        const char *key;
        vs_match how;
        float first;
        const char *note;
    } want[] = {
        {"new", VS_MATCH_EXACT, 0, ""},
        {"new jersey", VS_MATCH_EXACT, 5, ""},
        {"NEW", VS_MATCH_FOLDED, 0, "new"},
        {"paris", VS_MATCH_FOLDED, 2, "Paris"},
        {"usa", VS_MATCH_FOLDED, 3, "USA"},
        {"STRAßE", VS_MATCH_FOLDED, 4, "straße"},
        {"Город", VS_MATCH_FOLDED, 9, "ГОРОД"},
        {"New York", VS_MATCH_MEAN, 0.5F, "mean(new, york)"},
        {" new  paris\tusa ", VS_MATCH_MEAN, 5.0F / 3, "mean(new, Paris, USA)"},
    };
    toy t;
    vs_space *s = make(&t, words, WORDS, false);
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        answer a = look(s, want[i].key, false);
        if (a.status != VS_OK) fail_msg("%s: %s", want[i].key, a.err.msg);
        assert_int_equal(a.how, want[i].how);
        assert_float_equal(a.vec[0], want[i].first, 1e-6F);
        assert_float_equal(a.vec[1], 1, 0);
        assert_string_equal(a.note, want[i].note);
        if (a.how != VS_MATCH_EXACT) assert_int_equal(look(s, want[i].key, true).status, VS_E_UNKNOWN);
        if (a.how != VS_MATCH_MEAN) assert_true(a.n == 1 && a.rows[0] == (size_t)a.vec[0]);
    }
    assert_int_equal(look(s, "New York", false).n, 2);
    assert_int_equal(look(s, "new atlantis", false).status, VS_E_UNKNOWN);
    assert_int_equal(look(s, "", false).status, VS_E_UNKNOWN);
    assert_int_equal(look(s, "  ", false).status, VS_E_UNKNOWN);
    vs_space_free(s);
}

static void rules_of_pieces(void **state) {
    (void)state;
    toy t;
    vs_space *s = make(&t, pieces, PIECES, true);
    answer a = look(s, "queen", false);
    assert_true(a.status == VS_OK && a.how == VS_MATCH_BLANK && a.rows[0] == 1);
    assert_string_equal(a.note, "");
    a = look(s, "queen", true);
    assert_true(a.status == VS_OK && a.how == VS_MATCH_BLANK && a.rows[0] == 1);
    a = look(s, " queen", false);
    assert_true(a.status == VS_OK && a.how == VS_MATCH_EXACT && a.rows[0] == 1);
    a = look(s, "Queen", false);
    assert_true(a.status == VS_OK && a.how == VS_MATCH_EXACT && a.rows[0] == 7);
    a = look(s, "QUEEN", false);
    assert_true(a.status == VS_OK && a.how == VS_MATCH_FOLDED && a.rows[0] == 1);
    assert_string_equal(a.note, "queen");
    a = look(s, "abc", false);
    assert_true(a.status == VS_OK && a.how == VS_MATCH_MEAN && a.n == 3 && a.rows[0] == 4);
    assert_string_equal(a.note, "mean(a, b, c)");
    char many[VS_LOOKUP_MAX + 2];
    memset(many, 'a', sizeof many - 1);
    many[sizeof many - 1] = '\0';
    assert_int_equal(look(s, many, false).status, VS_E_UNKNOWN);
    many[VS_LOOKUP_MAX] = '\0';
    assert_int_equal(look(s, many, false).n, VS_LOOKUP_MAX);
    vs_space_free(s);
}

static void suggestions(void **state) {
    (void)state;
    toy t;
    vs_space *s = make(&t, words, WORDS, false);
    assert_string_equal(look(s, "qeuen", false).err.msg, "toy has no key \"qeuen\"; nearest spellings: queen, queens");
    assert_string_equal(look(s, "Pariss", false).err.msg, "toy has no key \"Pariss\"; nearest spellings: Paris");
    assert_string_equal(look(s, "zzzzzzzzzz", false).err.msg, "toy has no key \"zzzzzzzzzz\"");
    static char endless[3000];
    memset(endless, 'q', sizeof endless - 1);
    answer a = look(s, endless, false);
    assert_true(a.status == VS_E_UNKNOWN && strlen(a.err.msg) < 200);
    vs_space_free(s);
    s = make(&t, pieces, PIECES, true);
    t.n = 2;
    assert_non_null(strstr(look(s, "xqueem", true).err.msg, "queen"));
    vs_space_free(s);
}

static void completion(void **state) {
    (void)state;
    toy t;
    vs_space *s = make(&t, words, WORDS, false);
    const char *keys[8];
    size_t lens[8];
    assert_int_equal(vs_space_complete(s, "que", 3, keys, lens, 8), 3);
    assert_string_equal(keys[0], "queen");
    assert_int_equal(lens[1], 6);
    assert_int_equal(vs_space_complete(s, "que", 3, keys, lens, 2), 2);
    assert_int_equal(vs_space_complete(s, "xyz", 3, keys, lens, 8), 0);
    vs_space_free(s);
}

static void cosines(void **state) {
    (void)state;
    assert_float_equal(vs_cosine((float[]){3, 4}, (float[]){4, 3}, 2), 0.96F, 1e-7F);
    assert_float_equal(vs_cosine((float[]){0, 0}, (float[]){4, 3}, 2), 0, 0);
    assert_float_equal(vs_cosine((float[]){1e30F, 0}, (float[]){1e30F, 1e30F}, 2), 0.70710678F, 1e-7F);
}

static void built_in(void **state) {
    (void)state;
    vs_space *s;
    vs_err err = {0};
    assert_int_equal(vs_space_default(&err, &s), VS_OK);
    assert_int_equal(vs_space_rows(s), 20000);
    assert_string_equal(vs_space_name(s), "default");
    float queen[50], king[50], man[50], q[50];
    size_t rows[3], n, idx[3], found;
    float score[3];
    vs_match how;
    vs_buf note = {0};
    size_t lookup[VS_LOOKUP_MAX];
    const char *const operands[] = {"queen", "king", "man"};
    float *const vecs[] = {queen, king, man};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(vs_space_lookup(&err, s, operands[i], strlen(operands[i]), false, vecs[i], lookup, &n, &how, &note), VS_OK);
        rows[i] = lookup[0];
    }
    for (size_t j = 0; j < 50; j++) q[j] = queen[j] - king[j] + man[j];
    assert_int_equal(vs_space_near(&err, s, q, 3, rows, 3, idx, score, &found), VS_OK);
    assert_int_equal(found, 3);
    size_t len;
    assert_string_equal(vs_space_key(s, idx[0], &len), "woman");
    assert_true(score[0] > 0.8F && score[0] < 1);
    vs_buf_free(&note);
    vs_space_free(s);
}

static char *temporary(const char *text) {
    static char path[] = "/tmp/vs-test-space-XXXXXX";
    memcpy(path + sizeof path - 7, "XXXXXX", 6);
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    FILE *f = fdopen(fd, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    return path;
}

static void from_a_file(void **state) {
    (void)state;
    vs_space *s;
    vs_err err = {0};
    char *path = temporary("the 1 2 3\ncat 4 5 6\nthe 7 8 9\nsat 0 0 1\n");
    assert_int_equal(vs_space_from_words(&err, path, "small", NULL, &s), VS_OK);
    assert_int_equal(vs_space_rows(s), 3);
    assert_int_equal(vs_space_dim(s), 3);
    assert_string_equal(vs_space_notes(s), "line 3: the was there before: left out\n");
    assert_true(vs_space_data(s)[0] == 1 && vs_space_data(s)[6] == 0);
    vs_space_free(s);
    vs_interrupt();
    assert_int_equal(vs_space_from_words(&err, path, "small", NULL, &s), VS_E_STOPPED);
    vs_interrupt_clear();
    remove(path);
    path = temporary("the 1 2 3\ncat 4 five 6\n");
    assert_int_equal(vs_space_from_words(&err, path, "small", NULL, &s), VS_E_FORMAT);
    assert_non_null(strstr(err.msg, "2"));
    remove(path);
    path = temporary("a 1 2\nb 1\nc x 2\nd nan 2\ne\xFF 1 2\nf 3 4\ng 5 6\nh 7 8\ni 1 2 3\n");
    assert_int_equal(vs_space_from_words(&err, path, "small", NULL, &s), VS_OK);
    assert_int_equal(vs_space_rows(s), 6);
    assert_string_equal(vs_space_notes(s), "line 2 (b 1): want a word and 2 numbers, the line has 2 fields: left out\n"
                                           "line 3 (c): x is not a number: left out\n"
                                           "line 4 (d): value 0 is nan; want finite numbers: left out\n"
                                           "1 keys are no UTF-8, the first in line 5: kept, with \xEF\xBF\xBD for what is not\n");
    vs_space_free(s);
    remove(path);
    path = temporary("king 1 2 3\nqueen 4 5\nman 7 8 9\n"); /* ragged */
    assert_int_equal(vs_space_from_words(&err, path, "small", NULL, &s), VS_OK);
    assert_int_equal(vs_space_dim(s), 3);
    assert_string_equal(vs_space_notes(s), "line 2 (queen 4 5): want a word and 3 numbers, the line has 3 fields: left out\n");
    vs_space_free(s);
    remove(path);
    path = temporary("king 1 2 3\nqueen 4 5\n"); /* too ragged to say */
    assert_int_equal(vs_space_from_words(&err, path, "small", NULL, &s), VS_E_FORMAT);
    assert_non_null(strstr(err.msg, "line 2"));
    remove(path);
    path = temporary("3 1\na 1234567890123456\n"); /* other rows than it says */
    assert_int_equal(vs_space_from_words(&err, path, "small", NULL, &s), VS_OK);
    assert_string_equal(vs_space_notes(s), "the file ends after 1 of 3 rows: what stands before is kept\n");
    vs_space_free(s);
    remove(path);
    path = temporary("5 1\na 1\nb 2\nc 333333333\n");
    assert_int_equal(vs_space_from_words(&err, path, "small", NULL, &s), VS_OK);
    assert_int_equal(vs_space_rows(s), 3);
    assert_non_null(strstr(vs_space_notes(s), "the file ends after 3 of 5 rows"));
    vs_space_free(s);
    remove(path);
    assert_int_equal(vs_space_from_words(&err, "/nowhere/x.txt", "small", NULL, &s), VS_E_UNKNOWN);
}

static void a_file_short_of_memory(void **state) {
    (void)state;
    vs_space *s;
    char *path = temporary("a 1 2\nb 1\nc\xFF 1 2\nd 3 4\na 5 6\ne 7 8\n");
    for (size_t n = 1;; n++) {
        vs_alloc_fail_at(n);
        vs_status a = vs_space_from_words(NULL, path, "small", NULL, &s);
        vs_alloc_fail_at(0);
        if (a == VS_OK) break;
        assert_int_equal(a, VS_E_NOMEM);
        assert_null(s);
    }
    assert_int_equal(vs_space_rows(s), 4);
    vs_space_free(s);
    remove(path);
}

static void short_of_memory(void **state) {
    (void)state;
    toy t;
    vs_space *s = make(&t, words, WORDS, false);
    for (size_t n = 1;; n++) {
        vs_alloc_fail_at(n);
        vs_status a = look(s, "New York", false).status;
        vs_alloc_fail_at(0);
        if (a == VS_OK) break;
        assert_true(a == VS_E_NOMEM || a == VS_E_UNKNOWN);
    }
    vs_space_free(s);
    for (size_t n = 1; n < 40; n++) {
        vs_alloc_fail_at(n);
        vs_status a = vs_space_default(NULL, &s);
        vs_alloc_fail_at(0);
        if (a == VS_OK) {
            vs_space_free(s);
            return;
        }
        assert_int_equal(a, VS_E_NOMEM);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(object),      cmocka_unit_test(rules_of_words), cmocka_unit_test(rules_of_pieces),
        cmocka_unit_test(suggestions), cmocka_unit_test(completion),     cmocka_unit_test(cosines),
        cmocka_unit_test(built_in),    cmocka_unit_test(from_a_file),    cmocka_unit_test(a_file_short_of_memory), cmocka_unit_test(short_of_memory),
    };
    return cmocka_run_group_tests_name("spaces", tests, NULL, NULL);
}
