/* made_model.h - small model files made for a test from the fixtures: a hub directory or a GGUF file, with whatever is
 * wrong with them that the test wants. */
#ifndef TESTS_MADE_MODEL_H
#define TESTS_MADE_MODEL_H

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/map.h"
#include "base/str.h"
#include "io/format.h"
#include "tensor/kernels.h"

#define FIXTURES "tests/data/fixtures/"

/* What is done to the tensors whose name begins with `tensor`. */
typedef enum change_kind { DROP, RENAME, RESHAPE, POISON, AS_BF16, AS_F64, AS_I32, TWICE, ADD } change_kind;
typedef struct change {
    change_kind what;
    const char *tensor; /* ADD: the new tensor's name */
    const char *to;     /* RENAME: what stands in place of `tensor`; ADD: its shape, "[2, 3]" */
} change;

static inline void put_file(const char *dir, const char *name, const void *bytes, size_t n) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(bytes, 1, n, f) != n || fclose(f)) abort();
}

/* A new directory; the caller forgets it (drop_dir). */
static inline char *new_dir(void) {
    static char path[64];
    snprintf(path, sizeof path, "/tmp/vs-test-XXXXXX");
    if (!mkdtemp(path)) abort();
    return path;
}

static inline void drop_dir(const char *dir) {
    static const char *const names[] = {"config.json", "model.safetensors", "tokenizer.json", "model.gguf"};
    char path[512];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        unlink(path);
    }
    rmdir(dir);
}

static inline void put_entry(vs_buf *header, vs_buf *data, const char *name, const char *type, const char *shape,
                             const void *bytes, size_t n) {
    if (header->len > 1) vs_buf_putc(header, ',');
    vs_buf_printf(header, "\"%s\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[%zu,%zu]}", name, type, shape, data->len,
                  data->len + n);
    vs_buf_put(data, bytes, n);
}

static inline void put_tensor(vs_buf *header, vs_buf *data, const vs_tensor *t, const char *name, const change *c) {
    char shape[64], renamed[160];
    size_t n = vs_tensor_count(t);
    vs_shape_text(t->shape, t->ndim, shape, sizeof shape);
    float *x = calloc(n, 2 * sizeof *x);
    memcpy(x, t->data, n * sizeof *x);
    const char *type = "F32";
    size_t bytes = n * sizeof *x;
    switch (c ? c->what : ADD) {
    case DROP: free(x); return;
    case RENAME: snprintf(renamed, sizeof renamed, "%s%s", c->to, name + strlen(c->tensor)), name = renamed; break;
    case RESHAPE: snprintf(shape, sizeof shape, "[%zu]", n); break;
    case POISON: x[n / 2] = nanf(""); break;
    case AS_I32: type = "I32"; break;
    case AS_F64:
        type = "F64";
        bytes *= 2;
        for (size_t i = n; i-- > 0;) memcpy((char *)x + 8 * i, &(double){(double)x[i]}, 8);
        break;
    case AS_BF16:
        type = "BF16";
        bytes /= 2;
        for (size_t i = 0; i < n; i++) memmove((char *)x + 2 * i, (char *)(x + i) + 2, 2); /* little-endian: the upper half */
        break;
    case TWICE: put_entry(header, data, name, type, shape, x, bytes); break;
    case ADD: break;
    }
    put_entry(header, data, name, type, shape, x, bytes);
    free(x);
}

/* The tensors of a fixture, changed, as dir/model.safetensors. */
static inline void put_safetensors(const char *dir, const char *fixture, const change *changes, size_t n_changes) {
    char path[256];
    snprintf(path, sizeof path, FIXTURES "%s/model.safetensors", fixture);
    vs_file *f;
    if (vs_file_open(NULL, path, &f) != VS_OK) abort();
    vs_buf header = {0}, data = {0}, all = {0};
    vs_buf_putc(&header, '{');
    for (size_t i = 0; i < vs_file_tensor_count(f); i++) {
        const char *name;
        const vs_tensor *t = vs_file_tensor(f, i, &name);
        const change *c = NULL;
        for (size_t k = 0; k < n_changes && !c; k++)
            if (changes[k].what != ADD && !strncmp(name, changes[k].tensor, strlen(changes[k].tensor))) c = &changes[k];
        put_tensor(&header, &data, t, name, c);
    }
    for (size_t k = 0; k < n_changes; k++) {
        if (changes[k].what != ADD) continue;
        size_t n = 1;
        for (const char *p = changes[k].to + 1; *p; p += strcspn(p, ",]"), p += strspn(p, ",] "))
            n *= strtoul(p, NULL, 10);
        float *x = calloc(n, sizeof *x);
        put_entry(&header, &data, changes[k].tensor, "F32", changes[k].to, x, n * sizeof *x);
        free(x);
    }
    vs_buf_putc(&header, '}');
    while (header.len % 8) vs_buf_putc(&header, ' ');
    uint64_t n = header.len;
    vs_buf_put(&all, (const char *)&n, sizeof n);
    vs_buf_put(&all, header.s, header.len);
    vs_buf_put(&all, data.s, data.len);
    put_file(dir, "model.safetensors", all.s, all.len);
    vs_buf_free(&header);
    vs_buf_free(&data);
    vs_buf_free(&all);
    vs_file_close(f);
}

/* A fixture's config.json with the members of `patch` (JSON) put in; a member `"-key": 0` removes key. */
static inline void put_config(const char *dir, const char *fixture, const char *patch) {
    char path[256];
    snprintf(path, sizeof path, FIXTURES "%s/config.json", fixture);
    json_t *config = json_load_file(path, 0, NULL), *more = json_loads(patch ? patch : "{}", 0, NULL), *value;
    const char *key;
    if (!config || !more) abort();
    json_object_foreach(more, key, value) {
        if (key[0] == '-') json_object_del(config, key + 1);
        else json_object_set(config, key, value);
    }
    char *text = json_dumps(config, JSON_INDENT(1));
    put_file(dir, "config.json", text, strlen(text));
    free(text);
    json_decref(config);
    json_decref(more);
}

static inline void put_hub(const char *dir, const char *fixture, const char *patch, const change *changes, size_t n) {
    put_config(dir, fixture, patch);
    put_safetensors(dir, fixture, changes, n);
}

/* GGUF, version 3 (the format's specification, ggml/docs/gguf.md). */
enum { GGUF_U32 = 4, GGUF_I32 = 5, GGUF_F32 = 6, GGUF_BOOL = 7, GGUF_STR = 8, GGUF_ARRAY = 9 };
#define GGUF_LIST(type) (100 + (type)) /* of the test: an array of such */

static inline void put_le(vs_buf *b, const void *p, size_t n) { vs_buf_put(b, p, n); }
static inline void put_u32(vs_buf *b, uint32_t x) { put_le(b, &x, 4); }
static inline void put_u64(vs_buf *b, uint64_t x) { put_le(b, &x, 8); }
static inline void put_str(vs_buf *b, const char *s) {
    put_u64(b, strlen(s));
    vs_buf_puts(b, s);
}

/* One key: its type, and the value as text ("4", "1e-6", "true", "linear"); a list's are separated by commas. */
typedef struct gguf_key {
    const char *key;
    int type;
    const char *value;
} gguf_key;

static inline void put_value(vs_buf *b, int type, const char *text, size_t n) {
    char value[64];
    snprintf(value, sizeof value, "%.*s", (int)n, text);
    uint32_t u = (uint32_t)strtol(value, NULL, 10);
    float x = strtof(value, NULL);
    if (type == GGUF_U32 || type == GGUF_I32) put_u32(b, (uint32_t)(value[0] == '-' ? u : strtoul(value, NULL, 10)));
    else if (type == GGUF_F32) put_le(b, &x, 4);
    else if (type == GGUF_BOOL) vs_buf_putc(b, value[0] == 't');
    else put_str(b, value);
}

static inline void put_key(vs_buf *b, const gguf_key *k) {
    put_str(b, k->key);
    if (k->type < 100) {
        put_u32(b, (uint32_t)k->type);
        put_value(b, k->type, k->value, strlen(k->value));
        return;
    }
    uint64_t n = 1;
    for (const char *p = k->value; *p; p++) n += *p == ',';
    put_u32(b, GGUF_ARRAY);
    put_u32(b, (uint32_t)(k->type - 100));
    put_u64(b, n);
    for (const char *p = k->value; n-- > 0; p += strcspn(p, ",") + 1) put_value(b, k->type - 100, p, strcspn(p, ","));
}

/* A GGUF file with one more key, before the others.  A second one fills what is put in up to whole steps of the alignment. */
static inline void gguf_insert(const char *path, gguf_key more) {
    enum { HEAD = 24, KEYS_AT = 16 };
    static const char blanks[] = "                                ";
    char fill[96];
    vs_map map;
    vs_buf put = {0}, all = {0};
    uint64_t n;
    if (vs_map_open(NULL, path, &map) != VS_OK) abort();
    memcpy(&n, map.bytes + KEYS_AT, sizeof n);
    put_key(&put, &more);
    snprintf(fill, sizeof fill, "%s.fill", more.key);
    size_t left = put.len + 8 + strlen(fill) + 4 + 8;
    gguf_key filler = {fill, GGUF_STR, blanks + left % 32};
    put_key(&put, &filler);
    vs_buf_put(&all, (const char *)map.bytes, KEYS_AT);
    put_u64(&all, n + 2);
    vs_buf_put(&all, put.s, put.len);
    vs_buf_put(&all, (const char *)map.bytes + HEAD, map.size - HEAD);
    vs_map_close(&map);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(all.s, 1, all.len, f) != all.len || fclose(f)) abort();
    vs_buf_free(&put);
    vs_buf_free(&all);
}

/* Another value of a key of a GGUF file that holds a whole number. */
static inline void gguf_set(const char *path, const char *key, uint32_t value) {
    char before[96];
    uint64_t n = strlen(key);
    size_t k = 0, at = 0;
    memcpy(before, &n, sizeof n), k = sizeof n;
    memcpy(before + k, key, n), k += n;
    memcpy(before + k, &(uint32_t){GGUF_U32}, 4), k += 4;
    vs_map map;
    if (vs_map_open(NULL, path, &map) != VS_OK) abort();
    while (at + k + 4 <= map.size && memcmp(map.bytes + at, before, k) != 0) at++;
    if (at + k + 4 > map.size) abort();
    vs_map_close(&map);
    FILE *f = fopen(path, "r+b");
    if (!f || fseek(f, (long)(at + k), SEEK_SET) || fwrite(&value, 4, 1, f) != 1 || fclose(f)) abort();
}

/* The first place in a file where `from` stands has `to`, which is as long. */
static inline void overwrite(const char *path, const char *from, const char *to) {
    vs_map map;
    if (strlen(from) != strlen(to) || vs_map_open(NULL, path, &map) != VS_OK) abort();
    size_t where = 0, n = strlen(from);
    while (where + n <= map.size && memcmp(map.bytes + where, from, n) != 0) where++;
    if (where + n > map.size) abort();
    vs_map_close(&map);
    FILE *f = fopen(path, "r+b");
    if (!f || fseek(f, (long)where, SEEK_SET) || fwrite(to, 1, strlen(to), f) != strlen(to) || fclose(f)) abort();
}

static const struct {
    const char *hub, *gguf;
} gguf_names[] = {
    {"embed_tokens.", "token_embd."},
    {"model.norm.", "output_norm."},
    {".input_layernorm.", ".attn_norm."},
    {".self_attn.q_proj.", ".attn_q."},
    {".self_attn.k_proj.", ".attn_k."},
    {".self_attn.v_proj.", ".attn_v."},
    {".self_attn.o_proj.", ".attn_output."},
    {".self_attn.q_norm.", ".attn_q_norm."},
    {".self_attn.k_norm.", ".attn_k_norm."},
    {".post_attention_layernorm.", ".post_attention_norm."},
    {".pre_feedforward_layernorm.", ".ffn_norm."},
    {".mlp.gate_proj.", ".ffn_gate."},
    {".mlp.up_proj.", ".ffn_up."},
    {".mlp.down_proj.", ".ffn_down."},
    {".post_feedforward_layernorm.", ".post_ffw_norm."},
};

static inline void gguf_name(const char *hub, char *out, size_t size) {
    size_t layer = 0;
    bool layered = sscanf(hub, "model.layers.%zu.", &layer) == 1;
    for (size_t i = 0; i < sizeof gguf_names / sizeof *gguf_names; i++) {
        if (!strstr(hub, gguf_names[i].hub)) continue;
        if (layered) snprintf(out, size, "blk.%zu%sweight", layer, gguf_names[i].gguf);
        else snprintf(out, size, "%sweight", gguf_names[i].gguf);
        return;
    }
    abort();
}

/* One row of 32-element blocks as GGUF's Q8_0: a half-precision scale, then 32 codes.  Scales are powers of two here, so
 * that the half is exact. */
static inline void put_q8(vs_buf *b, const float *x, size_t n) {
    for (size_t i = 0; i < n; i += 32) {
        float most = 0;
        for (size_t k = 0; k < 32; k++) most = fmaxf(most, fabsf(x[i + k]));
        int e = most > 0 ? (int)ceilf(log2f(most / 127)) : -10;
        e = e < -14 ? -14 : e;
        uint16_t half = (uint16_t)((e + 15) << 10);
        put_le(b, &half, 2);
        for (size_t k = 0; k < 32; k++) vs_buf_putc(b, (char)(int8_t)lrintf(ldexpf(x[i + k], -e)));
    }
}

/* What a GGUF file says of the Gemma fixture. */
#define GEMMA_KEYS \
    {"general.architecture", GGUF_STR, "gemma3"}, \
    {"gemma3.embedding_length", GGUF_U32, "48"}, \
    {"gemma3.block_count", GGUF_U32, "7"}, \
    {"gemma3.attention.head_count", GGUF_U32, "4"}, \
    {"gemma3.attention.head_count_kv", GGUF_U32, "1"}, \
    {"gemma3.attention.key_length", GGUF_U32, "16"}, \
    {"gemma3.feed_forward_length", GGUF_U32, "96"}, \
    {"gemma3.context_length", GGUF_U32, "128"}, \
    {"gemma3.attention.layer_norm_rms_epsilon", GGUF_F32, "1e-6"}, \
    {"gemma3.attention.sliding_window", GGUF_U32, "8"}

/* The Gemma fixture as dir/model.gguf: norms with their 1, the MLP's output maps as Q8_0; keys as given. */
static inline void put_gguf(const char *dir, const gguf_key *keys, size_t n_keys, bool head) {
    vs_file *f;
    if (vs_file_open(NULL, FIXTURES "gemma3/model.safetensors", &f) != VS_OK) abort();
    size_t n = vs_file_tensor_count(f);
    vs_buf h = {0}, data = {0};
    vs_buf_puts(&h, "GGUF");
    put_u32(&h, 3);
    put_u64(&h, n + head);
    put_u64(&h, n_keys);
    for (size_t i = 0; i < n_keys; i++) put_key(&h, &keys[i]);
    for (size_t i = 0; i < n + head; i++) {
        const char *hub = "embed_tokens.weight";
        char name[96];
        const vs_tensor *t = i < n ? vs_file_tensor(f, i, &hub) : vs_file_find(f, "model.embed_tokens.weight");
        gguf_name(hub, name, sizeof name);
        bool q8 = strstr(name, "ffn_down") != NULL;
        put_str(&h, i < n ? name : "output.weight");
        put_u32(&h, (uint32_t)t->ndim);
        for (int a = t->ndim; a-- > 0;) put_u64(&h, t->shape[a]);
        put_u32(&h, q8 ? 8 : 0);
        while (data.len % 32) vs_buf_putc(&data, 0);
        put_u64(&h, data.len);
        size_t count = vs_tensor_count(t);
        const float *x = t->data;
        if (q8) put_q8(&data, x, count);
        else
            for (size_t k = 0; k < count; k++) {
                float y = t->ndim == 1 ? 1 + x[k] : x[k];
                put_le(&data, &y, 4);
            }
    }
    while (h.len % 32) vs_buf_putc(&h, 0);
    vs_buf_put(&h, data.s, data.len);
    put_file(dir, "model.gguf", h.s, h.len);
    vs_buf_free(&h);
    vs_buf_free(&data);
    vs_file_close(f);
}

#endif
