/* alloc.c - see alloc.h. */
#define _DEFAULT_SOURCE /* madvise */
#include "alloc.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define ALIGN ((size_t)64)
#define WIDE_PAGE ((size_t)2 << 20)
#define ARENA_BLOCK ((size_t)64 * 1024)

static atomic_size_t alloc_count, alloc_fail_at;

bool vs_mul(size_t a, size_t b, size_t *out) {
    bool overflow = __builtin_mul_overflow(a, b, out);
    if (overflow) *out = 0;
    return !overflow;
}

bool vs_add(size_t a, size_t b, size_t *out) {
    bool overflow = __builtin_add_overflow(a, b, out);
    if (overflow) *out = 0;
    return !overflow;
}

void vs_alloc_fail_at(size_t n) { atomic_store(&alloc_fail_at, n ? atomic_load(&alloc_count) + n : 0); }
size_t vs_alloc_count(void) { return atomic_load(&alloc_count); }

static bool must_fail(void) {
    size_t now = atomic_fetch_add(&alloc_count, 1) + 1, at = atomic_load(&alloc_fail_at);
    return at && now >= at;
}

static void *aligned_to(size_t align, size_t n, size_t size) {
    size_t bytes;
    if (!vs_mul(n, size, &bytes) || bytes > SIZE_MAX - align || must_fail()) return NULL;
    bytes = (bytes + align - 1) / align * align;
    return aligned_alloc(align, bytes ? bytes : align);
}

void *vs_alloc(size_t n, size_t size) { return aligned_to(ALIGN, n, size); }

void *vs_alloc_wide(size_t n, size_t size) {
    size_t bytes;
    if (!vs_mul(n, size, &bytes) || bytes < 2 * WIDE_PAGE) return vs_alloc(n, size);
    void *p = aligned_to(WIDE_PAGE, n, size);
#ifdef MADV_HUGEPAGE
    if (p) (void)madvise(p, bytes, MADV_HUGEPAGE); /* a wish: without it nothing is lost but time */
#endif
    return p;
}

void *vs_zalloc(size_t n, size_t size) {
    void *p = vs_alloc(n, size);
    if (p) memset(p, 0, n * size);
    return p;
}

void *vs_grow(void *p, size_t old_n, size_t n, size_t size) {
    void *q = vs_alloc(n, size);
    if (q && p) {
        memcpy(q, p, (old_n < n ? old_n : n) * size);
        vs_free(p);
    }
    return q;
}

void vs_free(void *p) { free(p); }

void vs_idle(void *p, size_t bytes) {
#ifdef MADV_FREE
    size_t skip = (WIDE_PAGE - (uintptr_t)p % WIDE_PAGE) % WIDE_PAGE; /* whole pages alone */
    if (bytes >= skip + WIDE_PAGE) (void)madvise((char *)p + skip, (bytes - skip) / WIDE_PAGE * WIDE_PAGE, MADV_FREE);
#else
    (void)p, (void)bytes;
#endif
}

char *vs_strndup(const char *s, size_t n) {
    char *p = vs_alloc(n + 1, 1);
    if (p) {
        memcpy(p, s, n);
        p[n] = '\0';
    }
    return p;
}

char *vs_strdup(const char *s) { return vs_strndup(s, strlen(s)); }

struct vs_arena_block {
    struct vs_arena_block *next;
    size_t used, size;
    _Alignas(16) unsigned char bytes[];
};

void *vs_arena_alloc(vs_arena *a, size_t n, size_t size) {
    size_t bytes;
    if (!vs_mul(n, size, &bytes) || bytes > SIZE_MAX / 2) return NULL;
    bytes = (bytes + 15) & ~(size_t)15;
    struct vs_arena_block *b = a->head;
    if (!b || b->size - b->used < bytes) {
        size_t want = bytes > ARENA_BLOCK ? bytes : ARENA_BLOCK;
        b = vs_alloc(1, sizeof *b + want);
        if (!b) return NULL;
        *b = (struct vs_arena_block){.next = a->head, .size = want};
        a->head = b;
    }
    void *p = b->bytes + b->used;
    b->used += bytes;
    a->used += bytes;
    memset(p, 0, bytes);
    return p;
}

char *vs_arena_strndup(vs_arena *a, const char *s, size_t n) {
    char *p = n == SIZE_MAX ? NULL : vs_arena_alloc(a, n + 1, 1);
    if (p) memcpy(p, s, n);
    return p;
}

void vs_arena_free(vs_arena *a) {
    while (a->head) {
        struct vs_arena_block *b = a->head;
        a->head = b->next;
        vs_free(b);
    }
    a->used = 0;
}
