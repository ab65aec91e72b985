-- Programs for specs: a command's output and exit status, a folder for a while.

local M = {}

--- Runs a shell command.
---@param command string
---@return string output  of both channels
---@return integer status
function M.run(command)
  local pipe = io.popen("(" .. command .. ") 2>&1; echo \"status $?\"")
  local text = pipe:read "*a"
  pipe:close()
  local output, status = text:match "^(.*)status (%d+)\n$"
  return output, tonumber(status)
end

--- A fresh folder, which may come to hold others, and a function that removes
--- it.
---@return string folder
---@return fun() remove
function M.folder()
  local folder = M.run("mktemp -d"):gsub("%s+$", "")
  return folder, function() os.execute("rm -rf '" .. folder .. "'") end
end

--- Runs a script by the launcher, in a folder of its own.
---@param text string
---@param variables string  such as "A=1 B=2"
---@return string output  of both channels
---@return integer status
function M.script(text, variables)
  local folder, remove = M.folder()
  local file = assert(io.open(folder .. "/script.lua", "w"))
  file:write(text)
  file:close()
  local output, status = M.run(([[root=$PWD
    [ -z "${BUILD:-}" ] || BUILD=$(readlink -f "$BUILD")
    cd '%s' && %s timeout 100 "$root/scripts/moonseed" script.lua]])
    :format(folder, variables))
  remove()
  return output, status
end

--- Prefix of a command that builds: not for the sanitizers that the specs may
--- run under, and not a part of the `make` that may run them.
M.plain = "env -u LD_PRELOAD -u MAKEFLAGS -u MFLAGS -u MAKELEVEL "

--- Prefix of a command that sees nothing of this environment but what the
--- sanitizers need.
M.clean = "env -i PATH=\"$PATH\" HOME=/nowhere "
  .. "${LD_PRELOAD:+LD_PRELOAD=\"$LD_PRELOAD\"} "
  .. "${ASAN_OPTIONS:+ASAN_OPTIONS=$ASAN_OPTIONS} "

return M
