-- What the specs of single ops share. A case names an op, its inputs and how
-- it is called; `op.agrees(case)` states what holds of every op that has a
-- gradient:
--
--   op.agrees{ "softmax", inputs = { { 2, 3, 4 } },
--              fn = function(x) return x:softmax(2) end }
--
-- Inputs are multiples of 1/64, exact in f32 too, from a fixed sequence; ref
-- computes them in f64, every other device in f32.

local busted = require "busted"
local gpu = require "support.gpu"
local task = require "support.task"
local moon = require "moonseed"
local assert, it = busted.assert, busted.it

local M = {}

--- Devices that are compared with ref.
M.devices = { gpu.is_here and "cuda:0" or "cpu" }

--- What a device said to have no kernel for, and how often.
M.missing = {}

-- Calls fn(device); a GPU need not have every kernel, but must say so.
local function try(fn, device)
  if device ~= "cuda:0" then return fn(device) end
  local ok, why = xpcall(function() fn(device) end, function(e)
    return type(e) == "string" and debug.traceback(e) or e
  end)
  if ok then return nil end
  local name = tostring(why):match "([%w_]+): no kernel [%w_ ]*on cuda"
  if not name then error(why, 0) end
  M.missing[name] = (M.missing[name] or 0) + 1
  return nil
end

-- --- numbers -------------------------------------------------------------

--- A sequence of whole numbers: the same for the same start.
---@param start integer
---@return fun(low: integer, high: integer): integer  in [low, high]
function M.rng(start)
  local state = start
  return function(low, high)
    state = (state * 1103515245 + 12345) % 2 ^ 31
    return low + math.floor(state / 2 ^ 31 * (high - low + 1))
  end
end

local fills = {
  signed = function(rng)  -- no zeros, where many gradients jump
    local v = rng(4, 64) / 64
    return rng(0, 1) == 1 and v or -v
  end,
  positive = function(rng) return rng(32, 128) / 64 end,
  whole = function(rng) return rng(-3, 3) end,
}

local function product(shape)
  local n = 1
  for _, extent in ipairs(shape) do n = n * extent end
  return n
end

--- Values for an input, as a flat list.
---@param shape integer[]  with `fill`: signed (unless given), positive, whole,
---                        or distinct: all different
---@param salt integer     tells inputs apart
---@return number[]
function M.values(shape, salt)
  local rng, list, n = M.rng(77 * salt + 1), {}, product(shape)
  local fill = fills[shape.fill or "signed"]
  for i = 1, n do
    list[i] = shape.fill == "distinct" and (2 * i - n) / 8 + 1 / 64
              or fill(rng)
  end
  if shape.fill ~= "distinct" then return list end
  for i = n, 2, -1 do  -- Fisher and Yates
    local j = rng(1, i)
    list[i], list[j] = list[j], list[i]
  end
  return list
end

--- A tensor of a flat list of values.
---@param values number[]
---@param shape integer[]
---@param dtype string
---@param device string
---@return userdata
function M.tensor(values, shape, dtype, device)
  local options = { dtype = dtype, device = device }
  if #values == 0 then return moon.zeros({ unpack(shape) }, options) end
  return moon.tensor(values, options):reshape(shape)
end

--- The elements in logical order, as a flat list of numbers.
---@param t userdata
---@return number[]
function M.flat(t)
  if t:numel() == 0 then return {} end
  return t:detach():to("f64"):reshape(-1):totable()
end

--- An i64 tensor on x's device.
function M.index(x, values)
  return moon.tensor(values, { dtype = "i64", device = x:device() })
end

-- The same values in another order of dimensions in memory.
local orders = {
  rows = function(t) return t end,
  reversed = function(t)
    local order = {}
    for d = 1, t:ndim() do order[d] = t:ndim() + 1 - d end
    if #order < 2 then return t end
    return t:permute(order):contiguous():permute(order)
  end,
  channels_last = function(t)
    if t:ndim() ~= 4 then return t end
    return t:permute(1, 3, 4, 2):contiguous():permute(1, 4, 2, 3)
  end,
}

-- --- forward and gradients -----------------------------------------------

--- The value of a case and the gradients of sum(y r), for a fixed r.
---@param case table      inputs, fn
---@param dtype string
---@param device string
---@param order string|nil  how inputs lie in memory: rows (unless given),
---                         reversed, channels_last
---@return table  y (flat), shape, and a flat gradient per input
function M.compute(case, dtype, device, order)
  local inputs = {}
  for i, shape in ipairs(case.inputs) do
    local t = M.tensor(M.values(shape, i), shape, dtype, device)
    inputs[i] = orders[order or "rows"](t):requires_grad()
  end
  local y = case.fn(unpack(inputs))
  local r = M.tensor(M.values(y:shape(), 99), y:shape(), dtype, device)
  moon.sum(y * r):backward()
  local result = { y = M.flat(y), shape = y:shape() }
  for i, x in ipairs(inputs) do
    result[i] = x.grad and M.flat(x.grad) or {}
    if x.grad then assert.same(x:shape(), x.grad:shape()) end
  end
  return result
end

-- sum(y r) on ref in f64, with the inputs' values given.
local function objective(case, values)
  return moon.no_grad(function()
    local inputs = {}
    for i, shape in ipairs(case.inputs) do
      inputs[i] = M.tensor(values[i], shape, "f64", "ref")
    end
    local y = case.fn(unpack(inputs))
    local r = M.tensor(M.values(y:shape(), 99), y:shape(), "f64", "ref")
    return (y * r):sum():item()
  end)
end

--- Gradients by central differences, in f64 on ref.
---@param case table
---@return number[][]  a flat list per input
function M.differences(case)
  local values, gradients, h = {}, {}, 2 ^ -17
  for i, shape in ipairs(case.inputs) do values[i] = M.values(shape, i) end
  for i, list in ipairs(values) do
    gradients[i] = {}
    for k, v in ipairs(list) do
      list[k] = v + h
      local above = objective(case, values)
      list[k] = v - h
      gradients[i][k] = (above - objective(case, values)) / (2 * h)
      list[k] = v
    end
  end
  return gradients
end

--- Asserts that two flat lists agree, relative to the largest expected value.
---@param expected number[]
---@param got number[]
---@param tolerance number
---@param what string  named in the error
function M.assert_near(expected, got, tolerance, what)
  assert.equal(#expected, #got, what .. ": number of elements")
  local largest = 1
  for _, v in ipairs(expected) do
    if v == v then largest = math.max(largest, math.abs(v)) end
  end
  for i, v in ipairs(expected) do
    local ok = math.abs(v - got[i]) <= tolerance * largest or v == got[i]
               or (v ~= v and got[i] ~= got[i])
    if not ok then
      error(("%s: element %d is %.9g, expected %.9g"):format(what, i, got[i],
                                                             v))
    end
  end
end

--- Asserts that value and gradients agree.
function M.assert_same(expected, got, tolerance, what)
  assert.same(expected.shape, got.shape, what)
  M.assert_near(expected.y, got.y, tolerance, what .. ", value")
  for i = 1, #expected do
    M.assert_near(expected[i], got[i], tolerance,
                  what .. ", gradient " .. i)
  end
end

-- --- specs ---------------------------------------------------------------

--- Declares that every device agrees with ref, however inputs lie in memory.
---@param case table  see M.agrees
function M.matches(case)
  local name, tolerance = case[1], case.tolerance or 1e-5
  it(name .. " is the same on every device, in any memory", task(function()
    local exact = M.compute(case, "f64", "ref")
    M.assert_same(exact, M.compute(case, "f64", "ref", "reversed"), 1e-12,
                  "ref, reversed")
    for order in pairs(orders) do
      M.on_others(function(device)
        M.assert_same(exact, M.compute(case, "f32", device, order), tolerance,
                      device .. ", " .. order)
      end)
    end
  end))
end

--- Declares what holds of every op with a gradient.
---@param case table  a name; inputs: shapes, see M.values; fn; tolerance: of
---                   f32, 1e-5 unless given
function M.agrees(case)
  if gpu.is_here then return M.matches(case) end  -- ref's were looked at
  it(case[1] .. " has the gradient of finite differences", task(function()
    local exact, near = M.compute(case, "f64", "ref"), M.differences(case)
    for i, gradient in ipairs(near) do
      M.assert_near(gradient, exact[i], 1e-6, "gradient " .. i)
    end
  end))
  M.matches(case)
end

--- Declares that a call raises an error that holds `text`.
---@param name string
---@param text string   plain text
---@param fn function   run in a task
function M.refuses(name, text, fn)
  it("refuses " .. name, task(function()
    assert.error_matches(fn, text, 1, true)
  end))
end

--- Calls `fn` with every device but ref.
---@param fn fun(device: string)
function M.on_others(fn)
  for _, device in ipairs(M.devices) do try(fn, device) end
end

--- Calls `fn` with ref and every other device.
---@param fn fun(device: string)
function M.on_each(fn)
  fn "ref"
  M.on_others(fn)
end

--- Declares what holds on every device.
---@param name string
---@param fn fun(device: string)
function M.everywhere(name, fn)
  it(name, task(function() M.on_each(fn) end))
end

return M
