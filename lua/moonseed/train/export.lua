--- moon.train.export: the grown network for elsewhere.
--
--   moon.train.export(model, "grown")   -- grown.safetensors and grown.lua
--   local model = moon.train.import "grown"
--
-- Any tool can read the weights; the Lua file returns a description from
-- which the network is made again: its layers, and what grew in its slots.

local check = require "moonseed.check"
local moon = require "moonseed"
local describe = require "moonseed.nn.describe"
local nn = require "moonseed.nn"
local stage = require "moonseed.seed.stage"
local text = require "moonseed.train.text"
local core = require "moonseed.ffi"

-- What takes part in the forward at each slot.
local function grown(model)
  local list = {}
  for _, slot in model:modules() do
    for i, seed in ipairs(slot.plan_forward and slot.list or {}) do
      local name = seed:stage()
      if stage.is_blended(name) and not seed.failure then
        list[#list + 1] = { slot = slot.name, seed = i, stage = name,
                            alpha = seed:alpha(), kind = seed.kind,
                            blueprint = seed.blueprint, shape = seed.shape }
      end
    end
  end
  return list
end

--- Writes PATH.safetensors and PATH.lua; suspends until both are there.
---@param model table
---@param path string  without an ending
return function(model, path)
  if not nn.Module.is(model) then
    check.fail("export", "expects a model, not a %s", type(model))
  end
  check.text("export", "the path", path)
  local description = { format = 1, model = describe.describe(model),
                        grown = grown(model) }
  moon.save(path .. ".safetensors", model:state())
  local aside = path .. ".lua.new"
  local file, why = io.open(aside, "w")
  if not file then check.fail("export", "%s", why) end
  file:write("-- A network; moon.train.import reads it.\nreturn ",
             text.of(description), "\n")
  file:close()
  assert(core.uv.fs_rename(aside, path .. ".lua"))
end
