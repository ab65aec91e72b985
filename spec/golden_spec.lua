-- Operations against PyTorch: see support.golden. The values are in
-- spec/golden; what joins and rearranges is in golden_shapes_spec.lua.

local moon = require "moonseed"
local golden = require "support.golden"
local modules = require "support.golden_modules"

local groups = { "augment", "conv2d", "copy", "elementwise", "function", "loss",
                 "matmul", "modules", "neural", "optim", "reduce", "shape" }

-- How a case's operation is called: run[op](p, inputs...) -> outputs.
local run = {}

function run.conv2d(p, x, w, b)
  return moon.conv2d(x, w, b, {
    stride = p.stride, padding = p.padding, dilation = p.dilation,
    groups = p.groups, epilogue = p.relu and "relu" or nil,
  })
end

function run.linear(p, x, w, b)
  return moon.linear(x, w, b, p.relu and { epilogue = "relu" } or nil)
end

function run.matmul_t(_, a, b) return a:t():matmul(b:t()) end

for _, op in ipairs{ "matmul", "add", "sub", "mul", "div", "pow", "eq", "ne",
                     "lt", "le", "gt", "ge", "neg", "relu", "exp", "log",
                     "sqrt", "abs", "sigmoid", "tanh", "clone",
                     "global_avg_pool2d" } do
  run[op] = function(_, ...) return moon[op](...) end
end

for _, op in ipairs{ "eq", "ne", "lt", "le", "gt", "ge" } do
  run[op .. "_number"] = function(_, x) return moon[op](x, 1) end
end

function run.add_number(_, x) return x + 1.5 end
function run.sub_number(_, x) return x - 1.5 end
function run.mul_number(_, x) return x * 1.5 end
function run.div_number(_, x) return x / 1.5 end
function run.number_sub(_, x) return 1.5 - x end
function run.number_div(_, x) return 1.5 / x end
function run.pow_number(_, x) return x ^ 1.5 end
function run.pow_two(_, x) return x ^ 2 end

for name, op in pairs{ sum = "sum", mean = "mean", norm = "norm", var = "var",
                       amax = "max", amin = "min" } do
  run[name] = function(p, x)
    if not p.dims then return moon[op](x) end
    return moon[op](x, p.dims, { keepdim = p.keepdim })
  end
end

for _, op in ipairs{ "max", "min", "argmax", "argmin" } do
  run[op] = function(p, x)
    return moon[op](x, p.dim, p.keepdim and { keepdim = true } or nil)
  end
end

function run.where_positive(_, c, a, b) return c:gt(0):where(a, b) end
function run.softmax(p, x) return x:softmax(p.dim) end

-- Losses: p.args holds the options, a third input is the weight.
for _, op in ipairs{ "cross_entropy", "nll", "mse", "l1", "huber", "smooth_l1",
                     "bce_with_logits", "kl_div" } do
  run[op] = function(p, x, y, weight)
    local o = { weight = weight }
    for name, value in pairs(p.args and p.args[1] or {}) do o[name] = value end
    return moon.nn[op](x, y, o)
  end
end

function run.bce_weighted(p, x, y, pos_weight, weight)
  return moon.nn.bce_with_logits(x, y, { pos_weight = pos_weight,
                                         weight = weight,
                                         reduction = p.reduction })
end

function run.dropout(p, x) return moon.dropout(x, p.rate) end

function run.max_pool2d(p, x)
  return moon.max_pool2d(x, { kernel = p.kernel, stride = p.stride,
                              padding = p.padding })
end

function run.batch_norm(p, x, ...)
  local t = { ... }
  local mean, var = t[#t - 1], t[#t]
  local y = moon.batch_norm(x, {
    weight = #t == 4 and t[1] or nil, bias = #t == 4 and t[2] or nil,
    mean = mean, var = var, eps = p.eps, momentum = p.momentum,
    training = p.training,
  })
  return y, mean, var
end

function run.group_norm(p, x, w, b)
  return moon.group_norm(x, p.groups, w, b, { eps = p.eps })
end

function run.blend(p, h, s, alpha, x)
  return moon.blend(h, s, alpha, { kind = p.kind, x = x })
end

function run.reshape(p, x) return x:reshape(p.shape) end
function run.reshape_t(p, x) return x:t():reshape(p.shape) end
function run.permute(p, x) return x:permute(p.dims) end
function run.narrow(p, x) return x:narrow(p.dim, p.start, p.length) end
function run.select(p, x) return x[p.index] end
function run.expand(p, x) return x:expand(p.shape) end
function run.cat(p, ...) return moon.cat({ ... }, p.dim) end
function run.stack(p, ...) return moon.stack({ ... }, p.dim) end
function run.index_select(p, x, i) return x:index_select(p.dim, i) end
function run.gather(p, x, i) return x:gather(p.dim, i) end
function run.cast(p, x) return x:to(p.dtype) end

-- In place, into a copy.
function run.copy_(_, a, b) return (a * 1):copy_(b) end
function run.fill_(_, a) return (a * 1):fill_(0.5) end
function run.add_(_, a, b) return (a * 1):add_(b) end
function run.row_fill(_, a)
  local y = a * 1
  y[2]:fill_(0.25)
  return y
end

-- Five steps on two parameters; their gradients follow step by step.
local function optimise(kind, p, a, b, ...)
  local gradients, options = { ... }, { { a:requires_grad(),
                                          b:requires_grad() } }
  for name, value in pairs(p) do options[name] = value end
  local opt = moon.optim[kind](options)
  for step = 0, 4 do
    for i, parameter in ipairs(options[1]) do
      parameter.grad = gradients[2 * step + i]
    end
    opt:step()
  end
  return a, b
end

for _, kind in ipairs{ "SGD", "Adam", "AdamW", "RMSprop" } do
  run[kind] = function(...) return optimise(kind, ...) end
end

local augment = moon.data.augment

function run.affine(p, x)
  return augment.affine(x, { rotate = { p.rotate, p.rotate },
    shear = { p.shear, p.shear }, scale = { p.scale, p.scale } })
end

function run.jitter(p, x)
  return augment.jitter(x, { [p.kind] = { p.by, p.by } })
end

function run.normalise(p, x) return augment.normalise(x, p) end

for name, make in pairs(modules.make) do
  run[name] = function(p, x, ...) return modules.run(make(p), x, ...) end
end

-- Others are called as functions of moon: the tensors, then p.args.
setmetatable(run, { __index = function(_, op)
  return function(p, ...)
    local list, n = { ... }, select("#", ...)
    for i, value in ipairs(p.args) do list[n + i] = value end
    return moon[op](unpack(list, 1, n + #p.args))
  end
end })

golden.agrees(groups, run)
