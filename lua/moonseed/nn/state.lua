--- What a module holds as a table of tensors, and moving it elsewhere.
local check = require "moonseed.check"
local moon = require "moonseed"

local M = {}

--- Parameters and buffers by name: the tensors themselves, not copies.
---@param self table a module
---@return table<string, userdata>
function M.state(self)
  local t = {}
  for name, p in self:parameters() do t[name] = p end
  for name, b in self:buffers() do t[name] = b end
  return t
end

local function shape_text(t)
  local text = table.concat(t:shape(), "x")
  return (text == "" and "scalar" or text) .. " " .. t:dtype()
end

-- "2.weight, 3.bias and 7 more"
local function enumerate(names)
  table.sort(names)
  local n = #names
  local text = table.concat(names, ", ", 1, math.min(n, 4))
  return n > 4 and ("%s and %d more"):format(text, n - 4) or text
end

local function compare(own, given)
  local missing, unexpected, different = {}, {}, {}
  for name, t in pairs(own) do
    if not given[name] then
      missing[#missing + 1] = name
    elseif not moon.is_tensor(given[name]) then
      different[#different + 1] = ("%s is a %s"):format(name,
                                                        type(given[name]))
    elseif shape_text(given[name]) ~= shape_text(t) then
      different[#different + 1] = ("%s is %s, given %s"):format(
        name, shape_text(t), shape_text(given[name]))
    end
  end
  for name in pairs(given) do
    if not own[name] then unexpected[#unexpected + 1] = tostring(name) end
  end
  return missing, unexpected, different
end

--- Copies a table as `state` gives it into `own`, or raises and leaves all as
--- it was. Suspends the task until the given tensors are complete.
---@param op string who asks, for the error
---@param own table<string, userdata>
---@param given table<string, userdata>
function M.copy(op, own, given)
  local missing, unexpected, different = compare(own, given)
  local faults = {}
  local function add(text, names)
    if #names > 0 then faults[#faults + 1] = text .. enumerate(names) end
  end
  add("missing ", missing)
  add("unexpected ", unexpected)
  add("", different)
  if #faults > 0 then check.fail(op, "%s", table.concat(faults, "; ")) end
  local values = {}
  for name, t in pairs(own) do
    values[name] = given[name]:to(t:device()):await()
  end
  moon.no_grad(function()
    for name, t in pairs(own) do t:copy_(values[name]) end
  end)
end

--- Copies a table as `state` gives it into this module's tensors. Missing and
--- unexpected names and other shapes are an error, and nothing changes then.
---@param self table a module
---@param given table<string, userdata>
---@return table self
function M.load_state(self, given)
  check.table("load_state", "its argument", given)
  M.copy("load_state", M.state(self), given)
  return self
end

-- By moved tensor: the ids it had before, the last one first.
local formers = setmetatable({}, { __mode = "k" })

--- What is kept for a tensor by its id: for the one it is, or, of a parameter
--- or buffer that was moved, for the one it was, where it is now.
---@param kept table  by id: a tensor, or a table of tensors by name
---@param t userdata
---@return any|nil
function M.follow(kept, t)
  local own = kept[t:id()]
  if own ~= nil then return own end
  for _, id in ipairs(formers[t] or {}) do
    if kept[id] ~= nil then return M.beside(kept[id], t) end
  end
end

--- The same values on t's device, in its dtype; a scalar, which counts, in its
--- own.
---@param value any  a tensor, or a table of tensors
---@param t userdata
---@return any
function M.beside(value, t)
  if not moon.is_tensor(value) then
    local all = {}
    for name, entry in pairs(value) do all[name] = M.beside(entry, t) end
    return all
  end
  local there = value:detach():to(t:device())
  return (value:ndim() > 0 and there:to(t:dtype()) or there):keep()
end

-- `target` is a device, or a dtype for what is floating.
local function move(t, target)
  local is_dtype = check.floating[target] ~= nil
  if t:dtype() == target or t:device() == target
     or (is_dtype and not check.floating[t:dtype()]) then
    return t
  end
  local moved = t:detach():to(target)
  formers[moved] = { t:id(), unpack(formers[t] or {}) }
  return t.needs_grad and moved:requires_grad() or moved
end

-- A parameter that is frozen is one still.
local function replace(module, name, value, other)
  if rawequal(other, value) then return end
  local frozen = module._kind[name] == "parameter" and not value.needs_grad
  if frozen then other:requires_grad() end
  module[name] = other
  if frozen then other:requires_grad(false) end
end

--- Moves parameters and buffers to a device ("cpu", "cuda:0") or to a
--- floating dtype ("f32", "f64", "bf16", "f16"). They become new tensors
--- without gradients; what optimisers and averages keep for them follows.
---@param self table a module
---@param target string
---@return table self
function M.to(self, target)
  local moved = {}  -- by id, so that shared tensors stay shared
  local function each(module)
    for _, name in ipairs(module._names) do
      local value = module._value[name]
      if module._kind[name] ~= "child" then
        local id = value:id()
        moved[id] = moved[id] or move(value, target)
        replace(module, name, value, moved[id])
      end
    end
    if module.moved then module:moved(target) end
  end
  each(self)
  for _, child in self:modules() do each(child) end
  return self
end

return M
