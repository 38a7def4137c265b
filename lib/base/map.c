/* map.c - see map.h. */
#include "map.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

vs_status vs_map_open(vs_err *err, const char *path, vs_map *out) {
    *out = (vs_map){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return vs_fail(err, errno == ENOENT ? VS_E_UNKNOWN : VS_E_IO, "%s: cannot open: %s", path, strerror(errno));
    struct stat st;
    vs_status s = VS_OK;
    if (fstat(fd, &st) != 0) {
        s = vs_fail(err, VS_E_IO, "%s: %s", path, strerror(errno));
    } else if (!S_ISREG(st.st_mode)) {
        s = vs_fail(err, VS_E_IO, "%s: not a regular file", path);
    } else if (st.st_size > 0) {
        void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (p == MAP_FAILED)
            s = vs_fail(err, VS_E_IO, "%s: cannot map %lld bytes: %s", path, (long long)st.st_size, strerror(errno));
        else
            *out = (vs_map){.bytes = p, .size = (size_t)st.st_size, .owned = true};
    }
    close(fd);
    return s;
}

vs_map vs_map_borrow(const void *bytes, size_t size) { return (vs_map){.bytes = bytes, .size = size}; }

void vs_map_close(vs_map *m) {
    if (m->owned) munmap((void *)(uintptr_t)m->bytes, m->size);
    *m = (vs_map){0};
}

vs_cursor vs_cursor_over(const void *p, size_t size) { return (vs_cursor){.p = p, .size = size}; }

const unsigned char *vs_read_bytes(vs_cursor *c, uint64_t n) {
    if (c->failed || n > c->size - c->at) {
        c->failed = true;
        return NULL;
    }
    const unsigned char *p = c->p + c->at;
    c->at += (size_t)n;
    return p;
}

#define READ(name, type)                                                                                               \
    type name(vs_cursor *c) {                                                                                          \
        type v = 0;                                                                                                    \
        const unsigned char *p = vs_read_bytes(c, sizeof v);                                                           \
        if (p) memcpy(&v, p, sizeof v);                                                                                \
        return v;                                                                                                      \
    }
READ(vs_read_u8, uint8_t)
READ(vs_read_u16, uint16_t)
READ(vs_read_u32, uint32_t)
READ(vs_read_u64, uint64_t)
READ(vs_read_f32, float)
READ(vs_read_f64, double)
