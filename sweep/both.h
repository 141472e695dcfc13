#pragma once

/// Before a function: where nvcc compiles it, it runs on the GPU too. What a kernel does to one element, one row or one
/// trial is such a function: tests run it in a plain loop on machines without a GPU.
#ifdef __CUDACC__
#define MEDLEY_BOTH __host__ __device__
#else
#define MEDLEY_BOTH
#endif
