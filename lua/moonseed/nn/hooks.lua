--- Hooks: functions around a module's forward, that see and may replace what
--- it computes.
--
-- A module with hooks has a forward of its own, one that calls them and then
-- the class's. So it is called however the module is, and what looks at the
-- forward itself (Sequential, which computes Conv2d and ReLU as one) leaves
-- the module alone: a hook sees the module's own output.
--
-- The lists are never changed: a hook may remove itself, or add others.
local check = require "moonseed.check"
local tensor = require "moonseed.tensor"
local user_op = require "moonseed.user_op"

local M = {}

local function call(hooks, i, self, ...)
  local around = hooks[i]
  if around then
    return around(function(...) return call(hooks, i - 1, self, ...) end, self,
                  ...)
  end
  return (hooks.own or hooks.class.forward)(self, ...)
end

local function forward(self, ...)
  return call(self._hooks, #self._hooks, self, ...)
end

-- The list without `around`, and with it at the end where `add` says so.
local function changed(self, around, add)
  local old = self._hooks
  local hooks = { own = old and old.own, class = getmetatable(self) }
  if not old then hooks.own = rawget(self, "forward") end
  for _, hook in ipairs(old or {}) do
    if hook ~= around then hooks[#hooks + 1] = hook end
  end
  if add then hooks[#hooks + 1] = around end
  return hooks
end

local function set(self, hooks)
  local any = #hooks > 0
  rawset(self, "_hooks", any and hooks or nil)
  rawset(self, "forward", any and forward or hooks.own)
  self.changed()
end

--- Puts a function around a module's forward, outside of those that are there.
---@param self table       a module
---@param around function  around(forward, module, ...) returns what its forward
---                        is to return; forward(...) is the module's own
---@return fun() remove  takes it away again
function M.wrap(self, around)
  set(self, changed(self, around, true))
  return function()
    if self._hooks then set(self, changed(self, around, false)) end
  end
end

local function replace(fn, self, inputs, y, ...)
  local other = fn(self, y, unpack(inputs, 1, inputs.n))
  if other ~= nil then y = other end
  return y, ...
end

--- After each forward of this module, calls fn(module, y, x, ...) with what it
--- gave and what it was given. What `fn` returns, unless nil, takes y's place,
--- for hooks that came later, too. Copies of the module have no hooks.
---@param self table  a module
---@param fn function
---@return fun() remove  takes it away again
function M.on_forward(self, fn)
  check.callable("on_forward", "its argument", fn)
  return M.wrap(self, function(own, module, ...)
    return replace(fn, module, { n = select("#", ...), ... }, own(...))
  end)
end

-- y itself, with a place in the graph where fn sees the gradient come by.
local watched = user_op.op{
  name = "on_backward",
  forward = function(ctx, y, fn, module)
    ctx.fn, ctx.module = fn, module
    return y
  end,
  backward = function(ctx, dy)
    local other = ctx.fn(ctx.module, dy)
    if other == nil then return dy end
    return other
  end,
}

local function watch(fn, self, y, ...)
  if tensor.is(y) and y.needs_grad then y = watched(y, fn, self) end
  return y, ...
end

--- In each backward through this module, calls fn(module, dy) with the gradient
--- of its output. What `fn` returns, unless nil, takes dy's place. The forward
--- makes a copy of its output for it.
---@param self table  a module
---@param fn function
---@return fun() remove  takes it away again
function M.on_backward(self, fn)
  check.callable("on_backward", "its argument", fn)
  return M.wrap(self, function(own, module, ...)
    return watch(fn, module, own(...))
  end)
end

return M
