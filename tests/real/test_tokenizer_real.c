/* The tokenizers of the real models against transformers, over odd texts.  The models are those of `vecscope fetch`,
 * under $VECSCOPE_CACHE or the user's cache; without them the tests fail. */
#include "../tokenizer_cases.h"
#include "model/model.h"

static void check(const char *name, const char *file) {
    const char *own = getenv("VECSCOPE_CACHE"), *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    char path[1024], cases[128];
    if (own)
        snprintf(path, sizeof path, "%s/%s%s", own, name, file);
    else if (cache && *cache)
        snprintf(path, sizeof path, "%s/vecscope/%s%s", cache, name, file);
    else
        snprintf(path, sizeof path, "%s/.cache/vecscope/%s%s", home ? home : "", name, file);
    snprintf(cases, sizeof cases, "tests/data/tokenizers/real/%s.json", name);
    vs_err err = {0};
    vs_model *m = NULL;
    const vs_tokenizer *t = NULL;
    if (vs_model_open(&err, path, &m) != VS_OK || vs_model_tokenizer(&err, m, &t) != VS_OK) fail_msg("%s", err.msg);
    json_t *root = open_cases(cases);
    check_all(t, root);
    json_decref(root);
    vs_model_close(m);
}

static void gemma_from_gguf(void **state) {
    (void)state;
    check("gemma3-270m", "/gemma-3-270m-q4_k_m.gguf");
}

static void minilm_from_json(void **state) {
    (void)state;
    check("minilm-l6", "");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(gemma_from_gguf), cmocka_unit_test(minilm_from_json)};
    return cmocka_run_group_tests_name("tokenizer_real", tests, NULL, NULL);
}
