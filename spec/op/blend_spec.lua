local moon = require "moonseed"
local op = require "support.op"
local sim = require "moonseed.sim"
local task = require "support.task"

local nan, huge = 0 / 0, math.huge

local function add(h, s, alpha) return h:blend(s, alpha) end

local function multiply(h, s, alpha, x)
  return moon.blend(h, s, alpha, { kind = "multiply", x = x })
end

local kinds = { add = add, multiply = multiply }

-- The same values, in each function's arguments.
local function tensors(device, ...)
  local list = {}
  for i, values in ipairs{ ... } do
    list[i] = moon.tensor(values, { device = device })
  end
  return unpack(list)
end

-- A tensor of x's shape that carries an error: its op fails in the worker.
local function failed(x)
  local label = moon.full({ 1 }, 9, { dtype = "i64", device = x:device() })
  local logits = moon.zeros(1, 3, { device = x:device() })
  return x * moon.cross_entropy(logits, label)
end

describe("blend", function()
  local image, dense = { 2, 3, 2, 2 }, { 4, 5 }
  for name, fn in pairs(kinds) do
    local function case(text, shape, alpha, tolerance)
      local inputs = { shape, shape, alpha, shape }
      if name == "add" then inputs[4] = nil end
      op.agrees{ name .. text, inputs = inputs, fn = fn,
                 tolerance = tolerance }
    end
    case(", one alpha", image, {})
    case(", one alpha, with dimensions", image, { 1, 1, 1, 1 })
    case(", an alpha per image", image, { 2, 1, 1, 1 })
    case(", an alpha per row", dense, { 4, 1 })
    case(" of numbers, each with its alpha", { 6 }, { 6 })
    case(" of a scalar", {}, { 1 })
    case(" of one value", { 1, 1 }, { 1, 1 })
    case(" of no images", { 0, 3 }, { 0, 1 })
    case(" of no images, one alpha", { 0, 3 }, { 1 })
  end

  op.agrees{ "add of what another order has", inputs = { { 3, 4 }, { 4, 3 } },
             fn = function(h, s)
    return h:blend(s:t(), moon.full({}, 0.25, { dtype = h:dtype(),
                                                device = h:device() }))
  end }

  for name, fn in pairs(kinds) do
    op.everywhere(name .. " at alpha 0 is h, whatever s is", function(device)
      local h, s, x = tensors(device, { 0.1, -0, 3, 1e-40 },
                              { nan, huge, 2, nan }, { 1, 2, 3, 4 })
      local y = fn(h, s, moon.zeros(1, { device = device }), x)
      assert.same(h:totable(), y:totable())
      assert.equal(-huge, 1 / y:totable()[2])
    end)

    op.everywhere(name .. " at alpha 0 has finite gradients, whatever s is",
                  function(device)
      local h, s, x = tensors(device, { 1, 2, 4 }, { nan, 3, huge },
                              { 1, 3, huge })
      local alpha = moon.zeros(1, { device = device }):requires_grad()
      h:requires_grad() s:requires_grad() x:requires_grad()
      fn(h, s, alpha, x):sum():backward()
      assert.same({ 1, 1, 1 }, h.grad:totable())
      assert.same({ 0, 0, 0 }, s.grad:totable())
      assert.equal(name == "add" and 1 or 0, alpha.grad:item())
      if name == "multiply" then
        assert.same({ 0, 0, 0 }, x.grad:totable())
      end
    end)

    op.everywhere(name .. " goes on without a failed seed", function(device)
      local h, x = tensors(device, { 1, 2, 3, 4 }, { 4, 3, 2, 1 })
      local alpha = moon.full({ 1 }, 0.5, { device = device })
      h, x = h:reshape(2, 2):requires_grad(), x:reshape(2, 2):requires_grad()
      alpha:requires_grad()
      local y = fn(h, failed(h:detach()), alpha, x)
      y:backward(moon.tensor({ { 5, 6 }, { 7, 8 } }, { device = device }))
      assert.same({ { 1, 2 }, { 3, 4 } }, y:totable())
      assert.same({ { 5, 6 }, { 7, 8 } }, h.grad:totable())
      assert.same({ 0 }, alpha.grad:totable())
      if name == "multiply" then
        assert.same({ { 0, 0 }, { 0, 0 } }, x.grad:totable())
      end
    end)

    op.everywhere(name .. " gives a failed seed's output the gradient 0",
                  function(device)
      local h, seen = moon.ones(2, { device = device }), nil
      local look = moon.op{
        name = "look", forward = function(_, t) return t * 1 end,
        backward = function(_, dy) seen = dy return dy end,
      }
      local s = look(failed(h):requires_grad())
      fn(h, s, moon.full({ 1 }, 0.5, { device = device }), h):sum():backward()
      assert.same({ 0, 0 }, seen:totable())
    end)

    op.everywhere(name .. " fails with h, or alpha", function(device)
      local good = moon.ones(2, { device = device })
      local alpha = moon.ones(1, { device = device })
      for _, y in ipairs{ fn(failed(good), good, alpha, good),
                          fn(good, good, failed(alpha), good) } do
        assert.error_matches(function() y:await() end, "label 9")
      end
    end)
  end

  op.everywhere("add at alpha 1 is s, whatever h is", function(device)
    local h, s = tensors(device, { nan, huge, 1, 5 }, { 0.1, -0, 3, 1e-40 })
    local y = h:blend(s, moon.ones(1, { device = device }))
    assert.same(s:totable(), y:totable())
    assert.equal(-huge, 1 / y:totable()[2])
  end)

  op.everywhere("knows images apart", function(device)
    local h, s, alpha = tensors(device, { { 1, 2 }, { 3, 4 }, { 5, 6 } },
                                { { nan, 8 }, { 9, 10 }, { 11, 12 } },
                                { { 0 }, { 0.5 }, { 1 } })
    assert.same({ { 1, 2 }, { 6, 7 }, { 11, 12 } },
                h:blend(s, alpha):totable())
  end)

  op.everywhere("keeps the alpha of its forward", function(device)
    local alpha = moon.full({ 1 }, 0.25, { device = device })
    local h = moon.ones(2, { device = device }):requires_grad()
    local y = h:blend(moon.zeros(2, { device = device }), alpha)
    alpha:fill_(1)
    y:sum():backward()
    assert.same({ 0.75, 0.75 }, h.grad:totable())
  end)

  it("goes on whichever of the seed's ops fails", task(function()
    moon.synchronize()
    for fail_op = 3, 5 do
      sim.configure{ fail_op = fail_op }
      moon.spawn(function()
        moon.set_device "sim"
        local h, alpha = moon.ones(4), moon.full({ 1 }, 0.5)
        local s = (h * 2):exp():log()
        local ok = pcall(s.await, s)
        assert.is_false(ok)
        assert.same({ 1, 1, 1, 1 }, h:blend(s, alpha):totable())
      end):await()
    end
    sim.configure{}
  end))

  it("keeps the strides of h", task(function()
    local h = moon.zeros(2, 3, 2, 2):permute(1, 4, 2, 3)
    local y = h:blend(moon.ones(2, 2, 3, 2), moon.ones(1))
    assert.same({ 24 }, y:permute(1, 3, 4, 2):view(24):shape())
  end))

  local a = moon.zeros
  op.refuses("a seed of another shape", "blend: s is 2x2, h is 2x3",
             function() moon.blend(a(2, 3), a(2, 2), a(1)) end)
  op.refuses("an alpha per channel", "blend: alpha is 1x3; one element, or " ..
             "one for each of the images (h 2x3)",
             function() moon.blend(a(2, 3), a(2, 3), a(1, 3)) end)
  op.refuses("an alpha per image without its dimensions",
             "blend: alpha is 2; one element",
             function() moon.blend(a(2, 3), a(2, 3), a(2)) end)
  op.refuses("an alpha of another dtype", "blend: f32 and f64; cast one",
             function()
    moon.blend(a(2), a(2), a(1, { dtype = "f64" }))
  end)
  op.refuses("integers", "blend: i64; cast it to f32 or f64", function()
    local i = a(2, { dtype = "i64" })
    moon.blend(i, i, i)
  end)
  op.refuses("multiply without x", "blend: x", function()
    moon.blend(a(2), a(2), a(1), { kind = "multiply" })
  end)
  op.refuses("an x of another shape", "blend: x is 3, h is 2", function()
    moon.blend(a(2), a(2), a(1), { kind = "multiply", x = a(3) })
  end)
  op.refuses("another kind", "blend: no kind 'gate' (add, multiply)",
             function() moon.blend(a(2), a(2), a(1), { kind = "gate" }) end)
end)
