--- The mean over a dimension, or several: of tokens [N, T, C] over 2 -> [N, C].
local check = require "moonseed.check"
local Module = require "moonseed.nn.module"

local Mean = Module:extend("Mean")

--- nn.Mean{ dim, keepdim = false }
--- dim: a number, or a list of them.
---@param options table
function Mean:init(options)
  local o = check.options("Mean", options, { "dim" }, { keepdim = false })
  if type(o.dim) ~= "table" then check.number("Mean", "dim", o.dim) end
  self.dim = o.dim
  self.keepdim = { keepdim = check.boolean("Mean", "keepdim", o.keepdim) }
end

---@param x userdata
---@return userdata without these dimensions, or with extent 1
function Mean:forward(x) return x:mean(self.dim, self.keepdim) end

return Mean
