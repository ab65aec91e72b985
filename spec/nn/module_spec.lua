-- Modules: names, order, parameters, buffers, state.
local task = require "support.task"
local moon = require "moonseed"
local nn = moon.nn

local function names(iterator)
  local list = {}
  for name in iterator do list[#list + 1] = name end
  return table.concat(list, " ")
end

local function small()
  return nn.Sequential{
    nn.Conv2d{ 1, 4, kernel = 3 }, nn.BatchNorm2d{ 4 }, nn.ReLU{},
    nn.Flatten{}, { "head", nn.Linear{ 16, 3 } },
  }
end

describe("nn.Module", function()
  local Scale

  before_each(function()
    Scale = nn.Module:extend("Scale")
    function Scale:init(options)
      self.factor = moon.full(options[1], 2):requires_grad()
      self.inner = nn.Linear{ 2, 2 }
    end
    function Scale:forward(x) return self.inner(x) * self.factor end
  end)

  after_each(function() Scale = nil end)

  it("is made and called like a function", task(function()
    local y = Scale{ 2 }(moon.ones(3, 2))
    assert.same({ 3, 2 }, y:shape())
  end))

  it("lists parameters in the order of assignment, own ones first",
     task(function()
       local s = Scale{ 1 }
       s.after = moon.zeros(1):requires_grad()
       assert.equal("factor after inner.weight inner.bias",
                    names(s:parameters()))
       assert.equal("1.weight 1.bias 2.weight 2.bias head.weight head.bias",
                    names(small():parameters()))
     end))

  it("lists buffers and modules", task(function()
    local model = small()
    assert.equal("2.running_mean 2.running_var", names(model:buffers()))
    assert.equal("1 2 3 4 head", names(model:children()))
    assert.equal("1 1.1 2", names(nn.Sequential{
      nn.Sequential{ nn.ReLU{} }, nn.ReLU{} }:modules()))
  end))

  it("gives back the same object for a parameter", task(function()
    local s = Scale{ 1 }
    for _, p in s:parameters() do
      if p:id() == s.factor:id() then assert.is_true(rawequal(p, s.factor)) end
    end
  end))

  it("lists a shared module once", task(function()
    local shared = nn.Linear{ 2, 2 }
    assert.equal("1.weight 1.bias",
                 names(nn.Sequential{ shared, shared }:parameters()))
  end))

  it("replaces and removes entries by assignment", task(function()
    local s = Scale{ 1 }
    local before = nn.Module.generation()
    s.inner = nn.Linear{ 2, 2, bias = false }
    assert.equal("factor inner.weight", names(s:parameters()))
    s.inner = nil
    assert.equal("factor", names(s:parameters()))
    assert.is_true(nn.Module.generation() > before)
  end))

  it("refuses a name that is taken", task(function()
    local s = Scale{ 1 }
    assert.error_matches(function() s:add("inner", nn.ReLU{}) end,
                         "Scale: there is a child inner already")
    assert.error_matches(function() s.forward = nn.ReLU{} end,
                         "Scale: the name 'forward' of a child is taken")
    assert.error_matches(function()
      return nn.Sequential{ { "a", nn.ReLU{} }, { "a", nn.ReLU{} } }
    end, "there is a child a already")
    assert.error_matches(function() s["a.b"] = nn.ReLU{} end, "'a.b'")
  end))

  it("refuses to lose a parameter silently", task(function()
    local s = Scale{ 1 }
    assert.error_matches(function() s.factor = moon.zeros(1) end,
                         "factor is a parameter")
    s.later = moon.zeros(1)
    s.later:requires_grad()
    assert.error_matches(function() s:parameters() end,
                         "field later became a parameter")
    s.later = nil
    s.blocks = { nn.ReLU{} }
    assert.error_matches(function() s:parameters() end, "plain list of modules")
  end))

  it("switches training and evaluation everywhere", task(function()
    local model = small()
    assert.is_true(model.training)
    assert.is_true(rawequal(model, model:eval()))
    assert.is_false(model[2].training)
    assert.is_true(model:train()[2].training)
  end))

  it("keeps its tensors beyond a moon.tidy", task(function()
    local model
    moon.tidy(function() model = small():eval() end)
    assert.same({ 2, 3 }, model(moon.zeros(2, 1, 4, 4)):shape())
    assert.equal(4, model[2].running_var:sum():item())
  end))

  it("says that forward is missing", task(function()
    local Empty = nn.Module:extend("Empty")
    assert.error_matches(function() Empty{}(1) end, "Empty: has no forward")
  end))

  it("moves to another dtype and device", task(function()
    local model = small():to("f64")
    assert.equal("f64", model[1].weight:dtype())
    assert.equal("f64", model[2].running_var:dtype())
    assert.is_true(model[1].weight.needs_grad)
    local y = model(moon.rand(2, 1, 4, 4):to("f64"))
    assert.equal("f64", y:dtype())
    assert.equal("ref", model:to("ref"):to("ref")[1].weight:device())
  end))

  it("prints its entries", task(function()
    local text = tostring(small())
    assert.matches("1: Conv2d  weight 4x1x3x3  bias 4", text)
    assert.matches("head: Linear", text)
  end))
end)

describe("nn.Module state", function()
  it("goes from one model to another", task(function()
    local a, b = small(), small()
    a[2].running_mean:fill_(3)
    assert.is_true(rawequal(b, b:load_state(a:state())))
    for name, t in pairs(a:state()) do
      assert.is_true(moon.allclose(t, b:state()[name], { rtol = 0, atol = 0 }),
                     name)
    end
    assert.is_true(b[1].weight.needs_grad)
  end))

  it("raises for other names and shapes, and then changes nothing",
     task(function()
       local model = small()
       local before = model[1].weight:totable()
       local t = small():state()
       t["1.bias"] = nil
       t.surplus = moon.zeros(1)
       t["head.weight"] = moon.zeros(3, 5)
       assert.error_matches(function() model:load_state(t) end,
                            "load_state: missing 1.bias; unexpected surplus; "
                            .. "head.weight is 3x16 f32, given 3x5 f32")
       assert.same(before, model[1].weight:totable())
     end))

  it("is refused if it is no table", task(function()
    local model = nn.Linear{ 1, 1 }
    assert.error_matches(function() model:load_state() end,
      "load_state: its argument is a table, not nothing")
    assert.error_matches(function() model:load_state(3) end,
      "load_state: its argument is a table, not number")
  end))

  it("raises an error that a given tensor carries, and changes nothing",
     task(function()
       local model = nn.Linear{ 2, 2 }
       local before = model.weight:totable()
       local t = nn.Linear{ 2, 2 }:state()
       local broken = t.bias:detach():index_select(
         1, moon.tensor({ 0, 7 }, { dtype = "i64" }))
       t.bias = broken
       assert.has_error(function() model:load_state(t) end)
       assert.same(before, model.weight:totable())
     end))
end)
