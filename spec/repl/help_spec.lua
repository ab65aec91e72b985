local files = require "support.files"
local help = require "moonseed.repl.help"
local moon = require "moonseed"

describe("help", function()
  local env = { moon = moon }
  local function text(what) return help.text(what, env) end

  it("has an overview", function()
    assert.matches("Ctrl-C ends the line", text(nil), 1, true)
  end)

  it("has the comment of a function, with its parameters", function()
    local found = text(moon.sleep)
    assert.matches("^moon.sleep%(ms%)\nSuspends for `ms` milliseconds.\n",
                   found)
    assert.matches("\n  ms  number  finite\n", found, 1, true)
    assert.matches("verbs.lua:%d+$", found)
  end)

  it("looks a name up", function()
    assert.equal(text(moon.sleep), text "moon.sleep")
    assert.equal("there is no 'moon.nope'", text "moon.nope")
  end)

  it("has a module's comment and its functions", function()
    package.loaded["moonseed.nn"] = moon.nn  -- as it is outside the specs
    package.loaded["moonseed.nn.dropout"] = moon.nn.Dropout
    local found = text "moon.nn"
    assert.matches("layers, each read from its own file", found, 1, true)
    assert.matches("\n  Dropout +[^\n]*%l", found)
    found = text(require "moonseed.nn.conv2d")
    assert.matches("^Convolution: x", found)
    assert.matches("\n  forward", found)
  end)

  it("has a tensor's shape and methods", function()
    local found = text(moon.ones(2))
    assert.matches("^tensor 2 f32", found)
    assert.matches("\n  softmax", found)
  end)

  it("reads a file again when it has changed", function()
    local folder, remove = files.folder()
    local path = files.write(folder .. "/a.lua",
                             "-- Says one.\nreturn function() end\n")
    local fn = dofile(path)
    assert.matches("Says one", (text(fn)))
    files.write(path, "-- Says another.\nreturn function() end\n")
    require("luv").fs_utime(path, 1, 1)
    assert.matches("Says another", (text(fn)))
    remove()
  end)

  it("does with what has no comment", function()
    assert.equal("function (built in)", text(os.time))
    assert.matches("no comment", (text(loadstring("return function() end",
      "@" .. debug.getinfo(1, "S").source:sub(2))())))
  end)
end)
