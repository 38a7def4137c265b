/* vecscope.h - the public interface, in layers.
 *
 *   simple     a session: open a model or a space by name, evaluate an expression, ask for neighbours     session.h
 *   explicit   models, tokenizers, spaces and the store as objects of their own        model/model.h text/tokenizer.h
 *                                                                                       space/space.h store/store.h
 *   advanced   passes with sites kept and edits made, gradients               model/run.h model/sample.h model/grad.h
 *
 * Every call that can fail returns a vs_status and fills a vs_err (base/status.h).  Numbers are f32 unless a
 * declaration says otherwise; letters are the field's: T positions, d model width, H heads, dh head width,
 * f MLP width, V vocabulary, L layers. */
#ifndef VS_VECSCOPE_H
#define VS_VECSCOPE_H

#define VS_VERSION "0.1.0"

#include "base/alloc.h"
#include "base/parallel.h"
#include "base/status.h"
#include "base/str.h"
#include "io/format.h"
#include "model/convert.h"
#include "model/grad.h"
#include "model/model.h"
#include "model/run.h"
#include "model/sample.h"
#include "numeric/clusters.h"
#include "numeric/geometry.h"
#include "numeric/kmeans.h"
#include "numeric/rng.h"
#include "session.h"
#include "space/among.h"
#include "space/analogy.h"
#include "space/axis.h"
#include "space/bag.h"
#include "space/expr.h"
#include "space/layout.h"
#include "space/relation.h"
#include "space/senses.h"
#include "space/space.h"
#include "space/train_words.h"
#include "store/store.h"
#include "tensor/cpu.h"
#include "tensor/kernels.h"
#include "text/tokenizer.h"

#endif
