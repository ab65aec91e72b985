-- A spec file leaves nothing behind: after each one, tensors, graph nodes, ops
-- in flight and loop handles are counted again and compared with before. What
-- is over fails the file by name. On a GPU the happens-before check looks at
-- every op, and races count too.

local busted = require "busted"
local gpu = require "support.gpu"
local moon = require "moonseed"
local sim = require "moonseed.sim"
local uv = require "luv"

local M = {}

local function count_handles()
  local n = 0
  uv.walk(function(handle)
    if not handle:is_closing() then n = n + 1 end
  end)
  return n
end

--- Drops what only the collector or a compiled trace still holds, lets the
--- work in flight end, then counts.
---@return table<string, integer> counts by what is counted
function M.count()
  jit.flush()  -- traces hold the constants they were compiled with
  collectgarbage()
  moon.synchronize()
  uv.run "nowait"  -- handles asked to close are closed
  collectgarbage()
  collectgarbage()
  local stats = moon.stats()
  return {
    ["live tensors"] = stats.live_tensors,
    ["graph nodes"] = stats.live_nodes,
    ["ops in flight"] = stats.in_flight,
    ["loop handles"] = count_handles(),
    ["races between ops"] = (sim.races()),
  }
end

--- What `after` has more than `before`, in words; nil when nothing.
---@param before table<string, integer>
---@param after table<string, integer>
---@return string?
function M.compare(before, after)
  local over = {}
  for what, n in pairs(after) do
    if n > before[what] then
      over[#over + 1] = ("%d %s more than before"):format(n - before[what],
        what)
    end
  end
  if #over == 0 then return nil end
  table.sort(over)
  return table.concat(over, ", ")
end

-- Values at the level of `describe` live in the closures of the tests, which
-- busted keeps to the end of the run.
local function forget(element)
  for _, child in ipairs(busted.children(element)) do
    child.run, child.env = nil, nil
    forget(child)
  end
end

--- Counts around every spec file from now on.
function M.watch()
  local before
  moon.main(function() end)  -- opens the runtime and its own loop handles
  if gpu.is_here then sim.configure{ check = true } end
  busted.subscribe({ "file", "start" }, function()
    before = M.count()
    return nil, true
  end)
  busted.subscribe({ "file", "end" }, function(file)
    forget(file)
    local over = M.compare(before, M.count())
    if over then error(file.name .. " leaves behind " .. over, 0) end
    return nil, true
  end)
end

return M
