--- The device that looks for races: `sim` runs another device's kernels in a
-- random legal order, with delays and failures on request, checks at enqueue
-- that conflicting accesses are ordered, and can break one promise on purpose,
-- so that a spec can be seen to fail.
--
--   local sim = require "moonseed.sim"
--   sim.configure{ rng_seed = 1, max_delay_ms = 2, check = true }
--   moon.set_device("sim")  ...  sim.races()

local core = require "moonseed.ffi"
local check = require "moonseed.check"
local context = require "moonseed.context"
local C, ffi = core.C, core.ffi

local live = context.live

local M = {}

--- What a mutation breaks.
M.mutations = {
  none = C.MOON_MUTATE_NONE,
  skip_edge = C.MOON_MUTATE_SKIP_EDGE,           -- dependencies are left out
  reuse_block = C.MOON_MUTATE_REUSE_BLOCK,       -- memory in use is given out
  run_order = C.MOON_MUTATE_RUN_ORDER,           -- gradients add up anyhow
  unwaited_event = C.MOON_MUTATE_UNWAITED_EVENT, -- stream:wait does nothing
  drop_error = C.MOON_MUTATE_DROP_ERROR,         -- errors do not ride along
  partial_write = C.MOON_MUTATE_PARTIAL_WRITE,   -- failed ops write in place
  stale_version = C.MOON_MUTATE_STALE_VERSION,   -- in-place ops go unnoticed
  serialise = C.MOON_MUTATE_SERIALISE,           -- one op at a time
}

local function mutation(name)
  local code = M.mutations[name]
  if code == nil then
    check.fail("sim", "there is no mutation '%s'", tostring(name))
  end
  return code
end

--- Sets up `sim` while nothing is in flight; forgets the races found so far.
---@param options table
---   rng_seed      of order and delays, 1 unless given
---   max_delay_ms  before each op, 0
---   fail_op       the so many'th op on sim from now fails; 0: none
---   mutate        a name of sim.mutations, "none"
---   check         whether to look for races, false
---   wrap          the device whose kernels run, "cpu"
function M.configure(options)
  local o = check.options("sim", options, {}, {
    rng_seed = 1, max_delay_ms = 0, fail_op = 0, mutate = "none",
    check = false, wrap = "cpu",
  })
  local raw = ffi.new "moon_sim_options"
  raw.rng_seed = check.count("sim", "rng_seed", o.rng_seed)
  raw.max_delay_ns = check.number("sim", "max_delay_ms", o.max_delay_ms) * 1e6
  raw.fail_op = check.count("sim", "fail_op", o.fail_op)
  raw.mutate = mutation(o.mutate)
  raw.check = check.boolean("sim", "check", o.check) and 1 or 0
  raw.wrap = context.find_device(o.wrap)
  check.status(C.moon_sim_configure(live.rt, raw))
end

--- How many unordered conflicting accesses were found, and the first in words.
---@return integer
---@return string|nil
function M.races()
  local n = tonumber(C.moon_sim_races(live.rt))
  if n > 0 then return n, ffi.string(C.moon_last_error()) end
  return 0
end

return M
