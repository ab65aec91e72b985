local context = require "moonseed.context"
local core = require "moonseed.ffi"
local moon = require "moonseed"
local op = require "support.op"
local tensor = require "moonseed.tensor"
local C, ffi = core.C, core.ffi

local function batch(x, index, position, options)
  local params = ffi.new("moon_batch_params", options or {})
  local status = C.moon_batch_images(context.live, x.p, index.p, position,
                                     params, tensor.out)
  if status < 0 then error(ffi.string(C.moon_last_error()), 0) end
  return tensor.wrap(tensor.out[0])
end

-- N images of C planes, H x W, whose elements are all different.
local function images(device, n, c, h, w)
  return moon.arange(n * c * h * w, { device = device }):reshape(n, c, h, w)
end

describe("batch_images", function()
  op.everywhere("picks images", function(device)
    local x = images(device, 3, 2, 2, 2)
    local index = op.index(x, { 2, 0, 2 })
    assert.same(x:index_select(1, index):totable(),
                batch(x, index, 0):totable())
  end)

  op.everywhere("divides u8 by 255", function(device)
    local x = moon.full({ 1, 1, 1, 2 }, 51, { dtype = "u8",
                                              device = device })
    op.assert_near({ 0.2, 0.2 }, op.flat(batch(x, op.index(x, { 0 }), 0)),
                   1e-7, device)
  end)

  op.everywhere("mirrors about half of the images", function(device)
    local x = images(device, 1, 1, 1, 2)
    local index = moon.zeros(400, { dtype = "i64", device = device })
    local y = batch(x, index, 0, { key = 7, flip = 1 })
    local mirrored = y:select(4, 1):sum():item()  -- 1 where mirrored
    assert.is_true(150 < mirrored and mirrored < 250)
    assert.equal(400, y:sum():item())
  end)

  op.everywhere("shifts by up to crop, zeros beyond the edge",
                function(device)
    local x = moon.ones(1, 1, 4, 4, { device = device })
    local index = moon.zeros(60, { dtype = "i64", device = device })
    local kept = batch(x, index, 0, { key = 7, crop = 1 }):sum{ 2, 3, 4 }
    assert.equal(9, kept:min():item())   -- by one both ways
    assert.equal(16, kept:max():item())  -- not at all
  end)

  op.everywhere("is told by the place in the epoch alone", function(device)
    local x = images(device, 5, 1, 4, 4)
    local options = { key = 9, flip = 1, crop = 1 }
    local whole = batch(x, op.index(x, { 3, 1, 4, 0 }), 10, options)
    local part = batch(x, op.index(x, { 4, 0 }), 12, options)
    assert.same(whole:narrow(1, 3, 2):totable(), part:totable())
  end)

  op.everywhere("carries the error of an index out of range", function(device)
    local x = images(device, 2, 1, 2, 2)
    local y = batch(x, op.index(x, { 2 }), 0)
    assert.error_matches(function() y:await() end,
                         "batch_images: index 2 at position 1 is outside")
  end)

  op.refuses("a shift past the edge",
             "batch_images: crop 2 of images 1x1x2x2", function()
    local x = images("cpu", 1, 1, 2, 2)
    batch(x, op.index(x, { 0 }), 0, { crop = 2 })
  end)
  op.refuses("other dtypes", "batch_images: x is f64; f32 or u8 needed",
             function()
    local x = images("cpu", 1, 1, 2, 2):to "f64"
    batch(x, op.index(x, { 0 }), 0)
  end)
end)
