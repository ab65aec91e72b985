-- moonseed doctor: what it says of a machine that has all, and of others.

local shell = require "support.shell"

local doctor = "./scripts/moonseed doctor"

describe("moonseed doctor", function()
  local folder, remove

  -- A path with nothing but what the launcher itself uses.
  setup(function()
    folder, remove = shell.folder()
    for _, name in ipairs{ "sh", "luajit", "dirname", "readlink" } do
      shell.run(("ln -s \"$(command -v %s)\" '%s'"):format(name, folder))
    end
  end)

  teardown(function() remove() end)

  local function bare(variables)
    return shell.run(("%s PATH='%s' %s %s"):format(
      shell.clean .. "BUILD=\"${BUILD:-build}\"", folder, variables, doctor))
  end

  it("names each thing it looked for, once", function()
    local output, status = shell.run(doctor)
    assert.equal(0, status, output)
    for _, word in ipairs{ "moonseed", "luajit", "libuv", "oneDNN", "zlib",
                         "libpng", "libjpeg",
                           "luv", "argparse", "cjson", "compiler", "make",
                           "tmux", "luarocks", "cores", "threads",
                           "instructions", "memory limit", "device",
                           "cpu kernels", "cuda", "policies",
                           "fashion%-mnist" } do
      local _, n = ("\n" .. output):gsub("\n" .. word .. "  ", "")
      assert.equal(1, n, word)
    end
  end)

  it("runs with a MOONSEED_DEVICE that there is not, and says so", function()
    local output, status = shell.run("MOONSEED_DEVICE=up " .. doctor)
    assert.equal(0, status, output)
    assert.matches("\ndevice +none: MOONSEED_DEVICE is up: there is no 'up' "
                   .. "%(cpu, ref, sim%)\n", output)
    output = shell.run("MOONSEED_DEVICE=ref MOONSEED_GPU=up " .. doctor)
    assert.matches("\ndevice +ref, as MOONSEED_DEVICE says\n", output)
    assert.matches("MOONSEED_GPU is up %(cuda, emulated, none%)", output)
  end)

  it("says which kernels come from ref and why there is no GPU", function()
    local output = shell.run(doctor)
    assert.matches("\n +from ref: [%w_, ]+\n", output)
    assert.matches("\ncuda +%S+", output)
  end)

  it("says what to install for what is missing", function()
    local output, status = bare "MOONSEED_DATA=/nowhere"
    assert.equal(0, status, output)
    assert.matches("compiler +not found; install Debian's gcc", output)
    assert.matches("tmux +not found; install Debian's tmux", output)
    assert.matches("not in /nowhere/fashion%-mnist or /nowhere", output)
    assert.matches("\nto install +apt%-get install [^\n]*gcc make tmux luarocks"
                   .. "[^\n]* dataset%-fashion%-mnist\n", output)
  end)

  it("says nothing of installing where nothing is missing", function()
    local output = shell.run(doctor)
    if output:find "not found" then return pending(output) end
    assert.is_nil(output:find "to install")
  end)

  it("says that the library is not built, and goes on", function()
    local output, status = bare "BUILD=/nowhere"
    assert.equal(1, status)
    assert.matches("moonseed +does not load: .*run make build", output)
    assert.matches("\nfashion%-mnist ", output)
  end)

  it("says that luv is missing, and goes on", function()
    local output, status = shell.run(("%s luajit -e \"package.cpath = '' "
      .. "package.path = 'lua/?.lua;lua/?/init.lua' "
      .. "os.exit(require 'moonseed.cli.doctor'())\""):format(shell.clean))
    assert.equal(1, status)
    assert.matches("moonseed +does not load: there is no luv\n", output)
    assert.matches("\nluv +not found; install Debian's lua%-luv", output)
    assert.matches("\nto install .* lua%-luv ", output)
  end)
end)
