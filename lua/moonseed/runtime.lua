--- The one runtime of the process: opened when moonseed is required, closed
-- when the Lua state is.

local core = require "moonseed.ffi"
local check = require "moonseed.check"
local C, ffi = core.C, core.ffi

local M = {}

local out = ffi.new "moon_runtime *[1]"
check.status(C.moon_runtime_open(0, out))

--- The core's handle, `moon_runtime *`; nil once closed.
M.handle = out[0]

local closers = {}

--- Calls `fn` before the runtime closes. What it raises is printed.
---@param fn function
function M.at_close(fn)
  closers[#closers + 1] = fn
end

--- Waits for work in flight and ends the workers. For the end of the process;
--- nothing of moonseed works afterwards.
function M.close()
  if not M.handle then return end
  for i = #closers, 1, -1 do
    local ok, why = pcall(closers[i])
    if not ok then io.stderr:write("moonseed: ", tostring(why), "\n") end
  end
  local handle = M.handle
  M.handle = nil
  C.moon_runtime_close_wait(handle)
end

-- A closing Lua state runs the finalisers of all cdata (tensors), then those
-- of userdata. So this one finds every tensor released.
local last = newproxy(true)
getmetatable(last).__gc = M.close
M.anchor = last

local stats = ffi.new "moon_stats"
local stat_names = { "blocked_waits", "live_tensors", "live_nodes",
  "live_bytes", "cached_bytes", "limit_bytes", "pinned_bytes",
  "allocated_bytes", "system_allocs", "ops", "inline_ops", "in_flight",
  "failed_ops" }

--- Counts of the runtime, see moon_stats in core/moonseed.h.
---@return table<string, number>
function M.stats()
  C.moon_stats_read(M.handle, stats)
  local result = {}
  for _, name in ipairs(stat_names) do result[name] = tonumber(stats[name]) end
  return result
end

--- Bytes ever handed out to tensors, bytes in tensors that exist, the limit.
---@return number, number, number
function M.bytes()
  C.moon_stats_read(M.handle, stats)
  return tonumber(stats.allocated_bytes), tonumber(stats.live_bytes),
    tonumber(stats.limit_bytes)
end

--- Sets the limit on the memory of tensors on a device; "cpu", "ref" and "sim"
--- share the host's.
---@param nbytes number
---@param device string|nil  the current one unless given
function M.set_memory_limit(nbytes, device)
  check.count("set_memory_limit", "the limit", nbytes, 1)
  device = device or require("moonseed.context").device()
  check.text("set_memory_limit", "the device", device)
  local index = check.status(C.moon_device_find(M.handle, device))
  check.status(C.moon_set_memory_limit(M.handle, index, nbytes))
end

local PRECISIONS = { fast = 0, strict = 1 }

--- How products of f32 submitted from now on are computed, and their gradients:
--- "fast" (as at first) or "strict". On the CPU "fast" convolutions of 3x3 and
--- stride 1 go by Winograd's method where their shapes suit it, with an error
--- of some 1e-6 of the largest value; "strict" ones all go the direct way, with
--- 1e-6 and less. On a GPU "fast" convolutions, linear and matmul round their
--- factors to TF32 (11 bits of precision, an error of some 1e-3), "strict" ones
--- do not.
---@param name "fast"|"strict"
function M.set_precision(name)
  if not PRECISIONS[name] then
    check.fail("set_precision", "%s is neither fast nor strict",
               tostring(name))
  end
  C.moon_set_strict(M.handle, PRECISIONS[name])
end

--- What set_precision said last.
---@return "fast"|"strict"
function M.precision()
  return C.moon_strict(M.handle) ~= 0 and "strict" or "fast"
end

--- How many CPU cores the workers use.
---@return integer
function M.threads()
  return C.moon_threads(M.handle)
end

--- Sets how many CPU cores the workers use, at any time; changes no bit.
---@param n integer
function M.set_threads(n)
  check.count("set_threads", "the number of threads", n, 1)
  check.status(C.moon_set_threads(M.handle, n))
end

return M
