-- nn.init: first values.
local task = require "support.task"
local moon = require "moonseed"
local init = moon.nn.init

-- Of 64 x 32 x 3 x 3: deviations of the mean and of the standard deviation,
-- four of their own at most; draws are seeded, or one run in a thousand failed.
local function near(t, std, most)
  assert.near(0, t:mean():item(), 4 * std / math.sqrt(t:numel()))
  assert.near(std, math.sqrt(t:var():item()), 0.02 * std)
  if most then
    local largest = t:abs():max():item()
    assert.is_true(largest <= most * (1 + 1e-6) and largest > 0.99 * most)
  end
end

local function weight() return moon.zeros(64, 32, 3, 3):requires_grad() end

describe("nn.init", function()
  it("has He's and Glorot's deviations", task(function()
    moon.manual_seed(1)
    local fan_in, fan_out, root = 32 * 9, 64 * 9, math.sqrt
    local std = root(2 / fan_in)
    near(init.kaiming_normal_(weight()), std)
    near(init.kaiming_uniform_(weight()), std, root(3) * std)
    near(init.kaiming_normal_(weight(), { mode = "fan_out" }),
         root(2 / fan_out))
    near(init.kaiming_uniform_(weight(), { nonlinearity = "leaky_relu",
                                           slope = root(5) }),
         root(1 / 3 / fan_in), 1 / root(fan_in))
    std = root(2 / (fan_in + fan_out))
    near(init.xavier_normal_(weight()), std)
    near(init.xavier_uniform_(weight(), { gain = 2 }), 2 * std,
         2 * root(3) * std)
  end))

  it("has PyTorch's gains", task(function()
    assert.equal(1, init.gain "linear")
    assert.equal(5 / 3, init.gain "tanh")
    assert.near(math.sqrt(2), init.gain "relu", 1e-12)
    assert.near(1.4141428569978354, init.gain "leaky_relu", 1e-12)
    assert.near(0.4472135954999579 * math.sqrt(2),
                init.gain("leaky_relu", 2), 1e-12)
  end))

  it("fills with numbers", task(function()
    moon.manual_seed(1)
    local t = moon.zeros(100, 100)
    assert.is_true(rawequal(t, init.constant_(t, 3)))
    assert.equal(3, t:min():item())
    assert.equal(1, init.ones_(t):max():item())
    assert.equal(0, init.zeros_(t):max():item())
    near(init.normal_(t), 1)
    near(init.normal_(t, 0, 0.02), 0.02)
    init.uniform_(t, 2, 4)
    assert.is_true(t:min():item() >= 2 and t:max():item() < 4)
  end))

  -- In order, each value lies where the formula's share of values is below it.
  for _, case in ipairs{
    { "as it comes" },
    { "on one side", mean = 1, std = 0.5, a = 1.25, b = 4 },
    { "so wide that nothing is cut", std = 0.02 },
    { "in a tail", a = 3, b = 3.5 },
  } do
    it("cuts a normal off: " .. case[1], task(function()
      local o = { mean = case.mean, std = case.std, a = case.a, b = case.b }
      local t = init.trunc_normal_(moon.zeros(200, 100, { dtype = "f64" }), o)
      local mean, std = o.mean or 0, o.std or 1
      local a, b = o.a or -2, o.b or 2
      assert.is_true(t:min():item() >= a and t:max():item() <= b)
      local function share(x)
        return (((x - mean) / (std * math.sqrt(2))):erf() + 1) / 2
      end
      local ends = share(moon.tensor({ a, b }, { dtype = "f64" })):totable()
      local found = (share(t:reshape(-1)) - ends[1]) / (ends[2] - ends[1])
      local n = t:numel()
      local wanted = moon.arange(n, { dtype = "f64" }) / n
      local distance = (found:sort() - wanted):abs():max():item()
      assert.is_true(distance < 2 / math.sqrt(n), distance)
    end))
  end

  it("cuts a normal off at its quantiles, in f32 and f64", task(function()
    for dtype, tolerance in pairs{ f32 = 2e-5, f64 = 4e-6 } do
      local n = 1000
      local o = { dtype = dtype, device = "ref" }
      moon.manual_seed(5)
      local t = init.trunc_normal_(moon.zeros(n, o), { a = -3, b = 4 })
      moon.manual_seed(5)
      local drawn = moon.rand(n, o):to("f64"):totable()
      local ends = moon.tensor({ -3, 4 }, { dtype = "f64" }) / math.sqrt(2)
      local low, high = unpack(ends:erf():totable())
      local back = (t:to("f64") / math.sqrt(2)):erf():totable()
      for i = 1, n do
        assert.near(low + drawn[i] * (high - low), back[i], tolerance)
      end
    end
  end))

  it("makes rows or columns at right angles", task(function()
    for _, shape in ipairs{ { 3, 5 }, { 5, 3 }, { 4, 2, 3, 1 }, { 1, 6 },
                            { 4, 4 } } do
      local t = moon.zeros(shape, { dtype = "f64" })
      init.orthogonal_(t, { gain = 2 })
      local rows = t:reshape(shape[1], -1)
      if rows:size(1) > rows:size(2) then rows = rows:t() end
      local n = rows:size(1)
      local product = rows:matmul(rows:t()):totable()
      for i = 1, n do
        for j = 1, n do
          assert.near(i == j and 4 or 0, product[i][j], 1e-12)
        end
      end
    end
  end))

  it("writes in the tensor's dtype, leaving a leaf one", task(function()
    local t = moon.zeros(2, 3, { dtype = "f64" }):requires_grad()
    init.xavier_normal_(t)
    assert.equal("f64", t:dtype())
    assert.is_true(t.needs_grad)
    t:sum():backward()
    assert.equal(1, t.grad:min():item())
  end))

  it("draws the task's random numbers", task(function()
    moon.manual_seed(3)
    local a = init.normal_(moon.zeros(4)):totable()
    moon.manual_seed(3)
    assert.same(a, init.normal_(moon.zeros(4)):totable())
    moon.manual_seed(3)
    a = init.trunc_normal_(moon.zeros(4)):totable()
    moon.manual_seed(3)
    assert.same(a, init.trunc_normal_(moon.zeros(4)):totable())
  end))

  it("fills what is empty, or one number", task(function()
    assert.same({ 0 }, init.trunc_normal_(moon.zeros(0)):shape())
    assert.same({}, init.trunc_normal_(moon.zeros({})):shape())
  end))

  it("refuses what does not fit", task(function()
    local function fails(pattern, fn) assert.error_matches(fn, pattern) end
    fails("kaiming_normal_: a fan needs two dimensions at least, not 4",
          function() init.kaiming_normal_(moon.zeros(4)) end)
    fails("no mode 'fan' %(fan_in, fan_out%)",
          function() init.kaiming_normal_(weight(), { mode = "fan" }) end)
    local function cut(o)
      return function() init.trunc_normal_(weight(), o) end
    end
    fails("trunc_normal_: std is above 0 and a below b, not 1, 2 and 2",
          cut{ a = 2 })
    fails("trunc_normal_: std is above 0 and a below b, not 0, %-2 and 2",
          cut{ std = 0 })
    fails("trunc_normal_: the mean 9 is more than 4 deviations of 1 from %-2 "
          .. "to 2", cut{ mean = 9 })
    fails("trunc_normal_: no option 'low'", cut{ low = 1 })
    fails("gain: no 'swish'", function() init.gain "swish" end)
    fails("normal_: its first argument is a tensor, not number",
          function() init.normal_(3) end)
    fails("orthogonal_: no option 'scale' %(known: gain%)",
          function() init.orthogonal_(weight(), { scale = 1 }) end)
  end))
end)
