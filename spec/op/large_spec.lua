-- Sizes that are cut into parts and are no multiples of a vector: every device
-- against ref. The small cases, with finite differences, are in each op's spec.
local moon = require "moonseed"
local op = require "support.op"

local function over(kind, dims)
  return function(x) return (x[kind](x, dims)) end
end

local function large(name, inputs, fn)
  op.matches{ name, inputs = inputs, fn = fn, tolerance = 5e-5 }
end

describe("large:", function()
  local images = { 3, 19, 33, 31 }
  large("exp", { images }, function(x) return x:exp() end)
  large("relu", { images }, function(x) return x:relu() end)
  large("add of a channel's value", { images, { 19, 1, 1 } },
        function(a, b) return a + b end)
  large("mul of a row", { { 1001, 67 }, { 67 } },
        function(a, b) return a * b end)
  for _, kind in ipairs{ "sum", "mean", "norm", "var", "max", "min", "std",
                         "logsumexp" } do
    local x = { 37, 65, 41 }
    large(kind .. " over all", { x }, over(kind))
    for _, dims in ipairs{ { 1 }, { 3 }, { 1, 3 }, { 2, 3 } } do
      large(kind .. " over " .. table.concat(dims, ", "), { x },
            over(kind, dims))
    end
  end
  large("sum over planes and images", { images }, over("sum", { 1, 3, 4 }))
  for dim = 1, 3 do
    local x = { 37, 65, 41, fill = "positive" }
    large("prod over " .. dim, { x }, over("prod", dim))
    large("cumsum over " .. dim, { x }, over("cumsum", dim))
    large("softmax over " .. dim, { x }, over("softmax", dim))
    large("log_softmax over " .. dim, { x }, over("log_softmax", dim))
  end
  large("log_softmax of long rows", { { 5, 3001 } },
        function(x) return x:log_softmax(2) end)
  large("softmax of rows", { { 517, 131 } },
        function(x) return x:softmax(2) end)
  large("softmax of columns", { { 517, 131 } },
        function(x) return x:softmax(1) end)
  large("cross_entropy", { { 1027, 43 } }, function(x)
    local labels = {}
    for i = 1, 1027 do labels[i] = i * 31 % 43 end
    return moon.cross_entropy(x, op.index(x, labels))
  end)
  large("cross_entropy, weighted and smoothed", { { 1027, 43 } }, function(x)
    local labels, weight = {}, {}
    for i = 1, 1027 do labels[i] = i * 31 % 43 end
    for i = 1, 43 do weight[i] = i / 32 end
    return moon.cross_entropy(x, op.index(x, labels), {
      label_smoothing = 0.1, ignore_index = 5, reduction = "none",
      weight = moon.tensor(weight, { dtype = x:dtype(),
                                     device = x:device() }),
    })
  end)
  large("matmul", { { 67, 130 }, { 130, 91 } },
        function(a, b) return a:matmul(b) end)
  large("linear with ReLU", { { 129, 70 }, { 33, 70 }, { 33 } },
        function(x, w, b)
    return moon.linear(x, w, b, { epilogue = "relu" })
  end)
  large("conv2d", { { 9, 16, 14, 13 }, { 24, 16, 3, 3 }, { 24 } },
        function(x, w, b)
    return moon.conv2d(x, w, b, { padding = 1, epilogue = "relu" })
  end)
  large("max_pool2d", { images }, function(x)
    return x:max_pool2d{ 3, stride = 2, padding = 1 }
  end)
  large("global_avg_pool2d", { images },
        function(x) return x:global_avg_pool2d() end)
  large("batch_norm", { images, { 19 }, { 19 } }, function(x, w, b)
    local o = { dtype = x:dtype(), device = x:device() }
    return moon.batch_norm(x, { mean = moon.zeros(19, o), weight = w,
                                var = moon.ones(19, o), bias = b,
                                training = true })
  end)
  large("sigmoid", { images }, function(x) return x:sigmoid() end)
  large("tanh", { images }, function(x) return x:tanh() end)
  for _, name in ipairs{ "gelu", "silu", "softplus", "elu", "sin", "erf" } do
    large(name, { images }, function(x) return x[name](x * 4) end)
  end
  large("where, maximum", { images, { 19, 1, 1 } }, function(a, b)
    return a:gt(b):where(a * 2, b):maximum(b * b)
  end)
  large("group_norm", { { 5, 24, 33, 31 }, { 24 }, { 24 } },
        function(x, w, b) return x:group_norm(6, w, b) end)
  large("group_norm of many channels", { { 7, 320, 5, 3 }, { 320 }, { 320 } },
        function(x, w, b) return x:group_norm(32, w, b) end)
  large("group_norm of rows", { { 129, 70 }, { 70 } },
        function(x, w) return x:group_norm(7, w) end)
  large("group_norm of three dimensions", { { 5, 6, 3001 }, { 6 }, { 6 } },
        function(x, w, b) return x:group_norm(2, w, b) end)
  for _, alpha in ipairs{ { 3, 1, 1, 1 }, { 1 } } do
    local each = #alpha > 1 and ", an alpha per image" or ""
    large("blend" .. each, { images, images, alpha },
          function(h, s, a) return h:blend(s, a) end)
    large("blend by multiplying" .. each, { images, images, alpha, images },
          function(h, s, a, x)
      return h:blend(s, a, { kind = "multiply", x = x })
    end)
  end
  large("dropout", { images }, function(x)
    moon.manual_seed(3)
    return x:dropout(0.3)
  end)
  large("cat of channels", { images, images },
        function(a, b) return moon.cat({ a, b }, 2) end)
  large("index_select", { { 301, 127 } }, function(x)
    local rows = {}
    for i = 1, 400 do rows[i] = i * 17 % 301 end
    return x:index_select(1, op.index(x, rows))
  end)
  large("index_select of columns", { { 67, 301, 9 } }, function(x)
    local columns = {}
    for i = 1, 400 do columns[i] = i * 17 % 301 end
    return x:index_select(2, op.index(x, columns))
  end)
  for dim = 1, 3 do
    large("gather along " .. dim, { { 31, 37, 23 } }, function(x)
      local places, size = {}, x:size(dim)
      for i = 1, x:numel() do places[i] = i * 31 % size end
      return x:gather(dim, op.index(x, places):reshape(x:shape()))
    end)
  end
end)
