--- The share of a class that was taken for it; see scores.lua.
local Metric = require "moonseed.metrics.metric"
local scores = require "moonseed.metrics.scores"

local Recall = scores.class_of "Recall"

--- metrics.Recall{ 10, average = "macro" }: of so many classes; takes logits
--- [N, C] or classes i64 [N]. average: macro, weighted, micro, or none: a list.
---@param options table
---@return table metric
local function new(_, options) return Metric.new(Recall, options) end

return setmetatable(Recall, { __index = Metric, __call = new })
