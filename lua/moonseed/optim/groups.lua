--- Parameter groups: options for the parameters whose names match a pattern.
--
--   groups = { { kind = "Norm", decay = false },   -- BatchNorm2d, GroupNorm
--              { match = "bias$", decay = false },
--              { match = "^head", lr = 0.01 } }
--
-- `match` is a Lua pattern for the parameter's name, `kind` one for the class
-- of the module that holds it; of both, both must match. A parameter takes the
-- options of every group that it is in, of a later one over those of an
-- earlier. A group's lr is the one at the optimiser's first lr, and moves with
-- it in proportion. Which options a group may set is the optimiser's to say;
-- decay = false is weight_decay = 0.
--
-- Parameters with the same groups have a *profile* in common: their options as
-- they are now, and the core's form of them.
local check = require "moonseed.check"
local core = require "moonseed.ffi"
local options = require "moonseed.optim.options"
local parameters = require "moonseed.optim.parameters"
local ffi = core.ffi

local M = {}

-- "0.weight, 0.bias and 7 more"
local function enumerate(names)
  local n = #names
  local text = table.concat(names, ", ", 1, math.min(n, 6))
  return n > 6 and ("%s and %d more"):format(text, n - 6) or text
end

local function check_pattern(op, name, pattern)
  check.text(op, name, pattern)
  local ok, why = pcall(string.find, "", pattern)
  if not ok then
    check.fail(op, "%s = '%s': %s", name, pattern, why)
  end
end

local function check_group(def, i, group)
  local op = ("%s: groups[%d]"):format(def.name, i)
  check.table(op, "a group", group)
  check.names(op, group, def.of_group)
  if group.match == nil and group.kind == nil then
    check.fail(op, "says no parameter; give match = or kind =")
  end
  if group.match ~= nil then check_pattern(op, "match", group.match) end
  if group.kind ~= nil then check_pattern(op, "kind", group.kind) end
  if group.decay ~= nil then check.boolean(op, "decay", group.decay) end
  if group.decay == false and group.weight_decay ~= nil then
    check.fail(op, "decay = false, and weight_decay")
  end
  for _, name in ipairs(def.own) do
    if group[name] ~= nil then options.check(op, name, group[name]) end
  end
end

local function matches(group, name, kind)
  if group.match and not name:find(group.match) then return false end
  return not group.kind or (kind or ""):find(group.kind) ~= nil
end

local function pattern_text(group)
  local parts = {}
  for _, name in ipairs{ "match", "kind" } do
    if group[name] then
      parts[#parts + 1] = ("%s = '%s'"):format(name, group[name])
    end
  end
  return table.concat(parts, ", ")
end

--- Raises for groups that are none, and for one that no parameter is in.
---@param self table  an optimiser
---@param names string[]  of its parameters
function M.check(self, names)
  local def, groups = self.def, self.groups
  if groups == nil then return end
  check.table(def.name, "groups", groups)
  local kinds = parameters.kinds(self.source)
  for i, group in ipairs(groups) do
    check_group(def, i, group)
    local found = false
    for _, name in ipairs(names) do
      found = found or matches(group, name, kinds[name])
    end
    if not found then
      check.fail(def.name, "groups[%d]: no parameter has %s (there are %s)",
                 i, pattern_text(group), enumerate(names))
    end
    if group.lr and self.first_lr == 0 then
      check.fail(def.name, "groups[%d]: its lr moves in proportion to the "
                 .. "optimiser's first, which is 0", i)
    end
  end
end

-- --- profiles --------------------------------------------------------------

-- The places of the groups that a parameter is in, as text.
local function key_of(groups, name, kind)
  local places = {}
  for i, group in ipairs(groups) do
    if matches(group, name, kind) then places[#places + 1] = i end
  end
  return table.concat(places, ",")
end

local function new_profile(groups, key)
  local profile = { groups = {}, o = {}, places = key }
  for place in key:gmatch "%d+" do
    table.insert(profile.groups, groups[tonumber(place)])
  end
  return profile
end

local function read(profile, self)
  local def, o = self.def, profile.o
  for _, name in ipairs(def.own) do
    local value = self[name]
    for _, group in ipairs(profile.groups) do
      if group[name] ~= nil then value = group[name] end
      if name == "weight_decay" and group.decay == false then value = 0 end
    end
    o[name] = value
  end
  return o
end

--- Reads the options as they are now, raises for what they may not be, and
--- fills `rates`.
---@param self table      an optimiser
---@param profile table
function M.refresh(self, profile)
  local def, o = self.def, read(profile, self)
  local op = def.name
  for _, name in ipairs(def.own) do options.check(op, name, o[name]) end
  if def.check then def.check(op, o) end
  o.pace = self.lr == self.first_lr and 1 or self.lr / self.first_lr
  for _, group in ipairs(profile.groups) do
    if group.lr then o.lr = group.lr * o.pace end
  end
  local rates = profile.rates
  rates.rule, rates.flags = profile.rule.code, 0
  rates.lr, rates.weight_decay = o.lr, o.weight_decay
  profile.rule.set(rates, o)
end

--- A profile for each parameter.
---@param self table  an optimiser, its names and tensors as they are now
---@return table[]    by place of the parameter
---@return table[]    all there are
function M.profiles(self)
  local of, list, by_key = {}, {}, {}
  local groups, kinds = self.groups or {}, parameters.kinds(self.source)
  for i, name in ipairs(self.names) do
    local places = key_of(groups, name, kinds[name])
    local plain = new_profile(groups, places)
    local rule = self.def.rule_of(self.tensors[i], read(plain, self))
    local key = places .. ":" .. rule.name
    local profile = by_key[key]
    if not profile then
      profile = plain
      profile.rule, profile.rates = rule, ffi.new "moon_step_rates"
      by_key[key] = profile
      list[#list + 1] = profile
    end
    of[i] = profile
  end
  return of, list
end

return M
