-- The loss scale: steps that are skipped, and how it follows the gradients.
local bits = require "support.bits"
local moon = require "moonseed"
local op = require "support.op"
local optim = require "moonseed.optim"
local task = require "support.task"

local classes = { "SGD", "Adam", "AdamW", "RMSprop", "Lion", "Muon" }
local more = { SGD = { momentum = 0.9 }, RMSprop = { momentum = 0.9 } }

local function optimiser(name, p, options)
  local all = { p, lr = 0.1 }
  for key, value in pairs(more[name] or {}) do all[key] = value end
  for key, value in pairs(options or {}) do all[key] = value end
  return optim[name](all)
end

local function parameters(device)
  local o = { dtype = "f32", device = device }
  return { moon.tensor({ { 1, -2, 3 }, { 4, 5, 6 } }, o):requires_grad(),
           moon.tensor({ 0.5, -0.25 }, o):requires_grad() }
end

-- fn(class, device) for all of both; a GPU need not have every kernel.
local function each(fn)
  for _, name in ipairs(classes) do
    op.on_each(function(device) fn(name, device) end)
  end
end

-- A step along gradients that are `by` times the parameters' values, or so.
local function step(opt, p, by)
  opt:zero_grad()
  local loss = (p[1] ^ 2):sum() * 0.5 + (p[2] ^ 2):sum()
  opt:scale(loss * by):backward()
  return opt:step()
end

-- All bits of parameters and state, but for the loss scale itself.
local function all_bits(opt, p)
  local list = { bits.of(p[1]), bits.of(p[2]) }
  for name, t in pairs(opt:state()) do
    if name ~= "loss_scale" then list[name] = bits.of(t) end
  end
  return list
end

local function scale_of(opt) return opt:state().loss_scale:totable() end

describe("a loss scale", function()
  it("changes no bit of a step", task(function()
    each(function(name, device)
      for _, clip in ipairs{ {}, { max_norm = 1 }, { max_value = 0.5 } } do
        local p, q = parameters(device), parameters(device)
        local plain = optimiser(name, p, clip)
        clip.loss_scale = 1024
        local scaled = optimiser(name, q, clip)
        for _ = 1, 3 do
          step(plain, p, 1)
          step(scaled, q, 1)
        end
        assert.same(all_bits(plain, p), all_bits(scaled, q), name)
      end
    end)
  end))

  it("skips a step whose gradients are not finite, and is halved",
     task(function()
    each(function(name, device)
      for _, clip in ipairs{ {}, { max_norm = 1 }, { max_value = 0.5 } } do
        for _, fault in ipairs{ math.huge, 0 / 0 } do
          local p = parameters(device)
          clip.loss_scale = "dynamic"
          local opt = optimiser(name, p, clip)
          step(opt, p, 1)
          local before = all_bits(opt, p)
          step(opt, p, fault)
          assert.same(before, all_bits(opt, p), name)
          assert.same({ 32768, 0, 0 }, scale_of(opt), name)
          step(opt, p, 1)
          assert.not_same(before, all_bits(opt, p), name)
          assert.same({ 32768, 1, 0 }, scale_of(opt), name)
        end
      end
    end)
  end))

  it("skips a step for one element of one gradient", task(function()
    local p = parameters()
    local opt = optimiser("Adam", p, { loss_scale = "dynamic" })
    step(opt, p, 1)
    local before = all_bits(opt, p)
    p[2].grad:narrow(1, 2, 1):fill_(-math.huge)
    opt:step()
    assert.same(before, all_bits(opt, p))
    assert.same({ 32768, 0, 0 }, scale_of(opt))
  end))

  it("doubles after 2000 steps", task(function()
    local p = parameters()
    local opt = optimiser("SGD", p, { loss_scale = "dynamic" })
    step(opt, p, 1)
    local state = opt:state()
    state.loss_scale = moon.tensor({ 64, 1998, 0 }, { dtype = "f64" })
    opt:load_state(state)
    step(opt, p, 1)
    assert.same({ 64, 1999, 0 }, scale_of(opt))
    step(opt, p, 1)
    assert.same({ 128, 0, 0 }, scale_of(opt))
  end))

  it("stays where it is a number, and steps are skipped all the same",
     task(function()
    local p = parameters()
    local opt = optimiser("SGD", p, { loss_scale = 256 })
    step(opt, p, 1)
    local before = all_bits(opt, p)
    step(opt, p, math.huge)
    assert.same(before, all_bits(opt, p))
    assert.same({ 256, 0, 0 }, scale_of(opt))
  end))

  it("does not vanish", task(function()
    local p = parameters()
    local opt = optimiser("SGD", p, { loss_scale = "dynamic" })
    for _ = 1, 60 do step(opt, p, 0 / 0) end
    assert.same({ 2 ^ -24, 0, 0 }, scale_of(opt))
  end))

  it("is multiplied into the loss, and the gradients tell", task(function()
    local p = parameters()
    local opt = optimiser("SGD", p, { loss_scale = 8 })
    local loss = p[2]:sum()
    assert.equal(2, opt:scale(loss):item())
    opt:scale(loss):backward()
    assert.same({ 8, 8 }, p[2].grad:totable())
    local plain = optimiser("SGD", p)
    assert.is_true(rawequal(loss, plain:scale(loss)))
  end))

  it("gives the norm of gradients without it", task(function()
    local p = parameters()
    local opt = optimiser("SGD", { p[2] },
                          { loss_scale = 8, max_norm = 100 })
    opt:scale((p[2] * moon.tensor{ 3, 4 }):sum()):backward()
    assert.equal(5, opt:step():item())
  end))

  it("is saved and loaded, in every bit", task(function()
    local p, q = parameters(), parameters()
    local one = optimiser("AdamW", p, { loss_scale = "dynamic" })
    step(one, p, 1)
    step(one, p, math.huge)
    step(one, p, 1)
    local two = optimiser("AdamW", q, { loss_scale = "dynamic" })
    two:load_state(one:state())
    assert.same({ 32768, 1, 0 }, scale_of(two))
    assert.error_matches(function()
      optimiser("AdamW", q):load_state(one:state())
    end, "unexpected loss_scale")
  end))

  it("begins anew with another value of the option", task(function()
    local p = parameters()
    local opt = optimiser("SGD", p, { loss_scale = 8 })
    assert.same({ 8, 0, 0 }, scale_of(opt))
    opt.loss_scale = "dynamic"
    assert.same({ 65536, 0, 0 }, scale_of(opt))
    opt.loss_scale = nil
    assert.is_nil(opt:state().loss_scale)
    opt.loss_scale = "high"
    assert.error_matches(function() opt:step() end,
                         'loss_scale is "dynamic" or a number above 0')
  end))

  it("is refused where it is none", function()
    for _, value in ipairs{ 0, -1, math.huge, "static", true } do
      assert.error_matches(function()
        optim.SGD{ parameters(), lr = 0.1, loss_scale = value }
      end, "SGD: loss_scale is \"dynamic\" or a number above 0, not "
           .. tostring(value), 1, true)
    end
  end)

  it("is settled once by the steps of several sets", task(function()
    local nn = moon.nn
    local host, guest = nn.Linear{ 3, 2 }, nn.Linear{ 3, 2 }
    guest.apart = function(fn, ...) return fn(...) end  -- as a seed has
    local opt = optim.SGD{ nn.Sequential{ host, guest }, lr = 0.1,
                           loss_scale = "dynamic" }
    local function all_of(model)
      local list = {}
      for name, p in model:parameters() do list[name] = bits.of(p) end
      return list
    end
    local function both(by)
      local x = moon.full({ 4, 3 }, 1)
      opt:zero_grad()
      opt:scale(host(x):sum() + guest(x):sum() * by):backward()
      opt:step()
    end
    both(1)
    assert.same({ 65536, 1, 0 }, scale_of(opt))
    local before, other = all_of(guest), all_of(host)
    both(math.huge)
    assert.same({ 32768, 0, 0 }, scale_of(opt))
    assert.same(before, all_of(guest))
    assert.are_not.same(other, all_of(host))
    both(1)
    assert.same({ 32768, 1, 0 }, scale_of(opt))
  end))
end)
