--- The harmonic mean of precision and recall; see scores.lua.
local Metric = require "moonseed.metrics.metric"
local scores = require "moonseed.metrics.scores"

local F1 = scores.class_of "F1"

--- metrics.F1{ 10, average = "macro" }: of so many classes; takes logits
--- [N, C] or classes i64 [N]. average: macro, weighted, micro, or none: a list.
---@param options table
---@return table metric
local function new(_, options) return Metric.new(F1, options) end

return setmetatable(F1, { __index = Metric, __call = new })
