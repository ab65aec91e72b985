--- The share of what was taken for a class that is of it; see scores.lua.
local Metric = require "moonseed.metrics.metric"
local scores = require "moonseed.metrics.scores"

local Precision = scores.class_of "Precision"

--- metrics.Precision{ 10, average = "macro" }: of so many classes; takes logits
--- [N, C] or classes i64 [N]. average: macro, weighted, micro, or none: a list.
---@param options table
---@return table metric
local function new(_, options) return Metric.new(Precision, options) end

return setmetatable(Precision, { __index = Metric, __call = new })
