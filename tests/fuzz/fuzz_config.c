/* config.json: the bytes are the text; what it says is held against the tensors of both fixtures.
 * covers: lib/model/config.c lib/model/bind.c */
#include "model/config.h"
#include "model/model_impl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const fixtures[] = {"tests/data/fixtures/gemma3/model.safetensors",
                                       "tests/data/fixtures/bert/model.safetensors"};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static vs_file *file[2];
    vs_err err = {0};
    for (int i = 0; i < 2; i++) {
        if (!file[i] && vs_file_open(&err, fixtures[i], &file[i]) != VS_OK) return 0;
        vs_config c;
        vs_model *m = vs_zalloc(1, sizeof *m);
        if (!m) return 0;
        m->info.name = "fuzz";
        if (vs__config_json(&err, "config.json", (const char *)data, size, &c) == VS_OK &&
            vs__model_bind(&err, m, &c, file[i]) == VS_OK) {
            vs_site *sites;
            size_t n;
            if (vs_site_list(&err, m, &sites, &n) == VS_OK) vs_free(sites);
        }
        vs__config_close(&c);
        vs_model_close(m);
    }
    return 0;
}
