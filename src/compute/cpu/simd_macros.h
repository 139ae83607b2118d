// What every simd_<set>.h needs of the compiler.
//   R1_INLINE   a function that disappears into its caller
//   R1_UNROLL   before a loop of constant length (at most 32) whose vectors must stay in registers
//   R1_ROLLED   before a loop that compilers would unroll for nothing: code size and build time
// R1_PLAIN_LOOPS (the generic set, sanitizer builds) leaves both loops to the compiler.
#pragma once

// A set and the layers over it (kernels.h) each use a part of the sources' functions.
#pragma GCC diagnostic ignored "-Wunused-function"

#define R1_INLINE inline __attribute__((always_inline))
#if defined(R1_PLAIN_LOOPS)
#define R1_UNROLL
#define R1_ROLLED
#elif defined(__clang__)
#define R1_UNROLL _Pragma("clang loop unroll(full)")
#define R1_ROLLED _Pragma("clang loop unroll(disable)")
#else
#define R1_UNROLL _Pragma("GCC unroll 32")
#define R1_ROLLED _Pragma("GCC unroll 1")
#endif
