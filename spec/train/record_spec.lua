-- Records: lines that are exact, whatever happens to the disk.

local cjson = require "cjson"
local capture = require "support.capture"
local files = require "support.files"
local moon = require "moonseed"
local Record = require "moonseed.train.record"
local reader = require "moonseed.train.report.reader"
local task = require "support.task"
local uv = require "luv"

local function lines_of(path)
  local list = {}
  for line in io.lines(path) do list[#list + 1] = line end
  return list
end

-- What is written by `fn` into a fresh record, by line; without start and end.
local function written(folder, fn)
  local path = folder .. "/record.jsonl"
  local record = Record.open{ path }
  fn(record)
  record:close()
  local list = lines_of(path)
  table.remove(list)
  table.remove(list, 1)
  return list
end

describe("a record", function()
  local folder, remove

  before_each(function() folder, remove = files.folder() end)
  after_each(function() remove() end)

  it("has a line of a known shape per scalar", task(function()
    assert.same({ '{"scalar":"loss","step":3,"value":0.5}' },
                written(folder, function(r) r:scalar("loss", 3, 0.5) end))
  end))

  it("keeps every bit of a number", task(function()
    local values = { 0.1, 1 / 3, 5e-324, 1.7976931348623157e308, -0.0, 2 ^ 53 }
    written(folder, function(r)
      for i, v in ipairs(values) do r:scalar("x", i, v) end
    end)
    local curve = reader.read(folder).curves.x
    for i, v in ipairs(values) do
      assert.equal(("%a"):format(v), ("%a"):format(curve.values[i - 1]))
    end
  end))

  it("writes null with a reason for what is not finite", task(function()
    local list = written(folder, function(r)
      r:scalar("a", 1, 0 / 0)
      r:scalar("a", 2, math.huge)
      r:event("x", { deep = { -math.huge } })
    end)
    assert.equal('{"scalar":"a","step":1,"value":null,"why":"nan"}', list[1])
    assert.equal('{"scalar":"a","step":2,"value":null,"why":"inf"}', list[2])
    assert.matches('"deep":[{"value":null,"why":"-inf"}]', list[3], 1, true)
    local run = reader.read(folder)
    assert.is_true(run.curves.a.values[0] ~= run.curves.a.values[0])
    assert.equal(math.huge, run.curves.a.values[1])
    assert.equal(-math.huge, run.events[2].event.deep[1])
  end))

  it("escapes text, and mends what is not UTF-8", task(function()
    local text = 'a "b" \\ \n\t\1 é \237\160\128 \255 /'
    local list = written(folder, function(r)
      r:event("x", { why = text })
      r:scalar(text, 1, 2)
    end)
    local mended = 'a "b" \\ \n\t\1 é '
      .. ("\239\191\189"):rep(3) .. " \239\191\189 /"
    assert.equal(mended, cjson.decode(list[1]).why)
    assert.equal(2, reader.read(folder).curves[mended].values[0])
  end))

  it("starts with the environment and what was given", task(function()
    local path = folder .. "/r"
    Record.open{ path, meta = { epochs = 10 } }:close()
    local start = cjson.decode(lines_of(path)[1])
    assert.equal("start", start.event)
    assert.equal(10, start.meta.epochs)
    for _, name in ipairs{ "version", "isa", "threads", "cores", "host",
                           "rng_seed", "device" } do
      assert.not_nil(start.environment[name], name)
    end
  end))

  it("takes a garden's events as they are", task(function()
    local list = written(folder, function(r)
      r:event("stage", { kind = "stage", step = 7, slot = "early", seed = 1,
                         from = "DORMANT", stage = "GERMINATED", passed = {} })
    end)
    local event = cjson.decode(list[1])
    assert.equal("stage", event.event)
    assert.is_nil(event.kind)
    assert.equal(7, event.step)
  end))

  it("refuses what cannot be written, and goes on", task(function()
    local list = written(folder, function(r)
      assert.error_matches(function() r:event("x", { f = print }) end,
                           "record: event: x: .*not function")
      local ring = {}
      ring.ring = ring
      assert.error_matches(function() r:event("x", ring) end, "20 deep")
      assert.error_matches(function() r:event("x", { time = 1 }) end,
                           "'time' is the record's own")
      assert.error_matches(function() r:scalar("x", 0.5, 1) end, "whole")
      r:scalar("x", 1, 1)
    end)
    assert.equal(1, #list)
  end))

  it("names the folder that is not there", function()
    assert.error_matches(function()
      Record.open{ folder .. "/none/record.jsonl" }
    end, "Record: ENOENT.*none")
  end)

  it("reaches the disk while the run goes on", task(function()
    local path = folder .. "/r"
    local record = Record.open{ path }
    record:scalar("loss", 1, 2)
    for _ = 1, 400 do
      if #lines_of(path) == 2 then break end
      moon.sleep(10)
    end
    assert.equal(2, #lines_of(path))
    record:close()
  end))

  it("is continued after a half-written line", task(function()
    local path = files.write(folder .. "/record.jsonl",
      '{"scalar":"loss","step":1,"value":1}\n{"scalar":"loss","st')
    local record = Record.open{ path, append = true, meta = { step = 1 } }
    record:scalar("loss", 2, 2)
    record:close()
    local run = reader.read(folder)
    assert.equal(1, run.torn)
    assert.equal(1, run.kinds.start.n)
    assert.equal(2, run.curves.loss.n)
    assert.equal(2, run.curves.loss.values[1])
  end))

  it("is written anew without append", task(function()
    local path = files.write(folder .. "/record.jsonl", "old\n")
    Record.open{ path }:close()
    assert.equal(0, reader.read(path).torn)
  end))

  it("closes twice, and takes nothing afterwards", task(function()
    local record = Record.open{ folder .. "/r" }
    record:close()
    record:close()
    assert.error_matches(function() record:scalar("x", 1, 1) end, "is closed")
  end))

  it("goes on from the byte where a write stopped", task(function()
    local write, calls = uv.fs_write, 0
    -- Half of what it is given; the third time the disk is full.
    uv.fs_write = function(fd, text, offset, done)
      calls = calls + 1
      if calls == 3 then
        return write(fd, "", offset, function() done("ENOSPC: stub") end)
      end
      return write(fd, text:sub(1, math.ceil(#text / 2)), offset, done)
    end
    local path, said = folder .. "/r", nil
    local ok, why = pcall(function()
      said = capture.stderr(function()
        local record = Record.open{ path }
        for i = 1, 3000 do record:scalar("loss", i, i / 3) end
        while record.queue.failures == 0 or record.queue.failing do
          moon.sleep(20)
        end
        record:close()
        assert.equal(0, record.dropped)
      end)
    end)
    uv.fs_write = write
    assert(ok, why)
    local run = reader.read(path)
    assert.equal(0, run.torn)
    assert.equal(3000, run.curves.loss.n)
    assert.equal("ENOSPC: stub", run.events[2].event.why)
    assert.matches("ENOSPC: stub; training goes on", said)
  end))

  it("survives a disk that is full", task(function()
    local record
    local said = capture.stderr(function()
      record = Record.open{ "/dev/full", append = true }
      for i = 1, 3000 do record:scalar("loss", i, i) end
      moon.sleep(20)
      record:close()
    end)
    assert.equal(3002, record.dropped)
    local _, complaints = said:gsub("ENOSPC", "")
    assert.is_true(complaints >= 1 and complaints <= 3, said)
    assert.matches("3002 lines could not be written", said)
  end))
end)

describe("a record on a slow disk", function()
  local folder, remove

  before_each(function()
    folder, remove = files.folder()
    os.execute("mkfifo " .. folder .. "/pipe")
  end)
  after_each(function() remove() end)

  -- A pipe that nobody reads stops after 64 KiB; a record of 2,000 scalars in
  -- it, with room for half of them, and an event.
  local function stopped(fn)
    local flags = uv.constants.O_RDONLY + uv.constants.O_NONBLOCK
    local fd = assert(uv.fs_open(folder .. "/pipe", flags, 0))
    local record = Record.open{ folder .. "/pipe", append = true,
                                limit = 100000, patience = 50 }
    for i = 1, 4000 do
      record:scalar("a name that takes room", i, i / 3)
      if i % 100 == 0 then moon.yield() end
    end
    record:event("rolled_back", { step = 9 })
    fn(record, fd)
    uv.fs_close(fd)
  end

  local function read_all(fd, record)
    local parts = {}
    local reading = moon.spawn(function()
      while not record.closed do
        local ok, bytes = pcall(uv.fs_read, fd, 65536, -1)
        if ok and bytes and #bytes > 0 then parts[#parts + 1] = bytes end
        moon.sleep(1)
      end
      local bytes = uv.fs_read(fd, 65536, -1)
      if bytes then parts[#parts + 1] = bytes end
    end)
    moon.sleep(30)
    record:close()
    reading:await()
    return table.concat(parts)
  end

  it("drops scalars, counts them, and says so in its place", task(function()
    stopped(function(record, fd)
      assert.is_true(record.dropped > 0)
      local path = files.write(folder .. "/copy", read_all(fd, record))
      local run = reader.read(path)
      assert.equal(0, run.torn)
      local lost = 0
      for _, entry in ipairs(run.events) do
        if entry.kind == "dropped" then lost = lost + entry.event.lines end
      end
      assert.equal(record.dropped, lost)
      assert.equal(4000, lost + run.curves["a name that takes room"].n)
      assert.equal(1, run.kinds.rolled_back.n)
    end)
  end))

  it("gives up closing when nothing moves", task(function()
    local said = capture.stderr(function()
      stopped(function(record, fd)
        record:close()
        assert.is_true(record.dropped > 2000)
        while uv.fs_read(fd, 65536, -1) do moon.sleep(1) end
      end)
    end)
    assert.matches("nothing was written for 50 ms", said)
    assert.matches("lines could not be written", said)
  end))
end)

describe("a process that ends without closing its record", function()
  local folder, remove

  before_each(function() folder, remove = files.folder() end)
  after_each(function() remove() end)

  it("has written everything, and that it was not closed", function()
    local path = folder .. "/record.jsonl"
    files.write(folder .. "/a.lua", ([[
      local moon = require "moonseed"
      local record = require("moonseed.train.record").open{ %q }
      for i = 1, 5000 do record:scalar("loss", i, i / 3) end
      moon.sleep(1)
      for i = 5001, 9000 do record:scalar("loss", i, i / 3) end
      error "boom"]]):format(path))
    os.execute("./scripts/moonseed " .. folder .. "/a.lua 2>/dev/null")
    local run = reader.read(path)
    assert.equal(9000, run.curves.loss.n)
    assert.equal(0, run.torn)
    assert.is_false(run.events[#run.events].event.closed)
  end)

  it("leaves a record that can be read when it is killed", function()
    local path = folder .. "/record.jsonl"
    files.write(folder .. "/a.lua", ([[
      local moon = require "moonseed"
      local record = require("moonseed.train.record").open{ %q }
      for i = 1, 1e9 do
        record:scalar("loss", i, i / 3)
        if i %% 100 == 0 then moon.yield() end
      end]]):format(path))
    os.execute("timeout -s KILL 1 ./scripts/moonseed " .. folder
               .. "/a.lua 2>/dev/null")
    local run = reader.read(path)
    assert.is_true(run.curves.loss.n > 0)
    assert.is_true(run.torn <= 1)
    for i = 0, run.curves.loss.n - 1 do
      assert.equal(i + 1, run.curves.loss.steps[i])
    end
  end)
end)

