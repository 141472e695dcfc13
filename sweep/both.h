#pragma once

/// Before a function: where nvcc compiles it, it runs on the GPU too. Marks a function that does a kernel's work for
/// one element, one row or one trial. Tests run it in a plain loop on machines without a GPU.
#ifdef __CUDACC__
#define MEDLEY_BOTH __host__ __device__
#else
#define MEDLEY_BOTH
#endif
