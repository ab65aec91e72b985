-- How long the report of a record of 1,000,000 lines takes, and how large the
-- page is. The record is written by the recorder itself.
--
--   moonseed scripts/bench/report.lua
local moon = require "moonseed"
local Record = require "moonseed.train.record"
local report = require "moonseed.train.report"
local uv = require "luv"

local LINES, ROUNDS = 1000000, 5
local NAMES = { "loss", "accuracy", "lr", "gradient/norm/1.weight",
                "gradient/zeros/1.weight", "images_per_s", "alpha/early/1",
                "contribution/early/1" }

local function seconds_of(fn)
  local since = uv.hrtime()
  local result = fn()
  return (uv.hrtime() - since) / 1e9, result
end

local function write(folder)
  local record = Record.open{ folder .. "/record.jsonl", limit = 2 ^ 28 }
  math.randomseed(1)
  for i = 1, LINES do
    local step = math.ceil(i / #NAMES)
    if i % 100 == 0 then
      record:event("plan_rejected", { step = step, asked = step - 250,
                                      why = "early has changed" })
    else
      record:scalar(NAMES[i % #NAMES + 1], step, math.random())
    end
    if i % 1000 == 0 then moon.yield() end
  end
  record:close()
end

local folder = assert(uv.fs_mkdtemp "/tmp/moonseed-report-XXXXXX")
print(("written in %.2f s"):format((seconds_of(function() write(folder) end))))
for _ = 1, ROUNDS do
  local seconds, done = seconds_of(function() return report.write{ folder } end)
  print(("%d lines, %.1f MB -> %.2f MB in %.2f s"):format(
    done.runs[1].n_lines, done.runs[1].bytes / 1e6, done.nbytes / 1e6, seconds))
end
for name in uv.fs_scandir_next, uv.fs_scandir(folder) do
  os.remove(folder .. "/" .. name)
end
os.remove(folder)
