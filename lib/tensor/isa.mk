# The kernels' body is compiled once for each instruction set of this architecture: ISA_OBJ.
ISA_OBJ :=
