-- Follows a schedule, whatever the training does:
--
--   config = { schedule = {
--     { epoch = 3, slot = "early", action = "germinate", blueprint = "norm" },
--     { epoch = 9, slot = "early", action = "prune" } } }
--
-- Each entry is done once, at the first view of its epoch or a later one; a
-- planting waits until its slot is free. What the schedule leaves open, seeds
-- do as under the other policies (config.schedule_only = true: nothing).

local policy = { name = "fixed", version = 1 }

local defaults = { schedule = {}, schedule_only = false }

function policy.init(config)
  local options = life.options(config, defaults)
  for i, entry in ipairs(options.schedule) do
    if type(entry.epoch) ~= "number" then
      error(("schedule: entry %d has no epoch"):format(i), 0)
    end
  end
  return { config = config, done = {} }
end

local function place(entry)
  return ("%s %d"):format(entry.slot or entry.name, entry.seed or 1)
end

local function is_due(entry, view)
  if view.epoch < entry.epoch then return false end
  if entry.action ~= "germinate" then return true end
  for _, seed in ipairs(view.slots) do
    if place(seed) == place(entry) then return seed.stage == "DORMANT" end
  end
  return true  -- an unknown slot: let the error say so
end

local function action_of(entry)
  return { slot = entry.slot, seed = entry.seed, action = entry.action,
           blueprint = entry.blueprint, target = entry.target,
           why = ("scheduled for epoch %d"):format(entry.epoch) }
end

function policy.decide(state, view)
  local options = life.options(state.config, defaults)
  local actions, taken = {}, {}
  for i, entry in ipairs(options.schedule) do
    if not state.done[i] and not taken[place(entry)] and
        is_due(entry, view) then
      state.done[i], taken[place(entry)] = true, true
      table.insert(actions, action_of(entry))
    end
  end
  if options.schedule_only then return actions end
  for _, action in ipairs(life.advance(view, options)) do
    if not taken[place(action)] then table.insert(actions, action) end
  end
  return actions
end

return policy
