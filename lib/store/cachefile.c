/* cachefile.c - a stored space as contiguous memory.
 *
 * SQLite's pages are not contiguous, so a space that is opened leaves a file beside the
 * database that is: PATH-space-ID, mapped as it is.  It holds nothing that the tables do
 * not hold; deleting it costs the time of making it again.  Little-endian:
 *
 *   u64  magic "VSSPACE1"
 *   u64  generation   of the space when the file was made: another in the table means stale
 *   u64  rows n, u64 dim d, u64 slots c (a power of two), u64 key bytes k
 *   u64  vs_hash() of the above
 *   f32  [n,d]        at 4096
 *   u64  [c]          at the next multiple of 64: the hash index, open addressing with linear probing;
 *                     the upper half of the key's vs_hash(), below it row + 1; 0: empty
 *   u32  [n+1]        at the next multiple of 64: where each key begins, and the end of the last
 *   byte [k]          at the next multiple of 64: the keys, each with a NUL behind it
 *
 * Opening checks the header and that the sizes make up the file, whatever its length; what
 * the index and the offsets say is checked where it is used. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../base/map.h"
#include "store_impl.h"

enum { ROWS_AT = 4096, ALIGNED = 64, STALE_SECONDS = 600, POLL_ROWS = 8192, PIECE = 1 << 20 };

typedef struct header {
    char magic[8];
    uint64_t generation, rows, dim, slots, key_bytes, check;
} header;
static const char MAGIC[8] = {'V', 'S', 'S', 'P', 'A', 'C', 'E', '1'};

struct vs_block {
    const float *rows;
    const uint64_t *slot;
    const uint32_t *begin;
    const char *keys;
    size_t n, d, slots, key_bytes;
    vs_map map;   /* the file all of these lie in, or */
    void *own[4]; /* the memory they lie in */
};

/* Where the parts lie, and how long the file is; false where that overflows. */
typedef struct layout {
    size_t row_bytes, slots_at, begin_at, keys_at, size;
} layout;

static bool after(size_t at, size_t n, size_t size, size_t *out) {
    size_t bytes;
    if (!vs_mul(n, size, &bytes) || !vs_add(at, bytes, out) || !vs_add(*out, ALIGNED - 1, out)) return false;
    *out -= *out % ALIGNED;
    return true;
}

static bool lay_out(size_t n, size_t d, size_t slots, size_t key_bytes, layout *out) {
    return vs_mul(d, sizeof(float), &out->row_bytes) && after(ROWS_AT, n, out->row_bytes, &out->slots_at) &&
           after(out->slots_at, slots, sizeof(uint64_t), &out->begin_at) && n < SIZE_MAX &&
           after(out->begin_at, n + 1, sizeof(uint32_t), &out->keys_at) && vs_add(out->keys_at, key_bytes, &out->size);
}

void vs__cache_path(const vs_store *st, vs_id space, vs_buf *out) {
    if (!st->in_memory) vs_buf_printf(out, "%s-space-%lld", st->path, (long long)space);
}

static uint64_t check_of(const header *h) { return vs_hash(h, offsetof(header, check)); }

/* ---- using a block ---- */

const float *vs_block_rows(const vs_block *b, size_t *n, size_t *d) {
    *n = b->n;
    *d = b->d;
    return b->rows;
}

const char *vs_block_key(const vs_block *b, size_t row, size_t *len) {
    *len = 0;
    if (row >= b->n) return "";
    size_t from = b->begin[row], to = b->begin[row + 1];
    if (from >= to || to > b->key_bytes || b->keys[to - 1]) return "";
    *len = to - from - 1;
    return b->keys + from;
}

bool vs_block_find(const vs_block *b, const char *key, size_t n, size_t *row) {
    uint64_t h = vs_hash(key, n);
    for (size_t tried = 0, i = (size_t)h; tried < b->slots; tried++, i++) {
        uint64_t slot = b->slot[i & (b->slots - 1)];
        if (!slot) return false;
        if (slot >> 32 != h >> 32) continue;
        size_t len, r = (size_t)(uint32_t)slot - 1;
        const char *other = vs_block_key(b, r, &len);
        if (len == n && r < b->n && !memcmp(other, key, n)) {
            *row = r;
            return true;
        }
    }
    return false;
}

void vs_block_close(vs_block *b) {
    if (!b) return;
    vs_map_close(&b->map);
    for (size_t i = 0; i < sizeof b->own / sizeof *b->own; i++) vs_free(b->own[i]);
    vs_free(b);
}

/* ---- a file that is there ---- */

/* Point b into the mapped file, or say that it is not (any more) the file of this space. */
static bool view(vs_block *b, const vs_space_record *s) {
    header h;
    layout at;
    if (b->map.size < ROWS_AT) return false;
    memcpy(&h, b->map.bytes, sizeof h);
    if (memcmp(h.magic, MAGIC, sizeof MAGIC) || h.check != check_of(&h) || h.generation != (uint64_t)s->generation) return false;
    if (h.rows != s->rows || h.dim != s->dim || !h.slots || (h.slots & (h.slots - 1)) || h.key_bytes > UINT32_MAX) return false;
    if (!lay_out((size_t)h.rows, (size_t)h.dim, (size_t)h.slots, (size_t)h.key_bytes, &at) || at.size != b->map.size) return false;
    const unsigned char *p = b->map.bytes;
    b->n = (size_t)h.rows;
    b->d = (size_t)h.dim;
    b->slots = (size_t)h.slots;
    b->key_bytes = (size_t)h.key_bytes;
    b->rows = (const float *)(const void *)(p + ROWS_AT);
    b->slot = (const uint64_t *)(const void *)(p + at.slots_at);
    b->begin = (const uint32_t *)(const void *)(p + at.begin_at);
    b->keys = (const char *)(p + at.keys_at);
    return true;
}

static bool open_file(vs_block *b, const char *path, const vs_space_record *s) {
    if (vs_map_open(NULL, path, &b->map) != VS_OK) return false;
    if (view(b, s)) return true;
    vs_map_close(&b->map);
    return false;
}

/* ---- making one ---- */

/* The rows go to a file as they are read, or to memory; keys and index are built in memory either way. */
typedef struct builder {
    int fd; /* -1: to memory */
    float *rows;
    char *piece; /* what is not yet written */
    size_t piece_len;
    bool write_failed;
    uint64_t *slot;
    uint32_t *begin;
    vs_buf keys;
    size_t slots;
} builder;

static void put(builder *w, const void *p, size_t n) {
    const char *s = p;
    while (n && !w->write_failed) {
        ssize_t k = write(w->fd, s, n);
        if (k < 0 && errno == EINTR) continue;
        if (k <= 0) w->write_failed = true;
        s += k > 0 ? k : 0;
        n -= k > 0 ? (size_t)k : 0;
    }
}

static void put_row(builder *w, size_t row, const void *vec, size_t bytes) {
    if (w->fd < 0) {
        memcpy((char *)w->rows + row * bytes, vec, bytes);
        return;
    }
    if (w->piece_len + bytes > PIECE) {
        put(w, w->piece, w->piece_len);
        w->piece_len = 0;
    }
    if (bytes > PIECE) {
        put(w, vec, bytes);
    } else {
        memcpy(w->piece + w->piece_len, vec, bytes);
        w->piece_len += bytes;
    }
}

static void index_key(builder *w, const char *key, size_t n, size_t row) {
    uint64_t h = vs_hash(key, n);
    size_t i = (size_t)h & (w->slots - 1);
    while (w->slot[i]) {
        size_t r = (size_t)(uint32_t)w->slot[i] - 1;
        if (w->slot[i] >> 32 == h >> 32 && w->begin[r + 1] - w->begin[r] == n + 1 && !memcmp(w->keys.s + w->begin[r], key, n))
            return; /* the first row of a name keeps it */
        i = (i + 1) & (w->slots - 1);
    }
    w->slot[i] = (h & ~(uint64_t)UINT32_MAX) | (row + 1);
}

static vs_status take_row(vs_err *err, vs_store *st, const vs_space_record *s, sqlite3_stmt *q, size_t row, builder *w) {
    size_t bytes = s->dim * sizeof(float), have = (size_t)sqlite3_column_bytes(q, 2);
    if (sqlite3_column_int64(q, 0) != (vs__first_id(s->id) | (int64_t)row))
        return vs_fail(err, VS_E_FORMAT, "%s: space %s: row %zu of %zu is missing", st->path, s->name, row, s->rows);
    if (have != bytes || sqlite3_column_type(q, 2) != SQLITE_BLOB)
        return vs_fail(err, VS_E_FORMAT, "%s: space %s: row %zu holds %zu bytes, want %zu", st->path, s->name, row, have, bytes);
    put_row(w, row, sqlite3_column_blob(q, 2), bytes);
    const char *key = (const char *)sqlite3_column_text(q, 1);
    size_t n = (size_t)sqlite3_column_bytes(q, 1);
    vs_buf_put(&w->keys, key ? key : "", n);
    vs_buf_putc(&w->keys, '\0');
    if (w->keys.failed) return vs_fail(err, VS_E_NOMEM, "space %s: no memory for its keys", s->name);
    if (w->keys.len > UINT32_MAX) return vs_fail(err, VS_E_RANGE, "space %s: its keys are longer than 4 GiB", s->name);
    w->begin[row + 1] = (uint32_t)w->keys.len;
    index_key(w, w->keys.s + w->begin[row], n, row);
    return VS_OK;
}

static vs_status read_rows(vs_err *err, vs_store *st, const vs_space_record *s, const vs_progress *p, builder *w) {
    sqlite3_stmt *q;
    VS_TRY(vs__statement(err, st, VS__VECTORS_READ, &q));
    sqlite3_bind_int64(q, 1, vs__first_id(s->id));
    sqlite3_bind_int64(q, 2, vs__first_id(s->id) | (int64_t)(s->rows ? s->rows - 1 : 0));
    vs_status status = VS_OK;
    for (size_t row = 0; row < s->rows && status == VS_OK && !w->write_failed; row++) {
        int rc = sqlite3_step(q);
        if (rc == SQLITE_ROW)
            status = take_row(err, st, s, q, row, w);
        else if (rc == SQLITE_DONE)
            status = vs_fail(err, VS_E_FORMAT, "%s: space %s: row %zu of %zu is missing", st->path, s->name, row, s->rows);
        else
            status = vs__store_fail(err, st, rc, "read a space");
        if (row % POLL_ROWS == 0) {
            vs_tick(p, s->name, row, s->rows);
            if (vs_interrupted()) status = vs_fail(err, VS_E_STOPPED, "space %s: stopped", s->name);
        }
    }
    sqlite3_reset(q);
    return status;
}

/* The sizes stand in a table that others may have written: rows that would not fit into the file are not there. */
static vs_status start(vs_err *err, vs_store *st, const vs_space_record *s, builder *w) {
    int64_t pages, page;
    size_t least;
    VS_TRY(vs__pragma(err, st, "PRAGMA page_count", &pages));
    VS_TRY(vs__pragma(err, st, "PRAGMA page_size", &page));
    if (!vs_mul(s->dim * sizeof(float), s->rows, &least) || least > (uint64_t)pages * (uint64_t)page)
        return vs_fail(err, VS_E_FORMAT, "%s: space %s says it has %zu rows of %zu numbers, more than the file holds", st->path,
                       s->name, s->rows, s->dim);
    for (w->slots = 16; w->slots / 3 * 2 < s->rows;) w->slots *= 2;
    w->slot = vs_zalloc(w->slots, sizeof *w->slot);
    w->begin = vs_zalloc(s->rows + 1, sizeof *w->begin);
    if (w->fd < 0)
        w->rows = vs_alloc(least, 1);
    else
        w->piece = vs_alloc(PIECE, 1);
    if (!w->slot || !w->begin || (!w->rows && !w->piece))
        return vs_fail(err, VS_E_NOMEM, "space %s: no memory for %zu rows of %zu numbers", s->name, s->rows, s->dim);
    return VS_OK;
}

static void drop_builder(builder *w) {
    vs_free(w->rows);
    vs_free(w->piece);
    vs_free(w->slot);
    vs_free(w->begin);
    vs_buf_free(&w->keys);
}

static vs_status build_in_memory(vs_err *err, vs_store *st, const vs_space_record *s, const vs_progress *p, vs_block *b) {
    builder w = {.fd = -1};
    vs_status status = start(err, st, s, &w);
    if (status == VS_OK) status = read_rows(err, st, s, p, &w);
    if (status != VS_OK) {
        drop_builder(&w);
        return status;
    }
    b->rows = b->own[0] = w.rows;
    b->slot = b->own[1] = w.slot;
    b->begin = b->own[2] = w.begin;
    b->keys = b->own[3] = w.keys.s;
    b->n = s->rows;
    b->d = s->dim;
    b->slots = w.slots;
    b->key_bytes = w.keys.len;
    return VS_OK;
}

/* Zeros up to the multiple of 64 at which the next part begins. */
static void pad(builder *w, size_t bytes) {
    static const char zeros[ALIGNED];
    if (bytes % ALIGNED) put(w, zeros, ALIGNED - bytes % ALIGNED);
}

static void write_rest(builder *w, const vs_space_record *s) {
    header h = {.generation = (uint64_t)s->generation, .rows = s->rows, .dim = s->dim, .slots = w->slots, .key_bytes = w->keys.len};
    memcpy(h.magic, MAGIC, sizeof MAGIC);
    h.check = check_of(&h);
    put(w, w->piece, w->piece_len);
    pad(w, s->rows * s->dim * sizeof(float));
    put(w, w->slot, w->slots * sizeof *w->slot);
    pad(w, w->slots * sizeof *w->slot);
    put(w, w->begin, (s->rows + 1) * sizeof *w->begin);
    pad(w, (s->rows + 1) * sizeof *w->begin);
    put(w, w->keys.s, w->keys.len);
    /* the header goes to the disk after what it speaks of, and the name after both: a power cut leaves the old file or none */
    if (!w->write_failed && (fdatasync(w->fd) != 0 || pwrite(w->fd, &h, sizeof h, 0) != (ssize_t)sizeof h || fdatasync(w->fd) != 0))
        w->write_failed = true;
}

/* A new file to write under a name of its own; -1 where that cannot be, or another process is at it. */
static int begin_file(const char *path) {
    for (int tries = 0; tries < 2; tries++) {
        int fd = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0666);
        struct stat info;
        if (fd >= 0 || errno != EEXIST || stat(path, &info) != 0 || time(NULL) - info.st_mtime < STALE_SECONDS) return fd;
        unlink(path); /* left by a process that was killed */
    }
    return -1;
}

/* *made: whether b is the new file; where it could not be written it is not, and that is no failure. */
static vs_status build_file(vs_err *err, vs_store *st, const char *path, const vs_space_record *s, const vs_progress *p, vs_block *b,
                            bool *made) {
    *made = false;
    vs_buf temp = {0};
    vs_buf_printf(&temp, "%s.tmp", path);
    if (temp.failed) return vs_fail(err, VS_E_NOMEM, "space %s: out of memory", s->name);
    builder w = {.fd = begin_file(temp.s)};
    vs_status status = VS_OK;
    if (w.fd >= 0) {
        static const char zeros[ROWS_AT];
        put(&w, zeros, sizeof zeros);
        status = start(err, st, s, &w);
        if (status == VS_OK) status = read_rows(err, st, s, p, &w);
        if (status == VS_OK && !w.write_failed) write_rest(&w, s);
        close(w.fd);
        *made = status == VS_OK && !w.write_failed && open_file(b, temp.s, s) && rename(temp.s, path) == 0;
        if (!*made) {
            vs_map_close(&b->map);
            unlink(temp.s);
        }
        drop_builder(&w);
    }
    vs_buf_free(&temp);
    return status;
}

static vs_status open_block(vs_err *err, vs_store *st, const char *name, const vs_progress *p, vs_block *b) {
    vs_space_record s;
    VS_TRY(vs_store_space_find(err, st, name, &s));
    vs_buf path = {0};
    vs__cache_path(st, s.id, &path);
    bool done = false;
    vs_status status = path.failed ? vs_fail(err, VS_E_NOMEM, "space %s: out of memory", name) : VS_OK;
    if (status == VS_OK && path.len) {
        done = open_file(b, path.s, &s);
        if (!done) status = build_file(err, st, path.s, &s, p, b, &done);
    }
    if (status == VS_OK && !done) status = build_in_memory(err, st, &s, p, b);
    vs_buf_free(&path);
    return status;
}

vs_status vs_store_space_open(vs_err *err, vs_store *st, const char *name, const vs_progress *p, vs_block **out) {
    *out = NULL;
    vs_block *b = vs_zalloc(1, sizeof *b);
    if (!b) return vs_fail(err, VS_E_NOMEM, "space %s: out of memory", name);
    vs_sql_mode was = st->mode;
    st->mode = VS__SQL_OWN;
    /* one view of the file from the record to the last row, whatever other processes write; where SQL functions open a
     * space, the statement that runs has it */
    bool begin = was == VS__SQL_OWN;
    vs_status s = begin ? vs__exec(err, st, "SAVEPOINT reading", "read a space") : VS_OK;
    if (s == VS_OK) {
        s = open_block(err, st, name, p, b);
        if (begin) sqlite3_exec(st->db, "RELEASE reading", NULL, NULL, NULL);
    }
    st->mode = was;
    if (s == VS_OK)
        *out = b;
    else
        vs_block_close(b);
    return s;
}
