/* fuzz_line.c - any bytes as lines typed at the prompt, over the built-in words: a session, the whole table of commands.
 * Commands that write files, go to the network or read other files than their own are left out of the table.
 * covers: lib/command.c lib/command_lex.c */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../repl/commands.h"
#include "../../repl/out.h"
#include "fuzz.h"

/* What may be called: everything that keeps its hands off the disk. */
static bool harmless(const vs_cmd *c) {
    static const char *const left_out[] = {"dump", "export", "fetch", "source", "open", "each"};
    for (size_t i = 0; i < sizeof left_out / sizeof *left_out; i++)
        if (!strcmp(c->name, left_out[i])) return false;
    return true;
}

static const vs_cmd **table_of_these(void) {
    static const vs_cmd *table[128];
    for (size_t i = 0, n = 0; vs_command_table[i] && n + 1 < sizeof table / sizeof *table; i++)
        if (harmless(vs_command_table[i])) table[n++] = vs_command_table[i];
    return table;
}

/* Each answer as all three sinks show it. */
static void show(void *self, const vs_out *o) {
    static const vs_look plain = {.width = 80, .height = 24}, fancy = {.color = true, .blocks = true, .cut = true, .width = 40, .height = 10};
    (void)self;
    vs_buf b = {0};
    vs_show_json(o, &b);
    for (const char *p = b.s; p && *p; p += strcspn(p, "\n") + 1) { /* an object a line */
        json_t *j = json_loads(p, JSON_DISABLE_EOF_CHECK, NULL);
        if (*p == '{' && !j) __builtin_trap();
        json_decref(j);
    }
    vs_show_csv(o, &b);
    vs_show_tty(o, &plain, &b);
    vs_show_tty(o, &fancy, &b);
    vs_buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static vs_session *session;
    vs_err err = {0};
    if (!session) {
        vs_commands_set(table_of_these());
        vs_threads_set(1);
        if (vs_session_new(&err, NULL, &session) != VS_OK) abort();
    }
    if (size > 4096 || memmem(data, size, "--write", 7)) return 0; /* SQL that writes may attach any file */
    vs_out o = {.sink = {.data = size && (data[0] & 1), .width = 80, .show = show}};
    vs_status s = vs_execute(&err, session, (const char *)data, size, &o);
    if (s != VS_OK && (!err.msg[0] || strpbrk(err.msg, "\n\r"))) __builtin_trap();
    if (o.n) __builtin_trap(); /* shown or forgotten */
    vs_out_free(&o);
    vs_settings *set = vs_session_settings(session);
    set->k = 10;
    set->exact_key = false;
    vs_threads_set(1);
    return 0;
}
