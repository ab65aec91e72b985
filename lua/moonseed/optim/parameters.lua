--- What an optimiser steps: the parameters of a module, or a list of tensors.
local check = require "moonseed.check"
local Module = require "moonseed.nn.module"
local tensor = require "moonseed.tensor"

local M = {}

local function describe(value)
  if not tensor.is(value) then return "a " .. type(value) end
  return value.needs_grad and "computed from others"
    or "a tensor that needs no gradient"
end

--- Raises unless it is a module or a list of leaves that require gradients.
---@param op string
---@param source any
function M.check(op, source)
  if Module.is(source) then return end
  if type(source) ~= "table" then
    check.fail(op, "expects a module or a list of tensors, not a %s",
               type(source))
  end
  local n = 0
  for _ in pairs(source) do n = n + 1 end
  if n ~= #source then
    check.fail(op, "the list of tensors has names or gaps")
  end
  for i, p in ipairs(source) do
    if not tensor.wants_grad(p) then
      check.fail(op, "entry %d of %d is %s, no leaf that requires its "
                 .. "gradient", i, #source, describe(p))
    end
  end
end

--- Names and tensors, in the order of the model.
---@param source table
---@return string[] names
---@return userdata[] tensors
function M.list(source)
  local names, tensors = {}, {}
  if Module.is(source) then
    for name, p in source:parameters() do
      names[#names + 1], tensors[#tensors + 1] = name, p
    end
  else
    for i, p in ipairs(source) do names[i], tensors[i] = tostring(i), p end
  end
  return names, tensors
end

-- Calls visit(path, module) for the module and those below it.
local function each_module(source, visit)
  visit("", source)
  for path, module in source:modules() do visit(path .. ".", module) end
end

--- What the parameters of modules with an `apart` are stepped in, by id.
---@param source table
---@return table<integer, function>
function M.aparts(source)
  local owner = {}
  if not Module.is(source) then return owner end
  for _, module in source:modules() do
    local apart = rawget(module, "apart")
    if apart then
      for _, p in module:parameters() do owner[p:id()] = apart end
    end
  end
  return owner
end

--- The class names of the modules that hold the parameters, by parameter name.
---@param source table
---@return table<string, string>
function M.kinds(source)
  local kinds = {}
  if not Module.is(source) then return kinds end
  each_module(source, function(prefix, module)
    for _, name in ipairs(module._names) do
      if module._kind[name] == "parameter" then
        kinds[prefix .. name] = getmetatable(module).class_name
      end
    end
  end)
  return kinds
end

return M
