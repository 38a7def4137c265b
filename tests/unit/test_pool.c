/* How a model's files make one vector of a text: what is read of sentence-transformers' directories and of GGUF files, and that
 * convert says it again. */
#define _XOPEN_SOURCE 700 /* mkdtemp, symlink, realpath */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "made_model.h"
#include "model/convert.h"
#include "model/model.h"

static char dir[64];
static void path_in(char out[256], const char *name) { snprintf(out, 256, "%s/%s", dir, name); }

static int make(void **state) {
    static const char *const names[] = {"config.json", "model.safetensors", "tokenizer.json"};
    char *here = realpath(FIXTURES "bert", NULL);
    (void)state;
    snprintf(dir, sizeof dir, "%s", new_dir());
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char from[4400], to[256];
        snprintf(from, sizeof from, "%s/%s", here, names[i]);
        path_in(to, names[i]);
        if (symlink(from, to) != 0) return 1;
    }
    free(here);
    return 0;
}
static int drop(void **state) {
    char path[256];
    (void)state;
    path_in(path, "1_Pooling/config.json"), unlink(path);
    path_in(path, "1_Pooling"), rmdir(path);
    path_in(path, "modules.json"), unlink(path);
    drop_dir(dir);
    return 0;
}

static vs_pool pool_of(const char *path, const char *wrong) {
    vs_model *m = NULL;
    vs_err e = {0};
    vs_status s = vs_model_open(&e, path, &m);
    if (wrong ? s != VS_E_FORMAT || !strstr(e.msg, wrong) : s != VS_OK) fail_msg("status %d: %s", s, e.msg);
    vs_pool p = m ? vs_model_info_of(m)->pool : VS_POOL_UNSAID;
    vs_model_close(m);
    return p;
}

static void put(const char *name, const char *text) { put_file(dir, name, text, strlen(text)); }

static void as_said(void **state) {
    static const struct {
        const char *config;
        vs_pool want;
    } cases[] = {
        {"{\"word_embedding_dimension\":48,\"pooling_mode_cls_token\":false,\"pooling_mode_mean_tokens\":true}", VS_POOL_MEAN},
        {"{\"pooling_mode_cls_token\":true,\"pooling_mode_mean_tokens\":false,\"include_prompt\":true}", VS_POOL_CLS},
        {"{\"pooling_mode_max_tokens\":true}", VS_POOL_MAX},
        {"{\"pooling_mode_lasttoken\":true}", VS_POOL_LAST},
        {"{\"pooling_mode\":\"lasttoken\"}", VS_POOL_LAST},
        {"{\"pooling_mode\":\"cls\"}", VS_POOL_CLS},
        {"{\"pooling_mode\":\"weightedmean\"}", VS_POOL_OTHER},
        {"{\"pooling_mode_cls_token\":true,\"pooling_mode_mean_tokens\":true}", VS_POOL_OTHER},
        {"{\"pooling_mode_mean_sqrt_len_tokens\":true}", VS_POOL_OTHER},
        {"{\"pooling_mode_mean_tokens\":\"yes\"}", VS_POOL_UNSAID},
        {"[]", VS_POOL_UNSAID},
    };
    char path[256];
    (void)state;
    assert_int_equal(pool_of(dir, NULL), VS_POOL_UNSAID);
    path_in(path, "1_Pooling");
    assert_int_equal(mkdir(path, 0777), 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put("1_Pooling/config.json", cases[i].config);
        if (pool_of(dir, NULL) != cases[i].want) fail_msg("%s: %d", cases[i].config, pool_of(dir, NULL));
    }
    put("1_Pooling/config.json", "{");
    (void)pool_of(dir, "1_Pooling/config.json");
    put("1_Pooling/config.json", cases[1].config);
    put("modules.json", "[{\"type\":\"x.Transformer\",\"path\":\"\"},{\"type\":\"x.Pooling\",\"path\":\"elsewhere\"},3,{\"type\":7}]");
    assert_int_equal(pool_of(dir, NULL), VS_POOL_UNSAID);
    put("modules.json", "[{\"type\":\"x.Pooling\",\"path\":\"../1_Pooling\"}]"); /* not followed out of the directory */
    assert_int_equal(pool_of(dir, NULL), VS_POOL_CLS);
    put("modules.json", "[{\"type\":\"x.Pooling\",\"path\":\"1_Pooling\"}]");
    assert_int_equal(pool_of(dir, NULL), VS_POOL_CLS);
}

static void in_gguf(void **state) {
    static const vs_pool ways[] = {VS_POOL_MEAN, VS_POOL_CLS, VS_POOL_LAST};
    static const char *const keys[] = {"mean_tokens", "cls_token", "lasttoken"};
    char path[256], text[96];
    vs_err e = {0};
    (void)state;
    path_in(path, "model.gguf");
    for (size_t i = 0; i < 3; i++) {
        snprintf(text, sizeof text, "{\"pooling_mode_%s\":true}", keys[i]);
        put("1_Pooling/config.json", text);
        if (vs_convert(&e, dir, path, NULL, NULL, NULL) != VS_OK) fail_msg("%s", e.msg);
        assert_int_equal(pool_of(path, NULL), ways[i]);
        unlink(path);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_said), cmocka_unit_test(in_gguf)};
    return cmocka_run_group_tests(tests, make, drop);
}
