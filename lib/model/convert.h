/* convert.h - a model written in another file format, or with weights of another type. */
#ifndef VS_MODEL_CONVERT_H
#define VS_MODEL_CONVERT_H

#include "../base/parallel.h"
#include "model.h"

enum { VS_CONVERT_NOTES = 4 };
typedef struct vs_converted {
    const char *arch, *format; /* "gguf", "safetensors"; static */
    size_t tensors;
    uint64_t bytes;                             /* of the file with the weights */
    char note[VS_CONVERT_NOTES][160];           /* what the format has no place for, and was left out; "" ends them */
} vs_converted;

/* vs_convert() - the model at `from` (a GGUF file, a directory of the hub) as `to`: a GGUF file where that ends in .gguf,
 * else a directory in the hub's layout (config.json, model.safetensors, tokenizer.json, tokenizer_config.json).
 *   type: "q8_0", "bf16", … for the matrices; NULL: as they are stored, and f32 for blocks that go into safetensors.
 *         Norms, biases, positions stay f32 in GGUF, as its readers want them; a matrix whose rows are not whole blocks
 *         becomes f16.
 * Names, transforms and numbers come from the family's rows (arch.h).  Everything is written into the directory TO.part,
 * opened again, held against the source (numbers, layers, parts), and renamed when it agrees: `to` is never half a model.
 * A GGUF file that is there already is replaced, a directory is not; `from` itself is refused, and so is a TO.part that no
 * conversion left.
 * VS_OK | VS_E_UNSUPPORTED (the family has no such format; a type that cannot be written; a number or weight that the format
 * has no place for) | VS_E_STATE (to is there, or is the source; TO.part is somebody else's) |
 * VS_E_BUSY (another process writes it) | VS_E_RANGE (a weight beyond f16) | VS_E_IO | VS_E_STOPPED,
 * and those of vs_model_open().  Streams: memory for some rows; one matrix where its axes are exchanged. */
vs_status vs_convert(vs_err *err, const char *from, const char *to, const char *type, const vs_progress *p,
                     vs_converted *out) VS_MUST_CHECK;

#endif
