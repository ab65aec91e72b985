--- How long a command takes from start to end.
--
--   luajit startup.lua COMMAND ARGS...
--
-- A round is eleven starts; it prints their median in milliseconds.

local uv = require "luv"

local command = { ... }

local function once()
  local begin, finish = uv.hrtime(), nil
  local null = assert(uv.fs_open("/dev/null", "w", 0))
  local process, why = uv.spawn(command[1], {
    args = { unpack(command, 2) }, stdio = { nil, null, 2 },
  }, function(code)
    assert(code == 0, command[1] .. " failed")
    finish = uv.hrtime()
  end)
  assert(process, why)
  while not finish do uv.run "once" end
  process:close()
  uv.run "nowait"  -- lets go of it
  uv.fs_close(null)
  return (finish - begin) / 1e6
end

io.write("ready ", table.concat(command, " "), "\n")
io.flush()
for _ in io.lines() do
  local times = {}
  for i = 1, 11 do times[i] = once() end
  table.sort(times)
  print(("startup:ms=%.3f"):format(times[6]))
  io.flush()
end
