/* picture.c - points of the plane as a picture: where everything stands is settled once, then written as SVG by hand
 * (its words stay words, and each point says its own under the pointer) or drawn by cairo as PNG. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <cairo/cairo.h>

#include "out.h"

enum {
    WIDTH = 1200,
    HEIGHT = 900,
    LEFT = 60,
    TOP = 64,
    BOTTOM = 56,
    LEGEND = 290,
    GAP = 20,
    LABELS_MAX = 400,
    DENSE = 400
};

/* Colours of groups, the first where there are none: dark enough on white, told apart in grey too. */
static const unsigned color[] = {0x2166AC, 0xD95F02, 0x1B9E3A, 0xC2185B, 0x7B4FB5,
                                 0x0097A7, 0x9A7B00, 0xE05297, 0x5D7B16, 0x555555};
enum { COLORS = sizeof color / sizeof *color };
static const unsigned ink = 0x222222, soft = 0x777777, grid = 0xE4E4E4;

typedef struct box {
    double x0, y0, x1, y1;
} box;

/* A word of the picture: x, y is the left end of its baseline (middle, end: by how much of its width to the left). */
typedef struct words {
    double x, y, size;
    const char *s; /* visible, UTF-8; of the arena */
    unsigned rgb;
    double shift; /* 0 left, 0.5 middle, 1 right */
    bool halo;
} words;

typedef struct picture {
    const vs_scatter *s;
    box field;           /* where points may lie */
    double *px, *py;     /* [n] of each point; NaN: not drawn */
    double radius, size; /* of points, of their words */
    words *word;
    size_t n_words, cap;
    box *taken; /* [LABELS_MAX] of the labels so far */
    size_t n_taken;
    cairo_t *measure;
    vs_arena arena;
    bool failed;
} picture;

/* ---- where everything stands ---- */

static double width_of(picture *p, const char *s, double size) {
    cairo_text_extents_t e;
    cairo_set_font_size(p->measure, size);
    cairo_text_extents(p->measure, s, &e);
    return e.x_advance;
}

static void add_words(picture *p, words w) {
    if (p->n_words == p->cap) {
        p->failed = true;
        return;
    }
    p->word[p->n_words++] = w;
}

/* A text as it is drawn, of at most `most` pixels; of the arena. */
static const char *visible(picture *p, const char *s, double size, double most) {
    vs_buf b = {0};
    vs_put_visible(&b, s[0] == ' ' && s[1] ? s + 1 : s, false);
    while (b.len && most > 0 && width_of(p, b.s, size) > most) {
        size_t end = b.len - 1; /* a character less, and a mark that there was more */
        if (end >= 3 && !memcmp(b.s + b.len - 3, "…", 3)) end = b.len - 4;
        while (end && ((unsigned char)b.s[end] & 0xC0) == 0x80) end--;
        b.len = end;
        b.s[end] = '\0';
        if (end) vs_buf_puts(&b, "…");
        if (!end) break;
    }
    const char *copy = vs_arena_strndup(&p->arena, b.s ? b.s : "", b.len);
    p->failed |= b.failed || !copy;
    vs_buf_free(&b);
    return copy ? copy : "";
}

static bool meet(box a, box b) { return a.x0 < b.x1 && b.x0 < a.x1 && a.y0 < b.y1 && b.y0 < a.y1; }

static bool is_free(const picture *p, box at, size_t own) {
    if (at.x0 < p->field.x0 || at.x1 > p->field.x1 || at.y0 < p->field.y0 || at.y1 > p->field.y1) return false;
    for (size_t k = 0; k < p->n_taken; k++)
        if (meet(at, p->taken[k])) return false;
    double r = p->radius;
    for (size_t i = 0; p->s->n <= DENSE && i < p->s->n; i++)
        if (i != own && meet(at, (box){p->px[i] - r, p->py[i] - r, p->px[i] + r, p->py[i] + r})) return false;
    return true;
}

/* The words of points, of two that are in each other's way the earlier: to the right, the left, above, below, then
 * aslant. */
static void place_labels(picture *p) {
    for (size_t i = 0; i < p->s->n && p->n_taken < LABELS_MAX; i++) {
        const vs_point *q = &p->s->point[i];
        if (!q->label || isnan(p->px[i])) continue;
        const char *s = visible(p, q->label, p->size, 180);
        double w = width_of(p, s, p->size), h = p->size, off = p->radius + 3, x = p->px[i], y = p->py[i];
        const double at[][2] = {{x + off, y - h / 2},           {x - off - w, y - h / 2},
                                {x - w / 2, y - off - h},       {x - w / 2, y + off},
                                {x + off, y - off - h / 2},     {x + off, y + off - h / 2},
                                {x - off - w, y - off - h / 2}, {x - off - w, y + off - h / 2}};
        for (size_t k = 0; k < sizeof at / sizeof *at; k++) {
            box b = {at[k][0] - 1, at[k][1] - 1, at[k][0] + w + 1, at[k][1] + h + 1};
            if (!w || !is_free(p, b, i)) continue;
            p->taken[p->n_taken++] = b;
            add_words(p, (words){.x = at[k][0],
                                 .y = at[k][1] + 0.8 * h,
                                 .size = p->size,
                                 .s = s,
                                 .rgb = p->s->n_groups ? color[q->group % COLORS] : ink,
                                 .halo = true});
            break;
        }
    }
}

/* Points into the field; scaled: by one measure for both axes. */
static void place_points(picture *p) {
    double low[2] = {INFINITY, INFINITY}, high[2] = {-INFINITY, -INFINITY}, scale[2];
    const vs_scatter *s = p->s;
    for (size_t i = 0; i < s->n; i++)
        for (int a = 0; a < 2; a++) {
            double v = a ? s->point[i].y : s->point[i].x;
            if (!isfinite(v)) continue;
            low[a] = fmin(low[a], v);
            high[a] = fmax(high[a], v);
        }
    const double room[2] = {p->field.x1 - p->field.x0 - 2 * GAP, p->field.y1 - p->field.y0 - 2 * GAP};
    for (int a = 0; a < 2; a++) scale[a] = high[a] > low[a] ? room[a] / (high[a] - low[a]) : (double)INFINITY;
    if (s->scaled) scale[0] = scale[1] = fmin(scale[0], scale[1]);
    for (int a = 0; a < 2; a++)
        if (isinf(scale[a])) scale[a] = 0;
    double cx = (p->field.x0 + p->field.x1) / 2, cy = (p->field.y0 + p->field.y1) / 2;
    for (size_t i = 0; i < s->n; i++) {
        p->px[i] = cx + (s->point[i].x - (low[0] + high[0]) / 2) * scale[0];
        p->py[i] = cy - (s->point[i].y - (low[1] + high[1]) / 2) * scale[1];
        if (!isfinite(p->px[i]) || !isfinite(p->py[i])) p->px[i] = p->py[i] = (double)NAN;
    }
}

static void place_rest(picture *p) {
    const vs_scatter *s = p->s;
    double x = p->field.x1 + GAP, middle = (p->field.x0 + p->field.x1) / 2;
    if (s->title)
        add_words(
            p, (words){
                   .x = p->field.x0, .y = 40, .size = 22, .s = visible(p, s->title, 22, WIDTH - 2 * LEFT), .rgb = ink});
    if (s->x_axis)
        add_words(p, (words){.x = middle,
                             .y = HEIGHT - 20,
                             .size = 15,
                             .s = visible(p, s->x_axis, 15, WIDTH - 2 * LEFT),
                             .rgb = soft,
                             .shift = 0.5});
    for (size_t g = 0; g < s->n_groups; g++) {
        double y = p->field.y0 + 16 + 24 * (double)g;
        if (y > p->field.y1) break;
        add_words(
            p,
            (words){
                .x = x + 16, .y = y, .size = 14, .s = visible(p, s->group[g], 14, LEGEND - 2 * GAP - 16), .rgb = ink});
    }
}

static vs_status arrange(vs_err *err, picture *p) {
    const vs_scatter *s = p->s;
    p->field = (box){LEFT, TOP, WIDTH - LEFT / 2 - (s->n_groups ? LEGEND : 0), HEIGHT - BOTTOM};
    p->radius = s->n <= 60 ? 5 : s->n <= DENSE ? 4 : s->n <= 3000 ? 2.5 : 1.6;
    p->size = s->n <= 60 ? 16 : s->n <= DENSE ? 13 : 12;
    p->cap = LABELS_MAX + 2 + s->n_groups;
    p->px = vs_arena_alloc(&p->arena, s->n, sizeof *p->px);
    p->py = vs_arena_alloc(&p->arena, s->n, sizeof *p->py);
    p->word = vs_arena_alloc(&p->arena, p->cap, sizeof *p->word);
    p->taken = vs_arena_alloc(&p->arena, LABELS_MAX, sizeof *p->taken);
    if (!p->px || !p->py || !p->word || !p->taken)
        return vs_fail(err, VS_E_NOMEM, "no memory for a picture of %zu points", s->n);
    place_points(p);
    place_labels(p);
    place_rest(p);
    return p->failed ? vs_fail(err, VS_E_NOMEM, "no memory for a picture of %zu points", s->n) : VS_OK;
}

static unsigned rgb_of(const picture *p, size_t i) {
    return p->s->n_groups ? color[p->s->point[i].group % COLORS] : color[0];
}

/* ---- SVG ---- */

static void put_xml(vs_buf *b, const char *s) {
    for (; *s; s++) switch (*s) {
        case '&': vs_buf_puts(b, "&amp;"); break;
        case '<': vs_buf_puts(b, "&lt;"); break;
        case '>': vs_buf_puts(b, "&gt;"); break;
        default: vs_buf_putc(b, *s);
        }
}

static void put_svg_words(vs_buf *b, const words *w, const char *more) {
    static const char *const anchor[] = {"start", "middle", "end"};
    vs_buf_printf(b, "<text x=\"%.1f\" y=\"%.1f\" font-size=\"%.0f\" fill=\"#%06x\" text-anchor=\"%s\"%s%s>", w->x,
                  w->y, w->size, w->rgb, anchor[(int)(2 * w->shift)],
                  w->halo ? " paint-order=\"stroke\" stroke=\"#fff\" stroke-width=\"3\"" : "", more);
    put_xml(b, w->s);
    vs_buf_puts(b, "</text>\n");
}

static void svg(picture *p, vs_buf *b) {
    const vs_scatter *s = p->s;
    vs_buf_printf(
        b,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" "
        "font-family=\"DejaVu Sans, Verdana, sans-serif\">\n<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n"
        "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"none\" stroke=\"#%06x\"/>\n",
        WIDTH, HEIGHT, WIDTH, HEIGHT, p->field.x0, p->field.y0, p->field.x1 - p->field.x0, p->field.y1 - p->field.y0,
        grid);
    for (size_t i = 0; i < s->n; i++) {
        if (isnan(p->px[i])) continue;
        vs_buf_printf(b, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\" fill=\"#%06x\" fill-opacity=\"0.75\">", p->px[i],
                      p->py[i], p->radius, rgb_of(p, i));
        if (s->point[i].label) {
            vs_buf_puts(b, "<title>");
            put_xml(b, visible(p, s->point[i].label, 0, 0));
            vs_buf_puts(b, "</title>");
        }
        vs_buf_puts(b, "</circle>\n");
    }
    for (size_t g = 0; g < s->n_groups && p->field.y0 + 16 + 24 * (double)g <= p->field.y1; g++)
        vs_buf_printf(b, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"6\" fill=\"#%06x\"/>\n", p->field.x1 + GAP,
                      p->field.y0 + 11 + 24 * (double)g, color[g % COLORS]);
    for (size_t k = 0; k < p->n_words; k++) put_svg_words(b, &p->word[k], "");
    if (s->y_axis) {
        words w = {
            .x = 0, .y = 0, .size = 15, .s = visible(p, s->y_axis, 15, HEIGHT - 2 * TOP), .rgb = soft, .shift = 0.5};
        char turn[80];
        snprintf(turn, sizeof turn, " transform=\"translate(34 %.1f) rotate(-90)\"", (p->field.y0 + p->field.y1) / 2);
        put_svg_words(b, &w, turn);
    }
    vs_buf_puts(b, "</svg>\n");
    b->failed |= p->failed;
}

static vs_status write_svg(vs_err *err, const char *path, picture *p) {
    vs_buf b = {0};
    svg(p, &b);
    if (b.failed) {
        vs_buf_free(&b);
        return vs_fail(err, VS_E_NOMEM, "%s: no memory for the picture", path);
    }
    FILE *f = fopen(path, "wb");
    bool ok = f && fwrite(b.s, 1, b.len, f) == b.len;
    if (f) ok = fclose(f) == 0 && ok;
    vs_buf_free(&b);
    return ok ? VS_OK : vs_fail(err, VS_E_IO, "cannot write %s: %s", path, strerror(errno));
}

/* ---- PNG ---- */

static void set_rgb(cairo_t *c, unsigned rgb, double alpha) {
    cairo_set_source_rgba(c, (rgb >> 16) / 255.0, (rgb >> 8 & 255) / 255.0, (rgb & 255) / 255.0, alpha);
}

static void draw_words(cairo_t *c, const words *w) {
    cairo_text_extents_t e;
    cairo_set_font_size(c, w->size);
    cairo_text_extents(c, w->s, &e);
    double x = w->x - w->shift * e.x_advance;
    if (w->halo) {
        cairo_move_to(c, x, w->y);
        cairo_text_path(c, w->s);
        set_rgb(c, 0xFFFFFF, 0.9);
        cairo_set_line_width(c, 3);
        cairo_stroke(c);
    }
    cairo_move_to(c, x, w->y);
    set_rgb(c, w->rgb, 1);
    cairo_show_text(c, w->s);
}

static void draw(cairo_t *c, picture *p) {
    const vs_scatter *s = p->s;
    const double whole = 2 * acos(-1);
    set_rgb(c, 0xFFFFFF, 1);
    cairo_paint(c);
    set_rgb(c, grid, 1);
    cairo_set_line_width(c, 1);
    cairo_rectangle(c, p->field.x0 + 0.5, p->field.y0 + 0.5, p->field.x1 - p->field.x0, p->field.y1 - p->field.y0);
    cairo_stroke(c);
    for (size_t i = 0; i < s->n; i++) {
        if (isnan(p->px[i])) continue;
        cairo_new_path(c);
        cairo_arc(c, p->px[i], p->py[i], p->radius, 0, whole);
        set_rgb(c, rgb_of(p, i), 0.75);
        cairo_fill(c);
    }
    for (size_t g = 0; g < s->n_groups && p->field.y0 + 16 + 24 * (double)g <= p->field.y1; g++) {
        cairo_new_path(c);
        cairo_arc(c, p->field.x1 + GAP, p->field.y0 + 11 + 24 * (double)g, 6, 0, whole);
        set_rgb(c, color[g % COLORS], 1);
        cairo_fill(c);
    }
    for (size_t k = 0; k < p->n_words; k++) draw_words(c, &p->word[k]);
    if (!s->y_axis) return;
    cairo_translate(c, 34, (p->field.y0 + p->field.y1) / 2);
    cairo_rotate(c, -whole / 4);
    draw_words(c, &(words){.size = 15, .s = visible(p, s->y_axis, 15, HEIGHT - 2 * TOP), .rgb = soft, .shift = 0.5});
}

/* A context to draw in, or to measure words with. */
static cairo_t *context(int width, int height) {
    cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, width, height);
    cairo_t *c = cairo_create(surface);
    cairo_surface_destroy(surface); /* the context holds it */
    cairo_select_font_face(c, "DejaVu Sans", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
    return c;
}

static vs_status write_png(vs_err *err, const char *path, picture *p) {
    cairo_t *c = context(WIDTH, HEIGHT);
    draw(c, p);
    errno = 0;
    cairo_status_t status = cairo_status(c);
    if (status == CAIRO_STATUS_SUCCESS) status = cairo_surface_write_to_png(cairo_get_target(c), path);
    const char *why = status == CAIRO_STATUS_WRITE_ERROR && errno ? strerror(errno) : cairo_status_to_string(status);
    cairo_destroy(c);
    if (status == CAIRO_STATUS_NO_MEMORY) return vs_fail(err, VS_E_NOMEM, "%s: no memory for the picture", path);
    return status == CAIRO_STATUS_SUCCESS ? VS_OK : vs_fail(err, VS_E_IO, "cannot write %s: %s", path, why);
}

static bool ends_in(const char *path, const char *end) {
    size_t n = strlen(path), m = strlen(end);
    return n > m && !strcmp(path + n - m, end);
}

vs_status vs_paint(vs_err *err, const char *path, const vs_scatter *s) {
    bool png = ends_in(path, ".png");
    if (!png && !ends_in(path, ".svg")) return vs_fail(err, VS_E_USAGE, "%s: a picture is a file .svg or .png", path);
    picture p = {.s = s, .measure = context(1, 1)};
    vs_status status = arrange(err, &p);
    if (status == VS_OK) status = png ? write_png(err, path, &p) : write_svg(err, path, &p);
    cairo_destroy(p.measure);
    vs_arena_free(&p.arena);
    return status;
}
