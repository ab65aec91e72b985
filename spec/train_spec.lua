-- Training: a small network on real images.
local task = require "support.task"
local moon = require "moonseed"
local nn, optim = moon.nn, moon.optim

local function build()
  return nn.Sequential{
    nn.Conv2d{ 1, 8, kernel = 3, padding = 1, bias = false },
    nn.BatchNorm2d{ 8 }, nn.ReLU{}, nn.MaxPool2d{ 2 },
    nn.Conv2d{ 8, 16, kernel = 3, padding = 1 }, nn.ReLU{},
    nn.GlobalAvgPool2d{}, nn.Linear{ 16, 10 },
  }
end

-- Trains for so many epochs; calls each(epoch, step, loss) after each step.
local function train(data, epochs, each)
  moon.manual_seed(1)
  local model = build()
  local opt = optim.SGD{ model, lr = 0.1, momentum = 0.9, nesterov = true,
                         weight_decay = 5e-4 }
  for epoch = 1, epochs do
    local step = 0
    for x, y in data:batches{ 100, shuffle = true, flip = true } do
      step = step + 1
      local loss = nn.cross_entropy(model(x), y)
      opt:zero_grad()
      loss:backward()
      opt:step()
      if each then each(epoch, step, loss) end
    end
  end
  return model
end

local function images(n)
  return moon.data.fashion_mnist{ "train" }:narrow(1, n)
end

-- Those that are reachable.
local function count_tensors()
  moon.synchronize()
  jit.flush()  -- traces hold the constants they were compiled with
  collectgarbage()
  collectgarbage()
  return moon.stats().live_tensors
end

describe("training on 2,000 images", function()
  it("lowers the loss, waits nowhere, and keeps nothing", task(function()
    local data, mean = images(2000), {}
    local live, before = {}, moon.stats().blocked_waits
    local total
    train(data, 4, function(epoch, step, loss)
      total = step == 1 and loss:detach() or total + loss:detach()
      if step == 20 then
        mean[epoch] = total:item() / 20
        live[epoch] = count_tensors()
      end
    end)
    assert.is_true(mean[4] < 0.75 * mean[1], mean[1] .. " " .. mean[4])
    assert.equal(live[2], live[4])
    assert.equal(before, moon.stats().blocked_waits)
  end))

  it("gives the same bits again, with any number of threads",
     task(function()
       local data, threads = images(500), moon.threads()
       local first = train(data, 1):state()
       moon.set_threads(1)
       local second = train(data, 1):state()
       moon.set_threads(threads)
       for name, t in pairs(first) do
         assert.is_true(moon.allclose(t, second[name], { rtol = 0, atol = 0 }),
                        name)
       end
     end))

  it("goes from a file into another model", task(function()
    local data = images(300)
    local model = train(data, 1):eval()
    local path = os.tmpname()
    moon.save(path, model:state(), { format = "safetensors" })
    local other = build():eval()
    other:load_state(moon.load(path, { format = "safetensors" }))
    os.remove(path)
    local x = data:narrow(1, 50).x
    assert.is_true(moon.allclose(model(x), other(x), { rtol = 0, atol = 0 }))
  end))
end)
