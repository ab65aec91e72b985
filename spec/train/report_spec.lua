-- Reports: every number on the page follows from the record. The numbers here
-- are computed from the lines themselves, without the report's code.

local cjson = require "cjson"
local files = require "support.files"
local line = require "moonseed.train.record.line"
local reader = require "moonseed.train.report.reader"
local report = require "moonseed.train.report"

-- --- a record ----------------------------------------------------------------

local function stage(step, seed, from, to, more)
  local fields = { step = step, epoch = 1, slot = "early", seed = seed,
                   from = from, stage = to, blueprint = "conv_light",
                   alpha = 0 }
  for name, value in pairs(more or {}) do fields[name] = value end
  return line.event("stage", 100 + step / 10, fields)
end

local function story()
  local out = { line.event("start", 100, { schema = 1, append = false,
    environment = { host = "<box>", threads = 2 }, meta = { epochs = 3 } }) }
  local function add(text) out[#out + 1] = text end
  for i = 1, 5000 do
    add(line.scalar("loss", i, 2 * math.exp(-i / 900) + math.sin(i * 12.9) / 7))
    if i % 500 == 0 then
      add(line.scalar("valid_accuracy", i, 0.5 + i / 12000 - i % 1500 / 9000))
    end
  end
  add(stage(1000, 1, "DORMANT", "GERMINATED"))
  add(line.scalar("parameters/early/1", 1000, 1234))
  add(line.scalar("flops/early/1", 1000, 56789))
  add(stage(1000, 1, "GERMINATED", "TRAINING", { gate = "G0",
    passed = { "deviation 0, at most 1e-06" }, failed = {} }))
  add(stage(2000, 1, "TRAINING", "BLENDING", { why = "a < b & c" }))
  for i = 0, 10 do add(line.scalar("alpha/early/1", 2000 + 10 * i, i / 10)) end
  add(line.scalar("contribution/early/1", 2500, 0.0321))
  add(stage(2600, 1, "BLENDING", "PRUNED", { why = "no use", alpha = 1 }))
  add(stage(3000, 1, "RESETTING", "GERMINATED"))
  add(line.event("plan_rejected", 440, { step = 3400, asked = 3300,
                                         why = "early has changed" }))
  add(line.scalar("loss", 5001, 0 / 0))
  add(line.event("streams", 600, { step = 5000, origin = 1e9, spans = {
    { "conv2d", 0, 0, 1000000, 3000000, "ok" },
    { "add", 0, 0, 3000000, 4000000, "ok" },
    { "conv2d", 3, 0, 2000000, 3500000, "ok" },
    { "sgd", 3, 0, 6000000, 7000000, "failed" } } }))
  add(line.event("end", 610, { closed = true, dropped = 0 }))
  return table.concat(out)
end

-- --- the same numbers, computed here -----------------------------------------

-- Steps and values of a scalar, from the text.
local function points_of(text, name)
  local list = {}
  for found in text:gmatch "[^\n]+" do
    local row = cjson.decode(found)
    if row.scalar == name and row.value ~= cjson.null then
      list[#list + 1] = { row.step, row.value }
    end
  end
  return list
end

local function facts_of(points)
  local f = { n = #points, first = points[1][2], final = points[#points][2],
              mean = 0, least = math.huge, greatest = -math.huge }
  for _, p in ipairs(points) do
    f.mean = f.mean + p[2] / #points
    if p[2] < f.least then f.least, f.least_step = p[2], p[1] end
    if p[2] > f.greatest then f.greatest, f.greatest_step = p[2], p[1] end
  end
  return f
end

-- What the page says, by the name of the number.
local function numbers_of(page)
  local found = {}
  for name, text in page:gmatch '<span data%-n="([^"]*)">([^<]*)</span>' do
    found[name] = text
  end
  return found
end

local function number(text) return tonumber((text:gsub("[,%%]", ""))) end

local function near(expected, text, name)
  local got = number(text)
  assert.is_truthy(got, name .. " is " .. text)
  local off = math.abs(got - expected)
  assert.is_true(off <= 1e-5 * math.abs(expected) + 1e-12,
                 ("%s is %s, not %.17g"):format(name, text, expected))
end

describe("the report of a run", function()
  local folder, remove, text, page, said

  setup(function()
    folder, remove = files.folder()
    text = story()
    files.write(folder .. "/record.jsonl", text)
    local done = report.write{ folder, trace = folder .. "/trace.json" }
    page = files.read(done.out)
    said = numbers_of(page)
  end)
  teardown(function() remove() end)

  it("has the numbers of every curve", function()
    for _, name in ipairs{ "loss", "valid_accuracy", "alpha/early/1",
                           "contribution/early/1" } do
      local facts = facts_of(points_of(text, name))
      if name == "loss" then facts.n = facts.n + 1 end  -- the nan
      for what, value in pairs(facts) do
        local key = "1/curve/" .. name .. "/" .. what
        near(value, said[key], key)
      end
    end
  end)

  it("says how the run ended", function()
    local facts = facts_of(points_of(text, "valid_accuracy"))
    assert.equal(("%.2f%%"):format(100 * facts.final), said["1/tile/accuracy"])
    assert.equal(("%.2f%%"):format(100 * facts.greatest), said["1/tile/best"])
    near(facts.greatest_step, said["1/tile/best_step"], "best_step")
    assert.equal("5,001", said["1/tile/steps"])
    assert.equal("2", said["1/tile/planted"])
  end)

  it("has what each seed contributed and cost", function()
    assert.equal("1,000", said["1/seed/1/planted_at"])
    assert.equal("2,600", said["1/seed/1/since"])
    assert.equal("+3.21", said["1/seed/1/contribution"])
    assert.equal("1,234", said["1/seed/1/parameters"])
    assert.equal("56,789", said["1/seed/1/flops"])
    assert.equal("3,000", said["1/seed/2/planted_at"])
    assert.equal("–", said["1/seed/2/contribution"])
  end)

  it("states the overlap of the streams", function()
    assert.equal("4", said["1/most/ops"])
    assert.equal("6.000", said["1/most/length"])
    assert.equal("4.000", said["1/most/busy"])   -- 1 to 4 and 6 to 7 ms
    assert.equal("1.500", said["1/most/overlap"])  -- 2 to 3.5 ms
    assert.equal("37.50%", said["1/most/share"])
    assert.equal("3.000", said["1/most/stream/0/busy"])
    assert.equal("2", said["1/most/stream/3/ops"])
  end)

  it("counts lines and events", function()
    local _, lines = text:gsub("\n", "")
    assert.equal(lines, number(said["1/record/lines"]))
    assert.equal(#text, number(said["1/record/bytes"]))
    local _, scalars = text:gsub('{"scalar"', "")
    assert.equal(scalars, number(said["1/record/scalars"]))
    assert.equal(lines - scalars, number(said["1/record/events"]))
    assert.equal("5", said["1/events/stage"])
  end)

  it("names its numbers after the run", function()
    for name in pairs(said) do
      assert.matches("^1/%l+/", name)
    end
    assert.is_true(#page < 5e5)
  end)

  -- Points of a drawn curve, back from the units of its figure.
  local function drawn(name)
    local at = page:find('data-curve="' .. name .. '"', 1, true)
    local head = page:sub(1, at)
    local x0, x1, y0, y1 = head:match(
      '.*data%-x0="([^"]+)" data%-x1="([^"]+)" data%-y0="([^"]+)" '
      .. 'data%-y1="([^"]+)"')
    local list, path = {}, page:match('d="([^"]+)"', at)
    for x, y in path:gmatch "[ML]([%d.]+) ([%d.]+)" do
      list[#list + 1] = { x0 + x / 1000 * (x1 - x0), y1 - y / 1000 * (y1 - y0) }
    end
    return list, (x1 - x0) / 1000, (y1 - y0) / 1000
  end

  it("draws every point of a short curve where it is", function()
    local points = points_of(text, "valid_accuracy")
    local list, dx, dy = drawn "1/valid_accuracy"
    assert.equal(#points, #list)
    for i, p in ipairs(points) do
      assert.is_true(math.abs(p[1] - list[i][1]) <= dx)
      assert.is_true(math.abs(p[2] - list[i][2]) <= dy)
    end
  end)

  it("draws of a long curve only points of it, its extremes too", function()
    local points, at = points_of(text, "loss"), 1
    local list, dx, dy = drawn "1/loss"
    assert.is_true(#list <= 2001 and #list > 1000)
    local low, high = math.huge, -math.huge
    for _, p in ipairs(list) do
      while math.abs(points[at][1] - p[1]) > dx
          or math.abs(points[at][2] - p[2]) > dy do
        at = at + 1
        assert.not_nil(points[at], "a point that is not in the record")
      end
      low, high = math.min(low, p[2]), math.max(high, p[2])
    end
    local facts = facts_of(points)
    assert.is_true(math.abs(low - facts.least) <= dy)
    assert.is_true(math.abs(high - facts.greatest) <= dy)
    assert.matches("Thinned: loss, [%d,]+ of 5,001 points", page)
  end)

  it("marks values that are not finite", function()
    assert.matches("1 values are not finite", page)
    assert.matches('class="bad" d="M', page)
  end)

  it("has a lane with the stages and the alpha of each seed", function()
    for _, name in ipairs{ "GERMINATED", "TRAINING", "BLENDING", "PRUNED" } do
      assert.matches('<rect class="s%-' .. name, page)
    end
    local x, w = page:match('<rect class="s%-TRAINING" x="([%d.]+)" y="120" '
                            .. 'width="([%d.]+)"')
    assert.is_true(math.abs(x - 1000 / 5.001) < 0.1)
    assert.is_true(math.abs(w - 1000 / 5.001) < 0.1)
    assert.matches('data%-alpha="early/1"', page)
  end)

  it("shows text as it is", function()
    assert.matches("a &lt; b &amp; c", page, 1, true)
    assert.matches("&lt;box&gt;", page, 1, true)
    assert.is_nil(page:find("<box>", 1, true))
    assert.matches("G0 passed: deviation 0, at most 1e-06", page, 1, true)
    assert.matches("early has changed", page, 1, true)
  end)

  it("needs no network and no script", function()
    for _, word in ipairs{ "<script", "http://", "https://", "@import", "src=",
                           "url(", "<link" } do
      assert.is_nil(page:find(word, 1, true), word)
    end
    assert.matches("prefers-color-scheme:dark", page, 1, true)
  end)
end)

describe("a report", function()
  local folder, remove

  before_each(function() folder, remove = files.folder() end)
  after_each(function() remove() end)

  local function page_of(name, text)
    files.write(folder .. "/" .. name, text)
    return files.read(report.write{
      folder .. "/" .. name, out = folder .. "/out.html" }.out)
  end

  it("lays several runs over each other", function()
    files.write(folder .. "/a.jsonl", line.scalar("loss", 1, 2)
                .. line.scalar("loss", 2, 1))
    files.write(folder .. "/b.jsonl", line.scalar("loss", 1, 3)
                .. line.scalar("loss", 9, 0.25))
    local page = files.read(report.write{
      { folder .. "/a.jsonl", folder .. "/b.jsonl" },
      out = folder .. "/out.html" }.out)
    local said = numbers_of(page)
    assert.equal("1", said["1/run/loss"])
    assert.equal("0.25", said["2/run/loss"])
    assert.equal("9", said["2/run/steps"])
    assert.matches('data%-curve="1/loss".*data%-curve="2/loss"', page)
  end)

  it("is made of a record that has only begun", function()
    page_of("a", line.event("start", 1, { schema = 1 }))
    page_of("a", line.scalar("loss", 0, 1))
  end)

  it("passes over lines that are not whole", function()
    local said = numbers_of(page_of("a", line.scalar("loss", 1, 1)
      .. '{"scalar":"loss","step":2,"va\n' .. '{"event":"stage","ti}\n'
      .. "\0\0\0\n[1]\n12\n" .. '{"scalar":"loss","step":2,"value":nan}\n'
      .. line.scalar("loss", 3, 1) .. '{"scalar":"loss","step":4,"value":0.5'))
    assert.equal("7", said["1/record/torn"])
    assert.equal("2", said["1/curve/loss/n"])
  end)

  it("reads lines of another shape, too", function()
    local said = numbers_of(page_of("a",
      '{ "step": 1, "value": 1e-3, "scalar": "a\\"b" }\n'
      .. '{ "time": 1, "event": "x", "step": 3 }\n'
      .. '{"scalar":"c","step":1,"value":-2.5E+2}\r\n'
      .. '{"scalar":"c","step":2,"value":-7}\n'))
    assert.equal("0.001", said["1/curve/a&quot;b/final"])
    assert.equal("-250", said["1/curve/c/first"])
    assert.equal("1", said["1/events/x"])
    assert.equal("0", said["1/record/torn"])
  end)

  it("leaves out what a resumed run has done again", function()
    local said = numbers_of(page_of("a", table.concat{
      line.event("start", 1, { schema = 1 }),
      line.scalar("loss", 1, 5), line.scalar("loss", 2, 4),
      line.scalar("loss", 3, 99),
      stage(3, 1, "DORMANT", "GERMINATED"),
      line.event("start", 2, { schema = 1, step = 2 }),
      line.scalar("loss", 3, 3) }))
    assert.equal("3", said["1/curve/loss/n"])
    assert.equal("5", said["1/curve/loss/greatest"])
    assert.equal("1", said["1/record/superseded"])
    assert.equal("2", said["1/record/starts"])
    assert.equal("0", said["1/tile/planted"])
  end)

  it("lists the first and the last of masses of events", function()
    local out = {}
    for i = 1, 3000 do
      out[i] = line.event("checkpoint", i, { step = i, path = "p" .. i .. "." })
    end
    local page = page_of("a", table.concat(out))
    assert.equal("3,000", numbers_of(page)["1/events/checkpoint"])
    assert.matches("p1.", page, 1, true)
    assert.matches("p3000.", page, 1, true)
    assert.is_nil(page:find("p1500.", 1, true))
    assert.matches("Thinned: 2,600 of the 3,000 events are not listed", page)
  end)

  it("tells a policy's actions in words", function()
    local page = page_of("a", line.event("plan_applied", 1, { step = 1,
      actions = { { slot = "early", action = "germinate", why = "a plateau",
                    blueprint = "norm" }, "?" } }))
    assert.matches("early/1 germinate norm: a plateau", page, 1, true)
  end)

  it("says of how many transitions not all are drawn", function()
    local out = {}
    for i = 1, 12000 do
      out[i] = stage(i, 1, "TRAINING", i % 2 == 0 and "BLENDING" or "HOLDING")
    end
    local page = page_of("a", table.concat(out))
    assert.matches("Thinned: 6,000 of the 12,000 transitions", page)
    assert.equal("12,000", numbers_of(page)["1/events/stage"])
    assert.is_true(#page < 2e6)
  end)

  it("adds up what was dropped in masses", function()
    local out = {}
    for i = 1, 600 do
      out[i] = line.event("dropped", i, { lines = 2, total = 2 * i })
    end
    local said = numbers_of(page_of("a", table.concat(out)))
    assert.equal("1,200", said["1/record/dropped"])
  end)

  it("stays small however long the record is", function()
    local out = {}
    for i = 1, 60000 do
      out[#out + 1] = line.scalar("loss", i, i % 977 / 3)
      out[#out + 1] = line.scalar("lr", i, 1 / i)
    end
    assert.is_true(#page_of("a", table.concat(out)) < 2e5)
  end)

  it("keeps the page that was there when the record is missing", function()
    local out = files.write(folder .. "/out.html", "old")
    assert.error_matches(function()
      report.write{ folder .. "/none", out = out }
    end, "report: .*none")
    assert.equal("old", files.read(out))
    assert.error_matches(function() report.write{ folder, out = out } end,
                         "no record.jsonl")
    assert.error_matches(function() report.write{ {} } end, "no run")
  end)

  it("says when the page cannot be written", function()
    files.write(folder .. "/a", line.scalar("loss", 1, 1))
    assert.error_matches(function()
      report.write{ folder .. "/a", out = folder .. "/no/out.html" }
    end, "report: .*no/out.html")
  end)
end)

describe("moonseed report", function()
  it("writes the page beside the record", function()
    local folder, remove = files.folder()
    files.write(folder .. "/record.jsonl", line.scalar("loss", 1, 1))
    local pipe = io.popen("./scripts/moonseed report " .. folder .. " 2>&1")
    local said = pipe:read "*a"
    pipe:close()
    assert.matches(folder .. "/report.html: ", said, 1, true)
    assert.matches("^<!doctype html>", files.read(folder .. "/report.html"))
    assert.is_not_nil(reader.read(folder))
    assert.equal(2, os.execute("./scripts/moonseed report 2>/dev/null") / 256)
    assert.equal(1, os.execute(
      "./scripts/moonseed report /nowhere 2>/dev/null") / 256)
    remove()
  end)
end)
