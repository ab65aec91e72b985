-- The session whose lines come from a pipe or a file.

local files = require "support.files"
local uv = require "luv"

local launcher = "scripts/moonseed"

describe("a session on a pipe", function()
  local folder, remove

  before_each(function() folder, remove = files.folder() end)
  after_each(function() remove() end)

  -- What it prints on both channels for these lines, and its exit status.
  local function session(lines, source)
    local path = files.write(folder .. "/lines", lines)
    local command = source == "file" and launcher .. " < " .. path
      or "cat " .. path .. " | " .. launcher
    local pipe = io.popen("(" .. command .. ") 2>&1; echo \"status $?\"")
    local text = pipe:read "*a"
    pipe:close()
    local output, status = text:match "^(.*)status (%d+)\n$"
    return output, tonumber(status)
  end

  it("prints plain results", function()
    local output, status = session "1 + 1\nx = 5;\nx, 'a'\n_\n"
    assert.equal("2\n5\n\"a\"\n5\n", output)
    assert.equal(0, status)
  end)

  it("reads a file as it reads a pipe", function()
    assert.equal("2\n", (session("1 + 1\n", "file")))
  end)

  it("collects rows until a line is complete", function()
    assert.equal("1\n2\n3\n",
                 (session "for i = 1, 2 do\n  print(i)\nend\n1 +\n  2"))
  end)

  it("goes on after a line that failed, and exits with 1", function()
    local output, status = session "error 'no'\n1 +* 2\nprint 'still here'\n"
    assert.matches("^line1:1: no\n", output)
    assert.matches("line2:1: unexpected symbol near '*'", output, 1, true)
    assert.matches("still here\n$", output)
    assert.equal(1, status)
  end)

  it("exits with 1 when what is left at the end is no whole line", function()
    local output, status = session "for i = 1, 2 do\n"
    assert.matches("line1:1: 'end' expected", output)
    assert.equal(1, status)
  end)

  it("has no escape codes", function()
    local output = session "plot{ 1, 2, 3 }\nwho()\nhelp()\nmoon.ones(2)\n"
    assert.is_nil(output:find "\27")
    assert.is_nil(output:find "[\128-\255]")
  end)

  it("runs tasks that lines began to their end", function()
    assert.equal("at once\nlater\n", (session("moon.spawn(function()"
      .. " moon.sleep(20) print 'later' end);\nprint 'at once'\n")))
  end)

  it("ends with 130 when it is interrupted", function()
    local lines = "print 'it spins' io.flush() while true do end\n"
      .. "print 'not here'\n"
    local path = files.write(folder .. "/lines", lines)
    local output, errors = uv.new_pipe(false), uv.new_pipe(false)
    local input = uv.fs_open(path, "r", 0)
    local status, text, n_ended = nil, "", 0
    local process = uv.spawn(launcher, { stdio = { input, output, errors } },
                             function(code) status = code end)
    local function read(_, bytes)
      text = text .. (bytes or "")
      if not bytes then n_ended = n_ended + 1 end
      if bytes and bytes:find "it spins" then process:kill "sigint" end
    end
    output:read_start(read)
    errors:read_start(read)
    while not (status and n_ended == 2) do uv.run "once" end
    output:close()
    errors:close()
    process:close()
    uv.fs_close(input)
    uv.run "nowait"
    assert.equal(130, status)
    assert.matches("line1:1: interrupted", text, 1, true)
    assert.is_nil(text:find "not here")
  end)

  it("prints what is watched when it changes", function()
    local output = session("n = 1 watch('n', 0.01)\nmoon.sleep(100)\nn = 2\n"
                           .. "moon.sleep(100)\n")
    assert.equal("n = 1\nn = 2\n", output)
  end)

  it("has no variables of its own", function()
    assert.equal("no variables yet\n", (session "who()\n"))
  end)

  it("lists no runs where there are none", function()
    assert.equal("no runs\n", (session "runs()\n"))
  end)
end)
