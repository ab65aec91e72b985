-- The training scripts run to their end on a few images.

local shell = require "support.shell"

-- Output of a script in scripts/, which must end well.
local function run(script, arguments)
  local output, status = shell.run(
    ("./scripts/moonseed scripts/%s.lua --images 40 --epochs 1 %s"):format(
      script, arguments or ""))
  assert.equal(0, status, output)
  return output
end

-- A folder with so many made-up digits in digits.csv, and its removal.
local function digits(n)
  local folder, remove = shell.folder()
  local file = assert(io.open(folder .. "/digits.csv", "w"))
  for i = 1, n do
    local row = {}
    for k = 1, 64 do row[k] = (i * k) % 17 end
    row[65] = i % 10
    file:write(table.concat(row, ","), "\n")
  end
  file:close()
  return folder, remove
end

describe("a training script", function()
  it("trains the small network, and says how well it does", function()
    local output = run("train_fashion")
    assert.matches("epoch 1 of 1: loss %d+%.%d+, valid %d+%.%d%d%%", output)
    assert.matches("test accuracy %d+%.%d%d%%\n$", output)
  end)

  it("stops at an accuracy, and says how long that took", function()
    local output = run("train_fashion", "--epochs 3 --until 0")
    assert.matches("%% on the test images after 1 epochs, %d+%.%d%d s", output)
  end)

  it("refuses what is no number of epochs", function()
    local output, status = shell.run(
      "./scripts/moonseed scripts/train_fashion.lua --epochs 0")
    assert.not_equal(0, status)
    assert.matches("malformed argument '0'", output)
  end)

  it("trains ResNet-18, of any width", function()
    local output = run("train_resnet18", "--width 4 --cutout 8")
    assert.matches("test accuracy %d+%.%d%d%%\n$", output)
  end)

  it("trains a transformer on the digits", function()
    local folder, remove = digits(420)
    finally(remove)
    local output, status = shell.run(("MOONSEED_DATA='%s' ./scripts/moonseed "
      .. "scripts/train_digits_vit.lua --epochs 1"):format(folder))
    assert.equal(0, status, output)
    assert.matches("epoch 1 of 1: loss %d+%.%d+, %d", output)
    assert.matches("test accuracy %d+%.%d%d%%\n$", output)
  end)

  it("says what to install where there are no digits", function()
    local folder, remove = shell.folder()
    finally(remove)
    local output, status = shell.run(("MOONSEED_DATA='%s' ./scripts/moonseed "
      .. "scripts/train_digits_vit.lua"):format(folder))
    assert.not_equal(0, status)
    assert.matches("install Debian's python3-sklearn", output, 1, true)
  end)
end)
