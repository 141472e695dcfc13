#pragma once

/// Before a function: compile it for AVX-512, AVX2 and plain x86-64, chosen when the program starts. Both of the first
/// have FMA and give the same bits. Files that use it are compiled with -ffp-contract=off, but for gemm.cpp. Every
/// element then has the bits of plain IEEE arithmetic, in a vector's lane or in a loop's tail. In gemm.cpp products and
/// sums fuse where there is FMA, in lanes and tails alike, so that plain x86-64 alone gives other bits.
#if defined(MEDLEY_VECTOR_CLONES)
// Given on the command line: tests compile a file for one CPU.
#elif defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_THREAD__) && \
    !defined(__SANITIZE_ADDRESS__)
#define MEDLEY_FOR_AVX512 "arch=x86-64-v4"
#define MEDLEY_FOR_AVX2 "arch=x86-64-v3"
#define MEDLEY_VECTOR_CLONES __attribute__((target_clones(MEDLEY_FOR_AVX512, MEDLEY_FOR_AVX2, "default")))
#else
#define MEDLEY_VECTOR_CLONES
#endif
