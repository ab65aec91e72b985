--- What an optimiser keeps for each parameter: made with the first gradient,
--- saved and loaded.
local check = require "moonseed.check"
local context = require "moonseed.context"
local core = require "moonseed.ffi"
local follow = require "moonseed.optim.follow"
local moon = require "moonseed"
local scaler = require "moonseed.optim.scaler"
local state = require "moonseed.nn.state"
local C = core.C

local M = {}

-- Zeros, in no moon.tidy scope.
local function zeros_for(p, is_scalar)
  local options = { dtype = is_scalar and "f64" or p:dtype(),
                    device = p:device() }
  return moon.zeros(is_scalar and {} or p:shape(), options):keep()
end

local function is_needed(rule, o, name)
  return not rule.uses or rule.uses(o, name)
end

local function has_gradient(p)
  local gradient = C.moon_tensor_grad(context.live, p.p)
  if gradient == nil then return false end
  C.moon_tensor_release(gradient)
  return true
end

local function add_missing(rule, o, own, p)
  for _, name in ipairs(rule.states) do
    if not own[name] and is_needed(rule, o, name) then
      own[name] = zeros_for(p, rule.scalars and rule.scalars[name])
    end
  end
end

--- For parameters with their first gradient.
---@param self table  an optimiser
function M.add(self)
  for i, id in ipairs(self.ids) do
    local p, profile = self.tensors[i], self.profile_of[i]
    local rule, own = profile.rule, self.state_of[id]
    for _, name in ipairs(rule.states) do
      if not own[name] and is_needed(rule, profile.o, name) then
        if has_gradient(p) then add_missing(rule, profile.o, own, p) end
        break
      end
    end
  end
end

--- What a checkpoint needs: the parameters' states under names like
--- "velocity.2.weight" (the tensors themselves), `lr`, and `loss_scale` where
--- there is one.
---@param self table  an optimiser
---@return table<string, userdata>
function M.state(self)
  follow.catch_up(self)
  local t = { lr = moon.tensor({ self.lr }, { dtype = "f64" }),
              loss_scale = scaler.of(self) }
  for i, name in ipairs(self.names) do
    for key, value in pairs(self.state_of[self.ids[i]]) do
      t[key .. "." .. name] = value
    end
  end
  return t
end

-- Room for what is given for parameter i; all that it needs if there is any.
local function room_for(self, i, given, own)
  local p, name, profile = self.tensors[i], self.names[i], self.profile_of[i]
  local rule, made = profile.rule, {}
  for _, key in ipairs(rule.states) do
    if given[key .. "." .. name] then
      made[key] = zeros_for(p, rule.scalars and rule.scalars[key])
    end
  end
  if next(made) then add_missing(rule, profile.o, made, p) end
  for key, value in pairs(made) do own[key .. "." .. name] = value end
  return made
end

--- Takes a table as `state` gives it. Names of parameters that there are not,
--- and other shapes, are an error, and nothing changes then.
---@param self table  an optimiser
---@param given table<string, userdata>
function M.load_state(self, given)
  local op = self.def.name .. ": load_state"
  check.table(op, "its argument", given)
  follow.catch_up(self)
  follow.refresh(self)
  local made, own, wanted = {}, {}, {}
  for i, id in ipairs(self.ids) do made[id] = room_for(self, i, given, own) end
  own.lr = moon.zeros(1, { dtype = "f64" })
  own.loss_scale = scaler.of(self)
  for key, value in pairs(given) do wanted[key] = value end
  state.copy(op, own, wanted)
  self.lr = own.lr:item()
  self.state_of = made
end

return M
