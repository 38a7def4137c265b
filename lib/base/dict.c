/* dict.c - open addressing with linear probing; the hash is kept beside the key so that a miss rarely touches it. */
#include "dict.h"

#include <string.h>

#include "alloc.h"

struct vs_dict_entry {
    const char *key;
    uint32_t len, value;
    uint64_t hash; /* 0 marks an empty slot */
};

static uint64_t mix(uint64_t h) { /* the finaliser of MurmurHash3 (Appleby, public domain): full avalanche */
    h ^= h >> 33;
    h *= 0xff51afd7ed558ccdULL;
    h ^= h >> 33;
    h *= 0xc4ceb9fe1a85ec53ULL;
    return h ^ h >> 33;
}

uint64_t vs_hash(const void *p, size_t n) {
    const unsigned char *s = p;
    uint64_t h = 0x9e3779b97f4a7c15ULL ^ n;
    for (; n >= 8; n -= 8, s += 8) {
        uint64_t w = 0;
        for (int k = 7; k >= 0; k--) w = w << 8 | s[k];
        h = mix(h ^ w);
    }
    uint64_t w = 0;
    for (size_t k = n; k-- > 0;) w = w << 8 | s[k];
    return mix(h ^ w);
}

static struct vs_dict_entry *find(const vs_dict *d, const char *key, size_t n, uint64_t h) {
    for (size_t i = h & (d->cap - 1);; i = (i + 1) & (d->cap - 1)) {
        struct vs_dict_entry *e = &d->slot[i];
        if (!e->hash || (e->hash == h && e->len == n && !memcmp(e->key, key, n))) return e;
    }
}

vs_status vs_dict_reserve(vs_err *err, vs_dict *d, size_t n) {
    size_t cap = d->cap ? d->cap : 16;
    while (cap / 10 * 7 < n) {
        if (cap > SIZE_MAX / 4) return vs_fail(err, VS_E_NOMEM, "a table of %zu keys is too large", n);
        cap *= 2;
    }
    if (cap == d->cap) return VS_OK;
    vs_dict bigger = {.slot = vs_zalloc(cap, sizeof *d->slot), .cap = cap, .count = d->count};
    if (!bigger.slot) return vs_fail(err, VS_E_NOMEM, "no memory for a table of %zu keys", n);
    for (size_t i = 0; i < d->cap; i++)
        if (d->slot[i].hash) *find(&bigger, d->slot[i].key, d->slot[i].len, d->slot[i].hash) = d->slot[i];
    vs_free(d->slot);
    *d = bigger;
    return VS_OK;
}

vs_status vs_dict_add(vs_err *err, vs_dict *d, const char *key, size_t n, uint32_t value, bool *added) {
    if (n > UINT32_MAX) return vs_fail(err, VS_E_RANGE, "a key of %zu bytes is too long", n);
    VS_TRY(vs_dict_reserve(err, d, d->count + 1));
    uint64_t h = vs_hash(key, n) | 1;
    struct vs_dict_entry *e = find(d, key, n, h);
    if (added) *added = !e->hash;
    if (e->hash) return VS_OK;
    *e = (struct vs_dict_entry){.key = key, .len = (uint32_t)n, .value = value, .hash = h};
    d->count++;
    return VS_OK;
}

bool vs_dict_find(const vs_dict *d, const char *key, size_t n, uint32_t *value) {
    if (!d->cap || n > UINT32_MAX) return false;
    struct vs_dict_entry *e = find(d, key, n, vs_hash(key, n) | 1);
    if (e->hash && value) *value = e->value;
    return e->hash != 0;
}

void vs_dict_free(vs_dict *d) {
    vs_free(d->slot);
    *d = (vs_dict){0};
}
