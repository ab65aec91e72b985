--- Results that go from one layer to the next: nobody else names them, so they
--- are let go of there, instead of when the collector comes by. Their memory
--- stays while the graph needs it; what it does not need (what a norm gives to
--- a ReLU) is free for the layers that follow.
--
-- That is known of the layers in this folder, none of which keeps what it is
-- given or what it gives, beyond the graph. Code of others, a hook too, may.

local core = require "moonseed.ffi"
local tensor = require "moonseed.tensor"

local C = core.C

local M = {}

local LEAST = 2 ^ 14  -- values; with fewer, it would cost more than it saves
local here = "@" .. core.folder .. "nn/"

-- An instance has a forward of its own where it has hooks.
local function is_ours(module)
  if rawget(module, "forward") then return false end
  local info = debug.getinfo(module.forward, "S")
  return info.source:sub(1, #here) == here
end

local function look(module)
  if not is_ours(module) then return false end
  for _, child in module:children() do
    if not look(child) then return false end
  end
  return true
end

local known = setmetatable({}, { __mode = "k" })  -- { generation, answer }

--- Whether neither a module nor what is in it keeps what it is given or gives.
---@param module table
---@return boolean
function M.keeps_nothing(module)
  local entry, generation = known[module], module.generation()
  if not entry or entry[1] ~= generation then
    entry = { generation, look(module) }
    known[module] = entry
  end
  return entry[2]
end

--- Lets go of x, made by a module that keeps nothing, unless it is what that
--- was given, or small.
---@param x userdata
---@param given userdata
function M.let_go(x, given)
  if not rawequal(x, given) and tensor.is(x)
     and C.moon_tensor_numel(x.p) >= LEAST then
    tensor.let_go(x)
  end
end

return M
