--- Precision, recall and F1, out of a confusion matrix:
--
--   precision = tp / (tp + fp)     recall = tp / (tp + fn)
--   F1 = 2 tp / (2 tp + fp + fn)
--
-- of each class; 0 where a class is there but the denominator is 0. Classes
-- that were neither seen nor predicted are NaN in a list, and in no average.
-- average = "macro": the mean over classes; "weighted": by how many examples
-- they have; "micro": of all counts together; "none": a list, by class.
local check = require "moonseed.check"
local matrix_of = require "moonseed.metrics.matrix"
local Metric = require "moonseed.metrics.metric"

local averages = { macro = true, weighted = true, micro = true, none = true }

local function check_options(op, o)
  check.count(op, "classes", o.classes, 1)
  if not averages[o.average] then
    check.fail(op, "no average '%s' (macro, micro, none, weighted)",
               tostring(o.average))
  end
end

-- Of class c: true positives, false positives, false negatives.
local function counts_of(matrix, c)
  local got, is = 0, 0
  for k = 1, #matrix do
    got, is = got + matrix[k][c], is + matrix[c][k]
  end
  local tp = matrix[c][c]
  return tp, got - tp, is - tp
end

local function ratio(above, below)
  return below > 0 and above / below or 0
end

local formulas = {
  Precision = function(tp, fp) return ratio(tp, tp + fp) end,
  Recall = function(tp, _, fn) return ratio(tp, tp + fn) end,
  F1 = function(tp, fp, fn) return ratio(2 * tp, 2 * tp + fp + fn) end,
}

local function micro(matrix, formula)
  local tp, fp, fn = 0, 0, 0
  for c = 1, #matrix do
    local a, b, d = counts_of(matrix, c)
    tp, fp, fn = tp + a, fp + b, fn + d
  end
  return formula(tp, fp, fn)
end

local function by_class(matrix, formula)
  local list, weights = {}, {}
  for c = 1, #matrix do
    local tp, fp, fn = counts_of(matrix, c)
    local is_there = tp + fp + fn > 0
    list[c] = is_there and formula(tp, fp, fn) or 0 / 0
    weights[c] = tp + fn
  end
  return list, weights
end

local function average(list, weights, is_weighted)
  local sum, total = 0, 0
  for c, value in ipairs(list) do
    local weight = is_weighted and weights[c] or 1
    if value == value then sum, total = sum + weight * value, total + weight end
  end
  return sum / total
end

local M = {}

--- The class of Precision, Recall or F1.
---@param name string
---@return table class
function M.class_of(name)
  local formula = formulas[name]
  return Metric.class{
    name = name, names = { "classes" }, known = { average = "macro" },
    check = check_options, begin = matrix_of.begin, add = matrix_of.add,
    result = function(self, sums)
      local matrix = sums.counts:totable()
      if self.o.average == "micro" then return micro(matrix, formula) end
      local list, weights = by_class(matrix, formula)
      if self.o.average == "none" then return list end
      return average(list, weights, self.o.average == "weighted")
    end,
  }
end

return M
