--- y = x - log(sum of e^x along a dimension).
local check = require "moonseed.check"
local Module = require "moonseed.nn.module"

local LogSoftmax = Module:extend("LogSoftmax")

--- nn.LogSoftmax{ dim = -1 }: the last.
---@param options table
function LogSoftmax:init(options)
  local o = check.options("LogSoftmax", options, { "dim" }, { dim = -1 })
  self.dim = check.number("LogSoftmax", "dim", o.dim)
end

---@param x userdata any shape
---@return userdata
function LogSoftmax:forward(x) return x:log_softmax(self.dim) end

return LogSoftmax
