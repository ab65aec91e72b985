-- The op itself; optim.SGD has specs of its own.
local context = require "moonseed.context"
local core = require "moonseed.ffi"
local moon = require "moonseed"
local op = require "support.op"
local tensor = require "moonseed.tensor"
local C, ffi = core.C, core.ffi

local function pointers(list)
  local p = ffi.new("moon_tensor *[?]", math.max(#list, 1))
  for i, t in ipairs(list) do p[i - 1] = t.p end
  return p
end

-- One step; the gradients' norm. `v` may be empty.
local function step(p, g, v, options)
  local params = ffi.new("moon_sgd_params", options)
  local velocity = #v > 0 and pointers(v) or nil
  local status = C.moon_sgd_step(context.live, #p, pointers(p), pointers(g),
                                 velocity, params, tensor.out)
  if status < 0 then error(ffi.string(C.moon_last_error()), 0) end
  return tensor.wrap(tensor.out[0])
end

-- The same for one number each, in Lua; scale is that of the gradient.
local function expected(s, p, v, g, scale)
  g = g * scale + s.weight_decay * p
  v = s.momentum * v + g
  local move = s.nesterov == 1 and g + s.momentum * v or v
  return p - s.lr * move, v
end

describe("the sgd op", function()
  local settings = {
    plain = { lr = 0.1, momentum = 0, weight_decay = 0 },
    decay = { lr = 0.1, momentum = 0, weight_decay = 0.25 },
    momentum = { lr = 0.1, momentum = 0.9, weight_decay = 0.01 },
    nesterov = { lr = 0.1, momentum = 0.9, weight_decay = 0, nesterov = 1 },
    clipped = { lr = 0.1, momentum = 0.5, weight_decay = 0, max_norm = 0.5 },
    unclipped = { lr = 0.1, momentum = 0.5, weight_decay = 0, max_norm = 9 },
  }
  for name, s in pairs(settings) do
    op.everywhere("steps: " .. name, function(device)
      local o = { dtype = "f64", device = device }
      local p = { moon.full({ 2 }, 1, o), moon.full({}, -2, o) }
      local g = { moon.full({ 2 }, 0.5, o), moon.full({}, 1, o) }
      local v = { moon.zeros(2, o), moon.zeros({}, o) }
      local norm = math.sqrt(2 * 0.25 + 1)
      local scale = 1
      if s.max_norm then scale = math.min(1, s.max_norm / (norm + 1e-6)) end
      local p1, v1, p2, v2 = 1, 0, -2, 0
      for _ = 1, 3 do
        local got = step(p, g, s.momentum > 0 and v or {}, s)
        assert.near(norm, got:item(), 1e-6)
        p1, v1 = expected(s, p1, v1, 0.5, scale)
        p2, v2 = expected(s, p2, v2, 1, scale)
        op.assert_near({ p1, p1 }, op.flat(p[1]), 1e-12, device)
        op.assert_near({ p2 }, op.flat(p[2]), 1e-12, device)
      end
    end)
  end

  op.everywhere("changes nothing when a gradient carries an error",
                function(device)
    local o = { device = device }
    local p = { moon.ones(1, o), moon.ones(1, o) }
    local bad = moon.ones(1, o)
    bad = bad:index_select(1, op.index(bad, { 1 }))
    step(p, { moon.ones(1, o), bad }, {}, settings.plain)
    assert.error_matches(function() p[1]:await() end,
                         "index_select: index 1 at position 1 is outside")
    assert.equal(1, p[1]:item())
    assert.equal(1, p[2]:item())
  end)

  op.everywhere("of no parameters has the norm 0", function()
    assert.equal(0, step({}, {}, {}, settings.plain):item())
  end)

  op.refuses("a gradient of another shape",
             "sgd: gradient 1 is 3, its parameter 2", function()
    step({ moon.zeros(2) }, { moon.zeros(3) }, {}, settings.plain)
  end)
  op.refuses("momentum without velocity",
             "sgd: momentum 0.9, and no velocity of parameter 1", function()
    step({ moon.zeros(2) }, { moon.zeros(2) }, {}, settings.momentum)
  end)
  op.refuses("a parameter twice", "sgd: parameters 1 and 2 are the same",
             function()
    local p, g = moon.zeros(2), moon.zeros(2)
    step({ p, p }, { g, g }, {}, settings.plain)
  end)
end)
