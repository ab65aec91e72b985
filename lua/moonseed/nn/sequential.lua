--- Modules one after another, numbered from 1 or under given names:
--
--   nn.Sequential{ nn.Flatten{}, { "head", nn.Linear{ 784, 10 } } }
--
-- A Conv2d, Linear or BatchNorm2d that a ReLU follows computes it in the same
-- kernel, and a BatchNorm2d a MaxPool2d{ 2 } after that as well; the numbers
-- are those of the single calls.
local BatchNorm2d = require "moonseed.nn.batch_norm2d"
local check = require "moonseed.check"
local Conv2d = require "moonseed.nn.conv2d"
local Linear = require "moonseed.nn.linear"
local MaxPool2d = require "moonseed.nn.max_pool2d"
local Module = require "moonseed.nn.module"
local ReLU = require "moonseed.nn.relu"
local temporary = require "moonseed.nn.temporary"

local Sequential = Module:extend("Sequential")

-- By the forward itself, so that a subclass with its own is left alone.
local with_relu = {
  [Conv2d.forward] = Conv2d.forward_relu,
  [Linear.forward] = Linear.forward_relu,
  [BatchNorm2d.forward] = BatchNorm2d.forward_relu,
}

--- See describe.lua.
---@param describe function
---@return table
function Sequential:describe(describe)
  local list = {}
  for name, module in self:children() do
    list[#list + 1] = { name, describe(module) }
  end
  return list
end

--- See describe.lua.
---@param options table
---@param rebuild function
---@return table
function Sequential.rebuild(options, rebuild)
  local list = {}
  for i, entry in ipairs(options) do
    list[i] = { entry[1], rebuild(entry[2]) }
  end
  return list
end

---@param modules table a list of modules or `{ name, module }`
function Sequential:init(modules)
  local n = 0
  for key in pairs(modules) do
    n = n + 1
    if type(key) ~= "number" then
      check.fail("Sequential", "takes a list; { '%s', module } names a module",
                 tostring(key))
    end
  end
  for i = 1, n do
    local entry, name = modules[i], tostring(i)
    if not Module.is(entry) and type(entry) == "table" then
      name, entry = entry[1], entry[2]
    end
    if not Module.is(entry) then
      check.fail("Sequential", "entry %d of %d is a %s, not a module", i, n,
                 type(entry))
    end
    self:add(name, entry)
  end
end

-- What computes modules[i] and some that follow it, and how many it computes.
local function fuse(modules, i)
  local module, second, third = modules[i], modules[i + 1], modules[i + 2]
  local fused = second and second.forward == ReLU.forward
    and with_relu[module.forward]
  if fused ~= BatchNorm2d.forward_relu or not third
     or third.forward ~= MaxPool2d.forward or not third:halves() then
    return fused, fused and 2 or 1
  end
  return BatchNorm2d.forward_relu_pool, 3
end

-- Made again when any module has changed.
local function make_steps(self)
  local steps, modules = {}, {}
  for _, module in self:children() do modules[#modules + 1] = module end
  local i, before = 1, false
  while i <= #modules do
    local module = modules[i]
    local fused, count = fuse(modules, i)
    local now = temporary.keeps_nothing(module)
    steps[#steps + 1] = { module = module, fused = fused,
                          lets_go = before and now }
    i, before = i + count, now
  end
  rawset(self, "steps", steps)
  rawset(self, "planned", Module.generation())
  return steps
end

--- The modules that forward calls; with `fused`, that instead of it and what it
--- computes after it; with `lets_go`, what it is given goes, if it was made
--- here. A list is never changed: a module that changes gets a new one.
---@return { module: table, fused: function?, lets_go: boolean }[] steps
function Sequential:plan()
  return self.planned == Module.generation() and self.steps
    or make_steps(self)
end

--- Steps `first` to `last` of a plan.
---@param steps { module: table, fused: function?, lets_go: boolean }[]
---@param x userdata what the module of step `first` takes
---@param first integer
---@param last integer
---@return userdata
function Sequential.run(steps, x, first, last)
  local given = x
  for i = first, last do
    local step = steps[i]
    local module, fused = step.module, step.fused
    local y
    if fused then y = fused(module, x) else y = module:forward(x) end
    if step.lets_go and i > first and not rawequal(x, y) then
      temporary.let_go(x, given)
    end
    x = y
  end
  return x
end

---@param x userdata what the first module takes
---@return userdata
function Sequential:forward(x)
  local steps = self:plan()
  return Sequential.run(steps, x, 1, #steps)
end

return Sequential
