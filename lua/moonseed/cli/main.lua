--- The command line. scripts/moonseed runs this file under luajit.
local usage = [[
usage: moonseed                      an interactive session; lines from a pipe
       moonseed SCRIPT [ARGUMENTS]   run a Lua script (- reads it from stdin)
       moonseed --repl SCRIPT [ARGUMENTS]  the same beside a session
       moonseed -e CODE              run CODE; moon is there already
       moonseed doctor               what was found: devices, libraries, data
       moonseed report RUN ...       an HTML page about runs; --help
       moonseed --version
       moonseed --help
]]

local commands = {}

commands["--help"] = function() io.write(usage) end
commands["-h"], commands.help = commands["--help"], commands["--help"]

commands["--version"] = function()
  local core = require "moonseed.ffi"
  print("moonseed " .. core.ffi.string(core.C.moon_version()))
end

commands["-e"] = function(arguments)
  if not arguments[2] then
    io.stderr:write("moonseed: -e needs CODE\n", usage)
    return 2
  end
  return require("moonseed.cli.script").code(arguments)
end

function commands.doctor() return require("moonseed.cli.doctor")() end

function commands.report(arguments)
  return require("moonseed.cli.report")(arguments)
end

commands["-"] = function(arguments)
  return require("moonseed.cli.script").file(arguments)
end

commands["--repl"] = function(arguments)
  if not arguments[2] then
    io.stderr:write("moonseed: --repl needs a script\n", usage)
    return 2
  end
  return require("moonseed.repl").start{ unpack(arguments, 2) }
end

local function run(arguments)
  local first = arguments[1]
  if first == nil then return require("moonseed.repl").start{} end
  if commands[first] then return commands[first](arguments) end
  if first:sub(1, 1) == "-" then
    io.stderr:write("moonseed: there is no option ", first, "\n", usage)
    return 2
  end
  return require("moonseed.cli.script").file(arguments)
end

-- Where moonseed does not load because of the user's environment, the reason
-- is enough.
local function explain(why)
  why = tostring(why)
  return why:find "^MOONSEED_" and why or debug.traceback(why, 2)
end

local arguments = { ... }
local ok, status = xpcall(function() return run(arguments) end, explain)
if not ok then
  io.stderr:write("moonseed: ", status, "\n")
  status = 1
end
-- Closing the state releases tensors and ends the workers.
if status and status ~= 0 then os.exit(status, true) end
