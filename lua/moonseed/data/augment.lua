--- Images varied at random, as options of `batches` and as functions of tensors
--- x [B, C, H, W].
--
-- Image j of a batch is varied as its place in the epoch tells: `position` + j,
-- under the key of a generator. So neither the size of a batch nor threads nor
-- the order in which batches are made change a bit.
local check = require "moonseed.check"
local core = require "moonseed.ffi"
local moon = require "moonseed"
local ranges = require "moonseed.data.ranges"
local rows = require "moonseed.data.rows"
local tensor = require "moonseed.tensor"
local C, ffi = core.C, core.ffi

local M = {}

-- --- steps: fn(x, y, at) -> x, y -------------------------------------------
-- `at` is a moon_place. Each is made of an option's value, which it checks.
local make = {}

local function op_step(fn, params)
  return function(x, y, at)
    return tensor.after(tensor.call(fn, x.p, at, params, tensor.out), x), y
  end
end

function make.affine(value)
  local o = check.options("affine", value, {}, {
    rotate = 0, shear = 0, scale = check.optional, translate = 0, fill = 0 })
  local p = ffi.new "moon_affine_params"
  ranges.about("affine", "rotate", o.rotate, 0, p.rotate)
  ranges.about("affine", "shear", o.shear, 0, p.shear)
  ranges.pair("affine", "scale", o.scale or { 1, 1 }, p.scale)
  p.translate[0], p.translate[1] =
    ranges.sizes("affine", "translate", o.translate)
  p.fill = check.number("affine", "fill", o.fill)
  return op_step(C.moon_affine, p)
end

function make.jitter(value)
  local o = check.options("jitter", value, {}, {
    brightness = 0, contrast = 0, saturation = 0, hue = 0 })
  local p = ffi.new "moon_jitter_params"
  ranges.about("jitter", "brightness", o.brightness, 1, p.brightness)
  ranges.about("jitter", "contrast", o.contrast, 1, p.contrast)
  ranges.about("jitter", "saturation", o.saturation, 1, p.saturation)
  ranges.about("jitter", "hue", o.hue, 0, p.hue)
  return op_step(C.moon_jitter, p)
end

function make.cutout(value)
  if type(value) == "number" or (type(value) == "table" and value[2]) then
    value = { value }
  end
  local o = check.options("cutout", value, { "size" }, { fill = 0 })
  local p = ffi.new "moon_cutout_params"
  p.size[0], p.size[1] = check.pair("cutout", "size", o.size)
  p.fill = check.number("cutout", "fill", o.fill)
  return op_step(C.moon_cutout, p)
end

-- A number for each channel, as a tensor like x.
local function per_channel(list, x)
  return moon.tensor(list, { dtype = x:dtype(), device = x:device() })
end

-- As a batch norm whose statistics are given.
local function normalise(o, x)
  local n, weight = x:size(2), {}
  if n ~= #o.mean then
    check.fail("normalise", "%d means, x has %d channels", #o.mean, n)
  end
  for i, deviation in ipairs(o.std) do weight[i] = 1 / deviation end
  return moon.batch_norm(x, {
    mean = per_channel(o.mean, x), var = moon.ones(n, { dtype = x:dtype(),
      device = x:device() }),
    weight = per_channel(weight, x), bias = moon.zeros(n, { dtype = x:dtype(),
      device = x:device() }), eps = 0,
  })
end

function make.normalise(value)
  local o = check.options("normalise", value, {}, { mean = check.required,
                                                   std = check.required })
  ranges.list("normalise", "mean", o.mean)
  ranges.list("normalise", "std", o.std, 0)
  if #o.mean ~= #o.std then
    check.fail("normalise", "%d means, %d deviations", #o.mean, #o.std)
  end
  return function(x, y) return normalise(o, x), y end
end

-- Class ids as rows of one 1; other targets as they are.
local function soft_targets(y, classes)
  if y:dtype() ~= "i64" then return y end
  if not classes then
    check.fail("mixup", "how many classes are there? mixup = { alpha, classes "
               .. "= n }")
  end
  local ids = moon.arange(0, classes, { dtype = "i64", device = y:device() })
  return y:reshape(-1, 1):eq(ids):to "f32"
end

function make.mixup(value, classes)
  if type(value) == "number" then value = { value } end
  local o = check.options("mixup", value, { "alpha" },
                          { classes = classes or check.optional })
  check.number("mixup", "alpha", o.alpha)
  if o.classes then check.count("mixup", "classes", o.classes, 1) end
  local function mix(x, at)
    return tensor.after(tensor.call(C.moon_mixup, x.p, at, o.alpha,
                                    tensor.out), x)
  end
  return function(x, y, at)
    return mix(x, at), y and mix(soft_targets(y, o.classes), at)
  end
end

--- Names of the steps, in the order in which batches take them.
M.order = { "affine", "jitter", "normalise", "cutout", "mixup" }

--- The steps that options ask for; nil without any.
---@param options table  by name of a step
---@param classes integer|nil  how many the labels have
---@return function[]|nil  fn(x, y, at) -> x, y
function M.steps(options, classes)
  local steps = {}
  for _, name in ipairs(M.order) do
    if options[name] then
      steps[#steps + 1] = make[name](options[name], classes)
    end
  end
  return #steps > 0 and steps or nil
end

-- --- functions of tensors ---------------------------------------------------

-- Splits off what says where in which epoch the images are.
local function place_of(op, options)
  local rest, o = {}, {}
  for key, value in pairs(check.table(op, "the options", options or {})) do
    local known = key == "rng_seed" or key == "epoch" or key == "position"
    if known then o[key] = value else rest[key] = value end
  end
  local at = ffi.new "moon_place"
  at.position = check.count(op, "position", o.position or 1, 1) - 1
  if o.rng_seed then
    check.count(op, "rng_seed", o.rng_seed)
    at.key = rows.key(rows.generator(o.rng_seed, check.count(op, "epoch",
                                                    o.epoch or 1, 1)))
  else
    at.key = rows.key(rows.fresh_generator())
  end
  return at, rest
end

local function apply(name, x, y, options)
  tensor.pointer(name, "x", x)
  local at, rest = place_of(name, options)
  return make[name](rest)(x, y, at)
end

--- Turned, sheared, scaled and moved, each at random, about the middle;
--- bilinear between pixels. rotate and shear in degrees: a number r for [-r,
--- r], or { from, to }, clockwise; scale { from, to }; translate: up to this
--- share of height and width, or { height, width }; fill: what lies beyond the
--- edge. `rng_seed` (with `epoch`) and `position`, the first image's, from 1,
--- say which random numbers; without a seed the task's generator does.
---@param x userdata [B, C, H, W], f32 or f64
---@param options table
---@return userdata
function M.affine(x, options)
  return (apply("affine", x, nil, options))
end

--- Brightness, contrast and saturation by a random factor (a number b for
--- [1 - b, 1 + b], or { from, to }), hue by random turns (h for [-h, h]), in
--- random order, as torchvision's ColorJitter. Also rng_seed, epoch, position.
---@param x userdata [B, C, H, W] in [0, 1], C 1 or 3
---@param options table
---@return userdata
function M.jitter(x, options)
  return (apply("jitter", x, nil, options))
end

--- A box of each image filled (DeVries and Taylor 2017): { size, fill = 0 },
--- size a number or { height, width }, about a random pixel. Also rng_seed,
--- epoch, position.
---@param x userdata [B, C, H, W]
---@param options table
---@return userdata
function M.cutout(x, options)
  return (apply("cutout", x, nil, options))
end

--- Each image with the next, by a random share from Beta(alpha, alpha) (Zhang
--- et al. 2018), and the targets likewise: { alpha, classes }. Class ids become
--- rows of shares, f32 [B, classes]. Also rng_seed, epoch, position.
---@param x userdata [B, ...]
---@param y userdata|nil i64 [B], or floats [B, ...]
---@param options table
---@return userdata
---@return userdata|nil
function M.mixup(x, y, options)
  return apply("mixup", x, y, options)
end

--- (x - mean) / std, per channel: { mean = { ... }, std = { ... } }.
---@param x userdata [B, C, H, W]
---@param options table
---@return userdata
function M.normalise(x, options)
  tensor.pointer("normalise", "x", x)
  return (make.normalise(options)(x))
end

local function moved(op, x, options, fields)
  local at, rest = place_of(op, options)
  check.options(op, rest, {}, {})
  tensor.pointer(op, "x", x)
  fields.key = at.key
  local params = ffi.new("moon_batch_params", fields)
  local index = moon.arange(0, x:size(1), { dtype = "i64",
                                            device = x:device() })
  return tensor.after(tensor.call(C.moon_batch_images, x.p, index.p,
                                  at.position, params, tensor.out), x, index)
end

--- Each image mirrored with probability 1/2. Options: rng_seed, epoch,
--- position.
---@param x userdata [B, C, H, W], f32 or u8 (then in [0, 1])
---@param options table|nil
---@return userdata f32
function M.flip(x, options) return moved("flip", x, options, { flip = 1 }) end

--- Each image shifted by up to `most` pixels both ways, zeros beyond the edge.
--- Options: rng_seed, epoch, position.
---@param x userdata [B, C, H, W], f32 or u8 (then in [0, 1])
---@param most integer
---@param options table|nil
---@return userdata f32
function M.crop(x, most, options)
  return moved("crop", x, options, { crop = check.count("crop", "most", most) })
end

return M
