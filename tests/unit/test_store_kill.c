/* Killed twenty times in the middle of writing: the file opens, every finished run and space is whole, none is half, and
 * what was finished before the kill is there. */
#include <signal.h>
#include <time.h>

#include "store_test.h"

enum { ROUNDS = 20, SPACE_ROWS = 700, SPACE_DIM = 6 };

/* Run i has so many activations; its text says so. */
static int activations_of(int i) { return 1 + i * 7919 % 300; }

static vs_status write_run(vs_store *st, int i) {
    char text[32];
    int32_t token = i;
    snprintf(text, sizeof text, "%d", activations_of(i));
    vs_run_record r = {.text = text, .ids = &token, .n_ids = 1, .request = "kill"};
    vs_id run, done;
    VS_TRY(vs_store_run_done(&err, st, &r, &done));
    if (done) return VS_OK; /* a resumed dump leaves out what is there */
    float vec[600] = {(float)i};
    VS_TRY(vs_store_run_begin(&err, st, &r, &run));
    for (int k = 0; k < activations_of(i); k++) VS_TRY(vs_store_activation(&err, st, run, "resid_pre", k, -1, 0, vec, 600));
    return vs_store_run_commit(&err, st);
}

/* Runs from the first on, and a space that is replaced after every fourth, until killed; each finished run is told. */
static void write_until_killed(int tell) {
    vs_store *st;
    if (vs_store_open(&err, db, &st) != VS_OK) _exit(1);
    for (int i = 0;; i++) {
        if (write_run(st, i) != VS_OK) _exit(2);
        if (write(tell, &i, sizeof i) != sizeof i) _exit(3);
        if (i % 4 == 0 && store_space(st, "s", SPACE_ROWS, SPACE_DIM, (float)i) != VS_OK) _exit(4);
        if (i % 8 == 0) {
            vs_block *b;
            if (vs_store_space_open(&err, st, "s", NULL, &b) != VS_OK) _exit(5);
            vs_block_close(b);
        }
    }
}

static void space_is_whole(vs_store *st) {
    vs_block *b;
    vs_space_record r;
    vs_status s = vs_store_space_find(&err, st, "s", &r);
    if (s == VS_E_UNKNOWN) return; /* killed before the first was stored */
    OK(s);
    OK(vs_store_space_open(&err, st, "s", NULL, &b));
    size_t n, d;
    float shift = *vs_block_rows(b, &n, &d);
    check_block(b, SPACE_ROWS, SPACE_DIM, shift);
    vs_block_close(b);
}

static void killed_twenty_times(void **state) {
    (void)state;
    srand(20);
    int last = -1, rounds_with_runs = 0;
    for (int round = 0; round < ROUNDS; round++) {
        int tell[2], i, before = last;
        assert_int_equal(pipe(tell), 0);
        fflush(NULL);
        pid_t child = fork();
        if (child == 0) {
            close(tell[0]);
            write_until_killed(tell[1]);
        }
        close(tell[1]);
        nanosleep(&(struct timespec){.tv_nsec = (rand() % 120 + 1) * 1000000L}, NULL);
        kill(child, SIGKILL);
        int status;
        waitpid(child, &status, 0);
        assert_true(WIFSIGNALED(status));
        while (read(tell[0], &i, sizeof i) == sizeof i)
            if (i > last) last = i;
        close(tell[0]);
        rounds_with_runs += last > before;

        vs_store *st = open_store();
        char query[200];
        snprintf(query, sizeof query, "SELECT count(*) >= %d, count(*) <= %d, count(DISTINCT ids) = count(*), coalesce(min(status), 'done') FROM runs", last + 1, last + 2);
        assert_sql(st, query, "1,1,1,done");
        assert_sql(st, "SELECT count(*) FROM runs WHERE CAST(text AS INTEGER) <> (SELECT count(*) FROM activations WHERE run = runs.id)", "0");
        assert_sql(st, "SELECT count(*) FROM activations WHERE run NOT IN (SELECT id FROM runs) OR length(vec) <> 2400", "0");
        assert_sql(st, "SELECT count(*) FROM vectors WHERE space_id NOT IN (SELECT id FROM spaces)", "0");
        assert_sql(st, "PRAGMA integrity_check", "ok");
        space_is_whole(st);
        vs_store_close(st);
    }
    assert_true(rounds_with_runs >= ROUNDS / 4); /* the kills met work being done */
}

int main(void) {
    const struct CMUnitTest tests[] = {TEST(killed_twenty_times)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
