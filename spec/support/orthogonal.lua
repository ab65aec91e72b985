--- Muon's direction (Jordan 2024) in plain Lua; a matrix is a list of rows.
local M = {}

local function product(a, b)
  local c = {}
  for i = 1, #a do
    c[i] = {}
    for j = 1, #b[1] do
      local sum = 0
      for k = 1, #b do sum = sum + a[i][k] * b[k][j] end
      c[i][j] = sum
    end
  end
  return c
end

local function transposed(a)
  local t = {}
  for j = 1, #a[1] do
    t[j] = {}
    for i = 1, #a do t[j][i] = a[i][j] end
  end
  return t
end

--- fn of each element of a, and of b's where there is one, as a matrix.
function M.each(a, b, fn)
  local c = {}
  for i = 1, #a do
    c[i] = {}
    for j = 1, #a[1] do c[i][j] = fn(a[i][j], b and b[i][j]) end
  end
  return c
end

--- u with singular values near 1, after that many steps.
function M.of(u, steps)
  local square = 0
  M.each(u, nil, function(v) square = square + v * v end)
  local norm = math.sqrt(square) + 1e-7
  local x = M.each(u, nil, function(v) return v / norm end)
  local is_tall = #x > #x[1]
  if is_tall then x = transposed(x) end
  for _ = 1, steps do
    local a = product(x, transposed(x))
    local b = M.each(a, product(a, a), function(p, q)
      return -4.7750 * p + 2.0315 * q
    end)
    x = M.each(x, product(b, x), function(p, q) return 3.4445 * p + q end)
  end
  return is_tall and transposed(x) or x
end

return M
