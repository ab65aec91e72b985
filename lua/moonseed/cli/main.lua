--- The command line. scripts/moonseed runs this file under luajit.
local usage = [[
usage: moonseed SCRIPT [ARGUMENTS]  run a Lua script (- reads it from stdin)
       moonseed -e CODE             run CODE; moon is there already
       moonseed doctor              what was found: devices, libraries, data
       moonseed report RUN ...      an HTML page about runs; --help
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

-- Whether stdin is a terminal: then nobody has piped a script in.
local function is_interactive()
  return require("luv").guess_handle(0) == "tty"
end

local function run(arguments)
  local first = arguments[1]
  if first == nil then
    if not is_interactive() then return commands["-"]{ "-" } end
    io.stderr:write("moonseed: there is no interactive session yet; give it "
                    .. "a script\n", usage)
    return 2
  end
  if commands[first] then return commands[first](arguments) end
  if first:sub(1, 1) == "-" then
    io.stderr:write("moonseed: there is no option ", first, "\n", usage)
    return 2
  end
  return require("moonseed.cli.script").file(arguments)
end

local status = run{ ... }
-- Closing the state releases tensors and ends the workers.
if status and status ~= 0 then os.exit(status, true) end
