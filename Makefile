# vecscope - `make help` lists what can be asked for.
ifeq ($(origin CC),default)
CC      := gcc
endif
CFG     ?= release
PREFIX  ?= /usr/local
B       := build/$(CFG)

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wvla -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes -Wdouble-promotion -Wcast-qual
ifdef CI
WARN += -Werror
endif
OPT.release := -O2 -g
OPT.clang   := $(OPT.release)
OPT.arm64   := -O2 -g
OPT.asan    := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
OPT.cov     := -O0 -g --coverage
OPT.fuzz    := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
OPT.fuzzcov := -O1 -g -fprofile-instr-generate -fcoverage-mapping
ifneq ($(filter clang fuzz fuzzcov,$(CFG)),)
CC := clang
endif
# no contraction: a fused multiply-add is written where it is meant (tensor/kernels.h, "the same bits, always")
BASE_CFLAGS := -std=c11 $(OPT.$(CFG)) $(WARN) -ffp-contract=off -fno-math-errno -fPIC -pthread -Ibuild/gen -D_POSIX_C_SOURCE=200809L
FOREIGN := -pthread -lsqlite3 -lgsl -lopenblas -lpcre2-8 -lutf8proc -ljansson -lm
LIBS := $(OPT.$(CFG)) $(FOREIGN)
APP_LIBS := -lreadline -lcairo # of the program alone: the library draws nothing

.DEFAULT_GOAL := all
ARCH := $(shell uname -m)
include lib/tensor/isa.mk

LIB_SRC := $(wildcard lib/*.c lib/base/*.c lib/tensor/*.c lib/io/*.c lib/text/*.c lib/model/*.c lib/arch/*.c lib/numeric/*.c lib/store/*.c lib/space/*.c lib/sql/*.c)
APP_SRC := $(wildcard repl/*.c analogies/*.c probes/*.c datasets/*.c)
LIB_OBJ := $(LIB_SRC:%.c=$(B)/%.o) $(B)/lib/space/default_data.o $(ISA_OBJ)
APP_OBJ := $(APP_SRC:%.c=$(B)/%.o) $(B)/datasets/fetch_script.o
LIB     := $(B)/libvecscope.a
APP     := $(B)/libapp.a
PROGRAM := $(if $(wildcard repl/main.c),$(B)/vecscope)
TESTS      := $(patsubst %.c,$(B)/%,$(wildcard tests/unit/test_*.c tests/fixtures/test_*.c)) $(filter-out tests/real/%,$(wildcard tests/*/test_*.sh))
TESTS_REAL := $(patsubst %.c,$(B)/%,$(wildcard tests/real/test_*.c)) $(wildcard tests/real/test_*.sh)
FUZZ       := $(patsubst %.c,$(B)/%,$(wildcard tests/fuzz/fuzz_*.c))
# a target's driver: libFuzzer's, or one that replays files
FUZZ_DRIVER = $(if $(filter fuzz,$(CFG)),-fsanitize=fuzzer,tests/fuzz/replay.c)

.PHONY: all lib test-fuzz-corpus fuzz fuzz-build fuzz-targets fuzz-coverage deps fetch run test tests test-real check lint test-arm64 bench bench-kernels bench-store asan docs models format install uninstall clean help

all: $(PROGRAM) lib ## build ./vecscope and the library
ifneq ($(PROGRAM),)
ifeq ($(CFG),release)
	@ln -sf $(PROGRAM) vecscope
endif
endif
lib: $(LIB) $(B)/libvecscope.so $(B)/vecscope_sql.so ## build libvecscope.a, libvecscope.so and the SQLite extension

# V=1 shows the whole commands
Q := $(if $(V),,@)
say = @printf '  %-5s %s\n' $(1) $@

$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(BASE_CFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@
# files that are part of the program
DEFAULT_WORDS := datasets/default/glove-20k.bin
FETCH_SCRIPT  := datasets/fetch.py
$(B)/%.o: %.S
	@mkdir -p $(@D)
	$(call say,AS)
	$(Q)$(CC) -DDEFAULT_WORDS='"$(DEFAULT_WORDS)"' -DFETCH_SCRIPT='"$(FETCH_SCRIPT)"' -MMD -MP -c $< -o $@
$(B)/lib/space/default_data.o: $(DEFAULT_WORDS)
$(B)/datasets/fetch_script.o: $(FETCH_SCRIPT)
# the tables of the store, as the numbers of a C array
build/gen/%.inc: lib/store/%.sql
	@mkdir -p $(@D)
	$(call say,GEN)
	$(Q)od -An -v -tu1 $< | sed 's/  *\([0-9]\)/ \1/g; s/\([0-9]\)\( \|$$\)/\1,\2/g; $$s/,$$//' > $@
$(B)/lib/store/store.o: build/gen/schema.inc build/gen/schema2.inc build/gen/schema3.inc build/gen/schema4.inc
# where untrusted bytes are read, every narrowing is written out
$(B)/lib/io/%.o $(B)/lib/base/json.o $(B)/lib/base/map.o $(B)/lib/store/cachefile.o: BASE_CFLAGS += -Wconversion -Wsign-conversion

$(LIB): $(LIB_OBJ)
	@rm -f $@
	$(call say,AR)
	$(Q)ar rcs $@ $^

$(APP): $(filter-out %/main.o,$(APP_OBJ))
	@mkdir -p $(@D)
	@rm -f $@
	$(call say,AR)
	$(Q)ar rcs $@ $^

# what is exported: vs_*, not the vs__* that files of the library share
$(B)/libvecscope.so: $(LIB_OBJ)
	@printf '{ global: vs_[a-z]*; local: *; };\n' > $(B)/exports.map
	$(call say,LINK)
	$(Q)$(CC) -shared -Wl,-soname,$(@F) -Wl,--version-script=$(B)/exports.map $^ $(LDFLAGS) $(LIBS) -o $@

# the functions of lib/sql for any SQLite program: the same source, compiled to reach SQLite through its table
EXTENSION := $(B)/vecscope_sql.so
$(B)/extension/%.o: lib/sql/%.c
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(BASE_CFLAGS) $(CFLAGS) -DVS_SQL_EXTENSION -MMD -MP -c $< -o $@
$(EXTENSION): $(patsubst %,$(B)/extension/%.o,functions vec tables ext/spaces ext/extension) $(LIB)
	@printf '{ global: sqlite3_extension_init; local: *; };\n' > $(B)/extension.map
	$(call say,LINK)
	$(Q)$(CC) -shared -Wl,--version-script=$(B)/extension.map $^ $(LDFLAGS) $(LIBS) -o $@

$(B)/vecscope: $(B)/repl/main.o $(APP) $(LIB)
	$(call say,LINK)
	$(Q)$(CC) $^ $(LDFLAGS) $(APP_LIBS) $(LIBS) -o $@

$(B)/tests/fuzz/fuzz_%: tests/fuzz/fuzz_%.c tests/fuzz/walk.c tests/fuzz/replay.c $(LIB) $(APP)
	@mkdir -p $(@D)
	$(call say,FUZZ)
	$(Q)$(CC) $(BASE_CFLAGS) $(CFLAGS) -Ilib $< tests/fuzz/walk.c $(FUZZ_DRIVER) $(APP) $(LIB) $(LDFLAGS) $(APP_LIBS) $(LIBS) -o $@

$(B)/tests/%: tests/%.c $(LIB) $(APP)
	@mkdir -p $(@D)
	$(call say,TEST)
	$(Q)$(CC) $(BASE_CFLAGS) $(CFLAGS) -MMD -MP -Ilib $< $(APP) $(LIB) $(LDFLAGS) -lcmocka $(APP_LIBS) $(LIBS) -o $@

deps: ## install the Debian packages that are missing (apt-get, through sudo when not root)
	@bash .ci/deps.sh build fetch

fetch: all ## download the catalogued models and word vectors that are missing
	@./vecscope fetch --all

# a make within make, on all cores unless the first one was told how many
again = $(MAKE) --no-print-directory $(if $(filter -j% --jobs%,$(MAKEFLAGS)),,-j$(shell nproc))

OPEN := -s glove-6b-50d -m minilm-l6 -m gemma3-270m
run: deps ## install what is missing, build, fetch the models, open the prompt
	+@$(again) all
	@./vecscope fetch --check 2>/dev/null || ./vecscope fetch --all || echo "going on with what is here; make run again for the rest"
	@set -- $(OPEN); open=; while [ $$# -gt 0 ]; do \
	    ./vecscope fetch --check $$2 2>/dev/null && open="$$open $$1 $$2"; shift 2; done; exec ./vecscope $$open

export VECSCOPE = $(B)/vecscope
export VECSCOPE_OPT = $(OPT.$(CFG))
export CC
test: ## every test that needs no download; ends with "N passed, N failed"
	@bash .ci/deps.sh build test fetch
	+@$(again) tests
tests: all $(TESTS) $(FUZZ)
	@tests/run.sh $(TESTS)

test-real: all $(TESTS_REAL) ## the tests on the real models; they have to be there (make fetch)
	@$(PROGRAM) fetch --check || { echo "test-real needs the models of the catalogue: make fetch"; echo "0 passed, 1 failed"; exit 1; }
	@tests/run.sh $(TESTS_REAL)

check: test lint ## test and lint

lint: ## who includes whom, banned functions, lengths, leftovers
	@bash tests/lint.sh

# base and tensor alone, for a machine that is not this one: needs gcc-aarch64-linux-gnu and qemu-user
KERNEL_OBJ := $(patsubst %,$(B)/lib/%.o,base/alloc base/parallel base/status tensor/cpu tensor/kernels tensor/outer tensor/room tensor/reverse tensor/quant tensor/tensor) $(ISA_OBJ)
$(B)/tests/arm64/kernel_digest: tests/arm64/kernel_digest.c $(KERNEL_OBJ)
	@mkdir -p $(@D)
	$(call say,TEST)
	$(Q)$(CC) $(BASE_CFLAGS) $(CFLAGS) -MMD -MP -Ilib $< $(KERNEL_OBJ) -lm -o $@
test-arm64: $(B)/tests/arm64/kernel_digest ## the kernels on AArch64 under qemu, against this machine's
	@$(MAKE) --no-print-directory CFG=arm64 CC=aarch64-linux-gnu-gcc ARCH=aarch64 build/arm64/tests/arm64/kernel_digest
	@tests/arm64/run.sh $< build/arm64/tests/arm64/kernel_digest

bench: all $(B)/tests/bench/bench_models $(B)/tests/bench/bench_grad ## vecscope beside its peers (BENCH_PYTHON, BENCH_LENS: Pythons that have them; BENCH_OUT: a page; BENCH: bench.py's options)
	@python3 tests/bench/bench.py --models $(B)/tests/bench/bench_models $(if $(BENCH_PYTHON),--python $(BENCH_PYTHON)) $(if $(BENCH_LENS),--lens $(BENCH_LENS)) $(if $(BENCH_OUT),--out $(BENCH_OUT)) $(BENCH)

bench-kernels: $(B)/tests/bench/bench_kernels ## how fast the kernels are here (ISA=avx2: one instruction set)
	@$< $(ISA)

bench-store: $(B)/tests/bench/bench_store ## how fast the store is here (DIR=/tmp: where its file lies)
	@$< $(or $(DIR),/tmp)

asan: ## make test under the address and undefined-behaviour sanitizers
	+@VS_TEST_SECONDS=$${VS_TEST_SECONDS:-1200} $(again) CFG=asan test

test-fuzz-corpus: all $(FUZZ) ## replay the corpus of every fuzz target
	@tests/run.sh tests/fuzz/test_corpus.sh

FUZZ_SECONDS ?= 60
fuzz-build: ## build every fuzz target with clang's libFuzzer and sanitizers, into build/fuzz
	+@$(again) CFG=fuzz fuzz-targets
fuzz-targets: $(FUZZ)

fuzz: fuzz-build ## run every fuzz target for FUZZ_SECONDS (60); FUZZ_TARGETS="gguf npy" for some
	@bash tests/fuzz/run.sh $(FUZZ_SECONDS) $(FUZZ_TARGETS)

fuzz-coverage: ## lines of each parser that its fuzz target reaches
	+@$(again) CFG=fuzzcov fuzz-targets
	@bash tests/fuzz/coverage.sh

docs: all ## write docs/commands.md from the table of commands
	$(PROGRAM) help --markdown > docs/commands.md

# the tests whose numbers stand there
MODEL_TESTS := $(patsubst %,$(B)/tests/fixtures/%,test_engine test_variants $(if $(wildcard tests/fixtures/test_grad.c),test_grad))
models: all $(MODEL_TESTS) ## write docs/models.md: what is measured of each family, by the tests that check it
	@bash tests/fixtures/models_page.sh docs/models.md $(MODEL_TESTS)

format: ## clang-format over every C file
	git ls-files '*.c' '*.h' | xargs clang-format -i

VERSION  := $(shell sed -n 's/^.define VS_VERSION "\(.*\)"/\1/p' lib/vecscope.h)
DEST     := $(DESTDIR)$(PREFIX)
INSTALLED = share/man/man1/vecscope.1 bin/vecscope lib/libvecscope.a lib/libvecscope.so lib/pkgconfig/vecscope.pc include/vecscope
install: all ## program, manual, library, headers and pkg-config file into $(DESTDIR)$(PREFIX)
	install -D -m 755 $(PROGRAM) $(DEST)/bin/vecscope
	install -D -m 644 $(LIB) $(DEST)/lib/libvecscope.a
	@mkdir -p $(DEST)/share/man/man1
	$(PROGRAM) help --man > $(DEST)/share/man/man1/vecscope.1
	install -D -m 755 $(B)/libvecscope.so $(DEST)/lib/libvecscope.so
	@mkdir -p $(DEST)/lib/pkgconfig
	sed 's|@PREFIX@|$(PREFIX)|; s|@VERSION@|$(VERSION)|; s|@LIBS@|$(FOREIGN)|' lib/vecscope.pc.in > $(DEST)/lib/pkgconfig/vecscope.pc
	cd lib && find . \( -name '*.h' -o -name '*.def' \) -exec install -D -m 644 {} $(abspath $(DEST))/include/vecscope/{} \;

uninstall: ## remove what install put there
	rm -rf $(INSTALLED:%=$(DEST)/%)

clean: ## remove what was built
	rm -rf build vecscope

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

-include $(shell find $(B) -name '*.d' 2>/dev/null)
