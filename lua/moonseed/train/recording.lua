--- A run's record: opened in its folder, told what garden and reloads tell.

local core = require "moonseed.ffi"
local moon = require "moonseed"
local reload = require "moonseed.reload"
local wait = require "moonseed.wait"

local M = {}

-- What the run was given; where it takes place is for the record to say.
local function meta_of(run)
  local o = run.options
  return { name = run.name, epochs = o.epochs, batch = o.batch,
           images = #o.train, step = run.continued and run.continued.step }
end

-- The garden's events go into the record too; returns what ends that.
local function hear_garden(run)
  return run.garden:listen(function(event) run:tell(event.kind, event) end)
end

-- And those of moon.reload.
local function hear_reloads(run)
  return reload.listen(function(event)
    local fields = { step = run.metrics.step }
    for name, value in pairs(event) do fields[name] = value end
    run:tell(event.kind, fields)
  end)
end

--- Opens the record, where the run has a folder.
---@param run table
function M.open(run)
  run.deafen = { hear_reloads(run), run.garden and hear_garden(run) or nil }
  if run.out then
    local Record = require "moonseed.train.record"
    run.record = Record.open{ run.out .. "/record.jsonl",
                              append = run.continued ~= nil,
                              meta = meta_of(run) }
  end
end

-- --- what the page is drawn from --------------------------------------------

local STREAMS_AT = 20  -- the step of an epoch whose streams are written down

--- After a step: alphas, and once per epoch the streams of a step, for which it
--- waits.
---@param run table
---@param loss userdata   of the step
---@param since integer   uv.hrtime() at its start
function M.step(run, loss, since)
  if not run.record then return end
  if run.garden then run.record:garden(run.garden) end
  local before = math.floor(run.position.batch / run.options.accumulate)
  if before + 1 ~= STREAMS_AT then return end
  loss:await()
  run.record:streams(run.metrics.step, moon.streams():recent(64), since)
end

-- Norm and share of zeros of each parameter's last gradient; a seed that has
-- failed has none.
local function write_gradients(run)
  local list = {}
  for name, p in run.model:parameters() do
    local statistics = p:grad_stats()
    if statistics then list[#list + 1] = { name, statistics } end
  end
  for _, entry in ipairs(list) do
    local name, statistics = unpack(entry)
    wait.settled(statistics)
    if core.C.moon_tensor_error(statistics.p) == 0 then
      local values = statistics:totable()
      run.record:scalar("gradient/norm/" .. name, run.metrics.step, values[1])
      run.record:scalar("gradient/zeros/" .. name, run.metrics.step, values[2])
    end
  end
end

local epoch_names = { "valid_loss", "valid_accuracy", "accuracy", "lr",
                      "images_per_s" }

--- At the end of an epoch.
---@param run table
function M.epoch(run)
  if not run.record then return end
  local names = { unpack(epoch_names) }
  for name in pairs(run.measured) do names[#names + 1] = "valid_" .. name end
  for _, name in ipairs(names) do
    local value = run.metrics[name]
    if type(value) == "number" then
      run.record:scalar(name, run.metrics.step, value)
    end
  end
  write_gradients(run)
  if run.garden then run.record:garden(run.garden) end
end

--- Says how the run ended, and closes the record, also when whoever is told
--- raises.
---@param run table
---@param state string
---@param why string|nil
---@return any|nil  what they raised
function M.close(run, state, why)
  local ok, e = pcall(run.tell, run, "run_end", {
    state = state, why = why, step = run.metrics.step })
  for _, stop in ipairs(run.deafen or {}) do stop() end
  if run.record then run.record:close() end
  return not ok and e or nil
end

return M
