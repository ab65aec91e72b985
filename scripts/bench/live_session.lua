--- Two trainings that compute the same, bit for bit, in one session; they take
-- turns of an epoch. One of them is lived beside: while `@type` was printed
-- last, and not `@rest`, live.lua types lines and saves files. The line `@@` is
-- the result.
--
--   moonseed --repl live_session.lua THREADS FOLDER FIRST HOW
--
-- FOLDER has layers.lua and policy.lua. FIRST: which training is made first, 1
-- is the one left alone. HOW: `busy`, or `quiet`: both are left alone.

-- luacheck: globals run moon nn optim seed
local uv = require "luv"

local threads, folder, first, how = ...
package.path = folder .. "/?.lua;" .. package.path
local layers = require "layers"

local IMAGES, BATCH = 9600, 96
local TURNS = 10        -- of each
local EPOCHS = TURNS + 2  -- one warms up; of the last, a step is made
local SETTLE_MS = 100   -- from the first line to a turn, and after it

moon.set_threads(tonumber(threads))
local all = moon.data.fashion_mnist{ "train" }
local train, valid = all:split{ 1000, rng_seed = 1 }
train = train:narrow(1, IMAGES)

local function now()
  local used = uv.getrusage()
  local function seconds(t) return t.sec + t.usec / 1e6 end
  return { wall = uv.hrtime() / 1e9,
           cpu = seconds(used.utime) + seconds(used.stime) }
end

-- --- a training that rests after the first step of every epoch ---------------

local function new_model()
  moon.manual_seed(1)
  return nn.Sequential{
    nn.Conv2d{ 1, 16, kernel = 3, padding = 1 }, nn.MaxPool2d{ 2 }, nn.ReLU{},
    seed.Slot{ "early" }, nn.Conv2d{ 16, 16, kernel = 3, padding = 1 },
    nn.ReLU{}, nn.GlobalAvgPool2d{}, nn.Linear{ 16, 10 } }
end

-- The policy looks, thinks and leaves the network as it is.
local function begin(policy)
  local model, side, epoch = new_model(), {}, 0
  local opt = optim.SGD{ model, lr = 0.05, momentum = 0.9 }
  local garden = seed.Garden{
    model, valid = valid, optim = opt, policy = policy,
    config = policy and { stable_epochs = 1e9 } }
  local function rate(part)
    if math.floor(part * EPOCHS + 0.5 * BATCH / IMAGES) > epoch then
      epoch = epoch + 1
      side.run:pause()
    end
    return 1
  end
  side.run = moon.train.fit{
    model, optim = opt, train = train, valid = valid, epochs = EPOCHS,
    batch = BATCH, garden = garden, quiet = true, rng_seed = 1,
    schedule = rate, loss = function(...) return layers.loss(...) end,
    on_event = function(kind)
      if kind ~= "paused" then return end
      moon.synchronize()
      side.rested = now()
    end }
  side.run:pause()
  return side
end

local function await_rest(side)
  while not side.rested do
    if side.run.state == "failed" then side.run:await() end
    moon.sleep(2)
  end
end

-- --- turns -------------------------------------------------------------------

-- Both kinds of turn have as much rest before and after.
local function take_turn(side, typed)
  run = side.run  -- what the lines are about
  if typed then print "@type" end
  moon.sleep(SETTLE_MS)
  side.rested = nil
  local before = now()
  side.run:resume()
  await_rest(side)
  if typed then print "@rest" end
  moon.sleep(SETTLE_MS)
  return { wall = side.rested.wall - before.wall,
           cpu = side.rested.cpu - before.cpu }
end

local sides = {}
for i = 1, 2 do
  local which = (tonumber(first) + i) % 2 + 1
  local lived_beside = which == 2 and how == "busy"
  sides[which] = begin(lived_beside and folder .. "/policy.lua" or nil)
  await_rest(sides[which])
end

-- A turn of each, `a` first; what 1 spent, and 2.
local function take_turns(a, b)
  local spent = {}
  spent[a] = take_turn(sides[a], a == 2 and how == "busy")
  spent[b] = take_turn(sides[b], b == 2 and how == "busy")
  return spent[1], spent[2]
end

local sum = { { wall = 0, cpu = 0 }, { wall = 0, cpu = 0 } }
local ratios = {}
take_turns(1, 2)
for i = 1, TURNS do
  local order = i % 4 < 2 and { 1, 2 } or { 2, 1 }  -- ABBA BAAB
  local spent = { take_turns(unpack(order)) }
  for which, t in ipairs(spent) do
    for clock, seconds in pairs(t) do
      sum[which][clock] = sum[which][clock] + seconds
    end
  end
  ratios[i] = spent[2].wall / spent[1].wall
end
for _, side in ipairs(sides) do side.run:cancel() end

table.sort(ratios)
local function percent(ratio) return 100 * (ratio - 1) end
local median = (ratios[TURNS / 2] + ratios[TURNS / 2 + 1]) / 2
-- The last: what living took of the cores' time, which depends little on how
-- much of that others take.
print(("@@ images_per_s=%.6g slower_percent=%.6g slower_median_percent=%.6g "
       .. "cpu_slower_percent=%.6g cores_percent=%.6g"):format(
  TURNS * IMAGES / sum[1].wall, percent(sum[2].wall / sum[1].wall),
  percent(median), percent(sum[2].cpu / sum[1].cpu),
  100 * (sum[2].cpu - sum[1].cpu) / sum[2].wall / moon.threads()))
