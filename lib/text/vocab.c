/* vocab.c - pieces by id and ids by piece.  A slot is eight bytes (half of the hash, the id), so a quarter of a million
 * pieces take 4 MB and are entered in a few milliseconds: opening a model must not wait for its vocabulary. */
#include <string.h>

#include "tokenizer_impl.h"

enum { ASCII = 128 };

struct vs__vocab_slot {
    uint32_t tag, id1; /* id1 = id + 1; 0 marks an empty slot */
};

static uint64_t load64(const char *s) {
    uint64_t w;
    memcpy(&w, s, 8);
    return w;
}

static uint32_t load32(const char *s) {
    uint32_t w;
    memcpy(&w, s, 4);
    return w;
}

static uint64_t mix(uint64_t h, uint64_t w) { /* multiply by an odd constant and fold the high half down */
    h = (h ^ w) * 0x9fb21c651e98df25ULL;
    return h ^ h >> 32;
}

static uint64_t hash(const char *s, size_t n) {
    uint64_t h = n * 0x9e3779b97f4a7c15ULL;
    const char *end = s + n;
    if (n >= 8) {
        for (; end - s > 8; s += 8) h = mix(h, load64(s));
        return mix(mix(h, load64(end - 8)), 0);
    }
    if (n >= 4) return mix(mix(h, (uint64_t)load32(s) << 32 | load32(end - 4)), 0);
    uint64_t w = 0;
    for (; s < end; s++) w = w << 8 | (unsigned char)*s;
    return mix(mix(h, w), 0);
}

vs_status vs__vocab_init(vs_err *err, vs__vocab *v, size_t count) {
    if (count > INT32_MAX / 4) return vs_fail(err, VS_E_RANGE, "a vocabulary of %zu pieces is too large", count);
    size_t slots = 16;
    while (slots < count * 2) slots *= 2;
    v->piece = vs_zalloc(count, sizeof *v->piece);
    v->slot = vs_zalloc(slots, sizeof *v->slot);
    v->two = vs_zalloc(ASCII * ASCII, sizeof *v->two);
    if (!v->piece || !v->slot || !v->two)
        return vs_fail(err, VS_E_NOMEM, "no memory for a vocabulary of %zu pieces", count);
    v->count = count;
    v->mask = slots - 1;
    return VS_OK;
}

static struct vs__vocab_slot *find(const vs__vocab *v, const char *s, size_t n, uint64_t h) {
    uint32_t tag = (uint32_t)(h >> 32);
    for (size_t i = h & v->mask;; i = (i + 1) & v->mask) {
        struct vs__vocab_slot *e = &v->slot[i];
        if (!e->id1) return e;
        if (e->tag == tag) {
            const vs__piece *p = &v->piece[e->id1 - 1];
            if (p->len == n && !memcmp(p->s, s, n)) return e;
        }
    }
}

static void enter(vs__vocab *v, uint32_t id, uint64_t h) {
    const vs__piece *p = &v->piece[id];
    *find(v, p->s, p->len, h) = (struct vs__vocab_slot){.tag = (uint32_t)(h >> 32), .id1 = id + 1};
    if (p->len > v->max_len) v->max_len = p->len;
    if (p->len == 2 && !((p->s[0] | p->s[1]) & 0x80)) v->two[p->s[0] * ASCII + p->s[1]] = id + 1;
}

void vs__vocab_put(vs__vocab *v, uint32_t id, const char *s, uint32_t n) {
    v->piece[id].s = s;
    v->piece[id].len = n;
    enter(v, id, hash(s, n));
}

void vs__vocab_index(vs__vocab *v) {
    enum { AHEAD = 16 }; /* slots asked for before they are written: most are not in the cache */
    uint64_t h[AHEAD];
    for (size_t i = 0; i < v->count + AHEAD; i++) {
        if (i >= AHEAD) enter(v, (uint32_t)(i - AHEAD), h[i % AHEAD]);
        if (i < v->count) {
            h[i % AHEAD] = hash(v->piece[i].s, v->piece[i].len);
            __builtin_prefetch(&v->slot[h[i % AHEAD] & v->mask], 1);
        }
    }
}

int32_t vs__vocab_find(const vs__vocab *v, const char *s, size_t n) {
    if (n > v->max_len || !v->slot) return -1;
    if (n == 2 && !((s[0] | s[1]) & 0x80)) return (int32_t)v->two[s[0] * ASCII + s[1]] - 1;
    return (int32_t)find(v, s, n, hash(s, n))->id1 - 1;
}

int32_t vs__model_find(const vs__vocab *v, const char *s, size_t n) {
    int32_t id = vs__vocab_find(v, s, n);
    return id >= 0 && (v->piece[id].flags & VS__PIECE_OUTSIDE) ? -1 : id;
}

void vs__vocab_free(vs__vocab *v) {
    vs_free(v->piece);
    vs_free(v->slot);
    vs_free(v->two);
    *v = (vs__vocab){0};
}
