# The kernels' body is compiled once for each instruction set of this architecture: ISA_OBJ.
# Flags below are the whole difference between the objects; a set is added here, in isas.def and in lanes.h.
ISAS.x86_64  := scalar avx2 avx512
ISAS.aarch64 := scalar neon
ISAS         := $(or $(ISAS.$(ARCH)),scalar)
ISA_FLAGS.avx2   := -mavx2 -mfma -mf16c
ISA_FLAGS.avx512 := -mavx2 -mfma -mf16c -mavx512f -mavx512bw -mavx512vl -mavx512dq -mprefer-vector-width=512
# fuzzing looks for errors in parsers; instrumenting these objects, too, would take minutes to compile
ISA_SANITIZE.fuzz := -fno-sanitize=all
# under the sanitizers the scalar lanes, loops that are all unrolled, alone take longer than everything else together;
# the same body is watched in the other objects
ISA_FLAGS.scalar := $(if $(filter asan,$(CFG)),-fno-sanitize=all)
ISA_OBJ := $(ISAS:%=$(B)/lib/tensor/isa/%.o)

$(ISA_OBJ): $(B)/lib/tensor/isa/%.o: lib/tensor/isa/body.c
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(BASE_CFLAGS) $(CFLAGS) $(ISA_FLAGS.$*) $(ISA_SANITIZE.$(CFG)) -DVS_ISA_$* -MMD -MP -c $< -o $@
