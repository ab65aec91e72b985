-- Several GPUs in one process: emulated ones, in processes of their own, as
-- their number is asked for once.
local busted = require "busted"
local gpu = require "support.gpu"
local shell = require "support.shell"

local head = [[
local moon = require "moonseed"
local sim = require "moonseed.sim"
local nn, optim = moon.nn, moon.optim
sim.configure{ check = true }

-- A fresh model on `device`, trained for some steps: its parameters.
local function train(device, steps)
  return moon.on(moon.streams(device):next(), function()
    moon.manual_seed(5)
    local model = nn.Sequential{ nn.Linear{ 4, 8 }, nn.ReLU{},
                                 nn.Linear{ 8, 2 } }:to(device)
    local opt = optim.SGD{ model, lr = 0.1, momentum = 0.9 }
    for i = 1, steps do
      local x = moon.full({ 6, 4 }, i / steps, { device = "cpu" }):to(device)
      local loss = (model(x) - 1):pow(2):mean()
      opt:zero_grad()
      loss:backward()
      opt:step()
    end
    return model
  end)
end

local function values(model)
  local list = {}
  for _, p in model:parameters() do
    for _, v in ipairs(p:detach():to("cpu"):reshape(p:numel()):totable()) do
      list[#list + 1] = v
    end
  end
  return table.concat(list, " ")
end

local function finish()
  moon.synchronize()
  local races, what = sim.races()
  assert(races == 0, what)
  print "fine"
end
]]

-- What a process with `count` GPUs prints.
local function run(count, body)
  local output, status = shell.script(head .. body .. "finish()\n",
    "MOONSEED_GPU=emulated MOONSEED_EMULATED_COUNT=" .. count)
  assert.equal(0, status, output)
  assert.matches("fine", output)
end

gpu.describe("several GPUs", function()
  busted.it("have streams for training, leases and files on each", function()
    run(8, [[
      local expected
      local function lease_all(i)
        if i == 8 then return end
        moon.streams("cuda:" .. i):lease(function() lease_all(i + 1) end)
      end
      for _, device in ipairs{ "cpu", "cuda:0", "cuda:1", "cuda:2", "cuda:3",
                               "cuda:4", "cuda:5", "cuda:6", "cuda:7" } do
        for _ = 1, 10 do moon.streams(device):next() end
        local model = train(device, 3)
        if device == "cuda:0" then expected = values(model) end
        assert(device == "cpu" or values(model) == expected, device)
        moon.on(moon.streams(device):default(), function()
          local state = {}
          for name, p in model:parameters() do state[name] = p:detach() end
          moon.save("w.safetensors", state)
          local w = moon.load("w.safetensors")["1.weight"]
          assert(w:device() == device, w:device())
        end)
      end
      lease_all(0)
    ]])
  end)

  busted.it("say how many streams are left", function()
    run(8, [[
      moon.streams("cuda:0"):configure{ count = 32 }
      local ok, why = pcall(function()
        moon.streams("cuda:1"):configure{ count = 32 }
      end)
      assert(not ok and why:match "32 for cuda:1, and %d+ are left of 64", why)
      moon.streams("cuda:1"):next()
      train("cuda:7", 1)
    ]])
  end)

  busted.it("copy from each to each while two of them train", function()
    run(3, [[
      local alone = values(train("cuda:0", 20))
      local a, b, c
      moon.gather(function() a = train("cuda:0", 20) end,
                  function() b = train("cuda:1", 20) end,
                  function()
        for i = 1, 40 do
          local x = moon.full({ 3000 }, i, { device = "cuda:2" })
          local y = x:to("cuda:0")
          x:fill_(0)
          local z = (y + 1):to("cuda:1")
          y:fill_(0)
          c = (z * 2):to("cuda:2")
          assert(c[3000]:item() == 2 * i + 2)
        end
      end)
      assert(values(a) == alone and values(b) == alone)
    ]])
  end)
end)
