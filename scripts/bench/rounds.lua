--- What the benches of Moonseed share: the runner's protocol (see peer.lua),
-- time and medians.

local moon = require "moonseed"
local uv = require "luv"

local M = {}

--- Whether these benches run on a GPU: MOONSEED_DEVICE, or the default.
---@type boolean
M.on_gpu = moon.device():find "^cuda" ~= nil

-- Rows of ops: how long they take, in ms; how many there are at most; how many
-- are tried to see how many that is. A GPU's end is known some 50 us late, of
-- which a row makes little.
local row = M.on_gpu and { ms = 20, most = 512, tried = 16 }
  or { ms = 2, most = 16, tried = 1 }

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

--- The median time of one turn(i), in ms. Turns are queued in rows of 2 ms and
--- 16 at most, on a GPU of 20 ms, and the last is waited for: turn gives a
--- result, which goes at once (bare oneDNN's buffers are used again, PyTorch's
--- results go when they are overwritten; ours would when the collector comes
--- by), and true if it is to stay.
---@param turn fun(i: integer): userdata, boolean?
---@param ready fun(count: integer)|nil  before a row of turns; not timed
---@param least number|nil               ms, 60 unless given
---@param most number|nil                turns in a row
---@return number
function M.queued_ms(turn, ready, least, most)
  most = math.max(1, math.min(most or row.most, row.most))
  local function run(count)
    for i = 1, count do
      local y, stays = turn(i)
      if i == count then y:await() end
      if not stays then y:dispose() end
    end
  end
  local count = math.min(row.tried, most)
  local function before()
    if ready then ready(count) end
    moon.synchronize()
  end
  local once = M.median_ms(function() run(count) end, before, 5) / count
  count = math.min(most, math.floor(row.ms / once) + 1)
  return M.median_ms(function() run(count) end, before, least) / count
end

--- Reports what fn(...) gives; if it raises, says so on the standard error, and
--- others are measured all the same.
---@param report fun(name: string, value: number)
---@param name string
---@param fn function
---@param ... any
function M.try(report, name, fn, ...)
  local ok, value = pcall(fn, ...)
  if ok then
    report(name, value)
  else
    io.stderr:write(("%s: %s\n"):format(name, tostring(value)))
  end
end

--- The numbers of a list with commas.
---@param text string
---@return number[]
function M.numbers(text)
  local list = {}
  for part in text:gmatch "[^,]+" do list[#list + 1] = tonumber(part) end
  return list
end

--- Says that rounds may begin; then runs round(report) for each line read,
--- where report(name, value) adds to the line.
---@param round fun(report: fun(name: string, value: number))
function M.run(round)
  io.write(("ready Moonseed %s, %d threads%s\n"):format(
    moon.version, moon.threads(), M.on_gpu and ", " .. moon.device() or ""))
  io.flush()
  for _ in io.lines() do
    round(function(name, value)
      io.write(("%s=%.6g "):format(name, value))
      io.flush()
    end)
    io.write "\n"
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
