--- The benchmarks: who takes part in each, ours first.
--
-- A participant is { name, command, environment }; see peer.lua.

local here = "scripts/bench/"
local shapes = here .. "shapes.txt"

-- What makes glibc keep memory instead of giving it back to the system.
local KEEP = {
  MALLOC_MMAP_THRESHOLD_ = "4294967296",
  MALLOC_TRIM_THRESHOLD_ = "4294967296",
  MALLOC_TOP_PAD_ = "268435456",
}

local function ours(script, ...)
  return { "moonseed", { "scripts/moonseed", here .. script, ... } }
end

local function bare(at, program, ...)
  return { "bare oneDNN", { at.build .. "/bench/" .. program, ... } }
end

local function named(name, participant)
  participant[1] = name
  return participant
end

-- Adds PyTorch in the modes given, with glibc's malloc as it is and told to
-- keep memory, in channels_last with jemalloc, too. A script's last argument is
-- the mode.
local function add_torch(at, list, modes, ...)
  local command = { at.torch, ... }
  local function add(mode, malloc, env)
    local own = { unpack(command) }
    own[1], own[2] = command[1], here .. command[2]
    own[#own + 1] = mode
    list[#list + 1] = { ("PyTorch %s%s"):format(mode, malloc), own, env }
  end
  for _, mode in ipairs(at.torch and modes or {}) do
    if mode ~= "compile" or at.compiler then
      add(mode, "", nil)
      add(mode, ", malloc keeps", KEEP)
    end
    if mode == "channels_last" and at.jemalloc then
      add(mode, ", jemalloc", { LD_PRELOAD = at.jemalloc })
    end
  end
  return list
end

local ALL = { "contiguous", "channels_last", "compile" }

local make = {}

local function step(at, name, steps, list)
  add_torch(at, list, ALL, "torch_step.py", at.threads, steps, name)
  return { rounds = 7, peers = list, higher = "images_per_s$" }
end

function make.step(at)
  local n = at.threads
  return step(at, "cnn", 4, { ours("step.lua", n, 4, "cnn"),
                              bare(at, "step_onednn", n, 4) })
end

function make.resnet9(at)
  return step(at, "resnet9", 1, { ours("step.lua", at.threads, 1, "resnet9") })
end

function make.resnet18(at)
  return step(at, "resnet18", 1,
              { ours("step.lua", at.threads, 1, "resnet18") })
end

function make.conv(at)
  local n = at.threads
  local list = { ours("conv.lua", n, shapes),
                 bare(at, "conv_onednn", n, "shapes", shapes) }
  add_torch(at, list, ALL, "torch_conv.py", n, shapes)
  return { rounds = 5, peers = list }
end

-- Compiled, an operation alone is the same: what torch.compile gains is in what
-- it fuses.
function make.ops(at)
  local list = { ours("ops.lua", at.threads) }
  add_torch(at, list, { "contiguous", "channels_last" }, "torch_ops.py",
            at.threads)
  return { rounds = 5, peers = list }
end

function make.heads(at)
  local list = { ours("heads.lua", at.threads) }
  add_torch(at, list, { "contiguous" }, "torch_heads.py", at.threads)
  return { rounds = 5, peers = list }
end

function make.branches(at)
  local n = at.threads
  local list = {
    ours("branches.lua", n),
    named("moonseed, one thread", ours("branches.lua", 1)),
    bare(at, "conv_onednn", n, "branches"),
    named("bare oneDNN, one thread", bare(at, "conv_onednn", 1, "branches")),
  }
  add_torch(at, list, { "channels_last" }, "torch_conv.py", n, "branches")
  return { rounds = 9, peers = list }
end

function make.dispatch(at)
  local list = { ours("dispatch.lua", at.threads) }
  add_torch(at, list, { "channels_last", "compile" }, "torch_dispatch.py",
            at.threads)
  return { rounds = 7, peers = list }
end

function make.slots(at)
  return { rounds = 5, peers = {
    ours("slots.lua", at.threads),
    named("moonseed, one thread", ours("slots.lua", 1)) } }
end

function make.live(at)
  return { rounds = 10, peers = {
    named("lived beside", ours("live.lua", at.threads, "busy")),
    named("both left alone", ours("live.lua", at.threads, "quiet")) } }
end

-- On a CPU without bf16, ours says so and ends.
function make.autocast(at)
  return { rounds = 5, peers = {
    ours("autocast.lua", at.threads, "bf16"),
    named("moonseed, f32", ours("autocast.lua", at.threads, "f32")) } }
end

-- Eager and captured in turn.
function make.capture(at)
  return { rounds = 5, higher = "steps_per_s$", peers = {
    ours("capture.lua", at.threads, "captured"),
    named("moonseed, eager", ours("capture.lua", at.threads, "eager")) } }
end

function make.startup(at)
  local function command(name, ...)
    return { name, { "luajit", here .. "startup.lua", ... } }
  end
  local list = { command("moonseed", "scripts/moonseed", "-e", "print(1)"),
                 command("luajit", "luajit", "-e", "print(1)") }
  if at.torch then
    list[3] = command("PyTorch", at.torch, "-c", "import torch; print(1)")
  end
  return { rounds = 5, peers = list }
end

function make.loop(at)
  return { rounds = 3, higher = "ticks_share$", peers = {
    ours("loop.lua", at.threads),
    { "bare busy threads", { "luajit", here .. "busy.lua", at.threads } } } }
end

-- A round is a whole training, in a process of its own.
function make.fashion(at)
  local target = at.until_accuracy
  local function whole(...)
    return { "luajit", here .. "whole.lua", ... }
  end
  local list = { { "moonseed", whole("scripts/moonseed",
                                     "scripts/train_fashion.lua", "--until",
                                     target, "--threads", at.threads) } }
  local peers = add_torch(at, {}, { "channels_last" }, "torch_fashion.py",
                          at.threads, target)
  for _, peer in ipairs(peers) do
    list[#list + 1] = { peer[1], whole(unpack(peer[2])), peer[3] }
  end
  return { rounds = 3, peers = list, cold = true }
end

--- The names of all benchmarks, in the order in which they run.
local names = { "step", "resnet9", "resnet18", "conv", "ops", "heads",
                "branches", "dispatch", "startup", "slots", "autocast",
                "capture", "live", "loop", "fashion" }

--- All benchmarks: name, rounds, peers, `higher`, a pattern of the metrics
--- where more is better, and `cold`: there is no round to warm up.
---@param at table  build (folder), threads, torch (a Python, or nil), compiler
---                 (whether there is one for C++), jemalloc (its library, or
---                 nil), until_accuracy (of fashion, in percent)
---@return table[]
return function(at)
  local list = {}
  for _, name in ipairs(names) do
    local bench = make[name](at)
    bench.name = name
    list[#list + 1] = bench
  end
  return list
end
