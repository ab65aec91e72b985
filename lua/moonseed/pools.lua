--- Pooling, convolution the other way, and windows as columns; part of
--- moonseed.neural, which has conv2d.

local core = require "moonseed.ffi"
local check = require "moonseed.check"
local tensor = require "moonseed.tensor"
local C, ffi = core.C, core.ffi

local out, pointer = tensor.out, tensor.pointer
local after, call, methods = tensor.after, tensor.call, tensor.methods

local M = {}

-- --- windows and their options ---------------------------------------------

local pool_known = { stride = check.optional, padding = 0, ceil_mode = false }
local avg_known = { count_padding = true }
for name, default in pairs(pool_known) do avg_known[name] = default end

-- Fills a moon_pool2d_params from checked options.
local function set_window(op, p, o)
  p.kernel[0], p.kernel[1] = check.pair(op, "kernel", o.kernel, 1)
  p.stride[0], p.stride[1] = check.pair(op, "stride", o.stride or o.kernel, 1)
  p.padding[0], p.padding[1] = check.pair(op, "padding", o.padding)
  p.ceil_mode = check.boolean(op, "ceil_mode", o.ceil_mode) and 1 or 0
end

-- x with windows that cover it, so many that the output has `size`.
local function adaptive(op, fn, x, size)
  local p, extents = pointer(op, "x", x), core.extents()
  extents[0], extents[1] = check.pair(op, "the size", size, 1)
  return after(call(fn, p, extents, out), x)
end

-- --- the largest of windows ------------------------------------------------

local max_type = ffi.typeof "moon_pool2d_params"

--- The options of max_pool2d as the core takes them.
---@param options table  kernel (or first), stride (= kernel), padding: each a
---                      number or { height, width }; ceil_mode (false): the
---                      last window may reach beyond the padding
---@return userdata  moon_pool2d_params
function M.max_pool2d_params(options)
  local op = "max_pool2d"
  local p = max_type()
  set_window(op, p, check.options(op, options, { "kernel" }, pool_known))
  return p
end

--- The largest of each window: x [N, C, H, W] -> [N, C, oH, oW].
---@param x userdata
---@param options table|userdata|integer  see max_pool2d_params; a number is
---                                       the kernel
---@return userdata
function M.max_pool2d(x, options)
  local p = pointer("max_pool2d", "x", x)
  if type(options) == "number" then options = { options } end
  local params = ffi.istype(max_type, options) and options
    or M.max_pool2d_params(options)
  return after(call(C.moon_max_pool2d, p, params, out), x)
end

--- The largest of windows that cover x, so many that the output has the size
--- asked for: x [N, C, H, W] -> [N, C, size].
---@param x userdata
---@param size integer|integer[]  height and width, or { height, width }
---@return userdata
function M.adaptive_max_pool2d(x, size)
  return adaptive("adaptive_max_pool2d", C.moon_adaptive_max_pool2d, x, size)
end

-- --- means of windows ------------------------------------------------------

local avg_type = ffi.typeof "moon_avg_pool2d_params"

--- The options of avg_pool2d as the core takes them.
---@param options table  kernel (or first), stride (= kernel), padding: each a
---                      number or { height, width }; ceil_mode (false): the
---                      last window may reach beyond the padding;
---                      count_padding (true): padding counts, as zeros
---@return userdata  moon_avg_pool2d_params
function M.avg_pool2d_params(options)
  local op = "avg_pool2d"
  local o = check.options(op, options, { "kernel" }, avg_known)
  local p = avg_type()
  set_window(op, p.window, o)
  p.count_padding = check.boolean(op, "count_padding", o.count_padding) and 1
    or 0
  return p
end

--- The mean of each window: x [N, C, H, W] -> [N, C, oH, oW].
---@param x userdata
---@param options table|userdata|integer  see avg_pool2d_params; a number is
---                                       the kernel
---@return userdata
function M.avg_pool2d(x, options)
  local p = pointer("avg_pool2d", "x", x)
  if type(options) == "number" then options = { options } end
  local params = ffi.istype(avg_type, options) and options
    or M.avg_pool2d_params(options)
  return after(call(C.moon_avg_pool2d, p, params, out), x)
end

--- Means of windows that cover x, so many that the output has the size asked
--- for: x [N, C, H, W] -> [N, C, size].
---@param x userdata
---@param size integer|integer[]  height and width, or { height, width }
---@return userdata
function M.adaptive_avg_pool2d(x, size)
  return adaptive("adaptive_avg_pool2d", C.moon_adaptive_avg_pool2d, x, size)
end

-- --- transposed convolution ------------------------------------------------

local transposed_type = ffi.typeof "moon_conv_transpose2d_params"
local transposed_known = { stride = 1, padding = 0, output_padding = 0,
                           dilation = 1, groups = 1 }

--- The options of conv_transpose2d as the core takes them.
---@param options table|nil  stride, padding, output_padding, dilation (a
---                          number, or { height, width }), groups
---@return userdata  moon_conv_transpose2d_params
function M.conv_transpose2d_params(options)
  local op = "conv_transpose2d"
  local o = check.options(op, options, {}, transposed_known)
  local p = transposed_type()
  local q, more = p.conv, p.output_padding
  q.stride[0], q.stride[1] = check.pair(op, "stride", o.stride, 1)
  q.padding[0], q.padding[1] = check.pair(op, "padding", o.padding)
  q.dilation[0], q.dilation[1] = check.pair(op, "dilation", o.dilation, 1)
  more[0], more[1] = check.pair(op, "output_padding", o.output_padding)
  q.groups = check.count(op, "groups", o.groups, 1)
  return p
end

--- Transposed convolution, the gradient of conv2d as a function:
--- x [N, C, H, W], w [C, K / groups, kH, kW], b [K] or nil -> [N, K, oH, oW].
---@param x userdata
---@param w userdata
---@param b userdata|nil
---@param options table|userdata|nil  see conv_transpose2d_params
---@return userdata
function M.conv_transpose2d(x, w, b, options)
  local op = "conv_transpose2d"
  local px, pw = pointer(op, "x", x), pointer(op, "w", w)
  local pb = b and pointer(op, "b", b) or nil
  local params = ffi.istype(transposed_type, options) and options
    or M.conv_transpose2d_params(options)
  return after(call(C.moon_conv_transpose2d, px, pw, pb, params, out), x, w, b)
end

-- --- windows as columns ------------------------------------------------------

local unfold_type = ffi.typeof "moon_unfold_params"

local function unfold_params(op, o)
  local p = unfold_type()
  p.kernel[0], p.kernel[1] = check.pair(op, "kernel", o.kernel, 1)
  p.stride[0], p.stride[1] = check.pair(op, "stride", o.stride, 1)
  p.padding[0], p.padding[1] = check.pair(op, "padding", o.padding)
  p.dilation[0], p.dilation[1] = check.pair(op, "dilation", o.dilation, 1)
  return p
end

--- The windows that a convolution sees, as columns: x [N, C, H, W]
--- -> [N, C kH kW, places].
---@param x userdata
---@param options table|integer  kernel (or first), stride, padding, dilation; a
---                              number is the kernel
---@return userdata
function M.unfold(x, options)
  local p = pointer("unfold", "x", x)
  if type(options) == "number" then options = { options } end
  local o = check.options("unfold", options, { "kernel" },
                          { stride = 1, padding = 0, dilation = 1 })
  return after(call(C.moon_unfold, p, unfold_params("unfold", o), out), x)
end

--- Columns summed back into images, the gradient of unfold as a function:
--- x [N, C kH kW, places] -> [N, C, size].
---@param x userdata
---@param options table  size and kernel (or first and second), stride, padding,
---                      dilation
---@return userdata
function M.fold(x, options)
  local p, size = pointer("fold", "x", x), core.extents()
  local o = check.options("fold", options, { "size", "kernel" },
                          { stride = 1, padding = 0, dilation = 1 })
  size[0], size[1] = check.pair("fold", "size", o.size, 1)
  return after(call(C.moon_fold, p, size, unfold_params("fold", o), out), x)
end

methods.unfold, methods.fold = M.unfold, M.fold
methods.max_pool2d = M.max_pool2d
methods.adaptive_max_pool2d = M.adaptive_max_pool2d
methods.avg_pool2d = M.avg_pool2d
methods.adaptive_avg_pool2d = M.adaptive_avg_pool2d

return M
