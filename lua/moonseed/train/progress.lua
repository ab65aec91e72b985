--- The line on the terminal while a run goes on; nothing in a pipe.

local output = require "moonseed.output"
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

-- --- what else is printed ----------------------------------------------------

local shown = 0    -- runs that have a line
local stdout       -- where it is written
local give_back    -- ends the taking of what is printed
local is_begun = false  -- a row that was printed is not ended

-- Everything is printed above the line, which comes again when a row is ended.
-- In a session stdout is the session's, which does so itself.
local function take_output()
  shown = shown + 1
  if shown > 1 then return end
  stdout = io.stdout
  if type(stdout) ~= "userdata" then return end
  give_back = output.take(function(text, file)
    if text == "" then return end
    if not is_begun then stdout:write(CLEAR) end
    if file ~= stdout then stdout:flush() end
    file:write(text)
    is_begun = not text:find "\n$"
  end)
end

local function leave_output()
  if not is_begun then stdout:write(CLEAR) end
  stdout:flush()
  shown = shown - 1
  if shown > 0 or not give_back then return end
  give_back()
  give_back, is_begun = nil, false
end

-- --- the line ----------------------------------------------------------------

local function draw(run, columns)
  if run.state ~= "running" or is_begun then return end
  -- At its beginning again: what comes next in a session is written over it.
  stdout:write(CLEAR, M.line(run):sub(1, columns - 1), "\r")
  stdout:flush()
end

--- Draws it until `stop` of the result is called; the result's `say` prints a
--- line, also where there is no terminal.
---@param run table
---@return table
function M.start(run)
  local self = {}
  function self.say(line)
    io.write(is_begun and "\n" or "", line, "\n")
    io.flush()
  end
  if uv.guess_handle(1) ~= "tty" then
    function self.stop() end
    return self
  end
  local timer, terminal = uv.new_timer(), uv.new_tty(1, false)
  take_output()
  timer:start(EVERY_MS, EVERY_MS, function()
    draw(run, terminal:get_winsize() or COLUMNS)
  end)
  timer:unref()
  function self.stop()
    timer:close()
    terminal:close()
    leave_output()
  end
  return self
end

return M
