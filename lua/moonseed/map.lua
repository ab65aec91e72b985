--- t:map: a tensor's memory, for code that works on pointers.
--
--   t:map(function(pointer, n)                   -- const float *, elements
--     local sum = 0
--     for i = 0, n - 1 do sum = sum + pointer[i] end
--     return sum
--   end)
--   t:map(function(pointer, n) library.scale(pointer, n) end, { write = true })

local core = require "moonseed.ffi"
local check = require "moonseed.check"
local context = require "moonseed.context"
local read = require "moonseed.read"
local recorded = require "moonseed.recorded"
local tensor = require "moonseed.tensor"
local wait = require "moonseed.wait"
local C, ffi = core.C, core.ffi

local live = context.live
local methods = tensor.methods

local EVENTS = 16
local events = ffi.new("moon_event[?]", EVENTS)
local out = ffi.new "void *[1]"

-- Waits for those that use the memory now; others may begin meanwhile.
local function wait_for_users(t)
  local n = math.min(check.status(C.moon_tensor_uses(t.p, events, EVENTS)),
                     EVENTS)
  local list = {}
  for i = 0, n - 1 do list[i + 1] = ffi.new("moon_event", events[i]) end
  for _, e in ipairs(list) do wait.event(e) end
  return n > 0
end

-- p: a reference of our own, whatever becomes of the user's.
local function leave(p, ok, ...)
  C.moon_tensor_unmap(p)
  C.moon_tensor_release(p)
  if not ok then error((...), 0) end
  return ...
end

local known = { write = true }

--- Calls fn(pointer, n) with a pointer to the first of n elements, row by row,
--- of the tensor's dtype (uint8_t for bool, uint16_t for bf16 and f16), once
--- the values are there. With write = true it waits until nobody else uses the
--- memory, too, and the pointer is not const. The pointer is good until fn
--- ends; before that, ops that would write the tensor (with write: touch it)
--- are refused. A tensor that does not lie row by row is an error: map
--- t:contiguous().
---@param fn function
---@param options table|nil  write (false)
---@return any ...  what `fn` returned
function methods.map(t, fn, options)
  tensor.pointer("map", "t", t)
  check.callable("map", "its argument", fn)
  recorded.refuse_read "map"
  local o = check.names("map", options, known)
  local writes = check.boolean("map", "write", o.write or false)
  if methods.device(t):sub(1, 4) == "cuda" then
    check.fail("map", "the tensor is on %s; map t:to(\"cpu\")",
               methods.device(t))
  end
  wait.tensor(t)
  while writes and wait_for_users(t) do wait.tensor(t) end
  local p, n = t.p, methods.numel(t)
  local kind = read.pointer_type(methods.dtype(t), writes)
  check.status(C.moon_tensor_map(live, p, writes and 1 or 0, out))
  return leave(C.moon_tensor_retain(p),
               xpcall(fn, context.note, ffi.cast(kind, out[0]), n))
end
