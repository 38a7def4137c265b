/* fuzz_hub.c - a model directory: u16 length of the index, the index (model.safetensors.index.json), the shard
 * a.safetensors. An empty index leaves the shard alone there.  b.safetensors is always the same small shard. covers:
 * lib/io/hub.c */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"
#include "io/hub.h"

static char dir[] = "/tmp/vs-fuzz-hub-XXXXXX";
static const char *const names[] = {"config.json", "model.safetensors.index.json", "a.safetensors", "b.safetensors"};

static void path_of(size_t i, char out[PATH_MAX]) { snprintf(out, PATH_MAX, "%s/%s", dir, names[i]); }

static void clean_up(void) {
    char path[PATH_MAX];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        path_of(i, path);
        unlink(path);
    }
    rmdir(dir);
}

static void put_file(size_t i, const void *p, size_t n) {
    char path[PATH_MAX];
    path_of(i, path);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(p, 1, n, f) != n || fclose(f) != 0) abort();
}

static void set_up(void) {
    static const char head[] = "{\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}      ";
    char shard[8 + sizeof head - 1 + 4] = {(char)(sizeof head - 1)};
    memcpy(shard + 8, head, sizeof head - 1);
    if (!mkdtemp(dir)) abort();
    atexit(clean_up);
    put_file(0, "{}", 2);
    put_file(3, shard, sizeof shard);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static bool ready;
    if (!ready) set_up();
    ready = true;
    size_t index, rest = fuzz_split(data, size, &index);
    char path[PATH_MAX];
    path_of(1, path);
    if (index)
        put_file(1, data + 2, index);
    else
        unlink(path);
    put_file(2, data + rest, size - rest);
    vs_hub *hub;
    if (vs_hub_open(NULL, dir, &hub) != VS_OK) return 0;
    fuzz_walk(hub->tensors);
    vs_hub_close(hub);
    return 0;
}
