--- moon.debug: where was it submitted, and which op went wrong first?

local core = require "moonseed.ffi"
local check = require "moonseed.check"
local context = require "moonseed.context"
local loop = require "moonseed.loop"
local C = core.C

local live, state = context.live, context.state

local M = {}

--- Switches: sync (every op is complete when its call returns), sites (errors
--- of ops name the line that submitted them), nan (an op that gives NaN or
--- infinity fails). What is not named is off.
---@param options table|nil
function M.debug(options)
  local o = check.options("debug", options, {},
                          { sync = false, sites = false, nan = false })
  for name, on in pairs(o) do check.boolean("debug", name, on) end
  local flags = (o.sync and C.MOON_DEBUG_SYNC or 0)
                + (o.nan and C.MOON_DEBUG_NAN or 0)
  C.moon_debug(live.rt, flags)
  state.sites = o.sites
  if o.sites then return end
  live.site = 0
  for task in pairs(loop.tasks) do task.fiber.ctx.site = 0 end
end

return M
