/* writer.c - see format.h: the order of calls, the buffer, the file that is renamed when it is whole. */
#include "writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUFFER = 256 * 1024 };

static const vs__format *const formats[] = {
#define FORMAT(name, words) &vs__format_##name,
#include "formats.def"
#undef FORMAT
};

/* ---- bytes ---- */

static vs_status io_failed(vs_err *err, vs_writer *w, const char *what) {
    w->failed = vs_fail(err, VS_E_IO, "%s: cannot %s: %s", w->path, what, strerror(errno));
    return w->failed;
}

static vs_status write_all(vs_err *err, vs_writer *w, const unsigned char *p, size_t n) {
    while (n) {
        ssize_t k = write(w->fd, p, n);
        if (k < 0 && errno == EINTR) continue;
        if (k < 0) return io_failed(err, w, "write");
        p += k;
        n -= (size_t)k;
    }
    return VS_OK;
}

static vs_status flush(vs_err *err, vs_writer *w) {
    size_t n = w->held;
    w->held = 0;
    return write_all(err, w, w->buf, n);
}

static vs_status append(vs_err *err, vs_writer *w, const void *p, size_t n) {
    if (!n) return VS_OK; /* a record may be empty, and then has no bytes to point at */
    w->at += n;
    if (n > BUFFER - w->held) VS_TRY(flush(err, w));
    if (n >= BUFFER) return write_all(err, w, p, n);
    memcpy(w->buf + w->held, p, n);
    w->held += n;
    return VS_OK;
}

vs_status vs__writer_send(vs_err *err, vs_writer *w, vs_buf *b) {
    vs_status s = b->failed ? vs_fail(err, VS_E_NOMEM, "%s: no memory to write it", w->path) : append(err, w, b->s, b->len);
    vs_buf_free(b);
    return s;
}

static vs_status send_made(vs_err *err, vs_writer *w, vs_status made, vs_buf *b) {
    if (made == VS_OK) return vs__writer_send(err, w, b);
    vs_buf_free(b);
    return made;
}

/* Overwrite bytes that were appended before. */
static vs_status patch(vs_err *err, vs_writer *w, uint64_t at, const void *p, size_t n) {
    uint64_t written = w->at - w->held;
    if (at >= written) {
        memcpy(w->buf + (at - written), p, n);
        return VS_OK;
    }
    if (at + n > written) VS_TRY(flush(err, w));
    ssize_t k = pwrite(w->fd, p, n, (off_t)at);
    return k == (ssize_t)n ? VS_OK : io_failed(err, w, "write");
}

/* ---- opening, closing ---- */

static void free_writer(vs_writer *w) {
    if (w->fd >= 0) close(w->fd);
    for (size_t i = 0; i < w->outs; i++) vs_free(w->out[i].name);
    vs_free(w->out);
    vs_dict_free(&w->names);
    vs_dict_free(&w->keys);
    vs_arena_free(&w->key_names);
    vs_buf_free(&w->meta);
    vs_free(w->buf);
    vs_free(w->path);
    vs_free(w->part);
    vs_free(w);
}

void vs_writer_abort(vs_writer *w) {
    if (!w) return;
    if (w->fd >= 0) (void)unlink(w->part);
    free_writer(w);
}

static const vs__writer_kind *find_kind(const char *format) {
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (!strcmp(formats[i]->name, format)) return formats[i]->writer;
    return NULL;
}

/* Lock the file, so that one process at a time writes it; false too where it was renamed away since it was opened. */
static bool own_part(const vs_writer *w) {
    struct stat opened, named;
    struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(w->fd, F_SETLK, &all) != 0) return errno != EACCES && errno != EAGAIN; /* a file system without locks */
    return fstat(w->fd, &opened) == 0 && stat(w->part, &named) == 0 && opened.st_ino == named.st_ino &&
           opened.st_dev == named.st_dev;
}

static vs_status open_part(vs_err *err, vs_writer *w, const char *path) {
    vs_buf part = {0};
    vs_buf_printf(&part, "%s.part", path);
    w->part = part.s;
    w->path = vs_strdup(path);
    w->buf = vs_alloc(BUFFER, 1);
    if (part.failed || !w->path || !w->buf) return vs_fail(err, VS_E_NOMEM, "%s: no memory to write it", path);
    w->fd = open(w->part, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (w->fd < 0) return vs_fail(err, VS_E_IO, "%s: cannot create: %s", w->part, strerror(errno));
    if (own_part(w)) return VS_OK;
    close(w->fd);
    w->fd = -1; /* not ours to remove */
    return vs_fail(err, VS_E_IO, "%s: another process is writing it", w->part);
}

vs_status vs_writer_open(vs_err *err, const char *path, const char *format, vs_writer **out) {
    *out = NULL;
    const vs__writer_kind *kind = find_kind(format);
    if (!kind) return vs_fail(err, VS_E_UNSUPPORTED, "%s: %s is not written; want safetensors, npz or gguf", path, format);
    vs_writer *w = vs_zalloc(1, sizeof *w);
    if (!w) return vs_fail(err, VS_E_NOMEM, "%s: no memory to write it", path);
    w->kind = kind;
    w->fd = -1;
    vs_status s = open_part(err, w, path);
    if (s != VS_OK)
        vs_writer_abort(w);
    else
        *out = w;
    return s;
}

/* ---- tensors ---- */

static vs_status check_name(vs_err *err, const vs_writer *w, const char *name) {
    size_t n = strlen(name), bad;
    bool ok = n && vs_utf8_valid(name, n, &bad);
    for (size_t i = 0; ok && i < n; i++) ok = (unsigned char)name[i] >= 0x20 && name[i] != 0x7F;
    if (ok) return VS_OK;
    return vs_fail(err, VS_E_FORMAT, "%s: \"%s\" cannot name a tensor; want UTF-8 without control characters", w->path,
                   vs__show(name, n).s);
}

static vs_status fill_out(vs_err *err, vs_writer *w, vs__out *t, const char *name, vs_dtype dtype, int ndim,
                          const size_t *shape) {
    vs_tensor view;
    *t = (vs__out){.dtype = dtype, .ndim = ndim};
    vs_status s = vs_tensor_over(err, NULL, dtype, ndim, shape, &view, &t->bytes);
    if (s != VS_OK) {
        vs_fail_in(err, "%s: tensor %s", w->path, vs__show(name, strlen(name)).s);
        return s;
    }
    memcpy(t->shape, view.shape, sizeof t->shape);
    t->name = vs_strdup(name);
    if (!t->name)
        return vs_fail(err, VS_E_NOMEM, "%s: no memory for tensor %s", w->path, vs__show(name, strlen(name)).s);
    bool added = false;
    if (w->kind->check) s = w->kind->check(err, w, t);
    if (s == VS_OK) s = vs_dict_add(err, &w->names, t->name, strlen(t->name), (uint32_t)w->outs, &added);
    if (s == VS_OK && !added)
        s = vs_fail(err, VS_E_SHAPE, "%s: tensor %s is declared twice", w->path, vs__show(name, strlen(name)).s);
    if (s != VS_OK) vs_free(t->name);
    return s;
}

vs_status vs_writer_declare(vs_err *err, vs_writer *w, const char *name, vs_dtype t, int ndim, const size_t *shape) {
    if (w->begun)
        return vs_fail(err, VS_E_STATE, "%s: tensor %s is declared after the first data", w->path,
                       vs__show(name, strlen(name)).s);
    VS_TRY(check_name(err, w, name));
    if (w->outs == w->room) {
        size_t room = w->room ? 2 * w->room : 16;
        vs__out *bigger = vs_grow(w->out, w->outs, room, sizeof *bigger);
        if (!bigger) return vs_fail(err, VS_E_NOMEM, "%s: no memory for %zu tensors", w->path, room);
        w->out = bigger;
        w->room = room;
    }
    VS_TRY(fill_out(err, w, &w->out[w->outs], name, t, ndim, shape));
    w->outs++;
    return VS_OK;
}

/* ---- metadata ---- */

/* Take the name of a key that is to be written; *is_new: it was not given before. */
static vs_status take_key(vs_err *err, vs_writer *w, const char *key, bool *is_new) {
    size_t n = strlen(key);
    if (w->begun) return vs_fail(err, VS_E_STATE, "%s: key %s is given after the first data", w->path, vs__show(key, n).s);
    const char *copy = vs_arena_strndup(&w->key_names, key, n);
    if (!copy) return vs_fail(err, VS_E_NOMEM, "%s: no memory for its metadata", w->path);
    return vs_dict_add(err, &w->keys, copy, n, (uint32_t)w->metas, is_new);
}

static vs_status new_key(vs_err *err, vs_writer *w, const char *key) {
    bool is_new;
    VS_TRY(take_key(err, w, key, &is_new));
    return is_new ? VS_OK
                  : vs_fail(err, VS_E_FORMAT, "%s: metadata key %s is given twice", w->path, vs__show(key, strlen(key)).s);
}

static vs_status meta_written(vs_err *err, vs_writer *w) {
    w->metas++;
    return w->meta.failed ? vs_fail(err, VS_E_NOMEM, "%s: no memory for its metadata", w->path) : VS_OK;
}

static vs_status no_such_meta(vs_err *err, const vs_writer *w, const char *key) {
    return vs_fail(err, VS_E_UNSUPPORTED, "%s: its format has no place for the metadata key %s", w->path,
                   vs__show(key, strlen(key)).s);
}

static vs_status put_meta(vs_err *err, vs_writer *w, const char *key, vs_meta_type type, const void *values, size_t n,
                          bool array) {
    if (!w->kind->meta || type == VS_META_NONE || type == VS_META_ARRAY) return no_such_meta(err, w, key);
    VS_TRY(new_key(err, w, key));
    VS_TRY(w->kind->meta(err, w, key, type, values, n, array, &w->meta));
    return meta_written(err, w);
}

vs_status vs_writer_meta(vs_err *err, vs_writer *w, const char *key, vs_meta_type type, const void *value) {
    return put_meta(err, w, key, type, value, 1, false);
}

vs_status vs_writer_meta_array(vs_err *err, vs_writer *w, const char *key, vs_meta_type type, const void *values, size_t n) {
    return put_meta(err, w, key, type, values, n, true);
}

vs_status vs_writer_bytes(vs_err *err, vs_writer *w, const char *key, const void *bytes, size_t n) {
    if (w->kind != &vs__writer_gguf) return no_such_meta(err, w, key);
    VS_TRY(new_key(err, w, key));
    vs__write_gguf_bytes(&w->meta, key, bytes, n);
    return meta_written(err, w);
}

vs_status vs_writer_copy_meta(vs_err *err, vs_writer *w, const vs_file *f) {
    const char *key;
    for (size_t i = 0; (key = vs_file_meta_key(f, i)); i++) {
        bool is_new;
        if (!strcmp(key, "general.alignment")) continue;
        if (w->kind != &vs__writer_gguf) return no_such_meta(err, w, key);
        VS_TRY(take_key(err, w, key, &is_new));
        if (!is_new) continue;
        vs_meta m = vs_file_meta(f, key);
        vs__write_gguf_copy(&w->meta, key, &m);
        VS_TRY(meta_written(err, w));
    }
    return VS_OK;
}

/* ---- data ---- */

/* What stands before the data of a tensor that begins at w->at. */
static vs_status before_data(vs_err *err, const vs_writer *w, vs__out *t, vs_buf *b) {
    t->at = w->at;
    return w->kind->open ? w->kind->open(err, w, t, b) : VS_OK;
}

static vs_status open_tensor(vs_err *err, vs_writer *w) {
    if (w->now == w->outs) return VS_OK;
    vs_buf b = {0};
    vs_status made = before_data(err, w, &w->out[w->now], &b);
    return send_made(err, w, made, &b);
}

static vs_status close_tensor(vs_err *err, vs_writer *w, const vs__out *t) {
    return w->kind->crc_at ? patch(err, w, t->at + w->kind->crc_at, &t->crc, sizeof t->crc) : VS_OK;
}

/* Close the tensors whose data are whole, one after the other: some have none. */
static vs_status step(vs_err *err, vs_writer *w) {
    while (w->now < w->outs && w->out[w->now].done == w->out[w->now].bytes) {
        VS_TRY(close_tensor(err, w, &w->out[w->now]));
        w->now++;
        VS_TRY(open_tensor(err, w));
    }
    return VS_OK;
}

/* The file ends at byte `at`, and is written on from there. */
static vs_status cut(vs_err *err, vs_writer *w, uint64_t at) {
    w->at = at;
    if (ftruncate(w->fd, (off_t)at) == 0 && lseek(w->fd, (off_t)at, SEEK_SET) >= 0) return VS_OK;
    return io_failed(err, w, "write");
}

static vs_status begin(vs_err *err, vs_writer *w) {
    if (w->begun) return VS_OK;
    w->begun = true;
    vs_buf b = {0};
    VS_TRY(cut(err, w, 0));
    vs_status made = w->kind->head ? w->kind->head(err, w, &b) : VS_OK;
    VS_TRY(send_made(err, w, made, &b));
    VS_TRY(open_tensor(err, w));
    return step(err, w);
}

static vs_status put(vs_err *err, vs_writer *w, const unsigned char *p, size_t bytes) {
    VS_TRY(begin(err, w));
    while (bytes) {
        if (w->now == w->outs) return vs_fail(err, VS_E_STATE, "%s: %zu bytes more than were declared", w->path, bytes);
        vs__out *t = &w->out[w->now];
        size_t n = bytes < t->bytes - t->done ? bytes : t->bytes - t->done;
        if (w->kind->data) w->kind->data(t, p, n);
        VS_TRY(append(err, w, p, n));
        t->done += n;
        p += n;
        bytes -= n;
        VS_TRY(step(err, w));
    }
    return VS_OK;
}

vs_status vs__writer_text(vs_err *err, vs_writer *w, size_t width) {
    vs__out *t = w->outs ? &w->out[w->outs - 1] : NULL;
    if (!t || w->kind != &vs__writer_npz || (w->begun && w->now + 1 >= w->outs))
        return vs_fail(err, VS_E_STATE, "%s: no array of texts is still to be written", w->path);
    t->text = true;
    t->shape[1] = width;
    if (vs_mul(t->shape[0], width, &t->bytes) && vs_mul(t->bytes, sizeof(uint32_t), &t->bytes)) return VS_OK;
    return vs_fail(err, VS_E_RANGE, "%s: %zu texts of %zu characters", w->path, t->shape[0], width);
}

/* ---- going on ---- */

/* Whether the file holds exactly these bytes from `at` on. */
static bool holds(vs_writer *w, uint64_t at, const char *p, size_t n) {
    while (n) {
        ssize_t k = pread(w->fd, w->buf, n < BUFFER ? n : BUFFER, (off_t)at);
        if (k < 0 && errno == EINTR) continue;
        if (k <= 0 || memcmp(w->buf, p, (size_t)k) != 0) return false;
        p += k;
        n -= (size_t)k;
        at += (uint64_t)k;
    }
    return true;
}

/* Whether tensor t stands whole at w->at, followed by another byte: its CRC was written before that one was.  *end: the
 * byte after its data. */
static vs_status stands(vs_err *err, vs_writer *w, vs__out *t, uint64_t size, bool *whole, uint64_t *end) {
    vs_buf b = {0};
    size_t crc_at = w->kind->crc_at;
    vs_status s = before_data(err, w, t, &b);
    if (s == VS_OK && b.failed) s = vs_fail(err, VS_E_NOMEM, "%s: no memory to go on with it", w->part);
    *whole = s == VS_OK && vs_add(w->at, b.len, end) && vs_add(*end, t->bytes, end) && (crc_at ? *end < size : *end <= size);
    if (*whole && crc_at) {
        *whole = pread(w->fd, &t->crc, sizeof t->crc, (off_t)(t->at + crc_at)) == sizeof t->crc;
        memcpy(b.s + crc_at, &t->crc, sizeof t->crc);
    }
    *whole = *whole && holds(w, w->at, b.s, b.len);
    vs_buf_free(&b);
    return s;
}

/* How many tensors the file holds; w->at: the byte after them. */
static vs_status count_whole(vs_err *err, vs_writer *w, uint64_t size, size_t *n) {
    vs_buf b = {0};
    *n = 0;
    vs_status s = w->kind->head ? w->kind->head(err, w, &b) : VS_OK;
    bool same = s == VS_OK && holds(w, 0, b.s, b.len);
    w->at = b.len;
    vs_buf_free(&b);
    VS_TRY(s);
    for (uint64_t end; same && *n < w->outs; *n += same) {
        VS_TRY(stands(err, w, &w->out[*n], size, &same, &end));
        if (same) w->at = end;
    }
    return VS_OK;
}

static vs_status go_on(vs_err *err, vs_writer *w, size_t group, size_t *whole) {
    struct stat st;
    if (fstat(w->fd, &st) != 0) return io_failed(err, w, "read");
    VS_TRY(count_whole(err, w, (uint64_t)st.st_size, whole));
    *whole -= *whole % group;
    if (!*whole) return begin(err, w);
    w->begun = true;
    for (w->now = 0; w->now < *whole; w->now++) w->out[w->now].done = w->out[w->now].bytes;
    VS_TRY(cut(err, w, w->now < w->outs ? w->out[w->now].at : w->at));
    VS_TRY(open_tensor(err, w));
    return step(err, w);
}

vs_status vs_writer_resume(vs_err *err, vs_writer *w, uint64_t identity, size_t group, size_t *whole) {
    *whole = 0;
    if (w->begun) return vs_fail(err, VS_E_STATE, "%s: data were put before it was asked what is there", w->path);
    w->identity = identity ? identity : 1;
    w->failed = go_on(err, w, group, whole);
    return w->failed;
}

vs_status vs_writer_keep(vs_err *err, vs_writer *w) {
    vs_status s = flush(err, w);
    free_writer(w);
    return s;
}

/* ---- the end ---- */

static vs_status failed_before(vs_err *err, const vs_writer *w) {
    return vs_fail(err, w->failed, "%s: writing it failed before: %s", w->path, vs_status_words(w->failed));
}

vs_status vs_writer_put(vs_err *err, vs_writer *w, const void *data, size_t bytes) {
    if (w->failed) return failed_before(err, w);
    w->failed = put(err, w, data, bytes);
    return w->failed;
}

static vs_status sync_dir(vs_err *err, vs_writer *w) {
    char *slash = strrchr(w->part, '/');
    if (slash) slash[slash == w->part] = '\0';
    int fd = open(slash ? w->part : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return VS_OK; /* a directory that may be written but not read: the rename stands all the same */
    int bad = fsync(fd);
    close(fd);
    return bad && errno != EINVAL ? io_failed(err, w, "sync its directory") : VS_OK;
}

static vs_status finish(vs_err *err, vs_writer *w) {
    if (w->failed) return failed_before(err, w);
    VS_TRY(begin(err, w));
    if (w->now < w->outs) {
        const vs__out *t = &w->out[w->now];
        return vs_fail(err, VS_E_STATE, "%s: tensor %s lacks %zu of its %zu bytes", w->path,
                       vs__show(t->name, strlen(t->name)).s, t->bytes - t->done, t->bytes);
    }
    if (w->kind->end) VS_TRY(w->kind->end(err, w));
    VS_TRY(flush(err, w));
    if (fsync(w->fd) != 0) return io_failed(err, w, "write");
    if (rename(w->part, w->path) != 0) return io_failed(err, w, "rename");
    close(w->fd);
    w->fd = -1; /* nothing left for abort to unlink */
    return sync_dir(err, w);
}

vs_status vs_writer_commit(vs_err *err, vs_writer *w) {
    vs_status s = finish(err, w);
    vs_writer_abort(w);
    return s;
}
