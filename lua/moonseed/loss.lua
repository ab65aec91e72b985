--- Losses of class labels, each one op: cross-entropy, and nll of logarithms of
-- probabilities.

local core = require "moonseed.ffi"
local check = require "moonseed.check"
local tensor = require "moonseed.tensor"
local C, ffi = core.C, core.ffi

local pointer, after, call = tensor.pointer, tensor.after, tensor.call
local out = tensor.out

local M = {}

--- The core's codes of what becomes of the losses of all rows or elements.
M.reductions = { mean = tonumber(C.MOON_LOSS_MEAN),
                 sum = tonumber(C.MOON_LOSS_SUM),
                 none = tonumber(C.MOON_LOSS_NONE) }

--- A reduction's name, checked; mean unless given.
---@param op string
---@param name any  mean, sum or none
---@return string
function M.reduction(op, name)
  if name == nil then return "mean" end
  if not M.reductions[name] then
    check.fail(op, "no reduction '%s' (mean, sum, none)", tostring(name))
  end
  return name
end

local params = ffi.new "moon_cross_entropy_params"

local function labelled(op, fn, known, logits, labels, options)
  local px, pl = pointer(op, "logits", logits), pointer(op, "labels", labels)
  local o = check.names(op, options, known)
  local pw = o.weight and pointer(op, "weight", o.weight) or nil
  params.label_smoothing = check.number(op, "label_smoothing",
                                        o.label_smoothing or 0)
  local ignored = o.ignore_index or -100
  if check.number(op, "ignore_index", ignored) % 1 ~= 0 then
    check.fail(op, "ignore_index is a whole number, not %.14g", ignored)
  end
  params.ignore_index = ignored
  params.reduction = M.reductions[M.reduction(op, o.reduction)]
  return after(call(fn, px, pl, pw, params, out), logits, labels, o)
end

local known = { weight = true, label_smoothing = true, ignore_index = true,
                reduction = true }

--- The cross-entropy of logits [N, C] and labels i64 [N] from 0: a scalar. Also
--- of logits [C] or [N, C, ...]; labels have their shape without C.
---@param logits userdata
---@param labels userdata
---@param options table|nil  weight, of each class [C]; label_smoothing (0);
---                          ignore_index (-100), a label whose rows do not
---                          count; reduction: "mean", over the weights of the
---                          labels that count, "sum" or "none"
---@return userdata
function M.cross_entropy(logits, labels, options)
  return labelled("cross_entropy", C.moon_cross_entropy, known, logits, labels,
                  options)
end

local nll_known = { weight = true, ignore_index = true, reduction = true }

--- The negative log-likelihood of labels i64 [N] from 0, given logarithms of
--- probabilities [N, C], as log_softmax makes them: a scalar. Also of [C] or
--- [N, C, ...].
---@param logs userdata
---@param labels userdata
---@param options table|nil  weight, ignore_index, reduction; see cross_entropy
---@return userdata
function M.nll(logs, labels, options)
  return labelled("nll", C.moon_nll, nll_known, logs, labels, options)
end

return M
