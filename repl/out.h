/* out.h - the sinks: what a command recorded, as a terminal shows it, as JSON, as CSV. */
#ifndef VS_REPL_OUT_H
#define VS_REPL_OUT_H

#include "../lib/command_impl.h"

typedef enum vs_mode { VS_MODE_TTY, VS_MODE_JSON, VS_MODE_CSV } vs_mode;

/* The look of the terminal, from the environment and its size now. */
typedef struct vs_look {
    bool color;  /* a terminal, no NO_COLOR, TERM not dumb */
    bool blocks; /* coloured Unicode blocks for bars and heatmaps: that and UTF-8 */
    bool paged;  /* long answers go through $PAGER */
    bool cut; /* nothing is wider than the terminal: bars and texts of tables give way, prose and pictures are broken */
    int width, height;
} vs_look;
vs_look vs_look_of(int fd);

/* vs_out_open() - an output of the given mode onto stdout, progress onto stderr.  vs_out_mode() - change the mode. */
void vs_out_open(vs_out *o, vs_mode mode);
void vs_out_mode(vs_out *o, vs_mode mode);
/* vs_out_resize() - look again how wide the terminal is. */
void vs_out_resize(vs_out *o);
/* vs_out_line() - make stderr ready for a line of its own after work that ended early: the progress bar is wiped away;
 * without one and with `begun` (text of ours, or the terminal's ^C, may stand on the line) a new line is begun. */
void vs_out_line(bool begun);

/* vs_columns() - terminal columns of s[n] (wide characters count two, combining ones none). */
int vs_columns(const char *s, size_t n);

/* vs_cluster_end() - the character of s[n] at byte i with the marks upon it: the byte behind them. */
size_t vs_cluster_end(const char *s, size_t n, size_t i);

/* vs_put_visible() - a text as a person can see it, appended to b: controls, characters without a picture and halves of
 * characters as \\n, \\xNN, \\uNNNN, a mark that would stand on nothing on ◌; a piece's leading blank as ·. */
void vs_put_visible(vs_buf *b, const char *s, bool piece);

/* vs_put_prose() - a line of prose, appended to b, broken at blanks where the terminal ends; what follows begins where the
 * line began. */
void vs_put_prose(vs_buf *b, const char *s, const vs_look *look);

/* vs_heat() - a matrix as rows of coloured blocks (or digits without colour), appended to b. */
void vs_heat(const vs_item *m, const vs_look *look, vs_buf *b);

/* vs_scatter_tty() - points in the rows of a terminal, with their words and the names of their groups, appended to b. */
void vs_scatter_tty(const vs_scatter *s, const vs_look *look, vs_buf *b);

/* vs_paint() - points as a picture of 1200 x 900: SVG or PNG by the end of the file's name.  VS_OK | VS_E_USAGE | VS_E_IO |
 * VS_E_NOMEM. */
vs_status vs_paint(vs_err *err, const char *path, const vs_scatter *s) VS_MUST_CHECK;

/* vs_group_mark() - the character of a group: 1 to 9, a to z, then +. */
char vs_group_mark(size_t group);

/* vs_item_has() - whether any column of a table lacks the flag `without`: whether there is something to show. */
bool vs_item_has(const vs_item *t, unsigned without);

/* One finished answer as text, appended to b. */
void vs_show_tty(const vs_out *o, const vs_look *look, vs_buf *b);
void vs_show_json(const vs_out *o, vs_buf *b);
void vs_show_csv(const vs_out *o, vs_buf *b);

#endif
