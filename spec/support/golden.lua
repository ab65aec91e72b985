-- Golden cases: spec/golden/*.lua, made by make_golden.py. Here are the
-- generated inputs (the formula of spec/golden/case.py) and the comparison.

local busted = require "busted"
local moon = require "moonseed"
local task = require "support.task"
local assert = busted.assert

local M = {}

local WEIGHT_SALT = 99

local extreme = { 0, 0 / 0, -30, 1 / 0, 30, -1 / 0, -0.5, 2 ^ -140 }

-- From a whole number in [0, 65536] to a value that is exact in f32.
local fills = {
  signed = function(s) return (s - 32768) / 2 ^ 14 end,
  positive = function(s) return (s + 4096) / 2 ^ 15 end,
  unit = function(s) return s / 2 ^ 16 end,
  wide = function(s) return (s - 32768) / 2 ^ 9 end,
  coarse = function(s) return s % 5 - 2 end,
  share = function(s) return s % 9 / 8 end,
  extreme = function(s) return extreme[s % #extreme + 1] end,
}

local function product(shape)
  local n = 1
  for _, extent in ipairs(shape) do n = n * extent end
  return n
end

local function values(input)
  local list, state = {}, input.salt * 7 + 1
  local fill = fills[input.fill] or function(s) return s % input.below end
  for i = 1, product(input.shape) do
    state = (state * 75 + 74) % 65537
    list[i] = fill(state)
  end
  return list
end

--- The input tensor of a description.
---@param input table   shape, salt, fill, below, grad
---@param dtype string  of floating inputs
---@return userdata
function M.tensor(input, dtype)
  if input.fill == "index" then dtype = "i64" end
  local t = moon.tensor(values(input), { dtype = dtype }):reshape(input.shape)
  if input.grad then t:requires_grad() end
  return t
end

--- The gradient that the cases give their first output.
---@param shape integer[]
---@param dtype string
---@return userdata
function M.weight(shape, dtype)
  return M.tensor({ shape = shape, salt = WEIGHT_SALT, fill = "signed" }, dtype)
end

local function number(value)
  if type(value) == "boolean" then return value and 1 or 0 end
  return value
end

--- What differs between a tensor and golden values, or nil.
---@param t userdata
---@param golden table      shape, values
---@param tolerance number  relative to the largest finite golden value
---@param least? number  that is taken for at least this
---@return string?
function M.difference(t, golden, tolerance, least)
  local shape = table.concat(t:shape(), "x")
  if shape ~= table.concat(golden.shape, "x") then
    return ("shape %s, golden %s"):format(shape,
      table.concat(golden.shape, "x"))
  end
  local got, most = t:reshape(#golden.values):totable(), least or 0
  for _, value in ipairs(golden.values) do
    if math.abs(value) < math.huge then
      most = math.max(most, math.abs(value))
    end
  end
  for i, value in ipairs(golden.values) do
    local mine = number(got[i])
    local close = math.abs(mine - value) <= tolerance * most
    local is_nan = mine ~= mine and value ~= value
    if not (close or is_nan or mine == value) then
      return ("element %d is %.17g, golden %.17g, largest %g"):format(i, mine,
        value, most)
    end
  end
end

-- What of a case disagrees, in words.
local function disagreements(case, run, dtype, tolerance)
  local inputs, found = {}, {}
  for i, input in ipairs(case.inputs) do inputs[i] = M.tensor(input, dtype) end
  local function compare(what, t, wanted)
    local difference = M.difference(t, wanted, tolerance, case.p.least)
    if difference then found[#found + 1] = what .. ": " .. difference end
  end
  local outputs = { run[case.op](case.p, unpack(inputs)) }
  for i, wanted in ipairs(case.y) do
    compare("output " .. i, outputs[i], wanted)
  end
  if next(case.g) then
    local y = outputs[1]
    y:backward(M.weight(y:shape(), y:dtype()))
  end
  for i, wanted in pairs(case.g) do
    compare("gradient " .. i, inputs[i].grad, wanted)
  end
  return table.concat(found, "; ")
end

--- Declares that every case of some files gives PyTorch's outputs and
--- gradients, in f64 on ref and in f32 on cpu.
---@param groups string[]  files of spec/golden
---@param run table<string, function>  how a case's operation is called:
---                                    run[op](p, inputs...) -> outputs
function M.agrees(groups, run)
  for _, where in ipairs{ { "ref", "f64", 1e-10 }, { "cpu", "f32", 1e-5 } } do
    local device, dtype, tolerance = unpack(where)
    for _, group in ipairs(groups) do
      local cases = dofile(("spec/golden/%s.lua"):format(group))
      busted.describe(("PyTorch's values of %s on %s in %s"):format(
        group, device, dtype), function()
        for _, case in ipairs(cases) do
          busted.it(("are those of %s, %s"):format(case.op, case.name),
                    task(function()
            moon.set_device(device)
            assert.equal("", disagreements(case, run, dtype, tolerance))
          end))
        end
      end)
    end
  end
end

return M
