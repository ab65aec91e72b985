--- Data sets whose examples a Lua function makes.
local check = require "moonseed.check"
local dataset = require "moonseed.data.dataset"
local Made = require "moonseed.data.source.made"

local targets = { f32 = "f32", f64 = "f64", i64 = "i64", none = false }

--- moon.data.from{ n, fn, y = "i64", classes = nil }: `n` examples; fn(i), from
--- 1, gives x and y of one. x is a tensor, or a number or table that becomes
--- one; y a tensor, or a number of dtype y: "i64" (class ids), "f32", "f64";
--- "none" where there are no targets. fn is called when a batch is made, may
--- wait, and draws random numbers that the epoch tells; `cache` calls it once
--- for each example.
---@param options table
---@return userdata dataset
return function(options)
  local o = check.options("from", options, { "n", "fn" },
                          { y = "i64", classes = check.optional })
  check.count("from", "n", o.n)
  check.callable("from", "fn", o.fn)
  local dtype = targets[o.y]
  if dtype == nil then
    check.fail("from", 'y is "i64", "f32", "f64" or "none", not %s',
               tostring(o.y))
  end
  return dataset.new{ source = Made.new(o.n, o.fn, dtype or nil),
                      classes = o.classes }
end
