/* narrow.h - f32 numbers as narrower types and as quantised blocks: what writing a model needs. */
#ifndef VS_TENSOR_NARROW_H
#define VS_TENSOR_NARROW_H

#include "tensor.h"

/* vs_can_narrow() - whether vs_narrow() makes type t: F32 F16 BF16 Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 TQ1_0 TQ2_0 MXFP4. */
bool vs_can_narrow(vs_dtype t);

/* vs_narrow() - n numbers (whole blocks) as type t, into dst.  The bytes of gguf-py's gguf.quantize(): f16 and bf16 to
 * nearest, ties to even; a block's scale from its largest number, codes to nearest.
 *   src [n] f32   dst [n / block * block_bytes], any alignment; must not overlap src
 * False where a number is not finite or a number or scale is beyond f16 (its bytes are then zeros), or t is no such type.
 * O(n), in the calling thread; the same bits on every machine. */
bool vs_narrow(vs_dtype t, const float *src, void *dst, size_t n) VS_MUST_CHECK;

#endif
