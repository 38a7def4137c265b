/* room.h - working memory of products, kept from one to the next; private to this room. */
#ifndef VS_TENSOR_ROOM_H
#define VS_TENSOR_ROOM_H

#include <stddef.h>

/* vs__room_take() - `floats` of them, at a multiple of 64 bytes, in no order; NULL where there is no memory.  To be given back.
 * vs__room_give() - what was taken, or NULL, for the next. */
float *vs__room_take(size_t floats);
void vs__room_give(float *at);

#endif
