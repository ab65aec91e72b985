--- What it costs to live beside a training: two that compute the same take
-- turns in a session on a pipe (live_session.lua); during the turns of one, ten
-- lines a second are typed (values, plots, help, reloads), its policy decides,
-- and the files of the policy and of its layers are saved anew every second.
-- A round is a session: one pair.
--
--   moonseed live.lua THREADS busy|quiet
--
-- quiet: nothing is typed, for what the measurement itself is worth.

local moon = require "moonseed"
local rounds = require "rounds"
local uv = require "luv"

local threads, how = arg[1], arg[2]

local LINE_MS, SAVE_MS = 100, 1000
local POLICY = "scripts/policies/plateau.lua"
local LAYERS = [[
local nn = require("moonseed").nn
local M = {}
function M.loss(model, x, y) return nn.cross_entropy(model(x), y) end
return M
]]

-- A line of each kind in turn; nothing of them is left in the run.
local typed = {
  "plot(run, 'loss')", "run.metrics.step", "moon.randn(64, 64):sum():item()",
  "help(moon.conv2d)", "run.garden:slot('early'):stage()", "runs()",
  "for i = 1, 1000 do local x = i * i end", "run.garden.events[1]",
  "plot{ 1, 4, 2, 8, 5, 7 }", "reload 'layers'",
}

local function read_file(path)
  local file = assert(io.open(path))
  local text = file:read "*a"
  file:close()
  return text
end

-- As editors do: never half a file.
local function write_file(path, text)
  local file = assert(io.open(path .. ".new", "w"))
  file:write(text)
  file:close()
  assert(os.rename(path .. ".new", path))
end

-- --- who lives there -------------------------------------------------------

local n_saved = 0

local function save(folder)
  n_saved = n_saved + 1
  local mark = ("-- saved %d\n"):format(n_saved)
  write_file(folder .. "/policy.lua", read_file(POLICY) .. mark)
  write_file(folder .. "/layers.lua", LAYERS .. mark)
end

-- `type` and `rest`: start and stop typing and saving.
local function inhabitant(folder, input)
  local self, n = {}, 0
  local typing, saving = uv.new_timer(), uv.new_timer()
  function self.type()
    typing:start(0, LINE_MS, function()
      n = n + 1
      input:write(typed[n % #typed + 1] .. "\n")
    end)
    saving:start(LINE_MS, SAVE_MS, function() save(folder) end)
  end
  function self.rest()
    typing:stop()
    saving:stop()
  end
  function self.close()
    typing:close()
    saving:close()
  end
  return self
end

-- --- a session ---------------------------------------------------------------

-- Calls on_line(line) for each line of a pipe; returns all that came.
local function listen(output, on_line)
  local all, rest = {}, ""
  output:read_start(function(_, bytes)
    all[#all + 1] = bytes
    rest = rest .. (bytes or "")
    for line in rest:gmatch "([^\n]*)\n" do on_line(line) end
    rest = rest:match "[^\n]*$"
  end)
  return all
end

-- The numbers of a pair, by name.
local function session(folder, first)
  local input, output = uv.new_pipe(false), uv.new_pipe(false)
  local who, result, ended = inhabitant(folder, input), nil, false
  local process = assert(uv.spawn("scripts/moonseed", {
    args = { "--repl", "scripts/bench/live_session.lua", threads, folder,
             first, how },
    stdio = { input, output, 2 } }, function() ended = true end))
  local said = listen(output, function(line)
    local what = line:match "^@(%l+)$"
    if what then who[what]() end
    result = result or line:match "^@@ (.*)$"
    if result and not input:is_closing() then input:close() end
  end)
  while not ended do moon.sleep(20) end
  who.close()
  for _, handle in ipairs{ input, output, process } do
    if not handle:is_closing() then handle:close() end
  end
  return assert(result, table.concat(said))
end

local n_rounds = 0

rounds.run(function(report)
  n_rounds = n_rounds + 1
  local folder = assert(uv.fs_mkdtemp "/tmp/moonseed-live-XXXXXX")
  save(folder)
  local result = session(folder, n_rounds % 2 + 1)
  for name, value in result:gmatch "(%S+)=(%S+)" do
    report("live:" .. name, tonumber(value))
  end
  report("live:load", (uv.loadavg()))
  os.remove(folder .. "/policy.lua")
  os.remove(folder .. "/layers.lua")
  os.remove(folder)
end)
