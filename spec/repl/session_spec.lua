-- The session at a terminal: transcripts through tmux.

local files = require "support.files"
local sessions = require "support.session"
local terminal = require "support.terminal"

describe("a session in a terminal", function()
  local folder, remove, open_terminals

  before_each(function()
    folder, remove = files.folder()
    open_terminals = {}
  end)

  after_each(function()
    for _, t in ipairs(open_terminals) do t:close() end
    os.execute("rm -rf '" .. folder .. "/state'")
    remove()
  end)

  local function session(options, arguments)
    if not terminal.is_there() then
      pending "there is no tmux; scripts/setup installs it"
    end
    local t = sessions.open(folder, options, arguments)
    open_terminals[#open_terminals + 1] = t
    return t
  end

  it("shows values without return, and numbers them", function()
    local t = session()
    t:enter "6 * 7"
    t:wait_row "42"
    t:enter "_ + 1, _1"
    t:wait_row "43"
    t:enter "moon.tensor{ { 1, 2 }, { 3, 4 } }"
    t:wait "{ 3, 4 } }  2x2 f32 cpu"
    t:enter "_1"
    t:wait_rows("43", 2)
  end)

  it("is silent after a semicolon", function()
    local t = session()
    t:enter "111 + 222;"
    t:enter "_ + 1"
    assert.is_nil(t:wait_row("334"):find "\n333\n")
  end)

  it("takes more rows until the line is complete", function()
    local t = session()
    t:enter "for i = 1, 3 do"
    t:wait_row "    >"
    t:enter "print('row', i)"
    t:enter "end"
    t:wait "row     3"
    t:key "Up"
    t:wait "    > end"
    t:key "Up"
    t:type "!"
    t:wait "pri!nt('row', i)"
  end)

  it("takes what is pasted as one line", function()
    local t = session()
    t:paste "local a = 20\nlocal b = 3\nreturn a + b\n"
    t:wait "    > return a + b"
    t:key "Enter"
    t:wait_row "23"
  end)

  it("completes names, members and slots", function()
    local t = session()
    t:type "moon.conv2"
    t:key "Tab"
    t:wait "moon> moon.conv2d"
    t:key "Tab"
    t:wait "conv2d_params"
    t:key "C-u"
    t:enter("model = nn.Sequential{ seed.Slot{ 'early' }, seed.Slot{ 'late' } }"
            .. " garden = seed.Garden{ model }")
    t:type "garden:slot(\"ea"
    t:key "Tab"
    t:wait "garden:slot(\"early"
    t:type "\"):stage()"
    t:key "Enter"
    t:wait_row "\"DORMANT\""
  end)

  it("survives errors, with a traceback of the line's own frames", function()
    local t = session()
    t:enter "function f() error 'bad luck' end"
    t:enter "f() print 'not here'"
    local screen = t:wait "line2:1: in the line"
    assert.matches("line1:1: bad luck", screen, 1, true)
    assert.is_nil(screen:find("moonseed/", 1, true))
    t:enter "1 +* 2"
    t:wait "unexpected symbol near '*'"
    t:enter "5 + 5"
    t:wait_row "10"
  end)

  it("waits in a line, which is a task", function()
    local t = session()
    t:enter "moon.sleep(1) return moon.ones(3):sum():item()"
    t:wait_row "3"
    t:enter "moon.stats().blocked_waits"
    t:wait_row "0"
  end)

  it("keeps globals, not the locals of a line", function()
    local t = session()
    t:enter "local gone = 1 kept = 17"
    t:enter "gone, kept"
    assert.is_truthy(t:wait_row "17":find "\nnil\n")
    t:enter "who()"
    t:wait "kept  number  17"
  end)

  -- --- Ctrl-C --------------------------------------------------------------

  local counting = "n = 0 bg = moon.spawn(function() local y = moon.ones(4)"
    .. " while true do n = n + 1 y = y + 1 moon.yield() end end)"

  -- The background task is alive: it counts on.
  local function assert_counting(t)
    t:enter "b = n moon.sleep(20) print('counts on', n > b, bg.done)"
    t:wait "counts on       true    false"
    t:key "C-l"
  end

  it("drops the line that is typed at Ctrl-C", function()
    local t = session()
    t:type "1 + nonsense"
    t:wait "1 + nonsense"
    t:key "C-c"
    t:wait "1 + nonsense^C"
    t:enter "7 * 7"
    t:wait_row "49"
  end)

  it("interrupts a compiled loop of ops, and no other task", function()
    files.write(folder .. "/spin.lua", [[
      return function(x)
        for i = 1, math.huge do
          x = x + 1
          if i == 10000 then print "it spins" end
        end
      end]])
    local t = session()
    t:enter(counting)
    t:enter "require 'spin'(moon.ones(2))"
    t:wait_row "it spins"
    t:key "C-c"
    t:wait "interrupted"
    assert_counting(t)
  end)

  it("interrupts a loop without ops, and no other task", function()
    local t = session()
    t:enter(counting)
    t:enter "print 'it spins' local i = 0 while true do i = i + 1 end"
    t:wait_row "it spins"
    t:key "C-c"
    t:wait ":1: interrupted"
    assert_counting(t)
  end)

  it("interrupts a line that waits, while another task counts", function()
    local t = session()
    t:enter(counting)
    t:enter "first = n print 'it waits' bg:await()"
    t:wait_row "it waits"
    t:key "C-c"
    t:wait "interrupted"
    t:enter "n > first"
    t:wait_row "true"
    assert_counting(t)
  end)

  it("interrupts a function of the line in a task of its own", function()
    local t = session()
    t:enter(counting)
    t:enter "moon.gather(function() print 'it spins' while true do end end)"
    t:wait_row "it spins"
    t:key "C-c"
    t:wait "interrupted"
    assert_counting(t)
  end)

  it("never interrupts a training", function()
    local t = session()
    t:enter("x = moon.randn(64, 4) y = moon.zeros(64, { dtype = 'i64' })"
            .. " model = nn.Sequential{ nn.Linear{ 4, 2 } }"
            .. " data = moon.data.tensors{ x, y }"
            .. " opt = optim.SGD{ model, lr = 0.1 }"
            .. " run = moon.train.fit{ model, optim = opt, train = data,"
            .. " batch = 8, epochs = 1e6, quiet = true } print 'it trains'")
    t:wait_row "it trains"
    t:enter "first = run.metrics.step print 'it waits' run:await()"
    t:wait_row "it waits"
    t:key "C-c"
    t:wait "interrupted"
    t:enter "print 'it spins' while true do x = x + 1 end"
    t:wait_row "it spins"
    t:key "C-c"
    t:wait_rows("line3:1: interrupted", 1)
    t:enter "moon.sleep(50) return run.state, run.metrics.step > first"
    t:wait "\"running\"\ntrue"
    t:enter "run:cancel() moon.sleep(50) return run.state"
    t:wait_row "\"cancelled\""
  end)

  it("does not end at many Ctrl-C", function()
    local t = session()
    t:enter(counting)
    t:enter "n > 0"
    t:wait_row "true"
    for _ = 1, 5 do t:key "C-c" end
    assert_counting(t)
  end)

  -- --- background ----------------------------------------------------------

  it("prints of other tasks above the line that is typed", function()
    local t = session()
    t:enter("moon.spawn(function() while not go do moon.sleep(1) end"
            .. " print 'from behind' end);")
    t:enter("moon.spawn(function() moon.sleep(300) go = true end);")
    t:type "text = 'half a li"
    local screen = t:wait_row "from behind"
    assert.equal("moon> text = 'half a li", screen:match "[^\n]*$")
    t:enter "ne' return #text"
    t:wait_row "11"
  end)

  it("keeps a begun row above the prompt until it is finished", function()
    local t = session()
    t:enter("moon.spawn(function() for i = 1, 3 do"
            .. " io.write('\\rstep ', i) moon.sleep(5) end"
            .. " while not go do moon.sleep(1) end print ' done' end);")
    t:type "go = tr"
    t:wait "step 3\nmoon> go = tr"
    t:enter "ue"
    local screen = t:wait_row "step 3 done"
    assert.is_nil(screen:find("step 1", 1, true))
  end)

  it("keeps what a line shows apart from a begun row", function()
    local t = session()
    t:enter("moon.spawn(function() for i = 1, math.huge do"
            .. " io.write('\\rstep ', i) moon.sleep(1) end end);")
    t:wait "step"
    t:enter "io.write 'ab' moon.sleep(20) io.write 'cd' return 6 * 7"
    t:wait "\nabcd\n42\nstep"
    t:enter "io.write 'no end'"
    t:wait "\nno end\nstep"
  end)

  it("tells that a task failed when nobody awaits it", function()
    local t = session()
    t:enter "moon.spawn(function() moon.sleep(1) error 'no luck' end);"
    t:wait "failed: line1:1: no luck"
  end)

  it("shows what is watched above the prompt", function()
    local t = session()
    t:enter "count = 1 watch('count * 100', 0.01)"
    t:wait "count * 100 = 100\nmoon>"
    t:enter "count = 2"
    t:wait "count * 100 = 200\nmoon>"
    t:enter "unwatch()"
    t:enter "print 'no watch'"
    t:wait "no watch\nmoon>"
  end)

  it("runs a script beside it", function()
    files.write(folder .. "/train.lua", [[
      model, args = "the model", { ... }
      while not stop do require("moonseed").sleep(1) end
      print "the script has ended"]])
    local t = session(nil, "--repl " .. folder .. "/train.lua a b")
    t:enter "model, args[2]"
    t:wait_row "\"the model\""
    t:wait_row "\"b\""
    t:enter "stop = true;"
    t:wait_row "the script has ended"
  end)

  it("asks once before it ends tasks that go on", function()
    local t = session()
    t:enter "moon.spawn(function() moon.sleep(1e6) end);"
    t:key "C-d"
    t:wait "1 task goes on; Ctrl-D again ends it"
    t:key "C-d"
    t:wait "ended 0"
  end)

  it("ends at once at Ctrl-D when nothing goes on", function()
    local t = session()
    t:key "C-d"
    t:wait "ended 0"
  end)

  -- --- history and window --------------------------------------------------

  it("remembers lines from session to session", function()
    local t = session()
    t:enter "first_line = 1"
    t:enter "return {\n  22 }"
    t:wait_row "{ 22 }"
    t:key "C-d"
    t:wait "ended 0"
    local u, v = session(), session()
    u:enter "from_u = 1"
    v:enter "from_v = 1"
    v:enter "print 'v ends'"
    v:wait_row "v ends"
    u:key "C-d"
    u:wait "ended 0"
    local w = session()
    w:key("Up", "Up")
    w:wait "from_v = 1"
    w:key("Up")
    w:wait "from_u = 1"
    w:key("C-c", "C-r")
    w:type "rst_l"
    w:wait "(search) rst_l: first_line = 1"
    w:key "Enter"
    w:enter "first_line + 2"
    w:wait_row "3"
    w:key "C-r"
    w:type "22"
    w:wait "    >   22 }"
  end)

  it("edits in the middle of wide characters", function()
    local t = session()
    t:type "#'a漢字é'"
    t:key("Left", "Left", "BSpace")
    t:wait "#'a漢é'"
    local x = t:cursor()
    assert.equal(#"moon> #'a" + 2, x)
    t:key "Enter"
    t:wait_row "6"
  end)

  it("draws the line again in a window of another size", function()
    local t = session{ columns = 60, rows = 15 }
    t:enter "print 'before'"
    t:type "text = '0123456789012345678901234567890123456789'"
    t:wait "56789'"
    t:resize(30, 15)
    t:wait "text = '0123456789012345\n678901234567890123456789'"
    t:resize(70, 15)
    local screen =
      t:wait "moon> text = '0123456789012345678901234567890123456789'"
    local _, prompts = screen:gsub("text = ", "")
    assert.equal(1, prompts)
    t:key "Enter"
    t:enter "#text"
    t:wait_row "40"
  end)

  it("fits charts and tables to a small window", function()
    local t = session{ columns = 40, rows = 12 }
    t:enter "plot({ 3, 2, 1, 1.5 }, 'loss')"
    local screen = t:wait "loss 1.5"
    for row in screen:gmatch "[^\n]+" do
      assert.is_true(#row:gsub("[\128-\191]", "") <= 40, row)
    end
  end)

  it("gives the terminal back as it was", function()
    local t = session()
    t:enter "os.exit(3)"
    t:wait "ended 3"
    t:close()
    if not terminal.is_there() then return end
    local shell = terminal.open("sh -c 'scripts/moonseed; stty -a'")
    open_terminals[#open_terminals + 1] = shell
    shell:wait "moon>"
    shell:enter "os.exit(0)"
    local settings = shell:wait "echoke"
    for _, on in ipairs{ "icanon", "echo", "isig" } do
      assert.matches("[\n ]" .. on .. " ", settings)
    end
  end)
end)
