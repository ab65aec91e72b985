--- moon.train.import: reads what export wrote.

local check = require "moonseed.check"
local moon = require "moonseed"
local describe = require "moonseed.nn.describe"
local context = require "moonseed.context"

local function read_description(path)
  local file, why = io.open(path, "r")
  if not file then check.fail("import", "%s", why) end
  local source = file:read "*a"
  file:close()
  local chunk, fault = load(source, "@" .. path, "t", {})
  if not chunk then check.fail("import", "%s", fault) end
  local ok, t = pcall(chunk)
  if not ok or type(t) ~= "table" or t.format ~= 1 then
    check.fail("import", "%s holds no network of this format", path)
  end
  return t
end

local function slots_of(model)
  local by_name = {}
  for _, slot in model:modules() do
    if slot.plan_forward then by_name[slot.name] = slot end
  end
  return by_name
end

--- Makes the network again; it is in evaluation. Suspends.
---@param path string  as it was given to export
---@return table model
return function(path)
  check.text("import", "the path", path)
  local t = read_description(path .. ".lua")
  local model = describe.rebuild(t.model)
  local slots = slots_of(model)
  for _, g in ipairs(t.grown) do
    slots[g.slot]:seed(g.seed):carry(g, context.generator_state(0))
  end
  model:load_state(moon.load(path .. ".safetensors"))
  return model:eval()
end
