# vecscope - `make help` lists what can be asked for.
CC      ?= gcc
CFG     ?= release
PREFIX  ?= /usr/local
B       := build/$(CFG)

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wvla -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes -Wdouble-promotion -Wcast-qual
ifdef CI
WARN += -Werror
endif
OPT.release := -O2 -g
OPT.asan    := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
OPT.cov     := -O0 -g --coverage
# no contraction: a fused multiply-add is written where it is meant (tensor/kernels.h, "the same bits, always")
BASE_CFLAGS := -std=c11 $(OPT.$(CFG)) $(WARN) -ffp-contract=off -fno-math-errno -fPIC -fopenmp -Ibuild/gen -D_POSIX_C_SOURCE=200809L
LIBS := $(OPT.$(CFG)) -fopenmp -lsqlite3 -lgsl -lopenblas -lpcre2-8 -lutf8proc -ljansson -lm

ARCH := $(shell uname -m)
include lib/tensor/isa.mk

LIB_SRC := $(wildcard lib/*.c lib/base/*.c lib/tensor/*.c lib/io/*.c lib/text/*.c lib/model/*.c lib/arch/*.c lib/numeric/*.c lib/store/*.c lib/space/*.c lib/sql/*.c)
APP_SRC := $(wildcard repl/*.c analogies/*.c probes/*.c datasets/*.c)
LIB_OBJ := $(LIB_SRC:%.c=$(B)/%.o) $(ISA_OBJ)
APP_OBJ := $(APP_SRC:%.c=$(B)/%.o)
UNIT    := $(patsubst tests/unit/%.c,$(B)/tests/unit/%,$(wildcard tests/unit/test_*.c))

.PHONY: all lib clean
all: vecscope
lib: $(B)/libvecscope.a

$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(BASE_CFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

$(B)/libvecscope.a: $(LIB_OBJ)
	@rm -f $@
	ar rcs $@ $^

$(B)/tests/unit/%: tests/unit/%.c $(B)/libvecscope.a
	@mkdir -p $(@D)
	$(CC) $(BASE_CFLAGS) $(CFLAGS) -MMD -MP -Ilib $< $(B)/libvecscope.a $(LIBS) -lcmocka -o $@

clean:
	rm -rf build vecscope

-include $(shell find $(B) -name '*.d' 2>/dev/null)
