/* hub.h - a model as the Hugging Face hub lays it out: a directory of config.json, safetensors, tokenizer.json.
 *
 * The weights are model.safetensors, or the shards that model.safetensors.index.json lists, or else the only
 * *.safetensors file there; shards stand behind one vs_file, so a caller never sees them. */
#ifndef VS_IO_HUB_H
#define VS_IO_HUB_H

#include "format.h"

typedef struct vs_hub {
    char *dir;
    char *config; /* the text of config.json, NUL-terminated; not parsed here */
    size_t config_size;
    vs_file *tensors;
    char *tokenizer; /* path of tokenizer.json; NULL: there is none */
} vs_hub;

/* vs_hub_open() - open the model in dir.  The fields of *out are read-only and live until vs_hub_close().
 * VS_OK | VS_E_UNKNOWN (no such directory, no config.json, no weights: which) | VS_E_IO | VS_E_FORMAT (what, in which
 * file) | VS_E_UNSUPPORTED | VS_E_NOMEM.  Maps the weights, reads no tensor. */
vs_status vs_hub_open(vs_err *err, const char *dir, vs_hub **out) VS_MUST_CHECK;
void vs_hub_close(vs_hub *hub); /* NULL is a no-op */

#endif
