/* commands.c - the table of commands, from commands.def. */
#include "commands.h"

#define COMMAND(name) extern const vs_cmd vs_cmd_##name;
#include "commands.def"
#undef COMMAND

const vs_cmd *const vs_command_table[] = {
#define COMMAND(name) &vs_cmd_##name,
#include "commands.def"
#undef COMMAND
    NULL,
};
