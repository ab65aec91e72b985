--- Gradients: backward, user-defined operations, recomputation.
--
-- The walk is the core's; at a user-defined node it returns to Lua, which
-- answers with ordinary operations and lets it go on.

local core = require "moonseed.ffi"
local check = require "moonseed.check"
local context = require "moonseed.context"
local pace = require "moonseed.pace"
local retry = require "moonseed.retry"
local tensor = require "moonseed.tensor"
local wait = require "moonseed.wait"
local C, ffi = core.C, core.ffi

local live, state = context.live, context.state
local methods, is = tensor.methods, tensor.is

local M = {}

-- --- user-defined operations ---------------------------------------------

--- What forward and backward share: fields of your own, and saved tensors.
---@class OpContext
local OpContext = {}
OpContext.__index = OpContext

--- Keeps tensors for backward, where `ctx:saved()` returns them.
function OpContext:save(...)
  self.list = { n = select("#", ...), ... }
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

-- What forward kept is the node's from here on: out of any moon.tidy. Of the
-- output itself an alias without graph is kept; else it would hold its node,
-- which holds what is kept.
local function own_kept(ctx, y)
  for _, list in ipairs{ ctx, ctx.list } do
    for key, value in pairs(list) do
      if is(value) then
        local p = value.p
        if value == y then
          check.status(C.moon_detach(live, p, tensor.out))
          p = tensor.out[0]
        else
          C.moon_tensor_retain(p)
        end
        list[key] = tensor.wrap_kept(p)
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

local function apply(op, ...)
  bury()
  local inputs = tensor_inputs(...)
  local ctx = setmetatable({}, OpContext)
  local y = context.with_grad_mode(0, op.forward, ctx, ...)
  if not is(y) then check.fail(op.name, "forward returns one tensor") end
  for _, x in ipairs(inputs) do
    if x == y then y = y:clone() break end
  end
  local pointers = ffi.new("moon_tensor *[?]", math.max(#inputs, 1))
  for i, x in ipairs(inputs) do pointers[i - 1] = x.p end
  last_id = last_id + 1
  local made = C.moon_user_node(live, y.p, #inputs, pointers, last_id)
  if check.status(made) == 1 then
    own_kept(ctx, y)
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

-- --- the walk ------------------------------------------------------------

local walk_out = ffi.new "moon_walk *[1]"

local function give(walk, op, ...)
  for i = 1, select("#", ...) do
    local dx = select(i, ...)
    if dx ~= nil then
      local p = tensor.pointer(op.name, "gradient " .. i, dx)
      check.status(C.moon_walk_user_give(walk, i - 1, p))
    end
  end
end

-- Answers for the user-defined node that the walk has come to.
local function serve(walk)
  local id = C.moon_walk_user_id(walk)
  local node = nodes[id]
  if not node then check.fail("backward", "user-defined node %d is gone", id) end
  local dy = tensor.wrap(
    C.moon_tensor_retain(C.moon_walk_user_gradient(walk)))
  give(walk, node.op, context.with_stream(
    node.stream, node.device, context.with_grad_mode, 0, node.op.backward,
    node.ctx, dy))
  nodes[id] = nil
end

-- From a user-defined node on, to the end.
local function walk_on(walk)
  local status = 1
  while status == 1 do
    serve(walk)
    status = C.moon_backward_step(walk)
  end
  if status < 0 then retry.refuse(status) end
end

-- Runs Lua, which may raise or wait; a task that is dropped meanwhile ends the
-- walk by its finaliser.
local function answer(walk)
  ffi.gc(walk, C.moon_backward_end)
  local ok, e = xpcall(walk_on, context.note, walk)
  C.moon_backward_end(ffi.gc(walk, nil))
  if not ok then error(e, 0) end
end

--- Enqueues the gradients of everything that `y` was computed from, and adds
--- them to the leaves'.
---@param dy userdata|nil  the gradient of y; needless for one element
function methods.backward(y, dy)
  local p = tensor.pointer("backward", "y", y)
  local pdy = dy ~= nil and tensor.pointer("backward", "dy", dy) or nil
  pace.pause()
  if state.sites then tensor.trace_site() end
  local status = C.moon_backward_begin(live, p, pdy, walk_out)
  if status < 0 then
    retry.call(status, C.moon_backward_begin, live, p, pdy, walk_out)
  end
  if state.grad_scope then table.insert(state.grad_scope.ends, y) end
  local walk = walk_out[0]
  status = C.moon_backward_step(walk)
  if status == 1 then return answer(walk) end
  C.moon_backward_end(walk)
  if status < 0 then retry.refuse(status) end
end

-- --- scopes --------------------------------------------------------------

local function finish_scope(outer, scope, ok, ...)
  state.grad_scope = outer
  if not ok then error((...), 0) end
  for _, task in ipairs(scope.tasks) do
    if not task.done then
      check.fail("grad_scope", "%s has not ended", tostring(task))
    end
  end
  for _, y in ipairs(scope.ends) do wait.tensor(y) end
  wait.idle()
  return ...
end

--- Runs `fn`; returns once every gradient of its backward passes is complete.
--- Raises if a task that it started has not ended.
---@param fn function
---@return any ...  what `fn` returned
function M.grad_scope(fn)
  check.callable("grad_scope", "its argument", fn)
  local outer, scope = state.grad_scope, { tasks = {}, ends = {} }
  state.grad_scope = scope
  return finish_scope(outer, scope, xpcall(fn, context.note))
end

-- --- recomputation -------------------------------------------------------

-- Inputs of the second forward: the same values, leaves of a graph of its own.
local function fresh_leaves(...)
  local leaves, list = {}, { ... }
  for i = 1, select("#", ...) do
    local value = list[i]
    if is(value) then
      local leaf = value:detach()
      if value.needs_grad then leaf:requires_grad() end
      leaves[#leaves + 1], list[i] = leaf, leaf
    end
  end
  return leaves, list
end

local function gradients_of(leaves)
  local list = {}
  for i, leaf in ipairs(leaves) do list[i] = leaf.grad end
  return unpack(list, 1, #leaves)
end

local function generator_state()
  local words = ffi.new "uint64_t[5]"
  C.moon_task_generator(live.task, words, 0)
  return words
end

local function restore_generator(words, ok, ...)
  C.moon_task_generator(live.task, words, 1)
  if not ok then error((...), 0) end
  return ...
end

-- The forward again, this time recorded, then its backward.
local function run_again(ctx, dy)
  local n = ctx.list.n
  local leaves, list = fresh_leaves(ctx:saved())
  local words = generator_state()
  C.moon_task_generator(live.task, ctx.generator, 1)
  local y = restore_generator(words, xpcall(
    context.with_grad_mode, context.note, 1, ctx.fn, unpack(list, 1, n)))
  methods.backward(y, dy)
  return gradients_of(leaves)
end

local function run_once(ctx, fn, ...)
  ctx.fn, ctx.generator = fn, generator_state()
  ctx:save(...)
  return fn(...)
end

local recomputed = M.op{ name = "recompute", forward = run_once,
                         backward = run_again }

--- fn(...), one tensor, without keeping activations: they are computed again
--- in the backward, with the same random numbers.
---@param fn function
---@return userdata  what `fn` returned
function M.recompute(fn, ...)
  check.callable("recompute", "its first argument", fn)
  return recomputed(fn, ...)
end

return M
