/* Lines of unsigned keys sorted with the places that they had, equals in their
 * order: a block sorts a tile in shared memory by merging runs of 1, 2, 4, ...,
 * then runs of tiles are merged in scratch, the pieces of a merge side by side
 * (Green, McColl, Bader, "GPU merge path", ICS 2012). In every merge an
 * element's place is its own and the number of elements of the other run that
 * come before it, so nobody waits for anybody.
 *
 *   struct f { typedef uint32_t key;
 *              MOON_DEVICE key at(int64_t line, int64_t i) const; }
 */
#ifndef MOON_CUDA_SORT_H
#define MOON_CUDA_SORT_H
#include "types.h"

enum {
  MOON_SORT_EACH = 8,  /* elements of a thread */
  MOON_SORT_TILE = MOON_THREADS * MOON_SORT_EACH
};

/* Of each line of n, the first `wanted` are needed. */
struct moon_sort_lines { int64_t lines, n, wanted; };

/* Key and place of the elements, line after line. */
template <typename K> struct moon_sorted { K *key; uint32_t *place; };

/* How many of n keys in rising order come before `key`, or with `equals` are
 * not after it. */
template <typename K>
MOON_DEVICE int64_t moon_sort_before(const K *from, int64_t n, K key,
                                     bool equals) {
  int64_t lo = 0, hi = n;
  while (lo < hi) {
    int64_t middle = (lo + hi) / 2;
    bool before = equals ? from[middle] <= key : from[middle] < key;
    if (before) lo = middle + 1; else hi = middle;
  }
  return lo;
}

/* How many of the first `out` elements of a merge of a [n] and b [m] are a's;
 * of equals a's come first. */
template <typename K>
MOON_DEVICE int64_t moon_sort_split(const K *a, int64_t n, const K *b,
                                    int64_t m, int64_t out) {
  int64_t lo = out > m ? out - m : 0, hi = out < n ? out : n;
  while (lo < hi) {
    int64_t middle = (lo + hi) / 2;
    if (a[middle] <= b[out - 1 - middle]) lo = middle + 1; else hi = middle;
  }
  return lo;
}

/* --- tiles -------------------------------------------------------------- */
/* A tile has TILE / width pieces of a line; `across`: neighbours in memory are
 * those of other lines. */
struct moon_sort_pieces { int64_t a_line, n; int width, across; };

template <typename F>
__global__ void moon_sort_tiles(F f, moon_sort_lines l, moon_sort_pieces p,
                                moon_sorted<typename F::key> out) {
  typedef typename F::key K;
  __shared__ K key[MOON_SORT_TILE];
  __shared__ uint32_t place[MOON_SORT_TILE];
  int pieces = MOON_SORT_TILE / p.width;
  int64_t tiles = (p.n + pieces - 1) / pieces;
  for (int64_t tile = blockIdx.x; tile < tiles; tile += gridDim.x) {
    for (int s = threadIdx.x; s < MOON_SORT_TILE; s += MOON_THREADS) {
      int mine = p.across ? s % pieces : s / p.width;
      int at = p.across ? s / pieces : s % p.width;
      int64_t piece = tile * pieces + mine;
      int64_t i = piece % p.a_line * p.width + at;
      bool is_there = piece < p.n && i < l.n;
      key[mine * p.width + at] = is_there ? f.at(piece / p.a_line, i) : (K)-1;
      place[mine * p.width + at] = (uint32_t)i;
    }
    for (int width = 1; width < p.width; width *= 2) {
      K kept[MOON_SORT_EACH];
      uint32_t from[MOON_SORT_EACH];
      int to[MOON_SORT_EACH];
      __syncthreads();
      for (int j = 0; j < MOON_SORT_EACH; j++) {
        int s = (int)threadIdx.x + j * MOON_THREADS, own = s & (width - 1);
        bool second = s & width;
        kept[j] = key[s];
        from[j] = place[s];
        to[j] = (s & ~(2 * width - 1)) + own +
                (int)moon_sort_before(&key[(s ^ width) - own], width, kept[j],
                                      second);
      }
      __syncthreads();
      for (int j = 0; j < MOON_SORT_EACH; j++) {
        key[to[j]] = kept[j];
        place[to[j]] = from[j];
      }
    }
    __syncthreads();
    for (int s = threadIdx.x; s < MOON_SORT_TILE; s += MOON_THREADS) {
      int64_t piece = tile * pieces + s / p.width;
      int64_t i = piece % p.a_line * p.width + s % p.width;
      if (piece >= p.n || i >= l.n) continue;
      int64_t at = piece / p.a_line * l.n + i;
      out.key[at] = key[s];
      out.place[at] = place[s];
    }
    __syncthreads();
  }
}

/* --- merges ------------------------------------------------------------- */
/* Runs of `width` become runs of twice that, of which the first `wanted` are
 * there: each block makes tiles of what comes out. */
struct moon_sort_merge { int64_t width, pairs, tiles; };

template <typename K>
__global__ void moon_sort_merge_runs(moon_sorted<K> in, moon_sorted<K> out,
                                     moon_sort_lines l, moon_sort_merge m) {
  __shared__ K key[MOON_SORT_TILE];
  __shared__ int64_t split[2];
  int64_t all = l.lines * m.pairs * m.tiles;
  for (int64_t at = blockIdx.x; at < all; at += gridDim.x) {
    int64_t first = at % m.tiles * MOON_SORT_TILE, pair = at / m.tiles;
    int64_t begin = pair % m.pairs * 2 * m.width;
    int64_t line = pair / m.pairs * l.n, left = l.n - begin;
    int64_t most = l.wanted < m.width ? l.wanted : m.width;
    int64_t a = left < most ? left : most, b = left - m.width;
    b = b < 0 ? 0 : b < most ? b : most;
    int64_t end = a + b < l.wanted ? a + b : l.wanted;
    int64_t last = first + MOON_SORT_TILE;
    if (last > end) last = end;
    if (first >= last) continue;
    const K *of_a = in.key + line + begin, *of_b = of_a + m.width;
    if (threadIdx.x < 2) {
      split[threadIdx.x] = moon_sort_split(of_a, a, of_b, b,
                                           threadIdx.x ? last : first);
    }
    __syncthreads();
    int64_t a0 = split[0], b0 = first - a0, from_a = split[1] - a0;
    int64_t from_b = last - first - from_a;
    for (int s = threadIdx.x; s < last - first; s += MOON_THREADS) {
      key[s] = s < from_a ? of_a[a0 + s] : of_b[b0 + s - from_a];
    }
    __syncthreads();
    for (int s = threadIdx.x; s < last - first; s += MOON_THREADS) {
      bool second = s >= from_a;
      int64_t own = second ? s - from_a : s;
      int64_t to = line + begin + first + own +
                   (second ? moon_sort_before(key, from_a, key[s], true)
                           : moon_sort_before(key + from_a, from_b, key[s],
                                              false));
      out.key[to] = key[s];
      out.place[to] = in.place[line + begin +
                               (second ? m.width + b0 : a0) + own];
    }
    __syncthreads();
  }
}

/* --- launches ------------------------------------------------------------ */
/* Bytes of scratch: keys and places, twice where runs are merged. */
template <typename K> static size_t moon_sort_bytes(moon_sort_lines l) {
  size_t n = (size_t)(l.lines * l.n), times = l.n > MOON_SORT_TILE ? 2 : 1;
  return times * (n * (sizeof(K) + sizeof(uint32_t)) + 64);
}

static inline unsigned moon_sort_blocks(int64_t n) {
  return n < MOON_MOST_BLOCKS ? (unsigned)n : (unsigned)MOON_MOST_BLOCKS;
}

/* Queues it; tells where in scratch the sorted lines will be. Lines have at
 * most UINT32_MAX elements and are not empty. */
template <typename F>
static moon_sorted<typename F::key> moon_sort(F f, moon_sort_lines l,
                                              bool across, void *scratch,
                                              void *queue) {
  typedef typename F::key K;
  moon_sorted<K> in, out;
  size_t n = (size_t)(l.lines * l.n), half = moon_sort_bytes<K>(l);
  if (l.n > MOON_SORT_TILE) half /= 2;
  in.key = (K *)scratch;
  in.place = (uint32_t *)(in.key + n);
  out.key = (K *)((char *)scratch + half / 8 * 8);
  out.place = (uint32_t *)(out.key + n);
  moon_sort_pieces p = {1, l.lines, 1, across};
  while (p.width < l.n && p.width < MOON_SORT_TILE) p.width *= 2;
  p.a_line = (l.n + p.width - 1) / p.width;
  p.n = l.lines * p.a_line;
  int64_t pieces = MOON_SORT_TILE / p.width;
  MOON_LAUNCH_TOGETHER(moon_sort_tiles<F>,
                       moon_sort_blocks((p.n + pieces - 1) / pieces),
                       MOON_THREADS, queue, f, l, p, in);
  for (int64_t width = p.width; width < l.n; width *= 2) {
    moon_sort_merge m = {width, (l.n + 2 * width - 1) / (2 * width), 0};
    int64_t most = l.wanted < 2 * width ? l.wanted : 2 * width;
    m.tiles = (most + MOON_SORT_TILE - 1) / MOON_SORT_TILE;
    MOON_LAUNCH_TOGETHER(moon_sort_merge_runs<K>,
                         moon_sort_blocks(l.lines * m.pairs * m.tiles),
                         MOON_THREADS, queue, in, out, l, m);
    moon_sorted<K> kept = in;
    in = out;
    out = kept;
  }
  return in;
}

#endif
