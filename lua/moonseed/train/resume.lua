--- moon.train.resume: a run goes on from its last checkpoint that is whole, in
--- this process or another, with the bits that it would have had.
--
--   local run = moon.train.resume("runs/first")
--   local run = moon.train.resume{ "runs/first", model = build() }

local check = require "moonseed.check"
local moon = require "moonseed"
local describe = require "moonseed.nn.describe"
local follow = require "moonseed.optim.follow"
local optim = require "moonseed.optim"
local Archive = require "moonseed.train.archive"
local checkpoint = require "moonseed.train.checkpoint"
local data = require "moonseed.data"
local fit = require "moonseed.train.fit"
local seed = require "moonseed.seed"
local state = require "moonseed.train.state"

local known = {
  model = check.optional, optim = check.optional, train = check.optional,
  valid = check.optional, schedule = check.optional, loss = check.optional,
  on_event = check.optional, on_garden_event = check.optional,
  quiet = check.optional, epochs = check.optional,
  metrics = check.optional,
}

-- The newest file that can be read; those that cannot are named.
local function newest(folder)
  local paths, faults = checkpoint.list(folder), {}
  for _, path in ipairs(paths) do
    local ok, archive = pcall(Archive.load, path)
    if ok and archive.plain.format == state.FORMAT then
      return archive, path, faults
    end
    faults[#faults + 1] = ok and path .. ": another format"
      or tostring(archive)
  end
  if #paths == 0 then
    check.fail("resume", "there is no checkpoint in %s", folder)
  end
  check.fail("resume", "no checkpoint in %s can be read: %s", folder,
             table.concat(faults, "; "))
end

local function need(value, name)
  if value == nil then
    check.fail("resume", "the checkpoint cannot say how %s is made; give "
               .. "%s = ...", name, name)
  end
  return value
end

local function read_data(t, name, archive)
  if not t then return nil end
  if not t.origin then return need(nil, name) end
  local all = data[t.origin[1]](t.origin[2])
  return t.index and all:rows(archive:get("data." .. name)) or all
end

local function make_model(o, t)
  if o.model then return o.model end
  return describe.rebuild(need(t.description, "model"))
end

local function make_optim(o, t, model)
  if o.optim then return o.optim end
  local description, groups = need(t.optim, "optim"), t.optim.groups
  description.groups = nil  -- seeds, which they may be for, come later
  local opt = optim.rebuild(description, model)
  follow.adopt_groups(opt, groups)
  return opt
end

local function make_garden(o, t, fit_options)
  if not t.garden_options then return nil end
  local options = { fit_options.model, optim = fit_options.optim,
                    train = fit_options.train, valid = fit_options.valid,
                    on_event = o.on_garden_event }
  for name, value in pairs(t.garden_options) do options[name] = value end
  return seed.Garden(options)
end

local function fit_options_of(o, archive, folder)
  local t, f = archive.plain, {}
  for _, name in ipairs(t.functions) do need(o[name], name) end
  for name, value in pairs(t.options) do f[name] = value end
  for _, name in ipairs{ "schedule", "loss", "on_event", "quiet", "epochs",
                         "metrics" } do
    if o[name] ~= nil then f[name] = o[name] end
  end
  f.model, f.out = make_model(o, t), folder
  f.optim = make_optim(o, t, f.model)
  f.ema = t.ema and optim.EMA{ f.model, decay = t.ema.decay,
                               buffers = t.ema.buffers }
  f.train = o.train or read_data(t.train, "train", archive)
  f.valid = o.valid or read_data(t.valid, "valid", archive)
  f.garden = make_garden(o, t, f)
  return f
end

--- moon.train.resume(folder), or { folder, model =, optim =, train =, valid =,
--- schedule =, loss =, metrics =, ... } for what a checkpoint cannot hold:
--- classes, functions and data of your own. Suspends while it reads.
---@param options string|table
---@return table run  that trains on from now
return function(options)
  if type(options) == "string" then options = { options } end
  local o = check.options("resume", options, { "folder" }, known)
  check.text("resume", "the folder", o.folder)
  local archive, path, faults = newest(o.folder)
  local f = fit_options_of(o, archive, o.folder)
  f[1] = f.model
  f.model = nil
  local run = fit.prepare(f)
  state.restore(run, archive)
  for _, fault in ipairs(faults) do
    io.stderr:write("moonseed: resume: passed over ", fault, "\n")
  end
  local other = state.other_build(archive)
  if other then
    io.stderr:write("moonseed: resume: ", path, " was written by another "
                    .. "build (", other, "); the bits may differ\n")
  end
  moon.synchronize()
  return fit.start(run)
end
