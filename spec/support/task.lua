-- Specs that run inside a task:
--
--   local task = require "support.task"
--   it("adds", task(function()
--     assert.equal(3, moon.tensor{ 1, 2 }:sum():item())
--   end))

local moon = require "moonseed"

--- Wraps a test so that it runs in `moon.main`. An error keeps its value, so
--- that busted can tell a failed assertion and `pending` from an error.
---@param fn fun(...: any)
---@return fun(...: any) test
return function(fn)
  return function(...)
    local args, n = { ... }, select("#", ...)
    local ok, err = true, nil
    moon.main(function()
      ok, err = xpcall(fn, function(message)
        if type(message) ~= "string" then return message end
        return debug.traceback(message, 1)
      end, unpack(args, 1, n))
    end)
    if not ok then error(err, 0) end
  end
end
