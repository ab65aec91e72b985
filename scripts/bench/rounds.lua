--- What the benches of Moonseed share: the runner's protocol (see peer.lua),
-- time and medians.

local moon = require "moonseed"
local uv = require "luv"

local M = {}

--- Milliseconds of a monotonic clock.
---@return number
function M.ms() return uv.hrtime() / 1e6 end

--- The middle of a list, which is sorted.
---@param list number[]
---@return number
function M.median(list)
  table.sort(list)
  local n = #list
  return n % 2 == 1 and list[(n + 1) / 2] or (list[n / 2] + list[n / 2 + 1]) / 2
end

--- The median time of run(...) in ms, over three turns and `least` ms at
--- least, 200 turns at most; before() is not timed and gives the arguments.
---@param run function
---@param before function|nil
---@param least number|nil  ms, 60 unless given
---@return number
function M.median_ms(run, before, least)
  local times, begin = {}, nil
  for turn = 0, 200 do
    local a, b
    if before then a, b = before() end
    local start = M.ms()
    run(a, b)
    local stop = M.ms()
    if turn == 0 then
      begin = stop
    else
      times[turn] = stop - start
      if turn >= 3 and stop - begin > (least or 60) then break end
    end
  end
  return M.median(times)
end

--- The median time of one turn(i), in ms. Turns are queued, as many as take 2
--- ms and 16 at most, and the last is waited for: turn gives a result, which
--- goes at once (bare oneDNN's buffers are used again, PyTorch's results go
--- when they are overwritten; ours would when the collector comes by), and true
--- if it is to stay.
---@param turn fun(i: integer): userdata, boolean?
---@param ready fun(count: integer)|nil  before a row of turns; not timed
---@param least number|nil               ms, 60 unless given
---@return number
function M.queued_ms(turn, ready, least)
  local function row(count)
    for i = 1, count do
      local y, stays = turn(i)
      if i == count then y:await() end
      if not stays then y:dispose() end
    end
  end
  local count = 1
  local function before()
    if ready then ready(count) end
    moon.synchronize()
  end
  local once = M.median_ms(function() row(1) end, before, 5)
  count = math.min(16, math.floor(2 / once) + 1)
  return M.median_ms(function() row(count) end, before, least) / count
end

--- Says that rounds may begin; then runs round(report) for each line read,
--- where report(name, value) adds to the line that is printed.
---@param round fun(report: fun(name: string, value: number))
function M.run(round)
  io.write(("ready Moonseed %s, %d threads\n"):format(moon.version,
                                                      moon.threads()))
  io.flush()
  for _ in io.lines() do
    local parts = {}
    round(function(name, value)
      parts[#parts + 1] = ("%s=%.6g"):format(name, value)
    end)
    io.write(table.concat(parts, " "), "\n")
    io.flush()
  end
end

--- The same values in channels-last memory, as image loaders make them.
---@param x userdata  N C H W
---@return userdata
function M.channels_last(x)
  return x:permute(1, 3, 4, 2):contiguous():permute(1, 4, 2, 3)
end

return M
