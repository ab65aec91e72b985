local chunk = require "moonseed.repl.chunk"

local function compile(text, env)
  return chunk.compile(text, "line1", env or {})
end

local function values(text, env)
  return { compile(text, env)(chunk.pass) }
end

local function wants_more(text)
  local _, _, more = compile(text)
  return more == true
end

describe("a typed chunk", function()
  it("is an expression if it can be one", function()
    assert.same({ 3, "a" }, values "1 + 2, 'a'")
    assert.same({ 3 }, values "= 1 + 2")
    assert.same({ 3 }, values "return 1 + 2")
    assert.same({ 3 }, values "1 + 2;")
    assert.same({ 3 }, values "1 + 2 -- a comment")
  end)

  it("gives nothing as a statement, or when there is nothing", function()
    local env = {}
    assert.same({}, values("x = 5", env))
    assert.equal(5, env.x)
    assert.same({}, values "")
    assert.same({}, values "-- a comment")
  end)

  it("wants more rows when its end is missing", function()
    for _, text in ipairs{ "for i = 1, 2 do", "f(", "1 +", "{ 1,", "x =",
                           "[[ a", "function f()", "if x then" } do
      assert.is_true(wants_more(text), text)
    end
    for _, text in ipairs{ "1 +* 2", "'a", "x y", "end", "", "f()" } do
      assert.is_false(wants_more(text), text)
    end
  end)

  it("is silent after a semicolon", function()
    assert.is_true(chunk.is_silent "1; ")
    assert.is_false(chunk.is_silent "1; 2")
  end)

  it("tells what is wrong with an expression", function()
    local fn, why = compile "1 +* 2"
    assert.is_nil(fn)
    assert.matches("near '*'", why, 1, true)
    fn, why = compile "x = = 2"
    assert.is_nil(fn)
    assert.matches("near '='", why, 1, true)
  end)

  it("refuses bytecode", function()
    assert.is_nil((compile(string.dump(function() end))))
  end)
end)
