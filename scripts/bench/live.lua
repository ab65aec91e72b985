--- What it costs to live beside a training: images/s of a growing run in a
--- session on a pipe, left alone, or with ten lines a second typed (values,
--- plots, help), a policy that decides every epoch, and its file saved anew
--- every second.
--
--   moonseed live.lua THREADS quiet|busy

local uv = require "luv"
local rounds = require "rounds"

local threads, how = tonumber(arg[1]), arg[2]

local LINES_PER_S = 10
local POLICY = "scripts/policies/plateau.lua"

local setup = [[
moon.set_threads(%d) moon.manual_seed(1)
all = moon.data.fashion_mnist{ "train" }
train, valid = all:split{ 1000, rng_seed = 1 }
train = train:narrow(1, 9600)
model = nn.Sequential{
  nn.Conv2d{ 1, 16, kernel = 3, padding = 1 }, nn.MaxPool2d{ 2 }, nn.ReLU{},
  seed.Slot{ "early" }, nn.Conv2d{ 16, 16, kernel = 3, padding = 1 },
  nn.ReLU{}, nn.GlobalAvgPool2d{}, nn.Linear{ 16, 10 } }
opt = optim.SGD{ model, lr = 0.05, momentum = 0.9 }
garden = seed.Garden{ model, valid = valid, optim = opt, policy = %q }
run = moon.train.fit{ model, optim = opt, train = train, valid = valid,
  epochs = 12, batch = 96, garden = garden, quiet = true }
]]

-- A line of each kind in turn; nothing of them is left in the run.
local typed = {
  "run.metrics.step", "plot(run, 'loss')", "moon.randn(64, 64):sum():item()",
  "help(moon.conv2d)", "garden:slot('early'):stage()",
  "for i = 1, 1000 do local x = i * i end",
}

local function read_file(path)
  local file = assert(io.open(path))
  local text = file:read "*a"
  file:close()
  return text
end

local function write_file(path, text)
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
end

-- Types lines, and saves the policy, until the session has ended.
local function disturb(input, policy, text)
  local n, timer = 0, uv.new_timer()
  timer:start(500, 1000 / LINES_PER_S, function()
    n = n + 1
    input:write(typed[n % #typed + 1] .. "\n")
    if n % LINES_PER_S == 0 then
      write_file(policy, ("%s\n-- saved %d\n"):format(text, n))
    end
  end)
  return timer
end

-- Images/s of one run.
local function session(policy, text)
  local input, output = uv.new_pipe(false), uv.new_pipe(false)
  local parts, ended = {}, false
  local process = assert(uv.spawn("scripts/moonseed", {
    stdio = { input, output, 2 },
  }, function() ended = true end))
  output:read_start(function(_, bytes)
    parts[#parts + 1] = bytes
    if bytes and bytes:find "@@" then input:shutdown() end
  end)
  input:write(setup:format(threads, policy))
  input:write(("moon.spawn(function() run:await() print('@@ ' .. %s) end);\n")
    :format("run.metrics.step * 96 / run.metrics.seconds"))
  local timer = how == "busy" and disturb(input, policy, text)
  while not ended do require("moonseed").sleep(20) end
  if timer then timer:close() end
  for _, handle in ipairs{ input, output, process } do
    if not handle:is_closing() then handle:close() end
  end
  return assert(tonumber(table.concat(parts):match "@@ ([%d.]+)"),
                table.concat(parts))
end

rounds.run(function(report)
  local policy, text = os.tmpname(), read_file(POLICY)
  write_file(policy, text)
  report("live:images_per_s", session(policy, text))
  os.remove(policy)
end)
