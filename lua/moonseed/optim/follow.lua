--- How an optimiser follows its model and its options: which parameters there
--- are, in which steps, by which options.
local groups = require "moonseed.optim.groups"
local Module = require "moonseed.nn.module"
local option = require "moonseed.optim.options"
local parameters = require "moonseed.optim.parameters"
local state = require "moonseed.nn.state"

local M = {}

-- The parameters that make a step together.
local function set_of(sets, apart)
  for _, set in ipairs(sets) do
    if set.apart == apart then return set end
  end
  local set = { apart = apart, tensors = {}, ids = {}, profiles = {} }
  sets[#sets + 1] = set
  return set
end

local function divide(self, profiles)
  local owner, sets = parameters.aparts(self.source), {}
  set_of(sets, nil)
  for i, p in ipairs(self.tensors) do
    local set = set_of(sets, owner[self.ids[i]])
    local n = #set.tensors + 1
    set.tensors[n], set.ids[n], set.profiles[n] = p, self.ids[i], profiles[i]
  end
  return sets
end

-- Reads the parameters again and forgets the state of those that left.
local function follow(self)
  local names, tensors = parameters.list(self.source)
  if not rawequal(self.groups, self.grouped) then groups.check(self, names) end
  local kept, ids = {}, {}
  for i, p in ipairs(tensors) do
    ids[i] = p:id()
    kept[ids[i]] = state.follow(self.state_of, p) or {}
  end
  self.names, self.tensors, self.ids, self.state_of = names, tensors, ids, kept
  local profiles
  profiles, self.profiles = groups.profiles(self)
  self.sets = divide(self, profiles)
  self.profile_of = profiles
  rawset(self, "grouped", self.groups)
  rawset(self, "generation", Module.generation())
end

--- Reads the parameters again if any module has changed since, or the groups.
---@param self table  an optimiser
function M.catch_up(self)
  if self.generation ~= Module.generation()
     or not rawequal(self.groups, self.grouped) then
    follow(self)
  end
end

--- Reads the options as they are now; raises for what they may not be.
---@param self table  an optimiser
function M.refresh(self)
  local op = self.def.name
  option.check(op, "lr", self.lr)
  option.check(op, "max_norm", self.max_norm)
  option.check(op, "max_value", self.max_value)
  if self.loss_scale ~= nil then
    option.check(op, "loss_scale", self.loss_scale)
  end
  for _, profile in ipairs(self.profiles) do groups.refresh(self, profile) end
end

--- Takes groups that were checked when they were new: by now the model may have
--- lost what a pattern matched.
---@param self table  an optimiser
---@param list table|nil
function M.adopt_groups(self, list)
  self.groups, self.generation = list, nil
  rawset(self, "grouped", list)
end

return M
