/* The store: opening, spaces and their cache files, runs, names, SQL. */
#include <sqlite3.h>
#include <sys/stat.h>

#include "store_test.h"

static void cache_path(char path[128], int id) { snprintf(path, 128, "%s-space-%d", db, id); }

/* ---- opening ---- */

static void made_on_first_use(void **state) {
    (void)state;
    vs_store *st = open_store();
    assert_string_equal(vs_store_path(st), db);
    assert_false(vs_store_read_only(st));
    assert_sql(st, "PRAGMA user_version", "4");
    assert_sql(st, "PRAGMA application_id", "1448297296");
    assert_sql(st, "PRAGMA auto_vacuum", "2");
    char log[128];
    snprintf(log, sizeof log, "%s-wal", db);
    assert_int_equal(access(log, F_OK), 0);
    assert_sql(st, "SELECT group_concat(name) FROM (SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY 1)",
               "activations,contexts,models,names,results,runs,spaces,tokens,vectors");
    vs_store_close(st);
    st = open_store();
    assert_sql(st, "SELECT count(*) FROM spaces", "0");
    vs_store_close(st);
    vs_store_close(NULL);
}

static void in_memory(void **state) {
    (void)state;
    vs_store *st;
    OK(vs_store_open(&err, ":memory:", &st));
    OK(store_space(st, "s", 100, 3, 0));
    open_and_check(st, "s", 100, 3, 0);
    vs_store_close(st);
}

static void write_file(const char *path, const void *bytes, size_t n) {
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    fclose(f);
}

static void raw_sql(const char *path, const char *sql) {
    sqlite3 *c;
    assert_int_equal(sqlite3_open(path, &c), SQLITE_OK);
    char *message = NULL;
    if (sqlite3_exec(c, sql, NULL, NULL, &message) != SQLITE_OK) fail_msg("%s: %s", sql, message);
    sqlite3_close(c);
}

static void what_is_not_ours(void **state) {
    (void)state;
    vs_store *st;
    FAILS(vs_store_open(&err, "", &st), VS_E_IO, "path");
    FAILS(vs_store_open(&err, folder, &st), VS_E_IO, "cannot open it");
    char path[128];
    snprintf(path, sizeof path, "%s/none/a.db", folder);
    FAILS(vs_store_open(&err, path, &st), VS_E_IO, "No such file or directory");
    char garbage[4096];
    memset(garbage, 'x', sizeof garbage);
    write_file(db, garbage, sizeof garbage);
    FAILS(vs_store_open(&err, db, &st), VS_E_FORMAT, "not a vecscope file");
    assert_null(st);
    unlink(db);
    raw_sql(db, "CREATE TABLE t (x)");
    FAILS(vs_store_open(&err, db, &st), VS_E_FORMAT, "database of something else");
    unlink(db);
    vs_store_close(open_store());
    raw_sql(db, "PRAGMA user_version = 7");
    FAILS(vs_store_open(&err, db, &st), VS_E_FORMAT, "newer vecscope (file version 7; this one knows up to 4)");
}

static void an_empty_file_is_new(void **state) {
    (void)state;
    write_file(db, "", 0);
    vs_store *st = open_store();
    assert_sql(st, "PRAGMA user_version", "4");
    vs_store_close(st);
}

static void damaged_tables(void **state) {
    (void)state;
    vs_store_close(open_store());
    raw_sql(db, "DROP TABLE spaces; DROP TABLE names; CREATE TABLE names (other)");
    vs_store *st = open_store();
    vs_block *b;
    float *vec;
    size_t dim;
    FAILS(vs_store_space_open(&err, st, "s", NULL, &b), VS_E_FORMAT, "no such table");
    FAILS(vs_store_name_get(&err, st, "n", &vec, &dim, NULL, NULL), VS_E_FORMAT, "no such column");
    vs_store_close(st);
}

/* ---- spaces ---- */

static void spaces_are_written_and_read(void **state) {
    (void)state;
    vs_store *st = open_store();
    OK(store_space(st, "words", 5000, 50, 0));
    vs_space_record r;
    OK(vs_store_space_find(&err, st, "words", &r));
    assert_int_equal(r.rows, 5000);
    assert_int_equal(r.dim, 50);
    assert_string_equal(r.place, "words");
    assert_string_equal(r.source, "x.txt");
    assert_int_equal(r.source_size, 7);
    assert_int_equal(r.source_mtime, 9);
    assert_sql(st, "SELECT space_id, row, key, length(vec) FROM vectors WHERE key = 'k17'", "1,17,k17,200");
    FAILS(vs_store_space_find(&err, st, "other", &r), VS_E_UNKNOWN, "no space named other");
    vs_block *b, *again;
    OK(vs_store_space_open(&err, st, "words", NULL, &b)); /* makes the cache file */
    char path[128];
    cache_path(path, 1);
    assert_int_equal(access(path, R_OK), 0);
    OK(vs_store_space_open(&err, st, "words", NULL, &again)); /* from it */
    vs_store_close(st);
    check_block(b, 5000, 50, 0);
    check_block(again, 5000, 50, 0);
    vs_block_close(b);
    vs_block_close(again);
    vs_block_close(NULL);
}

static void small_spaces(void **state) {
    (void)state;
    vs_store *st = open_store();
    OK(store_space(st, "empty", 0, 3, 0));
    OK(store_space(st, "one", 1, 1, 0));
    OK(store_space(st, "wide", 3, 20000, 0));
    for (int i = 0; i < 2; i++) {
        open_and_check(st, "empty", 0, 3, 0);
        open_and_check(st, "one", 1, 1, 0);
        open_and_check(st, "wide", 3, 20000, 0);
    }
    vs_space_writer *w;
    vs_space_record r = {.name = "none", .dim = 0};
    FAILS(vs_store_space_begin(&err, st, &r, &w), VS_E_SHAPE, "no width");
    r = (vs_space_record){.dim = 3};
    FAILS(vs_store_space_begin(&err, st, &r, &w), VS_E_USAGE, "name");
    vs_store_close(st);
}

static void keys_of_any_bytes(void **state) {
    (void)state;
    vs_store *st = open_store();
    vs_space_record r = {.name = "odd", .dim = 1};
    vs_space_writer *w;
    OK(vs_store_space_begin(&err, st, &r, &w));
    static const struct { const char *s; size_t n; } keys[] = {{"", 0}, {"a\0b", 3}, {"\xff\xfe", 2}, {"né", 3}, {"a", 1}, {"né", 3}};
    for (size_t i = 0; i < 6; i++) OK(vs_store_space_add(&err, w, keys[i].s, keys[i].n, &(float){(float)i}));
    OK(vs_store_space_commit(&err, w, NULL));
    for (int pass = 0; pass < 2; pass++) {
        vs_block *b;
        OK(vs_store_space_open(&err, st, "odd", NULL, &b));
        for (size_t i = 0; i < 6; i++) {
            size_t len, row;
            const char *key = vs_block_key(b, i, &len);
            assert_int_equal(len, keys[i].n);
            assert_memory_equal(key, keys[i].s, len);
            assert_true(vs_block_find(b, key, len, &row));
            assert_int_equal(row, i == 5 ? 3 : i); /* the first row of a name keeps it */
        }
        vs_block_close(b);
    }
    vs_store_close(st);
}

static vs_status add_name(void *arg, const vs_space_record *r) {
    vs_buf_printf(arg, "%s:%zux%zu ", r->name, r->rows, r->dim);
    return VS_OK;
}

static void a_name_is_replaced_whole(void **state) {
    (void)state;
    vs_store *st = open_store();
    OK(store_space(st, "a", 300, 4, 0));
    OK(store_space(st, "b", 10, 4, 0));
    open_and_check(st, "a", 300, 4, 0);
    vs_space_record r = {.name = "a", .dim = 2};
    vs_space_writer *w, *second;
    OK(vs_store_space_begin(&err, st, &r, &w));
    OK(vs_store_space_add(&err, w, "x", 1, (float[]){1, 2}));
    FAILS(vs_store_space_begin(&err, st, &r, &second), VS_E_STATE, "is being stored");
    vs_store_space_abort(w);
    open_and_check(st, "a", 300, 4, 0); /* as it was */
    OK(store_space(st, "a", 200, 5, 0.5f));
    open_and_check(st, "a", 200, 5, 0.5f);
    char path[128];
    cache_path(path, 1);
    assert_int_not_equal(access(path, R_OK), 0); /* the cache of the one before is gone */
    vs_buf names = {0};
    OK(vs_store_spaces(&err, st, add_name, &names));
    assert_string_equal(names.s, "b:10x4 a:200x5 ");
    vs_buf_free(&names);
    assert_sql(st, "SELECT count(*) FROM vectors", "210");
    vs_store_close(st);
}

static int64_t file_size(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 ? (int64_t)info.st_size : -1;
}

static void a_dropped_space_gives_its_disk_back(void **state) {
    (void)state;
    vs_store_close(open_store());
    int64_t empty = file_size(db);
    vs_store *st = open_store();
    OK(store_space(st, "a", 5000, 50, 0));
    sqlite3_wal_checkpoint_v2(vs_store_handle(st), NULL, SQLITE_CHECKPOINT_FULL, NULL, NULL);
    assert_true(file_size(db) > empty + 1000000);
    open_and_check(st, "a", 5000, 50, 0);
    OK(vs_store_space_drop(&err, st, "a"));
    assert_true(file_size(db) <= empty + 65536);
    char path[128];
    cache_path(path, 1);
    assert_int_equal(file_size(path), -1);
    FAILS(vs_store_space_drop(&err, st, "a"), VS_E_UNKNOWN, "no space named a");
    assert_sql(st, "SELECT count(*) FROM vectors", "0");
    OK(store_space(st, "b", 5000, 50, 0));
    sqlite3_wal_checkpoint_v2(vs_store_handle(st), NULL, SQLITE_CHECKPOINT_FULL, NULL, NULL);
    assert_true(file_size(db) > empty + 1000000);
    OK(vs_store_sql(&err, st, "DELETE FROM spaces WHERE name = 'b'", false, NULL, NULL, NULL)); /* by hand */
    assert_sql(st, "SELECT count(*) FROM vectors", "0");
    assert_true(file_size(db) <= empty + 65536);
    vs_store_close(st);
}

/* ---- cache files ---- */

static void stale_and_broken_caches_are_made_again(void **state) {
    (void)state;
    vs_store *st = open_store();
    OK(store_space(st, "a", 100, 3, 0));
    open_and_check(st, "a", 100, 3, 0);
    char path[128];
    cache_path(path, 1);
    unlink(path);
    open_and_check(st, "a", 100, 3, 0);
    int64_t size = file_size(path);
    unsigned char *bytes = malloc((size_t)size), *broken = malloc((size_t)size);
    FILE *f = fopen(path, "rb");
    assert_int_equal(fread(bytes, 1, (size_t)size, f), size);
    fclose(f);
    for (int at = 0; at < 56; at++) { /* every byte of the header counts */
        memcpy(broken, bytes, (size_t)size);
        broken[at] ^= 1;
        write_file(path, broken, (size_t)size);
        open_and_check(st, "a", 100, 3, 0);
    }
    for (int64_t cut = 0; cut < size; cut += 211) {
        write_file(path, bytes, (size_t)cut);
        open_and_check(st, "a", 100, 3, 0);
    }
    /* what lies behind a good header may be anything: no answer is promised, but no crash */
    srand(1);
    for (int i = 0; i < 200; i++) {
        memcpy(broken, bytes, (size_t)size);
        for (int64_t at = 4096 + 1200; at < size; at++) broken[at] = (unsigned char)(rand() & (i % 2 ? 0xff : 0x03));
        write_file(path, broken, (size_t)size);
        vs_block *b;
        OK(vs_store_space_open(&err, st, "a", NULL, &b));
        for (size_t r = 0; r < 101; r++) {
            size_t len, row = 0;
            const char *key = vs_block_key(b, r, &len);
            assert_int_equal(key[len], 0);
            if (vs_block_find(b, key, len, &row)) assert_true(row < 100);
            (void)vs_block_find(b, "absent", 6, &row);
        }
        vs_block_close(b);
    }
    free(bytes);
    free(broken);
    vs_store_close(st);
}

static void vectors_changed_by_hand_are_seen(void **state) {
    (void)state;
    vs_store *st = open_store();
    OK(store_space(st, "a", 100, 1, 0));
    open_and_check(st, "a", 100, 1, 0);
    int64_t changed;
    OK(vs_store_sql(&err, st, "UPDATE vectors SET vec = x'0000803f' WHERE key = 'k7'", false, NULL, NULL, &changed));
    assert_int_equal(changed, 1); /* not what the trigger does behind it */
    vs_block *b;
    size_t n, d;
    OK(vs_store_space_open(&err, st, "a", NULL, &b));
    assert_true(vs_block_rows(b, &n, &d)[7] == 1.0f);
    vs_block_close(b);
    raw_sql(db, "UPDATE vectors SET vec = x'00000040' WHERE key = 'k7'"); /* by another program */
    OK(vs_store_space_open(&err, st, "a", NULL, &b));
    assert_true(vs_block_rows(b, &n, &d)[7] == 2.0f);
    vs_block_close(b);
    raw_sql(db, "DELETE FROM vectors WHERE key = 'k7'");
    FAILS(vs_store_space_open(&err, st, "a", NULL, &b), VS_E_FORMAT, "row 7 of 100 is missing");
    raw_sql(db, "INSERT INTO vectors (id, key, vec) VALUES ((1 << 32) + 7, 'k7', x'0000')");
    FAILS(vs_store_space_open(&err, st, "a", NULL, &b), VS_E_FORMAT, "row 7 holds 2 bytes, want 4");
    raw_sql(db, "UPDATE spaces SET rows = 4000000000");
    FAILS(vs_store_space_open(&err, st, "a", NULL, &b), VS_E_FORMAT, "more than the file holds");
    raw_sql(db, "UPDATE spaces SET rows = -1");
    FAILS(vs_store_space_open(&err, st, "a", NULL, &b), VS_E_FORMAT, "says it has -1 rows");
    vs_store_close(st);
}

static void no_room_for_a_cache_file(void **state) {
    (void)state;
    vs_store *st = open_store();
    OK(store_space(st, "a", 1000, 3, 0));
    char path[128];
    cache_path(path, 1);
    assert_int_equal(mkdir(path, 0700), 0); /* nothing can be renamed to it */
    open_and_check(st, "a", 1000, 3, 0);
    rmdir(path);
    char temp[140];
    snprintf(temp, sizeof temp, "%s.tmp", path);
    write_file(temp, "", 0); /* another process is writing it */
    open_and_check(st, "a", 1000, 3, 0);
    unlink(temp);
    vs_store_close(st);
}

/* ---- contexts ---- */

static vs_status add_context(vs_err *e, void *arg, size_t row, const vs_context *c) {
    (void)e;
    vs_buf_printf(arg, "%zu:%zu:%s:%s:%s@%zu:%zu-%zu;", row, c->line, c->label ? c->label : "-", c->text, c->word, c->at, c->first, c->position);
    return VS_OK;
}

static void contexts(void **state) {
    (void)state;
    vs_store *st = open_store();
    OK(store_space(st, "words", 5, 2, 0));
    vs_space_record r = {.name = "bank@6", .place = "6.resid_pre", .metric = "cosine", .source = "c.txt", .dim = 2, .layered = true, .layer = 6, .edits = "zero 1.mlp_out"};
    vs_space_writer *w;
    OK(vs_store_space_begin(&err, st, &r, &w));
    FAILS(vs_store_space_context(&err, w, &(vs_context){.text = "t", .word = "w"}), VS_E_STATE, "belongs to a row");
    for (size_t i = 0; i < 3; i++) {
        OK(vs_store_space_add(&err, w, "a [bank]", 8, (float[]){(float)i, 1}));
        OK(vs_store_space_context(&err, w, &(vs_context){.text = "a bank", .word = "bank", .label = i ? "river" : NULL, .line = i + 1, .at = 2, .first = i, .position = i + 1}));
    }
    OK(vs_store_space_commit(&err, w, NULL));
    OK(vs_store_space_find(&err, st, "bank@6", &r));
    assert_true(r.layered && r.layer == 6);
    assert_string_equal(r.place, "6.resid_pre");
    assert_string_equal(r.edits, "zero 1.mlp_out");
    OK(vs_store_space_find(&err, st, "words", &r));
    assert_true(!r.layered && !*r.edits);
    vs_buf b = {0};
    OK(vs_store_contexts(&err, st, "bank@6", add_context, &b));
    assert_string_equal(b.s, "0:1:-:a bank:bank@2:0-1;1:2:river:a bank:bank@2:1-2;2:3:river:a bank:bank@2:2-3;");
    vs_buf_clear(&b);
    OK(vs_store_contexts(&err, st, "words", add_context, &b));
    assert_int_equal(b.len, 0);
    FAILS(vs_store_contexts(&err, st, "none", add_context, &b), VS_E_UNKNOWN, "no space named none");
    vs_buf_free(&b);
    assert_sql(st, "SELECT row, site, layer, label, position, vec FROM occurrences WHERE space = 'bank@6'",
               "0,6.resid_pre,6,NULL,1,<8 bytes>;1,6.resid_pre,6,river,2,<8 bytes>;2,6.resid_pre,6,river,3,<8 bytes>");
    /* gone with a row that someone deletes, and with the space */
    vs_store_close(st);
    raw_sql(db, "DELETE FROM vectors WHERE space_id = 2 AND row = 1");
    st = open_store();
    assert_sql(st, "SELECT row FROM contexts", "0;2");
    OK(vs_store_space_drop(&err, st, "bank@6"));
    assert_sql(st, "SELECT count(*) FROM contexts", "0");
    assert_sql(st, "SELECT count(*) FROM vectors", "5");
    vs_store_close(st);
}

/* ---- runs ---- */


static void runs(void **state) {
    (void)state;
    vs_store *st = open_store();
    vs_id run, found;
    vs_run_record r = a_run();
    vs_model_record m = {.path = "m.gguf", .arch = "x", .config = "{}", .size = 5, .mtime = 6, .header_hash = UINT64_MAX};
    vs_id again;
    OK(vs_store_model(&err, st, &m, &r.model));
    OK(vs_store_model(&err, st, &m, &again));
    assert_int_equal(r.model, again);
    m.mtime = 7;
    OK(vs_store_model(&err, st, &m, &again));
    assert_int_not_equal(r.model, again);
    OK(vs_store_run_begin(&err, st, &r, &run));
    FAILS(vs_store_run_begin(&err, st, &r, &found), VS_E_STATE, "is being stored");
    for (int i = 0; i < 10; i++) OK(vs_store_activation(&err, st, run, "resid_pre", i, -1, i % 3, (float[]){1, 2, (float)i}, 3));
    FAILS(vs_store_activation(&err, st, run + 1, "x", 0, 0, 0, (float[]){1}, 1), VS_E_STATE, "is not being stored");
    vs_store_run_abort(st);
    vs_store_run_abort(st);
    assert_sql(st, "SELECT count(*) FROM runs", "0");
    assert_sql(st, "SELECT count(*) FROM activations", "0");
    OK(vs_store_run_done(&err, st, &r, &found));
    assert_int_equal(found, 0);
    OK(vs_store_run_begin(&err, st, &r, &run));
    OK(vs_store_activation(&err, st, run, "resid_pre", 3, -1, 2, (float[]){1, 2, 3}, 3));
    OK(vs_store_activation(&err, st, run, "attn.pattern", 3, 5, 2, (float[]){1}, 1));
    OK(vs_store_run_commit(&err, st));
    FAILS(vs_store_run_commit(&err, st), VS_E_STATE, "no run is being stored");
    assert_sql(st, "SELECT text, ids, edits, seed, threads, isa, version, request, status FROM runs",
               "hi,[2,105,9],zero 1.mlp_out,7,2,avx2,0.1,resid,done");
    assert_sql(st, "SELECT site, layer, head, position, hex(vec) FROM activations", "resid_pre,3,NULL,2,0000803F0000004000004040;attn.pattern,3,5,2,0000803F");
    assert_sql(st, "SELECT group_concat(value) FROM runs, json_each(runs.ids)", "2,105,9");
    OK(vs_store_run_done(&err, st, &r, &found));
    assert_int_equal(found, run);
    r.edits = "";
    OK(vs_store_run_done(&err, st, &r, &found));
    assert_int_equal(found, 0);
    /* segments, the decoder's ids and the mask are of the run too */
    r = a_run();
    r.model = again;
    static const uint8_t types[] = {0, 0, 1}, other_types[] = {0, 1, 1};
    static const int32_t target[] = {4, 5};
    r.types = types;
    r.target = target;
    r.n_target = 2;
    r.mask = "full";
    OK(vs_store_run_begin(&err, st, &r, &run));
    OK(vs_store_run_commit(&err, st));
    assert_sql(st, "SELECT types, target, mask FROM runs WHERE mask <> ''", "[0,0,1],[4,5],full");
    OK(vs_store_run_done(&err, st, &r, &found));
    assert_int_equal(found, run);
    for (int without = 0; without < 3; without++) {
        vs_run_record other = r;
        if (without == 0) other.types = other_types;
        if (without == 1) other.n_target = 1;
        if (without == 2) other.mask = NULL;
        OK(vs_store_run_done(&err, st, &other, &found));
        assert_int_equal(found, 0);
    }
    r = (vs_run_record){0};
    OK(vs_store_run_begin(&err, st, &r, &run)); /* all may be absent */
    OK(vs_store_run_commit(&err, st));
    OK(vs_store_run_done(&err, st, &r, &found));
    assert_int_equal(found, run);
    OK(vs_store_sql(&err, st, "DELETE FROM models", false, NULL, NULL, NULL));
    assert_sql(st, "SELECT count(*) FROM activations", "0");
    vs_store_close(st);
}

/* A file of the first version: its runs are found as they were. */
static void an_older_file(void **state) {
    (void)state;
    vs_store *st = open_store();
    vs_run_record r = a_run();
    vs_id run, found;
    OK(vs_store_run_begin(&err, st, &r, &run));
    OK(vs_store_run_commit(&err, st));
    vs_store_close(st);
    raw_sql(db, "ALTER TABLE runs DROP COLUMN types; ALTER TABLE runs DROP COLUMN target; ALTER TABLE runs DROP COLUMN mask;"
                "DROP TRIGGER vectors_deleted; DROP VIEW occurrences; DROP TABLE contexts;"
                "ALTER TABLE names DROP COLUMN weight; ALTER TABLE spaces DROP COLUMN layer; ALTER TABLE spaces DROP COLUMN edits; CREATE TRIGGER vectors_deleted AFTER DELETE ON vectors BEGIN"
                " UPDATE spaces SET generation = random() WHERE id = old.id >> 32; END;"
                "PRAGMA user_version = 1");
    st = open_store();
    assert_sql(st, "PRAGMA user_version", "4");
    assert_sql(st, "SELECT text, types, target, mask FROM runs", "hi,,,");
    OK(vs_store_run_done(&err, st, &r, &found));
    assert_int_equal(found, run);
    assert_sql(st, "SELECT count(*) FROM occurrences", "0");
    vs_store_close(st);
}

static const char *piece(void *arg, size_t id, size_t *len) {
    const char *const *pieces = arg;
    *len = strlen(pieces[id]);
    return pieces[id];
}

static void tokens(void **state) {
    (void)state;
    vs_store *st = open_store();
    vs_model_record m = {.path = "m.gguf", .arch = "x", .config = "{}"};
    vs_id model;
    OK(vs_store_model(&err, st, &m, &model));
    const char *pieces[] = {"<bos>", " the", "né"};
    for (int i = 0; i < 2; i++) OK(vs_store_tokens(&err, st, model, 3, piece, pieces));
    assert_sql(st, "SELECT id, piece FROM tokens", "0,<bos>;1, the;2,né");
    FAILS(vs_store_tokens(&err, st, 99, 3, piece, pieces), VS_E_STATE, "FOREIGN KEY");
    vs_store_close(st);
}

/* ---- names, results, transactions ---- */

static void names(void **state) {
    (void)state;
    vs_store *st = open_store();
    float *vec;
    size_t dim;
    double weight = 7;
    vs_buf space = {0};
    FAILS(vs_store_name_get(&err, st, "royal", &vec, &dim, NULL, &space), VS_E_UNKNOWN, "$royal is not set");
    OK(vs_store_name_set(&err, st, "royal", "queen - king", "glove", (float[]){1, 2}, 2, 1));
    OK(vs_store_name_set(&err, st, "royal", "queen − king", "glove", (float[]){3, 4, 5}, 3, 0));
    OK(vs_store_name_get(&err, st, "royal", &vec, &dim, &weight, &space));
    assert_true(weight == 0);
    assert_int_equal(dim, 3);
    assert_true(vec[2] == 5.0f);
    assert_string_equal(space.s, "glove");
    vs_free(vec);
    vs_buf_free(&space);
    FAILS(vs_store_name_get(&err, st, "royl", &vec, &dim, NULL, NULL), VS_E_UNKNOWN, "did you mean $royal?");
    OK(vs_store_sql(&err, st, "UPDATE names SET vec = x'00'", false, NULL, NULL, NULL));
    FAILS(vs_store_name_get(&err, st, "royal", &vec, &dim, NULL, NULL), VS_E_FORMAT, "holds no vector");
    OK(vs_store_sql(&err, st, "UPDATE names SET vec = 'abcd'", false, NULL, NULL, NULL));
    FAILS(vs_store_name_get(&err, st, "royal", &vec, &dim, NULL, NULL), VS_E_FORMAT, "holds no vector");
    vs_store_close(st);
}

static void results_in_a_transaction(void **state) {
    (void)state;
    vs_store *st = open_store();
    vs_id run;
    FAILS(vs_store_commit(&err, st), VS_E_STATE, "nothing was begun");
    OK(vs_store_begin(&err, st));
    OK(vs_store_result(&err, st, "facts", "Jordan", "{\"prob\":0.5}", 0, 0));
    vs_run_record r = a_run();
    OK(vs_store_run_begin(&err, st, &r, &run)); /* nested: taken back alone */
    vs_store_run_abort(st);
    OK(vs_store_run_begin(&err, st, &r, &run));
    OK(vs_store_run_commit(&err, st));
    OK(vs_store_commit(&err, st));
    assert_sql(st, "SELECT subject, data ->> 'prob' FROM results", "Jordan,0.5");
    assert_sql(st, "SELECT count(*) FROM runs", "1");
    OK(vs_store_begin(&err, st));
    OK(vs_store_result(&err, st, "facts", "X", "{}", 0, run));
    vs_store_rollback(st);
    vs_store_rollback(st);
    assert_sql(st, "SELECT count(*) FROM results", "1");
    FAILS(vs_store_result(&err, st, "facts", "X", "not JSON", 0, 0), VS_E_FORMAT, "facts");
    FAILS(vs_store_result(&err, st, "facts", "X", "[1]", 0, 0), VS_E_FORMAT, "object is wanted");
    FAILS(vs_store_result(&err, st, "facts", "X", "{}", 0, 99), VS_E_STATE, "FOREIGN KEY");
    vs_store_close(st);
}

/* ---- SQL ---- */

static void sql(void **state) {
    (void)state;
    vs_store *st = open_store();
    int64_t changed;
    assert_sql(st, "", "");
    assert_sql(st, " -- nothing\n ;; ", "");
    assert_sql(st, "SELECT 1, 2.5, 'é', x'0102', NULL; SELECT 2", "1,2.5,é,<2 bytes>,NULL;2");
    OK(vs_store_sql(&err, st, "CREATE TABLE t (x); INSERT INTO t VALUES (1), (2)", false, NULL, NULL, &changed));
    assert_int_equal(changed, 2);
    static const char *const writes[] = {
        "INSERT INTO t VALUES (3)", "DELETE FROM t", "DROP TABLE t", "CREATE TEMP TABLE u (x)", "BEGIN", "COMMIT", "SAVEPOINT s", "VACUUM",
        "ATTACH 'x.db' AS x", "PRAGMA user_version = 9", "PRAGMA journal_mode = delete", "PRAGMA writable_schema = 1", "PRAGMA query_only = 0",
        "PRAGMA incremental_vacuum", "REINDEX", "ANALYZE", "SELECT 1; INSERT INTO t VALUES (3)", "WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a",
        "UPDATE sqlite_master SET sql = 1", "EXPLAIN INSERT INTO t VALUES (3)", "PRAGMA wal_checkpoint", "CREATE VIRTUAL TABLE v USING fts5(x)", "SELECT load_extension('x')"};
    for (size_t i = 0; i < sizeof writes / sizeof *writes; i++) {
        vs_status s = vs_store_sql(&err, st, writes[i], true, NULL, NULL, &changed);
        if (s != VS_E_STATE && s != VS_E_USAGE && s != VS_E_SYNTAX) fail_msg("%s was let through: %d", writes[i], s);
        assert_int_equal(changed, 0);
    }
    assert_sql(st, "SELECT count(*) FROM t", "2");
    assert_int_not_equal(access("x.db", F_OK), 0);
    FAILS(vs_store_sql(&err, st, "SELECT 1; SELEC 2", true, NULL, NULL, NULL), VS_E_SYNTAX, "near \"SELEC\": syntax error (at byte 10");
    FAILS(vs_store_sql(&err, st, "SELECT nope FROM t", true, NULL, NULL, NULL), VS_E_SYNTAX, "no such column: nope (at byte 7");
    FAILS(vs_store_sql(&err, st, "BEGIN; INSERT INTO t VALUES (9)", false, NULL, NULL, NULL), VS_E_STATE, "left a transaction open");
    OK(vs_store_sql(&err, st, "BEGIN; INSERT INTO t VALUES (9); COMMIT", false, NULL, NULL, NULL));
    assert_sql(st, "SELECT count(*) FROM t", "3");
    OK(vs_store_begin(&err, st));
    FAILS(vs_store_sql(&err, st, "COMMIT", false, NULL, NULL, NULL), VS_E_STATE, "a transaction is open");
    OK(vs_store_sql(&err, st, "INSERT INTO t VALUES (10)", false, NULL, NULL, NULL));
    vs_store_rollback(st);
    assert_sql(st, "SELECT count(*) FROM t", "3");
    vs_store_close(st);
}

static vs_status stop_at_3(void *arg, size_t n, const char *const *heads, const vs_sql_value *v) {
    (void)n, (void)heads, (void)v;
    return ++*(int *)arg == 3 ? vs_fail(&err, VS_E_STOPPED, "enough") : VS_OK;
}

static void sql_is_stopped(void **state) {
    (void)state;
    vs_store *st = open_store();
    const char *endless = "WITH RECURSIVE a(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM a) SELECT i FROM a";
    int seen = 0;
    FAILS(vs_store_sql(&err, st, endless, true, stop_at_3, &seen, NULL), VS_E_STOPPED, "enough");
    vs_interrupt();
    vs_status s = vs_store_sql(&err, st, endless, true, NULL, NULL, NULL);
    vs_interrupt_clear();
    assert_int_equal(s, VS_E_STOPPED);
    assert_sql(st, "SELECT 1", "1");
    vs_store_close(st);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(made_on_first_use), TEST(in_memory), TEST(what_is_not_ours), TEST(an_empty_file_is_new),
        TEST(damaged_tables), TEST(spaces_are_written_and_read), TEST(small_spaces), TEST(keys_of_any_bytes),
        TEST(a_name_is_replaced_whole), TEST(a_dropped_space_gives_its_disk_back),
        TEST(stale_and_broken_caches_are_made_again), TEST(vectors_changed_by_hand_are_seen),
        TEST(contexts), TEST(no_room_for_a_cache_file), TEST(runs), TEST(an_older_file), TEST(tokens), TEST(names), TEST(results_in_a_transaction),
        TEST(sql), TEST(sql_is_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
