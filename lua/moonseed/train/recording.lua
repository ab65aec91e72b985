--- A run's record: opened in its folder, told what the garden tells.

local core = require "moonseed.ffi"
local moon = require "moonseed"

local M = {}

local function environment(run)
  local uname = core.uv.os_uname()
  return { name = run.name, version = moon.version,
           isa = core.ffi.string(core.C.moon_isa()), threads = moon.threads(),
           system = uname.sysname .. " " .. uname.machine,
           epochs = run.options.epochs, batch = run.options.batch,
           rng_seed = run.options.rng_seed,
           step = run.continued and run.continued.step }
end

-- The garden's events go into the record too.
local function listen(run)
  local garden = run.garden
  if not garden then return end
  local before = garden.on_event
  garden.on_event = function(event)
    run:tell(event.kind, event)
    if before then before(event) end
  end
  return function() garden.on_event = before end
end

--- Opens the record, where the run has a folder.
---@param run table
function M.open(run)
  run.deafen = listen(run)
  if run.out then
    local Record = require "moonseed.train.record"
    run.record = Record.open{ run.out .. "/record.jsonl",
                              append = run.continued ~= nil,
                              meta = environment(run) }
  end
  run:tell("run_start", environment(run))
end

--- Says how the run ended, and closes the record.
---@param run table
---@param state string
---@param why string|nil
function M.close(run, state, why)
  run:tell("run_end", { state = state, why = why, step = run.metrics.step })
  if run.deafen then run.deafen() end
  if run.record then run.record:close() end
end

return M
