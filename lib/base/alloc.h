/* alloc.h - memory: checked sizes, 64-byte alignment, arenas, and a fault to inject.
 *
 * Everything the library allocates comes through here, so that the out-of-memory
 * test can make allocation n fail, for every n, and see each path clean up. */
#ifndef VS_BASE_ALLOC_H
#define VS_BASE_ALLOC_H

#include "status.h"

/* vs_mul() / vs_add() - *out = a*b, a+b; false (and *out = 0) where that overflows. */
bool vs_mul(size_t a, size_t b, size_t *out) VS_MUST_CHECK;
bool vs_add(size_t a, size_t b, size_t *out) VS_MUST_CHECK;

/* vs_alloc() - n*size bytes, aligned to 64, not cleared; NULL when that overflows or memory is short. n*size = 0 gives
 * a valid pointer.  vs_zalloc() clears.  vs_grow() resizes a block of either (contents kept; NULL leaves it alone).
 * vs_alloc_wide() is vs_alloc() for memory that is written whole at once: where it is large the system is asked for large
 * pages, as it would otherwise fill in each small one by itself.  vs_free(NULL) is a no-op.  Owner: the caller.
 * vs_idle() - what is in p[bytes] is wanted no more, the memory may be soon: the system takes it where it is short of it,
 * else it stays, and need not be filled in again. */
void *vs_alloc(size_t n, size_t size) VS_MUST_CHECK;
void *vs_alloc_wide(size_t n, size_t size) VS_MUST_CHECK;
void *vs_zalloc(size_t n, size_t size) VS_MUST_CHECK;
void *vs_grow(void *p, size_t old_n, size_t n, size_t size) VS_MUST_CHECK;
void vs_free(void *p);
void vs_idle(void *p, size_t bytes);

/* vs_strdup() / vs_strndup() - a copy with its NUL. */
char *vs_strdup(const char *s) VS_MUST_CHECK;
char *vs_strndup(const char *s, size_t n) VS_MUST_CHECK;

/* vs_alloc_fail_at() - for tests: let the n-th allocation from now (1 = the next) and all after it fail; 0: never.
 * vs_alloc_count() - allocations since the start. */
void vs_alloc_fail_at(size_t n);
size_t vs_alloc_count(void);

/* An arena: many small allocations, freed at once.  Zero-initialise. */
typedef struct vs_arena {
    struct vs_arena_block *head;
    size_t used; /* bytes handed out, for reports */
} vs_arena;
void *vs_arena_alloc(vs_arena *a, size_t n, size_t size) VS_MUST_CHECK; /* aligned to 16, cleared */
char *vs_arena_strndup(vs_arena *a, const char *s, size_t n) VS_MUST_CHECK;
void vs_arena_free(vs_arena *a);

#endif
