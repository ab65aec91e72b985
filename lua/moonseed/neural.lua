--- The functions that layers are made of.
--
-- Options are given as a table, or, where a call is made again and again, as
-- the core's struct that `conv2d_params` or `max_pool2d_params` makes of one.

local core = require "moonseed.ffi"
local check = require "moonseed.check"
local context = require "moonseed.context"
local retry = require "moonseed.retry"
local tensor = require "moonseed.tensor"
local C, ffi = core.C, core.ffi

local live, state = context.live, context.state
local out, wrap, pointer = tensor.out, tensor.wrap, tensor.pointer
local after, call, methods = tensor.after, tensor.call, tensor.methods

local M = {}

local epilogues = { none = tonumber(C.MOON_EPILOGUE_NONE),
                    relu = tonumber(C.MOON_EPILOGUE_RELU) }
local norm_epilogues = { none = epilogues.none, relu = epilogues.relu,
                         relu_pool = tonumber(C.MOON_EPILOGUE_RELU_POOL) }

local function epilogue_of(op, name)
  local code = epilogues[name]
  if not code then
    check.fail(op, "no epilogue '%s' (none, relu)", tostring(name))
  end
  return code
end

local function optional(op, name, t)
  if t then return pointer(op, name, t) end
end

-- --- convolution ---------------------------------------------------------

local conv2d_type = ffi.typeof "moon_conv2d_params"
local conv2d_known = { stride = 1, padding = 0, dilation = 1, groups = 1,
                       epilogue = "none" }

--- The options of conv2d as the core takes them.
---@param options table|nil  stride, padding, dilation (a number, or { height,
---                          width }), groups, epilogue ("none" or "relu")
---@return userdata  moon_conv2d_params
function M.conv2d_params(options)
  local o = check.options("conv2d", options, {}, conv2d_known)
  local p = conv2d_type()
  p.stride[0], p.stride[1] = check.pair("conv2d", "stride", o.stride, 1)
  p.padding[0], p.padding[1] = check.pair("conv2d", "padding", o.padding)
  p.dilation[0], p.dilation[1] =
    check.pair("conv2d", "dilation", o.dilation, 1)
  p.groups = check.count("conv2d", "groups", o.groups, 1)
  p.epilogue = epilogue_of("conv2d", o.epilogue)
  return p
end

local plain_conv2d = M.conv2d_params()

local function params_of(options)
  if ffi.istype(conv2d_type, options) then return options end
  return options and M.conv2d_params(options) or plain_conv2d
end

--- Convolution: x [N, C, H, W], w [K, C / groups, kH, kW], b [K] or nil
--- -> [N, K, oH, oW].
---@param x userdata
---@param w userdata
---@param b userdata|nil
---@param options table|userdata|nil  see conv2d_params
---@return userdata
function M.conv2d(x, w, b, options)
  local px, pw = pointer("conv2d", "x", x), pointer("conv2d", "w", w)
  local pb = optional("conv2d", "b", b)
  local params = params_of(options)
  if state.sites then tensor.trace_site() end
  local status = C.moon_conv2d(live, px, pw, pb, params, out)
  if status < 0 then
    retry.call(status, C.moon_conv2d, live, px, pw, pb, params, out)
  end
  return after(wrap(out[0]), x, w, b)
end

local conv2d_inputs = ffi.typeof "moon_conv2d_inputs"

--- conv2d(x, w, b) + z, and then its ReLU if the options say so. A GPU computes
--- it in one kernel.
---@param x userdata
---@param w userdata
---@param b userdata|nil
---@param z userdata  [N, K, oH, oW], or what repeats to it
---@param options table|userdata|nil  see conv2d_params
---@return userdata
function M.conv2d_add(x, w, b, z, options)
  local op, inputs = "conv2d_add", conv2d_inputs()
  inputs.x, inputs.w = pointer(op, "x", x), pointer(op, "w", w)
  inputs.b, inputs.z = optional(op, "b", b), pointer(op, "z", z)
  return after(call(C.moon_conv2d_add, inputs, params_of(options), out), x, w,
               b, z)
end

local linear_known = { epilogue = true }

--- x [..., inputs] times w [outputs, inputs], plus b [outputs] or nil
--- -> [..., outputs].
---@param x userdata
---@param w userdata
---@param b userdata|nil
---@param options table|nil  epilogue ("none" or "relu")
---@return userdata
function M.linear(x, w, b, options)
  local px, pw = pointer("linear", "x", x), pointer("linear", "w", w)
  local pb, epilogue = optional("linear", "b", b), 0
  if options then
    local o = check.names("linear", options, linear_known)
    epilogue = epilogue_of("linear", o.epilogue or "none")
  end
  return after(call(C.moon_linear, px, pw, pb, epilogue, out), x, w, b)
end

-- --- pooling -------------------------------------------------------------

--- The mean of each channel: x [N, C, H, W] -> [N, C].
---@param x userdata
---@return userdata
function M.global_avg_pool2d(x)
  local p = pointer("global_avg_pool2d", "x", x)
  return after(call(C.moon_global_avg_pool2d, p, out), x)
end

-- --- norm, dropout, loss -------------------------------------------------

local norm_known = { weight = true, bias = true, mean = true, var = true,
                     eps = true, momentum = true, training = true,
                     epilogue = true }

--- Normalises each channel of x [N, C, H, W]: in training by the batch's
--- statistics, which also move `mean` and `var` in place; else by those.
---@param x userdata
---@param options table  weight, bias [C] or nil; mean, var [C]; eps (1e-5),
---                      momentum (0.1), training (false), epilogue ("none",
---                      "relu" or "relu_pool": also max_pool2d(2) of that)
---@return userdata  of the same shape, or pooled
function M.batch_norm(x, options)
  local op = "batch_norm"
  local p = pointer(op, "x", x)
  local o = check.names(op, options, norm_known)
  local norm_state = ffi.new "moon_batch_norm_state"
  local norm_params = ffi.new "moon_batch_norm_params"
  norm_state.weight = optional(op, "weight", o.weight)
  norm_state.bias = optional(op, "bias", o.bias)
  norm_state.mean = pointer(op, "mean", o.mean)
  norm_state.var = pointer(op, "var", o.var)
  norm_params.eps = check.number(op, "eps", o.eps or 1e-5)
  norm_params.momentum = check.number(op, "momentum", o.momentum or 0.1)
  norm_params.training =
    check.boolean(op, "training", o.training or false) and 1 or 0
  norm_params.epilogue = norm_epilogues[o.epilogue or "none"]
    or check.fail(op, "no epilogue '%s' (none, relu, relu_pool)",
                  tostring(o.epilogue))
  return after(call(C.moon_batch_norm, p, norm_state, norm_params, out), x, o)
end

local group_norm_type = ffi.typeof "moon_group_norm_params"
local group_norm_known = { eps = true }

--- Normalises each image's channels in `groups` groups of neighbours, each over
--- all its values: x [N, C, ...]. In four dimensions the result is
--- channels-last in memory.
---@param x userdata
---@param groups integer       divides C
---@param weight userdata|nil  [C]; 1 unless given
---@param bias userdata|nil    [C]; 0 unless given
---@param options table|nil    eps (1e-5)
---@return userdata  of the same shape
function M.group_norm(x, groups, weight, bias, options)
  local op = "group_norm"
  local p = pointer(op, "x", x)
  local pw = optional(op, "weight", weight)
  local pb = optional(op, "bias", bias)
  local o = check.names(op, options, group_norm_known)
  local params = group_norm_type()
  params.groups = check.count(op, "groups", groups, 1)
  params.eps = check.number(op, "eps", o.eps or 1e-5)
  return after(call(C.moon_group_norm, p, pw, pb, params, out), x, weight,
               bias)
end

--- Zeroes each value with probability `p`, scales the others by 1 / (1 - p).
---@param x userdata  any shape
---@param p number  in [0, 1)
---@return userdata   of the same shape
function M.dropout(x, p)
  local px = pointer("dropout", "x", x)
  check.number("dropout", "p", p)
  return after(call(C.moon_dropout, px, p, out), x)
end

-- --- growth --------------------------------------------------------------

local blend_type = ffi.typeof "moon_blend_inputs"
local blend_known = { kind = true, x = true }
local blend_kinds = { add = tonumber(C.MOON_BLEND_ADD),
                      multiply = tonumber(C.MOON_BLEND_MULTIPLY) }

local function blend_kind(name)
  local kind = blend_kinds[name]
  if not kind then
    check.fail("blend", "no kind '%s' (add, multiply)", tostring(name))
  end
  return kind
end

--- A host's features h with a seed's output s, by as much as alpha says: add is
--- (1 - alpha) h + alpha s, multiply is h (1 + alpha tanh(s - x)). Where alpha
--- is 0 the result is h, whatever s is; of an s that carries an error, too, and
--- the gradient of h is then that of the result.
---@param h userdata         [N, ...]
---@param s userdata         of h's shape
---@param alpha userdata     one element, or [N, 1, ..., 1]: one per image
---@param options table|nil  kind ("add" or "multiply"); x, what the seed was
---                          given, of h's shape: for multiply, else unused
---@return userdata  of h's shape
function M.blend(h, s, alpha, options)
  local o = check.names("blend", options, blend_known)
  local kind = blend_kind(o.kind or "add")
  local inputs = blend_type()
  inputs.h = pointer("blend", "h", h)
  inputs.s = pointer("blend", "s", s)
  inputs.alpha = pointer("blend", "alpha", alpha)
  if kind == blend_kinds.multiply then
    inputs.x = pointer("blend", "x", o.x)
  end
  return after(call(C.moon_blend, kind, inputs, out), h, s, alpha, o.x)
end

-- Parts with files of their own.
for _, part in ipairs{ "arrange", "attention", "norms", "pick", "pools" } do
  for name, fn in pairs(require("moonseed." .. part)) do M[name] = fn end
end

-- Also methods, where the tensor comes first.
methods.global_avg_pool2d = M.global_avg_pool2d
methods.dropout = M.dropout
methods.group_norm = M.group_norm
methods.blend = M.blend

return M
