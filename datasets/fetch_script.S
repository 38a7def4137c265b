/* fetch_script.S - the text of fetch.py with a NUL behind it, so that `fetch` works wherever the program lies. */
    .section .rodata
    .globl vs__fetch_script
    .hidden vs__fetch_script
vs__fetch_script:
    .incbin FETCH_SCRIPT
    .byte 0
    .section .note.GNU-stack, "", %progbits
