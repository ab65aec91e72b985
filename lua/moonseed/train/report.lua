--- Reports: one HTML file that tells what happened in a run, or in several.
---
---   report.write{ { "runs/first", "runs/second" }, out = "two.html" }
---
--- Everything is computed from the records alone, see docs/record.md.

local check = require "moonseed.check"
local page = require "moonseed.train.report.page"
local reader = require "moonseed.train.report.reader"
local trace = require "moonseed.train.trace"

local M = {}

-- To a temporary name first: a browser never sees half a page.
local function write_file(path, text)
  local part = path .. ".part"
  local file, why = io.open(part, "wb")
  if not file then check.fail("report", "%s", why) end
  local ok
  ok, why = file:write(text)
  local closed, why_closed = file:close()
  if ok and closed then ok, why = os.rename(part, path) end
  if not (ok and closed) then
    os.remove(part)
    check.fail("report", "%s: %s", path, why or why_closed)
  end
end

local known = { out = check.optional, trace = check.optional }

--- report.write{ runs, out = path, trace = path }: writes the page of the runs
--- (folders with a record.jsonl, or records), beside the first record unless
--- told where, and a Chrome trace of their streams if `trace` is given.
---@param options table
---@return table  out, nbytes of the page, trace; runs as they were read
function M.write(options)
  local o = check.options("report", options, { "runs" }, known)
  if type(o.runs) == "string" then o.runs = { o.runs } end
  check.table("report", "runs", o.runs)
  if #o.runs == 0 then check.fail("report", "no run is given") end
  local runs = {}
  for i, path in ipairs(o.runs) do runs[i] = reader.read(path) end
  local out = o.out or (runs[1].path:match "^(.*/)" or "") .. "report.html"
  check.text("report", "out", out)
  local text = page.draw(runs)
  write_file(out, text)
  if o.trace then
    write_file(check.text("report", "trace", o.trace), trace.draw(runs))
  end
  return { out = out, nbytes = #text, trace = o.trace, runs = runs }
end

return M
