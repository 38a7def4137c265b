/* pool.c - how a model's files make one vector of a text: sentence-transformers' modules.json and the pooling that it names, or
 * GGUF's pooling_type. */
#include <stdio.h>
#include <string.h>

#include "../base/json.h"
#include "../io/hub.h"
#include "model_impl.h"

enum { LIMIT = 1 << 16 };

const char *const vs_pool_names[VS_POOL_COUNT] = {[VS_POOL_MEAN] = "mean", [VS_POOL_CLS] = "cls", [VS_POOL_MAX] = "max",
                                                  [VS_POOL_LAST] = "last"};

/* The directory of the pooling: what modules.json says, a name within the model's directory, else the usual one. */
static vs_status pooling_dir(vs_err *err, const vs_model *m, char dir[256]) {
    static const char type[] = ".Pooling";
    json_t *modules;
    snprintf(dir, 256, "1_Pooling");
    VS_TRY(vs_json_read_in(err, m->hub->dir, "modules.json", LIMIT, &modules));
    for (size_t i = 0; i < json_array_size(modules); i++) {
        const json_t *one = json_array_get(modules, i), *path = json_object_get(one, "path");
        const char *kind = json_string_value(json_object_get(one, "type"));
        size_t n = kind ? strlen(kind) : 0;
        bool here = n >= sizeof type && !strcmp(kind + n - (sizeof type - 1), type);
        if (here && json_is_string(path) && !strstr(json_string_value(path), "..")) snprintf(dir, 256, "%s", json_string_value(path));
    }
    json_decref(modules);
    return VS_OK;
}

/* One way alone that is said to be used; several, or another than ours, are OTHER. */
static vs_pool pool_of(const json_t *config) {
    static const char *const keys[VS_POOL_COUNT] = {[VS_POOL_MEAN] = "pooling_mode_mean_tokens", [VS_POOL_CLS] = "pooling_mode_cls_token",
                                                    [VS_POOL_MAX] = "pooling_mode_max_tokens", [VS_POOL_LAST] = "pooling_mode_lasttoken"};
    static const char any[] = "pooling_mode_";
    const char *word = json_string_value(json_object_get(config, "pooling_mode"));
    vs_pool found = VS_POOL_UNSAID;
    for (int k = 1; word && k < VS_POOL_COUNT; k++)
        if (vs_pool_names[k] && (!strcmp(word, vs_pool_names[k]) || (k == VS_POOL_LAST && !strcmp(word, "lasttoken")))) return (vs_pool)k;
    if (word) return VS_POOL_OTHER;
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)config, key, v) {
        if (strncmp(key, any, sizeof any - 1) != 0 || !json_is_true(v)) continue;
        vs_pool one = VS_POOL_OTHER;
        for (int k = 1; k < VS_POOL_COUNT; k++)
            if (keys[k] && !strcmp(key, keys[k])) one = (vs_pool)k;
        found = found == VS_POOL_UNSAID ? one : VS_POOL_OTHER;
    }
    return found;
}

vs_status vs__read_pooling(vs_err *err, vs_model *m) {
    if (m->file) { /* llama.cpp's numbers: 1 the mean, 2 the first token, 3 the last */
        char key[64];
        snprintf(key, sizeof key, "%s.pooling_type", m->arch->gguf_name);
        vs_meta v = vs_file_meta(m->file, key);
        if (v.type == VS_META_UINT && v.u >= 1)
            m->info.pool = v.u == 1 ? VS_POOL_MEAN : v.u == 2 ? VS_POOL_CLS : v.u == 3 ? VS_POOL_LAST : VS_POOL_OTHER;
        return VS_OK;
    }
    char dir[256], name[sizeof dir + sizeof "/config.json"];
    json_t *config;
    VS_TRY(pooling_dir(err, m, dir));
    snprintf(name, sizeof name, "%s/config.json", dir);
    VS_TRY(vs_json_read_in(err, m->hub->dir, name, LIMIT, &config));
    m->info.pool = pool_of(config);
    json_decref(config);
    return VS_OK;
}
