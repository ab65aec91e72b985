/* A GPU that runs on the CPU, for tests: the part of CUDA's dialect that our
 * kernels use. Queues are threads that run launches in order (emulated.cc);
 * the threads of a block run in turn, and where a kernel has barriers each has
 * a stack of its own (emulated_block.cc). Slow, and exact about what waits for
 * what: with delays in the queues a missing event shows, and a sanitizer sees
 * every access.
 */
#ifndef MOON_CUDA_EMULATED_H
#define MOON_CUDA_EMULATED_H
#include <stddef.h>
#include <string.h>
#include <tuple>

#define __global__ static
#define __device__
#define __host__
#define __forceinline__ inline
#define __restrict__ __restrict
#define __launch_bounds__(...)
#define __shared__ static thread_local

struct dim3 {
  unsigned x, y, z;
  dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};
extern thread_local dim3 threadIdx, blockIdx, blockDim, gridDim;

/* --- launches --------------------------------------------------------- */
/* One thread of a block: calls the kernel with its arguments. */
typedef void moon_emulated_thread(void *arguments);
/* Takes `arguments` over and frees it when it ran. */
void moon_emulated_launch(void *queue, moon_emulated_thread *thread,
                          moon_emulated_thread *release, void *arguments,
                          dim3 grid, dim3 block, bool together);

/* Block blockIdx of a launch of gridDim blocks of blockDim threads; once the
 * calling thread runs no more, its stacks are given back. */
void moon_emulated_block(moon_emulated_thread *thread, void *arguments,
                         bool together);
void moon_emulated_block_end();

template <typename... P> struct moon_emulated_call {
  void (*kernel)(P...);
  std::tuple<P...> arguments;
  static void thread(void *self) {
    moon_emulated_call *call = (moon_emulated_call *)self;
    std::apply(call->kernel, call->arguments);
  }
  static void release(void *self) { delete (moon_emulated_call *)self; }
};

template <typename... P, typename... A>
static void moon_emulate(bool together, void (*kernel)(P...), dim3 grid,
                         dim3 block, void *queue, A... a) {
  typedef moon_emulated_call<P...> call;
  moon_emulated_launch(queue, call::thread, call::release,
                       new call{kernel, std::tuple<P...>(a...)}, grid, block,
                       together);
}
#define MOON_LAUNCH(kernel, grid, block, queue, ...) \
  moon_emulate(false, kernel, grid, block, queue, __VA_ARGS__)
#define MOON_LAUNCH_TOGETHER(kernel, grid, block, queue, ...) \
  moon_emulate(true, kernel, grid, block, queue, __VA_ARGS__)

/* Host code that a queue runs in its turn: for what a library does on a GPU. */
void moon_emulated_call_host(void *queue, moon_emulated_thread *call,
                             void *argument);

static inline int moon_launched(moon_fail *) { return MOON_OK; }
int moon_device_copy(void *to, const void *from, size_t nbytes, void *queue,
                     moon_fail *fail);
int moon_device_zero(void *to, size_t nbytes, void *queue, moon_fail *fail);

/* --- inside a kernel that is launched together ------------------------ */
void __syncthreads();
/* Gives this thread's 8 bytes to the warp and takes those of lane ^ mask. */
uint64_t moon_emulated_exchange(uint64_t bits, int mask);

template <typename V> static V moon_shuffle_xor(V v, int mask) {
  static_assert(sizeof(V) <= 8, "one register or two");
  uint64_t bits = 0;
  memcpy(&bits, &v, sizeof v);
  bits = moon_emulated_exchange(bits, mask);
  memcpy(&v, &bits, sizeof v);
  return v;
}

static inline void __syncwarp() { moon_emulated_exchange(0, 0); }

/* --- arithmetic that CUDA has names for -------------------------------- */
static inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }
static inline double rsqrt(double x) { return 1.0 / sqrt(x); }
template <typename T> static inline T min(T a, T b) { return b < a ? b : a; }
template <typename T> static inline T max(T a, T b) { return a < b ? b : a; }

#endif
