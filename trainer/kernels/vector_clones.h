#pragma once

/// Before a function: compile it for AVX-512, AVX2 and plain x86-64, chosen when the program starts. Files that use it
/// are compiled with -ffp-contract=off. Every element then has the bits of plain IEEE arithmetic, in a vector's lane or
/// in a loop's tail.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_THREAD__) && \
    !defined(__SANITIZE_ADDRESS__)
#define MEDLEY_VECTOR_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define MEDLEY_VECTOR_CLONES
#endif
