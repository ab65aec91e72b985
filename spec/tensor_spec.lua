-- Tensors in Lua: reading, indexing, operators.
local task = require "support.task"
local moon = require "moonseed"

local function fails(pattern, fn, ...)
  local ok, why = pcall(fn, ...)
  assert.is_false(ok, "no error")
  assert.matches(pattern, why)
end

describe("reading", function()
  it("gives a number or boolean of one element", task(function()
    assert.equal(10, moon.arange(5):sum():item())
    assert.equal(true, moon.tensor{ 3 }:gt(2):item())
    assert.equal(-3, moon.tensor({ -3 }, { dtype = "i32" }):item())
  end))

  it("refuses an item of several elements", function()
    fails("item: the tensor is 2x3", function() moon.zeros(2, 3):item() end)
  end)

  it("follows logical order, whatever the strides", task(function()
    local t = moon.arange(6):reshape(2, 3):t()
    assert.same({ { 0, 3 }, { 1, 4 }, { 2, 5 } }, t:totable())
  end))

  it("awaits and returns the tensor", task(function()
    local t = moon.randn(64, 64):matmul(moon.randn(64, 64))
    assert.equal(t, t:await())
    assert.is_true(t:is_ready())
  end))

  it("compares with a tolerance", task(function()
    local a = moon.tensor{ 1, 2, math.huge }
    assert.is_true(moon.allclose(a, a + 0))
    assert.is_false(moon.allclose(a, moon.tensor{ 1, 2.1, math.huge }))
    assert.is_true(moon.allclose(a, moon.tensor{ 1, 2.1, math.huge },
                                 { atol = 0.2 }))
    assert.is_false(moon.allclose(moon.tensor{ 0 / 0 }, moon.tensor{ 0 / 0 }))
  end))

  it("compares an infinity with itself alone", task(function()
    local one, inf = moon.tensor{ 1 }, moon.tensor{ math.huge }
    assert.is_true(moon.allclose(inf, inf))
    assert.is_false(moon.allclose(inf, -inf))
    assert.is_false(moon.allclose(one, inf))
    assert.is_false(moon.allclose(inf, one))
  end))

  it("compares whole numbers and booleans, too", task(function()
    for _, dtype in ipairs{ "i64", "i32", "u8" } do
      local a = moon.tensor({ 1, 200 }, { dtype = dtype })
      local b = moon.tensor({ 1, 201 }, { dtype = dtype })
      assert.is_true(moon.allclose(a, a:clone()))
      assert.is_false(moon.allclose(a, b))
      assert.is_true(moon.allclose(a, b, { atol = 1 }))
    end
    local yes, no = moon.tensor{ true }, moon.tensor{ false }
    assert.is_true(moon.allclose(yes, yes:clone()))
    assert.is_false(moon.allclose(yes, no))
  end))

  it("finds nothing that differs where there is nothing", task(function()
    assert.is_true(moon.allclose(moon.zeros(0), moon.zeros(1)))
  end))

  it("compares tensors of one dtype alone", task(function()
    local x = moon.ones(1)
    fails("allclose: b is a tensor, not number", moon.allclose, x, 1)
    fails("allclose: f32 and f64; cast one", moon.allclose, x, x:to "f64")
  end))
end)

describe("what is mistaken", function()
  it("is named after what was called, not after what it is made of", function()
    local a = moon.zeros(2, 3)
    fails(": allclose: shapes 2x3 and 4 do not broadcast", moon.allclose, a,
          moon.zeros(4))
    fails(": to: 'f33' is no dtype %(f32, .*f16%) and no device %(cpu,", a.to,
          a, "f33")
  end)

  it("is an option among the tensors, or tensors among the values", function()
    local a = moon.zeros(2)
    fails("cat: 'dim' among the tensors", moon.cat, { a, a, dim = 1 })
    fails("stack: 'dim' among the tensors", moon.stack, { a, a, dim = 1 })
    fails("tensor: a value is a tensor %(moon.stack joins", moon.tensor,
          { a, a })
    fails("requires_grad: its argument is true or false, not string",
          a.requires_grad, a, "no")
  end)
end)

describe("facts", function()
  it("are shape, size, ndim, numel, dtype, device", function()
    local t = moon.zeros(2, 3)
    assert.same({ 2, 3, 3, 2, 6, 2 }, { t:size(1), t:size(2), t:size(-1),
                                        t:ndim(), t:numel(), #t })
    assert.equal(moon.device(), t:device())
  end)

  it("tell tensors from everything else", function()
    assert.is_true(moon.is_tensor(moon.zeros(1)))
    for _, value in ipairs{ 1, "t", {}, print } do
      assert.is_false(moon.is_tensor(value))
    end
  end)

  it("have one id per tensor, shared by all of its handles", function()
    local p = moon.zeros(2):requires_grad()
    local q = moon.zeros(2)
    assert.equal(p:id(), p:requires_grad():id())
    assert.not_equal(p:id(), q:id())
  end)

  it("compare by identity", function()
    local a = moon.zeros(2)
    assert.is_true(a == a:contiguous())
    assert.is_false(a == a:clone())
    assert.is_false(a == nil)
    assert.is_false(a == 0)
  end)
end)

describe("indexing", function()
  it("gives rows, then one-element tensors, as views", task(function()
    local t = moon.tensor{ { 1, 2 }, { 3, 4 } }
    assert.same({ 3, 4 }, t[2]:totable())
    assert.equal(2, t[1][2]:item())
    assert.same({ 3, 4 }, t[-1]:totable())
    t[1][2]:fill_(9)
    assert.same({ { 1, 9 }, { 3, 4 } }, t:totable())
  end))

  it("fills a row with a number, or copies a tensor", task(function()
    local t = moon.ones(2, 2)
    t[1] = 0
    t[2] = moon.tensor{ 5, 6 }
    assert.same({ { 0, 0 }, { 5, 6 } }, t:totable())
  end))

  it("refuses positions that there are not", function()
    local t = moon.zeros(2, 3)
    for _, i in ipairs{ 0, 3, -3, 1.5 } do
      fails("select: position", function() return t[i] end)
    end
    fails("select: a?_? ?dimension 1 of a tensor with 0", function()
      return moon.tensor(1)[1]
    end)
  end)

  it("refuses names that there are not", function()
    fails("a tensor has no 'foo'", function() return moon.zeros(1).foo end)
    fails("'foo' cannot be set", function() moon.zeros(1).foo = 1 end)
  end)
end)

describe("views", function()
  it("are permute, narrow, select, view, t", task(function()
    local t = moon.arange(6):view(2, 3)
    assert.same({ { 0, 3 }, { 1, 4 }, { 2, 5 } }, t:permute(2, 1):totable())
    assert.same({ { 1, 2 }, { 4, 5 } }, t:narrow(2, 2, 2):totable())
    assert.same({ 2, 5 }, t:select(2, 3):totable())
    assert.same({ 3, 2 }, t:t():shape())
    assert.same({ 3, 2 }, t:narrow(1, 1, 2):reshape(-1, 2):shape())
  end))

  it("share memory; reshape copies when it must, view never", task(function()
    local t = moon.zeros(2, 3)
    t:view(6):fill_(1)
    assert.equal(6, t:sum():item())
    assert.same({ 0, 3, 1 }, moon.arange(6):view(2, 3):t():reshape(6)
      :narrow(1, 1, 3):totable())
    fails("view: .* needs a copy", function() t:t():view(6) end)
  end))

  it("refuse dimensions and ranges that there are not", function()
    local t = moon.zeros(2, 3)
    fails("narrow: 3 positions from 2 of 3", t.narrow, t, 2, 2, 3)
    fails("narrow: dimension 3 of a tensor with 2", t.narrow, t, 3, 1, 1)
    fails("permute: 1 dimensions for a tensor with 2", t.permute, t, 1)
    fails("sum: dimension 0 of a tensor with 2", t.sum, t, 0)
  end)
end)

describe("operators", function()
  it("take a number on either side", task(function()
    local t = moon.tensor{ 1, 2, 4 }
    assert.same({ 2, 3, 5 }, (t + 1):totable())
    assert.same({ 2, 3, 5 }, (1 + t):totable())
    assert.same({ 0, 1, 3 }, (t - 1):totable())
    assert.same({ 0, -1, -3 }, (1 - t):totable())
    assert.same({ 3, 6, 12 }, (3 * t):totable())
    assert.same({ 0.5, 1, 2 }, (t / 2):totable())
    assert.same({ 4, 2, 1 }, (4 / t):totable())
    assert.same({ 1, 4, 16 }, (t ^ 2):totable())
    assert.same({ 2, 4, 16 }, (2 ^ t):totable())
    assert.same({ -1, -2, -4 }, (-t):totable())
  end))

  it("divide by a number exactly as by a tensor of it", task(function()
    local t = moon.randn(100)
    for _, n in ipairs{ 3, 10, 0.1, 8, -0.25 } do
      assert.is_true((t / n):eq(t / moon.full({}, n)):min():item())
    end
  end))

  it("take tensors of one dtype, repeated to a common shape", task(function()
    local a, b = moon.tensor{ { 1 }, { 2 } }, moon.tensor{ 10, 20 }
    assert.same({ { 11, 21 }, { 12, 22 } }, (a + b):totable())
    assert.same({ { 10, 20 }, { 20, 40 } }, (a * b):totable())
    fails("add: f32 and f64", function() return a + b:to "f64" end)
    fails("add: b is a tensor, not table", function() return a + {} end)
  end))

  it("subtract from u8 without leaving it", task(function()
    local t = moon.tensor({ 5, 9 }, { dtype = "u8" })
    assert.same({ 4, 8 }, (t - 1):totable())
  end))

  it("compare by methods, to bool", task(function()
    local t = moon.tensor{ 1, 2, 3 }
    assert.same({ false, false, true }, t:gt(2):totable())
    assert.same({ true, true, false }, t:le(2):totable())
    assert.same({ false, true, false }, t:eq(moon.tensor{ 0, 2, 4 })
      :totable())
    assert.equal("bool", t:ne(1):dtype())
  end))
end)

describe("booleans", function()
  it("fill and are assigned", task(function()
    local t = moon.tensor{ { true, true }, { false, false } }
    t[1] = false
    t[2][1] = true
    assert.same({ { false, false }, { true, false } }, t:totable())
    assert.same({ true, true }, t[1]:fill_(true):totable())
  end))

  it("are compared with tensors", task(function()
    local t = moon.tensor{ true, false }
    assert.same({ true, false }, t:eq(true):totable())
    assert.same({ false, true }, t:lt(true):totable())
    assert.same({ false, true }, moon.tensor{ 1, 0 }:ne(true):totable())
  end))
end)

describe("reductions", function()
  it("go over all dimensions, one, or a list; keepdim keeps them",
     task(function()
    local t = moon.tensor{ { 1, 2, 3 }, { 4, 5, 6 } }
    assert.equal(21, t:sum():item())
    assert.same({ 5, 7, 9 }, t:sum(1):totable())
    assert.same({ { 6 }, { 15 } }, t:sum{ 2, keepdim = true }:totable())
    assert.same({ { 6 }, { 15 } }, t:sum(2, { keepdim = true }):totable())
    assert.same({ 1, 1 }, t:mean({ 1, 2 }, { keepdim = true }):shape())
    assert.equal(3.5, t:mean():item())
    assert.equal(3.5, t:var():item())
    fails("sum: no option 'keep' %(known: keepdim%)", t.sum, t, 1,
          { keep = true })
  end))

  it("give values and places along one dimension", task(function()
    local t = moon.tensor{ { 3, 1 }, { 2, 8 } }
    local values, places = t:max(2)
    assert.same({ 3, 8 }, values:totable())
    assert.same({ 0, 1 }, places:totable())
    assert.equal(1, t:min():item())
    assert.equal(3, t:argmax():item())
    assert.same({ 0, 1 }, t:argmax(1):totable())
    assert.equal("i64", places:dtype())
  end))
end)

describe("in place", function()
  it("are copy_, fill_, add_, which return the tensor", task(function()
    local t = moon.zeros(2)
    assert.equal(t, t:fill_(2):add_(moon.ones(2)):add_(moon.ones(2), 3))
    assert.same({ 6, 6 }, t:totable())
    assert.same({ 1, 2 }, t:copy_(moon.tensor{ 1, 2 }):totable())
    assert.same({ 1.5, 2.5 }, t:add_(0.5):totable())
  end))
end)

describe("joining and picking", function()
  it("are cat, stack, index_select, gather", task(function()
    local a, b = moon.tensor{ 1, 2 }, moon.tensor{ 3, 4 }
    local i = moon.tensor({ 1, 0 }, { dtype = "i64" })
    assert.same({ 1, 2, 3, 4 }, moon.cat({ a, b }, 1):totable())
    assert.same({ { 1, 3 }, { 2, 4 } }, moon.stack({ a, b }, 2):totable())
    assert.same({ 2, 1 }, a:index_select(1, i):totable())
    assert.same({ 2, 1 }, a:gather(1, i):totable())
    fails("cat: no tensors", moon.cat, {})
    fails("stack: tensor 2 is a tensor, not number", moon.stack, { a, 1 })
  end))
end)

describe("safetensors", function()
  it("are saved and loaded by extension, or by format", task(function()
    local path = os.tmpname()
    os.remove(path)
    local w = moon.randn(3, 4)
    for _, name in ipairs{ path .. ".safetensors", path } do
      local options = name == path and { format = "safetensors" } or nil
      local n = moon.save(name, { w = w, i = w:gt(0) }, options)
      local loaded = moon.load(name, options)
      os.remove(name)
      assert.is_true(n > 48)
      assert.same(w:totable(), loaded.w:totable())
      assert.equal("bool", loaded.i:dtype())
    end
  end))

  it("refuses formats that it does not know", function()
    fails("save: no format 'pt' %(known: npy, npz, safetensors%)", moon.save,
          "x.pt", {})
    fails("load: .*nothing.safetensors: No such file", moon.load,
          "/tmp/nothing.safetensors")
  end)
end)
