-- The registry of blueprints and the contract that `build` checks.
local bits = require "support.bits"
local task = require "support.task"
local moon = require "moonseed"
local blueprint = require "moonseed.seed.blueprint"
local nn = moon.nn

-- A module of a function and, perhaps, children by name.
local Of = nn.Module:extend("Of")
function Of:init(options)
  self.fn = options[1]
  for name, value in pairs(options) do
    if type(name) == "string" then self[name] = value end
  end
end
function Of:forward(x) return self.fn(self, x) end

-- Registers a blueprint whose module computes fn(module, x).
local function computes(fn, definition)
  definition = definition or {}
  definition.build = function() return Of{ fn } end
  blueprint("under_test", definition)
end

local function fails(text, features, options)
  assert.error_matches(function()
    blueprint.build("under_test", features or { 2, 3, 4, 4 }, options)
  end, text, 1, true)
end

describe("blueprint", function()
  it("registers a user's own by one line", task(function()
    local seen
    local module = nn.ReLU{}
    blueprint("my_block", { build = function(shape)
      seen = shape
      return module
    end })
    assert.equal(module, blueprint.build("my_block", moon.ones(2, 3, 4, 4)))
    assert.same({ 2, 3, 4, 4 }, seen)
  end))

  it("lists names, the built-in ones first", function()
    blueprint("zzz", { build = nn.ReLU })
    blueprint("aaa", { build = nn.ReLU })
    local names = blueprint.names()
    assert.same({ "noop", "norm", "attention", "depthwise", "bottleneck",
                  "conv_small", "conv_light", "conv_heavy", "lora", "mlp",
                  "aaa" }, { unpack(names, 1, 11) })
    assert.equal("zzz", names[#names])
  end)

  it("names those there are when one is unknown", task(function()
    assert.error_matches(function()
      blueprint.build("conv_lite", { 1, 2, 3, 3 })
    end, "blueprint: no 'conv_lite' %(known: noop, norm, .*, mlp")
    assert.error_matches(function() blueprint.get() end,
                         "blueprint: the name is a string, not nothing")
  end))

  it("takes the later definition of a name", task(function()
    computes(function(_, x) return x end)
    blueprint.build("under_test", { 1, 2 })
    computes(function(_, x) return x + 1 end)
    fails("is not the identity")
  end))

  it("keeps the earlier definition when a later one is refused", function()
    computes(function(_, x) return x end)
    local before = blueprint.get("under_test")
    assert.error_matches(function() blueprint("under_test", {}) end,
                         "blueprint under_test: build is missing")
    assert.equal(before, blueprint.get("under_test"))
  end)

  it("refuses the names of built-in ones and what is no name", function()
    local definition = { build = nn.ReLU }
    for name, text in pairs{
      noop = "blueprint: 'noop' is built in; take another name",
      ["a b"] = "blueprint: 'a b' is no name: letters, digits and _",
      ["../x"] = "is no name", [""] = "is no name", [3] = "is a string",
    } do
      assert.error_matches(function() blueprint(name, definition) end, text)
    end
  end)

  it("refuses definitions that do not fit", function()
    for text, definition in pairs{
      ["blueprint a: build is a function, not number"] = { build = 3 },
      ["blueprint a: no option 'biuld' (known: build, options, ranks, reshape)"]
        = { biuld = nn.ReLU },
      ["blueprint a: reshape is a function"] =
        { build = nn.ReLU, reshape = { 2 } },
      ["blueprint a: ranks is a table, not number"] =
        { build = nn.ReLU, ranks = 4 },
      ["blueprint a: a rank is a number"] =
        { build = nn.ReLU, ranks = { "4" } },
    } do
      assert.error_matches(function() blueprint("a", definition) end, text, 1,
                           true)
    end
  end)
end)

describe("blueprint.build", function()
  it("gives the options, with the declared defaults", task(function()
    local seen
    local function build(_, options)
      seen = options
      return Of{ function(_, x) return x end }
    end
    blueprint("under_test", { build = build, options = { size = 3 } })
    blueprint.build("under_test", { 1, 2 })
    assert.same({ size = 3 }, seen)
    blueprint.build("under_test", { 1, 2 }, { size = 4 })
    assert.same({ size = 4 }, seen)
    fails("blueprint under_test: no option 'sise' (known: size)", nil,
          { sise = 1 })
    fails("blueprint under_test: the options is a table", nil, 3)
    blueprint("under_test", { build = build })
    blueprint.build("under_test", { 1, 2 }, { anything = 1 })
    assert.same({ anything = 1 }, seen)
  end))

  it("gives build a shape of its own", task(function()
    local shape = { 2, 3, 4, 4 }
    blueprint("under_test", { build = function(list)
      list[2] = 7
      return Of{ function(_, x) return x end }
    end })
    blueprint.build("under_test", shape)
    assert.same({ 2, 3, 4, 4 }, shape)
  end))

  it("refuses features of other ranks", task(function()
    computes(function(_, x) return x end, { ranks = { 2, 4 } })
    fails("blueprint under_test: takes features of 2 or 4 dimensions, not "
          .. "5x6x7", { 5, 6, 7 })
    assert.equal("Of", blueprint.build("under_test", { 5, 6 }).class_name)
  end))

  it("refuses what is no shape", task(function()
    computes(function(_, x) return x end)
    fails("blueprint under_test: the shape is a table, not number", 3)
    fails("blueprint under_test: the shape is a list of extents", {})
    fails("blueprint under_test: extent 2 is a whole number of at least 1, "
          .. "not 0", { 1, 0 })
    fails("blueprint under_test: takes features in f32 or f64, not i64",
          moon.arange(4, { dtype = "i64" }))
  end))

  it("says whose build raised", task(function()
    blueprint("under_test", { build = function() error("no luck", 0) end })
    fails("blueprint under_test: build raised: no luck")
  end))

  it("refuses what is no module", task(function()
    blueprint("under_test", { build = function() return 5 end })
    fails("blueprint under_test: build gives a number, not a module")
    blueprint("under_test", { build = function() end })
    fails("blueprint under_test: build gives a nil, not a module")
  end))

  it("says whose forward raised", task(function()
    computes(function() error("no way", 0) end)
    fails("blueprint under_test: its module's forward raised: no way")
    computes(function(_, x) return moon.conv2d(x, moon.ones(3, 5, 1, 1)) end)
    fails("blueprint under_test: its module's forward raised:")
  end))

  it("refuses a module that gives no tensor, or another dtype", task(function()
    computes(function() return 1 end)
    fails("blueprint under_test: its module gives a number, not a tensor")
    computes(function(_, x) return x:to "f64" end)
    fails("blueprint under_test: its module gives f64 for features in f32")
  end))

  it("refuses an undeclared change of the shape", task(function()
    computes(function(_, x) return x:max_pool2d(2) end)
    fails("blueprint under_test: its module gives 1x3x2x2 for features "
          .. "1x3x4x4, 1x3x4x4 expected (no reshape is declared)")
    computes(function(_, x) return x:reshape(-1, 48) end)
    fails("gives 1x48 for features 1x3x4x4")
  end))

  it("takes the declared shape, and no other", task(function()
    local function reshape(s) return { s[1], s[2], s[3] / 2, s[4] / 2 } end
    computes(function(_, x) return x:max_pool2d(2) end, { reshape = reshape })
    local module = blueprint.build("under_test", { 2, 3, 4, 4 })
    assert.same({ 2, 3, 2, 2 }, module(moon.ones(2, 3, 4, 4)):shape())
    computes(function(_, x) return x end, { reshape = reshape })
    fails("gives 1x3x4x4 for features 1x3x4x4, 1x3x2x2 expected")
    computes(function(_, x) return x end, { reshape = function() end })
    fails("blueprint under_test: what reshape gives is a table, not nothing")
    computes(function(_, x) return x end,
             { reshape = function(s) return s.x.y end })
    fails("blueprint under_test: reshape raised:")
  end))

  it("refuses what is not the identity at birth", task(function()
    computes(function(_, x) return x + 0.25 end)
    fails("blueprint under_test: is not the identity at birth: off by 0.25, "
          .. "at most 1e-06 (features 2x2)", moon.ones(2, 2))
    computes(function(_, x) return x * 2 end)
    fails("blueprint under_test: is not the identity at birth")
    computes(function(_, x) return x * (0 / 0) end)
    fails("is not the identity at birth: off by")
    computes(function(_, x) return x + 9e-7 end)
    blueprint.build("under_test", moon.zeros(2, 2))
    computes(function(_, x) return x + 1.2e-6 end)
    fails("off by 1.2e-06", moon.zeros(2, 2))
  end))

  it("checks real features where they are given", task(function()
    computes(function(_, x) return x:relu() end)
    blueprint.build("under_test", moon.randn(4, 3):relu())
    fails("is not the identity", moon.randn(4, 3) - 3)
  end))

  it("makes the module in the features' dtype", task(function()
    local x = moon.randn(2, 3, 4, 4):to "f64"
    local module = blueprint.build("conv_light", x)
    for _, p in module:parameters() do assert.equal("f64", p:dtype()) end
  end))

  it("draws the module's first values and no other number", task(function()
    local function following(fn)
      moon.manual_seed(11)
      fn()
      return bits.of(moon.rand(2))
    end
    local x = moon.randn(3, 6)
    local alone = following(function()
      return nn.Linear{ 6, 12 }, nn.Linear{ 12, 6 }
    end)
    for _, features in ipairs{ { 1, 6 }, { 7, 6 }, x } do
      assert.equal(alone, following(function()
        blueprint.build("mlp", features)
      end))
    end
  end))

  it("leaves the random numbers as they were when it fails", task(function()
    moon.manual_seed(4)
    local expected = bits.of(moon.rand(3))
    local function check(text, build)
      blueprint("under_test", { build = build })
      moon.manual_seed(4)
      fails(text)
      assert.equal(expected, bits.of(moon.rand(3)))
    end
    check("is not the identity", function()
      nn.Linear{ 2, 2 }
      return Of{ function(_, x) return x + moon.rand(1) + 1 end }
    end)
    check("build raised: enough", function()
      nn.Linear{ 2, 2 }
      error("enough", 0)
    end)
  end))
end)

describe("blueprint.deviation", function()
  it("is max |y - x| / max(1, max |x|)", task(function()
    local shifted = Of{ function(_, x) return x + 0.5 end }
    assert.equal(0.5, blueprint.deviation(shifted, moon.zeros(2, 2)):item())
    local x = moon.tensor{ { 1, -4 }, { 2, 0 } }
    assert.equal(0.125, blueprint.deviation(shifted, x):item())
    local one = Of{ function(_, t)
      return t + moon.tensor{ { 0, 0 }, { -2, 0 } }
    end }
    assert.equal(0.5, blueprint.deviation(one, x):item())
    assert.same({}, blueprint.deviation(one, x):shape())
  end))

  it("is NaN or infinite where a value is not finite", task(function()
    local function of(value, x)
      return blueprint.deviation(Of{ function(_, t) return t * value end },
                                 x or moon.ones(3)):item()
    end
    assert.is_true(of(0 / 0) ~= of(0 / 0))
    assert.equal(math.huge, of(math.huge))
    local poisoned = moon.tensor{ 1, math.huge, 2 }
    assert.is_true(of(1, poisoned) ~= of(1, poisoned))
  end))

  it("refuses a module that changes the shape", task(function()
    assert.error_matches(function()
      blueprint.deviation(nn.MaxPool2d{ 2 }, moon.ones(1, 1, 4, 4))
    end, "deviation: the module gives 1x1x2x2 for features 1x1x4x4")
  end))

  it("leaves no graph, flags, statistics or random numbers", task(function()
    local norm = nn.BatchNorm2d{ 2 }
    local model = nn.Sequential{ norm, nn.Dropout{ 0.5 },
      Of{ function(_, x) return x + moon.rand(x:shape()) end } }
    model[2]:eval()
    local x = (moon.randn(4, 2, 3, 3) + 5):requires_grad()
    local statistics = bits.of_all{ norm.running_mean, norm.running_var }
    moon.manual_seed(6)
    local number = bits.of(moon.rand(2))
    moon.manual_seed(6)
    local gap = blueprint.deviation(model, x)
    assert.equal(number, bits.of(moon.rand(2)))
    assert.is_false(gap.needs_grad)
    assert.same({ true, true, false, true },
                { model.training, norm.training, model[2].training,
                  model[3].training })
    assert.equal(statistics,
                 bits.of_all{ norm.running_mean, norm.running_var })
  end))
end)
