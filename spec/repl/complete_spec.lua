local complete = require "moonseed.repl.complete".complete
local files = require "support.files"
local moon = require "moonseed"

local nn, seed = moon.nn, moon.seed

describe("completion", function()
  local env

  before_each(function()
    env = setmetatable({ moon = moon, nn = nn, t = moon.ones(2) },
                       { __index = _G })
  end)

  after_each(function() env = nil end)

  local function inserts(text) return complete(text, env).insert end
  local function names(text) return complete(text, env).names end

  it("knows globals, keywords and the session's names", function()
    env.my_variable = 1
    assert.equal("variable", inserts "my_")
    assert.equal("ng", inserts "x = stri")
    assert.same({ "repeat", "require", "return" }, names "re")
  end)

  it("knows members of modules that are not loaded yet", function()
    assert.equal("on_mnist", inserts "moon.data.fashi")
    assert.equal("hNorm2d", inserts "nn.Batc")
  end)

  it("knows a tensor's methods, of its rows and gradient too", function()
    assert.equal("ax", inserts "t:softm")
    assert.equal("ax", inserts "t[1]:softm")
    assert.same({}, names "t.grad:softm")
  end)

  it("offers what can be called after a colon", function()
    env.object = { size = 1, sum = print }
    assert.same({ "sum" }, names "object:s")
    assert.same({ "size", "sum" }, names "object.s")
  end)

  it("follows __index tables and a module's children", function()
    env.object = setmetatable({}, { __index = setmetatable({}, {
      __index = { far_away = 1 } }) })
    assert.equal("away", inserts "object.far_")
    env.model = nn.Sequential{ nn.Linear{ 2, 3 } }
    assert.equal("ght", inserts "model[1].wei")
    assert.equal("ameters", inserts "model[1]:par")
  end)

  it("calls nothing of the user's", function()
    local called = false
    env.object = setmetatable({}, {
      __index = function() called = true error "no" end,
      __tostring = function() called = true end })
    assert.same({}, names "object.field.")
    assert.same({}, names "object:")
    assert.same({}, names "object().")
    assert.is_false(called)
  end)

  it("never raises", function()
    for _, text in ipairs{ "nope.x", "nope.", "t.x.y.", "1.", "..", "a..b",
                           "t[", "t[1", "\"", "f(')", "t[99999]:su", ":" } do
      assert.is_table(complete(text, env).names, text)
    end
  end)

  it("knows a garden's slots and the blueprints", function()
    env.garden = seed.Garden{ nn.Sequential{ seed.Slot{ "early" },
                                             seed.Slot{ "late" } } }
    assert.equal("rly", inserts "garden:slot(\"ea")
    assert.same({ "early", "late" }, names "garden:slot '")
    assert.equal("te", inserts "garden:slot('late'):germina")
    assert.equal("ght", inserts "garden:slot('late'):germinate('conv_li")
    env.garden:close()
  end)

  it("knows files within a string", function()
    local folder, remove = files.folder()
    files.write(folder .. "/layers.lua", "")
    assert.equal("yers.lua", inserts("reload \"" .. folder .. "/la"))
    remove()
  end)
end)
