-- A GPU for specs: the emulated one, or a real one. `scripts/checks/gpu` opens
-- it; in other runs these specs are left out.

local moon = require "moonseed"
local busted = require "busted"
local task = require "support.task"

local M = {}

--- Whether this run has one.
---@type boolean
M.is_here = os.getenv "MOONSEED_SPEC_GPU" ~= nil

--- As `describe`, where there is a GPU.
---@param name string
---@param fn function
function M.describe(name, fn)
  if M.is_here then busted.describe(name, fn) end
end

--- As `it`, in a task on a GPU.
---@param name string
---@param fn function
function M.it(name, fn)
  busted.it(name, task(function()
    moon.set_device "cuda:0"
    fn()
  end))
end

return M
