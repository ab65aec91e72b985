-- What may include or require what: arrows point down DESIGN's list only. Run
-- from the root by scripts/checks/lint.

package.path = "scripts/checks/?.lua;" .. package.path
local source = require "source"

-- From the bottom up; a folder may use itself and those before it.
local C_LAYERS = { "base", "device", "tensor", "op", "grad", "comm", "file",
                   "seed", "capture" }
-- A list in the list: folders of one height, which may use each other.
local LUA_LAYERS = { { "" },
                     { "nn", "optim", "data", "metrics", "models" }, { "seed" },
                     { "train" }, { "repl", "cli" } }

local report = source.report "layers"

local function heights(layers)
  local height = {}
  for h, layer in ipairs(layers) do
    for _, name in ipairs(type(layer) == "table" and layer or { layer }) do
      height[name] = h
    end
  end
  return height
end

-- "core/op/../device/device.h" -> "core/device/device.h"
local function normal(path)
  local parts = {}
  for part in path:gmatch "[^/]+" do
    if part == ".." then table.remove(parts) else parts[#parts + 1] = part end
  end
  return table.concat(parts, "/")
end

local c_height = heights(C_LAYERS)

local function allowed_include(from, to)
  if to == "core/moonseed.h" then return true end
  if to:find "^kernels/" then
    return from:find "^kernels/" or to:find "^kernels/[%w_]+%.h$"
  end
  if from:find "^kernels/" then return false end
  local above, below = from:match "^core/(%w+)/", to:match "^core/(%w+)/"
  return below and above and c_height[below] <= c_height[above]
end

for _, path in ipairs(source.files({ "core", "kernels" }, { "c", "h" })) do
  for number, line in ipairs(source.lines(path)) do
    local name = line:match '^%s*#%s*include%s+"(.-)"'
    local to = name and normal(path:match "^.*/" .. name)
    if to and not allowed_include(path, to) then
      report.add(path, number, "includes %s, which is above it", to)
    end
  end
end

local lua_height = heights(LUA_LAYERS)

-- moonseed.nn.conv2d -> "nn"; moonseed.tensor -> "" (unless it is a folder).
local function layer_of(module)
  local first = module:match "^moonseed%.(%w+)"
  return first and lua_height[first] and first or ""
end

for _, path in ipairs(source.files({ "lua/moonseed" }, { "lua" })) do
  local module = path:gsub("^lua/", ""):gsub("%.lua$", ""):gsub("/", ".")
  local face = module == "moonseed.init"
  for number, line in ipairs(source.lines(path)) do
    local to = line:match 'require%s*%(?%s*"(moonseed[%w_.]*)"'
    if to and not face and not line:find "^%s*%-%-"
       and lua_height[layer_of(to)] > lua_height[layer_of(module)] then
      report.add(path, number, "requires %s, which is above it", to)
    end
  end
end
report.finish()
