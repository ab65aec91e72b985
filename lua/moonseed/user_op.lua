--- moon.op: operations whose gradient is written in Lua.
--
-- The forward runs without recording; its output gets a node of the graph that
-- the backward walk, when it comes there, hands to Lua by number.

local core = require "moonseed.ffi"
local check = require "moonseed.check"
local collect = require "moonseed.collect"
local context = require "moonseed.context"
local tensor = require "moonseed.tensor"
local C, ffi = core.C, core.ffi

local live = context.live
local is = tensor.is

local M = {}

--- What forward and backward share: fields of your own, and saved tensors.
---@class OpContext
local OpContext = {}
OpContext.__index = OpContext

--- Keeps tensors for backward, where `ctx:saved()` returns them. Changing one
--- in place from here on is an error of the backward.
---@param ... userdata  tensors
function OpContext:save(...)
  local list = { n = select("#", ...), versions = {}, ... }
  for i = 1, list.n do
    local t = list[i]
    if is(t) then list.versions[i] = C.moon_tensor_version(t.p) end
  end
  self.list = list
end

---@return userdata ...
function OpContext:saved()
  return unpack(self.list or {}, 1, self.list and self.list.n or 0)
end

---@class UserNode
---@field op table         name, forward, backward
---@field ctx OpContext
---@field stream integer   of the forward
---@field device integer

local nodes, last_id = {}, 0
local dead = ffi.new "double[64]"

-- Forgets what was kept for nodes that the core has dropped.
local function bury()
  repeat
    local n = C.moon_user_nodes_dead(live.rt, dead, 64)
    for i = 0, n - 1 do nodes[dead[i]] = nil end
  until n < 64
end

collect.at_release(bury)

-- What forward kept is the node's from here on: out of any moon.tidy.
local function own_kept(ctx)
  for _, list in ipairs{ ctx, ctx.list } do
    for key, value in pairs(list) do
      if is(value) then
        list[key] = tensor.wrap_kept(C.moon_tensor_retain(value.p))
      end
    end
  end
end

local function tensor_inputs(...)
  local list = {}
  for i = 1, select("#", ...) do
    local value = select(i, ...)
    if is(value) then list[#list + 1] = value end
  end
  return list
end

local function one_tensor(op, ...)
  local n, y = select("#", ...), ...
  if n > 1 then
    check.fail(op.name, "forward returns one tensor, not %d values", n)
  elseif not is(y) then
    check.fail(op.name, "forward returns one tensor, not %s",
               y == nil and "nothing" or type(y))
  end
  return y
end

-- What forward gives, as a tensor that is nobody's yet: the node must not come
-- to what the user has elsewhere (an input, a constant, a parameter), nor to
-- what is kept, which the node holds.
local function run_forward(op, ctx, inputs, ...)
  local y = one_tensor(op, op.forward(ctx, ...))
  for _, x in ipairs(inputs) do
    if C.moon_tensor_shares(x.p, y.p) == 1 then return y:clone() end
  end
  return y:detach()
end

local function apply(op, ...)
  local inputs = tensor_inputs(...)
  local ctx = setmetatable({}, OpContext)
  local y = context.with_grad_mode(0, run_forward, op, ctx, inputs, ...)
  local pointers = core.array("moon_tensor *[?]", math.max(#inputs, 1))
  for i, x in ipairs(inputs) do pointers[i - 1] = x.p end
  last_id = last_id + 1
  local made = C.moon_user_node(live, y.p, #inputs, pointers, last_id)
  if check.status(made) == 1 then
    own_kept(ctx)
    nodes[last_id] = { op = op, ctx = ctx, device = live.device,
                       stream = live.stream }
  end
  return y
end

--- A user-defined operation: a function of tensors (and other values).
---@param options table
---   name      for errors
---   forward   function(ctx, ...) -> y, computed without recording
---   backward  function(ctx, dy) -> dx, ...: one gradient per tensor argument
---             of forward, nil where there is none
---@return function
function M.op(options)
  local op = check.options("op", options, {}, {
    name = "op", forward = check.required, backward = check.required })
  check.text("op", "name", op.name)
  check.callable("op", "forward", op.forward)
  check.callable("op", "backward", op.backward)
  return function(...) return apply(op, ...) end
end

local function check_saved(op, list)
  for i = 1, list and list.n or 0 do
    local t, version = list[i], list.versions[i]
    if version and C.moon_tensor_version(t.p) ~= version then
      check.fail("backward", "a tensor %s that %s needs was changed in place "
                 .. "(version %d, saved at %d)", tensor.shape_text(t), op.name,
                 tonumber(C.moon_tensor_version(t.p)), tonumber(version))
    end
  end
end

-- The core does not know what the op is called.
local function refuse_gradient(op)
  local text = ffi.string(C.moon_last_error())
  check.fail(op.name, "%s", (text:gsub("^user%-defined op: ", "")))
end

local function give(walk, op, ...)
  for i = 1, select("#", ...) do
    local dx = select(i, ...)
    if dx ~= nil then
      local p = tensor.pointer(op.name, "gradient " .. i, dx)
      if C.moon_walk_user_give(walk, i - 1, p) < 0 then refuse_gradient(op) end
    end
  end
end

--- Answers for the user-defined node that the walk has come to.
---@param walk userdata  moon_walk *
function M.serve(walk)
  local id = C.moon_walk_user_id(walk)
  local node = nodes[id]
  if not node then
    check.fail("backward", "the user-defined op was already used")
  end
  check_saved(node.op, node.ctx.list)
  local dy = tensor.wrap(
    C.moon_tensor_retain(C.moon_walk_user_gradient(walk)))
  give(walk, node.op, context.with_stream(
    node.stream, node.device, context.with_grad_mode, 0, node.op.backward,
    node.ctx, dy))
  nodes[id] = nil
end

return M
