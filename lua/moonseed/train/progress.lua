--- The line on the terminal while a run goes on; nothing in a pipe.

local uv = require("moonseed.ffi").uv

local M = {}

local EVERY_MS = 200
local COLUMNS = 80  -- of a terminal that does not say
local CLEAR = "\r\27[K"

-- "1:05"
local function clock(seconds)
  seconds = math.floor(seconds or 0)
  if seconds < 3600 then
    return ("%d:%02d"):format(seconds / 60, seconds % 60)
  end
  return ("%d:%02d:%02d"):format(seconds / 3600, seconds % 3600 / 60,
                                 seconds % 60)
end

local function slots(garden)
  local parts = {}
  for _, seed in ipairs(garden and garden:seeds() or {}) do
    local stage = seed:stage()
    if stage ~= "DORMANT" then
      parts[#parts + 1] = ("%s %s"):format(tostring(seed), stage:lower())
    end
  end
  return #parts > 0 and ", " .. table.concat(parts, ", ") or ""
end

--- The line: step, loss, accuracy, images/s, time left, stages of the slots.
---@param run table
---@return string
function M.line(run)
  local m = run.metrics
  local text = ("%s: epoch %d of %d, step %d"):format(run.name, m.epoch,
                                                      m.epochs, m.step)
  if m.loss then text = text .. (", loss %.4f"):format(m.loss) end
  if m.accuracy then
    text = text .. (", %.1f%%"):format(100 * m.accuracy)
  end
  if m.images_per_s then
    text = text .. (", %.0f images/s, %s left"):format(
      m.images_per_s, clock(m.seconds_left))
  end
  return text .. slots(run.garden)
end

--- Draws it until `stop` of the result is called. `print` lines between with
--- the result's `say`.
---@param run table
---@return table
function M.start(run)
  local self = {}
  local is_terminal = uv.guess_handle(1) == "tty"
  local timer = is_terminal and uv.new_timer()
  local terminal = is_terminal and uv.new_tty(1, false)
  if timer then
    timer:start(EVERY_MS, EVERY_MS, function()
      if run.state ~= "running" then return end
      local columns = terminal:get_winsize() or COLUMNS
      io.write(CLEAR, M.line(run):sub(1, columns - 1))
      io.flush()
    end)
    timer:unref()
  end
  function self.say(line)
    io.write(is_terminal and CLEAR or "", line, "\n")
    io.flush()
  end
  function self.stop()
    if not timer then return end
    timer:close()
    terminal:close()
    timer = nil
    io.write(CLEAR)
    io.flush()
  end
  return self
end

return M
