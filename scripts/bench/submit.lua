--- What the host pays to queue small operations: the time until the calls are
-- back, not until they are done; and a training step of a small network, where
-- nothing is large enough to hide it.
--
--   moonseed submit.lua THREADS COUNT
--
-- COUNT: how many are queued in a row; the queue is empty before.

local moon = require "moonseed"
local rounds = require "rounds"
local nn, optim = moon.nn, moon.optim

local ROWS, STEPS = 9, 3  -- a task is let run four steps ahead

moon.set_threads(tonumber(arg[1]))
local COUNT = tonumber(arg[2])

local a, b = moon.randn(8, 8), moon.randn(8, 8)
local x = rounds.channels_last(moon.randn(1, 4, 8, 8))
local w = moon.randn(4, 4, 3, 3)
local options = moon.conv2d_params{ padding = 1 }

local model = nn.Sequential{
  nn.Linear{ 32, 32 }, nn.ReLU{}, nn.Linear{ 32, 32 }, nn.ReLU{},
  nn.Linear{ 32, 10 },
}
local opt = optim.SGD{ model, lr = 0.01, momentum = 0.9 }
local features, labels = moon.randn(16, 32), moon.randint(0, 10, 16)

local function step()
  local loss = nn.cross_entropy(model(features), labels)
  opt:zero_grad()
  loss:backward()
  opt:step()
end

local ops = {
  { "add", function() local _ = a + b end },
  { "relu", function() a:relu() end },
  { "matmul", function() a:matmul(b) end },
  { "conv", function() moon.conv2d(x, w, nil, options) end },
  { "softmax", function() a:softmax(2) end },
  { "add_", function() a:add_(b) end },
}

-- Microseconds a call, the median over rows: until the calls are back, and
-- until all is done.
local function measure(op, count)
  local back, done = {}, {}
  for i = 0, ROWS do
    moon.synchronize()
    local begin = rounds.ms()
    for _ = 1, count do op() end
    local middle = rounds.ms()
    moon.synchronize()
    if i > 0 then  -- the first warms up
      back[i] = (middle - begin) / count * 1e3
      done[i] = (rounds.ms() - begin) / count * 1e3
    end
  end
  return rounds.median(back), rounds.median(done)
end

local function tell(report, name, op, count)
  rounds.try(report, name .. ":submit_us", function()
    local back, done = measure(op, count)
    report(name .. ":done_us", done)
    return back
  end)
end

rounds.run(function(report)
  moon.no_grad(function()
    for _, op in ipairs(ops) do tell(report, op[1], op[2], COUNT) end
  end)
  tell(report, "mlp_step", step, STEPS)
end)
