/* world.h - a small world of kings, queens, men and women, told in sentences: a corpus on which arithmetic on words can
 * be seen to emerge. */
#ifndef VS_DATASETS_WORLD_H
#define VS_DATASETS_WORLD_H

#include "../lib/vecscope.h"

/* vs_world_tell() - n sentences, one a line, appended to out; the same for the same seed.
 * Sixteen people: eight roles (ruler, heir, adult, child, noble, cleric, player, servant), a man's and a woman's word for
 * each.  What a sentence says of them depends on the role alone or on being a man or a woman alone, never on both.
 * VS_OK | VS_E_NOMEM. */
vs_status vs_world_tell(vs_err *err, size_t n, uint64_t seed, vs_buf *out) VS_MUST_CHECK;

/* vs_world_pair() - the two words of role i, 0 <= i < 8; false beyond. */
bool vs_world_pair(size_t i, const char **man, const char **woman);

#endif
