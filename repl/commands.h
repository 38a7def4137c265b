/* commands.h - the table made of commands.def, for main. */
#ifndef VS_REPL_COMMANDS_H
#define VS_REPL_COMMANDS_H

#include "../lib/command.h"

extern const vs_cmd *const vs_command_table[];

/* What quit sets, for the prompt to see. */
bool vs_quit_asked(void);

/* vs_keep_streams() - store the stream at every layer of the texts of a command, as `dump --sites hidden_states` does;
 * in cmd_dump.c. */
vs_status vs_keep_streams(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) VS_MUST_CHECK;

/* The manual, made from the tables (manual.c), appended to b: what --help prints, the page of man, docs/commands.md. */
void vs_usage(vs_buf *b);
void vs_manual_man(vs_buf *b);
void vs_manual_markdown(vs_buf *b);

#endif
