local moon = require "moonseed"
local files = require "support.files"
local task = require "support.task"
local ticks = require "support.ticks"
local uv = require "luv"

-- Runs Lua code in a Moonseed of its own, after a shell command; its output.
local function run(code, before)
  local script = os.tmpname()
  files.write(script, code)
  local pipe = io.popen(("%s scripts/moonseed %s 2>&1"):format(
    before and before .. ";" or "", script))
  local output = pipe:read "*a"
  pipe:close()
  os.remove(script)
  return output
end

-- Whether the process has a file of the folder open, named or not.
local function is_open(pid, folder)
  local fds = ("/proc/%d/fd"):format(pid)
  for _, fd in ipairs(files.names(fds)) do
    local path = uv.fs_readlink(fds .. "/" .. fd)
    if path and path:sub(1, #folder) == folder then return true end
  end
  return false
end

describe("saving", function()
  local folder, remove, path

  before_each(function()
    folder, remove = files.folder()
    path = folder .. "/w.safetensors"
    files.write(path, "the old file")
  end)
  after_each(function() remove() end)

  local function is_untouched()
    assert.equal("the old file", files.read(path))
    assert.same({ "w.safetensors" }, files.names(folder))
  end

  it("replaces the old file and leaves nothing else", task(function()
    local nbytes = moon.save(path, { x = moon.ones(3) })
    assert.equal(nbytes, #files.read(path))
    assert.same({ "w.safetensors" }, files.names(folder))
  end))

  it("leaves the old file when the disk is full", function()
    local output = run(([[
      local moon = require "moonseed"
      print(pcall(moon.save, %q, { x = moon.ones(1000000) }))
    ]]):format(path), "trap '' XFSZ; ulimit -f 1000")
    assert.matches("save: .-: write of %d+ bytes before byte %d+: "
      .. "File too large", output)
    is_untouched()
  end)

  it("leaves the old file when the process is killed", function()
    local script = files.write(folder .. "/script.lua", ([[
      local moon = require "moonseed"
      local x = moon.ones(50, 1000000)
      for i = 1, 100 do moon.save(%q, { x = x }) end
    ]]):format(folder .. "/target/w.safetensors"))
    local target = folder .. "/target"
    assert(uv.fs_mkdir(target, 493))
    files.write(target .. "/w.safetensors", "the old file")
    local code
    local process = assert(uv.spawn("scripts/moonseed", { args = { script } },
      function(...) code = select(2, ...) end))
    while not is_open(process:get_pid(), target) and not code do
      uv.run "nowait"
      uv.sleep(1)
    end
    process:kill "sigkill"
    while not code do uv.run "once" end
    process:close()
    uv.run "nowait"
    assert.equal(9, code)
    assert.same({ "w.safetensors" }, files.names(target))
    assert.is_true(files.read(target .. "/w.safetensors") == "the old file")
    os.remove(target .. "/w.safetensors")
    os.remove(target)
  end)

  it("refuses a folder, a missing folder and a device", task(function()
    local function refusal(where)
      local ok, why = pcall(moon.save, where, { x = moon.ones(1) },
        { format = "safetensors" })
      assert.is_false(ok)
      return tostring(why)
    end
    assert.matches("save: .-: is a folder", refusal(folder))
    assert.matches("cannot write to its folder: No such file or directory",
      refusal(folder .. "/none/w.safetensors"))
    assert.matches("save: /dev/null: is no plain file", refusal "/dev/null")
    is_untouched()
  end))

  it("refuses names and paths with a zero byte", task(function()
    local function refusal(...)
      return tostring(select(2, pcall(...)))
    end
    assert.matches("save: a tensor's name has a zero byte, at 2 of 3",
      refusal(moon.save, path, { ["a\0b"] = moon.ones(1) }))
    local cut = path .. "\0.safetensors"
    assert.matches("save: the path has a zero byte",
      refusal(moon.save, cut, { a = moon.ones(1) }))
    assert.matches("load: the path has a zero byte", refusal(moon.load, cut))
    is_untouched()
  end))

  it("does not hold up the stream that computes", task(function()
    local x, small = moon.ones(20, 1000000), moon.ones(4)
    x:await()
    local saved, stream = false, moon.stream()
    local saving = moon.spawn(function()
      moon.on(stream, function() moon.save(path, { x = x }) end)
      saved = true
    end)
    moon.yield()
    assert.equal(8, (small * 2):sum():item())
    assert.is_false(saved)
    saving:await()
  end))

  it("of 300 MB keeps a 1 ms timer alive", task(function()
    local x = moon.ones(75, 1000000)
    x:await()
    local blocked = moon.stats().blocked_waits
    ticks.assert_kept(function() moon.save(path, { x = x }) end)
    assert.equal(blocked, moon.stats().blocked_waits)
  end))
end)
