-- When garbage is collected: as often as the memory is worth it, and never for
-- long at a time.

local moon = require "moonseed"
local task = require "support.task"

-- Lua tables that take `mib` MiB, to be kept.
local function fill(mib)
  local kept = {}
  local most = collectgarbage "count" + mib * 1024
  while collectgarbage "count" < most do
    kept[#kept + 1] = { {}, {}, {}, {} }
  end
  return kept
end

-- What moonseed asks of the collector while fn runs: the collections it has
-- finished, and those of them made at once.
local function count(fn)
  local real, finished, whole = collectgarbage, 0, 0
  function _G.collectgarbage(what, ...)
    local result = real(what, ...)
    if what == nil or what == "collect" then
      whole, finished = whole + 1, finished + 1
    elseif what == "step" and result then
      finished = finished + 1
    end
    return result
  end
  local ok, why = pcall(fn)
  _G.collectgarbage = real
  if not ok then error(why, 0) end
  return finished, whole
end

-- Allocates `mib` MiB of tensors, 1 MiB each, and reads now and then.
local function allocate(mib)
  for i = 1, mib do
    local x = moon.ones(2 ^ 18)
    if i % 8 == 0 then x:await() end
  end
end

describe("collections", function()
  it("are few where the Lua heap, and so each of them, is large",
     task(function()
    local kept = fill(12)
    allocate(1024)  -- one ends, and sees the new heap
    local finished = count(function() allocate(2048) end)
    assert.is_true(finished >= 1 and finished <= 17, finished)
    assert.is_true(#kept > 0)
  end))

  it("are made in steps, unless the heap is small", task(function()
    local kept = fill(8)
    allocate(1024)  -- one ends, and sees the new heap
    local finished, whole = count(function() allocate(2048) end)
    assert.is_true(finished >= 2, finished)
    assert.equal(0, whole)
    assert.is_true(#kept > 0)
  end))
end)
