-- Convolution of halves on a GPU, beside that of the same numbers in f32 on
-- ref.
local gpu = require "support.gpu"
local moon = require "moonseed"
local op = require "support.op"
local it = gpu.it

-- Numbers that bf16 and f16 hold, from place `first` of a larger tensor on.
local function input(shape, salt, dtype, device, first)
  local n = 1
  for _, size in ipairs(shape) do n = n * size end
  local values = op.values({ n }, salt)
  for i, v in ipairs(values) do values[i] = math.floor(v * 16 + 0.5) / 16 end
  local t = op.tensor(values, { n }, "f32", device)
  if first > 1 then
    t = moon.cat{ moon.zeros(first - 1, { device = device }), t }
  end
  return t:to(dtype):narrow(1, first, n):view(unpack(shape))
end

-- The value, and the gradients of its sum.
local function compute(shapes, dtype, device, first)
  local list, result = {}, {}
  for i, shape in ipairs(shapes) do
    list[i] = input(shape, i, dtype, device, first):detach():requires_grad()
  end
  local o = { padding = 1, epilogue = "relu" }
  local x, w, b, z = unpack(list)
  local y = z and moon.conv2d_add(x, w, b, z, o) or moon.conv2d(x, w, b, o)
  y:sum():backward()
  result.y, result.shape = op.flat(y), y:shape()
  for i, t in ipairs(list) do result[i] = op.flat(t.grad) end
  return result
end

local function agrees(name, shapes, first)
  it(name, function()
    local exact = compute(shapes, "f32", "ref", 1)
    for _, dtype in ipairs{ "bf16", "f16" } do
      op.assert_same(exact, compute(shapes, dtype, "cuda:0", first), 1e-2,
                     dtype)
    end
  end)
end

gpu.describe("a convolution of halves", function()
  for _, n in ipairs{ 1, 3, 5, 8, 12 } do
    agrees(("agrees with f32, of %d channels"):format(n),
           { { 2, n, 5, 4 }, { 8, n, 3, 3 }, { 8 } }, 1)
  end
  agrees("agrees with f32 where it adds a tensor",
         { { 2, 3, 5, 4 }, { 4, 3, 3, 3 }, { 4 }, { 2, 4, 5, 4 } }, 1)
  agrees("takes operands that begin at an odd place",
         { { 2, 1, 5, 5 }, { 8, 1, 3, 3 }, { 8 }, { 2, 8, 5, 5 } }, 2)
end)
