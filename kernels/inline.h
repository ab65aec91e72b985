/* Small functions that C kernels and CUDA kernels share. */
#ifndef MOON_INLINE_H
#define MOON_INLINE_H

#ifdef __CUDACC__
#define MOON_INLINE static inline __host__ __device__
#else
#define MOON_INLINE static inline
#endif

#endif
