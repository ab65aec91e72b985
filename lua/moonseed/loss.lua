--- Losses of class labels, each one op: cross-entropy, and nll of logarithms of
-- probabilities.

local autocast = require "moonseed.autocast"
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

-- As a list along the classes of logits: [C] or [1, C, 1, ...].
local function along_classes(weight, logits)
  local n = logits:ndim()
  if n == 1 then return weight end
  local shape = { 1, weight:size(1) }
  for d = 3, n do shape[d] = 1 end
  return weight:view(shape)
end

-- Of labels that are shares of the classes, in the shape of the logits: the sum
-- over them of -share log softmax(logits), each class by its weight.
local function of_shares(logits, shares, options)
  local op = "cross_entropy"
  local o = check.names(op, options, known)
  local a, b = tensor.shape_text(logits), tensor.shape_text(shares)
  if a ~= b then
    check.fail(op, "labels that are shares (%s) are %s, logits %s",
               shares:dtype(), b, a)
  end
  local dim = logits:ndim() == 1 and 1 or 2
  local rest = check.number(op, "label_smoothing", o.label_smoothing or 0)
  if rest ~= 0 then
    shares = shares * (1 - rest) + rest / logits:size(dim)
  end
  local terms = logits:log_softmax(dim) * shares
  if o.weight then
    pointer(op, "weight", o.weight)
    terms = terms * along_classes(o.weight, logits)
  end
  local losses, reduction = -terms:sum(dim), M.reduction(op, o.reduction)
  if reduction == "none" then return losses end
  return reduction == "sum" and losses:sum() or losses:mean()
end

--- The cross-entropy of logits [N, C] and labels i64 [N] from 0: a scalar. Also
--- of logits [C] or [N, C, ...]; labels have their shape without C. Labels of
--- the logits' own shape and dtype are shares of the classes, as mixup gives
--- them; their mean is over rows, and none is ignored.
---@param logits userdata
---@param labels userdata
---@param options table|nil  weight, of each class [C]; label_smoothing (0);
---                          ignore_index (-100), a label whose rows do not
---                          count; reduction: "mean", over the weights of the
---                          labels that count, "sum" or "none"
---@return userdata
function M.cross_entropy(logits, labels, options)
  if tensor.is(logits) and tensor.is(labels)
      and labels:ndim() == logits:ndim() then
    local x, shares = autocast.lifted(logits), autocast.lifted(labels)
    if x:dtype() == shares:dtype() then
      return of_shares(x, shares, options)
    end
  end
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
