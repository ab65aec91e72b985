--- Whether the calls of calls.lua are all there is: what users can name, and
--- what kernels the core has.
local calls = require "calls"
local core = require "moonseed.ffi"
local made = require "made"
local moon = require "moonseed"
local methods = require("moonseed.tensor").methods
local C, ffi = core.C, core.ffi

local M = {}

M.FROM = "scripts/docs/calls.lua"

local function is_public(name, value)
  return type(value) == "function" and not name:find "^_"
end

-- An optimiser is a class that can be called.
local function is_optimiser(value)
  local meta = type(value) == "table" and getmetatable(value)
  return meta and meta.__call ~= nil
end

-- Names of what users can call of tensors and moon; the losses, the optimisers
-- and augmentation have their part in front. Parts that load when asked for are
-- loaded by now (surface.lua).
local function public()
  local names = {}
  for name, value in pairs(methods) do
    if is_public(name, value) then names[name] = true end
  end
  for name, value in pairs(moon) do
    if is_public(name, value) and methods[name] ~= value then
      names[methods[name] and "moon." .. name or name] = true
    end
  end
  for part, functions in pairs{ nn = moon.nn, optim = moon.optim,
                                ["data.augment"] = moon.data.augment } do
    for name, value in pairs(functions) do
      local key = part .. "." .. name
      local called = is_public(name, value)
        or part == "optim" and is_optimiser(value)
      if called and moon[name] ~= value and not made.internal[key] then
        names[key] = true
      end
    end
  end
  return names
end

-- Names in a table of lists by reason.
local function excepted(lists)
  local names = {}
  for _, list in pairs(lists) do
    for name in list:gmatch "%S+" do names[name] = true end
  end
  return names
end

local function compare(report, what, there, told)
  for name in pairs(there) do
    if not told[name] then
      report.add(M.FROM, 1, "%s %s: neither called nor excepted", what, name)
    end
  end
  for name in pairs(told) do
    if not there[name] then
      report.add(M.FROM, 1, "there is no %s %s", what, name)
    end
  end
end

local function kernels()
  local names, k = {}, 0
  local rt = require("moonseed.context").live.rt
  local name, from = ffi.new "const char *[1]", ffi.new "const char *[1]"
  while C.moon_kernel_row(rt, 0, k, name, from) == 1 do
    names[ffi.string(name[0])] = true
    k = k + 1
  end
  return names
end

--- Complains about operations that are neither called nor excepted, about
--- kernels that no call runs, and about exceptions that are none.
---@param report table  see scripts/checks/source.lua
---@param ran table<string, boolean>  kernels that the calls ran, by name
function M.check(report, ran)
  local told = excepted(calls.others)
  for _, topic in ipairs(calls.topics) do
    for name in pairs(topic[2]) do told[name:match "^%S+"] = true end
  end
  compare(report, "operation", public(), told)
  local seen = excepted(calls.kernels)
  for name in pairs(ran) do seen[name] = true end
  compare(report, "kernel", kernels(), seen)
end

return M
