-- Parts saved, checked and loaded together: all or none.
local transaction = require "moonseed.seed.transaction"

-- A part whose state is one number. `log` gets what is done, in order; `broken`
-- names methods that raise.
local function part(name, log, broken)
  broken = broken or {}
  local self = { value = 0 }
  local function note(method)
    log[#log + 1] = name .. " " .. method
    if broken[method] then error(name .. " cannot " .. method, 0) end
  end
  self.part = {
    name = name,
    save = function() note "save" return { self.value } end,
    check = function() note "check" end,
    load = function(state)
      local old = self.value
      self.value = state[1]
      if old ~= state[1] then note "load" end
      return name .. " report"
    end,
    dispose = function() log[#log + 1] = name .. " dispose" end,
  }
  return self
end

local function fails(text, fn, ...)
  local ok, why = pcall(fn, ...)
  assert.is_false(ok, "no error")
  assert.matches(text, tostring(why), 1, true)
end

local function clear(log)
  for i = #log, 1, -1 do log[i] = nil end
end

describe("transaction.save", function()
  it("gives a state per part", function()
    local log = {}
    local a, b = part("a", log), part("b", log)
    a.value, b.value = 3, 4
    assert.same({ a = { 3 }, b = { 4 } },
                transaction.save{ a.part, b.part })
  end)

  it("gives back what was saved before a part that fails", function()
    local log = {}
    local a, b = part("a", log), part("b", log, { save = true })
    fails("b cannot save", transaction.save, { a.part, b.part })
    assert.same({ "a save", "b save", "a dispose" }, log)
  end)
end)

describe("transaction.load", function()
  local log, a, b, c, parts, states

  local function prepare(broken)
    log = {}
    a, b, c = part("a", log), part("b", log, broken), part("c", log)
    parts = { a.part, b.part, c.part }
    states = { a = { 1 }, b = { 2 }, c = { 3 } }
  end

  local function values() return { a.value, b.value, c.value } end

  it("loads every part and gives their reports", function()
    prepare()
    assert.same({ a = "a report", b = "b report", c = "c report" },
                transaction.load(parts, states))
    assert.same({ 1, 2, 3 }, values())
    assert.same({ a = { 1 }, b = { 2 }, c = { 3 } }, states)
  end)

  it("checks every part before it touches one", function()
    prepare{ check = true }
    fails("b cannot check", transaction.load, parts, states)
    assert.same({ 0, 0, 0 }, values())
    assert.same({ "a check", "b check" }, log)
  end)

  it("puts back all parts when one cannot load", function()
    prepare()
    local whole = b.part.load
    b.part.load = function(state)
      whole(state)
      if state[1] == 2 then error("half done", 0) end
    end
    fails("half done", transaction.load, parts, states)
    assert.same({ 0, 0, 0 }, values())
  end)

  it("does not start later parts when one cannot load", function()
    prepare()
    b.part.load = function(state)
      if state[1] == 2 then error("no", 0) end
    end
    fails("no", transaction.load, parts, states)
    assert.is_nil(table.concat(log, ","):find "c load")
  end)

  it("gives back what it saved for that, done or failed", function()
    for _, broken in ipairs{ {}, { load = true } } do
      prepare(broken)
      pcall(transaction.load, parts, states)
      local _, saved = table.concat(log, ","):gsub("save", "")
      local _, disposed = table.concat(log, ","):gsub("dispose", "")
      assert.equal(3, saved)
      assert.equal(3, disposed)
    end
  end)

  it("does not begin when it cannot save what it would put back", function()
    prepare{ save = true }
    fails("b cannot save", transaction.load, parts, states)
    assert.same({ 0, 0, 0 }, values())
  end)

  it("says so when a part cannot be put back either", function()
    prepare{ load = true }
    fails("b cannot load (and could not be put back as it was: b: b cannot "
          .. "load)", transaction.load, parts, states)
    assert.same({ 0, 0, 0 }, values())
  end)

  it("does not put back a whole part that could not load", function()
    prepare{ load = true }
    b.part.whole = true
    pcall(transaction.load, parts, states)
    assert.same({ 0, 2, 0 }, values())
  end)

  it("puts back with what before() gives, if a part has that", function()
    prepare{ load = true }
    local given
    a.part.before = function() return { 0, "more" } end
    local load = a.part.load
    a.part.load = function(state) given = state[2] return load(state) end
    clear(log)
    pcall(transaction.load, parts, states)
    assert.equal("more", given)
  end)
end)

describe("transaction.list", function()
  local function refused(text, parts)
    fails(text, transaction.list, "Thing", parts)
  end
  local function nothing() end

  it("refuses what is no list of parts", function()
    refused("Thing: parts is a table, not nothing", nil)
    refused("Thing: there are no parts", {})
    refused("names or gaps", { a = {} })
    refused("part 1 is a table, not number", { 3 })
    refused("a.load is a function, not nothing",
            { { name = "a", save = nothing } })
    refused("no option 'lode'",
            { { name = "a", save = nothing, lode = nothing } })
    local one = { name = "a", save = nothing, load = nothing }
    refused("two parts are called 'a'", { one, one })
    assert.same({ one }, transaction.list("Thing", { one }))
  end)
end)
