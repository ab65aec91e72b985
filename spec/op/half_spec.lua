-- bf16 and f16: created, cast, copied, saved; computed with only on a GPU.

local moon = require "moonseed"
local files = require "support.files"
local op = require "support.op"
local task = require "support.task"
local nn = moon.nn

local inf, nan = 1 / 0, 0 / 0

-- To the nearest, of two the even one: a number and what becomes of it.
local rounded = {
  bf16 = { { 1 / 3, 0.333984375 }, { 1 + 2 ^ -8, 1 }, { 1 + 3 * 2 ^ -8,
           1 + 2 ^ -6 }, { -3.14159, -3.140625 }, { 3.39e38, 3.3895314e38 },
           { 3.4e38, inf }, { 2 ^ -133, 2 ^ -133 }, { 2 ^ -135, 0 },
           { -inf, -inf }, { nan, nan }, { 0, 0 } },
  f16 = { { 1 / 3, 0.333251953125 }, { 1 + 2 ^ -11, 1 }, { 1 + 3 * 2 ^ -11,
          1 + 2 ^ -9 }, { 65504, 65504 }, { 65519, 65504 }, { 65520, inf },
          { -1e30, -inf }, { 2 ^ -24, 2 ^ -24 }, { 2 ^ -25, 0 },
          { 3 * 2 ^ -25, 2 ^ -23 }, { 2 ^ -14 - 2 ^ -26, 2 ^ -14 },
          { inf, inf }, { nan, nan }, { 0, 0 } },
}

local function same(expected, got)
  for i, v in ipairs(expected) do
    assert.is_true(v == got[i] or (v ~= v and got[i] ~= got[i])
                   or math.abs(v / got[i] - 1) < 1e-7,
                   ("element %d is %g, not %g"):format(i, got[i], v))
  end
end

for _, dtype in ipairs{ "bf16", "f16" } do
  describe(dtype, function()
    local values, expected = {}, {}
    for i, pair in ipairs(rounded[dtype]) do
      values[i], expected[i] = unpack(pair)
    end

    op.everywhere("rounds to the nearest, from any number", function(device)
      for _, from in ipairs{ "f32", "f64" } do
        local x = moon.tensor(values, { dtype = from, device = device })
        same(expected, x:to(dtype):totable())
        same(expected, x:to(dtype):to("f64"):totable())
        same(expected, x:expand(3, #values):t():to(dtype):t()[2]:totable())
      end
      local made = moon.tensor(values, { dtype = dtype, device = device })
      same(expected, made:totable())
      assert.equal(dtype, made:dtype())
    end)

    op.everywhere("is made of one value and in steps", function(device)
      local o = { dtype = dtype, device = device }
      assert.same({ { 0, 0 } }, moon.zeros(1, 2, o):totable())
      assert.same({ 7, 7 }, moon.full({ 2 }, 7, o):totable())
      assert.same({ 0, 1, 2 }, moon.arange(3, o):totable())
      assert.equal(1, moon.ones(o):item())
      assert.same({ 0, 3 }, moon.zeros(0, 3, o):shape())
      local t = moon.zeros(2, 3, o)
      t[2] = 5
      assert.same({ { 0, 0, 0 }, { 5, 5, 5 } }, t:totable())
    end)

    op.everywhere("is cast to and from every dtype", function(device)
      local x = moon.tensor({ 0, 1, 200 }, { dtype = dtype, device = device })
      for _, other in ipairs{ "f32", "f64", "i64", "i32", "u8", "bf16",
                              "f16" } do
        assert.same({ 0, 1, 200 }, x:to(other):totable())
        assert.same({ 0, 1, 200 }, x:to(other):to(dtype):totable())
      end
      assert.same({ false, true, true }, x:to("bool"):totable())
      assert.same({ 0, 1, 1 }, x:to("bool"):to(dtype):totable())
    end)

    op.everywhere("moves with its bits", function(device)
      local o = { dtype = dtype, device = device }
      local x = moon.arange(12, o):reshape(3, 4)
      local i64 = { dtype = "i64", device = device }
      assert.same({ 1, 5, 9 }, x:t()[2]:clone():totable())
      assert.same({ { 0, 4, 8 }, { 1, 5, 9 } },
                  x:t():contiguous():narrow(1, 1, 2):totable())
      assert.same({ 3, 4 }, moon.stack{ x, x }[2]:shape())
      assert.same({ 8, 9, 10, 11 }, moon.cat{ x, x }[6]:totable())
      assert.same({ { 8, 9, 10, 11 } },
                  x:index_select(1, moon.tensor({ 2 }, i64)):totable())
      assert.same({ { 3 } },
                  x:narrow(1, 1, 1)
                  :gather(2, moon.tensor({ { 3 } }, i64)):totable())
      local c = moon.tensor({ true, false, true, false }, { device = device })
      assert.same({ 0, 5, 2, 7 }, moon.where(c, x[1], x[2]):totable())
      local y = moon.zeros(3, 4, o)
      y:copy_(x:to "f32")
      assert.is_true(moon.allclose(x, y))
      assert.is_false(moon.allclose(x, y:t():contiguous():reshape(3, 4)))
    end)

    op.everywhere("is mapped as its bits", function(device)
      if device == "cuda:0" then return end  -- nothing is mapped there
      local x = moon.ones(2, { dtype = dtype, device = device })
      local one = dtype == "bf16" and 0x3f80 or 0x3c00
      assert.equal(one, x:map(function(pointer) return pointer[1] end))
    end)

    op.everywhere("has no arithmetic", function(device)
      if device == "cuda:0" then return end  -- there it has
      local x = moon.ones(2, 2, { dtype = dtype, device = device })
      local text = (": %s has no arithmetic on %s; cast to f32"):format(
        dtype, device)
      local labels = moon.zeros(2, { dtype = "i64", device = device })
      for name, fn in pairs{
        add = function() return x + x end,
        mul = function() return x * 2 end,
        exp = function() return x:exp() end,
        gt = function() return x:gt(0) end,
        sum = function() return x:sum() end,
        max = function() return x:max(1) end,
        cumsum = function() return x:cumsum(1) end,
        softmax = function() return x:softmax(1) end,
        matmul = function() return x:matmul(x) end,
        add_ = function() return x:add_(x) end,
        cross_entropy = function() return moon.cross_entropy(x, labels) end,
        dropout = function() return moon.dropout(x, 0.5) end,
      } do
        assert.error_matches(fn, name .. text, 1, true)
      end
      assert.same({ 1, 1, 1, 1 }, op.flat(x))
    end)

    op.everywhere("lets gradients through a cast", function(device)
      local x = moon.tensor({ 1, 2 }, { device = device }):requires_grad()
      local y = x:to(dtype):to "f32"
      moon.sum(y * moon.tensor({ 1 / 3, 2 }, { device = device })):backward()
      assert.equal("f32", x.grad:dtype())
      same({ rounded[dtype][1][2], 2 }, x.grad:totable())
    end)

    it("is saved and loaded with its bits", task(function()
      local folder, remove = files.folder()
      local path = folder .. "/half.safetensors"
      local x = moon.tensor(values, { dtype = dtype })
      moon.save(path, { odd = moon.ones(3, { dtype = "u8" }), x = x,
                        wide = moon.ones(1, { dtype = "f64" }) })
      local back = moon.load(path)
      remove()
      assert.equal(dtype, back.x:dtype())
      same(expected, back.x:totable())
      assert.same({ 1, 1, 1 }, back.odd:totable())
      assert.equal(1, back.wide:item())
    end))

    it("is saved for NumPy where it has it", task(function()
      local folder, remove = files.folder()
      local path = folder .. "/half.npz"
      local x = moon.tensor(values, { dtype = dtype })
      local ok, e = pcall(moon.save, path, { x = x })
      local back = ok and moon.load(path).x
      remove()
      if dtype == "bf16" then
        assert.matches("save: npz has no bf16; cast to f32", e, 1, true)
        return
      end
      assert.equal(dtype, back:dtype())
      same(expected, back:totable())
    end))

    it("is what a model may be cast to", task(function()
      local linear = nn.Linear{ 2, 1 }
      linear:to(dtype)
      assert.equal(dtype, linear.weight:dtype())
      assert.is_true(linear.weight.needs_grad)
      assert.error_matches(function() linear(linear.weight) end,
                           "linear: " .. dtype .. " has no arithmetic")
      assert.equal("f32", linear:to("f32").bias:dtype())
    end))

    it("is printed", task(function()
      local x = moon.tensor({ 0.5, -2 }, { dtype = dtype })
      assert.equal("{  0.5000, -2.0000 }  2 " .. dtype .. " " .. moon.device(),
                   tostring(x))
    end))

    op.refuses("random numbers", "rand: " .. dtype .. "; take f32 or f64",
               function() moon.rand(2, { dtype = dtype }) end)
  end)
end

describe("a cast", function()
  op.everywhere("that becomes infinite is found by moon.debug",
                function(device)
    local x = moon.full({ 2 }, 1e6, { device = device })
    moon.debug{ nan = true }
    local ok, e = pcall(function() x:to("f16"):await() end)
    moon.debug{ nan = false }
    assert.is_false(ok)
    assert.matches("cast: gave inf at element 0", tostring(e))
  end)
end)
