--- Many training steps: what of a GPU's memory is held on the way. Then memory
-- runs out, the error is caught, and training goes on.
--
--   moonseed long.lua THREADS STEPS LIMIT [driver]
--
-- LIMIT: the memory limit, in MiB, that is run into. `driver`: then again
-- without one, until the driver has no more; not where the GPU is emulated.

local moon = require "moonseed"
local rounds = require "rounds"
local nn, optim = moon.nn, moon.optim

local BATCH, MARKS = 32, 10

moon.set_threads(tonumber(arg[1]))
local steps, limit = tonumber(arg[2]), tonumber(arg[3]) * 2 ^ 20
local model = nn.Sequential{
  nn.Conv2d{ 1, 16, kernel = 3, padding = 1, bias = false },
  nn.BatchNorm2d{ 16 }, nn.ReLU{}, nn.MaxPool2d{ 2 },
  nn.Conv2d{ 16, 32, kernel = 3, padding = 1 }, nn.ReLU{},
  nn.GlobalAvgPool2d{}, nn.Linear{ 32, 10 },
}
local opt = optim.SGD{ model, lr = 0.01, momentum = 0.9 }
local x = rounds.channels_last(moon.randn(BATCH, 1, 28, 28))
local labels = moon.randint(0, 10, BATCH)

local function train(count)
  local loss
  for _ = 1, count do
    loss = nn.cross_entropy(model(x), labels)
    opt:zero_grad()
    loss:backward()
    opt:step()
  end
  return loss:item()
end

-- MiB that we hold of the device's memory; and that all hold, by nvidia-smi.
local function held()
  moon.synchronize()
  local stats = moon.stats()
  local pipe = io.popen("nvidia-smi --query-gpu=memory.used "
    .. "--format=csv,noheader,nounits 2>/dev/null")
  local used = pipe and tonumber(pipe:read "*l" or "")
  if pipe then pipe:close() end
  return (stats.live_bytes + stats.cached_bytes) / 2 ^ 20, used
end

local function report_held(report, step)
  local ours, all = held()
  report(("step_%d:held_mb"):format(step), ours)
  if all then report(("step_%d:device_used_mb"):format(step), all) end
end

-- Takes memory, a share of `most` at once, until there is an error; its text.
local function run_out(most)
  local taken, why = {}, nil
  for i = 1, 1000 do
    local ok, wrong = pcall(function()
      taken[i] = moon.zeros(math.floor(most / 8 / 4))
      taken[i]:await()
    end)
    if not ok then
      why = tostring(wrong)
      break
    end
  end
  for _, t in pairs(taken) do t:dispose() end
  moon.synchronize()
  return why
end

-- 1 if memory ran out with an error, and training went on to a finite loss.
local function survive(report, name, most)
  local why = run_out(most)
  io.stderr:write(("%s: %s\n"):format(name, why or "memory never ran out"))
  local loss = train(steps / MARKS)
  report(name .. ":caught", why and 1 or 0)
  report(name .. ":loss_after", loss)
end

rounds.run(function(report)
  local begin = rounds.ms()
  for mark = 1, MARKS do
    report(("step_%d:loss"):format(mark * steps / MARKS), train(steps / MARKS))
    if mark == 1 or mark == MARKS then
      report_held(report, mark * steps / MARKS)
    end
  end
  report("long:steps_per_s", steps / (rounds.ms() - begin) * 1e3)
  moon.set_memory_limit(limit)
  survive(report, "limit", limit)
  moon.set_memory_limit(2 ^ 46)
  if arg[4] == "driver" then survive(report, "driver", 2 ^ 35) end
end)
