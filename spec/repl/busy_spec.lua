-- A session whose loop is busy: others print between two keys.

local files = require "support.files"
local sessions = require "support.session"
local terminal = require "support.terminal"

describe("a session with a busy loop", function()
  local folder, remove, t

  before_each(function() folder, remove = files.folder() end)
  after_each(function()
    if t then t:close() end
    t = nil
    os.execute("rm -rf '" .. folder .. "/state'")
    remove()
  end)

  it("keeps what a line shows apart from the prompt", function()
    if not terminal.is_there() then
      pending "there is no tmux; scripts/setup installs it"
    end
    t = sessions.open(folder, { rows = 60 })
    t:enter("task = moon.spawn(function() for i = 1, 1e9 do "
            .. "local stop = os.clock() + 0.003 io.write('\\rstep ' .. i) "
            .. "while os.clock() < stop do end moon.yield() end end);")
    for i = 1, 20 do
      t:enter(("print('mark %d')"):format(i))
      t:wait_row(("mark %d"):format(i))
    end
    for row in t:all():gmatch "[^\n]+" do
      assert.is_nil(row:find "^moon> mark", row)
      assert.is_nil(row:find "^step.*mark", row)
    end
  end)
end)
