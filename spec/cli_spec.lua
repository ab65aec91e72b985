-- The command line: scripts/moonseed.

local uv = require "luv"

local launcher = "./scripts/moonseed"

-- Runs a shell command; what it prints on both channels, and its exit status.
local function shell(command)
  local pipe = io.popen("(" .. command .. ") 2>&1; echo \"status $?\"")
  local text = pipe:read "*a"
  pipe:close()
  local output, status = text:match "^(.*)status (%d+)\n$"
  return output, tonumber(status)
end

-- Runs scripts/moonseed with these arguments, as the shell reads them.
local function moonseed(arguments, input)
  return shell((input and "printf '" .. input .. "' | " or "") .. launcher
               .. " " .. arguments)
end

describe("moonseed", function()
  local folder

  -- Writes a script into the folder; its path.
  local function script(name, text)
    local path = folder .. "/" .. name
    local file = assert(io.open(path, "w"))
    file:write(text)
    file:close()
    return path
  end

  setup(function()
    folder = shell("mktemp -d"):gsub("%s+$", "")
  end)

  teardown(function() os.execute("rm -r '" .. folder .. "'") end)

  it("runs a script with arguments", function()
    local path = script("a.lua", [[
      print(select("#", ...), ..., arg[1], arg[2], arg[0] == "]] .. folder
      .. [[/a.lua")]])
    assert.equal("2\tx\tx\ty z\ttrue\n", (moonseed(path .. " x 'y z'")))
  end)

  it("runs a script as a task", function()
    local path = script("b.lua", [[
      local moon = require "moonseed"
      print(coroutine.running() ~= nil)
      print(moon.ones(3):sum():item())
      moon.sleep(1)
      print(moon.stats().blocked_waits)]])
    assert.equal("true\n3\n0\n", (moonseed(path)))
  end)

  it("says in a line that MOONSEED_DEVICE is none", function()
    local path = script("d.lua", "print(require('moonseed').device())")
    local why = "moonseed: MOONSEED_DEVICE is up: there is no 'up' "
      .. "(cpu, ref, sim)\n"
    for _, arguments in ipairs{ path, "-e x=1", "< /dev/null" } do
      local output, status = shell("MOONSEED_DEVICE=up " .. launcher .. " "
                                   .. arguments)
      assert.equal(why, output)
      assert.equal(1, status)
    end
  end)

  it("has the script's folder on package.path", function()
    script("beside.lua", "return 'beside'")
    local path = script("c.lua", "print(require 'beside')")
    assert.equal("beside\n", (moonseed(path)))
  end)

  it("is found through a symbolic link", function()
    os.execute(("ln -s \"$PWD/scripts/moonseed\" '%s/link'"):format(folder))
    assert.equal("1\n", (shell(folder .. "/link -e 'print(1)'")))
  end)

  it("prints a traceback and exits with 1 on an error", function()
    local path = script("d.lua", "local function f() error 'bad luck' end\nf()")
    local output, status = moonseed(path)
    assert.equal(1, status)
    assert.matches("d.lua:1: bad luck", output, 1, true)
    assert.matches("traceback", output)
    assert.matches("d.lua:2:", output, 1, true)
  end)

  it("exits with 1 for a script that is not there or does not compile",
     function()
       local output, status = moonseed("/nowhere.lua")
       assert.equal(1, status)
       assert.matches("/nowhere.lua", output, 1, true)
       output, status = moonseed(script("e.lua", "x ="))
       assert.equal(1, status)
       assert.matches("e.lua:1:", output, 1, true)
     end)

  it("runs a piece of code, where moon is there", function()
    local output, status = moonseed("-e 'print(moon.ones(2):sum():item(), ...)'"
                                    .. " a")
    assert.equal("2\ta\n", output)
    assert.equal(0, status)
    output, status = moonseed("-e 'error(\"no\")'")
    assert.equal(1, status)
    assert.matches("no", output)
  end)

  it("runs what is piped in", function()
    assert.equal("3\n", (moonseed("", "print(1 + 2)")))
    assert.equal("3 a\n", (moonseed("- a", "print(3 .. [[ ]] .. ...)")))
  end)

  -- Starts the launcher, interrupts it once it has printed something; what it
  -- printed on stderr, and its exit status.
  local function interrupted(...)
    local out, err = uv.new_pipe(false), uv.new_pipe(false)
    local text, status, ended = "", nil, false
    local process = assert(uv.spawn(launcher, { args = { ... },
      stdio = { nil, out, err } }, function(code) status = code end))
    out:read_start(function(_, data)
      if data then process:kill "sigint" end
    end)
    err:read_start(function(_, data)
      text, ended = text .. (data or ""), not data
    end)
    while not (status and ended) do uv.run "once" end
    out:close()
    err:close()
    process:close()
    uv.run "nowait"
    return text, status
  end

  it("exits with 130 when interrupted, with a traceback", function()
    local path = script("f.lua", [[
      local moon = require "moonseed"
      local x = moon.ones(4)
      for i = 1, 1e12 do
        x = x + 1
        if i == 10000 then io.write "compiled" io.flush() end
      end]])
    local output, status = interrupted(path)
    assert.equal(130, status)
    assert.matches("f.lua:4: interrupted", output, 1, true)
    output, status = interrupted("-e",
      "io.write 'ready' io.flush() moon.sleep(60000)")
    assert.equal(130, status)
    assert.matches("interrupted", output)
  end)

  it("tells its version and how to use it", function()
    assert.matches("^moonseed %d+%.%d+", (moonseed("--version")))
    local output, status = moonseed("--help")
    assert.matches("^usage: moonseed", output)
    assert.equal(0, status)
    output, status = moonseed("--wrong")
    assert.equal(2, status)
    assert.matches("no option --wrong", output, 1, true)
  end)

  it("says what it found", function()
    local output, status = moonseed("doctor")
    assert.equal(0, status)
    for _, word in ipairs{ "luajit", "oneDNN", "libuv", "threads",
                           "instructions", "memory limit", "cuda",
                           "cpu kernels", "fashion%-mnist" } do
      assert.matches("\n" .. word, output)
    end
    output = shell("MOONSEED_DATA=/nowhere " .. launcher .. " doctor")
    assert.matches("not in /nowhere/fashion-mnist or /nowhere", output, 1,
                   true)
  end)
end)
