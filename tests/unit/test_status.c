/* The message of a failure: what, where, one line, cut where it is too long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/status.h"

static void message_and_code(void **state) {
    (void)state;
    vs_err err = {0};
    assert_int_equal(vs_fail(&err, VS_E_SHAPE, "want [%d,%d]", 2, 3), VS_E_SHAPE);
    assert_int_equal(err.code, VS_E_SHAPE);
    assert_string_equal(err.msg, "want [2,3]");
    assert_int_equal(vs_fail(NULL, VS_E_IO, "unheard"), VS_E_IO);
}

static void place_in_front(void **state) {
    (void)state;
    vs_err err = {0};
    (void)vs_fail(&err, VS_E_FORMAT, "bad magic");
    assert_int_equal(vs_fail_in(&err, "%s", "a.gguf"), VS_E_FORMAT);
    assert_string_equal(err.msg, "a.gguf: bad magic");
}

static void long_messages_are_cut(void **state) {
    (void)state;
    static char text[3000];
    memset(text, 'x', sizeof text - 1);
    vs_err err = {0};
    (void)vs_fail(&err, VS_E_FORMAT, "%s", text);
    assert_int_equal(strlen(err.msg), sizeof err.msg - 1);
    memset(text, 'y', sizeof text - 1);
    (void)vs_fail_in(&err, "%s", text);
    assert_int_equal(strlen(err.msg), sizeof err.msg - 1);
    assert_non_null(strstr(err.msg, "yy: xx"));
}

static void every_code_has_words(void **state) {
    (void)state;
    for (int s = 0; s < VS_STATUS_COUNT; s++) assert_true(strlen(vs_status_words((vs_status)s)) > 0);
    assert_string_equal(vs_status_words(VS_STATUS_COUNT), "unknown status");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(message_and_code),
        cmocka_unit_test(place_in_front),
        cmocka_unit_test(long_messages_are_cut),
        cmocka_unit_test(every_code_has_words),
    };
    return cmocka_run_group_tests_name("status", tests, NULL, NULL);
}
