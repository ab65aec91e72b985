-- The op itself, by its rules; the optimisers of moon.optim have specs of their
-- own, and PyTorch's values.
local bits = require "support.bits"
local context = require "moonseed.context"
local core = require "moonseed.ffi"
local moon = require "moonseed"
local op = require "support.op"
local orthogonal = require "support.orthogonal"
local task = require "support.task"
local tensor = require "moonseed.tensor"
local C, ffi = core.C, core.ffi

local states = { SGD = 1, ADAM = 3, RMSPROP = 3, LION = 1, MUON = 1, LERP = 0,
                 SWAP = 1, NORM = 0 }

-- One step; the gradients' norm. Entries: { p =, g =, s = { states }, rates }.
local function step(rule, entries, options, scaler)
  local list = ffi.new("moon_step_entry[?]", math.max(#entries, 1))
  for i, e in ipairs(entries) do
    local to = list[i - 1]
    to.parameter, to.gradient = e.p and e.p.p, e.g and e.g.p
    for k, t in pairs(e.s or {}) do to.state[k - 1] = t.p end
    to.rates = ffi.new("moon_step_rates", e.rates or {})
    to.rates.rule = C["MOON_STEP_" .. (e.rule or rule)]
  end
  local params = ffi.new("moon_step_params", options or {})
  params.rule = C["MOON_STEP_" .. rule]
  local status = C.moon_step(context.live, #entries, list, params,
                             scaler and scaler.p, tensor.out)
  if status < 0 then error(ffi.string(C.moon_last_error()), 0) end
  return tensor.wrap(tensor.out[0])
end

-- The same for one number each, in Lua: p, g and the states s.
local reference = {}

function reference.SGD(r, p, g, s)
  g = g + r.weight_decay * p
  s[1] = r.beta1 * s[1] + g
  local nesterov = r.flags == C.MOON_STEP_NESTEROV
  return p - r.lr * (nesterov and g + r.beta1 * s[1] or s[1])
end

function reference.ADAM(r, p, g, s)
  if r.flags == C.MOON_STEP_DECOUPLED then
    p = p * (1 - r.lr * r.weight_decay)
  else
    g = g + r.weight_decay * p
  end
  s[1] = r.beta1 * s[1] + (1 - r.beta1) * g
  s[2] = r.beta2 * s[2] + (1 - r.beta2) * g ^ 2
  s[3] = s[3] + 1
  local mean, square = s[1] / (1 - r.beta1 ^ s[3]), s[2] / (1 - r.beta2 ^ s[3])
  return p - r.lr * mean / (math.sqrt(square) + r.eps)
end

function reference.RMSPROP(r, p, g, s)
  g = g + r.weight_decay * p
  s[1] = r.beta2 * s[1] + (1 - r.beta2) * g ^ 2
  local square = s[1]
  if r.flags == C.MOON_STEP_CENTERED then
    s[3] = r.beta2 * s[3] + (1 - r.beta2) * g
    square = square - s[3] ^ 2
  end
  s[2] = r.beta1 * s[2] + g / (math.sqrt(square) + r.eps)
  return p - r.lr * s[2]
end

function reference.LION(r, p, g, s)
  local look = r.beta1 * s[1] + (1 - r.beta1) * g
  s[1] = r.beta2 * s[1] + (1 - r.beta2) * g
  local sign = look > 0 and 1 or look < 0 and -1 or look
  return p * (1 - r.lr * r.weight_decay) - r.lr * sign
end

function reference.MUON(r, p, g, s, direction)
  s[1] = r.beta1 * s[1] + g
  return p * (1 - r.lr * r.weight_decay) - r.lr * direction
end

-- Muon's of all elements, in their order.
local function directions(e, g, v)
  local shape, r, u, list = e.p:shape(), e.rates, {}, {}
  local columns = #g / shape[1]
  if #g == 0 then return list end
  for i = 1, #g do
    local row = math.ceil(i / columns)
    local moved = r.beta1 * v[i] + g[i]
    u[row] = u[row] or {}
    table.insert(u[row], r.flags == C.MOON_STEP_NESTEROV
                         and g[i] + r.beta1 * moved or moved)
  end
  local scale = math.sqrt(math.max(1, shape[1] / columns))
  orthogonal.each(orthogonal.of(u, tonumber(r.steps)), nil, function(x)
    table.insert(list, x * scale)
  end)
  return list
end

function reference.LERP(r, p, g) return p + r.lr * (g - p) end

function reference.SWAP(_, p, _, s)
  local other = s[1]
  s[1] = p
  return other
end

local function rates(t)
  local r = { lr = 0.1, weight_decay = 0, beta1 = 0, beta2 = 0, eps = 0,
              flags = 0, steps = 5 }
  for name, value in pairs(t) do r[name] = value end
  return r
end

local adam = { beta1 = 0.9, beta2 = 0.99, eps = 1e-3, weight_decay = 0.1 }
local cases = {
  { "SGD", "plain", {} },
  { "SGD", "decay", { weight_decay = 0.25 } },
  { "SGD", "momentum", { beta1 = 0.9, weight_decay = 0.01 } },
  { "SGD", "Nesterov", { beta1 = 0.9, flags = C.MOON_STEP_NESTEROV } },
  { "ADAM", "coupled", adam },
  { "ADAM", "decoupled", { beta1 = 0.9, beta2 = 0.99, eps = 1e-3,
    weight_decay = 0.1, flags = C.MOON_STEP_DECOUPLED } },
  { "RMSPROP", "plain", { beta2 = 0.9, eps = 1e-2, weight_decay = 0.1 } },
  { "RMSPROP", "momentum", { beta1 = 0.9, beta2 = 0.9, eps = 1e-2 } },
  { "RMSPROP", "centered", { beta2 = 0.9, eps = 1e-2,
    flags = C.MOON_STEP_CENTERED } },
  { "RMSPROP", "centered, momentum", { beta1 = 0.9, beta2 = 0.9, eps = 1e-2,
    flags = C.MOON_STEP_CENTERED } },
  { "LION", "plain", { beta1 = 0.9, beta2 = 0.99, weight_decay = 0.1 } },
  { "MUON", "plain", { beta1 = 0.9, weight_decay = 0.1 } },
  { "MUON", "Nesterov", { beta1 = 0.9, steps = 2,
    flags = C.MOON_STEP_NESTEROV } },
  { "LERP", "plain", {} },
  { "SWAP", "plain", {} },
}

-- Tensors of `shape` with values from the fixed sequence; squares are positive,
-- the count is one number.
local function entry(rule, r, shape, salt, o)
  local function make(k, fill)
    local s = { fill = fill, unpack(shape) }
    return op.tensor(op.values(s, salt + k), shape, o.dtype, o.device)
  end
  local e = { p = make(1), rates = r, s = {} }
  if rule ~= "SWAP" then e.g = make(2) end
  for k = 1, states[rule] do
    e.s[k] = make(2 + k, rule ~= "SWAP" and "positive" or nil)
  end
  if rule == "RMSPROP" then e.s[3] = e.s[3] * 0.1 end
  if rule == "ADAM" then
    e.s[3] = moon.full({}, 3, { dtype = "f64", device = o.device })
  end
  return e
end

local function numbers(e)
  local list = { p = op.flat(e.p), g = e.g and op.flat(e.g), s = {} }
  for k, t in ipairs(e.s) do list.s[k] = op.flat(t) end
  return list
end

-- The entry after a step, in Lua; the gradients are scaled.
local function expected(rule, e, scale)
  local list = numbers(e)
  local count = rule == "ADAM" and list.s[3][1] + 1
  for i in ipairs(list.g or {}) do list.g[i] = list.g[i] * scale end
  local direction = rule == "MUON" and directions(e, list.g, list.s[1]) or {}
  for i, p in ipairs(list.p) do
    local s = {}
    for k = 1, #list.s do s[k] = list.s[k][i] or list.s[k][1] end
    list.p[i] = reference[rule](e.rates, p, list.g and list.g[i], s,
                                direction[i])
    if count then s[3] = nil end
    for k, v in ipairs(s) do list.s[k][i] = v end
  end
  if count then list.s[3][1] = count end
  return list
end

local function compare(rule, e, wanted, tolerance, what)
  local got = numbers(e)
  op.assert_near(wanted.p, got.p, tolerance, what)
  for k, list in ipairs(got.s) do
    local r = e.rates
    local unused = rule == "SGD" and r.beta1 == 0
      or rule == "RMSPROP" and (k == 2 and r.beta1 == 0
                                or k == 3 and r.flags == 0)
    if not unused then
      op.assert_near(wanted.s[k], list, tolerance, what .. ", state " .. k)
    end
  end
end

local shapes = { { 3, 4 }, {}, { 2, 3, 2, 2 }, { 0 } }
local matrices = { { 3, 4 }, { 7, 2 }, { 2, 3, 2, 2 }, { 1, 6 }, { 3, 0 } }

describe("the step op", function()
  for _, case in ipairs(cases) do
    local rule, name, r = case[1], case[2], rates(case[3])
    op.everywhere(("is its formula: %s, %s"):format(rule, name),
                  function(device)
      local o = { dtype = device == "ref" and "f64" or "f32", device = device }
      local clips = rule ~= "LERP" and rule ~= "SWAP"
      local entries, wanted, square = {}, {}, 0
      for i, shape in ipairs(rule == "MUON" and matrices or shapes) do
        entries[i] = entry(rule, r, shape, 10 * i, o)
        for _, g in ipairs(entries[i].g and numbers(entries[i]).g or {}) do
          square = square + g ^ 2
        end
      end
      local scale = clips and 0.5 / (math.sqrt(square) + 1e-6) or 1
      for i, e in ipairs(entries) do wanted[i] = expected(rule, e, scale) end
      local norm = step(rule, entries, clips and { max_norm = 0.5 })
      assert.near(math.sqrt(square), norm:item(), 1e-5)
      for i, e in ipairs(entries) do
        compare(rule, e, wanted[i], device == "ref" and 1e-12 or 2e-6,
                ("%s, entry %d"):format(device, i))
      end
    end)
  end

  -- Large enough for several parts, channels-last, with gathered gradients.
  for _, case in ipairs(cases) do
    local rule, name, r = case[1], case[2], rates(case[3])
    it(("has the same bits for any number of threads: %s, %s"):format(
      rule, name), task(function()
      local threads, digests = moon.threads(), {}
      for _, n in ipairs{ 1, 2 } do
        moon.set_threads(n)
        local o = { dtype = "f32", device = "cpu" }
        local e = entry(rule, r, { 8, 40, 30, 25 }, 5, o)
        local small = entry(rule, r, { 3, 5 }, 7, o)
        if e.g then e.g = e.g:permute(1, 3, 4, 2):contiguous()
                            :permute(1, 4, 2, 3) end
        local norm = step(rule, { e, small }, { max_value = 0.4,
                          max_norm = 10 })
        digests[n] = bits.of(e.p) .. bits.of(small.p) .. bits.of(norm)
        for _, t in ipairs(e.s) do digests[n] = digests[n] .. bits.of(t) end
      end
      moon.set_threads(threads)
      assert.is_true(digests[1] == digests[2])
    end))
  end

  op.everywhere("cuts values, then scales to the norm of what they are",
                function(device)
    local o = { dtype = "f64", device = device }
    local e = { p = moon.zeros(2, o), g = moon.tensor({ 3, -0.5 }, o),
                rates = rates{ lr = 1 } }
    local norm = step("SGD", { e }, { max_value = 1, max_norm = 0.5 })
    local square = math.sqrt(1.25)
    assert.near(square, norm:item(), 1e-6)
    local scale = 0.5 / (square + 1e-6)
    op.assert_near({ -scale, 0.5 * scale }, op.flat(e.p), 1e-12, device)
  end)

  op.everywhere("keeps NaN", function(device)
    local o = { device = device }
    for _, case in ipairs(cases) do
      local rule = case[1]
      if rule ~= "SWAP" and rule ~= "MUON" then
        local e = entry(rule, rates(case[3]), { 2 }, 3, {
          dtype = "f32", device = device })
        e.g = moon.tensor({ 0 / 0, 1 }, o)
        step(rule, { e }, rule ~= "LERP" and { max_value = 1 } or nil)
        local p = op.flat(e.p)
        assert.is_true(p[1] ~= p[1] and p[2] == p[2], rule)
      end
    end
  end)

  op.everywhere("gives each entry its own rates and rule", function(device)
    local o = { dtype = "f64", device = device }
    local function one(rule, r)
      return { p = moon.ones(1, o), g = moon.ones(1, o), rule = rule,
               rates = rates(r), s = { moon.zeros(1, o) } }
    end
    local a, b = one("SGD", { lr = 0.5 }), one("SGD", { lr = 0.25 })
    local c = one("LION", { lr = 0.125, beta2 = 0.5 })
    local d = { g = moon.ones(1, o), rule = "NORM" }
    assert.near(2, step("SGD", { a, b, c, d }):item(), 1e-6)
    assert.same({ 0.5, 0.75, 0.875, 0.5 },
                { a.p:item(), b.p:item(), c.p:item(), c.s[1]:item() })
  end)

  op.everywhere("leaves out entries without a gradient", function(device)
    local o = { device = device }
    local e = { p = moon.ones(1, o), rates = rates{} }
    assert.equal(0, step("SGD", { e }):item())
    assert.equal(1, e.p:item())
  end)

  op.everywhere("changes nothing when an operand carries an error",
                function(device)
    local o = { device = device }
    local bad = moon.ones(1, o)
    bad = bad:index_select(1, op.index(bad, { 1 }))
    local count = { dtype = "f64", device = device }
    local good = { p = moon.ones(1, o), g = moon.ones(1, o),
                   rates = rates(adam), s = { moon.zeros(1, o),
                   moon.zeros(1, o), moon.zeros({}, count) } }
    local failed = { p = moon.ones(1, o), g = bad, rule = "SGD",
                     rates = rates{} }
    step("ADAM", { good, failed })
    assert.error_matches(function() good.p:await() end,
                         "index_select: index 1 at position 1 is outside")
    assert.same({ 1, 0, 0, 0 }, { good.p:item(), good.s[1]:item(),
                                  good.s[2]:item(), good.s[3]:item() })
    assert.equal(1, failed.p:item())
  end)

  op.everywhere("of no entries has the norm 0", function()
    assert.equal(0, step("SGD", {}):item())
  end)

  local function refuses(what, text, fn)
    op.refuses(what, text, function()
      local e = { p = moon.zeros(2), g = moon.zeros(2), rates = rates{} }
      fn(e)
    end)
  end
  refuses("a gradient of another shape", "sgd: gradient 1 is 3, its parameter "
    .. "2", function(e)
    e.g = moon.zeros(3)
    step("SGD", { e })
  end)
  refuses("a gradient of another dtype", "sgd: gradient 1 is f64, its "
    .. "parameter f32", function(e)
    e.g = moon.zeros(2, { dtype = "f64" })
    step("SGD", { e })
  end)
  refuses("momentum without velocity", "sgd: no state 1 of parameter 1",
          function(e)
    e.rates.beta1 = 0.9
    step("SGD", { e })
  end)
  refuses("a count that is no number", "adam: count 1 is f32 2, expected one "
    .. "f64", function(e)
    e.s = { moon.zeros(2), moon.zeros(2), moon.zeros(2) }
    step("ADAM", { e })
  end)
  refuses("a parameter twice", "sgd: parameters 1 and 2 are the same",
          function(e) step("SGD", { e, e }) end)
  refuses("an entry without parameter", "lion: entry 1 has no parameter",
          function(e)
    e.p = nil
    step("LION", { e })
  end)
  refuses("Muon of a vector", "muon: parameter 1 is 2, no matrix", function(e)
    step("MUON", { e })
  end)
  refuses("Muon without steps", "muon: 0 steps; 1 to 100 needed", function(e)
    e.rates.steps = 0
    step("MUON", { e })
  end)
  refuses("rates that are none", "rmsprop: eps -1", function(e)
    e.rates.eps = -1
    step("RMSPROP", { e })
  end)
end)
