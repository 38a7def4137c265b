/* Model directories of the hub: one file, shards behind an index, and what can be wrong with either. */
#include <sys/stat.h>

#include "bytes.h"
#include "io/hub.h"

static char dir[32];

static int set_up(void **state) {
    (void)state;
    make_dir(dir);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    remove_dir(dir);
    return 0;
}

static void put_file(const char *name, const char *text) { write_file(in_dir(dir, name), text, strlen(text)); }

/* A safetensors file of one or two tensors of one f32 each. */
static void put_shard(const char *name, const char *a, float x, const char *b) {
    char header[256];
    int n = snprintf(header, sizeof header, "{\"%s\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}", a);
    if (b)
        n += snprintf(header + n, sizeof header - (size_t)n,
                      ",\"%s\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}", b);
    n += snprintf(header + n, sizeof header - (size_t)n, "}");
    bytes out = {.n = 0};
    put_u64(&out, (uint64_t)n);
    put(&out, header, (size_t)n);
    put_f32(&out, x);
    if (b) put_f32(&out, -x);
    write_file(in_dir(dir, name), out.p, out.n);
}

static vs_hub *opens_hub(void) {
    vs_err err = {0};
    vs_hub *hub;
    if (vs_hub_open(&err, dir, &hub) != VS_OK) fail_msg("%s", err.msg);
    return hub;
}

static void refuses_hub(vs_status code, const char *words) {
    vs_err err = {0};
    vs_hub *hub;
    vs_status s = vs_hub_open(&err, dir, &hub);
    check_message(s, &err, code, words);
    assert_null(hub);
    assert_ptr_equal(strstr(err.msg, dir), err.msg); /* the message begins with the place */
}

static float value_of(const vs_hub *hub, const char *name) {
    const vs_tensor *t = vs_file_find(hub->tensors, name);
    assert_non_null(t);
    float x;
    assert_int_equal(vs_tensor_row_f32(NULL, t, 0, &x), VS_OK);
    return x;
}

static void one_file(void **state) {
    (void)state;
    put_file("config.json", "{\"model_type\": \"bert\"}");
    put_shard("model.safetensors", "a", 1, "b");
    put_shard("other.safetensors", "c", 2, NULL);
    vs_hub *hub = opens_hub();
    assert_string_equal(hub->config, "{\"model_type\": \"bert\"}");
    assert_int_equal(hub->config_size, strlen(hub->config));
    assert_string_equal(hub->dir, dir);
    assert_null(hub->tokenizer);
    assert_int_equal(vs_file_tensor_count(hub->tensors), 2);
    assert_true(value_of(hub, "b") == -1);
    vs_hub_close(hub);
    put_file("tokenizer.json", "{}");
    hub = opens_hub();
    assert_string_equal(hub->tokenizer, in_dir(dir, "tokenizer.json"));
    vs_hub_close(hub);
    vs_hub_close(NULL);
}

static void only_file(void **state) {
    (void)state;
    put_file("config.json", "{}");
    put_shard("weights.safetensors", "a", 1, NULL);
    vs_hub *hub = opens_hub();
    assert_true(value_of(hub, "a") == 1);
    vs_hub_close(hub);
    put_shard("more.safetensors", "b", 1, NULL);
    refuses_hub(VS_E_UNKNOWN, "2 safetensors files|no index");
}

static void sharded(void **state) {
    (void)state;
    put_file("config.json", "{}");
    put_shard("model-2.safetensors", "a", 1, "b");
    put_shard("model-1.safetensors", "c", 2, NULL);
    put_file("model.safetensors.index.json",
             "{\"metadata\": {\"total_size\": 12}, \"weight_map\": {\"a\": \"model-2.safetensors\","
             "\"b\": \"model-2.safetensors\", \"c\": \"model-1.safetensors\"}}");
    vs_hub *hub = opens_hub();
    const vs_file *f = hub->tensors;
    assert_int_equal(vs_file_tensor_count(f), 3);
    const char *name;
    assert_non_null(vs_file_tensor(f, 0, &name));
    assert_string_equal(name, "c"); /* shards in order of their names */
    assert_true(value_of(hub, "a") == 1 && value_of(hub, "b") == -1 && value_of(hub, "c") == 2);
    assert_string_equal(vs_file_format(f), "safetensors");
    assert_string_equal(vs_file_path(f), dir);
    struct stat one, two;
    assert_int_equal(stat(in_dir(dir, "model-1.safetensors"), &one), 0);
    assert_int_equal(stat(in_dir(dir, "model-2.safetensors"), &two), 0);
    assert_int_equal(vs_file_size(f), one.st_size + two.st_size);
    uint64_t hash = vs_file_header_hash(f);
    vs_hub_close(hub);
    put_shard("model-1.safetensors", "c", 3, "d"); /* a tensor that the index does not list is no harm */
    hub = opens_hub();
    assert_true(value_of(hub, "d") == -3);
    assert_true(vs_file_header_hash(hub->tensors) != hash);
    vs_hub_close(hub);
    put_shard("model-1.safetensors", "a", 3, "c");
    refuses_hub(VS_E_FORMAT, "two tensors named a");
    put_shard("model-1.safetensors", "x", 3, NULL);
    refuses_hub(VS_E_FORMAT, "index.json: lists tensor c, which model-1.safetensors lacks");
    put_file("model-1.safetensors", "hello");
    refuses_hub(VS_E_FORMAT, "model-1.safetensors: neither GGUF");
    unlink(in_dir(dir, "model-1.safetensors"));
    refuses_hub(VS_E_UNKNOWN, "model-1.safetensors: cannot open");
}

static void wrong_index(void **state) {
    (void)state;
    put_file("config.json", "{}");
    static const struct {
        const char *index, *words;
    } wrong[] = {
        {"{\"weight_map\": {\"a\": \"../a.safetensors\"}}", "tensor a|a file beside the index|../a.safetensors"},
        {"{\"weight_map\": {\"a\": \"/a.safetensors\"}}", "tensor a|a file beside the index"},
        {"{\"weight_map\": {\"a\": \"..\"}}", "tensor a|a file beside the index"},
        {"{\"weight_map\": {\"a\": \"\"}}", "tensor a|a file beside the index"},
        {"{\"weight_map\": {\"a\": 7}}", "tensor a|it has no text"},
        {"{\"weight_map\": {}}", "\"weight_map\" is empty"},
        {"{\"weight_map\": []}", "want \"weight_map\", an object"},
        {"[]", "want \"weight_map\", an object"},
        {"{", "index.json: JSON, line 1"},
        {"", "index.json: JSON"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        put_file("model.safetensors.index.json", wrong[i].index);
        refuses_hub(VS_E_FORMAT, wrong[i].words);
    }
    char *index = vs_alloc(80000, 1);
    assert_non_null(index);
    size_t n = (size_t)snprintf(index, 80000, "{\"weight_map\": {\"x\": \"x\"");
    for (int i = 0; i < 1500; i++) n += (size_t)snprintf(index + n, 80000 - n, ", \"t%d\": \"f%d\"", i, i);
    n += (size_t)snprintf(index + n, 80000 - n, "}}");
    put_file("model.safetensors.index.json", index);
    vs_free(index);
    refuses_hub(VS_E_FORMAT, "more than 1024 shards");
}

static void what_is_missing(void **state) {
    (void)state;
    vs_err err = {0};
    vs_hub *hub;
    check_message(vs_hub_open(&err, in_dir(dir, "absent"), &hub), &err, VS_E_UNKNOWN,
                  "absent: cannot open: No such file");
    refuses_hub(VS_E_UNKNOWN, "config.json: cannot open");
    put_file("config.json", "{}");
    refuses_hub(VS_E_UNKNOWN, "no model.safetensors there");
    put_file("pytorch_model.bin", "x");
    refuses_hub(VS_E_UNSUPPORTED, "only pytorch_model.bin|convert");
    put_file("model.safetensors", "x");
    refuses_hub(VS_E_FORMAT, "model.safetensors: neither GGUF");
    check_message(vs_hub_open(&err, in_dir(dir, "config.json"), &hub), &err, VS_E_UNKNOWN,
                  "config.json: not a directory");
}

static void out_of_memory(void **state) {
    (void)state;
    put_file("config.json", "{}");
    put_file("tokenizer.json", "{}");
    put_shard("a.safetensors", "a", 1, NULL);
    put_shard("b.safetensors", "b", 1, NULL);
    for (int round = 0; round < 2; round++) {
        vs_status s = VS_E_NOMEM;
        for (size_t n = 1; s == VS_E_NOMEM; n++) {
            vs_err err = {0};
            vs_hub *hub;
            vs_alloc_fail_at(n);
            s = vs_hub_open(&err, dir, &hub);
            vs_alloc_fail_at(0);
            assert_int_equal(err.code, s == VS_OK ? 0 : s);
            vs_hub_close(hub);
        }
        assert_int_equal(s, round ? VS_OK : VS_E_UNKNOWN); /* two files, no index */
        put_file("model.safetensors.index.json",
                 "{\"weight_map\": {\"a\": \"a.safetensors\", \"b\": \"b.safetensors\"}}");
    }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest all[] = {
        TEST(one_file), TEST(only_file), TEST(sharded), TEST(wrong_index), TEST(what_is_missing), TEST(out_of_memory),
    };
    return cmocka_run_group_tests(all, NULL, NULL);
}
