/* trie.c - first child and next sibling; the root's children stand in a table. */
#include "tokenizer_impl.h"

struct vs__trie_node {
    uint32_t child, sibling; /* 0: none (node 0 is the root, nobody's child) */
    int32_t value;           /* -1: no key ends here */
    unsigned char byte;
};

static vs_status node_new(vs_err *err, vs__trie *t, unsigned char byte, uint32_t *out) {
    if (t->count == t->cap) {
        size_t cap = t->cap ? t->cap * 2 : 256;
        struct vs__trie_node *more = cap < UINT32_MAX ? vs_grow(t->node, t->count, cap, sizeof *more) : NULL;
        if (!more) return vs_fail(err, VS_E_NOMEM, "no memory for a table of %zu pieces", t->count);
        t->node = more;
        t->cap = cap;
        if (!t->count) t->node[t->count++] = (struct vs__trie_node){.value = -1};
    }
    *out = (uint32_t)t->count;
    t->node[t->count++] = (struct vs__trie_node){.value = -1, .byte = byte};
    return VS_OK;
}

static uint32_t child(const vs__trie *t, uint32_t at, unsigned char byte) {
    if (!at) return t->first[byte];
    uint32_t k = t->node[at].child;
    while (k && t->node[k].byte != byte) k = t->node[k].sibling;
    return k;
}

vs_status vs__trie_add(vs_err *err, vs__trie *t, const char *key, size_t n, int32_t value) {
    uint32_t at = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned char byte = (unsigned char)key[i];
        uint32_t k = child(t, at, byte);
        if (!k) {
            VS_TRY(node_new(err, t, byte, &k));
            if (at) {
                t->node[k].sibling = t->node[at].child;
                t->node[at].child = k;
            } else {
                t->first[byte] = k;
            }
        }
        at = k;
    }
    if (at) t->node[at].value = value;
    return VS_OK;
}

bool vs__trie_step(const vs__trie *t, uint32_t *at, unsigned char byte, int32_t *value) {
    *at = child(t, *at, byte);
    if (!*at) return false;
    *value = t->node[*at].value;
    return true;
}

size_t vs__trie_longest(const vs__trie *t, const char *s, size_t n, int32_t *value) {
    size_t best = 0;
    uint32_t at = 0;
    int32_t v;
    for (size_t i = 0; i < n && vs__trie_step(t, &at, (unsigned char)s[i], &v); i++)
        if (v >= 0) {
            best = i + 1;
            *value = v;
        }
    return best;
}

void vs__trie_free(vs__trie *t) {
    vs_free(t->node);
    *t = (vs__trie){0};
}
