-- The line of a run on a terminal, through tmux.

local files = require "support.files"
local terminal = require "support.terminal"

local script = [[
local moon = require "moonseed"
moon.manual_seed(1)
local model = moon.nn.Sequential{ moon.nn.Linear{ 4, 2 } }
local data = moon.data.tensors{ moon.randn(64, 4), moon.randint(0, 2, 64) }
local function fit(name)
  return moon.train.fit{
    model, optim = moon.optim.SGD{ model, lr = 0.1 }, train = data,
    epochs = 2, batch = 1, out = arg[1] .. "/" .. name,
    loss = function(m, x, y) moon.sleep(15)
      return moon.nn.cross_entropy(m(x), y) end }
end
local runs = { fit "one", arg[2] and fit(arg[2]) or nil }
local n = 0
while runs[1].state == "running" do
  moon.sleep(250)
  n = n + 1
  io.write("mark ", n)
  moon.sleep(50)
  print " end"
  io.stderr:write("fault ", n, "\n")
end
for _, run in ipairs(runs) do run:await() end
print "over"
]]

describe("the progress of a run", function()
  local folder, remove, open

  before_each(function()
    folder, remove = files.folder()
    files.write(folder .. "/train.lua", script)
  end)
  after_each(function()
    if open then open:close() end
    open = nil
    os.execute("rm -rf '" .. folder .. "/one' '" .. folder .. "/two'")
    remove()
  end)

  local function start(columns, more)
    if not terminal.is_there() then
      pending "there is no tmux; scripts/setup installs it"
    end
    open = terminal.open(("scripts/moonseed %s/train.lua %s %s"):format(
      folder, folder, more or ""), { columns = columns, rows = 40 })
    return open
  end

  -- All rows at the end.
  local function rows_of(t)
    t:wait_row "over"
    local rows = {}
    for row in t:all():gmatch "[^\n]+" do rows[#rows + 1] = row end
    return rows
  end

  it("fits the window", function()
    local t = start(50)
    local screen = t:wait_until(function(screen)
      return screen:find ", step %d+, loss "
    end, "line")
    assert.matches("one: epoch %d of 2, step %d+, loss [%d.]+", screen)
    for row in screen:gmatch "[^\n]+" do assert.is_true(#row < 50, row) end
  end)

  for _, more in ipairs{ "", "two" } do
    it("is apart from what is printed, and gone at the end " .. more, function()
      local n = 0
      for _, row in ipairs(rows_of(start(100, more))) do
        if row:find "mark" then
          assert.is_truthy(row:find "^mark %d+ end$" or row:find "^mark %d+$",
                           row)
          n = n + 1
        elseif row:find "fault" then
          assert.matches("^fault %d+$", row)
        else
          assert.is_nil(row:find "images/s", row)
        end
      end
      assert.is_true(n > 2)
    end)
  end
end)
