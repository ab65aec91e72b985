--- Commands that run side by side, within a time; what they say is kept, and
--- what passed and failed in it is counted.

local peer = require "peer"
local uv = require "luv"

local M = {}

--- What is counted, in order.
M.kinds = { "passed", "failed", "errors_found", "late" }

-- Starts one, its output in a file of its own.
local function start(job, path)
  local name, command, env = unpack(job, 1, 3)
  local args = { unpack(command, 2) }
  for i, a in ipairs(args) do args[i] = tostring(a) end
  local file = assert(uv.fs_open(path, "w", 420))  -- rw-r--r--
  local self = { name = name, path = path, late = 0, code = nil }
  self.process, self.pid = uv.spawn(command[1], {
    args = args, env = peer.environment(env), stdio = { nil, file, file },
    detached = true,  -- a group of its own, to end all of it
  }, function(code) self.code = code end)
  uv.fs_close(file)
  if not self.process then error(name .. ": " .. tostring(self.pid), 0) end
  return self
end

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "*a"
  file:close()
  return text
end

--- Counts what a command said: lines of TAP, a last line `N passed, M failed`,
--- and compute-sanitizer's `ERROR SUMMARY: N errors`. One that fails without
--- saying what, counts as a failure.
---@param text string
---@param code integer|nil  its exit status
---@return table  passed, failed, errors_found
function M.count(text, code)
  local count = { passed = 0, failed = 0, errors_found = 0 }
  for line in text:gmatch "[^\n]+" do
    if line:find "^ok %d+" and not line:find "# SKIP" then
      count.passed = count.passed + 1
    elseif line:find "^not ok" then
      count.failed = count.failed + 1
    end
    local passed, failed = line:match "^(%d+) passed, (%d+) failed"
    if passed then
      count.passed = count.passed + passed
      count.failed = count.failed + failed
    end
    local errors = line:match "ERROR SUMMARY: (%d+) error"
      or line:match "RACECHECK SUMMARY: (%d+) hazard"
    if errors then count.errors_found = count.errors_found + errors end
  end
  if code ~= 0 and count.failed == 0 and count.errors_found == 0 then
    count.failed = 1
  end
  return count
end

-- Lets them run; ends those that are late.
local function wait(running, left)
  local timer = uv.new_timer()
  timer:start(math.max(1, left() * 1000), 0, function()
    for _, job in ipairs(running) do
      if not job.code then
        job.late = 1
        uv.kill(-job.pid, "sigkill")
      end
    end
  end)
  for _, job in ipairs(running) do
    while not job.code do uv.run "once" end
    job.process:close()
  end
  timer:close()
  uv.run "nowait"  -- lets go of them
end

--- Runs jobs side by side and puts their output into one file.
---@param list table[]  { name, command, environment } each
---@param path string   of the file
---@param left fun(): number  how many seconds there are yet
---@return table[]  name and counts by `kinds`
function M.run(list, path, left)
  local running, counts = {}, {}
  for i, job in ipairs(list) do running[i] = start(job, path .. "." .. i) end
  wait(running, left)
  local whole = assert(io.open(path, "wb"))
  for i, job in ipairs(running) do
    local text = read(job.path)
    whole:write(("=== %s: exit status %d%s\n"):format(
      job.name, job.code, job.late == 1 and ", late" or ""), text, "\n")
    os.remove(job.path)
    counts[i] = M.count(text, job.code)
    counts[i].name, counts[i].late = job.name, job.late
  end
  whole:close()
  return counts
end

return M
