-- optim.Muon against plain Lua: matrices as tables, Jordan's five steps.
local bits = require "support.bits"
local orthogonal = require "support.orthogonal"
local task = require "support.task"
local moon = require "moonseed"
local uv = require "luv"
local nn, optim = moon.nn, moon.optim
local each = orthogonal.each

-- One step in Lua: p and v are replaced, r are the rates.
local function reference(p, v, g, r)
  v = each(v, g, function(a, b) return r.momentum * a + b end)
  local u = r.nesterov and each(g, v, function(a, b)
    return a + r.momentum * b
  end) or v
  local scale = math.sqrt(math.max(1, #p / #p[1]))
  p = each(p, orthogonal.of(u, r.steps or 5), function(a, b)
    return a * (1 - r.lr * r.weight_decay) - r.lr * scale * b
  end)
  return p, v
end

local function random(n, m)
  return moon.randn(n, m, { dtype = "f64", device = "ref" }):totable()
end

local function assert_near(wanted, got, tolerance)
  for i, row in ipairs(wanted) do
    for j, value in ipairs(row) do assert.near(value, got[i][j], tolerance) end
  end
end

describe("optim.Muon", function()
  local shapes = { wide = { 3, 5 }, tall = { 6, 2 }, square = { 4, 4 },
                   row = { 1, 7 } }
  for name, shape in pairs(shapes) do
    for _, where in ipairs{ { "ref", "f64", 1e-10 }, { "cpu", "f32", 2e-4 } } do
      local device, dtype, tolerance = unpack(where)
      it(("is the plain formula: a %s matrix on %s"):format(name, device),
         task(function()
        local o = { dtype = dtype, device = device }
        local r = { lr = 0.1, momentum = 0.9, weight_decay = 0.1,
                    nesterov = name ~= "square" }
        local p = random(shape[1], shape[2])
        local v = each(p, nil, function() return 0 end)
        local t = moon.tensor(p, o):requires_grad()
        local opt = optim.Muon{ { t }, lr = r.lr, momentum = r.momentum,
                                weight_decay = r.weight_decay,
                                nesterov = r.nesterov }
        for _ = 1, 3 do
          local g = random(shape[1], shape[2])
          t.grad = moon.tensor(g, o)
          opt:step()
          p, v = reference(p, v, g, r)
          assert_near(p, t:totable(), tolerance)
        end
        assert_near(v, opt:state()["velocity.1"]:totable(), 1e-5)
      end))
    end
  end

  it("takes a convolution's weight for a matrix", task(function()
    local o = { dtype = "f64", device = "ref" }
    local start, g = random(4, 18), random(4, 18)
    local found = {}
    for i, shape in ipairs{ { 4, 18 }, { 4, 2, 3, 3 } } do
      local t = moon.tensor(start, o):reshape(shape):clone():requires_grad()
      t.grad = moon.tensor(g, o):reshape(shape)
      optim.Muon{ { t }, lr = 0.1 }:step()
      found[i] = t:detach():reshape(-1):totable()
    end
    assert.same(found[1], found[2])
  end))

  for _, where in ipairs{ { "ref", "f64", 1e-10 }, { "cpu", "f32", 2e-5 } } do
    local device, dtype, tolerance = unpack(where)
    local o = { dtype = dtype, device = device }

    -- Of the parameter made of `start` by make, after a step along g.
    local function stepped(make, start, g, options)
      local t = make(moon.tensor(start, o)):requires_grad()
      t.grad = moon.tensor(g, o)
      options[1] = { t }
      optim.Muon(options):step()
      return t:detach():totable()
    end

    it("takes as many steps as each group says, on " .. device, task(function()
      local list, wanted = {}, {}
      for i = 1, 3 do
        local p, g = random(4, 3 + i), random(4, 3 + i)
        list[i] = moon.tensor(p, o):requires_grad()
        list[i].grad = moon.tensor(g, o)
        wanted[i] = reference(p, each(p, nil, function() return 0 end), g,
                              { lr = 0.1, momentum = 0.95, nesterov = true,
                                weight_decay = 0, steps = ({ 3, 1, 4 })[i] })
      end
      optim.Muon{ list, lr = 0.1, groups = {
        { match = "1", steps = 3 }, { match = "2", steps = 1 },
        { match = "3", steps = 4 } } }:step()
      for i, t in ipairs(list) do
        assert_near(wanted[i], t:totable(), tolerance)
      end
    end))

    -- Rows that do not follow each other in memory: no vectorised kernel.
    it("steps a transposed matrix, on " .. device, task(function()
      local p, g = random(4, 6), random(4, 6)
      local plain = stepped(function(t) return t end, p, g, { lr = 0.1 })
      local turned = stepped(function(t)
        return t:t():contiguous():t()
      end, p, g, { lr = 0.1 })
      assert_near(plain, turned, tolerance)
    end))
  end

  it("has the same bits for any number of threads", task(function()
    local threads, digests = moon.threads(), {}
    for _, n in ipairs{ 1, 2 } do
      moon.set_threads(n)
      moon.manual_seed(3)
      local list, text = {}, {}
      for i, shape in ipairs{ { 300, 200 }, { 64, 5000 }, { 9, 4 },
                              { 700, 16 }, { 8, 6, 3, 3 } } do
        list[i] = moon.randn(shape):requires_grad()
        list[i].grad = moon.randn(shape)
      end
      local opt = optim.Muon{ list, max_norm = 1 }
      for _ = 1, 2 do opt:step() end
      for i, t in ipairs(list) do text[i] = bits.of(t) end
      digests[n] = table.concat(text)
    end
    moon.set_threads(threads)
    assert.is_true(digests[1] == digests[2])
  end))

  it("steps what is no matrix, and groups with adam, as AdamW does",
     task(function()
    local o = { dtype = "f64", device = "ref" }
    local function parameters()
      return { moon.ones(3, o):requires_grad(),
               moon.ones(2, 2, o):requires_grad() }
    end
    local a, b = parameters(), parameters()
    local muon = optim.Muon{ a, lr = 0.02, adam_lr = 0.01, eps = 1e-6,
      weight_decay = 0.1, groups = { { match = "2", adam = true } } }
    local adam = optim.AdamW{ b, lr = 0.01, betas = { 0.9, 0.95 }, eps = 1e-6,
                              weight_decay = 0.1 }
    for k = 1, 4 do
      for i = 1, 2 do
        local g = moon.full(a[i]:shape(), k - 1.5, o)
        a[i].grad, b[i].grad = g, g
      end
      if k == 3 then muon.lr, adam.lr = 0.01, 0.005 end  -- in proportion
      muon:step()
      adam:step()
    end
    for i = 1, 2 do
      for j, v in ipairs(b[i]:detach():reshape(-1):totable()) do
        assert.near(v, a[i]:detach():reshape(-1):totable()[j], 1e-12)
      end
    end
  end))

  it("clips by the norm of all gradients, those of AdamW's too",
     task(function()
    local o = { dtype = "f64", device = "ref" }
    local start, g = random(2, 3), random(2, 3)
    local bias = { 3, 4 }
    local square = 25
    each(g, nil, function(v) square = square + v * v end)
    local norm = math.sqrt(square)
    local t = moon.tensor(start, o):requires_grad()
    local other = moon.tensor(bias, o):requires_grad()
    local opt = optim.Muon{ { t, other }, lr = 0.1, max_norm = 0.5 }
    local p, v = start, each(start, nil, function() return 0 end)
    local r = { lr = 0.1, momentum = 0.95, nesterov = true, weight_decay = 0 }
    for k = 1, 2 do
      t.grad = moon.tensor(g, o) * k
      other.grad = moon.tensor(bias, o) * k
      assert.near(norm * k, opt:step():item(), 1e-5)
      local scale = 0.5 / (norm * k + 1e-6)
      p, v = reference(p, v, each(g, nil, function(x)
        return x * k * scale
      end), r)
      assert_near(p, t:totable(), 1e-10)
    end
  end))

  it("writes by one op, for all parameters", task(function()
    local model = nn.Sequential{ nn.Linear{ 4, 4 }, nn.ReLU{},
                                 nn.Linear{ 4, 2 } }
    local opt = optim.Muon{ model, lr = 0.1 }
    model(moon.randn(2, 4)):sum():backward()
    local since, n = uv.hrtime(), 0
    opt:step()
    moon.synchronize()
    for _, span in ipairs(moon.streams():recent()) do
      if span.name == "muon" and span.submit_ns > since then n = n + 1 end
    end
    assert.equal(1, n)
  end))

  it("refuses a first lr of 0, and steps that are none", task(function()
    local p = { moon.ones(2, 2):requires_grad() }
    assert.error_matches(function() optim.Muon{ p, lr = 0 } end,
                         "Muon: adam_lr moves in proportion to the first lr")
    assert.error_matches(function() optim.Muon{ p, steps = 0 } end,
                         "Muon: steps is a whole number of at least 1")
    assert.error_matches(function() optim.Muon{ p, betas = { 0.9 } } end,
                         "Muon: betas is two numbers")
    assert.error_matches(function() optim.Muon{ p, betas = { 0.9, 1 } } end,
                         "Muon: betas%[2%] is 1, expected a number in")
  end))
end)
