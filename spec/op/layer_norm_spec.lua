local moon = require "moonseed"
local op = require "support.op"

local function norm(...)
  local shape = { ... }
  return function(x, weight, bias)
    return moon.layer_norm(x, shape, weight, bias, { eps = 1e-3 })
  end
end

describe("layer_norm", function()
  local function case(text, shape, n, affine)
    local last = { unpack(shape, #shape - n + 1) }
    op.agrees{ text, inputs = affine == false and { shape }
               or { shape, last, last }, fn = norm(unpack(last)),
               tolerance = 3e-5 }
  end
  case("of rows", { 3, 6 }, 1)
  case("of rows, without weight and bias", { 3, 5 }, 1, false)
  case("of two dimensions", { 2, 2, 3, 2 }, 2)
  case("of all dimensions", { 3, 4 }, 2)
  case("of a vector", { 5 }, 1)
  case("of one value each: the bias", { 3, 1 }, 1)
  case("of no rows", { 0, 4 }, 1)
  case("of rows without elements", { 3, 0 }, 1)

  op.agrees{ "with a weight alone", inputs = { { 3, 4 }, { 4 } },
             fn = function(x, w) return x:layer_norm(4, w) end,
             tolerance = 3e-5 }
  op.agrees{ "with a bias alone", inputs = { { 3, 4 }, { 4 } },
             fn = function(x, b) return x:layer_norm({ 4 }, nil, b) end,
             tolerance = 3e-5 }

  -- Several parts; rows of more and of fewer than four vectors.
  for _, shape in ipairs{ { 1201, 131 }, { 4001, 19 } } do
    local last = { shape[2] }
    op.matches{ ("of %d rows of %d"):format(unpack(shape)),
                inputs = { shape, last, last }, fn = norm(shape[2]),
                tolerance = 3e-5 }
  end

  op.everywhere("has mean 0 and variance 1, far from 0 and with an outlier",
                function(device)
    for seed = 1, 8 do  -- the best mean in f32 may be off by 8e-4 of the std
      moon.manual_seed(seed)
      local x = moon.rand(4, 500, { device = device }) + 4096
      x[1][1] = 9000
      local y = x:layer_norm(500, nil, nil, { eps = 0 })
      op.assert_near({ 0, 0, 0, 0 }, op.flat(y:mean(2)), 2e-4, device)
      op.assert_near({ 1, 1, 1, 1 }, op.flat((y * y):mean(2)), 1e-4, device)
    end
  end)

  op.everywhere("lets NaN and infinity spoil their row alone",
                function(device)
    local x = moon.tensor({ { 1, 2, 0 / 0 }, { 1, 2, 1 / 0 }, { 1, 2, 3 } },
                          { device = device })
    local bad = x:layer_norm(3):ne(x:layer_norm(3)):to("u8"):sum(2)
    assert.same({ 3, 3, 0 }, op.flat(bad))
  end)

  op.refuses("a shape that x does not end with",
             "layer_norm: the last dimensions of x are not 3 (x 2x4)",
             function() moon.layer_norm(moon.zeros(2, 4), 3) end)
  op.refuses("a weight of another shape",
             "layer_norm: weight is 3, 4 needed", function()
    moon.layer_norm(moon.zeros(2, 4), 4, moon.zeros(3))
  end)
  op.refuses("no dimensions",
             "layer_norm: the last 0 dimensions of a tensor with 2 (2x4)",
             function() moon.layer_norm(moon.zeros(2, 4), {}) end)
  op.refuses("a negative eps", "layer_norm: eps -1", function()
    moon.layer_norm(moon.zeros(2, 4), 4, nil, nil, { eps = -1 })
  end)
  op.refuses("integers", "layer_norm: i64; cast it to f32 or f64", function()
    moon.zeros(2, 4, { dtype = "i64" }):layer_norm(4)
  end)
end)

describe("instance_norm", function()
  op.agrees{ "of images", inputs = { { 2, 3, 2, 4 }, { 3 }, { 3 } },
             fn = function(x, w, b)
               return x:instance_norm(w, b, { eps = 1e-3 })
             end, tolerance = 3e-5 }
  op.refuses("a vector", "instance_norm: x has 1 dimensions (4)",
             function() moon.zeros(4):instance_norm() end)
end)
