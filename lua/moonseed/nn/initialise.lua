--- `moon.nn.init`: first values of weights, written in place:
--
--   model:apply(function(module)
--     if module.class_name == "Conv2d" then
--       nn.init.kaiming_normal_(module.weight, { mode = "fan_out" })
--     end
--   end)
--
-- Each returns its tensor. Random numbers are the task's. Weights are
-- [outputs, inputs, ...]; the rest is what each pair of them has in common: a
-- fan is that many times the inputs, or the outputs.
local check = require "moonseed.check"
local erfinv = require "moonseed.nn.erfinv"
local moon = require "moonseed"
local tensor = require "moonseed.tensor"

local M = {}

-- Writes what make(shape, options) gives, and lets go of it.
local function write(op, t, make)
  tensor.pointer(op, "its first argument", t)
  local options = { dtype = t:dtype(), device = t:device() }
  moon.tidy(function()
    moon.no_grad(function() t:copy_(make(t:shape(), options)) end)
  end)
  return t
end

local function uniform(op, t, low, high)
  return write(op, t, function(shape, options)
    return moon.rand(shape, options) * (high - low) + low
  end)
end

local function normal(op, t, mean, std)
  return write(op, t, function(shape, options)
    return moon.randn(shape, options) * std + mean
  end)
end

--- One value everywhere.
---@param t userdata
---@param value number
---@return userdata t
function M.constant_(t, value)
  check.number("constant_", "the value", value)
  tensor.pointer("constant_", "its first argument", t)
  return moon.no_grad(function() return t:fill_(value) end)
end

--- Zeros.
---@param t userdata
---@return userdata t
function M.zeros_(t) return M.constant_(t, 0) end

--- Ones.
---@param t userdata
---@return userdata t
function M.ones_(t) return M.constant_(t, 1) end

--- Uniform in [low, high).
---@param t userdata
---@param low number|nil   0 unless given
---@param high number|nil  1 unless given
---@return userdata t
function M.uniform_(t, low, high)
  return uniform("uniform_", t, check.number("uniform_", "low", low or 0),
                 check.number("uniform_", "high", high or 1))
end

--- Normal.
---@param t userdata
---@param mean number|nil  0 unless given
---@param std number|nil   1 unless given
---@return userdata t
function M.normal_(t, mean, std)
  return normal("normal_", t, check.number("normal_", "mean", mean or 0),
                check.number("normal_", "std", std or 1))
end

-- --- normal, cut off --------------------------------------------------------

local cut_known = { mean = 0, std = 1, a = -2, b = 2 }

local function cut_options(op, options)
  local o = check.options(op, options, {}, cut_known)
  for name in pairs(cut_known) do check.number(op, name, o[name]) end
  if not (o.std > 0 and o.a < o.b) then
    check.fail(op, "std is above 0 and a below b, not %g, %g and %g", o.std,
               o.a, o.b)
  end
  if not (o.mean > o.a - 4 * o.std and o.mean < o.b + 4 * o.std) then
    check.fail(op, "the mean %g is more than 4 deviations of %g from %g to %g",
               o.mean, o.std, o.a, o.b)
  end
  return o
end

--- Normal, but from a to b: as PyTorch's, of which what lies outside is drawn
--- again. Each value takes one random number, however little lies inside.
---@param t userdata
---@param options table|nil  mean (0) and std (1) of what is cut off, a (-2), b
---                          (2)
---@return userdata t
function M.trunc_normal_(t, options)
  local op = "trunc_normal_"
  local o = cut_options(op, options)
  local scale = o.std * math.sqrt(2)
  return write(op, t, function(shape, made)
    local ends = moon.tensor({ (o.a - o.mean) / scale, (o.b - o.mean) / scale },
                             made):erf()
    local x = moon.rand(shape, made) * (ends[2] - ends[1]) + ends[1]
    return (erfinv(x) * scale + o.mean):clamp(o.a, o.b)
  end)
end

-- --- by fans ----------------------------------------------------------------

local function fans(op, t)
  tensor.pointer(op, "its first argument", t)
  local shape, common = t:shape(), 1
  if #shape < 2 then
    check.fail(op, "a fan needs two dimensions at least, not %s",
               tensor.shape_text(t))
  end
  for i = 3, #shape do common = common * shape[i] end
  return { fan_in = shape[2] * common, fan_out = shape[1] * common }
end

local gains = { linear = 1, sigmoid = 1, tanh = 5 / 3, relu = math.sqrt(2),
                selu = 3 / 4 }

--- By how much what follows a layer shrinks its values, to be made up for in
--- its weights: as PyTorch's calculate_gain.
---@param nonlinearity string  linear, relu, leaky_relu, selu, sigmoid or tanh
---@param slope number|nil     of leaky_relu, 0.01 unless given
---@return number
function M.gain(nonlinearity, slope)
  if nonlinearity == "leaky_relu" then
    slope = check.number("gain", "slope", slope or 0.01)
    return math.sqrt(2 / (1 + slope ^ 2))
  end
  if not gains[nonlinearity] then
    check.fail("gain", "no '%s' (leaky_relu, linear, relu, selu, sigmoid, "
               .. "tanh)", tostring(nonlinearity))
  end
  return gains[nonlinearity]
end

local kaiming_known = { mode = "fan_in", nonlinearity = "relu",
                        slope = check.optional }

local function kaiming_std(op, t, options)
  local o, fan = check.options(op, options, {}, kaiming_known), fans(op, t)
  if not fan[o.mode] then
    check.fail(op, "no mode '%s' (fan_in, fan_out)", tostring(o.mode))
  end
  return M.gain(o.nonlinearity, o.slope) / math.sqrt(math.max(1, fan[o.mode]))
end

local function xavier_std(op, t, options)
  local o, fan = check.options(op, options, {}, { gain = 1 }), fans(op, t)
  return check.number(op, "gain", o.gain)
    * math.sqrt(2 / math.max(1, fan.fan_in + fan.fan_out))
end

-- Uniform in +- a has deviation a / sqrt(3).
local function uniform_of(op, t, std)
  return uniform(op, t, -math.sqrt(3) * std, math.sqrt(3) * std)
end

--- He et al. 2015, uniform: the values keep their size from layer to layer.
---@param t userdata
---@param options table|nil  mode: "fan_in" (forward) or "fan_out" (backward);
---                          nonlinearity ("relu"), slope: see gain
---@return userdata t
function M.kaiming_uniform_(t, options)
  local op = "kaiming_uniform_"
  return uniform_of(op, t, kaiming_std(op, t, options))
end

--- He et al. 2015, normal.
---@param t userdata
---@param options table|nil  as kaiming_uniform_ takes them
---@return userdata t
function M.kaiming_normal_(t, options)
  local op = "kaiming_normal_"
  return normal(op, t, 0, kaiming_std(op, t, options))
end

--- Glorot and Bengio 2010, uniform.
---@param t userdata
---@param options table|nil  gain (1)
---@return userdata t
function M.xavier_uniform_(t, options)
  local op = "xavier_uniform_"
  return uniform_of(op, t, xavier_std(op, t, options))
end

--- Glorot and Bengio 2010, normal.
---@param t userdata
---@param options table|nil  gain (1)
---@return userdata t
function M.xavier_normal_(t, options)
  local op = "xavier_normal_"
  return normal(op, t, 0, xavier_std(op, t, options))
end

-- --- orthogonal -------------------------------------------------------------

-- The rows [n, m], n <= m, orthonormal: Gram and Schmidt, each row twice, which
-- is enough (Giraud et al. 2005).
local function orthonormal(rows)
  for i = 1, rows:size(1) do
    local v = rows[i]
    if i > 1 then
      local before = rows:narrow(1, 1, i - 1)
      for _ = 1, 2 do
        v = v - before:t():matmul(before:matmul(v:reshape(-1, 1))):reshape(-1)
      end
    end
    rows[i]:copy_(v / v:norm())
  end
  return rows
end

--- Rows [outputs, the rest] at right angles, or columns where there are more
--- rows than those, of length `gain` (Saxe et al. 2014).
---@param t userdata
---@param options table|nil  gain (1)
---@return userdata t
function M.orthogonal_(t, options)
  local op = "orthogonal_"
  local o, fan = check.options(op, options, {}, { gain = 1 }), fans(op, t)
  check.number(op, "gain", o.gain)
  return write(op, t, function(shape, made)
    local n, m = shape[1], fan.fan_in
    local rows = moon.randn(math.min(n, m), math.max(n, m), made)
    rows = orthonormal(rows) * o.gain
    return (n > m and rows:t() or rows):reshape(shape)
  end)
end

return M
