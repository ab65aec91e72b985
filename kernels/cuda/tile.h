/* Products of tiles, for kernels of blocks of MOON_THREADS threads that are
 * launched together. A tile has 16 R rows and columns; the thread in row r and
 * column c of the 16 x 16 threads has the elements (r + 16 i, c + 16 j), i and j
 * below R, in registers. Sums are in the order of the depth.
 *
 * A sheet is a matrix in memory of any strides; what lies beyond its rows and
 * columns counts as 0.
 */
#ifndef MOON_CUDA_TILE_H
#define MOON_CUDA_TILE_H
#include "types.h"

enum { MOON_TILE_SIDE = 16, MOON_TILE_DEPTH = 32 };

template <typename T> struct moon_sheet {
  const T *data;
  int64_t row, column;    /* strides */
  int64_t rows, columns;

  MOON_DEVICE moon_sheet from(int64_t first_row) const {
    return moon_sheet{data + first_row * row, row, column, rows - first_row,
                      columns};
  }
  MOON_DEVICE moon_sheet across() const {
    return moon_sheet{data, column, row, columns, rows};
  }
};

template <typename A, int R> struct moon_tile_room {
  A a[MOON_TILE_SIDE * R][MOON_TILE_DEPTH + 1];
  A b[MOON_TILE_SIDE * R][MOON_TILE_DEPTH + 1];
};

MOON_DEVICE int moon_tile_row() { return threadIdx.x / MOON_TILE_SIDE; }
MOON_DEVICE int moon_tile_column() { return threadIdx.x % MOON_TILE_SIDE; }

/* Columns from `first` on of the sheet's first rows, side by side in memory
 * where they are in the sheet. */
template <typename T, typename A, int ROWS>
MOON_DEVICE void moon_tile_load(const moon_sheet<T> &s, int64_t first,
                                A (&to)[ROWS][MOON_TILE_DEPTH + 1]) {
  bool by_rows = s.column == 1;
  for (int i = threadIdx.x; i < ROWS * MOON_TILE_DEPTH; i += MOON_THREADS) {
    int r = by_rows ? i / MOON_TILE_DEPTH : i % ROWS;
    int l = by_rows ? i % MOON_TILE_DEPTH : i / ROWS;
    bool is_there = r < s.rows && first + l < s.columns;
    to[r][l] = is_there
        ? (A)moon_load(s.data[r * s.row + (first + l) * s.column]) : (A)0;
  }
}

/* sum += a b^T over `depth` columns of a and b in shared memory. */
template <typename A, int R, int WIDTH>
MOON_DEVICE void moon_tile_multiply(A (&sum)[R][R], const A *a, int stride,
                                    const A (&b)[WIDTH][MOON_TILE_DEPTH + 1],
                                    int depth) {
  const A *mine = a + moon_tile_row() * stride;
  for (int l = 0; l < depth; l++) {
    A x[R], y[R];
    for (int i = 0; i < R; i++) x[i] = mine[MOON_TILE_SIDE * i * stride + l];
    for (int j = 0; j < R; j++) {
      y[j] = b[moon_tile_column() + MOON_TILE_SIDE * j][l];
    }
    for (int i = 0; i < R; i++) {
      for (int j = 0; j < R; j++) sum[i][j] += x[i] * y[j];
    }
  }
}

/* sum += a b^T, of the first rows of both. */
template <typename T, typename A, int R>
MOON_DEVICE void moon_tile_dots(A (&sum)[R][R], const moon_sheet<T> &a,
                                const moon_sheet<T> &b,
                                moon_tile_room<A, R> &room) {
  for (int64_t l = 0; l < a.columns; l += MOON_TILE_DEPTH) {
    __syncthreads();  /* somebody may still read */
    moon_tile_load(a, l, room.a);
    moon_tile_load(b, l, room.b);
    __syncthreads();
    moon_tile_multiply(sum, &room.a[0][0], MOON_TILE_DEPTH + 1, room.b,
                       MOON_TILE_DEPTH);
  }
}

/* sum += a b^T, where a is a tile in shared memory. */
template <typename T, typename A, int R, int SIDE>
MOON_DEVICE void moon_tile_times(A (&sum)[R][R], const A (&a)[SIDE][SIDE + 1],
                                 const moon_sheet<T> &b,
                                 moon_tile_room<A, R> &room) {
  for (int l = 0; l < SIDE && l < b.columns; l += MOON_TILE_DEPTH) {
    __syncthreads();
    moon_tile_load(b, l, room.b);
    __syncthreads();
    moon_tile_multiply(sum, &a[0][l], SIDE + 1, room.b, MOON_TILE_DEPTH);
  }
}

#endif
