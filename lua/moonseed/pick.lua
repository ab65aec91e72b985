--- Picking by index tensors, whose values count from 0; part of
--- moonseed.neural. index_select and gather are in moonseed.views.

local core = require "moonseed.ffi"
local check = require "moonseed.check"
local tensor = require "moonseed.tensor"
local C = core.C

local out, pointer = tensor.out, tensor.pointer
local after, call = tensor.after, tensor.call

local M = {}

local embedding_known = { padding = true }

--- Rows of a table by their numbers: index i64 [...], weight [V, D]
--- -> [..., D].
---@param index userdata
---@param weight userdata
---@param options table|nil  padding: the number, from 0, of a row that gets no
---                          gradient
---@return userdata
function M.embedding(index, weight, options)
  local op = "embedding"
  local pi, pw = pointer(op, "index", index), pointer(op, "weight", weight)
  local o = check.names(op, options, embedding_known)
  local padding = o.padding and check.count(op, "padding", o.padding) or -1
  return after(call(C.moon_embedding, pi, pw, padding, out), index, weight)
end

return M
