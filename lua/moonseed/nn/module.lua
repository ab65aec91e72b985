--- Modules: parameters, buffers and child modules under names, and a forward.
--
-- A module of your own is a subclass:
--
--   local Residual = nn.Module:extend("Residual")
--   function Residual:init(options)           -- called by Residual{ 16 }
--     local n = options[1]
--     self.conv = nn.Conv2d{ n, n, kernel = 3, padding = 1 }
--     self.scale = moon.ones(1):requires_grad()
--   end
--   function Residual:forward(x)
--     return x + self.conv(x):relu() * self.scale
--   end
--
-- Assigning a module makes it a child, assigning a leaf tensor that requires
-- its gradient makes it a parameter, nil removes either, and anything else is
-- a plain field. Tensors that are saved but not trained: self:buffer(name, t).
-- Names keep the order of first assignment; a child's come after a point.
local check = require "moonseed.check"
local pace = require "moonseed.pace"
local recorded = require "moonseed.recorded"
local tensor = require "moonseed.tensor"

local Module = { class_name = "Module", is_module = true }

local generation = 0  -- raised whenever any module gains or loses an entry

--- A number that changes whenever the entries of any module change.
---@return integer
function Module.generation() return generation end

--- Says that something is to be planned again: what a module holds, or its
--- forward.
function Module.changed()
  generation = generation + 1
  recorded.changed()
end

--- Whether `value` is a module.
---@param value any
---@return boolean
function Module.is(value)
  local class = type(value) == "table" and getmetatable(value)
  return type(class) == "table" and class.is_module == true
end

-- "child", "parameter", or nil for what is a plain field.
local function kind_of(value)
  if Module.is(value) then return "child" end
  if tensor.is(value) and tensor.wants_grad(value) then return "parameter" end
  return nil
end

local function forget(self, name)
  local names = self._names
  for i = 1, #names do
    if names[i] == name then table.remove(names, i) break end
  end
  self._kind[name], self._value[name] = nil, nil
  Module.changed()
end

local function put(self, name, kind, value)
  local class = getmetatable(self)
  if type(name) ~= "string" or name == "" or name:find("%.") then
    check.fail(class.class_name, "'%s' cannot name a %s", tostring(name), kind)
  end
  if class[name] ~= nil or rawget(self, name) ~= nil then
    check.fail(class.class_name, "the name '%s' of a %s is taken", name, kind)
  end
  if kind ~= "child" then value:keep() end  -- beyond a moon.tidy
  if not self._kind[name] then self._names[#self._names + 1] = name end
  self._kind[name], self._value[name] = kind, value
  Module.changed()
end

-- Positions are names too: self[1] is the entry "1".
local function index(self, key)
  if type(key) == "number" then key = tostring(key) end
  local value = rawget(self, "_value")[key]
  if value ~= nil then return value end
  return getmetatable(self)[key]
end

local function assign(self, key, value)
  if type(key) == "number" then key = tostring(key) end
  local old, kind = self._kind[key], kind_of(value)
  if old == "buffer" and tensor.is(value) then kind = "buffer" end
  if old == "parameter" and value ~= nil and kind ~= old then
    check.fail(self.class_name, "%s is a parameter; what replaces it must be "
               .. "a leaf that requires its gradient", key)
  end
  if kind then
    put(self, key, kind, value)
  else
    if old then forget(self, key) end
    rawset(self, key, value)
  end
end

-- A class may have a `headline(self)`: what it says of itself besides its name.
local function describe(self, indent)
  local class = getmetatable(self)
  local lines = { class.headline and class.headline(self)
                  or class.class_name }
  for _, name in ipairs(self._names) do
    local value = self._value[name]
    if self._kind[name] == "child" then
      lines[#lines + 1] = ("%s  %s: %s"):format(indent, name,
                                                describe(value, indent .. "  "))
    else
      lines[1] = ("%s  %s %s"):format(lines[1], name,
                                      table.concat(value:shape(), "x"))
    end
  end
  return table.concat(lines, "\n")
end

local function prepare(class)
  class.__index, class.__newindex = index, assign
  class.__call = function(self, ...)
    pace.forward()
    return self:forward(...)
  end
  class.__tostring = function(self) return describe(self, "") end
  return class
end

local function construct(class, options)
  options = options or {}
  local self = setmetatable({ training = true, _names = {}, _kind = {},
                              _value = {} }, class)
  if not class.describe then rawset(self, "_options", options) end
  self:init(options)
  return self
end

--- A subclass; calling it with a table of options makes an instance.
---@param name string
---@return table class
function Module:extend(name)
  local class = prepare{ class_name = name }
  return setmetatable(class, { __index = self, __call = construct })
end

--- Called with the options when an instance is made; yours to define.
---@param options table
function Module:init(options)
  local name = next(options)
  if name ~= nil then
    check.fail(self.class_name, "takes no options, given '%s'",
               tostring(name))
  end
end

--- Yours to define.
function Module:forward()
  check.fail(self.class_name, "has no forward")
end

--- Adds a child or a parameter; a name that exists is an error.
---@param name string
---@param value table|userdata a module, or a leaf that requires its gradient
---@return table self
function Module:add(name, value)
  local kind = kind_of(value)
  if not kind then
    check.fail(self.class_name, "%s is neither a module nor a leaf that "
               .. "requires its gradient", tostring(name))
  end
  if self._kind[name] then
    check.fail(self.class_name, "there is a %s %s already", self._kind[name],
               name)
  end
  put(self, name, kind, value)
  return self
end

--- Adds a tensor that is saved and moved with the module but not trained.
---@param name string
---@param value userdata a tensor
---@return table self
function Module:buffer(name, value)
  if not tensor.is(value) then
    check.fail(self.class_name, "buffer %s is a tensor, not a %s",
               tostring(name), type(value))
  end
  if self._kind[name] then
    check.fail(self.class_name, "there is a %s %s already", self._kind[name],
               name)
  end
  put(self, name, "buffer", value)
  return self
end

-- A plain field that should have been an entry would silently not train.
local function check_fields(self, prefix)
  for name, value in next, self do
    local lost = kind_of(value)
    if lost then
      check.fail(self.class_name, "field %s%s became a %s after it was a plain "
                 .. "field; set it to nil and assign it again", prefix,
                 tostring(name), lost)
    end
    if type(value) == "table" and name ~= "_options"
       and Module.is(rawget(value, 1)) then
      check.fail(self.class_name, "field %s%s is a plain list of modules; use "
                 .. "nn.Sequential, or self:add", prefix, tostring(name))
    end
  end
end

-- Calls visit(path, value, kind) for the entries of self and its children,
-- own tensors first; what is shared is visited once.
local function walk(self, prefix, visit, seen)
  check_fields(self, prefix)
  for _, name in ipairs(self._names) do
    local value, kind = self._value[name], self._kind[name]
    local key = kind == "child" and value or value:id()
    if kind ~= "child" and not seen[key] then
      seen[key] = true
      visit(prefix .. name, value, kind)
    end
  end
  for _, name in ipairs(self._names) do
    local value = self._value[name]
    if self._kind[name] == "child" and not seen[value] then
      seen[value] = true
      visit(prefix .. name, value, "child")
      walk(value, prefix .. name .. ".", visit, seen)
    end
  end
end

local function entries(self, wanted)
  local names, values, i = {}, {}, 0
  walk(self, "", function(name, value, kind)
    if kind == wanted then
      names[#names + 1], values[#values + 1] = name, value
    end
  end, { [self] = true })
  return function()
    i = i + 1
    return names[i], values[i]
  end
end

--- Iterates over name and parameter, here and in all children.
---@return fun(): string?, userdata?
function Module:parameters() return entries(self, "parameter") end

--- Iterates over name and buffer, here and in all children.
---@return fun(): string?, userdata?
function Module:buffers() return entries(self, "buffer") end

--- Iterates over path and module, below this one.
---@return fun(): string?, table?
function Module:modules() return entries(self, "child") end

--- Iterates over name and module, the direct children.
---@return fun(): string?, table?
function Module:children()
  local i = 0
  return function()
    repeat i = i + 1 until self._names[i] == nil
      or self._kind[self._names[i]] == "child"
    return self._names[i], self._value[self._names[i]]
  end
end

--- Training or evaluation behaviour (batch norm, dropout), here and below.
---@param on? boolean default true
---@return table self
function Module:train(on)
  on = on ~= false
  recorded.changed()
  rawset(self, "training", on)
  for _, child in self:modules() do rawset(child, "training", on) end
  return self
end

---@return table self
function Module:eval() return self:train(false) end

local state = require "moonseed.nn.state"
Module.to, Module.state, Module.load_state =
  state.to, state.state, state.load_state

local select = require "moonseed.nn.select"
Module.get, Module.apply, Module.freeze, Module.unfreeze =
  select.get, select.apply, select.freeze, select.unfreeze

local hooks = require "moonseed.nn.hooks"
Module.on_forward, Module.on_backward = hooks.on_forward, hooks.on_backward

--- What each module below gives and costs, for one image (or whatever the first
--- dimension counts): print(model:summary{ 1, 3, 32, 32 }) prints a table. Runs
--- the forward, in evaluation; leaves no trace in the module.
---@param shape integer[]     of the input, batch first
---@param options table|nil   dtype of the input; that of the first parameter
---                           unless given; depth: how far down the table goes
---@return Summary
function Module:summary(shape, options)
  return require("moonseed.nn.summary")(self, shape, options)
end

return prepare(Module)
