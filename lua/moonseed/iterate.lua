--- pairs and next that visit every key.
--
-- LuaJIT 2.1.0-beta3, which Debian 12 has, compiles loops over `pairs` and
-- `next` wrongly: a loop inside another makes the outer one end early, now and
-- then (LuaJIT issue 827, mended in later releases; 57,000 of 100,000 loops of
-- its example). Where a compiled trace calls the built-in `next`, the result's
-- address may lose its upper half besides, and the process dies (issue 829; one
-- in 100 runs of spec/nn). So there both are replaced by functions in Lua that
-- are never compiled. Other versions are left alone.

local raw_next = next

local function step(t, key) return raw_next(t, key) end

local function every(t)
  if type(t) ~= "table" then
    error(("bad argument #1 to 'pairs' (table expected, got %s)"):format(
      t == nil and "no value" or type(t)), 2)
  end
  return step, t, nil
end

if jit and jit.version == "LuaJIT 2.1.0-beta3" then
  jit.off(step)
  _G.next, _G.pairs = step, every
end
