require "moonseed"

-- LuaJIT issue 827's example: how many of its loops ended early.
local example = [[
local t = { 1, 2, 3, 4, 5 }
local tab = { a = t, b = t, c = t, d = t, e = t }
local function leave_traces(...) for _ = 1, 100 do end end
local bad = 0
for _ = 1, 100000 do
  leave_traces()
  local n = 0
  for _, v in LOOP(tab) do
    for _ in LOOP(v) do end
    n = n + 1
  end
  if n ~= 5 then bad = bad + 1 end
end
return bad
]]

local function bad_loops(loop)
  return assert(loadstring((example:gsub("LOOP", loop))))()
end

describe("a loop over pairs", function()
  it("visits every key, also around another one, compiled or not", function()
    assert.equal(0, bad_loops "pairs")
    assert.equal(0, bad_loops "next, ")
  end)

  it("gives keys and values, and refuses what is no table", function()
    local seen = {}
    for key, value in pairs{ 5, x = 6 } do seen[key] = value end
    assert.same({ 5, x = 6 }, seen)
    for _ in pairs{} do error "an empty table has no key" end
    assert.has_error(function() pairs(nil) end,
      "bad argument #1 to 'pairs' (table expected, got no value)")
    assert.is_nil(next{})
    assert.equal(2, next({ 1, 2 }, 1))
  end)
end)
