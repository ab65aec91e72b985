--- A data set of tensors that are there: x [N, ...] and, if there are targets,
--- y [N, ...]. Images in u8 (x [N, C, H, W]) are given as f32 in [0, 1].
local check = require "moonseed.check"
local dataset = require "moonseed.data.dataset"
local moon = require "moonseed"

--- moon.data.tensors{ x, y }
---@param options table
---@return userdata dataset
return function(options)
  local o = check.options("tensors", options, { "x", "y" },
                          { x = check.required, y = check.optional })
  for name, t in pairs(o) do
    if not moon.is_tensor(t) then
      check.fail("tensors", "%s is a tensor, not a %s", name, type(t))
    end
    if #t:shape() == 0 then
      check.fail("tensors", "%s is a scalar; its first dimension counts",
                 name)
    end
  end
  if o.y and o.y:size(1) ~= o.x:size(1) then
    check.fail("tensors", "x has %d rows, y %d", o.x:size(1), o.y:size(1))
  end
  return dataset.of(o.x:detach(), o.y and o.y:detach())
end
