-- A slot: what its forward computes, in which streams, and what it costs when
-- nothing grows in it.

local bits = require "support.bits"
local gardens = require "support.garden"
local moon = require "moonseed"
local task = require "support.task"
local nn, seed = moon.nn, moon.seed

local KINDS = { "add", "multiply", "gate" }

-- A model that is only a slot, so that its output is the blend.
local function bare(options, channels, rng_seed)
  local o = { "here" }
  for name, value in pairs(options or {}) do o[name] = value end
  local model = nn.Sequential{ seed.Slot(o) }
  local garden = seed.Garden{
    model, classes = 4, gates = "permissive", rng_seed = rng_seed or 0,
    blending = { steps = 1, curve = "linear" },
    valid = moon.data.tensors{ moon.randn(16, channels or 4, 6, 6),
                               moon.randint(0, 4, 16) } }
  return model, garden:slot "here", garden
end

-- Weights that make it no identity any more.
local function shake(module)
  moon.no_grad(function()
    for _, p in module:parameters() do
      p:copy_(p:detach() + moon.randn(p:shape()) * 0.3)
    end
  end)
end

-- A seed in BLENDING, with weights at random and this alpha.
local function blend_at(slot, alpha, kind, index)
  slot:germinate("conv_small", { kind = kind, seed = index })
  slot:advance{ force = true, seed = index }
  slot:advance{ force = true, seed = index }
  local s = slot:seed(index)
  shake(s.module)
  if s.gate then shake(s.gate) end
  s:set_alpha(alpha)
  return s
end

local function near(a, b)
  assert.is_true(moon.allclose(a, b, { rtol = 1e-5, atol = 1e-6 }))
end

local function counts()
  moon.synchronize()
  local stats = moon.stats()
  return { stats.ops, stats.live_tensors, stats.allocated_bytes,
           stats.system_allocs }
end

local expected = {}
function expected.add(h, s, a) return h * (1 - a) + s * a end
function expected.multiply(h, s, a, x) return h * ((s - x):tanh() * a + 1) end
function expected.gate(h, s, a, _, gate)
  local g = gate(h:mean({ 3, 4 })):sigmoid():reshape(h:size(1), 1, 1, 1)
  return h * (g * -a + 1) + s * g * a
end

describe("a dormant slot", function()
  it("is its input", task(function()
    local model = bare{ seeds = 3 }
    local x = moon.randn(2, 4, 6, 6)
    assert.is_true(rawequal(x, model(x)))
  end))

  it("adds no op, no tensor, no byte and no stream", task(function()
    local x = moon.randn(2, 4, 6, 6)
    local model, slot, garden = bare{ seeds = 2 }
    model(x)
    garden:step{}
    local before = counts()
    for _ = 1, 10 do
      model(x)
      garden:step{}
    end
    assert.same(before, counts())
    for _, s in ipairs(slot:seeds()) do assert.is_nil(s.stream) end
  end))

  it("costs as much after a seed was there", task(function()
    local x = moon.randn(2, 4, 6, 6)
    local model, slot = bare()
    blend_at(slot, 0.5)
    model(x):await()
    slot:prune()
    local before = counts()
    assert.is_true(rawequal(x, model(x)))
    assert.same(before, counts())
  end))
end)

describe("a slot's blend", function()
  for _, kind in ipairs(KINDS) do
    for _, a in ipairs{ 0, 0.25, 0.5, 1 } do
      it(("is %s's equation at %g"):format(kind, a), task(function()
        local model, slot = bare()
        local x = moon.randn(3, 4, 6, 6)
        local s = blend_at(slot, a, kind)
        local y = model(x)
        near(y, expected[kind](x, s.module(x), a, x, s.gate))
        if a == 0 then assert.is_true(bits.of(x) == bits.of(y)) end
        if a > 0 then
          assert.is_true((y - x):abs():max():item() > 1e-3)
        end
      end))
    end
  end

  it("changes with the seed's weights", task(function()
    local model, slot = bare()
    local x = moon.randn(3, 4, 6, 6)
    local s = blend_at(slot, 0.5)
    local y = model(x)
    shake(s.module)
    assert.is_true((model(x) - y):abs():max():item() > 1e-2)
  end))

  it("changes with where the garden's random numbers start", task(function()
    local function weights(rng_seed)
      local _, slot = bare({}, 4, rng_seed)
      slot:germinate "conv_light"
      local all = {}
      for _, p in slot:seed().module:parameters() do
        all[#all + 1] = p:detach()
      end
      return bits.of_all(all)
    end
    assert.is_true(weights(1) == weights(1))
    assert.is_true(weights(1) ~= weights(2))
  end))

  it("beside a host branch takes the branch for h", task(function()
    for _, kind in ipairs(KINDS) do
      local branch = nn.Conv2d{ 4, 4, kernel = 3, padding = 1 }
      local model, slot = bare{ host = branch }
      local x = moon.randn(3, 4, 6, 6)
      local s = blend_at(slot, 0.25, kind)
      local h, out = branch(x), s.module(x)
      if kind ~= "multiply" then out = h + (out - x) end
      near(model(x), expected[kind](h, out, 0.25, x, s.gate))
    end
  end))

  it("beside a host branch is that branch until the seed has learnt",
     task(function()
    local branch = nn.Conv2d{ 4, 4, kernel = 3, padding = 1 }
    for _, kind in ipairs(KINDS) do
      local model, slot = bare{ host = branch }
      local x = moon.randn(3, 4, 6, 6)
      local before = model(x)
      slot:germinate("conv_small", { kind = kind })
      slot:advance{ force = true }
      slot:advance{ force = true }
      slot:seed():set_alpha(0.7)
      near(model(x), before)
    end
  end))
end)

describe("several seeds", function()
  -- What each of h and the seeds' outputs has of y: dy/ds, by ADD's rule.
  local function shares(alphas)
    local rest, list = 1, {}
    for i = #alphas, 1, -1 do
      list[i + 1], rest = rest * alphas[i], rest * (1 - alphas[i])
    end
    list[1] = rest
    return list
  end

  it("blend one after another, in shares that add up to one", task(function()
    local model, slot = bare{ seeds = 3 }
    local x = moon.randn(3, 4, 6, 6)
    for index = 1, 3 do blend_at(slot, 0, "add", index) end
    for _ = 1, 20 do
      local alphas, y, total = {}, nil, 0
      for i, s in ipairs(slot:seeds()) do
        alphas[i] = math.random()
        s:set_alpha(alphas[i])
      end
      for i, share in ipairs(shares(alphas)) do
        local part = i == 1 and x or slot:seed(i - 1).module(x)
        y = y and y + part * share or part * share
        assert.is_true(share >= 0)
        total = total + share
      end
      assert.is_true(math.abs(total - 1) < 1e-12)
      near(model(x), y)
    end
  end))

  it("of other kinds take what those before have left", task(function()
    local model, slot = bare{ seeds = 3 }
    local x = moon.randn(3, 4, 6, 6)
    local y = x
    for index, kind in ipairs(KINDS) do
      blend_at(slot, 0.3 * index, kind, index)
    end
    for index, kind in ipairs(KINDS) do
      local s = slot:seed(index)
      y = expected[kind](y, s.module(x), 0.3 * index, x, s.gate)
    end
    near(model(x), y)
  end))

  it("that are disabled are left out", task(function()
    local model, slot = bare{ seeds = 2 }
    local x = moon.randn(3, 4, 6, 6)
    blend_at(slot, 0.5, "add", 1)
    blend_at(slot, 0.5, "add", 2)
    slot.disabled = { [1] = true }
    near(model(x), expected.add(x, slot:seed(2).module(x), 0.5))
    slot.disabled = { [1] = true, [2] = true }
    assert.is_true(bits.of(x) == bits.of(model(x)))
  end))
end)

-- --- streams ---------------------------------------------------------------

-- Spans of convolutions by stream, of what fn queues.
local function spans_of(fn, wanted)
  moon.synchronize()
  local from = 0
  for _, span in ipairs(moon.streams():recent()) do
    from = math.max(from, span.submit_ns)
  end
  fn()
  moon.synchronize()
  local by_stream = {}
  for _, span in ipairs(moon.streams():recent()) do
    if span.submit_ns > from and span.name:find(wanted) then
      local s = by_stream[span.stream] or { math.huge, 0 }
      by_stream[span.stream] = { math.min(s[1], span.start_ns),
                                 math.max(s[2], span.end_ns) }
    end
  end
  return by_stream
end

-- Whether n streams were at work at the same time.
local function together(by_stream, n)
  local count, first_end, last_start = 0, math.huge, 0
  for _, span in pairs(by_stream) do
    count = count + 1
    last_start = math.max(last_start, span[1])
    first_end = math.min(first_end, span[2])
  end
  return count == n and last_start < first_end
end

-- Other programs disturb: it has to be seen once. Three threads, that none of
-- three streams has to wait for one.
local function eventually(fn)
  local threads, seen = moon.threads(), false
  moon.set_threads(3)
  for _ = 1, 10 do seen = seen or fn() end
  moon.set_threads(threads)
  return seen
end

describe("the host's branch and the seeds'", function()
  -- Long rows of convolutions.
  local function branch()
    local list = {}
    for i = 1, 4 do
      list[i] = nn.Conv2d{ 16, 16, kernel = 3, padding = 1, bias = false }
    end
    return nn.Sequential(list)
  end

  local function slot_of_two(concurrent)
    local model, slot = bare({ seeds = 2, host = branch(),
                                       concurrent = concurrent }, 16)
    for index = 1, 2 do
      local s = blend_at(slot, 0.5, "add", index)
      s.module = branch()
      slot["seed" .. index] = s.module
      s:set_apart()
    end
    return model, slot
  end

  it("run side by side, forward and backward", task(function()
    local model = slot_of_two()
    local x = moon.randn(16, 16, 32, 32):requires_grad()
    local y
    assert.is_true(eventually(function()
      return together(spans_of(function() y = model(x) end, "^conv"), 3)
    end), "forward")
    assert.is_true(eventually(function()
      y = model(x)
      local loss = y:sum()
      return together(spans_of(function() loss:backward() end, "^conv"), 3)
    end), "backward")
  end))

  it("run on one stream where they are not concurrent", task(function()
    local model = slot_of_two(false)
    local x = moon.randn(4, 16, 32, 32)
    local spans = spans_of(function() model(x) end, "^conv")
    assert.is_nil(next(spans, next(spans)))
  end))

  -- The same, composed by hand on one stream.
  local function plain(slot, x)
    local h = slot.host(x)
    local alpha = moon.full({ 1 }, 0.5)
    local own, outputs = h, {}
    for i, s in ipairs(slot:seeds()) do outputs[i] = s.module(x) end
    for _, s in ipairs(outputs) do
      h = moon.blend(h, own + (s - x), alpha)
    end
    return h
  end

  it("give the bits of one stream, gradients too", task(function()
    local model, slot = slot_of_two()
    local x = moon.randn(4, 16, 16, 16)
    local function run(fn)
      for _, p in model:parameters() do p.grad = nil end
      local input = x:clone():requires_grad()
      local y = fn(input);
      (y * y):sum():backward()
      local all = { y:detach(), input.grad }
      for _, p in model:parameters() do all[#all + 1] = p.grad end
      return bits.of_all(all)
    end
    local one = moon.on(moon.streams():default(), function()
      return run(function(input) return plain(slot, input) end)
    end)
    for _ = 1, 5 do
      assert.is_true(one == run(function(input) return model(input) end))
    end
  end))

  it("are read without waiting for them", task(function()
    local model, slot = slot_of_two()
    local x = moon.randn(32, 16, 64, 64)
    model(x):await()
    local before = moon.stats().blocked_waits
    local y = model(x)
    assert.equal(0.5, slot:alpha())
    assert.equal("BLENDING", slot:stage())
    for _, s in ipairs(slot:seeds()) do
      s:measure "output_norm"
      s:errors()
    end
    assert.is_false(y:is_ready())
    assert.equal(before, moon.stats().blocked_waits)
    y:await()
    assert.is_number(slot:seed():measure "output_norm")
    assert.equal(before, moon.stats().blocked_waits)
  end))
end)

-- --- what it refuses -------------------------------------------------------

describe("a slot refuses", function()
  local function fails(pattern, fn, ...)
    local ok, why = pcall(fn, ...)
    assert.is_false(ok)
    assert.matches(pattern, why)
  end

  it("to be made of nonsense", function()
    fails("the name is empty", seed.Slot, { "" })
    fails("seeds", seed.Slot, { "a", seeds = 0 })
    fails("host is a module", seed.Slot, { "a", host = 5 })
    fails("concurrent", seed.Slot, { "a", concurrent = 1 })
  end)

  it("a position that it has not", function()
    fails("no seed 3, it has 2", function()
      seed.Slot{ "a", seeds = 2 }:seed(3)
    end)
  end)

  it("to grow in no garden", task(function()
    fails("is in no garden", function()
      seed.Slot{ "a" }:germinate "noop"
    end)
  end))

  it("a seed where none is free, and changes nothing", task(function()
    local run = gardens.run()
    run.steps(1)
    run.slot:germinate "noop"
    fails("GERMINATED cannot follow GERMINATED", function()
      run.slot:germinate "noop"
    end)
    assert.equal("GERMINATED", run.slot:stage())
    run.garden:close()
  end))
end)
