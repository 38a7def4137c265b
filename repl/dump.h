/* dump.h - vectors by site into files and the store, for dump and for commands that make other vectors by site. */
#ifndef VS_REPL_DUMP_H
#define VS_REPL_DUMP_H

#include "../lib/command.h"

/* How the store's request of gradients begins, and the name of an array of them. */
#define VS_GRADIENTS "gradients of "
#define VS_GRADIENT "grad."

/* An array that is of no site: in files under its name, in the store row by row under its site and layer (-1: none). */
typedef struct vs_dump_array {
    char name[96], site[96];
    int layer;
    vs_tensor t; /* f32; its numbers are those of the last run */
} vs_dump_array;

/* Where the vectors come from, when it is not a pass itself. */
typedef struct vs_dump_source {
    /* the vectors of one text at sites keep[n], as a pass that shows them; borrowed until the next call */
    vs_status (*run)(vs_err *err, void *self, const vs_text_input *in, const vs_site *keep, size_t n, vs_mask mask, const vs_pass **out);
    void *self;
    const char *prefix;  /* of the names of arrays and sites: "grad." */
    const char *request; /* in front of the list of sites, as the store knows what was asked */
    const vs_dump_array *more; /* [n_more] behind the sites of each text */
    size_t n_more;
} vs_dump_source;

/* vs_dump_write() - the sites of `list` of each text of a command, to its --to; says where, what, how many.  from NULL: the
 * passes of the texts.  Errors of the passes, of files and of the store. */
vs_status vs_dump_write(vs_err *err, vs_session *s, const vs_args *a, const char *list, const vs_dump_source *from,
                        vs_out *o) VS_MUST_CHECK;

#endif
