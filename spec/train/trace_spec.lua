-- Traces: what Perfetto and chrome://tracing are given.

local cjson = require "cjson"
local files = require "support.files"
local line = require "moonseed.train.record.line"
local moon = require "moonseed"
local Record = require "moonseed.train.record"
local report = require "moonseed.train.report"
local task = require "support.task"
local uv = require "luv"

describe("a trace", function()
  local folder, remove

  before_each(function() folder, remove = files.folder() end)
  after_each(function() remove() end)

  local function trace()
    local path = folder .. "/trace.json"
    report.write{ folder, trace = path }
    return cjson.decode(files.read(path)).traceEvents
  end

  it("has a slice per op, on one clock in microseconds", function()
    local function timeline(step, origin)
      return line.event("streams", step, { step = step, origin = origin,
        spans = { { 'conv "2d"', 3, 0, 1500, 4500, "ok" } } })
    end
    files.write(folder .. "/record.jsonl",
                timeline(1, 7e9) .. timeline(2, 7e9 + 2e6))
    local slices, names = {}, {}
    for _, event in ipairs(trace()) do
      if event.ph == "X" then slices[#slices + 1] = event
      else names[event.name] = event.args.name end
    end
    assert.equal(2, #slices)
    assert.equal('conv "2d"', slices[1].name)
    assert.equal(1.5, slices[1].ts)
    assert.equal(3, slices[1].dur)
    assert.equal(2001.5, slices[2].ts)
    assert.equal(2, slices[2].args.step)
    assert.equal("stream 3", names.thread_name)
  end)

  it("has what ran on the streams", task(function()
    local record = Record.open{ folder .. "/record.jsonl" }
    local since = uv.hrtime()
    local x = moon.randn(4, 3, 8, 8)
    local y = moon.conv2d(x, moon.randn(2, 3, 3, 3))
    y:await()
    moon.synchronize()
    record:streams(1, moon.streams():recent(), since)
    record:close()
    local found = {}
    for _, event in ipairs(trace()) do
      if event.ph == "X" then
        found[event.name] = true
        assert.is_true(event.ts >= 0 and event.dur >= 0)
        assert.equal("ok", event.args.status)
      end
    end
    assert.is_true(found.conv2d)
  end))
end)
