/* cmd_convert.c - convert: a model as a GGUF file or as a directory of the hub, maybe with weights of another type. */
#include <string.h>

#include "commands.h"

static const vs_opt opts[] = {
    {"type", 0, VS_OPT_TEXT, "TYPE", "f32 f16 bf16, in GGUF also q8_0 q5_1 q5_0 q4_1 q4_0 mxfp4 …; without it: as they are",
     NULL, VS_COMPLETE_NONE},
    {NULL, 0, VS_OPT_FLAG, NULL, NULL, NULL, VS_COMPLETE_NONE}};

static vs_status run_convert(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    const char *from = vs_arg(a, 0), *to = vs_arg(a, 1);
    char path[4096];
    vs_converted made;
    VS_TRY(vs_session_model_path(err, s, from, path, sizeof path));
    VS_TRY(vs_convert(err, path, to, vs_text(a, "type"), vs_out_progress(o), &made));
    vs_out_text(o, 0, "to", to);
    vs_out_text(o, 0, "arch", made.arch);
    vs_out_text(o, 0, "format", made.format);
    vs_out_int(o, 0, "tensors", (int64_t)made.tensors);
    vs_out_int(o, 0, "bytes", (int64_t)made.bytes);
    const char *notes[VS_CONVERT_NOTES];
    size_t n = 0;
    for (; n < VS_CONVERT_NOTES && *made.note[n]; n++) notes[n] = made.note[n];
    vs_out_texts(o, VS_COL_JSON_ONLY, "notes", notes, n);
    for (size_t i = 0; i < n; i++) vs_out_note(o, "  %s", notes[i]);
    return VS_OK;
}

static const char *const examples[] = {"convert gemma3-270m gemma.gguf --type q8_0", "convert minilm-l6 minilm.gguf --type f16",
                                       NULL};
const vs_cmd vs_cmd_convert = {
    .name = "convert",
    .group = "session",
    .synopsis = "MODEL OUT.gguf|OUT-dir [--type TYPE]",
    .summary = "a model in the other file format, or with weights of another type",
    .details = "MODEL is a GGUF file, a directory of the hub or a catalogued name.  OUT.gguf opens in llama.cpp, OUT-dir (config.json,\n"
               "model.safetensors, tokenizer.json) in transformers, where they know the family.  Without --type weights stay as they\n"
               "are stored; blocks, which safetensors does not have, become f32.  Norms and biases stay f32 in GGUF.  What is written\n"
               "is opened and compared before it gets its name; what the format has no place for is said.",
    .style = VS_ARGS_WORDS,
    .min_args = 2,
    .max_args = 2,
    .opts = opts,
    .examples = examples,
    .complete = VS_COMPLETE_MODEL,
    .run = run_convert};
