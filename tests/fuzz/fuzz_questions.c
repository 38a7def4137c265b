/* fuzz_questions.c - any bytes as a file of analogies, as pairs of words with scores, and as pairs of relations, over a small
 * space.
 * covers: lib/space/relation.c lib/space/analogy.c lib/space/analogy_read.c lib/space/analogy_class.c lib/space/similarity.c lib/space/eval_words.c */
#include <string.h>

#include "space/eval_words.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROWS = 8, DIM = 3 };
static const char *const keys[ROWS] = {"a", "A", "b", "c", "d", "\xc3\xa9", "word", "WORD"};

static const char *key(void *self, size_t row, size_t *len) {
    (void)self;
    *len = strlen(keys[row]);
    return keys[row];
}

static bool find(void *self, const char *text, size_t n, size_t *row) {
    (void)self;
    for (*row = 0; *row < ROWS; ++*row)
        if (strlen(keys[*row]) == n && memcmp(keys[*row], text, n) == 0) return true;
    return false;
}

static void relations(const uint8_t *data, size_t size, vs_space *s) {
    vs_relations r;
    if (vs__relations_text(NULL, s, "input", (const char *)data, size, &r) != VS_OK) return;
    for (size_t i = 0; i < r.n && i < 4; i++) {
        vs_relation_options o = {.folds = size % 5, .seed = size};
        vs_relation_result fit;
        float offset[DIM];
        if (vs_relation_fit(NULL, s, &r.at[i], &o, NULL, offset, &fit) == VS_OK &&
            (fit.fit.first > fit.fit.five || fit.fit.five > fit.pairs || fit.pairs != r.at[i].n))
            __builtin_trap();
        vs_relation_result_free(&fit);
    }
    vs_relations_free(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const float rows[ROWS][DIM] = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}, {1, 1, 0}, {0, 1, 1}, {1, 0, 1}, {1, 1, 1}, {1, 2, 3}};
    static vs_space *s;
    vs_space_desc d = {.name = "fuzz", .keys = {.key = key, .find = find}};
    if (!s && (vs_tensor_over(NULL, rows, VS_F32, 2, (size_t[]){ROWS, DIM}, &d.rows, NULL) != VS_OK || vs_space_new(NULL, &d, &s) != VS_OK))
        return 0;
    vs_err err = {0};
    for (int m = 0; m < 5; m++) { /* each method, each of the rules */
        vs_analogy_options o = {.method = (vs_analogy_method)(m % 4), .rules = (vs_analogy_rules)m};
        vs_analogy_result r;
        if (vs__analogy_text(&err, s, "input", (const char *)data, size, &o, NULL, &r) == VS_OK &&
            (r.all.correct > r.all.total || r.all.low > r.all.high))
            __builtin_trap();
        vs_analogy_result_free(&r);
    }
    vs_similarity_result r;
    (void)(vs__similarity_text(&err, s, "input", (const char *)data, size, VS_RULES_GENSIM, &r) == VS_OK);
    relations(data, size, s);
    return 0;
}
