/* writer.h - what writes tensors: one stream of bytes, one kind of container; internal to io. */
#ifndef VS_IO_WRITER_H
#define VS_IO_WRITER_H

#include "file.h"

typedef struct vs__out {
    char *name;
    vs_dtype dtype;
    int ndim;
    size_t shape[VS_MAX_DIMS];
    size_t bytes, done; /* of its data; how many were put */
    uint64_t at;        /* where it begins in the file, with what stands before its data */
    uint32_t crc;       /* npz: of its header and its data */
    size_t head;        /* npz: bytes of its npy header */
    bool text;          /* npz: the last axis, of code points, is a text (npy.h) */
} vs__out;

struct vs_writer {
    const vs__writer_kind *kind;
    char *path, *part; /* part: the name until commit */
    int fd;
    bool begun;
    uint64_t identity;      /* of what the data come from, 0: none given; the file's head holds it */
    vs_status failed;       /* the first failure; nothing is written after it */
    vs__out *out;           /* as declared */
    size_t outs, room, now; /* now: the tensor that is being put */
    vs_dict names;
    vs_buf meta; /* the metadata as they stand in the file */
    size_t metas;
    vs_dict keys;
    vs_arena key_names;
    uint64_t at; /* bytes written so far, those in buf included */
    unsigned char *buf;
    size_t held; /* bytes in buf */
};

struct vs__writer_kind {
    vs_status (*check)(vs_err *err, const vs_writer *w,
                       const vs__out *t);                      /* may refuse a tensor when it is declared; or NULL */
    vs_status (*meta)(vs_err *err, const vs_writer *w, const char *key, vs_meta_type type, const void *values, size_t n,
                      bool array, vs_buf *b); /* append a key to the metadata; or NULL: there are none */
    vs_status (*head)(vs_err *err, const vs_writer *w, vs_buf *b);               /* append what begins the file; or NULL */
    vs_status (*open)(vs_err *err, const vs_writer *w, vs__out *t, vs_buf *b);   /* append what stands before t's data, with
                                                                                    t->at set; or NULL */
    void (*data)(vs__out *t, const void *p, size_t n);                           /* sees the data pass; or NULL */
    size_t crc_at;                               /* where t->crc stands, from t->at; written when it is known; 0: nowhere */
    vs_status (*end)(vs_err *err, vs_writer *w); /* after the last; or NULL */
};

/* vs__writer_text() - say of the last tensor, declared as u32 [n, 1], that it holds texts of `width` code points.  Before the
 * data of the one before it are whole.  npz alone.  VS_OK | VS_E_STATE | VS_E_RANGE. */
vs_status vs__writer_text(vs_err *err, vs_writer *w, size_t width) VS_MUST_CHECK;

extern const vs__writer_kind vs__writer_npz, vs__writer_safetensors, vs__writer_gguf;

/* GGUF's records of a key: as another file has it; an array of bytes. */
void vs__write_gguf_copy(vs_buf *b, const char *key, const vs_meta *m);
void vs__write_gguf_bytes(vs_buf *b, const char *key, const void *bytes, size_t n);

/* The longest safetensors header: one of 100,000 tensors takes 12 MB, and parsing takes up to forty times its text. */
#define VS__SAFETENSORS_HEADER ((size_t)16 << 20)

/* vs__writer_send() - append b to the file and free it. */
vs_status vs__writer_send(vs_err *err, vs_writer *w, vs_buf *b) VS_MUST_CHECK;

#endif
