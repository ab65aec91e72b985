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

-- Adds PyTorch, if it is there.
local function add_torch(at, list, name, env, script, ...)
  if not at.torch then return end
  list[#list + 1] = { "PyTorch " .. name, { at.torch, here .. script, ... },
                      env }
end

-- Adds PyTorch in channels_last with each malloc that is there.
local function add_torches(at, list, script, ...)
  local name = "channels_last"
  add_torch(at, list, name, nil, script, ...)
  add_torch(at, list, name .. ", malloc keeps", KEEP, script, ...)
  if at.jemalloc then
    add_torch(at, list, name .. ", jemalloc", { LD_PRELOAD = at.jemalloc },
              script, ...)
  end
end

local make = {}

function make.step(at)
  local n = at.threads
  local list = { ours("step.lua", n, 4), bare(at, "step_onednn", n, 4) }
  add_torches(at, list, "torch_step.py", n, 4, "channels_last")
  add_torch(at, list, "contiguous", nil, "torch_step.py", n, 4, "contiguous")
  return { rounds = 7, peers = list, higher = "images_per_s$" }
end

function make.conv(at)
  local n = at.threads
  local list = { ours("conv.lua", n, shapes),
                 bare(at, "conv_onednn", n, "shapes", shapes) }
  add_torches(at, list, "torch_conv.py", n, shapes, "channels_last")
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
  add_torch(at, list, "channels_last", nil, "torch_conv.py", n, "branches",
            "channels_last")
  return { rounds = 9, peers = list }
end

function make.dispatch(at)
  local list = { ours("dispatch.lua", at.threads) }
  add_torch(at, list, "eager", nil, "torch_dispatch.py", at.threads)
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

--- All benchmarks: name, rounds, peers, and `higher`, a pattern of the metrics
--- where more is better.
---@param at table  build (folder), threads, torch (a Python, or nil),
---                 jemalloc (its library, or nil)
---@return table[]
return function(at)
  local list = {}
  for _, name in ipairs{ "step", "conv", "branches", "dispatch", "slots",
                         "live", "startup", "loop" } do
    local bench = make[name](at)
    bench.name = name
    list[#list + 1] = bench
  end
  return list
end
