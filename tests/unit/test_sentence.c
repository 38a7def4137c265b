/* Sentences of running text, by the rules of sentence.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "text/sentence.h"

/* The sentences of a text, | behind each; a line break inside one as /. */
static void splits(const char *text, const char *want) {
    vs_buf b = {0};
    size_t at = 0, begin, end, n = strlen(text), last = 0;
    while (vs_sentence_next(text, n, &at, &begin, &end)) {
        assert_true(begin >= last && begin < end && end <= at && at <= n);
        last = at;
        for (size_t i = begin; i < end; i++) vs_buf_putc(&b, text[i] == '\n' ? '/' : text[i]);
        vs_buf_putc(&b, '|');
    }
    assert_string_equal(b.s ? b.s : "", want);
    vs_buf_free(&b);
}

static void by_the_rules(void **state) {
    (void)state;
    splits("", "");
    splits(" \n\n \t", "");
    splits("One. Two! Three? Four", "One.|Two!|Three?|Four|");
    splits("  It cost 3.14 pounds. It was cheap.\n", "It cost 3.14 pounds.|It was cheap.|");
    splits("Mr. Smith met Dr. J. R. Jones of the U.S. Navy, e.g. at sea. So do I. Yes.", "Mr. Smith met Dr. J. R. Jones of the U.S. Navy, e.g. at sea.|So do I.|Yes.|");
    splits("\"Come!\" he said. \"Why?\" (She went.) Then…  nothing. …", "\"Come!\" he said.|\"Why?\"|(She went.)|Then…  nothing.|…|");
    splits("Really?! No... well. Fine.", "Really?!|No... well.|Fine.|");
    splits("A line\nthat goes on.\nNext\n\na new paragraph\n \n\nand one more", "A line/that goes on.|Next|a new paragraph|and one more|");
    splits("彼は銀行に行った。川の土手に座った。", "彼は銀行に行った。|川の土手に座った。|");
    splits("End.", "End.|");
    splits("...", "...|");
    splits("\xff. \xfe", "\xff. \xfe|");
}

/* Any bytes end, and every byte that is no white space is in one sentence. */
static void any_bytes(void **state) {
    (void)state;
    static const char letters[] = "aA.!?\"') \n\xe2\x80\xa6\xff";
    uint32_t r = 1;
    for (int round = 0; round < 2000; round++) {
        char text[24];
        size_t at = 0, begin, end, solid = 0, inside = 0;
        for (size_t i = 0; i < sizeof text; i++) {
            r = r * 1664525 + 1013904223;
            text[i] = letters[(r >> 16) % (sizeof letters - 1)];
            solid += text[i] != ' ' && text[i] != '\n';
        }
        while (vs_sentence_next(text, sizeof text, &at, &begin, &end))
            for (size_t i = begin; i < end; i++) inside += text[i] != ' ' && text[i] != '\n';
        assert_int_equal(inside, solid);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(by_the_rules), cmocka_unit_test(any_bytes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
