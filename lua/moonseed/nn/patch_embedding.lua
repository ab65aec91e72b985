--- Images as tokens: x [N, inputs, H, W] -> [N, T, width], one token for each
--- patch, row by row; and what its place is, learnt, is added (Dosovitskiy et
--- al. 2021).
local check = require "moonseed.check"
local Conv2d = require "moonseed.nn.conv2d"
local initialise = require "moonseed.nn.initialise"
local Module = require "moonseed.nn.module"
local moon = require "moonseed"

local PatchEmbedding = Module:extend("PatchEmbedding")

local known = { size = check.required, patch = check.required }

--- nn.PatchEmbedding{ inputs, width, size = 32, patch = 4 }
--- size: of the images, patch: of the pieces, which fill them; each a number,
--- or { height, width }.
---@param options table
function PatchEmbedding:init(options)
  local op = "PatchEmbedding"
  local o = check.options(op, options, { "inputs", "width" }, known)
  local h, w = check.pair(op, "size", o.size, 1)
  local ph, pw = check.pair(op, "patch", o.patch, 1)
  if h % ph ~= 0 or w % pw ~= 0 then
    check.fail(op, "patches of %dx%d do not fill %dx%d", ph, pw, h, w)
  end
  self.conv = Conv2d{ o.inputs, o.width, kernel = { ph, pw },
                      stride = { ph, pw } }
  self.place = initialise.normal_(moon.zeros(h / ph * w / pw, o.width), 0, 0.02)
    :requires_grad()
end

---@param x userdata [N, inputs, H, W]
---@return userdata [N, T, width]
function PatchEmbedding:forward(x)
  local y = self.conv:forward(x)
  local n, width = y:size(1), y:size(2)
  return y:permute(1, 3, 4, 2):reshape(n, -1, width) + self.place
end

return PatchEmbedding
