/* fuzz_hub.c - a model directory: u16 length of the index, the index (model.safetensors.index.json), a.safetensors.
 * Where the index is empty there is none.  b.safetensors is always the same small shard.
 *
 * covers: lib/io/hub.c */
#include <string.h>
#include <unistd.h>

#include "fuzz.h"
#include "io/hub.h"

static void set_up(void) {
    static const char head[] = "{\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}      ";
    char shard[8 + sizeof head - 1 + 4] = {(char)(sizeof head - 1)};
    memcpy(shard + 8, head, sizeof head - 1);
    fuzz_put_file("config.json", "{}", 2);
    fuzz_put_file("b.safetensors", shard, sizeof shard);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static bool ready;
    if (!ready) set_up();
    ready = true;
    size_t index, rest = fuzz_split(data, size, &index);
    const char *path = fuzz_put_file("model.safetensors.index.json", index ? data + 2 : NULL, index);
    if (!index) unlink(path);
    fuzz_put_file("a.safetensors", data + rest, size - rest);
    vs_hub *hub;
    if (vs_hub_open(NULL, fuzz_dir(), &hub) != VS_OK) return 0;
    fuzz_walk(hub->tensors);
    vs_hub_close(hub);
    return 0;
}
