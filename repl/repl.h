/* repl.h - the prompt. */
#ifndef VS_REPL_REPL_H
#define VS_REPL_REPL_H

#include "../lib/command.h"

/* vs_repl() - readline at a terminal: history kept between sessions, completion, Ctrl-C stops the running command and
 * nothing else, Ctrl-D leaves.  vs_repl_pipe() - lines from standard input without a prompt; stops at the first failure
 * unless told to go on.  Both return the exit code. */
int vs_repl(vs_session *s, vs_out *o);
int vs_repl_pipe(vs_session *s, bool keep_going, vs_out *o);

/* vs_prompt_text() - "gemma3-270m[2 edits]> ": the current model, and how many edits are in force; in bold with color. */
void vs_prompt_text(vs_session *s, bool color, char *buf, size_t size);

/* vs_complete_word() - what the word line[start..end) may become, for readline: NULL-ended array of malloc'ed strings,
 * or NULL; *files: file names are wanted instead. */
char **vs_complete_line(vs_session *s, const char *line, size_t start, size_t end, bool *files);

#endif
