/* room.c - see room.h.  Fresh pages take longer to fill in than they are used, so one piece waits for the next product; two
 * products at once have one each, and the later one is given back. */
#include "room.h"

#include "../base/alloc.h"

#include <stdatomic.h>

typedef struct room {
    size_t floats;
    _Alignas(64) float at[];
} room;
static _Atomic(room *) spare;

float *vs__room_take(size_t floats) {
    room *w = atomic_exchange(&spare, NULL);
    if (w && w->floats >= floats && w->floats / 64 <= floats) return w->at;
    vs_free(w);
    size_t bytes;
    if (!vs_mul(floats, sizeof *w->at, &bytes) || !vs_add(bytes, sizeof *w, &bytes) || !(w = vs_alloc_wide(bytes, 1))) return NULL;
    w->floats = floats;
    return w->at;
}

void vs__room_give(float *at) {
    if (at) vs_free(atomic_exchange(&spare, (room *)((char *)at - offsetof(room, at))));
}
