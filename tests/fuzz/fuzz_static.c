/* fuzz_static.c - a directory of static embeddings: u16 length of config.json, config.json, model.safetensors.  The tokenizer
 * is always the same one of four pieces.
 *
 * covers: lib/session_static.c */
#include <string.h>

#include "fuzz.h"
#include "session.h"

static const char tokenizer[] =
    "{\"version\":\"1.0\",\"added_tokens\":[],\"normalizer\":null,\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"\\u2581\","
    "\"prepend_scheme\":\"always\",\"split\":true},\"post_processor\":null,\"decoder\":null,\"model\":{\"type\":\"Unigram\",\"unk_id\":0,"
    "\"vocab\":[[\"<unk>\",0],[\"\\u2581\",-5],[\"\\u2581king\",-2],[\"s\",-3]]}}";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static bool ready;
    if (!ready) fuzz_put_file("tokenizer.json", tokenizer, sizeof tokenizer - 1);
    ready = true;
    size_t config, rest = fuzz_split(data, size, &config);
    fuzz_put_file("config.json", config ? data + 2 : NULL, config);
    fuzz_put_file("model.safetensors", data + rest, size - rest);
    vs_session *s;
    vs_space *sp;
    if (vs_session_new(NULL, NULL, &s) != VS_OK) return 0;
    vs_err err = {0};
    if (vs_session_open_space(&err, s, fuzz_dir(), NULL, &sp) == VS_OK && vs_space_dim(sp) <= 4096) {
        float v[4096], score;
        vs_buf note = {0};
        size_t at, found;
        if (vs_space_compose(NULL, sp, "kings king ?", 12, v, &note) == VS_OK)
            (void)!vs_space_near(NULL, sp, v, 1, NULL, 0, &at, &score, &found);
        vs_buf_free(&note);
    } else if (strchr(err.msg, '\n')) {
        __builtin_trap();
    }
    vs_session_free(s);
    return 0;
}
