/* default_data.S - the bytes of datasets/default/glove-20k.bin, as the linker puts them; DEFAULT_WORDS is the file's name,
 * from the Makefile. */
    .section .rodata
    .balign 64
    .globl vs__default_bytes
    .hidden vs__default_bytes
vs__default_bytes:
    .incbin DEFAULT_WORDS
    .globl vs__default_end
    .hidden vs__default_end
vs__default_end:
    .byte 0
    .section .note.GNU-stack, "", %progbits
