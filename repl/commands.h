/* commands.h - the table made of commands.def, for main. */
#ifndef VS_REPL_COMMANDS_H
#define VS_REPL_COMMANDS_H

#include "../lib/command.h"

extern const vs_cmd *const vs_command_table[];

/* What quit sets, for the prompt to see. */
bool vs_quit_asked(void);

/* The mode of output, for `set output`. */
vs_out *vs_main_out(void);

#endif
