--- y = s(x) + f(x), where s is the identity unless given (He et al. 2016).
local check = require "moonseed.check"
local Conv2d = require "moonseed.nn.conv2d"
local moon = require "moonseed"
local Module = require "moonseed.nn.module"
local Sequential = require "moonseed.nn.sequential"
local temporary = require "moonseed.nn.temporary"

local Residual = Module:extend("Residual")

local named = { shortcut = check.optional, zero = false }

-- The list of layers, and the options by name.
local function read(options)
  local layers, names = {}, {}
  for key, value in pairs(options) do
    if type(key) == "number" then
      layers[key] = value
    else
      names[key] = value
    end
  end
  return layers, check.options("Residual", names, {}, named)
end

-- So that y is s(x) at birth: the last layer learns from the first step and
-- those before it from the second (as the last norm's weight of a residual
-- block, Goyal et al. 2017). f gives +0, and x + 0 is x in every bit, save that
-- -0 becomes 0.
local function zero_last(branch)
  local last
  for _, layer in branch:children() do last = layer end
  if not last or not last:parameters()() then
    check.fail("Residual", "the last layer has no parameters to be zero")
  end
  moon.no_grad(function()
    for _, p in last:parameters() do p:fill_(0) end
  end)
end

--- nn.Residual{ layer, ..., shortcut = nil, zero = false }
--- f: these layers one after another, as nn.Sequential takes them. shortcut: a
--- module for s. zero: the last layer's parameters start at zero.
---@param options table
function Residual:init(options)
  local layers, o = read(options)
  self.branch = Sequential(layers)
  if check.boolean("Residual", "zero", o.zero) then zero_last(self.branch) end
  if o.shortcut ~= nil and not Module.is(o.shortcut) then
    check.fail("Residual", "shortcut is a module, not a %s", type(o.shortcut))
  end
  self.shortcut = o.shortcut
end

--- See describe.lua.
---@param describe function
---@return table
function Residual:describe(describe)
  local options = self.branch:describe(describe)
  options.shortcut = self.shortcut and describe(self.shortcut)
  return options
end

--- See describe.lua.
---@param options table
---@param rebuild function
---@return table
function Residual.rebuild(options, rebuild)
  local o = Sequential.rebuild(options, rebuild)
  o.shortcut = options.shortcut and rebuild(options.shortcut)
  return o
end

-- s + f(x), where f ends with a convolution that adds s itself; nil where it
-- does not: another layer, or hooks on this one or on the branch.
local function add_in_last(branch, x, s)
  if branch.forward ~= Sequential.forward then return nil end
  local steps = branch:plan()
  local last = steps[#steps]
  if not last or last.fused or last.module.forward ~= Conv2d.forward
     or last.module.extra then
    return nil
  end
  local h = Sequential.run(steps, x, 1, #steps - 1)
  local y = last.module:forward_add(h, s)
  if last.lets_go and #steps > 1 then temporary.let_go(h, x) end
  return y
end

---@param x userdata
---@return userdata of the shape of f(x)
function Residual:forward(x)
  local shortcut, branch = self.shortcut, self.branch
  local s = shortcut and shortcut:forward(x) or x
  local y = add_in_last(branch, x, s)
  if not y then
    local f = branch:forward(x)
    y = s + f
    if temporary.keeps_nothing(branch) then temporary.let_go(f, x) end
  end
  if shortcut and temporary.keeps_nothing(shortcut) then
    temporary.let_go(s, x)
  end
  return y
end

return Residual
