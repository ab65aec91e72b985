--- What tasks print while something stands at the bottom of the terminal, a
--- prompt or a line of progress: print, io.write, io.stdout and io.stderr go to
--- a sink, which prints it above that.

local M = {}

local function text_of(...)
  local parts = { ... }
  for i = 1, select("#", ...) do
    if type(parts[i]) ~= "string" and type(parts[i]) ~= "number" then
      error(("bad argument #%d to 'write' (string expected, got %s)"):format(
        i, type(parts[i])), 3)
    end
  end
  return table.concat(parts)
end

-- A file whose `write` goes to the sink, and the rest to the file.
local function stand_in(file, sink)
  local methods = {}
  function methods.write(self, ...)
    sink(text_of(...), file)
    return self
  end
  function methods.flush() return true end
  function methods.setvbuf() return true end
  return setmetatable(methods, {
    __index = function(_, name)
      local method = file[name]
      return method and function(_, ...) return method(file, ...) end
    end,
    __tostring = function() return tostring(file) end,
  })
end

--- Sends what is printed to `sink`, with the file that it was for; returns a
--- function that ends that.
---@param sink fun(text: string, file: userdata)
---@return fun()
function M.take(sink)
  local write, stdout, stderr = io.write, io.stdout, io.stderr
  local shown = stand_in(stdout, sink)
  rawset(io, "write", function(...)
    if io.output() ~= stdout then return write(...) end
    sink(text_of(...), stdout)
    return shown
  end)
  rawset(io, "stdout", shown)
  rawset(io, "stderr", stand_in(stderr, sink))
  return function()
    rawset(io, "write", write)
    rawset(io, "stdout", stdout)
    rawset(io, "stderr", stderr)
  end
end

return M
