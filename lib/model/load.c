/* load.c - opening a model: what its file says, and every tensor in the place of its role. */
#define _XOPEN_SOURCE 700 /* realpath */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../base/dict.h"
#include "../base/json.h"
#include "../io/hub.h"
#include "config.h"
#include "model_impl.h"

/* A short name from a path: its last part without the ending .gguf; in the hub's own cache, where that is a hash
 * (models--OWNER--NAME/snapshots/HASH), NAME. */
static void short_name(const char *path, const char **name, size_t *n) {
    static const char cache[] = "/snapshots/", owner[] = "models--";
    size_t end = strlen(path);
    while (end > 1 && path[end - 1] == '/') end--;
    const char *base = path + end, *hub = strstr(path, cache);
    while (base > path && base[-1] != '/') base--;
    *name = base;
    *n = end - (size_t)(base - path);
    if (*n > 5 && memcmp(base + *n - 5, ".gguf", 5) == 0) *n -= 5;
    if (!hub || hub + sizeof cache - 1 != base) return;
    const char *repo = hub;
    while (repo > path && repo[-1] != '/') repo--;
    if (strncmp(repo, owner, sizeof owner - 1) != 0) return;
    for (const char *p = repo; p + 2 < hub; p++)
        if (p[0] == '-' && p[1] == '-') repo = p + 2;
    *name = repo;
    *n = (size_t)(hub - repo);
}

static vs_status name_model(vs_err *err, vs_model *m, const char *path) {
    const char *name;
    size_t n;
    short_name(path, &name, &n);
    bool dots = n <= 2 && strspn(name, ".") == n; /* "." has a name too */
    char *real = dots ? realpath(path, NULL) : NULL;
    if (real) short_name(real, &name, &n);
    m->info.name = vs_arena_strndup(&m->arena, name, n);
    m->info.path = vs_arena_strndup(&m->arena, path, strlen(path));
    free(real);
    return m->info.name && m->info.path ? VS_OK : vs_fail(err, VS_E_NOMEM, "%s", path);
}

/* A token that config.json or generation_config.json (which goes before it) wants in generated text; a list: its first. */
static vs_status forced_token(vs_err *err, const vs_model *m, json_t *const from[2], const char *key, int32_t *id) {
    *id = -1;
    for (int i = 0; i < 2; i++) {
        const json_t *j = json_object_get(from[i], key);
        if (json_is_array(j)) j = json_array_get(j, 0);
        if (!j || json_is_null(j)) continue;
        if (!json_is_integer(j) || json_integer_value(j) < 0 || (size_t)json_integer_value(j) >= m->info.V)
            return vs_fail(err, VS_E_FORMAT, "%s: %s is no id of the %zu there are", m->info.path, key, m->info.V);
        *id = (int32_t)json_integer_value(j);
        return VS_OK;
    }
    return VS_OK;
}

/* What generated text is to begin and to end with. */
static vs_status read_generation(vs_err *err, vs_model *m, const char *path, json_t *config) {
    enum { LIMIT = 1 << 20 };
    char where[4096];
    struct stat st;
    json_t *from[2] = {NULL, config};
    bool fits = snprintf(where, sizeof where, "%s/generation_config.json", path) < (int)sizeof where;
    vs_status s = fits && stat(where, &st) == 0 ? vs_json_read(err, where, LIMIT, &from[0]) : VS_OK;
    if (s == VS_OK) s = forced_token(err, m, from, "forced_bos_token_id", &m->info.forced_first);
    if (s == VS_OK) s = forced_token(err, m, from, "forced_eos_token_id", &m->info.forced_last);
    json_decref(from[0]);
    return s;
}

static vs_status open_hub(vs_err *err, vs_model *m, const char *path) {
    VS_TRY(vs_hub_open(err, path, &m->hub));
    size_t n = strlen(path) + sizeof "/config.json";
    char *where = vs_arena_alloc(&m->arena, n, 1);
    if (!where) return vs_fail(err, VS_E_NOMEM, "%s", path);
    snprintf(where, n, "%s/config.json", path);
    vs_config c;
    vs_status s = vs__config_json(err, where, m->hub->config, m->hub->config_size, &c);
    if (s == VS_OK) s = vs__model_bind(err, m, &c, m->hub->tensors);
    if (s == VS_OK) s = read_generation(err, m, path, c.root);
    if (s == VS_OK) s = vs__read_pooling(err, m);
    vs__config_close(&c);
    m->info.format = vs_file_format(m->hub->tensors);
    m->info.file_bytes = vs_file_size(m->hub->tensors);
    m->info.header_hash = vs_file_header_hash(m->hub->tensors) ^ vs_hash(m->hub->config, m->hub->config_size);
    return s;
}

vs_status vs__model_over(vs_err *err, vs_model *m) {
    m->info.format = vs_file_format(m->file);
    m->info.file_bytes = vs_file_size(m->file);
    m->info.header_hash = vs_file_header_hash(m->file);
    if (strcmp(m->info.format, "gguf") != 0)
        return vs_fail(err, VS_E_FORMAT,
                       "%s: a model is a GGUF file or a directory with config.json and *.safetensors; this is a %s file",
                       vs_file_path(m->file), m->info.format);
    vs_config c;
    vs_status s = vs__config_gguf(err, m->file, &c);
    if (s == VS_OK) s = vs__model_bind(err, m, &c, m->file);
    if (s == VS_OK) s = vs__read_pooling(err, m);
    vs__config_close(&c);
    return s;
}

static vs_status open_gguf(vs_err *err, vs_model *m, const char *path) {
    VS_TRY(vs_file_open(err, path, &m->file));
    return vs__model_over(err, m);
}

vs_status vs_model_open(vs_err *err, const char *path, vs_model **out) {
    *out = NULL;
    vs_model *m = vs_zalloc(1, sizeof *m);
    if (!m) return vs_fail(err, VS_E_NOMEM, "%s", path);
    struct stat st;
    m->info.forced_first = m->info.forced_last = -1;
    vs_status s = name_model(err, m, path);
    if (s == VS_OK) s = stat(path, &st) == 0 && S_ISDIR(st.st_mode) ? open_hub(err, m, path) : open_gguf(err, m, path);
    if (s != VS_OK) vs_model_close(m);
    else *out = m;
    return s;
}

void vs_model_close(vs_model *m) {
    if (!m) return;
    vs__plans_free(m->plans);
    vs_tokenizer_free(m->tokenizer);
    vs_hub_close(m->hub);
    vs_file_close(m->file);
    vs_arena_free(&m->arena);
    vs_free(m);
}

const vs_model_info *vs_model_info_of(const vs_model *m) { return &m->info; }
