-- What a run of the specs prints: busted's own handler for the terminal or the
-- plain one, then the names of what failed, then `N passed, N failed`.

local term = require "term"

-- The beginning of what was wrong, in a line.
local function reason(failure)
  local message = failure.message
  if type(message) ~= "string" then return "" end
  return ": " .. message:gsub("%s+", " "):sub(1, 300)
end

-- One line per failure: its full name, where it stands, and why.
local function print_names(list)
  for _, failure in ipairs(list) do
    local trace = failure.element.trace
    local place = trace and trace.short_src
      and (" (%s:%d)"):format(trace.short_src, trace.currentline) or ""
    io.write("failed: ", tostring(failure.name), place, reason(failure), "\n")
  end
end

--- Made by busted, once.
---@param options table of busted's output handlers
---@return table handler
return function(options)
  local busted = require "busted"
  local name = term.isatty(io.stdout) and "utfTerminal" or "plainTerminal"
  local handler = require("busted.outputHandlers." .. name)(options)
  busted.subscribe({ "exit" }, function()
    print_names(handler.failures)
    print_names(handler.errors)
    io.write(("%d passed, %d failed\n"):format(handler.successesCount,
      handler.failuresCount + handler.errorsCount))
    io.flush()
    return nil, true
  end)
  return handler
end
