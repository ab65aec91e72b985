--- Where a run takes place: what its record says at the start.

local core = require "moonseed.ffi"
local context = require "moonseed.context"
local moon = require "moonseed"
local C, ffi, uv = core.C, core.ffi, core.uv

-- As it was typed, as far as Lua knows; the launcher is a script around ours.
local LAUNCHED = "^%S+ %S*moonseed/cli/main%.lua"

local function command()
  local list = rawget(_G, "arg")
  if type(list) ~= "table" then return nil end
  local parts, first = {}, 0
  while list[first - 1] do first = first - 1 end
  for i = first, #list do parts[#parts + 1] = tostring(list[i]) end
  return (table.concat(parts, " "):gsub(LAUNCHED, "moonseed"))
end

local function rng_seed()
  return tonumber(context.save_generator()[0])
end

--- Plain values, by name.
---@return table<string, any>
return function()
  local system, cpus = uv.os_uname(), uv.cpu_info() or {}
  return {
    version = moon.version, isa = ffi.string(C.moon_isa()),
    device = moon.device(), threads = moon.threads(), cores = #cpus,
    cpu = cpus[1] and cpus[1].model, host = uv.os_gethostname(),
    system = ("%s %s %s"):format(system.sysname, system.release,
                                 system.machine),
    luajit = jit.version, command = command(), rng_seed = rng_seed(),
    pid = uv.os_getpid(),
  }
end
