--- How long a training takes as a whole, by what it says on its way: a round
-- runs the command once.
--
--   luajit whole.lua COMMAND ARGS...
--
-- The command ends with a line `92.10% on the test images after 6 epochs, 28.4
-- s`; the seconds are those of the training, from the first batch on. One that
-- has not come so far says what it has: `test accuracy 91.90%`, or `91.90% is
-- all`; of it there are no seconds of training.

local uv = require "luv"

local command = { ... }

local function run()
  local output, parts, ended = uv.new_pipe(false), {}, nil
  local process, why = uv.spawn(command[1], {
    args = { unpack(command, 2) }, stdio = { nil, output, 2 },
  }, function(code) ended = code end)
  assert(process, why)
  output:read_start(function(_, bytes) parts[#parts + 1] = bytes end)
  while not ended do uv.run "once" end
  uv.run "nowait"
  output:close()
  process:close()
  uv.run "nowait"  -- lets go of them
  return table.concat(parts)
end

io.write("ready ", table.concat(command, " "), "\n")
io.flush()
for _ in io.lines() do
  local begin = uv.hrtime()
  local text = run()
  local seconds = (uv.hrtime() - begin) / 1e9
  local accuracy, epochs, training =
    text:match "([%d.]+)%% on the test images after (%d+) epochs, ([%d.]+) s"
  if accuracy then
    print(("fashion:training_s=%s fashion:process_s=%.2f fashion:epochs=%s "
      .. "fashion:accuracy=%s"):format(training, seconds, epochs, accuracy))
  else
    accuracy = text:match "test accuracy ([%d.]+)%%" or
      text:match "([%d.]+)%% is all"
    if not accuracy then error(text, 0) end
    print(("fashion:process_s=%.2f fashion:accuracy=%s"):format(seconds,
                                                               accuracy))
  end
  io.flush()
end
