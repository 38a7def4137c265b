/* hub.c - see hub.h. */
#include "hub.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "../base/json.h"
#include "file.h"

#define CONFIG_LIMIT ((size_t)4 << 20)
#define INDEX_LIMIT ((size_t)16 << 20)
enum { MOST_SHARDS = 1024 }; /* each is an open mapping; the largest published models have some 200 */

static vs_status join(vs_err *err, const char *dir, const char *name, char **out) {
    vs_buf b = {0};
    vs_buf_printf(&b, "%s%s%s", dir, *dir && dir[strlen(dir) - 1] == '/' ? "" : "/", name);
    *out = b.s;
    if (!b.failed) return VS_OK;
    vs_buf_free(&b);
    *out = NULL;
    return vs_fail(err, VS_E_NOMEM, "%s: no memory to open it", dir);
}

static bool is_file(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* The path of a file in dir, NULL where there is none. */
static vs_status find_file(vs_err *err, const char *dir, const char *name, char **out) {
    VS_TRY(join(err, dir, name, out));
    if (!is_file(*out)) {
        vs_free(*out);
        *out = NULL;
    }
    return VS_OK;
}

/* ---- shards ---- */

typedef struct shards {
    char **name; /* in order of their names */
    vs_file **file;
    size_t n;
} shards;

/* A shard is a file beside the index: an index that names any other place is not followed. */
static bool is_plain_name(const char *s) { return *s && *s != '.' && !strchr(s, '/'); }

static vs_status add_shard(vs_err *err, const char *path, shards *all, const char *name) {
    size_t lo = 0, hi = all->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int order = strcmp(all->name[mid], name);
        if (!order) return VS_OK;
        if (order < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (all->n == MOST_SHARDS) return vs_fail(err, VS_E_FORMAT, "%s: more than %d shards", path, MOST_SHARDS);
    char *copy = vs_strdup(name);
    if (!copy) return vs_fail(err, VS_E_NOMEM, "%s: no memory to open it", path);
    memmove(all->name + lo + 1, all->name + lo, (all->n - lo) * sizeof *all->name);
    all->name[lo] = copy;
    all->n++;
    return VS_OK;
}

static vs_status list_shards(vs_err *err, const char *path, const json_t *map, shards *all) {
    if (!json_is_object(map))
        return vs_fail(err, VS_E_FORMAT, "%s: want \"weight_map\", an object of tensor names and files", path);
    all->name = vs_zalloc(MOST_SHARDS, sizeof *all->name);
    all->file = vs_zalloc(MOST_SHARDS, sizeof *all->file);
    if (!all->name || !all->file) return vs_fail(err, VS_E_NOMEM, "%s: no memory to open it", path);
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)map, key, v) {
        const char *name = json_string_value(v);
        if (!name || !is_plain_name(name))
            return vs_fail(err, VS_E_FORMAT, "%s: tensor %s: want the name of a file beside the index, it has %s", path,
                           vs__show(key, strlen(key)).s, name ? vs__show(name, strlen(name)).s : "no text");
        VS_TRY(add_shard(err, path, all, name));
    }
    return all->n ? VS_OK : vs_fail(err, VS_E_FORMAT, "%s: \"weight_map\" is empty", path);
}

static vs_status open_shards(vs_err *err, const char *dir, shards *all) {
    for (size_t i = 0; i < all->n; i++) {
        char *path;
        VS_TRY(join(err, dir, all->name[i], &path));
        vs_status s = vs_file_open(err, path, &all->file[i]);
        vs_free(path);
        VS_TRY(s);
    }
    return VS_OK;
}

/* Every tensor that the index lists is there. */
static vs_status check_index(vs_err *err, const char *path, const json_t *map, const vs_file *f) {
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)map, key, v) {
        if (!vs_file_find(f, key))
            return vs_fail(err, VS_E_FORMAT, "%s: lists tensor %s, which %s lacks", path, vs__show(key, strlen(key)).s,
                           vs__show(json_string_value(v), json_string_length(v)).s);
    }
    return VS_OK;
}

static void free_shards(shards *all) {
    for (size_t i = 0; i < all->n; i++) {
        vs_free(all->name[i]);
        vs_file_close(all->file[i]);
    }
    vs_free(all->name);
    vs_free(all->file);
}

static vs_status open_index(vs_err *err, const char *dir, const char *path, vs_file **out) {
    json_t *index;
    VS_TRY(vs_json_read(err, path, INDEX_LIMIT, &index));
    const json_t *map = json_object_get(index, "weight_map");
    shards all = {0};
    vs_status s;
    VS_TRY_TO(done, list_shards(err, path, map, &all));
    VS_TRY_TO(done, open_shards(err, dir, &all));
    s = vs__file_merge(err, dir, all.file, all.n, out);
    memset(all.file, 0, all.n * sizeof *all.file); /* merged, or closed */
    if (s == VS_OK) s = check_index(err, path, map, *out);
done:
    free_shards(&all);
    json_decref(index);
    return s;
}

/* ---- one file ---- */

static vs_status no_weights(vs_err *err, const char *dir) {
    char *path;
    VS_TRY(find_file(err, dir, "pytorch_model.bin", &path));
    bool torch = path != NULL;
    vs_free(path);
    return vs_fail(err, torch ? VS_E_UNSUPPORTED : VS_E_UNKNOWN, "%s: no model.safetensors there%s", dir,
                   torch ? ", only pytorch_model.bin: convert it to safetensors" : "");
}

/* The only *.safetensors file of a directory that has neither of the usual names. */
static vs_status open_only(vs_err *err, const char *dir, vs_file **out) {
    DIR *d = opendir(dir);
    if (!d) return vs_fail(err, errno == ENOENT ? VS_E_UNKNOWN : VS_E_IO, "%s: %s", dir, strerror(errno));
    char *path = NULL;
    size_t found = 0;
    vs_status s = VS_OK;
    for (const struct dirent *e; s == VS_OK && (e = readdir(d));) {
        const char *end = strrchr(e->d_name, '.');
        if (!end || strcmp(end, ".safetensors")) continue;
        found++;
        vs_free(path);
        s = join(err, dir, e->d_name, &path);
    }
    closedir(d);
    if (s == VS_OK && !found)
        s = no_weights(err, dir);
    else if (s == VS_OK && found > 1)
        s = vs_fail(err, VS_E_UNKNOWN, "%s: %zu safetensors files, none named model.safetensors, and no index", dir,
                    found);
    else if (s == VS_OK)
        s = vs_file_open(err, path, out);
    vs_free(path);
    return s;
}

static vs_status open_weights(vs_err *err, const char *dir, vs_file **out) {
    char *path;
    vs_status s;
    VS_TRY(find_file(err, dir, "model.safetensors", &path));
    if (path) {
        s = vs_file_open(err, path, out);
        vs_free(path);
        return s;
    }
    VS_TRY(find_file(err, dir, "model.safetensors.index.json", &path));
    if (!path) return open_only(err, dir, out);
    s = open_index(err, dir, path, out);
    vs_free(path);
    return s;
}

/* ---- the whole ---- */

static vs_status read_config(vs_err *err, vs_hub *hub) {
    char *path;
    VS_TRY(join(err, hub->dir, "config.json", &path));
    vs_map m;
    vs_status s = vs_map_open(err, path, &m);
    if (s == VS_OK && m.size > CONFIG_LIMIT)
        s = vs_fail(err, VS_E_FORMAT, "%s: %zu bytes, at most %zu are read", path, m.size, CONFIG_LIMIT);
    if (s == VS_OK) {
        hub->config = vs_strndup(m.bytes ? (const char *)m.bytes : "", m.size);
        hub->config_size = m.size;
        if (!hub->config) s = vs_fail(err, VS_E_NOMEM, "%s: no memory to read it", path);
        vs_map_close(&m);
    }
    vs_free(path);
    return s;
}

static vs_status check_dir(vs_err *err, const char *dir) {
    struct stat st;
    if (stat(dir, &st) != 0)
        return vs_fail(err, errno == ENOENT ? VS_E_UNKNOWN : VS_E_IO, "%s: cannot open: %s", dir, strerror(errno));
    return S_ISDIR(st.st_mode) ? VS_OK : vs_fail(err, VS_E_UNKNOWN, "%s: not a directory", dir);
}

static vs_status open_parts(vs_err *err, const char *dir, vs_hub *hub) {
    hub->dir = vs_strdup(dir);
    if (!hub->dir) return vs_fail(err, VS_E_NOMEM, "%s: no memory to open it", dir);
    VS_TRY(read_config(err, hub));
    VS_TRY(find_file(err, dir, "tokenizer.json", &hub->tokenizer));
    return open_weights(err, dir, &hub->tensors);
}

vs_status vs_hub_open(vs_err *err, const char *dir, vs_hub **out) {
    *out = NULL;
    VS_TRY(check_dir(err, dir));
    vs_hub *hub = vs_zalloc(1, sizeof *hub);
    if (!hub) return vs_fail(err, VS_E_NOMEM, "%s: no memory to open it", dir);
    vs_status s = open_parts(err, dir, hub);
    if (s != VS_OK)
        vs_hub_close(hub);
    else
        *out = hub;
    return s;
}

void vs_hub_close(vs_hub *hub) {
    if (!hub) return;
    vs_file_close(hub->tensors);
    vs_free(hub->dir);
    vs_free(hub->config);
    vs_free(hub->tokenizer);
    vs_free(hub);
}
