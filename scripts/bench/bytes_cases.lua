--- The rows of bytes.lua: kernels between convolutions.
--
-- A case has a name, the op whose time counts, and its passes over memory, each
-- { arrays read, arrays written, n }, where an array is x's bytes / n.
-- make(size) returns the function that runs it once.

local moon = require "moonseed"
local rounds = require "rounds"
local nn = moon.nn

local M = { list = {} }

local function size(large, ...)
  local n, c, h, w = ...
  return { large = large, shape = { ... }, nbytes = 4 * n * c * h * w }
end

M.sizes = { size(true, 128, 64, 32, 32), size(false, 32, 64, 12, 12) }

-- Inputs that a large size takes in turn, so that no cache keeps them.
local SETS = 6

local function add(name, op, passes, make)
  table.insert(M.list, { name = name, op = op, passes = passes, make = make })
end

-- Runs fn(a set), where make(shape) gives one.
local function in_turn(make, fn)
  return function(s)
    local sets = {}
    for i = 1, s.large and SETS or 1 do sets[i] = make(s.shape) end
    return function(turn) fn(sets[turn % #sets + 1]) end
  end
end

-- --- inputs ----------------------------------------------------------------
local function images(shape)
  return rounds.channels_last(moon.randn(unpack(shape)))
end

local function rows(shape)
  return moon.randn(shape[1] * shape[3] * shape[4], shape[2])
end

local function like(y)
  return y:ndim() == 4 and images(y:shape()) or moon.randn(unpack(y:shape()))
end

local function pair_of(make)
  return function(shape) return { make(shape), make(shape) } end
end

-- --- what is run -----------------------------------------------------------
local function forward(make, fn)
  return in_turn(make, function(x)
    moon.no_grad(function() fn(x):dispose() end)
  end)
end

-- The gradient of fn(x).
local function backward(make, fn)
  return in_turn(function(shape)
    local x = make(shape)
    return { x = x, dy = moon.no_grad(function() return like(fn(x)) end) }
  end, function(set)
    local x = set.x:detach():requires_grad()
    local y = fn(x)
    y:backward(set.dy)
    y:dispose()
    x.grad:dispose()
  end)
end

-- --- elementwise -----------------------------------------------------------
add("copy", "clone", { { 1, 1, 1 } },
    forward(images, function(x) return x:clone() end))
add("relu", "relu", { { 1, 1, 1 } },
    forward(images, function(x) return x:relu() end))
add("relu gradient", "relu backward", { { 2, 1, 1 } },
    backward(images, function(x) return x:relu() end))
add("add", "add", { { 2, 1, 1 } },
    forward(pair_of(images), function(p) return p[1] + p[2] end))
add("add in place", "add_", { { 2, 1, 1 } },
    in_turn(pair_of(images), function(p) p[1]:add_(p[2]) end))
add("dropout", "dropout", { { 1, 1, 1 } },
    forward(images, function(x) return x:dropout(0.5) end))

-- A linear layer of one input, whose gradient of ReLU also sums its bias's.
add("relu and bias gradient", "relu backward", { { 2, 1, 1 } },
    in_turn(function(shape)
      return { x = moon.randn(shape[1] * shape[3] * shape[4], 1),
               w = moon.randn(shape[2], 1), b = moon.zeros(shape[2]),
               dy = rows(shape) }
    end, function(set)
      local b = set.b:detach():requires_grad()
      local y = moon.linear(set.x, set.w, b, { epilogue = "relu" })
      y:backward(set.dy)
      y:dispose()
    end))

-- --- pooling ---------------------------------------------------------------
local function add_pool(name, options)
  local params = moon.max_pool2d_params(options)
  local function pool(x) return x:max_pool2d(params) end
  add("max_pool2d " .. name, "max_pool2d", { { 4, 2, 4 } },
      forward(images, pool))
  add("max_pool2d " .. name .. " gradient", "max_pool2d backward",
      { { 2, 4, 4 } }, backward(images, pool))
end
add_pool("2x2", { 2 })
add_pool("3x3/2", { 3, stride = 2, padding = 1 })

local function global_mean(x) return x:global_avg_pool2d() end

add("global mean", "mean", { { 1, 0, 1 } }, forward(images, global_mean))
add("relu gradient of its gradient", "relu backward", { { 1, 1, 1 } },
    backward(images, function(x) return global_mean(x:relu()) end))

-- --- norm ------------------------------------------------------------------
local function norm(shape)
  return { x = images(shape), layer = nn.BatchNorm2d{ shape[2] } }
end

local function normal(set) return set.layer(set.x) end
local function normal_relu(set) return set.layer:forward_relu(set.x) end

local function norm_backward(fn)
  return in_turn(function(shape)
    local set = norm(shape)
    set.dy = images(shape)
    return set
  end, function(set)
    local leaf = { x = set.x:detach():requires_grad(), layer = set.layer }
    local y = fn(leaf)
    y:backward(set.dy)
    y:dispose()
    leaf.x.grad:dispose()
  end)
end

local FORWARD = { { 1, 0, 1 }, { 1, 1, 1 } }
local BACKWARD = { { 2, 0, 1 }, { 2, 1, 1 } }
add("batch_norm", "batch_norm", FORWARD, forward(norm, normal))
add("batch_norm gradient", "batch_norm backward", BACKWARD,
    norm_backward(normal))
add("batch_norm and relu", "batch_norm", FORWARD, forward(norm, normal_relu))
add("batch_norm and relu gradient", "batch_norm backward", BACKWARD,
    norm_backward(normal_relu))

-- --- loss and optimiser ----------------------------------------------------
local function labels(shape)
  local n = shape[1] * shape[3] * shape[4]
  return moon.randint(0, shape[2], n)
end

local function classified(shape)
  return { x = rows(shape), labels = labels(shape) }
end

add("cross_entropy", "cross_entropy", { { 1, 0, 1 } },
    forward(classified, function(set)
      return nn.cross_entropy(set.x, set.labels)
    end))
add("cross_entropy gradient", "cross_entropy backward", { { 1, 1, 1 } },
    in_turn(classified, function(set)
      local x = set.x:detach():requires_grad()
      nn.cross_entropy(x, set.labels):backward()
      x.grad:dispose()
    end))
add("sgd with momentum", "sgd", { { 3, 2, 1 } },
    in_turn(function(shape)
      local p = rows(shape):requires_grad()
      p.grad = rows(shape)
      return moon.optim.SGD{ { p }, lr = 1e-3, momentum = 0.9 }
    end, function(opt) opt:step() end))

return M
