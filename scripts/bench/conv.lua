--- Convolutions: forward, each gradient, and all of it, for each shape.
--
--   moonseed conv.lua THREADS FILES [DTYPES]

local moon = require "moonseed"
local rounds = require "rounds"

local threads, paths, dtypes = tonumber(arg[1]), arg[2], arg[3]

-- What f32 is multiplied in on a GPU.
local called = { f32 = "tf32" }

-- A shape with its tensors: n c h k r stride padding groups. The dtype is told
-- where they were given.
local function make(line, dtype)
  local n, c, h, k, r, stride, padding, groups =
    line:match(("(%d+) "):rep(7) .. "(%d+)")
  if not n then return nil end
  local mark = tonumber(groups) > 1 and "g" or tonumber(stride) > 1 and "s"
               or ""
  local conv = {
    name = ("%s%s,%s,%s,%s,%s%s"):format(
      dtypes and (called[dtype] or dtype) .. ":" or "", n, c, h, k, r, mark),
    x = rounds.channels_last(moon.randn(n + 0, c + 0, h + 0, h + 0)):to(dtype),
    w = moon.randn(k + 0, c / groups, r + 0, r + 0):to(dtype),
    options = moon.conv2d_params{ stride = stride + 0, padding = padding + 0,
                                  groups = groups + 0 },
  }
  conv.y = function() return moon.conv2d(conv.x, conv.w, nil, conv.options) end
  conv.dy = rounds.channels_last(moon.randn(conv.y():shape())):to(dtype)
  return conv
end

local function read_shapes()
  local list = {}
  for dtype in (dtypes or "f32"):gmatch "[^,]+" do
    for path in paths:gmatch "[^,]+" do
      for line in io.lines(path) do list[#list + 1] = make(line, dtype) end
    end
  end
  return list
end

-- Leaves that want gradients of x and w, or of one of them; no graph is kept
-- from turn to turn.
local function leaves(conv, dx, dw)
  local x, w = conv.x:detach(), conv.w:detach()
  if dx then x:requires_grad() end
  if dw then w:requires_grad() end
  return x, w
end

local function forward(conv)
  return rounds.queued_ms(function() return moon.no_grad(conv.y) end)
end

-- What the graphs of a row may hold.
local MOST_BYTES = 2 ^ 32

-- The forwards before a row of gradients each keep a y, bare oneDNN's write
-- one and the same: dy is read once so that it is in the caches here too.
local function gradient(conv, which)
  local ys, leaf = {}, {}
  return rounds.queued_ms(function(i)
    ys[i]:backward(conv.dy)
    ys[i]:dispose()
    return leaf[i].grad
  end, function(count)
    for i = 1, count do
      local x, w = leaves(conv, which == "data", which == "weights")
      ys[i] = moon.conv2d(x, w, nil, conv.options)
      leaf[i] = which == "data" and x or w
    end
    if not rounds.on_gpu then conv.dy:sum():dispose() end
  end, nil, MOST_BYTES / (4 * conv.dy:numel()))
end

local function all(conv)
  return rounds.queued_ms(function()
    local x, w = leaves(conv, true, true)
    local y = moon.conv2d(x, w, nil, conv.options)
    y:backward(conv.dy)
    y:dispose()
    x.grad:dispose()
    return w.grad
  end)
end

moon.set_threads(threads)
local convs = read_shapes()
rounds.run(function(report)
  for _, conv in ipairs(convs) do
    local function try(what, ...)
      rounds.try(report, conv.name .. ":" .. what, ...)
    end
    try("forward", forward, conv)
    try("data", gradient, conv, "data")
    try("weights", gradient, conv, "weights")
    try("all", all, conv)
  end
end)
