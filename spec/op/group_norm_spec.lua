local moon = require "moonseed"
local op = require "support.op"
local task = require "support.task"

local function norm(groups)
  return function(x, weight, bias)
    return moon.group_norm(x, groups, weight, bias, { eps = 1e-3 })
  end
end

describe("group_norm", function()
  local function case(text, shape, groups, affine)
    local channels = { shape[2] }
    op.agrees{ text, inputs = affine == false and { shape }
               or { shape, channels, channels }, fn = norm(groups),
               tolerance = 3e-5 }
  end
  case("of images", { 2, 4, 3, 2 }, 2)
  case("of images, one group", { 2, 3, 2, 2 }, 1)
  case("of images, a group per channel", { 2, 3, 2, 3 }, 3)
  case("of images, without weight and bias", { 2, 4, 2, 2 }, 2, false)
  case("of rows", { 3, 6 }, 2)
  case("of three dimensions", { 2, 4, 5 }, 2)
  case("of five dimensions", { 2, 2, 2, 1, 3 }, 1)
  case("of one value each: the bias", { 2, 3 }, 3)
  case("of no images", { 0, 4, 2, 2 }, 2)
  case("of images without pixels", { 2, 4, 0, 2 }, 2)

  op.agrees{ "with a weight alone", inputs = { { 2, 4, 3 }, { 4 } },
             fn = norm(2), tolerance = 3e-5 }
  op.agrees{ "with a bias alone", inputs = { { 2, 4, 3 }, { 4 } },
             fn = function(x, b) return moon.group_norm(x, 2, nil, b) end,
             tolerance = 3e-5 }

  op.everywhere("has mean 0 and variance 1 per image and group, far from 0",
                function(device)
    local x = moon.rand(3, 4, 5, 5, { device = device }) + 4096
    local y = x:group_norm(2, nil, nil, { eps = 0 }):reshape(3, 2, 50)
    op.assert_near({ 0, 0, 0, 0, 0, 0 }, op.flat(y:mean(3)), 1e-3, device)
    op.assert_near({ 1, 1, 1, 1, 1, 1 },
                   op.flat((y * y):mean(3)), 1e-3, device)
  end)

  it("gives images in channels-last memory", task(function()
    local y = moon.ones(2, 4, 3, 3):group_norm(2)
    assert.same({ 72 }, y:permute(1, 3, 4, 2):view(72):shape())
  end))

  op.refuses("groups that do not divide the channels",
             "group_norm: 3 groups do not divide 4 channels (x 2x4)",
             function() moon.group_norm(moon.zeros(2, 4), 3) end)
  op.refuses("one dimension",
             "group_norm: x has 1 dimensions (4), 2 or more needed",
             function() moon.group_norm(moon.zeros(4), 1) end)
  op.refuses("a weight of another size",
             "group_norm: weight is 3, 4 needed", function()
    moon.group_norm(moon.zeros(2, 4), 2, moon.zeros(3))
  end)
  op.refuses("half a group", "group_norm: groups is a whole number",
             function() moon.group_norm(moon.zeros(2, 4), 0.5) end)
  op.refuses("a negative eps", "group_norm: eps -1", function()
    moon.group_norm(moon.zeros(2, 4), 2, nil, nil, { eps = -1 })
  end)
  op.refuses("integers", "group_norm: i64; cast it to f32 or f64",
             function() moon.zeros(2, 4, { dtype = "i64" }):group_norm(2) end)
end)
