--- A small vision transformer (Dosovitskiy et al. 2021), with the mean of all
--- tokens instead of a class token (Beyer et al. 2022): images
--- [N, inputs, size, size] -> [N, classes].
local check = require "moonseed.check"
local nn = require "moonseed.nn"

-- x + attention, then x + two linear layers; norms come first.
local function block(width, heads, drop)
  return nn.Sequential{
    nn.Residual{ nn.LayerNorm{ width }, nn.MultiheadAttention{ width, heads },
                 nn.DropPath{ drop } },
    nn.Residual{ nn.LayerNorm{ width }, nn.Linear{ width, 4 * width },
                 nn.GELU{}, nn.Linear{ 4 * width, width },
                 nn.DropPath{ drop } },
  }
end

--- moon.models.vit{ classes, inputs = 3, size = 32, patch = 4, width = 192,
---                  depth = 6, heads = 3, drop_path = 0 }
--- inputs: channels of the images; patch: the side of those that become a
--- token, of width features; drop_path: of the last block, the first has 0
--- (Touvron et al. 2021). 2,693,194 parameters with ten classes.
---@param options table
---@return Sequential
return function(options)
  local o = check.options("vit", options, { "classes" }, {
    inputs = 3, size = 32, patch = 4, width = 192, depth = 6, heads = 3,
    drop_path = 0,
  })
  check.count("vit", "depth", o.depth, 1)
  check.number("vit", "drop_path", o.drop_path)
  local layers = { nn.PatchEmbedding{ o.inputs, o.width, size = o.size,
                                      patch = o.patch } }
  for i = 1, o.depth do
    local drop = o.drop_path * (i - 1) / math.max(1, o.depth - 1)
    layers[#layers + 1] = block(o.width, o.heads, drop)
  end
  layers[#layers + 1] = nn.LayerNorm{ o.width }
  layers[#layers + 1] = nn.Mean{ 2 }
  layers[#layers + 1] = { "head", nn.Linear{ o.width, o.classes } }
  return nn.Sequential(layers)
end
