--- Moonseed: `local moon = require "moonseed"`.
--
-- Requiring it opens the runtime (closed when the Lua state is), replaces
-- coroutine.create, wrap and resume by ones that let an await pass through,
-- print by one that awaits tensors, and, where LuaJIT's are at fault, pairs and
-- next (iterate.lua). Do it from the main chunk, not inside a
-- coroutine.

local core = require "moonseed.ffi"
local context = require "moonseed.context"
local runtime = require "moonseed.runtime"
local ffi = core.ffi

context.open()
require("moonseed.generator").install()

local autocast = require "moonseed.autocast"
local capture = require "moonseed.capture"
local create = require "moonseed.create"
local grad = require "moonseed.grad"
local loss = require "moonseed.loss"
local neural = require "moonseed.neural"
local ops = require "moonseed.ops"
local print = require "moonseed.print"
local recompute = require "moonseed.recompute"
local stream = require "moonseed.stream"
local task = require "moonseed.task"
local tensor = require "moonseed.tensor"
local verbs = require "moonseed.verbs"
local user_op = require "moonseed.user_op"
require "moonseed.functions"
require "moonseed.choose"
require "moonseed.views"
require "moonseed.reduce"
require "moonseed.read"
require "moonseed.map"
local tidy = require "moonseed.tidy"
local file = require "moonseed.file"
local switches = require "moonseed.debug"
local reload = require "moonseed.reload"
require "moonseed.metatype"

local M = {}

-- Every op is a method and a function. Creators, what layers are made of and
-- the verbs are functions; of two with one name the later counts: moon.gather
-- gathers tasks.
for _, functions in ipairs{ tensor.methods, create, neural, verbs } do
  for name, fn in pairs(functions) do M[name] = fn end
end

for name, value in pairs{
  version = ffi.string(core.C.moon_version()),
  is_tensor = tensor.is, wrap = tensor.wrap, allclose = ops.allclose,
  cross_entropy = loss.cross_entropy, nll = loss.nll,
  save = file.save, load = file.load, print = print.print,
  set_printoptions = print.set_printoptions,
  device = context.device, set_device = context.set_device,
  manual_seed = context.manual_seed, no_grad = context.no_grad,
  autocast = autocast.autocast,
  stats = runtime.stats, threads = runtime.threads,
  set_threads = runtime.set_threads,
  set_memory_limit = runtime.set_memory_limit,
  set_precision = runtime.set_precision, precision = runtime.precision,
  on = stream.on, streams = stream.streams, stream = stream.current,
  synchronize = stream.synchronize,
  op = user_op.op, grad_scope = grad.grad_scope,
  recompute = recompute.recompute, capture = capture.capture,
  tidy = tidy.tidy, debug = switches.debug, reload = reload.reload,
} do M[name] = value end

_G.print = print.print
runtime.at_close(task.close)

-- Parts that are loaded when first asked for.
local parts = { nn = true, models = true, optim = true, data = true,
                metrics = true, seed = true, train = true }

-- Not every part need be there. An error inside one that is, is raised as it
-- is.
local function is_there(name)
  return package.preload[name] or package.searchpath(name, package.path)
end

return setmetatable(M, {
  __index = function(moon, name)
    if not (parts[name] and is_there("moonseed." .. name)) then return nil end
    local part = require("moonseed." .. name)
    rawset(moon, name, part)
    return part
  end,
})
