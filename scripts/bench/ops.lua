--- Operations between convolutions, each alone: elementwise, reductions, norms,
--- pooling, losses, the optimiser; forward, and forward with backward. At three
--- sizes: in the caches of a core, of the processor, and in neither.
--
--   moonseed ops.lua THREADS
--
-- torch_ops.py has the same names.

local moon = require "moonseed"
local rounds = require "rounds"

-- Of x and y, channels-last: n c h w.
local SIZES = { { "small", 8, 16, 16, 16 }, { "medium", 32, 64, 28, 28 },
                { "large", 128, 64, 32, 32 } }
local LEAST_MS = 30  -- for each number

-- What each is of a size's tensors t: x and y as above, rows (x as a matrix of
-- pixels and channels), labels of the rows, weight and bias of the channels.
local forward = {
  { "add", function(t) return t.x + t.y end },
  { "add_", function(t) return t.y:add_(t.x), true end },
  { "mul", function(t) return t.x * t.y end },
  { "exp", function(t) return t.x:exp() end },
  { "sum", function(t) return t.x:sum() end },
  { "channel_mean", function(t) return t.x:mean{ 1, 3, 4 } end },
  { "channel_var", function(t) return t.x:var{ 1, 3, 4 } end },
  { "max", function(t) return t.x:max{ 1, 2, 3, 4 } end },
  { "argmax", function(t) return t.rows:argmax(2) end },
}

local both = {
  { "relu", function(t) return t.x:relu() end },
  { "sigmoid", function(t) return t.x:sigmoid() end },
  { "tanh", function(t) return t.x:tanh() end },
  { "gelu", function(t) return t.x:gelu() end },
  { "silu", function(t) return t.x:silu() end },
  { "softmax", function(t) return t.rows:softmax(2) end },
  { "cross_entropy", function(t)
    return moon.cross_entropy(t.rows, t.labels)
  end },
  { "batch_norm", function(t)
    return moon.batch_norm(t.x, { weight = t.weight, bias = t.bias,
                                  mean = t.mean, var = t.var, training = true })
  end },
  { "group_norm", function(t)
    return t.x:group_norm(4, t.weight, t.bias)
  end },
  { "layer_norm", function(t)
    return moon.layer_norm(t.rows, t.rows:size(2), t.weight, t.bias)
  end },
  { "max_pool", function(t) return t.x:max_pool2d(2) end },
  { "global_mean", function(t) return t.x:global_avg_pool2d() end },
}

local function tensors(n, c, h, w)
  local t = { x = rounds.channels_last(moon.randn(n, c, h, w)),
              y = rounds.channels_last(moon.randn(n, c, h, w)) }
  t.labels = moon.randint(0, c, n * h * w)
  t.weight, t.bias = moon.ones(c), moon.zeros(c)
  t.mean, t.var = moon.zeros(c), moon.ones(c)
  return t
end

local function rows_of(x)
  return x:permute(1, 3, 4, 2):reshape(-1, x:size(2))
end

-- What a training has: parameters with gradients.
local function optimiser(x)
  local p = moon.zeros(x:numel()):requires_grad()
  p.grad = moon.ones(x:numel())
  local opt = moon.optim.SGD{ { p }, lr = 1e-9, momentum = 0.9 }
  return function()
    opt:step()
    p:await()
  end
end

-- Leaves that want their gradients, made anew so that no graph is kept.
local function leaves(t)
  local own = { x = t.x:detach(), labels = t.labels, mean = t.mean, var = t.var,
                weight = t.weight:detach():requires_grad(),
                bias = t.bias:detach():requires_grad() }
  own.x:requires_grad()
  own.rows = rows_of(own.x)
  return own
end

local function add_cases(cases, size)
  local name, t = size[1], tensors(unpack(size, 2))
  t.rows = rows_of(t.x)
  local function add(op, what, measure)
    cases[#cases + 1] = { ("%s:%s:%s"):format(op, name, what), measure }
  end
  for _, entry in ipairs(forward) do
    add(entry[1], "forward", function()
      return moon.no_grad(function()
        local op = entry[2]
        return rounds.queued_ms(function() return op(t) end, nil, LEAST_MS)
      end)
    end)
  end
  for _, entry in ipairs(both) do
    local dy = entry[2](t)
    dy = dy:ndim() > 0 and moon.ones(1):expand(dy:shape()) + dy * 0 or nil
    add(entry[1], "both", function()
      return rounds.queued_ms(function()
        local own = leaves(t)
        local y = entry[2](own)
        y:backward(dy)
        y:dispose()
        return own.x.grad
      end, nil, LEAST_MS)
    end)
  end
  local step = optimiser(t.x)
  add("sgd", "step", function()
    return rounds.median_ms(step, nil, LEAST_MS)
  end)
end

moon.set_threads(tonumber(arg[1]))
local cases = {}
for _, size in ipairs(SIZES) do add_cases(cases, size) end

rounds.run(function(report)
  for _, case in ipairs(cases) do report(case[1], (case[2]())) end
end)
